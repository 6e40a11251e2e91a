//! Where a wallet's money can be spent: everywhere (the main wallet) or in one product.

use std::fmt;

/// The code of a product, 1–32 of `[a-z0-9_-]`, or nothing for the main wallet.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Product(String);

impl Product {
    /// The main wallet; the database writes it as the empty text.
    #[must_use]
    pub fn main() -> Self {
        Self(String::new())
    }

    /// A product by its code; `None` when the text breaks the rule.
    #[must_use]
    pub fn new(code: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        ((1..=32).contains(&code.len()) && code.bytes().all(allowed)).then(|| Self(code.to_owned()))
    }

    /// What the database stores: `''` is the main wallet.
    #[must_use]
    pub fn from_column(code: &str) -> Self {
        Self(code.to_owned())
    }

    #[must_use]
    pub fn as_column(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn is_main(&self) -> bool {
        self.0.is_empty()
    }

    /// The wallet in the words of a sentence: `the main wallet`, or `product "whatsapp"`.
    #[must_use]
    pub fn in_words(&self) -> String {
        self.code().map_or_else(|| "the main wallet".to_owned(), |code| format!("product \"{code}\""))
    }

    /// The code, or `None` for the main wallet: how the API shows it.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        (!self.is_main()).then_some(self.0.as_str())
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code().unwrap_or("main wallet"))
    }
}
