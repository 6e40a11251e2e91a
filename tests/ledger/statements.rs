//! Every `.sql` file of the storage layer can be planned against the schema, with the parameters that its head names;
//! and conditions on time use their indexes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use diesel::sql_types::Text;
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use topup::domain::entry::EntryKind;
use topup::domain::money::Currency;
use topup::storage::{grants, ledger, orders, refunds};

use crate::fast::plan;
use crate::support::{ask, database};

/// The check's statements are put into this one, which is none by itself.
const LISTED: &str = "check/listed.sql";

/// The `.sql` files of the storage layer: their names below it, and their texts.
fn files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/storage");
    let (mut folders, mut found): (Vec<PathBuf>, _) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "sql") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    assert!(found.len() > 30, "the SQL files were not found");
    found.sort();
    found
}

/// The types that a file's head gives its parameters: `-- $1 text[] customer`.
fn declared(name: &str, text: &str) -> Vec<String> {
    let mut types = Vec::new();
    for line in text.lines().take_while(|line| line.starts_with("--")) {
        if let Some((number, rest)) = line.strip_prefix("-- $").and_then(|rest| rest.split_once(' ')) {
            types.push(rest.split(' ').next().unwrap().to_owned());
            assert_eq!(number, types.len().to_string(), "{name}: parameters are listed in order: {line}");
            assert!(rest.split(' ').nth(1).is_some(), "{name}: what is it? {line}");
        }
    }
    types
}

/// The numbers of the parameters that a text uses.
fn used(text: &str) -> BTreeSet<usize> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("--"))
        .flat_map(|line| line.split('$').skip(1))
        .filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().ok())
        .collect()
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    line: String,
}

/// How a statement is planned for any values of its parameters.
async fn generic_plan(conn: &mut AsyncPgConnection, types: &[String], text: &str) -> Result<String, String> {
    let types_of = if types.is_empty() { String::new() } else { format!("({})", types.join(", ")) };
    let nulls = vec!["NULL"; types.len()].join(", ");
    let values = if types.is_empty() { String::new() } else { format!("({nulls})") };
    let prepare = format!("DEALLOCATE ALL; PREPARE statement {types_of} AS {text}");
    conn.batch_execute(&prepare).await.map_err(|error| error.to_string())?;
    let explain = format!("EXPLAIN (VERBOSE) EXECUTE statement {values}");
    let lines: Vec<Line> = sql_query(explain).load(conn).await.map_err(|error| error.to_string())?;
    Ok(lines.into_iter().map(|line| line.line + "\n").collect())
}

#[tokio::test]
async fn every_file_can_be_planned_with_the_parameters_of_its_head() {
    let (pool, _) = database(1).await;
    let mut conn = pool.get().await.unwrap();
    conn.batch_execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
    let files = files();
    let (_, listed) = files.iter().find(|(name, _)| name == LISTED).unwrap();
    for (name, text) in &files {
        assert!(text.starts_with("-- ") && text.contains(".\n"), "{name} does not begin with what it does");
        let types = declared(name, text);
        let used = used(text);
        assert_eq!(used, (1..=types.len()).collect(), "{name}: parameters used, and those in its head");
        let in_check = name.starts_with("check/") && !name.ends_with("figures.sql") && !name.ends_with("totals.sql");
        let (types, text) = match in_check {
            true if name == LISTED => continue,
            true => (declared(name, listed), format!("WITH step AS (\n{text}\n)\n{listed}")),
            false => (types, text.clone()),
        };
        let plan = generic_plan(&mut conn, &types, &text).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        // The clock costs no call of a function: its body is in the plan.
        assert!(!plan.contains("ledger_now("), "{name}: {plan}");
        assert_eq!(text.contains("ledger_now()"), plan.contains("clock_timestamp()"), "{name}: {plan}");
    }
}

#[tokio::test]
async fn the_clock_of_defaults_and_diesel_is_inlined() {
    let (pool, _) = database(1).await;
    let mut conn = pool.get().await.unwrap();
    for statement in [
        "INSERT INTO audit_log (actor, action, target) VALUES ('a', 'b.c', 'd:e')",
        "SELECT timestamptz_pl_interval(ledger_now(), interval '1 second')",
    ] {
        let plan = generic_plan(&mut conn, &[], statement).await.unwrap();
        assert!(plan.contains("clock_timestamp()") && !plan.contains("ledger_now("), "{plan}");
    }
}

/// A clock that moves cannot be looked up in an index, unless it is asked once, in a subquery.
#[tokio::test]
async fn what_is_due_is_found_by_an_index() {
    let (pool, _) = database(1).await;
    let mut conn = pool.get().await.unwrap();
    // The tables are empty, and would be read whole.
    conn.batch_execute(
        "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;
        SET plan_cache_mode = force_generic_plan",
    )
    .await
    .unwrap();
    orders::claim_to_ask(&mut conn, 5, 30).await.unwrap();
    refunds::claim_to_ask(&mut conn, 5, 30).await.unwrap();
    ledger::wallets_with_lapsed_holds(&mut conn, 5).await.unwrap();
    grants::wallets_with_lapsed_grants(&mut conn, 5).await.unwrap();
    orders::overdue(&mut conn, 5).await.unwrap();
    for (part, index, condition) in [
        ("\"top_up_orders\".\"ask_at\" <= ", "top_up_orders_to_ask", "ask_at <= $"),
        ("\"refunds\".\"ask_at\" <= ", "refunds_to_ask", "ask_at <= $"),
        ("\"holds\".\"expires_at\" <= ", "holds_by_expiry", "expires_at <= $"),
        ("remaining > 0 AND expires_at <= ", "grants_expiring", "expires_at <= $"),
        ("OR awaiting = ", "top_up_orders_to_expire", "expires_at <= $"),
    ] {
        let plan = plan(&mut conn, part).await;
        let by_index = plan.lines().skip_while(|line| !line.contains(&format!("using {index}"))).nth(1);
        let by_index = by_index.unwrap_or_else(|| panic!("not by {index}: {plan}"));
        assert!(by_index.contains("Index Cond:") && by_index.contains(condition), "{plan}");
    }
}

/// The table is for people; the service has the list in [`EntryKind`].
#[tokio::test]
async fn the_table_of_kinds_is_the_list_of_the_domain() {
    let (pool, _) = database(1).await;
    let rows = ask(&pool, "SELECT concat_ws(' ', kind, name, flow_type) FROM entry_kinds").await;
    let expected: Vec<String> = EntryKind::ALL
        .into_iter()
        .map(|kind| format!("{} {} {}", kind.code(), kind.name(), kind.flow_type().as_str()))
        .collect();
    assert_eq!(BTreeSet::from_iter(rows), BTreeSet::from_iter(expected));
    let highest = EntryKind::ALL.into_iter().map(EntryKind::code).max().unwrap();
    let mut conn = pool.get().await.unwrap();
    assert!(sql_query(format!("SELECT {highest}::smallint::entry_kind")).execute(&mut conn).await.is_ok());
    assert!(sql_query(format!("SELECT ({highest} + 1)::smallint::entry_kind")).execute(&mut conn).await.is_err());
}

/// The database computes shares by the same table of decimals, and rounds them alike.
#[tokio::test]
async fn currencies_and_shares_are_the_same_in_sql() {
    let (pool, _) = database(1).await;
    let letters = 'A'..='Z';
    let codes = letters.clone().flat_map(|a| letters.clone().map(move |b| (a, b)));
    let codes = codes.flat_map(|(a, b)| letters.clone().map(move |c| format!("{a}{b}{c}")));
    let known: Vec<Currency> = codes.filter_map(|code| code.parse().ok()).collect();
    assert!(known.len() > 150);
    let list = known.iter().map(|currency| format!("'{}'", currency.code())).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "SELECT code || currency_exponent(code) FROM unnest(ARRAY[{list}]) WITH ORDINALITY AS u (code, n) ORDER BY n"
    );
    let expected: Vec<String> =
        known.iter().map(|currency| format!("{}{}", currency.code(), currency.exponent())).collect();
    assert_eq!(ask(&pool, &sql).await, expected);

    let shares = "SELECT trim_scale(pro_rata(whole, part, total, exponent))
                  FROM (VALUES (1, 97, 33.33, 100, 2), (2, 5, 1, 2, 0), (3, 7, 1, 2, 0), (4, 10, 66.66, 100, 2),
                               (5, 3, 0, 0, 2), (6, 3, 9, 8, 2), (7, 0.05, 1, 2, 2), (8, 0.15, 1, 2, 2))
                       AS v (n, whole, part, total, exponent) ORDER BY n";
    assert_eq!(ask(&pool, shares).await, ["32.33", "2", "4", "6.67", "3", "3", "0.02", "0.08"]);
}
