//! Checks the import rule: imports only point down, and each technology has its folders.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod circles;
mod codes;
mod hard_cases;
mod names;
mod sql;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What each part of the crate may import from it, besides itself. A part that is not here is refused, so a new one
/// must be given its place. No allowance is wider than the code needs.
const MAY_IMPORT: [(&str, &[&str]); 18] = [
    // The bottom: rules without I/O, and plain tools.
    ("domain", &[]),
    ("docs", &[]),
    ("embedded", &[]),
    ("sandbox", &[]),
    ("identity", &["domain"]),
    ("config", &["domain"]),
    ("telemetry", &["config"]),
    // The database and the payment companies.
    ("storage", &["domain"]),
    ("providers", &["domain"]),
    // The addresses of partners.
    ("outbound", &["domain"]),
    // What the service does, and its edge.
    ("engine", &["domain", "storage"]),
    ("app", &["domain", "storage", "providers", "outbound", "engine"]),
    ("workers", &["app"]),
    ("http", &["domain", "providers", "identity", "engine", "app"]),
    // The whole.
    (
        "server",
        &[
            "domain",
            "embedded",
            "sandbox",
            "telemetry",
            "identity",
            "config",
            "storage",
            "providers",
            "outbound",
            "engine",
            "app",
            "workers",
            "http",
        ],
    ),
    ("cli", &["domain", "identity", "config", "app", "http", "server"]),
    ("main", &["cli"]),
    ("lib", &[]),
];

/// Where a library may be used at all.
const ROOMS: [(&str, &[&str]); 10] = [
    ("actix_web", &["http", "sandbox", "server"]),
    ("actix_http", &["server"]),
    ("actix_service", &["server"]),
    ("actix_cors", &["server"]),
    ("utoipa", &["http"]),
    ("reqwest", &["providers", "outbound", "identity", "sandbox"]),
    ("diesel", &["storage"]),
    ("diesel_async", &["storage"]),
    ("tokio_postgres", &["storage", "embedded"]),
    ("clap", &["config", "cli"]),
];

/// Files that may do what their room may not, and why.
const EXCEPTIONS: [(&str, &str, &str); 1] =
    [("app/error.rs", "diesel", "a transaction's error must be made from diesel's; nothing else of it is used")];

/// A source file without its comments and its tests.
struct Source {
    /// Below `src`, as `http/routes.rs`.
    name: String,
    part: String,
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(read(&root, path));
            }
        }
    }
    assert!(found.len() > 50, "the sources were not found");
    found
}

fn read(root: &Path, path: PathBuf) -> Source {
    let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
    let part = name.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
    let text = fs::read_to_string(&path).unwrap();
    // Test modules come last, or are in files of their own.
    let code = text.split("#[cfg(test)]").next().unwrap();
    let is_test = name.ends_with("tests.rs") || name.contains("/tests/");
    let code = if is_test { "" } else { code };
    let code = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    Source { name, part, code }
}

/// The names that follow `crate::` (or `topup::` in main), also those in braces.
fn imported(code: &str, root: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices(root) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '$') {
            continue;
        }
        let rest = &code[at + root.len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(first_names(group)),
            None => names.extend(first_name(rest)),
        }
    }
    names
}

fn first_name(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// The first name of each item of a `{a::b, c::{d, e}}` group, up to its closing brace.
fn first_names(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut item) = (0_usize, Vec::new(), String::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.extend(first_name(std::mem::take(&mut item).trim_start())),
            _ if depth == 0 => item.push(c),
            _ => {}
        }
    }
    names.extend(first_name(item.trim_start()));
    names
}

#[test]
fn imports_only_point_down() {
    let mut wrong = Vec::new();
    for source in sources() {
        let allowed = MAY_IMPORT.iter().find(|(part, _)| *part == source.part);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("{} has no place in the house", source.name));
        let root = if source.part == "main" { "topup::" } else { "crate::" };
        for name in imported(&source.code, root) {
            if name != source.part && !allowed.contains(&name.as_str()) {
                wrong.push(format!("{} imports {name}", source.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The table itself is in order: a part imports only parts that come before it.
#[test]
fn the_parts_stand_from_the_bottom_up() {
    for (at, (part, allowed)) in MAY_IMPORT.iter().enumerate() {
        for name in *allowed {
            let below = MAY_IMPORT.iter().position(|(other, _)| other == name);
            assert!(below.is_some_and(|below| below < at), "{part} may import {name}, which does not stand below it");
        }
    }
}

#[test]
fn every_allowance_is_used() {
    let sources = sources();
    let mut unused = Vec::new();
    for (part, allowed) in MAY_IMPORT {
        let root = if part == "main" { "topup::" } else { "crate::" };
        let own = sources.iter().filter(|source| source.part == part);
        let used: BTreeSet<String> = own.flat_map(|source| imported(&source.code, root)).collect();
        unused.extend(allowed.iter().filter(|name| !used.contains(**name)).map(|name| format!("{part}: {name}")));
    }
    for (library, rooms) in ROOMS {
        let is_used = |room: &str| sources.iter().any(|source| source.part == room && uses(&source.code, library));
        unused.extend(rooms.iter().filter(|room| !is_used(room)).map(|room| format!("{room}: {library}")));
    }
    assert!(unused.is_empty(), "these parts may import what they do not use: {unused:#?}");
}

/// `super` from the top file of a part would leave it.
#[test]
fn nobody_climbs_out_of_its_part() {
    let mut wrong = Vec::new();
    for source in sources() {
        let folders = source.name.matches('/').count();
        let is_top = source.name.ends_with("/mod.rs");
        let room = if is_top { folders - 1 } else { folders };
        let climbs = source.code.split("super::").skip(1).count();
        let highest = (1..8).take_while(|n| source.code.contains(&"super::".repeat(*n))).last().unwrap_or(0);
        if climbs > 0 && highest > room {
            wrong.push(format!("{} climbs {highest} of {room}", source.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_library_stays_in_its_rooms() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (library, rooms) in ROOMS {
            let excepted = EXCEPTIONS.iter().any(|(file, name, _)| *file == source.name && *name == library);
            if uses(&source.code, library) && !rooms.contains(&source.part.as_str()) && !excepted {
                wrong.push(format!("{} uses {library}", source.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The endpoints of the API, below `src`.
const ENDPOINTS: &str = "http/v1/";

/// The modules below `http/v1` that an endpoint's file imports: `use super::orders::body::list::Page` as
/// `http/v1/orders/body/list`. An import of several modules at once, and a path that is no import, count as `?`.
fn imported_endpoints(name: &str, code: &str) -> BTreeSet<String> {
    let module = name.trim_end_matches(".rs").trim_end_matches("/mod");
    let parent = |module: &str| module.rsplit_once('/').map_or_else(String::new, |(parent, _)| parent.to_owned());
    let endpoints = ENDPOINTS.trim_end_matches('/').to_owned();
    let above = parent(module);
    let roots = [
        ("crate::http::v1::", endpoints.clone()),
        ("super::super::", parent(&above)),
        ("super::", above),
        ("self::", module.to_owned()),
    ];
    let mut found = BTreeSet::new();
    for line in code.lines() {
        let Some(import) = line.trim_start().trim_end_matches(';').strip_prefix("use ") else {
            if line.contains("crate::http::v1::") {
                found.insert(format!("{ENDPOINTS}?"));
            }
            continue;
        };
        let Some((root, folder)) = roots.iter().find(|(root, _)| import.starts_with(root)) else { continue };
        // Modules are in lower case; the items that are imported from them are not checked.
        let is_module = |part: &&str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit())
        };
        let path: Vec<&str> = import[root.len()..].split("::").take_while(is_module).collect();
        found.insert(match path.is_empty() {
            true if *folder == endpoints => format!("{ENDPOINTS}?"),
            true => folder.clone(),
            false => format!("{folder}/{}", path.join("/")),
        });
    }
    found.retain(|module| module.starts_with(ENDPOINTS));
    found
}

/// A file may use its own folder and its own children, and the bodies of other nouns.
fn is_allowed_among_endpoints(name: &str, module: &str) -> bool {
    let own = name.trim_end_matches(".rs").trim_end_matches("mod").trim_end_matches('/');
    let is_own_child = module.starts_with(&format!("{own}/"));
    let is_own_folder = own.starts_with(&format!("{module}/"));
    let is_body = module.ends_with("/body") || module.contains("/body/");
    is_own_child || is_own_folder || is_body
}

/// What two endpoints share is in `http/edge` or in a noun's body, where a reader finds it without visiting a
/// sibling.
#[test]
fn no_handler_imports_a_handler() {
    let mut wrong = Vec::new();
    for source in sources().into_iter().filter(|source| source.name.starts_with(ENDPOINTS)) {
        for module in imported_endpoints(&source.name, &source.code) {
            if !is_allowed_among_endpoints(&source.name, &module) {
                wrong.push(format!("{} imports {module}", source.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn imports_among_handlers_are_seen() {
    let code = "use super::usage::Key;\nuse super::orders::body::list::Page;\nuse crate::http::v1::holds::Hold;\n\
                use crate::http::edge::page;\nuse self::body::Hold;\nuse super::{a, b};\nuse super::super::routes;";
    let found = |name| imported_endpoints(name, code).into_iter().collect::<Vec<_>>();
    let seen = ["?", "grants/body", "holds", "orders/body/list", "usage"].map(|module| format!("{ENDPOINTS}{module}"));
    assert_eq!(found("http/v1/grants.rs"), seen);
    assert_eq!(found("http/v1/grants/mod.rs"), seen);
    let inside = ["grants", "grants/list/body", "grants/orders/body/list", "grants/usage", "holds", "routes"];
    assert_eq!(found("http/v1/grants/list.rs"), inside.map(|module| format!("{ENDPOINTS}{module}")));
    let allowed = |module| is_allowed_among_endpoints("http/v1/grants/mod.rs", module);
    assert!(allowed("http/v1/grants/body") && allowed("http/v1/orders/body/list") && allowed("http/v1/grants/list"));
    assert!(is_allowed_among_endpoints("http/v1/grants/list.rs", "http/v1/grants"));
    assert!(!allowed("http/v1/usage") && !allowed("http/v1/grants_of_others") && !allowed("http/v1/?"));
}

/// Extractors of actix unpack compressed bodies, and have neither our limits nor our deadline.
#[test]
fn bodies_are_read_by_the_edge_alone() {
    const FOREIGN: [&str; 5] = [": web::Bytes", ": web::Json<", ": web::Form<", ": web::Payload", ": Payload"];
    let endpoints = sources().into_iter().filter(|source| source.name.starts_with(ENDPOINTS));
    let wrong: Vec<String> = endpoints
        .filter(|source| FOREIGN.iter().any(|extractor| source.code.contains(extractor)))
        .map(|source| source.name)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?} read bodies by actix; use JsonBody or RawBody");
}

fn uses(code: &str, library: &str) -> bool {
    let path = format!("{library}::");
    code.match_indices(&path).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// Whether a file of `app` gives types of `storage` on to the layers above it.
fn reexports_storage(source: &Source) -> bool {
    let is_reexport = |line: &str| line.starts_with("pub") && line.contains(" use crate::storage");
    source.part == "app" && source.code.lines().any(|line| is_reexport(line.trim_start()))
}

/// The edge works with domain types: a row of the database, or an error about one, does not pass through `app`.
#[test]
fn app_reexports_nothing_of_storage() {
    let reexporting: Vec<String> = sources().into_iter().filter(reexports_storage).map(|source| source.name).collect();
    assert!(reexporting.is_empty(), "{reexporting:#?} give types of storage to the edge; give it domain types");
}

#[test]
fn every_exception_is_still_needed() {
    for (file, library, reason) in EXCEPTIONS {
        let source =
            sources().into_iter().find(|source| source.name == file).unwrap_or_else(|| panic!("{file} is gone"));
        assert!(uses(&source.code, library), "{file} needs no exception for {library} any more ({reason})");
    }
}

#[test]
fn what_is_imported_is_seen() {
    let code =
        "use crate::{app::App, http::{self, auth}};\nuse crate::storage::pool;\nlet x = crate::domain::id::IdKind;";
    let names: Vec<String> = imported(code, "crate::").into_iter().collect();
    assert_eq!(names, ["app", "domain", "http", "storage"]);
    assert!(uses("use diesel::prelude::*;", "diesel") && !uses("use my_diesel::x;", "diesel"));
}

/// The largest number of lines of a file, so that it can be read in one sitting.
const LINES: usize = 440;

/// Files that may be longer, and why.
const LONG: [(&str, &str); 1] =
    [("src/storage/schema.rs", "a list of all tables that nobody reads from top to bottom")];

/// All files of Rust below `src`, `tests` and `examples`, with their texts.
fn rust_files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> = ["src", "tests", "examples"].iter().map(|folder| root.join(folder)).collect();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

#[test]
fn files_can_be_read_in_one_sitting() {
    let files = rust_files();
    let long: Vec<(&str, usize)> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.lines().count()))
        .filter(|(_, lines)| *lines > LINES)
        .collect();
    let unexpected: Vec<_> = long.iter().filter(|(name, _)| !LONG.iter().any(|(file, _)| file == name)).collect();
    assert!(unexpected.is_empty(), "longer than {LINES} lines: {unexpected:#?}");
    for (file, reason) in LONG {
        assert!(long.iter().any(|(name, _)| *name == file), "{file} is no longer too long ({reason})");
    }
}
