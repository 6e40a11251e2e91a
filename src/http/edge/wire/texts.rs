//! Texts that people write and read: trimmed, of bounded length, without control characters.

use std::borrow::Cow;
use std::marker::PhantomData;

use super::{BrokenRule, Form, Inlined, Shape, Text, TextRule, text};
use crate::app::{Error, Problems};
use crate::domain::code::Code;

/// What was consumed or reserved, shown in the account flows.
pub type Description = Text<Line<DescriptionLine>>;
/// Why something was done, shown to the customer or to operators.
pub type Reason = Text<Line<ReasonLine>>;
pub type GrantReason = Text<Line<GrantReasonLine>>;
/// A note among operators.
pub type Note = Text<Line<NoteLine>>;
/// The bank's own id of a transfer.
pub type BankTransactionId = Text<Line<BankTransactionLine>>;
/// What an endpoint of webhooks is for.
pub type EndpointDescription = Text<Line<EndpointDescriptionLine>>;
/// What an API key is for.
pub type ApiKeyDescription = Text<Line<ApiKeyDescriptionLine>>;
/// The address that webhooks go to.
pub type WebhookUrl = Text<Line<WebhookUrlLine>>;
/// A quote. Only the service can read it.
pub type QuoteId = Text<QuoteForm>;
/// A caller's own name for an order, a transfer or a grant.
pub type ClientReference = Text<Line<ClientReferenceLine>>;
pub type RemitterName = Text<Line<RemitterNameLine>>;
pub type RemitterBank = Text<Line<RemitterBankLine>>;
pub type RemitterRemarks = Text<Line<RemitterRemarksLine>>;

pub(super) fn forms() -> Vec<Inlined> {
    vec![
        text::<Line<DescriptionLine>>(),
        text::<Line<ReasonLine>>(),
        text::<Line<GrantReasonLine>>(),
        text::<Line<NoteLine>>(),
        text::<Line<BankTransactionLine>>(),
        text::<Line<EndpointDescriptionLine>>(),
        text::<Line<ApiKeyDescriptionLine>>(),
        text::<Line<WebhookUrlLine>>(),
        text::<QuoteForm>(),
        text::<Line<ClientReferenceLine>>(),
        text::<Line<RemitterNameLine>>(),
        text::<Line<RemitterBankLine>>(),
        text::<Line<RemitterRemarksLine>>(),
    ]
}

/// A kind of line that people write.
pub trait Written {
    const NAME: &'static str;
    const MAX: usize;
    const EXAMPLE: &'static str;
    /// Whether the document shows that the text must not be empty.
    const REQUIRED: bool = true;
}

/// The form of one kind of line. An optional line that is blank counts as absent.
#[derive(Debug)]
pub struct Line<W>(PhantomData<fn() -> W>);

impl<W: Written> Form for Line<W> {
    const NAME: &'static str = W::NAME;

    fn shape() -> Shape {
        Shape {
            min_length: W::REQUIRED.then_some(1),
            max_length: W::MAX,
            example: Cow::Borrowed(W::EXAMPLE),
            ..Shape::default()
        }
    }
}

impl<W: Written> TextRule for Line<W> {
    type Value = String;

    fn parse(text: &str) -> Result<String, BrokenRule> {
        let mut problems = Problems::new();
        match problems.text("", text, 1, W::MAX) {
            Some(line) => Ok(line),
            None => Err(first(problems)),
        }
    }

    fn is_absent(text: &str) -> bool {
        text.trim().is_empty()
    }
}

/// The broken rule that was added.
fn first(problems: Problems) -> BrokenRule {
    let noted = match problems.into_error() {
        Error::Invalid(errors) => errors.into_iter().next(),
        _ => None,
    };
    noted.map_or_else(
        || BrokenRule::new(Code::Malformed, "is not a text of this kind"),
        |error| BrokenRule::new(error.code, error.detail),
    )
}

#[derive(Debug)]
pub enum DescriptionLine {}

impl Written for DescriptionLine {
    const NAME: &'static str = "Description";
    const MAX: usize = 500;
    const EXAMPLE: &'static str = "1 message";
    const REQUIRED: bool = false;
}

#[derive(Debug)]
pub enum ReasonLine {}

impl Written for ReasonLine {
    const NAME: &'static str = "Reason";
    const MAX: usize = 500;
    const EXAMPLE: &'static str = "the customer asked for it";
}

#[derive(Debug)]
pub enum GrantReasonLine {}

impl Written for GrantReasonLine {
    const NAME: &'static str = "GrantReason";
    const MAX: usize = 200;
    const EXAMPLE: &'static str = "welcome";
}

#[derive(Debug)]
pub enum NoteLine {}

impl Written for NoteLine {
    const NAME: &'static str = "Note";
    const MAX: usize = 500;
    const EXAMPLE: &'static str = "statement of 21 November";
    const REQUIRED: bool = false;
}

#[derive(Debug)]
pub enum BankTransactionLine {}

impl Written for BankTransactionLine {
    const NAME: &'static str = "BankTransactionId";
    const MAX: usize = 100;
    const EXAMPLE: &'static str = "20261121-000123";
}

#[derive(Debug)]
pub enum EndpointDescriptionLine {}

impl Written for EndpointDescriptionLine {
    const NAME: &'static str = "EndpointDescription";
    const MAX: usize = 200;
    const EXAMPLE: &'static str = "the shop";
    const REQUIRED: bool = false;
}

#[derive(Debug)]
pub enum ApiKeyDescriptionLine {}

impl Written for ApiKeyDescriptionLine {
    const NAME: &'static str = "ApiKeyDescription";
    const MAX: usize = 200;
    const EXAMPLE: &'static str = "the script that reads the reports";
}

#[derive(Debug)]
pub enum WebhookUrlLine {}

impl Written for WebhookUrlLine {
    const NAME: &'static str = "WebhookUrl";
    const MAX: usize = 2000;
    const EXAMPLE: &'static str = "https://shop.example.com/topup-events";
}

#[derive(Debug)]
pub enum QuoteForm {}

impl Form for QuoteForm {
    const NAME: &'static str = "QuoteId";

    fn shape() -> Shape {
        Shape {
            pattern: Some(Cow::Borrowed("^quo_[A-Za-z0-9_-]+$")),
            max_length: 4000,
            example: Cow::Borrowed("quo_eyJjdXJyZW5jeSI6IkNOWSIsImFtb3VudCI6IjEwMCJ9"),
            ..Shape::default()
        }
    }
}

impl TextRule for QuoteForm {
    type Value = String;

    fn parse(text: &str) -> Result<String, BrokenRule> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        match text.strip_prefix("quo_") {
            Some(rest) if !rest.is_empty() && text.len() <= 4000 && rest.bytes().all(is_plain) => Ok(text.to_owned()),
            _ => Err(BrokenRule::new(Code::InvalidQuote, "is not a quote of this service")),
        }
    }
}

#[derive(Debug)]
pub enum ClientReferenceLine {}

impl Written for ClientReferenceLine {
    const NAME: &'static str = "ClientReference";
    const MAX: usize = 200;
    const EXAMPLE: &'static str = "cart-2026-0042";
    const REQUIRED: bool = false;
}

#[derive(Debug)]
pub enum RemitterNameLine {}

impl Written for RemitterNameLine {
    const NAME: &'static str = "RemitterName";
    const MAX: usize = 140;
    const EXAMPLE: &'static str = "Nguyen Van A";
}

#[derive(Debug)]
pub enum RemitterBankLine {}

impl Written for RemitterBankLine {
    const NAME: &'static str = "RemitterBank";
    const MAX: usize = 140;
    const EXAMPLE: &'static str = "Bank of China";
}

#[derive(Debug)]
pub enum RemitterRemarksLine {}

impl Written for RemitterRemarksLine {
    const NAME: &'static str = "RemitterRemarks";
    const MAX: usize = 500;
    const EXAMPLE: &'static str = "first top-up";
    const REQUIRED: bool = false;
}
