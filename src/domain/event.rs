//! Events: what happened to orders, money and wallets. The feed, the webhooks and the balance stream carry them.
//!
//! An event carries the state of its subject at that moment. A customer's events have a gapless sequence, in the order
//! in which they became visible. The feed has a gapless number over all customers.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::closing::Closing;
use super::customer::CustomerId;
use super::dispute::Dispute;
use super::freeze::Freeze;
use super::grant::WalletGrant;
use super::hold::Hold;
use super::order::Order;
use super::payment::Payment;
use super::refund::Refund;
use super::refund_request::RefundRequest;
use super::transfer::Transfer;
use super::wallet::Wallet;
use super::webhook::WebhookEndpoint;

/// Defines [`EventKind`] from lines such as `OrderFailed = "order.failed";`. The comment above a line is the meaning of
/// the type, as the API's document shows it.
macro_rules! kinds {
    ($($(#[doc = $meaning:literal])+ $variant:ident = $text:literal;)+) => {
        /// What an event reports.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventKind {
            $($(#[doc = $meaning])+ $variant,)+
        }

        impl EventKind {
            /// Every kind, in the order of the list.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The type as the API shows it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// What happened, as a sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($meaning),+),)+
                }
                .trim_start()
            }
        }
    };
}

kinds! {
    /// A top-up order waits for its payer. It is new, or a proposal to approve it was withdrawn.
    OrderPending = "order.pending";
    /// Money of a top-up order is on its way, under review, or waits for a second operator.
    OrderProcessing = "order.processing";
    /// A top-up order is paid, and the wallet has the money.
    OrderCompleted = "order.completed";
    /// A top-up order was cancelled.
    OrderCancelled = "order.cancelled";
    /// A top-up order failed.
    OrderFailed = "order.failed";
    /// A top-up order was not paid in time.
    OrderExpired = "order.expired";
    /// A top-up order changed and kept its status, for example because some of its money went back.
    OrderUpdated = "order.updated";
    /// A payment arrived, and some or all of its money serves no order.
    UnappliedPaymentOpened = "unapplied_payment.opened";
    /// The part of a payment that serves nothing has changed.
    UnappliedPaymentChanged = "unapplied_payment.changed";
    /// No part of the payment is unapplied any more.
    UnappliedPaymentSettled = "unapplied_payment.settled";
    /// A refund was proposed, and a second operator must approve it.
    RefundAwaitingSecondApproval = "refund.awaiting_second_approval";
    /// The money of a refund is on its way to the payer.
    RefundPending = "refund.pending";
    /// The payer has the money of a refund.
    RefundSucceeded = "refund.succeeded";
    /// A refund did not happen, and the wallet has its money back.
    RefundFailed = "refund.failed";
    /// A customer asks for a refund, and an operator has to decide.
    RefundRequestWaiting = "refund_request.waiting";
    /// A refund request was approved, and its refund has started.
    RefundRequestApproved = "refund_request.approved";
    /// A refund request was refused.
    RefundRequestRefused = "refund_request.refused";
    /// A refund request was withdrawn.
    RefundRequestWithdrawn = "refund_request.withdrawn";
    /// A payer contests a payment.
    DisputeOpen = "dispute.open";
    /// A dispute was won, and the wallet has its money back.
    DisputeWon = "dispute.won";
    /// A dispute was lost.
    DisputeLost = "dispute.lost";
    /// Money moved between two wallets of a customer.
    TransferCreated = "transfer.created";
    /// The available amount of a wallet fell below the threshold of its low-balance alert.
    BalanceLow = "balance.low";
    /// The available amount of a wallet rose to the threshold of its low-balance alert again, or above it.
    BalanceRecovered = "balance.recovered";
    /// Promotional credit was given.
    GrantGiven = "grant.given";
    /// Promotional credit expires within seven days. For credit with a shorter life the event comes at once, or not at
    /// all.
    GrantExpiring = "grant.expiring";
    /// What was left of promotional credit has expired.
    GrantExpired = "grant.expired";
    /// A hold has expired, and what it reserved is available again.
    HoldExpired = "hold.expired";
    /// An operator has frozen all wallets of a customer.
    CustomerFrozen = "customer.frozen";
    /// An operator has ended the freeze of a customer.
    CustomerUnfrozen = "customer.unfrozen";
    /// An operator starts to close an account, and no money goes out of its wallets any more.
    ClosingWaiting = "closing.waiting";
    /// An account that is being closed has nothing open any more, and its payments are refunded.
    ClosingRefunding = "closing.refunding";
    /// The refunds of a closing have ended, and operators pay out the rest by bank transfer.
    ClosingPayout = "closing.payout";
    /// An account is closed, and nothing is left of its money.
    ClosingClosed = "closing.closed";
    /// Money came back to an account that was closed, and its closing goes on.
    ClosingReopened = "closing.reopened";
    /// An operator ended a closing while it waited, and the account is open.
    ClosingWithdrawn = "closing.withdrawn";
    /// The service has disabled a webhook endpoint, because the endpoint answered 410 or has failed for too long. Only
    /// its owner and operators see this.
    WebhookEndpointDisabled = "webhook_endpoint.disabled";
    /// A test that its owner or an operator asked for. Only the owner of the endpoint and operators see it.
    WebhookEndpointTest = "webhook_endpoint.test";
}

impl EventKind {
    /// Reads what [`EventKind::as_str`] returns.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }

    /// The noun that events of this kind are about.
    #[must_use]
    pub fn noun(self) -> &'static str {
        self.as_str().split_once('.').map_or("", |(noun, _)| noun)
    }
}

/// What an event is about, in the state that it had then.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    Order(Box<Order>),
    UnappliedPayment(Box<Payment>),
    Refund(Box<Refund>),
    RefundRequest(Box<RefundRequest>),
    Dispute(Box<Dispute>),
    Transfer(Box<Transfer>),
    Balance(Box<Wallet>),
    Grant(Box<WalletGrant>),
    Hold(Box<Hold>),
    /// A customer, when all wallets are frozen, and when that freeze ends.
    Customer(CustomerId, Option<Box<Freeze>>),
    Closing(Box<Closing>),
    WebhookEndpoint(Box<WebhookEndpoint>),
}

/// An event. It is written in the transaction of the change that it reports.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub id: Uuid,
    pub kind: EventKind,
    /// `None` if it is about no customer.
    pub customer: Option<CustomerId>,
    /// Its number among the events of its customer.
    pub sequence: i64,
    /// Grows in the order in which the customer's events became visible to readers.
    pub position: i64,
    /// Its number in the feed; `None` until it has one.
    pub number: Option<i64>,
    pub subject: Subject,
    pub created_at: DateTime<Utc>,
}

/// The position of a reader in the feed: the last event that it has read, by number and id. The id proves that the
/// number still names the same event. After a restore it may name another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedPosition {
    pub number: i64,
    pub event: Uuid,
}

/// Which events a reader of the feed wants. An empty list of kinds means all.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    pub kinds: Vec<EventKind>,
    pub customer: Option<CustomerId>,
    /// Only what this service may read; `None` for an operator, who may read everything.
    pub reader: Option<String>,
}

/// A page of the feed, oldest first.
#[derive(Debug, Clone)]
pub struct FeedPage {
    pub events: Vec<Event>,
    /// The reader's position after this page. It also passes events that the filter leaves out.
    pub reached: FeedPosition,
    /// Whether the feed goes on after that.
    pub has_more: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_as_it_is_written_and_says_what_it_is_about() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::parse(kind.as_str()), Some(*kind));
            assert!(!kind.noun().is_empty() && kind.meaning().ends_with('.'), "{kind:?}");
        }
        assert_eq!(EventKind::parse("order.paid"), None);
    }
}
