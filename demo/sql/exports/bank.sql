-- Text files with bars, after Metro 2: its status codes, dates without separators.
CREATE VIEW export_accounts AS
WITH good AS (
    SELECT number AS cif, national_id AS id_no, phone AS tel, email AS mail, account_number('BK.', row) AS acct,
        ['R', 'R', 'I', 'C'][portfolio + 1] AS portfolio_type,
        CASE WHEN state = 5 AND days_past_due >= 180 THEN '84' WHEN state = 5 AND days_past_due >= 150 THEN '83'
             ELSE ['11', '11', '71', '78', '80', '82', '93', '97', '13'][state + 1] END AS account_status,
        strftime(day(opened), '%Y%m%d') AS date_opened, strftime(day(closed), '%Y%m%d') AS date_closed,
        strftime(day(reported), '%Y%m%d') AS date_of_information,
        strftime(day(first_delinquency), '%Y%m%d') AS date_first_delinquency,
        yuan(credit_limit) AS credit_limit, yuan(balance) AS current_balance, yuan(past_due) AS amount_past_due,
        yuan(payment) AS scheduled_payment, strftime(day(payment_due), '%Y%m%d') AS payment_due,
        days_past_due, yuan(charged_off) AS charge_off_amount, yuan(in_collection) AS collection_amount,
        disputed, frozen AS consumer_block, channels[channel + 1] AS channel, scenes[scene + 1] AS purpose,
        past_m0, past_m1, past_m2, past_m3, past_m4, past_m5, past_m6, past_m7, past_m8, past_m9, past_m10, past_m11
    FROM accounts JOIN customers USING (customer) ORDER BY row
)
SELECT * FROM good
UNION ALL BY NAME
(SELECT * REPLACE ('X-' || acct AS acct, mistyped(id_no) AS id_no) FROM good WHERE id_no IS NOT NULL LIMIT 3)
UNION ALL BY NAME
(SELECT * REPLACE ('X-' || acct AS acct, '99' AS account_status) FROM good LIMIT 1 OFFSET 3);

CREATE VIEW export_enquiries AS
SELECT number AS cif, national_id AS id_no, phone AS tel, email AS mail,
    strftime(moment(time) + INTERVAL 8 HOUR, '%Y%m%d%H%M%S') AS enquired_at,
    CASE WHEN hard = 1 THEN 'H' ELSE 'S' END AS enquiry_type
FROM inquiries JOIN customers USING (customer) ORDER BY row;
