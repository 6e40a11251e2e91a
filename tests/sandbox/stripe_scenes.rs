//! The scenes of a Stripe payment, and their events.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use wiremock::ResponseTemplate;

use crate::harness::{STRIPE_PUBLISHABLE, STRIPE_WEBHOOK, Stage, answer, kinds};
use crate::stripe::unix_now;

#[tokio::test]
async fn paying_on_the_page_sends_signed_events_and_goes_back_to_the_shop() {
    let stage = Stage::new().await;
    let id = stage.new_session().await;
    let page = stage.http.get(stage.url(&format!("/stripe/pay/{id}"))).send().await.unwrap();
    let page = page.text().await.unwrap();
    for button in
        ["pay", "pay-3ds", "decline", "pay-twice", "pay-late", "pay-delayed", "pay-never-notify", "cancel", "expire"]
    {
        assert!(page.contains(&format!("id=\"{button}\"")), "no #{button}");
    }
    assert!(page.contains("100.00 USD"));

    let pay = stage.http.post(stage.url(&format!("/stripe/pay/{id}/pay"))).form(&[("", "")]);
    let pay = pay.send().await.unwrap();
    assert_eq!(pay.status(), 303);
    assert_eq!(pay.headers()["location"], format!("https://shop.test/back?session={id}"));

    let received = stage.receives(2).await;
    assert_eq!(kinds(&received), ["checkout.session.completed", "payment_intent.succeeded"]);
    for request in &received {
        assert_eq!(request.url.path(), "/v1/providers/stripe/notifications");
        let header = request.headers["stripe-signature"].to_str().unwrap();
        let (time, signature) = header.split_once(",v1=").unwrap();
        let time = time.strip_prefix("t=").unwrap();
        assert!(unix_now().abs_diff(time.parse().unwrap()) < 5);
        let mut mac = Hmac::<Sha256>::new_from_slice(STRIPE_WEBHOOK.as_bytes()).unwrap();
        mac.update(format!("{time}.").as_bytes());
        mac.update(&request.body);
        mac.verify_slice(&hex::decode(signature).unwrap()).unwrap();
        let event: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(event["object"], "event");
        assert_eq!(event["livemode"], false);
        assert_eq!(event["api_version"], crate::stripe::NEW);
        assert_eq!(event["data"]["object"]["metadata"]["top_up_order"], "tuo_1");
    }
    let (_, session) = stage.stripe_get(&format!("/checkout/sessions/{id}?expand%5B0%5D=payment_intent")).await;
    assert_eq!((&session["status"], &session["payment_status"]), (&json!("complete"), &json!("paid")));
    assert_eq!(session["payment_intent"]["status"], "succeeded");
    assert_eq!(session["payment_intent"]["amount_received"], 10_000);
    let (status, refused) = stage.post(&format!("/control/stripe/payments/{id}/pay"), json!({})).await;
    assert_eq!(status, 409, "{refused}");
}

#[tokio::test]
async fn a_badly_answered_event_is_sent_again_a_bounded_number_of_times() {
    let stage = Stage::answering(ResponseTemplate::new(500)).await;
    let id = stage.new_session().await;
    stage.play("stripe", &id, "expire", json!({})).await;
    let given_up = |list: &[Value]| list.iter().all(|row| row["progress"] == "given_up");
    let log = stage.deliveries("stripe", |list| !list.is_empty() && given_up(list)).await;
    assert_eq!(log.len(), 1);
    let attempts = log[0]["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 5);
    assert!(attempts.iter().all(|attempt| attempt["status"] == 500));
    assert_eq!(stage.received().await.len(), 5);
}

#[tokio::test]
async fn three_d_secure_takes_the_right_password_only() {
    let stage = Stage::new().await;
    let id = stage.new_session().await;
    let asked = stage.play("stripe", &id, "pay-3ds", json!({})).await;
    let bank = asked["redirect"].as_str().unwrap();
    assert!(bank.contains("/stripe/3ds/pi_"));
    let page = stage.http.get(bank).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("id=\"otp\"") && page.contains("id=\"otp-submit\""));

    stage.play("stripe", &id, "otp", json!({"otp": "000000"})).await;
    let (_, session) = stage.stripe_get(&format!("/checkout/sessions/{id}?expand[0]=payment_intent")).await;
    assert_eq!(session["status"], "open");
    let error = &session["payment_intent"]["last_payment_error"];
    assert_eq!(error["code"], "payment_intent_authentication_failure");

    stage.play("stripe", &id, "pay-3ds", json!({})).await;
    let paid = stage.play("stripe", &id, "otp", json!({"otp": "123456"})).await;
    assert_eq!(paid["payment"]["payment_status"], "paid");
    let received = stage.receives(5).await;
    assert_eq!(
        kinds(&received),
        [
            "checkout.session.completed",
            "payment_intent.payment_failed",
            "payment_intent.requires_action",
            "payment_intent.requires_action",
            "payment_intent.succeeded"
        ]
    );
}

#[tokio::test]
async fn a_declined_card_leaves_the_session_open() {
    let stage = Stage::new().await;
    let id = stage.new_session().await;
    let options = json!({"decline_code": "insufficient_funds"});
    let declined = stage.play("stripe", &id, "decline", options).await;
    assert_eq!(declined["payment"]["status"], "open");
    let intent = declined["payment"]["payment_intent"].as_str().unwrap();
    let (_, intent) = stage.stripe_get(&format!("/payment_intents/{intent}")).await;
    assert_eq!(intent["status"], "requires_payment_method");
    assert_eq!(intent["last_payment_error"]["code"], "card_declined");
    assert_eq!(intent["last_payment_error"]["decline_code"], "insufficient_funds");
    stage.play("stripe", &id, "pay", json!({})).await;
    let received = stage.receives(3).await;
    assert_eq!(
        kinds(&received),
        ["checkout.session.completed", "payment_intent.payment_failed", "payment_intent.succeeded"]
    );
}

#[tokio::test]
async fn late_double_delayed_and_silent_payments() {
    let stage = Stage::new().await;
    let late = stage.new_session().await;
    let paid = stage.play("stripe", &late, "pay-late", json!({})).await;
    assert_eq!(paid["payment"]["payment_status"], "paid");
    let received = stage.receives(3).await;
    assert_eq!(
        kinds(&received),
        ["checkout.session.completed", "checkout.session.expired", "payment_intent.succeeded"]
    );

    let twice = stage.new_session().await;
    stage.play("stripe", &twice, "pay-twice", json!({})).await;
    let received = stage.receives(6).await;
    let intents: std::collections::BTreeSet<String> = received
        .iter()
        .map(|request| serde_json::from_slice::<Value>(&request.body).unwrap())
        .filter(|event| event["type"] == "payment_intent.succeeded")
        .map(|event| event["data"]["object"]["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(intents.len(), 3);

    let delayed = stage.new_session().await;
    let pending = stage.play("stripe", &delayed, "pay-delayed", json!({})).await;
    assert_eq!(pending["payment"]["status"], "complete");
    assert_eq!(pending["payment"]["payment_status"], "unpaid");
    let done = stage.play("stripe", &delayed, "delayed-succeed", json!({})).await;
    assert_eq!(done["payment"]["payment_status"], "paid");
    let received = stage.receives(10).await;
    assert!(kinds(&received).contains(&"checkout.session.async_payment_succeeded".to_owned()));

    let silent = stage.new_session().await;
    stage.play("stripe", &silent, "pay-never-notify", json!({})).await;
    let (_, session) = stage.stripe_get(&format!("/checkout/sessions/{silent}")).await;
    assert_eq!(session["payment_status"], "paid");
    let log = stage.deliveries("stripe", |list| list.len() == 12).await;
    let withheld = log.iter().filter(|row| row["payment"] == silent.as_str());
    assert!(withheld.clone().all(|row| row["progress"] == "withheld"));
    assert_eq!(withheld.count(), 2);
    // It can still be read, and sent later.
    let (_, events) = stage.stripe_get("/events?type=checkout.session.completed&limit=1").await;
    let event = events["data"][0]["id"].as_str().unwrap();
    assert_eq!(events["data"][0]["data"]["object"]["id"], silent.as_str());
    assert_eq!(events["has_more"], true);
    stage.post(&format!("/control/stripe/deliveries/{event}/resend"), json!({})).await;
    stage.receives(11).await;
}

#[tokio::test]
async fn refunds_by_api_and_dashboard_fail_late_and_stop_at_the_payment() {
    let stage = Stage::new().await;
    let id = stage.new_session().await;
    let paid = stage.play("stripe", &id, "pay", json!({})).await;
    let intent = paid["payment"]["payment_intent"].as_str().unwrap().to_owned();
    let form = |amount: &str| {
        vec![
            ("payment_intent".to_owned(), intent.clone()),
            ("amount".to_owned(), amount.to_owned()),
            ("metadata[refund]".to_owned(), "ref_1".to_owned()),
        ]
    };
    let (status, refund) = stage.stripe("/refunds", &form("4000")).await;
    assert_eq!((status, &refund["status"]), (200, &json!("succeeded")));
    let (status, body) = stage.stripe("/refunds", &form("6001")).await;
    assert_eq!((status, &body["error"]["param"]), (400, &json!("amount")));
    stage.play("stripe", &intent, "refund", json!({})).await;
    let (status, body) = stage.stripe("/refunds", &form("1")).await;
    assert_eq!((status, &body["error"]["code"]), (400, &json!("charge_already_refunded")));

    let refund = refund["id"].as_str().unwrap();
    stage.play("stripe", refund, "refund-fail", json!({})).await;
    let (_, failed) = stage.stripe_get(&format!("/refunds/{refund}")).await;
    assert_eq!(failed["status"], "failed");
    assert_eq!(failed["failure_reason"], "expired_or_canceled_card");
    let (status, _) = stage.stripe("/refunds", &form("4000")).await;
    assert_eq!(status, 200, "a failed refund can be made again");

    let expected = [
        "charge.refunded",
        "charge.refunded",
        "charge.refunded",
        "checkout.session.completed",
        "payment_intent.succeeded",
        "refund.created",
        "refund.created",
        "refund.created",
        "refund.failed",
        "refund.updated",
    ];
    assert_eq!(kinds(&stage.receives(expected.len()).await), expected);

    let (_, list) = stage.stripe_get(&format!("/refunds?payment_intent={intent}")).await;
    assert_eq!(list["data"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn disputes_are_opened_won_and_lost() {
    let stage = Stage::new().await;
    let id = stage.new_session().await;
    let paid = stage.play("stripe", &id, "pay", json!({})).await;
    let intent = paid["payment"]["payment_intent"].as_str().unwrap().to_owned();
    stage.play("stripe", &id, "dispute-open", json!({})).await;
    let refund = [("payment_intent".to_owned(), intent)];
    let (status, body) = stage.stripe("/refunds", &refund).await;
    assert_eq!((status, &body["error"]["code"]), (400, &json!("charge_disputed")));
    stage.play("stripe", &id, "dispute-win", json!({})).await;
    let (status, _) = stage.stripe("/refunds", &refund).await;
    assert_eq!(status, 200);
    let received = kinds(&stage.receives(8).await);
    for kind in ["created", "funds_withdrawn", "closed", "funds_reinstated"] {
        assert!(received.contains(&format!("charge.dispute.{kind}")), "{received:?}");
    }
}

#[tokio::test]
async fn the_card_pop_up_confirms_with_the_publishable_key() {
    let stage = Stage::new().await;
    let intent = stage.new_intent().await;
    let id = intent["id"].as_str().unwrap();
    let secret = intent["client_secret"].as_str().unwrap();
    assert!(secret.starts_with(&format!("{id}_secret_")));
    let confirm = |method: &'static str, secret: String| {
        let request = stage
            .http
            .post(format!("{}/v1/payment_intents/{id}/confirm", stage.sandbox.stripe_base_url()))
            .bearer_auth(STRIPE_PUBLISHABLE)
            .form(&[("payment_method", method), ("client_secret", &secret)]);
        async { answer(request.send().await.unwrap()).await }
    };
    let (status, body) = confirm("pm_card_visa", "wrong".to_owned()).await;
    assert_eq!(status, 400, "{body}");
    let (status, body) = confirm("pm_card_visa_chargeDeclined", secret.to_owned()).await;
    assert_eq!((status, &body["error"]["type"]), (402, &json!("card_error")));
    let (status, body) = confirm("pm_card_authenticationRequired", secret.to_owned()).await;
    assert_eq!((status, &body["status"]), (200, &json!("requires_action")));
    assert_eq!(body["metadata"], Value::Null, "a browser sees no metadata");
    let (status, body) = confirm("pm_card_visa", secret.to_owned()).await;
    assert_eq!((status, &body["status"]), (200, &json!("succeeded")));

    let page = format!("/stripe/elements/{id}?client_secret=");
    let status = |path: String| {
        let request = stage.http.get(stage.url(&path));
        async { request.send().await.unwrap().status() }
    };
    assert_eq!(status(format!("{page}{secret}")).await, 200);
    assert_eq!(status(format!("{page}wrong")).await, 403);

    let (status, body) = stage.stripe(&format!("/payment_intents/{id}/cancel"), &[]).await;
    assert_eq!((status, &body["error"]["code"]), (400, &json!("payment_intent_unexpected_state")));
}

#[tokio::test]
async fn muted_notifications_stay_and_the_page_escapes_what_it_shows() {
    let stage = Stage::new().await;
    stage.post("/control/stripe/notifications/mute", json!({"muted": true})).await;
    let name = "line_items[0][price_data][product_data][name]";
    let form = crate::stripe::with(crate::stripe::session_form(), name, "<script>alert(1)</script>");
    let (_, session) = stage.stripe("/checkout/sessions", &form).await;
    let id = session["id"].as_str().unwrap();
    let page = stage.http.get(session["url"].as_str().unwrap()).send().await.unwrap();
    let page = page.text().await.unwrap();
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"));
    stage.play("stripe", id, "pay", json!({})).await;
    let log = stage.deliveries("stripe", |list| list.len() == 2).await;
    assert!(log.iter().all(|row| row["progress"] == "withheld"));
    assert!(stage.received().await.is_empty());
    assert_eq!(stage.http.get(stage.url("/stripe/dashboard")).send().await.unwrap().status(), 200);
}
