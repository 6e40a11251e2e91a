//! Credits without an order: what a payment brought to a wallet directly, and what the payment's refunds and disputes
//! take from it.
//!
//! The parts are divided by [`division`]. Each change moves the wallets by the difference to what they gave before, as
//! [`super::book`] does for orders.

use super::source::{TakeBackMode, TakeBackSource, post_all};
use crate::app::Error;
use crate::domain::customer::CustomerId;
use crate::domain::division::{self, TakenParts, TakenShare};
use crate::domain::money::Money;
use crate::domain::movement::give_back::give_back;
use crate::domain::movement::take_back::{Asked, Brought, take_back};
use crate::domain::payment::Payment;
use crate::domain::take_back::{TakeBackId, TakenFrom};
use crate::storage::{Connection, wallet_credits};

/// Divides a locked payment again among its disputes in force, and a refund or dispute that is about to be written.
/// Returns the parts of `id`, if it is one of these, and the customer whose wallets give.
///
/// # Errors
/// Database errors.
pub(in crate::app) async fn divide(
    conn: &mut Connection,
    payment: &Payment,
    id: TakeBackId,
    new: Option<TakenShare>,
) -> Result<Option<(TakenParts, Option<CustomerId>)>, Error> {
    let credit = wallet_credits::find(conn, payment).await?;
    let credited = credit.as_ref().map_or(Money::zero(payment.currency()), |credit| credit.amount);
    let customer = credit.map(|credit| credit.customer);
    let before = wallet_credits::standing(conn, payment).await?;
    let mut standing: Vec<TakenShare> = before.iter().cloned().chain(new).collect();
    division::divide(payment.amount - payment.applied, credited, &mut standing);
    let is_changed = |one: &TakenShare| before.iter().any(|known| known.id == one.id && known.parts != one.parts);
    for one in standing.iter().filter(|one| is_changed(one)) {
        if let TakeBackId::Dispute(dispute) = one.id {
            wallet_credits::write_parts(conn, dispute, one.parts, customer.as_ref()).await?;
        }
    }
    Ok(standing.iter().find(|one| one.id == id).map(|one| (one.parts, customer)))
}

/// Moves the customer's wallets by what is due for the refunds and disputes of a locked payment, in one direction.
/// Returns what the source asks for beyond what it asked before; a negative amount went back to the wallets.
///
/// # Errors
/// Database errors; 402 or 409 of the wallets for a voluntary refund.
pub(in crate::app) async fn align(
    conn: &mut Connection,
    payment: &Payment,
    source: TakeBackSource,
    mode: &TakeBackMode,
) -> Result<Money, Error> {
    let nothing = Money::zero(payment.currency());
    let Some(credit) = wallet_credits::find(conn, payment).await? else { return Ok(nothing) };
    let of = TakenFrom::Payment(payment.id);
    let brought = Brought { customer: &credit.customer, product: &credit.product };
    match mode {
        TakeBackMode::Take(reach) => {
            let money = credit.due().or_zero();
            if money.is_positive() {
                let asked = Asked { money, bonus: None, reach: reach.clone() };
                post_all(conn, &[take_back(brought, source.origin(of)?, asked)]).await?;
            }
            Ok(money)
        }
        TakeBackMode::GiveBack => {
            let (mut rest, mut moved, mut postings) = ((-credit.due()).or_zero(), nothing, Vec::new());
            let mut sources = wallet_credits::sources(conn, payment).await?;
            // The source that caused it comes first, then the latest.
            sources.sort_by_key(|known| known.id != source.id);
            for known in sources {
                let back = rest.min(known.given.money);
                if !back.is_positive() {
                    continue;
                }
                rest -= back;
                let of_source = TakeBackSource { id: known.id, provider: known.provider };
                postings.push(give_back(brought, &of_source.origin(of)?, back, None));
                if known.id == source.id {
                    moved = -back;
                } else {
                    wallet_credits::lower_taken(conn, known.id, back).await?;
                }
            }
            post_all(conn, &postings).await?;
            Ok(moved)
        }
    }
}
