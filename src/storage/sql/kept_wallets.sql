-- Reads wallets back as events kept them, in the order given.
--
-- $1 jsonb[] rows of `wallets`
--
-- Returns the columns of `WalletRow`.
SELECT w.customer_id, w.currency, w.product, w.id, w.frozen, w.customer_frozen, w.claimed, w.closing, w.closed,
       w.low_balance_threshold, w.fast_floor, w.bonus_owed, w.daily_cap, w.monthly_cap, w.guard_day, w.active_grant,
       w.active_remaining, w.active_held, w.spent_today, w.spent_this_month, w.granted, w.held, w.debt, w.paid,
       w.paid_in, w.paid_out, w.entry_seq, w.version, w.updated_at, ledger_now()
FROM unnest($1) WITH ORDINALITY AS kept (data, n)
CROSS JOIN LATERAL jsonb_populate_record(NULL::wallets, kept.data) w
ORDER BY kept.n
