//! The customer: who owns money.

use std::fmt;

/// The platform's own id of a customer; it follows [`CustomerId::RULE`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomerId(String);

impl CustomerId {
    /// The rule in words, for problems that name it.
    pub const RULE: &'static str = "must be 1 to 128 printable ASCII characters without space, \", %, ?, # and \\, and \
                                    must not be ., .. or ~";

    /// The one constructor; `None` when the text breaks the rule.
    ///
    /// Identity providers write ids such as `auth0|a/b+c`, so most characters are allowed. The six that are not would
    /// change their meaning in a path or a log line even if a caller forgets to encode them. `.` and `..` are steps in
    /// a path, and `~` in a path means the customer that the query names.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"%?#\\".contains(&byte);
        let valid = (1..=128).contains(&text.len()) && text.bytes().all(allowed) && !matches!(text, "." | ".." | "~");
        valid.then(|| Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_the_usual_identity_providers_are_valid() {
        let longest = "x".repeat(128);
        for id in ["demo", "auth0|a/b+c", "google-oauth2|1", "a.b@example.com", "urn:x:y", "...", "~~", ".~", &longest]
        {
            assert!(CustomerId::new(id).is_some(), "{id}");
        }
    }

    #[test]
    fn other_texts_are_not() {
        let too_long = "x".repeat(129);
        let bad =
            ["", "two words", "a\"b", "a%b", "a?b", "a#b", "a\\b", "~", ".", "..", "é", "a\u{7f}", "a\n", &too_long];
        for id in bad {
            assert!(CustomerId::new(id).is_none(), "{id:?}");
        }
    }
}
