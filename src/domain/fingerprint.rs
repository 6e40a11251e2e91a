//! The hash of what a caller requested. It shows when a key is repeated with other content.

use aws_lc_rs::digest::{Context, SHA256};

/// Hashes the parts of a request into the 64 bits that `entries.fingerprint` and `holds.fingerprint` keep. Each part
/// is hashed with its length, so `["ab", "c"]` and `["a", "bc"]` differ.
#[must_use]
pub fn fingerprint64(parts: &[&str]) -> i64 {
    let mut hasher = Context::new(&SHA256);
    for part in parts {
        hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let digest = hasher.finish();
    let mut first = [0_u8; 8];
    for (to, from) in first.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    i64::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stored fingerprints must stay comparable: this value may never change.
    #[test]
    fn the_recipe_is_fixed() {
        assert_eq!(fingerprint64(&["release"]), RELEASE);
        assert_ne!(fingerprint64(&["ab", "c"]), fingerprint64(&["a", "bc"]));
    }

    const RELEASE: i64 = 3_321_741_749_206_217_245;
}
