//! API keys: they act as their owners, permit no more than the owners may do, and end everywhere when they are revoked.

use std::time::{Duration, Instant};

use diesel_async::SimpleAsyncConnection;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use topup::config::Config;
use topup::domain::api_key::KeyText;
use topup::domain::environment::Environment;
use topup::domain::permission::{Permission, Permissions};
use topup::storage::pool::connect;

use crate::every_operation;
use crate::process::{Home, command};
use crate::stage::{id, number, paid, until};
use crate::support::{Caller, Reply, TestApp, execute, permitted_token, url};
use crate::tools::key;

/// The time within which a revoked key is refused everywhere.
const REFUSED_WITHIN: Duration = Duration::from_secs(5);
const DIRECTLY: &str = "/v1/balances/stream?customer_id=alice";

fn with_claim(config: &mut Config) {
    config.jwt.permissions_claim = Some("permissions".to_owned());
}

fn wanted(permissions: &[&str]) -> Value {
    json!({ "description": "reports", "permissions": permissions, "expires_in_days": 30 })
}

async fn create(caller: &Caller<'_>, body: &Value) -> Reply {
    caller.send(Method::POST, "/v1/admin/api-keys", Some(body), None).await
}

async fn revoke(caller: &Caller<'_>, key: &Value) -> Reply {
    let path = format!("/v1/admin/api-keys/{}/revoke", key["id"].as_str().unwrap());
    caller.send(Method::POST, &path, None, None).await
}

fn text(made: &Reply) -> String {
    made["key"].as_str().unwrap().to_owned()
}

/// Waits until a key is refused, and requires that it is in time.
async fn refused(app: &TestApp, key: &str, since: Instant) {
    until("the key is refused", async || app.bearer(key.to_owned()).get("/v1/products").await.status == 401).await;
    assert!(since.elapsed() < REFUSED_WITHIN, "refused only after {:?}", since.elapsed());
    app.bearer(key.to_owned()).get("/v1/products").await.problem(401, "unauthorized");
}

#[tokio::test]
async fn a_key_and_its_owner_are_one_pair_of_eyes() {
    let app = TestApp::spawn_with(|config| config.second_approval_above = vec!["USD:100".parse().unwrap()]).await;
    let order = paid(&app, "carol", "card", "USD", "3000.00").await;
    let alice = app.operator_named("alice");
    let made = create(&alice, &wanted(&["finance"])).await.expect(201);
    let with_key = app.bearer(text(&made));
    let other_key = app.bearer(text(&create(&alice, &wanted(&["finance"])).await.expect(201)));

    let asked = json!({ "order_id": order, "amount": "500.00", "reason": "asked for" });
    let proposed = with_key.post("/v1/admin/refunds", &asked).await.expect(202);
    let approve = format!("/v1/admin/refunds/{}/approve", id(&proposed));
    for herself in [&with_key, &other_key, &alice] {
        herself.post(&approve, &json!({})).await.problem(409, "second_operator_needed");
    }
    let by = "count(*) FROM refunds WHERE proposed_by = 'operator:alice'";
    assert_eq!(number(&app, by).await + number(&app, &by.replace("operator:", "")).await, 1);
    // Her keys do not give her a second daily limit either.
    let small = json!({ "order_id": order, "amount": "60.00", "reason": "asked for" });
    alice.post("/v1/admin/refunds", &small).await.expect(201);
    with_key.post("/v1/admin/refunds", &small).await.expect(202);
    // She cannot move the money of the customer with her own name either.
    let own = json!({ "customer_id": "alice", "currency": "USD", "amount": "1.00", "reason": "mine" });
    with_key.post("/v1/grants", &own).await.problem(403, "own_account");
    // Bob's key counts as a second operator.
    let bob = app.bearer(key(&app, "operator:bob", Permission::Finance.into()).await);
    bob.post(&approve, &json!({})).await.expect(200);

    // The audit log names the owner and the key; without a key there is none.
    let log = alice.get("/v1/admin/audit-log?actor=operator:alice&limit=100").await.expect(200);
    let keys: Vec<&Value> = log["data"].as_array().unwrap().iter().map(|entry| &entry["api_key_id"]).collect();
    assert!(keys.contains(&&made["id"]) && keys.contains(&&Value::Null), "{keys:?}");
    let bobs = alice.get("/v1/admin/audit-log?actor=operator:bob").await.expect(200);
    assert!(bobs["data"].as_array().unwrap().iter().all(|entry| entry["api_key_id"].is_string()), "{}", bobs.text);

    // The same request with the same Idempotency-Key is one, by token and by key.
    let grant = json!({ "customer_id": "carol", "currency": "USD", "amount": "1.00", "reason": "sorry" });
    let first = alice.post_with_key("/v1/grants", &grant, "one").await.expect(201);
    let again = with_key.post_with_key("/v1/grants", &grant, "one").await.expect(200);
    assert_eq!((id(&first), again.header("idempotent-replayed")), (id(&again), Some("true")));
    app.finish().await;
}

#[tokio::test]
async fn nobody_makes_a_key_for_others_or_with_more_than_his_own() {
    let app = TestApp::spawn_with(with_claim).await;
    let support = app.bearer(permitted_token("sue", Permission::Support.into()));
    for more in [&["finance"][..], &["admin"], &["read", "admin"]] {
        create(&support, &wanted(more)).await.problem(403, "insufficient_permission");
    }
    let made = create(&support, &wanted(&["support"])).await.expect(201);
    assert_eq!(made["owner"], "operator:sue");
    assert_eq!(made["permissions"], json!(["read", "support"]));
    // A key permits what it names, and nothing else.
    let with_key = app.bearer(text(&made));
    with_key.get("/v1/admin/refunds").await.expect(200);
    with_key.post("/v1/admin/adjustments", &json!({})).await.problem(403, "insufficient_permission");

    // No key creates a key, whatever it permits.
    create(&with_key, &wanted(&["read"])).await.problem(403, "made_with_key");
    let all = app.bearer(key(&app, "operator:root", Permissions::ALL).await);
    create(&all, &wanted(&["read"])).await.problem(403, "made_with_key");
    let meter = app.bearer(key(&app, "service:meter", Permissions::NONE).await);
    create(&meter, &wanted(&[])).await.problem(403, "made_with_key");

    // The body can name neither another owner nor more days than the installation allows.
    for (field, value) in [("owner", "operator:bob"), ("subject", "bob"), ("scope", "operator"), ("key", "tk_test_")] {
        let mut body = wanted(&["read"]);
        body[field] = json!(value);
        create(&support, &body).await.problem(422, "validation_failed");
    }
    for (days, status) in [(json!(0), 422), (json!(91), 422), (json!(-1), 422), (json!(70_000), 422), (json!(90), 201)]
    {
        let mut body = wanted(&["read"]);
        body["expires_in_days"] = days;
        create(&support, &body).await.expect(status);
    }
    create(&support, &wanted(&[])).await.names("/permissions", "required");
    create(&support, &wanted(&["root"])).await.problem(422, "validation_failed");
    create(&support, &wanted(&["read"; 5])).await.names("/permissions", "too_many");
    let blank = json!({ "description": " ", "permissions": ["read"], "expires_in_days": 1 });
    create(&support, &blank).await.problem(422, "validation_failed");

    // Services have no permissions; customers and strangers have no keys.
    create(&app.service(), &wanted(&["read"])).await.problem(403, "insufficient_permission");
    let metering = create(&app.service(), &wanted(&[])).await.expect(201);
    assert_eq!(metering["owner"], "service:meter");
    let metering = app.bearer(text(&metering));
    metering.get("/v1/balances?customer_id=demo").await.expect(200);
    metering.get("/v1/admin/refunds").await.problem(403, "insufficient_scope");
    create(&app.customer("alice"), &wanted(&[])).await.problem(403, "insufficient_scope");
    create(&app.anonymous(), &wanted(&[])).await.problem(401, "unauthorized");
    create(&app.bearer(permitted_token("none", Permissions::NONE)), &wanted(&["read"]))
        .await
        .problem(403, "insufficient_permission");
    app.finish().await;
}

#[tokio::test]
async fn everybody_sees_and_ends_his_own_and_admin_everybodys() {
    let app = TestApp::spawn_with(with_claim).await;
    let [sue, fay] = ["sue", "fay"].map(|who| app.bearer(permitted_token(who, Permission::Finance.into())));
    let admin = app.bearer(permitted_token("ada", Permission::Admin.into()));
    let sues = create(&sue, &wanted(&["finance"])).await.expect(201);
    let fays = create(&fay, &wanted(&["read"])).await.expect(201);
    let meters = create(&app.service(), &wanted(&[])).await.expect(201);

    for (caller, seen) in [(&sue, vec![&sues]), (&fay, vec![&fays]), (&admin, vec![&meters, &fays, &sues])] {
        let list = caller.get("/v1/admin/api-keys").await.expect(200);
        let ids: Vec<&Value> = list["data"].as_array().unwrap().iter().map(|key| &key["id"]).collect();
        assert_eq!(ids, seen.iter().map(|key| &key["id"]).collect::<Vec<_>>());
        assert!(!list.text.contains(&text(&sues)[20..60]), "a list shows no key");
    }
    // Other people's keys are not there.
    revoke(&fay, &sues.body).await.problem(404, "not_found");
    revoke(&app.service(), &sues.body).await.problem(404, "not_found");
    revoke(&app.customer("sue"), &sues.body).await.problem(403, "insufficient_scope");
    app.bearer(text(&sues)).get("/v1/products").await.expect(200);

    let since = Instant::now();
    let ended = revoke(&sue, &sues.body).await.expect(200);
    assert_eq!(ended["revoked_by"], "operator:sue");
    // A revoked key stays revoked, and shows by whom and when.
    assert_eq!(revoke(&admin, &sues.body).await.expect(200).body, ended.body);
    refused(&app, &text(&sues), since).await;
    let since = Instant::now();
    assert_eq!(revoke(&admin, &meters.body).await.expect(200)["revoked_by"], "operator:ada");
    refused(&app, &text(&meters), since).await;
    // A key can end itself.
    revoke(&app.bearer(text(&fays)), &fays.body).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn of_keys_made_at_once_no_more_than_twenty_can_be_used() {
    let app = TestApp::spawn().await;
    let operator = app.operator();
    let body = wanted(&["read"]);
    let made = join_all((0..30).map(|_| create(&operator, &body))).await;
    let (good, others): (Vec<_>, Vec<_>) = made.into_iter().partition(|reply| reply.status == 201);
    assert_eq!(good.len(), 20);
    for other in others {
        other.problem(409, "too_many_api_keys");
    }
    assert_eq!(number(&app, "count(*) FROM api_keys WHERE revoked_at IS NULL").await, 20);
    revoke(&operator, &good[0].body).await.expect(200);
    create(&operator, &body).await.expect(201);
    create(&operator, &body).await.problem(409, "too_many_api_keys");
    app.finish().await;
}

/// Two processes on one database, warm caches, an open stream.
#[tokio::test]
async fn a_revoked_key_is_refused_by_every_process_in_time() {
    let app = TestApp::spawn().await;
    let other = TestApp::try_spawn(&app.database, |_| ()).await.unwrap();
    app.fund("alice", "CNY", "10").await;
    let made = create(&app.operator(), &wanted(&["read"])).await.expect(201);
    let key = text(&made);
    let (here, there, nobody) = (app.bearer(key.clone()), other.bearer(key.clone()), other.anonymous());
    there.get("/v1/products").await.expect(200);
    here.get("/v1/products").await.expect(200);
    let ticket = here.send(Method::POST, "/v1/balances/stream-tickets?customer_id=alice", None, None).await.expect(201);
    let by_ticket = format!("/v1/balances/stream-by-ticket?ticket={}", ticket["ticket"].as_str().unwrap());
    let opened = [(here, DIRECTLY), (there, DIRECTLY), (nobody, &by_ticket)];
    let opened = opened.map(|(who, path)| async move { who.request(Method::GET, path).send().await.unwrap() });
    let streams = join_all(opened).await;
    let since = Instant::now();
    revoke(&app.operator(), &made.body).await.expect(200);
    refused(&app, &key, since).await;
    refused(&other, &key, since).await;
    for mut stream in streams {
        assert_eq!(stream.status(), 200);
        while stream.chunk().await.unwrap().is_some() {}
    }
    assert!(since.elapsed() < REFUSED_WITHIN, "the streams ended only after {:?}", since.elapsed());
    app.operator().get("/v1/admin/refunds").await.expect(200); // Her token stays valid.
    other.stop().await;
    app.finish().await;
}

/// A process that cannot learn whether a key was revoked stops accepting it in the same time as one that can.
#[tokio::test]
async fn without_the_database_no_key_is_let_in_for_long() {
    let app = TestApp::spawn().await;
    let key = key(&app, "service:meter", Permissions::NONE).await;
    app.bearer(key.clone()).get("/v1/products").await.expect(200);
    let mut locker = connect(&url(&app.database)).await.unwrap();
    locker.batch_execute("BEGIN; LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let since = Instant::now();
    until("the key is let in no more", async || app.bearer(key.clone()).get("/v1/products").await.status != 200).await;
    assert!(since.elapsed() < REFUSED_WITHIN, "let in for {:?}", since.elapsed());
    // The key is neither refused nor accepted, because it may still be valid.
    app.bearer(key.clone()).get("/v1/products").await.expect(503).must_be_a_problem();
    app.service().get("/v1/products").await.expect(200);
    locker.batch_execute("ROLLBACK").await.unwrap();
    app.bearer(key).get("/v1/products").await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn a_key_ends_by_the_clock_of_the_database() {
    let app = TestApp::spawn().await;
    let text = KeyText::new(Environment::Test, [9; 32]);
    let insert = format!(
        "INSERT INTO api_keys (id, owner, digest, hint, description, permissions, created_by, created_at, expires_at)
         VALUES (gen_random_uuid(), 'service:meter', '\\x{}', '{}', 'short', '{{}}', 'system',
                 ledger_now() - interval '1 hour', ledger_now() + interval '2 seconds')",
        hex::encode(text.digest()),
        text.hint(),
    );
    let since = Instant::now();
    execute(&app.database, &insert).await;
    app.bearer(text.expose().to_owned()).get("/v1/products").await.expect(200);
    refused(&app, text.expose(), since).await;
    app.finish().await;
}

#[tokio::test]
async fn what_is_no_key_of_ours_is_refused() {
    let app = TestApp::spawn().await;
    let good = key(&app, "operator:alice", Permissions::ALL).await;
    let unknown = KeyText::new(Environment::Test, [1; 32]).expose().to_owned();
    let live = KeyText::new(Environment::Live, [1; 32]).expose().to_owned();
    let mistyped = good.replace(&good[10..12], if &good[10..12] == "00" { "11" } else { "00" });
    for (other, said) in [
        (unknown.as_str(), "unknown, expired or revoked"),
        (live.as_str(), "the live environment"),
        (mistyped.as_str(), "not well-formed"),
        (&good.replace("tk_test_", "tk_live_"), "not well-formed"),
        (&good.to_uppercase(), ""),
        (&format!("{good}0"), "not well-formed"),
        (&good[..79], "not well-formed"),
        ("tk_", "not well-formed"),
        (&format!("tk_test_{}", "0".repeat(8000)), "not well-formed"),
    ] {
        let reply = app.bearer(other.to_owned()).get("/v1/products").await.problem(401, "unauthorized");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        assert!(reply["detail"].as_str().unwrap().contains(said), "{}", reply.text);
        assert!(!reply.text.contains(&other[other.len().min(12)..other.len().min(60)]) || other.len() < 13);
    }
    // Many strangers at once do not exclude anybody.
    let strangers = (0..200_u8).map(|n| {
        let unknown = KeyText::new(Environment::Test, [n; 32]).expose().to_owned();
        let caller = app.bearer(unknown);
        async move { caller.get("/v1/products").await.status }
    });
    let known = (0..50).map(|_| async { app.bearer(good.clone()).get("/v1/products").await.status });
    let (strangers, known) = tokio::join!(join_all(strangers), join_all(known));
    assert!(strangers.iter().all(|status| *status == 401), "{strangers:?}");
    assert!(known.iter().all(|status| *status == 200), "{known:?}");
    app.finish().await;
}

/// The text is kept nowhere, and the database itself refuses to change or to revive a key.
#[tokio::test]
async fn the_database_keeps_a_digest_and_lets_a_key_only_end() {
    let app = TestApp::spawn().await;
    let made = create(&app.operator(), &wanted(&["read"])).await.expect(201);
    let secret = &text(&made)[14..60];
    for table in ["api_keys", "audit_log", "idempotency_keys", "events"] {
        let found = format!("count(*) FROM {table} t WHERE t::text LIKE '%{secret}%'");
        assert_eq!(number(&app, &found).await, 0, "{table} shows the key");
    }
    let mut conn = app.server.app.pool.get().await.unwrap();
    for change in [
        "permissions = '{admin}'",
        "owner = 'operator:mallory'",
        "expires_at = expires_at + interval '1 day'",
        "digest = sha256('known')",
        "created_by = 'system'",
    ] {
        let said = conn.batch_execute(&format!("UPDATE api_keys SET {change}")).await.unwrap_err().to_string();
        assert!(said.contains("never changed"), "{change}: {said}");
    }
    revoke(&app.operator(), &made.body).await.expect(200);
    for change in ["revoked_at = NULL, revoked_by = NULL", "revoked_by = 'operator:mallory'"] {
        let said = conn.batch_execute(&format!("UPDATE api_keys SET {change}")).await.unwrap_err().to_string();
        assert!(said.contains("stays revoked"), "{change}: {said}");
    }
    let columns = "id, owner, digest, hint, description, permissions, created_by, created_at, expires_at";
    for (values, constraint) in [
        ("'customer:a', sha256('a'), '', '', '{}', 'system'", "api_keys_owner"),
        ("'service:a', 'short', '', '', '{}', 'system'", "api_keys_digest"),
        ("'service:a', sha256('a'), '', '', '{read}', 'system'", "api_keys_permissions_of_operators"),
        ("'operator:a', sha256('a'), '', '', '{root}', 'system'", "api_keys_permissions"),
        ("'operator:a', sha256('a'), '', '', '{read}', 'operator:b'", "api_keys_made_by_owner"),
    ] {
        let sql = format!(
            "INSERT INTO api_keys ({columns})
             VALUES (gen_random_uuid(), {values}, ledger_now(), ledger_now() + interval '1 day')"
        );
        let said = conn.batch_execute(&sql).await.unwrap_err().to_string();
        assert!(said.contains(constraint), "{said}");
    }
    drop(conn);
    app.finish().await;
}

#[tokio::test]
async fn the_last_use_is_kept_with_its_address() {
    let app = TestApp::spawn_with(|config| config.trust_proxy = true).await;
    let made = create(&app.operator(), &wanted(&["read"])).await.expect(201);
    assert_eq!((&made["last_used_at"], &made["last_used_from"]), (&Value::Null, &Value::Null));
    let seen_from = async |address: &str| {
        let list = app.operator().get("/v1/admin/api-keys").await.expect(200);
        list["data"][0]["last_used_from"] == address && list["data"][0]["last_used_at"].is_string()
    };
    for address in ["203.0.113.7", "2001:db8::1"] {
        until("the use is noted", async || {
            let request = app.bearer(text(&made)).request(Method::GET, "/v1/products");
            // A proxy may add to the caller's line, or write a line of its own.
            let forwarded = format!("198.51.100.1, {address}");
            let request = request.header("x-forwarded-for", "192.0.2.9").header("x-forwarded-for", forwarded);
            Reply::of(request).await.expect(200);
            seen_from(address).await
        })
        .await;
    }
    app.finish().await;
}

/// The document's scopes and permissions apply to keys as they do to tokens.
#[tokio::test]
async fn every_operation_opens_for_keys_as_for_tokens() {
    let app = TestApp::spawn_with(with_claim).await;
    let service = app.bearer(key(&app, "service:alice", Permissions::NONE).await);
    let mut operators = Vec::new();
    for held in Permission::ALL {
        operators.push((held, app.bearer(key(&app, "operator:alice", held.into()).await)));
    }
    for operation in every_operation::all().iter().filter(|operation| !operation.scopes().is_empty()) {
        let answer = operation.call(&service).await;
        let named = operation.scopes().contains(&"service");
        assert_eq!(answer.status != 403, named, "{} for a service: {}", operation.id, answer.text);
        for (held, operator) in &operators {
            let answer = operation.call(operator).await;
            let needed = operation.document["x-permission"].as_str().map(|word| word.parse::<Permission>().unwrap());
            let opens = needed.is_some_and(|needed| Permissions::from(*held).contains(needed));
            let by_token = operation.call(&app.bearer(permitted_token("alice", (*held).into()))).await;
            assert_eq!(answer.status != 403, opens, "{} with {held}: {}", operation.id, answer.text);
            assert_eq!(by_token.status == 403, answer.status == 403, "{} with {held}", operation.id);
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn the_command_line_makes_and_ends_keys_of_anybody() {
    let app = TestApp::spawn().await;
    let home = Home::new();
    let run = |arguments: &[&str]| {
        let output = command(&home.0, Some(&app.database), arguments).output().unwrap();
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        (output.status.success(), said(&output.stdout), said(&output.stderr))
    };
    let (done, key, _) = run(&["key", "create", "--owner", "operator:alice", "--permission", "finance"]);
    assert!(done && key.starts_with("tk_test_"), "{key}");
    app.bearer(key.clone()).get("/v1/admin/refunds").await.expect(200);
    let (done, meter, _) = run(&["key", "create", "--owner", "service:meter", "--days", "7"]);
    assert!(done);
    app.bearer(meter.clone()).get("/v1/balances?customer_id=demo").await.expect(200);
    for (arguments, said) in [
        (&["key", "create", "--owner", "customer:a"][..], "operator:NAME or service:NAME"),
        (&["key", "create", "--owner", "operator:alice"], "--permission must name"),
        (&["key", "create", "--owner", "service:meter", "--permission", "read"], "--permission must be absent"),
        (&["key", "create", "--owner", "service:meter", "--days", "91"], "--days must be 1 to 90"),
        (&["key", "revoke"], "required"),
        (&["key", "revoke", "--id", "key_1"], "--id must be the id of a key"),
    ] {
        let (done, _, why) = run(arguments);
        assert!(!done && why.contains(said), "{arguments:?}: {why}");
    }
    let since = Instant::now();
    let (done, said, _) = run(&["key", "revoke", "--owner", "operator:alice"]);
    assert!(done && said.starts_with("1 keys of operator:alice are revoked"), "{said}");
    refused(&app, &key, since).await;
    app.bearer(meter).get("/v1/balances?customer_id=demo").await.expect(200);
    let log = app.operator().get("/v1/admin/audit-log?actor=system&action=api_key.revoked").await.expect(200);
    assert_eq!(log["data"].as_array().unwrap().len(), 1);
    app.finish().await;
}
