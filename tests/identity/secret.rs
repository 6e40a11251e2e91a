//! Tokens that are signed with the shared secret, including those of `topup token`.

use std::time::Duration;

use chrono::Utc;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use topup::identity::{Holder, IdentitySettings, MintError, Scope, TokenError, TokenVerifier, mint};

use crate::keys::{SECRET, alice, alice_with, hmac, in_seconds, with_secret};

async fn refusal(verifier: &TokenVerifier, claims: &Value) -> Option<TokenError> {
    verifier.verify(&hmac(Algorithm::HS256, SECRET.as_bytes(), claims)).await.err()
}

#[tokio::test]
async fn a_minted_token_is_accepted_and_remembered() {
    let settings = IdentitySettings {
        hs256_secret: Some(SECRET.into()),
        issuer: Some("topup".to_owned()),
        audience: Some("wallet".to_owned()),
        ..Default::default()
    };
    let verifier = TokenVerifier::new(settings).unwrap();
    let hour = Duration::from_secs(3600);
    for scope in Scope::ALL {
        let token =
            mint(&SECRET.into(), Holder::new("a.b_c:d@e-1", scope), hour, Some("topup"), Some("wallet")).unwrap();
        assert_eq!(verifier.cached(&token), None);
        let principal = verifier.verify(&token).await.unwrap();
        assert_eq!(principal.subject, "a.b_c:d@e-1");
        assert_eq!(principal.scopes.iter().collect::<Vec<_>>(), [scope]);
        assert!((3590..=3600).contains(&(principal.expires_at - Utc::now()).num_seconds()));
        assert_eq!(verifier.cached(&token), Some(principal));
    }
    for (issuer, audience, missing) in [(None, Some("wallet"), "iss"), (Some("topup"), None, "aud")] {
        let unnamed = mint(&SECRET.into(), Holder::new("alice", Scope::Customer), hour, issuer, audience).unwrap();
        assert_eq!(verifier.verify(&unnamed).await, Err(TokenError::MissingClaim(missing)));
    }
}

#[test]
fn nothing_is_minted_that_would_be_refused() {
    let hour = Duration::from_secs(3600);
    let minted =
        |secret: &str, subject, ttl| mint(&secret.into(), Holder::new(subject, Scope::Service), ttl, None, None);
    assert!(matches!(minted("short", "meter", hour), Err(MintError::Secret(_))));
    assert_eq!(minted(SECRET, "", hour), Err(MintError::Subject));
    assert_eq!(minted(SECRET, "two words", hour), Err(MintError::Subject));
    assert_eq!(minted(SECRET, "meter", Duration::from_millis(999)), Err(MintError::Ttl));
    assert_eq!(minted(SECRET, "meter", Duration::from_secs(u64::MAX)), Err(MintError::Ttl));
}

#[tokio::test]
async fn one_caller_has_one_credential_whatever_the_token() {
    let verifier = with_secret();
    let credential = async |claims: Value| {
        let token = hmac(Algorithm::HS256, SECRET.as_bytes(), &claims);
        verifier.verify(&token).await.unwrap().credential
    };
    let first = credential(alice()).await;
    assert_eq!(credential(alice_with(&json!({"exp": in_seconds(60), "scope": "operator"}))).await, first);
    assert_ne!(credential(alice_with(&json!({"sub": "bob"}))).await, first);
    assert_ne!(credential(alice_with(&json!({"iss": "https://id.example"}))).await, first);
}

#[tokio::test]
async fn claims_must_be_there_and_in_form() {
    let verifier = with_secret();
    for (changes, expected) in [
        (json!({"sub": null}), TokenError::MissingClaim("sub")),
        (json!({"sub": ""}), TokenError::InvalidClaim("sub")),
        (json!({"sub": "a b"}), TokenError::InvalidClaim("sub")),
        (json!({"sub": "å"}), TokenError::InvalidClaim("sub")),
        (json!({"sub": ".."}), TokenError::InvalidClaim("sub")),
        (json!({"sub": "a".repeat(129)}), TokenError::InvalidClaim("sub")),
        (json!({"sub": 7}), TokenError::Malformed),
        (json!({"exp": null}), TokenError::MissingClaim("exp")),
        (json!({"exp": "tomorrow"}), TokenError::Malformed),
        (json!({"exp": i64::MAX}), TokenError::InvalidClaim("exp")),
        (json!({"exp": u64::MAX}), TokenError::Malformed),
        (json!({"exp": 1e300}), TokenError::Malformed),
        (json!({"exp": in_seconds(-1)}), TokenError::Expired),
        (json!({"exp": -5}), TokenError::Expired),
        (json!({"nbf": in_seconds(60)}), TokenError::NotYetValid),
        (json!({"iss": ["a", "b"]}), TokenError::Malformed),
    ] {
        assert_eq!(refusal(&verifier, &alice_with(&changes)).await, Some(expected), "{changes}");
    }
    for changes in [
        json!({"sub": "a".repeat(128)}),
        json!({"sub": "auth0|a/b+c"}),
        json!({"nbf": in_seconds(0)}),
        json!({"scope": null}),
        json!({"scope": "openid profile"}),
        json!({"aud": "anything", "iss": "anybody", "jti": [1, {"x": null}]}),
    ] {
        assert_eq!(refusal(&verifier, &alice_with(&changes)).await, None, "{changes}");
    }
}

#[tokio::test]
async fn issuer_and_audience_are_required_once_configured() {
    let settings = IdentitySettings {
        hs256_secret: Some(SECRET.into()),
        issuer: Some("https://id.example".to_owned()),
        audience: Some("topup".to_owned()),
        ..Default::default()
    };
    let verifier = TokenVerifier::new(settings).unwrap();
    for (iss, aud, expected) in [
        (json!("https://id.example"), json!("topup"), None),
        (json!("https://id.example"), json!(["shop", "topup"]), None),
        (Value::Null, json!("topup"), Some(TokenError::MissingClaim("iss"))),
        (json!("https://id.example/"), json!("topup"), Some(TokenError::WrongIssuer)),
        (json!("https://ID.example"), json!("topup"), Some(TokenError::WrongIssuer)),
        (json!("https://id.example"), Value::Null, Some(TokenError::MissingClaim("aud"))),
        (json!("https://id.example"), json!(7), Some(TokenError::MissingClaim("aud"))),
        (json!("https://id.example"), json!("shop"), Some(TokenError::WrongAudience)),
        (json!("https://id.example"), json!(["shop"]), Some(TokenError::WrongAudience)),
        (json!("https://id.example"), json!([]), Some(TokenError::WrongAudience)),
    ] {
        let claims = alice_with(&json!({"iss": iss, "aud": aud}));
        assert_eq!(refusal(&verifier, &claims).await, expected, "{iss} {aud}");
    }
}

#[tokio::test]
async fn a_remembered_token_ends_on_the_wall_clock_too() {
    let verifier = with_secret();
    let exp = in_seconds(2);
    let token = hmac(Algorithm::HS256, SECRET.as_bytes(), &alice_with(&json!({ "exp": exp })));
    verifier.verify(&token).await.unwrap();
    loop {
        let before = Utc::now().timestamp();
        let cached = verifier.cached(&token).is_some();
        let outcome = verifier.verify(&token).await;
        let after = Utc::now().timestamp();
        if after < exp {
            assert!(cached && outcome.is_ok(), "refused before its end");
        } else if before >= exp {
            assert!(!cached);
            assert_eq!(outcome, Err(TokenError::Expired));
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
