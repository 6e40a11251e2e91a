//! Disputes as work: what the company wants until when, the file of evidence, and how disputes end.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::audit::both_ways;
use crate::stage::{number, paid, play, quiet, timeline, with_status};
use crate::support::{TestApp, execute};

async fn opened(app: &TestApp, company: &str, order: &str) -> String {
    play(app, company, order, "dispute-open", json!({})).await;
    quiet(app, company).await;
    let listed = app.operator().get(&format!("/v1/admin/disputes?order={order}")).await.expect(200);
    format!("/v1/admin/disputes/{}", listed["data"][0]["id"].as_str().unwrap())
}

async fn outcomes(app: &TestApp) -> Vec<Value> {
    let month = chrono::Utc::now().format("%Y-%m").to_string();
    let found = app.operator().get(&format!("/v1/admin/dispute-outcomes?from={month}&to={month}")).await.expect(200);
    found["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn evidence_about_a_dispute_is_ready_and_is_sent_once() {
    let app = TestApp::spawn().await;
    let order = paid(&app, "alice", "card", "USD", "20.00").await;
    let usage =
        json!({ "id": "u-1", "customer_id": "alice", "currency": "USD", "amount": "5", "description": "a call" });
    app.service().post("/v1/usage", &usage).await.expect(201);
    let dispute = opened(&app, "stripe", &order).await;
    let case = app.operator().get(&dispute).await.expect(200);
    assert_eq!((&case["fee_amount"], &case["fee_currency"]), (&json!("15.00"), &json!("USD")));
    let due: chrono::DateTime<chrono::Utc> = case["evidence_due_at"].as_str().unwrap().parse().unwrap();
    assert!((6..=7).contains(&(due - chrono::Utc::now()).num_days()), "{due}");
    // The company's charge is no money of the customer.
    assert_eq!(case["dispute"]["amount"], "20.00");
    let evidence = app.operator().get(&format!("{dispute}/evidence")).await.expect(200);
    let text = evidence["text"].as_str().unwrap();
    for part in ["alice@example.com", "agreement", "usage of 5.00 USD a call", "127.0.0.1", "completed"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(evidence["order_id"], json!(order));

    let note = json!({ "note": "the payer has confirmed it" });
    app.service().post(&format!("{dispute}/evidence"), &note).await.problem(403, "insufficient_scope");
    let answers = join_all(["anna", "ben", "cleo"].map(|name| {
        let (app, path, note) = (&app, format!("{dispute}/evidence"), note.clone());
        async move { app.operator_named(name).post(&path, &note).await }
    }))
    .await;
    assert_eq!(with_status(&answers, 200), 1, "{answers:#?}");
    quiet(&app, "stripe").await;
    app.operator().post(&format!("{dispute}/evidence"), &note).await.problem(409, "evidence_sent");
    let case = app.operator().get(&dispute).await.expect(200);
    assert!(case["evidence_sent"].as_str().unwrap().contains("Note: the payer has confirmed it"), "{}", case.text);
    assert_eq!(case["dispute"]["status"], "open");
    assert!(timeline(&app, &order).await.contains(&"dispute_evidence_sent".to_owned()));
    assert_eq!(outcomes(&app).await[0]["status"], "open");
    play(&app, "stripe", &order, "dispute-win", json!({})).await;
    quiet(&app, "stripe").await;
    let won = &outcomes(&app).await[0];
    assert_eq!((&won["status"], &won["count"], &won["amount"]), (&json!("won"), &json!(1), &json!("20.00")));

    // Nothing was used of this one.
    let unused = paid(&app, "bob", "card", "USD", "20.00").await;
    let dispute = opened(&app, "stripe", &unused).await;
    app.operator().post(&format!("{dispute}/evidence"), &note).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn evidence_that_cannot_be_sent_says_why() {
    let app = TestApp::spawn().await;
    // PayPal takes evidence on its own pages only.
    let order = paid(&app, "alice", "paypal", "USD", "20").await;
    let dispute = opened(&app, "paypal", &order).await;
    let send = format!("{dispute}/evidence");
    app.operator().post(&send, &json!({})).await.problem(422, "provider_unsupported");
    assert_eq!(app.operator().get(&dispute).await.expect(200)["evidence_sent"], json!(null));
    app.operator().get(&send).await.expect(200);
    app.operator_named("alice").post(&send, &json!({})).await.problem(403, "own_account");
    // A decided dispute takes none.
    let order = paid(&app, "bob", "card", "USD", "20.00").await;
    let dispute = opened(&app, "stripe", &order).await;
    play(&app, "stripe", &order, "dispute-lose", json!({})).await;
    quiet(&app, "stripe").await;
    app.operator().post(&format!("{dispute}/evidence"), &json!({})).await.problem(409, "dispute_closed");
    let wrong = "/v1/admin/dispute-outcomes?from=2026-02&to=2026-01";
    app.operator().get(wrong).await.names("?to", "out_of_range");
    assert_eq!(outcomes(&app).await.len(), 2);
    app.finish().await;
}

/// Disputes are listed by the time at which evidence is due, and leave the list when evidence is sent, or the dispute
/// is decided.
#[tokio::test]
async fn evidence_that_is_due_is_a_worklist() {
    let app = TestApp::spawn().await;
    let mut made = Vec::new();
    for customer in ["alice", "bob", "cleo", "dora"] {
        let order = paid(&app, customer, "card", "USD", "20.00").await;
        let path = opened(&app, "stripe", &order).await;
        made.push((order, path.rsplit('/').next().unwrap().to_owned()));
    }
    // The dispute that was opened last is due first; for another one the company names no day.
    for (n, (_, id)) in made.iter().enumerate() {
        let day = 20 - n;
        let due = format!(
            "UPDATE dispute_cases c SET evidence_due_at = '2030-01-{day}' FROM disputes d
             WHERE d.id = c.dispute_id AND replace(d.id::text, '-', '') = '{}'",
            id.trim_start_matches("dsp_")
        );
        execute(&app.database, &due).await;
    }
    let nameless = "UPDATE dispute_cases c SET evidence_due_at = NULL FROM disputes d
                    WHERE d.id = c.dispute_id AND d.customer_id = 'cleo'";
    execute(&app.database, nameless).await;
    let operator = app.operator();
    let listed = async |query: &str| {
        let pages = both_ways(&operator, &format!("/v1/admin/disputes?{query}"), 1).await;
        let of = |row: &Value| row["customer_id"].as_str().unwrap().to_owned();
        pages.concat().iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(listed("sort=oldest").await, ["alice", "bob", "cleo", "dora"]);
    assert_eq!(listed("worklist=evidence_due").await, ["dora", "bob", "alice"]);
    assert_eq!(listed("worklist=evidence_due&sort=newest").await, ["alice", "bob", "dora"]);
    assert_eq!(listed("evidence_due_before=2030-01-19T00:00:00Z").await, ["dora"]);
    assert_eq!(listed("worklist=evidence_due&customer_id=bob&status=open").await, ["bob"]);
    assert_eq!(listed("worklist=evidence_due&status=won").await, [""; 0]);
    operator.get("/v1/admin/disputes?worklist=lost").await.names("?worklist", "invalid_value");
    let first = operator.get("/v1/admin/disputes?worklist=evidence_due&limit=1").await.expect(200);
    assert_eq!(first["data"][0]["evidence"]["due_at"], "2030-01-17T00:00:00Z", "{}", first.text);
    let cursor = first["next_cursor"].as_str().unwrap();
    operator.get(&format!("/v1/admin/disputes?cursor={cursor}")).await.names("?cursor", "invalid_cursor");

    let send = format!("/v1/admin/disputes/{}/evidence", made[3].1);
    operator.post(&send, &json!({})).await.expect(200);
    play(&app, "stripe", &made[1].0, "dispute-lose", json!({})).await;
    quiet(&app, "stripe").await;
    assert_eq!(listed("worklist=evidence_due").await, ["alice"]);
    // PayPal takes evidence on its own pages, and says that it has some. Then it may ask for more.
    let order = paid(&app, "erin", "paypal", "USD", "20.00").await;
    let path = opened(&app, "paypal", &order).await;
    for (scene, due) in [("dispute-answer", false), ("dispute-update", true), ("dispute-answer", false)] {
        assert_eq!(operator.get(&path).await.expect(200)["evidence_awaited"], !due);
        play(&app, "paypal", &order, scene, json!({})).await;
        quiet(&app, "paypal").await;
        let expected = if due { vec!["erin", "alice"] } else { vec!["alice"] };
        assert_eq!(listed("worklist=evidence_due").await, expected, "{scene}");
    }
    // So does evidence that was sent in Stripe's dashboard.
    play(&app, "stripe", &made[0].0, "dispute-update", json!({})).await;
    quiet(&app, "stripe").await;
    assert_eq!(listed("worklist=evidence_due").await, [""; 0]);
    let all = operator.get("/v1/admin/disputes?customer_id=alice").await.expect(200);
    assert_eq!((&all["data"][0]["status"], &all["data"][0]["evidence"]["awaited"]), (&json!("open"), &json!(false)));
    let all = operator.get("/v1/admin/disputes?customer_id=dora").await.expect(200);
    assert!(all["data"][0]["evidence"]["sent_at"].is_string(), "{}", all.text);
    let wrong = "count(*) FROM dispute_cases c JOIN disputes d ON d.id = c.dispute_id
                 WHERE c.is_open <> (d.status = 'open')";
    assert_eq!(number(&app, wrong).await, 0);
    app.finish().await;
}
