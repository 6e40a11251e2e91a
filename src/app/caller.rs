//! The caller of a use case, and the customer that the call is about.

use uuid::Uuid;

use super::error::Error;
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::permission::Permissions;

/// A verified caller.
#[derive(Debug, Clone)]
pub struct Caller {
    pub subject: String,
    pub is_customer: bool,
    pub is_service: bool,
    pub is_operator: bool,
    /// What an operator may do; of others none.
    pub permissions: Permissions,
    /// The API key that the caller showed; `None` for a token. Only the audit log distinguishes the two.
    pub api_key: Option<Uuid>,
}

impl Caller {
    /// The caller's name in timelines, the audit log and idempotency scopes, for example `operator:alice`.
    #[must_use]
    pub fn actor(&self) -> String {
        let role = if self.is_operator {
            "operator"
        } else if self.is_service {
            "service"
        } else {
            "customer"
        };
        format!("{role}:{}", self.subject)
    }

    /// Requires that the money is not the caller's own: an operator may not move money of a customer whose id is the
    /// operator's `sub`.
    ///
    /// # Errors
    /// 403 `own_account`.
    pub fn require_not_own(&self, customer: &CustomerId) -> Result<(), Error> {
        if customer.as_str() != self.subject {
            return Ok(());
        }
        Err(Error::Forbidden {
            code: Code::OwnAccount,
            detail: "this is the account of a customer with your own sub; another operator must decide".to_owned(),
        })
    }

    /// Who did something, as this caller may read it: which operator it was, only operators learn.
    #[must_use]
    pub fn told<'a>(&self, actor: &'a str) -> &'a str {
        if self.is_operator || !actor.starts_with("operator:") { actor } else { "operator" }
    }

    /// Whether the caller may act for any customer.
    #[must_use]
    pub fn is_staff(&self) -> bool {
        self.is_operator || self.is_service
    }

    /// The customer that a call is about. A customer acts for itself; a service or operator names the customer.
    ///
    /// # Errors
    /// 422 when a service or operator names no customer; 404 when a customer names another one.
    pub fn customer(&self, named: Option<CustomerId>) -> Result<CustomerId, Error> {
        match named {
            Some(id) if self.is_staff() || (self.is_customer && id.as_str() == self.subject) => Ok(id),
            Some(_) => Err(Error::NotFound("customer")),
            None if self.is_customer => CustomerId::new(&self.subject).ok_or_else(|| Error::Forbidden {
                code: Code::NotACustomer,
                detail: "the token's sub is not a customer id".to_owned(),
            }),
            None => Err(Error::field("?customer_id", Code::Required, "must be named by a service or an operator")),
        }
    }
}
