-- What operators moved alone, and what services granted, against what counts towards the next decision.
WITH done AS (
    SELECT 'approval' AS kind, a.order_id AS subject, a.approved_by AS actor, o.customer_id, o.currency,
           a.received_amount AS amount
    FROM approvals a JOIN top_up_orders o ON o.id = a.order_id
    WHERE a.approved_by IS NOT NULL AND NOT a.second_needed
    UNION ALL
    SELECT CASE WHEN j.order_id IS NULL THEN 'adjustment' ELSE 'reversal' END, j.id, j.proposed_by, j.customer_id,
           j.currency, coalesce(a.amount, abs(j.amount))
    FROM adjustments j
    LEFT JOIN payment_applications a ON a.payment_id = j.payment_id AND a.n = j.application_n
    WHERE j.booked_at IS NOT NULL AND NOT j.second_needed
    UNION ALL
    SELECT 'refund', r.id, r.proposed_by, r.customer_id, r.currency, r.amount
    FROM refunds r WHERE r.ours AND NOT r.second_needed
    UNION ALL
    SELECT CASE WHEN g.created_by LIKE 'service:%' THEN 'service_grant' ELSE 'grant' END, g.id, g.created_by,
           g.customer_id, w.currency, g.amount
    FROM grants g JOIN wallets w ON w.customer_id = g.customer_id AND w.id = g.wallet_id
    WHERE g.order_id IS NULL AND (g.created_by LIKE 'service:%' OR g.created_by LIKE 'operator:%')
      AND NOT EXISTS (SELECT FROM grant_proposals p WHERE p.id = g.id AND p.approved_by IS NOT NULL)
    UNION ALL
    SELECT 'grant_change', c.id, c.proposed_by, c.customer_id, c.currency, c.amount
    FROM grant_changes c WHERE NOT c.second_needed
    UNION ALL
    SELECT 'application', d.id, d.proposed_by, d.customer_id, d.currency, d.amount
    FROM unapplied_decisions d
    WHERE d.done_at IS NOT NULL AND NOT d.second_needed AND d.destination IN ('order', 'wallet')
), summed AS (
    SELECT m.*, m.kind = 'service_grant' AS by_service,
           sum(m.amount) OVER (PARTITION BY CASE WHEN m.kind = 'service_grant' THEN '' ELSE m.actor END, m.currency,
                               m.customer_id ORDER BY m.moved_at
                               RANGE BETWEEN interval '24 hours' PRECEDING AND CURRENT ROW) AS of_customer,
           sum(m.amount) OVER (PARTITION BY m.actor, m.currency ORDER BY m.moved_at
                               RANGE BETWEEN interval '24 hours' PRECEDING AND CURRENT ROW) AS in_all
    FROM own_word_moves m
), since AS (
    SELECT date_trunc('minute', ledger_now() - interval '24 hours') AS minute
), moved AS (
    SELECT currency, date_trunc('minute', moved_at) AS minute, sum(amount) AS amount
    FROM own_word_moves WHERE kind = 'service_grant' AND moved_at >= (SELECT minute FROM since) GROUP BY 1, 2
), counted AS (
    SELECT currency, minute, sum(amount) AS amount
    FROM service_grant_sums WHERE minute >= (SELECT minute FROM since) GROUP BY 1, 2
)
SELECT 'own_word_recorded' AS rule,
       CASE coalesce(d.kind, m.kind) WHEN 'approval' THEN 'tuo_' WHEN 'refund' THEN 'rfd_' WHEN 'grant' THEN 'grt_'
            WHEN 'service_grant' THEN 'grt_' WHEN 'application' THEN 'dec_'
            WHEN 'grant_change' THEN 'gch_' ELSE 'adj_' END
       || replace(coalesce(d.subject, m.subject)::text, '-', '') AS subject,
       coalesce(d.customer_id, m.customer_id) AS customer,
       coalesce(d.kind || ' of ' || trim_scale(d.amount) || ' ' || d.currency || ' by ' || d.actor, 'nothing')
           AS expected,
       coalesce(m.kind || ' of ' || trim_scale(m.amount) || ' ' || m.currency || ' by ' || m.actor, 'nothing') AS found
FROM done d
FULL JOIN own_word_moves m ON m.kind = d.kind AND m.subject = d.subject AND m.customer_id = d.customer_id
WHERE (d.actor, d.currency, d.amount) IS DISTINCT FROM (m.actor, m.currency, m.amount)
UNION ALL
SELECT 'own_word_within', s.actor || ' ' || s.currency, s.customer_id,
       'at most ' || coalesce(trim_scale(s.allowed)::text, 'any') || ' for one customer, '
       || coalesce(trim_scale(s.allowed_in_all)::text, 'any') || ' in all',
       trim_scale(s.of_customer) || ' and ' || trim_scale(s.in_all)
FROM summed s
WHERE s.of_customer > s.allowed OR (NOT s.by_service AND s.in_all > s.allowed_in_all)
UNION ALL
SELECT 'service_grant_sums', currency, NULL, trim_scale(coalesce(m.amount, 0))::text,
       trim_scale(coalesce(c.amount, 0))::text
FROM moved m FULL JOIN counted c USING (currency, minute)
WHERE m.amount IS DISTINCT FROM c.amount
UNION ALL
SELECT 'grant_change_made', 'gch_' || replace(c.id::text, '-', ''), c.customer_id,
       'expires: ' || coalesce(c.expires_at::text, 'never'), 'expires: ' || coalesce(g.expires_at::text, 'never')
FROM (SELECT DISTINCT ON (customer_id, grant_id)
             id, customer_id, grant_id, CASE WHEN revokes THEN made_at ELSE expires_at END AS expires_at
      FROM (SELECT *, CASE WHEN second_needed THEN approved_at ELSE proposed_at END AS made_at FROM grant_changes) AS m
      WHERE made_at IS NOT NULL
      ORDER BY customer_id, grant_id, made_at DESC, id DESC) AS c
LEFT JOIN grants g ON g.customer_id = c.customer_id AND g.id = c.grant_id
WHERE g.expires_at IS DISTINCT FROM c.expires_at
  -- The closing of an account expires every grant.
  AND NOT EXISTS (SELECT FROM closings k WHERE k.customer_id = c.customer_id)
