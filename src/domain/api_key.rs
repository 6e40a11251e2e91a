//! API keys of the service's own, for callers without an identity provider.
//!
//! A key acts as its owner, who counts as the same caller with a token and with a key. It is text that a secret scanner
//! recognizes: `tk_test_` or `tk_live_`, 256 random bits and check digits, both as hex digits. Only the digest of the
//! text is kept.

use std::fmt;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::actor::Actor;
use super::customer::CustomerId;
use super::environment::Environment;
use super::permission::Permissions;

/// How many keys of one owner can be used at the same time.
pub const KEYS: i64 = 20;

/// What every key begins with. No JSON Web Token does.
pub const PREFIX: &str = "tk_";

const SECRET_BYTES: usize = 32;
const SECRET_DIGITS: usize = 2 * SECRET_BYTES;
const CHECK_DIGITS: usize = 8;
/// How much of the secret is shown, so that people can tell keys apart.
const SHOWN_DIGITS: usize = 6;

/// The SHA-256 of a key's text.
pub type KeyDigest = [u8; 32];

/// The text of a key. It is shown once, and kept nowhere.
#[derive(Debug, Clone)]
pub struct KeyText(SecretString);

impl KeyText {
    /// Writes a key of this environment with random bytes.
    #[must_use]
    pub fn new(environment: Environment, random: [u8; SECRET_BYTES]) -> Self {
        let unchecked = format!("{PREFIX}{environment}_{}", hex::encode(random));
        let check = check_digits(&unchecked);
        Self((unchecked + &check).into())
    }

    /// Reads a text that somebody sent as a key. The check digits distinguish a mistyped key from an unknown one,
    /// without the database.
    ///
    /// # Errors
    /// For a text of another form, and for a key of the other environment.
    pub fn read(text: &str, environment: Environment) -> Result<Self, KeyRefusal> {
        let rest = text.strip_prefix(PREFIX).ok_or(KeyRefusal::Malformed)?;
        let (stamp, digits) = rest.split_once('_').ok_or(KeyRefusal::Malformed)?;
        let stamp: Environment = stamp.parse().map_err(|_| KeyRefusal::Malformed)?;
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if digits.len() != SECRET_DIGITS + CHECK_DIGITS || !is_hex {
            return Err(KeyRefusal::Malformed);
        }
        let (unchecked, check) = text.split_at_checked(text.len() - CHECK_DIGITS).ok_or(KeyRefusal::Malformed)?;
        if check != check_digits(unchecked) {
            return Err(KeyRefusal::Malformed);
        }
        if stamp != environment {
            return Err(KeyRefusal::OtherStamp { key: stamp, here: environment });
        }
        Ok(Self(text.to_owned().into()))
    }

    /// The text of the key, which only its maker sees.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    #[must_use]
    pub fn digest(&self) -> KeyDigest {
        Sha256::digest(self.expose()).into()
    }

    /// The beginning of the text, which tells keys apart.
    #[must_use]
    pub fn hint(&self) -> String {
        let secret = self.expose().len() - SECRET_DIGITS - CHECK_DIGITS;
        self.expose().get(..secret + SHOWN_DIGITS).unwrap_or_default().to_owned()
    }
}

fn check_digits(unchecked: &str) -> String {
    let mut digits = hex::encode(Sha256::digest(unchecked));
    digits.truncate(CHECK_DIGITS);
    digits
}

/// Why a text is no key of this service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    #[error("the API key is not well-formed: check that it was copied as a whole")]
    Malformed,
    #[error("the API key is one of the {key} environment, and this is {here}")]
    OtherStamp { key: Environment, here: Environment },
}

/// What a key's owner is. Customers have no keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRole {
    Operator,
    Service,
}

/// Whom a key acts as: `operator:alice`, the name that timelines and the audit log show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOwner {
    role: KeyRole,
    subject: String,
}

impl KeyOwner {
    /// Reads a name such as `operator:alice`. The part after the colon follows the rule of a token's `sub`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (role, subject) = match Actor::parse(text)? {
            Actor::Operator(subject) => (KeyRole::Operator, subject),
            Actor::Service(subject) => (KeyRole::Service, subject),
            Actor::Customer(_) | Actor::Provider(_) | Actor::Owner(_) | Actor::System => return None,
        };
        CustomerId::new(subject).map(|_| Self { role, subject: subject.to_owned() })
    }

    #[must_use]
    pub fn role(&self) -> KeyRole {
        self.role
    }

    /// The `sub` that a token of the owner has.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

impl fmt::Display for KeyOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owner = match self.role {
            KeyRole::Operator => Actor::Operator(&self.subject),
            KeyRole::Service => Actor::Service(&self.subject),
        };
        write!(f, "{owner}")
    }
}

/// A key as it is shown: without its text.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiKey {
    pub id: Uuid,
    pub owner: KeyOwner,
    /// The beginning of the text.
    pub hint: String,
    pub description: String,
    /// The permissions of an operator's key; none for a service's key.
    pub permissions: Permissions,
    /// Who made it: its owner, or `system` for the command line.
    pub created_by: String,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub revoked: Option<Revoked>,
    pub last_used: Option<LastUse>,
}

/// The revocation of a key.
#[derive(Debug, Clone, PartialEq)]
pub struct Revoked {
    pub at: DateTime<Utc>,
    pub by: String,
}

/// The last use of a key that was noted.
#[derive(Debug, Clone, PartialEq)]
pub struct LastUse {
    pub at: DateTime<Utc>,
    /// The address of the caller.
    pub from: String,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn key() -> KeyText {
        KeyText::new(Environment::Test, [7; SECRET_BYTES])
    }

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let key = key();
        assert!(key.expose().starts_with("tk_test_0707"), "{}", key.expose());
        assert_eq!(key.expose().len(), 80);
        assert_eq!(key.hint(), "tk_test_070707");
        let read = KeyText::read(key.expose(), Environment::Test).unwrap();
        assert_eq!(read.digest(), key.digest());
        assert!(!format!("{key:?}").contains("0707"), "a log shows no key");
    }

    #[test]
    fn a_key_of_the_other_environment_is_refused() {
        let refused = KeyText::read(key().expose(), Environment::Live).unwrap_err();
        assert_eq!(refused, KeyRefusal::OtherStamp { key: Environment::Test, here: Environment::Live });
        // The stamp is under the check digits, so it cannot be exchanged.
        let forged = key().expose().replace("tk_test_", "tk_live_");
        assert_eq!(KeyText::read(&forged, Environment::Live).unwrap_err(), KeyRefusal::Malformed);
    }

    #[test]
    fn every_single_change_of_a_digit_is_noticed() {
        let key = key();
        for at in "tk_test_".len()..key.expose().len() {
            for digit in ['0', 'f'] {
                let mut changed = key.expose().to_owned();
                changed.replace_range(at..=at, &digit.to_string());
                let read = KeyText::read(&changed, Environment::Test);
                assert_eq!(read.is_ok(), changed == key.expose(), "{changed}");
            }
        }
        for other in ["", "tk_", "tk_test_", "tk_prod_00", "Tk_test_", &key.expose().to_uppercase(), "tk_test_é"] {
            assert_eq!(KeyText::read(other, Environment::Test).unwrap_err(), KeyRefusal::Malformed, "{other}");
        }
        let longer = format!("{}0", key.expose());
        assert!(KeyText::read(&longer, Environment::Test).is_err());
        assert!(KeyText::read(&longer[1..], Environment::Test).is_err());
    }

    #[test]
    fn an_owner_is_an_operator_or_a_service() {
        let owner = KeyOwner::parse("operator:auth0|a:b").unwrap();
        assert_eq!((owner.role(), owner.subject()), (KeyRole::Operator, "auth0|a:b"));
        assert_eq!(owner.to_string(), "operator:auth0|a:b");
        for other in ["", "alice", "customer:alice", "operator:", "operator:~", "Operator:alice", "service:a b"] {
            assert_eq!(KeyOwner::parse(other), None, "{other}");
        }
    }
}
