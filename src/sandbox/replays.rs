//! Idempotency: which keys are in flight and what each one led to.
//!
//! Companies differ in what a repeat returns (Stripe: the stored bytes; PayPal: the resource as it
//! is now), so what is remembered is a type parameter.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::tools::lock;

#[derive(Debug)]
pub(super) struct Replays<D> {
    entries: Arc<Mutex<HashMap<String, Entry<D>>>>,
}

#[derive(Debug, Clone)]
struct Entry<D> {
    fingerprint: String,
    done: Option<D>,
}

/// What a key turned out to be.
#[derive(Debug)]
pub(super) enum Claimed<D> {
    /// New: the caller runs, and remembers with [`Claim::remember`].
    First(Claim<D>),
    /// Seen with the same parameters and answered.
    Again(D),
    /// Seen with the same parameters, not yet answered.
    InFlight,
    /// Seen with other parameters.
    Different,
}

/// A key that is being worked on. Dropped without [`Claim::remember`] (the caller hung up, or the
/// request was refused before it did anything) the key is free again.
#[derive(Debug)]
pub(super) struct Claim<D> {
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
                Claimed::First(Claim { entries: Arc::clone(&self.entries), key: Some(key.to_owned()) })
            }
        }
    }
}

impl<D> Claim<D> {
    pub fn remember(mut self, done: D) {
        if let Some(key) = self.key.take()
            && let Some(entry) = lock(&self.entries).get_mut(&key)
        {
            entry.done = Some(done);
        }
    }
}

impl<D> Drop for Claim<D> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            lock(&self.entries).remove(&key);
        }
    }
}
