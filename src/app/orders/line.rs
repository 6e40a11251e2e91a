//! The line of a bank statement that an operator states: its place among the recorded lines, what the operator has to
//! confirm, and its payment.
//!
//! Everything here happens under the lock of our bank account, so that two operators who state the same transfer see
//! each other's lines.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::app::{App, Error};
use crate::domain::approval::Confirmed;
use crate::domain::bank_transaction::{
    BankTransaction, Identity, LinePlace, Misplaced, NoIdentity, StatedLine, UsedPart, is_surprising, latest_day,
    normal_form, place,
};
use crate::domain::code::Code;
use crate::domain::id::IdKind;
use crate::domain::money::{Money, MoneyError, format_amount};
use crate::domain::order::Order;
use crate::domain::payment::{Payment, PaymentFact, ProviderName};
use crate::storage::{Connection, bank_lines, bank_transactions, payments};

/// What an operator saw in the bank.
#[derive(Debug, Clone)]
pub struct StatedTransfer {
    /// The part that serves the order, in the order's currency.
    pub received_amount: Decimal,
    /// The whole amount of the line, if that is more than what serves the order.
    pub transaction_amount: Option<Decimal>,
    pub bank_transaction_id: String,
    /// The identity of a line of the bank's file. When absent, what the operator states identifies the line.
    pub identity: Option<Identity>,
    /// Our account on which it arrived. When absent, it is the order's account.
    pub bank_account_id: Option<Uuid>,
    pub received_on: NaiveDate,
    /// Who sent it, according to the bank.
    pub remitter_name: Option<String>,
    /// It is another line than the recorded one with the same id.
    pub another_line: bool,
    pub confirmed: Confirmed,
    pub note: Option<String>,
    /// Credit the money although the order was cancelled or rejected.
    pub accept_late: bool,
}

/// Reads the line that an operator states for an order, on one of our accounts.
///
/// # Errors
/// 422 for an impossible amount, a day that is in the future in every time zone, or a line without id and remitter.
pub(super) fn read(
    order: &Order,
    account: Uuid,
    statement: &StatedTransfer,
    now: DateTime<Utc>,
) -> Result<StatedLine, Error> {
    let money = |pointer: &'static str, amount| {
        Money::positive(amount, order.currency())
            .and_then(Money::require_minor_unit)
            .map_err(|error: MoneyError| Error::field(pointer, error.code(), error.to_string()))
    };
    let received = money("/received_amount", statement.received_amount)?;
    let amount = statement.transaction_amount.map(|amount| money("/transaction_amount", amount)).transpose()?;
    let latest = latest_day(now);
    if statement.received_on > latest {
        let detail = format!("must not be in the future; the day is at most {latest}");
        return Err(Error::field("/received_on", Code::InTheFuture, detail));
    }
    let (id, remitter) = (&statement.bank_transaction_id, statement.remitter_name.as_deref());
    let stated = match statement.identity.clone() {
        Some(identity) => Ok(identity),
        None => Identity::of(id, statement.received_on, amount.unwrap_or(received), remitter),
    };
    let identity = stated.map_err(|why| match why {
        NoIdentity::RemitterNeeded => Error::field(
            "/remitter_name",
            Code::Required,
            "is required if the bank's id is a placeholder: day, amount and remitter identify the transfer",
        ),
        NoIdentity::TooLong => Error::field("/bank_transaction_id", Code::Length, "is too long in its normal form"),
    })?;
    Ok(StatedLine {
        account,
        stated_id: id.clone(),
        identity,
        amount,
        received,
        received_on: statement.received_on,
        remitter: statement.remitter_name.clone(),
        another_line: statement.another_line,
    })
}

/// Finds the place of a stated line, and requires that the operator has confirmed what is unusual about it. The caller
/// holds the lock of the account.
///
/// # Errors
/// 409 `bank_transaction_used` or `bank_line_tied`; 422 `another_line`, `confirm_difference` or
/// `confirm_not_duplicate`, which names the other payment and its order; 422 for an amount that does not fit the
/// recorded line.
pub(super) async fn find_place(
    conn: &mut Connection,
    app: &App,
    order: &Order,
    line: &StatedLine,
    confirmed: Confirmed,
) -> Result<LinePlace, Error> {
    if bank_lines::is_tied(conn, line.account, &line.identity).await? {
        let detail =
            format!("the bank's statement has {}, and several payments fit it; choose one first", line.stated_id);
        return Err(Error::conflict(Code::BankLineTied, detail));
    }
    let known = bank_transactions::lock_lines(conn, line.account, &line.identity).await?;
    let found = match place(line, &known) {
        Ok(found) => found,
        Err(why) => return Err(refusal(conn, why, &known).await?),
    };
    if !confirmed.difference && is_surprising(order.payable, line.received, app.settings.confirm_difference_above) {
        return Err(Error::Unprocessable {
            code: Code::ConfirmDifference,
            detail: format!(
                "{} arrived for an order of {}; send \"confirm_difference\": true if that is right",
                line.received, order.payable
            ),
        });
    }
    if let LinePlace::New { amount, .. } = found
        && !confirmed.not_duplicate
    {
        require_no_duplicate(conn, order, line, amount).await?;
    }
    Ok(found)
}

/// The normal form of the payer's name: as stated, or else as the order declares.
fn payer(order: &Order, line: &StatedLine) -> String {
    let declared = || order.remitter.as_ref().map(|remitter| remitter.name.as_str());
    line.remitter.as_deref().or_else(declared).map(normal_form).unwrap_or_default()
}

async fn require_no_duplicate(
    conn: &mut Connection,
    order: &Order,
    line: &StatedLine,
    amount: Money,
) -> Result<(), Error> {
    let payer = payer(order, line);
    let Some((other, stated_id)) =
        bank_transactions::find_alike(conn, line.account, amount, line.received_on, &payer).await?
    else {
        return Ok(());
    };
    let serves = describe_orders(conn, other, amount).await?;
    let detail = format!(
        "{amount} of this or a similar payer is already recorded: {} ({stated_id}), which {serves}; send \
         \"confirm_not_duplicate\": true if this is another transfer",
        IdKind::Payment.show(other)
    );
    Err(Error::Unprocessable { code: Code::ConfirmNotDuplicate, detail })
}

/// Which orders a line serves, and what is left of it.
async fn describe_orders(conn: &mut Connection, payment_id: Uuid, amount: Money) -> Result<String, Error> {
    let served = bank_transactions::orders_served(conn, payment_id, amount.currency()).await?;
    let payment =
        payments::find(conn, payment_id).await?.ok_or(Error::Internal("the payment of a bank transaction"))?;
    let parts: Vec<String> =
        served.into_iter().map(|(order, part)| format!("{} ({part})", IdKind::TopUpOrder.show(order))).collect();
    let serves = if parts.is_empty() { "serves no order".to_owned() } else { format!("serves {}", parts.join(", ")) };
    Ok(format!("{serves}; {} of its {amount} is left", format_amount(payment.rest())))
}

async fn refusal(conn: &mut Connection, why: Misplaced, known: &[(BankTransaction, UsedPart)]) -> Result<Error, Error> {
    let on_record =
        |id| known.iter().map(|(line, _)| line).find(|line| line.payment_id == id).ok_or(Error::Internal("a line"));
    Ok(match why {
        Misplaced::Used(id) => {
            let line = on_record(id)?;
            let serves = describe_orders(conn, id, line.amount).await?;
            let detail = format!("bank transaction {} {serves}", line.stated_id);
            Error::conflict(Code::BankTransactionUsed, detail)
        }
        Misplaced::AnotherLine(id) => {
            let line = on_record(id)?;
            let serves = describe_orders(conn, id, line.amount).await?;
            let remitter = line.remitter.as_ref().map(|name| format!(" from {name}")).unwrap_or_default();
            let detail = format!(
                "bank transaction {} is recorded as received on {}{remitter}, and {serves}; correct the figures, or \
                 send \"another_line\": true if the bank shows another line with this id",
                line.stated_id, line.received_on
            );
            Error::Unprocessable { code: Code::AnotherLine, detail }
        }
        Misplaced::Amount => {
            let on_record = known.first().map(|(line, used)| {
                format!("; {} is recorded, of which {} is used", line.amount, used.applied + used.unapplied_taken)
            });
            let detail = format!(
                "must be the whole amount of this transfer, and at least what is used of it{}",
                on_record.unwrap_or_default()
            );
            Error::field("/transaction_amount", Code::OutOfRange, detail)
        }
        Misplaced::NoFirstLine => {
            let detail = "is for a second line with a recorded id; there is no first line with this id";
            Error::field("/another_line", Code::Unknown, detail)
        }
    })
}

/// Records the payment of a placed line with the received part counted as applied, or takes that part from the recorded
/// payment.
///
/// # Errors
/// Database errors.
pub(super) async fn record_payment(
    conn: &mut Connection,
    app: &App,
    order: &Order,
    line: &StatedLine,
    found: LinePlace,
    actor: &str,
    now: DateTime<Utc>,
) -> Result<Payment, Error> {
    let stated = |payment_id, n, amount| BankTransaction {
        payment_id,
        account: line.account,
        identity: line.identity.clone(),
        n,
        stated_id: line.stated_id.clone(),
        amount,
        received_on: line.received_on,
        remitter: line.remitter.clone(),
        payer: payer(order, line),
        amount_is_open: false,
        stated_by: actor.to_owned(),
        stated_at: now,
    };
    match found {
        LinePlace::New { n, amount } => {
            let fact = PaymentFact {
                payment_id: line.identity.payment_id(n),
                amount,
                merchant_account: line.account.as_simple().to_string(),
                live: app.settings.live,
            };
            let mut payment = Payment::unapplied(ProviderName::BankTransfer, &fact, Some(order.id), String::new(), now);
            payment.apply(line.received);
            if !payments::insert(conn, &payment).await? {
                return Err(Error::Internal("a line that was not recorded"));
            }
            bank_transactions::insert(conn, &stated(payment.id, n, amount)).await?;
            Ok(payment)
        }
        LinePlace::Known { payment_id, amount } => {
            let missing = || Error::Internal("the payment of a recorded line");
            let (known, _) = bank_transactions::lock(conn, payment_id).await?.ok_or_else(missing)?;
            let mut payment = payments::lock_by_id(conn, payment_id).await?.ok_or_else(missing)?;
            payment.restate(amount, "");
            payment.apply(line.received);
            let line = match known.amount_is_open {
                true => stated(payment_id, known.n, amount),
                false => known,
            };
            bank_transactions::restate(conn, &line, &payment).await?;
            Ok(payment)
        }
    }
}
