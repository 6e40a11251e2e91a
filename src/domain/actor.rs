//! Who did something, by the name that timelines, proposals and the audit log keep, for example `operator:alice`.

use std::fmt;

use super::payment::ProviderName;

/// The name of the service itself, which acts by the clock or on the command line.
pub const SYSTEM: &str = "system";

/// What is shown of an operator to everybody who is none.
const AN_OPERATOR: &str = "operator";

/// Who did something. Columns keep the text that [`fmt::Display`] writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor<'a> {
    /// A customer, by its id.
    Customer(&'a str),
    /// A service of the platform, by the `sub` of its token.
    Service(&'a str),
    /// An operator, by the `sub` of the token.
    Operator(&'a str),
    /// A payment company, by a notification or an answer.
    Provider(ProviderName),
    /// The owner of the database, by the name of the role, on the command line.
    Owner(&'a str),
    System,
}

impl<'a> Actor<'a> {
    /// Reads what [`fmt::Display`] wrote; `None` for any other text.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        match text.split_once(':') {
            Some(("customer", id)) => Some(Self::Customer(id)),
            Some(("service", subject)) => Some(Self::Service(subject)),
            Some(("operator", subject)) => Some(Self::Operator(subject)),
            Some(("provider", name)) => name.parse().ok().map(Self::Provider),
            Some(("owner", role)) => Some(Self::Owner(role)),
            Some(_) => None,
            None => (text == SYSTEM).then_some(Self::System),
        }
    }

    /// The `sub` of the operator that a text names; `None` if it names no operator.
    #[must_use]
    pub fn operator(text: &'a str) -> Option<&'a str> {
        match Self::parse(text) {
            Some(Self::Operator(subject)) => Some(subject),
            _ => None,
        }
    }

    /// Whether a text names an operator.
    #[must_use]
    pub fn is_operator(text: &'a str) -> bool {
        Self::operator(text).is_some()
    }

    /// The text as customers and services may read it: they learn that an operator did it, and not which one.
    #[must_use]
    pub fn without_operator(text: &'a str) -> &'a str {
        if Self::is_operator(text) { AN_OPERATOR } else { text }
    }
}

impl fmt::Display for Actor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Customer(id) => write!(f, "customer:{id}"),
            Self::Service(subject) => write!(f, "service:{subject}"),
            Self::Operator(subject) => write!(f, "operator:{subject}"),
            Self::Provider(name) => write!(f, "provider:{name}"),
            Self::Owner(role) => write!(f, "owner:{role}"),
            Self::System => f.write_str(SYSTEM),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_actor_reads_back() {
        let all = [
            (Actor::Customer("ann"), "customer:ann"),
            (Actor::Service("meter"), "service:meter"),
            (Actor::Operator("auth0|a:b"), "operator:auth0|a:b"),
            (Actor::Provider(ProviderName::Stripe), "provider:stripe"),
            (Actor::Owner("topup_owner"), "owner:topup_owner"),
            (Actor::System, "system"),
        ];
        for (actor, text) in all {
            assert_eq!(actor.to_string(), text);
            assert_eq!(Actor::parse(text), Some(actor));
        }
        for other in ["", "operator", "Operator:alice", "provider:nobody", "topup check"] {
            assert_eq!(Actor::parse(other), None, "{other}");
        }
    }

    #[test]
    fn only_the_names_of_operators_are_kept_back() {
        assert_eq!(Actor::operator("operator:alice"), Some("alice"));
        assert_eq!(Actor::operator("service:operator:alice"), None);
        assert_eq!(Actor::without_operator("operator:alice"), "operator");
        for shown in ["service:meter", "customer:operator", "system", "topup check"] {
            assert_eq!(Actor::without_operator(shown), shown);
        }
    }
}
