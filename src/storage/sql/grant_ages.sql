-- What is left of promotional credit, by currency, by its age in days and by the days until it expires. `remaining > 0`
-- is written as in the index `grants_live`; it is true for active grants, too.
--
-- Returns the columns of `AgeRow`.
SELECT w.currency::text,
       CASE WHEN a.days <= 30 THEN 0 WHEN a.days <= 90 THEN 1 WHEN a.days <= 180 THEN 2 WHEN a.days <= 365 THEN 3 ELSE 4
       END AS age,
       CASE WHEN a.days_left IS NULL THEN 6 WHEN a.days_left <= 0 THEN 0 WHEN a.days_left <= 7 THEN 1
            WHEN a.days_left <= 30 THEN 2 WHEN a.days_left <= 90 THEN 3 WHEN a.days_left <= 365 THEN 4 ELSE 5
       END AS expiry,
       count(*), sum(CASE WHEN w.active_grant = g.id THEN w.active_remaining ELSE g.remaining END)
FROM (SELECT ledger_now() AS at OFFSET 0) AS now
CROSS JOIN grants g
JOIN wallets w ON w.customer_id = g.customer_id AND w.id = g.wallet_id
CROSS JOIN LATERAL (
    SELECT extract(epoch FROM now.at - g.created_at) / 86400, extract(epoch FROM g.expires_at - now.at) / 86400
) AS a (days, days_left)
WHERE g.remaining > 0
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
