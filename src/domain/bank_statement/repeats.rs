//! Credits of a file that are already recorded in other words.
//!
//! Lines of two files are recognized as the same line only if both files spell it in the same way. Another format of
//! the bank, or another mapping of a CSV, spells it differently. So a file with a new credit must also contain every
//! recorded credit of the same day and amount. Otherwise the new credit may be one of those, and nothing of the file is
//! taken over.
//!
//! If a file begins at the closing balance of the last one, two credits with different ids of the bank are two credits.
//! If it does not, ids decide nothing, because a mapping may have read them from another column.

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::domain::money::Money;

/// A credit as a recorded file spells it.
#[derive(Debug, Clone, PartialEq)]
pub struct SaidCredit {
    pub statement_id: Uuid,
    /// Its number in the file.
    pub n: i32,
    pub booked_on: NaiveDate,
    pub amount: Money,
    /// The text that is equal in two files that spell it in the same way, and its number among the identical lines of
    /// its file.
    pub fingerprint: Vec<u8>,
    pub repeat: i32,
    /// The bank gave it an id.
    pub has_id: bool,
}

impl SaidCredit {
    fn words(&self) -> (&[u8], i32) {
        (&self.fingerprint, self.repeat)
    }

    fn figures(&self) -> (NaiveDate, Decimal) {
        (self.booked_on, self.amount.amount().normalize())
    }
}

/// The credits of a file that may already be recorded in other words, each with a recorded credit that it may be.
/// `goes_on`: the file opens with the last closing balance of the account.
#[must_use]
pub fn said_otherwise<'c>(
    of_file: &'c [SaidCredit],
    on_record: &'c [SaidCredit],
    goes_on: bool,
) -> Vec<(&'c SaidCredit, &'c SaidCredit)> {
    let said: HashSet<_> = of_file.iter().map(SaidCredit::words).collect();
    let known: HashSet<_> = on_record.iter().map(SaidCredit::words).collect();
    // Of the credits that the file lacks, it is enough to find one with an id and one without.
    let mut lacking: HashMap<_, Vec<&'c SaidCredit>> = HashMap::new();
    for credit in on_record.iter().filter(|credit| !said.contains(&credit.words())) {
        let alike = lacking.entry(credit.figures()).or_default();
        if alike.iter().all(|other| other.has_id != credit.has_id) {
            alike.push(credit);
        }
    }
    let mut found = Vec::new();
    for credit in of_file.iter().filter(|credit| !known.contains(&credit.words())) {
        let mut alike = lacking.get(&credit.figures()).into_iter().flatten().copied();
        let same = alike.find(|other| !(goes_on && credit.has_id && other.has_id));
        found.extend(same.map(|other| (credit, other)));
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn credit(n: i32, day: &str, amount: &str, words: &str, has_id: bool) -> SaidCredit {
        SaidCredit {
            statement_id: Uuid::nil(),
            n,
            booked_on: day.parse().unwrap(),
            amount: Money::new(amount.parse().unwrap(), "CNY".parse().unwrap()).unwrap(),
            fingerprint: words.as_bytes().to_vec(),
            repeat: 1,
            has_id,
        }
    }

    #[test]
    fn a_new_credit_needs_all_that_are_on_record_of_its_day_and_amount() {
        let on_record = [
            credit(1, "2026-11-20", "100", "a", false),
            credit(2, "2026-11-20", "100", "b", true),
            credit(3, "2026-11-21", "7", "c", true),
        ];
        let found = |of_file: &[SaidCredit], goes_on| -> Vec<(i32, i32)> {
            said_otherwise(of_file, &on_record, goes_on).into_iter().map(|(new, known)| (new.n, known.n)).collect()
        };
        let [a, b, _] = &on_record;
        let (plain, with_id) =
            (credit(9, "2026-11-20", "100.00", "x", false), credit(8, "2026-11-20", "100.00", "y", true));
        // The file has all of them and one more, which is new. So is a credit of another day or amount.
        assert!(found(&[a.clone(), b.clone(), plain.clone()], false).is_empty());
        let elsewhere =
            [credit(9, "2026-11-22", "100", "x", false), credit(10, "2026-11-21", "7.01", "x", false), a.clone()];
        assert!(found(&elsewhere, false).is_empty());
        for goes_on in [false, true] {
            assert_eq!(found(std::slice::from_ref(&plain), goes_on), [(9, 1)], "{goes_on}");
            assert_eq!(found(&[a.clone(), plain.clone()], goes_on), [(9, 2)], "{goes_on}");
            // The bank gave no id to the credit that is missing.
            assert_eq!(found(&[b.clone(), with_id.clone()], goes_on), [(8, 1)], "{goes_on}");
        }
        // Two ids are two credits, unless the file covers the same days again.
        let other_id = [a.clone(), with_id];
        assert!(found(&other_id, true).is_empty());
        assert_eq!(found(&other_id, false), [(8, 2)]);
    }
}
