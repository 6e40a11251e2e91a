//! Pages of account flows on a large table, and the speed of posting on a large and on an empty table.

use indicatif::ProgressBar;

use crate::Outcome;
use crate::load::{Load, Request};
use crate::numbers::{divided, median, per_second};
use crate::seed;
use crate::service::{Service, milliseconds, token};
use crate::stage::Stage;
use crate::targets::Target;
use crate::verify::Acknowledged;

/// A page as it was measured.
#[derive(Debug)]
pub struct Listed {
    pub what: String,
    /// The mean time that the service itself took, in milliseconds.
    pub server: f64,
    pub client_p50: f64,
    pub client_p99: f64,
}

/// All results.
pub struct Found {
    pub pages: Vec<Listed>,
    pub targets: Vec<Target>,
    pub acknowledged: Vec<Acknowledged>,
}

pub const LARGE: &str = "large";
pub const EMPTY: &str = "empty";
const ROUTE: &str = "/v1/account-flows";

pub fn run(stage: &Stage, entries: u64, (rounds, seconds): (u64, u64), bar: &ProgressBar) -> Outcome<Found> {
    bar.set_message(format!("writing {entries} entries"));
    seed::customers(stage, EMPTY)?;
    seed::history(&seed::customers(stage, LARGE)?, entries)?;
    bar.inc(1);
    let (large, empty) = (Service::start(stage, LARGE, &[])?, Service::start(stage, EMPTY, &[])?);
    let mut pages = Vec::new();
    for (what, filter, deep) in [
        ("all types", "", 1000),
        ("consume only (common)", "&type=consume", 1000),
        ("refund only (0.1 %)", "&type=refund", 39),
        ("refund and transfer_in", "&type=refund&type=transfer_in", 39),
    ] {
        let first = format!("{ROUTE}?customer_id=hot&limit=50{filter}");
        bar.set_message(format!("listing: {what}"));
        pages.push(page(stage, &large, format!("{what}, first page"), &first, seconds)?);
        let (reached, path) = walk(stage, &large, &first, deep)?;
        pages.push(page(stage, &large, format!("{what}, page {reached}"), &path, seconds)?);
        bar.inc(1);
    }
    let (slowdown, acknowledged) = posting(stage, &large, &empty, (rounds, seconds), bar)?;
    let slowest = pages.iter().map(|page| page.server).fold(0.0, f64::max);
    let target = |what: String, value, unit, wanted, at_least| Target { what, value, unit, wanted, at_least };
    let targets = vec![
        target("a page of 50 flows, the slowest: server time".to_owned(), slowest, "ms", 1.0, false),
        target(format!("posting on {entries} entries / on an empty table"), slowdown, "×", 0.9, true),
    ];
    Ok(Found { pages, targets, acknowledged })
}

/// The same page again and again, on one connection.
fn page(stage: &Stage, service: &Service<'_>, what: String, path: &str, seconds: u64) -> Outcome<Listed> {
    let load = Load { request: Request::Get(path.to_owned()), connections: 1, spread: false, acknowledged: false };
    load.run(stage, &service.url, 1)?;
    let before = service.measured(ROUTE)?;
    let loaded = load.run(stage, &service.url, seconds)?;
    if loaded.failed > 0 || loaded.answered == 0 {
        return Err(format!("{path}: {} pages answered, {} failed", loaded.answered, loaded.failed).into());
    }
    Ok(Listed {
        what,
        server: milliseconds(before, service.measured(ROUTE)?),
        client_p50: loaded.p50.as_secs_f64() * 1e3,
        client_p99: loaded.p99.as_secs_f64() * 1e3,
    })
}

/// Follows the cursors to a page, or to the last one. Answers which it is, and its path.
fn walk(stage: &Stage, service: &Service<'_>, first: &str, to: u32) -> Outcome<(u32, String)> {
    let (token, client) = (token()?, reqwest::Client::builder().no_proxy().build()?);
    stage.runtime.block_on(async {
        let mut path = first.to_owned();
        for page in 1..to {
            let answer = client.get(format!("{}{path}", service.url)).bearer_auth(&token).send().await?;
            let page_of_flows: serde_json::Value = serde_json::from_str(&answer.error_for_status()?.text().await?)?;
            match page_of_flows.get("next_cursor").and_then(serde_json::Value::as_str) {
                Some(cursor) => path = format!("{first}&cursor={cursor}"),
                None => return Ok((page, path)),
            }
        }
        Ok((to, path))
    })
}

fn posting(
    stage: &Stage,
    large: &Service<'_>,
    empty: &Service<'_>,
    (rounds, seconds): (u64, u64),
    bar: &ProgressBar,
) -> Outcome<(f64, Vec<Acknowledged>)> {
    let load = Load { request: Request::Usage, connections: 64, spread: true, acknowledged: false };
    let mut acknowledged = Vec::new();
    let mut rate = |service: &Service<'_>, database| -> Outcome<f64> {
        let loaded = load.run(stage, &service.url, seconds)?;
        acknowledged.extend(Acknowledged::by(&load, &loaded, database));
        Ok(per_second(loaded.answered, loaded.time))
    };
    stage.checkpoint()?;
    rate(large, LARGE)?;
    rate(empty, EMPTY)?;
    let mut ratios = Vec::new();
    for round in 0..rounds {
        bar.set_message("posting on the large table and on the empty one");
        let (on_large, on_empty) = if round % 2 == 0 {
            let on_large = rate(large, LARGE)?;
            (on_large, rate(empty, EMPTY)?)
        } else {
            let on_empty = rate(empty, EMPTY)?;
            (rate(large, LARGE)?, on_empty)
        };
        ratios.push(divided(on_large, on_empty));
        bar.inc(1);
    }
    Ok((median(ratios), acknowledged))
}
