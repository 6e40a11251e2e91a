//! Account statements: what a customer had before a period, what moved in it, and what was left.
//!
//! A statement is made of entries alone. For every wallet, and so for every currency, opening + movements = closing, to
//! the last digit. Expired credit counts from when it was written off, some seconds after its expiry.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::entry::EntryKind;
use super::flow_type::FlowType;
use super::money::{Currency, Money};
use super::product::Product;

/// What a wallet, or all wallets of a currency, had at a moment. It includes what holds reserved then.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// paid + granted − debt.
    pub balance: Money,
    pub paid: Money,
}

impl Standing {
    #[must_use]
    pub fn zero(currency: Currency) -> Self {
        Self { balance: Money::zero(currency), paid: Money::zero(currency) }
    }

    /// Granted credit less debt. A wallet had one or both; the entries keep their difference.
    #[must_use]
    pub fn granted_less_debt(self) -> Money {
        self.balance - self.paid
    }

    fn plus(self, other: Self) -> Self {
        Self { balance: self.balance + other.balance, paid: self.paid + other.paid }
    }
}

/// All movements of one type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Movement {
    pub flow: FlowType,
    pub count: i64,
    pub amount: Money,
}

/// The movements of a kind of entry, other than consumption, in a period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KindSum {
    pub wallet: Uuid,
    pub kind: EntryKind,
    /// Whether these are the transfers into a product that paid orders.
    pub pays_order: bool,
    pub count: i64,
    pub amount: Money,
}

impl KindSum {
    /// As `AccountFlow::flow_type` decides it for each of them.
    fn flow_type(&self) -> FlowType {
        if self.pays_order { FlowType::Recharge } else { self.kind.flow_type() }
    }
}

/// A wallet at both ends of a period.
#[derive(Debug, Clone, PartialEq)]
pub struct WalletEnds {
    pub wallet: Uuid,
    pub product: Product,
    /// How many entries it had before the period, and at its end.
    pub entries_before: i64,
    pub entries_after: i64,
    pub opening: Standing,
    pub closing: Standing,
}

/// The statement of one wallet.
#[derive(Debug, Clone, PartialEq)]
pub struct WalletStatement {
    pub wallet: Uuid,
    pub product: Product,
    pub opening: Standing,
    pub movements: Vec<Movement>,
    pub closing: Standing,
}

impl WalletStatement {
    /// The statement of a wallet. Most entries are consumption, so they are not summed: consumption is the difference
    /// that the sums of all other kinds leave. `others` may contain the sums of other wallets.
    #[must_use]
    pub fn new(ends: WalletEnds, others: &[KindSum]) -> Self {
        let currency = ends.opening.balance.currency();
        let own: Vec<&KindSum> = others.iter().filter(|sum| sum.wallet == ends.wallet).collect();
        let moved = Money::sum(currency, own.iter().map(|sum| sum.amount));
        let counted: i64 = own.iter().map(|sum| sum.count).sum();
        let consumed = Movement {
            flow: FlowType::Consume,
            count: ends.entries_after - ends.entries_before - counted,
            amount: ends.closing.balance - ends.opening.balance - moved,
        };
        let others =
            own.into_iter().map(|sum| Movement { flow: sum.flow_type(), count: sum.count, amount: sum.amount });
        let movements = by_type(currency, others.chain([consumed]));
        let WalletEnds { wallet, product, opening, closing, .. } = ends;
        Self { wallet, product, opening, movements, closing }
    }
}

/// The statement of all wallets of one currency. What moved between two of them is shown in both directions.
#[derive(Debug, Clone, PartialEq)]
pub struct CurrencyStatement {
    pub currency: Currency,
    pub opening: Standing,
    pub movements: Vec<Movement>,
    pub closing: Standing,
    /// The main wallet first.
    pub wallets: Vec<WalletStatement>,
}

impl CurrencyStatement {
    /// Groups the wallets by currency, in the order of currencies.
    #[must_use]
    pub fn of_each(wallets: Vec<WalletStatement>) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for wallet in wallets {
            let currency = wallet.opening.balance.currency();
            match all.last_mut().filter(|last| last.currency == currency) {
                Some(last) => {
                    last.opening = last.opening.plus(wallet.opening);
                    last.closing = last.closing.plus(wallet.closing);
                    let both = last.movements.iter().chain(&wallet.movements).copied();
                    last.movements = by_type(currency, both);
                    last.wallets.push(wallet);
                }
                None => all.push(Self {
                    currency,
                    opening: wallet.opening,
                    movements: wallet.movements.clone(),
                    closing: wallet.closing,
                    wallets: vec![wallet],
                }),
            }
        }
        all
    }
}

/// The movements with one line for each type that occurs, in the order of types.
fn by_type(currency: Currency, movements: impl Iterator<Item = Movement> + Clone) -> Vec<Movement> {
    let of = |flow: FlowType| {
        let own = movements.clone().filter(move |movement| movement.flow == flow);
        let count = own.clone().map(|movement| movement.count).sum();
        Movement { flow, count, amount: Money::sum(currency, own.map(|movement| movement.amount)) }
    };
    FlowType::ALL.into_iter().map(of).filter(|line| line.count > 0).collect()
}

/// A customer's statement.
#[derive(Debug, Clone)]
pub struct AccountStatement {
    /// The name of the time zone in which its first and last day begin.
    pub time_zone: String,
    pub from: DateTime<Utc>,
    /// Its end: that of the month, or, while the month is not over, the last moment whose entries are all known.
    pub to: DateTime<Utc>,
    /// Whether nothing can be added to it any more.
    pub is_complete: bool,
    pub currencies: Vec<CurrencyStatement>,
}

/// What a wallet had at a moment of the past.
#[derive(Debug, Clone, PartialEq)]
pub struct PastBalance {
    pub wallet: Uuid,
    pub product: Product,
    /// What the entries up to that moment say.
    pub booked: Standing,
    /// Credit that had expired by then and was written off only later.
    pub lapsed: Money,
}

impl PastBalance {
    /// paid + granted − debt, without what had expired.
    #[must_use]
    pub fn total(&self) -> Money {
        self.booked.balance - self.lapsed
    }

    #[must_use]
    pub fn granted_less_debt(&self) -> Money {
        self.booked.granted_less_debt() - self.lapsed
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use rust_decimal::Decimal;

    use super::*;

    fn usd(cents: i64) -> Money {
        Money::from_ledger(Decimal::new(cents, 2), "USD".parse().unwrap())
    }

    fn standing(balance: i64, paid: i64) -> Standing {
        Standing { balance: usd(balance), paid: usd(paid) }
    }

    fn ends(wallet: u128, opening: Standing, closing: Standing, entries_after: i64) -> WalletEnds {
        let product = Product::from_column(if wallet == 1 { "" } else { "gpu" });
        WalletEnds { wallet: Uuid::from_u128(wallet), product, entries_before: 2, entries_after, opening, closing }
    }

    fn sum(wallet: u128, kind: EntryKind, count: i64, cents: i64) -> KindSum {
        KindSum { wallet: Uuid::from_u128(wallet), kind, pays_order: false, count, amount: usd(cents) }
    }

    #[test]
    fn consumption_is_what_the_other_kinds_leave() {
        let others = [
            sum(1, EntryKind::Recharge, 1, 5000),
            sum(1, EntryKind::TransferOut, 1, -1000),
            sum(1, EntryKind::Grant, 1, 300),
            sum(1, EntryKind::Bonus, 1, 200),
            sum(2, EntryKind::TransferIn, 1, 1000),
        ];
        let main = WalletStatement::new(ends(1, standing(100, 100), standing(3600, 3200), 9), &others);
        let consumed = main.movements.iter().find(|line| line.flow == FlowType::Consume).unwrap();
        assert_eq!((consumed.count, consumed.amount), (3, usd(-1000)));
        let granted = main.movements.iter().find(|line| line.flow == FlowType::Grant).unwrap();
        assert_eq!((granted.count, granted.amount), (2, usd(500)));
        assert_eq!(main.closing.granted_less_debt(), usd(400));

        let product = WalletStatement::new(ends(2, standing(0, 0), standing(1000, 1000), 3), &others);
        assert_eq!(product.movements.len(), 1, "a type without a movement has no line");
        let all = CurrencyStatement::of_each(vec![main, product]);
        assert_eq!(all.len(), 1);
        let moved = Money::sum(all[0].currency, all[0].movements.iter().map(|line| line.amount));
        assert_eq!(all[0].opening.balance + moved, all[0].closing.balance);
        assert_eq!((all[0].opening, all[0].closing), (standing(100, 100), standing(4600, 4200)));
    }

    #[test]
    fn credit_that_had_expired_is_no_part_of_the_total() {
        let past = PastBalance {
            wallet: Uuid::from_u128(1),
            product: Product::main(),
            booked: standing(700, 500),
            lapsed: usd(150),
        };
        assert_eq!((past.total(), past.granted_less_debt()), (usd(550), usd(50)));
    }
}
