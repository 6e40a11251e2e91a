//! Keys from a JWKS endpoint (RFC 7517). They are fetched when first needed, kept, and fetched again when they change.
//!
//! - There is one fetch at a time. Requests that need it at the same moment wait for it.
//! - An unknown `kid` causes at most one fetch per [`REFETCH_SECONDS`], because unknown callers can invent any number
//!   of them.
//! - While the endpoint is down, the fetched keys stay valid.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::Algorithm;
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, OwnedMutexGuard};
use url::Url;

use super::error::IdentitySettingsError;
use super::keys::{Jwk, Key};
use super::token::TokenError;

/// The shortest time between two fetches once there are keys.
pub(super) const REFETCH_SECONDS: u64 = 30;
/// The shortest time between two fetches while there are no keys. It is short, because no token of the JWKS can be
/// accepted before.
pub(super) const FIRST_FETCH_SECONDS: u64 = 2;
/// Older keys are fetched again in the background, so that a revoked key is no longer accepted.
pub(super) const STALE_SECONDS: u64 = 600;
const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_BYTES: usize = 256 * 1024;

pub(super) struct Jwks {
    url: Url,
    client: reqwest::Client,
    set: RwLock<Option<Arc<KeySet>>>,
    /// Changes with the content of the key set. A result from another generation is no longer used.
    generation: AtomicU64,
    gate: Arc<Mutex<FetchGate>>,
    /// The number of fetches that have ended, with or without success.
    finished: AtomicU64,
    failing: AtomicBool,
}

struct KeySet {
    content: Content,
    generation: u64,
    fetched_at: i64,
}

/// The response of the endpoint: the keys that we accept, and a digest of the whole response.
struct Content {
    keys: Vec<NamedKey>,
    digest: [u8; 32],
}

struct NamedKey {
    kid: Option<String>,
    key: Arc<Key>,
}

/// Decides when the next fetch is allowed. It is locked during a fetch.
#[derive(Default)]
struct FetchGate {
    last: Option<i64>,
    wait: u64,
}

impl FetchGate {
    fn allows(&self, now: i64) -> bool {
        // The absolute difference: a clock that was set back must not prevent fetches for hours.
        self.last.is_none_or(|last| now.abs_diff(last) >= self.wait)
    }
}

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("the endpoint did not respond: {0}")]
    Http(#[from] reqwest::Error),
    #[error("the endpoint responded with status {0}")]
    Status(u16),
    #[error("the response is longer than {MAX_BYTES} bytes")]
    TooLong,
    #[error("the response is not a JWKS")]
    NotJwks,
}

impl Jwks {
    pub fn new(url: Url) -> Result<Self, IdentitySettingsError> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .user_agent(concat!("topup/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| IdentitySettingsError::HttpClient(error.to_string()))?;
        Ok(Self {
            url,
            client,
            set: RwLock::new(None),
            generation: AtomicU64::new(0),
            gate: Arc::default(),
            finished: AtomicU64::new(0),
            failing: AtomicBool::new(false),
        })
    }

    /// The generation of the current keys; 0 before the first fetch.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The key for a token with this `kid` and algorithm, and the generation of the key.
    ///
    /// # Errors
    /// [`TokenError::UnknownKey`] when the endpoint does not have the key; [`TokenError::KeysUnavailable`] when the
    /// keys cannot be fetched.
    pub async fn key_for(
        self: &Arc<Self>,
        kid: Option<&str>,
        algorithm: Algorithm,
        now: i64,
    ) -> Result<(Arc<Key>, u64), TokenError> {
        // Read the counter first, so that a fetch that ends during the look-up is not repeated.
        let seen = self.finished.load(Ordering::Acquire);
        if let Some(set) = self.current()
            && let Some(key) = set.find(kid, algorithm)
        {
            if now.abs_diff(set.fetched_at) >= STALE_SECONDS {
                self.refresh_in_background(now);
            }
            return Ok((key, set.generation));
        }
        self.refresh(seen, now).await;
        let set = self.current().ok_or(TokenError::KeysUnavailable)?;
        match set.find(kid, algorithm) {
            Some(key) => Ok((key, set.generation)),
            None if self.failing.load(Ordering::Acquire) => Err(TokenError::KeysUnavailable),
            None => Err(TokenError::UnknownKey),
        }
    }

    fn current(&self) -> Option<Arc<KeySet>> {
        self.set.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn refresh_in_background(self: &Arc<Self>, now: i64) {
        if let Ok(gate) = Arc::clone(&self.gate).try_lock_owned()
            && gate.allows(now)
        {
            tokio::spawn(Arc::clone(self).fetch_holding(gate, now));
        }
    }

    async fn refresh(self: &Arc<Self>, seen: u64, now: i64) {
        let gate = Arc::clone(&self.gate).lock_owned().await;
        if self.finished.load(Ordering::Acquire) != seen || !gate.allows(now) {
            return;
        }
        // The fetch is a task of its own, because others wait for it when this caller disconnects.
        if tokio::spawn(Arc::clone(self).fetch_holding(gate, now)).await.is_err() {
            tracing::error!("The task that fetches the JWKS panicked or was aborted");
        }
    }

    async fn fetch_holding(self: Arc<Self>, mut gate: OwnedMutexGuard<FetchGate>, now: i64) {
        let before = self.current();
        let fetched = self.fetch().await;
        self.failing.store(fetched.is_err(), Ordering::Release);
        gate.last = Some(now);
        gate.wait = REFETCH_SECONDS;
        match fetched {
            Ok(content) => {
                if before.is_none() {
                    // The first fetch was not caused by an unknown `kid`, so the next unknown one may fetch at once.
                    gate.last = None;
                }
                self.keep(content, before.as_deref(), now);
            }
            Err(error) => {
                if before.is_none() {
                    gate.wait = FIRST_FETCH_SECONDS;
                }
                tracing::warn!(%error, host = self.url.host_str(), "The JWKS could not be fetched");
            }
        }
        self.finished.fetch_add(1, Ordering::AcqRel);
    }

    fn keep(&self, content: Content, before: Option<&KeySet>, now: i64) {
        let generation = match before {
            Some(before) if before.content.digest == content.digest => before.generation,
            Some(before) => before.generation.wrapping_add(1),
            None => 1,
        };
        if before.is_none_or(|before| before.generation != generation) {
            tracing::info!(
                keys = content.keys.len(),
                host = self.url.host_str(),
                "Fetched the JWKS; its keys have changed"
            );
        }
        let set = Arc::new(KeySet { content, generation, fetched_at: now });
        *self.set.write().unwrap_or_else(PoisonError::into_inner) = Some(set);
        self.generation.store(generation, Ordering::Release);
    }

    async fn fetch(&self) -> Result<Content, FetchError> {
        #[derive(serde::Deserialize)]
        struct RawKeys {
            keys: Vec<serde_json::Value>,
        }

        // The URL may contain a credential, and the error goes to the log.
        let without_url = reqwest::Error::without_url;
        let mut response = self.client.get(self.url.clone()).send().await.map_err(without_url)?;
        if !response.status().is_success() {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(without_url)? {
            if body.len().saturating_add(chunk.len()) > MAX_BYTES {
                return Err(FetchError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        let document: RawKeys = serde_json::from_slice(&body).map_err(|_| FetchError::NotJwks)?;
        // An unknown kind of key must not invalidate the other keys (RFC 7517 §5).
        let jwks = document.keys.into_iter().filter_map(|value| serde_json::from_value::<Jwk>(value).ok());
        let keys = jwks.filter_map(|jwk| jwk.key().map(|key| NamedKey { kid: jwk.kid, key: Arc::new(key) })).collect();
        Ok(Content { keys, digest: Sha256::digest(&body).into() })
    }
}

impl KeySet {
    /// The key with a `kid`. A token without `kid` gets a key only if exactly one key has its algorithm.
    fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<Arc<Key>> {
        let fits = |named: &&NamedKey| named.key.is_for(algorithm) && (kid.is_none() || named.kid.as_deref() == kid);
        let mut fitting = self.content.keys.iter().filter(fits);
        let named = fitting.next()?;
        (kid.is_some() || fitting.next().is_none()).then(|| Arc::clone(&named.key))
    }
}
