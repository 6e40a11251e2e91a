//! Refund requests: what can be refunded in parts, who decides, and what the customer sees of it.

use futures_util::future::join_all;
use serde_json::{Value, json};
use topup::domain::permission::Permission;

use crate::audit::both_ways;
use crate::refunds::refund;
use crate::stage::{id, number, order, ordered, paid, play, quiet, timeline, with_status};
use crate::support::sandbox::until;
use crate::support::{Reply, TestApp, execute, permitted_token};

async fn parts(app: &TestApp, order: &str) -> Reply {
    app.customer("alice").get(&format!("/v1/top-up-orders/{order}/refundable")).await.expect(200)
}

fn asked(order: &str, amount: Option<&str>) -> Value {
    match amount {
        Some(amount) => json!({ "order_id": order, "amount": amount, "reason": "a wrong account" }),
        None => json!({ "order_id": order, "reason": "a wrong account" }),
    }
}

async fn ask(app: &TestApp, order: &str, amount: Option<&str>) -> Reply {
    app.customer("alice").post("/v1/refund-requests", &asked(order, amount)).await
}

async fn decide(app: &TestApp, who: &str, request: &str, verb: &str, body: Value) -> Reply {
    app.operator_named(who).post(&format!("/v1/admin/refund-requests/{request}/{verb}"), &body).await
}

/// The parts in the order in which they are taken off, and their sum.
fn figures(parts: &Reply) -> Vec<&str> {
    ["left_of_payment", "fee", "disputed", "bonus", "spent", "held", "amount"]
        .map(|n| parts[n].as_str().unwrap())
        .into()
}

#[tokio::test]
async fn what_can_be_refunded_is_a_sum_of_parts() {
    let app = TestApp::spawn().await;
    let terms = "UPDATE channel_rules SET fee_percent = 3, fee_refundable = false, bonus_percent = 10
                 WHERE currency = 'USD' AND channel = 'card'";
    execute(&app.database, terms).await;
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    // 97 credited, and a bonus of 10.
    assert_eq!(figures(&parts(&app, &order).await), ["100.00", "3.00", "0.00", "0.00", "0.00", "0.00", "97.00"]);
    let service = app.service();
    let body =
        |id: &str, amount: &str| json!({ "id": id, "customer_id": "alice", "currency": "USD", "amount": amount });
    // The bonus is spent first: 10 of it, then 20 of the money. The wallet has 77, and a refund takes the spent bonus,
    // too, by its share.
    service.post("/v1/usage", &body("u-1", "30.00")).await.expect(201);
    assert_eq!(figures(&parts(&app, &order).await), ["100.00", "3.00", "0.00", "10.00", "17.20", "0.00", "69.80"]);
    let mut hold = body("h-1", "7.00");
    hold["expires_in"] = json!(600);
    service.post("/v1/holds", &hold).await.expect(201);
    assert_eq!(figures(&parts(&app, &order).await), ["100.00", "3.00", "0.00", "10.00", "17.20", "6.34", "63.46"]);

    // The amount that can be refunded according to the API, and not a cent more.
    let (operator, more) = (app.operator(), refund(&order, "63.47"));
    operator.post("/v1/admin/refunds", &more).await.problem(402, "insufficient_funds");
    operator.post("/v1/admin/refunds", &refund(&order, "63.46")).await.expect(201);
    quiet(&app, "stripe").await;
    let left = parts(&app, &order).await;
    assert_eq!((&left["left_of_payment"], &left["amount"]), (&json!("36.54"), &json!("0.00")));
    ask(&app, &order, None).await.problem(409, "refund_exceeds_payment");

    // Disputed money is not refunded.
    let second = paid(&app, "alice", "card", "USD", "50.00").await;
    play(&app, "stripe", &second, "dispute-open", json!({})).await;
    quiet(&app, "stripe").await;
    let contested = parts(&app, &second).await;
    assert_eq!((&contested["disputed"], &contested["amount"]), (&json!("48.50"), &json!("0.00")), "{}", contested.text);
    let seen = app.customer("alice").get("/v1/disputes").await.expect(200);
    assert_eq!((&seen["data"][0]["order_id"], &seen["data"][0]["status"]), (&json!(second), &json!("open")));
    let path = format!("/v1/top-up-orders/{order}/refundable");
    app.customer("bob").get(&path).await.problem(404, "not_found");
    let pending = ordered(&app, "alice", "card", "USD", "10.00").await;
    let path = format!("/v1/top-up-orders/{pending}/refundable");
    app.customer("alice").get(&path).await.problem(409, "order_not_completed");
    app.finish().await;
}

#[tokio::test]
async fn a_customer_asks_and_follows() {
    let app = TestApp::spawn().await;
    let order = paid(&app, "alice", "card", "USD", "100.00").await;
    let alice = app.customer("alice");
    for (amount, code) in [("0", "not_positive"), ("1.001", "too_precise"), ("-1", "not_a_plain_decimal")] {
        ask(&app, &order, Some(amount)).await.names("/amount", code);
    }
    ask(&app, &order, Some("100.01")).await.problem(409, "refund_exceeds_payment");
    app.customer("bob").post("/v1/refund-requests", &asked(&order, None)).await.problem(404, "not_found");

    // Of many concurrent requests one waits, and a repeated request counts once.
    let answers = join_all((0..6).map(|_| ask(&app, &order, Some("40.00")))).await;
    assert_eq!((with_status(&answers, 201), with_status(&answers, 409)), (1, 5), "{answers:#?}");
    let first = id(answers.iter().find(|answer| answer.status == 201).unwrap());
    let withdraw = format!("/v1/refund-requests/{first}/withdraw");
    app.customer("bob").post(&withdraw, &json!({})).await.problem(404, "not_found");
    for _ in 0..2 {
        assert_eq!(alice.post(&withdraw, &json!({})).await.expect(200)["status"], "withdrawn");
    }
    let body = asked(&order, None);
    let second = alice.post_with_key("/v1/refund-requests", &body, "once").await.expect(201);
    let again = alice.post_with_key("/v1/refund-requests", &body, "once").await.expect(200);
    assert_eq!((id(&second), again.header("idempotent-replayed")), (id(&again), Some("true")));
    assert_eq!((&second["amount"], &second["status"]), (&json!("100.00"), &json!("waiting")));

    // A refusal says why, and names no operator.
    let refused = decide(&app, "ben", &id(&second), "refuse", json!({ "reason": "It was used." })).await.expect(200);
    assert_eq!(refused["decided_by"], "operator:ben");
    decide(&app, "dora", &id(&second), "approve", json!({})).await.problem(409, "refund_request_decided");
    let told = alice.get(&format!("/v1/refund-requests/{}", id(&second))).await.expect(200);
    assert_eq!(
        (&told["status"], &told["answer"], &told["decided_by"]),
        (&json!("refused"), &json!("It was used."), &json!("operator"))
    );

    // Less than requested is given, and the customer sees the refund.
    let third = id(&ask(&app, &order, Some("60.00")).await.expect(201));
    decide(&app, "ben", &third, "approve", json!({ "amount": "60.01" })).await.names("/amount", "above_maximum");
    let approved = decide(&app, "ben", &third, "approve", json!({ "amount": "55.00" })).await.expect(200);
    assert_eq!(approved["status"], "approved");
    quiet(&app, "stripe").await;
    let refunds = alice.get("/v1/refunds").await.expect(200);
    assert_eq!((&refunds["data"][0]["id"], &refunds["data"][0]["amount"]), (&approved["refund_id"], &json!("55.00")));
    assert_eq!((&refunds["data"][0]["status"], refunds["data"].as_array().unwrap().len()), (&json!("succeeded"), 1));
    assert_eq!(app.available("alice", "USD", "").await, "45.00");
    assert!(app.customer("bob").get("/v1/refunds").await.expect(200)["data"].as_array().unwrap().is_empty());

    let pages = both_ways(&app.operator(), "/v1/admin/refund-requests?customer_id=alice", 2).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    let refusals = alice.get("/v1/refund-requests?status=refused&status=withdrawn").await.expect(200);
    assert_eq!(refusals["data"].as_array().unwrap().len(), 2);
    let events = timeline(&app, &order).await;
    for event in ["refund_requested", "refund_request_withdrawn", "refund_request_refused", "refund_started"] {
        assert!(events.iter().any(|told| told == event), "{event}: {events:?}");
    }
    let told = until("the feed tells it", async || {
        let page = app.service().get("/v1/events?type=refund_request.approved").await.expect(200);
        page["data"].get(0).cloned()
    })
    .await;
    assert_eq!(told["data"]["refund_request"]["id"], json!(third), "{told}");
    let log = app.operator().get("/v1/admin/audit-log?customer_id=alice").await.expect(200);
    let actions: Vec<&str> = log["data"].as_array().unwrap().iter().map(|l| l["action"].as_str().unwrap()).collect();
    for action in ["refund_request.refused", "refund_request.approved", "refund.started"] {
        assert!(actions.contains(&action), "{actions:?}");
    }
    app.finish().await;
}

/// An operator with only `support` proposes; the money leaves when an operator with `finance` approves.
#[tokio::test]
async fn support_proposes_and_finance_pays() {
    let app = TestApp::spawn_with(|config| config.jwt.permissions_claim = Some("permissions".to_owned())).await;
    let as_one = |name: &str, permission: Permission| app.bearer(permitted_token(name, permission.into()));
    let (sue, fay, max) =
        (as_one("sue", Permission::Support), as_one("fay", Permission::Finance), as_one("max", Permission::Finance));
    let order = paid_by(&app, "alice", "100.00").await;
    let request = id(&ask(&app, &order, Some("30.00")).await.expect(201));
    let path = |verb: &str| format!("/v1/admin/refund-requests/{request}/{verb}");
    let (approve, refuse) = (path("approve"), path("refuse"));
    as_one("rita", Permission::Read).post(&approve, &json!({})).await.problem(403, "insufficient_permission");

    let proposed = sue.post(&approve, &json!({})).await.expect(202);
    assert_eq!(proposed["status"], "waiting");
    let refund = proposed["refund_id"].as_str().unwrap().to_owned();
    assert_eq!(app.available("alice", "USD", "").await, "100.00");
    // The customer learns nothing of a proposal.
    let alice = app.customer("alice");
    let told = alice.get(&format!("/v1/refund-requests/{request}")).await.expect(200);
    assert_eq!((&told["status"], &told["refund_id"]), (&json!("waiting"), &Value::Null));
    assert!(alice.get("/v1/refunds").await.expect(200)["data"].as_array().unwrap().is_empty());
    fay.post(&approve, &json!({})).await.problem(409, "refund_proposed");
    fay.post(&refuse, &json!({ "reason": "no" })).await.problem(409, "refund_proposed");
    alice.post(&format!("/v1/refund-requests/{request}/withdraw"), &json!({})).await.problem(409, "refund_proposed");
    sue.post(&format!("/v1/admin/refunds/{refund}/approve"), &json!({})).await.problem(403, "insufficient_permission");

    // Finance rejects the proposal: the request waits for another decision.
    fay.post(&format!("/v1/admin/refunds/{refund}/reject"), &json!({ "reason": "too much" })).await.expect(200);
    let waiting = fay.get("/v1/admin/refund-requests?status=waiting&sort=oldest").await.expect(200);
    assert_eq!((&waiting["data"][0]["id"], &waiting["data"][0]["refund_id"]), (&json!(request), &Value::Null));
    assert!(alice.get("/v1/refunds").await.expect(200)["data"].as_array().unwrap().is_empty());

    // Approvals race a withdrawal and a refusal: one of them wins, and the money leaves at most once.
    let again = sue.post(&approve, &json!({ "amount": "20.00" })).await.expect(202);
    let refund = again["refund_id"].as_str().unwrap().to_owned();
    let pay = format!("/v1/admin/refunds/{refund}/approve");
    let nothing = json!({});
    let answers = join_all([fay.post(&pay, &nothing), max.post(&pay, &nothing), fay.post(&pay, &nothing)]).await;
    assert_eq!(with_status(&answers, 200), 1, "{answers:#?}");
    quiet(&app, "stripe").await;
    let done = fay.get(&format!("/v1/admin/refund-requests/{request}")).await.expect(200);
    assert_eq!((&done["status"], &done["refund_id"]), (&json!("approved"), &json!(refund)));
    assert_eq!(done["refundable"]["left_of_payment"], "80.00");
    assert_eq!(app.available("alice", "USD", "").await, "80.00");

    let last = id(&ask(&app, &order, Some("10.00")).await.expect(201));
    let path = |verb: &str| format!("/v1/admin/refund-requests/{last}/{verb}");
    let (approve, refuse) = (path("approve"), path("refuse"));
    let withdraw = format!("/v1/refund-requests/{last}/withdraw");
    let no = json!({ "reason": "no" });
    let answers = join_all([
        fay.post(&approve, &nothing),
        max.post(&approve, &nothing),
        sue.post(&refuse, &no),
        alice.post(&withdraw, &nothing),
    ])
    .await;
    assert_eq!((with_status(&answers, 200), with_status(&answers, 409)), (1, 3), "{answers:#?}");
    quiet(&app, "stripe").await;
    let paid = number(&app, "count(*) FROM refunds WHERE amount = 10 AND status <> 'failed'").await;
    assert_eq!(paid, i64::from(answers[0].status == 200 || answers[1].status == 200));
    // Another operator must decide about one's own money.
    let order = paid_by(&app, "sue", "10.00").await;
    let own = app.customer("sue").post("/v1/refund-requests", &asked(&order, None)).await.expect(201);
    let path = |verb: &str| format!("/v1/admin/refund-requests/{}/{verb}", id(&own));
    sue.post(&path("approve"), &nothing).await.problem(403, "own_account");
    sue.post(&path("refuse"), &no).await.problem(403, "own_account");
    app.finish().await;
}

/// An order that was paid by card, where operators need permissions to read it.
async fn paid_by(app: &TestApp, customer: &str, amount: &str) -> String {
    let caller = app.customer(customer);
    let profile = json!({ "name": customer, "email": "s@example.com", "country": "VN" });
    caller.send(reqwest::Method::PUT, "/v1/billing-profile", Some(&profile), None).await.expect(200);
    let made = caller.post("/v1/top-up-orders", &order("card", "USD", amount)).await.expect(201);
    play(app, "stripe", &id(&made), "pay", json!({})).await;
    quiet(app, "stripe").await;
    id(&made)
}
