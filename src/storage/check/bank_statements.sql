-- The files of our banks, against their lines and the payments of the lines.
WITH sums AS (
    SELECT statement_id, count(*) AS lines, coalesce(sum(amount) FILTER (WHERE amount > 0), 0) AS credits,
           -coalesce(sum(amount) FILTER (WHERE amount < 0), 0) AS debits
    FROM bank_statement_lines GROUP BY statement_id
)
SELECT v.rule, 'bst_' || replace(s.id::text, '-', '') AS subject, NULL::text AS customer, v.expected, v.found
FROM bank_statements s
LEFT JOIN sums m ON m.statement_id = s.id
CROSS JOIN LATERAL (VALUES
    ('statement_sums',
     (s.lines, s.credits, s.debits) = (coalesce(m.lines, 0), coalesce(m.credits, 0), coalesce(m.debits, 0))
     AND s.opening + s.credits - s.debits = s.closing,
     coalesce(m.lines, 0) || ' lines, ' || trim_scale(coalesce(m.credits, 0)) || ' arrived and '
     || trim_scale(coalesce(m.debits, 0)) || ' left, from ' || trim_scale(s.opening) || ' to '
     || trim_scale(s.closing),
     s.lines || ' lines, ' || trim_scale(s.credits) || ' and ' || trim_scale(s.debits)),
    ('second_operator_of_statement',
     s.applied_at IS NULL OR NOT s.second_needed OR coalesce(s.approved_by <> s.uploaded_by, false),
     'approved by somebody other than ' || s.uploaded_by, coalesce(s.approved_by, 'nobody'))
) AS v (rule, agrees, expected, found)
WHERE NOT v.agrees
UNION ALL
SELECT 'statement_taken_over', 'bst_' || replace(s.id::text, '-', ''), NULL,
       CASE WHEN s.applied_at IS NULL THEN 'no line on record' ELSE 'each line on record' END,
       'otherwise for ' || count(*) || ' of them, first line ' || min(l.n)
FROM bank_statements s
JOIN bank_statement_lines l ON l.statement_id = s.id
LEFT JOIN bank_lines b
    ON b.bank_account_id = s.bank_account_id AND b.fingerprint = l.fingerprint AND b.repeat = l.repeat
WHERE CASE WHEN s.applied_at IS NULL THEN b.statement_id = s.id ELSE b.id IS NULL END
GROUP BY s.id, s.applied_at
UNION ALL
SELECT 'bank_line_payment', 'bln_' || replace(b.id::text, '-', ''), NULL,
       CASE WHEN l.amount < 0 THEN 'no payment, for money that left'
            ELSE trim_scale(l.amount) || ' on ' || replace(b.bank_account_id::text, '-', '') || ', or a choice' END,
       coalesce(trim_scale(p.amount) || ' on ' || p.merchant_account, 'nothing')
FROM bank_lines b
JOIN bank_statement_lines l ON l.statement_id = b.statement_id AND l.n = b.n
LEFT JOIN payments p ON p.id = b.payment_id
WHERE CASE WHEN l.amount < 0 THEN b.payment_id IS NOT NULL OR b.tie <> '{}'
           WHEN b.payment_id IS NULL THEN b.tie = '{}'
           ELSE (p.provider::text, p.amount, p.merchant_account)
                IS DISTINCT FROM ('bank', l.amount, replace(b.bank_account_id::text, '-', '')) END
