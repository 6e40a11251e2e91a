//! Months, as paths and answers name them.

use std::borrow::Cow;

use super::{BrokenRule, Form, Inlined, Shape, Show, Text, TextRule, text};
use crate::domain::calendar::Month;
use crate::domain::code::Code;

/// A month of the installation's calendar.
pub type MonthText = Text<MonthForm>;

pub(super) fn forms() -> Vec<Inlined> {
    vec![text::<MonthForm>()]
}

#[derive(Debug)]
pub enum MonthForm {}

impl Form for MonthForm {
    const NAME: &'static str = "MonthText";

    fn shape() -> Shape {
        Shape {
            description: Some("A month, as year and month."),
            pattern: Some(Cow::Borrowed("^[2-9][0-9]{3}-(0[1-9]|1[0-2])$")),
            max_length: 7,
            example: Cow::Borrowed("2026-11"),
            ..Shape::default()
        }
    }
}

impl TextRule for MonthForm {
    type Value = Month;

    fn parse(text: &str) -> Result<Month, BrokenRule> {
        Month::parse(text).ok_or_else(|| BrokenRule::new(Code::Malformed, "must be a month such as 2026-11"))
    }
}

impl Show for MonthForm {
    type Value = Month;

    fn show(month: &Month) -> String {
        month.to_string()
    }
}
