//! The targets: ratios within one round, of which the median over the rounds counts.

use crate::cells::{CLIENTS, Place, Sample, customers};
use crate::neighbours::Neighbour;
use crate::numbers::{divided, median};
use crate::rounds::Samples;

#[derive(Debug)]
pub struct Target {
    pub what: String,
    pub value: f64,
    pub unit: &'static str,
    pub wanted: f64,
    /// Otherwise at most.
    pub at_least: bool,
}

impl Target {
    pub fn is_met(&self) -> bool {
        if self.at_least { self.value >= self.wanted } else { self.value <= self.wanted }
    }
}

/// All for which there are figures.
pub fn of(samples: &Samples, memory: u64) -> Vec<Target> {
    let mut targets = Vec::new();
    let mut add = |what: String, value: Option<f64>, unit, wanted, at_least| {
        targets.extend(value.map(|value| Target { what, value, unit, wanted, at_least }));
    };
    for (spread, wanted) in [(true, 1.8), (false, 6.5)] {
        let who = customers(spread);
        let usage = format!("usage, {who}, 64 conn.");
        for shape in ["pgbench deduction", "pgbench deduction, two-sided"] {
            let best = best_direct(samples, shape, who);
            let value = best.as_ref().and_then(|best| ratio(samples, &usage, best));
            add(format!("{usage} / best {shape}"), value, "×", wanted, true);
        }
        add(
            format!("{usage} / the same, poster off"),
            ratio(samples, &usage, &format!("{usage}, poster off")),
            "×",
            1.0,
            true,
        );
        add(format!("{usage}: p99"), median_of(samples, &usage, |sample| milliseconds(sample.p99)), "ms", 12.0, false);
        add(
            format!("{usage}: WAL between checkpoints"),
            median_of(samples, &usage, |s| Some(s.wal_records)),
            "B",
            700.0,
            false,
        );
        add(
            format!("{usage}, sealed / not sealed"),
            ratio(samples, &format!("{usage}, sealed"), &format!("{usage}, not sealed")),
            "×",
            0.97,
            true,
        );
        for place in [Place::Granted, Place::Guarded] {
            for work in ["usage", "hold + capture"] {
                let plain = format!("{work}, {who}, 64 conn.");
                let other = format!("{plain}{}", place.suffix());
                add(format!("{other} / plain"), ratio(samples, &other, &plain), "×", 0.95, true);
                let wal = |cell: &str| median_of(samples, cell, |sample| Some(sample.wal_records));
                let more = wal(&other).zip(wal(&plain)).map(|(other, plain)| divided(other, plain));
                add(format!("{other} / plain: WAL"), more, "×", 1.3, false);
            }
        }
        let pairs = ratio(samples, &format!("hold + capture, {who}, 64 conn."), &usage);
        add(format!("hold + capture, {who} / usage"), pairs, "×", 0.35, true);
    }
    let usage = "usage, spread, 64 conn.";
    for (read, wanted) in [("balances, spread, 64 conn.", 1.5), ("page of 20 flows, spread, 64 conn.", 0.8)] {
        add(format!("{read} / usage"), ratio(samples, read, usage), "×", wanted, true);
        add(format!("{read}: p99"), median_of(samples, read, |sample| milliseconds(sample.p99)), "ms", 8.0, false);
    }
    let select = "pgbench select-only, spread, 32 clients";
    let balances = "balances, spread, 64 conn.";
    add(format!("{balances} / {select}"), ratio(samples, balances, select), "×", 0.5, true);
    let usage = "usage, spread, 8 conn.";
    for neighbour in Neighbour::ALL.into_iter().filter(|neighbour| *neighbour != Neighbour::Plain) {
        let p99 = |neighbour: Neighbour| {
            let cell = format!("{usage}, beside {}", neighbour.name());
            median_of(samples, &cell, |sample| milliseconds(sample.p99))
        };
        let value = p99(neighbour).zip(p99(Neighbour::Plain)).map(|(beside, plain)| divided(beside, plain));
        let what = format!("p99 beside {} / beside a plain neighbour", neighbour.name());
        add(what, value, "×", 2.0, false);
    }
    for (batch, connections) in [(100, 8), (1000, 4)] {
        let batch = format!("batch of {batch}, spread, {connections} conn.");
        for shape in ["pgbench deduction", "pgbench deduction, two-sided"] {
            let best = best_direct(samples, shape, "spread");
            let value = best.as_ref().and_then(|best| ratio(samples, &batch, best));
            add(format!("{batch} / best {shape}"), value, "×", 3.0, true);
        }
    }
    add("one idle client / (pgbench + bare HTTP), p50".to_owned(), idle(samples), "×", 1.5, false);
    let megabytes = (memory > 0).then(|| divided(crate::numbers::float(memory), 1e6));
    add("memory of the service at its highest".to_owned(), megabytes, "MB", 200.0, false);
    targets
}

/// The best number of clients: the one with the highest median.
fn best_direct(samples: &Samples, shape: &str, who: &str) -> Option<String> {
    CLIENTS
        .into_iter()
        .map(|clients| format!("{shape}, {who}, {clients} clients"))
        .filter(|cell| !samples.of(cell).is_empty())
        .max_by(|one, other| rate(samples, one).total_cmp(&rate(samples, other)))
}

fn rate(samples: &Samples, cell: &str) -> f64 {
    median(samples.of(cell).iter().map(|sample| sample.per_second))
}

fn ratio(samples: &Samples, one: &str, other: &str) -> Option<f64> {
    let pairs: Vec<f64> = samples
        .of(one)
        .iter()
        .zip(samples.of(other))
        .map(|(one, other)| divided(one.per_second, other.per_second))
        .collect();
    (!pairs.is_empty()).then(|| median(pairs))
}

fn idle(samples: &Samples) -> Option<f64> {
    let p50 = |cell| median_of(samples, cell, |sample| milliseconds(sample.p50));
    let (direct, bare) = (p50("pgbench deduction, spread, 1 clients")?, p50("GET /healthz, 1 conn.")?);
    Some(divided(p50("usage, spread, 1 conn.")?, direct + bare))
}

pub fn median_of(samples: &Samples, cell: &str, figure: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
    let figures: Vec<f64> = samples.of(cell).iter().filter_map(figure).collect();
    (!figures.is_empty()).then(|| median(figures))
}

pub fn milliseconds(time: Option<std::time::Duration>) -> Option<f64> {
    time.map(|time| time.as_secs_f64() * 1e3)
}
