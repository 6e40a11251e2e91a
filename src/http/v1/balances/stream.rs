//! `GET /v1/balances/stream`: a customer's balances and orders as server-sent events, and the tickets with which
//! browsers open the stream.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, ORIGIN};
use actix_web::{HttpRequest, HttpResponse, Responder, get, post, web};
use actix_web_lab::sse;
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::body::messages::{render, token_expired};
use crate::app::{App, Error, stream_tickets};
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::engine::stream::{Cursor, StreamUpdate};
use crate::http::edge::auth::{Allowed, AsCustomer, TokenEnd};
use crate::http::edge::connections::Connection;
use crate::http::edge::extract::QueryParams;
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::CustomerQuery;

/// The pause after which a comment is sent. It is shorter than the idle timeout of common proxies (60 s).
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a client should wait before it connects again.
const RETRY: Duration = Duration::from_secs(2);

/// Stream balances
///
/// Sends server-sent events (`text/event-stream`): first the customer's wallets as they are, then `stream.live`, then
/// every change. `x-messages` of the answer names the schema of each message.
///
/// - `balance.updated`: a wallet, as `GET /v1/balances` shows it. The message shows the state and not the step: when a
///   wallet changes more than five times a second, one message covers several changes.
/// - `stream.live`: the state at the beginning has been sent completely. It also has the taken-back money that is
///   claimed.
/// - `order.updated`: a top-up order has changed.
/// - `balance.low`, `balance.recovered`: the available amount has fallen below the threshold of a low-balance alert, or
///   has risen to it again.
/// - `taken_back_debt.updated`: the claimed taken-back money has changed.
/// - `stream.end`: the last message, with the reason. After `replaced` do not connect again.
///
/// Every message but the end of a token has an `id`. When you connect again, send the last one as `Last-Event-ID`: you
/// get the events that you missed, and the wallets if any of them has changed meanwhile. An id of another customer's
/// stream, or an id that is too old, is ignored. The service sends a comment at least every 15 seconds.
///
/// A customer has three streams at a time, if the installation sets no other number; a new one ends the oldest. When
/// too many streams of all customers are open, the call fails with 503 `streams_full`.
///
/// A browser's `EventSource` cannot send a token: make a ticket by `POST /v1/balances/stream-tickets` and open
/// `GET /v1/balances/stream-by-ticket`. One tab can hold the connection for all tabs of your page:
///
/// ```js
/// const names = ["balance.updated", "order.updated", "taken_back_debt.updated", "stream.live", "stream.end"];
/// const tabs = new BroadcastChannel("topup");
/// tabs.onmessage = ({ data: [name, data] }) => show(name, data);
/// navigator.locks.request("topup", async () => {        // one tab at a time; when it closes, the next one goes on
///   for (let again = true; again; ) await new Promise(async (end) => {
///     const { ticket } = await post("/v1/balances/stream-tickets");
///     const stream = new EventSource(`${service}/v1/balances/stream-by-ticket?ticket=${ticket}`);
///     const tell = ({ type, data }) => { show(type, JSON.parse(data)); tabs.postMessage([type, JSON.parse(data)]); };
///     for (const name of names) stream.addEventListener(name, tell);
///     stream.onerror = () => { stream.close(); setTimeout(end, 2000); };  // a ticket is good once
///   });
/// });
/// ```
#[utoipa::path(
    tag = "balances",
    operation_id = "streamBalances",
    params(
        CustomerQuery,
        ("Last-Event-ID" = Option<String>, Header, max_length = 64, example = "42-117-2bd806c9",
            description = "The id of the last message that you got. The service ignores any other text.")
    ),
    responses((status = 200, description = "The stream", body = String, content_type = "text/event-stream",
        example = json!("id: 42-117-2bd806c9\nevent: balance.updated\ndata: {\"currency\":\"CNY\",\"product\":null,\
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
    open(&app, &customer, (token_ends, None), &request).await
}

/// Opens a customer's stream, which ends with the token, and with the API key that made its ticket.
async fn open(
    app: &App,
    customer: &CustomerId,
    (token_ends, api_key): (DateTime<Utc>, Option<Uuid>),
    request: &HttpRequest,
) -> Result<HttpResponse, Failure> {
    let last = request.headers().get("last-event-id").and_then(|value| value.to_str().ok());
    let listening = app.streams.listen(customer, last.and_then(Cursor::parse)).await.map_err(Error::from)?;
    #[expect(clippy::disallowed_methods, reason = "a token expires by the same clock that checked it")]
    let left = (token_ends - Utc::now()).to_std().unwrap_or_default();
    let keys = app.api_keys.clone();
    let ends = async move {
        let key_end = async {
            match api_key {
                Some(key) => keys.ended_by_id(key).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = tokio::time::sleep(left) => (),
            () = key_end => (),
        }
    };
    let open = Some((listening, Box::pin(ends)));
    let messages = stream::unfold(open, async |open| {
        let (mut listening, mut token_end) = open?;
        let messages = tokio::select! {
            biased;
            () = &mut token_end => return Some((vec![token_expired()], None)),
            messages = listening.next() => messages?,
        };
        let is_last = messages.iter().any(|message| matches!(message.update, StreamUpdate::End(_)));
        Some((messages.iter().map(render).collect(), (!is_last).then_some((listening, token_end))))
    });
    let messages = messages.flat_map(stream::iter).map(Ok::<_, Infallible>);
    let stream = sse::Sse::from_stream(messages).with_keep_alive(HEARTBEAT).with_retry_duration(RETRY);
    let mut response = stream.respond_to(request);
    // Without this header nginx would hold messages back until its buffer is full.
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

/// A ticket for one stream.
#[derive(Serialize, ToSchema)]
pub struct StreamTicket {
    /// Send it as the parameter `ticket`.
    #[schema(
        max_length = 64,
        pattern = "^[A-Za-z0-9_-]{43}$",
        example = "Zm9ydHktdGhyZWUgbGV0dGVycyBvZiByYW5kb20gdGU"
    )]
    ticket: String,
    /// Until when the ticket can be used, once.
    expires_at: DateTime<Utc>,
}

impl std::fmt::Debug for StreamTicket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamTicket").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// Make a ticket for the balance stream
///
/// The ticket opens `GET /v1/balances/stream-by-ticket` once, within 30 seconds, for this customer, and only from the
/// site whose page has made it (its `Origin`). The stream ends with the token of this call.
#[utoipa::path(
    tag = "balances",
    operation_id = "createStreamTicket",
    params(CustomerQuery),
    responses((status = 201, description = "The ticket", body = StreamTicket)),
    security(("bearer" = []))
)]
#[post("/v1/balances/stream-tickets")]
pub async fn create_stream_ticket(
    Allowed(caller): AsCustomer,
    TokenEnd(token_ends): TokenEnd,
    QueryParams(query): QueryParams<CustomerQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = query.customer(&caller)?;
    let made = stream_tickets::create(&app, &customer, origin(&request), token_ends).await?;
    Ok(HttpResponse::Created().json(StreamTicket { ticket: made.text, expires_at: made.expires_at }))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TicketQuery {
    /// A ticket that was made within the last 30 seconds.
    #[param(max_length = 64, example = "Zm9ydHktdGhyZWUgbGV0dGVycyBvZiByYW5kb20gdGU")]
    ticket: String,
}

/// Stream balances by a ticket
///
/// The same stream as `GET /v1/balances/stream`, for a browser's `EventSource`, which cannot send a token. The ticket
/// is used up by this call, so `EventSource` cannot connect again by itself: close it on an error, and make a new
/// ticket.
#[utoipa::path(
    tag = "balances",
    operation_id = "streamBalancesByTicket",
    params(
        TicketQuery,
        ("Last-Event-ID" = Option<String>, Header, max_length = 64, example = "42-117-2bd806c9",
            description = "The id of the last message that you got. The service ignores any other text.")
    ),
    responses((status = 200, description = "The stream", body = String, content_type = "text/event-stream",
        example = json!("id: 42-117-2bd806c9\nevent: stream.live\ndata: {\"taken_back_debt\":[]}\n\n"))),
)]
#[get("/v1/balances/stream-by-ticket")]
pub async fn stream_balances_by_ticket(
    QueryParams(query): QueryParams<TicketQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let opened = stream_tickets::take(&app, &query.ticket, origin(&request).as_deref()).await?;
    let refused = || {
        let detail = "this ticket was used, is too old, or was made for another site; make a new one";
        Failure::new(StatusCode::UNAUTHORIZED, Code::Unauthorized, detail)
    };
    let opened = opened.ok_or_else(refused)?;
    if let Some(connection) = request.conn_data::<Arc<Connection>>() {
        connection.know();
    }
    open(&app, &opened.customer, (opened.token_ends_at, opened.api_key), &request).await
}

/// The site of the page that calls; browsers send it if the page is not ours.
fn origin(request: &HttpRequest) -> Option<String> {
    request.headers().get(ORIGIN).and_then(|origin| origin.to_str().ok()).map(str::to_owned)
}
