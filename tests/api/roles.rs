//! The database role of the service: what it cannot do, and who may take it.

use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use reqwest::Method;
use serde_json::json;
use topup::config::{Config, SandboxMode};
use topup::domain::environment::Environment;
use topup::embedded::Cluster;
use topup::server::{Database, StartError};
use topup::storage::pool::connect;
use topup::storage::{Connection, environment, migrations, roles};

use crate::stage::until;
use crate::support::{TestApp, config, database, empty_database, url};

#[derive(QueryableByName)]
struct Users {
    #[diesel(sql_type = Text)]
    session: String,
    #[diesel(sql_type = Text)]
    now: String,
}

async fn users(conn: &mut Connection) -> (String, String) {
    let sql = "SELECT session_user::text AS session, current_user::text AS now";
    let users: Users = diesel::sql_query(sql).get_result(conn).await.unwrap();
    (users.session, users.now)
}

async fn refusal(conn: &mut Connection, sql: &str) -> String {
    conn.batch_execute(sql).await.err().map(|error| error.to_string()).unwrap_or_default()
}

#[tokio::test]
async fn the_service_adds_to_the_books_and_changes_nothing_in_them() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    let pool = &app.server.app.pool;
    let mut conn = pool.get().await.unwrap();
    assert_eq!(users(&mut conn).await.1, "topup_template_topup");
    assert_eq!(users(&mut pool.lane().await.unwrap()).await.1, "topup_template_topup");

    for (table, column) in [
        ("entries", "amount"),
        ("grant_uses", "amount"),
        ("audit_log", "actor"),
        ("seals", "hash"),
        ("seal_keys", "public_key"),
    ] {
        for sql in [
            format!("UPDATE {table} SET {column} = {column}"),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table}"),
        ] {
            assert!(refusal(&mut conn, &sql).await.contains("permission denied"), "{sql}");
        }
        for sql in [
            format!("ALTER TABLE {table} DISABLE TRIGGER ALL"),
            format!("DROP TABLE {table}"),
            format!("CREATE INDEX ON {table} ({column})"),
        ] {
            assert!(refusal(&mut conn, &sql).await.contains("must be owner"), "{sql}");
        }
    }
    for sql in [
        "UPDATE environment SET stamp = 'live'",
        "DELETE FROM __diesel_schema_migrations",
        "INSERT INTO environment (singleton, stamp) VALUES (false, 'live')",
        "TRUNCATE wallets",
        "TRUNCATE holds",
        "SET session_replication_role = replica",
    ] {
        assert!(refusal(&mut conn, sql).await.contains("permission denied"), "{sql}");
    }
    drop(conn);
    app.finish().await;
}

#[tokio::test]
async fn a_database_without_its_role_is_not_served() {
    let name = empty_database().await;
    let refused = TestApp::try_spawn(&name, |_| ()).await.err().unwrap();
    assert!(matches!(refused, StartError::Pending(_)), "{refused}");
    migrations::run(&url(&name)).await.unwrap();
    let mut conn = connect(&url(&name)).await.unwrap();
    environment::stamp(&mut conn, Environment::Test).await.unwrap();
    let refused = TestApp::try_spawn(&name, |_| ()).await.err().unwrap();
    assert!(matches!(&refused, StartError::NoRole(role) if *role == format!("topup_{name}")), "{refused}");

    let made = roles::make(&mut conn, Some("a \"role\" of its own"), None).await.unwrap();
    assert_eq!((made.role.as_str(), made.left.len()), ("a \"role\" of its own", 0));
    let app = TestApp::try_spawn(&name, |_| ()).await.unwrap();
    assert_eq!(users(&mut app.server.app.pool.get().await.unwrap()).await.1, made.role);
    app.finish().await;
}

#[tokio::test]
async fn several_owners_may_make_one_role_at_once() {
    let names = [database().await, database().await, database().await];
    let made = names.iter().map(async |name| {
        let mut conn = connect(&url(name)).await.unwrap();
        for _ in 0..5 {
            let made = roles::make(&mut conn, Some("topup_shared"), None).await.unwrap();
            assert_eq!(made.left, Vec::<String>::new());
        }
    });
    futures_util::future::join_all(made).await;
    for name in &names {
        let app = TestApp::try_spawn(name, |_| ()).await.unwrap();
        assert_eq!(users(&mut app.server.app.pool.get().await.unwrap()).await.1, "topup_shared");
        app.finish().await;
    }
}

/// A cluster whose users need no password, with a database `books` of the user `keeper`, and the user `meter`.
async fn with_users() -> Cluster {
    let cluster = Cluster::throwaway().await.unwrap();
    let mut admin = connect(&cluster.url("postgres").into()).await.unwrap();
    let access = cluster.data_dir().join("data/pg_hba.conf");
    for sql in [
        "CREATE ROLE keeper LOGIN; CREATE ROLE meter LOGIN",
        "CREATE DATABASE books OWNER keeper",
        &format!("COPY (SELECT 'local all all trust') TO '{}'", access.display()),
        "SELECT pg_reload_conf()",
    ] {
        admin.batch_execute(sql).await.unwrap();
    }
    until("users may connect", async || connect(&as_user(&cluster, "meter").into()).await.is_ok()).await;
    cluster
}

fn as_user(cluster: &Cluster, user: &str) -> String {
    cluster.url("books").replace(&format!("{}@", cluster.user()), &format!("{user}@"))
}

/// Two users: the owner migrates and may do nothing with roles, the other one serves.
#[tokio::test(flavor = "multi_thread")]
async fn a_live_database_is_served_by_a_user_of_its_own() {
    let cluster = with_users().await;
    let of = |user: &str| {
        let mut config = config("books");
        config.database_url = Some(as_user(&cluster, user).into());
        config.environment = Some(Environment::Live);
        config.sandbox = SandboxMode::Off;
        config.roles.allow_owner = false;
        // The cluster of a test is fast, and loses what it has confirmed.
        config.allow_unsafe_commits = true;
        config.roles.service_login = Some("meter".to_owned());
        config
    };
    let keeper = of("keeper");
    let owned = Database::open(&keeper).await.unwrap();
    let left = owned.migrate(&keeper).await.unwrap().role.left;
    assert_eq!(
        left,
        [
            r#"CREATE ROLE "topup_books" NOLOGIN;"#,
            r#"GRANT "topup_books" TO "keeper";"#,
            r#"GRANT "topup_books" TO "meter";"#,
            r#"GRANT pg_read_all_stats TO "topup_books";"#,
        ]
    );
    let serve = async |change: &dyn Fn(&mut Config)| {
        TestApp::try_spawn("books", |config| {
            *config = of("meter");
            change(config);
        })
        .await
    };
    assert!(matches!(serve(&|_| ()).await.err().unwrap(), StartError::NoRole(_)));

    let mut admin = connect(&cluster.url("books").into()).await.unwrap();
    admin.batch_execute(&left.join(" ")).await.unwrap();
    assert_eq!(owned.migrate(&keeper).await.unwrap().role.left, Vec::<String>::new());

    for user in ["keeper", cluster.user()] {
        let refused = serve(&|config| config.database_url = Some(as_user(&cluster, user).into())).await.err().unwrap();
        assert!(matches!(refused, StartError::OwnerOnLive), "{user}: {refused}");
    }
    assert!(matches!(serve(&|config| config.seal.key = None).await.err().unwrap(), StartError::NoSealKey));

    let app = serve(&|_| ()).await.unwrap();
    app.anonymous().get("/readyz").await.expect(200);
    let product = json!({ "name": "Messages", "active": true, "returnable": false });
    app.operator().send(Method::PUT, "/v1/admin/products/sms", Some(&product), None).await.expect(201);
    let usage = json!({
        "id": "u", "customer_id": "alice", "currency": "USD", "amount": "0.5", "on_insufficient": "book",
    });
    app.service().post("/v1/usage", &usage).await.expect(201);
    let mut conn = app.server.app.pool.get().await.unwrap();
    assert_eq!(users(&mut conn).await, ("meter".to_owned(), "topup_books".to_owned()));
    // The user has no more rights than the role.
    conn.batch_execute("RESET ROLE").await.unwrap();
    assert!(refusal(&mut conn, "UPDATE entries SET amount = 1").await.contains("permission denied"));
    conn.batch_execute("SET ROLE topup_books").await.unwrap();
    drop(conn);
    app.finish().await;

    // The owner may serve if that is allowed, and may erase.
    let allowed = |config: &mut Config| {
        config.database_url = keeper.database_url.clone();
        config.roles.allow_owner = true;
    };
    let app = serve(&allowed).await.unwrap();
    assert_eq!(users(&mut app.server.app.pool.get().await.unwrap()).await.1, "topup_books");
    app.finish().await;
    cluster.stop().await.unwrap();
}
