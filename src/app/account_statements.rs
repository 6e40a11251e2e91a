//! Account statements: a customer's month, and what a customer had at a moment of the past.

use chrono::{DateTime, Duration, Utc};

use super::{App, Error};
use crate::domain::account_statement::{AccountStatement, CurrencyStatement, PastBalance, WalletEnds, WalletStatement};
use crate::domain::calendar::{Month, Span};
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::money::{Currency, Money};
use crate::domain::product::Product;
use crate::storage::account_statements::{self as store, WhichWallets};
use crate::storage::{calendar, ledger};

/// The statement of a month. If the month is not over, the statement ends at the last moment whose entries are all
/// known.
///
/// # Errors
/// 404 for a month that has not begun; database errors.
pub async fn of_month(
    app: &App,
    customer: &CustomerId,
    month: Month,
    currency: Option<Currency>,
) -> Result<AccountStatement, Error> {
    let mut conn = app.pool.get().await?;
    // This moment must be read before anything else.
    let settled = ledger::settled_until(&mut conn).await?;
    let Span { from, to: end } = calendar::month(&mut conn, month).await?;
    if settled <= from {
        return Err(Error::NotFound("statement"));
    }
    let span = Span { from, to: end.min(settled) };
    let which = WhichWallets { customer: customer.clone(), currency, product: None };
    let ends = store::ends(&mut conn, &which, span).await?;
    let sums = store::sums(&mut conn, customer, &ends, span).await?;
    // A wallet that was created later had nothing, and nothing moved in it.
    let wallets = ends.into_iter().filter(|ends| ends.entries_after > 0);
    let statements = wallets.map(|ends| WalletStatement::new(ends, &sums)).collect();
    Ok(AccountStatement {
        time_zone: calendar::time_zone(&mut conn).await?,
        from,
        to: span.to,
        is_complete: span.to == end,
        currencies: CurrencyStatement::of_each(statements),
    })
}

/// What a customer's wallets had at a moment: by the last entry at or before it, without credit that had expired.
///
/// # Errors
/// 409 `too_recent` for a moment at which an entry may still be added; database errors.
pub async fn at_moment(
    app: &App,
    customer: &CustomerId,
    at: DateTime<Utc>,
    currency: Option<Currency>,
    product: Option<Product>,
) -> Result<Vec<PastBalance>, Error> {
    let mut conn = app.pool.get().await?;
    let settled = ledger::settled_until(&mut conn).await?;
    if at >= settled {
        let shown = settled.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        let detail = format!("entries of this moment may still be added; ask for one before {shown}");
        return Err(Error::conflict(Code::TooRecent, detail));
    }
    let which = WhichWallets { customer: customer.clone(), currency, product };
    // Times have microseconds, so this includes the entries of exactly that moment.
    let after = at + Duration::microseconds(1);
    let mut ends = store::ends(&mut conn, &which, Span { from: after, to: after }).await?;
    ends.retain(|ends| ends.entries_after > 0);
    let lapsed = store::lapsed(&mut conn, customer, at, &ends).await?;
    let balance = |ends: WalletEnds| {
        let currency = ends.closing.balance.currency();
        let lapsed = lapsed.iter().find(|(wallet, _)| *wallet == ends.wallet);
        PastBalance {
            wallet: ends.wallet,
            product: ends.product,
            booked: ends.closing,
            lapsed: lapsed.map_or(Money::zero(currency), |(_, amount)| Money::from_ledger(*amount, currency)),
        }
    };
    Ok(ends.into_iter().map(balance).collect())
}
