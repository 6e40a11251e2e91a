//! Queries and paths that several endpoints share.

use serde::Deserialize;
use utoipa::IntoParams;

use super::wire::{CurrencyCode, CustomerIdText, ProductCode, ProductFilter, TopUpOrderId};
use crate::app::{Caller, Error};
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::money::Currency;
use crate::domain::product::Product;
use crate::domain::wallet_key::WalletKey;

/// Which customer a call is about.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CustomerQuery {
    pub customer_id: Option<CustomerIdText>,
}

impl CustomerQuery {
    /// The customer that the call is about: the caller's own, or the one that a service or operator names.
    ///
    /// # Errors
    /// As [`Caller::customer`].
    pub fn customer(&self, caller: &Caller) -> Result<CustomerId, Error> {
        customer_of(caller, self.customer_id.as_ref())
    }

    /// The customer whom the query names.
    ///
    /// # Errors
    /// 422 for an id that is malformed.
    pub fn named(&self) -> Result<Option<CustomerId>, Error> {
        CustomerIdText::filter(self.customer_id.as_ref(), "?customer_id")
    }
}

/// The customer that a call is about: whom the query names, or who calls.
///
/// # Errors
/// As [`Caller::customer`]; 422 for an id that is malformed.
pub fn customer_of(caller: &Caller, named: Option<&CustomerIdText>) -> Result<CustomerId, Error> {
    caller.customer(CustomerIdText::filter(named, "?customer_id")?)
}

/// Which customer a call of an operator is about.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct CustomerPath {
    /// The customer's id, percent-encoded, or `~` with the query parameter `customer_id`.
    pub customer_id: CustomerIdText,
}

impl CustomerPath {
    /// The customer that path and query name.
    ///
    /// # Errors
    /// 404 for an id that no customer can have; 422 `?customer_id` for such an id in the query, if the path has `~` and
    /// the query names nobody, and if both name a customer.
    pub fn customer(&self, query: &CustomerQuery) -> Result<CustomerId, Error> {
        let refused = |code, detail: &str| Err(Error::field("?customer_id", code, detail));
        let named = match (&*self.customer_id, &query.customer_id) {
            ("~", None) => return refused(Code::Required, "must name the customer, if the path says `~`"),
            ("~", named) => CustomerIdText::filter(named.as_ref(), "?customer_id")?,
            (_, Some(_)) => return refused(Code::InvalidValue, "must be absent, if the path names the customer"),
            (_, None) => self.customer_id.named(),
        };
        named.ok_or(Error::NotFound("customer"))
    }
}

/// Which order a call is about.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OrderPath {
    /// The order's id.
    pub order_id: TopUpOrderId,
}

/// Which currency a call is about.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct CurrencyPath {
    /// The currency.
    pub currency: CurrencyCode,
}

/// One of a customer's wallets, together with the currency in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WalletQuery {
    pub customer_id: Option<CustomerIdText>,
    /// The product that names the wallet; absent or empty for the main wallet.
    pub product: Option<ProductFilter>,
}

impl WalletQuery {
    /// The wallet that path and query name.
    ///
    /// # Errors
    /// 404 for an unknown currency and for another customer; 422 `?product` for a code that no product can have.
    pub fn wallet(&self, caller: &Caller, path: &CurrencyPath) -> Result<WalletKey, Error> {
        let customer = customer_of(caller, self.customer_id.as_ref())?;
        let currency = path.currency.named().ok_or(Error::NotFound("currency"))?;
        let code = self.product.as_deref().filter(|code| !code.is_empty()).map(ProductCode::new);
        let product = ProductCode::filter(code.as_ref(), "?product")?.unwrap_or_else(Product::main);
        Ok(WalletKey { customer, currency, product })
    }
}

/// Some of a customer's wallets.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WalletsQuery {
    pub customer_id: Option<CustomerIdText>,
    pub currency: Option<CurrencyCode>,
    pub product: Option<ProductFilter>,
}

/// Whose wallets a list shows, and which of them.
#[derive(Debug)]
pub struct WalletsFilter {
    pub customer: CustomerId,
    pub currency: Option<Currency>,
    pub product: Option<Product>,
}

impl WalletsQuery {
    /// Reads the query.
    ///
    /// # Errors
    /// As [`Caller::customer`]; 422 for a malformed currency or product.
    pub fn filter(&self, caller: &Caller) -> Result<WalletsFilter, Error> {
        Ok(WalletsFilter {
            customer: customer_of(caller, self.customer_id.as_ref())?,
            currency: CurrencyCode::filter(self.currency.as_ref(), "?currency")?,
            product: ProductFilter::filter(self.product.as_ref(), "?product")?,
        })
    }
}

/// The product of a catalogue entry.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProductQuery {
    /// The product that the entry is for. Absent or empty: the main wallet, and every product without an entry of its
    /// own.
    pub product: Option<ProductFilter>,
}
