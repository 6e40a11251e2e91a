//! Who pays the fees of the banks for a transfer: a code for programs, and a sentence in each language of customers.

use crate::domain::language::Language;

/// Who pays the fees of the banks for a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BankFees {
    /// The payer pays all of them (OUR).
    Payer,
}

impl BankFees {
    pub const ALL: [Self; 1] = [Self::Payer];

    /// The code, which never changes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Payer => "paid_by_payer",
        }
    }

    /// What the payer reads.
    #[must_use]
    pub const fn sentence(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::Payer, Language::English) => "You pay all bank fees (OUR): the full amount must arrive.",
            (Self::Payer, Language::Chinese) => "所有银行费用由您承担（OUR）：款项须全额到账。",
            (Self::Payer, Language::Vietnamese) => "Bạn trả mọi phí ngân hàng (OUR): tiền phải đến đủ.",
        }
    }
}
