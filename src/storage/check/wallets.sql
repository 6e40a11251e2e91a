-- Every wallet against its entries, its grants and its open holds; each table is read once.
WITH by_entries AS (
    SELECT e.customer_id, e.wallet_id,
           count(*) AS entries, max(e.seq) AS last,
           sum(e.amount) AS amount, sum(e.granted) AS granted, sum(e.debt) AS debt,
           sum(greatest(p.paid, 0)) AS paid_in, sum(greatest(-p.paid, 0)) AS paid_out
    FROM entries e
    CROSS JOIN LATERAL (SELECT e.amount - coalesce(e.granted, 0) + coalesce(e.debt, 0)) AS p (paid)
    GROUP BY e.customer_id, e.wallet_id
), by_grants AS (
    SELECT customer_id, wallet_id, sum(remaining) AS remaining, sum(held) AS held, sum(owed) AS owed
    FROM current_grants GROUP BY customer_id, wallet_id
), first_grants AS (
    SELECT DISTINCT ON (customer_id, wallet_id) customer_id, wallet_id, id
    FROM current_grants
    WHERE remaining > 0
    ORDER BY customer_id, wallet_id, priority, expires_at, created_at, id
), expiries AS (
    SELECT customer_id, wallet_id, min(expires_at) AS first
    FROM current_grants WHERE remaining > 0 GROUP BY customer_id, wallet_id
), claimed AS (
    SELECT DISTINCT customer_id, currency FROM taken_back_debts
), by_holds AS (
    SELECT customer_id, wallet_id, sum(amount) AS amount, sum(granted) AS granted
    FROM holds WHERE status = 'open' GROUP BY customer_id, wallet_id
)
SELECT v.rule,
       'wal_' || replace(w.id::text, '-', '') AS subject,
       w.customer_id AS customer,
       trim_scale(v.expected)::text AS expected,
       trim_scale(v.found)::text AS found
FROM wallets w
LEFT JOIN by_entries e ON e.customer_id = w.customer_id AND e.wallet_id = w.id
LEFT JOIN by_grants g ON g.customer_id = w.customer_id AND g.wallet_id = w.id
LEFT JOIN claimed c ON c.customer_id = w.customer_id AND c.currency = w.currency
LEFT JOIN by_holds h ON h.customer_id = w.customer_id AND h.wallet_id = w.id
CROSS JOIN LATERAL (VALUES
    ('wallet_balance', coalesce(e.amount, 0), w.paid + w.granted - w.debt),
    ('wallet_granted', coalesce(e.granted, 0), w.granted),
    ('wallet_grants', coalesce(g.remaining, 0), w.granted),
    ('wallet_debt', coalesce(e.debt, 0), w.debt),
    ('wallet_paid_in', coalesce(e.paid_in, 0), w.paid_in),
    ('wallet_paid_out', coalesce(e.paid_out, 0), w.paid_out),
    ('wallet_paid', w.paid_in - w.paid_out, w.paid),
    ('wallet_entry_count', coalesce(e.entries, 0)::numeric, w.entry_seq::numeric),
    ('wallet_last_entry', coalesce(e.last, 0)::numeric, w.entry_seq::numeric),
    ('wallet_held', coalesce(h.amount, 0), w.held),
    ('wallet_held_grants', coalesce(h.granted, 0), coalesce(g.held, 0)),
    ('wallet_parts', 0, least(0, w.paid, w.granted, w.held, w.debt, w.paid - (w.held - coalesce(g.held, 0)))),
    ('wallet_needs_full_path',
     (w.debt > 0 OR w.frozen OR w.customer_frozen OR w.claimed OR w.closing)::integer::numeric,
     w.needs_full_path::integer::numeric),
    ('wallet_claimed', (c.customer_id IS NOT NULL)::integer::numeric, w.claimed::integer::numeric),
    ('wallet_free_while_claimed', 0,
     CASE WHEN c.customer_id IS NULL THEN 0
          ELSE greatest(0, w.paid - (w.held - coalesce(g.held, 0)) - w.debt) END),
    ('wallet_frozen',
     (EXISTS (SELECT FROM frozen_wallets f WHERE f.customer_id = w.customer_id AND f.wallet_id = w.id))::integer
     + 2 * (EXISTS (SELECT FROM frozen_customers f WHERE f.customer_id = w.customer_id))::integer,
     w.frozen::integer + 2 * w.customer_frozen::integer),
    ('wallet_closing',
     coalesce((SELECT 1 + 2 * (s.state <> 'waiting')::integer FROM closings s
               WHERE s.customer_id = w.customer_id AND s.state <> 'withdrawn'), 0),
     w.closing::integer + 2 * w.closed::integer),
    ('wallet_bonus_owed', coalesce(g.owed, 0), w.bonus_owed),
    ('wallet_guard',
     (EXISTS (SELECT FROM spend_guards s WHERE s.customer_id = w.customer_id AND s.wallet_id = w.id))::integer,
     (w.guard_day IS NOT NULL)::integer),
    ('wallet_fast_floor',
     CASE WHEN w.fast_floor = 0 THEN 0 ELSE coalesce(w.low_balance_threshold, 0) END, w.fast_floor)
) AS v (rule, expected, found)
WHERE v.expected IS DISTINCT FROM v.found
UNION ALL
SELECT v.rule, 'wal_' || replace(w.id::text, '-', ''), w.customer_id, coalesce(v.expected, 'none'),
       coalesce(v.found, 'none')
FROM wallets w
LEFT JOIN first_grants f ON f.customer_id = w.customer_id AND f.wallet_id = w.id
LEFT JOIN expiries x ON x.customer_id = w.customer_id AND x.wallet_id = w.id
CROSS JOIN LATERAL (VALUES
    ('wallet_active_grant', 'grt_' || replace(f.id::text, '-', ''), 'grt_' || replace(w.active_grant::text, '-', '')),
    ('wallet_grants_until', x.first::text, w.grants_until::text)
) AS v (rule, expected, found)
WHERE v.expected IS DISTINCT FROM v.found
UNION ALL
SELECT 'entries_without_wallet', 'wal_' || replace(e.wallet_id::text, '-', ''), e.customer_id,
       'a wallet', e.entries || ' entries'
FROM by_entries e
WHERE NOT EXISTS (SELECT FROM wallets w WHERE w.customer_id = e.customer_id AND w.id = e.wallet_id)
