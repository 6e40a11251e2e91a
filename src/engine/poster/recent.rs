//! The keys that this process has booked lately.
//!
//! A caller that got no answer sends its usage again. The fast path would try to insert the same key, PostgreSQL would
//! refuse the whole statement and log it together with the customer's id, and the flush would run once more. A posting
//! with a key that is known here goes to the full path at once, which looks the key up. PostgreSQL still refuses a key
//! that is missing here: another process has booked it, or it was long ago. A key that is remembered by mistake costs
//! only a look-up.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::posting::RepeatKey;

/// The most keys of a generation. Two generations take about 2 MB.
const GENERATION: usize = 65_536;

/// The hashes of keys, in two generations: when the younger one is full, the older one is dropped.
#[derive(Debug, Default)]
pub(super) struct Recent {
    hasher: RandomState,
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    younger: HashSet<u64>,
    older: HashSet<u64>,
}

impl Recent {
    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether each of the keys was probably booked before.
    pub(super) fn are_known<'p>(&self, keys: impl Iterator<Item = RepeatKey<'p>>) -> Vec<bool> {
        let generations = self.lock();
        keys.map(|key| generations.has(self.hasher.hash_one(key))).collect()
    }

    /// Remembers keys that were booked.
    pub(super) fn add<'p>(&self, keys: impl Iterator<Item = RepeatKey<'p>>) {
        let mut generations = self.lock();
        for key in keys {
            generations.add(self.hasher.hash_one(key));
        }
    }
}

impl Generations {
    fn has(&self, hash: u64) -> bool {
        self.younger.contains(&hash) || self.older.contains(&hash)
    }

    fn add(&mut self, hash: u64) {
        if self.younger.len() >= GENERATION {
            self.older = std::mem::take(&mut self.younger);
        }
        self.younger.insert(hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_known(recent: &Recent, key: &str) -> bool {
        recent.are_known(std::iter::once(RepeatKey::OpenHold("alice", key))) == [true]
    }

    #[test]
    fn the_latest_keys_are_known_and_the_oldest_are_forgotten() {
        let recent = Recent::default();
        let keys: Vec<String> = (0..GENERATION * 2 + 1).map(|n| n.to_string()).collect();
        recent.add(keys.iter().map(|key| RepeatKey::OpenHold("alice", key)));
        assert!(is_known(&recent, &(GENERATION * 2).to_string()) && is_known(&recent, &GENERATION.to_string()));
        assert!(!is_known(&recent, "0") && !is_known(&recent, "never"));
        assert_eq!(recent.are_known(std::iter::once(RepeatKey::OpenHold("bob", "131072"))), [false]);
    }
}
