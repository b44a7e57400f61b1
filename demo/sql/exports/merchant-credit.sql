-- Tables of a SQLite database: amounts in fen, dates as text, states as numbers, identifiers with the customer only.
CREATE VIEW export_customers AS
SELECT customer AS id, number AS number, lower(national_id) AS id_number,
    '+86 ' || phone[1:3] || ' ' || phone[4:7] || ' ' || phone[8:11] AS phone, email, CAST(frozen AS INTEGER) AS frozen
FROM customers ORDER BY customer;

CREATE VIEW export_credit_lines AS
WITH good AS (
    SELECT customer AS customer_id, account_number('ML', row) AS reference, ['C', 'I'][portfolio + 1] AS form, state,
        CAST(day(opened) AS VARCHAR) AS opened, CAST(day(closed) AS VARCHAR) AS closed,
        CAST(day(reported) AS VARCHAR) AS reported, credit_limit AS limit_fen, balance AS drawn_fen,
        past_due AS late_fen, payment AS monthly_fen, days_past_due AS days_late, charged_off AS lost_fen,
        in_collection AS agency_fen, disputed, channels[channel + 1] AS channel, scenes[scene + 1] AS scene,
        past_m0, past_m1, past_m2, past_m3, past_m4, past_m5
    FROM accounts ORDER BY row
)
SELECT * FROM good
UNION ALL BY NAME
(SELECT * REPLACE ('X-' || reference AS reference, '31.12.2024' AS opened) FROM good LIMIT 2)
UNION ALL BY NAME
(SELECT * REPLACE ('X-' || reference AS reference, -1 AS state) FROM good LIMIT 1 OFFSET 2);

CREATE VIEW export_applications AS
SELECT customer AS customer_id, time AS unix_time, CASE WHEN hard = 1 THEN 'new' ELSE 'check' END AS kind
FROM inquiries ORDER BY row;
