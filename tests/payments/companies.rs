//! What each company alone can do: delayed money, reviews, its own order of checks.

use reqwest::Method;
use serde_json::{Value, json};

use crate::signing::{vnpay_calls, vnpay_ipn, vnpay_query, vnpay_says};
use crate::stage::{PAYPAL_CLIENT, PAYPAL_SECRET, Placed, Stage, VNPAY_SECRET, Way, events};
use crate::support::Reply;

#[tokio::test]
async fn case_09_a_completed_session_that_is_unpaid_waits_for_its_money() {
    let stage = Stage::new().await;
    for (end, status) in [("delayed-succeed", "completed"), ("delayed-fail", "failed")] {
        let placed = stage.place(Way::Checkout).await;
        stage.play(&placed, "pay-delayed", json!({})).await;
        stage.until(&placed, "processing").await;
        stage.delivered(&placed, 1).await;
        stage.is_not_credited(&placed, "processing").await;
        stage.verify(&placed).await.expect(200);
        stage.cancel(&placed).await.problem(409, "order_not_cancellable");
        stage.is_not_credited(&placed, "processing").await;
        stage.play(&placed, end, json!({})).await;
        stage.until(&placed, status).await;
        if status == "completed" {
            stage.is_credited(&placed).await;
        } else {
            let order = stage.is_not_credited(&placed, "failed").await;
            assert_eq!(order["reason"], "the delayed payment failed");
        }
    }
    stage.finish().await;
}

#[tokio::test]
async fn case_10_a_pending_capture_is_credited_only_when_it_completes() {
    let stage = Stage::new().await;
    for (end, status) in [("complete", "completed"), ("deny", "failed")] {
        let placed = stage.place(Way::Paypal).await;
        stage.play(&placed, "approve-pending", json!({})).await;
        stage.until(&placed, "processing").await;
        stage.delivered(&placed, 1).await;
        let order = stage.is_not_credited(&placed, "processing").await;
        assert_eq!(order["reason"], "ECHECK");
        stage.worker_asks().await;
        stage.is_not_credited(&placed, "processing").await;
        stage.play(&placed, end, json!({})).await;
        stage.until(&placed, status).await;
        if status == "completed" {
            stage.is_credited(&placed).await;
        } else {
            stage.is_not_credited(&placed, "failed").await;
        }
    }
    stage.finish().await;
}

/// Calls PayPal as somebody else with our credentials would.
async fn paypal(stage: &Stage, path: &str, body: &Value) -> Reply {
    let url = format!("{}/paypal", stage.app.server.sandbox_url().unwrap());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let token = http.post(format!("{url}/v1/oauth2/token")).basic_auth(PAYPAL_CLIENT, Some(PAYPAL_SECRET));
    let token = token.header("content-type", "application/x-www-form-urlencoded").body("grant_type=client_credentials");
    let token = Reply::of(token).await.expect(200);
    let request = http.post(format!("{url}{path}")).bearer_auth(token["access_token"].as_str().unwrap());
    Reply::of(request.header("paypal-request-id", uuid::Uuid::now_v7().to_string()).json(body)).await
}

pub async fn capture_behind_our_back(stage: &Stage, placed: &Placed) -> Reply {
    paypal(stage, &format!("/v2/checkout/orders/{}/capture", placed.at), &json!({})).await
}

/// An order at PayPal that names one of ours, made by somebody else.
pub async fn paypal_order(stage: &Stage, names: &str) -> Placed {
    let made = paypal(
        stage,
        "/v2/checkout/orders",
        &json!({
            "intent": "CAPTURE",
            "purchase_units": [{"custom_id": names, "amount": {"currency_code": "USD", "value": "20.00"}}],
        }),
    )
    .await
    .expect(201);
    Placed {
        way: Way::Paypal,
        id: names.to_owned(),
        customer: "demo".to_owned(),
        at: made["id"].as_str().unwrap().to_owned(),
    }
}

/// Our capture is under way when another one is faster.
#[tokio::test]
async fn case_11_a_second_capture_reads_the_first() {
    let stage = Stage::new().await;
    stage.mute("paypal", true).await;
    let placed = stage.place(Way::Paypal).await;
    stage.play(&placed, "approve", json!({})).await;
    stage.fault("paypal", &json!({"operation": "capture_order", "kind": "slow", "delay_ms": 1500})).await;
    let (verified, ()) = tokio::join!(stage.verify(&placed), async {
        // Once `processing` is committed our call is on its way, and the fault is ours.
        stage.until(&placed, "processing").await;
        crate::stage::until("our call has arrived", async || {
            let faults = stage.company(Method::GET, "/control/paypal/faults", &json!({})).await.expect(200);
            (faults.body.as_array().unwrap().iter().all(|fault| fault["times"] == 0)).then_some(())
        })
        .await;
        capture_behind_our_back(&stage, &placed).await.expect(201);
    });
    assert_eq!(verified.expect(200)["status"], "completed");
    let statuses: Vec<_> =
        stage.calls("paypal", "capture_order").await.iter().map(|call| call["status"].clone()).collect();
    assert_eq!(statuses, [201, 422], "ours was refused with ORDER_ALREADY_CAPTURED");
    stage.is_credited(&placed).await;
    assert_eq!(stage.ask("SELECT count(*) FROM payments").await, ["1"]);
    stage.finish().await;
}

#[tokio::test]
async fn case_12_vnpays_ipn_is_answered_in_vnpays_order() {
    let stage = Stage::new().await;
    stage.mute("vnpay", true).await;
    let placed = stage.place(Way::Vnpay).await;
    let right = vnpay_says(&placed.at, 200_000);
    let mut unknown = vnpay_says("0197f2c0a1b27c3d8e4f5a6b7c8d9e0fA1", 1);
    let short = vnpay_says(&placed.at, 199_999);

    // The seal comes first, whatever else is wrong.
    assert_eq!(vnpay_calls(&stage, &vnpay_query(&unknown, "another secret")).await, "97");
    assert_eq!(vnpay_calls(&stage, &vnpay_query(&right, "another secret")).await, "97");
    assert_eq!(vnpay_calls(&stage, &vnpay_query(&right, VNPAY_SECRET).replace("200000", "200001")).await, "97");
    // Then the order, whatever the amount.
    assert_eq!(vnpay_ipn(&stage, &unknown).await, "01");
    unknown.insert("vnp_TxnRef", "SOMETHING".to_owned());
    assert_eq!(vnpay_ipn(&stage, &unknown).await, "01");
    // Then the amount, times 100; a failure of another amount is not this order's either.
    assert_eq!(vnpay_ipn(&stage, &short).await, "04");
    let mut failed = short.clone();
    failed.insert("vnp_ResponseCode", "24".to_owned());
    failed.insert("vnp_TransactionStatus", "02".to_owned());
    failed.insert("vnp_TransactionNo", "0".to_owned());
    assert_eq!(vnpay_ipn(&stage, &failed).await, "04");
    stage.is_not_credited(&placed, "pending").await;
    // Then its state.
    let mut paid = right.clone();
    paid.insert("vnp_TransactionNo", "14422575".to_owned());
    assert_eq!(vnpay_ipn(&stage, &paid).await, "00");
    assert_eq!(vnpay_ipn(&stage, &paid).await, "02");
    // Confirmed or not, another amount is wrong first.
    let mut other = paid.clone();
    other.insert("vnp_Amount", "100".to_owned());
    assert_eq!(vnpay_ipn(&stage, &other).await, "04");
    assert_eq!(vnpay_ipn(&stage, &paid).await, "02");
    stage.is_credited(&placed).await;
    stage.finish().await;
}

#[tokio::test]
async fn case_12_suspicious_money_is_held_for_review() {
    let stage = Stage::new().await;
    for scene in ["suspicious", "reversed"] {
        let placed = stage.place(Way::Vnpay).await;
        stage.play(&placed, scene, json!({})).await;
        stage.until(&placed, "processing").await;
        let delivered = stage.delivered(&placed, 1).await;
        assert!(delivered[0]["attempts"][0]["answer"].as_str().unwrap().contains(r#""RspCode":"00""#));
        let order = stage.is_not_credited(&placed, "processing").await;
        assert!(order["reason"].as_str().unwrap().starts_with("suspicious or reversed"), "{order:#}");
        stage.verify(&placed).await.expect(200);
        stage.is_not_credited(&placed, "processing").await;
    }
    stage.finish().await;
}

#[tokio::test]
async fn case_12_vnpays_return_page_never_credits() {
    let stage = Stage::new().await;
    stage.mute("vnpay", true).await;
    let placed = stage.place(Way::Vnpay).await;
    let paid = stage.play(&placed, "pay", json!({})).await;
    let back = url::Url::parse(paid["redirect"].as_str().unwrap()).unwrap();
    assert!(back.query().unwrap().contains("vnp_ResponseCode=00"), "{back}");
    for _ in 0..3 {
        let path = format!("{}?{}", back.path(), back.query().unwrap());
        let reply = stage.app.anonymous().get(&path).await.expect(303);
        assert_eq!(reply.header("location").unwrap(), format!("https://app.example.com/wallet?order={}", placed.id));
    }
    let order = stage.is_not_credited(&placed, "pending").await;
    assert_eq!(events(&order), ["created", "payment_started"]);
    assert_eq!(stage.calls("vnpay", "querydr").await, Vec::<Value>::new());
    // The company's own word does.
    stage.verify(&placed).await.expect(200);
    stage.is_credited(&placed).await;
    stage.finish().await;
}

#[tokio::test]
async fn vnpays_failed_then_paid_is_believed_when_vnpay_says_so_itself() {
    let stage = Stage::new().await;
    let placed = stage.place(Way::Vnpay).await;
    stage.play(&placed, "wrong-otp", json!({})).await;
    stage.until(&placed, "failed").await;
    // A notification alone does not revive it: VNPay, asked, knows of no payment. It shall tell us again, and the
    // money that it speaks of is on record.
    let said = vnpay_says(&placed.at, 200_000);
    for _ in 0..2 {
        assert_eq!(vnpay_ipn(&stage, &said).await, "99");
    }
    // Another sum is wrong first, and needs no question.
    let mut short = vnpay_says(&placed.at, 199_999);
    short.insert("vnp_TransactionNo", "14422575".to_owned());
    let asked = stage.calls("vnpay", "querydr").await.len();
    assert_eq!(vnpay_ipn(&stage, &short).await, "04");
    assert_eq!(stage.calls("vnpay", "querydr").await.len(), asked);
    let kept: Vec<_> = stage.unapplied().await.iter().map(|one| one["amount"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kept, ["199999", "200000"]);
    stage.is_not_credited(&placed, "failed").await;
    stage.play(&placed, "pay", json!({})).await;
    stage.until(&placed, "completed").await;
    let delivered = stage.delivered(&placed, 1).await;
    let answer = delivered.last().unwrap()["attempts"][0]["answer"].as_str().unwrap();
    assert!(answer.contains(r#""RspCode":"00""#), "{answer}");
    stage.is_credited(&placed).await;
    stage.finish().await;
}
