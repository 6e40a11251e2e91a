//! A day of a company against our records: both sides agree, and each difference is named by its id.

use chrono::{Duration, Utc};
use serde_json::{Value, json};
use topup::app::reconciliations::{Reconciled, of_span};
use topup::domain::calendar::Span;
use topup::domain::payment::ProviderName;
use topup::domain::reconciliation::{DifferenceKind, MovedKind};

use crate::process::{Home, command};
use crate::stage::{number, ordered, paid, play, quiet, read};
use crate::support::{TestApp, execute};

/// The hour before now and the hour after.
async fn reconciled(app: &TestApp, provider: ProviderName) -> Reconciled {
    let now = Utc::now();
    let span = Span { from: now - Duration::hours(1), to: now + Duration::hours(1) };
    of_span(&app.server.app, provider, span).await.unwrap()
}

fn differences(day: &Reconciled) -> Vec<(DifferenceKind, MovedKind)> {
    let mut found: Vec<_> = day.found.differences.iter().map(|one| (one.kind, one.moved)).collect();
    found.sort();
    found
}

async fn refund(app: &TestApp, order: &str, company: &str) {
    let body = json!({ "order_id": order, "amount": "5.00", "reason": "a test of reconciliation" });
    app.operator().post("/v1/admin/refunds", &body).await.expect(201);
    quiet(app, company).await;
}

/// One payment agrees, with a refund and a dispute. For two the company states something else, and one is unknown to
/// us.
async fn differs_as_asked(app: &TestApp, channel: &str, company: &str, provider: ProviderName, pay_silently: &str) {
    let fine = paid(app, "alice", channel, "USD", "30.00").await;
    refund(app, &fine, company).await;
    let disputed = paid(app, "bob", channel, "USD", "10.00").await;
    play(app, company, &disputed, "dispute-open", json!({})).await;
    quiet(app, company).await;
    let agreed = reconciled(app, provider).await;
    assert!(agreed.has_list);
    assert_eq!(differences(&agreed), [], "{:#?}", agreed.found);
    let (kind, _, payments) = agreed.found.totals[0];
    assert_eq!((kind, payments.company_count, payments.own_count), (MovedKind::Payment, 2, 2));
    assert_eq!(payments.company_amount, payments.own_amount);
    assert!(payments.company_fee.is_positive());
    assert_eq!(agreed.found.totals.len(), 3, "payments, refunds and disputes: {:#?}", agreed.found.totals);

    let omitted = paid(app, "carl", channel, "USD", "11.00").await;
    play(app, company, &omitted, "report-omits", json!({})).await;
    let less = paid(app, "dora", channel, "USD", "12.00").await;
    play(app, company, &less, "report-less", json!({})).await;
    let unknown = ordered(app, "ella", channel, "USD", "13.00").await;
    play(app, company, &unknown, pay_silently, json!({})).await;
    let now = reconciled(app, provider).await;
    use DifferenceKind::{MissingHere, MissingThere, OtherAmount};
    let mut expected = vec![(MissingThere, MovedKind::Payment), (OtherAmount, MovedKind::Payment)];
    // PayPal captures only when it is asked to.
    if provider == ProviderName::Stripe {
        expected.insert(0, (MissingHere, MovedKind::Payment));
    }
    assert_eq!(differences(&now), expected, "{:#?}", now.found);
    let other = now.found.differences.iter().find(|one| one.kind == OtherAmount).unwrap();
    let (Some(company), Some(own)) = (other.company, other.own) else { panic!("{other:?}") };
    assert_eq!((own - company).amount().to_string(), "0.01");
    assert!(other.record.as_ref().unwrap().starts_with("pay_"));
    assert_eq!(read(app, &unknown).await["status"], "pending");
}

#[tokio::test]
async fn stripe_and_paypal_are_reconciled_by_their_lists() {
    let app = TestApp::spawn().await;
    differs_as_asked(&app, "card", "stripe", ProviderName::Stripe, "pay-never-notify").await;
    differs_as_asked(&app, "paypal", "paypal", ProviderName::PayPal, "approve-never-notify").await;
    // A payment that the company never took.
    let invent = "INSERT INTO payments (id, provider, merchant_account, payment_id, currency, amount, unapplied_reason,
                  live, received_at)
                  VALUES (gen_random_uuid(), 'stripe', 'default', 'pi_invented', 'USD', 1, 'x', false, ledger_now())";
    execute(&app.database, invent).await;
    let named = reconciled(&app, ProviderName::Stripe).await;
    assert!(named.found.differences.iter().any(|one| one.id == "pi_invented" && one.company.is_none()));
    app.finish().await;
}

/// Stripe lists the refund on its day, and its failure so late that the list of the day ends before.
#[tokio::test]
async fn a_refund_that_failed_later_is_no_unknown_money() {
    let app = TestApp::spawn().await;
    let order = paid(&app, "alice", "card", "USD", "30.00").await;
    play(&app, "stripe", &order, "report-fails-later", json!({})).await;
    refund(&app, &order, "stripe").await;
    play(&app, "stripe", &order, "refund-fail", json!({})).await;
    quiet(&app, "stripe").await;
    assert_eq!(number(&app, "count(*) FROM refunds WHERE status = 'failed'").await, 1);
    // The refund is changed to have failed before the list ends: then the company's list should not contain it, so it
    // is a difference.
    let day = reconciled(&app, ProviderName::Stripe).await;
    assert_eq!(differences(&day).len(), 1, "{:#?}", day.found);
    execute(&app.database, "UPDATE refunds SET updated_at = updated_at + interval '5 days'").await;
    let day = reconciled(&app, ProviderName::Stripe).await;
    assert_eq!(differences(&day), [], "{:#?}", day.found);
    let refunds = day.found.totals.iter().find(|(kind, ..)| *kind == MovedKind::Refund).unwrap().2;
    assert_eq!((refunds.company_count, refunds.company_amount), (1, refunds.own_amount));
    app.finish().await;
}

/// PayPal shows such a payment with another status.
#[tokio::test]
async fn a_payment_that_paypal_reversed_later_is_not_missing_there() {
    let app = TestApp::spawn().await;
    let order = paid(&app, "alice", "paypal", "USD", "30.00").await;
    play(&app, "paypal", &order, "reverse", json!({})).await;
    quiet(&app, "paypal").await;
    let day = reconciled(&app, ProviderName::PayPal).await;
    assert!(day.found.differences.iter().all(|one| one.moved != MovedKind::Payment), "{:#?}", day.found);
    let (kind, _, payments) = day.found.totals[0];
    assert_eq!((kind, payments.company_count, payments.own_count), (MovedKind::Payment, 1, 1));
    app.finish().await;
}

#[tokio::test]
async fn vnpay_is_asked_about_each_payment_and_a_day_must_be_over() {
    let app = TestApp::spawn().await;
    let order = ordered(&app, "alice", "vnpay", "VND", "100000").await;
    let page = read(&app, &order).await["next_action"]["redirect"]["url"].as_str().unwrap().to_owned();
    let reference = page.split("vnp_TxnRef=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    assert!(reqwest::get(&page).await.unwrap().status().is_success());
    play(&app, "vnpay", &reference, "pay", json!({})).await;
    quiet(&app, "vnpay").await;
    assert_eq!(read(&app, &order).await["status"], "completed");
    let day = reconciled(&app, ProviderName::Vnpay).await;
    assert!(!day.has_list);
    assert_eq!((differences(&day), day.found.totals.len()), (vec![], 1), "{:#?}", day.found);

    let path = |provider: &str, day: chrono::NaiveDate| {
        format!("/v1/admin/reports/reconciliation?provider={provider}&day={day}")
    };
    let finance = app.operator();
    let today = Utc::now().date_naive();
    finance.get(&path("stripe", today)).await.problem(409, "too_recent");
    let past = finance.get(&path("paypal", today - Duration::days(2))).await.expect(200);
    assert_eq!((&past["differences"], &past["has_list"]), (&json!([]), &Value::Bool(true)));
    finance.get(&path("bank", today)).await.names("?provider", "invalid_value");
    app.finish().await;
}

/// The command and the API say the same of a day, here that the company never took a payment.
#[tokio::test]
async fn the_command_prints_the_report_of_the_api() {
    let (key, secret) = ("sk_test_of_the_command", "whsec_of_the_command");
    let app = TestApp::spawn_with(|config| {
        config.stripe.secret_key = Some(key.into());
        config.stripe.webhook_secret = Some(secret.into());
    })
    .await;
    let yesterday = Utc::now() - Duration::days(1);
    let invent = format!(
        "INSERT INTO payments (id, provider, merchant_account, payment_id, currency, amount, unapplied_reason, live,
                               received_at)
         VALUES (gen_random_uuid(), 'stripe', 'default', 'pi_invented', 'USD', 1, 'x', false, '{yesterday}')"
    );
    execute(&app.database, &invent).await;
    let day = yesterday.date_naive().to_string();
    let at = format!("{}/stripe", app.server.sandbox_url().unwrap());
    let run = async |provider: &'static str, day: String| {
        let (database, at) = (app.database.clone(), at.clone());
        let ran = tokio::task::spawn_blocking(move || {
            let home = Home::new();
            let mut command = command(&home.0, Some(&database), &["reconcile", "--provider", provider, "--day", &day]);
            command.env("TOPUP_STRIPE_SECRET_KEY", key).env("TOPUP_STRIPE_WEBHOOK_SECRET", secret);
            command.env("TOPUP_STRIPE_BASE_URL", at).output().unwrap()
        });
        let ran = ran.await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (ran.status.code(), text(ran.stdout), text(ran.stderr))
    };
    let (code, report, said) = run("stripe", day.clone()).await;
    assert_eq!((code, said.as_str()), (Some(1), ""), "{report}");
    let path = format!("/v1/admin/reports/reconciliation?provider=stripe&day={day}");
    let shown = app.operator().get(&path).await.expect(200);
    assert_eq!(serde_json::from_str::<Value>(&report).unwrap(), shown.body);
    assert_eq!(shown["differences"][0]["id"], "pi_invented");
    let (code, report, _) = run("stripe", (yesterday - Duration::days(9)).date_naive().to_string()).await;
    assert_eq!(code, Some(0), "{report}");
    for (provider, day, code, sentence) in [
        ("paypal", day.clone(), 1, "paypal is not configured"),
        ("stripe", Utc::now().date_naive().to_string(), 1, "is complete"),
        ("bank", day.clone(), 2, "must be stripe, paypal or vnpay"),
    ] {
        let (ended, report, said) = run(provider, day).await;
        assert_eq!((ended, report.as_str()), (Some(code), ""), "{said}");
        assert!(said.contains(sentence), "{said}");
    }
    app.finish().await;
}

/// A payment of three days ago, of which two parts went back today: VNPay shows the last of them, and nothing of the
/// payment any more.
#[tokio::test]
async fn a_payment_that_was_refunded_on_another_day_is_reconciled_on_both() {
    let app = TestApp::spawn().await;
    let order = ordered(&app, "alice", "vnpay", "VND", "100000").await;
    let page = read(&app, &order).await["next_action"]["redirect"]["url"].as_str().unwrap().to_owned();
    let reference = page.split("vnp_TxnRef=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    assert!(reqwest::get(&page).await.unwrap().status().is_success());
    play(&app, "vnpay", &reference, "pay", json!({})).await;
    quiet(&app, "vnpay").await;
    assert_eq!(read(&app, &order).await["status"], "completed");
    execute(&app.database, "UPDATE payments SET received_at = received_at - interval '3 days'").await;
    for amount in ["10000", "20000"] {
        let body = json!({ "order_id": order, "amount": amount, "reason": "a test of reconciliation" });
        app.operator().post("/v1/admin/refunds", &body).await.expect(201);
        quiet(&app, "vnpay").await;
    }

    let of_hours_around = async |at: chrono::DateTime<Utc>| {
        let span = Span { from: at - Duration::hours(1), to: at + Duration::hours(1) };
        of_span(&app.server.app, ProviderName::Vnpay, span).await.unwrap()
    };
    let now = Utc::now();
    for (at, moved, count, amount) in
        [(now - Duration::days(3), MovedKind::Payment, 1, "100000"), (now, MovedKind::Refund, 2, "30000")]
    {
        let day = of_hours_around(at).await;
        assert_eq!(differences(&day), [], "{moved:?}: {:#?}", day.found);
        let [(kind, _, total)] = day.found.totals.as_slice() else { panic!("{moved:?}: {:#?}", day.found) };
        assert_eq!((*kind, total.company_count, total.own_count), (moved, count, count));
        assert_eq!(total.company_amount, total.own_amount);
        assert_eq!(total.own_amount.amount(), amount.parse::<rust_decimal::Decimal>().unwrap());
    }
    app.finish().await;
}
