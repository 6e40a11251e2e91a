-- Captures open holds of paid money, up to what they reserved: the captures of one flush, no hold twice.
--
-- The holds are closed first, in id order, then their wallets are updated in key order: the order in which all writers
-- lock. A hold is left out, and so not returned, if it is no longer open, reserves granted credit, or its wallet needs
-- the full path: `ledger::post` decides it. If a wallet turns out to need the full path only once its row is locked,
-- the statement fails as a whole (`fast_path_refused`): a closed hold whose wallet is not updated would be lost money.
--
-- Per hold, in id order:
-- $1 uuid[] id
-- $2 numeric[] amount to capture
-- $3 bigint[] fingerprint
--
-- Returns one row per captured hold: id, customer, key, currency, product, wallet id, reserved amount, description,
-- metadata, created_at, expires_at and fingerprint of the hold; seq, balance_after, paid_in, paid_out and created_at of
-- its entry; its place in $1 (from 1).
--
-- Plan notes. (a) `closed` asks about the wallet by a scalar subquery, not by EXISTS: EXISTS becomes a join and would
-- change the order in which holds are locked. (b) `placed` uses a FULL JOIN only to forbid a nested loop. The planner
-- expects one hold and one wallet, and would compare each hold of the flush with each wallet. (c) For the order of the
-- locks see the plan notes of `fast_usage.sql`.
WITH closed AS (
    UPDATE holds h
    SET status = 'captured',
        captured = a.amount,
        closed_at = ledger_now()
    FROM ROWS FROM (unnest($1), unnest($2), unnest($3)) WITH ORDINALITY AS a (id, amount, asked, n)
    WHERE h.id = ANY (ARRAY[a.id])
      AND h.status = 'open'
      AND h.expires_at > ledger_now()
      AND h.granted = 0
      AND a.amount > 0
      AND a.amount <= h.amount
      AND (SELECT NOT w.needs_full_path AND (w.low_balance_threshold IS NULL OR w.fast_floor > 0)
           FROM wallets w
           WHERE w.customer_id = h.customer_id AND w.id = h.wallet_id)
    RETURNING a.n, a.amount AS taken, a.asked, h.*
), total AS (
    SELECT customer_id, currency, product, sum(amount) AS held, sum(taken) AS taken, count(*) AS items
    FROM closed
    GROUP BY 1, 2, 3
    ORDER BY customer_id COLLATE "C", currency COLLATE "C", product COLLATE "C"
), moved AS (
    UPDATE wallets w
    SET held = w.held - t.held,
        paid = w.paid - t.taken,
        paid_out = w.paid_out + t.taken,
        entry_seq = w.entry_seq + t.items,
        version = w.version + t.items,
        updated_at = greatest(ledger_now(), w.updated_at)
    FROM total t
    WHERE w.customer_id = ANY (ARRAY[t.customer_id])
      AND w.currency = t.currency
      AND w.product = t.product
      AND NOT w.needs_full_path
      AND (w.low_balance_threshold IS NULL OR w.fast_floor > 0)
    RETURNING w.id, w.paid + t.taken AS paid, w.paid_in, w.paid_out - t.taken AS paid_out,
              w.entry_seq - t.items AS seq, w.updated_at
), placed AS (
    SELECT c.*,
           coalesce(m.seq, fast_path_refused()) + row_number() OVER wallet AS seq,
           sum(c.taken) OVER wallet AS running,
           m.paid, m.paid_in, m.paid_out, m.updated_at AS moved_at
    FROM closed c
    FULL JOIN moved m ON m.id = c.wallet_id
    WINDOW wallet AS (PARTITION BY c.wallet_id ORDER BY c.n)
), booked AS (
    INSERT INTO entries (created_at, seq, fingerprint, wallet_id, kind, customer_id, amount, balance_after,
                         paid_in, paid_out, counterpart, key, reference, description, metadata)
    SELECT moved_at, seq, asked, wallet_id, /* CAPTURE */ 3 AS kind, customer_id, -taken, paid - running,
           paid_in, paid_out + running, 'usage', 'hold_' || replace(id::text, '-', ''),
           'hold_' || replace(id::text, '-', ''), description, metadata
    FROM placed
)
SELECT id, customer_id, key, currency, product, wallet_id, amount, description, metadata, created_at, expires_at,
       fingerprint, seq, paid - running, paid_in, paid_out + running, moved_at, n::int4
FROM placed
