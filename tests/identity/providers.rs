//! Tokens as identity providers issue them (hard case 73).

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use topup::identity::{ClaimNames, IdentitySettings, Scope, TokenError, TokenVerifier};

use crate::jwks::Endpoint;
use crate::keys::{RSA, SECRET, Signer, alice_with, hmac, in_seconds};

fn with_claims(customer: Option<&str>, scope: Option<&str>) -> TokenVerifier {
    let claims =
        ClaimNames { customer: customer.map(str::to_owned), scope: scope.map(str::to_owned), permissions: None };
    TokenVerifier::new(IdentitySettings { hs256_secret: Some(SECRET.into()), claims, ..Default::default() }).unwrap()
}

fn token(claims: &Value) -> String {
    hmac(Algorithm::HS256, SECRET.as_bytes(), &alice_with(claims))
}

#[tokio::test]
async fn case_73_customers_are_named_as_providers_name_them() {
    let verifier = with_claims(None, None);
    for subject in [
        "auth0|5f7c8ec7c33c6c004bbafe82",
        "google-oauth2|103547991597142817347",
        "waad|Xq_1.a-b~c",
        "00uid4BxXw6I6TV4m0g3",
        "8c1b7a6e-6a57-4a3a-9a2f-0d3f6f0f5b11",
        "user@example.com",
        "a/b+c",
    ] {
        let principal = verifier.verify(&token(&json!({"sub": subject}))).await.unwrap();
        assert_eq!(principal.customer.as_ref().unwrap().as_str(), subject);
    }
    for subject in ["", "two words", "50%", "..", "~"] {
        let refused = verifier.verify(&token(&json!({"sub": subject}))).await;
        assert_eq!(refused, Err(TokenError::InvalidClaim("sub")), "{subject}");
    }
}

#[tokio::test]
async fn case_73_scopes_stand_in_scope_or_scp_as_text_or_list() {
    let verifier = with_claims(None, None);
    for claims in [
        json!({"scope": "openid customer"}),
        json!({"scope": ["openid", "customer"]}),
        json!({"scope": null, "scp": "openid customer"}),
        json!({"scope": null, "scp": ["customer"]}),
    ] {
        let principal = verifier.verify(&token(&claims)).await.unwrap();
        assert_eq!(principal.scopes.iter().collect::<Vec<_>>(), [Scope::Customer], "{claims}");
    }
    // A claim that is not a list of words permits nothing.
    for claims in [json!({"scope": {"customer": true}}), json!({"scope": ["customer", 1]}), json!({"scope": 1})] {
        assert!(verifier.verify(&token(&claims)).await.unwrap().scopes.is_empty(), "{claims}");
    }
    // If the first claim is present, the other one is not read.
    let both = json!({"scope": "email", "scp": "operator"});
    assert!(verifier.verify(&token(&both)).await.unwrap().scopes.is_empty());
    // If the settings name a claim, the usual ones permit nothing.
    let renamed = with_claims(None, Some("roles"));
    let roles = json!({"roles": ["operator"], "scope": "customer service"});
    assert_eq!(renamed.verify(&token(&roles)).await.unwrap().scopes, Scope::Operator.into());
    assert!(renamed.verify(&token(&json!({}))).await.unwrap().scopes.is_empty());
}

#[tokio::test]
async fn case_73_another_claim_names_the_customer_and_nobody_else() {
    let verifier = with_claims(Some("https://shop.example/customer"), None);
    let named = |scope: &str, id: Value| token(&json!({"scope": scope, "https://shop.example/customer": id}));
    let principal = verifier.verify(&named("customer", json!("c-77"))).await.unwrap();
    assert_eq!((principal.subject.as_str(), principal.customer.as_ref().unwrap().as_str()), ("c-77", "c-77"));
    assert_eq!(verifier.verify(&token(&json!({}))).await, Err(TokenError::NoCustomer));
    for bad in [json!(""), json!("two words"), json!(7), json!(["c-77"])] {
        assert_eq!(verifier.verify(&named("customer", bad)).await, Err(TokenError::BadCustomer));
    }
    // An operator is named by `sub`, whatever else the token says: that name counts for the two pairs of eyes.
    for scope in ["operator", "service", "customer operator"] {
        assert_eq!(verifier.verify(&named(scope, json!("c-77"))).await.unwrap().subject, "alice", "{scope}");
    }
}

#[tokio::test]
async fn case_73_a_clock_two_seconds_ahead_is_tolerated_and_an_end_is_an_end() {
    let leeway = std::time::Duration::from_secs(5);
    let settings = IdentitySettings { hs256_secret: Some(SECRET.into()), leeway, ..Default::default() };
    let verifier = TokenVerifier::new(settings).unwrap();
    let ahead = json!({"nbf": in_seconds(2), "iat": in_seconds(2)});
    verifier.verify(&token(&ahead)).await.unwrap();
    let far = json!({"nbf": in_seconds(60)});
    assert_eq!(verifier.verify(&token(&far)).await, Err(TokenError::NotYetValid));
    let over = json!({"exp": in_seconds(-1)});
    assert_eq!(verifier.verify(&token(&over)).await, Err(TokenError::Expired));
}

/// Supabase signs with ES256, Azure and Auth0 with RS256, Okta can use PS256.
#[tokio::test]
async fn case_73_the_keys_of_providers_are_found_in_their_jwks() {
    let (p256, p384) = (Signer::p256(), Signer::p384());
    let endpoint = Endpoint::offering(&[p256.jwk("p256"), p384.jwk("p384"), RSA.jwk("rsa")]).await;
    let verifier = endpoint.verifier();
    for (signer, kid) in [(&p256, "p256"), (&p384, "p384"), (&*RSA, "rsa")] {
        verifier.verify(&signer.sign(Some(kid), &alice_with(&json!({})))).await.unwrap();
    }
    let mut any = RSA.jwk("any");
    any["alg"] = Value::Null;
    let endpoint = Endpoint::offering(&[any]).await;
    let verifier = endpoint.verifier();
    for algorithm in [Algorithm::RS256, Algorithm::PS256] {
        verifier.verify(&RSA.sign_as(algorithm, Some("any"), &alice_with(&json!({})))).await.unwrap();
    }
    // A key that names its use is not accepted for another use.
    let endpoint = Endpoint::offering(&[RSA.jwk("rsa")]).await;
    let other = RSA.sign_as(Algorithm::PS256, Some("rsa"), &alice_with(&json!({})));
    assert_eq!(endpoint.verifier().verify(&other).await, Err(TokenError::UnknownKey));
}
