//! The position of a listener of the balance stream, which is the `id` of each message.

use sha2::{Digest, Sha256};

use crate::domain::customer::CustomerId;

/// The position of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The position of the last event sent.
    pub position: i64,
    /// The sum of the versions of the customer's wallets as sent. Versions only grow, so the same sum means that
    /// nothing has changed.
    pub versions: i64,
    /// Whose cursor it is, as a short digest.
    customer: u32,
}

impl Cursor {
    /// Reads what [`std::fmt::Display`] wrote; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?;
        let (position, versions) = (number(parts.next()?)?, number(parts.next()?)?);
        let customer = parts.next().filter(|tag| tag.len() == 8 && !tag.starts_with('+'))?;
        let cursor = Self { position, versions, customer: u32::from_str_radix(customer, 16).ok()? };
        parts.next().is_none().then_some(cursor)
    }

    /// The cursor of a listener who begins after this event, and has no wallet yet.
    pub(super) fn start(customer: &CustomerId, position: i64) -> Self {
        Self { position, versions: 0, customer: tag(customer) }
    }

    /// Whether it was made for this customer.
    pub(super) fn is_of(&self, customer: &CustomerId) -> bool {
        self.customer == tag(customer)
    }
}

/// A short digest of a customer's id.
fn tag(customer: &CustomerId) -> u32 {
    let digest = Sha256::digest(customer.as_str());
    digest.iter().take(4).fold(0, |tag, byte| tag << 8 | u32::from(*byte))
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}-{:08x}", self.position, self.versions, self.customer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
        let cursor = Cursor { position: 42, versions: 7, customer: 0x2a };
        assert_eq!(cursor.to_string(), "42-7-0000002a");
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        for other in [
            "",
            "-",
            "1",
            "1-",
            "-1",
            "1-2",
            "1-2-3",
            "1-2-+000000a",
            "1-2-0000000a-",
            "+1-2-0000000a",
            "1-x-0000000a",
            "99999999999999999999-1-0000000a",
        ] {
            assert_eq!(Cursor::parse(other), None, "{other}");
        }
    }
}
