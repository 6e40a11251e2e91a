-- A transfer is two entries against `transfer`: out of one wallet, into another, the same amount. Where it pays an
-- order, the entry that comes in refers to the order, and the order names the transfer.
WITH wanted AS (
    SELECT t.customer_id, t.currency, s.product, s.kind, s.amount, 'trf_' || replace(t.id::text, '-', '') AS key,
           CASE WHEN s.kind = /* TRANSFER_IN */ 7 AND t.order_id IS NOT NULL
                THEN 'tuo_' || replace(t.order_id::text, '-', '')
                ELSE 'trf_' || replace(t.id::text, '-', '') END AS reference
    FROM transfers t
    CROSS JOIN LATERAL (VALUES
        (/* TRANSFER_OUT */ 8, t.from_product, -t.amount),
        (/* TRANSFER_IN */ 7, t.to_product, t.amount)
    ) AS s (kind, product, amount)
), booked AS (
    SELECT e.customer_id, w.currency, w.product, e.kind::integer AS kind, e.key, e.reference,
           count(*) AS entries, sum(e.amount) AS amount, min(e.seq) AS seq, min(e.wallet_id::text) AS wallet_id
    FROM entries e
    LEFT JOIN wallets w ON w.customer_id = e.customer_id AND w.id = e.wallet_id
    WHERE e.kind IN (/* TRANSFERS */ 7, 8)
    GROUP BY e.customer_id, w.currency, w.product, e.kind, e.key, e.reference
)
SELECT CASE WHEN t.key IS NULL THEN 'transfer_entry_without_transfer' ELSE 'transfer_entries' END AS rule,
       CASE WHEN t.key IS NULL THEN 'wal_' || replace(b.wallet_id, '-', '') || ':' || b.seq
            ELSE t.key END AS subject,
       coalesce(t.customer_id, b.customer_id) AS customer,
       CASE WHEN t.key IS NULL THEN 'a transfer'
            ELSE trim_scale(t.amount)::text || CASE WHEN t.kind = /* TRANSFER_OUT */ 8 THEN ' out of ' ELSE ' into ' END
                 || coalesce(nullif(t.product, ''), 'the main wallet') END AS expected,
       CASE WHEN b.entries IS NULL THEN 'no entry' WHEN b.entries > 1 THEN b.entries || ' entries'
            ELSE trim_scale(b.amount)::text END AS found
FROM wanted t
FULL JOIN booked b ON b.customer_id = t.customer_id AND b.currency = t.currency AND b.product = t.product
    AND b.kind = t.kind AND b.key = t.key AND b.reference = t.reference
WHERE b.entries IS DISTINCT FROM 1 OR t.amount IS DISTINCT FROM b.amount
UNION ALL
SELECT 'transfers_net_to_zero', w.currency, e.customer_id, '0', trim_scale(sum(e.amount))::text
FROM entries e
JOIN wallets w ON w.customer_id = e.customer_id AND w.id = e.wallet_id
WHERE e.counterpart = 'transfer'
GROUP BY e.customer_id, w.currency
HAVING sum(e.amount) <> 0
UNION ALL
SELECT 'transfer_of_order', 'tuo_' || replace(o.id::text, '-', ''), o.customer_id,
       coalesce('trf_' || replace(t.id::text, '-', ''), 'no transfer'),
       coalesce('trf_' || replace(o.transfer_id::text, '-', ''), 'no transfer')
FROM top_up_orders o
LEFT JOIN transfers t ON t.order_id = o.id AND t.customer_id = o.customer_id
WHERE o.channel = 'balance' AND (o.transfer_id IS DISTINCT FROM t.id OR (o.status = 'completed') <> (t.id IS NOT NULL))
