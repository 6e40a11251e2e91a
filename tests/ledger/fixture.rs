//! A small book in which everything occurs once: payments of both sorts, orders, transfers, grants, holds, debt.

use chrono::{Duration, Utc};
use diesel_async::SimpleAsyncConnection;
use tokio::sync::OnceCell;
use topup::domain::entry::EntryKind::{
    Adjust, Bonus, BonusRevoked, Capture, Dispute, DisputeReturned, Grant, Recharge, Refund, RefundReturned, Reversal,
    TransferIn, TransferOut, Usage,
};
use topup::domain::posting::{Change, NewGrant, OnInsufficient, Outcome, Posting, ReversedParts};
use topup::storage::pool::Pool;
use uuid::Uuid;

use crate::support::{assert_clean, book, copy, database, dec, posting, wallet};

static FILLED: OnceCell<String> = OnceCell::const_new();

pub const ORDER: Uuid = id(1);
pub const BANK_ORDER: Uuid = id(2);
pub const PENDING_ORDER: Uuid = id(3);
pub const BALANCE_ORDER: Uuid = id(4);
pub const PAYMENT: Uuid = id(11);
pub const BANK_PAYMENT: Uuid = id(12);
pub const UNAPPLIED: Uuid = id(13);
pub const TO_WALLET: Uuid = id(14);
pub const BANK: Uuid = id(21);
pub const TRANSFER: Uuid = id(31);
pub const ORDER_TRANSFER: Uuid = id(32);
pub const REFUND: Uuid = id(41);
pub const FAILED_REFUND: Uuid = id(42);
pub const DISPUTE: Uuid = id(43);
pub const WON_DISPUTE: Uuid = id(44);
pub const ADJUSTMENT: Uuid = id(51);
pub const GRANT: Uuid = id(61);
pub const BONUS: Uuid = id(62);
pub const LAPSED: Uuid = id(63);
pub const OPEN: Uuid = id(71);
pub const CAPTURED: Uuid = id(72);
pub const RELEASED: Uuid = id(73);

const fn id(n: u128) -> Uuid {
    Uuid::from_u128((0x7 << 76) | (0x8 << 60) | n)
}

pub fn shown(prefix: &str, id: Uuid) -> String {
    format!("{prefix}_{}", id.as_simple())
}

/// A database of one's own with the book in it.
pub async fn filled(connections: usize) -> (Pool, String) {
    let template = FILLED
        .get_or_init(async || {
            let (pool, name) = database(1).await;
            fill(&pool).await;
            assert_clean(&pool).await;
            pool.close();
            name
        })
        .await;
    copy(template, connections).await
}

fn referring(mut posting: Posting, reference: String) -> Posting {
    posting.label.reference = Some(reference);
    posting
}

fn grant(id: Uuid, amount: &str, expires_at: Option<chrono::DateTime<Utc>>) -> Change {
    Change::Grant {
        grant: NewGrant {
            id,
            amount: dec(amount),
            priority: 100,
            expires_at,
            reason: "welcome".to_owned(),
            order_id: None,
            created_by: "operator".to_owned(),
        },
    }
}

async fn fill(pool: &Pool) {
    let main = wallet("alice", "USD", "");
    let product = wallet("alice", "USD", "whatsapp");
    let debtor = wallet("bob", "USD", "");
    let credit = |amount: &str| Change::Credit { amount: dec(amount) };
    let withdraw = |amount: &str| Change::Withdraw { amount: dec(amount) };
    let deduct = |amount: &str| Change::Deduct { amount: dec(amount), on_insufficient: OnInsufficient::Book };
    let revoke = |amount: &str| Change::RevokeGrant { grant_id: BONUS, amount: dec(amount) };
    let hold = |id: Uuid, amount: &str| Change::OpenHold { id, amount: dec(amount), lifetime: Duration::hours(20) };
    let key = |payment: Uuid| format!("{}:1", shown("pay", payment));
    let bank = format!("bank:{}", BANK.as_simple());

    let outcomes = book(
        pool,
        vec![
            referring(posting(&main, Recharge, &key(PAYMENT), "provider:stripe", credit("97")), shown("tuo", ORDER)),
            posting(&main, Bonus, &key(PAYMENT), "promotion", grant(BONUS, "5", None)),
            referring(posting(&main, Recharge, &key(BANK_PAYMENT), &bank, credit("200")), shown("tuo", BANK_ORDER)),
            posting(&debtor, Recharge, &key(TO_WALLET), "provider:stripe", credit("50")),
            posting(&main, Grant, "g", "promotion", grant(GRANT, "20", Some(Utc::now() + Duration::days(300)))),
            posting(&main, Grant, "l", "promotion", grant(LAPSED, "3", Some(Utc::now() - Duration::days(1)))),
            referring(posting(&main, TransferOut, "t", "transfer", withdraw("10")), shown("trf", TRANSFER)),
            referring(posting(&product, TransferIn, "t", "transfer", credit("10")), shown("trf", TRANSFER)),
            referring(posting(&main, TransferOut, "o", "transfer", withdraw("30")), shown("trf", ORDER_TRANSFER)),
            referring(posting(&product, TransferIn, "o", "transfer", credit("30")), shown("trf", ORDER_TRANSFER)),
            posting(&main, Usage, "u1", "usage", deduct("8.00000001")),
            posting(&main, Usage, "h-open", "usage", hold(OPEN, "12")),
            posting(&product, Usage, "h-captured", "usage", hold(CAPTURED, "9")),
            posting(&product, Usage, "h-released", "usage", hold(RELEASED, "2")),
            posting(
                &product,
                Capture,
                &shown("hold", CAPTURED),
                "usage",
                Change::Capture { hold_id: CAPTURED, amount: dec("9.5") },
            ),
            posting(&product, Capture, "release", "usage", Change::Release { hold_id: RELEASED }),
            posting(&debtor, Usage, "u2", "usage", deduct("54")),
            posting(&main, Refund, &shown("rfd", REFUND), "refund:stripe", withdraw("6.79")),
            posting(&main, BonusRevoked, &shown("rfd", REFUND), "promotion", revoke("0.5")),
            posting(&main, Refund, &shown("rfd", FAILED_REFUND), "refund:stripe", withdraw("6")),
            posting(&main, RefundReturned, &shown("rfd", FAILED_REFUND), "refund:stripe", credit("6")),
            posting(&main, Dispute, &shown("dsp", DISPUTE), "dispute:stripe", Change::TakeBack { amount: dec("4") }),
            posting(&main, BonusRevoked, &shown("dsp", DISPUTE), "promotion", revoke("0.2")),
            posting(
                &main,
                Dispute,
                &shown("dsp", WON_DISPUTE),
                "dispute:stripe",
                Change::TakeBack { amount: dec("3") },
            ),
            posting(&main, DisputeReturned, &shown("dsp", WON_DISPUTE), "dispute:stripe", credit("3")),
            posting(&main, Adjust, "a", "adjustment", Change::TakeBack { amount: dec("1") }),
        ],
    )
    .await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Booked(_))), "{outcomes:#?}");
    let used = outcomes.iter().find_map(|outcome| match outcome {
        Outcome::Booked(booked) => booked.entry.clone().filter(|entry| entry.label.key == "u1"),
        _ => None,
    });
    let grants = used.unwrap().grant_uses.into_iter().map(|(id, amount)| (id, -amount)).take(1).collect();
    let parts = ReversedParts { grants, ..ReversedParts::default() };
    book(pool, vec![posting(&main, Reversal, "u1", "usage", Change::Reverse { parts })]).await;

    let records = format!(
        "INSERT INTO bank_accounts (id, currency, bank_name, account_name, account_number)
         VALUES ('{BANK}', 'USD', 'First', 'Topup', '1');
         INSERT INTO top_up_orders (id, customer_id, currency, product, channel, provider, merchant_account, status, amount, fee, tax,
             credited_amount, reference, agreement_version, remitter_name, remitter_bank, bank_account_id, payer_ip,
             created_at, expires_at, updated_at, completed_at)
         VALUES ('{ORDER}', 'alice', 'USD', '', 'card', 'stripe', 'm', 'completed', 100, 2, 1, 97, 'A', '1', NULL, NULL, NULL, '::1', now(), now(), now(), now()),
                ('{BANK_ORDER}', 'alice', 'USD', '', 'bank_transfer', 'bank', '{bank}', 'completed', 200, 0, 0, 200, 'B', '1', 'Alice', 'First', '{BANK}', '::1', now(), now(), now(), now()),
                ('{PENDING_ORDER}', 'alice', 'USD', '', 'card', 'stripe', 'm', 'pending', 10, 0, 0, 10, 'C', '1', NULL, NULL, NULL, '::1', now(), now(), now(), NULL),
                ('{BALANCE_ORDER}', 'alice', 'USD', 'whatsapp', 'balance', 'balance', '', 'completed', 30, 0, 0, 30, 'D', '1', NULL, NULL, NULL, '::1', now(), now(), now(), now());
         INSERT INTO approvals (order_id, received_amount, bank_transaction_id, bank_account_id, received_on, second_needed, proposed_by, proposed_at, approved_by, approved_at)
         VALUES ('{BANK_ORDER}', 250, 'x', '{BANK}', now(), true, 'carol', now(), 'dave', now());
         INSERT INTO payments (id, provider, merchant_account, payment_id, currency, amount, applied, refunded, order_id, unapplied_reason, live, received_at)
         VALUES ('{PAYMENT}', 'stripe', 'm', 'pi_1', 'USD', 100, 100, 7, '{ORDER}', NULL, false, now()),
                ('{BANK_PAYMENT}', 'bank', '{bank}', 'x', 'USD', 250, 200, 0, '{BANK_ORDER}', 'a rest', false, now()),
                ('{UNAPPLIED}', 'stripe', 'm', 'pi_2', 'USD', 25, 0, 0, NULL, 'no such order', false, now()),
                ('{TO_WALLET}', 'stripe', 'm', 'pi_3', 'USD', 50, 50, 0, NULL, NULL, false, now());
         INSERT INTO payment_applications (payment_id, n, order_id, customer_id, wallet_id, amount, fee, tax, applied_by, applied_at)
         SELECT p.id, 1, p.order_id, p.customer, w.id, p.amount, p.fee, p.tax, 'system', now()
         FROM (VALUES ('{PAYMENT}'::uuid, '{ORDER}'::uuid, 'alice', 100, 2, 1), ('{BANK_PAYMENT}', '{BANK_ORDER}', 'alice', 200, 0, 0),
                      ('{TO_WALLET}', NULL, 'bob', 50, 0, 0)) AS p (id, order_id, customer, amount, fee, tax)
         JOIN wallets w ON w.customer_id = p.customer AND w.currency = 'USD' AND w.product = '';
         INSERT INTO transfers (customer_id, id, currency, amount, from_product, to_product, order_id, created_at)
         VALUES ('alice', '{TRANSFER}', 'USD', 10, '', 'whatsapp', NULL, now()),
                ('alice', '{ORDER_TRANSFER}', 'USD', 30, '', 'whatsapp', '{BALANCE_ORDER}', now());
         INSERT INTO refunds (id, order_id, payment_id, customer_id, provider, provider_refund_id, currency, amount, debited, bonus_taken, status, reason, ours, proposed_by, approved_by, second_needed, created_at, updated_at)
         VALUES ('{REFUND}', '{ORDER}', '{PAYMENT}', 'alice', 'stripe', 're_1', 'USD', 7, 6.79, 0.5, 'succeeded', 'asked', true, 'carol', 'dave', true, now(), now()),
                ('{FAILED_REFUND}', '{ORDER}', '{PAYMENT}', 'alice', 'stripe', 're_2', 'USD', 6, 0, 0, 'failed', 'asked', true, 'carol', NULL, false, now(), now());
         UPDATE top_up_orders SET received_amount = amount, refunded_amount = 7 WHERE id = '{ORDER}';
         INSERT INTO disputes (id, payment_id, order_id, customer_id, provider, dispute_id, currency, amount, status, taken_back, bonus_taken, restored, created_at, updated_at)
         VALUES ('{DISPUTE}', '{PAYMENT}', '{ORDER}', 'alice', 'stripe', 'du_1', 'USD', 4, 'open', 4, 0.2, false, now(), now()),
                ('{WON_DISPUTE}', '{PAYMENT}', '{ORDER}', 'alice', 'stripe', 'du_2', 'USD', 3, 'won', 0, 0, true, now(), now());
         INSERT INTO adjustments (id, customer_id, currency, amount, reason, second_needed, proposed_by, approved_by, created_at, booked_at)
         VALUES ('{ADJUSTMENT}', 'alice', 'USD', -1, 'correction', true, 'carol', 'dave', now(), now());
         UPDATE wallets SET low_balance_threshold = 5, fast_floor = 5 WHERE customer_id = 'alice' AND product = 'whatsapp';",
        bank = BANK.as_simple(),
    );
    pool.get().await.unwrap().batch_execute(&records).await.unwrap();
}
