-- CSV files of an app: amounts in yuan, ISO dates, overdue stages M0 to M5; the last rows are broken on purpose.
CREATE VIEW export_accounts AS
WITH good AS (
    SELECT number AS customer_no, national_id AS id_card, phone AS mobile, email,
        account_number('PL', row) AS account_no,
        ['M0', 'M1', 'M2', 'M3', 'M4', 'M5', 'AGENCY', 'WRITTEN_OFF', 'SETTLED'][state + 1] AS stage,
        CAST(day(opened) AS VARCHAR) AS opened_on, day(closed) AS closed_on, day(reported) AS as_of,
        day(first_delinquency) AS overdue_since, yuan(credit_limit) AS limit_yuan, yuan(balance) AS balance_yuan,
        yuan(past_due) AS overdue_yuan, yuan(payment) AS next_payment_yuan, day(payment_due) AS next_payment_on,
        days_past_due AS overdue_days, yuan(charged_off) AS written_off_yuan, yuan(in_collection) AS agency_yuan,
        CASE WHEN disputed = 1 THEN 'Y' ELSE 'N' END AS disputed, channels[channel + 1] AS channel,
        scenes[scene + 1] AS scene,
        past_m0,
        month_or_none(past_m1, opened, reported, 1) AS past_m1,
        month_or_none(past_m2, opened, reported, 2) AS past_m2,
        month_or_none(past_m3, opened, reported, 3) AS past_m3,
        month_or_none(past_m4, opened, reported, 4) AS past_m4,
        month_or_none(past_m5, opened, reported, 5) AS past_m5,
        month_or_none(past_m6, opened, reported, 6) AS past_m6,
        month_or_none(past_m7, opened, reported, 7) AS past_m7,
        month_or_none(past_m8, opened, reported, 8) AS past_m8,
        month_or_none(past_m9, opened, reported, 9) AS past_m9,
        month_or_none(past_m10, opened, reported, 10) AS past_m10,
        month_or_none(past_m11, opened, reported, 11) AS past_m11
    FROM accounts JOIN customers USING (customer) ORDER BY row
)
SELECT * FROM good
UNION ALL BY NAME
(SELECT * REPLACE ('X-' || account_no AS account_no, '2025-02-30' AS opened_on) FROM good LIMIT 2)
UNION ALL BY NAME
(SELECT * REPLACE ('X-' || account_no AS account_no, 'about 900' AS balance_yuan) FROM good LIMIT 1 OFFSET 2)
UNION ALL BY NAME
(SELECT * REPLACE ('X-' || account_no AS account_no, mistyped(id_card) AS id_card)
 FROM good WHERE id_card IS NOT NULL LIMIT 3);

CREATE VIEW export_applications AS
SELECT number AS customer_no, national_id AS id_card, phone AS mobile, email,
    strftime(moment(time), '%Y-%m-%dT%H:%M:%SZ') AS applied_at,
    CASE WHEN hard = 1 THEN 'application' ELSE 'review' END AS reason
FROM inquiries JOIN customers USING (customer) ORDER BY row;

CREATE VIEW export_customers AS
SELECT number AS customer_no, national_id AS id_card, phone AS mobile, email,
    CASE WHEN frozen THEN 'Y' ELSE 'N' END AS file_frozen
FROM customers ORDER BY customer;
