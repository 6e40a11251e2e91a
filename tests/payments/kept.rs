//! Payments that are kept for an operator: corrected by a later statement, given back at the company, or refused by the
//! ledger.

use serde_json::{Value, json};

use crate::ours::{dispute, payment_of, refund};
use crate::signing::{paid_session, stripe_event, stripe_says, vnpay_ipn, vnpay_says};
use crate::stage::{Stage, Way, events};

#[tokio::test]
async fn case_64_a_wrong_first_statement_is_corrected_by_a_later_one() {
    let stage = Stage::new().await;
    stage.mute("vnpay", true).await;
    stage.mute("stripe", true).await;
    // The same TransactionNo, first with another amount.
    let placed = stage.place(Way::Vnpay).await;
    assert_eq!(vnpay_ipn(&stage, &vnpay_says(&placed.at, 200_001)).await, "04");
    assert_eq!(stage.unapplied().await[0]["amount"], "200001");
    assert_eq!(vnpay_ipn(&stage, &vnpay_says(&placed.at, 200_000)).await, "00");
    let order = stage.is_credited(&placed).await;
    let line = order["timeline"].as_array().unwrap().iter().find(|line| line["event"] == "payment_corrected").unwrap();
    let said = line["detail"].as_str().unwrap();
    assert!(said.contains("200001 VND") && said.contains("200000 VND"), "{said}");
    assert_eq!(stage.unapplied().await, Vec::<Value>::new());
    // What is applied is not corrected any more.
    assert_eq!(vnpay_ipn(&stage, &vnpay_says(&placed.at, 200_001)).await, "04");
    stage.is_credited(&placed).await;

    // Stripe's answer to our question corrects a notification.
    let placed = stage.place(Way::Checkout).await;
    stage.play(&placed, "pay", json!({})).await;
    let mut wrong = paid_session(&placed.at, &placed.id, 1999, "usd");
    wrong["payment_intent"] = json!(payment_of(&stage, &placed).await);
    stripe_says(&stage, &stripe_event("checkout.session.completed", &wrong)).await.expect(200);
    stage.is_not_credited(&placed, "processing").await;
    stage.verify(&placed).await.expect(200);
    stage.is_credited(&placed).await;
    assert_eq!(stage.unapplied().await, Vec::<Value>::new());

    // A part of it went back: a person decides.
    for why in ["refunded", "disputed"] {
        let placed = stage.place(Way::Checkout).await;
        stage.play(&placed, "pay", json!({})).await;
        let payment = payment_of(&stage, &placed).await;
        wrong = paid_session(&placed.at, &placed.id, 1999, "usd");
        wrong["payment_intent"] = json!(payment);
        stripe_says(&stage, &stripe_event("checkout.session.completed", &wrong)).await.expect(200);
        let part = match why {
            "refunded" => stripe_event("refund.created", &refund("re_part", &payment)),
            _ => stripe_event("charge.dispute.created", &with_amount(dispute("du_part", &payment, "lost"), 500)),
        };
        stripe_says(&stage, &part).await.expect(200);
        stage.verify(&placed).await.expect(200);
        stage.worker_asks().await;
        stage.is_not_credited(&placed, "processing").await;
        let kept = &stage.unapplied().await[0];
        assert_eq!((&kept["amount"], &kept["unapplied_amount"]), (&json!("19.99"), &json!("14.99")), "{why}");
    }
    stage.finish().await;
}

fn with_amount(mut object: Value, units: i64) -> Value {
    object["amount"] = json!(units);
    object
}

/// A second payment of a completed order waits in the inbox. What the company gives back of it is not unapplied.
#[tokio::test]
async fn case_65_a_duplicate_payment_that_went_back_leaves_the_inbox() {
    let stage = Stage::new().await;
    let placed = stage.place(Way::Checkout).await;
    stage.play(&placed, "pay", json!({})).await;
    stage.until(&placed, "completed").await;
    let waits = async |payment: &str| -> Option<String> {
        let all = stage.unapplied().await;
        let one = all.iter().find(|one| one["provider_payment_id"] == payment)?;
        Some(one["unapplied_amount"].as_str().unwrap().to_owned())
    };
    let second = |name: &str| {
        let mut session = paid_session(&placed.at, &placed.id, 2000, "usd");
        session["payment_intent"] = json!(name);
        stripe_event("checkout.session.completed", &session)
    };
    stripe_says(&stage, &second("pi_again")).await.expect(200);
    assert_eq!(waits("pi_again").await.as_deref(), Some("20.00"));
    let mut all = refund("re_again_1", "pi_again");
    stripe_says(&stage, &stripe_event("refund.created", &all)).await.expect(200);
    assert_eq!(waits("pi_again").await.as_deref(), Some("15.00"));
    (all["id"], all["amount"]) = (json!("re_again_2"), json!(1500));
    stripe_says(&stage, &stripe_event("refund.created", &all)).await.expect(200);
    assert_eq!(waits("pi_again").await, None);
    // A refund that fails comes back.
    all["status"] = json!("failed");
    stripe_says(&stage, &stripe_event("refund.failed", &all)).await.expect(200);
    assert_eq!(waits("pi_again").await.as_deref(), Some("15.00"));

    stripe_says(&stage, &second("pi_third")).await.expect(200);
    let opened = dispute("du_third", "pi_third", "needs_response");
    stripe_says(&stage, &stripe_event("charge.dispute.created", &opened)).await.expect(200);
    assert_eq!(waits("pi_third").await, None);
    let won = dispute("du_third", "pi_third", "won");
    stripe_says(&stage, &stripe_event("charge.dispute.closed", &won)).await.expect(200);
    assert_eq!(waits("pi_third").await.as_deref(), Some("20.00"));
    stage.is_credited(&placed).await;
    stage.finish().await;
}

/// The wallet has had as much paid money in its life as the ledger can hold, so it accepts no more money.
#[tokio::test]
async fn case_66_a_credit_that_the_ledger_refuses_leaves_the_payment_on_record() {
    let stage = Stage::new().await;
    stage.mute("stripe", true).await;
    let first = stage.place(Way::Checkout).await;
    stage.play(&first, "pay", json!({})).await;
    stage.verify(&first).await.expect(200);
    let cap = |more: &str| {
        format!(
            "UPDATE wallets SET paid_in = paid_in {more} 999999999999990, paid_out = paid_out {more} 999999999999990"
        )
    };
    stage.execute(&cap("+")).await;
    let placed = stage.place(Way::Checkout).await;
    stage.play(&placed, "pay", json!({})).await;
    let mut session = paid_session(&placed.at, &placed.id, 2000, "usd");
    session["payment_intent"] = json!(payment_of(&stage, &placed).await);
    let event = stripe_event("checkout.session.completed", &session);
    for _ in 0..2 {
        stripe_says(&stage, &event).await.expect(200);
        stage.verify(&placed).await.expect(200);
        let order = stage.is_not_credited(&placed, "processing").await;
        assert_eq!(events(&order), ["created", "payment_started", "payment_unapplied", "processing"]);
        let kept = stage.unapplied().await;
        assert_eq!((kept.len(), &kept[0]["unapplied_amount"]), (1, &json!("20.00")), "{kept:#?}");
        assert!(kept[0]["reason"].as_str().unwrap().starts_with("the ledger refuses the credit"), "{kept:#?}");
    }
    // Once there is room, any statement credits it.
    stage.execute(&cap("-")).await;
    stage.verify(&placed).await.expect(200);
    stage.is_credited(&placed).await;
    assert_eq!(stage.unapplied().await, Vec::<Value>::new());
    stage.finish().await;
}
