-- Customers that a search finds, at most $1 for each way in which a text can match. A prefix is a range in the order of
-- code points, so each way is a range of one index, and is read in its order. A customer has several wallets, next to
-- each other in the index.
--
-- $1 bigint at most this many of each way
-- $2 text the first id
-- $3 text the end of ids
-- $4 text the first name or address in lower case
-- $5 text the end of names and addresses
--
-- Returns the columns of `FoundRow`.
SELECT NULL::uuid AS id, f.customer_id, min(f.matched) AS matched, NULL::text AS status, NULL::text AS currency,
       NULL::numeric AS amount, NULL::timestamptz AS created_at
FROM (
    (SELECT customer_id::text, 'customer_id' AS matched FROM wallets
     WHERE customer_id ~>=~ $2 AND customer_id ~<~ $3 ORDER BY customer_id USING ~<~ LIMIT 10 * $1)
    UNION ALL
    (SELECT customer_id, 'customer_id' FROM billing_profiles
     WHERE customer_id ~>=~ $2 AND customer_id ~<~ $3 ORDER BY customer_id USING ~<~ LIMIT $1)
    UNION ALL
    (SELECT customer_id, 'name' FROM billing_profiles WHERE lower(name) ~>=~ $4 AND lower(name) ~<~ $5
     ORDER BY lower(name) USING ~<~ LIMIT $1)
    UNION ALL
    (SELECT customer_id, 'email' FROM billing_profiles WHERE lower(email) ~>=~ $4 AND lower(email) ~<~ $5
     ORDER BY lower(email) USING ~<~ LIMIT $1)
) f
GROUP BY f.customer_id
ORDER BY f.customer_id
LIMIT $1
