-- Whether the session's user can take a role. From PostgreSQL 16 on, the user who makes a role is a member that may
-- grant the role, but may not take it.
--
-- $1 text the role
SELECT coalesce((
    SELECT pg_has_role(session_user, oid,
                       CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)
    FROM pg_roles
    WHERE rolname = $1
), false) AS yes
