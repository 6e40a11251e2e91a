//! The database role of the service: what it may do in every session, whichever user has opened the session.
//!
//! The role may add entries, grant uses, seals and audit lines, and can neither change nor remove any. It owns nothing.
//! `topup migrate` makes it as the owner of the database; every session of the service takes it (`SET ROLE`).

use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::Text;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};

use super::StorageError;
use super::columns::YesOrNo;
use super::connection::role::quote;
use super::connection::sqlstate;
use super::schema::environment;

/// An arbitrary number that no other code locks: two sessions that grant run one after the other.
const LOCK: i64 = 0x0074_6f70_7571;
/// The tables to which the role may only add rows.
const ADDED_TO: &str = "entries, grant_uses, audit_log, seals, seal_keys, customer_secrets, agreement_texts, \
     report_days, report_sums, usage_sums";
/// Written only by `topup migrate`.
const READ: &str = "environment, calendar, entry_kinds, __diesel_schema_migrations";

const CAN_TAKE: &str = include_str!("sql/can_take_role.sql");
const EXISTS: &str = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1) AS yes";
const IS_MEMBER: &str = include_str!("sql/is_member_of_role.sql");
const MAY_CREATE: &str = "SELECT has_schema_privilege($1, 'public', 'CREATE') AS yes";
const REVOKE_CREATE: &str = "REVOKE CREATE ON SCHEMA public FROM PUBLIC";
/// Whether the session's user owns a table, or is a superuser.
const OWNS: &str =
    "SELECT pg_has_role(session_user, relowner, 'MEMBER') AS yes FROM pg_class WHERE oid = to_regclass($1)";

#[derive(QueryableByName)]
struct RoleName {
    #[diesel(sql_type = Text)]
    name: String,
}

/// What became of the role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeRole {
    pub role: String,
    /// Statements that this session was not allowed to run, for the administrator of the cluster.
    pub left: Vec<String>,
}

async fn name(conn: &mut AsyncPgConnection, sql: &str) -> Result<String, StorageError> {
    Ok(diesel::sql_query(sql).get_result::<RoleName>(conn).await?.name)
}

async fn ask(conn: &mut AsyncPgConnection, sql: &str, of: &str) -> Result<bool, StorageError> {
    Ok(diesel::sql_query(sql).bind::<Text, _>(of).get_result::<YesOrNo>(conn).await?.yes)
}

async fn is_member(conn: &mut AsyncPgConnection, member: &str, of: &str) -> Result<bool, StorageError> {
    let asked = diesel::sql_query(IS_MEMBER).bind::<Text, _>(member).bind::<Text, _>(of);
    Ok(asked.get_result::<YesOrNo>(conn).await?.yes)
}

/// The user who opened the session.
///
/// # Errors
/// Database errors.
pub async fn session_user(conn: &mut AsyncPgConnection) -> Result<String, StorageError> {
    name(conn, "SELECT session_user::text AS name").await
}

/// The role's usual name. Roles belong to the cluster, so it contains the name of the database.
async fn usual(conn: &mut AsyncPgConnection) -> Result<String, StorageError> {
    Ok(format!("topup_{}", name(conn, "SELECT current_database()::text AS name").await?))
}

/// The name of the role: the configured one, or else the one that `topup migrate` recorded, or else the usual one.
///
/// # Errors
/// Database errors.
pub async fn find(conn: &mut AsyncPgConnection, configured: Option<&str>) -> Result<String, StorageError> {
    if let Some(configured) = configured {
        return Ok(configured.to_owned());
    }
    let is_readable = "SELECT coalesce(has_table_privilege(to_regclass($1), 'SELECT'), false) AS yes";
    if ask(conn, is_readable, "environment").await? {
        let noted: Option<Option<String>> =
            environment::table.select(environment::service_role).first(conn).await.optional()?;
        if let Some(noted) = noted.flatten() {
            return Ok(noted);
        }
    }
    usual(conn).await
}

/// Makes the role, grants it what the service needs, and lets the session's user and `login` take it. It also sees what
/// other sessions do, because the sweep of holds asks for the oldest transaction. Another process may make the role at
/// the same time. The statements that this session may not run are returned for the administrator.
///
/// # Errors
/// Database errors, except those for a lack of privileges over roles.
pub async fn make(
    conn: &mut AsyncPgConnection,
    configured: Option<&str>,
    login: Option<&str>,
) -> Result<MadeRole, StorageError> {
    let role = find(conn, configured).await?;
    let mut left = Vec::new();
    let quoted = quote(&role);
    if !ask(conn, EXISTS, &role).await? {
        // Another session may have made it meanwhile.
        attempt(conn, format!("CREATE ROLE {quoted} NOLOGIN"), &mut left).await?;
    }
    let is_there = ask(conn, EXISTS, &role).await?;
    let user = session_user(conn).await?;
    let mut wanted = Vec::new();
    for taker in [Some(user.as_str()), login].into_iter().flatten() {
        if !is_member(conn, taker, &role).await? {
            wanted.push(format!("GRANT {quoted} TO {}", quote(taker)));
        }
    }
    if !is_member(conn, &role, "pg_read_all_stats").await? {
        wanted.push(format!("GRANT pg_read_all_stats TO {quoted}"));
    }
    for statement in wanted {
        match is_there {
            true => attempt(conn, statement, &mut left).await?,
            false => left.push(format!("{statement};")),
        }
    }
    if is_there {
        grant(conn, &role).await?;
        // Up to PostgreSQL 14 everybody may make tables, functions and triggers in the schema.
        if ask(conn, MAY_CREATE, &role).await? {
            let mut refused = Vec::new();
            attempt(conn, REVOKE_CREATE.to_owned(), &mut refused).await?;
            // A user who does not own the schema only gets a warning.
            if ask(conn, MAY_CREATE, &role).await? {
                left.push(format!("{REVOKE_CREATE};"));
            }
        }
    }
    Ok(MadeRole { role, left })
}

/// Grants the role exactly what the service needs, in one statement.
async fn grant(conn: &mut AsyncPgConnection, role: &str) -> Result<(), StorageError> {
    let quoted = quote(role);
    let grants = [
        // Privileges of a table are a row that two sessions must not write at once.
        format!("SELECT pg_advisory_xact_lock({LOCK})"),
        format!("GRANT USAGE ON SCHEMA public TO {quoted}"),
        format!("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {quoted}"),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {quoted}"),
        format!("REVOKE UPDATE, DELETE ON {ADDED_TO} FROM {quoted}"),
        format!("REVOKE INSERT, UPDATE, DELETE ON {READ} FROM {quoted}"),
        format!("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {quoted}"),
    ];
    conn.transaction::<_, StorageError, _>(async |conn| {
        conn.batch_execute(&grants.join("; ")).await?;
        diesel::update(environment::table).set(environment::service_role.eq(role)).execute(conn).await?;
        Ok(())
    })
    .await
}

/// Runs one statement about roles. A lack of privileges leaves it to the administrator.
async fn attempt(conn: &mut AsyncPgConnection, statement: String, left: &mut Vec<String>) -> Result<(), StorageError> {
    /// Sessions that write the rows of roles do not wait for each other; the second one tries again.
    const TRIES: u32 = 5;
    for tried in 1.. {
        let done = conn.transaction::<_, DieselError, _>(async |conn| conn.batch_execute(&statement).await).await;
        match done {
            Ok(()) => return Ok(()),
            Err(error) => match Why::of(&error) {
                Why::Exists => return Ok(()),
                Why::Forbidden => {
                    left.push(format!("{statement};"));
                    return Ok(());
                }
                Why::Raced if tried < TRIES => {}
                Why::Raced | Why::Other => return Err(error.into()),
            },
        }
    }
    Ok(())
}

enum Why {
    Exists,
    Forbidden,
    Raced,
    Other,
}

impl Why {
    fn of(error: &DieselError) -> Self {
        let DieselError::DatabaseError(_, info) = error else { return Self::Other };
        match sqlstate::state_of(info.message()).as_deref() {
            Some("42710" | "23505") => Self::Exists,
            // A role that is not there may be made by the administrator as well.
            Some("42501" | "42704") => Self::Forbidden,
            Some("XX000") => Self::Raced,
            _ => Self::Other,
        }
    }
}

/// Whether the session can take the role.
///
/// # Errors
/// Database errors.
pub async fn can_take(conn: &mut AsyncPgConnection, role: &str) -> Result<bool, StorageError> {
    ask(conn, CAN_TAKE, role).await
}

/// Whether the session's user could change entries in spite of the role: a superuser, or the owner of the table.
///
/// # Errors
/// Database errors.
pub async fn session_owns_entries(conn: &mut AsyncPgConnection) -> Result<bool, StorageError> {
    ask(conn, OWNS, "entries").await
}
