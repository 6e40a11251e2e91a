//! The messages of the balance stream, each with its schema.

use actix_web_lab::sse;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::Balance;
use crate::domain::event::{Event, EventKind, Subject};
use crate::domain::order::Order;
use crate::domain::wallet::Wallet;
use crate::engine::stream::{StreamEnd, StreamMessage, StreamUpdate};
use crate::http::edge::problem::TakenBackDebt;
use crate::http::edge::wire::{
    Amount, CurrencyCode, CustomerIdText, EventId, PaymentChannel, ProductCode, SignedAmount, TopUpOrderId,
};
use crate::http::v1::top_up_orders::body::TopUpOrderStatus;

/// The names of the messages, each with the name of its schema.
pub const MESSAGES: [(&str, &str); 7] = [
    ("balance.updated", "Balance"),
    ("order.updated", "StreamedOrder"),
    ("balance.low", "StreamedBalanceAlert"),
    ("balance.recovered", "StreamedBalanceAlert"),
    ("taken_back_debt.updated", "StreamedTakenBackDebt"),
    ("stream.live", "StreamedTakenBackDebt"),
    ("stream.end", "StreamedEnd"),
];

/// `order.updated`: a top-up order has changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct StreamedOrder {
    event_id: EventId,
    created_at: DateTime<Utc>,
    order_id: TopUpOrderId,
    status: TopUpOrderStatus,
    channel: PaymentChannel,
    currency: CurrencyCode,
    amount: Amount,
    payable_amount: Amount,
    credited_amount: Amount,
    refunded_amount: Amount,
    product: Option<ProductCode>,
    /// The order's version after the change.
    #[schema(minimum = 1, example = 2)]
    version: i64,
}

impl StreamedOrder {
    fn of(event: &Event, order: &Order) -> Self {
        Self {
            event_id: EventId::of(event.id),
            created_at: event.created_at,
            order_id: TopUpOrderId::of(order.id),
            status: order.status().into(),
            channel: order.channel.into(),
            currency: CurrencyCode::of(order.currency()),
            amount: order.amount.into(),
            payable_amount: order.payable.into(),
            credited_amount: order.credited_amount.into(),
            refunded_amount: order.refunded_amount.into(),
            product: ProductCode::of_product(&order.product),
            version: order.version,
        }
    }
}

/// `balance.low` and `balance.recovered`: the available amount has fallen below the threshold of a low-balance alert,
/// or has risen to it again.
#[derive(Debug, Serialize, ToSchema)]
pub struct StreamedBalanceAlert {
    event_id: EventId,
    created_at: DateTime<Utc>,
    customer_id: CustomerIdText,
    currency: CurrencyCode,
    product: Option<ProductCode>,
    available: SignedAmount,
    /// Null if the alert was removed meanwhile.
    threshold: Option<Amount>,
    /// The wallet's version at the event.
    #[schema(minimum = 0, example = 7)]
    version: i64,
}

impl StreamedBalanceAlert {
    fn of(event: &Event, wallet: &Wallet) -> Self {
        Self {
            event_id: EventId::of(event.id),
            created_at: event.created_at,
            customer_id: CustomerIdText::of(&wallet.key.customer),
            currency: CurrencyCode::of(wallet.key.currency),
            product: ProductCode::of_product(&wallet.key.product),
            available: wallet.available().into(),
            threshold: wallet.low_balance.as_ref().map(|low| low.threshold.into()),
            version: wallet.version,
        }
    }
}

/// `stream.live` and `taken_back_debt.updated`: all taken-back money that is claimed from the customer, as
/// `GET /v1/balances` shows it.
#[derive(Debug, Serialize, ToSchema)]
pub struct StreamedTakenBackDebt {
    /// One sum for each currency; empty if nothing is claimed.
    #[schema(max_items = 200)]
    taken_back_debt: Vec<TakenBackDebt>,
}

/// `stream.end`: the last message.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct StreamedEnd {
    reason: StreamedEndReason,
}

/// Why a stream ends: connect again with a new token (`token_expired`), or at once (`shutting_down`). After `replaced`
/// do not connect again: another stream of this customer has taken its place.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StreamedEndReason {
    TokenExpired,
    Replaced,
    ShuttingDown,
}

impl From<StreamEnd> for StreamedEndReason {
    fn from(end: StreamEnd) -> Self {
        match end {
            StreamEnd::Replaced => Self::Replaced,
            StreamEnd::ShuttingDown => Self::ShuttingDown,
        }
    }
}

fn still_here() -> sse::Event {
    sse::Event::Comment("still here".into())
}

/// Writes a message.
pub fn render(message: &StreamMessage) -> sse::Event {
    let written = match &message.update {
        StreamUpdate::Probe => return still_here(),
        StreamUpdate::Balance(wallet) => write("balance.updated", &Balance::from(&**wallet)),
        StreamUpdate::Event(event) => match &event.subject {
            Subject::Order(order) => write("order.updated", &StreamedOrder::of(event, order)),
            Subject::Balance(wallet) if event.kind == EventKind::BalanceLow => {
                write("balance.low", &StreamedBalanceAlert::of(event, wallet))
            }
            Subject::Balance(wallet) => write("balance.recovered", &StreamedBalanceAlert::of(event, wallet)),
            _ => return still_here(),
        },
        StreamUpdate::Claims(claims) => {
            let taken_back_debt = claims.iter().copied().map(Into::into).collect();
            write("taken_back_debt.updated", &StreamedTakenBackDebt { taken_back_debt })
        }
        StreamUpdate::Live(claims) => {
            let taken_back_debt = claims.iter().copied().map(Into::into).collect();
            write("stream.live", &StreamedTakenBackDebt { taken_back_debt })
        }
        StreamUpdate::End(why) => write("stream.end", &StreamedEnd { reason: (*why).into() }),
    };
    written.map_or_else(still_here, |written| written.id(message.cursor.to_string()).into())
}

/// The last message of a stream whose token expires. It has no id, so the client keeps the cursor of the message
/// before.
pub fn token_expired() -> sse::Event {
    let written = write("stream.end", &StreamedEnd { reason: StreamedEndReason::TokenExpired });
    written.map_or_else(still_here, Into::into)
}

/// `None` for data that JSON cannot hold, which cannot happen.
fn write<T: Serialize>(name: &'static str, data: &T) -> Option<sse::Data> {
    match serde_json::to_string(data) {
        Ok(text) => Some(sse::Data::new(text).event(name)),
        Err(error) => {
            tracing::error!(%error, name, "A message of the stream is not JSON");
            None
        }
    }
}
