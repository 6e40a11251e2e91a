//! Refunds, and the sum of what orders gave back.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::clock::{NowOnce, later, ledger_now, seconds};
use super::columns::{corrupt, currency_from_column, customer_from_column, provider_from_column};
use super::page::in_page;
use super::schema::{disputes, refunds};
use crate::domain::customer::CustomerId;
use crate::domain::money::{Currency, Money};
use crate::domain::order::Order;
use crate::domain::page::{Page, Rows};
use crate::domain::payment::{DisputeStatus, ProviderName};
use crate::domain::refund::{Demand, REFUSAL_IS_FINAL_FOR, Refund, RefundFilter, RefundState, ReturnedSoFar};
use crate::domain::take_back::TakeBackId;

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = refunds, treat_none_as_null = true)]
pub(super) struct RefundRow {
    id: Uuid,
    order_id: Option<Uuid>,
    payment_id: Uuid,
    customer_id: Option<String>,
    provider: String,
    provider_refund_id: Option<String>,
    currency: String,
    amount: Decimal,
    from_unapplied: Decimal,
    from_wallet: Decimal,
    debited: Decimal,
    wallet_taken: Decimal,
    bonus_taken: Decimal,
    status: String,
    reason: String,
    failure: Option<String>,
    ours: bool,
    override_balance: bool,
    from_products: bool,
    closing_id: Option<Uuid>,
    proposed_by: String,
    approved_by: Option<String>,
    second_needed: bool,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    updated_at: DateTime<Utc>,
    ask_at: Option<DateTime<Utc>>,
    asked: i32,
}

impl From<&Refund> for RefundRow {
    fn from(refund: &Refund) -> Self {
        Self {
            id: refund.id,
            order_id: refund.order_id,
            payment_id: refund.payment_id,
            customer_id: refund.customer.as_ref().map(|customer| customer.as_str().to_owned()),
            provider: refund.provider.as_str().to_owned(),
            provider_refund_id: refund.provider_refund_id.clone(),
            currency: refund.amount.currency().code().to_owned(),
            amount: refund.amount.amount(),
            from_unapplied: refund.from_unapplied.amount(),
            from_wallet: refund.from_wallet.amount(),
            debited: refund.debited.amount(),
            wallet_taken: refund.wallet_taken.amount(),
            bonus_taken: refund.bonus_taken.amount(),
            status: refund.state.as_str().to_owned(),
            reason: refund.reason.clone(),
            failure: refund.failure.clone(),
            ours: refund.ours,
            override_balance: refund.override_balance,
            from_products: refund.from_products,
            closing_id: refund.closing_id,
            proposed_by: refund.proposed_by.clone(),
            approved_by: refund.approved_by.clone(),
            second_needed: refund.second_needed,
            created_at: refund.created_at,
            started_at: refund.started_at,
            updated_at: refund.updated_at,
            ask_at: refund.ask_at,
            asked: refund.asked,
        }
    }
}

impl TryFrom<RefundRow> for Refund {
    type Error = StorageError;

    fn try_from(row: RefundRow) -> Result<Self, StorageError> {
        let currency = currency_from_column(&row.currency)?;
        let money = |amount| Money::from_ledger(amount, currency);
        Ok(Self {
            id: row.id,
            order_id: row.order_id,
            payment_id: row.payment_id,
            customer: row.customer_id.as_deref().map(customer_from_column).transpose()?,
            provider: provider_from_column(&row.provider)?,
            provider_refund_id: row.provider_refund_id,
            amount: money(row.amount),
            from_unapplied: money(row.from_unapplied),
            from_wallet: money(row.from_wallet),
            debited: money(row.debited),
            wallet_taken: money(row.wallet_taken),
            bonus_taken: money(row.bonus_taken),
            state: state_from_column(&row.status)?,
            reason: row.reason,
            failure: row.failure,
            ours: row.ours,
            override_balance: row.override_balance,
            from_products: row.from_products,
            closing_id: row.closing_id,
            proposed_by: row.proposed_by,
            approved_by: row.approved_by,
            second_needed: row.second_needed,
            created_at: row.created_at,
            started_at: row.started_at,
            updated_at: row.updated_at,
            ask_at: row.ask_at,
            asked: row.asked,
        })
    }
}

fn state_from_column(status: &str) -> Result<RefundState, StorageError> {
    RefundState::parse(status).ok_or_else(|| corrupt("refund status", status))
}

/// # Errors
/// Database errors; a known refund of a provider violates `refunds_at_provider_once`.
pub async fn insert(conn: &mut AsyncPgConnection, refund: &Refund) -> Result<(), StorageError> {
    diesel::insert_into(refunds::table).values(RefundRow::from(refund)).execute(conn).await?;
    Ok(())
}

/// Writes a refund that was locked by [`lock`].
///
/// # Errors
/// Database errors.
pub async fn update(conn: &mut AsyncPgConnection, refund: &Refund) -> Result<(), StorageError> {
    diesel::update(refunds::table.find(refund.id)).set(RefundRow::from(refund)).execute(conn).await?;
    Ok(())
}

/// # Errors
/// Database errors.
pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<Refund>, StorageError> {
    let row: Option<RefundRow> = refunds::table.find(id).select(RefundRow::as_select()).first(conn).await.optional()?;
    row.map(Refund::try_from).transpose()
}

/// Reads a refund and locks its row. The caller has locked its order and its payment before.
///
/// # Errors
/// Database errors.
pub async fn lock(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<Refund>, StorageError> {
    let row: Option<RefundRow> =
        refunds::table.find(id).select(RefundRow::as_select()).for_update().first(conn).await.optional()?;
    row.map(Refund::try_from).transpose()
}

/// The refund that a provider knows by this id.
///
/// # Errors
/// Database errors.
pub async fn by_provider_id(
    conn: &mut AsyncPgConnection,
    provider: ProviderName,
    provider_refund_id: &str,
) -> Result<Option<Refund>, StorageError> {
    let row: Option<RefundRow> = refunds::table
        .filter(refunds::provider.eq(provider.as_str()).and(refunds::provider_refund_id.eq(provider_refund_id)))
        .select(RefundRow::as_select())
        .first(conn)
        .await
        .optional()?;
    row.map(Refund::try_from).transpose()
}

/// Whether one of our refunds of this amount is pending, and its id at the provider is not known yet.
///
/// # Errors
/// Database errors.
pub async fn has_unnamed(conn: &mut AsyncPgConnection, payment_id: Uuid, amount: Money) -> Result<bool, StorageError> {
    let unnamed = refunds::table
        .filter(refunds::payment_id.eq(payment_id).and(refunds::amount.eq(amount.amount())))
        .filter(refunds::status.eq(RefundState::Pending.as_str()).and(refunds::provider_refund_id.is_null()));
    Ok(diesel::select(diesel::dsl::exists(unnamed)).get_result(conn).await?)
}

/// Whether a refund of the customer waits for a second operator.
///
/// # Errors
/// Database errors.
pub async fn has_proposal(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<bool, StorageError> {
    let waiting = refunds::table
        .filter(refunds::customer_id.eq(customer.as_str()))
        .filter(refunds::status.eq(RefundState::AwaitingSecondApproval.as_str()));
    Ok(diesel::select(diesel::dsl::exists(waiting)).get_result(conn).await?)
}

/// How much of an order's money went back so far, and how much was taken from wallets for it. The caller holds the
/// order's lock.
///
/// # Errors
/// Database errors.
pub async fn returned_so_far(conn: &mut AsyncPgConnection, order: &Order) -> Result<ReturnedSoFar, StorageError> {
    let mut sum = ReturnedSoFar::nothing(order.currency());
    let money = |amount| Money::from_ledger(amount, order.currency());
    let refunded: Vec<(String, Decimal, Decimal, Decimal)> = refunds::table
        .filter(refunds::order_id.eq(order.id))
        .select((
            refunds::status,
            refunds::amount - refunds::from_unapplied - refunds::from_wallet,
            refunds::debited,
            refunds::bonus_taken,
        ))
        .load(conn)
        .await?;
    for (status, amount, debited, bonus) in refunded {
        if state_from_column(&status)?.is_in_force() {
            sum.refunded += money(amount);
        }
        sum.debited += money(debited);
        sum.bonus_taken += money(bonus);
    }
    let disputed: Vec<(String, bool, Decimal, Decimal, Decimal)> = disputes::table
        .filter(disputes::order_id.eq(order.id))
        .select((
            disputes::status,
            disputes::charged,
            disputes::amount - disputes::from_unapplied - disputes::from_wallet,
            disputes::taken_back,
            disputes::bonus_taken,
        ))
        .load(conn)
        .await?;
    for (status, charged, amount, taken_back, bonus) in disputed {
        let status = DisputeStatus::parse(&status).ok_or_else(|| corrupt("dispute status", &status))?;
        if status.is_in_force() {
            sum.disputed += money(amount);
            if charged {
                sum.charged += money(amount);
            }
        }
        sum.debited += money(taken_back);
        sum.bonus_taken += money(bonus);
    }
    Ok(sum)
}

/// What went back of an order by refunds, each with its payment. The caller holds the order's lock.
///
/// # Errors
/// Database errors.
pub async fn returned_of_payments(
    conn: &mut AsyncPgConnection,
    order: &Order,
) -> Result<Vec<(Uuid, Money)>, StorageError> {
    let in_force = RefundState::ALL.into_iter().filter(|state| state.is_in_force()).map(RefundState::as_str);
    let rows: Vec<(Uuid, Decimal)> = refunds::table
        .filter(refunds::order_id.eq(order.id))
        .filter(refunds::status.eq_any(in_force))
        .select((refunds::payment_id, refunds::amount - refunds::from_unapplied - refunds::from_wallet))
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(|(payment, amount)| (payment, Money::from_ledger(amount, order.currency()))).collect())
}

/// A refund or dispute of an order, with what it asks of the customer's wallets.
#[derive(Debug, Clone, Copy)]
pub struct Source {
    pub id: TakeBackId,
    pub provider: ProviderName,
    pub given: Demand,
}

/// The refunds and disputes of an order that ask for something, the latest first. The caller holds the order's lock.
///
/// # Errors
/// Database errors.
pub async fn sources_of_order(conn: &mut AsyncPgConnection, order: &Order) -> Result<Vec<Source>, StorageError> {
    let refunded: Vec<SourceRow> = refunds::table
        .filter(refunds::order_id.eq(order.id))
        .select((refunds::id, refunds::provider, refunds::debited, refunds::bonus_taken, refunds::created_at))
        .load(conn)
        .await?;
    let disputed: Vec<SourceRow> = disputes::table
        .filter(disputes::order_id.eq(order.id))
        .select((disputes::id, disputes::provider, disputes::taken_back, disputes::bonus_taken, disputes::created_at))
        .load(conn)
        .await?;
    sources(refunded, disputed, order.currency())
}

/// Id, provider, money, bonus and time of a source.
pub(super) type SourceRow = (Uuid, String, Decimal, Decimal, DateTime<Utc>);

/// Merges the sources, the latest first.
pub(super) fn sources(
    refunded: Vec<SourceRow>,
    disputed: Vec<SourceRow>,
    currency: Currency,
) -> Result<Vec<Source>, StorageError> {
    let refunded = refunded.into_iter().map(|row| (TakeBackId::Refund(row.0), row));
    let disputed = disputed.into_iter().map(|row| (TakeBackId::Dispute(row.0), row));
    let mut sources: Vec<_> = refunded.chain(disputed).collect();
    let in_its_currency = |amount| Money::from_ledger(amount, currency);
    sources.sort_by(|(a, (.., first)), (b, (.., second))| second.cmp(first).then(b.cmp(a)));
    sources
        .into_iter()
        .map(|(id, (_, provider, money, bonus, _))| {
            let given = Demand { money: in_its_currency(money), bonus: in_its_currency(bonus) };
            Ok(Source { id, provider: provider_from_column(&provider)?, given })
        })
        .collect()
}

/// Lowers what a refund or dispute asks for. The caller holds the order's lock.
///
/// # Errors
/// Database errors.
pub async fn lower_given(conn: &mut AsyncPgConnection, id: TakeBackId, by: Demand) -> Result<(), StorageError> {
    match id {
        TakeBackId::Refund(id) => {
            diesel::update(refunds::table.find(id))
                .set((
                    refunds::debited.eq(refunds::debited - by.money.amount()),
                    refunds::bonus_taken.eq(refunds::bonus_taken - by.bonus.amount()),
                ))
                .execute(conn)
                .await?
        }
        TakeBackId::Dispute(id) => {
            diesel::update(disputes::table.find(id))
                .set((
                    disputes::taken_back.eq(disputes::taken_back - by.money.amount()),
                    disputes::bonus_taken.eq(disputes::bonus_taken - by.bonus.amount()),
                ))
                .execute(conn)
                .await?
        }
        TakeBackId::Adjustment(_) => return Err(corrupt("source of an order's refunds", id.shown())),
    };
    Ok(())
}

/// A page of refunds, newest first. `after` is the position of the last refund of the page before.
///
/// # Errors
/// Database errors.
pub async fn list(
    conn: &mut AsyncPgConnection,
    filter: &RefundFilter,
    page: &Page,
) -> Result<Rows<Refund>, StorageError> {
    let mut query = refunds::table.select(RefundRow::as_select()).into_boxed();
    if !filter.states.is_empty() {
        let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
        query = query.filter(refunds::status.eq_any(states));
    }
    if let Some(order_id) = filter.order_id {
        query = query.filter(refunds::order_id.eq(order_id));
    }
    if let Some(customer) = &filter.customer {
        query = query.filter(refunds::customer_id.eq(customer.as_str()));
    }
    if filter.started {
        query = query.filter(refunds::started_at.is_not_null());
    }
    if filter.needs_operator {
        let age = i32::try_from(REFUSAL_IS_FINAL_FOR.num_seconds()).unwrap_or(i32::MAX);
        let is_old = refunds::started_at.le(later(NowOnce, seconds(-age)).nullable());
        let is_unmade = refunds::status
            .eq(RefundState::Pending.as_str())
            .and(refunds::provider_refund_id.is_null())
            .and(refunds::ask_at.is_null().or(refunds::started_at.is_not_null().and(is_old)));
        query = query.filter(refunds::status.eq(RefundState::AwaitingSecondApproval.as_str()).nullable().or(is_unmade));
    }
    if let Some(provider) = filter.provider {
        query = query.filter(refunds::provider.eq(provider.as_str()));
    }
    let query = in_page!(query, page, refunds::created_at, refunds::id);
    let rows: Vec<RefundRow> = query.limit(page.to_read()).load(conn).await?;
    page.cut(rows).try_map(Refund::try_from)
}

/// Claims up to `limit` refunds about which a provider should be asked now. Their next question is set to
/// `lease_seconds` from now. Therefore no other process takes them meanwhile, and a crash only delays them.
///
/// # Errors
/// Database errors.
pub async fn claim_to_ask(
    conn: &mut AsyncPgConnection,
    limit: i64,
    lease_seconds: i32,
) -> Result<Vec<Refund>, StorageError> {
    let due: Vec<Uuid> = refunds::table
        .filter(refunds::ask_at.le(NowOnce.nullable()))
        .order(refunds::ask_at)
        .limit(limit)
        .select(refunds::id)
        .for_update()
        .skip_locked()
        .load(conn)
        .await?;
    let rows: Vec<RefundRow> = diesel::update(refunds::table.filter(refunds::id.eq_any(due)))
        .set((
            refunds::ask_at.eq(later(ledger_now(), seconds(lease_seconds)).nullable()),
            refunds::asked.eq(refunds::asked + 1),
        ))
        .returning(RefundRow::as_returning())
        .get_results(conn)
        .await?;
    rows.into_iter().map(Refund::try_from).collect()
}

/// Sets when the provider is asked next, unless the refund has another state than when it was read.
///
/// # Errors
/// Database errors.
pub async fn schedule(
    conn: &mut AsyncPgConnection,
    refund: &Refund,
    ask_at: Option<DateTime<Utc>>,
    failure: Option<&str>,
) -> Result<(), StorageError> {
    diesel::update(refunds::table.find(refund.id).filter(refunds::status.eq(refund.state.as_str())))
        .set((refunds::ask_at.eq(ask_at), refunds::failure.eq(failure)))
        .execute(conn)
        .await?;
    Ok(())
}
