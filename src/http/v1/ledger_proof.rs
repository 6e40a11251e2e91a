//! `GET /v1/ledger/proof`: the proof of a customer's entries.

use actix_web::web::Bytes;
use actix_web::{HttpResponse, get, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::SecondsFormat;
use futures_util::StreamExt;
use serde_json::json;

use crate::app::seals::{self, ProvenStretch};
use crate::app::{App, Error};
use crate::http::edge::auth::{Allowed, AsCustomer};
use crate::http::edge::extract::QueryParams;
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::CustomerQuery;

/// Prove the ledger
///
/// The customer's sealed entries, as JSON lines: one object for each seal, wallet by wallet and oldest first. `content`
/// is what was hashed, in the canonical form of the ledger, with the texts of entries as digests; then come `hash`,
/// `signature` and `key_id`, with which anybody can verify the content, and `wallet_id`, `to_seq` and `sealed_at`,
/// which the signature covers. `GET /v1/ledger/keys` lists the keys. `examples/verify_statement.py` proves an account
/// statement with this. Entries of the last hour may not be sealed yet.
#[utoipa::path(
    tag = "ledger",
    operation_id = "proveLedger",
    params(CustomerQuery),
    responses((status = 200, description = "The seals", body = String, content_type = "application/x-ndjson",
        example = json!("{\"wallet_id\":\"019336f2-b0a8-7c0e-8f6f-5a2f4c1d9e3b\",\"to_seq\":\"2\",\"hash\":\"…\",\
            \"key_id\":\"21fe31dfa154a261\",\"signature\":\"…\",\"sealed_at\":\"2026-11-21T09:00:00.000000Z\",\
            \"content\":\"S1:1,5:alice,…\"}\n"))),
    security(("bearer" = []))
)]
#[get("/v1/ledger/proof")]
pub async fn prove_ledger(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<CustomerQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = query.customer(&caller)?;
    let pages = seals::prove(App::clone(&app), customer);
    let lines = pages.map(|page| page.map(|stretches| lines(&stretches)));
    Ok(HttpResponse::Ok().content_type("application/x-ndjson").streaming::<_, Error>(lines))
}

/// Ids and times as the signature covers them, so that a verifier need not format them.
fn lines(stretches: &[ProvenStretch]) -> Bytes {
    let mut text = String::new();
    for ProvenStretch { seal, content } in stretches {
        let line = json!({
            "wallet_id": seal.wallet_id.to_string(),
            "to_seq": seal.to_seq.to_string(),
            "hash": hex::encode(seal.hash),
            "key_id": seal.key_id,
            "signature": STANDARD.encode(&seal.signature),
            "sealed_at": seal.sealed_at.to_rfc3339_opts(SecondsFormat::Micros, true),
            "content": content,
        });
        text.push_str(&line.to_string());
        text.push('\n');
    }
    text.into()
}
