//! The reports of finance: a day is folded once no entry can be added to it, and every figure is the sum of its
//! entries.

use chrono::{DateTime, Duration, NaiveDate, SecondsFormat, Utc};
use diesel_async::SimpleAsyncConnection;
use reqwest::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use topup::app::reports::fold_if_due;
use topup::server::StartError;
use topup::storage::calendar;
use topup::storage::pool::connect;
use topup::storage::reports::{NextDay, next_day};

use crate::audit::both_ways;
use crate::catalogue::put;
use crate::stage::{approve, issue_papers, number, ordered, paid, play, quiet, until};
use crate::support::{TestApp, database, execute, url};

/// Lets the calendar's day end in a moment, by a time zone of its own.
async fn let_the_day_end(app: &TestApp) {
    let zone = "UPDATE calendar SET stamped_at = ledger_now(), time_zone = (
        SELECT format('<T>%s%s', CASE WHEN s > 0 THEN '-' ELSE '+' END, make_interval(secs => abs(s)))
        FROM (SELECT CASE WHEN left_of_day > 43200 THEN left_of_day - 86400 ELSE left_of_day END::integer AS s
              FROM (SELECT 86400 - 4 - floor(extract(epoch FROM ledger_now())) % 86400 AS left_of_day) AS l) AS o)";
    execute(&app.database, zone).await;
}

/// Folds the day in which everything happened so far.
pub async fn fold_the_day(app: &TestApp) -> NextDay {
    let_the_day_end(app).await;
    let next = next_day(&mut connect(&url(&app.database)).await.unwrap()).await.unwrap();
    issue_papers(app).await;
    let folded = async || fold_if_due(&app.server.app, Duration::zero()).await.unwrap();
    until("the day is folded", folded).await;
    next
}

async fn busy(app: &TestApp) {
    execute(&app.database, "UPDATE channel_rules SET fee_percent = 3 WHERE channel = 'card'").await;
    let order = paid(app, "alice", "card", "CNY", "100.00").await;
    app.fund("bob", "CNY", "50.00").await;
    let grant = json!({ "customer_id": "alice", "currency": "CNY", "amount": "3", "reason": "welcome" });
    app.service().post("/v1/grants", &grant).await.expect(201);
    for (id, customer, amount) in [("a", "alice", "5"), ("b", "bob", "0.00000001"), ("c", "bob", "7")] {
        let usage = json!({ "id": id, "customer_id": customer, "currency": "CNY", "amount": amount });
        app.service().post("/v1/usage", &usage).await.expect(201);
    }
    let reversal = json!({ "id": "r", "customer_id": "bob", "usage_id": "c", "amount": "2" });
    app.service().post("/v1/usage/reversals", &reversal).await.expect(201);
    let transfer = json!({ "currency": "CNY", "amount": "20.00", "to_product": "whatsapp" });
    app.customer("bob").post("/v1/transfers", &transfer).await.expect(201);
    let refund = json!({ "order_id": order, "amount": "10.00", "reason": "a test of reports" });
    app.operator().post("/v1/admin/refunds", &refund).await.expect(201);
    quiet(app, "stripe").await;
    let done = async || number(app, "count(*) FROM refunds WHERE status <> 'succeeded'").await == 0;
    until("the refund has succeeded", done).await;
}

#[tokio::test]
async fn a_day_is_folded_once_nobody_can_add_to_it_and_adds_up() {
    let app = TestApp::spawn().await;
    busy(&app).await;
    let state = &app.server.app;
    let finance = app.operator();
    let today = Utc::now().date_naive();
    let ask = |from: NaiveDate, to: NaiveDate| format!("from={from}&to={to}");
    let path = |report: &str, days: &str| format!("/v1/admin/reports/{report}?{days}");
    let too_recent = async |report: &str, days: &str| {
        let refused = finance.get(&path(report, days)).await.problem(409, "too_recent");
        refused["detail"].as_str().unwrap().to_owned()
    };
    let refused = too_recent("roll-forward", &ask(today, today)).await;
    let is_told =
        refused.contains("is reported some minutes after its end at ") && refused.ends_with("no day is reported yet.");
    assert!(is_told, "{refused}");

    let_the_day_end(&app).await;
    let mut conn = connect(&url(&app.database)).await.unwrap();
    conn.batch_execute("BEGIN; LOCK TABLE wallets IN ROW EXCLUSIVE MODE").await.unwrap();
    let mut loses = connect(&url(&app.database)).await.unwrap();
    loses.batch_execute("BEGIN; LOCK TABLE papers_due IN ROW EXCLUSIVE MODE").await.unwrap();
    let next = next_day(&mut connect(&url(&app.database)).await.unwrap()).await.unwrap();
    assert_eq!(next.span.from, DateTime::<Utc>::UNIX_EPOCH);
    let over = format!("CASE WHEN ledger_now() > '{}' THEN 1 ELSE 0 END", next.span.to.to_rfc3339());
    until("the day is over", async || number(&app, &over).await == 1).await;
    // A transaction that began on that day may still commit an entry of it.
    assert!(!fold_if_due(state, Duration::zero()).await.unwrap());
    conn.batch_execute("COMMIT").await.unwrap();
    assert!(!fold_if_due(state, Duration::zero()).await.unwrap(), "papers of the day are due");
    let refused = too_recent("roll-forward", &ask(next.day, next.day)).await;
    assert!(refused.contains("has ended and waits until all of its receipts"), "{refused}");
    issue_papers(&app).await;
    // A transaction may also still commit a dispute that was lost on that day. It moves no wallet any more.
    assert!(!fold_if_due(state, Duration::zero()).await.unwrap());
    loses.batch_execute("COMMIT").await.unwrap();
    assert!(!fold_if_due(state, Duration::minutes(5)).await.unwrap(), "the clock may be set back");
    let both = tokio::join!(fold_if_due(state, Duration::zero()), fold_if_due(state, Duration::zero()));
    assert!(both.0.unwrap() ^ both.1.unwrap(), "one of two processes folds it");
    assert!(!fold_if_due(state, Duration::zero()).await.unwrap(), "the next day is not over");

    let days = ask(next.day, next.day);
    rolls_forward(&app, &path("roll-forward", &days)).await;
    tells_what_happened(&app, &days).await;
    lists_the_entries(&app, &days).await;
    keeps_a_journal(&app, &path("journal", &days)).await;
    let grant = json!({ "customer_id": "carol", "currency": "CNY", "amount": "7", "reason": "welcome" });
    app.service().post("/v1/grants", &grant).await.expect(201);
    let ages = finance.get("/v1/admin/reports/grants").await.expect(200);
    let age = &ages["data"][0];
    assert_eq!((&age["age"], &age["expires"]), (&json!("up_to_30"), &json!("never")));
    assert_eq!((&age["grants"], &age["remaining"]), (&json!(1), &json!("7.00")));

    let tomorrow = next.day.succ_opt().unwrap();
    let refused = too_recent("journal", &ask(next.day, tomorrow)).await;
    assert!(refused.starts_with(&tomorrow.to_string()) && refused.ends_with(&format!("{}.", next.day)), "{refused}");
    finance.get(&path("activity", &ask(tomorrow, next.day))).await.names("?to", "out_of_range");
    finance.get(&path("activity", &ask(next.day - Duration::days(366), next.day))).await.names("?from", "out_of_range");
    finance.get("/v1/admin/reports/activity?from=yesterday&to=2026-11-01").await.problem(422, "validation_failed");
    app.finish().await;
}

/// 100 and 19 of tax on top were approved for the wrong order, and then for the right one. A card pays the same, of
/// which 59.50 are refunded, and 11.90 in a refund that fails later.
#[tokio::test]
async fn what_went_back_takes_its_tax_off_the_reports_as_the_papers_do() {
    let app = TestApp::spawn_with(|config| config.papers.seller_country = Some("DE".parse().unwrap())).await;
    let terms = json!({ "rate_percent": "19", "at": "top_up" });
    put(&app.operator(), "/v1/admin/tax-rules/DE/DE/consumer", &terms, None).await.expect(201);
    let mut orders = Vec::new();
    for (customer, channel) in [("alice", "bank_transfer"), ("bob", "bank_transfer"), ("carol", "card")] {
        let profile = json!({ "name": customer, "email": "a@example.com", "country": "DE" });
        app.customer(customer).send(Method::PUT, "/v1/billing-profile", Some(&profile), None).await.expect(200);
        orders.push(ordered(&app, customer, channel, "CNY", "100").await);
    }
    approve(&app.operator(), &orders[0], "119.00", "line-1").await.expect(200);
    let wrong = json!({ "reason": "the transfer was another customer's", "reach": "order_wallet" });
    app.operator().post(&format!("/v1/admin/top-up-orders/{}/reverse", orders[0]), &wrong).await.expect(200);
    approve(&app.operator(), &orders[1], "119.00", "line-1").await.expect(200);
    play(&app, "stripe", &orders[2], "pay", json!({})).await;
    quiet(&app, "stripe").await;
    let refund = async |amount: &str| {
        let body = json!({ "order_id": orders[2], "amount": amount, "reason": "a test of reports" });
        app.operator().post("/v1/admin/refunds", &body).await.expect(201);
        quiet(&app, "stripe").await;
        let succeeded = "count(*) FROM refunds WHERE status = 'succeeded'";
        until("it succeeds", async || number(&app, succeeded).await == 1).await;
    };
    refund("11.90").await;
    play(&app, "stripe", &orders[2], "refund-fail", json!({})).await;
    quiet(&app, "stripe").await;
    refund("59.50").await;

    let next = fold_the_day(&app).await;
    let report = async |name: &str| {
        let path = format!("/v1/admin/reports/{name}?from={0}&to={0}", next.day);
        app.operator().get(&path).await.expect(200)
    };
    let activity = report("activity").await;
    let row = &activity["data"][0];
    let figures = ["gross", "tax", "fee", "credited", "adjusted", "refunded", "change"];
    let figures = figures.map(|name| row[name].as_str().unwrap());
    assert_eq!(figures, ["238.00", "38.00", "0.00", "300.00", "-100.00", "50.00", "150.00"]);
    assert_eq!((&row["returned_tax"], &row["returned_fee"]), (&json!("9.50"), &json!("0.00")));
    let end = next.span.to.to_rfc3339_opts(SecondsFormat::Secs, true);
    let later = app.operator().get(&format!("/v1/admin/papers?happened_from={end}")).await.expect(200);
    assert_eq!(later["data"], json!([]));
    let papers = app.operator().get(&format!("/v1/admin/papers?limit=100&happened_to={end}")).await.expect(200);
    let papers = papers["data"].as_array().unwrap();
    let tax = |paper: &Value| amount(&paper["tax"]) + amount(&paper["tax_included"]);
    let due = papers.iter().map(|paper| if paper["kind"] == "credit_note" { -tax(paper) } else { tax(paper) });
    assert_eq!((papers.len(), due.sum::<Decimal>()), (7, amount(&row["tax_due"])));
    let journal = report("journal").await;
    let net = |account: &str| {
        let of_account = journal.text.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let of_account = of_account.filter(|cells| cells.get(1) == Some(&account));
        let side = |cell: &str| cell.parse().unwrap_or(Decimal::ZERO);
        of_account.map(|cells| side(cells[2]) - side(cells[3])).sum::<Decimal>().normalize().to_string()
    };
    assert_eq!(["bank_transfer", "card", "card_refunds"].map(net), ["119", "119", "-59.5"]);
    assert_eq!(["tax", "customer_paid"].map(net), ["-28.5", "-150"]);
    app.finish().await;
}

fn amount(value: &Value) -> Decimal {
    value.as_str().unwrap().parse().unwrap()
}

async fn rolls_forward(app: &TestApp, path: &str) {
    let report = app.operator().get(path).await.expect(200);
    let cny = &report["currencies"][0];
    let mut owed = Decimal::ZERO;
    for customer in ["alice", "bob"] {
        let balances = app.customer(customer).get("/v1/balances?currency=CNY").await.expect(200);
        owed += balances["balances"].as_array().unwrap().iter().map(|one| amount(&one["total"])).sum::<Decimal>();
    }
    assert_eq!((amount(&cny["opening"]["total"]), amount(&cny["closing"]["total"])), (Decimal::ZERO, owed));
    for part in ["total", "paid", "granted", "debt"] {
        let lines: Decimal = cny["lines"].as_array().unwrap().iter().map(|line| amount(&line["change"][part])).sum();
        assert_eq!(amount(&cny["opening"][part]) + lines, amount(&cny["closing"][part]), "{part}");
    }
    let lines: Vec<String> = cny["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| format!("{} {}", line["line"].as_str().unwrap(), line["change"]["total"].as_str().unwrap()))
        .collect();
    assert_eq!(
        lines,
        [
            "credited 147.00",
            "granted 3.00",
            "used -10.00000001",
            "expired 0.00",
            "refunded -9.70",
            "disputed 0.00",
            "bonus_taken_back 0.00",
            "adjusted 0.00",
            "transferred 0.00",
            "paid_out 0.00",
            "written_off 0.00"
        ]
    );
    let product = app.operator().get(&format!("{path}&product=whatsapp")).await.expect(200);
    assert_eq!(product["currencies"][0]["closing"]["total"], "20.00");
}

async fn tells_what_happened(app: &TestApp, days: &str) {
    let path = format!("/v1/admin/reports/activity?{days}");
    let all = app.operator().get(&path).await.expect(200);
    let row = &all["data"][0];
    for (figure, value) in [
        ("gross", "150.00"),
        ("fee", "3.00"),
        ("tax", "0.00"),
        ("credited", "147.00"),
        ("granted", "3.00"),
        ("used_paid", "7.00000001"),
        ("used_granted", "3.00"),
        ("refunded", "9.70"),
        ("returned_fee", "0.30"),
        ("tax_due", "0.00"),
    ] {
        assert_eq!(row[figure], value, "{figure}");
    }
    let rows = both_ways(&app.operator(), &format!("{path}&by=month&split=channel"), 1).await.concat();
    let channels: Vec<(&Value, &Value)> = rows.iter().map(|row| (&row["channel"], &row["gross"])).collect();
    let text = |text: &'static str| json!(text);
    assert_eq!(
        channels,
        [(&Value::Null, &text("0.00")), (&text("bank_transfer"), &text("50.00")), (&text("card"), &text("100.00"))]
    );
    let change: Decimal = rows.iter().map(|row| amount(&row["change"])).sum();
    assert_eq!(change, amount(&row["change"]));
    let product = app.operator().get(&format!("{path}&split=product&product=whatsapp")).await.expect(200);
    let row = &product["data"][0];
    assert_eq!((&row["product"], &row["transferred"]), (&text("whatsapp"), &text("20.00")));
}

async fn lists_the_entries(app: &TestApp, days: &str) {
    let list = async |filter: &str| {
        both_ways(&app.operator(), &format!("/v1/admin/reports/entries?{days}{filter}"), 1).await.concat()
    };
    let used = list("&line=used").await;
    let sum: Decimal = used.iter().map(|entry| amount(&entry["change"]["total"])).sum();
    assert_eq!((used.len(), sum), (4, "-10.00000001".parse().unwrap()));
    assert_eq!((&used[0]["customer_id"], &used[0]["reference"]), (&json!("alice"), &json!("a")));
    let by_card = list("&channel=card").await;
    let kinds: Vec<&str> = by_card.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["recharge", "refund"]);
    assert_eq!(list("&line=transferred&product=whatsapp").await.len(), 1);
    assert_eq!(list("").await.len(), number(app, "count(*) FROM entries").await as usize);
}

async fn keeps_a_journal(app: &TestApp, path: &str) {
    let csv = app.operator().get(path).await.expect(200);
    let mut lines = csv.text.split("\r\n").filter(|line| !line.is_empty());
    assert_eq!(lines.next(), Some("date,account,debit,credit,currency,document,memo"));
    let (mut debits, mut credits, mut accounts) = (Decimal::ZERO, Decimal::ZERO, Vec::new());
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        debits += cells[2].parse().unwrap_or(Decimal::ZERO);
        credits += cells[3].parse().unwrap_or(Decimal::ZERO);
        accounts.push(format!("{} {}{}", cells[1], cells[2], cells[3]));
    }
    assert_eq!(debits, credits);
    for account in [
        "card 100.00",
        "card_refunds 10.00",
        "fee 3.00",
        "fee 0.30",
        "bank_transfer 50.00",
        "usage 9.00000001",
        "usage 2.00",
        "usage_granted 3.00",
    ] {
        assert!(accounts.iter().any(|line| line == account), "{account}: {accounts:?}");
    }
}

#[tokio::test]
async fn a_database_keeps_the_time_zone_of_its_first_migration() {
    let database = database().await;
    let mut conn = connect(&url(&database)).await.unwrap();
    assert!(!calendar::knows(&mut conn, "Asia/Saigon2").await.unwrap());
    assert_eq!(calendar::stamp(&mut conn, "Asia/Ho_Chi_Minh").await.unwrap(), "Asia/Ho_Chi_Minh");
    let refused = TestApp::try_spawn(&database, |config| config.reports.time_zone = Some("UTC".to_owned())).await;
    assert!(matches!(refused.err(), Some(StartError::OtherTimeZone { .. })));
    let zone = Some("Asia/Ho_Chi_Minh".to_owned());
    let app = TestApp::try_spawn(&database, |config| config.reports.time_zone = zone).await.unwrap();
    app.fund("alice", "CNY", "1.00").await;
    let november = app.customer("alice").get("/v1/statements/2026-02").await.expect(200);
    assert_eq!(november["from"], "2026-01-31T17:00:00Z");
    assert_eq!(calendar::stamp(&mut conn, "UTC").await.unwrap(), "Asia/Ho_Chi_Minh", "money was booked");
    app.finish().await;
}
