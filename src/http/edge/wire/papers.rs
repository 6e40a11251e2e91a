//! Texts of papers: their numbers, and the address of the state's invoice.

use std::borrow::Cow;

use url::Url;

use super::{BrokenRule, Form, Inlined, Shape, Show, Text, TextRule, text};
use crate::domain::code::Code;
use crate::domain::paper::PaperNumber;

/// The number of a paper.
pub type PaperNumberText = Text<PaperNumberForm>;
/// The number of the state's invoice.
pub type EInvoiceNumber = Text<EInvoiceNumberForm>;
/// The address of the file of the state's invoice.
pub type EInvoiceUrl = Text<EInvoiceUrlForm>;

pub(super) fn forms() -> Vec<Inlined> {
    vec![text::<PaperNumberForm>(), text::<EInvoiceNumberForm>(), text::<EInvoiceUrlForm>()]
}

#[derive(Debug)]
pub enum PaperNumberForm {}

impl Form for PaperNumberForm {
    const NAME: &'static str = "PaperNumberText";

    fn shape() -> Shape {
        Shape {
            description: Some("The number of a paper: its series, its year, and the number in them, without gaps."),
            pattern: Some(Cow::Borrowed("^[A-Z0-9-]{1,16}-[0-9]{4}-[0-9]{6,18}$")),
            max_length: 48,
            example: Cow::Borrowed("R-2026-000042"),
            ..Shape::default()
        }
    }
}

impl Show for PaperNumberForm {
    type Value = PaperNumber;

    fn show(number: &PaperNumber) -> String {
        number.to_string()
    }
}

#[derive(Debug)]
pub enum EInvoiceNumberForm {}

impl Form for EInvoiceNumberForm {
    const NAME: &'static str = "EInvoiceNumber";

    fn shape() -> Shape {
        Shape {
            description: Some("The number that the state's system gave to its invoice."),
            min_length: Some(1),
            max_length: 64,
            example: Cow::Borrowed("1C26TAA-00000042"),
            ..Shape::default()
        }
    }
}

impl TextRule for EInvoiceNumberForm {
    type Value = String;

    fn parse(text: &str) -> Result<String, BrokenRule> {
        let is_number = (1..=64).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        let broken = || BrokenRule::new(Code::Malformed, "must be 1 to 64 characters on one line");
        is_number.then(|| text.to_owned()).ok_or_else(broken)
    }
}

#[derive(Debug)]
pub enum EInvoiceUrlForm {}

impl Form for EInvoiceUrlForm {
    const NAME: &'static str = "EInvoiceUrl";

    fn shape() -> Shape {
        Shape {
            description: Some("The address of the file of the state's invoice."),
            max_length: 2048,
            example: Cow::Borrowed("https://invoices.example.com/1C26TAA-00000042.pdf"),
            ..Shape::default()
        }
    }
}

impl TextRule for EInvoiceUrlForm {
    type Value = String;

    fn parse(text: &str) -> Result<String, BrokenRule> {
        let is_address = text.len() <= 2048 && Url::parse(text).is_ok_and(|url| url.scheme() == "https");
        let broken = || BrokenRule::new(Code::NotAWebAddress, "must be an https address of at most 2048 characters");
        is_address.then(|| text.to_owned()).ok_or_else(broken)
    }
}
