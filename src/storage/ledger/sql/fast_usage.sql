-- Books ordinary deductions: the usage of one flush, any number of wallets and of items.
--
-- Each wallet is updated once, by the total of its items. Its active grant pays, or its paid money if it has no grant.
-- If `fast_path_covers` does not allow that, the wallet is not updated, gets no entry and is not returned:
-- `ledger::post` decides its items. Each item of an updated wallet becomes one entry.
--
-- Per wallet, in key order:
-- $1 text[] customer
-- $2 text[] currency
-- $3 text[] product
-- $4 numeric[] total of the wallet's items
-- $5 bigint[] number of the wallet's items
-- Per item, the items of a wallet in the order in which they were sent:
-- $6 int[] the item's wallet, as a place in $1 (from 1)
-- $7 bigint[] place among the wallet's items (from 1)
-- $8 numeric[] sum of the wallet's items up to and with this one
-- $9 numeric[] amount
-- $10 text[] dedupe key
-- $11 bigint[] fingerprint
-- $12 text[] description
-- $13 jsonb[] metadata
-- $14 timestamptz[] when the usage occurred
-- $15 int number of items
--
-- Returns one row per updated wallet: its place in $1, its id, its active grant, and what it was before: the balance,
-- paid_in, paid_out and the number of its last entry; and the time of the entries.
--
-- Plan notes. (a) An UPDATE locks rows in the order of its join. `customer_id = ANY (ARRAY[…])` can be used by neither
-- a hash join nor a merge join, and `Pool::lane` leaves only index scans, so the join is a nested loop over the arrays
-- in their order, which is key order: the order in which all writers lock wallets. (b) `generate_series` tells the
-- planner that there are many items. Without it the planner expects few, and compares each item with each wallet.
WITH moved AS (
    UPDATE wallets w
    SET paid = CASE WHEN w.active_grant IS NULL THEN w.paid - t.amount ELSE w.paid END,
        paid_out = CASE WHEN w.active_grant IS NULL THEN w.paid_out + t.amount ELSE w.paid_out END,
        granted = CASE WHEN w.active_grant IS NULL THEN w.granted ELSE w.granted - t.amount END,
        active_remaining = w.active_remaining - t.amount,
        spent_today = w.spent_today + t.amount,
        spent_this_month = w.spent_this_month + t.amount,
        entry_seq = w.entry_seq + t.items,
        version = w.version + t.items,
        updated_at = greatest(ledger_now(), w.updated_at)
    FROM unnest($1, $2, $3, $4, $5) WITH ORDINALITY AS t (customer_id, currency, product, amount, items, g)
    WHERE w.customer_id = ANY (ARRAY[t.customer_id])
      AND w.currency = t.currency
      AND w.product = t.product
      AND fast_path_covers(w, t.amount)
    RETURNING t.g::int4 AS g, w.id, w.customer_id, w.active_grant,
              w.paid + w.granted + t.amount AS balance, w.paid_in,
              CASE WHEN w.active_grant IS NULL THEN w.paid_out - t.amount ELSE w.paid_out END AS paid_out,
              w.entry_seq - t.items AS seq, w.updated_at
), booked AS (
    INSERT INTO entries (created_at, seq, fingerprint, wallet_id, kind, customer_id, amount, balance_after,
                         paid_in, paid_out, counterpart, key, granted, grant_id, description, metadata, occurred_at)
    SELECT m.updated_at, m.seq + i.place, i.fingerprint, m.id, /* USAGE */ 2 AS kind, m.customer_id,
           -i.amount, m.balance - i.running, m.paid_in,
           CASE WHEN m.active_grant IS NULL THEN m.paid_out + i.running ELSE m.paid_out END,
           'usage', i.key, CASE WHEN m.active_grant IS NOT NULL THEN -i.amount END, m.active_grant,
           i.description, i.metadata, i.occurred_at
    FROM ROWS FROM (
        unnest($6), unnest($7), unnest($8), unnest($9), unnest($10), unnest($11), unnest($12), unnest($13),
        unnest($14), generate_series(1, $15)
    ) AS i (g, place, running, amount, key, fingerprint, description, metadata, occurred_at, n)
    JOIN moved m ON m.g = i.g
)
SELECT g, id, active_grant, balance, paid_in, paid_out, seq, updated_at FROM moved
