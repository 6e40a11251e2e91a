//! Bank transfers before they are verified: slips, the remitter's name, the company's account, small orders.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use topup::app::seals::erase_texts;
use topup::domain::customer::CustomerId;
use topup::storage::pool::connect;

use crate::stage::{approve, id, number, order, ordered, profile, read, timeline, with_status};
use crate::support::{Caller, Reply, TestApp, execute, url};

const PDF: &[u8] = b"%PDF-1.7\n1 0 obj\n";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n....";

fn path(order: &str) -> String {
    format!("/v1/top-up-orders/{order}/transfer-slips")
}

async fn upload(caller: &Caller<'_>, order: &str, file: &[u8]) -> Reply {
    let request = caller.request(Method::POST, &path(order)).header("content-type", "image/png");
    Reply::of(request.body(file.to_vec())).await
}

#[tokio::test]
async fn a_slip_is_kept_listed_and_served_as_an_attachment() {
    let app = TestApp::spawn().await;
    let order = ordered(&app, "alice", "bank_transfer", "CNY", "100.00").await;
    let (alice, operator) = (app.customer("alice"), app.operator());
    let first = upload(&alice, &order, PDF).await.expect(201);
    assert_eq!((&first["kind"], &first["bytes"]), (&json!("pdf"), &json!(PDF.len())));
    let again = upload(&alice, &order, PDF).await.expect(200);
    assert_eq!((id(&again), again.header("idempotent-replayed")), (id(&first), Some("true")));

    // Whose order it is, what it is, and what the file is.
    upload(&app.customer("bob"), &order, PNG).await.problem(404, "not_found");
    for content in [&b"<html><script>alert(1)</script>"[..], b"", b"GIF89a"] {
        upload(&alice, &order, content).await.problem(415, "unsupported_media_type");
    }
    let card = ordered(&app, "alice", "card", "CNY", "100.00").await;
    upload(&alice, &card, PDF).await.problem(409, "not_a_bank_transfer");
    // Five MiB are taken, here and nowhere else, and not a byte more.
    let mut large = PNG.to_vec();
    large.resize(5 << 20, 7);
    let second = upload(&operator, &order, &large).await.expect(201);
    assert_eq!((&second["bytes"], &second["uploaded_by"]), (&json!(5 << 20), &json!("operator:ops")));
    large.push(7);
    upload(&alice, &order, &large).await.problem(413, "body_too_large");
    let elsewhere = alice.request(Method::POST, "/v1/transfers").header("content-type", "application/json");
    Reply::of(elsewhere.header("idempotency-key", "k").body(vec![b' '; 1 << 20])).await.problem(413, "body_too_large");

    // Both see them on the order; the customer reads no operator's name.
    let seen = alice.get(&format!("/v1/top-up-orders/{order}")).await.expect(200);
    let slips = seen["transfer_slips"].as_array().unwrap();
    assert_eq!((slips.len(), &slips[1]["uploaded_by"]), (2, &json!("operator")));
    let listed = alice.get(&path(&order)).await.expect(200);
    assert_eq!(listed["data"][1]["uploaded_by"], "operator");
    let seen = operator.get(&format!("/v1/admin/top-up-orders/{order}")).await.expect(200);
    assert_eq!(seen["transfer_slips"][1]["uploaded_by"], "operator:ops");
    assert!(timeline(&app, &order).await.iter().any(|event| event == "transfer_slip_uploaded"));

    let file = format!("{}/{}", path(&order), id(&first));
    app.customer("bob").get(&file).await.problem(404, "not_found");
    let sent = operator.request(Method::GET, &file).send().await.unwrap();
    let header = |name: &str| sent.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/pdf");
    assert_eq!(header("content-disposition"), format!("attachment; filename=\"{}.pdf\"", id(&first)));
    assert_eq!((header("x-content-type-options"), header("cache-control")), ("nosniff".into(), "no-store".into()));
    assert!(header("content-security-policy").contains("default-src 'none'"));
    assert_eq!(sent.bytes().await.unwrap(), PDF);

    // A completed order takes none.
    approve(&operator, &order, "100.00", "T").await.expect(200);
    upload(&alice, &order, b"\xff\xd8\xff more").await.problem(409, "order_already_completed");
    upload(&alice, &order, PDF).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn of_uploads_at_once_three_are_kept_and_erasure_takes_them() {
    let app = TestApp::spawn().await;
    let order = ordered(&app, "alice", "bank_transfer", "CNY", "100.00").await;
    let alice = app.customer("alice");
    let files: Vec<Vec<u8>> = (0..8_u8).map(|n| [PDF, &[b'0' + n]].concat()).collect();
    let answers = join_all(files.iter().map(|file| upload(&alice, &order, file))).await;
    assert_eq!((with_status(&answers, 201), with_status(&answers, 409)), (3, 5), "{answers:#?}");
    answers.into_iter().filter(|answer| answer.status == 409).for_each(|answer| {
        answer.problem(409, "too_many_transfer_slips");
    });
    let bobs = ordered(&app, "bob", "bank_transfer", "CNY", "100.00").await;
    let same = join_all((0..4).map(|_| upload_of(&app, "bob", &bobs))).await;
    assert_eq!((with_status(&same, 201), with_status(&same, 200)), (1, 3), "{same:#?}");

    let mut conn = connect(&url(&app.database)).await.unwrap();
    erase_texts(&mut conn, &CustomerId::new("alice").unwrap()).await.unwrap();
    let left = number(&app, "count(*) FROM transfer_slips WHERE customer_id = 'alice'").await;
    assert_eq!((left, number(&app, "count(*) FROM transfer_slips").await), (0, 1));
    assert!(read(&app, &order).await["transfer_slips"] == json!([]));
    app.finish().await;
}

async fn upload_of(app: &TestApp, customer: &str, order: &str) -> Reply {
    upload(&app.customer(customer), order, PDF).await
}

#[tokio::test]
async fn the_remitter_is_compared_with_the_billing_profile() {
    let app = TestApp::spawn().await;
    let alice = app.customer("alice");
    let save = |name: &str, company: Option<&str>, tag: &str| {
        let body = json!({ "name": name, "email": "a@example.com", "country": "VN", "company": company });
        let request = app.customer("alice").request(Method::PUT, "/v1/billing-profile").json(&body);
        let request = if tag.is_empty() { request } else { request.header("if-match", tag) };
        async move { Reply::of(request).await }
    };
    let saved = save("Nguyễn Văn Đức", None, "").await;
    assert!(matches!(saved.status, 200 | 201), "{}", saved.text);
    let tag = saved.header("etag").unwrap().to_owned();
    let placed = |name: &str| {
        let mut body = order("bank_transfer", "CNY", "100.00");
        body["bank_transfer"]["remitter_name"] = json!(name);
        let alice = &alice;
        async move { alice.post("/v1/top-up-orders", &body).await.expect(201) }
    };
    let same = placed("VAN DUC NGUYEN").await;
    assert_eq!(
        (&same["remitter"]["matches_billing_profile"], &same["remitter"]["billing_name"]),
        (&json!(true), &Value::Null)
    );
    let other = placed("Example Trading Co.").await;
    let shown = |order: &Reply| {
        (order["remitter"]["matches_billing_profile"].clone(), order["remitter"]["billing_name"].clone())
    };
    assert_eq!(shown(&other), (json!(false), json!("Nguyễn Văn Đức")));
    let seen = app.operator().get(&format!("/v1/admin/top-up-orders/{}", id(&other))).await.expect(200);
    assert_eq!(shown(&seen), (json!(false), json!("Nguyễn Văn Đức")));
    // The company is a name of the customer as well.
    save("Nguyễn Văn Đức", Some("EXAMPLE TRADING CO"), &tag).await.expect(200);
    assert_eq!(shown(&read(&app, &id(&other)).await), (json!(true), Value::Null));
    app.finish().await;
}

#[tokio::test]
async fn the_account_is_shown_before_the_order_and_operators_order_less() {
    let app = TestApp::spawn().await;
    profile(&app, "alice").await;
    let (alice, operator) = (app.customer("alice"), app.operator());
    let options = alice.get("/v1/top-up-options?currency=CNY").await.expect(200);
    let made = alice.post("/v1/top-up-orders", &order("bank_transfer", "CNY", "100.00")).await.expect(201);
    let named = &made["next_action"]["bank_transfer"];
    for field in ["bank_name", "account_name", "account_number", "branch", "cnaps_code", "swift_bic", "bank_address"] {
        assert_eq!(options["bank_account"][field], named[field], "{field}");
    }
    assert!(named["account_number"].as_str().is_some_and(|number| number.len() > 5));

    let small = order("bank_transfer", "CNY", "5.00");
    alice.post("/v1/top-up-orders", &small).await.names("/amount", "below_minimum");
    app.service().post("/v1/top-up-orders?customer_id=alice", &small).await.names("/amount", "below_minimum");
    let made = operator.post("/v1/top-up-orders?customer_id=alice", &small).await.expect(201);
    approve(&operator, &id(&made), "5.00", "T-5").await.expect(200);
    assert_eq!(app.available("alice", "CNY", "").await, "5.00");

    // Where nobody can pay by transfer, no account is shown.
    execute(&app.database, "UPDATE channel_rules SET enabled = false WHERE channel = 'bank_transfer'").await;
    let options = alice.get("/v1/top-up-options?currency=CNY").await.expect(200);
    assert!(options["bank_account"].is_null());
    app.finish().await;
}
