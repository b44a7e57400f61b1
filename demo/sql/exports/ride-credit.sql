-- CSV files with semicolons and day/month/year dates; no history, no dates of delinquency, no planned payments.
CREATE VIEW export_wallets AS
WITH good AS (
    SELECT number AS rider, national_id AS passport_or_id, '+86' || phone AS phone,
        replace(email, '@example', '@EXAMPLE') AS mail, account_number('ride.', row) AS wallet,
        ['ok', 'late', 'late', 'late', 'late', 'late', 'agency', 'lost', 'closed'][state + 1] AS standing,
        strftime(day(opened), '%d/%m/%Y') AS since, strftime(day(closed), '%d/%m/%Y') AS until,
        strftime(day(reported), '%d/%m/%Y') AS updated, credit_limit // 100 AS ceiling, yuan(balance) AS owed,
        yuan(past_due) AS late_amount, days_past_due AS late_days, yuan(charged_off) AS lost_amount,
        yuan(in_collection) AS agency_amount, disputed, scenes[scene + 1] AS service
    FROM accounts JOIN customers USING (customer) ORDER BY row
)
SELECT * FROM good
UNION ALL BY NAME
(SELECT * REPLACE ('X-' || wallet AS wallet, '31/06/2025' AS since) FROM good LIMIT 2)
UNION ALL BY NAME
(SELECT * REPLACE ('X-' || wallet AS wallet, NULL AS passport_or_id, NULL AS phone, NULL AS mail)
 FROM good LIMIT 1 OFFSET 2);

CREATE VIEW export_requests AS
SELECT number AS rider, national_id AS passport_or_id, '+86' || phone AS phone,
    replace(email, '@example', '@EXAMPLE') AS mail, time AS unix_time, hard AS for_credit
FROM inquiries JOIN customers USING (customer) ORDER BY row;
