-- The entries of stretches, as the sealed form has them, in any order.
--
-- Per stretch:
-- $1 text[] customer
-- $2 uuid[] wallet
-- $3 bigint[] number of the first entry
-- $4 bigint[] number of the last entry
--
-- Returns the number of the stretch, from 1, and the columns of each of its entries.
SELECT t.n, e.seq, e.kind, e.key, e.fingerprint, e.amount, e.granted, e.debt, e.balance_after, e.paid_in, e.paid_out,
       e.counterpart, e.reference, e.occurred_at, e.created_at, e.text_digest, e.description, e.metadata
FROM unnest($1, $2, $3, $4) WITH ORDINALITY AS t (customer_id, wallet_id, from_seq, to_seq, n)
CROSS JOIN LATERAL (SELECT * FROM entries l
                    WHERE l.customer_id = t.customer_id AND l.wallet_id = t.wallet_id
                      AND l.seq BETWEEN t.from_seq AND t.to_seq
                    OFFSET 0) AS e
