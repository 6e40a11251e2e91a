-- Reads endpoints of webhooks back as events kept them, in the order given.
--
-- $1 jsonb[] rows of `webhook_endpoints`
--
-- Returns the columns of `EndpointRow`.
SELECT w.id, w.owner, w.url, w.description, w.types, w.status, w.disabled_because, w.failing_since, w.created_at,
       w.updated_at
FROM unnest($1) WITH ORDINALITY AS kept (data, n)
CROSS JOIN LATERAL jsonb_populate_record(NULL::webhook_endpoints, kept.data) w
ORDER BY kept.n
