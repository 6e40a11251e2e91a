//! The billing profile: the name, address and country that a customer is billed with.

use chrono::{DateTime, Utc};

use super::country::Country;
use super::customer::CustomerId;
use super::party::{BillingDetails, Party, TaxIdVerification};

/// A customer's billing details. The first order requires them.
#[derive(Clone, PartialEq, Eq)]
pub struct BillingProfile {
    pub customer: CustomerId,
    pub name: String,
    pub email: Email,
    pub country: Country,
    pub details: BillingDetails,
    /// When and by whom the tax id was verified.
    pub tax_id_verified: Option<TaxIdVerification>,
    pub version: i64,
    pub updated_at: DateTime<Utc>,
}

impl BillingProfile {
    /// Whether the customer is a business for tax: only if the tax id was verified.
    #[must_use]
    pub fn is_business(&self) -> bool {
        self.tax_id_verified.is_some()
    }

    /// The verification, if it is still valid for the new details: it concerns the tax id, its country, and its owner.
    #[must_use]
    pub fn verification_for(
        &self,
        country: Country,
        name: &str,
        details: &BillingDetails,
    ) -> Option<TaxIdVerification> {
        let verified = (self.country, &self.details.tax_id, &self.details.company, self.name.as_str());
        let is_same = verified == (country, &details.tax_id, &details.company, name);
        self.tax_id_verified.clone().filter(|_| is_same)
    }

    /// The customer as papers name it. An order keeps this copy.
    #[must_use]
    pub fn party(&self) -> Party {
        Party {
            name: self.name.clone(),
            country: Some(self.country.code().to_owned()),
            email: Some(self.email.as_str().to_owned()),
            details: self.details.clone(),
            tax_id_verified: self.tax_id_verified.clone(),
        }
    }
}

// Personal data stays out of logs.
impl std::fmt::Debug for BillingProfile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BillingProfile")
            .field("customer", &self.customer)
            .field("country", &self.country)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// A well-formed e-mail address. Whether mail arrives there is not known.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

impl std::fmt::Debug for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Email(…)")
    }
}

impl Email {
    /// Reads an address: a dot-atom of at most 64 ASCII characters, `@`, and a domain of at least two labels; at most
    /// 254 characters in total (RFC 5321 §4.5.3.1). Quoted local parts and address literals are refused.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let (local, domain) = text.rsplit_once('@')?;
        let atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b);
        let local_part =
            (1..=64).contains(&local.len()) && local.split('.').all(|word| !word.is_empty() && word.bytes().all(atom));
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let labels = domain.split('.').all(label) && domain.contains('.');
        let top_level = domain.rsplit('.').next().is_some_and(|last| !last.bytes().all(|b| b.is_ascii_digit()));
        (text.len() <= 254 && local_part && labels && top_level).then(|| Self(text.to_owned()))
    }

    /// Takes the text of a column. It was checked when it was written.
    #[must_use]
    pub fn from_column(text: &str) -> Self {
        Self(text.to_owned())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plausible_addresses_only() {
        for good in ["a@b.vn", "first.last+tag@sub.example.com", "o'neil@example.co.uk", "x@xn--mnchen-3ya.de"] {
            assert!(Email::new(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "a",
            "a@",
            "@b.vn",
            "a@b",
            "a b@c.vn",
            "a@b..vn",
            ".a@b.vn",
            "a..b@c.vn",
            "a@-b.vn",
            "a@b.vn ",
            "a@b.vn\n",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "\"a\"@b.vn",
            "a@b@c.vn",
            "ä@b.vn",
            "a@b.vn, c@d.vn",
        ] {
            assert!(Email::new(bad).is_none(), "{bad}");
        }
        assert!(Email::new(&format!("{}@b.vn", "a".repeat(65))).is_none());
    }

    #[test]
    fn debug_output_shows_no_personal_data() {
        assert_eq!(format!("{:?}", Email::from_column("a@b.vn")), "Email(…)");
        let details = BillingDetails { phone: Some("123".to_owned()), ..BillingDetails::default() };
        assert!(!format!("{details:?} {:?}", Party { details: details.clone(), ..Party::default() }).contains("123"));
    }
}
