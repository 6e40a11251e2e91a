//! How wallets look on the wire.

pub mod messages;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::wallet::Wallet;
use crate::http::edge::problem::TakenBackDebt;
use crate::http::edge::wire::{Amount, CurrencyCode, CustomerIdText, ProductCode, SignedAmount, WalletId};

/// A customer's wallets.
#[derive(Debug, Serialize, ToSchema)]
pub struct BalanceList {
    pub customer_id: CustomerIdText,
    #[schema(max_items = 1000)]
    pub balances: Vec<Balance>,
    /// Taken-back money that is claimed from the customer, one sum for each currency. While there is such a claim,
    /// nothing new is spent in that currency, and money that comes in is taken for it.
    #[schema(max_items = 200)]
    pub taken_back_debt: Vec<TakenBackDebt>,
}

/// One wallet: the main wallet or one product's, in one currency.
#[derive(Debug, Serialize, ToSchema)]
pub struct Balance {
    wallet_id: WalletId,
    currency: CurrencyCode,
    product: Option<ProductCode>,
    /// paid + granted.
    total: Amount,
    /// Money that was topped up.
    paid: Amount,
    /// Promotional credit, which may expire.
    granted: Amount,
    /// The amount that open holds reserve.
    held: Amount,
    /// The amount that the customer owes. The next payment or transfer into the wallet repays it.
    debt: Amount,
    /// paid + granted − held − debt.
    available: SignedAmount,
    /// What can be transferred to another wallet or refunded: paid money that no hold reserves, less the debt. Granted
    /// credit cannot move.
    transferable: Amount,
    /// Whether an operator has frozen the wallet or the customer: then nothing new is spent.
    frozen: bool,
    /// A number that grows with every change of the wallet.
    #[schema(minimum = 0, example = 7)]
    version: i64,
    updated_at: DateTime<Utc>,
}

impl From<&Wallet> for Balance {
    fn from(wallet: &Wallet) -> Self {
        let currency = wallet.key.currency;
        Self {
            wallet_id: WalletId::of(wallet.id),
            currency: CurrencyCode::of(currency),
            product: ProductCode::of_product(&wallet.key.product),
            total: wallet.total().into(),
            paid: wallet.paid().into(),
            granted: wallet.granted().into(),
            held: wallet.held().into(),
            debt: wallet.debt().into(),
            available: wallet.available().into(),
            transferable: wallet.movable().into(),
            frozen: wallet.is_frozen() || wallet.is_customer_frozen(),
            version: wallet.version,
            updated_at: wallet.updated_at,
        }
    }
}
