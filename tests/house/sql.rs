//! Checks the rules of every SQL text: one clock, kinds of entries by name, whole statements in files.

use std::fs;
use std::path::{Path, PathBuf};

use topup::domain::entry::EntryKind;

use super::sources;

/// A text with SQL in it, without its comments of whole lines.
struct Text {
    name: String,
    code: String,
}

/// All `.sql` files of the crate and its migrations.
fn files() -> Vec<Text> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> = vec![root.join("src"), root.join("migrations")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "sql") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                let text = fs::read_to_string(&path).unwrap();
                let code =
                    text.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n");
                found.push(Text { name, code });
            }
        }
    }
    assert!(found.len() > 30, "the SQL files were not found");
    found
}

/// The files, and the Rust of `storage`, which has short statements of its own.
fn texts() -> Vec<Text> {
    let rust = sources().into_iter().filter(|source| source.part == "storage");
    files().into_iter().chain(rust.map(|source| Text { name: source.name, code: source.code })).collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// What follows each occurrence of a whole word.
fn after<'t>(text: &'t str, word: &str) -> Vec<&'t str> {
    text.match_indices(word)
        .filter(|(at, _)| !text[..*at].chars().next_back().is_some_and(is_word))
        .map(|(at, _)| &text[at + word.len()..])
        .filter(|rest| !rest.chars().next().is_some_and(is_word))
        .collect()
}

/// Ways to ask the time that are not `ledger_now()`.
fn other_clocks(code: &str) -> Vec<&'static str> {
    const WORDS: [&str; 9] = [
        "clock_timestamp",
        "statement_timestamp",
        "transaction_timestamp",
        "current_timestamp",
        "current_date",
        "current_time",
        "localtimestamp",
        "localtime",
        "timeofday",
    ];
    // A stop-watch measures how long something takes and tells no time.
    let lower = code.replace("Instant::now()", "").to_lowercase();
    let mut found: Vec<&str> = WORDS.into_iter().filter(|word| !after(&lower, word).is_empty()).collect();
    found.extend(["'now'", "'today'", "'tomorrow'", "dsl::now"].into_iter().filter(|text| lower.contains(text)));
    if after(&lower, "now").iter().any(|rest| rest.trim_start().starts_with("()")) {
        found.push("now()");
    }
    found
}

#[test]
fn all_sql_asks_one_clock() {
    const DEFINITION: &str =
        "CREATE FUNCTION ledger_now() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT clock_timestamp()
$$;";
    let texts = texts();
    assert_eq!(texts.iter().filter(|text| text.code.contains(DEFINITION)).count(), 1, "ledger_now() is defined once");
    let wrong: Vec<String> = texts
        .iter()
        .flat_map(|text| other_clocks(&text.code.replace(DEFINITION, "")).into_iter().map(|word| (&text.name, word)))
        .map(|(name, word)| format!("{name} asks {word}: ask ledger_now(), or clock::now in Rust"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn other_clocks_are_seen() {
    for code in ["SELECT now()", "DEFAULT NOW ()", "at < CURRENT_DATE", "clock_timestamp()", "use diesel::dsl::now;"] {
        assert_eq!(other_clocks(code).len(), 1, "{code}");
    }
    assert_eq!(other_clocks("ledger_now(), clock::now(conn), snow(), unknown"), [""; 0]);
}

/// Files that may read this machine's clock. They allow the lint `disallowed_methods` of `.clippy.toml`, with a reason.
const OWN_CLOCK: [&str; 7] = [
    "http/v1/balances/stream.rs",
    "identity/verifier.rs",
    "identity/mint.rs",
    "providers/paypal/mod.rs",
    "providers/stripe/mod.rs",
    "providers/vnpay/api.rs",
    "sandbox/tools.rs",
];

#[test]
fn only_listed_places_read_the_clock_of_this_machine() {
    let reading: Vec<String> = sources()
        .into_iter()
        .filter(|source| ["Utc::now", "Local::now", "SystemTime::now"].iter().any(|call| source.code.contains(call)))
        .map(|source| source.name)
        .collect();
    let wrong: Vec<&String> = reading.iter().filter(|name| !OWN_CLOCK.contains(&name.as_str())).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let unneeded: Vec<_> = OWN_CLOCK.iter().filter(|listed| !reading.iter().any(|name| name == *listed)).collect();
    assert!(unneeded.is_empty(), "these files no longer read the clock: {unneeded:#?}");
}

/// The names that SQL may give to kinds of entries, with their numbers: `USAGE` is one kind, `CONSUMPTION` a set.
fn named(name: &str) -> Option<Vec<i16>> {
    let one = EntryKind::ALL.into_iter().find(|kind| kind.name().to_uppercase() == name).map(|kind| vec![kind]);
    let set = EntryKind::SETS.into_iter().find(|(set, _)| *set == name).map(|(_, kinds)| kinds.to_vec());
    one.or(set).map(|kinds| kinds.into_iter().map(EntryKind::code).collect())
}

/// What is wrong with the kinds of entries in a text: a number without a name, or with a name for other numbers.
fn wrong_kinds(code: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    // A number that is compared with a kind, or selected as one.
    const OPERATORS: [&str; 12] =
        ["NOT", "IN", "BETWEEN", "WHEN", "ANY", "ALL", "ARRAY", "IS", "DISTINCT", "FROM", "AND", "SYMMETRIC"];
    for rest in after(code, "kind") {
        let mut rest = rest.trim_start();
        let mut compared = false;
        loop {
            let operator = OPERATORS.iter().find(|word| {
                rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
                    && !rest[word.len()..].chars().next().is_some_and(is_word)
            });
            rest = match operator {
                Some(word) => &rest[word.len()..],
                None if rest.starts_with(['=', '<', '>', '!']) => &rest[1..],
                None if compared && rest.starts_with(['(', '\'', '{', '[']) => &rest[1..],
                None => break,
            };
            compared = true;
            rest = rest.trim_start();
        }
        if compared && rest.starts_with(|c: char| c.is_ascii_digit()) {
            wrong.push(format!("a kind without a name: {}", rest.lines().next().unwrap()));
        }
    }
    for (at, _) in code.match_indices(" AS kind") {
        let before = code[..at].trim_end_matches(|c: char| c.is_ascii_digit());
        if before.len() < at && !before.trim_end().ends_with("*/") {
            wrong.push(format!("a kind without a name: {}", &code[before.len()..at]));
        }
    }
    // A name and what follows it.
    for (at, _) in code.match_indices("/*") {
        let comment = &code[at + 2..];
        let (name, rest) = comment.split_once("*/").unwrap();
        let Some(expected) = named(name.trim()) else {
            wrong.push(format!("no kind and no set of kinds is called {}", name.trim()));
            continue;
        };
        let list = rest.trim_start().trim_start_matches("'{");
        let list: String = list.chars().take_while(|c| c.is_ascii_digit() || *c == ',' || *c == ' ').collect();
        // A single kind may stand among the columns of a row, so reading stops at the first part that is no number. A
        // set fills its brackets.
        let numbers: Vec<i16> = list.split(',').map_while(|number| number.trim().parse().ok()).collect();
        let (mut numbers, mut expected) = (numbers, expected);
        numbers.sort_unstable();
        expected.sort_unstable();
        if numbers != expected {
            wrong.push(format!("{} is {expected:?}, not {numbers:?}", name.trim()));
        }
    }
    wrong
}

#[test]
fn kinds_of_entries_have_their_names_in_sql() {
    let wrong: Vec<String> = texts()
        .iter()
        .flat_map(|text| wrong_kinds(&text.code).into_iter().map(|what| format!("{}: {what}", text.name)))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_kind_without_its_name_is_seen() {
    for code in [
        "e.kind = 2",
        "kind IN (1, 4)",
        "kind NOT IN (2, 3)",
        "kind = ANY ('{1,5}')",
        "kind = ANY (ARRAY[1])",
        "kind BETWEEN 1 AND 3",
        "CASE e.kind WHEN 8 THEN 1 END",
        "kind IS DISTINCT FROM 4",
        "SELECT 2 AS kind",
        "kind = /* USAGE */ 3",
        "kind IN (/* CONSUMPTION */ 2)",
        "kind IN (/* CONSUMPTION */ 2, 3, 4)",
        "kind = ANY (/* SPENDING */ '{2,3}')",
        "kind = /* NO_SUCH_KIND */ 3",
    ] {
        assert_eq!(wrong_kinds(code).len(), 1, "{code}");
    }
    let named = "e.kind = /* USAGE */ 2 AND kind NOT IN (/* CONSUMPTION */ 2, 3) AND kind = k.kind AND kind = ANY ($1)
        AND kind = ANY (/* SPENDING */ '{2,3,4}') AND kinds = 3; SELECT /* CAPTURE */ 3 AS kind, e.kind, 5";
    assert_eq!(wrong_kinds(named), [""; 0]);
}

/// A statement that is longer than a line is in a `.sql` file; pieces of SQL are put together nowhere else.
#[test]
fn statements_stand_in_files() {
    const MAY: [(&str, &str); 3] = [
        ("storage/statement.rs", "it makes a file a statement"),
        ("storage/clock.rs", "an expression of one line for diesel's queries"),
        ("storage/page.rs", "the condition of a page compares rows, which diesel cannot express"),
    ];
    let (rust, mut used) = (sources(), Vec::new());
    let mut wrong = Vec::new();
    for source in rust.iter().filter(|source| source.part == "storage") {
        let builds = ["push_sql", "dsl::sql", "sql::<"].into_iter().find(|piece| source.code.contains(piece));
        match builds {
            Some(_) if MAY.iter().any(|(file, _)| *file == source.name) => used.push(source.name.as_str()),
            Some(piece) => wrong.push(format!("{} uses {piece}", source.name)),
            None => {}
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(used.len(), MAY.len(), "an exception is not needed any more: {MAY:?}");
    // A statement in Rust fits its line.
    let begins = ["\"SELECT ", "\"WITH ", "\"INSERT ", "\"UPDATE ", "\"DELETE "];
    let is_cut = |line: &str| {
        begins.iter().any(|begin| line.split_once(begin).is_some_and(|(_, statement)| !statement.contains('"')))
    };
    let wrong: Vec<String> = rust
        .iter()
        .filter(|source| source.part == "storage")
        .flat_map(|source| {
            source.code.lines().filter(|line| is_cut(line)).map(|line| format!("{}: {line}", source.name))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn lines_fit_a_screen() {
    const COLUMNS: usize = 120;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sql = files().into_iter().map(|text| (fs::read_to_string(root.join(&text.name)).unwrap(), text.name));
    let rust = super::rust_files().into_iter().map(|(name, text)| (text, name));
    let wrong: Vec<String> = rust
        .chain(sql)
        .flat_map(|(text, name)| {
            let wide = text.lines().enumerate().filter(|(_, line)| line.chars().count() > COLUMNS);
            wide.map(|(at, _)| format!("{name}:{}", at + 1)).collect::<Vec<_>>()
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
