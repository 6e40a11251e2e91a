//! How long partners wait for a webhook, when some endpoints are dead.
//!
//! A hundred endpoints get every event. Five events a second are written, and a receiver in this process notes how long
//! after its `timestamp` each arrives. Then ten of the endpoints are dead: they take connections and never answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use indicatif::ProgressBar;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Outcome;
use crate::numbers::{divided, percentile, shown};
use crate::seed;
use crate::service::Service;
use crate::stage::{Database, Stage};
use crate::targets::Target;

pub const DATABASE: &str = "webhooks";
const ENDPOINTS: usize = 100;
const DEAD: usize = 10;
/// Between two events.
const EVERY: Duration = Duration::from_millis(200);
/// How long the last events may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long the deliveries of one run took, in milliseconds.
#[derive(Debug)]
pub struct Delays {
    pub what: String,
    pub p50: f64,
    pub p99: f64,
    pub longest: f64,
}

type Arrived = Arc<Mutex<Vec<f64>>>;

pub fn run(stage: &Stage, seconds: u64, bar: &ProgressBar) -> Outcome<(Vec<Delays>, Vec<Target>)> {
    bar.set_message("webhooks: seeding customers");
    let database = seed::customers(stage, DATABASE)?;
    let _service = Service::start(stage, DATABASE, &[("TOPUP_WEBHOOK_ALLOW_LOOPBACK", "true")])?;
    let arrived = Arrived::default();
    let (live, dead) = stage.runtime.block_on(async {
        Ok::<_, std::io::Error>((TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?))
    })?;
    let (live_at, dead_at) = (live.local_addr()?, dead.local_addr()?);
    let noted = Arc::clone(&arrived);
    stage.runtime.spawn(async move {
        while let Ok((stream, _)) = live.accept().await {
            let noted = Arc::clone(&noted);
            tokio::spawn(async move { drop(answer(stream, &noted).await) });
        }
    });
    let mut found = Vec::new();
    for n_dead in [0, DEAD] {
        bar.set_message(format!("webhooks: {n_dead} of {ENDPOINTS} endpoints are dead"));
        endpoints(&database, &format!("http://{live_at}/"), &format!("http://{dead_at}/"), n_dead)?;
        let events = seconds * 1_000 / u64::try_from(EVERY.as_millis())?;
        found.push(measure(&database, &arrived, n_dead, events)?);
        bar.inc(1);
    }
    let p99 = |n: usize| found.get(n).map_or(f64::MAX, |delays| delays.p99);
    let what = format!("webhooks of {} endpoints: p99 of the delay", ENDPOINTS - DEAD);
    let target = |what: String, value, unit, wanted| Target { what, value, unit, wanted, at_least: false };
    let targets = vec![
        target(format!("{what} beside {DEAD} dead ones"), p99(1), "ms", 2_000.0),
        target(format!("{what} beside {DEAD} dead ones / without"), divided(p99(1), p99(0)), "×", 2.0),
    ];
    Ok((found, targets))
}

pub fn report(found: &[Delays]) -> String {
    let rows = found.iter().map(|delays| {
        let Delays { what, p50, p99, longest } = delays;
        format!("{what}: delay p50 {} ms, p99 {} ms, longest {} ms\n", shown(*p50), shown(*p99), shown(*longest))
    });
    rows.collect()
}

/// Replaces all endpoints.
fn endpoints(database: &Database<'_>, live: &str, dead: &str, n_dead: usize) -> Outcome<()> {
    database.run(&format!(
        "UPDATE webhook_endpoints SET status = 'deleted';
         WITH made AS (
             INSERT INTO webhook_endpoints (id, owner, url, status, created_at, updated_at)
             SELECT gen_random_uuid(), 'service:' || n, CASE WHEN n <= {n_dead} THEN '{dead}' ELSE '{live}' END,
                    'enabled', ledger_now(), ledger_now()
             FROM generate_series(1, {ENDPOINTS}) n
             RETURNING id
         )
         INSERT INTO webhook_secrets (endpoint_id, secret, made_at)
         SELECT id, 'whsec_' || encode(sha256(id::text::bytea), 'base64'), ledger_now() FROM made"
    ))
}

fn measure(database: &Database<'_>, arrived: &Arrived, n_dead: usize, events: u64) -> Outcome<Delays> {
    let lock = || arrived.lock().unwrap_or_else(PoisonError::into_inner);
    lock().clear();
    for n in 0..events {
        let customer = format!("c{:05}", 1 + n % 100);
        database.run(&format!(
            "INSERT INTO events (customer_id, type, noun, data)
             VALUES ('{customer}', 'customer.unfrozen', 'customer', '{{\"customer_id\": \"{customer}\"}}')"
        ))?;
        std::thread::sleep(EVERY);
    }
    let wanted = usize::try_from(events)? * (ENDPOINTS - n_dead);
    let began = std::time::Instant::now();
    while lock().len() < wanted {
        if began.elapsed() > PATIENCE {
            return Err(format!("{} of {wanted} webhooks arrived", lock().len()).into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut delays = std::mem::take(&mut *lock());
    Ok(Delays {
        what: format!("webhooks, {ENDPOINTS} endpoints, {n_dead} dead, {} arrived", delays.len()),
        p50: percentile(&mut delays, 0.5),
        p99: percentile(&mut delays, 0.99),
        longest: percentile(&mut delays, 1.0),
    })
}

/// Answers the requests of one connection, and notes when each came.
async fn answer(mut stream: TcpStream, arrived: &Arrived) -> Outcome<()> {
    let mut buffer = Vec::new();
    loop {
        let (head, body) = loop {
            if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break (String::from_utf8_lossy(buffer.get(..at).unwrap_or_default()).to_lowercase(), at + 4);
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let end = body + length.ok_or("a length")?.trim().parse::<usize>()?;
        while buffer.len() < end {
            stream.read_buf(&mut buffer).await?;
        }
        let event: serde_json::Value = serde_json::from_slice(buffer.get(body..end).unwrap_or_default())?;
        buffer.drain(..end);
        let told: DateTime<Utc> = event.get("timestamp").and_then(|at| at.as_str()).ok_or("a timestamp")?.parse()?;
        #[expect(clippy::disallowed_methods, reason = "the database of the benchmark has the clock of this machine")]
        let delay = Utc::now() - told;
        arrived
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(delay.to_std().unwrap_or_default().as_secs_f64() * 1e3);
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
    }
}
