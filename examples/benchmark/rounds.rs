//! Alternating rounds: each round measures every case once, so that other load on the machine affects all cases
//! equally.

use std::collections::BTreeMap;

use indicatif::ProgressBar;

use crate::Outcome;
use crate::cells::{Cell, Sample, Services, Work};
use crate::load::{Load, Request};
use crate::service::Service;
use crate::stage::Stage;
use crate::verify::Acknowledged;

/// The samples of every cell, in the order of the rounds.
#[derive(Debug, Default)]
pub struct Samples(BTreeMap<String, Vec<Sample>>);

impl Samples {
    pub fn of(&self, cell: &str) -> &[Sample] {
        self.0.get(cell).map(Vec::as_slice).unwrap_or_default()
    }

    fn add(&mut self, cell: &str, sample: Sample) {
        self.0.entry(cell.to_owned()).or_default().push(sample);
    }
}

pub fn run<'s>(
    stage: &'s Stage,
    services: &Services<'s>,
    cells: &[Cell],
    (rounds, seconds): (u64, u64),
    bar: &ProgressBar,
) -> Outcome<(Samples, Vec<Acknowledged>)> {
    let mut samples = Samples::default();
    let mut acknowledged = Vec::new();
    for round in 0..rounds {
        bar.set_message("checkpoint and warm-up");
        acknowledged.extend(warm_up(stage, services, cells, seconds)?);
        let mut order: Vec<&Cell> = cells.iter().collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for cell in order {
            bar.set_message(cell.name.clone());
            let (sample, noted) = cell.measure(stage, services, seconds)?;
            samples.add(&cell.name, sample);
            acknowledged.extend(noted);
            bar.inc(1);
        }
    }
    Ok((samples, acknowledged))
}

/// A checkpoint, and enough load for every page to be written in whole to the log, as the first change after a
/// checkpoint demands: what is measured then is the time between checkpoints.
fn warm_up(stage: &Stage, services: &Services<'_>, cells: &[Cell], seconds: u64) -> Outcome<Vec<Acknowledged>> {
    stage.checkpoint()?;
    let mut acknowledged = Vec::new();
    let mut run = |service: &Service<'_>, database: &str, request, spread| -> Outcome<()> {
        let load = Load { request, connections: 64, spread, acknowledged: false };
        let loaded = load.run(stage, &service.url, seconds)?;
        acknowledged.extend(Acknowledged::by(&load, &loaded, database));
        Ok(())
    };
    for (place, service) in &services.0 {
        run(service, place.database(), Request::Usage, true)?;
        let holds = |cell: &Cell| match &cell.work {
            Work::Http(load, at) => load.request == Request::HoldAndCapture && at == place,
            Work::Direct(_) | Work::Beside(..) => false,
        };
        if cells.iter().any(holds) {
            run(service, place.database(), Request::HoldAndCapture, true)?;
            run(service, place.database(), Request::HoldAndCapture, false)?;
        }
    }
    Ok(acknowledged)
}
