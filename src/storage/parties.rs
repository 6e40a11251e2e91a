//! Sellers and buyers, as JSON documents in columns.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::StorageError;
use crate::domain::party::{BillingDetails, Party, TaxIdCheck, TaxIdVerification};

/// The content of a column. A missing part is absent.
#[derive(Default, Deserialize)]
#[serde(default)]
struct PartyDocument {
    name: String,
    company: Option<String>,
    address: Option<String>,
    city: Option<String>,
    region: Option<String>,
    postal_code: Option<String>,
    country: Option<String>,
    tax_id: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    registered_address: Option<String>,
    bank_name: Option<String>,
    bank_account: Option<String>,
    tax_id_verified: Option<VerificationDocument>,
}

#[derive(Deserialize)]
struct VerificationDocument {
    at: DateTime<Utc>,
    by: String,
    check: Option<CheckDocument>,
}

#[derive(Deserialize)]
struct CheckDocument {
    checker: String,
    checked_at: DateTime<Utc>,
    consultation: Option<String>,
}

pub(super) fn to_document(party: &Party) -> Value {
    let Party { name, country, email, details, tax_id_verified } = party;
    let BillingDetails { address, city, region, postal_code, phone, .. } = details;
    let BillingDetails { company, tax_id, registered_address, bank_name, bank_account, .. } = details;
    json!({
        "name": name, "company": company, "address": address, "city": city, "region": region,
        "postal_code": postal_code, "country": country, "tax_id": tax_id, "email": email, "phone": phone,
        "registered_address": registered_address, "bank_name": bank_name, "bank_account": bank_account,
        "tax_id_verified": tax_id_verified.as_ref().map(verification),
    })
}

fn verification(verified: &TaxIdVerification) -> Value {
    let TaxIdVerification { at, by, check } = verified;
    json!({ "at": at, "by": by, "check": check.as_ref().map(answer) })
}

fn answer(check: &TaxIdCheck) -> Value {
    let TaxIdCheck { checker, checked_at, consultation } = check;
    json!({ "checker": checker, "checked_at": checked_at, "consultation": consultation })
}

pub(super) fn from_document(document: Value) -> Result<Party, StorageError> {
    let document: PartyDocument =
        serde_json::from_value(document).map_err(|error| StorageError::Corrupt(format!("a party: {error}")))?;
    let details = BillingDetails {
        address: document.address,
        city: document.city,
        region: document.region,
        postal_code: document.postal_code,
        phone: document.phone,
        company: document.company,
        tax_id: document.tax_id,
        registered_address: document.registered_address,
        bank_name: document.bank_name,
        bank_account: document.bank_account,
    };
    let check = |CheckDocument { checker, checked_at, consultation }| TaxIdCheck { checker, checked_at, consultation };
    let verified = |document: VerificationDocument| TaxIdVerification {
        at: document.at,
        by: document.by,
        check: document.check.map(check),
    };
    Ok(Party {
        name: document.name,
        country: document.country,
        email: document.email,
        details,
        tax_id_verified: document.tax_id_verified.map(verified),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_party_is_read_back_as_it_was_written() {
        let all = |text: &str| Some(text.to_owned());
        let details = BillingDetails {
            address: all("1"),
            city: all("2"),
            region: all("3"),
            postal_code: all("4"),
            phone: all("5"),
            company: all("6"),
            tax_id: all("7"),
            registered_address: all("8"),
            bank_name: all("9"),
            bank_account: all("10"),
        };
        let (at, checked_at) = (DateTime::UNIX_EPOCH, DateTime::from_timestamp_micros(1_700_000_000_000_001).unwrap());
        let check = Some(TaxIdCheck { checker: "VIES".to_owned(), checked_at, consultation: all("11") });
        let tax_id_verified = Some(TaxIdVerification { at, by: "service:billing".to_owned(), check });
        let (name, country, email) = ("A".to_owned(), all("VN"), all("a@b.vn"));
        let party = Party { name, country, email, details, tax_id_verified };
        assert_eq!(from_document(to_document(&party)).unwrap(), party);
        let short = from_document(serde_json::json!({ "name": "A" })).unwrap();
        assert_eq!(short, Party { name: "A".to_owned(), ..Party::default() });
    }
}
