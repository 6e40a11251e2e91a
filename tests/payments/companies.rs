//! What only one company does: delayed money, reviews, an order of checks of its own.

use reqwest::Method;
use serde_json::{Value, json};

use crate::signing::{vnpay_calls, vnpay_ipn, vnpay_query, vnpay_says};
use crate::stage::{PAYPAL_CLIENT, PAYPAL_SECRET, Placed, STRIPE_KEY, Stage, VNPAY_SECRET, Way, events};
use crate::support::{DEPLOYMENT, Reply};

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
        assert!(order["reason"].as_str().unwrap().contains("eCheck"), "{order:#}");
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

/// Calls PayPal with our credentials, but not from our service.
async fn paypal(stage: &Stage, path: &str, body: &Value) -> Reply {
    let url = format!("{}/paypal", stage.app.server.sandbox_url().unwrap());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let token = http.post(format!("{url}/v1/oauth2/token")).basic_auth(PAYPAL_CLIENT, Some(PAYPAL_SECRET));
    let token = token.header("content-type", "application/x-www-form-urlencoded").body("grant_type=client_credentials");
    let token = Reply::of(token).await.expect(200);
    let request = http.post(format!("{url}{path}")).bearer_auth(token["access_token"].as_str().unwrap());
    Reply::of(request.header("paypal-request-id", uuid::Uuid::now_v7().to_string()).json(body)).await
}

/// Calls Stripe with our key, but not from our service.
pub async fn stripe_calls(stage: &Stage, path: &str, form: &[(&str, &str)]) -> Reply {
    let url = format!("{}/stripe{path}", stage.app.server.sandbox_url().unwrap());
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = reqwest::Client::builder().no_proxy().build().unwrap().post(url).bearer_auth(STRIPE_KEY);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    Reply::of(request.header("stripe-version", "2026-02-25.clover").body(body)).await
}

pub async fn capture_behind_our_back(stage: &Stage, placed: &Placed) -> Reply {
    paypal(stage, &format!("/v2/checkout/orders/{}/capture", placed.at), &json!({})).await
}

/// An order at PayPal that names one of our orders, but was not made by our service.
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

/// While our capture is on its way, another capture is faster.
#[tokio::test]
async fn case_11_a_second_capture_reads_the_first() {
    let stage = Stage::new().await;
    stage.mute("paypal", true).await;
    let placed = stage.place(Way::Paypal).await;
    stage.play(&placed, "approve", json!({})).await;
    stage.fault("paypal", &json!({"operation": "capture_order", "kind": "slow", "delay_ms": 1500})).await;
    let (verified, ()) = tokio::join!(stage.verify(&placed), async {
        // Once `processing` is committed, our call is on its way and meets the fault.
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

/// The payer approves at PayPal, the capture is declined, and the browser opens the return page.
async fn declined(stage: &Stage) -> (Placed, String) {
    let placed = stage.place(Way::Paypal).await;
    let page = stage.order(&placed).await["next_action"]["redirect"]["url"].as_str().unwrap().to_owned();
    stage.play(&placed, "approve-declined", json!({})).await;
    let back = stage.come_back(&placed, &format!("&token={}&PayerID=P", placed.at)).await.expect(303);
    assert_eq!(back.header("location"), Some(page.as_str()), "the payer chooses another way to pay at PayPal");
    (placed, page)
}

/// A decline is not final: the payer returns to PayPal and approves the same order again.
#[tokio::test]
async fn a_declined_paypal_payment_is_tried_again() {
    let stage = Stage::new().await;
    stage.mute("paypal", true).await;
    let (placed, page) = declined(&stage).await;
    let order = stage.is_not_credited(&placed, "processing").await;
    assert_eq!(order["next_action"]["redirect"]["url"], page.as_str());
    assert_eq!(order["reason"], "not paid yet: the payer can try again at the provider (INSTRUMENT_DECLINED)");
    // Another question changes nothing. A payer who cancels at PayPal returns to the shop.
    stage.verify(&placed).await.expect(200);
    let back = stage.come_back(&placed, "&cancelled=true").await.expect(303);
    assert!(back.header("location").unwrap().starts_with(crate::stage::RETURN_URL));
    assert_eq!(stage.is_not_credited(&placed, "processing").await["version"], order["version"]);

    stage.play(&placed, "approve-declined", json!({})).await;
    stage.verify(&placed).await.expect(200);
    stage.play(&placed, "approve", json!({})).await;
    stage.come_back(&placed, "").await.expect(303);
    stage.is_credited(&placed).await;
    // PayPal may replay its answer to a known request id, so each try has an id of its own.
    let id = placed.id.trim_start_matches("tuo_");
    let calls = stage.calls("paypal", "capture_order").await;
    let keys: Vec<_> = calls.iter().map(|call| call["idempotency_key"].as_str().unwrap().to_owned()).collect();
    assert_eq!(keys, [format!("{id}-1-capture"), format!("{id}-1-1-capture"), format!("{id}-1-2-capture")]);
    stage.finish().await;
}

/// A capture whose outcome is unknown is repeated with the same request id.
#[tokio::test]
async fn a_capture_of_unknown_outcome_keeps_its_request_id() {
    let stage = Stage::new().await;
    stage.mute("paypal", true).await;
    let placed = stage.place(Way::Paypal).await;
    stage.play(&placed, "approve", json!({})).await;
    stage.fault("paypal", &json!({"operation": "capture_order", "kind": "status", "status": 500, "times": 3})).await;
    stage.verify(&placed).await.must_be_a_problem();
    let order = stage.is_not_credited(&placed, "processing").await;
    assert!(order["next_action"].is_null(), "{order:#}");
    stage.cancel(&placed).await.problem(409, "order_not_cancellable");
    stage.verify(&placed).await.expect(200);
    stage.is_credited(&placed).await;
    let calls = stage.calls("paypal", "capture_order").await;
    let key = format!("{}-1-capture", placed.id.trim_start_matches("tuo_"));
    assert!(calls.len() == 4 && calls.iter().all(|call| call["idempotency_key"] == key.as_str()), "{calls:#?}");
    stage.finish().await;
}

/// A declined order ends when its time is over or when the customer gives it up. Money that is captured later is
/// credited all the same.
#[tokio::test]
async fn a_declined_paypal_payment_can_be_given_up() {
    let stage = Stage::new().await;
    stage.mute("paypal", true).await;
    let (given_up, _) = declined(&stage).await;
    for _ in 0..2 {
        let reply = stage.cancel(&given_up).await.expect(200);
        assert_eq!((&reply["status"], &reply["next_action"]), (&json!("failed"), &Value::Null));
    }
    let (overdue, _) = declined(&stage).await;
    let id = overdue.id.trim_start_matches("tuo_");
    stage.execute(&format!("UPDATE top_up_orders SET expires_at = now() WHERE id = '{id}'")).await;
    topup::workers::expire_orders(&stage.app.server.app).await.unwrap();
    let order = stage.is_not_credited(&overdue, "failed").await;
    assert_eq!(order["reason"], "declined, and not paid in another way in time");
    for placed in [&given_up, &overdue] {
        // An approval after that captures nothing. A capture by another client is credited.
        stage.play(placed, "approve", json!({})).await;
        stage.worker_asks().await;
        stage.is_not_credited(placed, "failed").await;
        capture_behind_our_back(&stage, placed).await.expect(201);
        stage.worker_asks().await;
        stage.until(placed, "completed").await;
        stage.is_credited(placed).await;
    }
    stage.finish().await;
}

/// PayPal deletes an order that is not approved in time. Then our order expires, and we stop asking.
#[tokio::test]
async fn a_paypal_order_that_is_gone_expires() {
    let stage = Stage::new().await;
    stage.mute("paypal", true).await;
    let placed = stage.place(Way::Paypal).await;
    stage.play(&placed, "expire", json!({})).await;
    stage.worker_asks().await;
    stage.is_not_credited(&placed, "expired").await;
    let (declined, _) = declined(&stage).await;
    stage.play(&declined, "expire", json!({})).await;
    stage.worker_asks().await;
    stage.is_not_credited(&declined, "failed").await;
    stage.finish().await;
}

#[tokio::test]
async fn case_12_vnpays_ipn_is_answered_in_vnpays_order() {
    let stage = Stage::new().await;
    stage.mute("vnpay", true).await;
    let placed = stage.place(Way::Vnpay).await;
    let right = vnpay_says(&placed.at, 200_000);
    let mut unknown = vnpay_says(&format!("0197f2c0a1b27c3d8e4f5a6b7c8d9e0fA1D{DEPLOYMENT}"), 1);
    let short = vnpay_says(&placed.at, 199_999);

    // The signature is checked first, whatever else is wrong.
    assert_eq!(vnpay_calls(&stage, &vnpay_query(&unknown, "another secret")).await, "97");
    assert_eq!(vnpay_calls(&stage, &vnpay_query(&right, "another secret")).await, "97");
    assert_eq!(vnpay_calls(&stage, &vnpay_query(&right, VNPAY_SECRET).replace("200000", "200001")).await, "97");
    // Then the order is checked, whatever the amount.
    assert_eq!(vnpay_ipn(&stage, &unknown).await, "01");
    unknown.insert("vnp_TxnRef", "SOMETHING".to_owned());
    assert_eq!(vnpay_ipn(&stage, &unknown).await, "01");
    // Then the amount, times 100. A failure with another amount is not about this order either.
    assert_eq!(vnpay_ipn(&stage, &short).await, "04");
    let mut failed = short.clone();
    failed.insert("vnp_ResponseCode", "24".to_owned());
    failed.insert("vnp_TransactionStatus", "02".to_owned());
    failed.insert("vnp_TransactionNo", "0".to_owned());
    assert_eq!(vnpay_ipn(&stage, &failed).await, "04");
    stage.is_not_credited(&placed, "processing").await;
    // Then the state of the order.
    let mut paid = right.clone();
    paid.insert("vnp_TransactionNo", "14422575".to_owned());
    assert_eq!(vnpay_ipn(&stage, &paid).await, "00");
    assert_eq!(vnpay_ipn(&stage, &paid).await, "02");
    // Another amount is reported first, whether or not the payment was confirmed.
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
        assert!(order["reason"].as_str().unwrap().starts_with("VNPay is checking"), "{order:#}");
        stage.verify(&placed).await.expect(200);
        stage.is_not_credited(&placed, "processing").await;
        // VNPay has given it back, and says so by mail. Asking VNPay does not open the order again.
        let reject = format!("/v1/admin/top-up-orders/{}/reject", placed.id);
        for _ in 0..2 {
            let body = json!({ "reason": "VNPay has given the money back" });
            stage.app.operator().post(&reject, &body).await.expect(200);
            stage.verify(&placed).await.expect(200);
        }
        let order = stage.is_not_credited(&placed, "failed").await;
        assert_eq!(order["reason"], "VNPay has given the money back");
        assert_eq!(events(&order).iter().filter(|event| **event == "failed").count(), 1, "{order:#}");
    }
    // Money that nobody holds ends by itself.
    let placed = stage.place(Way::Vnpay).await;
    let reject = format!("/v1/admin/top-up-orders/{}/reject", placed.id);
    let refused = stage.app.operator().post(&reject, &json!({ "reason": "too slow" })).await;
    refused.problem(409, "not_a_bank_transfer");
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
    // A notification of the company does.
    stage.verify(&placed).await.expect(200);
    stage.is_credited(&placed).await;
    stage.finish().await;
}

/// A return page accepts only the reference and the signature of its own company.
#[tokio::test]
async fn a_return_is_recognized_by_the_companys_own_words() {
    let stage = Stage::new().await;
    stage.mute("paypal", true).await;
    stage.mute("vnpay", true).await;
    let get = async |path: String| stage.app.anonymous().get(&path).await;
    let shop = |placed: &Placed| format!("{}?order={}", crate::stage::RETURN_URL, placed.id);

    let paypal = stage.place(Way::Paypal).await;
    stage.play(&paypal, "approve", json!({})).await;
    let back = get(format!("/v1/providers/paypal/return?token={}&PayerID=P", paypal.at)).await.expect(303);
    assert_eq!(back.header("location"), Some(shop(&paypal).as_str()));
    stage.is_credited(&paypal).await;

    let vnpay = stage.place(Way::Vnpay).await;
    let said = vnpay_says(&vnpay.at, 200_000);
    let back = get(format!("/v1/providers/vnpay/return?{}", vnpay_query(&said, VNPAY_SECRET))).await.expect(303);
    assert_eq!(back.header("location"), Some(shop(&vnpay).as_str()));
    // A reference of one company means nothing at another one, and an unknown reference means nothing anywhere.
    get(format!("/v1/providers/vnpay/return?token={}", paypal.at)).await.expect(404);
    get(format!("/v1/providers/paypal/return?token={}", vnpay.at)).await.expect(404);
    get("/v1/providers/paypal/return?token=5O190127TN364715T".to_owned()).await.expect(404);

    // A bad signature is reported, whether or not our own query parameter names the order.
    let mut elsewhere = said.clone();
    elsewhere.insert("vnp_TmnCode", "ANOTHER1".to_owned());
    for forged in [
        vnpay_query(&said, "another secret"),
        vnpay_query(&said, VNPAY_SECRET).replace("200000", "200001"),
        vnpay_query(&elsewhere, VNPAY_SECRET),
        format!("vnp_TxnRef={}", vnpay.at),
    ] {
        for query in [forged.clone(), format!("order={}&{forged}", vnpay.id)] {
            let page = get(format!("/v1/providers/vnpay/return?{query}")).await.expect(200);
            assert!(page.text.contains("<title>Not verified</title>"), "{}", page.text);
        }
    }
    let order = stage.is_not_credited(&vnpay, "pending").await;
    assert_eq!(events(&order), ["created", "payment_started"]);
    assert_eq!(stage.calls("vnpay", "querydr").await, Vec::<Value>::new());
    stage.finish().await;
}

#[tokio::test]
async fn vnpays_failed_then_paid_is_believed_when_vnpay_says_so_itself() {
    let stage = Stage::new().await;
    let placed = stage.place(Way::Vnpay).await;
    stage.play(&placed, "wrong-otp", json!({})).await;
    stage.until(&placed, "failed").await;
    // A notification alone does not complete a failed order. VNPay answers that there is no payment, so it must send
    // the notification again. The stated money is recorded.
    let said = vnpay_says(&placed.at, 200_000);
    for _ in 0..2 {
        assert_eq!(vnpay_ipn(&stage, &said).await, "99");
    }
    // Another amount is reported first, without a question to VNPay.
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
