//! Exports a customer's personal data, and erases it. Of an entry, the description and the metadata are erased, and
//! their digests take their place, so that every seal stays valid. Without the customer's secret, which is deleted,
//! nobody can guess a text from its digest.

use serde_json::json;
use uuid::Uuid;

use super::make_secret;
use crate::app::Error;
use crate::domain::actor::Actor;
use crate::domain::audit::AuditRecord;
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::id::IdKind;
use crate::domain::seal::form::digests;
use crate::storage::seals::{self, erase};
use crate::storage::{Connection, audit, papers, payouts, personal_data, reports, roles};

/// How many entries are read and written at once.
const PAGE: i64 = 1_000;

/// Erases the texts of a customer's entries, and all other personal data. Returns the number of entries. The connection
/// belongs to the database's owner. Everything happens in one transaction. No entry is sealed, no day is folded and no
/// paper is issued meanwhile.
///
/// # Errors
/// 409 `payout_moved_on` while a payout of the customer is in progress, because an operator still has to make the
/// transfer. Database errors, also if the session may not change entries.
pub async fn erase_texts(conn: &mut Connection, customer: &CustomerId) -> Result<usize, Error> {
    conn.build_transaction().run(async |conn| erase_all(conn, customer).await).await
}

async fn erase_all(conn: &mut Connection, customer: &CustomerId) -> Result<usize, Error> {
    seals::stop_walk(conn).await?;
    reports::stop_folding(conn).await?;
    papers::stop_issuing(conn).await?;
    if let Some(id) = payouts::under_way(conn, customer).await? {
        let detail = format!("payout {} is in progress", IdKind::Payout.show(id));
        return Err(Error::conflict(Code::PayoutMovedOn, detail));
    }
    let known = seals::secrets(conn, std::slice::from_ref(customer)).await?.pop();
    let secret = match known {
        Some((_, secret)) => secret,
        None => make_secret(conn, customer).await?,
    };
    let (mut erased, mut at) = (0, (Uuid::nil(), 0));
    loop {
        let page = erase::texts_after(conn, customer, at, PAGE).await?;
        let Some((wallet, seq, _)) = page.last() else { break };
        at = (*wallet, *seq);
        erased += page.len();
        let page = page.into_iter().map(|(wallet, seq, texts)| (wallet, seq, digests(&texts, &secret, wallet, seq)));
        erase::erase(conn, customer, page.collect()).await?;
    }
    erase::erase_beside(conn, customer).await?;
    papers::erase_buyer(conn, customer).await?;
    personal_data::erase(conn, customer).await?;
    erase::delete_secret(conn, customer).await?;
    let owner = Actor::Owner(&roles::session_user(conn).await?).to_string();
    let record = AuditRecord::new(&owner, "customer.texts_erased", format!("customer:{customer}"))
        .of(customer)
        .to(json!({ "entries": erased }));
    audit::write(conn, &record).await?;
    Ok(erased)
}

/// Passes everything that [`erase_texts`] would erase to `show`: the table, and the personal part of each row.
///
/// # Errors
/// Database errors.
pub async fn personal_data(
    conn: &mut Connection,
    customer: &CustomerId,
    show: &mut (dyn FnMut(&str, serde_json::Value) + Send),
) -> Result<(), Error> {
    for (table, data) in personal_data::of_customer(conn, customer).await? {
        show(&table, data);
    }
    let mut at = (Uuid::nil(), 0);
    loop {
        let page = erase::texts_after(conn, customer, at, PAGE).await?;
        let Some((wallet, seq, _)) = page.last() else { return Ok(()) };
        at = (*wallet, *seq);
        for (wallet, seq, texts) in page {
            let wallet = IdKind::Wallet.show(wallet);
            let data = json!({
                "wallet_id": wallet, "seq": seq, "description": texts.description, "metadata": texts.metadata,
            });
            show("entries", data);
        }
    }
}
