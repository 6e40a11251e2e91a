//! The page of all error codes. It is generated from [`Code`], and the repository keeps it as
//! `src/docs/error_codes.md`.

use crate::domain::code::Code;

const INTRODUCTION: &str = "\
# Error codes

A failure is a problem of RFC 9457. Programs branch on its `code`, which keeps its text and its meaning. A status of
`422 in errors` marks the code of a field: it is in `errors` of a problem with the code `validation_failed`.

`cargo run -- openapi --error-codes > src/docs/error_codes.md` writes this page from the definitions in `domain::code`.

| code | status | meaning |
|---|---|---|
";

/// The page as Markdown.
#[must_use]
pub fn page() -> String {
    let lines = Code::ALL.iter().map(|code| {
        let places: Vec<String> = code.places().iter().map(ToString::to_string).collect();
        format!("| `{code}` | {} | {} |\n", places.join(", "), code.meaning())
    });
    std::iter::once(INTRODUCTION.to_owned()).chain(lines).collect()
}
