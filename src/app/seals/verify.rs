//! The seals in `topup check`: every chain, hash and signature, and heads that were kept elsewhere.

use std::collections::HashMap;

use super::{lines, shown};
use crate::app::Error;
use crate::domain::check::{CheckedRule, Disagreement, LISTED, Report};
use crate::domain::customer::CustomerId;
use crate::domain::id::IdKind;
use crate::domain::seal::form::Stretch;
use crate::domain::seal::heads::Head;
use crate::domain::seal::key::SealPublicKey;
use crate::domain::seal::{FORM, Seal};
use crate::storage::check::SEALS;
use crate::storage::{Connection, seals};

/// How many seals are verified at once: up to a thousand times as many entries are in memory.
const PAGE: i64 = 20;
/// How many heads are looked up at once.
const HEADS: usize = 1_000;

/// What disagrees, by rule.
#[derive(Default)]
struct Disagreements(HashMap<&'static str, (i64, Vec<Disagreement>)>);

impl Disagreements {
    fn add(&mut self, rule: &'static str, customer: &CustomerId, subject: String, expected: String, found: String) {
        let (count, listed) = self.0.entry(rule).or_default();
        *count += 1;
        if *count <= LISTED {
            let customer = Some(customer.as_str().to_owned());
            listed.push(Disagreement { rule: rule.to_owned(), subject, customer, expected, found });
        }
    }
}

/// Verifies every seal, and that the chains still have these heads. Adds what it finds to the report.
///
/// # Errors
/// Database errors.
pub async fn verify(conn: &mut Connection, heads: &[Head], report: &mut Report) -> Result<(), Error> {
    let mut found = Disagreements::default();
    let keys: HashMap<String, SealPublicKey> =
        seals::keys(conn).await?.into_iter().map(|key| (key.id.clone(), key)).collect();
    let mut last: Option<Seal> = None;
    loop {
        let page = seals::after(conn, last.as_ref(), PAGE).await?;
        if page.is_empty() {
            break;
        }
        judge_contents(conn, &page, &mut found).await?;
        for (seal, ..) in page {
            let before = last.as_ref().filter(|before| is_of_same_wallet(before, &seal));
            judge(&seal, before, keys.get(&seal.key_id), &mut found);
            last = Some(seal);
        }
    }
    for heads in heads.chunks(HEADS) {
        judge_heads(conn, heads, &mut found).await?;
    }
    for rule in SEALS {
        let (disagreements, listed) = found.0.remove(rule.name).unwrap_or_default();
        report.rules.push(CheckedRule { rule, disagreements });
        report.disagreements.extend(listed);
    }
    Ok(())
}

fn is_of_same_wallet(one: &Seal, other: &Seal) -> bool {
    one.wallet_id == other.wallet_id && one.customer == other.customer
}

fn subject(seal: &Seal) -> String {
    format!("{}:{}-{}", IdKind::Wallet.show(seal.wallet_id), seal.from_seq, seal.to_seq)
}

/// The place of a seal in its chain, and its signature.
fn judge(seal: &Seal, before: Option<&Seal>, key: Option<&SealPublicKey>, found: &mut Disagreements) {
    if !seal.follows(before) {
        let end = before.map_or(0, |before| before.to_seq);
        let expected = format!("a seal from {} after {}", end + 1, before.map_or("none".to_owned(), |b| shown(b.hash)));
        let has = format!("from {} after {}", seal.from_seq, shown(seal.previous_hash));
        found.add("seal_chain", &seal.customer, subject(seal), expected, has);
    }
    match key {
        Some(key) if !key.has_its_id() => {
            found.add("seal_key", &seal.customer, subject(seal), format!("key {}", key.id), "another key".to_owned());
        }
        Some(key) if seal.is_signed_by(key) => {}
        Some(_) | None => {
            let expected = format!("a signature by key {}", seal.key_id);
            found.add("seal_signature", &seal.customer, subject(seal), expected, "none that verifies".to_owned());
        }
    }
}

/// The entries of seals, against their hashes.
async fn judge_contents(
    conn: &mut Connection,
    page: &[(Seal, String, String)],
    found: &mut Disagreements,
) -> Result<(), Error> {
    let stretches: Vec<Stretch<'_>> = page
        .iter()
        .map(|(seal, currency, product)| Stretch {
            customer: &seal.customer,
            wallet_id: seal.wallet_id,
            currency,
            product,
            from_seq: seal.from_seq,
            to_seq: seal.to_seq,
            previous_hash: seal.previous_hash,
        })
        .collect();
    let customers: Vec<CustomerId> = page.iter().map(|(seal, ..)| seal.customer.clone()).collect();
    let secrets: HashMap<CustomerId, Vec<u8>> = seals::secrets(conn, &customers).await?.into_iter().collect();
    let stored = seals::lines(conn, &stretches).await?;
    for ((seal, ..), (stretch, stored)) in page.iter().zip(stretches.iter().zip(stored)) {
        if seal.form != FORM {
            let has = format!("form {}", seal.form);
            found.add("seal_hash", &seal.customer, subject(seal), format!("form {FORM}"), has);
            continue;
        }
        let secret = secrets.get(&seal.customer).map(Vec::as_slice);
        match lines(stored, secret, stretch) {
            None => {
                let expected = "the secret of the customer's texts".to_owned();
                found.add("seal_hash", &seal.customer, subject(seal), expected, "none".to_owned());
            }
            Some(lines) => {
                let hash = stretch.hash(&lines);
                if hash != seal.hash {
                    found.add("seal_hash", &seal.customer, subject(seal), shown(hash), shown(seal.hash));
                }
            }
        }
    }
    Ok(())
}

async fn judge_heads(conn: &mut Connection, heads: &[Head], found: &mut Disagreements) -> Result<(), Error> {
    let known: HashMap<i64, _> = seals::find_heads(conn, heads).await?.into_iter().collect();
    for (n, head) in (1..).zip(heads) {
        let has = known.get(&n).copied();
        if has != Some(head.hash) {
            let subject = format!("{}:{}", IdKind::Wallet.show(head.wallet_id), head.to_seq);
            let has = has.map_or_else(|| "no seal that ends there".to_owned(), shown);
            found.add("seal_head", &head.customer, subject, shown(head.hash), has);
        }
    }
    Ok(())
}
