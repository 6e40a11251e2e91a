//! How low-balance alerts look on the wire.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::wallet::Wallet;
use crate::http::edge::wire::{Amount, CurrencyCode, CustomerIdText, ProductCode, SignedAmount};

/// The threshold below which a wallet's balance counts as low.
#[derive(Debug, Serialize, ToSchema)]
pub struct LowBalanceAlert {
    customer_id: CustomerIdText,
    currency: CurrencyCode,
    product: Option<ProductCode>,
    threshold: Amount,
    /// The available amount.
    available: SignedAmount,
    /// Whether the next fall below the threshold alerts. After an alert it is false until the balance has recovered.
    armed: bool,
}

/// The alert of a wallet; `None` for a wallet without one.
pub fn alert_body(wallet: &Wallet) -> Option<LowBalanceAlert> {
    let (low, currency) = (wallet.low_balance.as_ref()?, wallet.key.currency);
    Some(LowBalanceAlert {
        customer_id: CustomerIdText::of(&wallet.key.customer),
        currency: CurrencyCode::of(currency),
        product: ProductCode::of_product(&wallet.key.product),
        threshold: low.threshold.into(),
        available: wallet.available().into(),
        armed: low.armed,
    })
}
