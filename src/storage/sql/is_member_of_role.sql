-- Whether one role can take another, as in `can_take_role.sql`.
--
-- $1 text the role that takes
-- $2 text the role to take
SELECT EXISTS (
    SELECT
    FROM pg_roles m, pg_roles r
    WHERE m.rolname = $1
      AND r.rolname = $2
      AND pg_has_role(m.oid, r.oid,
                      CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)
) AS yes
