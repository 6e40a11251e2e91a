-- Captures open holds of one part, paid money or the active grant, up to what they reserved: the captures of one flush,
-- no hold twice.
--
-- The holds are closed first, in id order, then their wallets are updated in key order: the order in which all writers
-- lock. A hold is left out, and so not returned, if it is no longer open, reserves several parts, would use its grant
-- up, or its wallet needs the full path; then `ledger::post` decides it. If that turns out only once the wallet's row
-- is locked, the statement fails as a whole (`fast_path_refused`): a closed hold whose wallet is not updated would be
-- lost money.
--
-- Per hold, in id order:
-- $1 uuid[] id
-- $2 numeric[] amount to capture
-- $3 bigint[] fingerprint
--
-- Returns one row per captured hold: id, customer, key, currency, product, wallet id, reserved amount, description,
-- metadata, created_at, expires_at, fingerprint and grant of the hold; seq, balance_after, paid_in, paid_out and
-- created_at of its entry; its place in $1 (from 1).
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
      AND (h.granted = 0 OR h.grant_id IS NOT NULL AND h.granted = h.amount)
      AND a.amount > 0
      AND a.amount <= h.amount
      AND (SELECT fast_path_captures(w, h.grant_id, a.amount)
           FROM wallets w
           WHERE w.customer_id = h.customer_id AND w.id = h.wallet_id)
    RETURNING a.n, a.amount AS taken, CASE WHEN h.grant_id IS NULL THEN a.amount ELSE 0 END AS taken_paid, a.asked, h.*
), total AS (
    SELECT customer_id, currency, product, sum(amount) AS held, sum(granted) AS held_granted, sum(taken) AS taken,
           sum(taken_paid) AS taken_paid, count(*) AS items,
           -- The same value for all of them: the wallet's active grant.
           max(grant_id::text)::uuid AS grant_id
    FROM closed
    GROUP BY 1, 2, 3
    ORDER BY customer_id COLLATE "C", currency COLLATE "C", product COLLATE "C"
), moved AS (
    UPDATE wallets w
    SET held = w.held - t.held,
        paid = w.paid - t.taken_paid,
        paid_out = w.paid_out + t.taken_paid,
        granted = w.granted - (t.taken - t.taken_paid),
        active_remaining = w.active_remaining - (t.taken - t.taken_paid),
        active_held = w.active_held - t.held_granted,
        spent_today = w.spent_today + t.taken,
        spent_this_month = w.spent_this_month + t.taken,
        entry_seq = w.entry_seq + t.items,
        version = w.version + t.items,
        updated_at = greatest(ledger_now(), w.updated_at)
    FROM total t
    WHERE w.customer_id = ANY (ARRAY[t.customer_id])
      AND w.currency = t.currency
      AND w.product = t.product
      AND fast_path_captures(w, t.grant_id, t.taken - t.taken_paid)
    RETURNING w.id, w.paid + w.granted + t.taken AS balance, w.paid_in, w.paid_out - t.taken_paid AS paid_out,
              w.entry_seq - t.items AS seq, w.updated_at
), placed AS (
    SELECT c.*,
           coalesce(m.seq, fast_path_refused()) + row_number() OVER wallet AS seq,
           m.balance - sum(c.taken) OVER wallet AS balance_after,
           m.paid_in,
           m.paid_out + sum(c.taken_paid) OVER wallet AS paid_out_after,
           m.updated_at AS moved_at
    FROM closed c
    FULL JOIN moved m ON m.id = c.wallet_id
    WINDOW wallet AS (PARTITION BY c.wallet_id ORDER BY c.n)
), booked AS (
    INSERT INTO entries (created_at, seq, fingerprint, wallet_id, kind, customer_id, amount, balance_after,
                         paid_in, paid_out, counterpart, key, granted, grant_id, reference, description, metadata)
    SELECT moved_at, seq, asked, wallet_id, /* CAPTURE */ 3 AS kind, customer_id, -taken, balance_after,
           paid_in, paid_out_after, 'usage', key,
           CASE WHEN grant_id IS NOT NULL THEN -taken END, grant_id,
           'hold_' || replace(id::text, '-', ''), description, metadata
    FROM placed
)
SELECT id, customer_id, key, currency, product, wallet_id, amount, description, metadata, created_at, expires_at,
       fingerprint, grant_id, seq, balance_after, paid_in, paid_out_after, moved_at, n::int4
FROM placed
