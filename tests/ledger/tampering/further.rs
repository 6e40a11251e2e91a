//! What is broken in an order that two bank transfers served: one that completed it, and one that brought the rest.

use diesel_async::SimpleAsyncConnection;
use topup::domain::movement::OfOrder;
use topup::domain::movement::top_up::{AppliedPayment, top_up};
use topup::domain::payment::ProviderName;
use topup::domain::posting::PostingOutcome;

use super::{DISARM, OWNER, found_after};
use crate::fixture::{BANK, BANK_ORDER, BANK_PAYMENT, filled, shown};
use crate::support::{book, dec, execute, money, wallet};

#[tokio::test]
async fn whatever_is_tampered_with_of_a_further_transfer_is_named() {
    let (pool, database) = filled(2).await;
    let (alice, bank) = (wallet("alice", "USD", ""), BANK.as_simple().to_string());
    let of = OfOrder { id: BANK_ORDER, customer: &alice.customer, product: &alice.product };
    let rest = AppliedPayment {
        id: BANK_PAYMENT,
        application: 2,
        provider: ProviderName::BankTransfer,
        merchant_account: &bank,
    };
    let booked = book(&pool, top_up(of, rest, money(&alice, dec("50")), None)).await;
    assert!(booked.iter().all(|one| matches!(one, PostingOutcome::Booked(_))), "{booked:#?}");
    let records = format!(
        "INSERT INTO payment_applications (payment_id, n, order_id, customer_id, wallet_id, amount, applied_by,
             applied_at)
         SELECT payment_id, 2, order_id, customer_id, wallet_id, 50, 'operator:carol', now()
         FROM payment_applications WHERE payment_id = '{BANK_PAYMENT}';
         UPDATE payments SET applied = 250, unapplied_reason = NULL WHERE id = '{BANK_PAYMENT}';
         UPDATE top_up_orders SET received_amount = 250, credited_amount = 250 WHERE id = '{BANK_ORDER}'"
    );
    execute(&database, &records).await;
    execute(&database, DISARM).await;
    let mut conn = pool.get().await.unwrap();
    conn.batch_execute(OWNER).await.unwrap();
    let untouched = found_after(&mut conn, "").await;
    assert!(untouched.is_clean(), "{:#?}", untouched.disagreements);
    let (further, order) = (format!("{}:2", shown("pay", BANK_PAYMENT)), shown("tuo", BANK_ORDER));
    for (rule, subject, sql) in [
        ("order_price", &further, "UPDATE payment_applications SET fee = 1 WHERE n = 2"),
        ("order_price", &further, "UPDATE payment_applications SET tax_included = 1 WHERE n = 2"),
        ("application_entry", &further, "UPDATE payment_applications SET amount = 49 WHERE n = 2"),
        ("order_received", &order, "UPDATE top_up_orders SET received_amount = 200 WHERE received_amount = 250"),
        ("order_credited", &order, "UPDATE top_up_orders SET credited_amount = 200 WHERE credited_amount = 250"),
        ("order_received", &order, "UPDATE payment_applications SET reversed_at = now() WHERE n = 2"),
        ("order_recharge_count", &order, "DELETE FROM payment_applications WHERE n = 2"),
        ("paper_of_each", &further, "DELETE FROM papers_due WHERE application_n = 2"),
    ] {
        let report = found_after(&mut conn, sql).await;
        let named = report.disagreements.iter().any(|one| one.rule == rule && one.subject == *subject);
        assert!(named, "{sql}: {:#?}", report.disagreements);
    }
}
