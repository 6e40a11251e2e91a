-- The events of the existing rows were already written.
SET session_replication_role = replica;

INSERT INTO wallets (customer_id, currency, product, id, created_at, paid, paid_in, entry_seq, updated_at)
SELECT 'customer-' || n, 'USD', '', md5('w' || n)::uuid, '2026-01-01', 10, 10, 10, '2026-01-01'
FROM generate_series(1, 3000) n;

INSERT INTO entries (created_at, seq, fingerprint, wallet_id, kind, customer_id, amount, balance_after, paid_in,
                     paid_out, counterpart, key, reference)
SELECT '2026-01-01'::timestamptz + n * interval '10 seconds', 1 + n / 3000, n, md5('w' || 1 + n % 3000)::uuid, 1,
       'customer-' || 1 + n % 3000, 1, 1 + n / 3000, 1 + n / 3000, 0, 'provider:stripe', 'e' || n,
       'tuo_' || n
FROM generate_series(0, 29999) n;

INSERT INTO top_up_orders (id, customer_id, currency, product, channel, provider, merchant_account, status, failed_by,
                           amount, payable_amount, credited_amount, received_amount, reference, agreement_version,
                           remitter_name, remitter_bank, bank_account_id, bank_account_version, payer_ip, created_at,
                           expires_at, updated_at, completed_at, client_reference)
SELECT md5('o' || n)::uuid, 'customer-' || 1 + n % 3000, 'USD', '',
       CASE WHEN n % 500 = 0 THEN 'bank_transfer' ELSE 'card' END, CASE WHEN n % 500 = 0 THEN 'bank' ELSE 'stripe' END,
       'default', s.status, CASE WHEN s.status = 'failed' THEN 'provider' END, 1, 1, 1,
       CASE WHEN s.status = 'completed' THEN 1 END, 'REF' || n, 'v1', 'r', 'b',
       (SELECT id FROM bank_accounts LIMIT 1), 1, '192.0.2.1',
       '2026-01-01'::timestamptz + n * interval '10 seconds', '2030-01-01', '2026-01-01',
       CASE WHEN s.status = 'completed' THEN '2026-01-02'::timestamptz END, 'cart-' || n
FROM generate_series(1, 30000) n
CROSS JOIN LATERAL (
    SELECT CASE n % 1000 WHEN 1 THEN 'failed' WHEN 2 THEN 'pending' ELSE 'completed' END AS status
) s;

INSERT INTO attempts (order_id, n, provider, request_key, provider_reference, status, created_at)
SELECT md5('o' || n)::uuid, 1, 'stripe', 'k' || n, 'cs_' || n, 'paid', '2026-01-01' FROM generate_series(1, 30000) n;

INSERT INTO order_events (order_id, event, status, actor)
SELECT md5('o' || n)::uuid, 'created', 'pending', 'customer' FROM generate_series(1, 30000) n;

INSERT INTO payments (id, provider, merchant_account, payment_id, currency, amount, applied, order_id,
                      unapplied_reason, live, received_at)
SELECT md5('p' || n)::uuid, 'stripe', 'default', 'pi_' || n, 'USD', 1, CASE WHEN n % 1000 = 0 THEN 0 ELSE 1 END,
       md5('o' || n)::uuid, CASE WHEN n % 1000 = 0 THEN 'a second payment' END, false, '2026-01-01'
FROM generate_series(1, 30000) n;

INSERT INTO bank_transactions (payment_id, bank_account_id, identity, n, stated_id, amount, received_on, payer,
                               stated_by, stated_at)
SELECT md5('p' || n)::uuid, (SELECT id FROM bank_accounts LIMIT 1), 'T' || n, 1, 't' || n, 1 + n % 100,
       '2026-01-02'::date + n % 300, 'R', 'ops', '2027-01-02'
FROM generate_series(1, 30000) n;

INSERT INTO approvals (order_id, received_amount, bank_transaction_id, identity, bank_account_id, received_on,
                       second_needed, proposed_by, proposed_at, approved_by, approved_at, payment_id)
SELECT md5('o' || n * 5)::uuid, 1, 't' || n * 5, 'T' || n * 5, (SELECT id FROM bank_accounts LIMIT 1), '2026-01-02',
       false, 'ops', '2026-01-02', 'ops', '2026-01-02', md5('p' || n * 5)::uuid
FROM generate_series(1, 5000) n;

INSERT INTO own_word_moves (customer_id, kind, subject, actor, currency, amount, moved_at)
SELECT 'customer-' || 1 + n % 3000, CASE n % 2 WHEN 0 THEN 'refund' ELSE 'service_grant' END, md5('m' || n)::uuid,
       'operator:' || n % 20, 'USD', 1, '2026-01-01'::timestamptz + n * interval '1 minute'
FROM generate_series(1, 30000) n;

INSERT INTO service_grant_sums (currency, minute, backend, amount)
SELECT 'USD', '2026-01-01'::timestamptz + n * interval '1 minute', 1, 1 FROM generate_series(1, 30000) n;

INSERT INTO grant_proposals (id, customer_id, currency, amount, priority, reason, proposed_by, proposed_at, approved_by,
                             approved_at)
SELECT md5('g' || n)::uuid, 'customer-' || 1 + n % 3000, 'USD', 1, 100, 'r', 'ops', '2026-01-01', 'ops-2', '2026-01-01'
FROM generate_series(1, 20000) n;

INSERT INTO payment_applications (payment_id, n, order_id, customer_id, wallet_id, amount, applied_by, applied_at)
SELECT md5('p' || n)::uuid, 1, md5('o' || n)::uuid, 'customer-' || 1 + n % 3000, md5('w' || 1 + n % 3000)::uuid, 1,
       'settlement', '2026-01-01'
FROM generate_series(1, 30000) n
WHERE n % 1000 <> 0;

INSERT INTO refunds (id, order_id, payment_id, customer_id, provider, provider_refund_id, currency, amount, status,
                     reason, ours, proposed_by, created_at, started_at, updated_at)
SELECT md5('r' || n)::uuid, md5('o' || n)::uuid, md5('p' || n)::uuid, 'customer-' || 1 + n % 3000, 'stripe',
       're_' || n, 'USD', 1, CASE WHEN n % 1000 = 0 THEN 'pending' ELSE 'succeeded' END, 'asked', true, 'ops',
       '2026-01-03'::timestamptz + n * interval '1 minute', '2026-01-03', '2026-01-03'
FROM generate_series(1, 20000) n;

INSERT INTO refund_requests (id, order_id, customer_id, currency, amount, reason, status, asked_by, created_at,
                             refund_id, decided_by, decided_at)
SELECT md5('q' || n)::uuid, md5('o' || n)::uuid, 'customer-' || 1 + n % 3000, 'USD', 1, 'r', s.status, 'customer',
       '2026-01-03'::timestamptz + n * interval '1 minute', CASE s.status WHEN 'approved' THEN md5('r' || n)::uuid END,
       CASE s.status WHEN 'approved' THEN 'ops' END, CASE s.status WHEN 'approved' THEN '2026-01-04'::timestamptz END
FROM generate_series(1, 20000) n
CROSS JOIN LATERAL (SELECT CASE WHEN n % 1000 = 0 THEN 'waiting' ELSE 'approved' END AS status) s;

INSERT INTO disputes (id, payment_id, order_id, customer_id, provider, dispute_id, currency, amount, status, created_at,
                      updated_at)
SELECT md5('d' || n)::uuid, md5('p' || n)::uuid, md5('o' || n)::uuid, 'customer-' || 1 + n % 3000, 'stripe',
       'dp_' || n, 'USD', 1, CASE WHEN n % 1000 = 0 THEN 'open' ELSE 'won' END,
       '2026-01-03'::timestamptz + n * interval '1 minute', '2026-01-03'
FROM generate_series(10001, 20000) n;
INSERT INTO dispute_cases (dispute_id, evidence_due_at, is_open)
SELECT md5('d' || n)::uuid, '2026-01-10'::timestamptz + n * interval '1 minute', n % 1000 = 0
FROM generate_series(10001, 20000) n;

INSERT INTO transfers (customer_id, id, currency, amount, from_product, to_product, created_at, client_reference)
SELECT 'customer-' || 1 + n % 3000, md5('t' || n)::uuid, 'USD', 1, '', 'sms', '2026-01-03', 'cart-' || n
FROM generate_series(1, 20000) n;

INSERT INTO grants (customer_id, id, wallet_id, amount, remaining, expires_at, reason, created_by, created_at,
                    client_reference)
SELECT 'customer-' || 1 + n % 3000, md5('g' || n)::uuid, md5('w' || 1 + n % 3000)::uuid, 1, 0, '2026-01-03', 'trial',
       'meter', '2026-01-01', 'cart-' || n
FROM generate_series(1, 20000) n;

INSERT INTO grant_changes (id, customer_id, grant_id, currency, amount, revokes, reason, second_needed, proposed_by,
                           proposed_at)
SELECT md5('c' || n)::uuid, 'customer-' || 1 + n % 3000, md5('g' || n)::uuid, 'USD', 1, true, 'r', false, 'ops',
       '2026-01-03'
FROM generate_series(1, 20000) n;

INSERT INTO grant_uses (customer_id, wallet_id, seq, grant_id, amount)
SELECT 'customer-' || 1 + n % 3000, md5('w' || 1 + n % 3000)::uuid, 1 + n / 3000, md5('g' || n)::uuid, -1
FROM generate_series(1, 20000) n;

INSERT INTO holds (customer_id, key, id, wallet_id, currency, product, fingerprint, amount, created_at, expires_at,
                   status, closed_at)
SELECT 'customer-' || 1 + n % 3000, 'h' || n, md5('h' || n)::uuid, md5('w' || 1 + n % 3000)::uuid, 'USD', '', 1, 1,
       '2026-01-01', '2026-01-02', 'released', '2026-01-01'
FROM generate_series(1, 30000) n;

INSERT INTO billing_profiles (customer_id, name, email, country, updated_at)
SELECT 'customer-' || n, 'n', 'n@example.com', 'VN', '2026-01-01' FROM generate_series(1, 3000) n;

INSERT INTO idempotency_keys (caller, operation, key, fingerprint, resource_id, customer_id)
SELECT 'customer:customer-' || 1 + n % 3000, 'create_top_up_order', 'k' || n, '\x00', md5('o' || n)::uuid,
       'customer-' || 1 + n % 3000
FROM generate_series(1, 30000) n;

INSERT INTO adjustments (id, customer_id, currency, amount, reason, second_needed, proposed_by, created_at, booked_at)
SELECT md5('a' || n)::uuid, 'customer-' || 1 + n % 3000, 'USD', 1, 'r', false, 'ops', '2026-01-01', '2026-01-01'
FROM generate_series(1, 20000) n;

INSERT INTO audit_log (actor, action, target, customer_id)
SELECT 'operator:' || n % 20, 'refund.started', 'refund:' || n, 'customer-' || 1 + n % 3000
FROM generate_series(1, 20000) n;

INSERT INTO events (id, customer_id, type, noun, data, position, sequence, number)
SELECT md5('v' || n)::uuid, 'customer-' || 1 + n % 3000, 'customer.unfrozen', 'customer',
       jsonb_build_object('customer_id', 'customer-' || 1 + n % 3000), nextval('event_positions'), 1 + n / 3000, n
FROM generate_series(1, 20000) n;
UPDATE event_feed SET last = 20000;

-- Endpoints that want none of the test's events.
INSERT INTO webhook_endpoints (id, owner, url, types, status, created_at, updated_at)
SELECT md5('h' || n)::uuid, 'service:meter', 'https://example.com/', '{webhook_endpoint.test}', 'enabled', '2026-01-02',
       '2026-01-02'
FROM generate_series(1, 20) n;
-- Endpoints that were deleted.
INSERT INTO webhook_endpoints (id, owner, url, status, created_at, updated_at)
SELECT md5('x' || n)::uuid, 'service:loop', 'https://example.com/', 'deleted', '2026-01-02', '2026-01-02'
FROM generate_series(1, 20000) n;
INSERT INTO webhook_deliveries (id, endpoint_id, number, event_id, customer_id, type, status, attempts, tries, due_at)
SELECT md5('q' || n)::uuid, md5('h' || 1 + n % 20)::uuid, n, md5('v' || n)::uuid, 'customer-' || 1 + n % 3000,
       'customer.unfrozen', 'delivered', 1, 1, NULL
FROM generate_series(1, 20000) n;
INSERT INTO webhook_attempts (delivery_id, n, at, milliseconds, status)
SELECT md5('q' || n)::uuid, 1, '2026-01-02', 20, 204
FROM generate_series(1, 20000) n;

INSERT INTO seal_keys (id, public_key)
SELECT left(encode(sha256(k), 'hex'), 16), k FROM (VALUES (sha256('k'))) AS v (k);
INSERT INTO seals (customer_id, wallet_id, from_seq, to_seq, form, previous_hash, hash, key_id, signature, sealed_at)
SELECT 'customer-' || 1 + n % 3000, md5('w' || 1 + n % 3000)::uuid, 1 + n / 3000, 1 + n / 3000, 1, sha256('p'),
       sha256('h'), (SELECT id FROM seal_keys), sha256('s') || sha256('t'), '2026-01-02'
FROM generate_series(0, 26999) n;

INSERT INTO transfer_slips (id, order_id, customer_id, n, kind, bytes, sha256, content, uploaded_by, uploaded_at)
SELECT md5('s' || n)::uuid, md5('o' || n)::uuid, 'customer-' || 1 + n % 3000, 1, 'pdf', 5, sha256('%PDF-'), '%PDF-',
       'customer', '2026-01-03'
FROM generate_series(1, 20000) n;

-- The last year of an account's statements, each with 50 lines.
INSERT INTO bank_statements (id, bank_account_id, format, sha256, currency, opening, closing, from_day, to_day, lines,
                             credits, debits, confirmed_gap, second_needed, uploaded_by, uploaded_at, applied_at)
SELECT md5('bs' || n)::uuid, (SELECT id FROM bank_accounts WHERE currency = 'USD'), 'csv', sha256(('bs' || n)::bytea),
       'USD', n * 50, n * 50 + 50, '2026-01-01', '2026-01-01', 50, 50, 0, false, false, 'operator:ops',
       '2026-01-01'::timestamptz + n * interval '1 second', '2026-01-01'
FROM generate_series(1, 400) n;
INSERT INTO bank_statement_lines (statement_id, n, booked_on, amount, text, fingerprint, repeat)
SELECT md5('bs' || s)::uuid, n, '2026-01-01', 1, 'x', sha256((s || '-' || n)::bytea), 1
FROM generate_series(1, 400) s, generate_series(1, 50) n;
-- One of the two accounts has few lines, all old.
INSERT INTO bank_lines (id, bank_account_id, fingerprint, repeat, identity, statement_id, n, created_at)
SELECT md5(s || '-' || n)::uuid,
       (SELECT id FROM bank_accounts WHERE currency = CASE WHEN s <= 8 THEN 'CNY' ELSE 'USD' END),
       sha256((s || '-' || n)::bytea), 1, 'none:' || s || '-' || n, md5('bs' || s)::uuid, n,
       '2026-01-01'::timestamptz + (s * 50 + n) * interval '1 second'
FROM generate_series(1, 400) s, generate_series(1, 50) n;

INSERT INTO customer_secrets (customer_id, secret)
SELECT 'customer-' || n, sha256('s') FROM generate_series(1, 3000) n;

INSERT INTO worker_marks VALUES ('holds', '2026-01-03') ON CONFLICT DO NOTHING;

-- Every customer but those who act closed his account long ago, with a payout and a write-off.
INSERT INTO closings (id, customer_id, state, reason, started_by, starter_has_finance, started_at, updated_at,
                      closed_at)
SELECT md5('cl' || n)::uuid, 'customer-' || n, 'closed', 'x', 'operator:ops', true,
       '2026-01-01'::timestamptz + n * interval '1 second', '2026-01-02', '2026-01-02'
FROM generate_series(1, 3000) n;
INSERT INTO payouts (id, closing_id, customer_id, currency, amount, debited, bank_account_id, status,
                     bank_transaction_id, proposed_by, proposed_at, approved_by, approved_at, updated_at)
SELECT md5('po' || n)::uuid, md5('cl' || n)::uuid, 'customer-' || n, 'USD', 1, 1,
       (SELECT id FROM bank_accounts WHERE currency = 'USD'), 'succeeded', 'OUT' || n, 'operator:ops',
       '2026-01-01'::timestamptz + n * interval '1 second', 'operator:ann', '2026-01-02', '2026-01-02'
FROM generate_series(1, 3000) n;
INSERT INTO write_offs (id, customer_id, currency, amount, reason, proposed_by, proposed_at, approved_by, approved_at)
SELECT md5('wo' || n)::uuid, 'customer-' || n, 'USD', 1, 'x', 'operator:ops',
       '2026-01-01'::timestamptz + n * interval '1 second', 'operator:ann', '2026-01-02'
FROM generate_series(1, 3000) n;

SET session_replication_role = origin;

-- Papers: those that are due are due much later, and others were issued.
INSERT INTO papers_due (source, kind, order_id, payment_id, happened_at)
SELECT 'tuo_y' || n, 'receipt', md5('o' || n)::uuid, md5('p' || n)::uuid,
       '2126-01-01'::timestamptz + n * interval '1 second'
FROM generate_series(1, 20000) n;
INSERT INTO papers (id, kind, series, year, number, source, order_id, payment_id, application_n, customer_id, currency,
                    amount, fee, tax, credited, tax_included, happened_at, issued_at, seller)
SELECT md5('pp' || n)::uuid, 'receipt', 'R', 2025, n, 'tuo_x' || n, md5('o' || n)::uuid, md5('p' || n)::uuid, 1,
       'customer-' || 1 + n % 3000, 'USD', 1, 0, 0, 1, 0, '2026-01-01',
       '2026-01-01'::timestamptz + n * interval '1 second', '{"name": "x"}'
FROM generate_series(1, 20000) n
WHERE n % 1000 <> 0;

-- Folded days: the last year, so that no worker folds now. A fold reads each wallet, and the log would show each read.
INSERT INTO report_days (day, starts_at, ends_at)
SELECT day, CASE n WHEN 365 THEN 'epoch' ELSE day::timestamptz END, day + 1
FROM (SELECT n, current_date - n FROM generate_series(1, 365) n) AS d (n, day);
INSERT INTO report_sums (day, currency, product, kind, counterpart, entries, amount, granted, debt, fee, tax,
                         tax_included)
SELECT day, 'USD', 'p' || n, 2, 'usage', 1, -1, 0, 0, 0, 0, 0 FROM report_days, generate_series(1, 50) n;
INSERT INTO usage_sums (customer_id, day, currency, product, labels, uses, amount, reversals, reversed)
SELECT 'customer-' || n, day, 'USD', '', '{"model": "x"}', 1, 1, 0, 0
FROM report_days, generate_series(1, 100) n WHERE day > current_date - 200;

ANALYZE;
