//! `/v1/admin/disputes`: payments that a payer contests at the bank or the payment company.

pub mod body;
pub mod work;

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use self::body::{Dispute, DisputeStatusName, listed_dispute_body};
use crate::app::App;
use crate::app::dispute_cases::{self, DisputeView};
use crate::domain::dispute::{DisputeFilter, EvidenceDue};
use crate::domain::page::Sort;
use crate::domain::payment::DisputeStatus;
use crate::http::edge::auth::AsOperator;
use crate::http::edge::extract::QueryParams;
use crate::http::edge::page::{self, Filters, SortName};
use crate::http::edge::problem::Failure;
use crate::http::edge::times;
use crate::http::edge::wire::{CursorText, CustomerIdText, Limit, TopUpOrderId};

/// A page of disputes.
#[derive(Debug, Serialize, ToSchema)]
pub struct DisputePage {
    #[schema(max_items = 100)]
    data: Vec<Dispute>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    previous_cursor: Option<CursorText>,
    next_cursor: Option<CursorText>,
    has_more: bool,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DisputesQuery {
    /// Only disputes with this status. Repeat the parameter for several.
    #[serde(default)]
    #[param(max_items = 3)]
    status: Vec<DisputeStatusName>,
    /// Only disputes about this order.
    order: Option<TopUpOrderId>,
    /// Only disputes of this customer.
    customer_id: Option<CustomerIdText>,
    /// `evidence_due`: only open disputes for which the company waits for evidence until some time, and nobody has sent
    /// any. The list is then sorted by that time, the earliest first.
    worklist: Option<DisputeWorklist>,
    /// Only the part of that worklist that is due before this time.
    #[serde(default, deserialize_with = "times::moment")]
    evidence_due_before: Option<DateTime<Utc>>,
    /// The order of the list: `newest` first, which is the default, or `oldest`. With the worklist, `oldest` is the
    /// default, which sorts by the time at which evidence is due.
    sort: Option<SortName>,
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// What operators have to work on.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DisputeWorklist {
    /// The company waits for evidence, and nobody has sent any.
    EvidenceDue,
}

/// List disputes
///
/// All disputes, newest first. The payment company opens and decides disputes; its notifications change the wallet.
/// `worklist=evidence_due` lists what is to be done, the most urgent first.
#[utoipa::path(
    tag = "admin-disputes",
    operation_id = "adminListDisputes",
    params(DisputesQuery),
    responses((status = 200, description = "A page of disputes", body = DisputePage)),
    security(("bearer" = []))
)]
#[get("/v1/admin/disputes")]
pub async fn list_disputes(
    _: AsOperator,
    QueryParams(query): QueryParams<DisputesQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let statuses: Vec<DisputeStatus> = query.status.iter().map(|name| (*name).into()).collect();
    let order_id = TopUpOrderId::filter(query.order.as_ref(), "?order")?;
    let customer = CustomerIdText::filter(query.customer_id.as_ref(), "?customer_id")?;
    let limit = Limit::read(query.limit)?;
    let is_worklist = query.worklist.is_some() || query.evidence_due_before.is_some();
    let due = is_worklist.then_some(EvidenceDue { before: query.evidence_due_before });
    let usual = if is_worklist { Sort::Oldest } else { Sort::Newest };
    let sort = query.sort.map_or(usual, Sort::from);
    let filters = Filters::of(request.path())
        .with_each("status", statuses.iter().map(|status| status.as_str()))
        .with_optional("order", order_id)
        .with_optional("customer_id", customer.as_ref())
        .with_optional("worklist", due.map(|_| "evidence_due"))
        .with_moment("evidence_due_before", query.evidence_due_before)
        .with_optional("sort", (sort != usual).then_some(if sort == Sort::Oldest { "oldest" } else { "newest" }));
    let asked = page::read(query.cursor.as_ref(), sort, limit, &filters)?;
    let filter = DisputeFilter { statuses, order_id, customer };
    let found = dispute_cases::list(&app, &filter, due, &asked).await?;
    let place = |view: &DisputeView| {
        let due_at = view.case.evidence_due_at.filter(|_| due.is_some());
        (due_at.unwrap_or(view.dispute.created_at), view.dispute.id)
    };
    let cursors = page::cursors(&found, &filters, place)?;
    let data = found.rows.iter().map(listed_dispute_body).collect();
    Ok(HttpResponse::Ok().json(DisputePage {
        data,
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}
