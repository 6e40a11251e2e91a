//! `GET /v1/balances/stream`: server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Responder, get, web};
use actix_web_lab::sse;
use chrono::Utc;
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use crate::app::{App, Error};
use crate::domain::id::IdKind;
use crate::engine::stream::{Cursor, Message, StreamUpdate};
use crate::http::edge::auth::{Allowed, AsCustomer, TokenEnd};
use crate::http::edge::extract::QueryParams;
use crate::http::edge::problem::Failure;
use crate::http::v1::balances::Balance;

/// Shorter than the idle limits of the usual proxies (60 s).
const HEARTBEAT: Duration = Duration::from_secs(15);
/// When a client should connect again.
const RETRY: Duration = Duration::from_secs(2);

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StreamQuery {
    /// For services and operators: which customer.
    #[param(max_length = 64, pattern = "^[A-Za-z0-9_.:@-]{1,64}$", example = "demo")]
    customer_id: Option<String>,
}

/// Stream balances
///
/// Server-sent events (`text/event-stream`): first the customer's wallets as they are, then what changes.
///
/// - `balance.updated`: a wallet, as `GET /v1/balances` shows it. It is the state, not the step: changes that come
///   faster than five times a second are told as one.
/// - `order.updated`: a top-up order moved: `order_id`, `status`, `channel`, `currency`, `amount`, `credited_amount`,
///   `refunded_amount`, `product`, `version`.
/// - `balance.low`: what is available fell below the threshold of a low-balance alert: `currency`, `product`,
///   `available`, `threshold`, `version`.
///
/// The last two also carry `event_id` and `created_at`. Every message has an `id`: send the last one as
/// `Last-Event-ID` when you connect again, and you get the events that you missed, and the wallets if one of them has
/// changed meanwhile. A comment is sent every 15 seconds at least. The stream ends when the token expires and when the service
/// stops. 503 `streams_full` when too many are open.
#[utoipa::path(
    tag = "balances",
    operation_id = "streamBalances",
    params(
        StreamQuery,
        ("Last-Event-ID" = Option<String>, Header, max_length = 64, example = "42-117",
            description = "The id of the last message that you got; another text counts as none")
    ),
    responses((status = 200, description = "The stream", body = String, content_type = "text/event-stream",
        example = json!("id: 42-117\nevent: balance.updated\ndata: {\"currency\":\"CNY\",\"product\":null,\"total\":\"100.00\"}\n\n"))),
    security(("bearer" = []))
)]
#[get("/v1/balances/stream")]
pub async fn stream_balances(
    Allowed(caller): AsCustomer,
    TokenEnd(token_ends): TokenEnd,
    QueryParams(query): QueryParams<StreamQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = caller.customer(query.customer_id.as_deref())?;
    let last = request.headers().get("last-event-id").and_then(|value| value.to_str().ok());
    let listening = app.streams.listen(&customer, last.and_then(Cursor::parse)).await.map_err(Error::from)?;
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
    // nginx would keep messages back until its buffer is full.
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

fn render(message: &Message) -> sse::Event {
    let (name, data) = match &message.update {
        StreamUpdate::Probe => return sse::Event::Comment("still here".into()),
        StreamUpdate::Balance(wallet) => {
            ("balance.updated".to_owned(), serde_json::to_value(Balance::from(&**wallet)).unwrap_or_default())
        }
        StreamUpdate::Event(event) => {
            let mut data = event.data.clone();
            if let Value::Object(fields) = &mut data {
                fields.insert("event_id".to_owned(), json!(IdKind::Event.show(event.id)));
                fields.insert("created_at".to_owned(), json!(event.created_at));
            }
            (event.kind.as_str().to_owned(), data)
        }
    };
    sse::Data::new(data.to_string()).event(name).id(message.cursor.to_string()).into()
}
