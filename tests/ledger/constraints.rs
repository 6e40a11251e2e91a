//! What the database refuses by itself, whoever writes.

use diesel::result::Error::DatabaseError;
use diesel_async::SimpleAsyncConnection;
use topup::domain::entry::EntryKind::{self, Adjust};
use topup::domain::posting::PostingOutcome;
use uuid::Uuid;

use crate::support::{adjust_as, assert_clean, book, database, dec, execute, wallet};

fn new_wallet(customer: &str, currency: &str, product: &str) -> String {
    format!(
        "INSERT INTO wallets (customer_id, currency, product, id, created_at, updated_at)
         VALUES ('{customer}', '{currency}', '{product}', gen_random_uuid(), now(), now())"
    )
}

/// The one entry once more, with its own number and key but for these changes.
fn new_entry(changes: &str) -> String {
    format!(
        "INSERT INTO entries SELECT (jsonb_populate_record(e, '{{\"seq\": 2, \"key\": \"another\"}}'::jsonb ||
         '{changes}')).*
         FROM entries AS e"
    )
}

fn take_back(change: &str) -> String {
    format!("UPDATE take_backs SET {change}")
}

fn claim(change: &str) -> String {
    format!("UPDATE taken_back_debts SET {change}")
}

#[tokio::test]
async fn the_database_refuses_what_cannot_be() {
    let (pool, database) = database(1).await;
    let of_somebody_else =
        "INSERT INTO take_backs (source, n, part, order_id, customer_id, wallet_id, counterpart, taken,
             taken_at)
         VALUES ('dsp_00000000000000000000000000000001', 1, 'money', gen_random_uuid(), 'ben', gen_random_uuid(),
             'dispute:stripe', 5, now());
         INSERT INTO taken_back_debts (source, part, order_id, customer_id, currency, counterpart, amount, created_at)
         VALUES ('dsp_00000000000000000000000000000001', 'money', gen_random_uuid(), 'ben', 'USD', 'dispute:stripe', 5,
             now())";
    execute(&database, of_somebody_else).await;
    let credit = adjust_as(&wallet("ann", "USD", ""), Uuid::nil(), dec("5"));
    assert!(matches!(book(&pool, vec![credit]).await[..], [PostingOutcome::Booked(_)]));

    let mut refused: Vec<(String, &str)> = [
        ("UPDATE wallets SET claimed = true", "wallets_needs_full_path_is_kept"),
        ("UPDATE wallets SET customer_frozen = true", "wallets_needs_full_path_is_kept"),
        ("UPDATE wallets SET closing = true", "wallets_needs_full_path_is_kept"),
        ("UPDATE wallets SET closed = true, needs_full_path = false", "wallets_needs_full_path_is_kept"),
        ("UPDATE wallets SET bonus_owed = -1", "wallet_part_not_negative"),
        ("UPDATE wallets SET paid = -1, paid_out = paid_in + 1", "wallet_part_not_negative"),
        ("UPDATE wallets SET granted = -1", "wallet_part_not_negative"),
        ("UPDATE wallets SET granted = 1", "wallets_active_grant_is_there"),
        ("UPDATE wallets SET grants_until = now()", "wallets_active_grant_is_there"),
        (
            "UPDATE wallets SET active_grant = gen_random_uuid(), active_remaining = 2, active_held = 0, granted = 1",
            "wallets_active_grant_is_there",
        ),
        (
            "UPDATE wallets SET active_grant = gen_random_uuid(), active_remaining = 1, active_held = 2, granted = 1",
            "wallets_active_grant_is_there",
        ),
        (
            "UPDATE wallets SET active_grant = gen_random_uuid(), active_remaining = 0, active_held = 0, granted = 1",
            "wallets_active_grant_is_there",
        ),
        ("UPDATE wallets SET active_grant = gen_random_uuid(), granted = 1", "wallets_active_grant_is_there"),
        ("UPDATE wallets SET daily_cap = 0", "spend_cap_positive"),
        ("UPDATE wallets SET daily_cap = 1", "wallets_guard_is_whole"),
        ("UPDATE wallets SET guard_day = now(), spent_today = 0, spent_this_month = 0", "wallets_guard_is_whole"),
        ("UPDATE wallets SET guard_day = now(), daily_cap = 1, spent_today = 0", "wallets_guard_is_whole"),
        ("UPDATE wallets SET held = -1", "wallet_part_not_negative"),
        ("UPDATE wallets SET debt = -1", "wallet_part_not_negative"),
        ("UPDATE wallets SET held = paid + 1", "wallets_held_is_there"),
        ("UPDATE wallets SET paid = paid + 1", "wallets_paid_is_in_less_out"),
        ("UPDATE wallets SET needs_full_path = true", "wallets_needs_full_path_is_kept"),
        ("UPDATE wallets SET frozen = true", "wallets_needs_full_path_is_kept"),
    ]
    .map(|(sql, constraint)| (sql.to_owned(), constraint))
    .into();
    refused.extend([
        (new_wallet("two words", "USD", ""), "customer_key_form"),
        (new_wallet("ann", "usd", ""), "currency_code_form"),
        (new_wallet("ann", "USD", "GPU"), "product_code_form"),
        (new_wallet("ann", "USD", ""), "wallets_pkey"),
        (new_entry(r#"{"seq": 1}"#), "entries_pkey"),
        (new_entry(&format!(r#"{{"key": "adj_{}"}}"#, Uuid::nil().as_simple())), "entries_key_once"),
        (new_entry(r#"{"seq": 0}"#), "entry_number_positive"),
        (new_entry(r#"{"key": ""}"#), "dedupe_key_length"),
        (new_entry(r#"{"counterpart": ""}"#), "counterpart_named"),
        (new_entry(r#"{"kind": 0}"#), "entry_kind_known"),
        (new_entry(r#"{"kind": 23}"#), "entry_kind_known"),
        (take_back("taken = 0"), "take_backs_taken"),
        (take_back("given_back = 5.01, returns = 1"), "take_backs_given_back"),
        (take_back("given_back = 1"), "take_backs_returns"),
        (take_back("part = 'bonus'"), "take_backs_bonus"),
        (claim("amount = 0"), "taken_back_debts_amount"),
        (claim("part = 'bonus', grant_id = order_id"), "taken_back_debts_part"),
        (claim("source = 'hold_0'"), "take_back_source_form"),
    ]);
    for kind in EntryKind::ALL {
        let takes = EntryKind::TAKES_MONEY.contains(&kind);
        let wrong: &[i32] = if kind == Adjust {
            &[0]
        } else if takes {
            &[0, 1]
        } else {
            &[0, -1]
        };
        for amount in wrong {
            let changes = format!(r#"{{"kind": {}, "amount": {amount}}}"#, kind.code());
            refused.push((new_entry(&changes), "entries_sign"));
        }
    }

    let mut conn = pool.get().await.unwrap();
    for (sql, constraint) in refused {
        match conn.batch_execute(&sql).await {
            Err(DatabaseError(_, info)) => {
                assert_eq!(info.constraint_name(), Some(constraint), "{sql}: {}", info.message())
            }
            other => panic!("{sql}: {other:?}"),
        }
    }
    for sql in ["UPDATE entries SET amount = 6", "DELETE FROM entries", "TRUNCATE entries"] {
        let error = conn.batch_execute(sql).await.unwrap_err().to_string();
        assert!(error.contains("append-only"), "{sql}: {error}");
    }
    // Everything else about the row that was refused above is fine.
    conn.batch_execute(&format!("BEGIN; {}; ROLLBACK", new_entry("{}"))).await.unwrap();
    conn.batch_execute("DELETE FROM taken_back_debts; DELETE FROM take_backs").await.unwrap();
    drop(conn);
    assert_clean(&pool).await;
}
