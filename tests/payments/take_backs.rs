//! Refunds and disputes that nobody tells us of, and refunds that a company refuses for good.

use reqwest::Method;
use serde_json::{Value, json};
use topup::app::refunds;
use topup::domain::payment::ProviderName;
use topup::storage::disputes;
use topup::workers;

use crate::ours::payment_of;
use crate::signing::{stripe_event, stripe_says, vnpay_portal_refund};
use crate::stage::{PAYER, Placed, Stage, Way, events, until};
use crate::support::Reply;

/// Makes the next round due, and runs it. A worker of the service may be faster.
async fn next_round(stage: &Stage) {
    stage.execute("UPDATE worker_marks SET reached = now() WHERE worker LIKE 'take_backs_next:%'").await;
    workers::find_take_backs(&stage.app.server.app).await.unwrap();
}

/// Makes the question about a payment due at companies without a list.
async fn next_day(stage: &Stage) {
    stage.execute("UPDATE payments SET ask_at = now() WHERE ask_at IS NOT NULL").await;
    workers::find_take_backs(&stage.app.server.app).await.unwrap();
}

async fn has(stage: &Stage, placed: &Placed, event: &str) {
    until(event, async || events(&stage.order(placed).await).contains(&event).then_some(())).await;
}

async fn available(stage: &Stage, way: Way) -> String {
    stage.app.available(PAYER, way.currency(), "").await
}

async fn completed(stage: &Stage, way: Way) -> Placed {
    let placed = stage.place(way).await;
    stage.play(&placed, if way == Way::Paypal { "approve" } else { "pay" }, json!({})).await;
    stage.verify(&placed).await.expect(200);
    stage.until(&placed, "completed").await;
    placed
}

#[tokio::test]
async fn case_59_a_lost_refund_and_a_lost_dispute_are_found_at_stripe() {
    let stage = Stage::new().await;
    stage.mute("stripe", true).await;
    let placed = completed(&stage, Way::Checkout).await;
    stage.play(&placed, "refund", json!({"amount": 500})).await;
    stage.play(&placed, "dispute-open", json!({"amount": 1500})).await;
    // While the list cannot be read, its mark stays.
    stage.fault("stripe", &json!({"operation": "list_disputes", "kind": "html", "times": 3})).await;
    next_round(&stage).await;
    next_round(&stage).await;
    stage.forget_faults("stripe").await;
    next_round(&stage).await;
    has(&stage, &placed, "refund_adopted").await;
    has(&stage, &placed, "dispute_opened").await;
    until("the wallet has given it", async || (available(&stage, Way::Checkout).await == "0.00").then_some(())).await;
    // An open dispute is asked about by its id. However often the lists are read, each counts once.
    stage.play(&placed, "dispute-win", json!({})).await;
    for _ in 0..3 {
        next_round(&stage).await;
    }
    has(&stage, &placed, "dispute_won").await;
    until("the wallet has it back", async || (available(&stage, Way::Checkout).await == "15.00").then_some(())).await;
    let order = stage.order(&placed).await;
    for event in ["refund_adopted", "dispute_opened", "dispute_won"] {
        assert_eq!(events(&order).iter().filter(|one| **one == event).count(), 1, "{order:#}");
    }
    stage.finish().await;
}

/// A round asks about the disputes that were not asked about for the longest time.
#[tokio::test]
async fn open_disputes_are_asked_about_in_turn() {
    let stage = Stage::new().await;
    for _ in 0..3 {
        let placed = completed(&stage, Way::Checkout).await;
        stage.play(&placed, "dispute-open", json!({})).await;
        has(&stage, &placed, "dispute_opened").await;
    }
    // No round of the service comes in between.
    let later = "INSERT INTO worker_marks (worker, reached) VALUES ('take_backs_next:stripe', now() + interval '1 day')
                 ON CONFLICT (worker) DO UPDATE SET reached = excluded.reached";
    stage.execute(later).await;
    let turn = async || {
        let mut conn = stage.app.server.app.pool.get().await.unwrap();
        let asked = disputes::next_to_ask(&mut conn, ProviderName::Stripe, 2).await.unwrap();
        for (id, _) in &asked {
            disputes::note_asked(&mut conn, *id).await.unwrap();
        }
        asked
    };
    let asked = [turn().await, turn().await, turn().await].concat();
    let (first, again) = asked.split_at(3);
    assert!(first == again && first[0] != first[1] && first[1] != first[2] && first[2] != first[0], "{asked:?}");
    stage.execute("UPDATE disputes SET asked_at = 'epoch'").await;
    next_round(&stage).await;
    until("the round has asked about each", async || {
        (stage.ask("SELECT count(*) FROM disputes WHERE asked_at = 'epoch'").await == ["0"]).then_some(())
    })
    .await;
    stage.finish().await;
}

/// PayPal lists disputes; its refunds are in each order. VNPay shows the last movement of each payment.
#[tokio::test]
async fn case_59_lost_take_backs_are_found_as_far_as_paypal_and_vnpay_show_them() {
    let stage = Stage::new().await;
    for company in ["paypal", "vnpay"] {
        stage.mute(company, true).await;
    }
    let (refunded, disputed) = (completed(&stage, Way::Paypal).await, completed(&stage, Way::Paypal).await);
    stage.play(&refunded, "refund", json!({"amount": "5.00"})).await;
    stage.play(&disputed, "dispute-open", json!({})).await;
    next_round(&stage).await;
    has(&stage, &disputed, "dispute_opened").await;
    let vnpay = completed(&stage, Way::Vnpay).await;
    let known = vnpay_portal_refund(&stage, &vnpay, 50_000).await;
    assert!(known["vnp_ResponseCode"] == "00", "{known}");
    assert!(!events(&stage.order(&vnpay).await).contains(&"refund_adopted"));
    for _ in 0..2 {
        next_day(&stage).await;
    }
    for placed in [&refunded, &vnpay] {
        has(&stage, placed, "refund_adopted").await;
        let order = stage.order(placed).await;
        assert_eq!(events(&order).iter().filter(|one| **one == "refund_adopted").count(), 1, "{order:#}");
    }
    assert_eq!(stage.order(&refunded).await["refunded_amount"], "5.00");
    assert_eq!(stage.order(&vnpay).await["refunded_amount"], "50000");
    let next = "SELECT DISTINCT provider || ' ' || date_part('day', ask_at - received_at) FROM payments ORDER BY 1";
    assert_eq!(stage.ask(next).await, ["paypal 1", "vnpay 1"]);
    stage.finish().await;
}

#[tokio::test]
async fn case_59_an_operator_who_asks_about_a_completed_order_finds_its_take_backs() {
    let stage = Stage::new().await;
    for (way, amount) in [(Way::Checkout, json!(500)), (Way::Elements, json!(500)), (Way::Paypal, json!("5.00"))] {
        stage.mute(way.company(), true).await;
        let placed = completed(&stage, way).await;
        stage.play(&placed, "refund", json!({ "amount": amount })).await;
        stage.verify(&placed).await.expect(200);
        assert_eq!(stage.order(&placed).await["refunded_amount"], "0.00");
        let verify = format!("/v1/top-up-orders/{}/verify?customer_id={}", placed.id, placed.customer);
        let told = stage.app.operator().send(Method::POST, &verify, None, None).await.expect(200);
        assert_eq!(told["refunded_amount"], "5.00", "{way:?}");
    }
    stage.finish().await;
}

async fn ask_for_refund(stage: &Stage, placed: &Placed) -> String {
    let body = json!({"order_id": placed.id, "amount": placed.way.amount(), "reason": "asked for"});
    let asked = stage.app.operator().post("/v1/admin/refunds", &body).await.expect(201);
    assert_eq!(asked["status"], "pending", "{}", asked.text);
    asked["id"].as_str().unwrap().to_owned()
}

async fn reject(stage: &Stage, refund: &str) -> Reply {
    let body = json!({"reason": "the card is closed"});
    stage.app.operator().post(&format!("/v1/admin/refunds/{refund}/reject"), &body).await
}

async fn refund_of(stage: &Stage, refund: &str) -> Value {
    stage.app.operator().get(&format!("/v1/admin/refunds/{refund}")).await.expect(200).body
}

/// The refunds that the list shows as waiting for an operator.
async fn waiting(stage: &Stage) -> Vec<String> {
    let list = stage.app.operator().get("/v1/admin/refunds?needs_operator=true").await.expect(200);
    list["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

/// 21 hours later a refusal may be the answer to a repetition, so it does not end the refund by itself.
async fn much_later(stage: &Stage) {
    let sql = "UPDATE refunds SET created_at = created_at - interval '21 hours',
        started_at = started_at - interval '21 hours', ask_at = now() WHERE status = 'pending'";
    stage.execute(sql).await;
    refunds::ask_due(&stage.app.server.app).await.unwrap();
}

#[tokio::test]
async fn case_60_a_refund_that_is_refused_for_good_is_ended_by_an_operator() {
    let stage = Stage::new().await;
    stage.mute("stripe", true).await;
    let placed = completed(&stage, Way::Checkout).await;
    stage.fault("stripe", &json!({"operation": "create_refund", "kind": "status", "times": 99})).await;
    let refund = ask_for_refund(&stage, &placed).await;
    // In the first hours the company still decides.
    reject(&stage, &refund).await.problem(409, "refund_not_rejectable");
    assert_eq!(waiting(&stage).await, [""; 0]);
    much_later(&stage).await;
    assert_eq!(refund_of(&stage, &refund).await["status"], "pending");
    assert_eq!(waiting(&stage).await, [refund.as_str()]);
    // The company is asked before the wallet gets money back.
    stage.fault("stripe", &json!({"operation": "list_refunds", "kind": "html", "times": 3})).await;
    reject(&stage, &refund).await.must_be_a_problem();
    assert_eq!(refund_of(&stage, &refund).await["status"], "pending");
    assert_eq!(available(&stage, Way::Checkout).await, "0.00");
    stage.forget_faults("stripe").await;
    for _ in 0..2 {
        assert_eq!(reject(&stage, &refund).await.expect(200)["status"], "failed");
        assert_eq!(available(&stage, Way::Checkout).await, "20.00");
    }
    assert_eq!(waiting(&stage).await, [""; 0]);
    // The refund appears later nevertheless: the money is taken back by force, once.
    let late = json!({
        "id": "re_late", "object": "refund", "amount": 2000, "currency": "usd", "status": "succeeded",
        "payment_intent": payment_of(&stage, &placed).await, "metadata": {"refund_id": refund},
    });
    for _ in 0..2 {
        stripe_says(&stage, &stripe_event("refund.created", &late)).await.expect(200);
        assert_eq!(available(&stage, Way::Checkout).await, "0.00");
    }
    stage.finish().await;
}

/// An operator has refunded at the dashboard instead. The payer has the money, so the wallet does not get it back.
#[tokio::test]
async fn case_60_a_refund_that_was_made_at_the_dashboard_instead_is_adopted() {
    let stage = Stage::new().await;
    for way in [Way::Checkout, Way::Paypal] {
        stage.mute(way.company(), true).await;
        let placed = completed(&stage, way).await;
        let operation = if way == Way::Paypal { "refund_capture" } else { "create_refund" };
        stage.fault(way.company(), &json!({"operation": operation, "kind": "status", "times": 99})).await;
        let refund = ask_for_refund(&stage, &placed).await;
        stage.forget_faults(way.company()).await;
        stage.play(&placed, "refund", json!({})).await;
        much_later(&stage).await;
        assert_eq!(refund_of(&stage, &refund).await["status"], "pending", "{way:?}");
        reject(&stage, &refund).await.problem(409, "refund_moved_on");
        let adopted = refund_of(&stage, &refund).await;
        assert_eq!(adopted["status"], "succeeded", "{adopted:#}");
        assert!(adopted["provider_refund_id"].is_string(), "{adopted:#}");
        assert_eq!(stage.ask("SELECT count(*) FROM refunds WHERE status = 'succeeded'").await.len(), 1);
        let order = stage.order(&placed).await;
        assert_eq!(order["refunded_amount"], "20.00", "{order:#}");
        assert_eq!(available(&stage, way).await, "0.00");
    }
    stage.finish().await;
}
