-- Every entry against the one before it. A figure is reported only if it differs from the running sum and does not
-- follow from the entry before either. So the report names the wrong entry, and not all entries after it.
WITH chain AS (
    SELECT e.customer_id, e.wallet_id, e.seq, e.kind, e.counterpart, e.amount, e.created_at,
           e.balance_after, e.paid_in, e.paid_out, p.paid,
           lag(e.seq, 1, 0::bigint) OVER w AS seq_before,
           lag(e.created_at) OVER w AS created_before,
           lag(e.balance_after, 1, 0::numeric) OVER w AS balance_before,
           lag(e.paid_in, 1, 0::numeric) OVER w AS paid_in_before,
           lag(e.paid_out, 1, 0::numeric) OVER w AS paid_out_before,
           sum(e.amount) OVER w AS balance_sum,
           sum(greatest(p.paid, 0)) OVER w AS paid_in_sum,
           sum(greatest(-p.paid, 0)) OVER w AS paid_out_sum
    FROM entries e
    CROSS JOIN LATERAL (SELECT e.amount - coalesce(e.granted, 0) + coalesce(e.debt, 0)) AS p (paid)
    WINDOW w AS (PARTITION BY e.customer_id, e.wallet_id ORDER BY e.seq ROWS UNBOUNDED PRECEDING)
), judged AS (
    SELECT c.*,
           c.seq = c.seq_before + 1 AS seq_agrees,
           c.created_before IS NULL OR c.created_at >= c.created_before AS time_agrees,
           c.balance_after = c.balance_sum OR c.balance_after = c.balance_before + c.amount AS balance_agrees,
           c.paid_in = c.paid_in_sum OR c.paid_in = c.paid_in_before + greatest(c.paid, 0) AS paid_in_agrees,
           c.paid_out = c.paid_out_sum OR c.paid_out = c.paid_out_before + greatest(-c.paid, 0) AS paid_out_agrees,
           CASE
               WHEN c.kind IN (/* BRINGS_MONEY */ 1, 4, 6, 7, 9, 12, 14, 16, 18, 20, 21) THEN c.amount > 0
               WHEN c.kind IN (/* TAKES_MONEY */ 2, 3, 5, 8, 10, 13, 15, 17, 19, 22) THEN c.amount < 0
               ELSE c.amount <> 0
           END AS sign_agrees,
           CASE
               WHEN c.kind = /* RECHARGE */ 1 THEN c.counterpart LIKE 'provider:_%' OR c.counterpart LIKE 'bank:_%'
               WHEN c.kind IN (/* SPENDING */ 2, 3, 4)
                   THEN c.counterpart = 'usage' OR c.kind <> /* CAPTURE */ 3 AND c.counterpart LIKE 'usage:_%'
               WHEN c.kind IN (/* REFUNDS */ 5, 6) THEN c.counterpart LIKE 'refund:_%'
               WHEN c.kind IN (/* TRANSFERS */ 7, 8) THEN c.counterpart = 'transfer'
               WHEN c.kind IN (/* PROMOTIONS */ 9, 10, 12, 13, 14) OR c.kind IN (/* BONUS_MONEY */ 17, 18)
                   THEN c.counterpart = 'promotion'
               WHEN c.kind IN (/* DISPUTES */ 15, 16) THEN c.counterpart LIKE 'dispute:_%'
               WHEN c.kind IN (/* PAYOUTS */ 19, 20) THEN c.counterpart = 'payout'
               WHEN c.kind IN (/* WRITE_OFFS */ 21, 22) THEN c.counterpart = 'write_off'
               ELSE c.counterpart NOT IN ('', 'usage', 'transfer', 'promotion', 'payout', 'write_off')
           END AS counterpart_agrees,
           c.kind IN (SELECT kind FROM entry_kinds) AS kind_agrees
    FROM chain c
)
SELECT v.rule,
       'wal_' || replace(j.wallet_id::text, '-', '') || ':' || j.seq AS subject,
       j.customer_id AS customer, v.expected, v.found
FROM judged j
CROSS JOIN LATERAL (VALUES
    ('entry_seq', j.seq_agrees, (j.seq_before + 1)::text, j.seq::text),
    ('entry_time', j.time_agrees, 'not before ' || j.created_before, j.created_at::text),
    ('entry_balance', j.balance_agrees, trim_scale(j.balance_sum)::text, trim_scale(j.balance_after)::text),
    ('entry_paid_in', j.paid_in_agrees, trim_scale(j.paid_in_sum)::text, trim_scale(j.paid_in)::text),
    ('entry_paid_out', j.paid_out_agrees, trim_scale(j.paid_out_sum)::text, trim_scale(j.paid_out)::text),
    ('entry_sign', j.sign_agrees, 'the sign of kind ' || j.kind, trim_scale(j.amount)::text),
    ('entry_counterpart', j.counterpart_agrees, 'the counterpart of kind ' || j.kind, j.counterpart),
    ('entry_kind', j.kind_agrees, 'a known kind', j.kind::text)
) AS v (rule, agrees, expected, found)
WHERE NOT (j.seq_agrees AND j.time_agrees AND j.balance_agrees AND j.paid_in_agrees AND j.paid_out_agrees
           AND j.sign_agrees AND j.counterpart_agrees AND j.kind_agrees)
  AND NOT v.agrees
