//! The control API: it does the same as the buttons, by JSON. The module doc of `sandbox` lists the calls.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::company::{Company, Options, SceneError};
use super::faults::Fault;
use super::world::World;
use std::sync::Arc;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(
        web::scope("/control/{company}")
            .route("/actions", web::get().to(actions))
            .route("/payments", web::get().to(payments))
            .route("/payments/{id}/{action}", web::post().to(act))
            .route("/faults", web::get().to(faults))
            .route("/faults", web::post().to(add_fault))
            .route("/faults", web::delete().to(clear_faults))
            .route("/requests", web::get().to(requests))
            .route("/deliveries", web::get().to(deliveries))
            .route("/deliveries/{event}/resend", web::post().to(resend))
            .route("/notifications/mute", web::post().to(mute))
            .route("/switches/{name}", web::post().to(switch)),
    );
}

type Here = web::Data<World>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mute {
    muted: bool,
}

fn with_company(
    world: &World,
    name: &str,
    run: impl FnOnce(Arc<dyn Company>) -> Result<Value, SceneError>,
) -> HttpResponse {
    let Some(company) = world.company(name) else {
        let text = format!("the company {name} is not simulated here");
        return HttpResponse::NotFound().json(json!({ "error": text }));
    };
    match run(company) {
        Ok(value) => HttpResponse::Ok().json(value),
        Err(error) => {
            let body = json!({ "error": error.to_string() });
            match error {
                SceneError::NotFound(_) | SceneError::NoSuchAction(_) => HttpResponse::NotFound().json(body),
                SceneError::Refused(_) => HttpResponse::Conflict().json(body),
            }
        }
    }
}

fn options(body: &[u8]) -> Result<Options, SceneError> {
    if body.is_empty() {
        return Ok(Options::default());
    }
    serde_json::from_slice::<Map<String, Value>>(body)
        .map(Options)
        .map_err(|error| SceneError::Refused(format!("the options are not a JSON object: {error}")))
}

async fn actions(world: Here, company: web::Path<String>) -> HttpResponse {
    with_company(&world, &company, |company| {
        let list = company.actions().iter().map(|(action, what)| json!({ "action": action, "does": what }));
        Ok(Value::Array(list.collect()))
    })
}

async fn payments(world: Here, company: web::Path<String>) -> HttpResponse {
    with_company(&world, &company, |company| Ok(company.payments()))
}

async fn act(world: Here, path: web::Path<(String, String, String)>, body: web::Bytes) -> HttpResponse {
    let (company, id, action) = path.into_inner();
    with_company(&world, &company, |company| {
        let acted = company.act(&id, &action, &options(&body)?)?;
        Ok(json!({ "payment": acted.object, "redirect": acted.redirect }))
    })
}

async fn faults(world: Here, company: web::Path<String>) -> HttpResponse {
    with_company(&world, &company, |company| Ok(json!(company.shared().faults.list())))
}

async fn add_fault(world: Here, company: web::Path<String>, body: web::Bytes) -> HttpResponse {
    with_company(&world, &company, |company| {
        let fault: Fault =
            serde_json::from_slice(&body).map_err(|error| SceneError::Refused(format!("not a fault: {error}")))?;
        company.shared().faults.add(fault);
        Ok(json!(company.shared().faults.list()))
    })
}

async fn clear_faults(world: Here, company: web::Path<String>) -> HttpResponse {
    with_company(&world, &company, |company| {
        company.shared().faults.clear();
        Ok(json!([]))
    })
}

async fn requests(world: Here, company: web::Path<String>) -> HttpResponse {
    with_company(&world, &company, |company| Ok(json!(company.shared().journal.list())))
}

async fn deliveries(world: Here, company: web::Path<String>) -> HttpResponse {
    with_company(&world, &company, |company| Ok(json!(company.shared().outbox.list())))
}

async fn resend(world: Here, path: web::Path<(String, String)>) -> HttpResponse {
    let (company, event) = path.into_inner();
    with_company(&world, &company, |company| match company.shared().outbox.resend(&event) {
        true => Ok(json!({ "event": event })),
        false => Err(SceneError::NotFound(event.clone())),
    })
}

async fn mute(world: Here, company: web::Path<String>, body: web::Bytes) -> HttpResponse {
    with_company(&world, &company, |company| {
        let mute: Mute = serde_json::from_slice(&body)
            .map_err(|error| SceneError::Refused(format!("wanted {{\"muted\":bool}}: {error}")))?;
        company.shared().outbox.mute(mute.muted);
        Ok(json!({ "muted": mute.muted }))
    })
}

async fn switch(world: Here, path: web::Path<(String, String)>, body: web::Bytes) -> HttpResponse {
    let (company, name) = path.into_inner();
    with_company(&world, &company, |company| company.switch(&name, &options(&body)?))
}
