-- Reads all wallets of some customers, without a lock.
--
-- $1 text[] customers
--
-- Returns the columns of `WalletRow`; the last column is the time.
SELECT w.customer_id, w.currency, w.product, w.id, w.frozen, w.customer_frozen, w.claimed, w.closing, w.closed,
       w.low_balance_threshold, w.fast_floor, w.bonus_owed, w.daily_cap, w.monthly_cap, w.guard_day, w.active_grant,
       w.active_remaining, w.active_held, w.spent_today, w.spent_this_month, w.granted, w.held, w.debt, w.paid,
       w.paid_in, w.paid_out, w.entry_seq, w.version, w.updated_at, ledger_now()
FROM wallets w
WHERE w.customer_id = ANY ($1)
