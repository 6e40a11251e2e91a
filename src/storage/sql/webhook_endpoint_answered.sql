-- Notes how an attempt to deliver ended. A success ends the time of failures. A failure starts it, and disables the
-- endpoint if the endpoint answered 410 or has failed for too long.
--
-- $1 uuid the endpoint
-- $2 boolean whether the attempt succeeded
-- $3 boolean whether the endpoint answered 410
-- $4 timestamptz an endpoint that has failed since before this moment has failed for too long
UPDATE webhook_endpoints
SET failing_since = CASE WHEN $2 THEN NULL ELSE coalesce(failing_since, ledger_now()) END,
    status = CASE WHEN NOT $2 AND status = 'enabled' AND ($3 OR failing_since < $4) THEN 'disabled' ELSE status END,
    disabled_because = CASE
        WHEN NOT $2 AND status = 'enabled' AND ($3 OR failing_since < $4)
        THEN CASE WHEN $3 THEN 'gone' ELSE 'failing' END
        ELSE disabled_because
    END
WHERE id = $1 AND status <> 'deleted' AND (NOT $2 OR failing_since IS NOT NULL)
