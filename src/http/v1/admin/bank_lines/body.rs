//! How lines of our banks' statements look on the wire.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::bank_statements::lines::LineView;
use crate::domain::bank_statement::LineList;
use crate::domain::bank_statement::suggestion::Suggestion;
use crate::http::edge::wire::{
    Amount, BankAccountId, BankLineId, BankStatementId, CurrencyCode, CursorText, Note, PaymentIdText, Reason,
    SignedAmount, TopUpOrderId,
};

/// Which lines a list shows.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BankLineWorklist {
    /// An operator has to choose its payment: several stated payments fit the line, or one fits but contradicts it.
    Tied,
    /// Some of the money serves nothing yet.
    Unapplied,
}

impl BankLineWorklist {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tied => "tied",
            Self::Unapplied => "unapplied",
        }
    }
}

impl From<BankLineWorklist> for LineList {
    fn from(worklist: BankLineWorklist) -> Self {
        match worklist {
            BankLineWorklist::Tied => Self::Tied,
            BankLineWorklist::Unapplied => Self::Unapplied,
        }
    }
}

/// A line of a bank's statements, once, however many files contain it.
#[derive(Debug, Serialize, ToSchema)]
pub struct BankLine {
    id: BankLineId,
    bank_account_id: BankAccountId,
    /// The file that brought it.
    statement_id: BankStatementId,
    booked_on: NaiveDate,
    currency: CurrencyCode,
    /// Positive where money arrived.
    amount: SignedAmount,
    /// The bank's id; null if the file has none.
    #[schema(max_length = 200, example = "20261121-000123")]
    bank_transaction_id: Option<String>,
    /// The other side, as the bank writes it.
    #[schema(max_length = 200, example = "ALICE EXAMPLE")]
    remitter_name: Option<String>,
    #[schema(max_length = 200, example = "6222020000000000001")]
    remitter_account: Option<String>,
    #[schema(max_length = 1000, example = "TU0123456X top-up")]
    text: String,
    /// The payment of the line; null for money that left, and while an operator has to choose.
    payment_id: Option<PaymentIdText>,
    /// The part of the money that serves nothing yet; null without a payment.
    unapplied_amount: Option<Amount>,
    /// The payments among which an operator has to choose.
    #[schema(max_items = 1000)]
    tied_payments: Vec<PaymentIdText>,
    /// The order that the line is probably for; null if there is none, or if there are several.
    suggested_order_id: Option<TopUpOrderId>,
    /// The score of the suggestion: 100 for the reference, 60 for amount and remitter, 30 for amount and date, added
    /// up.
    #[schema(minimum = 0, maximum = 190, example = 90)]
    suggestion_score: Option<u16>,
    created_at: DateTime<Utc>,
}

impl From<&LineView> for BankLine {
    fn from(view: &LineView) -> Self {
        let (line, said) = (&view.line, &view.line.line);
        let (order, score) = match view.suggestion {
            Suggestion::Order(order, score) => (Some(order), Some(score)),
            Suggestion::Nothing | Suggestion::Tie => (None, None),
        };
        Self {
            id: BankLineId::of(line.id),
            bank_account_id: BankAccountId::of(line.account),
            statement_id: BankStatementId::of(line.statement_id),
            booked_on: said.booked_on,
            currency: CurrencyCode::of(said.amount.currency()),
            amount: said.amount.into(),
            bank_transaction_id: said.bank_id.clone(),
            remitter_name: said.remitter.clone(),
            remitter_account: said.remitter_account.clone(),
            text: said.text.clone(),
            payment_id: line.payment_id.map(PaymentIdText::of),
            unapplied_amount: view.payment.as_ref().map(|payment| payment.rest().into()),
            tied_payments: line.tie.iter().copied().map(PaymentIdText::of).collect(),
            suggested_order_id: order.map(TopUpOrderId::of),
            suggestion_score: score,
            created_at: line.created_at,
        }
    }
}

/// A page of lines.
#[derive(Debug, Serialize, ToSchema)]
pub struct BankLinePage {
    #[schema(max_items = 100)]
    pub data: Vec<BankLine>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    pub previous_cursor: Option<CursorText>,
    pub next_cursor: Option<CursorText>,
    pub has_more: bool,
}

/// The chosen payment of a line.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "payment_id": "pay_019336f2b0a87c0e8f6f5a2f4c1d9e3b", "reason": "the payer confirms it" }))]
pub struct ChooseBankLinePayment {
    /// One of `tied_payments`; null if none of them is the line's, so that it gets a payment of its own.
    pub payment_id: Option<PaymentIdText>,
    pub reason: Reason,
}

/// The order that a line is for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "order_id": "tuo_019336f2b0a87c0e8f6f5a2f4c1d9e3b" }))]
pub struct ApplyBankLine {
    pub order_id: TopUpOrderId,
    /// The part that serves the order; absent for all that is left of the line.
    pub amount: Option<Amount>,
    /// The amount differs from the order's by more than the configured share, and that is right.
    #[serde(default)]
    pub confirm_difference: bool,
    /// Credit the money although the order was cancelled or rejected.
    #[serde(default)]
    pub accept_late: bool,
    /// A note for other operators.
    pub note: Option<Note>,
}
