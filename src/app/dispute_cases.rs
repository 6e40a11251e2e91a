//! The work on disputes: the file of evidence, its sending, and a count of outcomes.

use std::collections::HashMap;

use serde_json::json;
use uuid::Uuid;

use super::explain::{self, PageRequest};
use super::{App, Caller, Error, settlement};
use crate::domain::audit::AuditRecord;
use crate::domain::calendar::{Month, Span};
use crate::domain::code::Code;
use crate::domain::dispute::{Dispute, DisputeFilter, EvidenceDue};
use crate::domain::dispute_case::{DisputeCase, DisputeOutcome, Evidence, SentEvidence};
use crate::domain::id::IdKind;
use crate::domain::page::{Page, Rows};
use crate::domain::paper::PaperKind;
use crate::domain::payment::DisputeStatus;
use crate::storage::transaction::transact;
use crate::storage::{
    Connection, audit, billing_profiles, calendar, clock, dispute_cases as store, disputes, orders, papers,
};

/// The most debits that the evidence names.
const USES: i64 = 50;

/// A dispute with the work on it.
#[derive(Debug, Clone)]
pub struct DisputeView {
    pub dispute: Dispute,
    pub case: DisputeCase,
}

/// Reads a dispute.
///
/// # Errors
/// 404.
pub async fn read(app: &App, id: Option<Uuid>) -> Result<DisputeView, Error> {
    let missing = || Error::NotFound("dispute");
    let mut conn = app.pool.get().await?;
    let dispute = disputes::find(&mut conn, id.ok_or_else(missing)?).await?.ok_or_else(missing)?;
    with_case(&mut conn, dispute).await
}

async fn with_case(conn: &mut Connection, dispute: Dispute) -> Result<DisputeView, Error> {
    let known = store::of(conn, &[dispute.id]).await?.pop();
    let case = known.map(|(_, case)| case).unwrap_or_default();
    Ok(DisputeView { dispute, case })
}

/// A page of disputes, each with the work on it: newest or oldest first, or the worklist of evidence by when it is due.
///
/// # Errors
/// Database errors.
pub async fn list(
    app: &App,
    filter: &DisputeFilter,
    due: Option<EvidenceDue>,
    page: &Page,
) -> Result<Rows<DisputeView>, Error> {
    let mut conn = app.pool.get().await?;
    if let Some(due) = due {
        let found = store::due(&mut conn, filter, due, page).await?;
        return found.try_map(|(dispute, case)| Ok(DisputeView { dispute, case }));
    }
    let found = disputes::list(&mut conn, filter, page).await?;
    let ids: Vec<Uuid> = found.rows.iter().map(|dispute| dispute.id).collect();
    let mut cases: HashMap<Uuid, DisputeCase> = store::of(&mut conn, &ids).await?.into_iter().collect();
    found.try_map(|dispute| Ok(DisputeView { case: cases.remove(&dispute.id).unwrap_or_default(), dispute }))
}

/// The file of evidence about a dispute, from the current records.
///
/// # Errors
/// 404, also for a dispute whose payment served no order.
pub async fn evidence(app: &App, caller: &Caller, id: Option<Uuid>, note: Option<String>) -> Result<Evidence, Error> {
    let view = read(app, id).await?;
    let order_id = view.dispute.order_id.ok_or(Error::NotFound("order of this dispute"))?;
    let request = PageRequest { part: None, page: Page::newest(USES) };
    let used = explain::order_paid_for(app, caller, None, Some(order_id), request).await?;
    let mut conn = app.pool.get().await?;
    let order = orders::find(&mut conn, order_id).await?.ok_or(Error::Internal("the order of a dispute"))?;
    let profile = billing_profiles::find(&mut conn, &order.customer).await?;
    let papers = papers::of_order(&mut conn, order_id).await?;
    let receipt = papers.into_iter().find(|paper| paper.kind == PaperKind::Receipt);
    let timeline = orders::timeline(&mut conn, order_id).await?;
    let used = used.items.iter().map(|item| {
        let entry = &item.entry;
        let what = entry.label.description().unwrap_or_default();
        let at = entry.created_at.format("%Y-%m-%d %H:%M:%S UTC");
        format!("{at} {} of {} {what}", entry.label.kind().name(), item.amount)
    });
    Ok(Evidence {
        order_id,
        reference: order.reference.clone(),
        amount: order.payable,
        product: order.product.in_words(),
        paid_on: order.completion().map_or(order.created_at, |completion| completion.at).date_naive(),
        customer_name: profile.as_ref().map(|profile| profile.name.clone()),
        customer_email: profile.as_ref().map(|profile| profile.email.as_str().to_owned()),
        billing_address: profile.as_ref().and_then(|profile| {
            let details = &profile.details;
            let rest = [&details.city, &details.region, &details.postal_code].into_iter().flatten();
            let parts: Vec<&str> = std::iter::once(details.address.as_deref()?)
                .chain(rest.map(String::as_str))
                .chain(std::iter::once(profile.country.code()))
                .collect();
            Some(parts.join(", "))
        }),
        customer_ip: order.payer_ip.to_string(),
        consent: format!(
            "agreement {}, accepted {}",
            order.agreement_version,
            order.created_at.format("%Y-%m-%d %H:%M:%S UTC")
        ),
        receipt: receipt.map(|paper| paper.number.to_string()),
        usage: used.map(|line| line.trim_end().to_owned()).collect(),
        timeline: timeline
            .into_iter()
            .map(|entry| format!("{} {}", entry.at.format("%Y-%m-%d %H:%M:%S UTC"), entry.event))
            .collect(),
        note,
    })
}

/// Sends the evidence to the company, which takes it once.
///
/// # Errors
/// 404; 409 `dispute_closed` or `evidence_sent`; 403 `own_account`; errors of the company, also if it takes evidence
/// only on its own pages.
#[tracing::instrument(name = "dispute_cases.send", skip_all, fields(dispute = ?id))]
pub async fn send(app: &App, caller: &Caller, id: Option<Uuid>, note: Option<String>) -> Result<DisputeView, Error> {
    let view = read(app, id).await?;
    if let Some(customer) = &view.dispute.customer {
        caller.require_not_own(customer)?;
    }
    require_open(&view)?;
    let evidence = evidence(app, caller, id, note).await?;
    let dispute = &view.dispute;
    let provider = app.providers.by_name(dispute.provider);
    let provider = provider.ok_or_else(|| settlement::not_offered(dispute.provider))?;
    // The idempotency key follows from the file, so an interrupted call can be sent again.
    let fact = provider.send_evidence(&dispute.dispute_id, &evidence).await?;
    let actor = caller.actor();
    transact(&app.pool, async |conn| {
        // The order's lock comes before the dispute's, as in the handling of a company's notification.
        let order = orders::lock(conn, evidence.order_id).await?;
        let sent = SentEvidence { by: actor.clone(), at: clock::now(conn).await?, text: evidence.text() };
        if !store::record_sent(conn, dispute.id, &sent).await? {
            return Err(sent_before());
        }
        store::note(conn, dispute.provider, &fact).await?;
        if let Some(order) = order {
            let shown = IdKind::Dispute.show(dispute.id);
            orders::add_to_timeline(conn, &order, "dispute_evidence_sent", &actor, Some(&shown)).await?;
        }
        let target = format!("dispute:{}", IdKind::Dispute.show(dispute.id));
        let record = AuditRecord::new(&actor, "dispute.evidence_sent", target);
        let record = AuditRecord { customer: dispute.customer.clone(), ..record };
        Ok(audit::write(conn, &record.to(json!({ "provider": dispute.provider.as_str() }))).await?)
    })
    .await?;
    read(app, id).await
}

fn require_open(view: &DisputeView) -> Result<(), Error> {
    if view.case.sent.is_some() {
        return Err(sent_before());
    }
    if view.dispute.status != DisputeStatus::Open || view.dispute.awaits_id {
        let detail = format!("the dispute is {}", view.dispute.status.as_str());
        return Err(Error::conflict(Code::DisputeClosed, detail));
    }
    Ok(())
}

fn sent_before() -> Error {
    Error::conflict(Code::EvidenceSent, "evidence about this dispute was sent before; the company takes it once")
}

/// How many disputes of these months are open, won or lost, the newest month first.
///
/// # Errors
/// 422 for months in the wrong order, or more than 36.
pub async fn outcomes(app: &App, from: Month, to: Month) -> Result<Vec<DisputeOutcome>, Error> {
    let days = (to.next_first_day() - from.first_day()).num_days();
    if !(1..=36 * 31).contains(&days) {
        return Err(Error::field("?to", Code::OutOfRange, "must be the month of `from` or one of the 35 after it"));
    }
    let mut conn = app.pool.get().await?;
    let (first, last) = (calendar::month(&mut conn, from).await?, calendar::month(&mut conn, to).await?);
    Ok(store::outcomes(&mut conn, Span { from: first.from, to: last.to }).await?)
}
