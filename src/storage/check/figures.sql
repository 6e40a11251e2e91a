-- Totals that were computed twice, from both ends.
WITH booked AS MATERIALIZED (
    SELECT w.currency, e.counterpart, e.kind, sum(e.amount) AS amount
    FROM entries e JOIN wallets w ON w.customer_id = e.customer_id AND w.id = e.wallet_id
    GROUP BY w.currency, e.counterpart, e.kind
), applied AS (
    SELECT p.currency,
           CASE p.provider WHEN 'bank' THEN 'bank:' || p.merchant_account
                ELSE 'provider:' || p.provider END AS counterpart,
           sum(a.amount) AS amount, sum(a.fee + a.tax) AS kept
    FROM payment_applications a JOIN payments p ON p.id = a.payment_id
    WHERE a.reversed_at IS NULL
    GROUP BY 1, 2
), claimed AS (
    SELECT currency, counterpart, sum(amount) AS amount FROM taken_back_debts WHERE part IN ('money', 'wallet_money')
    GROUP BY 1, 2
), refunded AS (
    SELECT currency, 'refund:' || provider AS counterpart, sum(debited + wallet_taken) AS amount
    FROM refunds WHERE customer_id IS NOT NULL GROUP BY 1, 2
), disputed AS (
    SELECT currency, 'dispute:' || provider AS counterpart, sum(taken_back + wallet_taken) AS amount
    FROM disputes WHERE customer_id IS NOT NULL GROUP BY 1, 2
)
SELECT 'balances' AS name, currency, NULL::text AS counterpart,
       coalesce(b.amount, 0) AS expected, coalesce(w.amount, 0) AS found
FROM (SELECT currency, sum(paid + granted - debt) AS amount FROM wallets GROUP BY currency) AS w
FULL JOIN (SELECT currency, sum(amount) AS amount FROM booked GROUP BY currency) AS b USING (currency)
UNION ALL
SELECT 'granted', currency, NULL, coalesce(g.amount, 0), w.amount
FROM (SELECT currency, sum(granted) AS amount FROM wallets GROUP BY currency) AS w
LEFT JOIN (SELECT w.currency, sum(g.remaining) AS amount FROM current_grants g
           JOIN wallets w ON w.customer_id = g.customer_id AND w.id = g.wallet_id
           GROUP BY w.currency) AS g USING (currency)
UNION ALL
SELECT 'held', currency, NULL, coalesce(h.amount, 0), coalesce(w.amount, 0)
FROM (SELECT currency, sum(held) AS amount FROM wallets GROUP BY currency) AS w
FULL JOIN (SELECT currency, sum(amount) AS amount FROM holds
           WHERE status = 'open' GROUP BY currency) AS h USING (currency)
UNION ALL
SELECT 'payments_credited', currency, counterpart, coalesce(c.amount, 0) + coalesce(a.kept, 0), coalesce(a.amount, 0)
FROM (SELECT currency, counterpart, sum(amount) AS amount
      FROM (SELECT currency, counterpart, amount FROM booked
            WHERE kind = /* RECHARGE */ 1 OR (kind = /* ADJUST */ 11 AND counterpart LIKE 'bank:_%')
            UNION ALL
            SELECT currency, counterpart, -amount FROM claimed WHERE counterpart LIKE 'bank:_%') AS credited
      GROUP BY 1, 2) AS c
FULL JOIN applied a USING (currency, counterpart)
UNION ALL
SELECT 'refunds_debited', currency, counterpart, coalesce(c.amount, 0), coalesce(r.amount, 0)
FROM (SELECT currency, counterpart, sum(amount) AS amount
      FROM (SELECT currency, counterpart, -amount AS amount FROM booked WHERE kind IN (/* REFUNDS */ 5, 6)
            UNION ALL
            SELECT currency, counterpart, amount FROM claimed WHERE counterpart LIKE 'refund:_%') AS asked
      GROUP BY 1, 2) AS c
FULL JOIN refunded r USING (currency, counterpart)
UNION ALL
SELECT 'disputes_debited', currency, counterpart, coalesce(c.amount, 0), coalesce(d.amount, 0)
FROM (SELECT currency, counterpart, sum(amount) AS amount
      FROM (SELECT currency, counterpart, -amount AS amount FROM booked WHERE kind IN (/* DISPUTES */ 15, 16)
            UNION ALL
            SELECT currency, counterpart, amount FROM claimed WHERE counterpart LIKE 'dispute:_%') AS asked
      GROUP BY 1, 2) AS c
FULL JOIN disputed d USING (currency, counterpart)
ORDER BY 1, 2, 3
