//! The role that a session takes.

/// The statement by which a session takes a role.
#[must_use]
pub(super) fn taking(role: &str) -> String {
    format!("SET ROLE {}", quote(role))
}

/// A name as SQL writes it.
#[must_use]
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted() {
        assert_eq!(taking("a\"; DROP"), "SET ROLE \"a\"\"; DROP\"");
    }
}
