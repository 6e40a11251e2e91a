//! Transfer slips: the payer's proof of a bank transfer, as a file.
//!
//! The content of a file decides what the file is; what the uploader says about it is not read. A slip is personal
//! data: an erasure of its customer deletes it.

use std::fmt;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::actor::Actor;
use super::customer::CustomerId;

/// The most bytes of a file.
pub const MAX_SLIP_BYTES: usize = 5 << 20;
/// The most slips of an order.
pub const MAX_SLIPS: i16 = 3;

/// The kinds of file that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlipKind {
    Pdf,
    Png,
    Jpeg,
}

impl SlipKind {
    pub const ALL: [Self; 3] = [Self::Pdf, Self::Png, Self::Jpeg];

    /// The kind of a file, by its first bytes.
    #[must_use]
    pub fn of(content: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| content.starts_with(kind.signature()))
    }

    fn signature(self) -> &'static [u8] {
        match self {
            Self::Pdf => b"%PDF-",
            Self::Png => b"\x89PNG\r\n\x1a\n",
            Self::Jpeg => b"\xff\xd8\xff",
        }
    }

    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
        }
    }

    /// The ending of a file's name, which is also the word in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Png => "png",
            Self::Jpeg => "jpeg",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for SlipKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A slip, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferSlip {
    pub id: Uuid,
    pub order_id: Uuid,
    pub customer: CustomerId,
    /// The number of the slip among those of its order, from 1.
    pub n: i16,
    pub kind: SlipKind,
    pub bytes: i32,
    /// SHA-256 of the content. An order has each content once.
    pub sha256: Vec<u8>,
    pub uploaded_by: String,
    pub uploaded_at: DateTime<Utc>,
}

impl TransferSlip {
    /// The slip as its customer may read it: without the name of an operator.
    #[must_use]
    pub fn for_customer(self) -> Self {
        Self { uploaded_by: Actor::without_operator(&self.uploaded_by).to_owned(), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_tells_the_kind() {
        for (content, kind) in [
            (&b"%PDF-1.7 ..."[..], Some(SlipKind::Pdf)),
            (b"\x89PNG\r\n\x1a\n", Some(SlipKind::Png)),
            (b"\xff\xd8\xff\xe0\x00\x10JFIF", Some(SlipKind::Jpeg)),
            (b"<html>%PDF-", None),
            (b"\x89PNG\n\x1a\n", None),
            (b"%PDF", None),
            (b"", None),
        ] {
            assert_eq!(SlipKind::of(content), kind, "{content:?}");
        }
        for kind in SlipKind::ALL {
            assert_eq!(SlipKind::parse(kind.as_str()), Some(kind));
        }
    }
}
