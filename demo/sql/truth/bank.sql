INSERT INTO accounts BY NAME
SELECT 'bank' AS lender, cif AS customer, account_status AS status,
    CAST(strptime(date_opened, '%Y%m%d') AS DATE) AS opened, CAST(strptime(date_closed, '%Y%m%d') AS DATE) AS closed,
    CAST(strptime(date_of_information, '%Y%m%d') AS DATE) AS reported,
    CAST(strptime(date_first_delinquency, '%Y%m%d') AS DATE) AS first_delinquency,
    fen(credit_limit) AS credit_limit, fen(current_balance) AS balance, fen(amount_past_due) AS past_due,
    fen(scheduled_payment) AS payment, CAST(strptime(payment_due, '%Y%m%d') AS DATE) AS payment_due,
    CAST(days_past_due AS INTEGER) AS days_past_due,
    CAST([past_m0, past_m1, past_m2, past_m3, past_m4, past_m5, past_m6, past_m7, past_m8, past_m9, past_m10, past_m11]
        AS INTEGER[]) AS past,
    fen(charge_off_amount) AS charged_off, fen(collection_amount) AS in_collection, disputed = '1' AS disputed
FROM read_csv(getvariable('folder') || '/bank/accounts.txt', delim = '|', all_varchar = true)
WHERE acct NOT LIKE 'X-%';

INSERT INTO inquiries BY NAME
SELECT 'bank' AS lender, cif AS customer, epoch_us(strptime(enquired_at, '%Y%m%d%H%M%S')) // 1000000 - 8 * 3600 AS time,
    enquiry_type = 'H' AS hard
FROM read_csv(getvariable('folder') || '/bank/enquiries.txt', delim = '|', all_varchar = true);
