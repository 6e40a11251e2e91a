//! Lists refuse impossible filters: a silently empty list would be wrong. Moments are in years that exist.

use serde_json::json;

use crate::stage::{approve, ordered, read, statement};
use crate::support::{TestApp, execute};

#[tokio::test]
async fn a_list_names_the_filter_that_cannot_be() {
    let app = TestApp::spawn().await;
    let (alice, operator) = (app.customer("alice"), app.operator());
    for path in ["balances", "top-up-orders", "account-flows", "transfers", "spend-guards", "low-balance-alerts"] {
        for bad in ["yuan", "cny", "%00", ""] {
            alice.get(&format!("/v1/{path}?currency={bad}")).await.names("?currency", "unknown_currency");
        }
        alice.get(&format!("/v1/{path}?currency=CNY")).await.expect(200);
        if path == "transfers" {
            continue;
        }
        for bad in ["No%20Such", "%00", "GPU"] {
            alice.get(&format!("/v1/{path}?product={bad}")).await.names("?product", "malformed");
        }
        for good in ["", "whatsapp"] {
            alice.get(&format!("/v1/{path}?product={good}")).await.expect(200);
        }
    }
    for bad in ["xyz", "%00", "tuo_1", "trf_019336f2b0a87c0e8f6f5a2f4c1d9e3b", ""] {
        alice.get(&format!("/v1/account-flows?order={bad}")).await.names("?order", "malformed");
        for path in ["refunds", "disputes"] {
            operator.get(&format!("/v1/admin/{path}?order={bad}")).await.names("?order", "malformed");
        }
    }
    for path in ["top-up-orders", "refunds", "disputes"] {
        operator.get(&format!("/v1/admin/{path}?customer_id=%00")).await.names("?customer_id", "malformed");
        operator.get(&format!("/v1/admin/{path}?customer_id=alice")).await.expect(200);
    }
    operator.get("/v1/admin/refunds?provider=%00").await.names("?provider", "malformed");
    operator.get("/v1/admin/refunds?provider=stripe").await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn moments_are_of_years_that_exist() {
    let app = TestApp::spawn().await;
    let (alice, service, operator) = (app.customer("alice"), app.service(), app.operator());
    for bad in ["-9999-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "%2B10000-01-01T00:00:00Z", "yesterday", "%00"] {
        for path in ["top-up-orders", "account-flows"] {
            for name in ["created_from", "created_to"] {
                let path = format!("/v1/{path}?{name}={bad}");
                alice.get(&path).await.names(&format!("?{name}"), "invalid_value");
            }
        }
    }
    alice.get("/v1/account-flows?created_from=2026-11-21T00:00:00Z&created_to=9999-12-31T00:00:00Z").await.expect(200);
    let usage = json!({"id": "u", "customer_id": "alice", "currency": "CNY", "amount": "1",
        "occurred_at": "-4800-01-01T00:00:00Z"});
    service.post("/v1/usage", &usage).await.names("/occurred_at", "invalid_value");
    let batch = json!({ "items": [usage] });
    service.post("/v1/usage/batch", &batch).await.names("/items/0/occurred_at", "invalid_value");
    let grant = json!({"customer_id": "alice", "currency": "CNY", "amount": "1", "reason": "r",
        "expires_at": "+200000-01-01T00:00:00Z"});
    service.post("/v1/grants", &grant).await.names("/expires_at", "invalid_value");
    let order = ordered(&app, "alice", "bank_transfer", "CNY", "100").await;
    let mut stated = statement("100.00", "line-1");
    stated["received_on"] = json!("-4800-01-01");
    let approve = format!("/v1/admin/top-up-orders/{order}/approve");
    operator.post(&approve, &stated).await.names("/received_on", "invalid_value");
    app.finish().await;
}

#[tokio::test]
async fn an_order_is_found_by_its_reference_as_a_bank_wrote_it() {
    let app = TestApp::spawn().await;
    let operator = app.operator();
    let order = ordered(&app, "alice", "bank_transfer", "CNY", "100").await;
    ordered(&app, "bob", "bank_transfer", "CNY", "100").await;
    let reference = read(&app, &order).await["reference"].as_str().unwrap().to_owned();
    let (head, tail) = reference.split_at(5);
    for written in [reference.clone(), format!("{}%20-%20{}", head.to_lowercase(), tail.to_lowercase())] {
        let found = operator.get(&format!("/v1/admin/top-up-orders?reference={written}")).await.expect(200);
        let ids: Vec<_> = found["data"].as_array().unwrap().iter().map(|order| order["id"].clone()).collect();
        assert_eq!(ids, [json!(order)]);
    }
    let found = app.customer("bob").get(&format!("/v1/top-up-orders?reference={reference}")).await.expect(200);
    assert_eq!(found["data"], json!([]), "another customer's");
    for slip in ["TU12345678", "thanks", "%00", ""] {
        operator.get(&format!("/v1/admin/top-up-orders?reference={slip}")).await.names("?reference", "malformed");
    }
    app.finish().await;
}

/// Banks take days; so a transfer is waited for, and one that comes later still is credited like any other.
#[tokio::test]
async fn a_bank_transfer_has_two_weeks_and_then_some() {
    let app = TestApp::spawn().await;
    let order = ordered(&app, "alice", "bank_transfer", "CNY", "100").await;
    let shown = read(&app, &order).await;
    let moment = |name: &str| shown[name].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    assert_eq!((moment("expires_at") - moment("created_at")).num_days(), 14);
    execute(&app.database, "UPDATE top_up_orders SET status = 'expired'").await;
    assert_eq!(approve(&app.operator(), &order, "100.00", "line-1").await.expect(200)["status"], "completed");
    assert_eq!(app.available("alice", "CNY", "").await, "100.00");
    app.finish().await;
}
