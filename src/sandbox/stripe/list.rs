//! The lists of Stripe: newest first, with a cursor (docs.stripe.com/api/pagination).

use serde_json::{Value, json};

use super::gate::Call;
use super::problem::Problem;

/// One page of `objects` (newest first), by `created`, `limit`, `starting_after` and `ending_before`.
pub(super) fn page(call: &Call, url: &str, objects: Vec<Value>) -> Result<Value, Problem> {
    let form = &call.form;
    let limit = form.integer("limit").and_then(|limit| usize::try_from(limit).ok()).unwrap_or(10);
    let bound = |name: &str, holds: fn(i64, i64) -> bool, created: i64| {
        form.integer(name).is_none_or(|bound| holds(created, bound))
    };
    let mut objects: Vec<Value> = objects
        .into_iter()
        .filter(|object| {
            let created = object["created"].as_i64().unwrap_or(0);
            bound("created", |created, at| created == at, created)
                && bound("created[gt]", |created, at| created > at, created)
                && bound("created[gte]", |created, at| created >= at, created)
                && bound("created[lt]", |created, at| created < at, created)
                && bound("created[lte]", |created, at| created <= at, created)
        })
        .collect();
    let place = |objects: &[Value], cursor: &str, id: &str| {
        let at = objects.iter().position(|object| object["id"] == id);
        at.ok_or_else(|| Problem::missing("object", id, cursor))
    };
    if let Some(id) = form.text("starting_after") {
        let at = place(&objects, "starting_after", id)?;
        objects.drain(..=at);
    }
    let mut has_more = objects.len() > limit;
    if let Some(id) = form.text("ending_before") {
        let at = place(&objects, "ending_before", id)?;
        objects.truncate(at);
        has_more = objects.len() > limit;
        objects.drain(..objects.len().saturating_sub(limit));
    }
    objects.truncate(limit);
    Ok(json!({ "object": "list", "url": url, "has_more": has_more, "data": objects }))
}
