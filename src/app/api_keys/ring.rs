//! The valid keys, as this process remembers them.
//!
//! Each process reads all of them together, so that a request with a key costs no statement of its own, and a flood of
//! unknown keys costs one read at a time. The result is valid for [`FRESH`]. So a key that any process revokes is
//! refused here after that time, and a process that cannot read the database accepts no key.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use uuid::Uuid;

use crate::app::Error;
use crate::domain::api_key::{KeyDigest, KeyText};
use crate::storage::api_keys::{self as store, LiveKey};
use crate::storage::pool::Pool;

/// How long the keys that were read are valid. Revoked keys must be refused within five seconds.
const FRESH: Duration = Duration::from_secs(2);
/// How often the use of a key is noted. A use from another address is noted at once, but not more often than [`FRESH`].
const NOTED_EVERY: Duration = Duration::from_secs(60);
/// Whose share of the connections is used to read the keys.
const SHARE: &str = "API keys";

/// The valid keys. Clones share them.
#[derive(Debug, Clone)]
pub struct KeyRing(Arc<Ring>);

#[derive(Debug)]
struct Ring {
    pool: Pool,
    known: RwLock<KnownKeys>,
    /// Held by the task that reads.
    reading: Arc<Mutex<()>>,
    /// When the use of a key was noted last, and from where.
    noted: RwLock<HashMap<Uuid, (Instant, IpAddr)>>,
}

#[derive(Debug, Default)]
struct KnownKeys {
    /// When the reading began; `None` before the first.
    asked_at: Option<Instant>,
    keys: HashMap<KeyDigest, KeptKey>,
}

#[derive(Debug, Clone)]
struct KeptKey {
    key: Arc<LiveKey>,
    /// When it expires, by the clock of the machine.
    ends_at: Instant,
}

impl KnownKeys {
    fn find(&self, digest: &KeyDigest, now: Instant) -> Option<Arc<LiveKey>> {
        self.keys.get(digest).filter(|kept| now < kept.ends_at).map(|kept| Arc::clone(&kept.key))
    }

    fn by_id(&self, id: Uuid, now: Instant) -> Option<Arc<LiveKey>> {
        self.keys.values().find(|kept| kept.key.id == id && now < kept.ends_at).map(|kept| Arc::clone(&kept.key))
    }

    fn is_from(&self, moment: Instant) -> bool {
        self.asked_at.is_some_and(|asked_at| asked_at >= moment)
    }
}

impl KeyRing {
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        Self(Arc::new(Ring { pool, known: RwLock::default(), reading: Arc::default(), noted: RwLock::default() }))
    }

    /// The key with this text, if it is valid. A new key is found at once.
    ///
    /// # Errors
    /// When the keys must be read, and cannot be: then it is unknown whether this one has been revoked.
    pub async fn find(&self, text: &KeyText) -> Result<Option<Arc<LiveKey>>, Error> {
        let digest = text.digest();
        self.look(|known, now| known.find(&digest, now)).await
    }

    /// Looks for a key among those that were read. Reads all keys again if they are too old, or if the key is not among
    /// them.
    async fn look(
        &self,
        find: impl Fn(&KnownKeys, Instant) -> Option<Arc<LiveKey>>,
    ) -> Result<Option<Arc<LiveKey>>, Error> {
        let arrived = Instant::now();
        if let Some(found) = self.remembered(&find, arrived) {
            return Ok(Some(found));
        }
        let turn = Arc::clone(&self.0.reading).lock_owned().await;
        // Another request may have read while this one waited.
        if !self.known().is_from(arrived) {
            let ring = self.clone();
            // In a task of its own, so that a caller who disconnects does not end a read that others wait for.
            let reading = tokio::spawn(async move {
                let read = ring.read().await;
                drop(turn);
                read
            });
            reading.await.map_err(|_| Error::Internal("the keys to be read without a panic"))??;
        }
        Ok(find(&self.known(), Instant::now()))
    }

    fn remembered(
        &self,
        find: impl Fn(&KnownKeys, Instant) -> Option<Arc<LiveKey>>,
        now: Instant,
    ) -> Option<Arc<LiveKey>> {
        let known = self.known();
        let is_fresh = known.asked_at.is_some_and(|asked_at| now < asked_at + FRESH);
        if is_fresh { find(&known, now) } else { None }
    }

    fn known(&self) -> std::sync::RwLockReadGuard<'_, KnownKeys> {
        self.0.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(&self) -> Result<(), Error> {
        let asked_at = Instant::now();
        let (keys, now) = self
            .0
            .pool
            .share_of_others(SHARE)
            .hold(async { store::live(&mut *self.0.pool.get().await?).await })
            .await?;
        let keys = keys.into_iter().map(|(digest, key)| {
            let left = (key.expires_at - now).to_std().unwrap_or_default();
            (digest, KeptKey { key: Arc::new(key), ends_at: asked_at + left })
        });
        let known = KnownKeys { asked_at: Some(asked_at), keys: keys.collect() };
        *self.0.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }

    /// Waits until a key is no longer valid, or until its validity is unknown.
    pub async fn ended(&self, text: &KeyText) {
        while let Ok(Some(_)) = self.find(text).await {
            tokio::time::sleep(FRESH).await;
        }
    }

    /// As [`KeyRing::ended`], for the key with this id.
    pub async fn ended_by_id(&self, id: Uuid) {
        while let Ok(Some(_)) = self.look(|known, now| known.by_id(id, now)).await {
            tokio::time::sleep(FRESH).await;
        }
    }

    /// Notes the use of a key, without delaying the request.
    pub fn note(&self, id: Uuid, from: IpAddr) {
        if !self.is_to_note(id, from, Instant::now()) {
            return;
        }
        let ring = Arc::clone(&self.0);
        tokio::spawn(async move {
            let noted = ring
                .pool
                .share_of_others(SHARE)
                .hold(async { store::note_use(&mut *ring.pool.get().await?, id, &from.to_string()).await })
                .await;
            if let Err(error) = noted {
                tracing::warn!(%error, key = %id, "The use of an API key was not noted");
            }
        });
    }

    fn is_to_note(&self, id: Uuid, from: IpAddr, now: Instant) -> bool {
        let is_old = |(at, known): &(Instant, IpAddr)| now >= *at + if *known == from { NOTED_EVERY } else { FRESH };
        // Most requests only read.
        if self.0.noted.read().unwrap_or_else(PoisonError::into_inner).get(&id).is_some_and(|last| !is_old(last)) {
            return false;
        }
        let mut noted = self.0.noted.write().unwrap_or_else(PoisonError::into_inner);
        if noted.get(&id).is_some_and(|last| !is_old(last)) {
            return false;
        }
        // Keys that ended are removed together with others that were not used for long.
        noted.retain(|_, (at, _)| now < *at + NOTED_EVERY);
        noted.insert(id, (now, from));
        true
    }
}
