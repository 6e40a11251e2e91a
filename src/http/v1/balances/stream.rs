//! `GET /v1/balances/stream`: a customer's balances and orders as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Responder, get, web};
use actix_web_lab::sse;
use chrono::Utc;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::body::Balance;
use crate::app::{App, Error};
use crate::domain::event::Subject;
use crate::domain::id::IdKind;
use crate::domain::money::format_amount;
use crate::domain::order::Order;
use crate::domain::wallet::Wallet;
use crate::engine::stream::{Cursor, Message, StreamUpdate};
use crate::http::edge::auth::{Allowed, AsCustomer, TokenEnd};
use crate::http::edge::extract::QueryParams;
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::CustomerQuery;

/// The pause after which a comment is sent. It is shorter than the idle timeout of common proxies (60 s).
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a client should wait before it connects again.
const RETRY: Duration = Duration::from_secs(2);

/// Stream balances
///
/// Sends server-sent events (`text/event-stream`): first the customer's wallets as they are, then every change.
///
/// - `balance.updated`: a wallet, as `GET /v1/balances` shows it. The event shows the state and not the step: when a
///   wallet changes more than five times a second, one event covers several changes.
/// - `order.updated`: a top-up order has changed: `order_id`, `status`, `channel`, `currency`, `amount`,
///   `credited_amount`, `refunded_amount`, `product`, `version`.
/// - `balance.low`: the available amount has fallen below the threshold of a low-balance alert: `currency`, `product`,
///   `available`, `threshold`, `version`.
/// - `balance.recovered`: it has risen to the threshold again, or above it; with the same fields.
///
/// The last three also carry `event_id` and `created_at`. Every message has an `id`. When you connect again, send the
/// last one as `Last-Event-ID`: you get the events that you missed, and the wallets if any of them has changed
/// meanwhile. The service sends a comment at least every 15 seconds. The stream ends when the token expires and when
/// the service stops. When too many streams are open, the call fails with 503 `streams_full`.
#[utoipa::path(
    tag = "balances",
    operation_id = "streamBalances",
    params(
        CustomerQuery,
        ("Last-Event-ID" = Option<String>, Header, max_length = 64, example = "42-117",
            description = "The id of the last message that you got. The service ignores a text that is no such id.")
    ),
    responses((status = 200, description = "The stream", body = String, content_type = "text/event-stream",
        example = json!("id: 42-117\nevent: balance.updated\ndata: {\"currency\":\"CNY\",\"product\":null,\
            \"total\":\"100.00\"}\n\n"))),
    security(("bearer" = []))
)]
#[get("/v1/balances/stream")]
pub async fn stream_balances(
    Allowed(caller): AsCustomer,
    TokenEnd(token_ends): TokenEnd,
    QueryParams(query): QueryParams<CustomerQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = query.customer(&caller)?;
    let last = request.headers().get("last-event-id").and_then(|value| value.to_str().ok());
    let listening = app.streams.listen(&customer, last.and_then(Cursor::parse)).await.map_err(Error::from)?;
    #[expect(clippy::disallowed_methods, reason = "a token ends by the clock that it was checked by")]
    let left = (token_ends - Utc::now()).to_std().unwrap_or_default();
    let messages = stream::unfold(listening, |mut listening| async {
        let messages = listening.next().await?;
        Some((stream::iter(messages), listening))
    })
    .flatten()
    .map(|message| Ok::<_, Infallible>(render(&message)))
    .take_until(tokio::time::sleep(left));
    let stream = sse::Sse::from_stream(messages).with_keep_alive(HEARTBEAT).with_retry_duration(RETRY);
    let mut response = stream.respond_to(&request);
    // Without this header nginx would hold messages back until its buffer is full.
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

fn order_summary(order: &Order) -> Value {
    json!({
        "order_id": IdKind::TopUpOrder.show(order.id),
        "status": order.status().as_str(),
        "channel": order.channel.as_str(),
        "currency": order.currency().code(),
        "amount": format_amount(order.amount),
        "credited_amount": format_amount(order.credited_amount),
        "refunded_amount": format_amount(order.refunded_amount),
        "product": order.product.code(),
        "version": order.version,
    })
}

fn balance_summary(wallet: &Wallet) -> Value {
    json!({
        "customer_id": wallet.key.customer.as_str(),
        "currency": wallet.key.currency.code(),
        "product": wallet.key.product.code(),
        "available": format_amount(wallet.available()),
        "threshold": wallet.low_balance.as_ref().map(|low| format_amount(low.threshold)),
        "version": wallet.version,
    })
}

fn render(message: &Message) -> sse::Event {
    let (name, data) = match &message.update {
        StreamUpdate::Probe => return sse::Event::Comment("still here".into()),
        StreamUpdate::Balance(wallet) => {
            ("balance.updated".to_owned(), serde_json::to_value(Balance::from(&**wallet)).unwrap_or_default())
        }
        StreamUpdate::Event(event) => {
            let (name, mut data) = match &event.subject {
                Subject::Order(order) => ("order.updated", order_summary(order)),
                Subject::Balance(wallet) => (event.kind.as_str(), balance_summary(wallet)),
                _ => return sse::Event::Comment("still here".into()),
            };
            if let Value::Object(fields) = &mut data {
                fields.insert("event_id".to_owned(), json!(IdKind::Event.show(event.id)));
                fields.insert("created_at".to_owned(), json!(event.created_at));
            }
            (name.to_owned(), data)
        }
    };
    sse::Data::new(data.to_string()).event(name).id(message.cursor.to_string()).into()
}
