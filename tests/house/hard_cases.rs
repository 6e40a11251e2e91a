//! Compares the table of hard cases with the tests that carry their numbers.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const TABLE: &str = include_str!("../../src/docs/hard_cases.md");

/// The number in a name such as `case_07_a_providers_word_counts_for_its_own_orders_only`.
fn number(name: &str) -> u32 {
    name.split('_').nth(1).and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("{name} has no number"))
}

/// Every `fn case_…` below a folder, with its file as the table names it: `api/races`, `domain/webhook`.
fn tests_below(root: &Path, folder: &Path, found: &mut BTreeSet<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_below(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let names = text.split("fn case_").skip(1).filter_map(|rest| rest.split('(').next());
            let file = path.strip_prefix(root).unwrap().with_extension("").to_str().unwrap().to_owned();
            let file = file.trim_end_matches("/mod").trim_end_matches("/tests").to_owned();
            found.extend(names.filter(|name| is_name(name)).map(|name| (file.clone(), format!("case_{name}"))));
        }
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_digit()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The tests of each line of the table, as file and name, with the number of its case.
fn table() -> Vec<(u32, (String, String))> {
    let mut named = Vec::new();
    for line in TABLE.lines() {
        let Some(case) = line.split('|').nth(1).and_then(|cell| cell.trim().parse::<u32>().ok()) else { continue };
        let quoted: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
        let mut file = "";
        for text in quoted {
            match text.starts_with("case_") {
                true => named.push((case, (file.to_owned(), text.to_owned()))),
                false => file = text,
            }
        }
    }
    named
}

#[test]
fn the_table_of_hard_cases_names_every_test_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    for folder in [root.join("src"), root.join("tests")] {
        tests_below(&folder, &folder, &mut found);
    }
    let listed: BTreeSet<(String, String)> = table().into_iter().map(|(_, test)| test).collect();
    assert!(found.len() > 70, "the tests were not found");
    let (missing, gone): (Vec<_>, Vec<_>) = (found.difference(&listed).collect(), listed.difference(&found).collect());
    assert!(missing.is_empty(), "src/docs/hard_cases.md does not list {missing:#?}");
    assert!(gone.is_empty(), "src/docs/hard_cases.md lists tests that are gone: {gone:#?}");
}

#[test]
fn every_test_stands_on_the_line_of_its_case() {
    for (case, (_, name)) in table() {
        assert_eq!(number(&name), case, "{name}");
    }
}
