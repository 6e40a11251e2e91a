//! The JSON of the API between servers: its signed requests and responses.

use std::collections::HashMap;

use secrecy::SecretString;
use serde_json::Map;
use serde_json::value::{RawValue, Value};

use super::signing;

/// `RequestId|Version|Command|TmnCode|TxnRef|TransactionDate|CreateDate|IpAddr|OrderInfo`
const QUERY_SIGNED: [&str; 9] = [
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
const REFUND_SIGNED: [&str; 13] = [
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
/// The response of a refund is signed up to `vnp_OrderInfo`. That of a query is also signed over the promotion.
const ANSWER_SIGNED: [&str; 13] = [
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
const PROMOTION: [&str; 2] = ["vnp_PromotionCode", "vnp_PromotionAmount"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum VnpayCommand {
    Query,
    Refund,
}

/// A signed request body. `fields` must contain all values that the command signs. Other values are sent unsigned.
pub(super) fn request(command: VnpayCommand, fields: &[(&'static str, String)], secret: &SecretString) -> Value {
    let signed: &[&str] = match command {
        VnpayCommand::Query => &QUERY_SIGNED,
        VnpayCommand::Refund => &REFUND_SIGNED,
    };
    let text = |name: &str| fields.iter().find(|(field, _)| *field == name).map_or("", |(_, value)| value.as_str());
    let joined: Vec<&str> = signed.iter().map(|name| text(name)).collect();
    let mut body: Map<String, Value> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), Value::String(value.clone()))).collect();
    body.insert("vnp_SecureHash".to_owned(), Value::String(signing::sign(secret, &joined.join("|"))));
    Value::Object(body)
}

/// A response. Each value is the text that was sent, because numbers and strings both occur, and the signature covers
/// the text.
#[derive(Debug)]
pub(super) struct VnpayResponse(HashMap<String, String>);

impl VnpayResponse {
    /// Reads a response; `None` if it is not a JSON object of plain values.
    pub fn read(body: &[u8]) -> Option<Self> {
        let raw: HashMap<String, Box<RawValue>> = serde_json::from_slice(body).ok()?;
        let fields = raw.into_iter().map(|(name, value)| plain_text(value.get()).map(|text| (name, text)));
        fields.collect::<Option<_>>().map(Self)
    }

    /// The text of a value; empty if it is missing.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    pub fn is_genuine(&self, command: VnpayCommand, secret: &SecretString) -> bool {
        let promotion: &[&str] = if command == VnpayCommand::Query { &PROMOTION } else { &[] };
        let values: Vec<&str> = ANSWER_SIGNED.iter().chain(promotion).map(|name| self.text(name)).collect();
        signing::is_genuine(secret, &values.join("|"), self.text("vnp_SecureHash"))
    }
}

fn plain_text(raw: &str) -> Option<String> {
    match raw.as_bytes().first()? {
        b'"' => serde_json::from_str(raw).ok(),
        b'n' => Some(String::new()),
        b'{' | b'[' => None,
        _ => Some(raw.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn secret() -> SecretString {
        "SECRETSECRETSECRETSECRETSECRET12".into()
    }

    fn fields(extra: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
        let common = [
            ("vnp_RequestId", "0197f2c0a1b27c3d8e4f5a6b7c8d9eff"),
            ("vnp_Version", "2.1.0"),
            ("vnp_TmnCode", "DEMOV210"),
            ("vnp_TxnRef", "0197f2c0a1b27c3d8e4f5a6b7c8d9e0fA1"),
            ("vnp_TransactionDate", "20261121153000"),
            ("vnp_CreateDate", "20261121160000"),
            ("vnp_IpAddr", "127.0.0.1"),
        ];
        common.iter().chain(extra).map(|(name, value)| (*name, (*value).to_owned())).collect()
    }

    // Hashes made with npm vnpay 2.5.0, VNPay.queryDr and VNPay.refund.
    #[test]
    fn requests_are_signed_as_an_independent_library_does() {
        let query = fields(&[("vnp_Command", "querydr"), ("vnp_OrderInfo", "Query"), ("vnp_TransactionNo", "1")]);
        assert_eq!(
            request(VnpayCommand::Query, &query, &secret())["vnp_SecureHash"],
            "2ec3d9749723a03b655e6741207b16835ce14b2af5c989126b877126918fe38a0a1c5dbc4b199dde44c6560101cd917ecf3873ac2\
             c275800e71454e3e4a6576f"
        );
        let refund = fields(&[
            ("vnp_Command", "refund"),
            ("vnp_TransactionType", "03"),
            ("vnp_Amount", "20000000"),
            ("vnp_TransactionNo", "14422574"),
            ("vnp_CreateBy", "an.operator"),
            ("vnp_OrderInfo", "Refund"),
        ]);
        assert_eq!(
            request(VnpayCommand::Refund, &refund, &secret())["vnp_SecureHash"],
            "353bd16e228a01450d68715d6143c5292b9c45b206ef2d770967cc5bde2dc85c173f96f71f1038347797cb0870b71f61e113e97fc\
             e295ee3923197d651be11cc"
        );
    }

    // Accepted by npm vnpay 2.5.0, VNPay.queryDr (isVerified).
    const ANSWER: &str = concat!(
        r#"{"vnp_ResponseId":"resp1","vnp_Command":"querydr","vnp_ResponseCode":"00",
        "vnp_Message":"Truy van thanh cong","vnp_TmnCode":"DEMOV210","vnp_TxnRef":"0197f2c0a1b27c3d8e4f5a6b7c8d9e0fA1",
        "vnp_Amount":"50000000","vnp_BankCode":"NCB","vnp_PayDate":"20261121153500","vnp_TransactionNo":"14422574",
        "vnp_TransactionType":"01","vnp_TransactionStatus":"00","vnp_OrderInfo":"Wallet top-up: 1.5",
        "vnp_PromotionCode":"","vnp_PromotionAmount":"",
        "vnp_SecureHash":""#,
        "d42bae9d38f2c8684ffe29656341eb4e60a7ba8d1fb6d0f29a90a21682c2624e",
        "c43a7b59ab2928632ae18ddd658d1e7bf01593680a6ebece65feb6b4a4d2b375",
        r#""}"#,
    );

    #[test]
    fn answers_are_verified_whether_strings_or_numbers() {
        assert!(VnpayResponse::read(ANSWER.as_bytes()).unwrap().is_genuine(VnpayCommand::Query, &secret()));
        let numbers = ANSWER.replace("\"50000000\"", "50000000").replace("\"14422574\"", "14422574");
        let null = numbers.replace("\"vnp_PromotionCode\":\"\",", "").replace("Amount\":\"\"", "Amount\":null");
        for same in [numbers, null] {
            assert!(VnpayResponse::read(same.as_bytes()).unwrap().is_genuine(VnpayCommand::Query, &secret()), "{same}");
        }
        let forged = ANSWER.replace("50000000", "50000001");
        assert!(!VnpayResponse::read(forged.as_bytes()).unwrap().is_genuine(VnpayCommand::Query, &secret()));
        let unsigned = r#"{"vnp_ResponseCode":"94","vnp_Message":"Request is duplicate"}"#;
        assert!(!VnpayResponse::read(unsigned.as_bytes()).unwrap().is_genuine(VnpayCommand::Query, &secret()));
        assert!(VnpayResponse::read(b"<html>").is_none());
    }
}
