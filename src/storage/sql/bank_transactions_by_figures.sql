-- The payments on an account with these amounts, each amount in its range of days.
--
-- $1 uuid account
-- $2 numeric[] amounts
-- $3 date[] the first day of each
-- $4 date[] the last day of each
--
-- Returns the payments' ids.
--
-- Plan note. OFFSET 0 keeps the planner from reading all transactions of the account to join them with the ranges: each
-- range is one look-up in `bank_transactions_alike`.
SELECT t.payment_id
FROM unnest($2, $3, $4) AS stretch (amount, first_day, last_day)
CROSS JOIN LATERAL (
    SELECT payment_id
    FROM bank_transactions
    WHERE bank_account_id = $1
      AND amount = stretch.amount
      AND received_on BETWEEN stretch.first_day AND stretch.last_day
    OFFSET 0
) t
