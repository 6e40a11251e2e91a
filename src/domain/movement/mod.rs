//! Movements: everything that can happen to money in this service, one small file each.
//!
//! Each file has the one constructor that makes the movement's postings. It alone decides the entry's kind, sign,
//! counterpart, dedupe key and fingerprint; no other layer can spell a [`Posting`](super::posting::Posting).
//!
//! | movement | entry kind | counterpart | effect on the wallet |
//! |---|---|---|---|
//! | [`top_up`] | recharge | `provider:…` or `bank:…` | paid money comes in |
//! | [`bonus`] | bonus | `promotion` | promotional credit arrives with an order's money |
//! | [`usage`] | usage | `usage` | granted credit, then paid money leaves |
//! | [`hold`], [`release`], [`extend`] | none | | an amount is reserved, freed, reserved for longer |
//! | [`capture`] | capture | `usage` | the actual amount of a hold leaves |
//! | [`reversal`] | reversal | as the usage | what a usage or capture took comes back, into the same parts |
//! | [`transfer`] | transfer_out, transfer_in | `transfer` | unheld paid money moves between two wallets |
//! | [`grant`] | grant | `promotion` | promotional credit comes in |
//! | [`expiry`] | expire | `promotion` | what lapsed is booked |
//! | [`take_back`] | | | an order's money is taken back, by one of these three: |
//! | [`refund`] | refund | `refund:…` | it goes back to its payer |
//! | [`dispute`] | dispute | `dispute:…` | its payer contests it |
//! | [`reversed_approval`] | adjust | `bank:…` | the money never came |
//! | | bonus_revoked, bonus_taken | `promotion` | its bonus is taken back, too; if that is spent, money is taken for it
//! |
//! | [`give_back`] | refund_returned, dispute_returned, adjust | `refund:…`, … | the money that was taken back returns
//! |
//! | | bonus_restored, bonus_taken_returned | `promotion` | the bonus returns, and so does the money that was taken for
//! it |
//! | [`adjustment`] | adjust | `adjustment` | an operator's correction |
//! | [`closing`] | transfer_out, transfer_in | `transfer` | the money of an account that is being closed is moved to
//! its main wallets |
//! | | payout, payout_returned | `payout` | the rest is paid out by bank transfer, or comes back |
//! | [`write_off`] | write_off | `write_off` | what a closed account owes is written off |
//! | | write_off_recovered | `write_off` | money that comes later is taken for it |
//!
//! Example: `transfer(id, &customer, amount, &from, &to)` returns two postings, one for each wallet, both against
//! `transfer`, so that the two entries add up to zero.

pub mod adjustment;
pub mod bonus;
pub mod capture;
pub mod closing;
pub mod dispute;
pub mod expiry;
pub mod extend;
pub mod give_back;
pub mod grant;
pub mod hold;
pub mod refund;
pub mod release;
pub mod reversal;
pub mod reversed_approval;
pub mod take_back;
pub mod top_up;
pub mod transfer;
pub mod usage;
pub mod write_off;

use uuid::Uuid;

use super::customer::CustomerId;
use super::id::IdKind;
use super::money::Currency;
use super::order::Order;
use super::product::Product;
use super::wallet_key::WalletKey;

/// The order that a movement belongs to. Its customer and product name the wallet; the currency comes with the money.
#[derive(Debug, Clone, Copy)]
pub struct OfOrder<'o> {
    pub id: Uuid,
    pub customer: &'o CustomerId,
    pub product: &'o Product,
}

impl<'o> From<&'o Order> for OfOrder<'o> {
    fn from(order: &'o Order) -> Self {
        Self { id: order.id, customer: &order.customer, product: &order.product }
    }
}

impl OfOrder<'_> {
    fn wallet(self, currency: Currency) -> WalletKey {
        WalletKey { customer: self.customer.clone(), currency, product: self.product.clone() }
    }

    fn shown(self) -> String {
        IdKind::TopUpOrder.show(self.id)
    }
}

#[cfg(test)]
mod tests;
