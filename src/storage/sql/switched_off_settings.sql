-- The settings of this session that are off. With any of these off, a crash of the server may lose or damage bookings
-- that were confirmed to callers (postgresql.org/docs/current/runtime-config-wal.html).
SELECT name
FROM pg_settings
WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes') AND setting = 'off'
ORDER BY name
