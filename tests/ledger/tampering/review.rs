//! Tamperings by reviewers, 21 of the first review, and by us. Each then puts every figure right. The check of that
//! time found only some of them; the table says which it did not find.

use std::collections::BTreeSet;

use super::{MAIN_ID, PRODUCT_ID, found_after, unguarded};
use crate::fixture::{
    BALANCE_ORDER, BANK_ORDER, DISPUTE, FIRST_GRANT, ORDER, PAYMENT, PENDING_ORDER, REFUND, TO_WALLET, TRANSFER, shown,
};

/// Numbers the entries again, and computes every figure of them and of their wallets from their amounts and grants.
const PUT_RIGHT: &str = "
    CREATE TEMP TABLE moved AS
    SELECT e.ctid AS place, e.customer_id, e.wallet_id, e.seq, e.granted, e.debt, row_number() OVER w AS n,
           sum(e.amount) OVER w AS balance, sum(greatest(p.paid, 0)) OVER w AS paid_in,
           sum(greatest(-p.paid, 0)) OVER w AS paid_out
    FROM entries e
    CROSS JOIN LATERAL (SELECT e.amount - coalesce(e.granted, 0) + coalesce(e.debt, 0)) AS p (paid)
    WINDOW w AS (PARTITION BY e.customer_id, e.wallet_id ORDER BY e.seq ROWS UNBOUNDED PRECEDING);
    UPDATE grant_uses u SET seq = m.n FROM moved m
    WHERE (u.customer_id, u.wallet_id, u.seq) = (m.customer_id, m.wallet_id, m.seq);
    UPDATE entries e SET seq = m.n, balance_after = m.balance, paid_in = m.paid_in, paid_out = m.paid_out
    FROM moved m WHERE e.ctid = m.place;
    UPDATE wallets w
    SET paid_in = f.paid_in, paid_out = f.paid_out, paid = f.paid_in - f.paid_out, granted = f.granted, debt = f.debt,
        entry_seq = f.n,
        (active_grant, active_remaining, active_held, grants_until) = (
            SELECT g.id, g.remaining, g.held, min(g.expires_at) OVER ()
            FROM grants g WHERE g.customer_id = w.customer_id AND g.wallet_id = w.id AND g.remaining > 0
            ORDER BY g.priority, g.expires_at, g.created_at, g.id LIMIT 1),
        needs_full_path = f.debt > 0 OR frozen OR customer_frozen OR claimed OR closing
    FROM (SELECT customer_id, wallet_id, max(n) AS n, max(paid_in) AS paid_in, max(paid_out) AS paid_out,
                 coalesce(sum(granted), 0) AS granted, coalesce(sum(debt), 0) AS debt
          FROM moved GROUP BY customer_id, wallet_id) AS f
    WHERE w.customer_id = f.customer_id AND w.id = f.wallet_id;
    DROP TABLE moved;";

/// What finds a tampering.
#[derive(Clone, Copy)]
enum FoundBy {
    /// A rule of the check, whether the entries are sealed or not.
    Rule(&'static str),
    /// A rule about the seals, and nothing else: figure by figure, the books agree.
    Seal(&'static str),
}

struct Case {
    what: &'static str,
    /// Whether the check of that time found nothing wrong; for later tamperings, the check that came after it.
    passed_before: bool,
    sql: String,
    found_by: FoundBy,
}

const fn case(what: &'static str, passed_before: bool, sql: String, found_by: FoundBy) -> Case {
    Case { what, passed_before, sql, found_by }
}

/// Adds an entry to the end of a wallet.
fn add(wallet: &str, kind: i32, amount: i32, counterpart: &str, reference: &str) -> String {
    format!(
        "INSERT INTO entries (created_at, seq, fingerprint, wallet_id, kind, customer_id, amount, balance_after,
             paid_in, paid_out, counterpart, key, reference)
         SELECT now(), 1000000, 0, id, {kind}, customer_id, {amount}, 0, 0, 0, '{counterpart}', 'added', {reference}
         FROM wallets WHERE id = {wallet}; {PUT_RIGHT}"
    )
}

/// Changes the usage of this id.
fn entry(key: &str, set: &str) -> String {
    format!("UPDATE entries SET {set} WHERE kind = 2 AND key = '{key}';")
}

fn order(id: uuid::Uuid, set: &str) -> String {
    format!("UPDATE top_up_orders SET {set} WHERE id = '{id}'")
}

/// The tamperings of the review by their numbers.
fn of_the_review() -> Vec<Case> {
    use FoundBy::{Rule, Seal};
    let bank = format!("bank:{}", crate::fixture::BANK.as_simple());
    let refund = "INSERT INTO refunds (id, order_id, payment_id, customer_id, provider, provider_refund_id, currency,
            amount, status, reason, ours, proposed_by, created_at, updated_at)";
    let dispute = "INSERT INTO disputes (id, payment_id, order_id, customer_id, provider, dispute_id, currency, amount,
            status, created_at, updated_at)";
    vec![
        case(
            "1: a correction without a record",
            true,
            add(MAIN_ID, 11, 1000, "adjustment", "NULL"),
            Rule("adjustment_entry"),
        ),
        case(
            "2: something given back of a usage that was never there",
            true,
            add(MAIN_ID, 4, 1000, "usage", "'nothing'"),
            Rule("reversal_of_deduction"),
        ),
        case(
            "3: more given back of a usage than it took",
            true,
            add("(SELECT id FROM wallets WHERE customer_id = 'bob')", 4, 500, "usage", "'u2'"),
            Rule("reversal_of_deduction"),
        ),
        case(
            "4: a usage out of nothing",
            true,
            format!(
                "UPDATE entries SET seq = seq * 10 WHERE customer_id = 'finn';
                 INSERT INTO entries (created_at, seq, fingerprint, wallet_id, kind, customer_id, amount, balance_after,
                     paid_in, paid_out, counterpart, key)
                 SELECT created_at, 15, 0, wallet_id, 2, customer_id, -50, 0, 0, 0, 'usage', 'f0'
                 FROM entries WHERE customer_id = 'finn' AND key = 'f1'; {PUT_RIGHT}"
            ),
            Seal("seal_hash"),
        ),
        case(
            "5: a refund that took nothing from the wallet",
            true,
            format!(
                "{refund} VALUES (gen_random_uuid(), '{ORDER}', '{PAYMENT}', 'alice', 'stripe', 're_3', 'USD', 10,
                     'succeeded', 'r', false, 'provider', now(), now());
                 UPDATE payments SET refunded = refunded + 10 WHERE id = '{PAYMENT}';
                 UPDATE top_up_orders SET refunded_amount = refunded_amount + 10 WHERE id = '{ORDER}'"
            ),
            Rule("given_back"),
        ),
        case(
            "6: a lost dispute that took nothing from the wallet",
            true,
            format!(
                "{dispute} VALUES (gen_random_uuid(), '{PAYMENT}', '{ORDER}', 'alice', 'stripe', 'du_9', 'USD', 10,
                     'lost', now(), now())"
            ),
            Rule("given_back"),
        ),
        case(
            "7: the received amount raised, up to which is refunded",
            true,
            order(BANK_ORDER, "received_amount = 100000"),
            Rule("order_received"),
        ),
        case("8: the fee of a completed order changed", true, order(ORDER, "fee = 3, tax = 0"), Rule("order_price")),
        case("8: a completed order is over more", true, order(ORDER, "payable_amount = 110"), Rule("payment_exact")),
        case(
            "9: a bonus of a completed order that was never granted",
            true,
            order(BANK_ORDER, "bonus = 50"),
            Rule("order_bonus"),
        ),
        case(
            "10: a payment raised, with a reason",
            true,
            format!("UPDATE payments SET amount = 1000, unapplied_reason = 'more came' WHERE id = '{PAYMENT}'"),
            Rule("payment_exact"),
        ),
        case("11: the key of a usage renamed", true, entry("f1", "key = 'f2'"), Seal("seal_hash")),
        case("12: a description changed", true, entry("e3", "description = 'a call'"), Seal("seal_hash")),
        case("12: metadata changed", true, entry("e3", "metadata = '{\"to\": \"+84\"}'"), Seal("seal_hash")),
        case("12: the time of a usage changed", true, entry("e3", "occurred_at = now()"), Seal("seal_hash")),
        case("13: a usage made smaller", true, entry("f1", "amount = -10") + PUT_RIGHT, Seal("seal_hash")),
        case(
            "14: a wallet frozen",
            true,
            "UPDATE wallets SET frozen = true, needs_full_path = true WHERE customer_id = 'finn'".to_owned(),
            Rule("wallet_frozen"),
        ),
        case(
            "15: the second operator of a refund no longer needed",
            true,
            format!("UPDATE refunds SET second_needed = false, approved_by = NULL WHERE id = '{REFUND}'"),
            Rule("own_word_recorded"),
        ),
        case(
            "16: money from a bank line that is not there",
            false,
            add(MAIN_ID, 11, 1000, &bank, "NULL"),
            Rule("payments_credited"),
        ),
        case(
            "17: a recharge without an order",
            false,
            add(MAIN_ID, 1, 1000, "provider:stripe", "'tuo_0'"),
            Rule("recharge_without_order"),
        ),
        case(
            "18: an order given to another customer",
            false,
            order(ORDER, "customer_id = 'bob'"),
            Rule("order_recharge_count"),
        ),
        case(
            "19: the entry of a refund deleted",
            false,
            format!("DELETE FROM entries WHERE kind = 5 AND key = '{}:2'; {PUT_RIGHT}", shown("rfd", REFUND)),
            Rule("take_back_entry"),
        ),
        case(
            "20: a balance changed",
            false,
            "UPDATE wallets SET paid = paid + 1, paid_in = paid_in + 1 WHERE customer_id = 'finn'".to_owned(),
            Rule("wallet_balance"),
        ),
        case(
            "21: granted credit raised",
            false,
            "UPDATE wallets SET granted = granted + 1 WHERE customer_id = 'alice' AND product = ''".to_owned(),
            Rule("wallet_granted"),
        ),
    ]
}

/// Beyond the review.
fn others() -> Vec<Case> {
    use FoundBy::Rule;
    vec![
        case(
            "a taken-back movement said of another wallet",
            true,
            format!(
                "UPDATE take_backs SET wallet_id = {PRODUCT_ID} WHERE source = '{}' AND n = 2",
                shown("dsp", DISPUTE)
            ),
            Rule("take_back_entry"),
        ),
        case(
            "an application said of another wallet",
            true,
            format!("UPDATE payment_applications SET wallet_id = {PRODUCT_ID} WHERE payment_id = '{PAYMENT}'"),
            Rule("application_entry"),
        ),
        case(
            "an application given to an order that was not paid",
            true,
            format!(
                "UPDATE payment_applications SET order_id = NULL WHERE payment_id = '{PAYMENT}';
                 DELETE FROM top_up_orders WHERE id = '{ORDER}';
                 UPDATE disputes SET order_id = NULL WHERE order_id = '{ORDER}';
                 UPDATE refunds SET order_id = NULL WHERE order_id = '{ORDER}'"
            ),
            Rule("application_entry"),
        ),
        case("an order said of a product", true, order(BANK_ORDER, "product = 'whatsapp'"), Rule("order_wallet")),
        case(
            "money paid from the wallet said to be more",
            true,
            order(BALANCE_ORDER, "received_amount = 31"),
            Rule("order_received"),
        ),
        case(
            "a bonus granted for an order that waits",
            true,
            format!(
                "UPDATE entries SET reference = '{}' WHERE kind = 12 AND customer_id = 'alice'",
                shown("tuo", PENDING_ORDER)
            ),
            Rule("order_bonus"),
        ),
        case(
            "a fee taken out of what was credited without an order",
            true,
            format!(
                "UPDATE payment_applications SET amount = 51, fee = 1 WHERE payment_id = '{TO_WALLET}';
                 UPDATE payments SET amount = 52, applied = 51, unapplied_reason = 'a rest' WHERE id = '{TO_WALLET}';
                 UPDATE entries SET amount = 51 WHERE kind = 1 AND customer_id = 'bob'; {PUT_RIGHT}"
            ),
            Rule("application_entry"),
        ),
        case(
            "a usage given back to another wallet of its customer",
            true,
            format!(
                "UPDATE entries SET wallet_id = {PRODUCT_ID}, seq = 1000000 WHERE kind = 4
                     AND customer_id = 'alice'; {PUT_RIGHT}"
            ),
            Rule("reversal_of_deduction"),
        ),
        case(
            "a correction approved over less than was booked",
            true,
            "UPDATE adjustments SET amount = -0.5 WHERE order_id IS NULL".to_owned(),
            Rule("adjustment_entry"),
        ),
        case(
            "an idempotency key that names the refund of somebody else",
            true,
            "UPDATE idempotency_keys SET customer_id = 'bob' WHERE operation = 'create_refund'".to_owned(),
            Rule("idempotency_resource"),
        ),
        case(
            "an idempotency key of a transfer that was made away with",
            true,
            format!(
                "DELETE FROM entries WHERE reference = '{transfer}'; DELETE FROM transfers WHERE id = '{TRANSFER}';
                 {PUT_RIGHT}",
                transfer = shown("trf", TRANSFER)
            ),
            Rule("idempotency_resource"),
        ),
    ]
}

/// Beyond the review, of the entries themselves and of their seals.
fn of_sealed() -> Vec<Case> {
    let sealed = |what, sql: String| case(what, true, sql, FoundBy::Seal("seal_hash"));
    let zeros = "0".repeat(64);
    vec![
        sealed(
            "a part of one customer's usage put on another's",
            format!("{}{}{PUT_RIGHT}", entry("f1", "amount = -30"), entry("e3", "amount = -40")),
        ),
        sealed(
            "two usages exchanged",
            format!(
                "UPDATE entries e SET seq = o.seq, created_at = o.created_at FROM entries o
                 WHERE e.kind = 2 AND o.kind = 2 AND (e.key, o.key) IN (('e5', 'e6'), ('e6', 'e5')); {PUT_RIGHT}"
            ),
        ),
        sealed(
            "times moved without running backwards",
            "UPDATE entries SET created_at = created_at + interval '1 microsecond'
             WHERE customer_id = 'ella' AND seq >= (SELECT seq FROM entries WHERE kind = 2 AND key = 'e5')"
                .to_owned(),
        ),
        sealed(
            "what a usage took of one grant said of another",
            format!(
                "UPDATE grant_uses u
                 SET amount = CASE u.grant_id WHEN '{FIRST_GRANT}' THEN -50 ELSE -100 END
                 FROM entries e WHERE e.key = 'e1' AND (e.wallet_id, e.seq) = (u.wallet_id, u.seq);
                 UPDATE entries SET grant_id = '{FIRST_GRANT}' WHERE key = 'e2' AND grant_id IS NOT NULL"
            ),
        ),
        sealed(
            "a usage and what was given back of it deleted",
            format!("DELETE FROM entries WHERE customer_id = 'ella' AND key = 'e4'; {PUT_RIGHT}"),
        ),
        sealed("a usage said to be of a product", entry("f1", "counterpart = 'usage:sms'")),
        sealed("a usage that was asked for otherwise", entry("f1", "fingerprint = 1")),
        sealed(
            "a capture and its hold made smaller",
            format!(
                "UPDATE holds SET captured = 9 WHERE captured = 9.5;
                 UPDATE entries SET amount = -9 WHERE kind = 3; {PUT_RIGHT}"
            ),
        ),
        sealed(
            "a transfer and both of its entries made larger",
            format!(
                "UPDATE transfers SET amount = 11 WHERE id = '{TRANSFER}';
                 UPDATE entries SET amount = sign(amount) * 11 WHERE reference = '{}'; {PUT_RIGHT}",
                shown("trf", TRANSFER)
            ),
        ),
        sealed(
            "a grant and its entry made larger",
            format!(
                "UPDATE grants SET amount = 101, remaining = remaining + 1 WHERE id = '{FIRST_GRANT}';
                 UPDATE grant_uses SET amount = 101 WHERE grant_id = '{FIRST_GRANT}' AND amount = 100;
                 UPDATE entries e SET amount = 101, granted = 101 FROM grant_uses u
                 WHERE u.grant_id = '{FIRST_GRANT}' AND u.amount = 101 AND (e.wallet_id, e.seq) = (u.wallet_id, u.seq);
                 {PUT_RIGHT}"
            ),
        ),
        sealed(
            "the money of a wallet said to be of a product",
            "UPDATE wallets SET product = 'gpu' WHERE customer_id = 'finn'".to_owned(),
        ),
        sealed(
            "texts taken away with digests of nothing",
            entry("e3", &format!("description = NULL, metadata = NULL, text_digest = '{zeros}:{zeros}'")),
        ),
        sealed(
            "the secret of a customer replaced",
            "UPDATE customer_secrets SET secret = sha256('x') WHERE customer_id = 'ella'".to_owned(),
        ),
        sealed(
            "the secret of a customer deleted",
            "DELETE FROM customer_secrets WHERE customer_id = 'ella'".to_owned(),
        ),
        case(
            "the time of a seal changed",
            true,
            "UPDATE seals SET sealed_at = sealed_at + interval '1 second' WHERE customer_id = 'finn'".to_owned(),
            FoundBy::Seal("seal_signature"),
        ),
        case(
            "a seal said to be of another key",
            true,
            "INSERT INTO seal_keys (id, public_key) SELECT left(encode(sha256(k), 'hex'), 16), k
             FROM (VALUES (sha256('k'))) AS v (k);
             UPDATE seals SET key_id = (SELECT left(encode(sha256(sha256('k')), 'hex'), 16))"
                .to_owned(),
            FoundBy::Seal("seal_signature"),
        ),
        case(
            "another key under a known id",
            true,
            "UPDATE seal_keys SET public_key = sha256('k')".to_owned(),
            FoundBy::Seal("seal_key"),
        ),
        case(
            "the first seal of a chain deleted",
            true,
            "DELETE FROM seals WHERE customer_id = 'ella' AND from_seq = 1".to_owned(),
            FoundBy::Seal("seal_chain"),
        ),
    ]
}

fn all() -> impl Iterator<Item = Case> {
    of_the_review().into_iter().chain(others()).chain(of_sealed())
}

/// The rules that find them.
pub(super) fn rules() -> impl Iterator<Item = &'static str> {
    all().map(|case| match case.found_by {
        FoundBy::Rule(rule) | FoundBy::Seal(rule) => rule,
    })
}

#[tokio::test]
async fn every_tampering_of_the_review_is_found_and_more() {
    let (_pool, mut conn) = unguarded(true).await;
    let untouched = found_after(&mut conn, PUT_RIGHT).await;
    assert!(untouched.is_clean(), "{:#?}", untouched.disagreements);
    let mut wrong = Vec::new();
    for Case { what, passed_before, sql, found_by } in all() {
        let report = found_after(&mut conn, &sql).await;
        let rules: BTreeSet<&str> = report.disagreements.iter().map(|one| one.rule.as_str()).collect();
        let found = match found_by {
            FoundBy::Rule(rule) => rules.contains(rule),
            FoundBy::Seal(rule) => rules.contains(rule) && rules.iter().all(|rule| rule.starts_with("seal_")),
        };
        if !found {
            wrong.push(format!("{what} (passed before: {passed_before}): {:#?}", report.disagreements));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
