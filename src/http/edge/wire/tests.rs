//! The schema of each text accepts exactly what its rule accepts.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;

use regex_lite::Regex;

use super::ids::{BankAccountObject, FlowForm, HoldObject, Id, TopUpOrderObject, WalletObject};
use super::names::{CurrencyForm, Customer, DedupeIdForm, LanguageForm, ProductFilterForm, ProductForm, ProviderForm};
use super::texts::{Line, Written};
use super::*;
use crate::domain::code::Code;

const UUID: &str = "019336f2b0a87c0e8f6f5a2f4c1d9e3b";

/// Texts of every length up to two characters over all of ASCII and a few others, and texts that are nearly right.
fn samples() -> Vec<String> {
    let characters: Vec<char> = (0..=127_u8).map(char::from).chain(['é', '中', '\u{a0}']).collect();
    let mut samples = vec![String::new()];
    samples.extend(characters.iter().map(char::to_string));
    samples.extend(characters.iter().flat_map(|a| characters.iter().map(move |b| format!("{a}{b}"))));
    samples.extend(characters.iter().map(|c| format!("ab{c}")));
    for length in [2, 3, 8, 16, 17, 20, 32, 33, 64, 65, 127, 128, 129, 200] {
        samples.extend(["a", "A", "1", ".", "~", "z-", "é"].map(|text| text.repeat(length)));
    }
    for prefix in ["tuo_", "wal_", "hold_", "bac_", "flw_"] {
        samples.extend([UUID, &UUID[1..], &UUID.to_uppercase()].map(|uuid| format!("{prefix}{uuid}")));
        samples.extend(["_7", "_0", "_07", "_", "_9223372036854775807", " "].map(|end| format!("{prefix}{UUID}{end}")));
    }
    samples.extend(
        [
            "auth0|a/b+c",
            "google-oauth2|1",
            "a.b@example.com",
            "urn:x:y",
            "...",
            "~~",
            "two words",
            "CNY",
            "USD",
            "cny",
            "whatsapp",
            "G PU",
            "en",
            "zh-CN",
            "vi-",
            "english-please-now",
            "stripe",
            "abc-1",
        ]
        .map(str::to_owned),
    );
    samples
}

/// Whether the document allows the text.
fn fits<F: Form>(pattern: Option<&Regex>, text: &str) -> bool {
    let (shape, length) = (F::shape(), text.chars().count());
    length >= shape.min_length.unwrap_or_default()
        && length <= shape.max_length
        && pattern.is_none_or(|pattern| pattern.is_match(text))
}

fn pattern<F: Form>() -> Option<Regex> {
    F::shape().pattern.map(|pattern| {
        assert!(pattern.starts_with('^') && pattern.ends_with('$'), "{}: {pattern} is not anchored", F::NAME);
        Regex::new(&pattern).unwrap()
    })
}

/// The form allows exactly the texts that the rule allows.
fn agree<F: TextRule>() {
    let pattern = pattern::<F>();
    for text in samples() {
        assert_eq!(fits::<F>(pattern.as_ref(), &text), F::parse(&text).is_ok(), "{}: {text:?}", F::NAME);
    }
}

#[test]
fn the_form_of_each_name_is_its_rule() {
    agree::<Customer>();
    agree::<ProductForm>();
    agree::<ProductFilterForm>();
    agree::<DedupeIdForm>();
    agree::<LanguageForm>();
    agree::<ProviderForm>();
    agree::<Id<TopUpOrderObject>>();
    agree::<Id<WalletObject>>();
    agree::<Id<HoldObject>>();
    agree::<Id<BankAccountObject>>();
    agree::<FlowForm>();
}

/// Not every three letters are a currency, so the form is wider than the rule.
#[test]
fn every_currency_fits_its_form() {
    let pattern = pattern::<CurrencyForm>();
    let known: Vec<String> = samples().into_iter().filter(|text| CurrencyForm::parse(text).is_ok()).collect();
    assert_eq!(known, ["CNY", "USD"]);
    assert!(known.iter().all(|text| fits::<CurrencyForm>(pattern.as_ref(), text)));
    assert!(!fits::<CurrencyForm>(pattern.as_ref(), "cny"));
}

/// Lines are trimmed before they are read, so their form is narrower than their rule.
#[test]
fn every_line_keeps_its_length() {
    enum Short {}
    impl Written for Short {
        const NAME: &'static str = "Short";
        const MAX: usize = 5;
        const EXAMPLE: &'static str = "short";
    }
    assert_eq!(Line::<Short>::parse(" a b ").unwrap(), "a b");
    assert_eq!(Line::<Short>::parse("12345").unwrap(), "12345");
    for (bad, code) in [("123456", Code::Length), (" ", Code::Required), ("a\u{7}", Code::ControlCharacters)] {
        assert_eq!(Line::<Short>::parse(bad).unwrap_err().code, code);
    }
    assert!(Line::<Short>::is_absent(" ") && !Line::<Short>::is_absent("a"));
}

#[test]
fn examples_are_valid_and_names_are_unique() {
    let mut names = BTreeSet::new();
    for Inlined { name, schema, .. } in inlined() {
        assert!(names.insert(name), "two schemas are named {name}");
        let (Some(example), Some(pattern)) = (schema["example"].as_str(), schema["pattern"].as_str()) else { continue };
        assert!(Regex::new(pattern).unwrap().is_match(example), "{name}: {example}");
    }
}

#[test]
fn a_broken_rule_is_noted_with_its_field() {
    let mut problems = Problems::new();
    assert!(CustomerIdText::new("two words").read(&mut problems, "/customer_id").is_none());
    assert!(Description::read_optional(Some(&Description::new(" ")), &mut problems, "/description").is_none());
    let Err(Error::Invalid(noted)) = problems.finish() else { panic!("the customer id is not refused") };
    let noted: Vec<(&str, Code)> = noted.iter().map(|error| (error.pointer.as_str(), error.code)).collect();
    assert_eq!(noted, [("/customer_id", Code::Malformed)]);
    assert!(CurrencyCode::filter(Some(&CurrencyCode::new("yuan")), "?currency").is_err());
    assert!(CurrencyCode::filter(None, "?currency").unwrap().is_none());
}
