//! The journal: the entries of a day as double-entry lines for an accounting system.
//!
//! What a customer has is three accounts: paid money and promotional credit, which we owe, and debt, which is owed to
//! us. The other side of an entry is the account of its counterpart. Fee and tax of a receipt are credits, and those of
//! a credit note debits, against the same account: what went back to the payer is more than what the wallet gave.
//! Debits equal credits in every sum of entries, and so in every day.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;

use super::{EntrySum, ReportLine, channel_of};
use crate::domain::counterpart::Counterpart;
use crate::domain::money::{Currency, Money};
use crate::domain::payment::Channel;

/// An account of the journal. Its own word is its name, unless the installation gives it another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    CustomerPaid,
    CustomerGranted,
    CustomerDebt,
    Card,
    Paypal,
    Vnpay,
    BankTransfer,
    CardRefunds,
    PaypalRefunds,
    VnpayRefunds,
    BankTransferRefunds,
    CardDisputes,
    PaypalDisputes,
    VnpayDisputes,
    BankTransferDisputes,
    Fee,
    /// The tax that we owe.
    Tax,
    /// The tax that prices contain. It reduces the revenue that the credit will become.
    TaxIncluded,
    Usage,
    UsageGranted,
    Promotion,
    Transfers,
    Adjustments,
    /// The rest of accounts that are being closed.
    Payouts,
    /// What closed accounts owed, and we wrote off.
    WriteOffs,
}

impl Account {
    pub const ALL: [(Self, &'static str); 25] = [
        (Self::CustomerPaid, "customer_paid"),
        (Self::CustomerGranted, "customer_granted"),
        (Self::CustomerDebt, "customer_debt"),
        (Self::Card, "card"),
        (Self::Paypal, "paypal"),
        (Self::Vnpay, "vnpay"),
        (Self::BankTransfer, "bank_transfer"),
        (Self::CardRefunds, "card_refunds"),
        (Self::PaypalRefunds, "paypal_refunds"),
        (Self::VnpayRefunds, "vnpay_refunds"),
        (Self::BankTransferRefunds, "bank_transfer_refunds"),
        (Self::CardDisputes, "card_disputes"),
        (Self::PaypalDisputes, "paypal_disputes"),
        (Self::VnpayDisputes, "vnpay_disputes"),
        (Self::BankTransferDisputes, "bank_transfer_disputes"),
        (Self::Fee, "fee"),
        (Self::Tax, "tax"),
        (Self::TaxIncluded, "tax_included"),
        (Self::Usage, "usage"),
        (Self::UsageGranted, "usage_granted"),
        (Self::Promotion, "promotion"),
        (Self::Transfers, "transfers"),
        (Self::Adjustments, "adjustments"),
        (Self::Payouts, "payouts"),
        (Self::WriteOffs, "write_offs"),
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(account, _)| *account == self).map_or("", |(_, word)| word)
    }

    /// The account against which an entry with this counterpart is booked.
    fn of(counterpart: &Counterpart) -> Self {
        let by_channel = |[card, paypal, vnpay, bank]: [Self; 4]| match channel_of(counterpart) {
            Some(Channel::Card) => card,
            Some(Channel::Paypal) => paypal,
            Some(Channel::Vnpay) => vnpay,
            Some(Channel::BankTransfer) => bank,
            Some(Channel::Balance) | None => Self::Adjustments,
        };
        match counterpart {
            Counterpart::Provider(_) | Counterpart::Bank(_) => {
                by_channel([Self::Card, Self::Paypal, Self::Vnpay, Self::BankTransfer])
            }
            Counterpart::Refund(_) => {
                by_channel([Self::CardRefunds, Self::PaypalRefunds, Self::VnpayRefunds, Self::BankTransferRefunds])
            }
            Counterpart::Dispute(_) => {
                by_channel([Self::CardDisputes, Self::PaypalDisputes, Self::VnpayDisputes, Self::BankTransferDisputes])
            }
            Counterpart::Usage(_) => Self::Usage,
            Counterpart::Promotion => Self::Promotion,
            Counterpart::Transfer => Self::Transfers,
            Counterpart::Adjustment => Self::Adjustments,
            Counterpart::Payout => Self::Payouts,
            Counterpart::WriteOff => Self::WriteOffs,
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name that an installation gives to an account: `usage=4000 Revenue`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountName {
    pub account: Account,
    pub name: String,
}

impl FromStr for AccountName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (word, name) = text.split_once('=').ok_or("must be ACCOUNT=NAME, for example usage=4000")?;
        let found = Account::ALL.iter().find(|(_, known)| *known == word.trim());
        let (account, _) = found.ok_or_else(|| {
            let words: Vec<&str> = Account::ALL.iter().map(|(_, word)| *word).collect();
            format!("{word} is no account; the accounts are {}", words.join(", "))
        })?;
        let name = name.trim();
        if name.is_empty() || name.chars().count() > 100 {
            return Err("the name of an account has 1 to 100 characters".to_owned());
        }
        Ok(Self { account: *account, name: name.to_owned() })
    }
}

/// The names of an installation's accounts.
#[derive(Debug, Clone, Default)]
pub struct AccountNames(HashMap<Account, String>);

impl AccountNames {
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = AccountName>) -> Self {
        Self(names.into_iter().map(|AccountName { account, name }| (account, name)).collect())
    }

    #[must_use]
    pub fn name(&self, account: Account) -> &str {
        self.0.get(&account).map_or_else(|| account.as_str(), String::as_str)
    }
}

/// One line. Exactly one of debit and credit is there.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalLine {
    pub day: NaiveDate,
    pub account: Account,
    pub debit: Option<Money>,
    pub credit: Option<Money>,
    /// Why: the line of the roll-forward.
    pub line: ReportLine,
}

/// The lines of days: one for each day, currency, line of the roll-forward, account and side.
#[must_use]
pub fn lines(sums: &[EntrySum]) -> Vec<JournalLine> {
    let mut sides: BTreeMap<(NaiveDate, Currency, ReportLine, Account, bool), Money> = BTreeMap::new();
    for sum in sums {
        let currency = sum.parts.amount.currency();
        for (account, credit) in credits(sum) {
            let is_debit = credit.is_negative();
            let key = (sum.period, currency, ReportLine::of(sum.kind), account, is_debit);
            *sides.entry(key).or_insert(Money::zero(currency)) += if is_debit { -credit } else { credit };
        }
    }
    let with_amount = sides.into_iter().filter(|(_, amount)| !amount.is_zero());
    let line = |((day, _, line, account, is_debit), amount)| JournalLine {
        day,
        account,
        debit: Some(amount).filter(|_| is_debit),
        credit: Some(amount).filter(|_| !is_debit),
        line,
    };
    with_amount.map(line).collect()
}

/// What a sum of entries credits to each account; negative: debits. The total is zero.
fn credits(sum: &EntrySum) -> [(Account, Money); 8] {
    let parts = sum.parts;
    let other = Account::of(&sum.counterpart);
    // Consumption of promotional credit is no revenue, so it has an account of its own.
    let (other_granted, of_granted) = match other {
        Account::Usage => (Account::UsageGranted, parts.granted),
        other => (other, Money::zero(parts.amount.currency())),
    };
    [
        (Account::CustomerPaid, parts.paid()),
        (Account::CustomerGranted, parts.granted),
        (Account::CustomerDebt, -parts.debt),
        (Account::Fee, sum.fee),
        (Account::Tax, sum.tax + sum.tax_included),
        (Account::TaxIncluded, -sum.tax_included),
        (other, -(parts.amount - of_granted + sum.fee + sum.tax)),
        (other_granted, -of_granted),
    ]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use rust_decimal::Decimal;

    use super::*;
    use crate::domain::entry::EntryKind;
    use crate::domain::payment::ProviderName;
    use crate::domain::product::Product;
    use crate::domain::report::Parts;

    fn usd(units: i64) -> Money {
        Money::from_ledger(Decimal::new(units, 8), "USD".parse().unwrap())
    }

    #[test]
    fn each_account_has_a_word_of_its_own_and_may_get_a_name() {
        for (account, word) in Account::ALL {
            assert_eq!(Account::ALL.iter().filter(|(other, text)| *other == account || *text == word).count(), 1);
            let named: AccountName = format!("{word}= 4000 Revenue ").parse().unwrap();
            assert_eq!((named.account, named.name.as_str()), (account, "4000 Revenue"));
        }
        for bad in ["usage", "usage=", "revenue=4000", "=4000"] {
            assert!(bad.parse::<AccountName>().is_err(), "{bad}");
        }
        let names = AccountNames::new(["usage=4000".parse().unwrap()]);
        assert_eq!((names.name(Account::Usage), names.name(Account::Fee)), ("4000", "fee"));
    }

    fn counterpart(n: usize) -> Counterpart {
        match n {
            0 => Counterpart::Provider(ProviderName::Stripe),
            1 => Counterpart::Bank("x".to_owned()),
            2 => Counterpart::Usage(None),
            3 => Counterpart::Promotion,
            4 => Counterpart::Refund(ProviderName::PayPal),
            5 => Counterpart::Dispute(ProviderName::Stripe),
            6 => Counterpart::Transfer,
            7 => Counterpart::Payout,
            8 => Counterpart::WriteOff,
            _ => Counterpart::Adjustment,
        }
    }

    proptest! {
        #[test]
        fn debits_are_credits(
            sums in proptest::collection::vec(
                (0_usize..10, 0_usize..22, -1_000_000_i64..1_000_000, -999_i64..1_000, -999_i64..1_000, -500_i64..500),
                1..30,
            )
        ) {
            let sums: Vec<EntrySum> = sums.into_iter().map(|(other, kind, amount, granted, debt, kept)| EntrySum {
                period: "2026-11-26".parse().unwrap(),
                product: Product::main(),
                kind: *EntryKind::ALL.get(kind).unwrap(),
                counterpart: counterpart(other),
                parts: Parts { entries: 1, amount: usd(amount), granted: usd(granted), debt: usd(debt) },
                fee: usd(kept),
                tax: usd(kept / 2),
                tax_included: usd(kept / 3),
            }).collect();
            let lines = lines(&sums);
            let total = |side: fn(&JournalLine) -> Option<Money>| {
                Money::sum("USD".parse().unwrap(), lines.iter().filter_map(side))
            };
            prop_assert_eq!(total(|line| line.debit), total(|line| line.credit));
            prop_assert!(lines.iter().all(|line| line.debit.is_some() != line.credit.is_some()));
        }
    }
}
