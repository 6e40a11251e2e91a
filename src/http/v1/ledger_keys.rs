//! `GET /v1/ledger/keys`: the public keys that verify seals.

use actix_web::{HttpResponse, get, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::{App, seals};
use crate::http::edge::problem::Failure;

/// The public keys that verify seals.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerKeyList {
    #[schema(max_items = 1000)]
    data: Vec<LedgerKey>,
}

/// A public key that verifies seals.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerKey {
    /// The first 16 hex digits of the SHA-256 of the key. A seal names its key by it.
    #[schema(pattern = "^[0-9a-f]{16}$", example = "21fe31dfa154a261")]
    id: String,
    /// Always `Ed25519`.
    #[schema(max_length = 16, example = "Ed25519")]
    algorithm: &'static str,
    /// The 32 bytes of the key in base64.
    #[schema(pattern = "^[A-Za-z0-9+/]{43}=$", example = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")]
    public_key: String,
    /// When the first seal was signed with it.
    first_used_at: DateTime<Utc>,
}

/// List ledger keys
///
/// The public keys that verify the seals of the ledger, in the order of their first use. A key that was replaced stays
/// here, because the seals that it signed stay valid.
#[utoipa::path(
    tag = "ledger",
    operation_id = "listLedgerKeys",
    responses((status = 200, description = "The keys", body = LedgerKeyList))
)]
#[get("/v1/ledger/keys")]
pub async fn list_ledger_keys(app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let shown = seals::list_keys(&app).await?.into_iter().map(|key| LedgerKey {
        id: key.id,
        algorithm: "Ed25519",
        public_key: STANDARD.encode(&key.public_key),
        first_used_at: key.first_used_at,
    });
    Ok(HttpResponse::Ok().json(LedgerKeyList { data: shown.collect() }))
}
