//! How a payment is captured: once, and read back when the answer does not say what happened.

use super::*;

#[tokio::test]
async fn a_capture_has_one_key_and_is_repeated_with_it() {
    let (server, provider) = played().await;
    for status in [500, 409] {
        Mock::given(path(CAPTURE)).respond_with(ResponseTemplate::new(status)).up_to_n_times(1).mount(&server).await;
    }
    answers(&server, "POST", CAPTURE, ok(paypal_order("COMPLETED", vec![capture("COMPLETED")]))).await;
    let seen = provider.capture(&this_attempt()).await.unwrap();
    assert_eq!(short(&seen), "Paid 3C679366HH908993F 10.05 USD");
    let sent = sent_to(&server, CAPTURE).await;
    assert_eq!(sent.len(), 3);
    let key = format!("{ORDER}-1-capture");
    assert!(sent.iter().all(|one| crate::support::header(one, "paypal-request-id") == Some(key.as_str())));
    assert!(sent.iter().all(|one| one.body == b"{}"));
}

#[tokio::test]
async fn every_issue_of_a_capture_has_its_meaning() {
    for (name, expected) in [
        ("ORDER_NOT_APPROVED", "Declined ORDER_NOT_APPROVED"),
        ("PAYER_ACTION_REQUIRED", "Declined PAYER_ACTION_REQUIRED"),
        ("INSTRUMENT_DECLINED", "Declined INSTRUMENT_DECLINED"),
        ("REDIRECT_PAYER_FOR_ALTERNATE_FUNDING", "Declined REDIRECT_PAYER_FOR_ALTERNATE_FUNDING"),
        ("ORDER_COMPLETION_IN_PROGRESS", "InFlight"),
        ("TRANSACTION_REFUSED", "Failed TRANSACTION_REFUSED"),
        ("COMPLIANCE_VIOLATION", "Failed COMPLIANCE_VIOLATION"),
        ("PAYER_CANNOT_PAY", "Failed PAYER_CANNOT_PAY"),
        ("PAYER_ACCOUNT_RESTRICTED", "Failed PAYER_ACCOUNT_RESTRICTED"),
        ("PAYER_ACCOUNT_LOCKED_OR_CLOSED", "Failed PAYER_ACCOUNT_LOCKED_OR_CLOSED"),
        ("TRANSACTION_LIMIT_EXCEEDED", "Failed TRANSACTION_LIMIT_EXCEEDED"),
        ("TRANSACTION_RECEIVING_LIMIT_EXCEEDED", "Failed TRANSACTION_RECEIVING_LIMIT_EXCEEDED"),
        ("MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED", "Failed MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED"),
        ("PAYEE_BLOCKED_TRANSACTION", "Failed PAYEE_BLOCKED_TRANSACTION"),
    ] {
        let (server, provider) = played().await;
        answers(&server, "POST", CAPTURE, issue(422, "UNPROCESSABLE_ENTITY", name)).await;
        assert_eq!(short(&provider.capture(&this_attempt()).await.unwrap()), expected);
        assert_eq!(sent_to(&server, CAPTURE).await.len(), 1);
    }
    for (template, expected) in [
        (issue(422, "UNPROCESSABLE_ENTITY", "SOMETHING_NEW"), "Refused"),
        (issue(403, "NOT_AUTHORIZED", "PERMISSION_DENIED"), "Credentials"),
        (issue(409, "RESOURCE_CONFLICT", "PREVIOUS_REQUEST_IN_PROGRESS"), "Busy"),
        (issue(429, "RATE_LIMIT_REACHED", "x"), "Busy"),
        (ResponseTemplate::new(500), "Unavailable"),
        (ResponseTemplate::new(422).set_body_string("<html>"), "Unavailable"),
    ] {
        let (server, provider) = played().await;
        answers(&server, "POST", CAPTURE, template).await;
        let said = format!("{:?}", provider.capture(&this_attempt()).await);
        assert!(said.starts_with(&format!("Err({expected}")), "{said}");
    }
}

/// PayPal may return a stored response for a known request id at any time, so a declined attempt gets another key.
#[tokio::test]
async fn the_capture_after_a_decline_has_a_request_id_of_its_own() {
    let (server, provider) = played().await;
    let of = |key: String| Mock::given(path(CAPTURE)).and(header("paypal-request-id", key));
    let declined = issue(422, "UNPROCESSABLE_ENTITY", "INSTRUMENT_DECLINED");
    of(format!("{ORDER}-1-capture")).respond_with(declined).mount(&server).await;
    let paid = ok(paypal_order("COMPLETED", vec![capture("COMPLETED")]));
    of(format!("{ORDER}-1-1-capture")).respond_with(paid).mount(&server).await;
    let mut this = this_attempt();
    for _ in 0..2 {
        assert_eq!(short(&provider.capture(&this).await.unwrap()), "Declined INSTRUMENT_DECLINED");
    }
    this.request_key = format!("{ORDER}-1-1");
    assert_eq!(short(&provider.capture(&this).await.unwrap()), "Paid 3C679366HH908993F 10.05 USD");
}

#[tokio::test]
async fn an_invoice_that_is_taken_is_final_unless_this_very_order_was_captured() {
    for (answer, expected) in [
        (paypal_order("APPROVED", vec![]), "Failed DUPLICATE_INVOICE_ID"),
        (paypal_order("PAYER_ACTION_REQUIRED", vec![]), "Failed DUPLICATE_INVOICE_ID"),
        (paypal_order("COMPLETED", vec![capture("COMPLETED")]), "Paid 3C679366HH908993F 10.05 USD"),
        (paypal_order("COMPLETED", vec![capture("PENDING")]), "InFlight"),
    ] {
        let (server, provider) = played().await;
        answers(&server, "POST", CAPTURE, issue(422, "UNPROCESSABLE_ENTITY", "DUPLICATE_INVOICE_ID")).await;
        answers(&server, "GET", ORDER_PATH, ok(answer)).await;
        assert_eq!(short(&provider.capture(&this_attempt()).await.unwrap()), expected);
    }
    // Unless the order confirms it, nothing is concluded.
    let (server, provider) = played().await;
    answers(&server, "POST", CAPTURE, issue(422, "UNPROCESSABLE_ENTITY", "DUPLICATE_INVOICE_ID")).await;
    answers(&server, "GET", ORDER_PATH, ResponseTemplate::new(500)).await;
    assert!(matches!(provider.capture(&this_attempt()).await, Err(ProviderError::Unavailable { .. })));
}

#[tokio::test]
async fn an_order_that_paypal_has_forgotten_can_be_paid_no_more() {
    for name in ["INVALID_RESOURCE_ID", "RESOURCE_NOT_FOUND"] {
        let (server, provider) = played().await;
        answers(&server, "GET", ORDER_PATH, issue(404, "RESOURCE_NOT_FOUND", name)).await;
        answers(&server, "POST", CAPTURE, issue(404, "RESOURCE_NOT_FOUND", name)).await;
        assert_eq!(short(&provider.read(&this_attempt()).await.unwrap()), "Expired");
        assert_eq!(short(&provider.capture(&this_attempt()).await.unwrap()), "Expired");
    }
}

#[tokio::test]
async fn captured_before_or_answered_in_short_is_read_from_the_order() {
    for template in [
        issue(422, "UNPROCESSABLE_ENTITY", "ORDER_ALREADY_CAPTURED"),
        ok(json!({"id": "5O190127TN364715T", "status": "COMPLETED"})),
    ] {
        let (server, provider) = played().await;
        answers(&server, "POST", CAPTURE, template).await;
        answers(&server, "GET", ORDER_PATH, ok(paypal_order("COMPLETED", vec![capture("COMPLETED")]))).await;
        let seen = provider.capture(&this_attempt()).await.unwrap();
        assert_eq!(short(&seen), "Paid 3C679366HH908993F 10.05 USD");
    }
}
