//! The scenes of a PayPal order, and their signed webhooks. The signatures are verified with a certificate library that
//! the sandbox does not use.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, UnixTime};
use serde_json::{Value, json};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use wiremock::Request;

use crate::harness::{PAYPAL_WEBHOOK, Stage, answer, kinds};

async fn check_signature(stage: &Stage, request: &Request) {
    let header = |name: &str| request.headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("paypal-auth-algo"), "SHA256withRSA");
    let url = header("paypal-cert-url");
    assert!(url.starts_with(&format!("{}/v1/notifications/certs/", stage.sandbox.paypal_base_url())));
    let pem = stage.http.get(url).send().await.unwrap().text().await.unwrap();
    let leaf = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let roots = stage.sandbox.paypal_cert_roots_pem();
    let root = CertificateDer::from_pem_slice(roots.as_bytes()).unwrap();
    let anchor = anchor_from_trusted_cert(&root).unwrap();
    let certificate = EndEntityCert::try_from(&leaf).unwrap();
    let algorithms = webpki::ALL_VERIFICATION_ALGS;
    let usage = KeyUsage::server_auth();
    certificate.verify_for_usage(algorithms, &[anchor], &[], UnixTime::now(), usage, None, None).unwrap();
    let name = "messageverificationcerts.paypal.com".try_into().unwrap();
    certificate.verify_is_valid_for_subject_name(&name).unwrap();
    let message = format!(
        "{}|{}|{PAYPAL_WEBHOOK}|{}",
        header("paypal-transmission-id"),
        header("paypal-transmission-time"),
        crc32fast::hash(&request.body)
    );
    let signature = STANDARD.decode(header("paypal-transmission-sig")).unwrap();
    certificate
        .verify_signature(webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &signature)
        .unwrap();
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

fn capture_of(order: &Value) -> &Value {
    &order["purchase_units"][0]["payments"]["captures"][0]
}

#[tokio::test]
async fn approving_on_the_page_returns_and_webhooks_are_signed() {
    let stage = Stage::new().await;
    let id = stage.new_paypal_order("10.00").await;
    let page = stage.http.get(stage.url(&format!("/paypal/checkoutnow?token={id}")));
    let page = page.send().await.unwrap().text().await.unwrap();
    for button in
        ["approve", "approve-pending", "approve-declined", "cancel", "approve-never-return", "approve-never-notify"]
    {
        assert!(page.contains(&format!("id=\"{button}\"")), "no #{button}");
    }
    assert!(page.contains("10.00 USD"));
    let post = |action: &str| {
        let url = stage.url(&format!("/paypal/checkoutnow/{id}/{action}"));
        let request = stage.http.post(url).form(&[("", "")]);
        async { request.send().await.unwrap().headers()["location"].to_str().unwrap().to_owned() }
    };
    assert_eq!(post("cancel").await, format!("https://shop.test/cancel?token={id}"));
    let back = post("approve").await;
    assert!(back.starts_with(&format!("https://shop.test/return?x=1&token={id}&PayerID=")), "{back}");
    let (_, order) = stage.paypal_get(&format!("/v2/checkout/orders/{id}")).await;
    assert_eq!(order["status"], "APPROVED");

    let (_, order) = stage.capture(&id, "c").await;
    assert_eq!(order["status"], "COMPLETED");
    let capture = capture_of(&order);
    assert_eq!((&capture["status"], &capture["custom_id"]), (&json!("COMPLETED"), &json!("tuo_1")));
    assert_eq!(capture["seller_receivable_breakdown"]["paypal_fee"]["value"], "0.84");

    let received = stage.receives(2).await;
    assert_eq!(kinds(&received), ["CHECKOUT.ORDER.APPROVED", "PAYMENT.CAPTURE.COMPLETED"]);
    for request in &received {
        check_signature(&stage, request).await;
        let event = body(request);
        assert!(event["id"].as_str().unwrap().starts_with("WH-"));
        if event["event_type"] == "PAYMENT.CAPTURE.COMPLETED" {
            assert_eq!(event["resource"]["id"], capture["id"]);
            assert_eq!(event["resource"]["supplementary_data"]["related_ids"]["order_id"], id.as_str());
        }
    }
}

#[tokio::test]
async fn verification_by_asking_reads_the_very_bytes() {
    let stage = Stage::new().await;
    let id = stage.new_paypal_order("10.00").await;
    stage.play("paypal", &id, "approve", json!({})).await;
    let request = stage.receives(1).await.remove(0);
    let header = |name: &str| json!(request.headers[name].to_str().unwrap()).to_string();
    let event = String::from_utf8(request.body.clone()).unwrap();
    let question = |event: &str, webhook: &str| {
        format!(
            r#"{{"auth_algo":{},"cert_url":{},"transmission_id":{},"transmission_sig":{},"transmission_time":{},
            "webhook_id":"{webhook}","webhook_event":{event}}}"#,
            header("paypal-auth-algo"),
            header("paypal-cert-url"),
            header("paypal-transmission-id"),
            header("paypal-transmission-sig"),
            header("paypal-transmission-time")
        )
    };
    let token = stage.paypal_token().await;
    let ask = |body: String| {
        let url = format!("{}/v1/notifications/verify-webhook-signature", stage.sandbox.paypal_base_url());
        let request = stage.http.post(url).bearer_auth(&token);
        let request = request.header("Content-Type", "application/json").body(body);
        async { answer(request.send().await.unwrap()).await }
    };
    let status = |(code, body): (u16, Value)| {
        assert_eq!(code, 200, "{body}");
        body["verification_status"].as_str().unwrap().to_owned()
    };
    assert_eq!(status(ask(question(&event, PAYPAL_WEBHOOK)).await), "SUCCESS");
    assert_eq!(status(ask(question(&event.replace("10.00", "99.00"), PAYPAL_WEBHOOK)).await), "FAILURE");
    assert_eq!(status(ask(question(&event.replace("\":", "\": "), PAYPAL_WEBHOOK)).await), "FAILURE");
    assert_eq!(status(ask(question(&event, "OTHERWEBHOOK")).await), "FAILURE");
    let (code, _) = ask("{\"auth_algo\":\"SHA256withRSA\"}".to_owned()).await;
    assert_eq!(code, 400);
}

#[tokio::test]
async fn captures_wait_are_denied_and_are_refused() {
    let stage = Stage::new().await;
    let pending = stage.new_paypal_order("11.00").await;
    stage.play("paypal", &pending, "approve-pending", json!({})).await;
    let (_, order) = stage.capture(&pending, "p").await;
    assert_eq!(order["status"], "COMPLETED", "the order's status proves nothing");
    assert_eq!(capture_of(&order)["status"], "PENDING");
    assert_eq!(capture_of(&order)["status_details"]["reason"], "ECHECK");
    stage.play("paypal", &pending, "deny", json!({})).await;
    let capture = capture_of(&order)["id"].as_str().unwrap();
    let (_, capture) = stage.paypal_get(&format!("/v2/payments/captures/{capture}")).await;
    assert_eq!(capture["status"], "DECLINED");
    let received = stage.receives(3).await;
    assert_eq!(kinds(&received), ["CHECKOUT.ORDER.APPROVED", "PAYMENT.CAPTURE.DENIED", "PAYMENT.CAPTURE.PENDING"]);

    let declined = stage.new_paypal_order("12.00").await;
    stage.play("paypal", &declined, "approve-declined", json!({})).await;
    let (status, body) = stage.capture(&declined, "d").await;
    assert_eq!((status, &body["details"][0]["issue"]), (422, &json!("INSTRUMENT_DECLINED")));
    let redirect = body["links"].as_array().unwrap().iter().any(|link| link["rel"] == "redirect");
    assert!(redirect, "{body}");
    let (_, order) = stage.paypal_get(&format!("/v2/checkout/orders/{declined}")).await;
    assert_eq!(order["status"], "PAYER_ACTION_REQUIRED");
    stage.play("paypal", &declined, "approve", json!({})).await;
    assert_eq!(stage.capture(&declined, "d").await.0, 201, "the refused id was not used up");

    let refused = stage.new_paypal_order("13.00").await;
    stage.play("paypal", &refused, "approve", json!({"capture_issue": "TRANSACTION_REFUSED"})).await;
    for _ in 0..2 {
        let (status, body) = stage.capture(&refused, "r").await;
        assert_eq!((status, &body["details"][0]["issue"]), (422, &json!("TRANSACTION_REFUSED")));
    }
    let born = stage.new_paypal_order("14.00").await;
    stage.play("paypal", &born, "approve", json!({"capture_status": "DECLINED"})).await;
    let (status, order) = stage.capture(&born, "b").await;
    assert_eq!((status, &capture_of(&order)["status"]), (201, &json!("DECLINED")));
}

#[tokio::test]
async fn refunds_stop_at_the_capture_and_can_fail_later() {
    let stage = Stage::new().await;
    let id = stage.new_paypal_order("10.00").await;
    stage.play("paypal", &id, "approve", json!({})).await;
    let (_, order) = stage.capture(&id, "c").await;
    let capture = capture_of(&order)["id"].as_str().unwrap().to_owned();
    let path = format!("/v2/payments/captures/{capture}/refund");
    let amount = |value: &str| {
        json!({"amount": {"currency_code": "USD", "value": value}, "custom_id": "ref_1",
        "note_to_payer": "Refund"})
    };
    let (status, part) = stage.paypal(&path, "r1", &amount("4.00")).await;
    assert_eq!((status, &part["status"]), (201, &json!("COMPLETED")));
    assert_eq!(part["seller_payable_breakdown"]["total_refunded_amount"]["value"], "4.00");
    let (status, again) = stage.paypal(&path, "r1", &amount("4.00")).await;
    assert_eq!((status, &again["id"]), (200, &part["id"]));
    let issue = |body: &Value| body["details"][0]["issue"].as_str().unwrap_or("").to_owned();
    let (_, body) = stage.paypal(&path, "r2", &amount("6.01")).await;
    assert_eq!(issue(&body), "REFUND_AMOUNT_EXCEEDED");
    let (_, body) = stage.paypal(&path, "r3", &json!({"amount": {"currency_code": "EUR", "value": "1.00"}})).await;
    assert_eq!(issue(&body), "REFUND_CAPTURE_CURRENCY_MISMATCH");
    let (_, body) = stage.paypal(&path, "r3", &json!({"amount": {"value": "1.00"}})).await;
    assert_eq!(issue(&body), "MISSING_REQUIRED_PARAMETER");

    stage.play("paypal", &id, "refund", json!({})).await;
    let (_, body) = stage.paypal(&path, "r4", &amount("1.00")).await;
    assert_eq!(issue(&body), "CAPTURE_FULLY_REFUNDED");
    let refund = part["id"].as_str().unwrap();
    stage.play("paypal", refund, "refund-fail", json!({})).await;
    let (_, failed) = stage.paypal_get(&format!("/v2/payments/refunds/{refund}")).await;
    assert_eq!(failed["status"], "FAILED");

    stage.play("paypal", &id, "refunds-pending", json!({})).await;
    let (_, waits) = stage.paypal(&path, "r5", &amount("1.00")).await;
    assert_eq!(waits["status"], "PENDING");
    stage.play("paypal", &id, "refunds-refused", json!({})).await;
    let (_, body) = stage.paypal(&path, "r6", &amount("1.00")).await;
    assert_eq!(issue(&body), "REFUND_FAILED_INSUFFICIENT_FUNDS");

    let received = stage.receives(4).await;
    let refunds: Vec<Value> = received.iter().map(body_of_refund).filter(|it| !it.is_null()).collect();
    assert_eq!(refunds.len(), 2);
    for resource in &refunds {
        let up = resource["links"].as_array().unwrap().iter().find(|link| link["rel"] == "up").unwrap();
        assert!(up["href"].as_str().unwrap().ends_with(&format!("/v2/payments/captures/{capture}")));
    }
}

fn body_of_refund(request: &Request) -> Value {
    let event = body(request);
    if event["event_type"] == "PAYMENT.CAPTURE.REFUNDED" { event["resource"].clone() } else { Value::Null }
}

#[tokio::test]
async fn approvals_lapse_and_disputes_and_chargebacks_come() {
    let stage = Stage::new().await;
    let lapsed = stage.new_paypal_order("15.00").await;
    stage.play("paypal", &lapsed, "approve-never-return", json!({})).await;
    stage.play("paypal", &lapsed, "reverse-approval", json!({})).await;
    assert_eq!(stage.capture(&lapsed, "l").await.0, 422);

    let silent = stage.new_paypal_order("16.00").await;
    stage.play("paypal", &silent, "approve-never-notify", json!({})).await;
    assert_eq!(stage.capture(&silent, "s").await.0, 201);

    let id = stage.new_paypal_order("17.00").await;
    stage.play("paypal", &id, "approve", json!({})).await;
    stage.capture(&id, "c").await;
    stage.play("paypal", "tuo_1-17.00", "dispute-open", json!({})).await;
    stage.play("paypal", &id, "dispute-lose", json!({})).await;
    stage.play("paypal", &id, "reverse", json!({})).await;
    let received = stage.receives(7).await;
    assert_eq!(
        kinds(&received),
        [
            "CHECKOUT.ORDER.APPROVED",
            "CHECKOUT.ORDER.APPROVED",
            "CHECKOUT.PAYMENT-APPROVAL.REVERSED",
            "CUSTOMER.DISPUTE.CREATED",
            "CUSTOMER.DISPUTE.RESOLVED",
            "PAYMENT.CAPTURE.COMPLETED",
            "PAYMENT.CAPTURE.REVERSED"
        ]
    );
    let (_, log) = stage.get("/control/paypal/deliveries").await;
    let withheld = log.as_array().unwrap().iter().filter(|row| row["progress"] == "withheld");
    assert_eq!(withheld.count(), 2);
    assert_eq!(stage.http.get(stage.url("/paypal/dashboard")).send().await.unwrap().status(), 200);
}
