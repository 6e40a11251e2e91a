//! The part of a notification that PayPal signs, and the hosts that its certificate may come from
//! (developer.paypal.com/api/rest/webhooks/rest, "verify webhook signatures").

use url::{Host, Url};

use crate::providers::{NotificationError, RawNotification};

const ALGORITHM: &str = "SHA256withRSA";
const DOMAIN: &str = "paypal.com";
/// The path of PayPal's certificates. With any other path, the sender of a notification could make us call the whole
/// API.
const PATH: &str = "/v1/notifications/certs/";

/// The five headers of a notification. All are required.
#[derive(Debug)]
pub(super) struct Transmission<'a> {
    pub id: &'a str,
    pub time: &'a str,
    pub signature: &'a str,
    pub certificate_url: &'a str,
    pub algorithm: &'a str,
}

impl<'a> Transmission<'a> {
    pub fn of(raw: &'a RawNotification) -> Result<Self, NotificationError> {
        let need = |name: &str| {
            raw.header(name)
                .filter(|value| !value.is_empty())
                .ok_or(NotificationError::BadSignature("a transmission header is missing"))
        };
        let this = Self {
            id: need("paypal-transmission-id")?,
            time: need("paypal-transmission-time")?,
            signature: need("paypal-transmission-sig")?,
            certificate_url: need("paypal-cert-url")?,
            algorithm: need("paypal-auth-algo")?,
        };
        if this.algorithm.eq_ignore_ascii_case(ALGORITHM) {
            Ok(this)
        } else {
            Err(NotificationError::BadSignature("the algorithm is not SHA256withRSA"))
        }
    }

    /// The signed message. It contains the CRC-32 (IEEE) of the body as a decimal number. The webhook id comes from our
    /// settings, never from the request.
    pub fn message(&self, webhook_id: &str, body: &[u8]) -> String {
        format!("{}|{}|{webhook_id}|{}", self.id, self.time, crc32fast::hash(body))
    }
}

/// The URL of the certificate, if it may be fetched: from PayPal's hosts over HTTPS, and in tests from the origin of
/// the simulated PayPal. With any other host, the sender of a notification could choose which server we call.
pub(super) fn certificate_url(text: &str, test_base: Option<&str>) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    if !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    let real = url.scheme() == "https"
        && url.port().is_none()
        && url.path().starts_with(PATH)
        && url.query().is_none()
        && url.domain().is_some_and(|host| host == DOMAIN || host.ends_with(".paypal.com"));
    let simulated = test_base
        .and_then(|base| Url::parse(base).ok())
        .is_some_and(|base| base.origin() == url.origin() && (url.scheme() == "https" || is_loopback(&url)));
    (real || simulated).then_some(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn certificates_lie_at_paypals_only() {
        for good in [
            "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270",
            "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1",
            "https://API.PayPal.com:443/v1/notifications/certs/x",
            "https://paypal.com/v1/notifications/certs/x",
        ] {
            assert!(certificate_url(good, None).is_some(), "{good}");
        }
        for bad in [
            "http://api.paypal.com/v1/notifications/certs/x",
            "https://api.paypal.com:8443/v1/notifications/certs/x",
            "https://evil.test/v1/notifications/certs/x",
            "https://api.paypal.com.evil.test/v1/notifications/certs/x",
            "https://evilpaypal.com/v1/notifications/certs/x",
            "https://api.paypal.com@evil.test/v1/notifications/certs/x",
            "https://user:pw@api.paypal.com/v1/notifications/certs/x",
            "https://api.paypal.com/v2/checkout/orders",
            "https://api.paypal.com/v1/notifications/certs/x?n=1",
            "https://api.paypal.com/v1/notifications/certs/../../oauth2/token",
            "http://127.0.0.1:9000/x",
            "file:///etc/passwd",
            "",
        ] {
            assert!(certificate_url(bad, None).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_played_paypal_is_believed_on_its_own_origin_only() {
        let base = Some("http://127.0.0.1:9000");
        assert!(certificate_url("http://127.0.0.1:9000/certs/1", base).is_some());
        assert!(certificate_url("http://127.0.0.1:9001/certs/1", base).is_none());
        assert!(certificate_url("http://10.0.0.1/certs/1", Some("http://10.0.0.1")).is_none());
        assert!(certificate_url("https://sandbox.test/certs/1", Some("https://sandbox.test/v1")).is_some());
        assert!(certificate_url("https://api.paypal.com/v1/notifications/certs/x", base).is_some());
    }
}
