//! Keyset pages: an opaque cursor that is tied to its filters.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::app::Error;

/// Reads a page size: 1–100, 20 when absent.
///
/// # Errors
/// 422 `?limit`.
pub fn limit(asked: Option<i64>) -> Result<i64, Error> {
    match asked {
        None => Ok(20),
        Some(limit @ 1..=100) => Ok(limit),
        Some(_) => Err(Error::field("?limit", "out_of_range", "must be 1 to 100")),
    }
}

fn tag(filters: &str) -> String {
    Sha256::digest(filters.as_bytes()).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a cursor: where the page ended, under these filters.
pub fn encode_cursor<P: Serialize>(position: &P, filters: &str) -> String {
    let json = serde_json::to_string(&(tag(filters), position)).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(json)
}

/// Reads a cursor back.
///
/// # Errors
/// 422 `?cursor` when it is not one of ours, or was made under other filters.
pub fn decode_cursor<P: DeserializeOwned>(cursor: Option<&str>, filters: &str) -> Result<Option<P>, Error> {
    let Some(cursor) = cursor else { return Ok(None) };
    let bad = |detail| Error::field("?cursor", "invalid_cursor", detail);
    let json = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| bad("is not a cursor of this API"))?;
    let (found, position): (String, P) =
        serde_json::from_slice(&json).map_err(|_| bad("is not a cursor of this API"))?;
    if found == tag(filters) {
        Ok(Some(position))
    } else {
        Err(bad("belongs to other filters: start again without a cursor"))
    }
}

/// Cuts a list that was read one longer than its page: the page, and the cursor where there is more.
pub fn cut<'r, T, P: Serialize>(
    rows: &'r mut Vec<T>,
    limit: i64,
    filters: &str,
    position: impl Fn(&T) -> P,
) -> (&'r [T], Option<String>) {
    let limit = usize::try_from(limit).unwrap_or(rows.len());
    let more = rows.len() > limit;
    rows.truncate(limit);
    let cursor = rows.last().filter(|_| more).map(|last| encode_cursor(&position(last), filters));
    (rows, cursor)
}
