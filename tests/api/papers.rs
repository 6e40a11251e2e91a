//! Receipts and credit notes: numbered without a gap in the order of events, and with the amounts of their events.

use chrono::{Datelike, Duration, Utc};
use diesel_async::SimpleAsyncConnection;
use futures_util::future::join_all;
use reqwest::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use topup::app::papers::issue_due;
use topup::app::seals::erase_texts;
use topup::domain::customer::CustomerId;
use topup::storage::pool::connect;

use crate::stage::{issue_papers, number, ordered, paid, play, quiet, read, until};
use crate::support::{Reply, TestApp, execute, url};

async fn papers(app: &TestApp, order: &str) -> Reply {
    app.operator().get(&format!("/v1/top-up-orders/{order}/receipt")).await.expect(200)
}

async fn refund(app: &TestApp, order: &str, amount: &str) {
    let body = json!({ "order_id": order, "amount": amount, "reason": "a test of papers" });
    app.operator().post("/v1/admin/refunds", &body).await.expect(201);
    quiet(app, "stripe").await;
    let done = async || number(app, "count(*) FROM refunds WHERE status <> 'succeeded'").await == 0;
    until("the refund has succeeded", done).await;
}

fn amount(value: &Value) -> Decimal {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_order_has_a_receipt_and_each_refund_a_credit_note() {
    let app = TestApp::spawn_with(|config| {
        config.papers.seller_name = "Example & Söhne".to_owned();
        config.papers.seller_phone = Some("+84 2".to_owned());
        config.papers.seller_bank_account = Some("00-7".to_owned());
    })
    .await;
    execute(&app.database, "UPDATE channel_rules SET fee_percent = 3.5 WHERE channel = 'card'").await;
    let profile = json!({
        "name": "<script>alert(1)</script>", "email": "alice@example.com", "country": "VN", "tax_id": "0101234565",
        "address": "12 Lý Thái Tổ", "city": "Hà Nội", "postal_code": "100000", "phone": "+84 1", "bank_name": "B",
        "registered_address": "1 Phố Huế", "bank_account": "19-2",
    });
    let alice = app.customer("alice");
    alice.send(Method::PUT, "/v1/billing-profile", Some(&profile), None).await.expect(200);
    let order = paid(&app, "alice", "card", "USD", "33.33").await;
    let pending = ordered(&app, "alice", "card", "USD", "20").await;
    let receipt = format!("/v1/top-up-orders/{order}/receipt");
    issue_papers(&app).await;
    let found = alice.get(&receipt).await.expect(200);
    let year = Utc::now().year();
    let paper = &found["receipt"];
    assert_eq!(paper["number"], format!("R-{year}-000001"));
    let order_now = read(&app, &order).await;
    for (figure, of_order) in
        [("amount", "received_amount"), ("fee", "fee"), ("tax", "tax"), ("credited", "credited_amount")]
    {
        assert_eq!(paper[figure], order_now[of_order], "{figure}");
    }
    let buyer = ["tax_id", "city", "postal_code", "phone", "bank_name"].map(|name| &paper["buyer"][name]);
    assert_eq!(buyer, ["0101234565", "Hà Nội", "100000", "+84 1", "B"]);
    assert_eq!((&paper["seller"]["phone"], &paper["e_invoice"]), (&json!("+84 2"), &Value::Null));
    assert_eq!(paper["source"], order);
    assert_eq!(found["credit_notes"], json!([]));
    alice.get(&format!("/v1/top-up-orders/{pending}/receipt")).await.problem(404, "not_found");
    app.customer("bob").get(&receipt).await.problem(404, "not_found");

    // Refunds in three parts: their credit notes are the receipt, to the last cent.
    for part in ["10.01", "0.57", "22.75"] {
        refund(&app, &order, part).await;
        issue_papers(&app).await;
    }
    let found = papers(&app, &order).await;
    let notes = found["credit_notes"].as_array().unwrap();
    let numbers: Vec<&str> = notes.iter().map(|note| note["number"].as_str().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3].map(|n| format!("C-{year}-00000{n}")));
    for figure in ["amount", "fee", "tax", "credited"] {
        let sum: Decimal = notes.iter().map(|note| amount(&note[figure])).sum();
        assert_eq!(sum, amount(&found["receipt"][figure]), "{figure}");
        assert!(notes.iter().all(|note| amount(&note[figure]) >= Decimal::ZERO), "{figure}");
    }
    assert_eq!(notes[0]["receipt_id"], found["receipt"]["id"]);
    shows_a_page(&app, &found["receipt"]).await;
    notes_the_states_invoice(&app, &found["receipt"]).await;

    // A profile that changes afterwards changes no paper, and none of an order that was made before.
    let other = json!({ "name": "Alice", "email": "alice@example.com", "country": "CN" });
    alice.send(Method::PUT, "/v1/billing-profile", Some(&other), None).await.expect(200);
    assert_eq!(papers(&app, &order).await["receipt"]["buyer"]["country"], "VN");
    play(&app, "stripe", &pending, "pay", json!({})).await;
    quiet(&app, "stripe").await;
    issue_papers(&app).await;
    assert_eq!(papers(&app, &pending).await["receipt"]["buyer"]["country"], "VN");
    app.finish().await;
}

async fn shows_a_page(app: &TestApp, receipt: &Value) {
    let path = format!("/v1/papers/{}/page", receipt["id"].as_str().unwrap());
    for (query, title, words) in [
        ("", "Receipt", ["Tax ID", "Registered address", "Phone", "Bank", "Account"]),
        ("?lang=zh-CN", "收据", ["税号", "注册地址", "电话", "开户行", "账号"]),
        ("?lang=vi", "Biên nhận", ["Mã số thuế", "Địa chỉ đăng ký", "Điện thoại", "Ngân hàng", "Số tài khoản"]),
    ] {
        let page = app.customer("alice").get(&format!("{path}{query}")).await.expect(200);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(!page.text.contains("<script"), "{}", page.text);
        for text in [title, "&lt;script&gt;", "Example &amp; Söhne", "33.33 USD", "12 Lý Thái Tổ", "100000 Hà Nội"]
        {
            assert!(page.text.contains(text), "{text}: {}", page.text);
        }
        let [tax_id, registered, phone, bank, account] = words;
        for (word, text) in [
            (tax_id, "0101234565"),
            (registered, "1 Phố Huế"),
            (phone, "+84 1"),
            (phone, "+84 2"),
            (bank, "B"),
            (account, "19-2"),
            (account, "00-7"),
        ] {
            assert!(page.text.contains(&format!("<p>{word}: {text}</p>")), "{word}: {}", page.text);
        }
    }
    app.customer("bob").get(&path).await.problem(404, "not_found");
    app.customer("alice").get(&format!("{path}?lang=de")).await.problem(422, "validation_failed");
}

async fn notes_the_states_invoice(app: &TestApp, receipt: &Value) {
    let id = receipt["id"].as_str().unwrap();
    let path = format!("/v1/admin/papers/{id}/e-invoice");
    let invoice = json!({ "number": "1C26TAA-7", "url": "https://invoices.example.com/7.pdf" });
    let noted = app.operator().send(Method::PUT, &path, Some(&invoice), None).await.expect(200);
    assert_eq!(noted["e_invoice"], invoice);
    assert_eq!(app.customer("alice").get(&format!("/v1/papers/{id}")).await.expect(200)["e_invoice"], invoice);
    for (bad, pointer) in
        [(json!({ "number": "" }), "/number"), (json!({ "number": "7", "url": "javascript:alert(1)" }), "/url")]
    {
        let refused = app.operator().send(Method::PUT, &path, Some(&bad), None).await.problem(422, "validation_failed");
        assert_eq!(refused["errors"][0]["pointer"], pointer);
    }
    let target = format!("/v1/admin/audit-log?target=paper:{id}");
    assert_eq!(app.operator().get(&target).await.expect(200)["data"][0]["action"], "paper.e_invoice_noted");
    let list = app.operator().get("/v1/admin/papers?customer_id=alice&kind=receipt").await.expect(200);
    assert_eq!((list["data"].as_array().unwrap().len(), &list["data"][0]["id"]), (1, &receipt["id"]));
    assert_eq!(
        app.operator().get("/v1/admin/papers?kind=credit_note&limit=2").await["data"].as_array().unwrap().len(),
        2
    );
}

/// A lost dispute gets a credit note for what no refund has credited yet. If the dispute is won after all, the note is
/// cancelled.
#[tokio::test]
async fn a_lost_dispute_has_a_credit_note() {
    let app = TestApp::spawn().await;
    execute(&app.database, "UPDATE channel_rules SET fee_percent = 3.5 WHERE channel = 'card'").await;
    let disputed = paid(&app, "alice", "card", "USD", "100.00").await;
    refund(&app, &disputed, "30.00").await;
    for (action, options) in [("dispute-open", json!({ "amount": 8_000 })), ("dispute-lose", json!({}))] {
        play(&app, "stripe", &disputed, action, options).await;
        quiet(&app, "stripe").await;
    }
    let reversed = paid(&app, "bob", "paypal", "USD", "100.00").await;
    play(&app, "paypal", &reversed, "reverse", json!({})).await;
    quiet(&app, "paypal").await;
    issue_papers(&app).await;
    let found = papers(&app, &disputed).await;
    let notes = found["credit_notes"].as_array().unwrap();
    assert_eq!(notes.iter().map(|note| &note["amount"]).collect::<Vec<_>>(), ["30.00", "70.00"]);
    assert!(notes[1]["source"].as_str().unwrap().starts_with("dsp_"), "{}", found.text);
    assert_eq!(notes[1]["receipt_id"], found["receipt"]["id"]);
    for figure in ["fee", "tax", "credited"] {
        let sum: Decimal = notes.iter().map(|note| amount(&note[figure])).sum();
        assert_eq!(sum, amount(&found["receipt"][figure]), "{figure}");
    }

    // The refund fails after all. What the dispute took is still credited.
    play(&app, "stripe", &disputed, "refund-fail", json!({})).await;
    quiet(&app, "stripe").await;
    issue_papers(&app).await;
    let found = papers(&app, &disputed).await;
    let failed = &found["credit_notes"][2];
    assert_eq!((&failed["kind"], &failed["amount"]), (&json!("cancellation"), &json!("20.00")), "{}", found.text);

    // PayPal has told of the reversal before the dispute.
    for action in ["dispute-open", "dispute-win"] {
        play(&app, "paypal", &reversed, action, json!({})).await;
        quiet(&app, "paypal").await;
        issue_papers(&app).await;
    }
    let found = papers(&app, &reversed).await;
    let notes = found["credit_notes"].as_array().unwrap();
    let told: Vec<_> = notes.iter().map(|note| (&note["kind"], &note["amount"])).collect();
    let whole = json!("100.00");
    assert_eq!(told, [(&json!("credit_note"), &whole), (&json!("cancellation"), &whole)]);
    assert_eq!(number(&app, "count(*) FROM papers WHERE source LIKE 'dsp%:won' AND kind = 'cancellation'").await, 1);
    app.finish().await;
}

/// Four processes issue at once, while orders complete: each order gets one receipt, without a gap, in order.
#[tokio::test]
async fn papers_that_are_issued_at_once_leave_no_gap() {
    let app = TestApp::spawn().await;
    let state = &app.server.app;
    let fund = async |n: usize| app.fund(&format!("customer-{n}"), "CNY", "5.00").await;
    let issuing = async || {
        for _ in 0..12 {
            issue_due(state, Duration::zero(), 2).await.unwrap();
        }
    };
    let (orders, _) = tokio::join!(join_all((0..16).map(fund)), join_all((0..4).map(|_| issuing())));
    issue_papers(&app).await;
    assert_eq!(orders.len(), 16);
    let of = |what: &str| format!("{what} FROM papers WHERE kind = 'receipt'");
    for what in ["count(*)", "max(number)", "count(DISTINCT number)", "count(DISTINCT order_id)"] {
        assert_eq!(number(&app, &of(what)).await, 16, "{what}");
    }
    assert_eq!(number(&app, "last FROM paper_numbers WHERE series = 'R'").await, 16);

    // Money that never came is subtracted again, by a paper of its own.
    let reversed = json!({ "reason": "never came", "reach": "order_wallet" });
    let path = format!("/v1/admin/top-up-orders/{}/reverse", orders[0]);
    app.operator().post(&path, &reversed).await.expect(200);
    issue_papers(&app).await;
    let note = papers(&app, &orders[0]).await["credit_notes"][0].clone();
    assert_eq!((&note["kind"], &note["amount"]), (&json!("credit_note"), &json!("5.00")));
    app.finish().await;
}

/// The row of a paper cannot be written: it uses no number, the papers after it are issued, and it is issued later.
#[tokio::test]
async fn a_paper_that_cannot_be_issued_is_set_aside() {
    let app = TestApp::spawn().await;
    let refused = "ALTER TABLE papers ADD CONSTRAINT refused CHECK (customer_id <> 'alice')";
    execute(&app.database, refused).await;
    let first = app.fund("alice", "CNY", "5.00").await;
    let second = app.fund("bob", "CNY", "5.00").await;
    let others = async || {
        issue_due(&app.server.app, Duration::zero(), 1).await.unwrap();
        number(&app, "count(*) FROM papers").await == 1
    };
    until("the papers of others are issued", others).await;
    let year = Utc::now().year();
    assert_eq!(papers(&app, &second).await["receipt"]["number"], format!("R-{year}-000001"));
    assert_eq!(number(&app, "count(*) FROM papers_due WHERE failure IS NOT NULL AND try_at > now()").await, 1);
    assert_eq!(issue_due(&app.server.app, Duration::zero(), 1).await.unwrap(), 0);

    execute(&app.database, "ALTER TABLE papers DROP CONSTRAINT refused; UPDATE papers_due SET try_at = now()").await;
    issue_papers(&app).await;
    assert_eq!(papers(&app, &first).await["receipt"]["number"], format!("R-{year}-000002"));
    app.finish().await;
}

/// A paper is due while the customer is erased. It waits for the erasure, and names nobody.
#[tokio::test]
async fn no_paper_is_issued_while_its_buyer_is_erased() {
    let app = TestApp::spawn().await;
    let order = paid(&app, "alice", "card", "USD", "20").await;
    assert_eq!(number(&app, "count(*) FROM top_up_orders WHERE buyer IS NOT NULL").await, 1);
    // Delays the erasure in the middle.
    let mut holder = connect(&url(&app.database)).await.unwrap();
    holder.batch_execute("BEGIN; LOCK TABLE billing_profiles IN SHARE MODE").await.unwrap();
    let mut owner = connect(&url(&app.database)).await.unwrap();
    let alice = CustomerId::new("alice").unwrap();
    let erasure = erase_texts(&mut owner, &alice);
    let meanwhile = async {
        let held_up = "count(*) FROM pg_locks WHERE NOT granted AND relation = 'billing_profiles'::regclass";
        until("the erasure is held up", async || number(&app, held_up).await == 1).await;
        assert_eq!(issue_due(&app.server.app, Duration::zero(), 50).await.unwrap(), 0);
        holder.batch_execute("ROLLBACK").await.unwrap();
    };
    let (erased, ()) = tokio::join!(erasure, meanwhile);
    erased.unwrap();
    issue_papers(&app).await;
    assert_eq!(papers(&app, &order).await["receipt"]["buyer"], Value::Null);
    assert_eq!(number(&app, "count(*) FROM papers WHERE buyer IS NULL").await, 1);
    app.finish().await;
}
