//! What a caller attaches to an order, a transfer or a grant: a reference of its own, and texts by name. The service
//! keeps and shows them; no rule reads them.

use serde_json::Value;

/// What a caller attached. It may be personal, so it is erased with the texts of its customer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientData {
    /// The caller's own name for the thing, for example for a cart: 1–200 characters. It need not be unique.
    pub reference: Option<String>,
    /// An object of texts, at most 2,048 bytes.
    pub metadata: Option<Value>,
}

impl ClientData {
    /// Nothing is attached.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn is_none(&self) -> bool {
        self.reference.is_none() && self.metadata.is_none()
    }
}
