-- Writes a test event for one endpoint.
--
-- $1 uuid the endpoint
--
-- Returns the event's id.
INSERT INTO events (type, noun, owner, data, created_at)
SELECT 'webhook_endpoint.test', 'webhook_endpoint', w.owner, to_jsonb(w), ledger_now()
FROM webhook_endpoints w
WHERE w.id = $1
RETURNING id
