//! Holds that the name of a type means one thing.

use std::collections::BTreeMap;

use super::sources;

/// Where names may stand again: wire types have the names of what they show, and the sandbox shares no code.
const APART: [&str; 3] = ["http/v1/", "http/edge/wire/", "sandbox/"];

/// Names that stand twice, and why.
const TWICE: [(&str, &str); 2] = [
    ("Carries", "what an event of a payment company carries: the code of each company says it for itself"),
    ("WatchedCluster", "a build without the feature `embedded` has a stand-in"),
];

/// The name of the type that a line at the margin defines.
fn defined(line: &str) -> Option<&str> {
    let line = match line.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(") ")?.1,
        Some(rest) => rest.trim_start(),
        None => line,
    };
    let rest = ["struct ", "enum ", "trait ", "type "].iter().find_map(|kind| line.strip_prefix(kind))?;
    rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

#[test]
fn a_name_means_one_thing() {
    let sources = sources();
    let mut places: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for source in sources.iter().filter(|source| !APART.iter().any(|folder| source.name.starts_with(folder))) {
        for name in source.code.lines().filter_map(defined) {
            places.entry(name).or_default().push(&source.name);
        }
    }
    assert!(places.len() > 500, "the types were not found");
    places.retain(|_, files| files.len() > 1);
    let names: Vec<&str> = places.keys().copied().collect();
    assert_eq!(names, TWICE.map(|(name, _)| name), "{places:#?}");
}

#[test]
fn what_is_defined_is_seen() {
    for (line, name) in [
        ("pub struct Refund {", Some("Refund")),
        ("struct Open(String);", Some("Open")),
        ("pub(in crate::storage) struct WalletRow {", Some("WalletRow")),
        ("pub enum Place<P> {", Some("Place")),
        ("    type Row = Text;", None),
        ("pub fn structure() {", None),
    ] {
        assert_eq!(defined(line), name, "{line}");
    }
}
