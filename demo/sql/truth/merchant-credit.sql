-- The tables of the SQLite database are there under their own names, with the prefix merchant_.
INSERT INTO accounts BY NAME
SELECT 'merchant-credit' AS lender, number AS customer,
    ['11', '11', '71', '78', '80', '82', '93', '97', '13'][state + 1] AS status,
    CAST(opened AS DATE) AS opened, CAST(closed AS DATE) AS closed, CAST(reported AS DATE) AS reported,
    NULL AS first_delinquency, limit_fen AS credit_limit, drawn_fen AS balance, late_fen AS past_due,
    monthly_fen AS payment, NULL AS payment_due, days_late AS days_past_due,
    CAST([past_m0, past_m1, past_m2, past_m3, past_m4, past_m5] AS INTEGER[]) AS past,
    lost_fen AS charged_off, agency_fen AS in_collection, disputed = 1 AS disputed
FROM merchant_credit_lines JOIN merchant_customers ON id = customer_id
WHERE reference NOT LIKE 'X-%';

INSERT INTO inquiries BY NAME
SELECT 'merchant-credit' AS lender, number AS customer, unix_time AS time, merchant_applications.kind = 'new' AS hard
FROM merchant_applications JOIN merchant_customers ON id = customer_id;
