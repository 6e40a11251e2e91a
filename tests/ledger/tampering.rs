//! Every rule is broken once, behind the ledger's back, and must be reported with its subject.

mod closings;
mod further;
mod operators;
mod reports;
mod review;
mod take_backs;

use std::collections::BTreeSet;

use diesel_async::SimpleAsyncConnection;
use topup::app::check;
use topup::domain::check::Report;
use topup::storage::Connection;
use topup::storage::check::{FIGURES, SEALS, STEPS};
use topup::storage::pool::{Pool, Pooled};

use crate::fixture::{
    ADJUSTMENT, BALANCE_ORDER, BANK_ORDER, BONUS, CAPTURED, CLAIMED_BONUS, GRANT, LAPSED, OPEN, ORDER, PAYMENT,
    PENDING_ORDER, REFUND, TO_WALLET, TRANSFER, UNAPPLIED, filled, shown,
};
use crate::seals::{seal_all, sealing};
use crate::support::{answers, execute, report};

/// Without CHECKs and unique keys: the check must find the tampering without their help.
const DISARM: &str = "DO $$ DECLARE c record; BEGIN
        FOR c IN SELECT conname, CASE contypid WHEN 0 THEN 'TABLE ' || conrelid::regclass
                                               ELSE 'DOMAIN ' || contypid::regtype END AS holder
                 FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace LOOP
            EXECUTE format('ALTER %s DROP CONSTRAINT %I', c.holder, c.conname);
        END LOOP;
    END $$;
    ALTER TABLE entries DROP CONSTRAINT entries_key_once;
    ALTER TABLE entries DROP CONSTRAINT entries_pkey;
    ALTER TABLE grant_uses DROP CONSTRAINT grant_uses_pkey;";
/// Nor triggers and foreign keys.
const OWNER: &str = "SET session_replication_role = replica;";

const MAIN: &str = "customer_id = 'alice' AND product = ''";
const MAIN_ID: &str = "(SELECT id FROM wallets WHERE customer_id = 'alice' AND product = '')";
const PRODUCT_ID: &str = "(SELECT id FROM wallets WHERE customer_id = 'alice' AND product = 'whatsapp')";
const DEBTOR_ID: &str = "(SELECT id FROM wallets WHERE customer_id = 'bob')";
const CLAIMED_ID: &str = "(SELECT id FROM wallets WHERE customer_id = 'carl')";
const NOBODY: &str = "'00000000-0000-7000-8000-00000000dead'";

struct Tampering {
    rule: &'static str,
    sql: String,
    /// SQL that answers the subject, asked before the tampering.
    subject: String,
}

fn tampering(rule: &'static str, sql: String, subject: String) -> Tampering {
    Tampering { rule, sql, subject }
}

fn is(subject: &str) -> String {
    format!("SELECT '{subject}'")
}

fn the_wallet(id: &str) -> String {
    format!("SELECT 'wal_' || replace({id}::text, '-', '')")
}

fn the_entry(id: &str, seq: &str) -> String {
    format!("SELECT 'wal_' || replace({id}::text, '-', '') || ':' || ({seq})")
}

fn wallets() -> Vec<Tampering> {
    let set =
        |rule, column: &str| tampering(rule, format!("UPDATE wallets SET {column} WHERE {MAIN}"), the_wallet(MAIN_ID));
    vec![
        set("wallet_balance", "paid = paid + 0.00000001"),
        set("wallet_granted", "granted = granted + 1"),
        set("wallet_grants", "granted = granted + 1"),
        set("wallet_debt", "debt = debt + 1"),
        set("wallet_paid_in", "paid_in = paid_in + 1"),
        set("wallet_paid_out", "paid_out = paid_out - 1"),
        set("wallet_paid", "paid_in = paid_in + 1"),
        set("wallet_entry_count", "entry_seq = entry_seq + 1"),
        set("wallet_last_entry", "entry_seq = entry_seq - 1"),
        set("wallet_held", "held = 0"),
        set("wallet_parts", "held = paid + granted + 1"),
        set("wallet_needs_full_path", "needs_full_path = NOT needs_full_path"),
        set("wallet_active_grant", "active_grant = gen_random_uuid()"),
        set("wallet_grants_until", "grants_until = '2020-01-01'"),
        set("wallet_guard", "guard_day = now(), daily_cap = 1, spent_today = 0, spent_this_month = 0"),
        set("wallet_fast_floor", "fast_floor = 3"),
        set("wallet_claimed", "claimed = true"),
        set("wallet_bonus_owed", "bonus_owed = 1"),
        set("wallet_frozen", "customer_frozen = true"),
        set("wallet_closing", "closing = true"),
        tampering(
            "wallet_claimed",
            "UPDATE wallets SET claimed = false WHERE customer_id = 'carl'".to_owned(),
            the_wallet(CLAIMED_ID),
        ),
        tampering(
            "wallet_free_while_claimed",
            "UPDATE wallets SET paid = 1 WHERE customer_id = 'carl'".to_owned(),
            the_wallet(CLAIMED_ID),
        ),
        tampering(
            "wallet_held_grants",
            format!("UPDATE grants SET held = held - 1 WHERE id = '{BONUS}'"),
            the_wallet(MAIN_ID),
        ),
        tampering(
            "entries_without_wallet",
            "DELETE FROM wallets WHERE customer_id = 'bob'".to_owned(),
            the_wallet(DEBTOR_ID),
        ),
    ]
}

fn entries() -> Vec<Tampering> {
    let set = |rule, column: &str| {
        tampering(
            rule,
            format!("UPDATE entries SET {column} WHERE wallet_id = {MAIN_ID} AND seq = 3"),
            the_entry(MAIN_ID, "3"),
        )
    };
    vec![
        tampering(
            "entry_seq",
            format!("DELETE FROM entries WHERE wallet_id = {MAIN_ID} AND seq = 3"),
            the_entry(MAIN_ID, "4"),
        ),
        set("entry_time", "created_at = created_at - interval '1 hour'"),
        set("entry_balance", "balance_after = balance_after + 1"),
        set("entry_balance", "amount = amount + 1"),
        set("entry_paid_in", "paid_in = paid_in + 1"),
        set("entry_paid_in", "granted = 1"),
        set("entry_paid_out", "paid_out = paid_out + 1"),
        set("entry_sign", "amount = -amount"),
        set("entry_counterpart", "counterpart = 'usage'"),
        set("entry_kind", "kind = 99"),
    ]
}

fn grants() -> Vec<Tampering> {
    let set = |rule, column: &str| {
        tampering(rule, format!("UPDATE grants SET {column} WHERE id = '{GRANT}'"), is(&shown("grt", GRANT)))
    };
    // The main wallet's active grant.
    let active = |rule, column: &str| {
        tampering(rule, format!("UPDATE wallets SET {column} WHERE {MAIN}"), is(&shown("grt", GRANT)))
    };
    let open = |change: &str| format!("UPDATE holds SET {change} WHERE id = '{OPEN}'");
    vec![
        active("grant_remaining", "active_remaining = active_remaining - 0.00000001"),
        active("grant_held", "active_held = active_held + 1"),
        active("grant_parts", "active_held = active_remaining + 1"),
        tampering(
            "grant_remaining",
            format!("UPDATE grants SET remaining = remaining - 0.00000001 WHERE id = '{BONUS}'"),
            is(&shown("grt", BONUS)),
        ),
        set("grant_amount", "amount = 21"),
        set("grant_owed", "owed = 1"),
        tampering(
            "grant_owed",
            "UPDATE taken_back_debts SET amount = amount - 1".to_owned(),
            is(&shown("grt", CLAIMED_BONUS)),
        ),
        set("grant_without_wallet", &format!("wallet_id = {NOBODY}")),
        tampering(
            "grant_use_without_grant",
            format!("DELETE FROM grants WHERE id = '{LAPSED}'"),
            is(&shown("grt", LAPSED)),
        ),
        tampering(
            "grant_use_without_grant",
            open("grant_parts = '[{\"grant_id\": \"00000000-0000-7000-8000-00000000dead\", \"amount\": \"12\"}]'"),
            is("grt_0000000000007000800000000000dead"),
        ),
        tampering(
            "entry_grant_uses",
            format!(
                "UPDATE grant_uses SET amount = amount - 1 WHERE wallet_id = {MAIN_ID} AND grant_id = '{GRANT}'
                 AND amount = 20"
            ),
            format!("{} FROM grant_uses WHERE grant_id = '{GRANT}' AND amount = 20", the_entry(MAIN_ID, "seq")),
        ),
        tampering(
            "entry_grant_uses",
            format!(
                "INSERT INTO grant_uses (customer_id, wallet_id, seq, grant_id, amount)
                 VALUES ('alice', {PRODUCT_ID}, 1, '{GRANT}', 1)"
            ),
            the_entry(PRODUCT_ID, "1"),
        ),
        tampering("hold_parts", open("granted = granted - 1"), is(&shown("hold", OPEN))),
    ]
}

fn holds() -> Vec<Tampering> {
    let captured = is(&shown("hold", CAPTURED));
    let update = |set: &str| format!("UPDATE holds SET {set} WHERE id = '{CAPTURED}'");
    let capture =
        "SELECT 'wal_' || replace(wallet_id::text, '-', '') || ':' || seq FROM entries WHERE kind = 3".to_owned();
    vec![
        tampering("hold_without_wallet", update("product = 'gpu'"), captured.clone()),
        tampering("hold_without_wallet", update(&format!("wallet_id = {NOBODY}")), captured.clone()),
        tampering("hold_captured", update("captured = captured + 1"), captured.clone()),
        tampering("hold_captured", "UPDATE entries SET key = 'x' WHERE kind = 3".to_owned(), captured.clone()),
        tampering(
            "hold_captured",
            "INSERT INTO entries SELECT created_at, 99, fingerprint, wallet_id, kind, customer_id, amount,
             balance_after, paid_in, paid_out, counterpart, key FROM entries WHERE kind = 3"
                .to_owned(),
            captured,
        ),
        tampering("capture_without_hold", update("status = 'released', captured = NULL"), capture.clone()),
        tampering("capture_without_hold", update("captured = 0"), capture),
    ]
}

fn transfers() -> Vec<Tampering> {
    let transfer = is(&shown("trf", TRANSFER));
    let entry = |kind: i32, set: &str| {
        format!("UPDATE entries SET {set} WHERE reference = '{}' AND kind = {kind}", shown("trf", TRANSFER))
    };
    let of_transfer = format!(
        "SELECT 'wal_' || replace(wallet_id::text, '-', '') || ':' || seq FROM entries WHERE reference = '{}'
         AND kind = 7",
        shown("trf", TRANSFER)
    );
    vec![
        tampering("transfer_entries", entry(7, "amount = amount + 1"), transfer.clone()),
        tampering("transfer_entries", entry(8, "reference = NULL"), transfer.clone()),
        tampering(
            "transfer_entries",
            format!("UPDATE transfers SET from_product = 'gpu' WHERE id = '{TRANSFER}'"),
            transfer,
        ),
        tampering("transfer_entry_without_transfer", entry(7, "reference = NULL"), of_transfer),
        tampering("transfers_net_to_zero", entry(7, "amount = amount + 1"), is("USD")),
    ]
}

fn orders() -> Vec<Tampering> {
    let update = |id, set: &str| format!("UPDATE top_up_orders SET {set} WHERE id = '{id}'");
    let order = |id| is(&shown("tuo", id));
    let recharge = format!("reference = '{}' AND kind = 1", shown("tuo", ORDER));
    vec![
        tampering("order_completed", update(PENDING_ORDER, "status = 'completed'"), order(PENDING_ORDER)),
        tampering(
            "order_completed",
            format!("DELETE FROM transfers WHERE order_id = '{BALANCE_ORDER}'"),
            order(BALANCE_ORDER),
        ),
        tampering("order_not_completed", update(ORDER, "status = 'failed'"), order(ORDER)),
        tampering(
            "order_not_completed",
            format!(
                "UPDATE entries SET reference = '{}' WHERE kind = 1 AND customer_id = 'alice' AND reference = '{}'",
                shown("tuo", PENDING_ORDER),
                shown("tuo", ORDER)
            ),
            order(PENDING_ORDER),
        ),
        tampering("order_channel", update(BALANCE_ORDER, "channel = 'card'"), order(BALANCE_ORDER)),
        tampering("order_credited", update(ORDER, "credited_amount = 98"), order(ORDER)),
        tampering("order_tax", update(ORDER, "tax_rule = NULL"), order(ORDER)),
        tampering("order_tax", update(BANK_ORDER, "tax_included = 1"), order(BANK_ORDER)),
        tampering("order_payable", update(ORDER, "fee_on_top = true"), order(ORDER)),
        tampering("order_payable", update(PENDING_ORDER, "amount = 9"), order(PENDING_ORDER)),
        tampering("order_credited", update(BALANCE_ORDER, "credited_amount = 29"), order(BALANCE_ORDER)),
        tampering(
            "order_recharge_count",
            format!("UPDATE entries SET reference = NULL WHERE {recharge}"),
            order(ORDER),
        ),
        tampering(
            "order_recharge_amount",
            format!("UPDATE entries SET amount = amount - 1 WHERE {recharge}"),
            order(ORDER),
        ),
        tampering(
            "recharge_without_order",
            format!("UPDATE entries SET reference = 'tuo_0' WHERE {recharge}"),
            the_entry(MAIN_ID, "1"),
        ),
        tampering(
            "recharge_without_order",
            format!("DELETE FROM payment_applications WHERE payment_id = '{TO_WALLET}'"),
            the_entry(DEBTOR_ID, "1"),
        ),
        tampering("second_operator", "UPDATE approvals SET approved_by = proposed_by".to_owned(), order(BANK_ORDER)),
        tampering("second_operator", "UPDATE approvals SET approved_by = NULL".to_owned(), order(BANK_ORDER)),
        tampering(
            "second_operator",
            "UPDATE refunds SET approved_by = proposed_by".to_owned(),
            is(&shown("rfd", REFUND)),
        ),
        tampering(
            "second_operator",
            format!("UPDATE adjustments SET approved_by = NULL WHERE id = '{ADJUSTMENT}'"),
            is(&shown("adj", ADJUSTMENT)),
        ),
    ]
}

fn payments() -> Vec<Tampering> {
    let update = |id, set: &str| format!("UPDATE payments SET {set} WHERE id = '{id}'");
    let payment = is(&shown("pay", PAYMENT));
    let application = |set: &str| format!("UPDATE payment_applications SET {set} WHERE payment_id = '{TO_WALLET}'");
    let applied = is(&format!("{}:1", shown("pay", TO_WALLET)));
    vec![
        tampering("payment_applied", update(PAYMENT, "applied = applied - 1"), payment.clone()),
        tampering("payment_refunded", update(PAYMENT, "refunded = 13"), payment.clone()),
        tampering(
            "payment_refunded",
            "UPDATE refunds SET status = 'pending' WHERE status = 'failed'".to_owned(),
            payment.clone(),
        ),
        tampering("payment_unapplied", update(UNAPPLIED, "unapplied_taken = 1"), is(&shown("pay", UNAPPLIED))),
        tampering("payment_within", update(PAYMENT, "amount = 99"), payment),
        tampering("payment_reason", update(UNAPPLIED, "unapplied_reason = NULL"), is(&shown("pay", UNAPPLIED))),
        tampering("application_wallet", application(&format!("wallet_id = {NOBODY}")), applied.clone()),
        tampering("application_wallet", update(TO_WALLET, "currency = 'EUR'"), applied.clone()),
        tampering("application_entry", application("amount = 49"), applied),
        tampering("payments_credited", application("amount = 49"), is("USD provider:stripe")),
        tampering("payments_credited", application("fee = 1"), is("USD provider:stripe")),
        tampering(
            "refunds_debited",
            "UPDATE refunds SET debited = 6 WHERE status = 'failed'".to_owned(),
            is("USD refund:stripe"),
        ),
        tampering(
            "disputes_debited",
            "UPDATE disputes SET taken_back = 5 WHERE status = 'open' AND currency = 'USD'".to_owned(),
            is("USD dispute:stripe"),
        ),
    ]
}

fn sums() -> Vec<Tampering> {
    ["paid", "granted", "held"]
        .into_iter()
        .zip(["balances", "granted", "held"])
        .map(|(part, rule)| tampering(rule, format!("UPDATE wallets SET {part} = {part} + 1 WHERE {MAIN}"), is("USD")))
        .collect()
}

fn all() -> Vec<Tampering> {
    [
        wallets(),
        entries(),
        grants(),
        holds(),
        transfers(),
        orders(),
        payments(),
        operators::bank_transfers(),
        operators::bank_statements(),
        closings::closings(),
        operators::bonuses(),
        operators::refund_requests(),
        operators::own_words(),
        take_backs::refunds(),
        sums(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A connection of the database's owner to a book, sealed or not, that nothing guards.
async fn unguarded(sealed: bool) -> (Pool, Pooled) {
    let (pool, database) = filled(1).await;
    if sealed {
        seal_all(&pool, &sealing()).await;
    }
    execute(&database, DISARM).await;
    let mut conn = pool.get().await.unwrap();
    conn.batch_execute(OWNER).await.unwrap();
    (pool, conn)
}

/// What the check finds after a tampering, which is undone afterwards.
async fn found_after(conn: &mut Connection, sql: &str) -> Report {
    conn.batch_execute(&format!("BEGIN; {sql}")).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let report = check::examine(conn, &[], &mut |_| {}).await.unwrap();
    conn.batch_execute("ROLLBACK").await.unwrap();
    report
}

#[tokio::test]
async fn whatever_is_tampered_with_is_named() {
    let (_pool, mut conn) = unguarded(false).await;
    let mut wrong = Vec::new();
    for Tampering { rule, sql, subject } in all() {
        let subject = answers(&mut conn, &subject).await;
        let report = found_after(&mut conn, &sql).await;
        let subjects: Vec<String> =
            report.disagreements.iter().filter(|one| one.rule == rule).map(|one| one.subject.clone()).collect();
        let counted =
            report.rules.iter().find(|checked| checked.rule.name == rule).map(|checked| checked.disagreements);
        if subjects != subject || counted != Some(1) {
            wrong.push(format!("{rule}: {sql}\n  wanted {subject:?}, found {:#?}", report.disagreements));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_rule_is_left_untried() {
    let tried = all().into_iter().map(|tampering| tampering.rule).chain(review::rules()).chain(reports::RULES);
    // A head is kept outside of the database: `seals` tries it.
    let tried: BTreeSet<&str> = tried.chain(["seal_head"]).collect();
    let rules = STEPS.iter().flat_map(|step| step.rules).chain(FIGURES).chain(SEALS);
    assert_eq!(tried, rules.map(|rule| rule.name).collect());
}

#[tokio::test]
async fn many_disagreements_are_counted_and_the_first_listed() {
    let (pool, database) = filled(1).await;
    execute(
        &database,
        &format!(
            "{OWNER} {DISARM} INSERT INTO wallets (customer_id, currency, product, id, created_at, updated_at, paid)
             SELECT 'many-' || n, 'EUR', '', gen_random_uuid(), now(), now(), 1 FROM generate_series(1, 250) AS n"
        ),
    )
    .await;
    let report = report(&pool).await;
    let listed = report.disagreements.iter().filter(|one| one.rule == "wallet_balance").count();
    assert_eq!(listed as i64, topup::domain::check::LISTED);
    assert!(topup::app::check::render(&report).contains("  and 150 more\n"));
    // wallet_balance and wallet_paid of each, and the sum of balances.
    assert_eq!(report.disagreement_count(), 501);
}
