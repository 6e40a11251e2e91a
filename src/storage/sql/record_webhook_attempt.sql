-- Records an attempt of a delivery, and the delivery's new state. Nothing is written when another process has made
-- an attempt meanwhile.
--
-- $1 uuid the delivery
-- $2 integer how many attempts it had before this one
-- $3 integer how many milliseconds the attempt took
-- $4 integer the status of the answer; null: there was none
-- $5 text why it failed
-- $6 text the beginning of the answer's body
-- $7 text what the delivery becomes
-- $8 timestamptz when the attempt was made
-- $9 bigint in how many milliseconds it is tried again; null: never
WITH kept AS (
    UPDATE webhook_deliveries
    SET attempts = attempts + 1, tries = tries + 1, status = $7,
        due_at = (SELECT ledger_now()) + $9 * interval '1 millisecond'
    WHERE id = $1 AND attempts = $2
    RETURNING id, attempts
)
INSERT INTO webhook_attempts (delivery_id, n, at, milliseconds, status, error, body)
SELECT id, attempts, $8, $3, $4, $5, $6 FROM kept
