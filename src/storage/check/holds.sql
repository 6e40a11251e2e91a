-- Holds against their wallets, their own parts, and the entries of what was captured.
SELECT 'hold_without_wallet' AS rule, 'hold_' || replace(h.id::text, '-', '') AS subject, h.customer_id AS customer,
       'wal_' || replace(h.wallet_id::text, '-', '') || ' in ' || h.currency
       || coalesce(' of ' || nullif(h.product, ''), '') AS expected,
       'no such wallet' AS found
FROM holds h
WHERE NOT EXISTS (SELECT FROM wallets w WHERE w.customer_id = h.customer_id AND w.id = h.wallet_id
                  AND w.currency = h.currency AND w.product = h.product)
UNION ALL
SELECT 'hold_parts', 'hold_' || replace(h.id::text, '-', ''), h.customer_id,
       trim_scale(p.amount)::text, trim_scale(h.granted)::text
FROM holds h
CROSS JOIN LATERAL (SELECT CASE WHEN h.grant_id IS NULL THEN coalesce(sum((part ->> 'amount')::numeric), 0)
                                ELSE h.granted END
                    FROM jsonb_array_elements(h.grant_parts) AS part) AS p (amount)
WHERE (h.granted <> 0 OR h.grant_parts IS NOT NULL)
  AND (p.amount <> h.granted OR h.granted < 0 OR h.granted > h.amount)
UNION ALL
SELECT CASE WHEN coalesce(h.captured, 0) = 0 THEN 'capture_without_hold' ELSE 'hold_captured' END,
       CASE WHEN coalesce(h.captured, 0) = 0 THEN 'wal_' || replace(e.wallet_id::text, '-', '') || ':' || e.seq
            ELSE h.shown END,
       coalesce(h.customer_id, e.customer_id),
       CASE WHEN coalesce(h.captured, 0) = 0 THEN 'a captured hold' ELSE trim_scale(-h.captured)::text END,
       CASE WHEN e.seq IS NULL THEN 'no entry' WHEN e.entries > 1 THEN e.entries || ' entries'
            WHEN h.captured = -e.amount THEN 'an entry of ' || coalesce(e.reference, 'no hold')
            ELSE trim_scale(e.amount)::text END
FROM (SELECT customer_id, wallet_id, id, key, coalesce(captured, 0) AS captured,
             'hold_' || replace(id::text, '-', '') AS shown
      FROM holds) AS h
FULL JOIN (SELECT customer_id, wallet_id, key, min(seq) AS seq, count(*) AS entries, sum(amount) AS amount,
                  min(reference) AS reference, max(created_at) AS created_at
           FROM entries WHERE kind = /* CAPTURE */ 3 GROUP BY customer_id, wallet_id, key) AS e
    ON e.customer_id = h.customer_id AND e.wallet_id = h.wallet_id AND e.key = h.key
WHERE CASE
          -- A hold that expired before the mark may have been deleted; it was captured before it expired. No setting
          -- deletes holds of the last two days, whatever the mark says.
          WHEN h.id IS NULL THEN e.entries > 1 OR e.created_at > least(
              coalesce((SELECT reached FROM worker_marks WHERE worker = 'holds_pruned'), '-infinity'),
              (SELECT ledger_now()) - interval '2 days')
          ELSE h.captured <> coalesce(-e.amount, 0)
               OR e.seq IS NOT NULL AND (e.entries > 1 OR e.reference IS DISTINCT FROM h.shown)
      END
