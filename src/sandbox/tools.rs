//! Small tools for all companies: time, ids, keyed hashes, locks.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use rand::Rng;
use rand::distr::{Alphanumeric, SampleString};
use sha2::{Sha256, Sha512};

#[expect(clippy::disallowed_methods, reason = "the companies have clocks of their own")]
pub(super) fn now() -> DateTime<Utc> {
    Utc::now()
}

/// The current Unix time in seconds.
pub(super) fn unix_now() -> i64 {
    now().timestamp()
}

/// Locks a mutex, also after a panic in another handler, because that must not stop the whole sandbox.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `prefix`, followed by `length` random letters and digits.
pub(super) fn random_id(prefix: &str, length: usize) -> String {
    format!("{prefix}{}", Alphanumeric.sample_string(&mut rand::rng(), length))
}

/// `length` random capitals and digits, the form of PayPal's ids (`^[A-Z0-9]+$`).
pub(super) fn random_capitals(length: usize) -> String {
    const ALPHABET: &[char] = &[
        'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'L', 'M', 'N', 'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X',
        'Y', 'Z', '1', '2', '3', '4', '5', '6', '7', '8', '9',
    ];
    let mut rng = rand::rng();
    (0..length).filter_map(|_| ALPHABET.get(rng.random_range(0..ALPHABET.len()))).collect()
}

/// A random number of `digits` digits.
pub(super) fn random_digits(digits: u32) -> u64 {
    let low = 10_u64.saturating_pow(digits.saturating_sub(1));
    rand::rng().random_range(low..low.saturating_mul(10))
}

/// The HMAC-SHA256 of the parts, in order, in lower-case hex.
pub(super) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> String {
    hmac_hex::<Hmac<Sha256>>(key, parts)
}

/// The HMAC-SHA512 of a message in lower-case hex.
pub(super) fn hmac_sha512(key: &[u8], message: &[u8]) -> String {
    hmac_hex::<Hmac<Sha512>>(key, &[message])
}

/// HMAC accepts a key of any length, so the error branch is never reached. If it were, the empty signature would not
/// verify anywhere.
fn hmac_hex<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> String {
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else {
        return String::new();
    };
    for part in parts {
        mac.update(part);
    }
    hex::encode(mac.finalize().into_bytes())
}

/// Whether two secrets are equal. The time of the comparison does not depend on where they differ.
pub(super) fn same_secret(left: &str, right: &str) -> bool {
    use subtle::ConstantTimeEq;
    left.len() == right.len() && bool::from(left.as_bytes().ct_eq(right.as_bytes()))
}
