//! Makes the `Stripe-Signature` header (docs.stripe.com/webhooks).

use crate::sandbox::tools::hmac_sha256;

/// The header `t=<unix seconds>,v1=<hex>`, with the HMAC-SHA256 of `<t>.<body>`. The key is the whole `whsec_…` text.
pub(super) fn header(secret: &str, at: i64, body: &[u8]) -> String {
    let time = at.to_string();
    let signature = hmac_sha256(secret.as_bytes(), &[time.as_bytes(), b".", body]);
    format!("t={time},v1={signature}")
}

#[cfg(test)]
mod tests {
    /// The vector comes from Stripe's own library (npm stripe 23.1.0).
    #[test]
    fn signs_like_the_official_library() {
        let body =
            "{\"id\":\"evt_1\",\"object\":\"event\",\"type\":\"checkout.session.completed\",\"note\":\"nạp tiền ✓\"}";
        assert_eq!(
            super::header("whsec_test_secret", 1_700_000_000, body.as_bytes()),
            "t=1700000000,v1=9ea7bc0a48f1282def732cb43873e4b620bc98639631f2453cbb8eb190335da8"
        );
    }
}
