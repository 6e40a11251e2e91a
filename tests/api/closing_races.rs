//! A closing races everything that moves the customer's money: it is either there before, and goes back with the rest,
//! or is refused, or is kept unapplied.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::closings::{advance, close, closing};
use crate::stage::{number, ordered, paid, play, quiet, until, with_status};
use crate::support::TestApp;

fn usage(customer: &str, id: &str, amount: &str) -> Value {
    json!({ "id": id, "customer_id": customer, "currency": "USD", "amount": amount })
}

#[tokio::test]
async fn a_closing_races_usage_transfers_holds_a_top_up_and_itself() {
    let app = TestApp::spawn().await;
    let (service, operator) = (app.service(), app.operator());
    for customer in ["anna", "bert", "cleo", "dora"] {
        paid(&app, customer, "card", "USD", "50.00").await;
        let pending = ordered(&app, customer, "card", "USD", "8.00").await;
        let own = app.customer(customer);
        let usages = join_all((0..8).map(|n| {
            let (service, body) = (service.clone(), usage(customer, &format!("u{n}"), "1"));
            async move { service.post("/v1/usage", &body).await }
        }));
        let holds = join_all((0..4).map(|n| {
            let (service, mut body) = (service.clone(), usage(customer, &format!("h{n}"), "1"));
            body["expires_in"] = json!(600);
            async move { service.post("/v1/holds", &body).await }
        }));
        let move_it = json!({ "currency": "USD", "amount": "3.00", "from_product": null, "to_product": "gpu" });
        let transfers = join_all((0..4).map(|_| own.post("/v1/transfers", &move_it)));
        let order = crate::stage::order("card", "USD", "5.00");
        let orders = join_all((0..4).map(|_| own.post("/v1/top-up-orders", &order)));
        let closes = join_all((0..3).map(|_| close(&operator, customer)));
        let pays = play(&app, "stripe", &pending, "pay", json!({}));
        let (usages, holds, transfers, _, closes, _) =
            futures_util::join!(usages, holds, transfers, orders, closes, pays);
        assert_eq!(with_status(&closes, 200), 3);
        assert!(closes.iter().all(|reply| reply["id"] == closes[0]["id"]));
        for reply in usages.iter().chain(&holds).chain(&transfers) {
            assert!(reply.status == 201 || reply["code"] == "account_closed", "{}", reply.text);
        }
        service.post("/v1/usage", &usage(customer, "late", "1")).await.problem(409, "account_closed");
        for hold in holds.iter().filter(|reply| reply.status == 201) {
            let path = format!("/v1/holds/{}/release", hold["hold_id"].as_str().unwrap());
            service.post(&path, &json!({})).await.expect(200);
        }
        quiet(&app, "stripe").await;
        // An operator has to send back what came too late.
        let kept = operator.get(&format!("/v1/admin/unapplied-payments?customer_id={customer}")).await.expect(200);
        for payment in kept["data"].as_array().unwrap() {
            assert_eq!(payment["reason"], "account_closed");
            let path = format!("/v1/admin/unapplied-payments/{}/return", payment["id"].as_str().unwrap());
            operator.post(&path, &json!({ "reason": "the account is closed" })).await.expect(201);
        }
        quiet(&app, "stripe").await;
        until("it is closed", async || {
            // Several workers and operators at once take no step twice.
            join_all((0..3).map(|_| advance(&app, customer))).await;
            closing(&app, customer).await["status"] == "closed"
        })
        .await;
        let open = format!(
            "count(*) FROM top_up_orders WHERE customer_id = '{customer}' AND status IN ('pending', 'processing')"
        );
        assert_eq!(number(&app, &open).await, 0, "{customer}");
        quiet(&app, "stripe").await;
        // Of all money that came, we keep exactly the part that was used. The rest went back, to the cent.
        let used = with_status(&usages, 201);
        let sum = |of: &str| {
            format!(
                "coalesce(sum({of}), 0) FROM payments p JOIN top_up_orders o ON o.id = p.order_id
            WHERE o.customer_id = '{customer}'"
            )
        };
        let back = number(&app, &sum("p.refunded")).await;
        assert_eq!(number(&app, &sum("p.amount")).await - back, used as i64, "{customer}");
        app.check().await;
    }
    app.finish().await;
}

#[tokio::test]
async fn two_approvals_of_a_payout_and_of_a_write_off_at_once_move_money_once() {
    let app = TestApp::spawn().await;
    let operator = app.operator();
    let up = json!({
        "customer_id": "alice", "currency": "USD", "direction": "up", "amount": "12.00", "reason": "billed twice"
    });
    operator.post("/v1/admin/adjustments", &up).await.expect(201);
    crate::stage::profile(&app, "alice").await;
    assert_eq!(close(&operator, "alice").await.expect(200)["status"], "payout");
    let accounts = operator.get("/v1/admin/bank-accounts").await.expect(200);
    let ours = accounts["data"].as_array().unwrap().iter().find(|account| account["currency"] == "USD").unwrap();
    let body = json!({
        "customer_id": "alice", "currency": "USD", "bank_account_id": ours["id"], "account": "1"
    });
    let proposals = join_all((0..4).map(|_| operator.post("/v1/admin/payouts", &body))).await;
    assert_eq!(with_status(&proposals, 202), 1);
    let made = proposals.iter().find(|reply| reply.status == 202).unwrap();
    let path = format!("/v1/admin/payouts/{}", made["id"].as_str().unwrap());
    let (anna, ben) = (app.operator_named("anna"), app.operator_named("ben"));
    let (approve, empty) = (format!("{path}/approve"), json!({}));
    let approvals = join_all([&anna, &ben, &anna, &ben].map(|by| by.post(&approve, &empty))).await;
    assert_eq!(with_status(&approvals, 200), 1, "{:?}", approvals.iter().map(|reply| &reply.text).collect::<Vec<_>>());
    // One operator records that the money was sent. At the same time, another records that it was not.
    let (sent, reject) = (format!("{path}/mark-sent"), format!("{path}/reject"));
    let sent_as = json!({ "bank_transaction_id": "OUT9" });
    let why = json!({ "reason": "r" });
    futures_util::join!(operator.post(&sent, &sent_as), operator.post(&reject, &why));
    assert_eq!(number(&app, "count(*) FROM entries WHERE kind = 19").await, 1);
    assert_eq!(number(&app, "count(*) FROM entries WHERE kind = 20").await, 1);
    assert_eq!(closing(&app, "alice").await["status"], "payout");

    let mut late = usage("alice", "late", "20");
    late["on_insufficient"] = json!("book");
    app.service().post("/v1/usage", &late).await.expect(201);
    advance(&app, "alice").await;
    assert_eq!(closing(&app, "alice").await["status"], "closed");
    let owes = json!({ "customer_id": "alice", "currency": "USD", "reason": "gone" });
    let made = operator.post("/v1/admin/write-offs", &owes).await.expect(202);
    assert_eq!(made["amount"], "8.00");
    let approve = format!("/v1/admin/write-offs/{}/approve", made["id"].as_str().unwrap());
    let approvals = join_all([&anna, &ben, &anna, &ben].map(|by| by.post(&approve, &empty))).await;
    assert_eq!(with_status(&approvals, 200), 1);
    assert_eq!(number(&app, "count(*) FROM entries WHERE kind = 21").await, 1);
    app.finish().await;
}
