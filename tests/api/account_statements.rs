//! A customer's month, past balances, and the export of flows: each against the flows themselves.

use chrono::{DateTime, Datelike, Duration, Utc};
use diesel_async::SimpleAsyncConnection;
use serde_json::{Value, json};
use topup::storage::pool::connect;

use crate::support::{Reply, TestApp, url};

fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

fn this_month() -> String {
    Utc::now().format("%Y-%m").to_string()
}

/// The rows of a CSV, without its head; their cells hold no separators.
fn rows(reply: &Reply, head: &str) -> Vec<Vec<String>> {
    assert_eq!(reply.header("content-type"), Some("text/csv; charset=utf-8"));
    let mut lines = reply.text.split("\r\n");
    assert_eq!(lines.next(), Some(head));
    lines.filter(|line| !line.is_empty()).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

async fn busy(app: &TestApp) {
    app.fund("alice", "CNY", "100.00").await;
    let usage =
        |id: String, amount: &str| json!({ "id": id, "customer_id": "alice", "currency": "CNY", "amount": amount });
    for part in 0..2 {
        let items: Vec<Value> = (0..700).map(|n| usage(format!("u-{part}-{n}"), "0.01")).collect();
        app.service().post("/v1/usage/batch", &json!({ "items": items })).await.expect(200);
    }
    let mut formula = usage("last".to_owned(), "0.5");
    formula["description"] = json!("=HYPERLINK(1)");
    app.service().post("/v1/usage", &formula).await.expect(201);
    let transfer = json!({ "currency": "CNY", "amount": "20.00", "to_product": "whatsapp" });
    app.customer("alice").post("/v1/transfers", &transfer).await.expect(201);
    let grant = json!({ "customer_id": "alice", "currency": "CNY", "amount": "3", "reason": "welcome" });
    app.service().post("/v1/grants", &grant).await.expect(201);
}

#[tokio::test]
async fn a_statement_ties_out_with_the_flows() {
    let app = TestApp::spawn().await;
    busy(&app).await;
    let alice = app.customer("alice");
    let path = format!("/v1/statements/{}", this_month());
    let statement = alice.get(&path).await.expect(200);
    assert_eq!((&statement["complete"], &statement["time_zone"]), (&json!(false), &json!("UTC")));
    let cny = &statement["currencies"][0];
    assert_eq!(cny["opening"]["balance"], "0.00");
    let amounts: Vec<String> = cny["movements"].as_array().unwrap().iter().map(line).collect();
    assert_eq!(
        amounts,
        ["recharge 1 100.00", "consume 1401 -14.50", "transfer_in 1 20.00", "transfer_out 1 -20.00", "grant 1 3.00"]
    );
    let closing = json!({ "balance": "88.50", "paid": "85.50", "granted_less_debt": "3.00" });
    assert_eq!(cny["closing"], closing);
    let main = &cny["wallets"][0];
    assert_eq!((&main["product"], &main["closing"]["balance"]), (&Value::Null, &json!("68.50")));
    assert_eq!(cny["wallets"][1]["movements"].as_array().unwrap().len(), 1);

    // The operator sees the same, another customer nothing, and a month has one spelling.
    let by_operator = app.operator().get(&format!("{path}?customer_id=alice&currency=CNY")).await.expect(200);
    assert_eq!(by_operator["currencies"][0]["closing"], closing);
    app.operator().get(&path).await.names("?customer_id", "required");
    app.customer("bob").get(&format!("{path}?customer_id=alice")).await.problem(404, "not_found");
    assert_eq!(app.customer("bob").get(&path).await.expect(200)["currencies"], json!([]));
    let next_year = format!("/v1/statements/{}-01", Utc::now().year() + 1);
    for path in [next_year.as_str(), "/v1/statements/2026-1", "/v1/statements/2026-13", "/v1/statements/1999-12"] {
        alice.get(path).await.problem(404, "not_found");
    }
    let long_ago = alice.get("/v1/statements/2020-02").await.expect(200);
    assert_eq!((&long_ago["complete"], &long_ago["currencies"]), (&json!(true), &json!([])));
    assert_eq!((&long_ago["from"], &long_ago["to"]), (&json!("2020-02-01T00:00:00Z"), &json!("2020-03-01T00:00:00Z")));

    let csv = alice.get(&format!("{path}/export")).await.expect(200);
    let csv = rows(&csv, "customer_id,month,currency,product,line,count,amount");
    assert_eq!(csv.len(), 2 + 4 + 2 + 1);
    let last = csv.last().unwrap();
    assert_eq!(last[3..], ["whatsapp", "closing", "", "20.00"]);
    app.finish().await;
}

fn line(movement: &Value) -> String {
    let text = |name: &str| movement[name].as_str().unwrap().to_owned();
    format!("{} {} {}", text("type"), movement["count"], text("amount"))
}

#[tokio::test]
async fn an_export_contains_every_flow_once() {
    let app = TestApp::spawn().await;
    busy(&app).await;
    let alice = app.customer("alice");
    let head = "id,created_at,type,amount,currency,product,balance_after,reference,description";
    let export = alice.get("/v1/account-flows/export").await.expect(200);
    assert_eq!(export.header("content-disposition"), Some("attachment; filename=\"account-flows.csv\""));
    let exported = rows(&export, head);
    let mut listed: Vec<String> = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = alice.get(&format!("/v1/account-flows?limit=100{cursor}")).await.expect(200);
        listed.extend(page["data"].as_array().unwrap().iter().map(|flow| flow["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(exported.iter().map(|row| row[0].clone()).collect::<Vec<_>>(), listed);
    assert_eq!(listed.len(), 1405);
    let formula = exported.iter().find(|row| row[7] == "last").unwrap();
    assert_eq!((formula[3].as_str(), formula[8].as_str()), ("-0.50", "'=HYPERLINK(1)"));

    let some = alice.get("/v1/account-flows/export?type=grant&type=recharge").await.expect(200);
    assert_eq!(rows(&some, head).len(), 2);
    assert_eq!(rows(&app.customer("bob").get("/v1/account-flows/export").await.expect(200), head).len(), 0);
    alice.get("/v1/account-flows/export?limit=5").await.names("?limit", "unknown_parameter");
    app.finish().await;
}

#[tokio::test]
async fn a_past_balance_waits_for_whoever_may_still_write() {
    let app = TestApp::spawn().await;
    let before = Utc::now() - Duration::seconds(1);
    app.fund("alice", "CNY", "100.00").await;
    let alice = app.customer("alice");
    let past = async |at: DateTime<Utc>| alice.get(&format!("/v1/past-balances?at={}", moment(at))).await;
    assert_eq!(past(before).await.expect(200)["balances"], json!([]));
    let funded = Utc::now();
    let balance = past(funded).await.expect(200)["balances"][0].clone();
    assert_eq!((&balance["total"], &balance["paid"]), (&json!("100.00"), &json!("100.00")));
    past(Utc::now() + Duration::days(1)).await.problem(409, "too_recent");
    alice.get("/v1/past-balances").await.problem(422, "validation_failed");

    // Another transaction has begun to write. It may still commit an entry with a time that is already past.
    let mut conn = connect(&url(&app.database)).await.unwrap();
    conn.batch_execute("BEGIN; LOCK TABLE wallets IN ROW EXCLUSIVE MODE").await.unwrap();
    past(Utc::now()).await.problem(409, "too_recent");
    past(funded).await.expect(200);
    let month = alice.get(&format!("/v1/statements/{}", this_month())).await.expect(200);
    assert!(month["to"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap() <= Utc::now() - Duration::milliseconds(1));
    conn.batch_execute("COMMIT").await.unwrap();
    past(Utc::now() - Duration::milliseconds(1)).await.expect(200);
    app.finish().await;
}
