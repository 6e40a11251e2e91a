//! How operators find things: the search, lists with filters, worklists, one customer, one order; and what customers do
//! not see of it.

use chrono::{Duration, Utc};
use serde_json::{Value, json};

use crate::audit::both_ways;
use crate::stage::{approve, id, ordered, paid, play, profile, quiet, read};
use crate::support::{Reply, TestApp, execute};
use crate::tools::{ask, grant, hold};

async fn search(app: &TestApp, text: &str) -> Vec<(String, String, String)> {
    let query: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let found = app.operator().get(&format!("/v1/admin/search?q={query}")).await.expect(200);
    assert_eq!(found["is_cut"], false, "{text}");
    let text = |one: &Value, field: &str| one[field].as_str().unwrap().to_owned();
    let read = |one: &Value| (text(one, "type"), text(one, "id"), text(one, "matched"));
    found["data"].as_array().unwrap().iter().map(read).collect()
}

fn has(found: &[(String, String, String)], kind: &str, id: &str, matched: &str) -> bool {
    found.iter().any(|(a, b, c)| a == kind && b == id && c == matched)
}

#[tokio::test]
async fn whatever_somebody_writes_down_of_a_payment_finds_it() {
    let app = TestApp::spawn().await;
    let card = paid(&app, "alice", "card", "USD", "123.45").await;
    let transfer = ordered(&app, "zoë.example.com".replace('ë', "e").as_str(), "bank_transfer", "CNY", "80.00").await;
    let other = ordered(&app, "bob", "bank_transfer", "CNY", "60.00").await;
    approve(&app.operator(), &other, "60.00", "ICBC 2026/11-0042").await.expect(200);
    let refund = json!({ "order_id": card, "amount": "10", "reason": "asked for" });
    let refund = id(&app.operator().post("/v1/admin/refunds", &refund).await.expect(201));
    quiet(&app, "stripe").await;
    play(&app, "stripe", &card, "dispute-open", json!({})).await;
    quiet(&app, "stripe").await;
    let shown = read(&app, &card).await;
    let payment = &shown["payments"][0];
    let pay_id = payment["id"].as_str().unwrap();
    let company_id = payment["provider_payment_id"].as_str().unwrap().to_owned();
    assert!(company_id.starts_with("pi_"), "{company_id}");

    // Our id, whole, by its beginning, and as a bare UUID.
    let uuid = card.trim_start_matches("tuo_");
    let dashed = format!("{}-{}-{}-{}-{}", &uuid[..8], &uuid[8..12], &uuid[12..16], &uuid[16..20], &uuid[20..]);
    for text in [&*card, &card[..28], uuid, &dashed, &format!("  {card} ")] {
        assert!(has(&search(&app, text).await, "order", &card, "id"), "{text}");
    }
    // The reference, however a bank spells it.
    let reference = shown["reference"].as_str().unwrap();
    let spelled = format!("{}-{} {}", &reference[..2].to_lowercase(), &reference[2..6], &reference[6..]);
    for text in [reference, &spelled, &reference[..9]] {
        assert!(has(&search(&app, text).await, "order", &card, "reference"), "{text}");
    }
    // The company's ids.
    for text in [&*company_id, &company_id[..company_id.len() - 1]] {
        assert!(has(&search(&app, text).await, "payment", pay_id, "provider_payment_id"), "{text}");
    }
    // The amount, with or without a thousands separator; refunds and disputes too.
    assert!(has(&search(&app, "123.45").await, "order", &card, "amount"));
    assert!(has(&search(&app, "123.45").await, "payment", pay_id, "amount"));
    assert!(has(&search(&app, "10.00").await, "refund", &refund, "amount"));
    let dispute = ask(&app, "SELECT dispute_id FROM disputes").await.remove(0);
    assert!(search(&app, &dispute).await.iter().any(|(kind, ..)| kind == "dispute"), "{dispute}");
    // The bank's id in any spelling, on the payment and on what operators stated.
    for text in ["icbc2026110042", "ICBC 2026/11-00", "ＩＣＢＣ２０２６"] {
        let found = search(&app, text).await;
        assert!(has(&found, "order", &other, "bank_transaction_id"), "{text}: {found:?}");
        assert!(found.iter().any(|(kind, _, how)| kind == "payment" && how == "bank_transaction_id"), "{text}");
    }
    // The remitter, and the customer by id, name and address.
    for text in ["alice", "ALI ce"] {
        assert!(has(&search(&app, text).await, "order", &transfer, "remitter"), "{text}");
    }
    assert!(has(&search(&app, "bob").await, "order", &other, "customer_id"));
    assert!(has(&search(&app, "bob").await, "customer", "bob", "customer_id"));
    assert!(has(&search(&app, "zoe.").await, "customer", "zoe.example.com", "customer_id"));
    assert!(has(&search(&app, "BOB@exam").await, "customer", "bob", "email"));
    // Nothing in the middle of a text, and nothing for what no text can be.
    assert!(search(&app, "xample.com").await.is_empty());
    assert!(search(&app, "pi_\u{10FFFE}%").await.is_empty());
    for bad in ["ab", "", "a%00b", &"x".repeat(101)] {
        app.operator().get(&format!("/v1/admin/search?q={bad}")).await.names("?q", "length");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_search_says_when_it_leaves_something_out() {
    let app = TestApp::spawn().await;
    profile(&app, "many").await;
    let orders = (0..22).map(|_| ordered(&app, "many", "bank_transfer", "CNY", "77.00"));
    futures_util::future::join_all(orders).await;
    let found = app.operator().get("/v1/admin/search?q=77.00").await.expect(200);
    assert_eq!((found["data"].as_array().unwrap().len(), &found["is_cut"]), (20, &json!(true)));
    app.finish().await;
}

async fn listed(app: &TestApp, filter: &str) -> Vec<String> {
    let found = app.operator().get(&format!("/v1/admin/top-up-orders?limit=100&{filter}")).await.expect(200);
    found["data"].as_array().unwrap().iter().map(|order| order["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn lists_of_orders_are_narrowed_sorted_and_counted() {
    let app = TestApp::spawn().await;
    let first = ordered(&app, "alice", "bank_transfer", "CNY", "50.00").await;
    let second = ordered(&app, "alice", "bank_transfer", "CNY", "90.00").await;
    let third = ordered(&app, "alice", "bank_transfer", "USD", "70.00").await;
    approve(&app.operator(), &second, "90.00", "line 2").await.expect(200);

    assert_eq!(listed(&app, "sort=oldest").await, [first.clone(), second.clone(), third.clone()]);
    assert_eq!(listed(&app, "sort=newest").await, [third.clone(), second.clone(), first.clone()]);
    assert_eq!(listed(&app, "currency=CNY&amount_from=50.01").await, [second.as_str()]);
    assert_eq!(listed(&app, "currency=CNY&amount_from=50&amount_to=90").await, [second.clone(), first.clone()]);
    let at = |minutes: i64| (Utc::now() + Duration::minutes(minutes)).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    assert_eq!(listed(&app, &format!("completed_from={}", at(-5))).await, [second.as_str()]);
    assert!(listed(&app, &format!("completed_to={}", at(-5))).await.is_empty());
    assert_eq!(listed(&app, &format!("updated_from={}&updated_to={}", at(-5), at(5))).await.len(), 3);
    let operator = app.operator();
    operator.get("/v1/admin/top-up-orders?amount_from=5").await.names("?currency", "required");
    operator.get("/v1/admin/top-up-orders?amount_to=x&currency=CNY").await.names("?amount_to", "not_a_plain_decimal");

    let counted = operator.get("/v1/admin/top-up-orders?with_total=true&limit=1").await.expect(200);
    assert_eq!(counted["total"], json!({ "count": 3, "is_exact": true }));
    let counted = app.customer("alice").get("/v1/top-up-orders?with_total=true&status=pending").await.expect(200);
    assert_eq!(counted["total"]["count"], 2);
    assert_eq!(operator.get("/v1/admin/top-up-orders").await.expect(200)["total"], Value::Null);

    let oldest = both_ways(&operator, "/v1/admin/top-up-orders?sort=oldest", 2).await;
    assert_eq!(oldest[0][0]["id"], json!(first));
    // A cursor belongs to its order.
    let page = operator.get("/v1/admin/top-up-orders?sort=oldest&limit=1").await.expect(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    operator.get(&format!("/v1/admin/top-up-orders?limit=1&cursor={cursor}")).await.names("?cursor", "invalid_cursor");
    app.finish().await;
}

#[tokio::test]
async fn ten_thousand_are_counted_and_not_more() {
    let app = TestApp::spawn().await;
    let one = ordered(&app, "alice", "bank_transfer", "CNY", "50.00").await;
    let copies = "INSERT INTO top_up_orders SELECT (jsonb_populate_record(o, jsonb_build_object(
        'id', gen_random_uuid(), 'reference', 'R' || n))).* FROM top_up_orders o, generate_series(1, 10000) n";
    execute(&app.database, copies).await;
    let counted = app.operator().get("/v1/admin/top-up-orders?with_total=true").await.expect(200);
    assert_eq!(counted["total"], json!({ "count": 10000, "is_exact": false }));
    execute(&app.database, &format!("DELETE FROM top_up_orders WHERE reference LIKE 'R%' AND id <> '{}'", &one[4..]))
        .await;
    app.finish().await;
}

#[tokio::test]
async fn worklists_name_what_waits_for_an_operator() {
    let app = TestApp::spawn_with(|config| {
        config.second_approval_above = vec!["CNY:70".parse().unwrap()];
        config.business.verification_days = 2;
    })
    .await;
    let fresh = ordered(&app, "alice", "bank_transfer", "CNY", "50.00").await;
    let old = ordered(&app, "alice", "bank_transfer", "CNY", "60.00").await;
    let proposed = ordered(&app, "alice", "bank_transfer", "CNY", "80.00").await;
    let card = ordered(&app, "alice", "card", "CNY", "90.00").await;
    // Nine days hold five business days or more, wherever the weekends are.
    let age = "UPDATE top_up_orders SET created_at = created_at - interval '9 days' WHERE amount = 60";
    execute(&app.database, age).await;
    approve(&app.operator(), &proposed, "80.00", "a line").await.expect(202);

    assert_eq!(listed(&app, "worklist=awaiting_verification&sort=oldest").await, [old.clone(), fresh.clone()]);
    assert_eq!(listed(&app, "worklist=overdue").await, [old.as_str()]);
    assert_eq!(listed(&app, "worklist=awaiting_second_operator").await, [proposed.as_str()]);
    let overdue = app.operator().get("/v1/admin/top-up-orders?worklist=overdue").await.expect(200);
    let verification = &overdue["data"][0]["verification"];
    assert_eq!((&verification["promised_business_days"], &verification["overdue"]), (&json!(2), &json!(true)));
    assert!(verification["age_business_days"].as_u64().unwrap() >= 5, "{verification}");
    let one = app.operator().get(&format!("/v1/admin/top-up-orders/{fresh}")).await.expect(200);
    assert_eq!(one["verification"]["overdue"], false);

    // A company that reports nothing, and one that reviews the payment.
    let wait = "UPDATE top_up_orders SET status = 'processing', awaiting = 'provider', updated_at = updated_at";
    execute(&app.database, &format!("{wait} - interval '59 minutes' WHERE amount = 90")).await;
    assert!(listed(&app, "worklist=stuck_at_provider").await.is_empty());
    execute(&app.database, "UPDATE top_up_orders SET updated_at = updated_at - interval '2 minutes' WHERE amount = 90")
        .await;
    assert_eq!(listed(&app, "worklist=stuck_at_provider").await, [card]);
    app.customer("alice").get("/v1/top-up-orders?worklist=overdue").await.names("?worklist", "invalid_value");
    app.finish().await;
}

#[tokio::test]
async fn customers_read_no_names_of_operators_and_none_of_their_notes() {
    let app = TestApp::spawn_with(|config| config.second_approval_above = vec!["CNY:100".parse().unwrap()]).await;
    let order = ordered(&app, "alice", "bank_transfer", "CNY", "300.00").await;
    let mut stated = crate::stage::statement("300.00", "a line");
    stated["note"] = json!("5 fee by intermediary");
    let path = format!("/v1/admin/top-up-orders/{order}");
    app.operator_named("anna").post(&format!("{path}/approve"), &stated).await.expect(202);
    app.operator_named("ben").post(&format!("{path}/approve"), &stated).await.expect(200);
    let reverse = json!({ "reason": "the wrong customer, says Carol", "reach": "order_wallet" });
    app.operator_named("anna").post(&format!("{path}/reverse"), &reverse).await.expect(202);
    app.operator_named("ben").post(&format!("{path}/reverse"), &reverse).await.expect(200);

    let whole = app.operator().get(&path).await.expect(200);
    for told in ["operator:anna", "operator:ben", "5 fee by intermediary", "says Carol", "reversal_proposed"] {
        assert!(whole.text.contains(told), "{told}: {}", whole.text);
    }
    let payment = &whole["payments"][0];
    assert_eq!((&payment["bank_transaction_id"], &payment["received_on"]), (&json!("a line"), &json!("2026-11-21")));
    assert_eq!((&payment["amount"], &payment["applied_amount"]), (&json!("300.00"), &json!("0.00")));
    let service = app.service().get(&format!("/v1/top-up-orders/{order}")).await.expect(200);
    for shown in [app.customer("alice").get(&format!("/v1/top-up-orders/{order}")).await.expect(200), service] {
        for hidden in ["anna", "ben", "intermediary", "Carol", "reversal_proposed", "bank_transaction_id"] {
            assert!(!shown.text.contains(hidden), "{hidden}: {}", shown.text);
        }
        assert_eq!(shown["payments"], json!([]));
        let approved = |event: &&Value| event["event"] == "approved";
        assert_eq!(shown["timeline"].as_array().unwrap().iter().find(approved).unwrap()["actor"], "operator");
    }
    let gift = json!({ "customer_id": "alice", "currency": "CNY", "amount": "1", "reason": "sorry" });
    app.operator_named("anna").post("/v1/grants", &gift).await.expect(201);
    let grants = app.customer("alice").get("/v1/grants").await.expect(200);
    assert_eq!(grants["data"][0]["created_by"], "operator", "{}", grants.text);
    // The customer reads what an operator writes for the customer.
    let other = ordered(&app, "alice", "bank_transfer", "CNY", "50.00").await;
    let reason = json!({ "reason": "nothing arrived" });
    app.operator_named("anna").post(&format!("/v1/admin/top-up-orders/{other}/reject"), &reason).await.expect(200);
    let shown = app.customer("alice").get(&format!("/v1/top-up-orders/{other}")).await.expect(200);
    assert!(shown.text.contains("nothing arrived") && !shown.text.contains("anna"), "{}", shown.text);
    app.finish().await;
}

#[tokio::test]
async fn everything_of_a_customer_is_on_one_page() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    let open = ordered(&app, "alice", "bank_transfer", "CNY", "50.00").await;
    grant(&app, "alice", "5.00", json!({})).await;
    hold(&app, "alice", "call-1", "2.00", 600).await.expect(201);
    let cap = json!({ "daily_cap": "20.00" });
    let guard = "/v1/spend-guards/CNY?customer_id=alice";
    app.service().send(reqwest::Method::PUT, guard, Some(&cap), None).await.expect(201);
    let reason = json!({ "reason": "looks wrong" });
    app.operator().post("/v1/admin/customers/alice/freeze", &reason).await.expect(200);

    let page = app.operator().get("/v1/admin/customers/alice").await.expect(200);
    assert_eq!(page["profile"]["email"], "alice@example.com");
    let balance = &page["balances"][0];
    assert_eq!(
        (&balance["paid"], &balance["granted"], &balance["held"]),
        (&json!("100.00"), &json!("5.00"), &json!("2.00"))
    );
    assert_eq!(page["open_orders"][0]["id"], json!(open));
    assert_eq!(page["open_holds"][0]["id"], "call-1");
    assert_eq!(page["grants"][0]["remaining"], "5.00");
    assert_eq!(page["spend_guards"][0]["daily_cap"], "20.00");
    assert_eq!(
        (&page["freezes"][0]["reason"], &page["freezes"][0]["wallet_id"]),
        (&json!("looks wrong"), &Value::Null)
    );
    assert_eq!(page["taken_back_debt"], json!([]));
    assert_eq!(page["last_flows"].as_array().unwrap().len(), 2);
    let tilde = app.operator().get("/v1/admin/customers/~?customer_id=alice").await.expect(200);
    assert_eq!(tilde["customer_id"], "alice");
    app.operator().get("/v1/admin/customers/nobody").await.problem(404, "not_found");
    app.operator().get("/v1/admin/customers/~").await.names("?customer_id", "required");
    // A customer with only a profile is known.
    profile(&app, "carol").await;
    let carol = app.operator().get("/v1/admin/customers/carol").await.expect(200);
    assert_eq!(carol["balances"], json!([]));
    app.finish().await;
}

#[tokio::test]
async fn customers_are_listed_wherever_they_are_known_from() {
    let app = TestApp::spawn().await;
    grant(&app, "with-wallet", "1.00", json!({})).await;
    profile(&app, "with-profile").await;
    ordered(&app, "with-order", "bank_transfer", "CNY", "50.00").await;
    app.operator().post("/v1/admin/customers/with-wallet/freeze", &json!({ "reason": "a test" })).await.expect(200);
    let pages = both_ways(&app.operator(), "/v1/admin/customers", 2).await;
    let all: Vec<Value> = pages.concat();
    let ids: Vec<&str> = all.iter().map(|one| one["customer_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 4, "the demo's customer is the fourth: {ids:?}");
    for known in ["demo", "with-order", "with-profile", "with-wallet"] {
        assert!(ids.contains(&known), "{known}");
    }
    let frozen = |one: &&Value| one["frozen"] == true;
    assert_eq!(all.iter().find(frozen).unwrap()["customer_id"], "with-wallet");
    assert_eq!(all.iter().filter(frozen).count(), 1);
    let found: Reply = app.operator().get("/v1/admin/customers?limit=0").await;
    found.names("?limit", "out_of_range");
    app.finish().await;
}
