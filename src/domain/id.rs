//! Ids: UUIDv7 inside. In the API an id has a prefix (`tuo_0192…`) that says what it names.

use uuid::Uuid;

/// What an id names; decides its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdKind {
    TopUpOrder,
    Wallet,
    Transfer,
    TransferSlip,
    Hold,
    Event,
    Flow,
    Payment,
    Refund,
    RefundRequest,
    Dispute,
    Grant,
    GrantChange,
    BankAccount,
    BankAccountChange,
    BankStatement,
    BankLine,
    BonusTier,
    Adjustment,
    UnappliedDecision,
    Closing,
    Payout,
    WriteOff,
    WebhookEndpoint,
    WebhookDelivery,
    ApiKey,
    Paper,
}

impl IdKind {
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::TopUpOrder => "tuo_",
            Self::Wallet => "wal_",
            Self::Transfer => "trf_",
            Self::TransferSlip => "slp_",
            Self::Hold => "hold_",
            Self::Event => "evt_",
            Self::Flow => "flw_",
            Self::Payment => "pay_",
            Self::Refund => "rfd_",
            Self::RefundRequest => "rrq_",
            Self::Dispute => "dsp_",
            Self::Grant => "grt_",
            Self::GrantChange => "gch_",
            Self::BankAccount => "bac_",
            Self::BankAccountChange => "bch_",
            Self::BankStatement => "bst_",
            Self::BankLine => "bln_",
            Self::BonusTier => "bnt_",
            Self::Adjustment => "adj_",
            Self::UnappliedDecision => "dec_",
            Self::Closing => "cls_",
            Self::Payout => "pot_",
            Self::WriteOff => "wof_",
            Self::WebhookEndpoint => "whe_",
            Self::WebhookDelivery => "whd_",
            Self::ApiKey => "key_",
            Self::Paper => "pap_",
        }
    }

    /// The id as the API shows it: the prefix and 32 lower-case hex digits.
    #[must_use]
    pub fn show(self, id: Uuid) -> String {
        format!("{}{}", self.prefix(), id.as_simple())
    }

    /// Reads what [`IdKind::show`] wrote. Any other text is `None`, which callers report as "not found".
    #[must_use]
    pub fn parse(self, text: &str) -> Option<Uuid> {
        let digits = text.strip_prefix(self.prefix())?;
        let plain = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if plain { Uuid::try_parse(digits).ok() } else { None }
    }
}
