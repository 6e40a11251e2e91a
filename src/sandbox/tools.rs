//! Small things every company needs: time, ids, keyed hashes, locks.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use rand::Rng;
use rand::distr::{Alphanumeric, SampleString};
use sha2::{Sha256, Sha512};

pub(super) fn now() -> DateTime<Utc> {
    Utc::now()
}

/// Unix seconds.
pub(super) fn unix_now() -> i64 {
    now().timestamp()
}

/// A panic in another handler must not take the whole sandbox down with it.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `prefix` and `length` random letters and digits.
pub(super) fn random_id(prefix: &str, length: usize) -> String {
    format!("{prefix}{}", Alphanumeric.sample_string(&mut rand::rng(), length))
}

/// `length` capitals and digits, as PayPal's ids are (`^[A-Z0-9]+$`).
pub(super) fn random_capitals(length: usize) -> String {
    const ALPHABET: &[char] = &[
        'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'L', 'M', 'N', 'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X',
        'Y', 'Z', '1', '2', '3', '4', '5', '6', '7', '8', '9',
    ];
    let mut rng = rand::rng();
    (0..length).filter_map(|_| ALPHABET.get(rng.random_range(0..ALPHABET.len()))).collect()
}

/// `digits` random digits, the first not 0.
pub(super) fn random_digits(digits: u32) -> u64 {
    let low = 10_u64.saturating_pow(digits.saturating_sub(1));
    rand::rng().random_range(low..low.saturating_mul(10))
}

/// Lower-case hex of HMAC-SHA256 over the parts in order.
pub(super) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> String {
    hmac_hex::<Hmac<Sha256>>(key, parts)
}

/// Lower-case hex of HMAC-SHA512.
pub(super) fn hmac_sha512(key: &[u8], message: &[u8]) -> String {
    hmac_hex::<Hmac<Sha512>>(key, &[message])
}

/// An HMAC takes a key of any length, so the error branch is never reached; were it, an empty
/// signature verifies nowhere.
fn hmac_hex<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> String {
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else {
        return String::new();
    };
    for part in parts {
        mac.update(part);
    }
    hex::encode(mac.finalize().into_bytes())
}

/// Whether two secrets are the same, in time that does not tell where they differ.
pub(super) fn same_secret(left: &str, right: &str) -> bool {
    use subtle::ConstantTimeEq;
    left.len() == right.len() && bool::from(left.as_bytes().ct_eq(right.as_bytes()))
}
