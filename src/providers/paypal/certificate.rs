//! Checks the certificate behind a notification: its chain, its validity, its name, and the signature made with its
//! key.

use chrono::{DateTime, Utc};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use std::time::Duration;
use webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA256;
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

/// Mozilla's root certificates. No single root is pinned, because PayPal changed its root in 2024 and may change it
/// again.
pub(super) fn public_roots() -> Vec<TrustAnchor<'static>> {
    webpki_roots::TLS_SERVER_ROOTS.to_vec()
}

/// The root certificates of a PEM file; `None` if it contains no certificate or an invalid one.
pub(super) fn roots_from_pem(pem: &[u8]) -> Option<Vec<TrustAnchor<'static>>> {
    let certificates = certificates_from_pem(pem)?;
    let anchors = certificates.iter().map(|der| anchor_from_trusted_cert(der).map(|anchor| anchor.to_owned()));
    anchors.collect::<Result<_, _>>().ok()
}

/// The certificates of a PEM text, with or without intermediates; `None` if it contains no certificate or an invalid
/// one.
pub(super) fn certificates_from_pem(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
    (!found.is_empty()).then_some(found)
}

/// Why a signature is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Distrust {
    /// There is no chain to a known root. The file may lack the intermediates.
    UnknownIssuer,
    /// The signature is certainly not PayPal's, for this reason.
    Certainly(&'static str),
}

/// Checks that `signature` over `message` was made with the key of a certificate that belongs to PayPal and is valid
/// now.
pub(super) fn verify(
    certificates: &[CertificateDer<'_>],
    roots: &[TrustAnchor<'_>],
    message: &[u8],
    signature: &[u8],
    now: DateTime<Utc>,
) -> Result<(), Distrust> {
    let (leaf, intermediates) = certificates.split_first().ok_or(Distrust::Certainly("no certificate"))?;
    let leaf = EndEntityCert::try_from(leaf).map_err(|_| Distrust::Certainly("not a certificate"))?;
    if !is_paypals(&leaf) {
        return Err(Distrust::Certainly("the certificate is not for .paypal.com"));
    }
    let seconds = u64::try_from(now.timestamp()).map_err(|_| Distrust::Certainly("the clock is before 1970"))?;
    let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    leaf.verify_for_usage(ALL_VERIFICATION_ALGS, roots, intermediates, time, KeyUsage::server_auth(), None, None)
        .map_err(|error| match error {
            webpki::Error::UnknownIssuer => Distrust::UnknownIssuer,
            webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. } => {
                Distrust::Certainly("the certificate is not valid now")
            }
            _ => Distrust::Certainly("the certificate's chain is not valid"),
        })?;
    leaf.verify_signature(RSA_PKCS1_2048_8192_SHA256, message, signature)
        .map_err(|_| Distrust::Certainly("the signature does not match"))
}

/// Whether a certificate names a host below paypal.com. PayPal's own SDK only looks at the common name.
fn is_paypals(leaf: &EndEntityCert<'_>) -> bool {
    let below = |name: &str| name.to_ascii_lowercase().ends_with(".paypal.com");
    let mut names = leaf.valid_dns_names().peekable();
    if names.peek().is_some() { names.any(below) } else { common_name(leaf.subject()).is_some_and(below) }
}

/// The common name of a DER subject: the text after the OID 2.5.4.3.
fn common_name(subject: &[u8]) -> Option<&str> {
    const OID: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x03];
    let at = subject.windows(OID.len()).position(|window| window == OID)?;
    // After the OID follow the tag of a string, its length (below 128 for a name), and its bytes.
    let (_, rest) = subject.split_at_checked(at + OID.len())?;
    let (_tag, rest) = rest.split_first()?;
    let (length, rest) = rest.split_first()?;
    std::str::from_utf8(rest.get(..usize::from(*length))?).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use base64::Engine;

    use super::*;

    macro_rules! vector {
        ($file:literal) => {
            include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/providers/vectors/paypal/", $file))
        };
    }

    fn check_at(pem: &[u8], message: &str, now: &str) -> Result<(), Distrust> {
        let roots = roots_from_pem(vector!("root.pem")).unwrap();
        let signature = base64::engine::general_purpose::STANDARD.decode(vector!("signature.txt")).unwrap();
        let chain = certificates_from_pem(pem).unwrap();
        verify(&chain, &roots, message.as_bytes(), &signature, now.parse().unwrap())
    }

    fn check(pem: &[u8]) -> Result<(), Distrust> {
        check_at(pem, &message(), "2026-11-21T08:35:02Z")
    }

    fn message() -> String {
        let crc = crc32fast::hash(vector!("notification.json"));
        format!("69cd13f0-d67a-11e5-baa3-778b53f4ae55|2026-11-21T08:35:01Z|8PT597110X687430LKGECATA|{crc}")
    }

    #[test]
    fn an_independent_librarys_signature_is_accepted_with_each_form_of_chain() {
        assert_eq!(check(vector!("chain.pem")), Ok(()));
        assert_eq!(check(vector!("leaf.pem")), Ok(()));
        assert_eq!(check(vector!("common-name-only.pem")), Ok(()));
    }

    #[test]
    fn every_reason_for_distrust() {
        assert!(matches!(check(vector!("other-name.pem")), Err(Distrust::Certainly(_))));
        assert!(matches!(check(vector!("expired.pem")), Err(Distrust::Certainly(_))));
        assert_eq!(check(vector!("foreign.pem")), Err(Distrust::UnknownIssuer));
        assert_eq!(check(vector!("leaf-without-intermediate.pem")), Err(Distrust::UnknownIssuer));
        let changed = message().replace("8PT597110X687430LKGECATA", "WEBHOOK_ID");
        let said = check_at(vector!("chain.pem"), &changed, "2026-11-21T08:35:02Z");
        assert_eq!(said, Err(Distrust::Certainly("the signature does not match")));
        let said = check_at(vector!("chain.pem"), &message(), "2127-01-01T00:00:00Z");
        assert_eq!(said, Err(Distrust::Certainly("the certificate is not valid now")));
        assert!(check_at(vector!("expired.pem"), &message(), "2024-01-01T00:00:00Z").is_ok());
    }

    #[test]
    fn a_test_root_is_not_a_public_one() {
        let chain = certificates_from_pem(vector!("chain.pem")).unwrap();
        let now = "2026-11-21T08:35:02Z".parse().unwrap();
        assert_eq!(verify(&chain, &public_roots(), b"", b"", now), Err(Distrust::UnknownIssuer));
        assert!(certificates_from_pem(b"<html>maintenance</html>").is_none());
    }
}
