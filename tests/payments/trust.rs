//! Which notifications are trusted, and what happens to the others: signatures, secrets, wrong orders, wrong amounts.

use reqwest::Method;
use serde_json::{Value, json};
use topup::config::SandboxMode;

use crate::companies::{capture_behind_our_back, paypal_order};
use crate::signing::{
    paid_session, stripe_event, stripe_says, stripe_sends, vnpay_calls, vnpay_ipn, vnpay_query, vnpay_says,
};
use crate::stage::{STRIPE_WEBHOOK, Stage, VNPAY_SECRET, Way, known_keys, until};
use crate::support::{DEPLOYMENT, Reply, TestApp};

/// The number of rows that a notification could write.
const WRITTEN: &str = "SELECT (SELECT count(*) FROM provider_events) || ' ' || (SELECT count(*) FROM payments) || ' '
    || (SELECT count(*) FROM order_events) || ' ' || (SELECT count(*) FROM entries)";

#[tokio::test]
async fn case_05_a_badly_signed_event_writes_nothing() {
    let stage = Stage::new().await;
    let card = stage.place(Way::Checkout).await;
    let before = stage.ask(WRITTEN).await;
    let event = stripe_event("checkout.session.completed", &paid_session(&card.at, &card.id, 2000, "usd"));
    stripe_sends(&stage, &event, "whsec_another").await.expect(400);
    stripe_sends(&stage, &event, "").await.expect(400);
    let unsigned = stage.app.anonymous().request(Method::POST, "/v1/providers/stripe/notifications");
    Reply::of(unsigned.json(&event)).await.expect(400);

    let vnpay = stage.place(Way::Vnpay).await;
    let written = stage.ask(WRITTEN).await;
    let said = vnpay_says(&vnpay.at, 200_000);
    for secret in ["another", ""] {
        assert_eq!(vnpay_calls(&stage, &vnpay_query(&said, secret)).await, "97");
    }
    assert_eq!(stage.ask(WRITTEN).await, written);
    assert_eq!(before[0].split(' ').next(), written[0].split(' ').next());

    // The refused event was not noted as a known one either: with a good signature it is processed.
    stripe_says(&stage, &event).await.expect(200);
    assert_eq!(vnpay_ipn(&stage, &said).await, "00");
    stage.is_credited(&card).await;
    stage.is_credited(&vnpay).await;
    stage.finish().await;
}

/// A genuine notification of PayPal with another amount in it.
#[tokio::test]
async fn case_05_a_forged_notification_of_paypals_writes_nothing() {
    let stage = Stage::new().await;
    let placed = stage.place(Way::Paypal).await;
    stage.play(&placed, "approve", json!({})).await;
    stage.until(&placed, "completed").await;
    stage.delivered(&placed, 1).await;
    let genuine = "FROM provider_events WHERE event_type = 'PAYMENT.CAPTURE.COMPLETED'";
    let body = stage.ask(&format!("SELECT convert_from(body, 'UTF8') {genuine}")).await.remove(0);
    let headers: Vec<(String, String)> =
        serde_json::from_str(&stage.ask(&format!("SELECT headers {genuine}")).await[0]).unwrap();
    let send = async |body: String| {
        let mut request = stage.app.anonymous().request(Method::POST, "/v1/providers/paypal/notifications");
        for (name, value) in headers.iter().filter(|(name, _)| name.starts_with("paypal-") || name == "content-type") {
            request = request.header(name, value);
        }
        Reply::of(request.body(body)).await.status
    };
    stage.execute("TRUNCATE provider_events").await;
    let before = stage.ask(WRITTEN).await;
    assert_eq!(send(body.replace("20.00", "20000.00")).await, 400);
    assert_eq!(send(body.replace("WH-", "WX-")).await, 400);
    assert_eq!(stage.ask(WRITTEN).await, before);
    // Unchanged it is genuine, and it is known.
    assert_eq!(send(body).await, 200);
    stage.is_credited(&placed).await;
    stage.finish().await;
}

#[tokio::test]
async fn case_06_without_its_secret_a_channel_is_closed() {
    type Change = fn(&mut topup::config::Config);
    let cases: [(&str, Change); 8] = [
        ("stripe", |config| config.stripe.webhook_secret = None),
        ("stripe", |config| config.stripe.webhook_secret = Some("".into())),
        ("stripe", |config| config.stripe.secret_key = Some(" ".into())),
        ("paypal", |config| config.paypal.webhook_id = None),
        ("paypal", |config| config.paypal.client_secret = Some("".into())),
        ("vnpay", |config| config.vnpay.hash_secret = None),
        ("vnpay", |config| config.vnpay.hash_secret = Some("  ".into())),
        ("vnpay", |config| config.vnpay.tmn_code = Some(String::new())),
    ];
    for (company, change) in cases {
        let app = TestApp::spawn_with(|config| {
            known_keys(config);
            config.sandbox = SandboxMode::Off;
            // PayPal is never called, because the channel is not offered.
            config.paypal.base_url = Some("http://127.0.0.1:9".parse().unwrap());
            config.vnpay.pay_url = Some("http://127.0.0.1:9/pay".parse().unwrap());
            change(config);
        })
        .await;
        let way = match company {
            "stripe" => Way::Checkout,
            "paypal" => Way::Paypal,
            _ => Way::Vnpay,
        };
        let order = way.order();
        let channel = order["channel"].as_str().unwrap();
        let options = app.customer("demo").get(&format!("/v1/top-up-options?currency={}", way.currency())).await;
        let options = options.expect(200);
        let said = options["channels"].as_array().unwrap().iter().find(|one| one["channel"] == channel).unwrap();
        assert_eq!(said["eligible"], false, "{company}: {said}");
        assert!(said["reason"].as_str().unwrap().ends_with("is not available at the moment."), "{said}");
        let refused = app.customer("demo").post("/v1/top-up-orders", &order).await;
        refused.names("/channel", "channel_not_available");

        // Signed with the right key, with an empty one, or not at all: no signature is checked.
        let event =
            stripe_event("checkout.session.completed", &paid_session("cs_test_1", "tuo_1", 2000, "usd")).to_string();
        for key in [STRIPE_WEBHOOK, ""] {
            let request = match company {
                "stripe" => {
                    let request = app.anonymous().request(Method::POST, "/v1/providers/stripe/notifications");
                    request
                        .header("stripe-signature", crate::signing::stripe_signature(key, &event))
                        .body(event.clone())
                }
                "paypal" => {
                    app.anonymous().request(Method::POST, "/v1/providers/paypal/notifications").body(event.clone())
                }
                _ => {
                    let key = if key.is_empty() { "" } else { VNPAY_SECRET };
                    let query = vnpay_query(&vnpay_says("X", 1), key);
                    app.anonymous().request(Method::GET, &format!("/v1/providers/vnpay/ipn?{query}"))
                }
            };
            let reply = Reply::of(request).await.problem(503, "channel_not_offered");
            assert!(reply.header("retry-after").is_some());
        }
        app.finish().await;
    }
}

#[tokio::test]
async fn case_07_a_providers_word_counts_for_its_own_orders_only() {
    let stage = Stage::new().await;
    let (card, paypal, vnpay) =
        (stage.place(Way::Checkout).await, stage.place(Way::Paypal).await, stage.place(Way::Vnpay).await);

    let event = stripe_event("checkout.session.completed", &paid_session("cs_test_other", &paypal.id, 2000, "usd"));
    stripe_says(&stage, &event).await.expect(200);
    let txn_ref = format!("{}A1D{DEPLOYMENT}", card.id.trim_start_matches("tuo_"));
    assert_eq!(vnpay_ipn(&stage, &vnpay_says(&txn_ref, 20)).await, "01");
    let foreign = paypal_order(&stage, &vnpay.id).await;
    stage.play(&foreign, "approve", json!({})).await;
    capture_behind_our_back(&stage, &foreign).await.expect(201);
    stage.delivered(&foreign, 1).await;

    for placed in [&card, &paypal, &vnpay] {
        let order = stage.is_not_credited(placed, "pending").await;
        assert_eq!(crate::stage::events(&order), ["created", "payment_started"]);
    }
    // The payment is refused, and it is recorded.
    let mut kept: Vec<_> = stage
        .unapplied()
        .await
        .iter()
        .map(|payment| {
            assert_eq!(payment["reason"], "the payment names no order of this provider");
            assert_eq!(payment["order_id"], Value::Null);
            format!("{} {} {}", payment["provider"], payment["amount"], payment["currency"])
        })
        .collect();
    kept.sort();
    // PayPal's names one only by a text that payers can write, so it is not ours at all.
    assert_eq!(kept, [r#""stripe" "20.00" "USD""#, r#""vnpay" "20" "VND""#]);
    let outcomes = stage.ask("SELECT DISTINCT outcome FROM provider_events ORDER BY outcome").await;
    assert_eq!(outcomes, ["foreign", "unknown_order"]);
    stage.finish().await;
}

#[tokio::test]
async fn case_08_another_amount_currency_or_environment_is_kept_unapplied() {
    let stage = Stage::new().await;
    let placed = stage.place(Way::Checkout).await;
    let mut live = paid_session(&placed.at, &placed.id, 2000, "usd");
    live["livemode"] = json!(true);
    for (session, reason) in [
        (paid_session(&placed.at, &placed.id, 1999, "usd"), "19.99 USD arrived for an order of 20"),
        (paid_session(&placed.at, &placed.id, 2001, "usd"), "20.01 USD arrived for an order of 20"),
        (paid_session(&placed.at, &placed.id, 2000, "eur"), "20.00 EUR arrived for an order in USD"),
        (live, "the payment is from the wrong environment (test or live)"),
    ] {
        let event = stripe_event("checkout.session.completed", &session);
        stripe_says(&stage, &event).await.expect(200);
        // A repetition adds nothing: there is still one unapplied payment.
        stripe_says(&stage, &event).await.expect(200);
        let latest = stage.unapplied().await.remove(0);
        assert_eq!((&latest["reason"], &latest["order_id"]), (&json!(reason), &json!(placed.id)));
        assert_eq!(latest["provider_payment_id"], session["payment_intent"]);
        // Money that was meant for it makes the order wait for the rest.
        let order = stage.is_not_credited(&placed, "processing").await;
        let mut told = order["timeline"].as_array().unwrap().iter().rev();
        let last = told.find(|event| event["event"] == "payment_unapplied").unwrap();
        assert_eq!(last["detail"], reason, "{order:#}");
    }
    let kept = stage.unapplied().await;
    assert_eq!(kept.len(), 4);
    // Money of the other environment is never made money of this one, whoever asks for it.
    let live = kept.iter().find(|payment| payment["live"] == true).unwrap();
    let apply = format!("/v1/admin/unapplied-payments/{}/apply", live["id"].as_str().unwrap());
    for to in [json!({"order_id": placed.id, "reason": "his"}), json!({"customer_id": "demo", "reason": "his"})] {
        stage.app.operator().post(&apply, &to).await.problem(409, "nothing_unapplied");
    }
    // The right payment still completes the order.
    stage.play(&placed, "pay", json!({})).await;
    stage.until(&placed, "completed").await;
    stage.is_credited(&placed).await;
    // A second payment credits nothing more.
    let second = stripe_event("checkout.session.completed", &paid_session(&placed.at, &placed.id, 2000, "usd"));
    stripe_says(&stage, &second).await.expect(200);
    assert_eq!(stage.unapplied().await[0]["reason"], "a second payment for a completed order");
    stage.is_credited(&placed).await;
    stage.finish().await;
}

#[tokio::test]
async fn case_08_half_a_payment_at_vnpay_is_kept_unapplied() {
    let stage = Stage::new().await;
    let placed = stage.place(Way::Vnpay).await;
    stage.play(&placed, "pay-short", json!({})).await;
    let answer = until("it is answered", async || {
        stage.deliveries(&placed).await[0]["attempts"][0]["answer"].as_str().map(str::to_owned)
    })
    .await;
    assert_eq!(answer, r#"{"RspCode":"04","Message":"invalid amount"}"#);
    stage.verify(&placed).await.expect(200);
    stage.is_not_credited(&placed, "processing").await;
    let kept = stage.unapplied().await;
    assert_eq!(kept.len(), 1);
    assert_eq!((&kept[0]["amount"], &kept[0]["unapplied_amount"]), (&json!("100000"), &json!("100000")));
    // A payment at another terminal is not ours.
    let mut other = vnpay_says(&placed.at, 200_000);
    other.insert("vnp_TmnCode", "OTHER001".to_owned());
    let written = stage.ask(WRITTEN).await;
    assert_eq!(vnpay_ipn(&stage, &other).await, "97");
    assert_eq!(stage.ask(WRITTEN).await, written);
    stage.finish().await;
}

/// The order has another amount, or another merchant account, than the payment at PayPal.
#[tokio::test]
async fn case_08_paypals_money_is_compared_with_the_order() {
    let stage = Stage::new().await;
    for (change, reason, status) in [
        (
            "amount = 21, payable_amount = 21, credited_amount = 21",
            "20.00 USD arrived for an order of 21",
            "processing",
        ),
        (
            "merchant_account = 'the old one'",
            "the payment is for another merchant account than the order's",
            "processing",
        ),
    ] {
        let placed = stage.place(Way::Paypal).await;
        let id = placed.id.trim_start_matches("tuo_");
        stage.execute(&format!("UPDATE top_up_orders SET {change} WHERE id = '{id}'")).await;
        stage.play(&placed, "approve-never-notify", json!({})).await;
        stage.mute("paypal", true).await;
        capture_behind_our_back(&stage, &placed).await.expect(201);
        stage.mute("paypal", false).await;
        stage.verify(&placed).await.expect(200);
        stage.is_not_credited(&placed, status).await;
        assert_eq!(stage.unapplied().await[0]["reason"], reason);
    }
    stage.finish().await;
}

#[tokio::test]
async fn operators_alone_see_unapplied_payments_page_by_page() {
    let stage = Stage::new().await;
    let nobody = "tuo_0197f2c0a1b27c3d8e4f5a6b7c8d9e0f";
    for units in [100, 200, 300] {
        let event = stripe_event("checkout.session.completed", &paid_session("cs_test_x", nobody, units, "usd"));
        stripe_says(&stage, &event).await.expect(200);
    }
    let path = "/v1/admin/unapplied-payments";
    stage.app.customer("demo").get(path).await.problem(403, "insufficient_scope");
    let operator = stage.app.operator();
    let first = operator.get(&format!("{path}?limit=2")).await.expect(200);
    assert_eq!((first["has_more"].clone(), first["data"][0]["amount"].clone()), (json!(true), json!("3.00")));
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = operator.get(&format!("{path}?limit=2&cursor={cursor}")).await.expect(200);
    assert_eq!(second["data"].as_array().unwrap().len(), 1);
    assert_eq!((&second["data"][0]["amount"], &second["has_more"]), (&json!("1.00"), &json!(false)));
    operator.get(&format!("{path}?colour=red")).await.names("?colour", "unknown_parameter");
    stage.finish().await;
}
