//! Idempotency: the keys that are in flight, and the result of each used key.
//!
//! Companies return different things for a repetition: Stripe the stored bytes, PayPal the current resource. The stored
//! result is therefore a type parameter.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::tools::lock;

/// The idempotency keys of one company.
#[derive(Debug)]
pub(super) struct Replays<D> {
    entries: Arc<Mutex<HashMap<String, Entry<D>>>>,
}

#[derive(Debug, Clone)]
struct Entry<D> {
    fingerprint: String,
    done: Option<D>,
}

/// The state of a key.
#[derive(Debug)]
pub(super) enum Claimed<D> {
    /// The key is new. The caller carries out the request, and stores the result with [`ReplayClaim::remember`].
    First(ReplayClaim<D>),
    /// The key was used with the same parameters, and has a result.
    Again(D),
    /// The key is being used with the same parameters.
    InFlight,
    /// The key was used with other parameters.
    Different,
}

/// A key in use. If it is dropped without [`ReplayClaim::remember`], because the caller disconnected or the request was
/// refused before it had an effect, the key is free again.
#[derive(Debug)]
pub(super) struct ReplayClaim<D> {
    entries: Arc<Mutex<HashMap<String, Entry<D>>>>,
    key: Option<String>,
}

impl<D: Clone> Replays<D> {
    pub fn new() -> Self {
        Self { entries: Arc::default() }
    }

    pub fn claim(&self, key: &str, fingerprint: &str) -> Claimed<D> {
        let mut entries = lock(&self.entries);
        match entries.get(key) {
            Some(entry) if entry.fingerprint != fingerprint => Claimed::Different,
            Some(Entry { done: Some(done), .. }) => Claimed::Again(done.clone()),
            Some(_) => Claimed::InFlight,
            None => {
                let entry = Entry { fingerprint: fingerprint.to_owned(), done: None };
                entries.insert(key.to_owned(), entry);
                drop(entries);
                Claimed::First(ReplayClaim { entries: Arc::clone(&self.entries), key: Some(key.to_owned()) })
            }
        }
    }
}

impl<D> ReplayClaim<D> {
    pub fn remember(mut self, done: D) {
        if let Some(key) = self.key.take()
            && let Some(entry) = lock(&self.entries).get_mut(&key)
        {
            entry.done = Some(done);
        }
    }
}

impl<D> Drop for ReplayClaim<D> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            lock(&self.entries).remove(&key);
        }
    }
}
