//! Attacks that try to use a key with another algorithm (RFC 8725 §2.1).

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use topup::identity::{IdentitySettings, TokenError, TokenVerifier};

use crate::keys::{OTHER_RSA, RSA, SECRET, Signer, alice, hmac, raw, with_public_key, with_secret};

#[tokio::test]
async fn a_public_key_is_not_a_secret() {
    for signer in [&*RSA, &Signer::ed25519()] {
        let verifier = with_public_key(signer.public_pem());
        let pem = signer.public_pem();
        let der = signer.pair.public_key_raw().to_vec();
        for secret in [pem.as_bytes(), pem.trim_end().as_bytes(), &der] {
            for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                let token = hmac(algorithm, secret, &alice());
                assert_eq!(verifier.verify(&token).await, Err(TokenError::UnsupportedAlgorithm), "{algorithm:?}");
            }
        }
    }
    // The same where HS256 is accepted, by its own secret.
    let settings = IdentitySettings {
        hs256_secret: Some(SECRET.into()),
        public_key_pem: Some(RSA.public_pem()),
        ..Default::default()
    };
    let verifier = TokenVerifier::new(settings).unwrap();
    let token = hmac(Algorithm::HS256, RSA.public_pem().as_bytes(), &alice());
    assert_eq!(verifier.verify(&token).await, Err(TokenError::BadSignature));
    verifier.verify(&hmac(Algorithm::HS256, SECRET.as_bytes(), &alice())).await.unwrap();
    verifier.verify(&RSA.sign(None, &alice())).await.unwrap();
}

#[tokio::test]
async fn unsigned_tokens_are_refused() {
    for verifier in [with_secret(), with_public_key(RSA.public_pem())] {
        for alg in ["none", "None", "NONE", "nOnE", "", "hs256", "HS256 "] {
            let token = raw(&json!({"alg": alg, "typ": "JWT"}), &alice(), b"");
            assert_eq!(verifier.verify(&token).await, Err(TokenError::UnsupportedAlgorithm), "{alg:?}");
        }
        for alg in ["HS256", "RS256"] {
            let token = raw(&json!({"alg": alg}), &alice(), b"");
            let refusal = verifier.verify(&token).await.unwrap_err();
            assert!(matches!(refusal, TokenError::BadSignature | TokenError::UnsupportedAlgorithm), "{refusal:?}");
        }
    }
}

#[tokio::test]
async fn the_right_key_with_another_algorithm_is_refused() {
    let verifier = with_secret();
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let token = hmac(algorithm, SECRET.as_bytes(), &alice());
        assert_eq!(verifier.verify(&token).await, Err(TokenError::UnsupportedAlgorithm));
    }
    let verifier = with_public_key(RSA.public_pem());
    verifier.verify(&RSA.sign(None, &alice())).await.unwrap();
    for algorithm in [Algorithm::RS384, Algorithm::RS512, Algorithm::PS384] {
        let token = RSA.sign_as(algorithm, None, &alice());
        assert_eq!(verifier.verify(&token).await, Err(TokenError::UnsupportedAlgorithm));
    }
}

#[tokio::test]
async fn a_header_brings_no_key_along() {
    let verifier = with_public_key(RSA.public_pem());
    let header = json!({"alg": "RS256", "jwk": OTHER_RSA.jwk("own"), "jku": "http://127.0.0.1:9/jwks"});
    let signed = OTHER_RSA.sign(None, &alice());
    let signature = signed.rsplit('.').next().unwrap();
    let unsigned = raw(&header, &alice(), b"");
    assert_eq!(verifier.verify(&format!("{unsigned}{signature}")).await, Err(TokenError::BadSignature));
    assert_eq!(verifier.verify(&signed).await, Err(TokenError::BadSignature));
}

#[tokio::test]
async fn any_changed_byte_is_noticed() {
    let ed = Signer::ed25519();
    for (verifier, token) in [
        (with_secret(), hmac(Algorithm::HS256, SECRET.as_bytes(), &alice())),
        (with_public_key(RSA.public_pem()), RSA.sign(None, &alice())),
        (with_public_key(ed.public_pem()), ed.sign(None, &alice())),
    ] {
        verifier.verify(&token).await.unwrap();
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(verifier.verify(&changed).await.is_err(), "byte {at} of {}", token.len());
        }
    }
}

#[tokio::test]
async fn what_is_not_a_token_is_malformed() {
    let verifier = with_secret();
    let good = hmac(Algorithm::HS256, SECRET.as_bytes(), &alice());
    let critical: Value = json!({"alg": "HS256", "crit": ["b64"], "b64": false});
    for text in [
        String::new(),
        "..".to_owned(),
        "a.b".to_owned(),
        "not a token".to_owned(),
        format!("{good}."),
        format!("{good}.{good}"),
        format!(" {good}"),
        "é.é.é".to_owned(),
        "A".repeat(8 * 1024 + 1),
        raw(&critical, &alice(), b""),
        raw(&json!(["HS256"]), &alice(), b""),
    ] {
        assert_eq!(verifier.verify(&text).await, Err(TokenError::Malformed), "{text:.40}");
        assert_eq!(verifier.cached(&text), None);
    }
    let header = json!({"alg": "HS256", "x": "A".repeat(8 * 1024)});
    assert_eq!(verifier.verify(&raw(&header, &alice(), b"")).await, Err(TokenError::Malformed));
}

#[tokio::test]
async fn no_refusal_repeats_the_token() {
    let verifier = with_secret();
    for claims in [json!({"sub": "s3cr3t sub", "exp": 9_999_999_999_i64}), json!({"sub": "x", "exp": "s3cr3t"})] {
        let refusal = verifier.verify(&hmac(Algorithm::HS256, SECRET.as_bytes(), &claims)).await.unwrap_err();
        assert!(!format!("{refusal} {refusal:?}").contains("s3cr3t"));
    }
}
