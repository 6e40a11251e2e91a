-- Notes how an attempt to deliver ended. A success ends the time of failures. A failure begins it, and disables the
-- endpoint if it is gone or has failed for too long.
--
-- $1 uuid the endpoint
-- $2 boolean whether the attempt succeeded
-- $3 boolean whether the endpoint says that it is gone
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
