//! The sites to which a payer's browser may be sent back.
//!
//! The pages that payers return to need no token, and redirect to the `return_url` of an order. Without a list, any
//! customer could make the service's own address lead to any site.

use std::collections::BTreeSet;

use url::{Host, Url};

/// The sites that a `return_url` may name.
#[derive(Debug, Clone, Default)]
pub struct ReturnOrigins {
    /// Every site is allowed.
    pub all: bool,
    /// Origins such as `https://app.example.com`.
    pub named: BTreeSet<String>,
    /// Also the payer's own machine (loopback). Only while payment companies are simulated.
    pub loopback: bool,
}

impl ReturnOrigins {
    /// Whether a payer may be sent to this address.
    #[must_use]
    pub fn allow(&self, url: &str) -> bool {
        let Ok(url) = Url::parse(url) else { return false };
        let is_loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        self.all || (self.loopback && is_loopback) || self.named.contains(&url.origin().ascii_serialization())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_origin_is_allowed() {
        let named = BTreeSet::from(["https://app.example.com".to_owned()]);
        let origins = ReturnOrigins { named, ..ReturnOrigins::default() };
        for allowed in ["https://app.example.com", "https://app.example.com:443/wallet?a=1", "https://APP.example.com/"]
        {
            assert!(origins.allow(allowed), "{allowed}");
        }
        for refused in [
            "http://app.example.com/",
            "https://app.example.com:8443/",
            "https://app.example.com.evil.example/",
            "https://evil.example/https://app.example.com",
            "https://app.example.com@evil.example/",
            "http://localhost:3000/",
            "http://127.0.0.1/",
            "data:text/html,x",
            "app.example.com",
        ] {
            assert!(!origins.allow(refused), "{refused}");
        }
    }

    #[test]
    fn the_own_machine_is_allowed_beside_the_sandbox_and_everything_when_all_is_said() {
        let sandbox = ReturnOrigins { loopback: true, ..ReturnOrigins::default() };
        for own in ["http://localhost:3000/", "http://127.0.0.1:1/x", "http://[::1]/"] {
            assert!(sandbox.allow(own), "{own}");
        }
        assert!(!sandbox.allow("http://localhost.evil.example/") && !sandbox.allow("https://evil.example/"));
        let all = ReturnOrigins { all: true, ..ReturnOrigins::default() };
        assert!(all.allow("https://evil.example/"));
    }
}
