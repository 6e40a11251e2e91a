-- The personal data of a customer, without the texts of entries, which `texts_to_erase` reads.
--
-- $1 text customer
--
-- Returns the table, and the personal part of each row.
SELECT 'billing_profiles', to_jsonb(p) FROM billing_profiles p WHERE p.customer_id = $1
UNION ALL
SELECT 'top_up_orders',
       jsonb_build_object('id', o.id, 'created_at', o.created_at, 'buyer', o.buyer, 'remitter_name', o.remitter_name,
                          'remitter_bank', o.remitter_bank, 'remarks', o.remarks, 'payer_ip', o.payer_ip,
                          'locale', o.locale, 'return_url', o.return_url, 'client_reference', o.client_reference,
                          'metadata', o.metadata)
FROM top_up_orders o WHERE o.customer_id = $1
UNION ALL
SELECT 'attempts', jsonb_build_object('order_id', a.order_id, 'n', a.n, 'customer_email', a.customer_email)
FROM top_up_orders o JOIN attempts a ON a.order_id = o.id
WHERE o.customer_id = $1 AND a.customer_email IS NOT NULL
UNION ALL
SELECT 'transfer_slips', to_jsonb(s) - 'content' FROM transfer_slips s WHERE s.customer_id = $1
UNION ALL
SELECT 'refund_requests', jsonb_build_object('id', r.id, 'created_at', r.created_at, 'reason', r.reason)
FROM refund_requests r WHERE r.customer_id = $1
UNION ALL
SELECT 'payouts', jsonb_build_object('id', p.id, 'created_at', p.proposed_at, 'beneficiary', p.beneficiary)
FROM payouts p WHERE p.customer_id = $1 AND p.beneficiary IS NOT NULL
UNION ALL
SELECT 'closings', jsonb_build_object('id', c.id, 'started_at', c.started_at, 'reason', c.reason)
FROM closings c WHERE c.customer_id = $1
UNION ALL
SELECT 'write_offs', jsonb_build_object('id', w.id, 'proposed_at', w.proposed_at, 'reason', w.reason)
FROM write_offs w WHERE w.customer_id = $1
UNION ALL
SELECT 'dispute_cases', jsonb_build_object('dispute_id', c.dispute_id, 'sent_at', c.sent_at, 'evidence', c.evidence)
FROM disputes d JOIN dispute_cases c ON c.dispute_id = d.id
WHERE d.customer_id = $1 AND c.evidence IS NOT NULL
UNION ALL
SELECT 'papers', jsonb_build_object('id', p.id, 'issued_at', p.issued_at, 'buyer', p.buyer)
FROM papers p WHERE p.customer_id = $1 AND p.buyer IS NOT NULL
UNION ALL
SELECT 'holds', jsonb_build_object('id', h.id, 'description', h.description, 'metadata', h.metadata)
FROM holds h WHERE h.customer_id = $1 AND num_nonnulls(h.description, h.metadata) > 0
UNION ALL
SELECT 'transfers', jsonb_build_object('id', t.id, 'client_reference', t.client_reference, 'metadata', t.metadata)
FROM transfers t WHERE t.customer_id = $1 AND num_nonnulls(t.client_reference, t.metadata) > 0
UNION ALL
SELECT 'grants', jsonb_build_object('id', g.id, 'client_reference', g.client_reference, 'metadata', g.metadata)
FROM grants g WHERE g.customer_id = $1 AND num_nonnulls(g.client_reference, g.metadata) > 0
UNION ALL
SELECT 'grant_proposals', jsonb_build_object('id', p.id, 'client_reference', p.client_reference, 'metadata', p.metadata)
FROM grant_proposals p WHERE p.customer_id = $1 AND num_nonnulls(p.client_reference, p.metadata) > 0
UNION ALL
SELECT 'usage_sums', jsonb_build_object('day', u.day, 'product', u.product, 'labels', u.labels)
FROM usage_sums u WHERE u.customer_id = $1 AND u.labels <> '{}'
UNION ALL
SELECT 'taken_back_debts', jsonb_build_object('source', d.source, 'description', d.description)
FROM taken_back_debts d WHERE d.customer_id = $1 AND d.description IS NOT NULL
UNION ALL
SELECT 'bank_statement_lines',
       jsonb_build_object('statement_id', l.statement_id, 'remitter', l.remitter,
                          'remitter_account', l.remitter_account, 'text', l.text)
FROM bank_statement_lines l
WHERE EXISTS (SELECT
              FROM payment_applications a
              JOIN bank_lines b ON b.payment_id = a.payment_id
              JOIN bank_statements s ON s.bank_account_id = b.bank_account_id
              WHERE a.customer_id = $1 AND l.statement_id = s.id AND l.fingerprint = b.fingerprint
                AND l.repeat = b.repeat)
