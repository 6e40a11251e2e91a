//! Sealing: a worker goes through all wallets by key, a slice at a time, and seals the stretches that are due.
//!
//! One process seals at a time: the process that has locked the row of the walk. It takes no other lock, because sealed
//! entries never change, so nobody waits for it. A turn is limited by the number of wallets it checks and of entries it
//! seals. If there is more usage than that, the rest waits, and `topup_oldest_unsealed_seconds` grows.

mod erase;
mod proof;
pub(in crate::app) mod verify;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use rand::RngCore;

use super::{App, Error};
use crate::domain::customer::CustomerId;
use crate::domain::seal::form::{SealLine, StoredLine, Stretch};
use crate::domain::seal::heads::Head;
use crate::domain::seal::key::{SealKey, SealPublicKey};
use crate::domain::seal::{Hash, Ripeness, Seal, SealedWallet};
use crate::storage::pool::Pool;
use crate::storage::seals::{self, Walk};
use crate::storage::transaction::transact;
use crate::storage::{Connection, clock};

pub use erase::{erase_texts, personal_data};
pub use proof::{ProvenStretch, prove};

/// How an installation seals.
#[derive(Debug, Clone)]
pub struct Sealing {
    pub key: Arc<SealKey>,
    pub ripeness: Ripeness,
    /// How many wallets a turn checks.
    pub wallets: i64,
    /// After this many entries a turn seals no further wallet.
    pub entries: i64,
    /// The pause between two turns, of all processes together.
    pub pause: Duration,
}

impl Sealing {
    /// Seals entries of this age, by a slice of a thousand wallets a second. Ten thousand entries are sealed in a few
    /// hundredths of a second.
    #[must_use]
    pub fn with(key: SealKey, age: Duration) -> Self {
        Self {
            key: Arc::new(key),
            ripeness: Ripeness { age, ..Ripeness::default() },
            wallets: 1_000,
            entries: 10_000,
            pause: Duration::seconds(1),
        }
    }
}

/// Checks the next slice of wallets and seals the stretches that are due, if the slice is due and no other process
/// seals. Returns how many seals it made.
///
/// # Errors
/// Database errors.
pub async fn seal_slice(pool: &Pool, sealing: &Sealing) -> Result<usize, Error> {
    let sealed = transact(pool, async |conn| {
        let Some(walk) = seals::lock_due_walk(conn).await? else { return Ok::<_, Error>(0) };
        take_turn(conn, sealing, walk).await
    });
    let sealed = sealed.await?;
    let mut conn = pool.get().await?;
    let oldest = seals::read_walk(&mut conn).await?.oldest_unsealed();
    let now = clock::now(&mut conn).await?;
    let age = oldest.and_then(|oldest| (now - oldest).to_std().ok()).unwrap_or_default();
    metrics::gauge!("topup_oldest_unsealed_seconds").set(age.as_secs_f64());
    Ok(sealed)
}

/// One wallet's stretches of this turn.
struct Ripe<'w> {
    wallet: &'w SealedWallet,
    stretches: Vec<(i64, i64)>,
}

async fn take_turn(conn: &mut Connection, sealing: &Sealing, mut walk: Walk) -> Result<usize, Error> {
    let now = clock::now(conn).await?;
    let slice = seals::wallets_after(conn, walk.at.clone(), sealing.wallets).await?;
    let is_last = i64::try_from(slice.len()).is_ok_and(|found| found < sealing.wallets);
    let (looked_at, ripe) = choose(&slice, sealing, now);
    let made = seal(conn, sealing, &ripe, now).await?;
    if !made.is_empty() {
        seals::insert(conn, &sealing.key, &made.iter().map(|(seal, _)| seal.clone()).collect::<Vec<_>>()).await?;
    }

    let rest = slice.iter().take(looked_at).filter_map(|wallet| oldest_left(wallet, &made));
    walk.oldest_so_far = rest.chain(walk.oldest_so_far).min();
    if is_last && looked_at == slice.len() {
        walk = Walk { oldest: walk.oldest_so_far, ..Walk::default() };
    } else if let Some(last) = slice.get(..looked_at).and_then(<[_]>::last) {
        walk.at = (last.customer.as_str().to_owned(), last.currency.clone(), last.product.clone());
    }
    seals::save_walk(conn, &walk, now + sealing.pause).await?;
    Ok(made.len())
}

/// The stretches that are due, and how many wallets of the slice were checked before the turn was full.
fn choose<'w>(slice: &'w [SealedWallet], sealing: &Sealing, now: DateTime<Utc>) -> (usize, Vec<Ripe<'w>>) {
    let mut ripe = Vec::new();
    let mut entries = 0;
    for (n, wallet) in slice.iter().enumerate() {
        let Some(oldest) = wallet.oldest_unsealed else { continue };
        let all = sealing.ripeness.stretches(wallet.sealed_to, wallet.last_seq, oldest, now);
        let mut stretches = Vec::new();
        for (from, to) in all {
            if entries >= sealing.entries {
                break;
            }
            entries += to - from + 1;
            stretches.push((from, to));
        }
        if !stretches.is_empty() {
            ripe.push(Ripe { wallet, stretches });
        }
        if entries >= sealing.entries {
            return (n + 1, ripe);
        }
    }
    (slice.len(), ripe)
}

/// When the oldest unsealed entry of a wallet was made. If a stretch was sealed, that is the entry after
/// it, which is not older than the stretch's last one.
fn oldest_left(wallet: &SealedWallet, made: &[(Seal, DateTime<Utc>)]) -> Option<DateTime<Utc>> {
    let last = made.iter().rfind(|(seal, _)| seal.wallet_id == wallet.wallet_id && seal.customer == wallet.customer);
    match last {
        None => wallet.oldest_unsealed,
        Some((seal, _)) if seal.to_seq == wallet.last_seq => None,
        Some((_, at)) => Some(*at),
    }
}

/// The seals of the stretches that are due, each with the time of its last entry.
async fn seal(
    conn: &mut Connection,
    sealing: &Sealing,
    ripe: &[Ripe<'_>],
    now: DateTime<Utc>,
) -> Result<Vec<(Seal, DateTime<Utc>)>, Error> {
    let stretches: Vec<Stretch<'_>> = ripe
        .iter()
        .flat_map(|ripe| ripe.stretches.iter().map(|stretch| ripe.wallet.stretch(*stretch, ripe.wallet.hash)))
        .collect();
    if stretches.is_empty() {
        return Ok(Vec::new());
    }
    let stored = seals::lines(conn, &stretches).await?;
    let secrets = secrets(conn, &stretches, &stored).await?;
    let mut made: Vec<(Seal, DateTime<Utc>)> = Vec::new();
    for (stretch, stored) in stretches.into_iter().zip(stored) {
        let before = made.last().map(|(seal, _)| seal).filter(|seal| seal.wallet_id == stretch.wallet_id);
        let previous_hash = before.map_or(stretch.previous_hash, |seal| seal.hash);
        let stretch = Stretch { previous_hash, ..stretch };
        let last = stored.last().map_or(now, StoredLine::created_at);
        let lines = lines(stored, secrets.get(stretch.customer).map(Vec::as_slice), &stretch)
            .filter(|lines| i64::try_from(lines.len()).is_ok_and(|n| n == stretch.to_seq - stretch.from_seq + 1))
            .ok_or(Error::Internal("every entry of a stretch, and a secret for its texts"))?;
        made.push((Seal::new(&stretch, &lines, &sealing.key, now), last));
        // Hashing a thousand entries takes some milliseconds, in which others may go on.
        tokio::task::yield_now().await;
    }
    Ok(made)
}

/// The lines of a stretch with their digests; `None` if a text has no secret.
fn lines(stored: Vec<StoredLine>, secret: Option<&[u8]>, stretch: &Stretch<'_>) -> Option<Vec<SealLine>> {
    stored.into_iter().map(|stored| stored.digested(secret, stretch.wallet_id)).collect()
}

/// The secrets of the customers whose entries have texts. A missing one is created: the caller has locked the walk.
async fn secrets(
    conn: &mut Connection,
    stretches: &[Stretch<'_>],
    stored: &[Vec<StoredLine>],
) -> Result<HashMap<CustomerId, Vec<u8>>, Error> {
    let with_texts = stretches.iter().zip(stored).filter(|(_, stored)| stored.iter().any(StoredLine::has_texts));
    let mut customers: Vec<CustomerId> = with_texts.map(|(stretch, _)| stretch.customer.clone()).collect();
    customers.sort();
    customers.dedup();
    let mut secrets: HashMap<_, _> = seals::secrets(conn, &customers).await?.into_iter().collect();
    customers.retain(|customer| !secrets.contains_key(customer));
    for customer in customers {
        let secret = make_secret(conn, &customer).await?;
        secrets.insert(customer, secret);
    }
    Ok(secrets)
}

async fn make_secret(conn: &mut Connection, customer: &CustomerId) -> Result<Vec<u8>, Error> {
    let mut secret = vec![0_u8; 32];
    rand::rng().fill_bytes(&mut secret);
    seals::insert_secret(conn, customer, &secret).await?;
    Ok(secret)
}

/// The public keys that verify seals, old ones too.
///
/// # Errors
/// Database errors.
pub async fn list_keys(app: &App) -> Result<Vec<SealPublicKey>, Error> {
    Ok(seals::keys(&mut *app.pool.get().await?).await?)
}

/// The largest number of wallets that are read at once.
const PAGE: i64 = 1_000;

/// Gives the heads of all chains, a page at a time, in the order of the wallets' keys.
///
/// # Errors
/// Database errors, and those of `write`.
pub async fn export_heads<E: From<Error>>(
    pool: &Pool,
    mut write: impl FnMut(&[Head]) -> Result<(), E>,
) -> Result<(), E> {
    let mut conn = pool.get().await.map_err(Error::from)?;
    let mut at = <(String, String, String)>::default();
    loop {
        let page = seals::wallets_after(&mut conn, at, PAGE).await.map_err(Error::from)?;
        let heads: Vec<Head> = page.iter().filter_map(SealedWallet::head).collect();
        write(&heads)?;
        let Some(last) = page.last() else { return Ok(()) };
        at = (last.customer.as_str().to_owned(), last.currency.clone(), last.product.clone());
    }
}

/// Shows a hash.
fn shown(hash: Hash) -> String {
    hex::encode(hash)
}
