//! `GET /v1/events`: the events of all customers, oldest first.

pub mod body;

use actix_web::{HttpResponse, get, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use self::body::Event;
use crate::app::{App, Problems, events};
use crate::domain::event::EventFilter;
use crate::http::edge::auth::{Allowed, AsStaff};
use crate::http::edge::extract::QueryParams;
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{CustomerIdText, EventType, FeedCursor, Limit};

/// A page of events.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventPage {
    #[schema(max_items = 100)]
    data: Vec<Event>,
    /// Your position after this page: send it as `after`. The last page has it, too, and it also passes events that
    /// your filters leave out.
    next_cursor: FeedCursor,
    /// Whether there are events after the cursor. If not, ask again in a moment.
    has_more: bool,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EventsQuery {
    /// The `next_cursor` of the page before; the filters may change. Absent: from the oldest event that is kept.
    after: Option<FeedCursor>,
    /// Only events of this type. Repeat the parameter for several.
    #[serde(default, rename = "type")]
    #[param(max_items = 50)]
    kind: Vec<EventType>,
    /// Only events of this customer.
    customer_id: Option<CustomerIdText>,
    limit: Option<Limit>,
}

/// List events
///
/// Events, oldest first: a feed that you read to its end, and then continue with the last `next_cursor`. No event is
/// left out and none is repeated, however long a transaction takes; the events of a customer keep their order. An event
/// appears within a second. A page may be empty while `has_more` is true.
///
/// Events are kept for 30 days, if the installation sets no other time. An older cursor is refused (410
/// `cursor_expired`), and so is a cursor from before the database was restored from a backup: then read the objects
/// again, and start without a cursor.
#[utoipa::path(
    tag = "events",
    operation_id = "listEvents",
    params(EventsQuery),
    responses(
        (status = 200, description = "A page of events", body = EventPage),
        (status = 410, description = "The feed does not go on from this cursor"),
    ),
    security(("bearer" = ["service", "operator"]))
)]
#[get("/v1/events")]
pub async fn list_events(
    Allowed(caller): AsStaff,
    QueryParams(query): QueryParams<EventsQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let limit = Limit::read(query.limit)?;
    let mut problems = Problems::new();
    let kinds = query.kind.iter().filter_map(|kind| kind.read(&mut problems, "?type")).collect();
    let customer = CustomerIdText::read_optional(query.customer_id.as_ref(), &mut problems, "?customer_id");
    let after = FeedCursor::read_optional(query.after.as_ref(), &mut problems, "?after");
    problems.finish()?;
    let reader = (!caller.is_operator).then(|| caller.actor());
    let page = events::list(&app, &EventFilter { kinds, customer, reader }, after, limit).await?;
    Ok(HttpResponse::Ok().json(EventPage {
        data: page.events.iter().map(|event| Event::of(event, caller.reader())).collect(),
        next_cursor: FeedCursor::of(page.reached),
        has_more: page.has_more,
    }))
}
