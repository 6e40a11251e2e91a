//! How transfer slips look on the wire.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::app::Reader;
use crate::domain::transfer_slip::{self, SlipKind};
use crate::http::edge::wire::{Actor, TopUpOrderId, TransferSlipId};

/// The bytes of a file.
#[derive(Debug)]
pub struct SlipFile;

impl PartialSchema for SlipFile {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
            .description(Some("A PDF, PNG or JPEG file of 5 MiB at most."))
            .into()
    }
}

impl ToSchema for SlipFile {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("SlipFile")
    }
}

/// What a file is.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransferSlipKind {
    Pdf,
    Png,
    Jpeg,
}

impl From<SlipKind> for TransferSlipKind {
    fn from(kind: SlipKind) -> Self {
        match kind {
            SlipKind::Pdf => Self::Pdf,
            SlipKind::Png => Self::Png,
            SlipKind::Jpeg => Self::Jpeg,
        }
    }
}

/// The payer's proof of a bank transfer.
#[derive(Debug, Serialize, ToSchema)]
pub struct TransferSlip {
    id: TransferSlipId,
    order_id: TopUpOrderId,
    kind: TransferSlipKind,
    #[schema(minimum = 1, maximum = 5242880, example = 48213)]
    bytes: i32,
    /// SHA-256 of the file, in lower-case hex digits.
    #[schema(
        min_length = 64,
        max_length = 64,
        example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    )]
    sha256: String,
    uploaded_by: Actor,
    uploaded_at: DateTime<Utc>,
}

impl From<&transfer_slip::TransferSlip> for TransferSlip {
    fn from(slip: &transfer_slip::TransferSlip) -> Self {
        Self {
            id: TransferSlipId::of(slip.id),
            order_id: TopUpOrderId::of(slip.order_id),
            kind: slip.kind.into(),
            bytes: slip.bytes,
            sha256: slip.sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
            uploaded_by: Actor::new(&slip.uploaded_by),
            uploaded_at: slip.uploaded_at,
        }
    }
}

impl TransferSlip {
    /// The slip as this reader may see it.
    #[must_use]
    pub fn told_to(self, reader: Reader) -> Self {
        Self { uploaded_by: Actor::new(reader.told(&self.uploaded_by)), ..self }
    }
}

/// The slips of an order.
#[derive(Debug, Serialize, ToSchema)]
pub struct TransferSlipList {
    #[schema(max_items = 3)]
    pub data: Vec<TransferSlip>,
}
