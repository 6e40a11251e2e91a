-- The day to fold next, and when it begins and ends. The first one is the day on which the database was made,
-- and begins at the epoch.
--
-- Returns the columns of `DayRow`.
SELECT d.day, coalesce(l.ends_at, 'epoch'), (d.day + 1)::timestamp AT TIME ZONE c.time_zone
FROM calendar c
LEFT JOIN LATERAL (SELECT day, ends_at FROM report_days ORDER BY day DESC LIMIT 1) l ON true
CROSS JOIN LATERAL (SELECT coalesce(l.day + 1, (c.stamped_at AT TIME ZONE c.time_zone)::date)) AS d (day)
