INSERT INTO accounts BY NAME
SELECT 'instalments' AS lender, customer,
    CASE state WHEN 'collections' THEN '93' WHEN 'defaulted' THEN '97' WHEN 'paid off' THEN '13'
        ELSE '11' END AS status,
    signed AS opened, ended AS closed, as_of AS reported, first_missed AS first_delinquency,
    fen(principal) AS credit_limit, fen(outstanding) AS balance, fen(arrears) AS past_due, fen(instalment) AS payment,
    instalment_due AS payment_due, days_overdue AS days_past_due,
    CAST([m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11] AS INTEGER[]) AS past,
    fen(loss) AS charged_off, fen(assigned) AS in_collection, contested AS disputed
FROM read_parquet(getvariable('folder') || '/instalments/contracts.parquet')
WHERE NOT starts_with(contract, 'X-');

INSERT INTO inquiries BY NAME
SELECT 'instalments' AS lender, customer, epoch_us(applied) // 1000000 AS time, binding AS hard
FROM read_parquet(getvariable('folder') || '/instalments/applications.parquet');
