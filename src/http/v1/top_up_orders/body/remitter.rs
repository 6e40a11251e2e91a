//! The sender of a bank transfer, and how the name compares with the billing profile.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::order::Remitter;
use crate::domain::remitter::RemitterCheck;
use crate::http::edge::wire::{RemitterBank, RemitterName, RemitterRemarks};

/// The sender of the bank transfer, as the customer declared it.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderRemitter {
    name: RemitterName,
    bank: RemitterBank,
    remarks: Option<RemitterRemarks>,
    /// Whether the name is the name or the company of the billing profile. Case, marks, punctuation and the order of
    /// words make no difference. Null in lists, and without a profile.
    matches_billing_profile: Option<bool>,
    /// The name in the billing profile, if it is different.
    #[schema(max_length = 200, example = "Demo Customer")]
    billing_name: Option<String>,
}

impl From<&Remitter> for OrderRemitter {
    fn from(remitter: &Remitter) -> Self {
        Self {
            name: RemitterName::new(&remitter.name),
            bank: RemitterBank::new(&remitter.bank),
            remarks: remitter.remarks.as_deref().map(RemitterRemarks::new),
            matches_billing_profile: None,
            billing_name: None,
        }
    }
}

impl OrderRemitter {
    /// The remitter, with the result of the comparison.
    #[must_use]
    pub fn checked(self, check: Option<&RemitterCheck>) -> Self {
        let billing_name = match check {
            Some(RemitterCheck::Differs(name)) => Some(name.clone()),
            Some(RemitterCheck::Same) | None => None,
        };
        Self { matches_billing_profile: check.map(|check| *check == RemitterCheck::Same), billing_name, ..self }
    }
}
