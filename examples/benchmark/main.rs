//! Measures the speed of the service at full durability, and compares it with PostgreSQL alone.
//!
//! `cargo run --release --example benchmark` builds the service, starts it on a throw-away cluster, loads it with
//! wrk, runs pgbench in between, and prints a table. Afterwards it looks for every acknowledged item in the ledger.

mod cells;
mod direct;
mod listing;
mod load;
mod neighbours;
mod numbers;
mod processes;
mod report;
mod rounds;
mod seed;
mod service;
mod stage;
mod targets;
mod tools;
mod verify;
mod wal;
mod webhooks;

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

use crate::cells::{Place, Section, Services, Work};
use crate::service::Service;
use crate::stage::Stage;
use crate::targets::Target;
use crate::tools::Tools;

type Failed = Box<dyn std::error::Error + Send + Sync>;
type Outcome<T> = Result<T, Failed>;

/// Measures the service beside pgbench, in alternating rounds, and verifies what it acknowledged.
#[derive(Debug, Parser)]
struct Arguments {
    /// Two rounds of two seconds and a hundred thousand entries: whether it works, not how fast it is
    #[arg(long)]
    quick: bool,
    /// Seconds of one measurement
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Rounds; medians of them are shown
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u64).range(1..=100))]
    rounds: u64,
    /// Only this part; repeat it for several
    #[arg(long, value_name = "NAME", value_enum)]
    only: Vec<Section>,
    /// Size of the table for the listing
    #[arg(long, value_name = "N", default_value = "10000000",
        value_parser = clap::value_parser!(u64).range(50_000..=100_000_000))]
    entries: u64,
}

fn main() -> ExitCode {
    let mut arguments = Arguments::parse();
    if arguments.quick {
        (arguments.rounds, arguments.seconds, arguments.entries) = (2, 2, 100_000);
    }
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(error) => {
            eprintln!("benchmark: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every target was met.
fn run(arguments: &Arguments) -> Outcome<bool> {
    let tools = Tools::find()?;
    let sections =
        if arguments.only.is_empty() { <Section as clap::ValueEnum>::value_variants() } else { &arguments.only };
    let stage = Stage::set(tools)?;
    println!("PostgreSQL: {}", stage.settings()?);
    println!(
        "{} processors; {} rounds of {} s, medians. Service: defaults, JWT (HS256), JSON; generator: wrk, one \
         thread.\n",
        std::thread::available_parallelism()?,
        arguments.rounds,
        arguments.seconds
    );
    let mut targets = Vec::new();
    if sections.iter().any(|section| !matches!(section, Section::Listing | Section::Webhooks)) {
        targets.extend(throughput(&stage, arguments, sections)?);
    }
    if sections.contains(&Section::Listing) {
        targets.extend(large_table(&stage, arguments)?);
    }
    if sections.contains(&Section::Webhooks) {
        targets.extend(delays_of_webhooks(&stage, arguments)?);
    }
    println!("{}", report::targets(&targets));
    drop(stage.folder);
    stage.cluster.stop_blocking()?;
    Ok(targets.iter().all(Target::is_met))
}

fn throughput(stage: &Stage, arguments: &Arguments, sections: &[Section]) -> Outcome<Vec<Target>> {
    let cells = cells::of(sections);
    let bar = progress(arguments.rounds * u64::try_from(cells.len())?)?;
    bar.set_message("seeding customers");
    let is_needed = |place: Place| {
        place == Place::Plain || cells.iter().any(|cell| matches!(&cell.work, Work::Http(_, at) if *at == place))
    };
    let places: Vec<Place> = Place::ALL.into_iter().filter(|place| is_needed(*place)).collect();
    let databases: BTreeSet<&str> = places.iter().map(|place| place.database()).collect();
    for place in places.iter().filter(|place| **place != Place::PosterOff) {
        seed::customers(stage, place.database())?;
        seed::wallets(stage, *place)?;
    }
    direct::prepare(stage)?;
    if sections.contains(&Section::Neighbours) {
        neighbours::prepare(stage, Place::Plain.database())?;
    }
    let start = |place: &Place| Ok((*place, Service::start(stage, place.database(), place.settings())?));
    let services = Services(places.iter().map(start).collect::<Outcome<_>>()?);
    let (samples, acknowledged) = rounds::run(stage, &services, &cells, (arguments.rounds, arguments.seconds), &bar)?;
    bar.set_message("verifying");
    let (now, highest) = services.at(Place::Plain)?.memory()?;
    let each = verify::each(stage, services.at(Place::Plain)?, Place::Plain.database(), arguments.seconds)?;
    drop(services);
    let counted = verify::counts(stage, &acknowledged)?;
    for database in databases {
        verify::check(stage, database)?;
    }
    bar.finish_and_clear();
    println!("{}", report::cells(&cells, &samples));
    println!("memory of the service: {} MB, at its highest {} MB", now / 1_000_000, highest / 1_000_000);
    println!(
        "verified: {counted} acknowledged items counted in the ledger, {each} more found by their ids; topup check is \
         clean\n"
    );
    Ok(targets::of(&samples, highest))
}

fn large_table(stage: &Stage, arguments: &Arguments) -> Outcome<Vec<Target>> {
    let bar = progress(5 + arguments.rounds)?;
    let found = listing::run(stage, arguments.entries, (arguments.rounds, arguments.seconds), &bar)?;
    bar.set_message("verifying");
    let counted = verify::counts(stage, &found.acknowledged)?;
    for database in [listing::LARGE, listing::EMPTY] {
        verify::check(stage, database)?;
    }
    bar.finish_and_clear();
    println!("{}", report::listing(&found.pages));
    println!("verified: {counted} acknowledged items counted in the ledger; topup check is clean\n");
    Ok(found.targets)
}

fn delays_of_webhooks(stage: &Stage, arguments: &Arguments) -> Outcome<Vec<Target>> {
    let bar = progress(2)?;
    let (found, targets) = webhooks::run(stage, arguments.rounds * arguments.seconds, &bar)?;
    bar.set_message("verifying");
    verify::check(stage, webhooks::DATABASE)?;
    bar.finish_and_clear();
    println!("{}", webhooks::report(&found));
    Ok(targets)
}

/// Draws on standard error, and only if that is a terminal.
fn progress(steps: u64) -> Outcome<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:20} {pos}/{len} {elapsed} {msg}")?;
    Ok(ProgressBar::new(steps).with_style(style))
}
