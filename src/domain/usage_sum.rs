//! Sums of usage by customer, day, product, and by a few labels that platforms attach to their usage: for example, how
//! much a customer used of each model. The installation names the labels, and they are folded with the day.

use std::collections::BTreeMap;
use std::str::FromStr;

use chrono::NaiveDate;

use super::money::Money;
use super::product::Product;

/// The most keys of metadata by which usage is summed.
const MOST_KEYS: usize = 3;
/// The most characters of a key.
const LONGEST_KEY: usize = 64;

/// The keys of metadata by which usage is summed: at most three, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageKeys(Vec<String>);

impl UsageKeys {
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

impl FromStr for UsageKeys {
    type Err = String;

    /// Reads names between commas; the empty text names none.
    fn from_str(text: &str) -> Result<Self, String> {
        let keys: Vec<String> =
            text.split(',').map(|key| key.trim().to_owned()).filter(|key| !key.is_empty()).collect();
        if keys.len() > MOST_KEYS {
            return Err(format!("at most {MOST_KEYS} keys can be named"));
        }
        let is_wrong = |key: &String| key.chars().count() > LONGEST_KEY || key.chars().any(char::is_control);
        if keys.iter().any(is_wrong) {
            return Err(format!("a key has at most {LONGEST_KEY} characters, and no control characters"));
        }
        let is_repeated = |(n, key): (usize, &String)| keys.iter().take(n).any(|before| before == key);
        if keys.iter().enumerate().any(is_repeated) {
            return Err("a key can be named once only".to_owned());
        }
        Ok(Self(keys))
    }
}

/// What a customer used on a day, of one product, under the same labels.
#[derive(Debug, Clone, PartialEq)]
pub struct UsageSum {
    pub day: NaiveDate,
    /// The product that was used, whichever wallet paid.
    pub product: Product,
    /// The usage's values under the named keys; a key without a value is absent. Values are cut to 100
    /// characters. Reversals have none.
    pub labels: BTreeMap<String, String>,
    /// How many usages and captures there are.
    pub uses: i64,
    /// What they took, positive.
    pub amount: Money,
    /// How many reversals there are.
    pub reversals: i64,
    /// What they gave back, positive.
    pub reversed: Money,
}

/// A place in a customer's list of sums, which is sorted by day, currency, product and labels.
pub type UsageSumPlace = (NaiveDate, String, String, BTreeMap<String, String>);

impl UsageSum {
    /// The place of this row in the list.
    #[must_use]
    pub fn place(&self) -> UsageSumPlace {
        let currency = self.amount.currency().code().to_owned();
        (self.day, currency, self.product.as_column().to_owned(), self.labels.clone())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn at_most_three_keys_are_named_and_each_once() {
        let keys = |text: &str| text.parse::<UsageKeys>();
        assert_eq!(keys("").unwrap().as_slice(), [""; 0]);
        assert_eq!(keys(" model, region ,").unwrap().as_slice(), ["model", "region"]);
        assert_eq!(keys("a,b,c").unwrap().as_slice().len(), 3);
        let long = "é".repeat(65);
        for wrong in ["a,b,c,d", "a,b,a", "a\u{7}", &long] {
            assert!(keys(wrong).is_err(), "{wrong}");
        }
        assert!(keys(&"é".repeat(64)).is_ok());
    }
}
