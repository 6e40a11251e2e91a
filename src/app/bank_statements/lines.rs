//! The lines of our banks' files as a worklist: operators say which payment belongs to a line, and which order it is
//! for.

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;

use super::take_over::{bind, new_payment, settle};
use crate::app::idempotency::{IdempotencyKey, Made};
use crate::app::orders::approve::{self, Approved};
use crate::app::orders::line::StatedTransfer;
use crate::app::{App, Caller, Error};
use crate::domain::approval::Confirmed;
use crate::domain::audit::AuditRecord;
use crate::domain::bank_statement::suggestion::{Suggestion, suggest};
use crate::domain::bank_statement::{BankLine, LineList, StatementLine};
use crate::domain::code::Code;
use crate::domain::id::IdKind;
use crate::domain::money::Currency;
use crate::domain::page::{Page, Rows};
use crate::domain::payment::Payment;
use crate::storage::transaction::transact;
use crate::storage::{Connection, audit, bank_lines as store, bank_matching, bank_transactions, clock, payments};

/// A line with its payment, and the order that it may be for.
#[derive(Debug, Clone)]
pub struct LineView {
    pub line: BankLine,
    pub payment: Option<Payment>,
    pub suggestion: Suggestion,
}

/// A page of lines.
///
/// # Errors
/// Database errors.
pub async fn list(app: &App, which: LineList, account: Option<Uuid>, page: &Page) -> Result<Rows<LineView>, Error> {
    let mut conn = app.pool.get().await?;
    let found = store::list(&mut conn, which, account, page).await?;
    let (has_previous, has_next) = (found.has_previous, found.has_next);
    Ok(Rows { rows: view(&mut conn, found.rows).await?, has_previous, has_next })
}

/// # Errors
/// 404.
pub async fn read(app: &App, id: Option<Uuid>) -> Result<LineView, Error> {
    let mut conn = app.pool.get().await?;
    let line = found(&mut conn, id).await?;
    let seen = view(&mut conn, vec![line]).await?;
    seen.into_iter().next().ok_or(Error::Internal("the view of a line"))
}

async fn found(conn: &mut Connection, id: Option<Uuid>) -> Result<BankLine, Error> {
    let missing = || Error::NotFound("bank line");
    store::find(conn, id.ok_or_else(missing)?).await?.ok_or_else(missing)
}

async fn view(conn: &mut Connection, lines: Vec<BankLine>) -> Result<Vec<LineView>, Error> {
    let ids: Vec<Uuid> = lines.iter().filter_map(|line| line.payment_id).collect();
    let known: HashMap<Uuid, Payment> =
        store::payments_of(conn, &ids).await?.into_iter().map(|payment| (payment.id, payment)).collect();
    let mut seen: Vec<LineView> = Vec::with_capacity(lines.len());
    for line in lines {
        let payment = line.payment_id.and_then(|id| known.get(&id)).cloned();
        seen.push(LineView { line, payment, suggestion: Suggestion::Nothing });
    }
    // Only an unapplied payment needs an order.
    let is_open = |view: &LineView| view.payment.as_ref().is_some_and(|payment| payment.rest().is_positive());
    let currencies: BTreeSet<Currency> =
        seen.iter().filter(|view| is_open(view)).map(|view| view.line.line.amount.currency()).collect();
    for currency in currencies {
        let in_currency = |view: &&mut LineView| is_open(view) && view.line.line.amount.currency() == currency;
        let mut open: Vec<&mut LineView> = seen.iter_mut().filter(in_currency).collect();
        let texts: Vec<StatementLine> = open.iter().map(|view| view.line.line.clone()).collect();
        let orders = bank_matching::open_orders(conn, currency, &texts).await?;
        for view in &mut open {
            view.suggestion = suggest(&view.line.line, &orders);
        }
    }
    Ok(seen)
}

/// Chooses the payment of a tied line: one that an operator has stated, or, with `None`, a new one. The other tied
/// lines of the account are decided again.
///
/// # Errors
/// 404; 409 `bank_line_chosen` or `bank_transaction_used`; 422 for a payment that does not fit the line.
#[tracing::instrument(name = "bank_lines.choose", skip_all)]
pub async fn choose(
    app: &App,
    caller: &Caller,
    id: Option<Uuid>,
    payment: Option<Uuid>,
    reason: &str,
) -> Result<LineView, Error> {
    let actor = caller.actor();
    let id = transact(&app.pool, async |conn| {
        let known = found(conn, id).await?;
        bank_transactions::lock_account(conn, known.account).await?;
        let line = found(conn, Some(known.id)).await?;
        if !line.is_tied() {
            let detail = "the payment of this line is known, or it has none";
            return Err(Error::conflict(Code::BankLineChosen, detail));
        }
        let now = clock::now(conn).await?;
        match payment {
            Some(payment) if !line.tie.contains(&payment) => {
                return Err(Error::field(
                    "/payment_id",
                    Code::InvalidValue,
                    "is none of the payments that fit the line",
                ));
            }
            Some(payment) if store::of_payment(conn, payment).await?.is_some() => {
                let detail = "this payment belongs to another line already";
                return Err(Error::field("/payment_id", Code::InvalidValue, detail));
            }
            Some(payment) => bind(conn, &line, payment, &actor, now).await?,
            None => new_payment(conn, app, &line, &actor, now).await?,
        }
        let target = format!("bank_line:{}", IdKind::BankLine.show(line.id));
        let chosen = payment.map(|payment| IdKind::Payment.show(payment));
        let record = AuditRecord::new(&actor, "bank_line.chosen", target).because(reason);
        audit::write(conn, &record.to(serde_json::json!({ "payment_id": chosen }))).await?;
        let left = store::tied(conn, line.account).await?;
        settle(conn, app, &left, &actor, now).await?;
        Ok::<_, Error>(line.id)
    })
    .await?;
    read(app, Some(id)).await
}

/// What an operator states about a line and an order.
#[derive(Debug, Clone)]
pub struct LineForOrder {
    pub order: Uuid,
    /// The part that serves the order. `None`: all that is left of the line.
    pub amount: Option<rust_decimal::Decimal>,
    pub confirm_difference: bool,
    pub note: Option<String>,
    pub accept_late: bool,
}

/// Approves an order by a line of the bank's file. Amount, day and remitter come from the line; otherwise it is
/// `orders::approve`.
///
/// # Errors
/// 404; 409 `bank_line_tied` or `nothing_unapplied`; as `orders::approve`.
#[tracing::instrument(name = "bank_lines.apply", skip_all)]
pub async fn apply(
    app: &App,
    caller: &Caller,
    id: Option<Uuid>,
    asked: &LineForOrder,
    key: &IdempotencyKey,
) -> Result<Made<Approved>, Error> {
    let (line, transaction, payment) = {
        let mut conn = app.pool.get().await?;
        let line = found(&mut conn, id).await?;
        let payment = line.payment_id.ok_or_else(|| not_one_payment(&line))?;
        let missing = || Error::Internal("the payment of a line");
        let transaction = bank_transactions::of_payment(&mut conn, payment).await?.ok_or_else(missing)?;
        (line, transaction, payments::find(&mut conn, payment).await?.ok_or_else(missing)?)
    };
    let stated = StatedTransfer {
        received_amount: asked.amount.unwrap_or_else(|| payment.rest().amount()),
        transaction_amount: None,
        bank_transaction_id: transaction.stated_id,
        identity: Some(transaction.identity),
        bank_account_id: Some(line.account),
        received_on: transaction.received_on,
        remitter_name: transaction.remitter,
        another_line: false,
        confirmed: Confirmed { difference: asked.confirm_difference, not_duplicate: false },
        note: asked.note.clone(),
        accept_late: asked.accept_late,
    };
    approve::approve(app, caller, asked.order, &stated, key).await
}

fn not_one_payment(line: &BankLine) -> Error {
    if line.is_tied() {
        return Error::conflict(Code::BankLineTied, "choose first which payment this line is");
    }
    Error::conflict(Code::NothingUnapplied, "this line brought no money")
}
