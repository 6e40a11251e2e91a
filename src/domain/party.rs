//! Sellers and buyers, as papers and invoices name them.

use std::fmt;

use chrono::{DateTime, Utc};

/// The seller or the buyer, as the paper names them.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Party {
    pub name: String,
    /// The two letters of the country.
    pub country: Option<String>,
    pub email: Option<String>,
    pub details: BillingDetails,
    /// When and by whom the tax id was verified; `None` if nobody did, and for the seller.
    pub tax_id_verified: Option<TaxIdVerification>,
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

/// The verification that the tax id exists and is the customer's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxIdVerification {
    pub at: DateTime<Utc>,
    /// The operator, or the service that stored a checker's answer.
    pub by: String,
    /// The checker's answer; `None` if an operator verified it.
    pub check: Option<TaxIdCheck>,
}

/// What a checker of tax ids, such as VIES, has confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxIdCheck {
    pub checker: String,
    pub checked_at: DateTime<Utc>,
    /// The number under which the checker keeps its answer.
    pub consultation: Option<String>,
}
