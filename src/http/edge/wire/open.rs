//! Texts of answers with one of the values of a list that may grow. The document names the current values, and says
//! that a client must accept others.

use std::borrow::Cow;
use std::marker::PhantomData;

use super::{Form, Inlined, Shape, Text, text};
use crate::domain::account_flow;
use crate::domain::bonus;
use crate::domain::closing::Waits;
use crate::domain::entry::EntryKind;
use crate::domain::offer::Ineligible;
use crate::domain::order::{self, BankFees, OrderReason};
use crate::domain::payment::ProviderName;
use crate::domain::payout::MissingDetails;
use crate::domain::search;
use crate::domain::webhook::DisabledBecause;

/// Why an order is stuck, or why it ended.
pub type OrderReasonCode = Text<OpenForm<OrderReasons>>;
/// Who pays the fees of the banks for a transfer.
pub type BankFeesCode = Text<OpenForm<BankFeesPayers>>;
/// What happened to an order.
pub type OrderEventName = Text<OpenForm<OrderEvents>>;
/// Why a customer cannot use a channel.
pub type ChannelReasonCode = Text<OpenForm<ChannelReasons>>;
/// Why an order has no bonus, although a tier fits it.
pub type BonusReasonCode = Text<OpenForm<BonusReasons>>;
/// The kind of object that a reference names.
pub type ReferenceType = Text<OpenForm<ReferenceTypes>>;
/// What an entry records.
pub type EntryKindName = Text<OpenForm<EntryKinds>>;
/// A payment company, or what takes its place.
pub type ProviderCode = Text<OpenForm<Providers>>;
/// The field that a text of a search matched.
pub type SearchMatch = Text<OpenForm<SearchMatches>>;
/// What the closing of an account waits for.
pub type ClosingWaitName = Text<OpenForm<ClosingWaits>>;
/// Why the service has disabled an endpoint.
pub type DisabledReason = Text<OpenForm<DisabledReasons>>;

pub(super) fn forms() -> Vec<Inlined> {
    vec![
        text::<OpenForm<OrderReasons>>(),
        text::<OpenForm<BankFeesPayers>>(),
        text::<OpenForm<OrderEvents>>(),
        text::<OpenForm<ChannelReasons>>(),
        text::<OpenForm<BonusReasons>>(),
        text::<OpenForm<ReferenceTypes>>(),
        text::<OpenForm<EntryKinds>>(),
        text::<OpenForm<Providers>>(),
        text::<OpenForm<SearchMatches>>(),
        text::<OpenForm<ClosingWaits>>(),
        text::<OpenForm<DisabledReasons>>(),
    ]
}

/// A list of values that may grow.
pub trait OpenList {
    /// The name by which the derive macros refer to the schema.
    const NAME: &'static str;
    /// The meaning of the text, if a field has no description of its own.
    const MEANING: &'static str;
    /// Whether a value tells of something unusual.
    const IS_EXCEPTION: bool = false;

    /// The current values; the first one is the example.
    fn values() -> Vec<&'static str>;
}

/// The form of a text with a value of an open list.
#[derive(Debug)]
pub struct OpenForm<L>(PhantomData<fn() -> L>);

impl<L: OpenList> Form for OpenForm<L> {
    const NAME: &'static str = L::NAME;

    fn shape() -> Shape {
        let known = L::values();
        Shape {
            description: Some(L::MEANING),
            pattern: Some(Cow::Borrowed("^[a-z0-9_]{1,64}$")),
            max_length: 64,
            example: Cow::Borrowed(known.first().copied().unwrap_or_default()),
            known,
            is_exception: L::IS_EXCEPTION,
            ..Shape::default()
        }
    }
}

#[derive(Debug)]
pub enum OrderReasons {}

impl OpenList for OrderReasons {
    const NAME: &'static str = "OrderReasonCode";
    const MEANING: &'static str = "Why the order is stuck, or ended as it did.";
    const IS_EXCEPTION: bool = true;

    fn values() -> Vec<&'static str> {
        OrderReason::ALL.map(OrderReason::as_str).to_vec()
    }
}

#[derive(Debug)]
pub enum BankFeesPayers {}

impl OpenList for BankFeesPayers {
    const NAME: &'static str = "BankFeesCode";
    const MEANING: &'static str = "Who pays the fees of the banks.";

    fn values() -> Vec<&'static str> {
        BankFees::ALL.map(BankFees::as_str).to_vec()
    }
}

#[derive(Debug)]
pub enum OrderEvents {}

impl OpenList for OrderEvents {
    const NAME: &'static str = "OrderEventName";
    const MEANING: &'static str = "What happened.";

    fn values() -> Vec<&'static str> {
        order::TIMELINE_EVENTS.to_vec()
    }
}

#[derive(Debug)]
pub enum ChannelReasons {}

impl OpenList for ChannelReasons {
    const NAME: &'static str = "ChannelReasonCode";
    const MEANING: &'static str = "Why the customer cannot use the channel.";
    const IS_EXCEPTION: bool = true;

    fn values() -> Vec<&'static str> {
        Ineligible::CODES.iter().map(|code| code.as_str()).collect()
    }
}

#[derive(Debug)]
pub enum BonusReasons {}

impl OpenList for BonusReasons {
    const NAME: &'static str = "BonusReasonCode";
    const MEANING: &'static str = "Why there is no bonus.";
    const IS_EXCEPTION: bool = true;

    fn values() -> Vec<&'static str> {
        vec![bonus::RESERVED]
    }
}

#[derive(Debug)]
pub enum ReferenceTypes {}

impl OpenList for ReferenceTypes {
    const NAME: &'static str = "ReferenceType";
    const MEANING: &'static str = "The kind of object that the reference names.";

    fn values() -> Vec<&'static str> {
        account_flow::reference_types().collect()
    }
}

#[derive(Debug)]
pub enum EntryKinds {}

impl OpenList for EntryKinds {
    const NAME: &'static str = "EntryKindName";
    const MEANING: &'static str = "What the entry records.";

    fn values() -> Vec<&'static str> {
        EntryKind::ALL.map(EntryKind::name).to_vec()
    }
}

#[derive(Debug)]
pub enum Providers {}

impl OpenList for Providers {
    const NAME: &'static str = "ProviderCode";
    const MEANING: &'static str = "The payment company, or `bank` for bank transfers.";

    fn values() -> Vec<&'static str> {
        ProviderName::ALL.map(ProviderName::as_str).to_vec()
    }
}

#[derive(Debug)]
pub enum SearchMatches {}

impl OpenList for SearchMatches {
    const NAME: &'static str = "SearchMatch";
    const MEANING: &'static str = "What the text matched.";

    fn values() -> Vec<&'static str> {
        search::MATCHES.to_vec()
    }
}

#[derive(Debug)]
pub enum ClosingWaits {}

impl OpenList for ClosingWaits {
    const NAME: &'static str = "ClosingWaitName";
    const MEANING: &'static str = "What is waited for.";

    fn values() -> Vec<&'static str> {
        let waits = Waits::default().all().map(|(name, _)| name);
        waits.into_iter().chain(MissingDetails::ALL.map(MissingDetails::as_str)).collect()
    }
}

#[derive(Debug)]
pub enum DisabledReasons {}

impl OpenList for DisabledReasons {
    const NAME: &'static str = "DisabledReason";
    const MEANING: &'static str = "Why the service has disabled the endpoint.";
    const IS_EXCEPTION: bool = true;

    fn values() -> Vec<&'static str> {
        DisabledBecause::ALL.map(DisabledBecause::as_str).to_vec()
    }
}
