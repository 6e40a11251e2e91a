//! Checks that every acknowledged item is in the ledger exactly once.

use std::collections::HashMap;

use crate::Outcome;
use crate::direct::{Counted, Direct, Statement};
use crate::load::{Load, Loaded, Request, acknowledged};
use crate::service::{Service, command};
use crate::stage::Stage;

/// What a run had acknowledged.
#[derive(Debug, Clone)]
pub struct Acknowledged {
    database: String,
    run: String,
    /// Usages, or holds.
    items: u64,
    /// Of holds: those captured.
    captured: Option<u64>,
    /// Requests that were on their way when the generator stopped may have been booked too, unread.
    unread: u64,
}

impl Acknowledged {
    pub fn by(load: &Load, loaded: &Loaded, database: &str) -> Option<Self> {
        let (items, captured) = match load.request {
            Request::Balances | Request::Flows | Request::Get(_) => return None,
            Request::HoldAndCapture => (loaded.opened, Some(loaded.captured)),
            Request::Usage | Request::Batch(_) => (loaded.answered * load.items_of_a_request(), None),
        };
        let unread = u64::from(load.connections) * load.items_of_a_request();
        Some(Self { database: database.to_owned(), run: loaded.run.clone(), items, captured, unread })
    }

    pub fn directly(direct: &Direct, counted: &Counted, database: &str) -> Option<Self> {
        let Counted { run, transactions, .. } = counted;
        // The tables of the other schema are not our ledger.
        (direct.statement == Statement::Deduct).then(|| Self {
            database: database.to_owned(),
            run: run.clone(),
            items: *transactions,
            captured: None,
            unread: 0,
        })
    }
}

/// Counts the items of every run in the ledger. A key occurs at most once, by its unique constraint. Returns how many
/// items were searched for.
pub fn counts(stage: &Stage, acknowledged: &[Acknowledged]) -> Outcome<u64> {
    let mut known: HashMap<String, HashMap<String, (i64, i64)>> = HashMap::new();
    let mut items = 0;
    for run in acknowledged {
        if !known.contains_key(&run.database) {
            known.insert(run.database.clone(), booked(stage, &run.database)?);
        }
        let booked = known.get(&run.database).and_then(|runs| runs.get(&run.run)).copied().unwrap_or_default();
        let (booked, captured) = (u64::try_from(booked.0)?, u64::try_from(booked.1)?);
        let holds = |asked: u64, found: u64| (asked..=asked + run.unread).contains(&found);
        if !holds(run.items, booked) || run.captured.is_some_and(|asked| !holds(asked, captured)) {
            return Err(format!("{run:?} was acknowledged, but {booked} are booked and {captured} captured").into());
        }
        items += run.items;
    }
    Ok(items)
}

/// By run: usages or holds, and captured holds.
fn booked(stage: &Stage, database: &str) -> Outcome<HashMap<String, (i64, i64)>> {
    let rows = stage.database(database)?.all(
        "SELECT split_part(key, '-', 1), count(*), 0::bigint FROM entries WHERE kind = 2 GROUP BY 1
         UNION ALL
         SELECT split_part(key, '-', 1), count(*), count(*) FILTER (WHERE status = 'captured') FROM holds GROUP BY 1",
    )?;
    rows.iter().map(|row| Ok((row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?)))).collect()
}

/// Usages, items of batches and holds whose ids are written down as they are acknowledged, each looked up by its id.
pub fn each(stage: &Stage, service: &Service<'_>, database: &str, seconds: u64) -> Outcome<u64> {
    let mut looked_for = 0;
    for (request, spread) in
        [(Request::Usage, true), (Request::Usage, false), (Request::Batch(100), true), (Request::HoldAndCapture, true)]
    {
        let load = Load { request, connections: 64, spread, acknowledged: true };
        let loaded = load.run(stage, &service.url, seconds)?;
        let ids = acknowledged(&loaded)?;
        let (told, table) = match load.request {
            Request::HoldAndCapture => (loaded.opened, "holds"),
            _ => (loaded.answered * load.items_of_a_request(), "entries WHERE kind = 2"),
        };
        let row = stage.database(database)?.one_with(
            &format!(
                "SELECT count(*) FROM unnest($1::text[]) AS asked (key)
                 LEFT JOIN (SELECT key, count(*) AS n FROM {table} GROUP BY key) AS booked USING (key)
                 WHERE booked.n IS DISTINCT FROM 1"
            ),
            &[&ids],
        )?;
        let wrong: i64 = row.try_get(0)?;
        if wrong > 0 || loaded.failed > 0 || ids.len() < usize::try_from(told)? {
            let written = ids.len();
            return Err(
                format!("{load:?}: {told} acknowledged, {written} by id, {wrong} not there exactly once").into()
            );
        }
        looked_for += told;
    }
    Ok(looked_for)
}

/// `topup check`.
pub fn check(stage: &Stage, database: &str) -> Outcome<()> {
    let output = command(stage, database).arg("check").output()?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stdout);
        return Err(format!(
            "the books of {database} do not agree:\n{text}{}",
            String::from_utf8_lossy(&output.stderr)
        )
        .into());
    }
    Ok(())
}
