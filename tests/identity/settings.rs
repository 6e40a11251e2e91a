//! The verifier refuses keys that are missing, weak or of the wrong kind.

use std::time::Duration;

use rcgen::{KeyPair, PKCS_ECDSA_P521_SHA512};
use topup::identity::{ClaimNames, IdentitySettings, IdentitySettingsError, TokenVerifier};

use crate::keys::{RSA, SECRET, Signer, alice, with_public_key};

fn refusal(settings: IdentitySettings) -> IdentitySettingsError {
    TokenVerifier::new(settings).expect_err("refused")
}

fn secret(text: &str) -> IdentitySettings {
    IdentitySettings { hs256_secret: Some(text.into()), ..Default::default() }
}

fn public_key(pem: &str) -> IdentitySettings {
    IdentitySettings { public_key_pem: Some(pem.to_owned()), ..Default::default() }
}

#[test]
fn without_a_good_secret_nothing_starts() {
    assert_eq!(refusal(IdentitySettings::default()), IdentitySettingsError::NoKeySource);
    assert_eq!(refusal(secret("")), IdentitySettingsError::ShortSecret { bytes: 0 });
    assert_eq!(refusal(secret(&SECRET[..31])), IdentitySettingsError::ShortSecret { bytes: 31 });
    assert_eq!(refusal(secret(&RSA.public_pem())), IdentitySettingsError::SecretIsPem);
    TokenVerifier::new(secret(SECRET)).unwrap();
    // A good key beside it does not make up for a bad secret.
    let both = IdentitySettings { public_key_pem: Some(RSA.public_pem()), ..secret("short") };
    assert_eq!(refusal(both), IdentitySettingsError::ShortSecret { bytes: 5 });
}

#[test]
fn only_a_strong_public_key_is_taken() {
    assert_eq!(refusal(public_key("")), IdentitySettingsError::UnreadablePublicKey);
    assert_eq!(refusal(public_key(SECRET)), IdentitySettingsError::UnreadablePublicKey);
    assert_eq!(refusal(public_key(&RSA.pair.serialize_pem())), IdentitySettingsError::PrivateKey);
    assert_eq!(refusal(public_key(&Signer::ed25519().pair.serialize_pem())), IdentitySettingsError::PrivateKey);
    let elliptic = KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).unwrap().public_key_pem();
    assert_eq!(refusal(public_key(&elliptic)), IdentitySettingsError::UnreadablePublicKey);
    // Made with `openssl genrsa 1024 | openssl rsa -pubout`.
    let weak = "-----BEGIN PUBLIC KEY-----\nMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCsf24M+eHHPsQgaVf0EtUZuSaP\n\
        aqms1Em1H7SoaIX33kOkREr/WWwHRwpm9agWkbtkC84Xwp1SrQE0bkO+BzqEAdDV\n\
        d7xYrTK4Sc44xcKz0cvDQeutLqYBMkHx/6W49MofscnC+S/11DZU6G1MvW9wqXMv\nBz5RjRbmK8++pQawJwIDAQAB\n\
        -----END PUBLIC KEY-----\n";
    assert_eq!(refusal(public_key(weak)), IdentitySettingsError::WeakPublicKey);
}

#[tokio::test]
async fn every_kind_of_public_key_is_recognised() {
    for signer in [&*RSA, &Signer::ed25519(), &Signer::p256(), &Signer::p384()] {
        let pem = signer.public_pem();
        // As in a file, and as in an environment file, on one line.
        for pem in [pem.clone(), pem.replace("\r\n", "\n").replace('\n', "\\n")] {
            let principal = with_public_key(pem).verify(&signer.sign(Some("any"), &alice())).await.unwrap();
            assert_eq!(principal.subject, "alice");
        }
    }
}

#[test]
fn what_is_set_must_make_sense() {
    let good = secret(SECRET);
    let url = |text: &str| IdentitySettings { jwks_url: Some(text.parse().unwrap()), ..good.clone() };
    assert_eq!(refusal(url("file:///etc/jwks.json")), IdentitySettingsError::JwksUrl);
    assert_eq!(refusal(url("ftp://id.example/jwks")), IdentitySettingsError::JwksUrl);
    TokenVerifier::new(url("https://id.example/jwks")).unwrap();
    let empty = IdentitySettings { issuer: Some(String::new()), ..good.clone() };
    assert_eq!(refusal(empty), IdentitySettingsError::Empty("issuer"));
    let empty = IdentitySettings { audience: Some(String::new()), ..good.clone() };
    assert_eq!(refusal(empty), IdentitySettingsError::Empty("audience"));
    for name in ["", "user_metadata"] {
        let claims = ClaimNames { customer: Some(name.to_owned()), ..Default::default() };
        let refused = refusal(IdentitySettings { claims, ..good.clone() });
        assert!(matches!(refused, IdentitySettingsError::Empty(_) | IdentitySettingsError::UserClaim(_)), "{refused}");
    }
    let late = IdentitySettings { leeway: Duration::from_secs(301), ..good };
    assert_eq!(refusal(late), IdentitySettingsError::LongLeeway);
}

#[test]
fn no_secret_in_debug_output() {
    let settings = secret(SECRET);
    let debug = format!("{settings:?}");
    let verifier = TokenVerifier::new(settings).unwrap();
    assert!(!format!("{debug} {verifier:?}").contains(SECRET));
}
