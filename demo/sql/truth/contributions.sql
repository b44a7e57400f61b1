-- What every lender would contribute to every question, as of the second at which it was asked, computed from the
-- source files alone: the yardstick that the totals of the consortium are held against. It shares no code with the
-- lenders' nodes.
--
-- Reads:  accounts, inquiries, pendings (of all lenders, in one vocabulary: minor units, dates, seconds, Metro 2 codes)
--         and reached (question, lender, customer, frozen, asked_at, asked_day); retention() is in days.
-- Gives:  contributions (question, lender, customer, and one column an attribute).

CREATE OR REPLACE MACRO month_number(d) AS year(d) * 12 + month(d);
CREATE OR REPLACE MACRO bucket(days) AS
    CASE WHEN days >= 120 THEN 5 WHEN days >= 90 THEN 4 WHEN days >= 60 THEN 3 WHEN days >= 30 THEN 2
         WHEN days >= 1 THEN 1 ELSE 0 END;

-- Places of the buckets: 0 current, 1 1-29, 2 30-59, 3 60-89, 4 90-119, 5 120 or more, 6 charge-off.
CREATE OR REPLACE TEMP TABLE status_codes AS SELECT * FROM (VALUES
    ('11', 0, 'open'), ('71', 2, 'open'), ('78', 3, 'open'), ('80', 4, 'open'), ('82', 5, 'open'), ('83', 5, 'open'),
    ('84', 5, 'open'), ('93', 5, 'lost'), ('97', 6, 'lost'), ('13', 0, 'ended'), ('62', 5, 'ended'), ('64', 6, 'ended')
) AS codes (status, place, life);

CREATE OR REPLACE TEMP TABLE judged AS
WITH since AS (
    SELECT question, asked_day, accounts.*, place, life,
        days_past_due > 0 OR past_due > 0 OR charged_off > 0 OR in_collection > 0 OR place > 0 AS adverse,
        COALESCE(first_delinquency,
            CASE WHEN place > 0 OR charged_off > 0 OR in_collection > 0 THEN opened
                 ELSE greatest(opened, reported - days_past_due) END) AS adverse_since
    FROM reached JOIN accounts USING (lender, customer) JOIN status_codes USING (status)
    WHERE opened <= asked_day
), aged AS (
    SELECT *, CASE WHEN adverse THEN asked_day - adverse_since ELSE 0 END AS adverse_days FROM since
)
SELECT *, adverse_days BETWEEN 0 AND retention() AS shared,
    life = 'open' AND (closed IS NULL OR closed > asked_day) AS is_open,
    CASE WHEN charged_off > 0 THEN 6 ELSE greatest(bucket(days_past_due), place) END AS place_now,
    bucket(COALESCE(list_max(list_filter(past, lambda days, month:
        month_number(asked_day) - month_number(reported) + month - 1 BETWEEN 0 AND 11)), 0)) AS place_history
FROM aged
WHERE NOT (life = 'lost' AND adverse_days > retention());

CREATE OR REPLACE TEMP TABLE by_account AS
SELECT question, lender, customer,
    count(*) FILTER (is_open) AS open_tradelines,
    COALESCE(sum(credit_limit) FILTER (is_open), 0) AS credit_limit,
    sum(balance) AS balance,
    COALESCE(sum(payment) FILTER (life = 'open' AND
        (payment_due IS NULL OR payment_due - asked_day BETWEEN 0 AND 29)), 0) AS scheduled_payments_30d,
    count(*) FILTER (asked_day - opened < 30) AS tradelines_opened_30d,
    count(*) FILTER (asked_day - opened < 90) AS tradelines_opened_90d,
    COALESCE(sum(past_due) FILTER (shared), 0) AS amount_past_due,
    COALESCE(sum(charged_off) FILTER (shared), 0) AS charged_off_amount,
    COALESCE(sum(in_collection) FILTER (shared), 0) AS in_collection_amount,
    count(*) FILTER (disputed) AS disputed_tradelines,
    -- full months are counted as a calendar does: the last one is full on the day of the month that it began on
    max(month_number(asked_day) - month_number(opened) - CAST(day(asked_day) < day(opened) AS INTEGER)) AS months,
    max(CASE WHEN shared THEN place_now ELSE 0 END) FILTER (life <> 'ended' AND
        (balance > 0 OR is_open OR (shared AND place_now > 0))) AS worst_now,
    max(greatest(CASE WHEN shared THEN place_now ELSE 0 END, place_history)) FILTER (closed IS NULL
        OR closed > asked_day - 365) AS worst_12m
FROM judged GROUP BY question, lender, customer;

CREATE OR REPLACE TEMP TABLE by_inquiry AS
SELECT question, lender, customer,
    count(*) FILTER (age < 3600) AS hard_inquiries_0_1h,
    count(*) FILTER (age >= 3600 AND age < 86400) AS hard_inquiries_1_24h,
    count(*) FILTER (age >= 86400 AND age < 7 * 86400) AS hard_inquiries_1_7d,
    count(*) FILTER (age >= 7 * 86400 AND age < 30 * 86400) AS hard_inquiries_7_30d,
    count(*) FILTER (age >= 30 * 86400 AND age < 90 * 86400) AS hard_inquiries_30_90d
FROM (SELECT *, asked_at - time AS age FROM reached JOIN inquiries USING (lender, customer)
    WHERE hard AND time <= asked_at)
GROUP BY question, lender, customer;

CREATE OR REPLACE TEMP TABLE by_pending AS
SELECT question, lender, customer, count(*) AS pending_grants, sum(amount) AS pending_grant_amount
FROM reached JOIN pendings USING (lender, customer) WHERE made <= asked_at AND asked_at < expires
GROUP BY question, lender, customer;

CREATE OR REPLACE TABLE contributions AS
SELECT question, lender, customer,
    CAST(COALESCE(open_tradelines, 0) > 0 AS INTEGER) AS lenders_with_open_tradeline,
    by_account.* EXCLUDE (question, lender, customer, months, worst_now, worst_12m),
    by_inquiry.* EXCLUDE (question, lender, customer), by_pending.* EXCLUDE (question, lender, customer),
    months < 6 AS months_on_file_0_5, months BETWEEN 6 AND 11 AS months_on_file_6_11,
    months BETWEEN 12 AND 23 AS months_on_file_12_23, months BETWEEN 24 AND 59 AS months_on_file_24_59,
    months >= 60 AS months_on_file_60_plus,
    worst_now = 0 AS worst_dpd_now_current, worst_now = 1 AS worst_dpd_now_1_29, worst_now = 2 AS worst_dpd_now_30_59,
    worst_now = 3 AS worst_dpd_now_60_89, worst_now = 4 AS worst_dpd_now_90_119,
    worst_now = 5 AS worst_dpd_now_120_plus, worst_now = 6 AS worst_dpd_now_charge_off,
    worst_12m = 0 AS worst_dpd_12m_current, worst_12m = 1 AS worst_dpd_12m_1_29, worst_12m = 2 AS worst_dpd_12m_30_59,
    worst_12m = 3 AS worst_dpd_12m_60_89, worst_12m = 4 AS worst_dpd_12m_90_119,
    worst_12m = 5 AS worst_dpd_12m_120_plus, worst_12m = 6 AS worst_dpd_12m_charge_off
FROM reached
LEFT JOIN by_account USING (question, lender, customer)
LEFT JOIN by_inquiry USING (question, lender, customer)
LEFT JOIN by_pending USING (question, lender, customer)
WHERE NOT frozen;
