//! Sellers and buyers, as papers and invoices name them.

use std::fmt;

/// Who sold, or who bought, as the paper names them.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Party {
    pub name: String,
    /// The two letters of the country.
    pub country: Option<String>,
    pub email: Option<String>,
    pub details: BillingDetails,
}

// Personal data stays out of logs.
impl fmt::Debug for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Party(…)")
    }
}

/// What papers and invoices say about a party in addition to name, country and e-mail address.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct BillingDetails {
    /// Street and house, in one line or several.
    pub address: Option<String>,
    pub city: Option<String>,
    /// The state or the province.
    pub region: Option<String>,
    pub postal_code: Option<String>,
    pub phone: Option<String>,
    pub company: Option<String>,
    pub tax_id: Option<String>,
    /// The registered address of the company. A special invoice of China names it, with phone, bank and account.
    pub registered_address: Option<String>,
    pub bank_name: Option<String>,
    pub bank_account: Option<String>,
}

impl fmt::Debug for BillingDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BillingDetails(…)")
    }
}
