//! Transfers: from the main wallet to a product, and back if the product allows it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{App, Error, IdempotencyKey, Made};
use crate::domain::client_data::ClientData;
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::money::{Currency, Money};
use crate::domain::movement::closing::gather;
use crate::domain::movement::transfer::{payment_from_wallet, transfer};
use crate::domain::page::{Page, Rows};
use crate::domain::posting::{Posting, PostingOutcome, Refusal};
use crate::domain::product::Product;
use crate::domain::transfer::Transfer;
use crate::storage::transaction::transact;
use crate::storage::transfers as store;
use crate::storage::{Connection, catalogue, ledger};

/// The transfer that a caller requests.
#[derive(Debug, Clone)]
pub struct NewTransfer {
    pub customer: CustomerId,
    /// Greater than zero; fits the currency's minor unit.
    pub amount: Money,
    pub from: Product,
    pub to: Product,
    pub client: ClientData,
}

/// Moves unheld paid money between two wallets of one customer.
///
/// # Errors
/// 422 for a transfer to itself, an unknown or inactive product, or one whose money may not go back;
/// 402 when unheld paid money is short.
#[tracing::instrument(name = "transfers.create", skip_all, fields(customer = %new.customer))]
pub async fn create(app: &App, new: &NewTransfer, key: &IdempotencyKey) -> Result<Made<Transfer>, Error> {
    if new.from == new.to {
        return Err(Error::field("/to_product", Code::SameWallet, "must differ from from_product"));
    }
    transact(&app.pool, async |conn| {
        if let Some(id) = key.claim(conn).await? {
            let transfer = store::find(conn, &new.customer, id).await?;
            let transfer = transfer.ok_or(Error::Internal("the transfer of a recorded idempotency key"))?;
            return Ok(Made::again(transfer));
        }
        check_products(conn, new).await?;
        let transfer = book_transfer(conn, new, None).await?;
        key.record_resource(conn, transfer.id, &new.customer).await?;
        Ok(Made::new(transfer))
    })
    .await
}

async fn check_products(conn: &mut Connection, new: &NewTransfer) -> Result<(), Error> {
    for (pointer, product, leaves) in [("/from_product", &new.from, true), ("/to_product", &new.to, false)] {
        if product.is_main() {
            continue;
        }
        match catalogue::products::find(conn, product).await? {
            None => return Err(Error::field(pointer, Code::UnknownProduct, "is not a product of this platform")),
            Some(found) if leaves && !found.returnable => {
                return Err(Error::field(
                    pointer,
                    Code::NotReturnable,
                    "does not give money back: it is spent there only",
                ));
            }
            Some(found) if !leaves && !found.active => {
                return Err(Error::field(pointer, Code::InactiveProduct, "is not active"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Books both sides of a transfer in the caller's transaction. One that pays an order leaves the main wallet. On an
/// error one side may be booked already: the caller must roll the transaction back.
///
/// # Errors
/// 402 when unheld paid money is short.
pub async fn book_transfer(
    conn: &mut Connection,
    new: &NewTransfer,
    order_id: Option<Uuid>,
) -> Result<Transfer, Error> {
    let id = Uuid::now_v7();
    let postings = match order_id {
        Some(order) => payment_from_wallet(id, order, &new.customer, new.amount, &new.to),
        None => transfer(id, &new.customer, new.amount, &new.from, &new.to),
    };
    book(conn, id, postings, new, order_id).await
}

/// As [`book_transfer`], between the wallets of an account that is being closed.
///
/// # Errors
/// As [`book_transfer`].
pub(in crate::app) async fn book_gathered(conn: &mut Connection, new: &NewTransfer) -> Result<Transfer, Error> {
    let id = Uuid::now_v7();
    book(conn, id, gather(id, &new.customer, new.amount, &new.from, &new.to), new, None).await
}

async fn book(
    conn: &mut Connection,
    id: Uuid,
    postings: [Posting; 2],
    new: &NewTransfer,
    order_id: Option<Uuid>,
) -> Result<Transfer, Error> {
    // Both entries are in one transaction, but each wallet has its own clock: the transfer carries the later time.
    let mut created_at: Option<DateTime<Utc>> = None;
    for outcome in ledger::post(conn, &postings).await? {
        match outcome {
            PostingOutcome::Booked(booked) | PostingOutcome::Replayed(booked) => {
                created_at = created_at.max(booked.entry.map(|entry| entry.created_at));
            }
            PostingOutcome::Refused(Refusal::Insufficient(short)) => {
                return Err(Error::NotTransferable(Box::new(short)));
            }
            PostingOutcome::Refused(refusal) => return Err(Error::refused(refusal)),
        }
    }
    let booked = Transfer {
        id,
        customer: new.customer.clone(),
        amount: new.amount,
        from: new.from.clone(),
        to: new.to.clone(),
        order_id,
        client: new.client.clone(),
        created_at: created_at.ok_or(Error::Internal("an entry for each side of a transfer"))?,
    };
    store::insert(conn, &booked).await?;
    Ok(booked)
}

/// A transfer of the customer.
///
/// # Errors
/// 404.
pub async fn get(app: &App, customer: &CustomerId, id: Option<Uuid>) -> Result<Transfer, Error> {
    let mut conn = app.pool.get().await?;
    let missing = || Error::NotFound("transfer");
    store::find(&mut conn, customer, id.ok_or_else(missing)?).await?.ok_or_else(missing)
}

/// A page of transfers, newest first.
///
/// # Errors
/// Database errors.
pub async fn list(
    app: &App,
    customer: &CustomerId,
    (currency, client_reference): (Option<Currency>, Option<&str>),
    page: &Page,
) -> Result<Rows<Transfer>, Error> {
    let mut conn = app.pool.get().await?;
    Ok(store::list(&mut conn, customer, (currency, client_reference), page).await?)
}
