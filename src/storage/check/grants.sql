-- Grants against their uses, uses against the entries that made them, and what open holds reserve of them.
WITH by_uses AS (
    SELECT customer_id, wallet_id, grant_id, sum(amount) AS amount
    FROM all_grant_uses GROUP BY customer_id, wallet_id, grant_id
), parts AS (
    SELECT customer_id, wallet_id, grant_id, sum(amount) AS amount
    FROM (SELECT h.customer_id, h.wallet_id, (p.part ->> 'grant_id')::uuid AS grant_id,
                 (p.part ->> 'amount')::numeric AS amount
          FROM holds h CROSS JOIN LATERAL jsonb_array_elements(h.grant_parts) AS p (part)
          WHERE h.status = 'open' AND h.grant_parts IS NOT NULL
          UNION ALL
          SELECT customer_id, wallet_id, grant_id, granted FROM holds
          WHERE status = 'open' AND grant_id IS NOT NULL) AS reserved
    GROUP BY customer_id, wallet_id, grant_id
), owed AS (
    SELECT customer_id, grant_id, sum(amount) AS amount
    FROM (SELECT customer_id, grant_id, taken - given_back AS amount FROM take_backs WHERE part = 'bonus_money'
          UNION ALL
          SELECT customer_id, grant_id, amount FROM taken_back_debts WHERE part = 'bonus_money') AS of_bonus
    GROUP BY customer_id, grant_id
), opened AS (
    SELECT u.customer_id, u.wallet_id, u.grant_id, sum(u.amount) AS amount
    FROM grant_uses u JOIN entries e USING (customer_id, wallet_id, seq)
    WHERE e.kind IN (/* OPENS_A_GRANT */ 9, 12)
    GROUP BY u.customer_id, u.wallet_id, u.grant_id
)
SELECT v.rule, 'grt_' || replace(g.id::text, '-', '') AS subject, g.customer_id AS customer,
       trim_scale(v.expected)::text AS expected, trim_scale(v.found)::text AS found
FROM current_grants g
LEFT JOIN by_uses u ON u.customer_id = g.customer_id AND u.wallet_id = g.wallet_id AND u.grant_id = g.id
LEFT JOIN opened o ON o.customer_id = g.customer_id AND o.wallet_id = g.wallet_id AND o.grant_id = g.id
LEFT JOIN parts p ON p.customer_id = g.customer_id AND p.wallet_id = g.wallet_id AND p.grant_id = g.id
LEFT JOIN owed w ON w.customer_id = g.customer_id AND w.grant_id = g.id
CROSS JOIN LATERAL (VALUES
    ('grant_owed', coalesce(w.amount, 0), g.owed),
    ('grant_remaining', coalesce(u.amount, 0), g.remaining),
    ('grant_amount', coalesce(o.amount, 0), g.amount),
    ('grant_held', coalesce(p.amount, 0), g.held),
    ('grant_parts', 0, least(0, g.held, g.remaining - g.held, g.amount - g.remaining))
) AS v (rule, expected, found)
WHERE v.expected IS DISTINCT FROM v.found
UNION ALL
SELECT 'grant_without_wallet', 'grt_' || replace(g.id::text, '-', ''), g.customer_id,
       'wal_' || replace(g.wallet_id::text, '-', ''), 'no such wallet'
FROM grants g
WHERE NOT EXISTS (SELECT FROM wallets w WHERE w.customer_id = g.customer_id AND w.id = g.wallet_id)
UNION ALL
SELECT 'grant_use_without_grant', 'grt_' || replace(m.grant_id::text, '-', ''), m.customer_id,
       'a grant of wal_' || replace(m.wallet_id::text, '-', ''), trim_scale(m.amount)::text || ' ' || m.what
FROM (SELECT customer_id, wallet_id, grant_id, amount, 'used' FROM by_uses
      UNION ALL
      SELECT customer_id, wallet_id, grant_id, amount, 'held' FROM parts)
     AS m (customer_id, wallet_id, grant_id, amount, what)
WHERE NOT EXISTS (SELECT FROM grants g
                  WHERE g.customer_id = m.customer_id AND g.wallet_id = m.wallet_id AND g.id = m.grant_id)
UNION ALL
SELECT 'entry_grant_uses', 'wal_' || replace(wallet_id::text, '-', '') || ':' || seq, customer_id,
       coalesce(trim_scale(e.granted)::text, 'no entry with a granted part'),
       coalesce(trim_scale(u.amount)::text, 'no uses')
FROM (SELECT customer_id, wallet_id, seq, granted FROM entries WHERE granted <> 0) AS e
FULL JOIN (SELECT customer_id, wallet_id, seq, sum(amount) AS amount
           FROM all_grant_uses GROUP BY customer_id, wallet_id, seq) AS u
    USING (customer_id, wallet_id, seq)
WHERE e.granted IS DISTINCT FROM u.amount
