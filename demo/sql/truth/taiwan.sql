-- What the five lenders contribute to every question, from the columns of the data set (table uci) alone. The accounts
-- were opened five months ago, whenever that is: nothing here depends on the day.
CREATE OR REPLACE MACRO cents(dollars) AS greatest(dollars, 0) * 100;
CREATE OR REPLACE MACRO late(status) AS CASE WHEN status >= 4 THEN 5 WHEN status >= 1 THEN status + 1 ELSE 0 END;

CREATE OR REPLACE TABLE contributions AS
WITH split AS (
    SELECT 'island-bank' AS lender, ID, 1 AS accounts, X1 * 100 AS credit_limit, cents(X12) AS balance,
        X18 * 100 AS paid, CASE WHEN X6 > 0 THEN cents(X12) ELSE 0 END AS past_due, late(X6) AS now, late(X6) AS worst
    FROM uci
    UNION ALL
    SELECT 'market-card', ID, 1, 0, cents(X13), X19 * 100,
        CASE WHEN X7 > 0 THEN cents(X13) ELSE 0 END, late(X7), late(X7)
    FROM uci
    UNION ALL
    SELECT 'travel-card', ID, 1, 0, cents(X14), X20 * 100,
        CASE WHEN X8 > 0 THEN cents(X14) ELSE 0 END, late(X8), late(X8)
    FROM uci
    UNION ALL
    SELECT 'home-credit', ID, 1, 0, cents(X15), X21 * 100,
        CASE WHEN X9 > 0 THEN cents(X15) ELSE 0 END, late(X9), late(X9)
    FROM uci
    UNION ALL
    SELECT 'phone-plan', ID, 2, 0, cents(X16) + cents(X17), (X22 + X23) * 100,
        CASE WHEN X10 > 0 THEN cents(X16) ELSE 0 END, late(X10), greatest(late(X10), late(X11))
    FROM uci
)
SELECT question, lender, customer, 1 AS lenders_with_open_tradeline, accounts AS open_tradelines,
    credit_limit, balance, paid AS scheduled_payments_30d, past_due AS amount_past_due, 1 AS months_on_file_0_5,
    now = 0 AS worst_dpd_now_current, now = 2 AS worst_dpd_now_30_59, now = 3 AS worst_dpd_now_60_89,
    now = 4 AS worst_dpd_now_90_119, now = 5 AS worst_dpd_now_120_plus,
    worst = 0 AS worst_dpd_12m_current, worst = 2 AS worst_dpd_12m_30_59, worst = 3 AS worst_dpd_12m_60_89,
    worst = 4 AS worst_dpd_12m_90_119, worst = 5 AS worst_dpd_12m_120_plus
FROM reached JOIN (SELECT *, CAST(ID AS VARCHAR) AS customer FROM split) USING (lender, customer);
