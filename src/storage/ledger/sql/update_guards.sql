-- Writes what spend guards have counted. Every writer of a guard holds the lock of its wallet.
--
-- Per guard:
-- $1 text[] customer
-- $2 uuid[] wallet id
-- $3 date[] the day that spent_today counts
-- $4 numeric[] spent_today
-- $5 date[] the month that spent_this_month counts, as its first day
-- $6 numeric[] spent_this_month
--
-- Returns nothing.
UPDATE spend_guards g
SET day = n.day,
    spent_today = n.spent_today,
    month = n.month,
    spent_this_month = n.spent_this_month
FROM unnest($1, $2, $3, $4, $5, $6) AS n (customer_id, wallet_id, day, spent_today, month, spent_this_month)
WHERE g.customer_id = n.customer_id AND g.wallet_id = n.wallet_id
