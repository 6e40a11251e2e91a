//! Erasure: nothing personal of a customer is left in any table, and a payout in progress prevents it.

use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;
use reqwest::Method;
use serde_json::{Value, json};
use topup::app::seals::{erase_texts, personal_data};
use topup::domain::customer::CustomerId;
use topup::storage::Connection;
use topup::storage::pool::connect;

use crate::stage::{approve, id, issue_papers, order, play, quiet};
use crate::support::{TestApp, execute, url};

/// A mark that is in every personal text.
const MARK: &str = "zoe7f3a";

/// The law asks for these.
const KEPT: [&str; 2] = ["audit_log", "bank_transactions"];

/// Names the tables that contain a text.
const SEARCH: &str = "CREATE FUNCTION tables_with(mark text) RETURNS SETOF text LANGUAGE plpgsql AS $$
    DECLARE
        name text;
        is_there boolean;
    BEGIN
        FOR name IN SELECT c.relname FROM pg_class c
                    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY c.relname LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM %I t WHERE t::text ~* %L)', name, mark) INTO is_there;
            IF is_there THEN
                RETURN NEXT name;
            END IF;
        END LOOP;
    END $$";

#[derive(diesel::QueryableByName)]
struct Table {
    #[diesel(sql_type = Text)]
    name: String,
}

/// The tables that contain the mark.
async fn marked(conn: &mut Connection) -> Vec<String> {
    let sql = format!("SELECT name FROM tables_with('{MARK}') AS name");
    let found: Vec<Table> = diesel::sql_query(sql).load(conn).await.unwrap();
    found.into_iter().map(|one| one.name).collect()
}

fn with_data(mut body: Value) -> Value {
    body["client_reference"] = json!(MARK);
    body["metadata"] = json!({ "who": MARK });
    body
}

/// An order that is paid by card.
async fn paid(app: &TestApp, amount: &str) -> String {
    let made = app.customer("alice").post("/v1/top-up-orders", &with_data(order("card", "USD", amount))).await;
    let made = id(&made.expect(201));
    play(app, "stripe", &made, "pay", json!({})).await;
    quiet(app, "stripe").await;
    made
}

/// What alice does, and what is done for her, with the mark in each text.
async fn live(app: &TestApp) {
    let (alice, service, operator) = (app.customer("alice"), app.service(), app.operator());
    let email = format!("{MARK}@example.com");
    let profile = json!({ "name": MARK, "email": email, "country": "VN", "address": MARK, "city": MARK });
    alice.send(Method::PUT, "/v1/billing-profile", Some(&profile), None).await.expect(200);
    let first = paid(app, "40").await;
    let disputed = paid(app, "10").await;
    let mut transfer = with_data(order("bank_transfer", "USD", "100"));
    transfer["bank_transfer"] = json!({ "remitter_name": MARK, "remitter_bank": MARK, "remarks": MARK });
    let transfer = id(&alice.post("/v1/top-up-orders", &transfer).await.expect(201));
    approve(&operator, &transfer, "100.00", "line-1").await.expect(200);

    let usage = json!({
        "id": "u", "customer_id": "alice", "currency": "USD", "amount": "1", "description": MARK,
        "metadata": { "who": MARK },
    });
    service.post("/v1/usage", &usage).await.expect(201);
    let hold = json!({
        "id": "h", "customer_id": "alice", "currency": "USD", "amount": "1", "expires_in": 600, "description": MARK,
        "metadata": { "who": MARK },
    });
    let opened = service.post("/v1/holds", &hold).await.expect(201);
    let release = format!("/v1/holds/{}/release", opened["hold_id"].as_str().unwrap());
    service.post(&release, &json!({})).await.expect(200);
    let moved = json!({ "currency": "USD", "amount": "5", "to_product": "sms" });
    alice.post("/v1/transfers", &with_data(moved)).await.expect(201);
    let grant = json!({ "customer_id": "alice", "currency": "USD", "amount": "3", "reason": "hello" });
    service.post("/v1/grants", &with_data(grant)).await.expect(201);

    let asked = json!({ "order_id": first, "amount": "1.00", "reason": MARK });
    let asked = id(&alice.post("/v1/refund-requests", &asked).await.expect(201));
    operator.post(&format!("/v1/admin/refund-requests/{asked}/approve"), &json!({})).await.expect(200);
    play(app, "stripe", &disputed, "dispute-open", json!({})).await;
    play(app, "stripe", &disputed, "dispute-lose", json!({})).await;
    quiet(app, "stripe").await;
    operator.post("/v1/admin/customers/alice/close", &json!({ "reason": MARK })).await.expect(200);
    quiet(app, "stripe").await;
    issue_papers(app).await;
}

/// Operators' actions whose steps no test needs: evidence, a write-off that was withdrawn, a payout that waits.
fn rows() -> String {
    format!(
        "INSERT INTO dispute_cases (dispute_id, evidence, sent_by, sent_at)
         SELECT id, '{MARK}', 'operator:ann', ledger_now() FROM disputes WHERE customer_id = 'alice'
         ON CONFLICT (dispute_id) DO UPDATE
         SET evidence = excluded.evidence, sent_by = excluded.sent_by, sent_at = excluded.sent_at;
         INSERT INTO write_offs (id, customer_id, currency, amount, reason, proposed_by, proposed_at, withdrawn_by,
                                 withdrawn_at)
         VALUES (gen_random_uuid(), 'alice', 'USD', 1, '{MARK}', 'operator:ann', ledger_now(), 'operator:ann',
                 ledger_now());
         INSERT INTO payouts (id, closing_id, customer_id, currency, amount, debited, bank_account_id, beneficiary,
                              status, proposed_by, proposed_at, updated_at)
         SELECT gen_random_uuid(), c.id, 'alice', 'USD', 1, 1, (SELECT id FROM bank_accounts LIMIT 1),
                '{{\"name\": \"{MARK}\", \"account\": \"{MARK}\"}}', 'awaiting_second_approval', 'operator:ann',
                ledger_now(), ledger_now()
         FROM closings c WHERE c.customer_id = 'alice'"
    )
}

#[tokio::test]
async fn nothing_personal_is_left_after_an_erasure() {
    let app = TestApp::spawn().await;
    live(&app).await;
    execute(&app.database, SEARCH).await;
    execute(&app.database, &rows()).await;
    let mut owner = connect(&url(&app.database)).await.unwrap();
    let alice = CustomerId::new("alice").unwrap();

    let personal = [
        "attempts",
        "billing_profiles",
        "closings",
        "dispute_cases",
        "entries",
        "grants",
        "holds",
        "papers",
        "payouts",
        "refund_requests",
        "top_up_orders",
        "transfers",
        "write_offs",
    ];
    let before = marked(&mut owner).await;
    for table in personal.iter().chain(&["events"]).chain(&KEPT) {
        assert!(before.iter().any(|name| name == table), "{table}: {before:?}");
    }
    let mut shown: Vec<String> = Vec::new();
    let mut note = |table: &str, data: Value| {
        if data.to_string().contains(MARK) {
            shown.push(table.to_owned());
        }
    };
    personal_data(&mut owner, &alice, &mut note).await.unwrap();
    shown.sort();
    shown.dedup();
    assert_eq!(shown, personal);

    // An operator still has to make the transfer.
    let refused = erase_texts(&mut owner, &alice).await.unwrap_err().to_string();
    assert!(refused.starts_with("payout pot_") && refused.ends_with(" is in progress"), "{refused}");
    assert_eq!(marked(&mut owner).await, before);
    execute(&app.database, "UPDATE payouts SET status = 'failed', failure = 'a typing error'").await;

    erase_texts(&mut owner, &alice).await.unwrap();
    assert_eq!(marked(&mut owner).await, KEPT);
    app.finish().await;
}
