//! What an operator may do. Each operation of the API names one permission.
//!
//! | permission | opens | and also |
//! |---|---|---|
//! | `read` | what only shows something, except the reports | – |
//! | `support` | what a customer can do, questions to payment companies, goodwill up to a limit | `read` |
//! | `finance` | approvals, refunds, adjustments, unapplied money, bank lines, payouts, reports | `read`, `support` |
//! | `admin` | the catalogue, our bank accounts, freezes, closings, webhooks | `read` |
//!
//! `admin` contains neither `support` nor `finance`: the operator who sets the bank account that payers see is not the
//! one who moves the money.

use std::fmt;
use std::str::FromStr;

/// One word of the permissions of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    Read,
    Support,
    Finance,
    Admin,
}

impl Permission {
    pub const ALL: [Self; 4] = [Self::Read, Self::Support, Self::Finance, Self::Admin];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Support => "support",
            Self::Finance => "finance",
            Self::Admin => "admin",
        }
    }

    /// Its number in a set. Numbers are kept in no database.
    #[must_use]
    pub const fn bit(self) -> u8 {
        match self {
            Self::Read => 1,
            Self::Support => 2,
            Self::Finance => 4,
            Self::Admin => 8,
        }
    }

    /// It and what it contains.
    const fn bits(self) -> u8 {
        match self {
            Self::Read => 1,
            Self::Support => 1 | 2,
            Self::Finance => 1 | 2 | 4,
            Self::Admin => 1 | 8,
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Permission {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|permission| permission.as_str() == word);
        found.ok_or_else(|| "must be read, support, finance or admin".to_owned())
    }
}

/// What an operator may do. The empty set opens nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Permissions(u8);

impl Permissions {
    pub const NONE: Self = Self(0);
    pub const ALL: Self = Self(1 | 2 | 4 | 8);

    /// Reads the words of a claim. One unknown word makes the whole set empty: a word that is mistyped, or that a later
    /// version understands, must not pass for a smaller set.
    #[must_use]
    pub fn parse<'w>(words: impl IntoIterator<Item = &'w str>) -> Self {
        let known: Result<Self, String> = words.into_iter().map(Permission::from_str).collect();
        known.unwrap_or(Self::NONE)
    }

    #[must_use]
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.into_iter().filter(move |permission| self.contains(*permission))
    }
}

impl From<Permission> for Permissions {
    fn from(permission: Permission) -> Self {
        Self(permission.bits())
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().fold(0, |bits, permission| bits | permission.bits()))
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.iter().map(Permission::as_str).collect();
        f.write_str(&words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(permissions: Permissions) -> String {
        permissions.to_string()
    }

    #[test]
    fn what_contains_what() {
        assert_eq!(words(Permission::Read.into()), "read");
        assert_eq!(words(Permission::Support.into()), "read, support");
        assert_eq!(words(Permission::Finance.into()), "read, support, finance");
        assert_eq!(words(Permission::Admin.into()), "read, admin");
        assert_eq!(words(Permissions::parse(["admin", "support"])), "read, support, admin");
        assert_eq!(Permissions::parse(["admin", "finance"]), Permissions::ALL);
    }

    #[test]
    fn an_unknown_word_opens_nothing() {
        for claim in [&["Read"][..], &["read", "root"], &[""], &["read "], &[]] {
            assert_eq!(Permissions::parse(claim.iter().copied()), Permissions::NONE, "{claim:?}");
        }
    }
}
