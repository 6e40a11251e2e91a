//! Signatures of Standard Webhooks 1.0: HMAC-SHA256 over id, time and body, with the secret's bytes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use rand::Rng;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use super::Message;

/// The bytes of a new secret; the standard asks for 24 to 64.
const BYTES: usize = 32;
const PREFIX: &str = "whsec_";

/// The secret of an endpoint, as partners configure it: `whsec_` and base64.
#[derive(Debug, Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// A new secret.
    #[must_use]
    pub fn generate() -> Self {
        let bytes: [u8; BYTES] = rand::rng().random();
        Self(format!("{PREFIX}{}", STANDARD.encode(bytes)).into())
    }

    /// A secret that was kept.
    #[must_use]
    pub fn from_kept(text: String) -> Self {
        Self(text.into())
    }

    /// The secret as text: to show it once to the maker of the endpoint, and to store it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    fn sign(&self, content: &[u8]) -> Option<String> {
        let bytes = STANDARD.decode(self.expose().strip_prefix(PREFIX)?).ok()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&bytes).ok()?;
        mac.update(content);
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }
}

/// The header `webhook-signature`: one signature for each secret.
#[must_use]
pub fn sign(message: Message<'_>) -> String {
    let content = format!("{}.{}.{}", message.id, message.timestamp, message.body);
    let signatures: Vec<String> = message.secrets.iter().filter_map(|secret| secret.sign(content.as_bytes())).collect();
    signatures.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example from the standard's own libraries.
    #[test]
    fn a_signature_is_the_one_of_the_standard() {
        let secret = Secret::from_kept("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let message = Message {
            url: "https://example.com",
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp: 1_614_265_330,
            body: r#"{"test": 2432232314}"#,
            secrets: std::slice::from_ref(&secret),
        };
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(sign(message), signature);
        let two = [secret.clone(), Secret::generate()];
        let both = sign(Message { secrets: &two, ..message });
        assert!(both.starts_with(signature) && both.split(' ').count() == 2, "{both}");
    }

    #[test]
    fn a_secret_is_long_random_and_stays_out_of_logs() {
        let (one, two) = (Secret::generate(), Secret::generate());
        assert_ne!(one.expose(), two.expose());
        assert!(one.expose().starts_with(PREFIX) && one.expose().len() == 50, "{}", one.expose().len());
        assert!(!format!("{one:?}").contains(one.expose()));
    }
}
