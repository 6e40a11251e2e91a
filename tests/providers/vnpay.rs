use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use topup::domain::payment::{Channel, Fact, Observation, RefundStatus};
use topup::providers::settings::ProviderSettings;
use topup::providers::{
    CardFlow, NextAction, NotificationError, NotificationOutcome, PaymentProvider, ProviderError, RawNotification,
    Registry,
};
use wiremock::matchers::{body_partial_json, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::*;

const SECRET: &[u8] = b"SECRETSECRETSECRETSECRETSECRET12";
const API: &str = "/merchant_webapi/api/transaction";
const REFERENCE: &str = "0197f2c0a1b27c3d8e4f5a6b7c8d9e0fA1D00c0ffee00c0ffee";

fn hmac(text: &str) -> String {
    let mut mac = Hmac::<sha2::Sha512>::new_from_slice(SECRET).unwrap();
    mac.update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

fn provider(api_url: &str) -> Arc<dyn PaymentProvider> {
    let settings = ProviderSettings { vnpay: Some(vnpay(api_url)), ..nothing() };
    Registry::new(&settings).unwrap().by_channel(Channel::Vnpay).unwrap().clone()
}

async fn played() -> (MockServer, Arc<dyn PaymentProvider>) {
    let server = MockServer::start().await;
    let provider = provider(&format!("{}{API}", server.uri()));
    (server, provider)
}

fn this_attempt() -> topup::providers::AttemptRef {
    attempt(REFERENCE, money("500000", "VND"), CardFlow::Checkout)
}

/// A signed response. `changes` are made before it is signed.
fn answer(changes: Value) -> Value {
    let mut answer = json!({
        "vnp_ResponseId": "r1", "vnp_Command": "querydr", "vnp_ResponseCode": "00", "vnp_Message": "Thành công",
        "vnp_TmnCode": "DEMOV210", "vnp_TxnRef": REFERENCE, "vnp_Amount": "50000000", "vnp_BankCode": "NCB",
        "vnp_PayDate": "20261121153500", "vnp_TransactionNo": "14422574", "vnp_TransactionType": "01",
        "vnp_TransactionStatus": "00", "vnp_OrderInfo": "Wallet top-up"
    });
    for (name, value) in changes.as_object().unwrap() {
        answer[name] = value.clone();
    }
    let fields = [
        "ResponseId",
        "Command",
        "ResponseCode",
        "Message",
        "TmnCode",
        "TxnRef",
        "Amount",
        "BankCode",
        "PayDate",
        "TransactionNo",
        "TransactionType",
        "TransactionStatus",
        "OrderInfo",
    ];
    let text = |name: &str| match &answer[&format!("vnp_{name}")] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let mut signed: Vec<String> = fields.iter().map(|name| text(name)).collect();
    if answer["vnp_Command"] == "querydr" {
        signed.extend([text("PromotionCode"), text("PromotionAmount")]);
    }
    answer["vnp_SecureHash"] = hmac(&signed.join("|")).into();
    answer
}

async fn answers(server: &MockServer, body: Value) {
    Mock::given(method("POST"))
        .and(path(API))
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .mount(server)
        .await;
}

#[tokio::test]
async fn the_link_is_signed_and_made_without_a_call() {
    let provider = provider("http://127.0.0.1:9/api");
    let mut asked = request(money("500000", "VND"), CardFlow::Checkout);
    asked.bank_code = Some("VNPAYQR".to_owned());
    let created = provider.create(&asked).await.unwrap();
    assert_eq!(created.provider_reference, REFERENCE);
    let NextAction::Redirect { url } = created.next_action.clone() else { panic!() };
    let (page, query) = url.split_once('?').unwrap();
    assert_eq!(page, "https://sandbox.vnpayment.vn/paymentv2/vpcpay.html");
    let fields: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let of = |name| field(&fields, name).unwrap();
    assert_eq!(of("vnp_Amount"), "50000000");
    assert_eq!(of("vnp_CreateDate"), "20261121153000");
    assert_eq!(of("vnp_ExpireDate"), "20261121154500");
    assert_eq!(of("vnp_IpAddr"), "203.0.113.7");
    assert_eq!(of("vnp_Locale"), "vn");
    assert_eq!(of("vnp_BankCode"), "VNPAYQR");
    assert_eq!(of("vnp_ReturnUrl"), format!("https://topup.test/v1/providers/vnpay/return?order={}", order()));
    let (signed, hash) = query.split_once("&vnp_SecureHash=").unwrap();
    assert_eq!(hash, hmac(signed));
    assert_eq!(provider.create(&asked).await.unwrap(), created);
}

#[tokio::test]
async fn odd_requests_get_a_valid_link_or_none() {
    let provider = provider("http://127.0.0.1:9/api");
    let usual = request(money("500000", "VND"), CardFlow::Checkout);
    for (ip, written) in [("::1", "0%3A0%3A0%3A0%3A0%3A0%3A0%3A1"), ("::ffff:10.0.0.1", "10.0.0.1")] {
        let mut asked = usual.clone();
        asked.payer_ip = ip.parse().unwrap();
        let NextAction::Redirect { url } = provider.create(&asked).await.unwrap().next_action else { panic!() };
        assert!(url.contains(&format!("vnp_IpAddr={written}&")), "{url}");
    }
    for amount in [money("10", "USD"), money("10000000000", "VND"), money("0.5", "VND"), money("0", "VND")] {
        let asked = request(amount, CardFlow::Checkout);
        assert!(matches!(provider.create(&asked).await, Err(ProviderError::Unsupported { .. })), "{amount}");
    }
    let mut asked = usual;
    asked.bank_code = Some("A&vnp_Amount=1".to_owned());
    assert!(matches!(provider.create(&asked).await, Err(ProviderError::Unsupported { .. })));
}

#[tokio::test]
async fn a_public_url_with_disputed_characters_is_encoded_beforehand() {
    let settings = ProviderSettings {
        public_url: "https://topup.test/~a'b(c)!*/".to_owned(),
        vnpay: Some(vnpay("http://127.0.0.1:9/api")),
        ..nothing()
    };
    let provider = Registry::new(&settings).unwrap().by_channel(Channel::Vnpay).unwrap().clone();
    let asked = request(money("500000", "VND"), CardFlow::Checkout);
    let NextAction::Redirect { url } = provider.create(&asked).await.unwrap().next_action else { panic!() };
    let fields: Vec<(String, String)> = form_urlencoded::parse(url.as_bytes()).into_owned().collect();
    let back = field(&fields, "vnp_ReturnUrl").unwrap();
    assert!(back.starts_with("https://topup.test/%7Ea%27b%28c%29%21%2A/v1/providers/vnpay/return?order="), "{back}");
}

#[tokio::test]
async fn a_query_is_signed_and_its_answer_believed_only_when_signed() {
    let (server, provider) = played().await;
    answers(&server, answer(json!({}))).await;
    let read = provider.read(&this_attempt()).await.unwrap();
    assert_eq!(short(&read), format!("Paid {REFERENCE}:14422574 500000 VND"));
    let sent: Value = server.received_requests().await.unwrap()[0].body_json().unwrap();
    let of = |name: &str| sent[format!("vnp_{name}")].as_str().unwrap().to_owned();
    assert_eq!(of("TransactionDate"), "20261121153000");
    let fields = [
        "RequestId",
        "Version",
        "Command",
        "TmnCode",
        "TxnRef",
        "TransactionDate",
        "CreateDate",
        "IpAddr",
        "OrderInfo",
    ];
    assert_eq!(of("SecureHash"), hmac(&fields.map(of).join("|")));
    assert!(of("RequestId").len() <= 32);

    for (change, name) in [(json!({"vnp_Amount": "1"}), "amount"), (json!({"vnp_SecureHash": ""}), "hash")] {
        let (server, provider) = played().await;
        let mut forged = answer(json!({}));
        for (field, value) in change.as_object().unwrap() {
            forged[field] = value.clone();
        }
        answers(&server, forged).await;
        let read = provider.read(&this_attempt()).await;
        assert!(matches!(read, Err(ProviderError::Unavailable { .. })), "{name}: {read:?}");
    }
    for change in [json!({"vnp_TxnRef": "ANOTHER"}), json!({"vnp_TmnCode": "OTHER210"})] {
        let (server, provider) = played().await;
        answers(&server, answer(change)).await;
        assert!(matches!(provider.read(&this_attempt()).await, Err(ProviderError::Mismatch { .. })));
    }
}

#[tokio::test]
async fn answers_to_queries_are_read() {
    for (change, expected) in [
        (json!({"vnp_Amount": 50_000_000, "vnp_TransactionNo": 14_422_574}), "Paid 500000 VND"),
        (json!({"vnp_Amount": "100"}), "Paid 1 VND"),
        (json!({"vnp_TransactionStatus": "01"}), "Pending"),
        (json!({"vnp_TransactionStatus": "02"}), "Failed"),
        (json!({"vnp_TransactionStatus": "04"}), "Review"),
        (json!({"vnp_TransactionStatus": "07"}), "Review"),
        (json!({"vnp_TransactionType": "02", "vnp_TransactionStatus": "05"}), "Review"),
        (json!({"vnp_TransactionType": "03"}), "Review"),
    ] {
        let (server, provider) = played().await;
        answers(&server, answer(change.clone())).await;
        let read = match provider.read(&this_attempt()).await.unwrap() {
            Observation::Paid(fact) => format!("Paid {}", fact.amount),
            other => short(&other).split(' ').next().unwrap().to_owned(),
        };
        assert_eq!(read, expected, "{change}");
    }
    for (code, expected) in [
        ("91", "Ok(Pending"),
        ("97", "Err(Credentials"),
        ("02", "Err(Credentials"),
        ("03", "Err(Refused"),
        ("99", "Err(Unavailable"),
    ] {
        let (server, provider) = played().await;
        answers(&server, json!({"vnp_ResponseCode": code, "vnp_Message": "x"})).await;
        let read = format!("{:?}", provider.read(&this_attempt()).await);
        assert!(read.starts_with(expected), "{code}: {read}");
    }
}

#[tokio::test]
async fn too_often_holds_back_every_question() {
    let (server, provider) = played().await;
    answers(&server, json!({"vnp_ResponseCode": "94", "vnp_Message": "Request is duplicate"})).await;
    for _ in 0..3 {
        let read = provider.read(&this_attempt()).await;
        assert!(matches!(read, Err(ProviderError::Busy { retry_after_seconds: Some(1..), .. })), "{read:?}");
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn no_usable_answer_is_never_a_conclusion_and_never_repeated() {
    for template in [
        ResponseTemplate::new(500),
        ResponseTemplate::new(200).set_body_string("<html>"),
        ResponseTemplate::new(200).set_body_string(r#"{"vnp_ResponseCode":"00","#),
        ResponseTemplate::new(200).set_delay(std::time::Duration::from_secs(20)),
    ] {
        let (server, provider) = played().await;
        Mock::given(path(API)).respond_with(template).mount(&server).await;
        assert!(matches!(provider.read(&this_attempt()).await, Err(ProviderError::Unavailable { .. })));
        let asked = refund(this_attempt(), &format!("{REFERENCE}:14422574"), money("500000", "VND"), Utc::now());
        assert!(matches!(provider.refund(&asked).await, Err(ProviderError::Unavailable { .. })));
        assert_eq!(server.received_requests().await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn refunds_are_signed_and_told_by_status() {
    for (amount, kind, wire) in [("500000", "02", "50000000"), ("200000", "03", "20000000")] {
        for (status, expected) in [
            ("00", RefundStatus::Succeeded),
            ("05", RefundStatus::Pending),
            ("06", RefundStatus::Pending),
            ("09", RefundStatus::Failed),
        ] {
            let (server, provider) = played().await;
            let change = json!({"vnp_Command": "refund", "vnp_Amount": wire, "vnp_TransactionType": kind,
                "vnp_TransactionNo": "999", "vnp_TransactionStatus": status});
            answers(&server, answer(change)).await;
            let asked = refund(this_attempt(), &format!("{REFERENCE}:14422574"), money(amount, "VND"), Utc::now());
            let fact = provider.refund(&asked).await.unwrap();
            assert_eq!(
                (fact.status, fact.refund_id.as_str(), fact.our_refund_id),
                (expected, "999", Some(asked.refund_id))
            );
            let sent: Value = server.received_requests().await.unwrap()[0].body_json().unwrap();
            let of = |name: &str| sent[format!("vnp_{name}")].as_str().unwrap().to_owned();
            assert_eq!((of("TransactionType").as_str(), of("Amount").as_str()), (kind, wire));
            assert_eq!((of("RequestId").as_str(), of("TransactionNo").as_str()), (REFUND, "14422574"));
            let fields = [
                "RequestId",
                "Version",
                "Command",
                "TmnCode",
                "TransactionType",
                "TxnRef",
                "Amount",
                "TransactionNo",
                "TransactionDate",
                "CreateBy",
                "CreateDate",
                "IpAddr",
                "OrderInfo",
            ];
            assert_eq!(of("SecureHash"), hmac(&fields.map(of).join("|")));
        }
    }
    for (code, expected) in
        [("94", "Busy"), ("95", "Refused"), ("91", "Refused"), ("99", "Unavailable"), ("00", "Unavailable")]
    {
        let (server, provider) = played().await;
        answers(&server, json!({"vnp_ResponseCode": code, "vnp_Message": "x"})).await;
        let asked = refund(this_attempt(), &format!("{REFERENCE}:14422574"), money("500000", "VND"), Utc::now());
        let said = format!("{:?}", provider.refund(&asked).await);
        assert!(said.starts_with(&format!("Err({expected}")), "{code}: {said}");
    }
}

#[tokio::test]
async fn an_older_refund_is_asked_for_before_it_is_sent() {
    let old = Utc::now() - TimeDelta::minutes(5);
    let asked = refund(this_attempt(), &format!("{REFERENCE}:14422574"), money("200000", "VND"), old);
    let movement = json!({"vnp_TransactionType": "03", "vnp_TransactionStatus": "06", "vnp_Amount": "20000000",
        "vnp_TransactionNo": "999", "vnp_OrderInfo": format!("Refund {REFUND}")});

    let (server, provider) = played().await;
    answers(&server, answer(movement.clone())).await;
    assert_eq!(provider.refund(&asked).await.unwrap().status, RefundStatus::Pending);
    assert_eq!(provider.read_refund(&asked, "999").await.unwrap().refund_id, "999");
    assert!(
        server
            .received_requests()
            .await
            .unwrap()
            .iter()
            .all(|sent| { sent.body_json::<Value>().unwrap()["vnp_Command"] == "querydr" })
    );

    // Another refund of the same amount is not this one.
    let mut other = movement;
    other["vnp_OrderInfo"] = "Refund 00000000000000000000000000000001".into();
    for known in [json!({}), other] {
        let (server, provider) = played().await;
        let refunded = json!({"vnp_Command": "refund", "vnp_Amount": "20000000", "vnp_TransactionType": "03",
            "vnp_TransactionStatus": "05"});
        Mock::given(body_partial_json(json!({"vnp_Command": "querydr"})))
            .respond_with(ResponseTemplate::new(200).set_body_json(answer(known)))
            .mount(&server)
            .await;
        Mock::given(body_partial_json(json!({"vnp_Command": "refund"})))
            .respond_with(ResponseTemplate::new(200).set_body_json(answer(refunded)))
            .expect(1)
            .mount(&server)
            .await;
        let fact = provider.refund(&asked).await.unwrap();
        // The payment's own number is no refund's.
        assert_eq!((fact.status, fact.refund_id), (RefundStatus::Pending, refund_id()));
    }
}

/// VNPay may return the text of the payment instead of that of the refund. A refund of the same amount can then be
/// another one.
#[tokio::test]
async fn a_refund_that_does_not_say_whose_it_is_is_nobodys() {
    let old = Utc::now() - TimeDelta::minutes(5);
    let asked = refund(this_attempt(), &format!("{REFERENCE}:14422574"), money("200000", "VND"), old);
    let own = refund_id();
    for number in ["999", "14422574", "", "0"] {
        let (server, provider) = played().await;
        let movement = json!({"vnp_TransactionType": "03", "vnp_TransactionStatus": "00", "vnp_Amount": "20000000",
            "vnp_TransactionNo": number});
        answers(&server, answer(movement)).await;
        assert!(matches!(provider.refund(&asked).await, Err(ProviderError::Mismatch { .. })), "{number}");
        let sent = server.received_requests().await.unwrap();
        assert!(sent.iter().all(|sent| sent.body_json::<Value>().unwrap()["vnp_Command"] == "querydr"), "{number}");
        assert!(matches!(provider.read_refund(&asked, &own).await, Err(ProviderError::Mismatch { .. })), "{number}");
        // Only the number that VNPay gave this refund identifies it.
        let known = provider.read_refund(&asked, "999").await.unwrap();
        let expected = if number == "999" { RefundStatus::Succeeded } else { RefundStatus::Pending };
        assert_eq!((known.status, known.refund_id.as_str()), (expected, "999"), "{number}");
    }
}

/// A reference that names no deployment. It is ours only if we stored it.
const UNMARKED: &str = "0197f2c0a1b27c3d8e4f5a6b7c8d9e0fA1";

// Accepted by npm vnpay 2.5.0, VNPay.verifyIpnCall.
const IPN: &str = "vnp_Amount=50000000&vnp_BankCode=NCB&vnp_BankTranNo=VNP14422574&vnp_CardType=ATM\
    &vnp_OrderInfo=Wallet+top-up%3A+1.5&vnp_PayDate=20261121153500&vnp_ResponseCode=00&vnp_TmnCode=DEMOV210\
    &vnp_TransactionNo=14422574&vnp_TransactionStatus=00&vnp_TxnRef=0197f2c0a1b27c3d8e4f5a6b7c8d9e0fA1\
    &vnp_SecureHash=\
    ac1495e0cc07a01461844077d97f447daa56c17cff2cfe9e19db22e49fbc6e04\
    9d57779b717a012dc729f4cdf569438b65230787c14e9a85bb38a9d16da92b19";

fn ipn(query: &str) -> RawNotification {
    RawNotification { headers: Vec::new(), query: query.to_owned(), body: Vec::new() }
}

#[tokio::test]
async fn an_ipn_is_a_fact_when_signed_for_our_terminal() {
    let provider = provider("http://127.0.0.1:9/api");
    let said = provider.verify(&ipn(IPN)).await.unwrap();
    assert_eq!(said.event_id, format!("{UNMARKED}:14422574:00:00:50000000"));
    assert_eq!(said.created_at, Some(at() + TimeDelta::minutes(5)));
    let Fact::Attempt { locator, observation } = said.fact else { panic!() };
    assert_eq!(short(&observation), format!("Paid {UNMARKED}:14422574 500000 VND"));
    assert_eq!((locator.provider_reference.as_deref(), locator.order_id), (Some(UNMARKED), None));

    for forged in [IPN.replace("50000000", "60000000"), IPN.split("&vnp_SecureHash").next().unwrap().to_owned()] {
        assert!(matches!(provider.verify(&ipn(&forged)).await, Err(NotificationError::BadSignature(_))));
    }
    let unsigned = IPN.split("&vnp_SecureHash").next().unwrap();
    let signed = |query: String| format!("{query}&vnp_SecureHash={}", hmac(&query));
    let marked = signed(unsigned.replace(UNMARKED, REFERENCE));
    let Fact::Attempt { locator, .. } = provider.verify(&ipn(&marked)).await.unwrap().fact else { panic!() };
    assert_eq!((locator.provider_reference.as_deref(), locator.order_id), (Some(REFERENCE), Some(order_id())));
    let other = signed(unsigned.replace("DEMOV210", "OTHER210"));
    assert!(matches!(provider.verify(&ipn(&other)).await, Err(NotificationError::BadSignature(_))));
    let cut = signed(unsigned.split("&vnp_TransactionStatus").next().unwrap().to_owned());
    assert!(matches!(provider.verify(&ipn(&cut)).await, Err(NotificationError::Malformed(_))));
    // Nothing is signed here, so nothing is worth keeping.
    assert!(matches!(provider.verify(&ipn("")).await, Err(NotificationError::CouldNotVerify(_))));
}

#[test]
fn replies_are_vnpays_own_words() {
    let provider = provider("http://127.0.0.1:9/api");
    for (outcome, body) in [
        (NotificationOutcome::Recorded, r#"{"RspCode":"00","Message":"Confirm Success"}"#),
        (NotificationOutcome::AlreadySettled, r#"{"RspCode":"02","Message":"Order already confirmed"}"#),
        (NotificationOutcome::UnknownOrder, r#"{"RspCode":"01","Message":"Order not found"}"#),
        (NotificationOutcome::AmountMismatch, r#"{"RspCode":"04","Message":"invalid amount"}"#),
        (NotificationOutcome::BadSignature, r#"{"RspCode":"97","Message":"Invalid signature"}"#),
        (NotificationOutcome::TryAgain, r#"{"RspCode":"99","Message":"Unknow error"}"#),
    ] {
        let reply = provider.reply(outcome);
        assert_eq!((reply.status, reply.content_type, reply.body.as_str()), (200, "application/json", body));
    }
}
