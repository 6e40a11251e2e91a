-- Between which entries of its wallet a grant can have been used: from the one that opened it, to the last.
--
-- $1 text customer
-- $2 uuid grant
--
-- Returns the wallet, the number of the entry that opened the grant, and that of the last entry; or no row.
SELECT g.wallet_id,
       (SELECT min(u.seq) FROM grant_uses u WHERE u.customer_id = g.customer_id AND u.grant_id = g.id),
       CASE WHEN w.active_grant = g.id THEN w.entry_seq
            ELSE greatest(g.used_to, (SELECT max(u.seq) FROM grant_uses u
                                      WHERE u.customer_id = g.customer_id AND u.grant_id = g.id)) END
FROM grants g
JOIN wallets w ON w.customer_id = g.customer_id AND w.id = g.wallet_id
WHERE g.customer_id = $1 AND g.id = $2
  AND EXISTS (SELECT FROM grant_uses u WHERE u.customer_id = g.customer_id AND u.grant_id = g.id)
