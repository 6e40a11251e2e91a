//! The environment of a database: test or live.

use std::fmt;
use std::str::FromStr;

/// The stamp that a database gets at its first migration. Sandboxes and generated keys work only with `test`, and live
/// credentials only with `live`. So test money and real money are never in one ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    Test,
    Live,
}

impl Environment {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }

    #[must_use]
    pub fn is_live(self) -> bool {
        self == Self::Live
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Environment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Test, Self::Live]
            .into_iter()
            .find(|stamp| stamp.as_str() == text)
            .ok_or_else(|| "must be `test` or `live`".to_owned())
    }
}
