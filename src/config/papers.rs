//! The seller on our papers, and how papers are numbered.

use clap::Args;

use crate::domain::country::Country;
use crate::domain::party::BillingDetails;
use crate::domain::party::Party;

/// The seller on our papers, and how papers are numbered.
#[derive(Debug, Clone, Args)]
pub struct PaperConfig {
    /// The name of the seller on receipts and credit notes.
    #[arg(id = "seller-name", long, env = "TOPUP_SELLER_NAME", value_name = "NAME", default_value = "")]
    pub seller_name: String,
    /// The address of the seller, with `; ` between its lines.
    #[arg(id = "seller-address", long, env = "TOPUP_SELLER_ADDRESS", value_name = "ADDRESS")]
    pub seller_address: Option<String>,
    /// The city of the seller.
    #[arg(id = "seller-city", long, env = "TOPUP_SELLER_CITY", value_name = "CITY")]
    pub seller_city: Option<String>,
    /// The state or the province of the seller.
    #[arg(id = "seller-region", long, env = "TOPUP_SELLER_REGION", value_name = "REGION")]
    pub seller_region: Option<String>,
    /// The postal code of the seller.
    #[arg(id = "seller-postal-code", long, env = "TOPUP_SELLER_POSTAL_CODE", value_name = "CODE")]
    pub seller_postal_code: Option<String>,
    /// The country of the seller, by its two letters.
    #[arg(id = "seller-country", long, env = "TOPUP_SELLER_COUNTRY", value_name = "CODE")]
    pub seller_country: Option<Country>,
    /// The tax id of the seller.
    #[arg(id = "seller-tax-id", long, env = "TOPUP_SELLER_TAX_ID", value_name = "ID")]
    pub seller_tax_id: Option<String>,
    /// The address to which customers write about papers.
    #[arg(id = "seller-email", long, env = "TOPUP_SELLER_EMAIL", value_name = "ADDRESS")]
    pub seller_email: Option<String>,
    /// The phone number of the seller.
    #[arg(id = "seller-phone", long, env = "TOPUP_SELLER_PHONE", value_name = "NUMBER")]
    pub seller_phone: Option<String>,
    /// The bank of the seller, which invoices of China and Vietnam name.
    #[arg(id = "seller-bank-name", long, env = "TOPUP_SELLER_BANK_NAME", value_name = "NAME")]
    pub seller_bank_name: Option<String>,
    /// The seller's account at that bank.
    #[arg(id = "seller-bank-account", long, env = "TOPUP_SELLER_BANK_ACCOUNT", value_name = "NUMBER")]
    pub seller_bank_account: Option<String>,
    /// The series in which receipts are numbered. Numbers begin with 1 in each year.
    #[arg(
        id = "receipt-series", long, env = "TOPUP_RECEIPT_SERIES", value_name = "SERIES", default_value = "R",
        value_parser = series
    )]
    pub receipt_series: String,
    /// The series in which credit notes and their cancellations are numbered.
    #[arg(
        id = "credit-note-series", long, env = "TOPUP_CREDIT_NOTE_SERIES", value_name = "SERIES", default_value = "C",
        value_parser = series
    )]
    pub credit_note_series: String,
}

impl PaperConfig {
    /// The seller, as papers name it.
    #[must_use]
    pub fn seller(&self) -> Party {
        Party {
            name: self.seller_name.clone(),
            country: self.seller_country.map(|country| country.code().to_owned()),
            email: self.seller_email.clone(),
            details: BillingDetails {
                address: self.seller_address.as_ref().map(|address| address.replace("; ", "\n")),
                city: self.seller_city.clone(),
                region: self.seller_region.clone(),
                postal_code: self.seller_postal_code.clone(),
                phone: self.seller_phone.clone(),
                company: None,
                tax_id: self.seller_tax_id.clone(),
                registered_address: None,
                bank_name: self.seller_bank_name.clone(),
                bank_account: self.seller_bank_account.clone(),
            },
            tax_id_verified: None,
        }
    }
}

fn series(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
    match (1..=16).contains(&text.len()) && text.bytes().all(plain) {
        true => Ok(text.to_owned()),
        false => Err("must be 1 to 16 of A-Z 0-9 -".to_owned()),
    }
}
