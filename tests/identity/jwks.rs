//! Keys from a JWKS endpoint over real HTTP.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use topup::identity::{IdentitySettings, TokenError, TokenVerifier};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::keys::{OTHER_RSA, RSA, SECRET, Signer, alice, alice_with, hmac};

pub struct Endpoint(MockServer);

impl Endpoint {
    async fn start() -> Self {
        Self(MockServer::start().await)
    }

    async fn answering(answer: ResponseTemplate) -> Self {
        let endpoint = Self::start().await;
        endpoint.answers(answer).await;
        endpoint
    }

    pub async fn offering(keys: &[Value]) -> Self {
        Self::answering(ResponseTemplate::new(200).set_body_json(json!({ "keys": keys }))).await
    }

    async fn answers(&self, answer: ResponseTemplate) {
        self.0.reset().await;
        Mock::given(method("GET")).and(path("/jwks.json")).respond_with(answer).mount(&self.0).await;
    }

    async fn requests(&self) -> usize {
        self.0.received_requests().await.unwrap().len()
    }

    fn settings(&self) -> IdentitySettings {
        let jwks_url = Some(format!("{}/jwks.json", self.0.uri()).parse().unwrap());
        IdentitySettings { jwks_url, ..Default::default() }
    }

    pub fn verifier(&self) -> TokenVerifier {
        TokenVerifier::new(self.settings()).unwrap()
    }
}

#[tokio::test]
async fn keys_are_found_by_kid_and_fetched_once() {
    let ed = Signer::ed25519();
    let endpoint = Endpoint::offering(&[RSA.jwk("r1"), OTHER_RSA.jwk("r2"), ed.jwk("e1")]).await;
    let verifier = endpoint.verifier();
    assert_eq!(endpoint.requests().await, 0, "nothing is fetched before it is needed");
    for (signer, kid) in [(&*RSA, "r1"), (&*OTHER_RSA, "r2"), (&ed, "e1")] {
        verifier.verify(&signer.sign(Some(kid), &alice())).await.unwrap();
    }
    assert_eq!(verifier.verify(&RSA.sign(Some("r2"), &alice())).await, Err(TokenError::BadSignature));
    assert_eq!(endpoint.requests().await, 1);
}

#[tokio::test]
async fn a_token_without_kid_needs_an_only_key() {
    let ed = Signer::ed25519();
    let endpoint = Endpoint::offering(&[RSA.jwk("r1"), OTHER_RSA.jwk("r2"), ed.jwk("e1")]).await;
    let verifier = endpoint.verifier();
    verifier.verify(&ed.sign(None, &alice())).await.unwrap();
    assert_eq!(verifier.verify(&RSA.sign(None, &alice())).await, Err(TokenError::UnknownKey));
}

#[tokio::test]
async fn a_rotation_is_followed_and_the_old_key_is_out() {
    let endpoint = Endpoint::offering(&[RSA.jwk("old")]).await;
    let verifier = endpoint.verifier();
    let (old, new) = (RSA.sign(Some("old"), &alice()), OTHER_RSA.sign(Some("new"), &alice()));
    verifier.verify(&old).await.unwrap();
    assert!(verifier.cached(&old).is_some());

    endpoint.answers(ResponseTemplate::new(200).set_body_json(json!({"keys": [OTHER_RSA.jwk("new")]}))).await;
    verifier.verify(&new).await.unwrap();
    assert_eq!(verifier.cached(&old), None, "what the old key vouched for is forgotten");
    assert_eq!(verifier.verify(&old).await, Err(TokenError::UnknownKey));
    assert_eq!(endpoint.requests().await, 1, "strangers cannot make us fetch again and again");
}

#[tokio::test]
async fn many_at_once_make_one_fetch() {
    let answer = ResponseTemplate::new(200)
        .set_body_json(json!({"keys": [RSA.jwk("r1")]}))
        .set_delay(Duration::from_millis(300));
    let endpoint = Endpoint::answering(answer).await;
    let verifier = Arc::new(endpoint.verifier());
    let callers = (0..50).map(|n| {
        let verifier = Arc::clone(&verifier);
        let token = RSA.sign(Some("r1"), &alice_with(&json!({"sub": format!("c{n}")})));
        tokio::spawn(async move { verifier.verify(&token).await.map(|principal| principal.subject.clone()) })
    });
    for (n, outcome) in join_all(callers).await.into_iter().enumerate() {
        assert_eq!(outcome.unwrap(), Ok(format!("c{n}")));
    }
    assert_eq!(endpoint.requests().await, 1);
}

#[tokio::test]
async fn many_at_once_with_unknown_keys_make_one_fetch_more() {
    let endpoint = Endpoint::offering(&[RSA.jwk("r1")]).await;
    let verifier = endpoint.verifier();
    verifier.verify(&RSA.sign(Some("r1"), &alice())).await.unwrap();
    let tokens: Vec<_> = (0..20).map(|n| RSA.sign(Some(&format!("invented{n}")), &alice())).collect();
    let outcomes = join_all(tokens.iter().map(|token| verifier.verify(token))).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Err(TokenError::UnknownKey)));
    assert_eq!(endpoint.requests().await, 2);
}

#[tokio::test]
async fn a_caller_who_hangs_up_takes_nobody_along() {
    let answer = ResponseTemplate::new(200)
        .set_body_json(json!({"keys": [RSA.jwk("r1")]}))
        .set_delay(Duration::from_millis(300));
    let endpoint = Endpoint::answering(answer).await;
    let verifier = endpoint.verifier();
    let token = RSA.sign(Some("r1"), &alice());
    tokio::select! {
        biased;
        outcome = verifier.verify(&token) => panic!("answered before the endpoint did: {outcome:?}"),
        () = async { while endpoint.requests().await == 0 { tokio::task::yield_now().await } } => {}
    }
    verifier.verify(&token).await.unwrap();
    assert_eq!(endpoint.requests().await, 1);
}

#[tokio::test]
async fn out_of_reach_is_not_the_callers_fault() {
    let token = RSA.sign(Some("r1"), &alice());
    let too_long = format!(r#"{{"keys":[],"padding":"{}"}}"#, "x".repeat(300_000));
    for answer in [
        ResponseTemplate::new(500),
        ResponseTemplate::new(404),
        ResponseTemplate::new(200).set_body_string("<html>"),
        ResponseTemplate::new(200).set_body_json(json!({"keys": "none"})),
        ResponseTemplate::new(200).set_body_string(too_long),
    ] {
        let endpoint = Endpoint::answering(answer).await;
        let refusal = endpoint.verifier().verify(&token).await.unwrap_err();
        assert_eq!(refusal, TokenError::KeysUnavailable);
        assert!(refusal.is_unavailable());
        assert_eq!(endpoint.requests().await, 1);
    }
    // A port on which no server listens any more.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let jwks_url = Some(format!("http://{}/jwks.json", listener.local_addr().unwrap()).parse().unwrap());
    drop(listener);
    let verifier = TokenVerifier::new(IdentitySettings { jwks_url, ..Default::default() }).unwrap();
    assert_eq!(verifier.verify(&token).await, Err(TokenError::KeysUnavailable));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Endpoint::offering(&[RSA.jwk("r1")]).await;
    let location = format!("{}/jwks.json", elsewhere.0.uri());
    let endpoint = Endpoint::answering(ResponseTemplate::new(302).insert_header("location", location.as_str())).await;
    let outcome = endpoint.verifier().verify(&RSA.sign(Some("r1"), &alice())).await;
    assert_eq!(outcome, Err(TokenError::KeysUnavailable));
    assert_eq!(elsewhere.requests().await, 0);
}

#[tokio::test]
async fn an_outage_does_not_lock_out_those_with_known_keys() {
    let endpoint = Endpoint::offering(&[RSA.jwk("r1")]).await;
    let verifier = endpoint.verifier();
    verifier.verify(&RSA.sign(Some("r1"), &alice())).await.unwrap();
    endpoint.answers(ResponseTemplate::new(503)).await;
    assert_eq!(verifier.verify(&OTHER_RSA.sign(Some("new"), &alice())).await, Err(TokenError::KeysUnavailable));
    verifier.verify(&RSA.sign(Some("r1"), &alice_with(&json!({"sub": "bob"})))).await.unwrap();
}

#[tokio::test]
async fn only_signing_keys_of_our_kinds_are_taken() {
    let token = RSA.sign(Some("k"), &alice());
    for change in [
        json!({"use": "enc"}),
        json!({"key_ops": ["encrypt"]}),
        json!({"alg": "RS512"}),
        json!({"alg": "RSA-OAEP"}),
        json!({"kty": "oct", "k": "AAAA"}),
        json!({"n": "AQAB"}),
        json!({"n": "!"}),
        json!({"n": 7}),
    ] {
        let mut jwk = RSA.jwk("k");
        jwk.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        // A strange key must not spoil the good one beside it.
        let endpoint = Endpoint::offering(&[jwk, json!("not a key"), OTHER_RSA.jwk("good")]).await;
        let verifier = endpoint.verifier();
        assert_eq!(verifier.verify(&token).await, Err(TokenError::UnknownKey), "{change}");
        verifier.verify(&OTHER_RSA.sign(Some("good"), &alice())).await.unwrap();
    }
    for change in [json!({"use": "sig"}), json!({"key_ops": ["verify"]}), json!({"alg": null})] {
        let mut jwk = RSA.jwk("k");
        jwk.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        Endpoint::offering(&[jwk]).await.verifier().verify(&token).await.unwrap();
    }
}

#[tokio::test]
async fn a_symmetric_key_in_a_jwks_signs_nothing() {
    use base64::Engine;
    let k = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(SECRET);
    let endpoint = Endpoint::offering(&[json!({"kty": "oct", "kid": "s", "alg": "HS256", "k": k})]).await;
    let token = hmac(Algorithm::HS256, SECRET.as_bytes(), &alice());
    assert_eq!(endpoint.verifier().verify(&token).await, Err(TokenError::UnsupportedAlgorithm));
    assert_eq!(endpoint.requests().await, 0);
}

#[tokio::test]
async fn a_secret_and_a_jwks_serve_side_by_side() {
    let endpoint = Endpoint::offering(&[RSA.jwk("r1")]).await;
    let settings = IdentitySettings { hs256_secret: Some(SECRET.into()), ..endpoint.settings() };
    let verifier = TokenVerifier::new(settings).unwrap();
    verifier.verify(&hmac(Algorithm::HS256, SECRET.as_bytes(), &alice())).await.unwrap();
    assert_eq!(endpoint.requests().await, 0, "our own tokens do not depend on the endpoint");
    verifier.verify(&RSA.sign(Some("r1"), &alice())).await.unwrap();
}
