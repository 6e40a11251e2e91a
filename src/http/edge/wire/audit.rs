//! Texts of the audit log (actor, action, target) and of the search (any name of money).

use std::borrow::Cow;

use super::{BrokenRule, Form, Inlined, Shape, Text, TextRule, text};
use crate::domain::code::Code;

/// Who did something.
pub type Actor = Text<ActorForm>;
/// What was done.
pub type AuditAction = Text<ActionForm>;
/// What something was done to.
pub type AuditTarget = Text<TargetForm>;
/// A text to look for.
pub type SearchText = Text<SearchForm>;

pub(super) fn forms() -> Vec<Inlined> {
    vec![text::<ActorForm>(), text::<ActionForm>(), text::<TargetForm>(), text::<SearchForm>()]
}

/// Reads a text of visible ASCII characters.
fn visible(text: &str, most: usize, example: &str) -> Result<String, BrokenRule> {
    let is_visible = (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_visible {
        Ok(text.to_owned())
    } else {
        Err(BrokenRule::new(Code::Malformed, format!("must be a name such as {example}")))
    }
}

#[derive(Debug)]
pub enum ActorForm {}

impl Form for ActorForm {
    const NAME: &'static str = "Actor";

    fn shape() -> Shape {
        Shape {
            // A role, a colon, and the subject of a token.
            max_length: 160,
            example: Cow::Borrowed("operator:alice"),
            ..Shape::default()
        }
    }
}

impl TextRule for ActorForm {
    type Value = String;

    fn parse(text: &str) -> Result<String, BrokenRule> {
        visible(text, 160, "operator:alice")
    }
}

#[derive(Debug)]
pub enum ActionForm {}

impl Form for ActionForm {
    const NAME: &'static str = "AuditAction";

    fn shape() -> Shape {
        Shape {
            description: Some("What was done: a noun and a verb. New ones may be added."),
            max_length: 64,
            example: Cow::Borrowed("product.saved"),
            ..Shape::default()
        }
    }
}

impl TextRule for ActionForm {
    type Value = String;

    fn parse(text: &str) -> Result<String, BrokenRule> {
        visible(text, 64, "product.saved")
    }
}

#[derive(Debug)]
pub enum TargetForm {}

impl Form for TargetForm {
    const NAME: &'static str = "AuditTarget";

    fn shape() -> Shape {
        Shape { max_length: 250, example: Cow::Borrowed("product:whatsapp"), ..Shape::default() }
    }
}

impl TextRule for TargetForm {
    type Value = String;

    fn parse(text: &str) -> Result<String, BrokenRule> {
        visible(text, 250, "product:whatsapp")
    }
}

#[derive(Debug)]
pub enum SearchForm {}

impl Form for SearchForm {
    const NAME: &'static str = "SearchText";

    fn shape() -> Shape {
        Shape { min_length: Some(3), max_length: 100, example: Cow::Borrowed("TU7K3M9QX2"), ..Shape::default() }
    }
}
