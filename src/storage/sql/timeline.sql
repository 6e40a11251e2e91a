-- The name of the log file that a server writes, if it can be written to; otherwise null.
SELECT CASE WHEN NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::bool
            THEN pg_walfile_name(pg_current_wal_lsn()) END
