//! Verifies the `Stripe-Signature` header (docs.stripe.com/webhooks#verify-manually).

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::providers::NotificationError;

/// The tolerance of the official libraries. It applies in both directions, because no signature should be from the
/// future.
const TOLERANCE_SECONDS: i64 = 300;

/// Checks a header against the raw body. One `v1` value that matches one of our secrets is enough: while a secret is
/// being replaced, Stripe sends two values, and we may have two secrets.
///
/// # Errors
/// [`NotificationError::BadSignature`].
pub(super) fn verify(
    header: &str,
    body: &[u8],
    secrets: &[SecretString],
    now: DateTime<Utc>,
) -> Result<(), NotificationError> {
    let mut time = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=') {
            Some(("t", value)) => time = Some(value),
            Some(("v1", value)) => signatures.push(value),
            _ => {}
        }
    }
    let time = time.ok_or(NotificationError::BadSignature("the header has no time"))?;
    let signed_at: i64 = time.parse().map_err(|_| NotificationError::BadSignature("the time is not a number"))?;

    let candidates: Vec<Vec<u8>> = signatures.into_iter().filter_map(|candidate| hex::decode(candidate).ok()).collect();
    let mut genuine = false;
    for secret in secrets {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
            .map_err(|_| NotificationError::BadSignature("no usable secret"))?;
        mac.update(time.as_bytes());
        mac.update(b".");
        mac.update(body);
        // The candidates come from the sender, so `verify_slice` compares them in constant time.
        genuine |= candidates.iter().any(|candidate| mac.clone().verify_slice(candidate).is_ok());
    }
    if !genuine {
        return Err(NotificationError::BadSignature("no v1 signature matches"));
    }
    if now.timestamp().abs_diff(signed_at) > TOLERANCE_SECONDS.unsigned_abs() {
        return Err(NotificationError::BadSignature("signed too long ago"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const BODY: &str = r#"{"id":"evt_1","object":"event","type":"checkout.session.completed","note":"nạp tiền ✓"}"#;
    // Made with npm stripe 23.1.0, webhooks.generateTestHeaderString.
    const GENUINE: &str = "t=1700000000,v1=9ea7bc0a48f1282def732cb43873e4b620bc98639631f2453cbb8eb190335da8";

    fn check(header: &str, body: &str, now: i64) -> Result<(), NotificationError> {
        let secret = SecretString::from("whsec_test_secret");
        verify(header, body.as_bytes(), &["whsec_older".into(), secret], DateTime::from_timestamp(now, 0).unwrap())
    }

    #[test]
    fn the_official_librarys_header_is_accepted_for_300_seconds() {
        for now in [1_700_000_000, 1_700_000_300, 1_699_999_700] {
            assert_eq!(check(GENUINE, BODY, now), Ok(()), "{now}");
        }
        for now in [1_700_000_301, 1_699_999_699] {
            assert!(check(GENUINE, BODY, now).is_err(), "{now}");
        }
    }

    #[test]
    fn any_v1_will_do_and_other_schemes_will_not() {
        let hex = GENUINE.rsplit('=').next().unwrap();
        let wrong = "00".repeat(32);
        assert!(check(&format!("t=1700000000,v1={wrong},v1={hex},v0=abc"), BODY, 1_700_000_000).is_ok());
        assert!(check(&format!("t=1700000000,v0={hex}"), BODY, 1_700_000_000).is_err());
        assert!(check(&format!("v1={hex}"), BODY, 1_700_000_000).is_err());
        assert!(check(&format!("t=1700000001,v1={hex}"), BODY, 1_700_000_000).is_err());
        assert!(check("", BODY, 1_700_000_000).is_err());
    }

    #[test]
    fn one_byte_of_the_body_matters() {
        assert!(check(GENUINE, &BODY.replace('1', "2"), 1_700_000_000).is_err());
        assert!(check(GENUINE, &format!("{BODY}\n"), 1_700_000_000).is_err());
    }
}
