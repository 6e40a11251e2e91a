//! The caller of a use case, and the customer that the call is about.

use uuid::Uuid;

use super::error::Error;
use crate::domain::actor::Actor;
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::permission::Permissions;

/// A verified caller.
#[derive(Debug, Clone)]
pub struct Caller {
    pub subject: String,
    /// The customer that the caller is. A person who is an operator may be a customer, too.
    pub own_customer: Option<CustomerId>,
    pub is_customer: bool,
    pub is_service: bool,
    pub is_operator: bool,
    /// What an operator may do; empty for other callers.
    pub permissions: Permissions,
    /// The caller's API key; `None` for a token. Only the audit log distinguishes the two.
    pub api_key: Option<Uuid>,
}

/// Who reads an answer or an event. Only operators learn which operator did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    Operator,
    Other,
}

impl Reader {
    /// The reader for messages that go to an actor such as `service:meter`.
    #[must_use]
    pub fn of_actor(actor: &str) -> Self {
        if Actor::is_operator(actor) { Self::Operator } else { Self::Other }
    }

    /// Who did something, as this reader may learn it.
    #[must_use]
    pub fn told(self, actor: &str) -> &str {
        if self == Self::Operator { actor } else { Actor::without_operator(actor) }
    }
}

impl Caller {
    /// An operator for whom the service acts, for example later, or from the command line.
    #[must_use]
    pub fn operator(subject: &str, permissions: Permissions) -> Self {
        Self {
            subject: subject.to_owned(),
            own_customer: CustomerId::new(subject),
            is_customer: false,
            is_service: false,
            is_operator: true,
            permissions,
            api_key: None,
        }
    }

    /// The caller's name in timelines, the audit log and idempotency scopes, for example `operator:alice`.
    #[must_use]
    pub fn actor(&self) -> String {
        let actor = if self.is_operator {
            Actor::Operator(&self.subject)
        } else if self.is_service {
            Actor::Service(&self.subject)
        } else {
            Actor::Customer(self.own_customer.as_ref().map_or(&*self.subject, CustomerId::as_str))
        };
        actor.to_string()
    }

    /// Requires that the money is not the caller's own: an operator may not move money of a customer who is the same
    /// person. The operator's `sub`, or the claim that names a customer, shows that.
    ///
    /// # Errors
    /// 403 `own_account`.
    pub fn require_not_own(&self, customer: &CustomerId) -> Result<(), Error> {
        if customer.as_str() != self.subject && self.own_customer.as_ref() != Some(customer) {
            return Ok(());
        }
        Err(Error::Forbidden {
            code: Code::OwnAccount,
            detail: "this is your own account as a customer; another operator must decide".to_owned(),
        })
    }

    #[must_use]
    pub fn reader(&self) -> Reader {
        if self.is_operator { Reader::Operator } else { Reader::Other }
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
            Some(id) if self.is_staff() || (self.is_customer && self.own_customer.as_ref() == Some(&id)) => Ok(id),
            Some(_) => Err(Error::NotFound("customer")),
            None if self.is_customer => self.own_customer.clone().ok_or_else(|| Error::Forbidden {
                code: Code::NotACustomer,
                detail: "the token names no customer".to_owned(),
            }),
            None => Err(Error::field("?customer_id", Code::Required, "must be named by a service or an operator")),
        }
    }
}
