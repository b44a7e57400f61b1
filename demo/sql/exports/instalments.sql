-- Parquet files of a warehouse: typed columns, decimal amounts; an overdue contract tells its days and no stage.
CREATE VIEW export_contracts AS
WITH good AS (
    SELECT number AS customer, national_id, phone, email, account_number('IN-', row) AS contract,
        CASE WHEN state = 0 THEN 'performing' WHEN state <= 5 THEN 'overdue'
             ELSE ['collections', 'defaulted', 'paid off'][state - 5] END AS state,
        day(opened) AS signed, day(closed) AS ended, day(reported) AS as_of, day(first_delinquency) AS first_missed,
        CAST(credit_limit / 100 AS DECIMAL(14, 2)) AS principal, CAST(balance / 100 AS DECIMAL(14, 2)) AS outstanding,
        CAST(past_due / 100 AS DECIMAL(14, 2)) AS arrears, CAST(payment / 100 AS DECIMAL(14, 2)) AS instalment,
        day(payment_due) AS instalment_due, CAST(days_past_due AS INTEGER) AS days_overdue,
        CAST(charged_off / 100 AS DECIMAL(14, 2)) AS loss, CAST(in_collection / 100 AS DECIMAL(14, 2)) AS assigned,
        disputed = 1 AS contested, frozen AS blocked, channels[channel + 1] AS sold_by, scenes[scene + 1] AS goods,
        past_m0 AS m0, past_m1 AS m1, past_m2 AS m2, past_m3 AS m3, past_m4 AS m4, past_m5 AS m5, past_m6 AS m6,
        past_m7 AS m7, past_m8 AS m8, past_m9 AS m9, past_m10 AS m10, past_m11 AS m11
    FROM accounts JOIN customers USING (customer) ORDER BY row
)
SELECT * FROM good
UNION ALL BY NAME
(SELECT * REPLACE ('X-' || contract AS contract, signed + 2 AS signed, signed AS ended) FROM good LIMIT 2)
UNION ALL BY NAME
(SELECT * REPLACE ('X-' || contract AS contract, '12345' AS phone, NULL AS national_id) FROM good LIMIT 2 OFFSET 2);

CREATE VIEW export_applications AS
SELECT number AS customer, national_id, phone, email, moment(time) AS applied, hard = 1 AS binding
FROM inquiries JOIN customers USING (customer) ORDER BY row;
