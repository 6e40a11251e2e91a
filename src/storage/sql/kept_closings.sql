-- Reads closings back as events kept them, in the order given.
--
-- $1 jsonb[] rows of `closings`
--
-- Returns the columns of `ClosingRow`.
SELECT c.id, c.customer_id, c.state, c.reason, c.started_by, c.starter_has_finance, c.started_at, c.updated_at,
       c.closed_at, c.due_at
FROM unnest($1) WITH ORDINALITY AS kept (data, n)
CROSS JOIN LATERAL jsonb_populate_record(NULL::closings, kept.data) c
ORDER BY kept.n
