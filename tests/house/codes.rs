//! Checks that the service uses every error code.

use topup::domain::code::Code;

use crate::sources;

/// The file that defines the codes, below `src`.
const DEFINITIONS: &str = "domain/code/mod.rs";

/// Whether the code names this variant, and not one whose name only begins with it.
fn names(code: &str, variant: &str) -> bool {
    let path = format!("Code::{variant}");
    code.match_indices(&path).any(|(at, _)| !code[at + path.len()..].starts_with(|c: char| c.is_ascii_alphanumeric()))
}

#[test]
fn every_code_is_used() {
    let sources: Vec<_> = sources().into_iter().filter(|source| source.name != DEFINITIONS).collect();
    let is_used = |code: &Code| sources.iter().any(|source| names(&source.code, &format!("{code:?}")));
    let unused: Vec<&Code> = Code::ALL.iter().filter(|code| !is_used(code)).collect();
    assert!(unused.is_empty(), "{unused:#?}: remove them from src/{DEFINITIONS}");
}

#[test]
fn a_longer_name_is_no_use() {
    assert!(names("Err(Code::Unknown)", "Unknown") && names("Code::Unknown", "Unknown"));
    assert!(!names("Code::UnknownProduct", "Unknown"));
}
