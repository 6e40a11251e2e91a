//! What callers attach: metadata to usage, holds, orders, transfers and grants; to the last three also a reference.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::{ClientReference, Inlined};
use crate::app::Problems;
use crate::domain::client_data::ClientData;
use crate::domain::code::Code;

/// Texts by name, of bounded size.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Metadata(BTreeMap<String, String>);

impl Metadata {
    /// The most bytes of all of it as JSON.
    const MOST: usize = 2048;

    /// Reads metadata that may be absent; empty metadata counts as absent.
    pub fn read_optional(field: Option<Self>, problems: &mut Problems, pointer: &str) -> Option<Value> {
        let texts = field.map(|Self(texts)| texts).filter(|texts| !texts.is_empty())?;
        // PostgreSQL's jsonb cannot hold the character NUL.
        let has_nul = texts.iter().any(|(name, text)| name.contains('\0') || text.contains('\0'));
        let json = Value::Object(texts.into_iter().map(|(name, text)| (name, Value::String(text))).collect());
        if has_nul || json.to_string().len() > Self::MOST {
            problems.add(pointer, Code::TooLarge, "must be at most 2048 bytes of JSON without NUL characters");
            return None;
        }
        Some(json)
    }
}

/// Reads what a request attaches to an order, a transfer or a grant.
pub fn read_client_data(
    reference: Option<&ClientReference>,
    metadata: Option<Metadata>,
    problems: &mut Problems,
) -> ClientData {
    ClientData {
        reference: ClientReference::read_optional(reference, problems, "/client_reference"),
        metadata: Metadata::read_optional(metadata, problems, "/metadata"),
    }
}

impl PartialSchema for Metadata {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .description(Some(
                "Your own texts by name: up to 2,048 bytes of JSON. The service stores them, and sums usage by the \
                 names that its operator has chosen.",
            ))
            .additional_properties(Some(ObjectBuilder::new().schema_type(Type::String)))
            .into()
    }
}

impl ToSchema for Metadata {}

pub(super) fn forms() -> Vec<Inlined> {
    let schema = serde_json::to_value(Metadata::schema()).unwrap_or_default();
    vec![Inlined { name: "Metadata", schema, is_exception: false, null: None }]
}
