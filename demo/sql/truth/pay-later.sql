CREATE TEMP TABLE app AS
SELECT * FROM read_csv(getvariable('folder') || '/pay-later/accounts.csv', all_varchar = true)
WHERE account_no NOT LIKE 'X-%';

INSERT INTO accounts BY NAME
SELECT 'pay-later' AS lender, customer_no AS customer,
    CASE stage WHEN 'M0' THEN '11' WHEN 'M1' THEN '11' WHEN 'M2' THEN '71' WHEN 'M3' THEN '78' WHEN 'M4' THEN '80'
        WHEN 'M5' THEN '82' WHEN 'AGENCY' THEN '93' WHEN 'WRITTEN_OFF' THEN '97' WHEN 'SETTLED' THEN '13' END AS status,
    CAST(opened_on AS DATE) AS opened, CAST(closed_on AS DATE) AS closed, CAST(as_of AS DATE) AS reported,
    CAST(overdue_since AS DATE) AS first_delinquency, fen(limit_yuan) AS credit_limit, fen(balance_yuan) AS balance,
    fen(overdue_yuan) AS past_due, fen(next_payment_yuan) AS payment, CAST(next_payment_on AS DATE) AS payment_due,
    CAST(overdue_days AS INTEGER) AS days_past_due,
    CAST([past_m0, past_m1, past_m2, past_m3, past_m4, past_m5, past_m6, past_m7, past_m8, past_m9, past_m10, past_m11]
        AS INTEGER[]) AS past,
    fen(written_off_yuan) AS charged_off, fen(agency_yuan) AS in_collection, disputed = 'Y' AS disputed
FROM app;

INSERT INTO inquiries BY NAME
SELECT 'pay-later' AS lender, customer_no AS customer, epoch_us(CAST(applied_at AS TIMESTAMPTZ)) // 1000000 AS time,
    reason = 'application' AS hard
FROM read_csv(getvariable('folder') || '/pay-later/applications.csv', all_varchar = true);
