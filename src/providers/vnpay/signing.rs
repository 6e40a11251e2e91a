//! VNPay's signatures, HMAC-SHA512 (sandbox.vnpayment.vn/apis/docs/thanh-toan-pay). In links and notifications they
//! cover the sorted, URL-encoded query; between servers they cover the values, joined by `|`.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha512;

const HASH: &str = "vnp_SecureHash";
const HASH_TYPE: &str = "vnp_SecureHashType";

pub(super) type VnpayParameters = Vec<(String, String)>;

/// The MAC of a text. HMAC accepts a key of any length, so this is never `None`; if it were, no signature would match.
fn mac(secret: &SecretString, text: &str) -> Option<Hmac<Sha512>> {
    let mut mac = Hmac::<Sha512>::new_from_slice(secret.expose_secret().as_bytes()).ok()?;
    mac.update(text.as_bytes());
    Some(mac)
}

/// The signature of `text` in lower-case hex.
pub(super) fn sign(secret: &SecretString, text: &str) -> String {
    mac(secret, text).map(|mac| hex::encode(mac.finalize().into_bytes())).unwrap_or_default()
}

/// Whether `hash`, hex in either case, is the signature of `text`. The comparison takes constant time.
pub(super) fn is_genuine(secret: &SecretString, text: &str, hash: &str) -> bool {
    match (hex::decode(hash), mac(secret, text)) {
        (Ok(candidate), Some(mac)) => mac.verify_slice(&candidate).is_ok(),
        _ => false,
    }
}

/// The signed part of a query: all non-empty VNPay parameters except the hash, sorted by name, with `+` for a space.
pub(super) fn canonical(parameters: &VnpayParameters) -> String {
    let mut signed: Vec<&(String, String)> = parameters
        .iter()
        .filter(|(name, value)| name.starts_with("vnp_") && name != HASH && name != HASH_TYPE && !value.is_empty())
        .collect();
    signed.sort();
    form_urlencoded::Serializer::new(String::new()).extend_pairs(signed).finish()
}

/// The query with its signature at the end.
pub(super) fn signed_query(secret: &SecretString, parameters: &VnpayParameters) -> String {
    let query = canonical(parameters);
    let hash = sign(secret, &query);
    format!("{query}&{HASH}={hash}")
}

/// Reads a query, and returns its parameters if the signature is genuine. A query in which a name occurs twice is
/// refused, because two readers could use two different values.
pub(super) fn verified(secret: &SecretString, query: &str) -> Option<VnpayParameters> {
    let parameters: VnpayParameters = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let mut names: Vec<&str> = parameters.iter().map(|(name, _)| name.as_str()).collect();
    let given = names.len();
    names.sort_unstable();
    names.dedup();
    let hash = value(&parameters, HASH)?;
    let genuine = names.len() == given && is_genuine(secret, &canonical(&parameters), hash);
    genuine.then_some(parameters)
}

/// The value of a parameter; `None` if it is missing or empty.
pub(super) fn value<'a>(parameters: &'a VnpayParameters, name: &str) -> Option<&'a str> {
    parameters.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn secret() -> SecretString {
        "SECRETSECRETSECRETSECRETSECRET12".into()
    }

    // Pay URLs and their hashes made with npm vnpay 2.5.0, VNPay.buildPaymentUrl.
    const PAY_URLS: [&str; 2] = [
        "vnp_Amount=50000000&vnp_Command=pay&vnp_CreateDate=20261121153000&vnp_CurrCode=VND\
         &vnp_ExpireDate=20261121154500&vnp_IpAddr=203.0.113.7&vnp_Locale=vn&vnp_OrderInfo=Nap+tien+vi+TOPUP01JABC\
         &vnp_OrderType=other&vnp_ReturnUrl=https%3A%2F%2Fshop.test%2Fvnpay%2Freturn%3Fx%3D1%26y%3Da+b\
         &vnp_TmnCode=DEMOV210&vnp_TxnRef=TOPUP01JABC&vnp_Version=2.1.0\
         &vnp_SecureHash=\
         3b78d9866171b316c83b47341bf4be645a44d51e189189e2feefa1821be7456b\
         2bb741a78f625b392cea513ca9a3a1a25ec43fe3d56629f802a0f84e817bcfcd",
        "vnp_Amount=1500000&vnp_BankCode=VNBANK&vnp_Command=pay&vnp_CreateDate=20261121153000&vnp_CurrCode=VND\
         &vnp_ExpireDate=20261121154500&vnp_IpAddr=2001%3Adb8%3A%3A1&vnp_Locale=en&vnp_OrderInfo=Wallet+top-up%3A+1.5\
         &vnp_OrderType=other&vnp_ReturnUrl=https%3A%2F%2Ftopup.test%2Fv1%2Fproviders%2Fvnpay%2Freturn\
         %3Forder%3Dtuo_0197f2c0a1b27c3d8e4f5a6b7c8d9e0f&vnp_TmnCode=DEMOV210\
         &vnp_TxnRef=0197f2c0a1b27c3d8e4f5a6b7c8d9e0fA1\
         &vnp_Version=2.1.0&vnp_SecureHash=\
         75c267c7d61828b0d81f1ae61322867e8e0132c5e33322799eb71d6a3374abec\
         6045f5ed9c4492ab4cf66081b0889bcb72d2c17fa1f158256413da8d7ba11f54",
    ];

    #[test]
    fn pay_urls_agree_with_an_independent_library() {
        for url in PAY_URLS {
            let unsigned = form_urlencoded::parse(url.as_bytes()).into_owned().filter(|(name, _)| name != HASH);
            let mut parameters: VnpayParameters = unsigned.collect();
            // Signing sorts; the order of the input does not matter.
            parameters.reverse();
            assert_eq!(signed_query(&secret(), &parameters), url);
            assert!(verified(&secret(), url).is_some());
            assert!(verified(&secret(), &url.to_uppercase().replace("VNP_", "vnp_")).is_none());
        }
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let genuine = PAY_URLS[0];
        assert!(verified(&secret(), &genuine.replace("50000000", "5000000")).is_none());
        assert!(verified(&secret(), &format!("{genuine}&vnp_Extra=1")).is_none());
        assert!(verified(&secret(), &format!("{genuine}&vnp_Amount=1")).is_none());
        assert!(verified(&"another".into(), genuine).is_none());
        assert!(verified(&secret(), "").is_none());
        // Parameters that are not VNPay's are not signed: our own return page adds its order.
        assert!(verified(&secret(), &format!("order=tuo_1&{genuine}&vnp_SecureHashType=HmacSHA512")).is_some());
        let upper = genuine.rsplit_once('=').map(|(head, hash)| format!("{head}={}", hash.to_uppercase()));
        assert!(verified(&secret(), &upper.unwrap()).is_some());
    }
}
