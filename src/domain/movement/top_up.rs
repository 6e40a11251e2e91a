//! Top-up: a verified payment, or a part of one, becomes paid money of a wallet; its order may bring a bonus.

use uuid::Uuid;

use super::OfOrder;
use super::bonus::Bonus;
use crate::domain::counterpart::Counterpart;
use crate::domain::customer::CustomerId;
use crate::domain::entry::EntryKind;
use crate::domain::fingerprint::fingerprint64;
use crate::domain::id::IdKind;
use crate::domain::label::Label;
use crate::domain::money::Money;
use crate::domain::payment::ProviderName;
use crate::domain::posting::{Change, Posting};
use crate::domain::product::Product;
use crate::domain::wallet_key::WalletKey;

/// One application of a payment: the part of it that becomes money of one wallet.
#[derive(Debug, Clone, Copy)]
pub struct AppliedPayment<'p> {
    pub id: Uuid,
    /// The number of the application among those of its payment, from 1. Payment and number are the dedupe key.
    pub application: i64,
    pub provider: ProviderName,
    /// Our account at the provider; for a bank transfer, our bank account.
    pub merchant_account: &'p str,
}

/// Credits an order's wallet: one posting for the money, and one for the bonus if there is one.
#[must_use]
pub fn top_up(order: OfOrder<'_>, payment: AppliedPayment<'_>, credited: Money, bonus: Option<Bonus>) -> Vec<Posting> {
    let mut postings = Vec::with_capacity(2);
    postings.push(credit(order.wallet(credited.currency()), payment, credited, order.shown()));
    if let Some(bonus) = bonus {
        let label = label(EntryKind::Bonus, payment, credited, order.shown(), Counterpart::Promotion);
        postings.push(bonus.posting(order, label));
    }
    postings
}

/// Credits a wallet with a payment that no order was made for; the entry refers to the payment.
#[must_use]
pub fn top_up_without_order(
    customer: &CustomerId,
    product: &Product,
    payment: AppliedPayment<'_>,
    credited: Money,
) -> Posting {
    let wallet = WalletKey { customer: customer.clone(), currency: credited.currency(), product: product.clone() };
    credit(wallet, payment, credited, IdKind::Payment.show(payment.id))
}

fn credit(wallet: WalletKey, payment: AppliedPayment<'_>, credited: Money, reference: String) -> Posting {
    let counterpart = Counterpart::of_payment(payment.provider, payment.merchant_account);
    let label = label(EntryKind::Recharge, payment, credited, reference, counterpart);
    Posting::of_wallet(wallet, Change::Credit { amount: credited }, label)
}

fn label(
    kind: EntryKind,
    payment: AppliedPayment<'_>,
    credited: Money,
    reference: String,
    counterpart: Counterpart,
) -> Label {
    let key = format!("{}:{}", IdKind::Payment.show(payment.id), payment.application);
    let fingerprint = fingerprint64(&[&reference, &credited.amount().normalize().to_string()]);
    Label { reference: Some(reference), ..Label::new(kind, key, fingerprint, counterpart) }
}
