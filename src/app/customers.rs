//! Customers as operators see them: the list, and everything about one customer.

use super::spend_guards::GuardedWallet;
use super::{App, Error, balances, spend_guards};
use crate::domain::account_flow::{AccountFlow, FlowFilter};
use crate::domain::balances::Balances;
use crate::domain::billing_profile::BillingProfile;
use crate::domain::customer::CustomerId;
use crate::domain::freeze::Freeze;
use crate::domain::grant::WalletGrant;
use crate::domain::hold::Hold;
use crate::domain::order::{Order, OrderFilter, OrderStatus};
use crate::domain::page::{Page, Rows};
use crate::storage::{account_flows, billing_profiles, customers, freezes, grants, ledger, order_lists};

/// The most open orders, open holds and grants that are shown.
const SHOWN: i64 = 50;
/// The most movements that are shown.
const FLOWS: i64 = 20;

/// A customer in a list.
#[derive(Debug, Clone)]
pub struct ListedCustomer {
    pub customer: CustomerId,
    pub profile: Option<BillingProfile>,
    /// As a whole, or in one wallet.
    pub is_frozen: bool,
}

/// Everything about one customer.
#[derive(Debug, Clone)]
pub struct CustomerView {
    pub customer: CustomerId,
    pub profile: Option<BillingProfile>,
    pub balances: Balances,
    pub freezes: Vec<Freeze>,
    pub open_orders: Vec<Order>,
    pub open_holds: Vec<Hold>,
    /// Only grants of which something is left.
    pub grants: Vec<WalletGrant>,
    pub guards: Vec<GuardedWallet>,
    /// The last movements.
    pub flows: Vec<AccountFlow>,
}

/// A page of the customers in the order of their ids.
///
/// # Errors
/// Database errors.
pub async fn list(app: &App, page: &Page<String>) -> Result<Rows<ListedCustomer>, Error> {
    let mut conn = app.pool.get().await?;
    let found = customers::list(&mut conn, page).await?;
    let frozen = customers::frozen(&mut conn, &found.rows).await?;
    let profiles = billing_profiles::of_each(&mut conn, &found.rows).await?;
    found.try_map(|customer| {
        let profile = profiles.iter().find(|profile| profile.customer == customer).cloned();
        let is_frozen = frozen.iter().any(|id| id == customer.as_str());
        Ok(ListedCustomer { customer, profile, is_frozen })
    })
}

/// Everything about one customer.
///
/// # Errors
/// 404 for an id of which nothing is known.
pub async fn get(app: &App, customer: &CustomerId) -> Result<CustomerView, Error> {
    let balances = balances::list(app, customer, None, None).await?;
    let guards = spend_guards::list(app, customer, None, None).await?;
    let mut conn = app.pool.get().await?;
    let open = OrderFilter {
        customer: Some(customer.clone()),
        statuses: vec![OrderStatus::Pending, OrderStatus::Processing],
        ..OrderFilter::default()
    };
    let view = CustomerView {
        customer: customer.clone(),
        profile: billing_profiles::find(&mut conn, customer).await?,
        balances,
        freezes: freezes::of_customer(&mut conn, customer).await?,
        open_orders: order_lists::list(&mut conn, &open, &Page::newest(SHOWN)).await?.rows,
        open_holds: ledger::open_holds(&mut conn, customer, SHOWN).await?,
        grants: grants::left(&mut conn, customer, SHOWN).await?,
        guards,
        flows: account_flows::list(&mut conn, &FlowFilter::all_of(customer.clone()), None, FLOWS).await?,
    };
    let is_known = view.profile.is_some() || !view.balances.wallets.is_empty() || !view.freezes.is_empty();
    if is_known || !view.open_orders.is_empty() || has_orders(&mut conn, customer).await? {
        return Ok(view);
    }
    Err(Error::NotFound("customer"))
}

async fn has_orders(conn: &mut crate::storage::Connection, customer: &CustomerId) -> Result<bool, Error> {
    let any = OrderFilter { customer: Some(customer.clone()), ..OrderFilter::default() };
    Ok(order_lists::count(conn, &any, 1).await? > 0)
}
