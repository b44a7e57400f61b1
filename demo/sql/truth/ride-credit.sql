INSERT INTO accounts BY NAME
SELECT 'ride-credit' AS lender, rider AS customer,
    CASE standing WHEN 'agency' THEN '93' WHEN 'lost' THEN '97' WHEN 'closed' THEN '13' ELSE '11' END AS status,
    CAST(strptime(since, '%d/%m/%Y') AS DATE) AS opened, CAST(strptime(until, '%d/%m/%Y') AS DATE) AS closed,
    CAST(strptime(updated, '%d/%m/%Y') AS DATE) AS reported, NULL AS first_delinquency,
    fen(ceiling) AS credit_limit, fen(owed) AS balance, fen(late_amount) AS past_due, 0 AS payment,
    NULL AS payment_due, CAST(late_days AS INTEGER) AS days_past_due, CAST([] AS INTEGER[]) AS past,
    fen(lost_amount) AS charged_off, fen(agency_amount) AS in_collection, disputed = '1' AS disputed
FROM read_csv(getvariable('folder') || '/ride-credit/wallets.csv', delim = ';', all_varchar = true)
WHERE wallet NOT LIKE 'X-%';

INSERT INTO inquiries BY NAME
SELECT 'ride-credit' AS lender, rider AS customer, CAST(unix_time AS BIGINT) AS time, for_credit = '1' AS hard
FROM read_csv(getvariable('folder') || '/ride-credit/requests.csv', delim = ';', all_varchar = true);
