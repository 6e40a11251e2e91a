//! A small book in which everything occurs once: payments of both sorts, orders, transfers, grants, holds, debt.

use chrono::{Duration, Utc};
use diesel_async::SimpleAsyncConnection;
use serde_json::json;
use tokio::sync::OnceCell;
use topup::domain::movement::OfOrder;
use topup::domain::movement::bonus::Bonus;
use topup::domain::movement::capture::capture;
use topup::domain::movement::closing::pay_out;
use topup::domain::movement::dispute::of_dispute;
use topup::domain::movement::give_back::give_back;
use topup::domain::movement::refund::of_refund;
use topup::domain::movement::release::release;
use topup::domain::movement::reversed_approval::of_reversed_approval;
use topup::domain::movement::take_back::{Asked, Brought, take_back};
use topup::domain::movement::top_up::{AppliedPayment, top_up};
use topup::domain::movement::transfer::{payment_from_wallet, transfer};
use topup::domain::movement::usage::NewUsage;
use topup::domain::movement::write_off::postings;
use topup::domain::payment::ProviderName;
use topup::domain::payout::Payout;
use topup::domain::posting::{Posting, PostingOutcome};
use topup::domain::refund::RefundState;
use topup::domain::take_back::{Reach, TakeBackOrigin, TakenFrom};
use topup::domain::wallet_key::WalletKey;
use topup::domain::write_off::{Owed, WriteOff};
use topup::storage::ledger;
use topup::storage::pool::Pool;
use uuid::Uuid;

use crate::support::{
    adjust_as, assert_clean, book, booked_usage, copy, database, dec, grant, money, new_hold, recharge, reverse, usage,
    wallet,
};

static FILLED: OnceCell<String> = OnceCell::const_new();

/// 1.01 % of 99.
const TAX_RULE: &str = r#"{"seller_country": "DE", "customer_country": "", "business": false, "version": 1,
    "rate_percent": "1.01", "inclusive": false, "at": "top_up", "reverse_charge": false}"#;

pub const ORDER: Uuid = id(1);
pub const BANK_ORDER: Uuid = id(2);
pub const PENDING_ORDER: Uuid = id(3);
pub const BALANCE_ORDER: Uuid = id(4);
pub const CLAIMED_ORDER: Uuid = id(5);
pub const REVERSED_ORDER: Uuid = id(6);
pub const PAYMENT: Uuid = id(11);
pub const BANK_PAYMENT: Uuid = id(12);
pub const UNAPPLIED: Uuid = id(13);
pub const TO_WALLET: Uuid = id(14);
pub const CLAIMED_PAYMENT: Uuid = id(15);
pub const REVERSED_PAYMENT: Uuid = id(16);
pub const TO_CLAIMED: Uuid = id(17);
pub const TO_ELLA: Uuid = id(18);
pub const TO_FINN: Uuid = id(19);
pub const TO_GINA: Uuid = id(20);
pub const BANK: Uuid = id(21);
pub const BANK_CHANGE: Uuid = id(22);
pub const STATEMENT: Uuid = id(23);
pub const BANK_LINE: Uuid = id(24);
pub const TO_HUGO: Uuid = id(25);
pub const TRANSFER: Uuid = id(31);
pub const ORDER_TRANSFER: Uuid = id(32);
pub const REFUND: Uuid = id(41);
pub const FAILED_REFUND: Uuid = id(42);
pub const REFUND_OF_GINA: Uuid = id(46);
pub const REFUND_REQUEST: Uuid = id(49);
pub const DISPUTE: Uuid = id(43);
pub const WON_DISPUTE: Uuid = id(44);
pub const CLAIMING_DISPUTE: Uuid = id(45);
pub const DISPUTE_OF_GINA: Uuid = id(47);
pub const ADJUSTMENT: Uuid = id(51);
pub const REVERSAL: Uuid = id(52);
pub const GRANT: Uuid = id(61);
pub const BONUS: Uuid = id(62);
pub const LAPSED: Uuid = id(63);
pub const CLAIMED_BONUS: Uuid = id(64);
pub const FIRST_GRANT: Uuid = id(65);
pub const SECOND_GRANT: Uuid = id(66);
pub const OPEN: Uuid = id(71);
pub const CAPTURED: Uuid = id(72);
pub const RELEASED: Uuid = id(73);
pub const CLOSING: Uuid = id(81);
pub const PAYOUT: Uuid = id(82);
pub const WRITE_OFF: Uuid = id(83);

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

/// Carl has an order of 50 with a bonus of 5, and has spent all but 10 of it when the whole payment is disputed. Later
/// 42 come in: 40 are taken for the money and 2 for the bonus, so 3 are still claimed.
fn claimed() -> Vec<Posting> {
    let carl = wallet("carl", "USD", "");
    let usd = |amount: &str| money(&carl, dec(amount));
    let order = OfOrder { id: CLAIMED_ORDER, customer: &carl.customer, product: &carl.product };
    let payment =
        AppliedPayment { id: CLAIMED_PAYMENT, application: 1, provider: ProviderName::Stripe, merchant_account: "m" };
    let bonus = Bonus { grant_id: CLAIMED_BONUS, amount: usd("5"), expires_at: None };
    let mut postings = top_up(order, payment, usd("50"), Some(bonus));
    let asked = Asked { money: usd("50"), bonus: Some((CLAIMED_BONUS, usd("5"))), reach: Reach::AllWallets };
    postings.extend([
        booked_usage(&carl, "u3", dec("45")),
        take_back(order, of_dispute(order, CLAIMING_DISPUTE, ProviderName::Stripe), asked),
        recharge(&carl, TO_CLAIMED, dec("42")),
    ]);
    postings
}

/// Dora's bank transfer of 30 never came.
fn reversed(bank: &str) -> Vec<Posting> {
    let dora = wallet("dora", "USD", "");
    let usd = |amount: &str| money(&dora, dec(amount));
    let order = OfOrder { id: REVERSED_ORDER, customer: &dora.customer, product: &dora.product };
    let payment = AppliedPayment {
        id: REVERSED_PAYMENT,
        application: 1,
        provider: ProviderName::BankTransfer,
        merchant_account: bank,
    };
    let mut postings = top_up(order, payment, usd("30"), None);
    let asked = Asked { money: usd("30"), bonus: None, reach: Reach::OrderWallet };
    postings.push(take_back(order, of_reversed_approval(order, REVERSAL, bank, "never came"), asked));
    postings
}

/// Gina's payment of 1,000 was applied to her wallet without an order. 200 are refunded at the company, 300 disputed.
fn taken_of_a_wallet() -> Vec<Posting> {
    let gina = wallet("gina", "VND", "");
    let brought = Brought { customer: &gina.customer, product: &gina.product };
    let of = TakenFrom::Payment(TO_GINA);
    let asked = |amount: &str| Asked { money: money(&gina, dec(amount)), bonus: None, reach: Reach::AllWallets };
    vec![
        recharge(&gina, TO_GINA, dec("1000")),
        take_back(brought, of_refund(of, REFUND_OF_GINA, ProviderName::Stripe), asked("200")),
        take_back(brought, of_dispute(of, DISPUTE_OF_GINA, ProviderName::Stripe), asked("300")),
    ]
}

/// Ella and Finn use what they topped up; Ella uses two grants before, and one of her usages is given back.
async fn used(pool: &Pool) {
    let (ella, finn) = (wallet("ella", "VND", ""), wallet("finn", "VND", ""));
    let told = NewUsage {
        description: Some("a call to her mother".to_owned()),
        metadata: Some(json!({ "to": "+84 90 000 00 00", "from": "Hà Nội" })),
        occurred_at: Some("2026-11-21T08:00:00Z".parse().unwrap()),
        ..usage(&ella, "e3", dec("30"))
    };
    let mut postings = vec![
        recharge(&ella, TO_ELLA, dec("1000")),
        recharge(&finn, TO_FINN, dec("1000")),
        grant(&ella, FIRST_GRANT, dec("100"), 1, None),
        grant(&ella, SECOND_GRANT, dec("100"), 2, None),
        usage(&ella, "e1", dec("150")).posting(),
        usage(&ella, "e2", dec("200")).posting(),
        told.posting(),
        usage(&ella, "e4", dec("70")).posting(),
        usage(&finn, "f1", dec("40")).posting(),
    ];
    postings.extend(taken_of_a_wallet());
    let outcomes = book(pool, postings).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, PostingOutcome::Booked(_))), "{outcomes:#?}");
    assert!(matches!(reverse(pool, &ella, "e4", "e4", None).await, PostingOutcome::Booked(_)));
    for key in ["e5", "e6"] {
        book(pool, vec![usage(&ella, key, dec("30")).posting()]).await;
    }
    let records = format!(
        "INSERT INTO payments (id, provider, merchant_account, payment_id, currency, amount, applied, live, received_at)
         VALUES ('{TO_ELLA}', 'stripe', 'm', 'pi_6', 'VND', 1000, 1000, false, now()),
                ('{TO_FINN}', 'stripe', 'm', 'pi_7', 'VND', 1000, 1000, false, now()),
                ('{TO_GINA}', 'stripe', 'm', 'pi_8', 'VND', 1000, 1000, false, now());
         INSERT INTO payment_applications (payment_id, n, customer_id, wallet_id, amount, applied_by, applied_at)
         SELECT p.id, 1, p.customer, w.id, 1000, 'operator:carol', now()
         FROM (VALUES ('{TO_ELLA}'::uuid, 'ella'), ('{TO_FINN}', 'finn'), ('{TO_GINA}', 'gina')) AS p (id, customer)
         JOIN wallets w ON w.customer_id = p.customer;
         INSERT INTO refunds (id, payment_id, customer_id, provider, provider_refund_id, currency, amount, from_wallet,
         wallet_taken, status, reason, ours, proposed_by, created_at, updated_at)
         VALUES ('{REFUND_OF_GINA}', '{TO_GINA}', 'gina', 'stripe', 're_8', 'VND', 200, 200, 200, 'succeeded',
         'started at the provider', false, 'provider:stripe', now(), now());
         UPDATE payments SET refunded = 200 WHERE id = '{TO_GINA}';
         INSERT INTO disputes (id, payment_id, customer_id, provider, dispute_id, currency, amount, from_wallet,
         wallet_taken, status, created_at, updated_at)
         VALUES ('{DISPUTE_OF_GINA}', '{TO_GINA}', 'gina', 'stripe', 'du_8', 'VND', 300, 300, 300, 'open', now(),
         now());
         INSERT INTO idempotency_keys (caller, operation, key, fingerprint, resource_id, customer_id)
         VALUES ('customer:alice', 'create_transfer', 'k', '\\x00', '{TRANSFER}', 'alice'),
                ('operator:carol', 'create_refund', 'k', '\\x00', '{REFUND}', 'alice')"
    );
    pool.get().await.unwrap().batch_execute(&records).await.unwrap();
}

/// Hugo's account is closed. His 40 were paid out, and two operators wrote off the 5 that he used afterwards.
async fn closed(pool: &Pool) {
    let hugo = wallet("hugo", "USD", "");
    let usd = |amount: &str| money(&hugo, dec(amount));
    let (by, second, now) = ("carol".to_owned(), "dave".to_owned(), Utc::now());
    let payout = Payout {
        id: PAYOUT,
        closing_id: CLOSING,
        customer: hugo.customer.clone(),
        amount: usd("40"),
        debited: usd("40"),
        bank_account_id: BANK,
        beneficiary: None,
        state: RefundState::Succeeded,
        bank_transaction_id: Some("OUT1".to_owned()),
        failure: None,
        proposed_by: by.clone(),
        proposed_at: now,
        approved_by: Some(second),
        approved_at: Some(now),
        updated_at: now,
    };
    let write_off = WriteOff {
        id: WRITE_OFF,
        customer: hugo.customer.clone(),
        amount: usd("5"),
        recovered: usd("0"),
        reason: "gone".to_owned(),
        proposed_by: by,
        proposed_at: now,
        end: None,
    };
    book(pool, vec![recharge(&hugo, TO_HUGO, dec("40"))]).await;
    let records = format!(
        "INSERT INTO payments (id, provider, merchant_account, payment_id, currency, amount, applied, live, received_at)
         VALUES ('{TO_HUGO}', 'stripe', 'm', 'pi_9', 'USD', 40, 40, false, now());
         INSERT INTO payment_applications (payment_id, n, customer_id, wallet_id, amount, applied_by, applied_at)
         SELECT '{TO_HUGO}', 1, 'hugo', id, 40, 'operator:carol', now() FROM wallets WHERE customer_id = 'hugo';
         INSERT INTO closings (id, customer_id, state, reason, started_by, starter_has_finance, started_at, updated_at,
         closed_at)
         VALUES ('{CLOSING}', 'hugo', 'closed', 'asked for', 'operator:carol', true, now(), now(), now());
         INSERT INTO payouts (id, closing_id, customer_id, currency, amount, debited, bank_account_id, status,
         bank_transaction_id, proposed_by, proposed_at, approved_by, approved_at, updated_at)
         VALUES ('{PAYOUT}', '{CLOSING}', 'hugo', 'USD', 40, 40, '{BANK}', 'succeeded', 'OUT1', 'carol', now(), 'dave',
         now(), now());
         INSERT INTO write_offs (id, customer_id, currency, amount, reason, proposed_by, proposed_at, approved_by,
         approved_at)
         VALUES ('{WRITE_OFF}', 'hugo', 'USD', 5, 'gone', 'carol', now(), 'dave', now());
         UPDATE wallets SET closing = true, closed = true, needs_full_path = true WHERE customer_id = 'hugo'"
    );
    pool.get().await.unwrap().batch_execute(&records).await.unwrap();
    book(pool, vec![pay_out(&payout)]).await;
    book(pool, vec![booked_usage(&hugo, "h1", dec("5"))]).await;
    let wallets = ledger::read_wallets(&mut pool.get().await.unwrap(), &hugo.customer).await.unwrap();
    let owed = Owed::of(hugo.currency, &wallets, &[]);
    assert_eq!(owed.total(), write_off.amount);
    let outcomes = book(pool, postings(&write_off, &owed)).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, PostingOutcome::Booked(_))), "{outcomes:#?}");
}

async fn fill(pool: &Pool) {
    let main = wallet("alice", "USD", "");
    let product = wallet("alice", "USD", "whatsapp");
    let debtor = wallet("bob", "USD", "");
    let usd = |amount: &str| money(&main, dec(amount));
    let order = |id: Uuid| OfOrder { id, customer: &main.customer, product: &main.product };
    let bank = BANK.as_simple().to_string();
    let by_card = AppliedPayment { id: PAYMENT, application: 1, provider: ProviderName::Stripe, merchant_account: "m" };
    let by_bank = AppliedPayment {
        id: BANK_PAYMENT,
        application: 1,
        provider: ProviderName::BankTransfer,
        merchant_account: &bank,
    };
    let hold = |at: &WalletKey, key: &str, id: Uuid, amount: &str| {
        new_hold(at, key, dec(amount), Duration::hours(20)).posting(id)
    };
    let moved = |id: Uuid, amount: &str| transfer(id, &main.customer, usd(amount), &main.product, &product.product);
    let refund = |id| of_refund(order(ORDER), id, ProviderName::Stripe);
    let dispute = |id| of_dispute(order(ORDER), id, ProviderName::Stripe);
    let take = |origin: TakeBackOrigin, money: &str, bonus: &str, reach: Reach| {
        let asked = Asked { money: usd(money), bonus: Some((BONUS, usd(bonus))), reach };
        take_back(order(ORDER), origin, asked)
    };
    let give = |origin: &TakeBackOrigin, money: &str| give_back(order(ORDER), origin, usd(money), None);
    let request = || Reach::Request { also: Vec::new() };

    let mut postings =
        top_up(order(ORDER), by_card, usd("97"), Some(Bonus { grant_id: BONUS, amount: usd("5"), expires_at: None }));
    postings.extend(top_up(order(BANK_ORDER), by_bank, usd("200"), None));
    postings.push(recharge(&debtor, TO_WALLET, dec("50")));
    postings.push(grant(&main, GRANT, dec("20"), 100, Some(Utc::now() + Duration::days(300))));
    postings.push(grant(&main, LAPSED, dec("3"), 100, Some(Utc::now() - Duration::days(1))));
    postings.extend(moved(TRANSFER, "10"));
    postings.extend(payment_from_wallet(ORDER_TRANSFER, BALANCE_ORDER, &main.customer, usd("30"), &product.product));
    postings.extend([
        booked_usage(&main, "u1", dec("8.00000001")),
        hold(&main, "h-open", OPEN, "12"),
        hold(&product, "h-captured", CAPTURED, "9"),
        hold(&product, "h-released", RELEASED, "2"),
        capture(CAPTURED, dec("9.5")),
        release(RELEASED),
        booked_usage(&debtor, "u2", dec("54")),
        take(refund(REFUND), "6.79", "0.35", request()),
        take(refund(FAILED_REFUND), "6", "0", request()),
        give(&refund(FAILED_REFUND), "6"),
        take(dispute(DISPUTE), "3.88", "0.2", Reach::AllWallets),
        take(dispute(WON_DISPUTE), "3", "0", Reach::AllWallets),
        give(&dispute(WON_DISPUTE), "3"),
        adjust_as(&main, ADJUSTMENT, dec("-1")),
    ]);
    postings.extend(claimed());
    postings.extend(reversed(&bank));
    let outcomes = book(pool, postings).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, PostingOutcome::Booked(_))), "{outcomes:#?}");
    assert!(matches!(reverse(pool, &main, "u1", "u1", None).await, PostingOutcome::Booked(_)));

    let records = format!(
        "INSERT INTO bank_accounts (id, currency, bank_name, account_name, account_number)
         VALUES ('{BANK}', 'USD', 'First', 'Topup', '1');
         INSERT INTO bank_account_proposals (id, bank_account_id, base_version, currency, bank_name, account_name,
         account_number, active, proposed_by, proposed_at, approved_by, approved_at)
         VALUES ('{BANK_CHANGE}', '{BANK}', 0, 'USD', 'First', 'Topup', '1', true, 'carol', now(), 'dave', now());
         INSERT INTO top_up_orders (id, customer_id, currency, product, channel, provider, merchant_account, status,
         amount, payable_amount, fee, tax, bonus, credited_amount, received_amount, reference, agreement_version,
         remitter_name, remitter_bank, bank_account_id, bank_account_version, payer_ip, created_at, expires_at,
         updated_at, completed_at, tax_rule)
         VALUES ('{ORDER}', 'alice', 'USD', '', 'card', 'stripe', 'm', 'completed', 99, 100, 2, 1, 5, 97, 100, 'A', '1',
         NULL, NULL, NULL, NULL, '::1', now(), now(), now(), now(), '{TAX_RULE}'),
                ('{BANK_ORDER}', 'alice', 'USD', '', 'bank_transfer', 'bank', '{bank}', 'completed', 200, 200, 0, 0, 0,
                200, 200, 'B', '1', 'Alice', 'First', '{BANK}', 1, '::1', now(), now(), now(), now(), NULL),
                ('{PENDING_ORDER}', 'alice', 'USD', '', 'card', 'stripe', 'm', 'pending', 10, 10, 0, 0, 0, 10, NULL,
                'C', '1', NULL, NULL, NULL, NULL, '::1', now(), now(), now(), NULL, NULL),
                ('{BALANCE_ORDER}', 'alice', 'USD', 'whatsapp', 'balance', 'balance', '', 'completed', 30, 30, 0, 0, 0,
                30, 30, 'D', '1', NULL, NULL, NULL, NULL, '::1', now(), now(), now(), now(), NULL),
                ('{CLAIMED_ORDER}', 'carl', 'USD', '', 'card', 'stripe', 'm', 'completed', 50, 50, 0, 0, 5, 50, 50, 'E',
                '1', NULL, NULL, NULL, NULL, '::1', now(), now(), now(), now(), NULL),
                ('{REVERSED_ORDER}', 'dora', 'USD', '', 'bank_transfer', 'bank', '{bank}', 'completed', 30, 30, 0, 0, 0,
                30, 30, 'F', '1', 'Dora', 'First', '{BANK}', 1, '::1', now(), now(), now(), now(), NULL);
         INSERT INTO payments (id, provider, merchant_account, payment_id, currency, amount, applied, refunded,
         order_id, unapplied_reason, live, received_at)
         VALUES ('{PAYMENT}', 'stripe', 'm', 'pi_1', 'USD', 100, 100, 7, '{ORDER}', NULL, false, now()),
                ('{BANK_PAYMENT}', 'bank', '{bank}', 'X', 'USD', 250, 200, 0, '{BANK_ORDER}', 'a rest', false, now()),
                ('{UNAPPLIED}', 'stripe', 'm', 'pi_2', 'USD', 25, 0, 0, NULL, 'no such order', false, now()),
                ('{TO_WALLET}', 'stripe', 'm', 'pi_3', 'USD', 50, 50, 0, NULL, NULL, false, now()),
                ('{CLAIMED_PAYMENT}', 'stripe', 'm', 'pi_4', 'USD', 50, 50, 0, '{CLAIMED_ORDER}', NULL, false, now()),
                ('{TO_CLAIMED}', 'stripe', 'm', 'pi_5', 'USD', 42, 42, 0, NULL, NULL, false, now()),
                ('{REVERSED_PAYMENT}', 'bank', '{bank}', 'Y', 'USD', 30, 0, 0, '{REVERSED_ORDER}', 'reversed', false,
                now());
         INSERT INTO bank_transactions (payment_id, bank_account_id, identity, n, stated_id, amount, received_on, payer,
         stated_by, stated_at)
         VALUES ('{BANK_PAYMENT}', '{BANK}', 'X', 1, 'x', 250, '2026-11-21', 'ALICE', 'carol', now()),
                ('{REVERSED_PAYMENT}', '{BANK}', 'Y', 1, 'y', 30, '2026-11-21', 'DORA', 'carol', now());
         INSERT INTO bank_statements (id, bank_account_id, format, sha256, currency, opening, closing, from_day, to_day,
         lines, credits, debits, confirmed_gap, second_needed, uploaded_by, uploaded_at, approved_by, approved_at,
         applied_at)
         VALUES ('{STATEMENT}', '{BANK}', 'csv', sha256('f'), 'USD', 10, 35, '2026-11-21', '2026-11-21', 2, 30, 5,
         false, true, 'carol', now(), 'dave', now(), now());
         INSERT INTO bank_statement_lines (statement_id, n, booked_on, amount, text, fingerprint, repeat)
         VALUES ('{STATEMENT}', 1, '2026-11-21', 30, '', sha256('1'), 1),
                ('{STATEMENT}', 2, '2026-11-21', -5, '', sha256('2'), 1);
         INSERT INTO bank_lines (id, bank_account_id, fingerprint, repeat, identity, statement_id, n, payment_id,
         created_at)
         VALUES ('{BANK_LINE}', '{BANK}', sha256('1'), 1, 'Y', '{STATEMENT}', 1, '{REVERSED_PAYMENT}', now()),
                (gen_random_uuid(), '{BANK}', sha256('2'), 1, 'none:', '{STATEMENT}', 2, NULL, now());
         INSERT INTO approvals (order_id, received_amount, transaction_amount, bank_transaction_id, identity,
         bank_account_id, received_on, second_needed, proposed_by, proposed_at, approved_by, approved_at, payment_id)
         VALUES ('{BANK_ORDER}', 200, 250, 'x', 'X', '{BANK}', '2026-11-21', true, 'carol', now(), 'dave', now(),
         '{BANK_PAYMENT}');
         INSERT INTO payment_applications (payment_id, n, order_id, customer_id, wallet_id, amount, fee, tax,
         applied_by, applied_at)
         SELECT p.id, 1, p.order_id, p.customer, w.id, p.amount, p.fee, p.tax, 'system', now()
         FROM (VALUES ('{PAYMENT}'::uuid, '{ORDER}'::uuid, 'alice', 100, 2, 1), ('{BANK_PAYMENT}', '{BANK_ORDER}',
         'alice', 200, 0, 0),
                      ('{TO_WALLET}', NULL, 'bob', 50, 0, 0), ('{TO_CLAIMED}', NULL, 'carl', 42, 0, 0),
                      ('{CLAIMED_PAYMENT}', '{CLAIMED_ORDER}', 'carl', 50, 0, 0),
                      ('{REVERSED_PAYMENT}', '{REVERSED_ORDER}', 'dora', 30, 0, 0))
              AS p (id, order_id, customer, amount, fee, tax)
         JOIN wallets w ON w.customer_id = p.customer AND w.currency = 'USD' AND w.product = '';
         UPDATE payment_applications SET reversed_at = now() WHERE payment_id = '{REVERSED_PAYMENT}';
         INSERT INTO transfers (customer_id, id, currency, amount, from_product, to_product, order_id, created_at)
         VALUES ('alice', '{TRANSFER}', 'USD', 10, '', 'whatsapp', NULL, now()),
                ('alice', '{ORDER_TRANSFER}', 'USD', 30, '', 'whatsapp', '{BALANCE_ORDER}', now());
         INSERT INTO refunds (id, order_id, payment_id, customer_id, provider, provider_refund_id, currency, amount,
         debited, bonus_taken, status, reason, ours, proposed_by, approved_by, second_needed, created_at, updated_at)
         VALUES ('{REFUND}', '{ORDER}', '{PAYMENT}', 'alice', 'stripe', 're_1', 'USD', 7, 6.79, 0.35, 'succeeded',
         'asked', true, 'carol', 'dave', true, now(), now()),
                ('{FAILED_REFUND}', '{ORDER}', '{PAYMENT}', 'alice', 'stripe', 're_2', 'USD', 6, 0, 0, 'failed',
                'asked', true, 'carol', NULL, false, now(), now());
         INSERT INTO refund_requests (id, order_id, customer_id, currency, amount, reason, status, asked_by, created_at,
         refund_id, decided_by, decided_at)
         VALUES ('{REFUND_REQUEST}', '{ORDER}', 'alice', 'USD', 7, 'please', 'approved', 'alice', now(), '{REFUND}',
         'carol', now());
         UPDATE top_up_orders SET refunded_amount = 7 WHERE id = '{ORDER}';
         INSERT INTO disputes (id, payment_id, order_id, customer_id, provider, dispute_id, currency, amount, status,
         taken_back, bonus_taken, restored, created_at, updated_at)
         VALUES ('{DISPUTE}', '{PAYMENT}', '{ORDER}', 'alice', 'stripe', 'du_1', 'USD', 4, 'open', 3.88, 0.2, false,
         now(), now()),
                ('{WON_DISPUTE}', '{PAYMENT}', '{ORDER}', 'alice', 'stripe', 'du_2', 'USD', 3, 'won', 0, 0, true,
                now(), now()),
                ('{CLAIMING_DISPUTE}', '{CLAIMED_PAYMENT}', '{CLAIMED_ORDER}', 'carl', 'stripe', 'du_3', 'USD', 50,
                'lost', 50, 5, false, now(), now());
         INSERT INTO adjustments (id, customer_id, currency, amount, reason, second_needed, proposed_by, approved_by,
         created_at, booked_at, order_id, payment_id, application_n)
         VALUES ('{ADJUSTMENT}', 'alice', 'USD', -1, 'correction', true, 'carol', 'dave', now(), now(), NULL, NULL,
         NULL),
                ('{REVERSAL}', 'dora', 'USD', -30, 'never came', true, 'carol', 'dave', now(), now(),
                '{REVERSED_ORDER}', '{REVERSED_PAYMENT}', 1);
         UPDATE top_up_orders SET transfer_id = '{ORDER_TRANSFER}' WHERE id = '{BALANCE_ORDER}';
         UPDATE grants SET created_by = 'service:meter' WHERE id = '{GRANT}';
         UPDATE grants SET created_by = 'operator:carol' WHERE id = '{LAPSED}';
         INSERT INTO grant_proposals (id, customer_id, currency, amount, priority, reason, proposed_by, proposed_at,
         approved_by, approved_at)
         VALUES ('{LAPSED}', 'alice', 'USD', 3, 100, 'welcome', 'operator:carol', now(), 'operator:dave', now());
         INSERT INTO own_word_moves (customer_id, kind, subject, actor, currency, amount, moved_at, allowed,
         allowed_in_all)
         VALUES ('alice', 'refund', '{FAILED_REFUND}', 'carol', 'USD', 6, now(), 10, 10),
                ('alice', 'service_grant', '{GRANT}', 'service:meter', 'USD', 20, now(), 25, NULL);
         INSERT INTO service_grant_sums (currency, minute, backend, amount)
         VALUES ('USD', date_trunc('minute', now()), 1, 15), ('USD', date_trunc('minute', now()), 2, 5);
         UPDATE wallets SET low_balance_threshold = 5, fast_floor = 5 WHERE customer_id = 'alice'
         AND product = 'whatsapp';",
        bank = BANK.as_simple(),
    );
    pool.get().await.unwrap().batch_execute(&records).await.unwrap();
    used(pool).await;
    closed(pool).await;
}
