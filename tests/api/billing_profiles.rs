//! Billing profiles: made, replaced, and checked.

use serde_json::{Value, json};

use crate::catalogue::put;
use crate::support::TestApp;
use crate::tools::ask;

#[tokio::test]
async fn a_billing_profile_is_made_replaced_and_checked() {
    let app = TestApp::spawn().await;
    let alice = app.customer("alice");
    alice.get("/v1/billing-profile").await.problem(404, "not_found");
    let full = json!({
        "name": "Alice", "email": "alice@example.com", "country": "CN", "address": "1 Road", "city": "Shenzhen",
        "region": "Guangdong", "postal_code": "518000", "phone": "+86 755 0000 0000", "tax_id": "91110000600037341L",
        "company": "A Ltd", "registered_address": "2 Road", "bank_name": "Bank of China", "bank_account": "62 01",
    });
    let made = put(&alice, "/v1/billing-profile", &full, None).await.expect(200);
    for (field, value) in full.as_object().unwrap() {
        assert_eq!(&made[field.as_str()], value, "{field}");
    }
    assert_eq!((made.header("etag"), made["company"].as_str()), (Some("\"1\""), Some("A Ltd")));

    // A replacement replaces the whole profile.
    let short = json!({"name": "Alice", "email": "alice@example.com", "country": "VN"});
    let replaced = put(&alice, "/v1/billing-profile", &short, Some("\"1\"")).await.expect(200);
    assert_eq!((replaced.header("etag"), &replaced["company"]), (Some("\"2\""), &Value::Null));
    put(&alice, "/v1/billing-profile", &full, Some("\"1\"")).await.problem(412, "precondition_failed");
    let read = alice.get("/v1/billing-profile").await.expect(200);
    assert_eq!((read["country"].as_str(), read["version"].as_i64()), (Some("VN"), Some(2)));

    let broken = json!({"name": " ", "email": "alice@", "country": "vn", "tax_id": "1".repeat(51)});
    let broken = put(&alice, "/v1/billing-profile", &broken, None).await.names("/name", "required");
    let broken = broken.names("/email", "malformed").names("/country", "unknown_country").names("/tax_id", "length");
    assert_eq!(broken["errors"].as_array().unwrap().len(), 4);
    put(&alice, "/v1/billing-profile", &json!({"name": "A", "email": "a@b.vn"}), None)
        .await
        .names("/country", "required");

    // Nobody else's profile is there; staff names whose it is, and is named itself.
    app.customer("bob").get("/v1/billing-profile?customer_id=alice").await.problem(404, "not_found");
    let operator = app.operator();
    operator.get("/v1/billing-profile?customer_id=alice").await.expect(200);
    put(&operator, "/v1/billing-profile?customer_id=alice", &full, None).await.expect(200);
    let audit = ask(&app, "SELECT actor || ' ' || action || ' ' || target || ' ' || after FROM audit_log").await;
    assert_eq!(audit, ["operator:ops billing_profile.saved billing_profile:alice {\"version\": 3}"]);
    app.finish().await;
}

#[tokio::test]
async fn two_first_profiles_at_once_leave_one() {
    let app = TestApp::spawn().await;
    let alice = app.customer("alice");
    let profile = |name: &str| json!({"name": name, "email": "alice@example.com", "country": "CN"});
    let saves = (0..10).map(|n| {
        let (alice, profile) = (alice.clone(), profile(&format!("Alice {n}")));
        async move { put(&alice, "/v1/billing-profile", &profile, None).await.expect(200)["version"].as_i64().unwrap() }
    });
    let mut versions = futures_util::future::join_all(saves).await;
    versions.sort_unstable();
    assert_eq!(versions, (1..=10).collect::<Vec<_>>());
    app.finish().await;
}
