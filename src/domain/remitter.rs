//! The remitter's name against the billing profile: an operator should look at money that another person sends.
//!
//! Banks write names in capitals, without marks, and the family name first or last. So marks, case, punctuation and the
//! order of words make no difference.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::billing_profile::BillingProfile;

/// What the comparison says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemitterCheck {
    /// The remitter is the person or the company of the profile.
    Same,
    /// The remitter differs from the profile, which has this name.
    Differs(String),
}

/// Compares the remitter that a customer declares with the customer's profile.
#[must_use]
pub fn check(remitter: &str, profile: &BillingProfile) -> RemitterCheck {
    let names = std::iter::once(profile.name.as_str()).chain(profile.details.company.as_deref());
    match names.into_iter().any(|name| is_same(remitter, name)) {
        true => RemitterCheck::Same,
        false => RemitterCheck::Differs(profile.name.clone()),
    }
}

/// Whether two names are one person's or company's, however banks write them.
#[must_use]
pub fn is_same(one: &str, other: &str) -> bool {
    Name::of(one).is_same(&Name::of(other))
}

/// A name that is compared with many others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    joined: String,
    sorted: Vec<String>,
}

impl Name {
    #[must_use]
    pub fn of(name: &str) -> Self {
        let words = words(name);
        Self { joined: words.concat(), sorted: sorted(words) }
    }

    /// As [`is_same`].
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.joined == other.joined || self.sorted == other.sorted
    }
}

/// The words of a name in upper case, without marks.
fn words(name: &str) -> Vec<String> {
    let plain = name.nfkd().filter(|c| !is_combining_mark(*c)).map(|c| match c {
        'đ' => 'd',
        'Đ' => 'D',
        c => c,
    });
    let upper: String = plain.flat_map(char::to_uppercase).collect();
    upper.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn sorted(mut words: Vec<String>) -> Vec<String> {
    words.sort();
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_however_a_bank_writes_it() {
        for (one, other) in [
            ("Nguyễn Văn Đức", "NGUYEN VAN DUC"),
            ("VAN DUC NGUYEN", "Nguyen Van Duc"),
            ("Example, Ltd.", "EXAMPLE LTD"),
            ("张三", "张 三"),
            ("ＡＢＣ co", "Abc Co"),
        ] {
            assert!(is_same(one, other), "{one} and {other}");
        }
        for (one, other) in [("Alice", "Bob"), ("Nguyen Van A", "Nguyen Van B"), ("Ann Ann Lee", "Ann Lee Lee")] {
            assert!(!is_same(one, other), "{one} and {other}");
        }
    }
}
