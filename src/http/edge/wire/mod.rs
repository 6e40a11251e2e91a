//! The texts of the API: each kind states its form (for the document) and its rule (for requests) in one place.
//!
//! A body declares a field as `currency: CurrencyCode`. The handler reads it with
//! `asked.currency.read(&mut problems, "/currency")`, which returns the domain's value, or adds a problem with the
//! field and the broken rule. An answer is written with `CurrencyCode::of(currency)`.
//!
//! The derive macros refer to the schema of such a type by its name. `openapi::finish` replaces the reference by the
//! schema itself, because generators would make a class of each text.

pub mod amounts;
pub mod audit;
pub mod bonus;
pub mod calendar;
pub mod channels;
pub mod events;
pub mod ids;
pub mod lists;
pub mod metadata;
pub mod names;
pub mod open;
pub mod papers;
pub mod tax;
pub mod texts;

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::app::{Error, Problems};
use crate::domain::code::Code;

pub use amounts::{Amount, SignedAmount};
pub use audit::{Actor, AuditAction, AuditTarget, SearchText};
pub use bonus::BonusUseName;
pub use calendar::MonthText;
pub use channels::{PaymentChannel, ProcessingDays};
pub use events::{EventType, FeedCursor};
pub use ids::{
    AdjustmentId, ApiKeyId, BankAccountChangeId, BankAccountId, BankLineId, BankStatementId, BonusTierId, ClosingId,
    DecisionId, DisputeId, EventId, FlowIdText, GrantChangeId, GrantId, HoldIdText, PaperId, PaymentIdText, PayoutId,
    RefundId, RefundRequestId, TopUpOrderId, TransferId, TransferSlipId, WalletId, WebhookDeliveryId,
    WebhookEndpointId, WriteOffId,
};
pub use lists::{CursorText, Limit};
pub use metadata::{Metadata, read_client_data};
pub use names::{
    AgreementVersion, CountryCode, CurrencyCode, CustomerIdText, DedupeId, LanguageTag, PercentText, ProductCode,
    ProductFilter, ProviderText, ReferenceCode, ReferenceFilter,
};
pub use open::{
    BankFeesCode, BonusReasonCode, ChannelReasonCode, ClosingWaitName, DisabledReason, EntryKindName, OrderEventName,
    OrderReasonCode, ProviderCode, ReferenceType, SearchMatch,
};
pub use papers::{EInvoiceNumber, EInvoiceUrl, PaperNumberText};
pub use tax::{AppliedTax, TaxedAtName};
pub use texts::{
    ApiKeyDescription, BankTransactionId, ClientReference, Description, EndpointDescription, GrantReason, Note,
    QuoteId, Reason, RemitterBank, RemitterName, RemitterRemarks, WebhookUrl,
};

/// How a kind of text looks in the document.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    pub description: Option<&'static str>,
    /// A regular expression of JSON Schema, without look-around, anchored at both ends.
    pub pattern: Option<Cow<'static, str>>,
    pub min_length: Option<usize>,
    pub max_length: usize,
    pub example: Cow<'static, str>,
    /// The current values, if the text is one of a list that may grow.
    pub known: Vec<&'static str>,
    /// Whether the text tells of something unusual: where it may be null, examples show null.
    pub is_exception: bool,
    /// What null means, where an optional field of this kind has no description of its own.
    pub null: Option<&'static str>,
}

/// A kind of text. It is only a name in the types and has no values.
pub trait Form {
    /// The name by which the derive macros refer to the schema.
    const NAME: &'static str;

    fn shape() -> Shape;
}

/// A kind of text that requests contain, with the rule that it follows.
pub trait TextRule: Form {
    /// The value that the text means.
    type Value;

    /// Reads the text.
    ///
    /// # Errors
    /// [`BrokenRule`] when the text does not follow the rule.
    fn parse(text: &str) -> Result<Self::Value, BrokenRule>;

    /// Whether the text counts as absent if the field is optional.
    fn is_absent(_text: &str) -> bool {
        false
    }
}

/// A kind of text that responses contain.
pub trait Show: Form {
    type Value: ?Sized;

    fn show(value: &Self::Value) -> String;
}

/// The rule that a text breaks: the stable code, and the rule in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenRule {
    pub code: Code,
    pub detail: Cow<'static, str>,
}

impl BrokenRule {
    fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// A text of one kind, as a request or an answer contains it. It is checked when it is read.
pub struct Text<F>(String, PhantomData<fn() -> F>);

impl<F> Text<F> {
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into(), PhantomData)
    }

    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<F: Show> Text<F> {
    /// The text that shows a value.
    #[must_use]
    pub fn of(value: impl Borrow<F::Value>) -> Self {
        Self::new(F::show(value.borrow()))
    }
}

impl<F: TextRule> Text<F> {
    /// Reads a field; notes the rule that its text breaks.
    pub fn read(&self, problems: &mut Problems, pointer: &str) -> Option<F::Value> {
        F::parse(&self.0).map_err(|broken| problems.add(pointer, broken.code, broken.detail)).ok()
    }

    /// Reads a field that may be absent. Returns `None` for an absent field, and for a broken rule, which is noted.
    pub fn read_optional(field: Option<&Self>, problems: &mut Problems, pointer: &str) -> Option<F::Value> {
        field.filter(|field| !F::is_absent(&field.0))?.read(problems, pointer)
    }

    /// Reads a query parameter that narrows a list.
    ///
    /// # Errors
    /// 422 with the parameter's name when the text breaks the rule.
    pub fn filter(parameter: Option<&Self>, pointer: &str) -> Result<Option<F::Value>, Error> {
        parameter
            .map(|text| F::parse(&text.0).map_err(|broken| Error::field(pointer, broken.code, broken.detail)))
            .transpose()
    }

    /// Reads a part of the path: a text that breaks the rule names nothing that exists.
    #[must_use]
    pub fn named(&self) -> Option<F::Value> {
        F::parse(&self.0).ok()
    }
}

impl<F> Clone for Text<F> {
    fn clone(&self) -> Self {
        Self::new(self.0.clone())
    }
}

impl<F> fmt::Debug for Text<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<F> Deref for Text<F> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<F> Serialize for Text<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, F> Deserialize<'de> for Text<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl<F: Form> PartialSchema for Text<F> {
    fn schema() -> RefOr<Schema> {
        let shape = F::shape();
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(shape.description)
            .pattern(shape.pattern)
            .min_length(shape.min_length)
            .max_length(Some(shape.max_length))
            .into()
    }
}

impl<F: Form> ToSchema for Text<F> {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed(F::NAME)
    }
}

/// The place of an open list's current values in the document.
pub const KNOWN_VALUES: &str = "x-extensible-enum";

/// A schema that the document shows in place of a reference to it.
#[derive(Debug, Clone)]
pub struct Inlined {
    pub name: &'static str,
    pub schema: Value,
    /// As [`Shape::is_exception`].
    pub is_exception: bool,
    /// What null means, where an optional field has no description of its own.
    pub null: Option<&'static str>,
}

fn text<F: Form>() -> Inlined {
    let shape = F::shape();
    let mut schema = serde_json::to_value(Text::<F>::schema()).unwrap_or_default();
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("example".to_owned(), Value::from(shape.example));
        if !shape.known.is_empty() {
            fields.insert(KNOWN_VALUES.to_owned(), Value::from(shape.known));
        }
    }
    Inlined { name: F::NAME, schema, is_exception: shape.is_exception, null: shape.null }
}

/// Every schema of this module. The document contains the schemas themselves, instead of references to them.
#[must_use]
pub fn inlined() -> Vec<Inlined> {
    let mut all = names::forms();
    all.extend(ids::forms());
    all.extend(texts::forms());
    all.extend(lists::forms());
    all.extend(metadata::forms());
    all.extend(audit::forms());
    all.extend(events::forms());
    all.extend(calendar::forms());
    all.extend(papers::forms());
    all.extend(open::forms());
    all
}

#[cfg(test)]
mod tests;
