-- Locks wallets and reads them.
--
-- Per wallet:
-- $1 text[] customer
-- $2 text[] currency
-- $3 text[] product
--
-- Returns the columns of `WalletRow` for each wallet that exists; the last column is the time. If one of them is marked
-- (taken-back money is claimed, or bonus is owed), all wallets of that customer and currency are locked and returned,
-- because money can move between them.
--
-- The order of the locks is the order in which every writer locks wallets: by key, in byte order, as Rust compares. The
-- clock is read outside of the CTE: in the same SELECT as FOR UPDATE it would be read before the wait for the lock.
WITH wanted AS (
    SELECT k.customer_id, k.currency, k.product
    FROM unnest($1, $2, $3) AS k (customer_id, currency, product)
    UNION
    SELECT o.customer_id, o.currency, o.product
    FROM unnest($1, $2, $3) AS k (customer_id, currency, product)
    JOIN wallets m USING (customer_id, currency, product)
    JOIN wallets o ON o.customer_id = m.customer_id AND o.currency = m.currency
    WHERE m.claimed OR m.bonus_owed > 0
), w AS MATERIALIZED (
    SELECT w.*
    FROM wallets w
    JOIN wanted USING (customer_id, currency, product)
    ORDER BY w.customer_id COLLATE "C", w.currency COLLATE "C", w.product COLLATE "C"
    FOR UPDATE OF w
)
SELECT w.customer_id, w.currency, w.product, w.id, w.frozen, w.customer_frozen, w.claimed, w.closing, w.closed,
       w.low_balance_threshold, w.fast_floor, w.bonus_owed, w.daily_cap, w.monthly_cap, w.guard_day, w.active_grant,
       w.active_remaining, w.active_held, w.spent_today, w.spent_this_month, w.granted, w.held, w.debt, w.paid,
       w.paid_in, w.paid_out, w.entry_seq, w.version, w.updated_at, ledger_now()
FROM w
