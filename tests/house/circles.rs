//! Checks that the modules of a room have an order: no module needs one that needs it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Source, imported, sources};

/// The folders whose modules are checked.
const ROOMS: [&str; 14] = [
    "domain",
    "storage",
    "storage/ledger",
    "engine",
    "engine/poster",
    "providers",
    "identity",
    "app",
    "app/orders",
    "app/refunds",
    "app/catalogue",
    "http/edge",
    "http/v1",
    "http/v1/admin",
];

/// Modules that may need each other, and why.
const WANTED: [(&str, &[&str], &str); 2] = [
    (
        "app",
        &[
            "closings",
            "disputes",
            "orders",
            "ownership",
            "payouts",
            "refund_requests",
            "refunds",
            "settlement",
            "take_back_search",
            "write_offs",
        ],
        "money that goes back is one subject: a refund may be a reversed dispute, ends its request, and is looked for; \
         and an account that closes refunds and pays out, while what still arrives for it reopens it",
    ),
    (
        "domain",
        &["grant", "movement", "payout", "refund", "wallet", "write_off"],
        "a wallet expires its grants by a movement, and a payout and a write-off are both judged by the wallet and \
         made a movement",
    ),
];

/// The module of a room to which a file belongs; `None` for the room's own file.
fn module<'s>(room: &str, name: &'s str) -> Option<&'s str> {
    let below = name.strip_prefix(room)?.strip_prefix('/')?;
    let first = below.split('/').next()?.trim_end_matches(".rs");
    (first != "mod").then_some(first)
}

/// For each module of a room the others that it imports.
fn needs(room: &str, sources: &[Source]) -> BTreeMap<String, BTreeSet<String>> {
    let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let root = format!("crate::{}::", room.replace('/', "::"));
    for source in sources {
        let Some(module) = module(room, &source.name) else { continue };
        let depth = source.name[room.len()..].matches('/').count() - usize::from(source.name.ends_with("/mod.rs"));
        let names = imported(&source.code, &root).into_iter().chain(imported(&source.code, &"super::".repeat(depth)));
        needs.entry(module.to_owned()).or_default().extend(names);
    }
    let known: BTreeSet<String> = needs.keys().cloned().collect();
    for (module, names) in &mut needs {
        names.retain(|name| known.contains(name) && name != module);
    }
    needs
}

/// What a module needs, directly or through others.
fn reached<'n>(from: &str, needs: &'n BTreeMap<String, BTreeSet<String>>) -> BTreeSet<&'n str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = needs[from].iter().map(String::as_str).collect();
    while let Some(module) = next.pop() {
        if reached.insert(module) {
            next.extend(needs[module].iter().map(String::as_str));
        }
    }
    reached
}

#[test]
fn no_module_needs_one_that_needs_it() {
    let sources = sources();
    for room in ROOMS {
        let needs = needs(room, &sources);
        assert!(needs.len() > 1, "{room} has no modules");
        let circle: Vec<&str> =
            needs.keys().map(String::as_str).filter(|module| reached(module, &needs).contains(module)).collect();
        let wanted = WANTED.iter().find(|(of, ..)| *of == room).map_or(&[][..], |(_, modules, _)| modules);
        assert_eq!(circle, wanted, "modules of {room} that need each other: {needs:#?}");
    }
}

#[test]
fn a_circle_is_seen() {
    let source = |name: &str, code: &str| Source { name: name.to_owned(), part: "a".to_owned(), code: code.to_owned() };
    let sources = [
        source("a/mod.rs", "mod one; mod two;"),
        source("a/one.rs", "use super::{two::Two, three};"),
        source("a/two/mod.rs", "use super::three::Three;"),
        source("a/two/inner.rs", "use super::super::three;\nuse super::other;"),
        source("a/three.rs", "use crate::a::one::One;"),
    ];
    let needs = needs("a", &sources);
    assert_eq!(reached("two", &needs), BTreeSet::from(["one", "three", "two"]));
}

/// The edge is what the endpoints share; it knows none of them, and not the document that is made from them.
#[test]
fn the_edge_knows_no_endpoint() {
    let wrong: Vec<String> = sources()
        .into_iter()
        .filter(|source| source.name.starts_with("http/edge/"))
        .filter(|source| {
            let names = imported(&source.code, "crate::http::");
            ["v1", "routes", "openapi"].iter().any(|other| names.contains(*other))
        })
        .map(|source| source.name)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A module with files of its own is in their folder.
#[test]
fn no_file_stands_beside_its_folder() {
    let names: BTreeSet<String> = sources().into_iter().map(|source| source.name).collect();
    let has_folder = |name: &&String| {
        let folder = format!("{}/", name.trim_end_matches(".rs"));
        names.iter().any(|other| other.starts_with(&folder))
    };
    let wrong: Vec<&String> = names.iter().filter(has_folder).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
