//! State is columns and enums: no text for people and no line of a timeline decides anything.

use std::collections::BTreeSet;

use diesel::result::Error::DatabaseError;
use diesel_async::SimpleAsyncConnection;
use serde_json::json;
use topup::domain::attempt::AttemptStatus;
use topup::domain::order::{Awaited, FailedBy, OrderStatus};
use topup::domain::payment::{CardFlow, DisputeStatus, NotificationOutcome, ProviderName};
use topup::domain::refund::RefundState;

use crate::signing::{vnpay_ipn, vnpay_says};
use crate::stage::{Placed, Stage, Way};

async fn order_columns(stage: &Stage, placed: &Placed, columns: &str) -> String {
    let id = placed.id.trim_start_matches("tuo_");
    let mut rows = stage.ask(&format!("SELECT concat_ws(' ', {columns}) FROM top_up_orders WHERE id = '{id}'")).await;
    rows.remove(0)
}

/// The payer approves at PayPal, and the capture is declined.
async fn decline(stage: &Stage, placed: &Placed) {
    stage.play(placed, "approve-declined", json!({})).await;
    stage.verify(placed).await.expect(200);
}

#[tokio::test]
async fn a_decline_is_counted_on_its_order_and_drives_the_request_key() {
    let stage = Stage::new().await;
    stage.mute("paypal", true).await;
    let placed = stage.place(Way::Paypal).await;
    let state = "status, coalesce(awaiting, '-'), declines";
    assert_eq!(order_columns(&stage, &placed, state).await, "pending - 0");
    decline(&stage, &placed).await;
    assert_eq!(order_columns(&stage, &placed, state).await, "processing payer 1");

    // Another wording and an empty timeline change nothing: the payer may still try again, and the count goes on.
    stage.execute("UPDATE top_up_orders SET reason = 'an editor has rewritten this sentence'").await;
    stage.execute("DELETE FROM order_events").await;
    assert!(stage.order(&placed).await["next_action"]["redirect"]["url"].is_string());
    decline(&stage, &placed).await;
    assert_eq!(order_columns(&stage, &placed, state).await, "processing payer 2");

    stage.execute("UPDATE top_up_orders SET declines = 7").await;
    stage.play(&placed, "approve", json!({})).await;
    stage.verify(&placed).await.expect(200);
    stage.is_credited(&placed).await;
    let id = placed.id.trim_start_matches("tuo_");
    let calls = stage.calls("paypal", "capture_order").await;
    let keys: Vec<_> = calls.iter().map(|call| call["idempotency_key"].as_str().unwrap().to_owned()).collect();
    assert_eq!(keys, [format!("{id}-1-capture"), format!("{id}-1-1-capture"), format!("{id}-1-7-capture")]);
    assert_eq!(order_columns(&stage, &placed, state).await, "completed - 7");
    stage.finish().await;
}

#[tokio::test]
async fn a_text_about_a_decline_makes_no_declined_order() {
    let stage = Stage::new().await;
    stage.mute("paypal", true).await;
    let placed = stage.place(Way::Paypal).await;
    let id = placed.id.trim_start_matches("tuo_");
    stage
        .execute(&format!(
            "UPDATE top_up_orders SET status = 'processing', awaiting = 'provider', expires_at = now(),
                 reason = 'not paid yet: the payer can try again at the provider' WHERE id = '{id}'"
        ))
        .await;
    assert!(stage.order(&placed).await["next_action"].is_null());
    topup::workers::expire_orders(&stage.app.server.app).await.unwrap();
    stage.is_not_credited(&placed, "processing").await;
    stage.cancel(&placed).await.problem(409, "order_not_cancellable");
    stage.finish().await;
}

#[tokio::test]
async fn a_review_is_a_column_and_an_answer_alone_does_not_end_it() {
    let stage = Stage::new().await;
    stage.mute("vnpay", true).await;
    let placed = stage.place(Way::Vnpay).await;
    let paid = stage.play(&placed, "pay", json!({})).await;
    assert_eq!(order_columns(&stage, &placed, "held_for_review").await, "f");
    let mut said = vnpay_says(&placed.at, 200_000);
    said.insert("vnp_TransactionNo", paid["payment"]["tries"][0]["transaction_no"].as_str().unwrap().to_owned());
    said.insert("vnp_ResponseCode", "07".to_owned());
    assert_eq!(vnpay_ipn(&stage, &said).await, "00");
    assert_eq!(order_columns(&stage, &placed, "held_for_review").await, "t");

    // Without its line on the timeline the order is held all the same.
    stage.execute("DELETE FROM order_events").await;
    stage.verify(&placed).await.expect(200);
    stage.worker_asks().await;
    stage.is_not_credited(&placed, "processing").await;
    assert_eq!(order_columns(&stage, &placed, "held_for_review").await, "t");

    said.insert("vnp_ResponseCode", "00".to_owned());
    assert_eq!(vnpay_ipn(&stage, &said).await, "00");
    stage.is_credited(&placed).await;
    assert_eq!(order_columns(&stage, &placed, "held_for_review").await, "f");
    stage.finish().await;
}

/// The same answer completes an order that is not held: the column alone makes the difference.
#[tokio::test]
async fn an_answer_completes_an_order_whose_review_has_ended() {
    let stage = Stage::new().await;
    stage.mute("vnpay", true).await;
    let placed = stage.place(Way::Vnpay).await;
    let paid = stage.play(&placed, "pay", json!({})).await;
    let mut said = vnpay_says(&placed.at, 200_000);
    said.insert("vnp_TransactionNo", paid["payment"]["tries"][0]["transaction_no"].as_str().unwrap().to_owned());
    said.insert("vnp_ResponseCode", "07".to_owned());
    assert_eq!(vnpay_ipn(&stage, &said).await, "00");
    stage.verify(&placed).await.expect(200);
    stage.is_not_credited(&placed, "processing").await;
    stage.execute("UPDATE top_up_orders SET held_for_review = false").await;
    stage.verify(&placed).await.expect(200);
    stage.is_credited(&placed).await;
    stage.finish().await;
}

/// The words that a CHECK lists.
async fn words(stage: &Stage, constraint: &str) -> BTreeSet<String> {
    let found =
        stage.ask(&format!("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = '{constraint}'")).await;
    assert_eq!(found.len(), 1, "{constraint}");
    found[0].split('\'').skip(1).step_by(2).map(str::to_owned).collect()
}

#[tokio::test]
async fn every_word_of_an_enum_is_one_of_its_column() {
    let stage = Stage::new().await;
    let all = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
    for (constraint, of_enum) in [
        ("provider_name_is_known", all(&ProviderName::ALL.map(ProviderName::as_str))),
        ("top_up_orders_status", all(&OrderStatus::ALL.map(OrderStatus::as_str))),
        ("top_up_orders_awaiting", all(&Awaited::ALL.map(Awaited::as_str))),
        ("top_up_orders_failed_by", all(&FailedBy::ALL.map(FailedBy::as_str))),
        ("top_up_orders_card_flow", all(&CardFlow::ALL.map(CardFlow::as_str))),
        ("attempts_status", all(&AttemptStatus::ALL.map(AttemptStatus::as_str))),
        ("refunds_status", all(&RefundState::ALL.map(RefundState::as_str))),
        ("disputes_status", all(&DisputeStatus::ALL.map(DisputeStatus::as_str))),
        ("provider_events_outcome", all(&NotificationOutcome::ALL.map(NotificationOutcome::as_str))),
    ] {
        assert_eq!(words(&stage, constraint).await, of_enum, "{constraint}");
    }
    stage.finish().await;
}

#[tokio::test]
async fn the_database_refuses_a_state_without_what_belongs_to_it() {
    let stage = Stage::new().await;
    let placed = stage.place(Way::Checkout).await;
    stage.play(&placed, "pay", json!({})).await;
    stage.until(&placed, "completed").await;
    stage.place(Way::Checkout).await;
    let pending = "UPDATE top_up_orders SET {} WHERE status = 'pending'";
    let completed = "UPDATE top_up_orders SET {} WHERE status = 'completed'";
    for (statement, change, constraint) in [
        (pending, "status = 'processing'", "top_up_orders_processing_awaits"),
        (pending, "awaiting = 'provider'", "top_up_orders_processing_awaits"),
        (pending, "status = 'processing', awaiting = 'payer'", "top_up_orders_declined"),
        (pending, "status = 'failed'", "top_up_orders_failed_says_by_whom"),
        (pending, "received_amount = 1", "top_up_orders_received"),
        (pending, "declines = -1", "top_up_orders_declines"),
        (pending, "provider = 'adyen'", "provider_name_is_known"),
        (completed, "held_for_review = true", "top_up_orders_review"),
        ("UPDATE payments SET {}", "applied = 0", "payments_unapplied_says_why"),
        ("UPDATE payments SET {}", "unapplied_reason = 'being applied'", "payments_unapplied_says_why"),
    ] {
        let sql = statement.replace("{}", change);
        let mut conn = stage.app.server.app.pool.get().await.unwrap();
        match conn.batch_execute(&sql).await {
            Err(DatabaseError(_, info)) => {
                assert_eq!(info.constraint_name(), Some(constraint), "{sql}: {}", info.message());
            }
            other => panic!("{sql}: {other:?}"),
        }
    }
    stage.is_credited(&placed).await;
    stage.finish().await;
}
