//! Starting and stopping: what is refused, and that no running request is lost.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::json;
use topup::config::SandboxMode;
use topup::domain::environment::Environment;
use topup::domain::payment::ProviderName;
use topup::server::{Database, StartError};

use crate::support::{TestApp, config, database, empty_database, execute};

async fn refusal(database: &str, change: impl FnOnce(&mut topup::config::Config)) -> StartError {
    match TestApp::try_spawn(database, change).await {
        Ok(app) => {
            app.stop().await;
            panic!("it started");
        }
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_given_database_is_migrated_on_request_only() {
    let name = empty_database().await;
    let refused = refusal(&name, |_| ()).await;
    assert!(matches!(refused, StartError::Pending(5)), "{refused}");
    assert!(refused.to_string().contains("run `topup migrate`"));

    let config = config(&name);
    let database = Database::open(&config).await.unwrap();
    for ran in [5, 0] {
        let migrated = database.migrate(&config).await.unwrap();
        assert_eq!((migrated.ran, migrated.stamp), (ran, Environment::Test));
        assert_eq!((migrated.role.role, migrated.role.left), (format!("topup_{name}"), Vec::new()));
    }
    let app = TestApp::try_spawn(&name, |_| ()).await.unwrap();
    app.finish().await;
}

#[tokio::test]
async fn several_processes_may_migrate_at_once() {
    let name = empty_database().await;
    let config = config(&name);
    let database = Database::open(&config).await.unwrap();
    let ran = futures_util::future::join_all((0..4).map(|_| database.migrate(&config))).await;
    let mut ran: Vec<usize> = ran.into_iter().map(|migrated| migrated.unwrap().ran).collect();
    ran.sort_unstable();
    assert_eq!(ran, [0, 0, 0, 5]);
}

#[tokio::test]
async fn play_money_and_real_money_never_meet() {
    let live = database().await;
    execute(&live, "UPDATE environment SET stamp = 'live'").await;
    assert!(matches!(refusal(&live, |_| ()).await, StartError::SandboxOnLive));
    let test_keys = |config: &mut topup::config::Config| {
        config.sandbox = SandboxMode::Off;
        config.stripe.secret_key = Some(SecretString::from("sk_test_abc"));
        config.stripe.webhook_secret = Some(SecretString::from("whsec_abc"));
    };
    assert!(matches!(
        refusal(&live, test_keys).await,
        StartError::WrongCredentials { provider: ProviderName::Stripe, .. }
    ));
    assert!(matches!(
        refusal(&live, |config| config.environment = Some(Environment::Test)).await,
        StartError::OtherStamp { .. }
    ));

    let test = database().await;
    let live_keys = |mode| {
        move |config: &mut topup::config::Config| {
            config.sandbox = mode;
            config.stripe.secret_key = Some(SecretString::from("sk_live_abc"));
            config.stripe.webhook_secret = Some(SecretString::from("whsec_abc"));
        }
    };
    assert!(matches!(refusal(&test, live_keys(SandboxMode::Off)).await, StartError::WrongCredentials { .. }));
    let refused = refusal(&test, live_keys(SandboxMode::On)).await;
    assert!(matches!(refused, StartError::Sandbox(_)), "{refused}");
    assert!(!refused.to_string().contains("sk_live"), "{refused}");
}

/// The servers of the tests keep nothing over a crash, so they may not hold real money.
#[tokio::test]
async fn a_live_server_that_may_lose_confirmed_bookings_is_refused() {
    let live = database().await;
    execute(&live, "UPDATE environment SET stamp = 'live'").await;
    let refused = refusal(&live, |config| config.allow_unsafe_commits = false).await;
    assert!(matches!(refused, StartError::UnsafeCommits(_)), "{refused}");
    assert!(refused.to_string().contains("synchronous_commit"), "{refused}");
    // If that is allowed explicitly, the next reason refuses it.
    assert!(matches!(refusal(&live, |_| ()).await, StartError::SandboxOnLive));
}

#[tokio::test]
async fn a_stamp_is_corrected_only_before_anything_is_booked() {
    let name = database().await;
    let mut settings = config(&name);
    settings.environment = Some(Environment::Live);
    let migrate = async |settings: &topup::config::Config| {
        Database::open(settings).await.unwrap().migrate(settings).await.map(|migrated| migrated.stamp)
    };
    assert_eq!(migrate(&settings).await.unwrap(), Environment::Live);
    settings.environment = Some(Environment::Test);
    assert_eq!(migrate(&settings).await.unwrap(), Environment::Test);

    let app = TestApp::try_spawn(&name, |_| ()).await.unwrap();
    app.fund("alice", "CNY", "50.00").await;
    settings.environment = Some(Environment::Live);
    assert!(matches!(migrate(&settings).await, Err(StartError::OtherStamp { .. })));
    app.finish().await;
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_at_the_start() {
    let name = database().await;
    let refused = refusal(&name, |config| config.jwt.secret = None).await;
    assert!(matches!(refused, StartError::NoKey) && refused.to_string().contains("TOPUP_JWT_SECRET"));
    assert!(matches!(
        refusal(&name, |config| config.jwt.secret = Some(SecretString::from("short"))).await,
        StartError::Identity(_)
    ));
    for origin in ["app.example.com", "https://app.example.com/", "null"] {
        let refused = refusal(&name, |config| config.cors_origins = vec![origin.to_owned()]).await;
        assert!(matches!(refused, StartError::Origin { .. }), "{origin}: {refused}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let bind = taken.local_addr().unwrap();
    let refused = refusal(&name, |config| config.bind = bind).await;
    assert!(matches!(refused, StartError::Listen { .. }) && refused.to_string().contains("TOPUP_BIND"), "{refused}");
    let refused = refusal(&name, |config| config.metrics_bind = Some(bind)).await;
    assert!(refused.to_string().contains("TOPUP_METRICS_BIND"), "{refused}");
    let refused = refusal(&name, |config| config.return_origins = vec!["app.example.com".to_owned()]).await;
    assert!(refused.to_string().contains("TOPUP_RETURN_ORIGINS: app.example.com"), "{refused}");
    let refused = refusal(&name, |config| config.sandbox_bind = bind).await;
    assert!(refused.to_string().contains("TOPUP_SANDBOX_BIND"), "{refused}");
}

/// A request is running when the stop comes: another session locks its wallet until then.
#[tokio::test]
async fn a_stop_lets_requests_under_way_end() {
    use diesel_async::SimpleAsyncConnection;

    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    let mut locker = topup::storage::pool::connect(&crate::support::url(&app.database)).await.unwrap();
    locker.batch_execute("BEGIN; SELECT * FROM wallets WHERE customer_id = 'alice' FOR UPDATE").await.unwrap();

    let url = format!("{}/v1/transfers", app.url());
    let transfer = tokio::spawn(
        app.customer("alice")
            .request(reqwest::Method::POST, "/v1/transfers")
            .header("idempotency-key", "under-way")
            .json(&json!({ "currency": "CNY", "amount": "10.00", "to_product": "sms" }))
            .send(),
    );
    let waits = "SELECT 1 / count(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock' AND state = 'active'";
    let mut watcher = topup::storage::pool::connect(&crate::support::url(&app.database)).await.unwrap();
    while watcher.batch_execute(waits).await.is_err() {
        tokio::task::yield_now().await;
    }

    let stopping = tokio::spawn(async move { app.stop().await });
    // New connections are refused from then on.
    while reqwest::Client::builder().no_proxy().build().unwrap().get(&url).send().await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!stopping.is_finished(), "it waits for the request under way");
    locker.batch_execute("COMMIT").await.unwrap();
    let answer = transfer.await.unwrap().expect("the answer arrives");
    assert_eq!(answer.status(), 201);
    stopping.await.unwrap();
}
