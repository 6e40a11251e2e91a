-- Opens ordinary holds: the holds of one flush, any number of wallets and of holds.
--
-- Each wallet is updated once, by the total of its holds: they reserve its active grant, or its paid money if it has no
-- grant. If `fast_path_covers` does not allow that, the wallet is not updated, gets no hold and is not returned:
-- `ledger::post` decides its holds. If a key belongs to another hold, even to one that was captured and deleted, the
-- statement fails as a whole.
--
-- Per wallet, in key order:
-- $1 text[] customer
-- $2 text[] currency
-- $3 text[] product
-- $4 numeric[] total of the wallet's holds
-- $5 bigint[] number of the wallet's holds
-- Per hold:
-- $6 int[] the hold's wallet, as a place in $1 (from 1)
-- $7 uuid[] id
-- $8 numeric[] amount
-- $9 bigint[] lifetime in seconds
-- $10 text[] dedupe key
-- $11 bigint[] fingerprint
-- $12 text[] description
-- $13 jsonb[] metadata
-- $14 int number of holds
--
-- Returns one row per updated wallet: its place in $1, its id, its active grant, and when its holds were opened.
--
-- The plan notes of `fast_usage.sql` apply here as well.
WITH moved AS (
    UPDATE wallets w
    SET held = w.held + t.amount,
        active_held = w.active_held + t.amount,
        version = w.version + t.items,
        updated_at = greatest(ledger_now(), w.updated_at)
    FROM unnest($1, $2, $3, $4, $5) WITH ORDINALITY AS t (customer_id, currency, product, amount, items, g)
    WHERE w.customer_id = ANY (ARRAY[t.customer_id])
      AND w.currency = t.currency
      AND w.product = t.product
      AND fast_path_covers(w, t.amount)
    RETURNING t.g::int4 AS g, w.id, w.customer_id, w.currency, w.product, w.active_grant, ledger_now() AS now
), opened AS (
    INSERT INTO holds (customer_id, key, id, wallet_id, currency, product, fingerprint, amount, granted, grant_id,
                       description, metadata, created_at, expires_at)
    SELECT m.customer_id, i.key, i.id, m.id, m.currency, m.product, i.fingerprint, i.amount,
           CASE WHEN m.active_grant IS NULL THEN 0 ELSE i.amount END, m.active_grant, i.description, i.metadata, m.now,
           m.now + i.seconds * interval '1 second'
    FROM ROWS FROM (
        unnest($6), unnest($7), unnest($8), unnest($9), unnest($10), unnest($11), unnest($12), unnest($13),
        generate_series(1, $14)
    ) AS i (g, id, amount, seconds, key, fingerprint, description, metadata, n)
    JOIN moved m ON m.g = i.g
    -- LIMIT forces one index look-up per hold, as in `fast_known_holds.sql`.
    WHERE (SELECT hold_key_used() FROM entries e
           WHERE e.key = i.key AND e.kind = /* CAPTURE */ 3 AND e.customer_id = m.customer_id
           LIMIT 1) IS NULL
)
SELECT g, id, active_grant, now FROM moved
