//! The name of this database at the payment companies.

use std::fmt;
use std::str::FromStr;

/// A random number that a database gets at its first migration and keeps, also when it is restored. Our server writes
/// it into its marks at the companies. So deployments that share an account at a company tell their payments apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deployment(u64);

impl fmt::Display for Deployment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Deployment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_plain = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let number = is_plain.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        number.map(Self).ok_or_else(|| "must be 16 hexadecimal digits in lower case".to_owned())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_deployment_is_written_as_it_is_read() {
        for text in ["0000000000000001", "ffffffffffffffff", "00c0ffee00c0ffee"] {
            assert_eq!(text.parse::<Deployment>().unwrap().to_string(), text);
        }
        for text in ["", "1", "+000000000000001", "FFFFFFFFFFFFFFFF", "00000000000000001", "000000000000000g"] {
            assert!(text.parse::<Deployment>().is_err(), "{text}");
        }
    }
}
