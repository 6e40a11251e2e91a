//! The credit of an order: its entries, and the application that says which money they are.

use uuid::Uuid;

use crate::app::Error;
use crate::domain::code::Code;
use crate::domain::money::Money;
use crate::domain::movement::OfOrder;
use crate::domain::movement::bonus::Bonus;
use crate::domain::movement::top_up::{AppliedPayment, top_up};
use crate::domain::order::{Division, Order};
use crate::domain::payment::{Application, Payment};
use crate::domain::posting::{PostingOutcome, Refusal};
use crate::storage::{Connection, applications, clock, ledger};

/// Why an order was not credited.
#[derive(Debug)]
pub(in crate::app) enum NotCredited {
    /// A rule of the ledger refuses it, and would do so again.
    Refused(Refusal),
    /// Anything else, which may pass.
    Failed(Error),
}

impl<E: Into<Error>> From<E> for NotCredited {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl NotCredited {
    /// For a caller that does not go on when the ledger refuses.
    pub fn into_error(self) -> Error {
        match self {
            Self::Refused(refusal) => Error::refused(refusal),
            Self::Failed(error) => error,
        }
    }
}

/// Credits a locked order with `received` of a payment, divided as it says. The caller has written the payment with
/// `received` counted as applied.
///
/// # Errors
/// A refusal of the ledger, apart from all other errors.
pub(super) async fn credit(
    conn: &mut Connection,
    order: &Order,
    payment: &Payment,
    (received, division): (Money, Division),
    actor: &str,
) -> Result<Application, NotCredited> {
    let n = applications::next_number(conn, payment.id).await?;
    let wallet_id = post(conn, order, payment, n, division).await?;
    let application = Application {
        payment_id: payment.id,
        n,
        order_id: Some(order.id),
        customer: order.customer.clone(),
        wallet_id,
        amount: received,
        fee: division.fee,
        tax: division.tax,
        tax_included: division.tax_included,
        applied_by: actor.to_owned(),
        applied_at: clock::now(conn).await?,
        reversed_at: None,
    };
    applications::insert(conn, &application).await?;
    Ok(application)
}

/// Books the credit and the bonus. Returns the wallet.
async fn post(
    conn: &mut Connection,
    order: &Order,
    payment: &Payment,
    n: i32,
    division: Division,
) -> Result<Uuid, NotCredited> {
    let bonus = Some(division.bonus).filter(|bonus| bonus.is_positive());
    let expires_at = order.bonus_terms.expires_at(clock::now(conn).await?);
    let bonus = bonus.map(|amount| Bonus { grant_id: Uuid::now_v7(), amount, expires_at });
    let applied = AppliedPayment {
        id: payment.id,
        application: i64::from(n),
        provider: payment.provider,
        merchant_account: &payment.merchant_account,
    };
    let postings = top_up(OfOrder::from(order), applied, division.credited, bonus);
    let mut wallet_id = None;
    for outcome in ledger::post(conn, &postings).await? {
        match outcome {
            PostingOutcome::Booked(booked) => wallet_id = wallet_id.or(booked.entry.map(|entry| entry.wallet_id)),
            PostingOutcome::Replayed(_) => {
                return Err(Error::conflict(Code::AlreadyCredited, "this payment was credited before").into());
            }
            PostingOutcome::Refused(refusal) => return Err(NotCredited::Refused(refusal)),
        }
    }
    Ok(wallet_id.ok_or(Error::Internal("an entry for the credit of an order"))?)
}
