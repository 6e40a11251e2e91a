//! Ids of the service's own objects: a prefix for the kind of object, and a UUID.

use std::borrow::Cow;
use std::marker::PhantomData;

use uuid::Uuid;

use super::{BrokenRule, Form, Inlined, Shape, Show, Text, TextRule, text};
use crate::domain::account_flow::FlowId;
use crate::domain::code::Code;
use crate::domain::id::IdKind;

pub type TopUpOrderId = Text<Id<TopUpOrderObject>>;
pub type WalletId = Text<Id<WalletObject>>;
pub type TransferId = Text<Id<TransferObject>>;
pub type TransferSlipId = Text<Id<TransferSlipObject>>;
pub type HoldIdText = Text<Id<HoldObject>>;
pub type PaymentIdText = Text<Id<PaymentObject>>;
pub type RefundId = Text<Id<RefundObject>>;
pub type RefundRequestId = Text<Id<RefundRequestObject>>;
pub type DisputeId = Text<Id<DisputeObject>>;
pub type GrantId = Text<Id<GrantObject>>;
pub type GrantChangeId = Text<Id<GrantChangeObject>>;
pub type EventId = Text<Id<EventObject>>;
pub type WebhookEndpointId = Text<Id<WebhookEndpointObject>>;
pub type WebhookDeliveryId = Text<Id<WebhookDeliveryObject>>;
pub type BankAccountId = Text<Id<BankAccountObject>>;
pub type BankAccountChangeId = Text<Id<BankAccountChangeObject>>;
pub type BankStatementId = Text<Id<BankStatementObject>>;
pub type BankLineId = Text<Id<BankLineObject>>;
pub type BonusTierId = Text<Id<BonusTierObject>>;
pub type DecisionId = Text<Id<DecisionObject>>;
pub type ClosingId = Text<Id<ClosingObject>>;
pub type PayoutId = Text<Id<PayoutObject>>;
pub type WriteOffId = Text<Id<WriteOffObject>>;
pub type AdjustmentId = Text<Id<AdjustmentObject>>;
pub type ApiKeyId = Text<Id<ApiKeyObject>>;
pub type PaperId = Text<Id<PaperObject>>;
/// The id of an account flow: its wallet, and its place in that wallet.
pub type FlowIdText = Text<FlowForm>;

pub(super) fn forms() -> Vec<Inlined> {
    vec![
        text::<Id<TopUpOrderObject>>(),
        text::<Id<WalletObject>>(),
        text::<Id<TransferObject>>(),
        text::<Id<TransferSlipObject>>(),
        text::<Id<HoldObject>>(),
        text::<Id<PaymentObject>>(),
        text::<Id<RefundObject>>(),
        text::<Id<RefundRequestObject>>(),
        text::<Id<DisputeObject>>(),
        text::<Id<GrantObject>>(),
        text::<Id<GrantChangeObject>>(),
        text::<Id<EventObject>>(),
        text::<Id<WebhookEndpointObject>>(),
        text::<Id<WebhookDeliveryObject>>(),
        text::<Id<BankAccountObject>>(),
        text::<Id<BankAccountChangeObject>>(),
        text::<Id<BankStatementObject>>(),
        text::<Id<BankLineObject>>(),
        text::<Id<BonusTierObject>>(),
        text::<Id<DecisionObject>>(),
        text::<Id<AdjustmentObject>>(),
        text::<Id<ClosingObject>>(),
        text::<Id<PayoutObject>>(),
        text::<Id<WriteOffObject>>(),
        text::<Id<ApiKeyObject>>(),
        text::<Id<PaperObject>>(),
        text::<FlowForm>(),
    ]
}

/// A kind of object with ids of its own.
pub trait Object {
    const KIND: IdKind;
    const NAME: &'static str;
    /// What such an id names, for "must be the id of …".
    const NOUN: &'static str;
    const EXAMPLE: &'static str = "019336f2b0a87c0e8f6f5a2f4c1d9e3b";
}

/// The form of the ids of one kind of object.
#[derive(Debug)]
pub struct Id<O>(PhantomData<fn() -> O>);

impl<O: Object> Form for Id<O> {
    const NAME: &'static str = O::NAME;

    fn shape() -> Shape {
        let prefix = O::KIND.prefix();
        Shape {
            pattern: Some(Cow::Owned(format!("^{prefix}[0-9a-f]{{32}}$"))),
            max_length: 64,
            example: Cow::Owned(format!("{prefix}{}", O::EXAMPLE)),
            ..Shape::default()
        }
    }
}

impl<O: Object> TextRule for Id<O> {
    type Value = Uuid;

    fn parse(text: &str) -> Result<Uuid, BrokenRule> {
        let broken = || BrokenRule::new(Code::Malformed, format!("must be the id of {}", O::NOUN));
        O::KIND.parse(text).ok_or_else(broken)
    }
}

impl<O: Object> Show for Id<O> {
    type Value = Uuid;

    fn show(id: &Uuid) -> String {
        O::KIND.show(*id)
    }
}

#[derive(Debug)]
pub enum TopUpOrderObject {}

impl Object for TopUpOrderObject {
    const KIND: IdKind = IdKind::TopUpOrder;
    const NAME: &'static str = "TopUpOrderId";
    const NOUN: &'static str = "a top-up order";
}

#[derive(Debug)]
pub enum WalletObject {}

impl Object for WalletObject {
    const KIND: IdKind = IdKind::Wallet;
    const NAME: &'static str = "WalletId";
    const NOUN: &'static str = "a wallet";
}

#[derive(Debug)]
pub enum TransferObject {}

impl Object for TransferObject {
    const KIND: IdKind = IdKind::Transfer;
    const NAME: &'static str = "TransferId";
    const NOUN: &'static str = "a transfer";
}

#[derive(Debug)]
pub enum TransferSlipObject {}

impl Object for TransferSlipObject {
    const KIND: IdKind = IdKind::TransferSlip;
    const NAME: &'static str = "TransferSlipId";
    const NOUN: &'static str = "a transfer slip";
}

#[derive(Debug)]
pub enum HoldObject {}

impl Object for HoldObject {
    const KIND: IdKind = IdKind::Hold;
    const NAME: &'static str = "HoldIdText";
    const NOUN: &'static str = "a hold";
}

#[derive(Debug)]
pub enum PaymentObject {}

impl Object for PaymentObject {
    const KIND: IdKind = IdKind::Payment;
    const NAME: &'static str = "PaymentIdText";
    const NOUN: &'static str = "a payment";
}

#[derive(Debug)]
pub enum RefundObject {}

impl Object for RefundObject {
    const KIND: IdKind = IdKind::Refund;
    const NAME: &'static str = "RefundId";
    const NOUN: &'static str = "a refund";
}

#[derive(Debug)]
pub enum RefundRequestObject {}

impl Object for RefundRequestObject {
    const KIND: IdKind = IdKind::RefundRequest;
    const NAME: &'static str = "RefundRequestId";
    const NOUN: &'static str = "a refund request";
}

#[derive(Debug)]
pub enum DisputeObject {}

impl Object for DisputeObject {
    const KIND: IdKind = IdKind::Dispute;
    const NAME: &'static str = "DisputeId";
    const NOUN: &'static str = "a dispute";
}

#[derive(Debug)]
pub enum GrantObject {}

impl Object for GrantObject {
    const KIND: IdKind = IdKind::Grant;
    const NAME: &'static str = "GrantId";
    const NOUN: &'static str = "a grant";
}

#[derive(Debug)]
pub enum EventObject {}

impl Object for EventObject {
    const KIND: IdKind = IdKind::Event;
    const NAME: &'static str = "EventId";
    const NOUN: &'static str = "an event";
}

#[derive(Debug)]
pub enum WebhookEndpointObject {}

impl Object for WebhookEndpointObject {
    const KIND: IdKind = IdKind::WebhookEndpoint;
    const NAME: &'static str = "WebhookEndpointId";
    const NOUN: &'static str = "a webhook endpoint";
}

#[derive(Debug)]
pub enum WebhookDeliveryObject {}

impl Object for WebhookDeliveryObject {
    const KIND: IdKind = IdKind::WebhookDelivery;
    const NAME: &'static str = "WebhookDeliveryId";
    const NOUN: &'static str = "a delivery";
}

#[derive(Debug)]
pub enum BankAccountObject {}

impl Object for BankAccountObject {
    const KIND: IdKind = IdKind::BankAccount;
    const NAME: &'static str = "BankAccountId";
    const NOUN: &'static str = "a bank account";
    /// This id is in the demo catalogue.
    const EXAMPLE: &'static str = "01930000000070008000000000000001";
}

#[derive(Debug)]
pub enum ApiKeyObject {}

impl Object for ApiKeyObject {
    const KIND: IdKind = IdKind::ApiKey;
    const NAME: &'static str = "ApiKeyId";
    const NOUN: &'static str = "an API key";
}

#[derive(Debug)]
pub enum AdjustmentObject {}

impl Object for AdjustmentObject {
    const KIND: IdKind = IdKind::Adjustment;
    const NAME: &'static str = "AdjustmentId";
    const NOUN: &'static str = "an adjustment";
}

#[derive(Debug)]
pub enum BankStatementObject {}

impl Object for BankStatementObject {
    const KIND: IdKind = IdKind::BankStatement;
    const NAME: &'static str = "BankStatementId";
    const NOUN: &'static str = "a bank statement";
}

#[derive(Debug)]
pub enum BankLineObject {}

impl Object for BankLineObject {
    const KIND: IdKind = IdKind::BankLine;
    const NAME: &'static str = "BankLineId";
    const NOUN: &'static str = "a line of a bank statement";
}

#[derive(Debug)]
pub enum BonusTierObject {}

impl Object for BonusTierObject {
    const KIND: IdKind = IdKind::BonusTier;
    const NAME: &'static str = "BonusTierId";
    const NOUN: &'static str = "a bonus tier";
}

#[derive(Debug)]
pub enum PaperObject {}

impl Object for PaperObject {
    const KIND: IdKind = IdKind::Paper;
    const NAME: &'static str = "PaperId";
    const NOUN: &'static str = "a paper";
}

#[derive(Debug)]
pub enum ClosingObject {}

impl Object for ClosingObject {
    const KIND: IdKind = IdKind::Closing;
    const NAME: &'static str = "ClosingId";
    const NOUN: &'static str = "a closing";
}

#[derive(Debug)]
pub enum PayoutObject {}

impl Object for PayoutObject {
    const KIND: IdKind = IdKind::Payout;
    const NAME: &'static str = "PayoutId";
    const NOUN: &'static str = "a payout";
}

#[derive(Debug)]
pub enum WriteOffObject {}

impl Object for WriteOffObject {
    const KIND: IdKind = IdKind::WriteOff;
    const NAME: &'static str = "WriteOffId";
    const NOUN: &'static str = "a write-off";
}

#[derive(Debug)]
pub enum DecisionObject {}

impl Object for DecisionObject {
    const KIND: IdKind = IdKind::UnappliedDecision;
    const NAME: &'static str = "DecisionId";
    const NOUN: &'static str = "a decision";
}

#[derive(Debug)]
pub enum GrantChangeObject {}

impl Object for GrantChangeObject {
    const KIND: IdKind = IdKind::GrantChange;
    const NAME: &'static str = "GrantChangeId";
    const NOUN: &'static str = "a change of a grant";
}

#[derive(Debug)]
pub enum BankAccountChangeObject {}

impl Object for BankAccountChangeObject {
    const KIND: IdKind = IdKind::BankAccountChange;
    const NAME: &'static str = "BankAccountChangeId";
    const NOUN: &'static str = "a change of a bank account";
}

#[derive(Debug)]
pub enum FlowForm {}

impl Form for FlowForm {
    const NAME: &'static str = "FlowIdText";

    fn shape() -> Shape {
        Shape {
            pattern: Some(Cow::Borrowed("^flw_[0-9a-f]{32}_[1-9][0-9]{0,18}$")),
            max_length: 64,
            example: Cow::Borrowed("flw_019336f2b0a87c0e8f6f5a2f4c1d9e3b_7"),
            ..Shape::default()
        }
    }
}

impl TextRule for FlowForm {
    type Value = FlowId;

    fn parse(text: &str) -> Result<FlowId, BrokenRule> {
        FlowId::parse(text).ok_or_else(|| BrokenRule::new(Code::Malformed, "must be the id of an account flow"))
    }
}

impl Show for FlowForm {
    type Value = FlowId;

    fn show(flow: &FlowId) -> String {
        flow.to_string()
    }
}
