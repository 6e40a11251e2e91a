//! Bank transactions: one line of a bank statement is one payment, however an operator writes it.
//!
//! The identity of a line is our account and the bank's id in its [normal form](normal_form). A placeholder such as
//! `NOTPROVIDED` is no identity: such a line is identified by its day, amount and remitter. Banks do repeat ids, so a
//! second line under a known identity is its line 2, which an operator must claim explicitly.
//!
//! A line whose approval was reversed keeps its place, but nobody knows what truly arrived. The operator who uses it
//! next states its amount again, or voids it. Therefore a mistyped amount can be credited once and never again.

use chrono::{DateTime, Duration, NaiveDate, Utc};
use rust_decimal::Decimal;
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use super::money::Money;
use super::percent::Percent;

/// What banks write if the payer gave no id.
const PLACEHOLDERS: [&str; 2] = ["NONREF", NO_ID];

/// The placeholder for the bank's id of a line that has none.
pub const NO_ID: &str = "NOTPROVIDED";

/// Two equal amounts within this many days may be one transfer that was stated twice.
pub const ALIKE_WITHIN_DAYS: i64 = 3;

/// The most characters of an identity. A normal form may be longer than what was written.
const LONGEST: usize = 200;

/// The normal form of a bank's id or of a name: Unicode's NFKC, upper case, letters and digits only. So spaces,
/// punctuation, case and full-width letters make no difference.
#[must_use]
pub fn normal_form(text: &str) -> String {
    let plain: String = text.nfkc().flat_map(char::to_uppercase).filter(|c| c.is_alphanumeric()).collect();
    // Letters that the removed characters kept apart may compose.
    plain.nfkc().collect()
}

/// Why a line has no identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoIdentity {
    /// The bank's id is a placeholder, and the remitter, which is then needed to identify the line, is not stated.
    RemitterNeeded,
    /// Its normal form has more than 200 characters.
    TooLong,
}

/// What distinguishes the lines of one of our accounts: the bank's id in its normal form, or day, amount and remitter
/// of a line without an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity(String);

impl Identity {
    /// The identity of a line as an operator states it.
    ///
    /// # Errors
    /// [`NoIdentity`].
    pub fn of(
        stated_id: &str,
        received_on: NaiveDate,
        amount: Money,
        remitter: Option<&str>,
    ) -> Result<Self, NoIdentity> {
        let text = match Self::by_id(stated_id) {
            Some(known) => known.0,
            None => {
                let remitter = remitter.map(normal_form).filter(|name| !name.is_empty());
                let remitter = remitter.ok_or(NoIdentity::RemitterNeeded)?;
                // No normal form has a colon, so this is never the id of another line.
                format!("none:{received_on}:{}:{remitter}", amount.amount())
            }
        };
        if text.chars().count() > LONGEST { Err(NoIdentity::TooLong) } else { Ok(Self(text)) }
    }

    /// The identity of a line as a bank's file states it. If id and remitter are missing, its text takes their place.
    #[must_use]
    pub fn of_line(
        bank_id: Option<&str>,
        booked_on: NaiveDate,
        amount: Money,
        remitter: Option<&str>,
        text: &str,
    ) -> Self {
        let by_id = bank_id.and_then(Self::by_id).filter(|known| known.0.chars().count() <= LONGEST);
        by_id.unwrap_or_else(|| {
            let names = [remitter.unwrap_or_default(), text].map(normal_form);
            let who = names.into_iter().find(|name| !name.is_empty()).unwrap_or_else(|| "UNKNOWN".to_owned());
            Self(format!("none:{booked_on}:{}:{who}", amount.amount()).chars().take(LONGEST).collect())
        })
    }

    /// Whether the bank gave an id to the line.
    #[must_use]
    pub fn is_by_id(&self) -> bool {
        !self.0.starts_with("none:")
    }

    /// The identity that the bank's id alone gives. `None` for a placeholder.
    #[must_use]
    pub fn by_id(stated_id: &str) -> Option<Self> {
        let id = normal_form(stated_id);
        (!id.is_empty() && !PLACEHOLDERS.contains(&id.as_str())).then_some(Self(id))
    }

    /// An identity that was stored.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of the payment of line `n` under this identity.
    #[must_use]
    pub fn payment_id(&self, n: i32) -> String {
        if n == 1 { self.0.clone() } else { format!("{}#{n}", self.0) }
    }
}

/// A line of a bank statement as an operator states it.
#[derive(Debug, Clone, PartialEq)]
pub struct StatedLine {
    /// Our account on which the money arrived.
    pub account: Uuid,
    /// The bank's id as the operator wrote it.
    pub stated_id: String,
    pub identity: Identity,
    /// The whole amount of the line. If it is absent, the whole is the part that serves the order, plus the parts that
    /// serve others.
    pub amount: Option<Money>,
    /// The part that serves the order.
    pub received: Money,
    pub received_on: NaiveDate,
    pub remitter: Option<String>,
    /// The operator says that it is another line than the recorded one with the same identity.
    pub another_line: bool,
}

/// A recorded line. It has one payment.
#[derive(Debug, Clone, PartialEq)]
pub struct BankTransaction {
    pub payment_id: Uuid,
    pub account: Uuid,
    pub identity: Identity,
    /// The number of the line among those under its identity, from 1.
    pub n: i32,
    pub stated_id: String,
    /// All that arrived. Zero for a line that was voided.
    pub amount: Money,
    pub received_on: NaiveDate,
    /// As an operator stated it.
    pub remitter: Option<String>,
    /// The normal form of the remitter, or else of the one that the order declares; empty while both are unknown.
    pub payer: String,
    /// Its stated amount is wrong, or may be: the next statement sets it again.
    pub amount_is_open: bool,
    pub stated_by: String,
    pub stated_at: DateTime<Utc>,
}

/// How much of a line's payment is used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UsedPart {
    /// What serves orders or wallets.
    pub applied: Money,
    /// What went back to the payer or is on its way back.
    pub refunded: Money,
    /// The part of it that served nothing.
    pub unapplied_taken: Money,
}

impl UsedPart {
    /// The least that the line can amount to.
    fn least(&self) -> Decimal {
        (self.applied.amount() + self.unapplied_taken.amount()).max(self.refunded.amount())
    }
}

/// Which line a statement is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LinePlace {
    /// Line `n` under its identity, of `amount`: nobody has stated it so far.
    New { n: i32, amount: Money },
    /// A recorded line of which enough is left. From now on its amount is `amount`.
    Known { payment_id: Uuid, amount: Money },
}

/// Why an operator's statement fits no line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misplaced {
    /// The recorded line has another day or another remitter. Either a figure is wrong, or this is another line, and
    /// then the operator must say so.
    AnotherLine(Uuid),
    /// Less than the stated part is left of the line.
    Used(Uuid),
    /// The stated amount of the whole line is less than its parts, or differs from the recorded amount.
    Amount,
    /// The operator claims another line than the recorded one, but none is recorded.
    NoFirstLine,
}

/// Finds the line that a statement is about, among the recorded lines of its identity, in their order.
///
/// # Errors
/// [`Misplaced`].
pub fn place(stated: &StatedLine, known: &[(BankTransaction, UsedPart)]) -> Result<LinePlace, Misplaced> {
    let whole = stated.amount.unwrap_or(stated.received);
    if whole.amount() < stated.received.amount() {
        return Err(Misplaced::Amount);
    }
    let Some(((first, _), others)) = known.split_first() else {
        return if stated.another_line {
            Err(Misplaced::NoFirstLine)
        } else {
            Ok(LinePlace::New { n: 1, amount: whole })
        };
    };
    if stated.another_line {
        let last = others.iter().map(|(line, _)| line.n).fold(first.n, i32::max);
        return Ok(LinePlace::New { n: last + 1, amount: whole });
    }
    let mut refusal = None;
    for (line, used) in known.iter().filter(|(line, _)| line.is_stated_by(stated)) {
        match line.take(stated, *used) {
            Ok(amount) => return Ok(LinePlace::Known { payment_id: line.payment_id, amount }),
            Err(why) => refusal = Some(why),
        }
    }
    Err(refusal.unwrap_or(Misplaced::AnotherLine(first.payment_id)))
}

impl BankTransaction {
    /// Whether the statement can be about this line: nothing in it contradicts the record. If the line's amount is
    /// open, the whole line is stated again.
    fn is_stated_by(&self, stated: &StatedLine) -> bool {
        let agrees = self.received_on == stated.received_on
            && !are_different(self.remitter.as_deref(), stated.remitter.as_deref());
        agrees || self.amount_is_open
    }

    /// The line's amount once the stated part is taken from it.
    fn take(&self, stated: &StatedLine, used: UsedPart) -> Result<Money, Misplaced> {
        let too_much = |_| Misplaced::Used(self.payment_id);
        let needed = used.applied.checked_add(stated.received).map_err(too_much)?;
        if self.amount_is_open {
            let amount = stated.amount.unwrap_or(needed);
            return self.restated(amount, UsedPart { applied: needed, ..used });
        }
        if stated.amount.is_some_and(|amount| amount != self.amount) {
            return Err(Misplaced::Amount);
        }
        let used = UsedPart { applied: needed, ..used };
        if used.least() > self.amount.amount() { Err(Misplaced::Used(self.payment_id)) } else { Ok(self.amount) }
    }

    /// The amount of a line that is stated again: never less than what is used of it. Zero voids the line.
    ///
    /// # Errors
    /// [`Misplaced::Amount`].
    pub fn restated(&self, amount: Money, used: UsedPart) -> Result<Money, Misplaced> {
        let is_money = amount.amount() >= Decimal::ZERO && amount.currency() == self.amount.currency();
        if is_money && amount.amount() >= used.least() { Ok(amount) } else { Err(Misplaced::Amount) }
    }
}

/// Whether two remitters are certainly not the same. An unknown one may be anybody.
#[must_use]
pub fn are_different(one: Option<&str>, other: Option<&str>) -> bool {
    let known = |name: Option<&str>| name.map(normal_form).filter(|name| !name.is_empty());
    known(one).zip(known(other)).is_some_and(|(one, other)| one != other)
}

/// Whether the amount that arrived differs from the ordered one by more than `share` of the ordered one.
#[must_use]
pub fn is_surprising(ordered: Money, received: Money, share: Percent) -> bool {
    let difference = (received.amount() - ordered.amount()).abs();
    difference * Decimal::ONE_HUNDRED > ordered.amount() * share.value()
}

/// The last day on which money can have arrived anywhere: the day of the time zone that is furthest ahead (UTC+14). Our
/// accounts have no time zone of their own, and a bank's day is never later than this one.
#[must_use]
pub fn latest_day(now: DateTime<Utc>) -> NaiveDate {
    (now + Duration::hours(14)).date_naive()
}

#[cfg(test)]
mod tests;
