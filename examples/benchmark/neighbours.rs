//! Neighbours that once made everybody wait: a wallet that another session keeps locked, a client that disconnects in
//! the middle of its transfers, a process that is frozen, a wallet with very many grants.
//!
//! The measured load is of other customers. Each neighbour is also metered, so the service meets its wallet all the
//! time. The rows compare with the same load beside a neighbour that is like any other customer.

use std::io::Write;
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use topup::domain::client_data::ClientData;
use topup::domain::customer::CustomerId;
use topup::domain::money::Money;
use topup::domain::movement::grant::NewGrant;
use topup::domain::posting::Posting;
use topup::domain::product::Product;
use topup::storage::pool::Pool;
use topup::storage::transaction::transact;
use topup::storage::{StorageError, ledger};
use uuid::Uuid;

use crate::Outcome;
use crate::cells::{Place, Services};
use crate::load::{Load, Request};
use crate::service::{Service, customer_token};
use crate::stage::{Database, Stage};

/// The neighbour's own customer, and the one with the grants.
const HOT: &str = "hot";
const GRANTED: &str = "granted";
/// Live grants of one wallet.
const GRANTS: usize = 1_200;
/// How often a client disconnects.
const HANGS_UP_EVERY: Duration = Duration::from_millis(250);
/// How long it waits for its answer before it disconnects: its transaction is running by then.
const HANGS_UP_AFTER: Duration = Duration::from_millis(3);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Neighbour {
    /// Metered like any other customer.
    Plain,
    /// Its wallet is locked by a session that does nothing.
    Locked,
    /// Its client aborts four transfers a second.
    HangsUp,
    /// A second process that meters it is frozen in the middle of its work.
    Frozen,
    /// It has very many live grants.
    Granted,
}

impl Neighbour {
    pub const ALL: [Self; 5] = [Self::Plain, Self::Locked, Self::HangsUp, Self::Frozen, Self::Granted];

    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "a plain neighbour",
            Self::Locked => "a locked wallet",
            Self::HangsUp => "a client that aborts transfers",
            Self::Frozen => "a frozen second process",
            Self::Granted => "a wallet with 1,200 grants",
        }
    }

    /// Starts it. It ends when the value is dropped.
    pub fn start<'s>(self, stage: &'s Stage, services: &Services<'s>, seconds: u64) -> Outcome<Running<'s>> {
        let metered = if self == Self::Granted { GRANTED } else { HOT };
        let meter = |url: &str| -> Outcome<Ended> {
            let load = Load { request: Request::Usage, connections: 3, spread: false, acknowledged: false };
            let mut command = load.command(stage, url, seconds + 2, metered)?;
            Ok(Ended(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?))
        };
        let mut running = Running { parts: Vec::new() };
        match self {
            Self::Plain | Self::Granted => {}
            Self::Locked => {
                let session = stage.database(Place::Plain.database())?;
                session.run(&format!("BEGIN; SELECT FROM wallets WHERE customer_id = '{HOT}' FOR UPDATE"))?;
                running.parts.push(Part::Session(session));
            }
            Self::HangsUp => running.parts.push(Part::Client(HangingUp::start(&services.at(Place::Plain)?.url)?)),
            Self::Frozen => {
                let second = Service::start(stage, Place::Plain.database(), &[("TOPUP_LOG", "topup=info")])?;
                let load = meter(&second.url)?;
                std::thread::sleep(Duration::from_millis(500));
                let pid = Pid::from_raw(i32::try_from(second.pid())?);
                kill(pid, Signal::SIGSTOP)?;
                running.parts.push(Part::Frozen { pid, _load: load, _service: second });
            }
        }
        running.parts.push(Part::Metering(meter(&services.at(Place::Plain)?.url)?));
        Ok(running)
    }
}

/// A running neighbour.
pub struct Running<'s> {
    parts: Vec<Part<'s>>,
}

#[expect(dead_code, reason = "the values are held until they are dropped")]
enum Part<'s> {
    Session(Database<'s>),
    Client(HangingUp),
    Frozen { pid: Pid, _load: Ended, _service: Service<'s> },
    Metering(Ended),
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        for part in &self.parts {
            if let Part::Frozen { pid, .. } = part {
                let _ = kill(*pid, Signal::SIGCONT);
            }
        }
    }
}

/// A child process that ends with this value.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A client that sends transfers and never waits for an answer.
struct HangingUp {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl HangingUp {
    fn start(url: &str) -> Outcome<Self> {
        let (address, token) = (url.trim_start_matches("http://").to_owned(), customer_token(HOT)?);
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            while !until.load(Ordering::SeqCst) {
                if let Err(error) = hang_up(&address, &token) {
                    eprintln!("the client that hangs up could not send: {error}");
                }
                std::thread::sleep(HANGS_UP_EVERY);
            }
        });
        Ok(Self { over, thread: Some(thread) })
    }
}

impl Drop for HangingUp {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn hang_up(address: &str, token: &str) -> std::io::Result<()> {
    let body = format!(r#"{{"currency":"CNY","amount":"0.01","to_product":"{PRODUCT}"}}"#);
    let mut connection = TcpStream::connect(address)?;
    write!(
        connection,
        "POST /v1/transfers HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        Uuid::now_v7(),
        body.len()
    )?;
    std::thread::sleep(HANGS_UP_AFTER);
    Ok(())
}

const PRODUCT: &str = "elsewhere";

/// Adds the product that transfers go to, and the wallet with the grants.
pub fn prepare(stage: &Stage, database: &str) -> Outcome<()> {
    stage.database(database)?.run(&format!("INSERT INTO products (code, name) VALUES ('{PRODUCT}', 'Elsewhere')"))?;
    let grant = NewGrant {
        customer: CustomerId::new(GRANTED).ok_or("not a customer")?,
        amount: Money::new(1_000.into(), "CNY".parse()?)?,
        product: Product::main(),
        expires_at: None,
        priority: 100,
        reason: "benchmark".to_owned(),
        created_by: "benchmark".to_owned(),
        client: ClientData::none(),
    };
    let grants: Vec<Posting> = (0..GRANTS).map(|_| grant.posting(Uuid::now_v7())).collect();
    stage.runtime.block_on(async {
        let pool = Pool::new(&stage.cluster.url(database).into(), 1)?;
        for grants in grants.chunks(100) {
            transact::<_, StorageError, _>(&pool, async |conn| ledger::post(conn, grants).await).await?;
        }
        pool.close();
        Ok::<_, StorageError>(())
    })?;
    Ok(())
}
