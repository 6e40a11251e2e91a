//! Credits of a file that are on record already in other words.
//!
//! The same line of two files is one line only while both say it alike. Another format of the bank, or another mapping
//! of a CSV, says it in other words. So a file that brings a new credit of a day and an amount has to have all those on
//! record of that day and amount, too: otherwise the new one may be one of them, and nothing of the file is taken over.
//!
//! Where a file goes on at the closing balance of the last one, two credits to which the bank gave different ids are
//! two. Where it does not, ids decide nothing: a mapping may have read them from another column.

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::domain::money::Money;

/// A credit as a file on record says it.
#[derive(Debug, Clone, PartialEq)]
pub struct SaidCredit {
    pub statement_id: Uuid,
    /// Its number in the file.
    pub n: i32,
    pub booked_on: NaiveDate,
    pub amount: Money,
    /// What is equal of two files that say it alike, and its number among the lines of its file that are identical.
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

/// The credits of a file that may be on record in other words, each with one that it may be. `goes_on`: the file opens
/// with the last closing balance of the account.
#[must_use]
pub fn said_otherwise<'c>(
    of_file: &'c [SaidCredit],
    on_record: &'c [SaidCredit],
    goes_on: bool,
) -> Vec<(&'c SaidCredit, &'c SaidCredit)> {
    let said: HashSet<_> = of_file.iter().map(SaidCredit::words).collect();
    let known: HashSet<_> = on_record.iter().map(SaidCredit::words).collect();
    // Of those that the file lacks, one with an id and one without are enough to find.
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
        // All of them and one more: that one is new. So is one of another day, or over another amount.
        assert!(found(&[a.clone(), b.clone(), plain.clone()], false).is_empty());
        let elsewhere =
            [credit(9, "2026-11-22", "100", "x", false), credit(10, "2026-11-21", "7.01", "x", false), a.clone()];
        assert!(found(&elsewhere, false).is_empty());
        for goes_on in [false, true] {
            assert_eq!(found(std::slice::from_ref(&plain), goes_on), [(9, 1)], "{goes_on}");
            assert_eq!(found(&[a.clone(), plain.clone()], goes_on), [(9, 2)], "{goes_on}");
            // The bank gave no id to the one that is lacking.
            assert_eq!(found(&[b.clone(), with_id.clone()], goes_on), [(8, 1)], "{goes_on}");
        }
        // Two ids are two credits, unless the file says the days again.
        let other_id = [a.clone(), with_id];
        assert!(found(&other_id, true).is_empty());
        assert_eq!(found(&other_id, false), [(8, 2)]);
    }
}
