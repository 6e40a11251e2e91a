//! What is ours: only references that we stored, and data that our server wrote, make a payment ours.

use chrono::{TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use topup::app::reconciliations::of_span;
use topup::config::SandboxMode;
use topup::domain::calendar::Span;
use topup::domain::payment::ProviderName;

use crate::companies::{capture_behind_our_back, paypal_order, stripe_calls};
use crate::settlement::{put, rule};
use crate::signing::{marks, paid_session, stripe_event, stripe_says, stripe_sends, vnpay_ipn, vnpay_says};
use crate::stage::{Placed, STRIPE_WEBHOOK, Stage, Way, events, known_keys};
use crate::support::{Reply, TestApp, database, execute};

/// A paid session of a payment link. Its `client_reference_id` comes from the payer's URL.
fn linked_session(order: &str) -> Value {
    let mut session = paid_session("cs_test_b1_of_a_link", order, 2000, "usd");
    session["metadata"] = json!({});
    session["payment_link"] = json!("plink_1Q");
    session
}

/// The PaymentIntent of a session. With empty metadata it is a sale that our server knows nothing of.
pub fn intent(id: &str, metadata: &Value) -> Value {
    json!({
        "id": id, "object": "payment_intent", "status": "succeeded", "amount": 2000, "amount_received": 2000,
        "currency": "usd", "metadata": metadata, "livemode": false,
    })
}

pub fn refund(id: &str, payment: &str) -> Value {
    json!({
        "id": id, "object": "refund", "amount": 500, "currency": "usd", "payment_intent": payment,
        "status": "succeeded", "metadata": {},
    })
}

pub fn dispute(id: &str, payment: &str, status: &str) -> Value {
    json!({
        "id": id, "object": "dispute", "amount": 2000, "currency": "usd", "payment_intent": payment,
        "status": status, "reason": "fraudulent",
    })
}

/// The PaymentIntent of a paid session, as the company knows it.
pub async fn payment_of(stage: &Stage, placed: &Placed) -> String {
    let known = stage.company(Method::GET, "/control/stripe/payments", &json!({})).await.expect(200);
    let mut all = known.body.as_object().unwrap().values().filter_map(Value::as_array).flatten();
    let session = all.find(|one| one["id"] == placed.at.as_str()).unwrap();
    session["payment_intent"].as_str().unwrap().to_owned()
}

async fn outcomes(stage: &Stage) -> Vec<String> {
    stage.ask("SELECT DISTINCT outcome FROM provider_events ORDER BY outcome").await
}

#[tokio::test]
async fn case_62_another_sale_of_our_stripe_account_is_not_credited_and_not_kept() {
    let stage = Stage::new().await;
    let placed = stage.place(Way::Checkout).await;
    let mut without_flow = linked_session(&placed.id);
    without_flow["payment_link"] = Value::Null;
    without_flow["metadata"] = json!({"order_id": placed.id});
    let mut marked = linked_session(&placed.id);
    marked["metadata"] = marks(&placed.id);
    let mut shop = paid_session("cs_test_b2_of_the_shop", "cart-4711", 4500, "usd");
    shop["metadata"] = json!({"cart": "4711"});
    for session in [linked_session(&placed.id), without_flow, marked, shop] {
        let event = stripe_event("checkout.session.completed", &session);
        stripe_says(&stage, &event).await.expect(200);
        stripe_says(&stage, &event).await.expect(200);
    }
    let invoice = intent("pi_of_an_invoice", &json!({}));
    stripe_says(&stage, &stripe_event("payment_intent.succeeded", &invoice)).await.expect(200);
    // These cannot be read, and need not be.
    let mut riddle = intent("pi_riddle", &json!({}));
    riddle["currency"] = json!("xxz");
    stripe_says(&stage, &stripe_event("payment_intent.succeeded", &riddle)).await.expect(200);
    stripe_says(&stage, &stripe_event("checkout.session.completed", &json!({"id": "cs_odd"}))).await.expect(200);

    let order = stage.is_not_credited(&placed, "pending").await;
    assert_eq!(events(&order), ["created", "payment_started"]);
    assert_eq!(stage.unapplied().await, Vec::<Value>::new());
    assert_eq!(stage.ask("SELECT count(*) FROM payments").await, ["0"]);
    assert_eq!(outcomes(&stage).await, ["foreign"]);
    // Our own page is still open, and it is paid.
    stage.play(&placed, "pay", json!({})).await;
    stage.until(&placed, "completed").await;
    stage.is_credited(&placed).await;
    stage.finish().await;
}

/// Where an app has buttons that make orders in the browser, the payer writes `custom_id`.
#[tokio::test]
async fn case_62_a_paypal_order_that_we_did_not_make_is_not_credited_and_not_kept() {
    let stage = Stage::new().await;
    let placed = stage.place(Way::Paypal).await;
    let mug = paypal_order(&stage, &placed.id).await;
    stage.play(&mug, "approve", json!({})).await;
    capture_behind_our_back(&stage, &mug).await.expect(201);
    stage.delivered(&mug, 1).await;
    let order = stage.is_not_credited(&placed, "pending").await;
    assert_eq!(events(&order), ["created", "payment_started"]);
    assert_eq!(stage.unapplied().await, Vec::<Value>::new());
    assert_eq!(outcomes(&stage).await, ["foreign"]);
    // Its refund is judged by its payment. PayPal says whose that is.
    stage.play(&mug, "refund", json!({})).await;
    stage.delivered(&mug, 1).await;
    assert_eq!(stage.ask("SELECT count(*) FROM refunds").await, ["0"]);
    assert_eq!(outcomes(&stage).await, ["foreign"]);
    stage.play(&placed, "approve", json!({})).await;
    stage.until(&placed, "completed").await;
    stage.is_credited(&placed).await;
    stage.finish().await;
}

#[tokio::test]
async fn case_63_events_of_connected_accounts_and_foreign_sessions_move_nothing() {
    let stage = Stage::new().await;
    let placed = stage.place(Way::Checkout).await;
    let at = placed.at.clone();
    let ours = paid_session(&at, &placed.id, 2000, "usd");
    let mut unpaid = ours.clone();
    (unpaid["payment_status"], unpaid["status"]) = (json!("unpaid"), json!("expired"));
    for (kind, object) in [("checkout.session.completed", &ours), ("checkout.session.expired", &unpaid)] {
        let mut connected = stripe_event(kind, object);
        connected["account"] = json!("acct_1Connected");
        stripe_says(&stage, &connected).await.expect(200);
    }
    // Nor do sessions that we never made, and real money's events do not end a test order.
    let mut foreign = linked_session(&placed.id);
    (foreign["payment_status"], foreign["status"]) = (json!("unpaid"), json!("expired"));
    for link in [json!("plink_1Q"), Value::Null] {
        foreign["payment_link"] = link;
        for kind in ["checkout.session.expired", "checkout.session.async_payment_failed"] {
            stripe_says(&stage, &stripe_event(kind, &foreign)).await.expect(200);
        }
    }
    let mut live = stripe_event("checkout.session.expired", &unpaid);
    live["livemode"] = json!(true);
    stripe_says(&stage, &live).await.expect(200);
    let order = stage.is_not_credited(&placed, "pending").await;
    assert_eq!(events(&order), ["created", "payment_started"]);
    assert_eq!(outcomes(&stage).await, ["foreign"]);
    assert_eq!(stage.unapplied().await, Vec::<Value>::new());

    // The payment is ours, but these events are about money on another account.
    stage.play(&placed, "pay", json!({})).await;
    stage.until(&placed, "completed").await;
    let payment = payment_of(&stage, &placed).await;
    for (kind, object) in [
        ("refund.created", refund("re_connected", &payment)),
        ("charge.dispute.created", dispute("du_connected", &payment, "needs_response")),
    ] {
        let mut connected = stripe_event(kind, &object);
        connected["account"] = json!("acct_1Connected");
        stripe_says(&stage, &connected).await.expect(200);
    }
    stage.is_credited(&placed).await;
    stage.finish().await;
}

/// Stripe says of an unknown payment that it does not know it, or that it carries none of our marks. It is asked once.
#[tokio::test]
async fn case_63_a_take_back_of_a_foreign_payment_is_asked_about_once() {
    let stage = Stage::new().await;
    let made = [("amount", "4500"), ("currency", "usd"), ("payment_method_types[0]", "card")];
    let shop = stripe_calls(&stage, "/v1/payment_intents", &made).await.expect(200);
    for payment in ["pi_unheard_of", shop["id"].as_str().unwrap()] {
        let asked = async || stage.calls("stripe", "get_payment_intent").await.len();
        let before = asked().await;
        // While Stripe cannot be asked, nothing is concluded.
        stage.fault("stripe", &json!({"operation": "get_payment_intent", "kind": "html", "times": 99})).await;
        let first = stripe_event("refund.created", &refund(&format!("re_{payment}"), payment));
        stripe_says(&stage, &first).await.expect(503);
        stage.forget_faults("stripe").await;
        let unsure = asked().await;
        assert!(unsure > before);
        stripe_says(&stage, &first).await.expect(200);
        let told = dispute(&format!("du_{payment}"), payment, "needs_response");
        stripe_says(&stage, &stripe_event("charge.dispute.created", &told)).await.expect(200);
        let mut riddle = refund(&format!("re_riddle_{payment}"), payment);
        riddle["status"] = json!("perhaps");
        stripe_says(&stage, &stripe_event("refund.updated", &riddle)).await.expect(200);
        assert_eq!(asked().await, unsure + 1, "{payment}");
    }
    assert_eq!(outcomes(&stage).await, ["foreign"]);
    assert_eq!(stage.unapplied().await, Vec::<Value>::new());
    let written = "SELECT (SELECT count(*) FROM refunds) + (SELECT count(*) FROM disputes)
        + (SELECT count(*) FROM payments)";
    assert_eq!(stage.ask(written).await, ["0"]);
    stage.finish().await;
}

/// The notification of the payment is lost. The take-back is judged by the payment, which is read and settled first.
#[tokio::test]
async fn a_take_back_that_comes_before_its_payment_settles_it_first() {
    let stage = Stage::new().await;
    for way in [Way::Checkout, Way::Elements] {
        stage.mute("stripe", true).await;
        let placed = stage.place(way).await;
        stage.play(&placed, "pay", json!({})).await;
        let payment = if way == Way::Checkout { payment_of(&stage, &placed).await } else { placed.at.clone() };
        stage.is_not_credited(&placed, "pending").await;
        let told = dispute(&format!("du_{payment}"), &payment, "needs_response");
        stripe_says(&stage, &stripe_event("charge.dispute.created", &told)).await.expect(200);
        let order = stage.until(&placed, "completed").await;
        assert!(events(&order).ends_with(&["credited", "dispute_opened"]), "{order:#}");
        let kinds: Vec<_> = stage.flows(&placed).await.iter().map(|flow| flow["amount"].clone()).collect();
        assert_eq!(kinds, [json!("-20.00"), json!("20.00")]);
    }
    stage.mute("paypal", true).await;
    let placed = stage.place(Way::Paypal).await;
    stage.play(&placed, "approve", json!({})).await;
    capture_behind_our_back(&stage, &placed).await.expect(201);
    stage.mute("paypal", false).await;
    stage.play(&placed, "refund", json!({})).await;
    let order = stage.until(&placed, "completed").await;
    assert!(!events(&order).is_empty());
    crate::stage::until("the refund is adopted", async || {
        (stage.order(&placed).await["refunded_amount"] == "20.00").then_some(())
    })
    .await;
    stage.finish().await;
}

/// A second deployment with a database of its own. It has the accounts of the first one, which hears of everything.
async fn second_deployment(first: &Stage) -> Stage {
    let database = database().await;
    execute(&database, "UPDATE environment SET deployment = DEFAULT").await;
    let at = first.app.server.sandbox_url().unwrap();
    let url = |path: &str| Some(format!("{at}{path}").parse::<url::Url>().unwrap());
    let app = TestApp::try_spawn(&database, |config| {
        known_keys(config);
        config.sandbox = SandboxMode::Off;
        config.stripe.base_url = url("/stripe");
        config.paypal.base_url = url("/paypal");
        config.vnpay.pay_url = url("/vnpay/paymentv2/vpcpay.html");
        config.vnpay.api_url = url("/vnpay/merchant_webapi/api/transaction");
    });
    Stage::of(app.await.unwrap_or_else(|error| panic!("{error}")))
}

/// Waits until every notification about a payment was answered, whatever the answer is.
async fn answered(stage: &Stage, placed: &Placed) {
    crate::stage::until("every notification was answered", async || {
        let was = |one: &Value| one["attempts"].as_array().is_some_and(|attempts| !attempts.is_empty());
        let told = stage.deliveries(placed).await;
        (!told.is_empty() && told.iter().all(was)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn case_83_deployments_that_share_an_account_credit_their_own_payments_only() {
    let first = Stage::new().await;
    let second = second_deployment(&first).await;
    for way in Way::ALL {
        let (own, other) = (first.place(way).await, second.place(way).await);
        for placed in [&own, &other] {
            first.play(placed, way.pays(), json!({})).await;
        }
        first.until(&own, "completed").await;
        first.is_credited(&own).await;
        second.verify(&other).await.expect(200);
        second.until(&other, "completed").await;
        second.is_credited(&other).await;
        // VNPay reports no refund.
        if way != Way::Vnpay {
            first.play(&other, "refund", json!({})).await;
        }
        answered(&first, &other).await;
    }
    for stage in [&first, &second] {
        assert_eq!(stage.ask("SELECT count(*) FROM payments").await, ["4"]);
        assert_eq!(stage.unapplied().await, Vec::<Value>::new());
    }
    assert_eq!(first.ask("SELECT count(*) FROM refunds").await, ["0"]);
    let foreign = "SELECT DISTINCT provider FROM provider_events WHERE outcome = 'foreign' ORDER BY provider";
    assert_eq!(first.ask(foreign).await, ["paypal", "stripe", "vnpay"]);
    assert_eq!(first.ask("SELECT count(*) FROM provider_events WHERE outcome = 'unknown_order'").await, ["0"]);
    // A day of the shared account is compared without the other deployment's payments.
    let (now, hour) = (Utc::now(), TimeDelta::hours(1));
    for provider in [ProviderName::Stripe, ProviderName::PayPal] {
        let span = Span { from: now - hour, to: now + hour };
        let day = of_span(&first.app.server.app, provider, span).await.unwrap();
        assert_eq!(day.found.differences, [], "{:#?}", day.found);
        assert!(day.found.foreign > 0, "{:#?}", day.found);
    }
    second.finish().await;
    first.finish().await;
}

/// Uganda's shilling has no decimals, but Stripe writes it with two (docs.stripe.com/currencies, special cases).
#[tokio::test]
async fn case_67_shillings_and_kronur_are_written_with_two_decimals_at_stripe() {
    let stage = Stage::new().await;
    for (currency, amount, sent) in [("UGX", "50000", 5_000_000), ("ISK", "5000", 500_000)] {
        let options = json!({"presets": [], "minimum": "100", "maximum": "100000", "order_ttl_minutes": 60});
        put(&stage, &format!("/v1/admin/top-up-options/{currency}"), &options, None).await.expect(201);
        let free = rule("0", false, "0");
        put(&stage, &format!("/v1/admin/channel-rules/card/{currency}"), &free, None).await.expect(201);
        let mut wish = Way::Checkout.order();
        (wish["currency"], wish["amount"]) = (json!(currency), json!(amount));
        let order = stage.app.customer("demo").post("/v1/top-up-orders", &wish).await.expect(201);
        let placed = stage.placed(Way::Checkout, &order).await;
        let asked = stage.calls("stripe", "create_session").await.pop().unwrap();
        assert!(asked["body"].as_str().unwrap().contains(&format!("unit_amount%5D={sent}&")), "{asked:#}");
        stage.play(&placed, "pay", json!({})).await;
        let order = stage.until(&placed, "completed").await;
        assert_eq!(order["received_amount"], amount);
    }
    stage.finish().await;
}

#[tokio::test]
async fn case_82_two_webhook_secrets_are_taken_while_one_is_rolled() {
    let app = TestApp::spawn_with(|config| {
        known_keys(config);
        config.stripe.webhook_secret = Some("whsec_of_the_tests, whsec_the_next".into());
    })
    .await;
    let stage = Stage::of(app);
    let placed = stage.place(Way::Checkout).await;
    let event = stripe_event("checkout.session.completed", &paid_session(&placed.at, &placed.id, 2000, "usd"));
    for wrong in ["whsec_another", "", ",", "whsec_of_the_tests, whsec_the_next"] {
        stripe_sends(&stage, &event, wrong).await.expect(400);
    }
    stripe_sends(&stage, &event, STRIPE_WEBHOOK).await.expect(200);
    stripe_sends(&stage, &event, "whsec_the_next").await.expect(200);
    stage.is_credited(&placed).await;
    stage.finish().await;
}

/// A thin event carries no object. Stripe's dashboard shows our answer to the operator.
#[tokio::test]
async fn a_thin_event_is_answered_with_what_to_choose() {
    let stage = Stage::new().await;
    let thin = json!({
        "id": "evt_thin", "object": "v2.core.event", "type": "v1.checkout.session.completed",
        "created": "2026-11-21T08:30:00.000Z", "related_object": {"id": "cs_1", "type": "checkout.session"},
    });
    let refused: Reply = stripe_says(&stage, &thin).await.expect(400);
    assert!(refused.text.contains("snapshot payloads"), "{}", refused.text);
    stripe_sends(&stage, &thin, "whsec_another").await.expect(400);
    assert_eq!(stage.ask("SELECT count(*) FROM provider_events").await, ["0"]);
    stage.finish().await;
}

/// VNPay sends an IPN ten times unless the answer is 00 or 02.
#[tokio::test]
async fn vnpays_second_payment_of_a_completed_order_is_kept_and_confirmed() {
    let stage = Stage::new().await;
    stage.mute("vnpay", true).await;
    let placed = stage.place(Way::Vnpay).await;
    let mut said = vnpay_says(&placed.at, 200_000);
    assert_eq!(vnpay_ipn(&stage, &said).await, "00");
    said.insert("vnp_TransactionNo", "14422999".to_owned());
    assert_eq!(vnpay_ipn(&stage, &said).await, "02");
    assert_eq!(vnpay_ipn(&stage, &said).await, "02");
    let kept = stage.unapplied().await;
    assert_eq!((kept.len(), &kept[0]["order_id"]), (1, &json!(placed.id)), "{kept:#?}");
    stage.is_credited(&placed).await;
    stage.finish().await;
}

/// A payment is known by its own id, whichever of our accounts at the company reports it.
#[tokio::test]
async fn a_capture_told_by_another_client_id_is_the_same_payment() {
    let stage = Stage::new().await;
    let placed = stage.place(Way::Paypal).await;
    stage.play(&placed, "approve", json!({})).await;
    stage.until(&placed, "completed").await;
    stage.delivered(&placed, 1).await;
    stage.execute("UPDATE payments SET merchant_account = 'the old client'").await;
    let captured = stage.deliveries(&placed).await;
    let captured = captured.iter().find(|one| one["kind"] == "PAYMENT.CAPTURE.COMPLETED").unwrap().clone();
    stage.execute("TRUNCATE provider_events").await;
    stage.resend(&placed, captured["event"].as_str().unwrap()).await;
    crate::stage::until("it is processed", async || {
        (stage.ask("SELECT count(*) FROM provider_events WHERE processed_at IS NOT NULL").await == ["1"]).then_some(())
    })
    .await;
    assert_eq!(stage.ask("SELECT count(*) FROM payments").await, ["1"]);
    assert_eq!(stage.unapplied().await, Vec::<Value>::new());
    stage.is_credited(&placed).await;
    stage.finish().await;
}

/// Stripe keeps an error under the key. The page of that call was never handed out, so a new one is made.
#[tokio::test]
async fn an_order_whose_call_met_a_stored_error_is_paid_by_a_second_attempt() {
    let stage = Stage::new().await;
    for way in [Way::Checkout, Way::Elements] {
        let operation = if way == Way::Checkout { "create_session" } else { "create_payment_intent" };
        stage.fault("stripe", &json!({"operation": operation, "kind": "status", "status": 500, "stored": true})).await;
        let order = stage.app.customer("demo").post("/v1/top-up-orders", &way.order()).await.expect(201);
        let placed = stage.placed(way, &order).await;
        let id = placed.id.trim_start_matches("tuo_");
        let keys: Vec<_> =
            stage.calls("stripe", operation).await.iter().map(|call| call["idempotency_key"].clone()).collect();
        assert!(keys.ends_with(&[json!(format!("{id}-1")), json!(format!("{id}-2"))]), "{keys:?}");
        let attempts = format!("SELECT n || ' ' || status FROM attempts WHERE order_id = '{id}' ORDER BY n");
        assert_eq!(stage.ask(&attempts).await, ["1 dead", "2 open"]);
        // The end of the old attempt does not end the order.
        if way == Way::Checkout {
            let mut dead = paid_session("cs_test_of_the_dead", &placed.id, 2000, "usd");
            (dead["payment_status"], dead["status"]) = (json!("unpaid"), json!("expired"));
            stripe_says(&stage, &stripe_event("checkout.session.expired", &dead)).await.expect(200);
            stage.is_not_credited(&placed, "pending").await;
        }
        stage.play(&placed, "pay", json!({})).await;
        stage.until(&placed, "completed").await;
        stage.is_credited(&placed).await;
    }
    stage.finish().await;
}
