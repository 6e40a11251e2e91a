//! A further bank transfer for a completed order: it adds what it would have added if all had come at once, and is
//! reversed and refunded by itself.

use chrono::Duration;
use futures_util::future::join_all;
use serde_json::{Value, json};
use topup::app::papers::issue_due;

use crate::catalogue::put;
use crate::closings::{advance, close, closing, made, refunds};
use crate::reports::fold_the_day;
use crate::stage::{
    approve, balance, id, issue_papers, number, ordered, paid, read, statement, timeline, until, with_status,
};
use crate::support::{Reply, TestApp, execute};
use crate::unapplied::{decide, unapplied};

/// An order of zoe's is paid by a bank transfer that brings more than the order needs. `rest` is left of it. Returns
/// the payment and zoe's order.
async fn rest_of_a_line(app: &TestApp, rest: i64, line: &str) -> (String, String) {
    let other = ordered(app, "zoe", "bank_transfer", "CNY", "100").await;
    let mut stated = statement("100.00", line);
    stated["transaction_amount"] = json!(format!("{}.00", 100 + rest));
    let path = format!("/v1/admin/top-up-orders/{other}/approve");
    app.operator_named("another").post(&path, &stated).await.expect(200);
    (unapplied(app, &format!("order={other}")).await[0]["id"].as_str().unwrap().to_owned(), other)
}

async fn apply(app: &TestApp, operator: &str, payment: &str, order: &str) -> Reply {
    let body = json!({ "order_id": order, "reason": "the customer sent the rest" });
    decide(app, operator, payment, "apply", body).await
}

/// An order of alice's over 100 CNY. 60 came first. The other 40 came later, as the rest of a transfer for an order of
/// zoe's. Returns alice's order, the second payment, and zoe's order.
async fn paid_in_two(app: &TestApp) -> (String, String, String) {
    let order = ordered(app, "alice", "bank_transfer", "CNY", "100").await;
    approve(&app.operator(), &order, "60.00", "line-1").await.expect(200);
    let (payment, other) = rest_of_a_line(app, 40, "line-2").await;
    apply(app, "anna", &payment, &order).await.expect(200);
    (order, payment, other)
}

async fn reverse(app: &TestApp, operator: &str, order: &str, version: Option<i64>) -> Reply {
    let body = json!({ "reason": "another customer's", "reach": "order_wallet", "version": version });
    app.operator_named(operator).post(&format!("/v1/admin/top-up-orders/{order}/reverse"), &body).await
}

async fn refund(app: &TestApp, order: &str, amount: &str) -> Reply {
    let body = json!({ "order_id": order, "amount": amount, "reason": "asked for" });
    app.operator().post("/v1/admin/refunds", &body).await
}

async fn version(app: &TestApp, order: &str) -> Option<i64> {
    read(app, order).await["version"].as_i64()
}

async fn papers(app: &TestApp, order: &str) -> Reply {
    issue_papers(app).await;
    app.operator().get(&format!("/v1/top-up-orders/{order}/receipt")).await.expect(200)
}

fn amounts(papers: &Value) -> Vec<&str> {
    papers.as_array().unwrap().iter().map(|paper| paper["amount"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn two_transfers_add_up_to_what_one_would_have_brought() {
    let app = TestApp::spawn_with(|config| config.papers.seller_country = Some("VN".parse().unwrap())).await;
    let terms = json!({ "rate_percent": "7", "at": "top_up" });
    put(&app.operator(), "/v1/admin/tax-rules/VN/VN/consumer", &terms, None).await.expect(201);
    let fees = "UPDATE channel_rules SET fee_percent = 3.33, bonus_percent = 5 WHERE channel = 'bank_transfer'";
    execute(&app.database, fees).await;
    // 107 are to be paid, with a tax of 7. The fee is 3.33.
    let order = ordered(&app, "alice", "bank_transfer", "CNY", "100").await;
    let first = approve(&app.operator(), &order, "60.00", "line-1").await.expect(200);
    let (payment, _) = rest_of_a_line(&app, 47, "line-2").await;
    let names = ["anna", "ben", "carol", "dave"];
    let answers = join_all(names.iter().map(|name| apply(&app, name, &payment, &order))).await;
    assert_eq!((with_status(&answers, 200), with_status(&answers, 409)), (1, 3), "{answers:#?}");

    let once = ordered(&app, "bob", "bank_transfer", "CNY", "100").await;
    approve(&app.operator(), &once, "107.00", "line-3").await.expect(200);
    let (done, at_once) = (read(&app, &order).await, read(&app, &once).await);
    for figure in ["received_amount", "credited_amount", "status"] {
        assert_eq!(done[figure], at_once[figure], "{figure}");
    }
    let whole = "count(*) FROM (SELECT sum(fee) AS fee, sum(tax) AS tax FROM payment_applications GROUP BY order_id)
                 AS a WHERE (fee, tax) = (3.33, 7)";
    assert_eq!(number(&app, whole).await, 2);
    assert_eq!(done["completed_at"], first["completed_at"]);
    assert!(timeline(&app, &order).await.contains(&"credited_further".to_owned()));
    // The bonus belongs to the money that completed the order.
    let now = balance(&app, "alice", "CNY").await;
    assert_eq!((&now["paid"], &now["granted"]), (&json!("96.67"), &json!("2.80")));

    let papers = papers(&app, &order).await;
    let of = |paper: &Value| ["amount", "fee", "tax", "credited"].map(|name| paper[name].as_str().unwrap().to_owned());
    assert_eq!(of(&papers["receipt"]), ["60.00", "1.87", "3.93", "54.20"]);
    assert_eq!(of(&papers["further_receipts"][0]), ["47.00", "1.46", "3.07", "42.47"]);
    assert_eq!(
        (&papers["receipt"]["source"], &papers["further_receipts"][0]["source"]),
        (&json!(order), &json!(format!("{payment}:2")))
    );
    app.finish().await;
}

#[tokio::test]
async fn transfers_are_reversed_one_by_one_the_last_one_first() {
    let app = TestApp::spawn().await;
    let fees = "UPDATE channel_rules SET fee_percent = 1, bonus_percent = 5 WHERE channel = 'bank_transfer'";
    execute(&app.database, fees).await;
    let (order, payment, _) = paid_in_two(&app).await;
    // If this request were repeated, it would reverse the other transfer, too. So it must name the version.
    reverse(&app, "anna", &order, None).await.names("/version", "required");
    let seen = version(&app, &order).await;
    let answers = join_all(["anna", "ben", "carol"].iter().map(|name| reverse(&app, name, &order, seen))).await;
    assert_eq!(with_status(&answers, 200), 1, "{answers:#?}");
    for late in answers.into_iter().filter(|answer| answer.status != 200) {
        late.problem(409, "order_moved_on");
    }
    let left = read(&app, &order).await;
    let figures = ["status", "received_amount", "credited_amount"].map(|name| left[name].as_str().unwrap());
    assert_eq!((figures, &left["reason"]), (["completed", "60.00", "59.40"], &Value::Null));
    let now = balance(&app, "alice", "CNY").await;
    assert_eq!((&now["paid"], &now["granted"]), (&json!("59.40"), &json!("3.00")));
    assert_eq!(unapplied(&app, "").await[0]["id"], payment.as_str());
    app.check().await;

    // A transfer that is applied now is added to what the reversals have left.
    let (third, _) = rest_of_a_line(&app, 40, "line-3").await;
    apply(&app, "anna", &third, &order).await.expect(200);
    assert_eq!(read(&app, &order).await["credited_amount"], "99.00");
    for _ in 0..2 {
        reverse(&app, "anna", &order, version(&app, &order).await).await.expect(200);
        app.check().await;
    }
    assert_eq!(read(&app, &order).await["reason_code"], "approval_reversed");
    let now = balance(&app, "alice", "CNY").await;
    assert_eq!((&now["paid"], &now["granted"], &now["debt"]), (&json!("0.00"), &json!("0.00"), &json!("0.00")));
    reverse(&app, "anna", &order, version(&app, &order).await).await.problem(409, "approval_reversed");
    let (fourth, _) = rest_of_a_line(&app, 40, "line-4").await;
    apply(&app, "anna", &fourth, &order).await.problem(409, "approval_reversed");
    let papers = papers(&app, &order).await;
    assert_eq!(
        (&papers["receipt"]["amount"], amounts(&papers["further_receipts"])),
        (&json!("60.00"), vec!["40.00", "40.00"])
    );
    assert_eq!(amounts(&papers["credit_notes"]), ["40.00", "40.00", "60.00"]);
    // The day's reports contain what was reversed once, with its fee. The rest of the figures are those of zoe's three
    // orders.
    let day = fold_the_day(&app).await.day;
    let activity = app.operator().get(&format!("/v1/admin/reports/activity?from={day}&to={day}")).await.expect(200);
    let row = &activity["data"][0];
    let figures = ["gross", "fee", "credited", "adjusted"].map(|name| row[name].as_str().unwrap());
    assert_eq!(figures, ["300.00", "3.00", "435.60", "-138.60"]);
    app.finish().await;
}

#[tokio::test]
async fn a_refund_takes_one_transfer_the_last_one_first() {
    let app = TestApp::spawn().await;
    let (order, payment, other) = paid_in_two(&app).await;
    assert_eq!(read(&app, &order).await["refundable_amount"], "40.00");
    refund(&app, &order, "40.01").await.problem(409, "refund_exceeds_payment");
    let mut refunds = vec![refund(&app, &order, "40.00").await.expect(201)];
    // While money of the order goes back, no transfer is added to it, and none is reversed.
    let (third, _) = rest_of_a_line(&app, 40, "line-3").await;
    apply(&app, "anna", &third, &order).await.problem(409, "order_refunded");
    reverse(&app, "anna", &order, version(&app, &order).await).await.problem(409, "order_refunded");
    assert_eq!(read(&app, &order).await["refundable_amount"], "60.00");
    refunds.push(refund(&app, &order, "60.00").await.expect(201));
    let back = read(&app, &order).await;
    assert_eq!((&back["refunded_amount"], &back["refundable_amount"]), (&json!("100.00"), &json!("0.00")));
    assert_eq!(balance(&app, "alice", "CNY").await["paid"], "0.00");
    // What the transfer brought to the other order can still go back there.
    assert_eq!(read(&app, &other).await["refundable_amount"], "100.00");
    let of_payment = format!("sum(refunded) FROM payments WHERE 'pay_' || replace(id::text, '-', '') = '{payment}'");
    assert_eq!(number(&app, &of_payment).await, 40);
    for (n, refund) in refunds.iter().enumerate() {
        let sent = json!({ "bank_transaction_id": format!("OUT-{n}") });
        let path = format!("/v1/admin/refunds/{}/mark-sent", id(refund));
        app.operator_named("ben").post(&path, &sent).await.expect(200);
    }
    assert_eq!(amounts(&papers(&app, &order).await["credit_notes"]), ["40.00", "60.00"]);
    app.finish().await;
}

/// One transfer serves an order twice, and the second part is reversed. The credit note of a refund after that refers
/// to the receipt of the first part, and waits until the reversal has its own.
#[tokio::test]
async fn a_credit_note_refers_to_money_that_has_come() {
    let app = TestApp::spawn().await;
    execute(&app.database, "ALTER TABLE papers ADD CONSTRAINT refused CHECK (source NOT LIKE 'adj%')").await;
    let order = ordered(&app, "alice", "bank_transfer", "CNY", "100").await;
    let mut stated = statement("60.00", "line-1");
    stated["transaction_amount"] = json!("100.00");
    app.operator().post(&format!("/v1/admin/top-up-orders/{order}/approve"), &stated).await.expect(200);
    let payment = unapplied(&app, "").await[0]["id"].as_str().unwrap().to_owned();
    apply(&app, "anna", &payment, &order).await.expect(200);
    reverse(&app, "anna", &order, version(&app, &order).await).await.expect(200);
    let refunded = refund(&app, &order, "60.00").await.expect(201);
    let path = format!("/v1/admin/refunds/{}/mark-sent", id(&refunded));
    let sent = json!({ "bank_transaction_id": "OUT-1" });
    app.operator_named("ben").post(&path, &sent).await.expect(200);
    let both_wait = async || {
        issue_due(&app.server.app, Duration::zero(), 50).await.unwrap();
        number(&app, "count(*) FROM papers_due WHERE failure IS NOT NULL").await == 2
    };
    until("both credit notes are set aside", both_wait).await;

    execute(&app.database, "ALTER TABLE papers DROP CONSTRAINT refused; UPDATE papers_due SET try_at = now()").await;
    let papers = papers(&app, &order).await;
    assert_eq!(amounts(&papers["credit_notes"]), ["40.00", "60.00"]);
    assert_eq!(papers["credit_notes"][0]["receipt_id"], papers["further_receipts"][0]["id"]);
    assert_eq!(papers["credit_notes"][1]["receipt_id"], papers["receipt"]["id"]);
    app.finish().await;
}

/// The refund of one transfer comes back. The other transfer goes back to its payer nevertheless.
#[tokio::test]
async fn a_closing_gives_back_each_transfer_of_an_order() {
    let app = TestApp::spawn().await;
    paid_in_two(&app).await;
    close(&app.operator(), "alice").await.expect(200);
    let both = made(&[("bank", "40.00", "pending"), ("bank", "60.00", "pending")]);
    until("both go back", async || refunds(&app, "alice").await == both).await;
    let list = app.operator().get("/v1/admin/refunds?customer_id=alice").await.expect(200);
    let path = |n: usize| format!("/v1/admin/refunds/{}", list["data"][n]["id"].as_str().unwrap());
    let ben = app.operator_named("ben");
    ben.post(&format!("{}/reject", path(1)), &json!({ "reason": "the account is closed" })).await.expect(200);
    let sent = json!({ "bank_transaction_id": "OUT-1" });
    ben.post(&format!("{}/mark-sent", path(0)), &sent).await.expect(200);
    until("the rest can be paid out", async || advance(&app, "alice").await["status"] == "payout").await;
    assert_eq!(refunds(&app, "alice").await, made(&[("bank", "40.00", "failed"), ("bank", "60.00", "succeeded")]));
    assert_eq!(closing(&app, "alice").await["left"], json!([{ "currency": "CNY", "amount": "40.00" }]));
    app.finish().await;
}

#[tokio::test]
async fn above_the_threshold_two_operators_add_a_transfer() {
    let app = TestApp::spawn_with(|config| config.second_approval_above.push("CNY:150".parse().unwrap())).await;
    let order = ordered(&app, "alice", "bank_transfer", "CNY", "100").await;
    approve(&app.operator(), &order, "60.00", "line-1").await.expect(200);
    let (payment, _) = rest_of_a_line(&app, 160, "line-2").await;
    // A company's order is paid by one payment.
    let card = paid(&app, "alice", "card", "USD", "10.00").await;
    let to_card = json!({ "order_id": card, "amount": "10.00", "reason": "r" });
    decide(&app, "ben", &payment, "apply", to_card).await.problem(409, "order_already_completed");
    let proposed = apply(&app, "anna", &payment, &order).await.expect(202);
    assert_eq!(read(&app, &order).await["received_amount"], "60.00");
    let path = format!("/v1/admin/unapplied-decisions/{}/approve", id(&proposed));
    app.operator_named("anna").post(&path, &json!({})).await.problem(409, "second_operator_needed");
    app.operator_named("ben").post(&path, &json!({})).await.expect(200);
    assert_eq!(read(&app, &order).await["received_amount"], "220.00");
    assert_eq!(balance(&app, "alice", "CNY").await["paid"], "220.00");
    app.finish().await;
}
