//! The two signatures of VNPay, both HMAC-SHA512 with the hash secret of the terminal.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::sandbox::tools::hmac_sha512;

/// The signed query of pay URL, return URL and IPN: sorted by name, without empty values, form-encoded (a space is
/// `+`).
pub(super) fn query(parameters: &BTreeMap<String, String>) -> String {
    let filled = parameters
        .iter()
        .filter(|(name, value)| !value.is_empty() && name.as_str() != "vnp_SecureHash" && name.starts_with("vnp_"));
    form_urlencoded::Serializer::new(String::new()).extend_pairs(filled).finish()
}

/// The signature of `text` in lower-case hex.
pub(super) fn seal(secret: &str, text: &str) -> String {
    hmac_sha512(secret.as_bytes(), text.as_bytes())
}

pub(super) const QUERY_REQUEST: &[&str] = &[
    "vnp_RequestId",
    "vnp_Version",
    "vnp_Command",
    "vnp_TmnCode",
    "vnp_TxnRef",
    "vnp_TransactionDate",
    "vnp_CreateDate",
    "vnp_IpAddr",
    "vnp_OrderInfo",
];

pub(super) const QUERY_RESPONSE: &[&str] = &[
    "vnp_ResponseId",
    "vnp_Command",
    "vnp_ResponseCode",
    "vnp_Message",
    "vnp_TmnCode",
    "vnp_TxnRef",
    "vnp_Amount",
    "vnp_BankCode",
    "vnp_PayDate",
    "vnp_TransactionNo",
    "vnp_TransactionType",
    "vnp_TransactionStatus",
    "vnp_OrderInfo",
    "vnp_PromotionCode",
    "vnp_PromotionAmount",
];

pub(super) const REFUND_REQUEST: &[&str] = &[
    "vnp_RequestId",
    "vnp_Version",
    "vnp_Command",
    "vnp_TmnCode",
    "vnp_TransactionType",
    "vnp_TxnRef",
    "vnp_Amount",
    "vnp_TransactionNo",
    "vnp_TransactionDate",
    "vnp_CreateBy",
    "vnp_CreateDate",
    "vnp_IpAddr",
    "vnp_OrderInfo",
];

pub(super) const REFUND_RESPONSE: &[&str] = &[
    "vnp_ResponseId",
    "vnp_Command",
    "vnp_ResponseCode",
    "vnp_Message",
    "vnp_TmnCode",
    "vnp_TxnRef",
    "vnp_Amount",
    "vnp_BankCode",
    "vnp_PayDate",
    "vnp_TransactionNo",
    "vnp_TransactionType",
    "vnp_TransactionStatus",
    "vnp_OrderInfo",
];

/// The raw values of `names`, joined by `|`. A missing value is empty.
pub(super) fn joined(body: &Value, names: &[&str]) -> String {
    let values: Vec<String> = names
        .iter()
        .map(|name| match body.get(*name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        })
        .collect();
    values.join("|")
}

/// Signs a response of the transaction API in place, if VNPay signs such a response.
pub(super) fn seal_answer(secret: &str, answer: &mut Value) {
    let names = match answer.get("vnp_Command").and_then(Value::as_str) {
        Some("refund") => REFUND_RESPONSE,
        _ => QUERY_RESPONSE,
    };
    let seal = seal(secret, &joined(answer, names));
    if let Some(fields) = answer.as_object_mut() {
        fields.insert("vnp_SecureHash".to_owned(), seal.into());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    /// The vectors come from the community's library (npm vnpay 2.5.0).
    #[test]
    fn signs_a_pay_url_like_the_reference_library() {
        let parameters: BTreeMap<String, String> = [
            ("vnp_Amount", "50000000"),
            ("vnp_Command", "pay"),
            ("vnp_CreateDate", "20261121153000"),
            ("vnp_CurrCode", "VND"),
            ("vnp_ExpireDate", "20261121154500"),
            ("vnp_IpAddr", "203.0.113.7"),
            ("vnp_Locale", "vn"),
            ("vnp_OrderInfo", "Nap tien vi TOPUP01JABC"),
            ("vnp_OrderType", "other"),
            ("vnp_ReturnUrl", "https://shop.test/vnpay/return?x=1&y=a b"),
            ("vnp_TmnCode", "DEMOV210"),
            ("vnp_TxnRef", "TOPUP01JABC"),
            ("vnp_Version", "2.1.0"),
            ("vnp_BankCode", ""),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        assert_eq!(
            super::seal("SECRETSECRETSECRETSECRETSECRET12", &super::query(&parameters)),
            "3b78d9866171b316c83b47341bf4be645a44d51e189189e2feefa1821be7456b2bb741a78f625b392cea513ca9a3a1a25ec43fe3d\
             56629f802a0f84e817bcfcd"
        );
    }
}
