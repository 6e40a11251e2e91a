-- How many disputes of a period are open, won or lost, by the month in which they were opened.
--
-- $1 timestamptz from
-- $2 timestamptz before
SELECT date_trunc('month', d.created_at AT TIME ZONE c.time_zone)::date AS month, d.provider::text AS provider,
       d.currency, d.status, count(*) AS count, sum(d.amount) AS amount
FROM disputes d
CROSS JOIN calendar c
WHERE d.created_at >= $1 AND d.created_at < $2
GROUP BY 1, 2, 3, 4
ORDER BY 1 DESC, 2, 3, 4
