-- Which customers of which lenders a question reaches, and when it was asked: those whose strongest identifier on file
-- was given.
CREATE OR REPLACE TEMP TABLE reached AS
SELECT question, lender, customer, frozen, by_kind, asked_at,
    DATE '1970-01-01' + CAST(asked_at // 86400 AS INTEGER) AS asked_day
FROM (SELECT *, CASE WHEN kind <= 2 THEN 0 WHEN kind <= 4 THEN 1 ELSE 2 END AS by_kind FROM customers)
JOIN asked USING (person)
WHERE [by_id, by_phone, by_email][by_kind + 1];
