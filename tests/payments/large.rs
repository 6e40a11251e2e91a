//! Notifications that carry much.

use reqwest::Method;
use serde_json::json;

use crate::signing::{paid_session, stripe_event, stripe_signature};
use crate::stage::{STRIPE_WEBHOOK, Stage, Way};
use crate::support::Reply;

const MIB: usize = 1 << 20;

/// A company sends the whole object, and a dispute carries all of its evidence.
#[tokio::test]
async fn case_61_a_signed_notification_of_one_mebibyte_is_taken() {
    let stage = Stage::new().await;
    let card = stage.place(Way::Checkout).await;
    let sent = async |size: usize| {
        let mut event = stripe_event("checkout.session.completed", &paid_session(&card.at, &card.id, 2000, "usd"));
        event["evidence"] = json!("");
        event["evidence"] = json!("x".repeat(size - event.to_string().len()));
        let body = event.to_string();
        assert_eq!(body.len(), size);
        let request = stage.app.anonymous().request(Method::POST, "/v1/providers/stripe/notifications");
        Reply::of(request.header("stripe-signature", stripe_signature(STRIPE_WEBHOOK, &body)).body(body)).await
    };
    sent(MIB + 1).await.problem(413, "body_too_large");
    stage.is_not_credited(&card, "pending").await;
    sent(MIB).await.expect(200);
    stage.is_credited(&card).await;
    stage.finish().await;
}
