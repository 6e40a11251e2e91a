//! Tests of what depends on the clock: expiry to the second, the cache, and when the JWKS is fetched again. The time is
//! an argument, and the JWKS comes over real HTTP. `tests/identity` tests what callers can see.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::jwks::{FIRST_FETCH_SECONDS, REFETCH_SECONDS, STALE_SECONDS};
use super::verifier::{REVERIFY_SECONDS, digest};
use super::*;

const SECRET: &str = "a secret of more than thirty-two bytes";
/// An arbitrary Unix second; the tests count from it.
const NOW: i64 = 1_800_000_000;

fn hs256(settings: IdentitySettings) -> TokenVerifier {
    TokenVerifier::new(IdentitySettings { hs256_secret: Some(SECRET.into()), ..settings }).unwrap()
}

fn signed(claims: &Value) -> String {
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

fn after(seconds: u64) -> i64 {
    NOW.checked_add_unsigned(seconds).unwrap()
}

#[tokio::test]
async fn a_token_ends_at_its_second_known_or_not() {
    let token = signed(&json!({"sub": "alice", "exp": NOW + 10}));
    let fresh = hs256(IdentitySettings::default());
    assert_eq!(fresh.verify_at(&token, NOW + 10).await, Err(TokenError::Expired));

    let verifier = hs256(IdentitySettings::default());
    let digest = digest(&token).unwrap();
    assert_eq!(verifier.cached_at(&digest, NOW), None);
    let principal = verifier.verify_at(&token, NOW).await.unwrap();
    assert_eq!(principal.expires_at.timestamp(), NOW + 10);
    assert_eq!(verifier.cached_at(&digest, NOW + 9), Some(principal));
    assert_eq!(verifier.cached_at(&digest, NOW + 10), None);
    assert_eq!(verifier.verify_at(&token, NOW + 10).await, Err(TokenError::Expired));
}

#[tokio::test]
async fn an_issuer_may_be_ahead_but_the_end_is_the_end() {
    let verifier = hs256(IdentitySettings { leeway: Duration::from_secs(5), ..Default::default() });
    let token = signed(&json!({"sub": "alice", "nbf": NOW, "exp": NOW + 10}));
    assert_eq!(verifier.verify_at(&token, NOW - 6).await, Err(TokenError::NotYetValid));
    verifier.verify_at(&token, NOW - 5).await.unwrap();
    verifier.verify_at(&token, NOW + 9).await.unwrap();
    assert_eq!(verifier.verify_at(&token, NOW + 10).await, Err(TokenError::Expired));
}

#[tokio::test]
async fn a_fraction_of_a_second_is_cut_off() {
    let verifier = hs256(IdentitySettings::default());
    let token = signed(&json!({"sub": "alice", "exp": 1_800_000_010.9}));
    verifier.verify_at(&token, NOW + 9).await.unwrap();
    assert_eq!(verifier.verify_at(&token, NOW + 10).await, Err(TokenError::Expired));
}

#[tokio::test]
async fn a_long_lived_token_is_verified_anew_from_time_to_time() {
    let verifier = hs256(IdentitySettings::default());
    let token = signed(&json!({"sub": "alice", "exp": NOW + 1_000_000}));
    let digest = digest(&token).unwrap();
    verifier.verify_at(&token, NOW).await.unwrap();
    assert!(verifier.cached_at(&digest, NOW + REVERIFY_SECONDS - 1).is_some());
    assert!(verifier.cached_at(&digest, NOW + REVERIFY_SECONDS).is_none());
    verifier.verify_at(&token, NOW + REVERIFY_SECONDS).await.unwrap();
}

/// Waits for what happens in the background.
async fn soon(condition: impl AsyncFn() -> bool) {
    let met = async {
        while !condition().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), met).await.unwrap();
}

struct Signer {
    kid: &'static str,
    key: rcgen::KeyPair,
}

impl Signer {
    fn new(kid: &'static str) -> Self {
        Self { kid, key: rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap() }
    }

    fn jwk(&self) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "kid": self.kid, "x": URL_SAFE_NO_PAD.encode(self.key.public_key_raw())})
    }

    fn token(&self, subject: &str) -> String {
        let header = Header { kid: Some(self.kid.to_owned()), ..Header::new(Algorithm::EdDSA) };
        let key = EncodingKey::from_ed_pem(self.key.serialize_pem().as_bytes()).unwrap();
        jsonwebtoken::encode(&header, &json!({"sub": subject, "exp": NOW + 1_000_000}), &key).unwrap()
    }
}

struct Endpoint(MockServer);

impl Endpoint {
    async fn start() -> Self {
        Self(MockServer::start().await)
    }

    async fn answers(&self, answer: ResponseTemplate) {
        self.0.reset().await;
        Mock::given(any()).respond_with(answer).mount(&self.0).await;
    }

    async fn offers(&self, signers: &[&Signer]) {
        let keys: Vec<_> = signers.iter().map(|signer| signer.jwk()).collect();
        self.answers(ResponseTemplate::new(200).set_body_json(json!({ "keys": keys }))).await;
    }

    /// Since the last change of its answer.
    async fn requests(&self) -> usize {
        self.0.received_requests().await.unwrap().len()
    }

    async fn requested(&self) {
        soon(async || self.requests().await > 0).await;
    }

    fn verifier(&self) -> TokenVerifier {
        let jwks_url = Some(self.0.uri().parse().unwrap());
        TokenVerifier::new(IdentitySettings { jwks_url, ..Default::default() }).unwrap()
    }
}

#[tokio::test]
async fn an_unknown_kid_leads_to_one_fetch_in_thirty_seconds() {
    let (one, two, three) = (Signer::new("one"), Signer::new("two"), Signer::new("three"));
    let endpoint = Endpoint::start().await;
    endpoint.offers(&[&one]).await;
    let verifier = endpoint.verifier();
    verifier.verify_at(&one.token("alice"), NOW).await.unwrap();

    endpoint.offers(&[&one, &two]).await;
    verifier.verify_at(&two.token("alice"), NOW + 1).await.unwrap();
    assert_eq!(endpoint.requests().await, 1, "a rotation right after the first fetch is seen at once");

    endpoint.offers(&[&one, &two, &three]).await;
    let last = after(1 + REFETCH_SECONDS);
    assert_eq!(verifier.verify_at(&three.token("alice"), last - 1).await, Err(TokenError::UnknownKey));
    assert_eq!(endpoint.requests().await, 0);
    verifier.verify_at(&three.token("alice"), last).await.unwrap();
    verifier.verify_at(&one.token("bob"), last).await.unwrap();
    assert_eq!(endpoint.requests().await, 1);
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_stop_the_fetching() {
    let (one, two, three) = (Signer::new("one"), Signer::new("two"), Signer::new("three"));
    let endpoint = Endpoint::start().await;
    endpoint.offers(&[&one]).await;
    let verifier = endpoint.verifier();
    verifier.verify_at(&one.token("alice"), NOW).await.unwrap();
    assert_eq!(verifier.verify_at(&two.token("alice"), NOW).await, Err(TokenError::UnknownKey));
    endpoint.offers(&[&three]).await;
    verifier.verify_at(&three.token("alice"), NOW - 86_400).await.unwrap();
}

#[tokio::test]
async fn a_first_fetch_that_failed_is_soon_repeated() {
    let one = Signer::new("one");
    let endpoint = Endpoint::start().await;
    endpoint.answers(ResponseTemplate::new(500)).await;
    let verifier = endpoint.verifier();
    let token = one.token("alice");
    assert_eq!(verifier.verify_at(&token, NOW).await, Err(TokenError::KeysUnavailable));
    endpoint.offers(&[&one]).await;
    let soon = after(FIRST_FETCH_SECONDS);
    assert_eq!(verifier.verify_at(&token, soon - 1).await, Err(TokenError::KeysUnavailable));
    verifier.verify_at(&token, soon).await.unwrap();
}

#[tokio::test]
async fn a_key_taken_back_stops_being_good() {
    let (one, two) = (Signer::new("one"), Signer::new("two"));
    let endpoint = Endpoint::start().await;
    endpoint.offers(&[&one]).await;
    let verifier = endpoint.verifier();
    let (token, other) = (one.token("alice"), one.token("bob"));
    verifier.verify_at(&token, NOW).await.unwrap();

    endpoint.offers(&[&two]).await;
    let stale = after(STALE_SECONDS);
    verifier.verify_at(&other, stale - 1).await.unwrap();
    assert_eq!(endpoint.requests().await, 0);
    // The keys are old now: they are still used for this answer, and fetched again meanwhile.
    verifier.verify_at(&token, stale).await.unwrap();
    endpoint.requested().await;
    soon(async || verifier.cached_at(&digest(&other).unwrap(), stale).is_none()).await;
    assert_eq!(verifier.verify_at(&token, stale).await, Err(TokenError::UnknownKey), "though it was known");
    verifier.verify_at(&two.token("alice"), stale).await.unwrap();
}

#[tokio::test]
async fn old_keys_serve_while_the_endpoint_is_down() {
    let (one, two) = (Signer::new("one"), Signer::new("two"));
    let endpoint = Endpoint::start().await;
    endpoint.offers(&[&one]).await;
    let verifier = endpoint.verifier();
    verifier.verify_at(&one.token("alice"), NOW).await.unwrap();

    endpoint.answers(ResponseTemplate::new(503)).await;
    let days_later = NOW + 3 * 86_400;
    verifier.verify_at(&one.token("bob"), days_later).await.unwrap();
    endpoint.requested().await;
    // A key that may be new cannot be distinguished from a key that never existed.
    assert_eq!(verifier.verify_at(&two.token("bob"), days_later + 60).await, Err(TokenError::KeysUnavailable));
    verifier.verify_at(&one.token("carol"), days_later + 60).await.unwrap();
}
