//! Our papers: receipts and credit notes. A worker issues them after the commit of what they are for.

use chrono::Duration;
use serde_json::json;
use uuid::Uuid;

use super::orders::read::owned;
use super::{App, Caller, Error};
use crate::domain::audit::AuditRecord;
use crate::domain::customer::CustomerId;
use crate::domain::id::IdKind;
use crate::domain::order::Order;
use crate::domain::page::{Page, Rows};
use crate::domain::paper::{DuePaper, EInvoice, Paper, PaperAmounts, PaperFilter, PaperKind, PaperRules, PaperSums};
use crate::domain::payment::Application;
use crate::domain::take_back::TakeBackId;
use crate::storage::transaction::{savepoint, transact};
use crate::storage::{Connection, applications, audit, clock, disputes, ledger, orders, papers as store, refunds};

/// When a paper that could not be issued is tried again.
const TRIED_AGAIN_AFTER: Duration = Duration::hours(1);

/// Issues papers for what happened so long ago that nothing can appear before it, the oldest first. The transaction
/// touches nothing but the papers: a number is used exactly when its paper is there. A paper that cannot be issued uses
/// no number and is set aside, and the others go on. Returns how many are due no more.
///
/// # Errors
/// Database errors.
pub async fn issue_due(app: &App, patience: Duration, limit: i64) -> Result<usize, Error> {
    let rules = &app.settings.papers;
    transact(&app.pool, async |conn| {
        let before = ledger::papers_settled_until(conn).await? - patience;
        if store::due(conn, before, 1).await?.is_empty() || !store::may_issue(conn).await? {
            return Ok::<_, Error>(0);
        }
        // Read after the right to issue is taken: another process may have issued some meanwhile.
        let due = store::due(conn, before, limit).await?;
        let mut done = 0;
        for due in &due {
            done += usize::from(issue_or_set_aside(conn, rules, due).await?);
        }
        Ok(done)
    })
    .await
}

/// Whether the paper is due no more. An error that passes undoes all of it, so that it runs again.
async fn issue_or_set_aside(conn: &mut Connection, rules: &PaperRules, due: &DuePaper) -> Result<bool, Error> {
    let error = match savepoint(conn, async |conn| issue(conn, rules, due).await).await {
        Ok(()) => return Ok(true),
        Err(Error::Storage(error)) if error.is_transient() || error.passing().is_some() => return Err(error.into()),
        Err(error) => error,
    };
    tracing::error!(paper_of = %due.source, %error, "A paper cannot be issued; it is postponed, and the others go on");
    let try_at = clock::now(conn).await? + TRIED_AGAIN_AFTER;
    store::set_aside(conn, due, &error.to_string(), try_at).await?;
    Ok(false)
}

async fn issue(conn: &mut Connection, rules: &PaperRules, due: &DuePaper) -> Result<(), Error> {
    let order = orders::find(conn, due.order_id).await?.ok_or(Error::Internal("the order of a paper that is due"))?;
    let earlier = store::of_order(conn, due.order_id).await?;
    let applied = applications::of_order(conn, &order).await?;
    // If a payment was applied twice, this is its last receipt.
    let receipt = earlier.iter().rfind(|paper| due.refers_to(paper));
    // If its money never came, the last one whose money came.
    let receipt = earlier.iter().rfind(|paper| due.refers_to(paper) && !is_reversed(paper, &earlier)).or(receipt);
    let amounts = match (due.kind, receipt) {
        (PaperKind::Receipt, _) => {
            let is_it = |one: &&Application| one.payment_id == due.payment_id && Some(one.n) == due.application;
            let application = applied.iter().find(is_it);
            let application = application.ok_or(Error::Internal("the application that a receipt is for"))?;
            Some(PaperAmounts::received_by(application))
        }
        (PaperKind::CreditNote, Some(receipt)) => {
            require_earlier(due, &applied, &earlier)?;
            credit_note(conn, due, &order, receipt, &earlier).await?
        }
        (PaperKind::Cancellation, Some(_)) => cancelled(conn, due, &order, &earlier).await?,
        (PaperKind::CreditNote | PaperKind::Cancellation, None) => {
            return Err(Error::Internal("the receipt of an order whose money went back"));
        }
    };
    // What went back was credited by another paper already.
    let Some(amounts) = amounts else { return Ok(store::remove_due(conn, &due.source).await?) };
    let paper = Paper {
        id: Uuid::now_v7(),
        kind: due.kind,
        number: store::next_number(conn, rules.series(due.kind), due.year).await?,
        source: due.source.clone(),
        order_id: due.order_id,
        payment_id: due.payment_id,
        application: due.application,
        receipt_id: receipt.map(|receipt| receipt.id).filter(|_| due.kind != PaperKind::Receipt),
        customer: order.customer.clone(),
        amounts,
        tax_rule: order.tax_rule,
        happened_at: due.happened_at,
        issued_at: clock::now(conn).await?,
        seller: rules.seller.clone(),
        buyer: order.buyer.clone(),
        e_invoice: None,
    };
    Ok(store::issue(conn, &paper).await?)
}

/// Whether one of the papers of its order says that the money of a receipt never came.
fn is_reversed(receipt: &Paper, papers: &[Paper]) -> bool {
    let is_its = |note: &Paper| (note.payment_id, note.application) == (receipt.payment_id, receipt.application);
    papers.iter().any(|note| note.kind == PaperKind::CreditNote && is_its(note))
}

/// Requires that everything that was received before it has its receipt, and the credit note of a reversal if there was
/// one: a credit note is a share of all that stands.
fn require_earlier(due: &DuePaper, applied: &[Application], earlier: &[Paper]) -> Result<(), Error> {
    let has = |one: &Application, kind: PaperKind| {
        let is_its = |paper: &Paper| (paper.payment_id, paper.application) == (one.payment_id, Some(one.n));
        earlier.iter().any(|paper| paper.kind == kind && is_its(paper))
    };
    let is_complete = |one: &Application| {
        let is_reversed = one.reversed_at.is_some_and(|at| at < due.happened_at);
        has(one, PaperKind::Receipt) && (!is_reversed || has(one, PaperKind::CreditNote))
    };
    let mut before = applied.iter().filter(|one| one.applied_at <= due.happened_at);
    match before.all(is_complete) {
        true => Ok(()),
        false => Err(Error::Internal("the papers of what an order received before something went back of it")),
    }
}

/// The amounts of a credit note: for a refund, a lost dispute, or an application whose approval was wrong. `None` if
/// other credit notes have credited all of that.
async fn credit_note(
    conn: &mut Connection,
    due: &DuePaper,
    order: &Order,
    receipt: &Paper,
    earlier: &[Paper],
) -> Result<Option<PaperAmounts>, Error> {
    let taken = match due.taken_back() {
        Some(TakeBackId::Refund(id)) => {
            let refund = refunds::find(conn, id).await?.ok_or(Error::Internal("the refund of a credit note"))?;
            refund.amount - refund.from_unapplied - refund.from_wallet
        }
        Some(TakeBackId::Dispute(id)) => {
            let dispute = disputes::find(conn, id).await?.ok_or(Error::Internal("the dispute of a credit note"))?;
            dispute.amount - dispute.from_unapplied - dispute.from_wallet
        }
        // An approval is reversed only while nothing went back.
        Some(TakeBackId::Adjustment(_)) => return Ok(Some(receipt.amounts)),
        None => return Err(Error::Internal("what a credit note is for")),
    };
    // What went back is of one payment, and the parts are shares of all that the order received.
    let of_payment = earlier.iter().filter(|paper| paper.payment_id == due.payment_id);
    let amount = PaperSums::of(order.currency(), of_payment).creditable(taken);
    let of_order = PaperSums::of(order.currency(), earlier);
    Ok(amount.is_positive().then(|| of_order.received.of_return(of_order.returned, amount, order.fee_refundable)))
}

/// The amounts of a cancellation: what was credited of its payment, less what is still back with the payer. `None` if
/// that is nothing.
async fn cancelled(
    conn: &mut Connection,
    due: &DuePaper,
    order: &Order,
    earlier: &[Paper],
) -> Result<Option<PaperAmounts>, Error> {
    let source = due.cancelled_source().ok_or(Error::Internal("the source of what is cancelled"))?;
    // A credit note that was set aside is issued before its cancellation.
    if store::is_due(conn, source).await? {
        return Err(Error::Internal("the credit note that is cancelled"));
    }
    let note = earlier.iter().find(|paper| paper.source == source).map(|note| note.amounts);
    // As for a credit note: the amount is of one payment, and the parts are shares of all that the order received.
    let of_payment = earlier.iter().filter(|paper| paper.payment_id == due.payment_id);
    let credited = PaperSums::of(order.currency(), of_payment).returned.amount;
    let undone = credited - store::returned(conn, order, due).await?.min(credited);
    let of_order = PaperSums::of(order.currency(), earlier);
    let returned = of_order.returned.amount - undone;
    Ok(of_order.received.of_cancellation(of_order.returned, note, returned, order.fee_refundable))
}

/// The papers of an order.
#[derive(Debug, Clone)]
pub struct OrderPapers {
    pub receipt: Paper,
    /// Those for money that was applied to the order later.
    pub further_receipts: Vec<Paper>,
    /// Its credit notes and their cancellations, the oldest first.
    pub credit_notes: Vec<Paper>,
}

/// The papers of an order. A customer reads those of the customer's own orders.
///
/// # Errors
/// 404 for an order that does not exist, is another customer's, or has no receipt yet.
pub async fn of_order(
    app: &App,
    caller: &Caller,
    customer: Option<&CustomerId>,
    order: Option<Uuid>,
) -> Result<OrderPapers, Error> {
    let mut conn = app.pool.get().await?;
    let order = owned(&mut conn, caller, customer, order).await?;
    let papers = store::of_order(&mut conn, order.id).await?.into_iter();
    let (receipts, credit_notes): (Vec<_>, Vec<_>) = papers.partition(|paper| paper.kind == PaperKind::Receipt);
    let mut receipts = receipts.into_iter();
    let receipt = receipts.next().ok_or(Error::NotFound("receipt"))?;
    Ok(OrderPapers { receipt, further_receipts: receipts.collect(), credit_notes })
}

/// Reads a paper. A customer reads only the customer's own.
///
/// # Errors
/// 404.
pub async fn get(app: &App, caller: &Caller, customer: Option<&CustomerId>, id: Option<Uuid>) -> Result<Paper, Error> {
    let missing = || Error::NotFound("paper");
    let mut conn = app.pool.get().await?;
    let paper = store::find(&mut conn, id.ok_or_else(missing)?).await?.ok_or_else(missing)?;
    // A caller who may see the order may see its papers.
    owned(&mut conn, caller, customer, Some(paper.order_id)).await.map_err(|error| match error {
        Error::NotFound(_) => missing(),
        other => other,
    })?;
    Ok(paper)
}

/// A page of papers.
///
/// # Errors
/// Database errors.
pub async fn list(app: &App, filter: &PaperFilter, page: &Page) -> Result<Rows<Paper>, Error> {
    Ok(store::list(&mut *app.pool.get().await?, filter, page).await?)
}

/// Notes the state's invoice on a paper. It can be corrected.
///
/// # Errors
/// 404.
#[tracing::instrument(name = "papers.note_e_invoice", skip_all, fields(paper = ?id))]
pub async fn note_e_invoice(app: &App, caller: &Caller, id: Option<Uuid>, invoice: EInvoice) -> Result<Paper, Error> {
    let missing = || Error::NotFound("paper");
    let (id, actor) = (id.ok_or_else(missing)?, caller.actor());
    transact(&app.pool, async |conn| {
        let shown = |invoice: &EInvoice| json!({ "number": invoice.number, "url": invoice.url });
        let known = store::find(conn, id).await?.ok_or_else(missing)?;
        let paper = store::note_e_invoice(conn, id, &invoice).await?.ok_or_else(missing)?;
        let target = format!("paper:{}", IdKind::Paper.show(id));
        let record = AuditRecord::new(&actor, "paper.e_invoice_noted", target).of(&paper.customer);
        let record = record.from(known.e_invoice.as_ref().map(shown)).to(shown(&invoice));
        audit::write(conn, &record).await?;
        Ok(paper)
    })
    .await
}
