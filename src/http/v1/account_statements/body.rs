//! How account statements look on the wire.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::account_statement as statement;
use crate::domain::calendar::Month;
use crate::domain::customer::CustomerId;
use crate::http::edge::wire::{CurrencyCode, CustomerIdText, MonthText, ProductCode, SignedAmount, WalletId};
use crate::http::v1::account_flows::body::AccountFlowType;

/// A customer's month. In every currency, and in every wallet, opening + movements = closing.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountStatement {
    customer_id: CustomerIdText,
    month: MonthText,
    /// The time zone in which days and months begin: a name of the IANA database.
    #[schema(max_length = 64, example = "Asia/Ho_Chi_Minh")]
    time_zone: String,
    /// The first moment of the month.
    from: DateTime<Utc>,
    /// The end of the statement: every flow before this moment is in it. It is the end of the month; for a month that
    /// is not over, it is the moment up to which all flows are known.
    to: DateTime<Utc>,
    /// Whether the statement covers the whole month. Then it never changes.
    complete: bool,
    #[schema(max_items = 200)]
    currencies: Vec<CurrencyStatement>,
}

/// What a customer had and moved in one currency.
#[derive(Debug, Serialize, ToSchema)]
pub struct CurrencyStatement {
    currency: CurrencyCode,
    opening: Standing,
    /// One line for each type of flow that occurred. Transfers between the customer's wallets are listed in both
    /// directions.
    #[schema(max_items = 8)]
    movements: Vec<StatementMovement>,
    closing: Standing,
    /// The wallets of this currency, the main wallet first.
    #[schema(max_items = 1000)]
    wallets: Vec<WalletStatement>,
}

/// What one wallet had, and what moved in it.
#[derive(Debug, Serialize, ToSchema)]
pub struct WalletStatement {
    wallet_id: WalletId,
    product: Option<ProductCode>,
    opening: Standing,
    #[schema(max_items = 8)]
    movements: Vec<StatementMovement>,
    closing: Standing,
}

/// What a wallet, or all wallets of a currency, had at a moment, including what holds reserved then.
#[derive(Debug, Serialize, ToSchema)]
pub struct Standing {
    /// paid + granted − debt.
    balance: SignedAmount,
    /// Money that was topped up.
    paid: SignedAmount,
    /// Promotional credit less debt.
    granted_less_debt: SignedAmount,
}

/// All flows of one type.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatementMovement {
    #[serde(rename = "type")]
    kind: AccountFlowType,
    #[schema(minimum = 1, example = 42)]
    count: i64,
    /// Their sum; negative where more went out than came in.
    amount: SignedAmount,
}

impl AccountStatement {
    #[must_use]
    pub fn of(customer: &CustomerId, month: Month, statement: &statement::AccountStatement) -> Self {
        Self {
            customer_id: CustomerIdText::of(customer),
            month: MonthText::of(month),
            time_zone: statement.time_zone.clone(),
            from: statement.from,
            to: statement.to,
            complete: statement.is_complete,
            currencies: statement.currencies.iter().map(CurrencyStatement::from).collect(),
        }
    }
}

impl From<&statement::CurrencyStatement> for CurrencyStatement {
    fn from(statement: &statement::CurrencyStatement) -> Self {
        Self {
            currency: CurrencyCode::of(statement.currency),
            opening: statement.opening.into(),
            movements: statement.movements.iter().map(StatementMovement::from).collect(),
            closing: statement.closing.into(),
            wallets: statement.wallets.iter().map(WalletStatement::from).collect(),
        }
    }
}

impl From<&statement::WalletStatement> for WalletStatement {
    fn from(statement: &statement::WalletStatement) -> Self {
        Self {
            wallet_id: WalletId::of(statement.wallet),
            product: ProductCode::of_product(&statement.product),
            opening: statement.opening.into(),
            movements: statement.movements.iter().map(StatementMovement::from).collect(),
            closing: statement.closing.into(),
        }
    }
}

impl From<statement::Standing> for Standing {
    fn from(standing: statement::Standing) -> Self {
        Self {
            balance: standing.balance.into(),
            paid: standing.paid.into(),
            granted_less_debt: standing.granted_less_debt().into(),
        }
    }
}

impl From<&statement::Movement> for StatementMovement {
    fn from(movement: &statement::Movement) -> Self {
        Self { kind: movement.flow.into(), count: movement.count, amount: movement.amount.into() }
    }
}

/// What a customer's wallets had at a moment of the past.
#[derive(Debug, Serialize, ToSchema)]
pub struct PastBalanceList {
    pub customer_id: CustomerIdText,
    /// The requested moment.
    pub at: DateTime<Utc>,
    /// The wallets that had a movement by then, by currency; the main wallet first.
    #[schema(max_items = 1000)]
    pub balances: Vec<PastBalance>,
}

/// What one wallet had at a moment of the past, including what holds reserved then.
#[derive(Debug, Serialize, ToSchema)]
pub struct PastBalance {
    wallet_id: WalletId,
    currency: CurrencyCode,
    product: Option<ProductCode>,
    /// paid + granted − debt. Credit that had expired is not included, even if it was written off later.
    total: SignedAmount,
    /// Money that was topped up.
    paid: SignedAmount,
    /// Promotional credit less debt.
    granted_less_debt: SignedAmount,
}

impl From<&statement::PastBalance> for PastBalance {
    fn from(past: &statement::PastBalance) -> Self {
        Self {
            wallet_id: WalletId::of(past.wallet),
            currency: CurrencyCode::of(past.booked.balance.currency()),
            product: ProductCode::of_product(&past.product),
            total: past.total().into(),
            paid: past.booked.paid.into(),
            granted_less_debt: past.granted_less_debt().into(),
        }
    }
}
