//! The simulated VNPay: the pay URL, IPN and return, querydr and refund. The tests sign and verify with code of their
//! own.

use std::collections::BTreeMap;

use chrono::{Duration, FixedOffset, Utc};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha512;
use wiremock::ResponseTemplate;

use crate::harness::{Stage, VNPAY_SECRET, VNPAY_TERMINAL, answer};

fn hmac(text: &str) -> String {
    let mut mac = Hmac::<Sha512>::new_from_slice(VNPAY_SECRET.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

fn vietnam(offset_minutes: i64) -> String {
    let zone = FixedOffset::east_opt(7 * 3_600).unwrap();
    let at = Utc::now() + Duration::minutes(offset_minutes);
    at.with_timezone(&zone).format("%Y%m%d%H%M%S").to_string()
}

/// The response code, the transaction status and the amount.
type Told = (&'static str, &'static str, &'static str);

type Fields = BTreeMap<&'static str, String>;

fn pay_fields(txn_ref: &str) -> Fields {
    BTreeMap::from([
        ("vnp_Amount", "50000000".to_owned()),
        ("vnp_Command", "pay".to_owned()),
        ("vnp_CreateDate", vietnam(0)),
        ("vnp_CurrCode", "VND".to_owned()),
        ("vnp_ExpireDate", vietnam(15)),
        ("vnp_IpAddr", "203.0.113.7".to_owned()),
        ("vnp_Locale", "vn".to_owned()),
        ("vnp_OrderInfo", format!("Nap tien vi {txn_ref}")),
        ("vnp_OrderType", "other".to_owned()),
        ("vnp_ReturnUrl", "https://shop.test/vnpay/return?x=1&y=a b".to_owned()),
        ("vnp_TmnCode", VNPAY_TERMINAL.to_owned()),
        ("vnp_TxnRef", txn_ref.to_owned()),
        ("vnp_Version", "2.1.0".to_owned()),
    ])
}

fn signed(fields: &Fields) -> String {
    let query: Vec<String> = fields
        .iter()
        .map(|(name, value)| {
            let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
            format!("{name}={value}")
        })
        .collect();
    let query = query.join("&");
    format!("{query}&vnp_SecureHash={}", hmac(&query))
}

/// The parameters of a signed query, whose signature must be correct.
fn verified(query: &str) -> BTreeMap<String, String> {
    let mut fields: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    fields.retain(|name, _| name.starts_with("vnp_"));
    let seal = fields.remove("vnp_SecureHash").unwrap();
    let text: Vec<String> = fields
        .iter()
        .map(|(name, value)| {
            let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
            format!("{name}={value}")
        })
        .collect();
    assert_eq!(seal, hmac(&text.join("&")));
    fields
}

impl Stage {
    async fn open(&self, query: &str) -> String {
        let url = format!("{}?{query}", self.sandbox.vnpay_pay_url());
        let response = self.http.get(url).send().await.unwrap();
        assert_eq!(response.status(), 303);
        response.headers()["location"].to_str().unwrap().to_owned()
    }

    async fn new_order(&self, txn_ref: &str) -> Fields {
        let fields = pay_fields(txn_ref);
        assert_eq!(self.open(&signed(&fields)).await, format!("/vnpay/pay/{txn_ref}"));
        fields
    }

    async fn transaction(&self, body: &Value) -> Value {
        let request = self.http.post(self.sandbox.vnpay_api_url()).json(body);
        let (status, body) = answer(request.send().await.unwrap()).await;
        assert_eq!(status, 200);
        body
    }
}

fn querydr(order: &Fields, request_id: &str) -> Value {
    let text = format!(
        "{request_id}|2.1.0|querydr|{VNPAY_TERMINAL}|{}|{}|{}|127.0.0.1|Truy van",
        order["vnp_TxnRef"], order["vnp_CreateDate"], order["vnp_CreateDate"]
    );
    json!({
        "vnp_RequestId": request_id, "vnp_Version": "2.1.0", "vnp_Command": "querydr",
        "vnp_TmnCode": VNPAY_TERMINAL, "vnp_TxnRef": order["vnp_TxnRef"],
        "vnp_OrderInfo": "Truy van", "vnp_TransactionDate": order["vnp_CreateDate"],
        "vnp_CreateDate": order["vnp_CreateDate"], "vnp_IpAddr": "127.0.0.1",
        "vnp_SecureHash": hmac(&text)
    })
}

fn refund(order: &Fields, request_id: &str, kind: &str, amount: i64) -> Value {
    let (txn_ref, date) = (&order["vnp_TxnRef"], &order["vnp_CreateDate"]);
    let text = format!(
        "{request_id}|2.1.0|refund|{VNPAY_TERMINAL}|{kind}|{txn_ref}|{amount}||{date}|operator|{date}|127.0.0.1|\
         Hoan tien"
    );
    json!({
        "vnp_RequestId": request_id, "vnp_Version": "2.1.0", "vnp_Command": "refund",
        "vnp_TmnCode": VNPAY_TERMINAL, "vnp_TransactionType": kind, "vnp_TxnRef": txn_ref,
        "vnp_Amount": amount, "vnp_TransactionNo": "", "vnp_TransactionDate": date,
        "vnp_CreateBy": "operator", "vnp_CreateDate": date, "vnp_IpAddr": "127.0.0.1",
        "vnp_OrderInfo": "Hoan tien", "vnp_SecureHash": hmac(&text)
    })
}

fn check_answer(body: &Value, names: &str) {
    let text: Vec<&str> = names.split('|').map(|name| body[format!("vnp_{name}")].as_str().unwrap_or("")).collect();
    assert_eq!(body["vnp_SecureHash"], hmac(&text.join("|")), "{body}");
}

const QUERY_ANSWER: &str = "ResponseId|Command|ResponseCode|Message|TmnCode|TxnRef|Amount|BankCode|PayDate|\
    TransactionNo|TransactionType|TransactionStatus|OrderInfo|PromotionCode|PromotionAmount";
const REFUND_ANSWER: &str = "ResponseId|Command|ResponseCode|Message|TmnCode|TxnRef|Amount|BankCode|PayDate|\
    TransactionNo|TransactionType|TransactionStatus|OrderInfo";

#[tokio::test]
async fn the_published_vector_has_a_right_signature_but_its_window_decides() {
    let stage = Stage::new().await;
    let vector = "vnp_Amount=50000000&vnp_Command=pay&vnp_CreateDate=20261121153000&vnp_CurrCode=VND\
        &vnp_ExpireDate=20261121154500&vnp_IpAddr=203.0.113.7&vnp_Locale=vn&vnp_OrderInfo=Nap+tien+vi+TOPUP01JABC\
        &vnp_OrderType=other&vnp_ReturnUrl=https%3A%2F%2Fshop.test%2Fvnpay%2Freturn%3Fx%3D1%26y%3Da+b\
        &vnp_TmnCode=DEMOV210&vnp_TxnRef=TOPUP01JABC&vnp_Version=2.1.0&vnp_SecureHash=";
    let seal = "3b78d9866171b316c83b47341bf4be645a44d51e189189e2feefa1821be7456b2bb741a78f625b392cea513ca9a3a1a25ec43f\
        e3d56629f802a0f84e817bcfcd";
    let location = stage.open(&format!("{vector}{seal}")).await;
    // Opened by the day's clock: right in its quarter of an hour, too late after it.
    assert!(location == "/vnpay/pay/TOPUP01JABC" || location.ends_with("code=15"), "{location}");
    let wrong = seal.replace('3', "4");
    assert!(stage.open(&format!("{vector}{wrong}")).await.ends_with("code=70"));
}

#[tokio::test]
async fn a_pay_url_that_vnpay_would_refuse_is_refused() {
    let stage = Stage::new().await;
    let mut cases: Vec<(&str, &str, Option<&str>, &str)> = vec![
        ("unknown", "vnp_Colour", Some("red"), "03"),
        ("foreign", "colour", Some("red"), "03"),
        ("old hash type", "vnp_SecureHashType", Some("SHA512"), "03"),
        ("fraction", "vnp_Amount", Some("500000.5"), "03"),
        ("not hundredfold", "vnp_Amount", Some("500001"), "03"),
        ("too long", "vnp_Amount", Some("1000000000000"), "03"),
        ("dollars", "vnp_CurrCode", Some("USD"), "03"),
        ("diacritics", "vnp_OrderInfo", Some("Nạp tiền"), "03"),
        ("special", "vnp_OrderInfo", Some("a&b"), "03"),
        ("no day", "vnp_CreateDate", Some("20261399000000"), "03"),
        ("relative", "vnp_ReturnUrl", Some("/vnpay/return"), "03"),
        ("no address", "vnp_IpAddr", Some("localhost"), "03"),
        ("version", "vnp_Version", Some("2.0.0"), "03"),
        ("terminal", "vnp_TmnCode", Some("OTHER"), "71"),
    ];
    let yesterday = vietnam(-24 * 60);
    cases.push(("window", "vnp_ExpireDate", Some(&yesterday), "15"));
    for name in ["vnp_ExpireDate", "vnp_IpAddr", "vnp_Locale", "vnp_OrderType", "vnp_TxnRef"] {
        cases.push((name, name, None, "03"));
    }
    for (case, name, value, code) in cases {
        let mut fields = pay_fields("STRICT1");
        match value {
            Some(value) => fields.insert(Box::leak(name.to_owned().into_boxed_str()), value.to_owned()),
            None => fields.remove(name),
        };
        let location = stage.open(&signed(&fields)).await;
        let expected = format!("/vnpay/paymentv2/Payment/Error.html?code={code}");
        assert!(location.starts_with(&expected), "{case}: {location}");
    }
    let (_, payments) = stage.get("/control/vnpay/payments").await;
    assert_eq!(payments["orders"], json!([]));
}

#[tokio::test]
async fn a_reference_is_used_once_a_day() {
    let stage = Stage::new().await;
    let fields = stage.new_order("ONCE1").await;
    // The same link opened again is the same order, as long as it is unpaid.
    assert_eq!(stage.open(&signed(&fields)).await, "/vnpay/pay/ONCE1");
    let mut other = fields.clone();
    other.insert("vnp_Amount", "60000000".to_owned());
    assert!(stage.open(&signed(&other)).await.contains("code=01"));
    stage.play("vnpay", "ONCE1", "pay", json!({})).await;
    assert!(stage.open(&signed(&fields)).await.contains("code=01"));
}

#[tokio::test]
async fn paying_on_the_page_calls_the_ipn_and_returns_signed() {
    let stage = Stage::new().await;
    stage.new_order("PAGE1").await;
    let page = stage.http.get(stage.url("/vnpay/pay/PAGE1")).send().await.unwrap();
    let page = page.text().await.unwrap();
    for id in [
        "pay",
        "card-number",
        "wrong-otp",
        "insufficient",
        "cancel",
        "suspicious",
        "reversed",
        "pay-short",
        "pay-late",
        "pay-twice",
        "pay-never-notify",
        "fail-then-pay",
    ] {
        assert!(page.contains(&format!("id=\"{id}\"")), "no #{id}");
    }
    let post = |path: &str, name: &'static str, value: &'static str| {
        let request = stage.http.post(stage.url(path)).form(&[(name, value)]);
        async { request.send().await.unwrap() }
    };
    let otp = post("/vnpay/pay/PAGE1/card", "card-number", "9704198526191432198").await;
    assert!(otp.text().await.unwrap().contains("id=\"otp-submit\""));
    let wrong = post("/vnpay/pay/PAGE1/otp", "otp", "1").await;
    let location = wrong.headers()["location"].to_str().unwrap().to_owned();
    let result = verified(location.split_once('?').unwrap().1);
    assert_eq!((&*result["vnp_ResponseCode"], &*result["vnp_TransactionStatus"]), ("13", "02"));

    let paid = post("/vnpay/pay/PAGE1/otp", "otp", "123456").await;
    let location = paid.headers()["location"].to_str().unwrap().to_owned();
    assert!(location.starts_with("https://shop.test/vnpay/return?x=1&y=a%20b&vnp_Amount="));
    let result = verified(location.split_once('?').unwrap().1);
    assert_eq!((&*result["vnp_ResponseCode"], &*result["vnp_TransactionStatus"]), ("00", "00"));
    assert_eq!(result["vnp_Amount"], "50000000");

    for request in stage.receives(2).await {
        assert_eq!(request.method, "GET");
        assert_eq!(request.url.path(), "/v1/providers/vnpay/ipn");
        let ipn = verified(request.url.query().unwrap());
        assert_eq!(ipn["vnp_TxnRef"], "PAGE1");
        assert_eq!(ipn["vnp_TmnCode"], VNPAY_TERMINAL);
    }
    let log = stage.deliveries("vnpay", |list| list.iter().all(|row| row["progress"] == "delivered")).await;
    assert_eq!(log.len(), 2);
}

#[tokio::test]
async fn only_00_and_02_end_the_calls() {
    for (code, calls) in [("00", 1), ("02", 1), ("01", 10), ("97", 10), ("99", 10)] {
        let reply = ResponseTemplate::new(200).set_body_json(json!({"RspCode": code, "Message": "x"}));
        let stage = Stage::answering(reply).await;
        stage.new_order("RETRY1").await;
        stage.play("vnpay", "RETRY1", "pay", json!({})).await;
        let ended = |list: &[Value]| !list.is_empty() && list[0]["progress"] != "pending";
        let log = stage.deliveries("vnpay", ended).await;
        assert_eq!(log[0]["attempts"].as_array().unwrap().len(), calls, "{code}");
    }
}

#[tokio::test]
async fn every_scene_says_what_it_is_named_for() {
    let stage = Stage::new().await;
    let cases: &[(&str, &[Told])] = &[
        ("insufficient", &[("51", "02", "50000000")]),
        ("cancel", &[("24", "02", "50000000")]),
        ("suspicious", &[("07", "07", "50000000")]),
        ("reversed", &[("00", "04", "50000000")]),
        ("pay-short", &[("00", "00", "25000000")]),
        ("pay-late", &[("00", "00", "50000000")]),
        ("pay-twice", &[("00", "00", "50000000"), ("00", "00", "50000000")]),
        ("fail-then-pay", &[("51", "02", "50000000"), ("00", "00", "50000000")]),
        ("pay-never-notify", &[]),
    ];
    for (number, (action, expected)) in cases.iter().enumerate() {
        let txn_ref = format!("SCENE{number}");
        stage.new_order(&txn_ref).await;
        stage.play("vnpay", &txn_ref, action, json!({})).await;
        let told = |list: &[Value]| {
            let own = list.iter().filter(|row| row["payment"] == txn_ref.as_str());
            let sent = own.filter(|row| row["progress"] == "delivered").count();
            sent == expected.len()
        };
        stage.deliveries("vnpay", told).await;
        let mut ipns: Vec<BTreeMap<String, String>> = stage
            .received()
            .await
            .iter()
            .map(|request| verified(request.url.query().unwrap()))
            .filter(|ipn| ipn["vnp_TxnRef"] == txn_ref)
            .collect();
        ipns.sort_by_key(|ipn| std::cmp::Reverse(ipn["vnp_ResponseCode"].clone()));
        let found: Vec<(&str, &str, &str)> = ipns
            .iter()
            .map(|ipn| (&*ipn["vnp_ResponseCode"], &*ipn["vnp_TransactionStatus"], &*ipn["vnp_Amount"]))
            .collect();
        assert_eq!(&found, expected, "{action}");
        if *action == "pay-twice" {
            assert_ne!(ipns[0]["vnp_TransactionNo"], ipns[1]["vnp_TransactionNo"]);
        }
    }
}

#[tokio::test]
async fn querydr_is_strict_signed_and_throttled_on_demand() {
    let stage = Stage::new().await;
    let order = stage.new_order("QUERY1").await;
    let open = stage.transaction(&querydr(&order, "q1")).await;
    check_answer(&open, QUERY_ANSWER);
    assert_eq!(open["vnp_TransactionStatus"], "01");
    stage.play("vnpay", "QUERY1", "pay", json!({})).await;
    let paid = stage.transaction(&querydr(&order, "q2")).await;
    check_answer(&paid, QUERY_ANSWER);
    assert_eq!(
        (&paid["vnp_ResponseCode"], &paid["vnp_TransactionStatus"], &paid["vnp_TransactionType"]),
        (&json!("00"), &json!("00"), &json!("01"))
    );
    assert_eq!(paid["vnp_Amount"], "50000000");

    let here = &stage;
    let code = |body: Value| async move {
        let answer = here.transaction(&body).await;
        assert_eq!(answer["vnp_SecureHash"], Value::Null, "errors carry no signature");
        answer["vnp_ResponseCode"].as_str().unwrap().to_owned()
    };
    assert_eq!(code(querydr(&order, "q2")).await, "94");
    let changed = |name: &str, value: Value| {
        let mut body = querydr(&order, "c1");
        body[name] = value;
        body
    };
    assert_eq!(code(changed("vnp_SecureHash", json!("0".repeat(128)))).await, "97");
    assert_eq!(code(changed("vnp_TmnCode", json!("OTHER"))).await, "02");
    assert_eq!(code(changed("vnp_Colour", json!("red"))).await, "03");
    assert_eq!(code(changed("vnp_IpAddr", json!("home"))).await, "03");
    let mut unknown = order.clone();
    unknown.insert("vnp_TxnRef", "NOBODY".to_owned());
    assert_eq!(code(querydr(&unknown, "q4")).await, "91");

    let (status, _) = stage.post("/control/vnpay/switches/throttle", json!({"seconds": 300})).await;
    assert_eq!(status, 200);
    assert_eq!(stage.transaction(&querydr(&order, "q5")).await["vnp_ResponseCode"], "00");
    assert_eq!(code(querydr(&order, "q6")).await, "94");
    stage.post("/control/vnpay/switches/throttle", json!({"seconds": 0})).await;
    assert_eq!(stage.transaction(&querydr(&order, "q7")).await["vnp_ResponseCode"], "00");
}

#[tokio::test]
async fn somebody_elses_answer_is_signed_and_the_log_hides_seals() {
    let stage = Stage::new().await;
    let order = stage.new_order("OTHER1").await;
    stage.fault("vnpay", json!({"operation": "querydr", "kind": "other_order"})).await;
    let answer = stage.transaction(&querydr(&order, "o1")).await;
    check_answer(&answer, QUERY_ANSWER);
    assert_ne!(answer["vnp_TxnRef"], "OTHER1");
    let (_, log) = stage.get("/control/vnpay/requests").await;
    assert_eq!(log[0]["operation"], "pay_page");
    assert_eq!(log[1]["operation"], "querydr");
    assert!(!log.to_string().contains(querydr(&order, "o1")["vnp_SecureHash"].as_str().unwrap()));
}

#[tokio::test]
async fn refunds_succeed_wait_and_are_refused() {
    let stage = Stage::new().await;
    let order = stage.new_order("REFUND1").await;
    let here = &stage;
    let code = |body: Value| async move { here.transaction(&body).await["vnp_ResponseCode"].clone() };
    assert_eq!(code(refund(&order, "r0", "02", 50_000_000)).await, "95");
    stage.play("vnpay", "REFUND1", "pay", json!({})).await;
    let part = stage.transaction(&refund(&order, "r1", "03", 10_000_000)).await;
    check_answer(&part, REFUND_ANSWER);
    assert_eq!((&part["vnp_ResponseCode"], &part["vnp_TransactionStatus"]), (&json!("00"), &json!("00")));
    assert_eq!(part["vnp_TransactionType"], "03");
    assert_eq!(part["vnp_OrderInfo"], "Hoan tien");
    assert_eq!(code(refund(&order, "r2", "03", 50_000_000)).await, "03", "more than is left");

    stage.play("vnpay", "REFUND1", "refunds-pending", json!({})).await;
    let waits = stage.transaction(&refund(&order, "r3", "03", 20_000_000)).await;
    assert_eq!((&waits["vnp_ResponseCode"], &waits["vnp_TransactionStatus"]), (&json!("00"), &json!("05")));
    assert_eq!(code(refund(&order, "r4", "03", 10_000_000)).await, "94");
    stage.play("vnpay", "REFUND1", "refund-succeed", json!({})).await;
    let query = stage.transaction(&querydr(&order, "r5")).await;
    assert_eq!((&query["vnp_TransactionType"], &query["vnp_TransactionStatus"]), (&json!("03"), &json!("00")));

    stage.play("vnpay", "REFUND1", "refunds-refused", json!({})).await;
    let refused = stage.transaction(&refund(&order, "r6", "03", 20_000_000)).await;
    assert_eq!(refused["vnp_TransactionStatus"], "09");
    stage.play("vnpay", "REFUND1", "refunds-succeed", json!({})).await;
    assert_eq!(code(refund(&order, "r7", "03", 20_000_000)).await, "00", "the refused one does not count");
}
