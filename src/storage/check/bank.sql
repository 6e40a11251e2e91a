-- What operators stated about bank transfers, against their payments and the orders that they serve.
WITH lines AS (
    SELECT p.id, p.payment_id, p.merchant_account, p.amount AS paid, t.bank_account_id, t.identity, t.n, t.stated_id,
           t.amount, upper(regexp_replace(t.stated_id, '[^A-Za-z0-9]', '', 'g')) AS normal
    FROM payments p LEFT JOIN bank_transactions t ON t.payment_id = p.id
    WHERE p.provider = 'bank'
)
SELECT v.rule, 'pay_' || replace(l.id::text, '-', '') AS subject, NULL::text AS customer, v.expected, v.found
FROM lines l
CROSS JOIN LATERAL (VALUES
    ('bank_transaction_payment',
     coalesce(l.amount = l.paid AND replace(l.bank_account_id::text, '-', '') = l.merchant_account
              AND l.payment_id = l.identity || CASE WHEN l.n = 1 THEN '' ELSE '#' || l.n END, false),
     coalesce(trim_scale(l.amount) || ' by ' || l.identity || ', line ' || l.n, 'a line'),
     trim_scale(l.paid) || ' by ' || l.payment_id),
    -- Other alphabets are left to the code that knows Unicode's normal form.
    ('bank_transaction_identity',
     l.identity IS NULL OR l.stated_id ~ '[^\x20-\x7e]'
     OR CASE WHEN l.normal IN ('', 'NONREF', 'NOTPROVIDED') THEN l.identity LIKE 'none:_%'
             ELSE l.identity = l.normal END,
     l.normal, l.identity),
    ('bank_transaction_line',
     l.n IS NULL OR l.n = 1
     OR EXISTS (SELECT FROM approvals a
                WHERE a.payment_id = l.id AND a.another_line AND a.approved_by <> a.proposed_by)
     OR EXISTS (SELECT FROM bank_lines b WHERE b.payment_id = l.id),
     'another line, by two operators or the bank''s file', 'line ' || l.n)
) AS v (rule, agrees, expected, found)
WHERE NOT v.agrees
UNION ALL
SELECT 'approval_payment', 'tuo_' || replace(a.order_id::text, '-', ''), o.customer_id,
       trim_scale(a.received_amount) || ' of ' || a.identity,
       coalesce((SELECT trim_scale(s.amount)::text FROM payment_applications s
                 WHERE s.payment_id = a.payment_id AND s.order_id = a.order_id LIMIT 1), 'nothing')
       || ' of ' || coalesce(t.identity, 'no line')
FROM approvals a
JOIN top_up_orders o ON o.id = a.order_id
LEFT JOIN bank_transactions t ON t.payment_id = a.payment_id
WHERE a.approved_by IS NOT NULL
  AND ((t.bank_account_id, t.identity) IS DISTINCT FROM (a.bank_account_id, a.identity)
       OR NOT EXISTS (SELECT FROM payment_applications s WHERE s.payment_id = a.payment_id AND s.order_id = a.order_id
                      AND s.amount = a.received_amount))
UNION ALL
SELECT 'bank_account_version', 'bac_' || replace(b.id::text, '-', ''), NULL,
       'version ' || b.version || ' with ' || b.account_number,
       coalesce('version ' || v.version || ' with ' || v.account_number, 'no open version')
FROM bank_accounts b
LEFT JOIN bank_account_versions v ON v.bank_account_id = b.id AND v.closed_at IS NULL
WHERE (b.version, b.currency, b.bank_name, b.account_name, b.account_number, b.branch, b.cnaps_code, b.napas_bin,
       b.swift_bic, b.bank_address, b.active)
      IS DISTINCT FROM (v.version, v.currency, v.bank_name, v.account_name, v.account_number, v.branch, v.cnaps_code,
       v.napas_bin, v.swift_bic, v.bank_address, v.active)
   OR (SELECT count(*) FROM bank_account_versions e WHERE e.bank_account_id = b.id) <> b.version
UNION ALL
SELECT 'order_bank_account', 'tuo_' || replace(o.id::text, '-', ''), o.customer_id,
       'an account in ' || o.currency, coalesce('one in ' || v.currency, 'no such version')
FROM top_up_orders o
LEFT JOIN bank_account_versions v ON v.bank_account_id = o.bank_account_id AND v.version = o.bank_account_version
WHERE o.channel = 'bank_transfer' AND v.currency IS DISTINCT FROM o.currency
UNION ALL
SELECT 'second_operator_of_account', 'bch_' || replace(p.id::text, '-', ''), NULL,
       'approved by somebody other than ' || p.proposed_by, p.approved_by
FROM bank_account_proposals p WHERE p.approved_by = p.proposed_by
UNION ALL
SELECT 'second_operator_of_account', 'bch_' || replace(p.id::text, '-', ''), NULL,
       'version ' || p.base_version + 1 || ' with ' || p.account_number,
       coalesce('with ' || v.account_number, 'no such version')
FROM bank_account_proposals p
LEFT JOIN bank_account_versions v ON v.bank_account_id = p.bank_account_id AND v.version = p.base_version + 1
WHERE p.approved_by IS NOT NULL
  AND (p.account_number, p.account_name, p.bank_name) IS DISTINCT FROM (v.account_number, v.account_name, v.bank_name)
