//! The measured cases, and the result of one measurement.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Outcome;
use crate::direct::{Direct, Statement};
use crate::load::{Load, Request};
use crate::neighbours::Neighbour;
use crate::numbers::{divided, float, per_second};
use crate::processes::Time;
use crate::service::Service;
use crate::stage::Stage;
use crate::verify::Acknowledged;
use crate::wal::Wal;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Section {
    /// Single usages, against pgbench and against the service with the poster off
    Usage,
    /// The batch endpoint
    Batch,
    /// Holds that are opened and captured
    Holds,
    /// Other customers' usage beside neighbours that are locked, frozen, hang up or have very many grants
    Neighbours,
    /// Single usages while entries are sealed, against the same without seals
    Seal,
    /// Usages and holds on wallets with a live grant, and with a spend guard, against plain ones
    Wallets,
    /// Balances and pages of movements, against usage and pgbench
    Reads,
    /// One client alone
    Idle,
    /// Account flows, and posting, on a large table
    Listing,
    /// The delay of webhooks, with and without dead endpoints
    Webhooks,
}

#[derive(Debug, Clone)]
pub enum Work {
    Http(Load, Place),
    Direct(Direct),
    /// The load of other customers while a neighbour causes trouble.
    Beside(Load, Neighbour),
}

/// A service, and the database that it runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The defaults.
    Plain,
    /// On the same database, with the poster turned off.
    PosterOff,
    /// Entries are sealed a second after they were made, much more often than in practice.
    Sealed,
    /// Entries are not sealed.
    Unsealed,
    /// Every wallet has a live grant that lasts.
    Granted,
    /// Every wallet has a spend guard whose caps are far away.
    Guarded,
}

impl Place {
    pub const ALL: [Self; 6] =
        [Self::Plain, Self::PosterOff, Self::Sealed, Self::Unsealed, Self::Granted, Self::Guarded];

    pub fn database(self) -> &'static str {
        match self {
            Self::Plain | Self::PosterOff => "bench",
            Self::Sealed => "sealed",
            Self::Unsealed => "unsealed",
            Self::Granted => "granted",
            Self::Guarded => "guarded",
        }
    }

    /// How its service differs from the defaults.
    pub fn settings(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::PosterOff => &[("TOPUP_POSTER", "off")],
            Self::Sealed => &[("TOPUP_SEAL_AFTER_SECONDS", "1")],
            Self::Unsealed => &[("TOPUP_SEAL", "off")],
            Self::Plain | Self::Granted | Self::Guarded => &[],
        }
    }

    /// The suffix of the names of its cells.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::PosterOff => ", poster off",
            Self::Sealed => ", sealed",
            Self::Unsealed => ", not sealed",
            Self::Granted => ", a live grant each",
            Self::Guarded => ", a spend guard each",
        }
    }
}

#[derive(Debug, Clone)]
pub struct Cell {
    pub name: String,
    pub work: Work,
}

/// One measurement of one cell.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub per_second: f64,
    pub p50: Option<Duration>,
    pub p99: Option<Duration>,
    /// Of one item.
    pub service: f64,
    pub postgres: f64,
    pub generator: f64,
    /// Bytes of one item.
    pub wal_records: f64,
    pub wal_images: f64,
}

/// The services that the cells run against.
pub struct Services<'s>(pub BTreeMap<Place, Service<'s>>);

impl<'s> Services<'s> {
    pub fn at(&self, place: Place) -> Outcome<&Service<'s>> {
        self.0.get(&place).ok_or_else(|| format!("no service for {place:?}").into())
    }
}

pub const CONNECTIONS: [u32; 4] = [1, 32, 64, 256];
pub const CLIENTS: [u32; 4] = [1, 8, 32, 64];
pub const CUSTOMERS: [(bool, &str); 2] = [(true, "spread"), (false, "hot")];

/// The cells of the sections, each once.
pub fn of(sections: &[Section]) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    let mut add = |work: Work| {
        let name = name(&work);
        if cells.iter().all(|cell| cell.name != name) {
            cells.push(Cell { name, work });
        }
    };
    let load = |request, connections, spread| Load { request, connections, spread, acknowledged: false };
    let direct = |statement, clients, spread| Work::Direct(Direct { statement, clients, spread });
    if sections.contains(&Section::Usage) {
        for (spread, _) in CUSTOMERS {
            for connections in CONNECTIONS {
                add(Work::Http(load(Request::Usage, connections, spread), Place::Plain));
            }
            for connections in [1, 64] {
                add(Work::Http(load(Request::Usage, connections, spread), Place::PosterOff));
            }
            for clients in CLIENTS {
                add(direct(Statement::Deduct, clients, spread));
            }
            for clients in CLIENTS {
                add(direct(Statement::DeductTwoSided, clients, spread));
            }
        }
        for clients in [8, 32] {
            add(direct(Statement::Select, clients, true));
        }
    }
    if sections.contains(&Section::Batch) {
        for (spread, _) in CUSTOMERS {
            add(Work::Http(load(Request::Batch(100), 8, spread), Place::Plain));
            add(Work::Http(load(Request::Batch(1000), 4, spread), Place::Plain));
        }
        for clients in CLIENTS {
            add(direct(Statement::Deduct, clients, true));
        }
        for clients in CLIENTS {
            add(direct(Statement::DeductTwoSided, clients, true));
        }
    }
    if sections.contains(&Section::Holds) {
        for (spread, _) in CUSTOMERS {
            add(Work::Http(load(Request::HoldAndCapture, 64, spread), Place::Plain));
            add(Work::Http(load(Request::Usage, 64, spread), Place::Plain));
        }
    }
    if sections.contains(&Section::Neighbours) {
        add(Work::Http(load(Request::Usage, 8, true), Place::Plain));
        for neighbour in Neighbour::ALL {
            add(Work::Beside(load(Request::Usage, 8, true), neighbour));
        }
    }
    if sections.contains(&Section::Seal) {
        for (spread, _) in CUSTOMERS {
            for place in [Place::Sealed, Place::Unsealed] {
                add(Work::Http(load(Request::Usage, 64, spread), place));
            }
        }
    }
    if sections.contains(&Section::Wallets) {
        for (spread, _) in CUSTOMERS {
            for request in [Request::Usage, Request::HoldAndCapture] {
                for place in [Place::Plain, Place::Granted, Place::Guarded] {
                    add(Work::Http(load(request.clone(), 64, spread), place));
                }
            }
        }
    }
    if sections.contains(&Section::Reads) {
        add(Work::Http(load(Request::Usage, 64, true), Place::Plain));
        for request in [Request::Balances, Request::Flows] {
            add(Work::Http(load(request, 64, true), Place::Plain));
        }
        add(direct(Statement::Select, 32, true));
    }
    if sections.contains(&Section::Idle) {
        add(Work::Http(load(Request::Usage, 1, true), Place::Plain));
        add(Work::Http(load(Request::Get("/healthz".to_owned()), 1, true), Place::Plain));
        add(direct(Statement::Deduct, 1, true));
    }
    cells
}

/// Its name in the report, by which targets find it.
pub fn name(work: &Work) -> String {
    let of = |load: &Load| {
        let what = match &load.request {
            Request::Usage => "usage".to_owned(),
            Request::Batch(items) => format!("batch of {items}"),
            Request::HoldAndCapture => "hold + capture".to_owned(),
            Request::Balances => "balances".to_owned(),
            Request::Flows => "page of 20 flows".to_owned(),
            Request::Get(path) => return format!("GET {path}, {} conn.", load.connections),
        };
        format!("{what}, {}, {} conn.", customers(load.spread), load.connections)
    };
    match work {
        Work::Http(load, place) => format!("{}{}", of(load), place.suffix()),
        Work::Beside(load, neighbour) => format!("{}, beside {}", of(load), neighbour.name()),
        Work::Direct(direct) => {
            let what = match direct.statement {
                Statement::Deduct => "pgbench deduction",
                Statement::DeductTwoSided => "pgbench deduction, two-sided",
                Statement::Select => "pgbench select-only",
            };
            format!("{what}, {}, {} clients", customers(direct.spread), direct.clients)
        }
    }
}

pub fn customers(spread: bool) -> &'static str {
    CUSTOMERS.into_iter().find(|(is_spread, _)| *is_spread == spread).map_or("", |(_, name)| name)
}

impl Cell {
    /// Measures once. Also returns what the ledger must contain afterwards.
    pub fn measure<'s>(
        &self,
        stage: &'s Stage,
        services: &Services<'s>,
        seconds: u64,
    ) -> Outcome<(Sample, Option<Acknowledged>)> {
        let place = match &self.work {
            Work::Http(_, place) => *place,
            Work::Beside(..) | Work::Direct(_) => Place::Plain,
        };
        let database = place.database();
        let service = if let Work::Direct(_) = &self.work { None } else { Some(services.at(place)?) };
        let neighbour = match &self.work {
            Work::Beside(_, neighbour) => Some(neighbour.start(stage, services, seconds)?),
            _ => None,
        };
        let from = stage.wal_position()?;
        let before = Time::now(stage, service.map(Service::pid));
        let (mut sample, items, acknowledged) = match (&self.work, service) {
            (Work::Http(load, _) | Work::Beside(load, _), Some(service)) => {
                let loaded = load.run(stage, &service.url, seconds)?;
                if loaded.failed > 0 {
                    return Err(format!("{}: {} requests failed", self.name, loaded.failed).into());
                }
                let items = match load.request {
                    Request::HoldAndCapture => loaded.captured,
                    _ => loaded.answered * load.items_of_a_request(),
                };
                let sample = Sample::new(per_second(items, loaded.time), Some(loaded.p50), Some(loaded.p99));
                (sample, items, Acknowledged::by(load, &loaded, database))
            }
            (Work::Direct(direct), _) => {
                let counted = direct.run(stage, database, seconds)?;
                if counted.failed > 0 {
                    return Err(format!("{}: {} transactions failed", self.name, counted.failed).into());
                }
                let sample = Sample::new(counted.per_second, counted.p50, counted.p99);
                (sample, counted.transactions, Acknowledged::directly(direct, &counted, database))
            }
            _ => return Err("no service".into()),
        };
        drop(neighbour);
        let used = Time::now(stage, service.map(Service::pid)).since(before);
        let of_one = |time: Duration| divided(time.as_secs_f64() * 1e6, float(items));
        (sample.service, sample.postgres, sample.generator) =
            (of_one(used.service), of_one(used.postgres), of_one(used.generator));
        if acknowledged.is_some() {
            let wal = Wal::between(stage, &from, &stage.wal_position()?)?;
            sample.wal_records = divided(float(wal.records), float(items));
            sample.wal_images = divided(float(wal.images), float(items));
        }
        Ok((sample, acknowledged))
    }
}

impl Sample {
    fn new(per_second: f64, p50: Option<Duration>, p99: Option<Duration>) -> Self {
        Self { per_second, p50, p99, service: 0.0, postgres: 0.0, generator: 0.0, wal_records: 0.0, wal_images: 0.0 }
    }
}
