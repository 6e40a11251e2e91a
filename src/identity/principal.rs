//! The caller that a verified token or an API key names, and what it may do.

use std::fmt;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::api_key::{KeyOwner, KeyRole};
use crate::domain::customer::CustomerId;
use crate::domain::permission::Permissions;

/// A role of a caller: one word of the `scope` claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    Customer,
    Service,
    Operator,
}

impl Scope {
    pub const ALL: [Self; 3] = [Self::Customer, Self::Service, Self::Operator];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Service => "service",
            Self::Operator => "operator",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Customer => 1,
            Self::Service => 2,
            Self::Operator => 4,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The scopes of a token. They may be empty: such a caller is known, but may do nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Scopes(u8);

impl Scopes {
    /// Reads a `scope` claim: words separated by spaces (RFC 8693 §4.2).
    #[must_use]
    pub fn parse(claim: &str) -> Self {
        Self::of_words(claim.split(' ').collect())
    }

    /// The scopes among some words. Others are ignored, because identity providers add their own, such as `openid` and
    /// `email`.
    pub(super) fn of_words(words: Vec<&str>) -> Self {
        words.into_iter().filter_map(|word| Scope::ALL.into_iter().find(|scope| scope.as_str() == word)).collect()
    }

    #[must_use]
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

impl From<Scope> for Scopes {
    fn from(scope: Scope) -> Self {
        Self(scope.bit())
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// A stable name of a caller for rate limits. All tokens of one subject of one issuer have the same credential.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Credential([u8; 16]);

impl Credential {
    pub(super) fn of(issuer: Option<&str>, subject: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(issuer.unwrap_or_default());
        // A subject contains no NUL, so the last NUL always separates issuer and subject.
        hash.update([0]);
        hash.update(subject);
        let digest: [u8; 32] = hash.finalize().into();
        let mut id = [0; 16];
        id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        Self(id)
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({})", hex::encode(self.0))
    }
}

/// The caller, as a verified token or an API key names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The token's `sub`, or the claim that names a customer. It follows the rule of a customer id.
    pub subject: String,
    /// The customer that the caller is. A person who is an operator may be a customer, too.
    pub customer: Option<CustomerId>,
    pub scopes: Scopes,
    /// The permissions of the scope `operator`. Other scopes have none.
    pub permissions: Permissions,
    pub credential: Credential,
    /// The token's `exp`, or the end of the API key.
    pub expires_at: DateTime<Utc>,
    /// The caller's API key; `None` for a token.
    pub api_key: Option<Uuid>,
}

/// The issuer of API keys, which is no issuer of tokens.
const KEY_ISSUER: &str = "urn:topup:api-keys";

impl Principal {
    /// The owner of an API key, who acts with it.
    #[must_use]
    pub fn of_key(
        key: Uuid,
        owner: &KeyOwner,
        customer: Option<CustomerId>,
        permissions: Permissions,
        expires_at: DateTime<Utc>,
    ) -> Self {
        let scope = match owner.role() {
            KeyRole::Operator => Scope::Operator,
            KeyRole::Service => Scope::Service,
        };
        Self {
            subject: owner.subject().to_owned(),
            customer: customer.or_else(|| CustomerId::new(owner.subject())),
            scopes: scope.into(),
            permissions,
            credential: Credential::of(Some(KEY_ISSUER), owner.subject()),
            expires_at,
            api_key: Some(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_words_are_scopes() {
        let scopes = Scopes::parse("openid operator  Customer service.read customer");
        assert_eq!(scopes.iter().collect::<Vec<_>>(), [Scope::Customer, Scope::Operator]);
        assert!(!scopes.contains(Scope::Service));
        assert!(Scopes::parse("").is_empty());
        assert!(Scopes::parse("customers customer,service").is_empty());
    }

    #[test]
    fn a_credential_tells_issuer_and_subject_apart() {
        let one = Credential::of(Some("https://id.example"), "alice");
        assert_eq!(one, Credential::of(Some("https://id.example"), "alice"));
        assert_ne!(one, Credential::of(Some("https://id.example"), "bob"));
        assert_ne!(one, Credential::of(None, "alice"));
        assert_ne!(Credential::of(Some("ab"), "c"), Credential::of(Some("a"), "bc"));
    }
}
