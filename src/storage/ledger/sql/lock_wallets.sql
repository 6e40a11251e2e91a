-- Locks wallets and reads them.
--
-- Per wallet:
-- $1 text[] customer
-- $2 text[] currency
-- $3 text[] product
--
-- Returns the columns of `WalletRow` for each wallet that exists; the last column is the time.
--
-- The order of the locks is the order in which every writer locks wallets: by key, in byte order, as Rust compares.
-- The clock is read outside of the CTE: beside FOR UPDATE it would be read before the wait for the lock.
WITH w AS MATERIALIZED (
    SELECT w.*
    FROM wallets w
    JOIN unnest($1, $2, $3) AS k (customer_id, currency, product) USING (customer_id, currency, product)
    ORDER BY w.customer_id COLLATE "C", w.currency COLLATE "C", w.product COLLATE "C"
    FOR UPDATE OF w
)
SELECT w.customer_id, w.currency, w.product, w.id, w.guarded, w.frozen, w.low_balance_threshold, w.fast_floor,
       w.granted, w.held, w.debt, w.paid, w.paid_in, w.paid_out, w.entry_seq, w.version, w.updated_at,
       ledger_now()
FROM w
