//! Starting an attempt at the provider, once the order is committed.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::json;

use super::cancel::end_at_provider;
use crate::app::{App, Error, settlement};
use crate::domain::id::IdKind;
use crate::domain::order::{Order, OrderStatus};
use crate::providers::{AttemptRequest, Created, NextAction, ProviderError};
use crate::storage::attempts::{self, Attempt};
use crate::storage::orders;
use crate::storage::transaction::transact;

/// How long one process may be calling the provider for an attempt before another one may.
const LEASE_SECONDS: i32 = 40;

/// Calls the provider for an order's open attempt, unless that has been done. A call that was cut off is
/// repeated with the same request and the same key, so it makes the same payment.
///
/// # Errors
/// 409 while another request is calling; of the provider. When the provider refuses for good the order is
/// failed; otherwise it stays as it was.
pub async fn start(app: &App, order: &Order, actor: &str) -> Result<(), Error> {
    let attempt = {
        let mut conn = app.pool.get().await?;
        let Some(attempt) = attempts::last_attempt(&mut conn, order.id).await? else { return Ok(()) };
        if attempt.provider_reference.is_some() || attempt.status != "open" || !order.status.is_open() {
            return Ok(());
        }
        if !attempts::lease_attempt(&mut conn, order.id, attempt.n, LEASE_SECONDS).await? {
            return Err(Error::conflict(
                "idempotency_in_flight",
                "a request with this Idempotency-Key is still being processed; try again in a moment",
            ));
        }
        attempt
    };
    let Some(provider) = app.providers.by_name(&order.provider) else {
        return Err(Error::Unavailable {
            code: "channel_not_offered",
            detail: format!("{} is not configured at the moment", order.provider),
            retry_after_seconds: 300,
        });
    };
    let made = match provider.create(&request(app, order, &attempt)?).await {
        Ok(created) => keep(app, order, &attempt, provider.name(), &created, actor).await,
        Err(error) => Err(error.into()),
    };
    match made {
        Ok(order) => {
            // The customer may have cancelled while we were calling.
            if order.status == OrderStatus::Cancelled {
                end_at_provider(app, &order, actor).await;
            }
            Ok(())
        }
        Err(Error::Provider(error)) => {
            let refused = matches!(error, ProviderError::Refused { .. } | ProviderError::Unsupported { .. });
            let told = plainly(&error);
            transact(&app.pool, async |conn| {
                let mut order = orders::lock(conn, order.id).await?.ok_or(Error::NotFound("order"))?;
                attempts::release_attempt(conn, order.id, attempt.n).await?;
                if refused && order.status.is_open() {
                    let reason = Some(told.clone());
                    settlement::move_to(conn, &mut order, OrderStatus::Failed, reason, "system").await?;
                } else {
                    orders::note(conn, &order, "provider_unreachable", "system", Some(&told)).await?;
                }
                Ok::<_, Error>(())
            })
            .await?;
            Err(error.into())
        }
        Err(error) => Err(error),
    }
}

/// Remembers what the provider made of an attempt. A reference that another attempt has was not made for this one,
/// whatever else the answer leaves out.
async fn keep(
    app: &App,
    order: &Order,
    attempt: &Attempt,
    provider: &'static str,
    created: &Created,
    actor: &str,
) -> Result<Order, Error> {
    let action = action_json(&created.next_action);
    let kept = transact(&app.pool, async |conn| {
        let order = orders::lock(conn, order.id).await?.ok_or(Error::NotFound("order"))?;
        attempts::save_attempt(conn, order.id, attempt.n, &created.provider_reference, &action).await?;
        orders::note(conn, &order, "payment_started", actor, None).await?;
        Ok::<_, Error>(order)
    })
    .await;
    match kept {
        Err(Error::Storage(error)) if error.violated_unique() == Some("attempts_reference_once") => {
            Err(ProviderError::Mismatch { provider, detail: "a reference that another order has".to_owned() }.into())
        }
        kept => kept,
    }
}

/// What the customer reads of a failed call. Statuses, codes and the state of our credentials are for the log, where
/// they are written when the request is answered.
fn plainly(error: &ProviderError) -> String {
    match error {
        ProviderError::Unavailable { provider, .. } | ProviderError::Mismatch { provider, .. } => {
            format!("{provider} did not answer properly; the same request can be repeated")
        }
        ProviderError::Busy { provider, .. } => format!("{provider} is busy; the same request can be repeated later"),
        ProviderError::Credentials { provider } => format!("{provider} cannot be used at the moment"),
        ProviderError::Refused { provider, .. } => format!("{provider} refused this payment"),
        ProviderError::Unsupported { provider, .. } => format!("{provider} does not support this payment"),
    }
}

fn request(app: &App, order: &Order, attempt: &Attempt) -> Result<AttemptRequest, Error> {
    let amount = order.money().map_err(|error| Error::field("/amount", error.code(), error.to_string()))?;
    let shown = IdKind::TopUpOrder.show(order.id);
    let back = order.return_url.clone().unwrap_or_else(|| format!("{}/docs", app.settings.public_url));
    Ok(AttemptRequest {
        order_id: order.id,
        attempt: attempt.n,
        request_key: attempt.request_key.clone(),
        amount,
        description: format!("Top-up {}", order.reference),
        flow: settlement::card_flow(order),
        return_url: with_order(&back, &shown),
        cancel_url: with_order(&back, &shown),
        customer_email: attempt.customer_email.clone(),
        locale: order.locale.clone(),
        payer_ip: order.payer_ip.parse().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        bank_code: order.vnpay_bank_code.clone(),
        created_at: attempt.created_at,
        expires_at: order.expires_at,
    })
}

/// The caller's page learns which order the payer comes back from.
fn with_order(url: &str, order: &str) -> String {
    url::Url::parse(url).map_or_else(
        |_| url.to_owned(),
        |mut url| {
            url.query_pairs_mut().append_pair("order", order);
            url.to_string()
        },
    )
}

fn action_json(action: &NextAction) -> serde_json::Value {
    match action {
        NextAction::Redirect { url } => json!({"type": "redirect", "redirect": {"url": url}}),
        NextAction::ClientSecret { value, publishable_key } => json!({
            "type": "client_secret",
            "client_secret": {"value": value, "publishable_key": publishable_key},
        }),
        // The bank's details are added from the order's account when it is shown.
        NextAction::BankTransfer => json!({"type": "bank_transfer"}),
    }
}
