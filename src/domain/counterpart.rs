//! The other side of an entry. Every entry moves a wallet against a counterpart, so the books balance line by line.

use std::fmt;

use super::payment::ProviderName;
use super::product::Product;

/// What an entry moves its wallet against. The column `entries.counterpart` keeps the text that [`fmt::Display`]
/// writes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Counterpart {
    /// The payment company that collected the money: `provider:stripe`.
    Provider(ProviderName),
    /// Our bank account that received the money: `bank:<account>`.
    Bank(String),
    /// Consumption: `usage`. It names a product (`usage:whatsapp`) where another wallet than the product's own paid,
    /// because the product's spend guard counts that consumption.
    Usage(Option<Product>),
    /// Promotional credit from us: grants, bonuses and their expiry.
    Promotion,
    /// Another wallet of the same customer.
    Transfer,
    /// The payment company that sent money back to the payer: `refund:stripe`.
    Refund(ProviderName),
    /// The payment company where the payer disputes a payment: `dispute:stripe`.
    Dispute(ProviderName),
    /// A correction by an operator.
    Adjustment,
    /// Our bank transfer to the customer of an account that is being closed.
    Payout,
    /// What a closed account owed, and we wrote off.
    WriteOff,
}

impl Counterpart {
    /// Where a payment arrived: our bank account, or a payment company.
    pub(in crate::domain) fn of_payment(provider: ProviderName, merchant_account: &str) -> Self {
        match provider {
            ProviderName::BankTransfer => Self::Bank(merchant_account.to_owned()),
            company => Self::Provider(company),
        }
    }

    /// Reads what [`fmt::Display`] wrote; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            Some(("provider", name)) => name.parse().ok().map(Self::Provider),
            Some(("bank", account)) => (!account.is_empty()).then(|| Self::Bank(account.to_owned())),
            Some(("usage", product)) => Product::new(product).map(|product| Self::Usage(Some(product))),
            Some(("refund", name)) => name.parse().ok().map(Self::Refund),
            Some(("dispute", name)) => name.parse().ok().map(Self::Dispute),
            Some(_) => None,
            None => match text {
                "usage" => Some(Self::Usage(None)),
                "promotion" => Some(Self::Promotion),
                "transfer" => Some(Self::Transfer),
                "adjustment" => Some(Self::Adjustment),
                "payout" => Some(Self::Payout),
                "write_off" => Some(Self::WriteOff),
                _ => None,
            },
        }
    }

    /// How many bytes its text takes on the heap.
    pub(in crate::domain) fn bytes(&self) -> usize {
        match self {
            Self::Bank(account) => account.len(),
            Self::Usage(Some(product)) => product.as_column().len(),
            _ => 0,
        }
    }
}

impl fmt::Display for Counterpart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider(name) => write!(f, "provider:{name}"),
            Self::Bank(account) => write!(f, "bank:{account}"),
            Self::Usage(None) => f.write_str("usage"),
            Self::Usage(Some(product)) => write!(f, "usage:{}", product.as_column()),
            Self::Promotion => f.write_str("promotion"),
            Self::Transfer => f.write_str("transfer"),
            Self::Refund(name) => write!(f, "refund:{name}"),
            Self::Dispute(name) => write!(f, "dispute:{name}"),
            Self::Adjustment => f.write_str("adjustment"),
            Self::Payout => f.write_str("payout"),
            Self::WriteOff => f.write_str("write_off"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counterpart_reads_back() {
        let all = [
            (Counterpart::Provider(ProviderName::Stripe), "provider:stripe"),
            (Counterpart::Bank("0193:x".to_owned()), "bank:0193:x"),
            (Counterpart::Usage(None), "usage"),
            (Counterpart::Usage(Product::new("whatsapp")), "usage:whatsapp"),
            (Counterpart::Promotion, "promotion"),
            (Counterpart::Transfer, "transfer"),
            (Counterpart::Refund(ProviderName::Vnpay), "refund:vnpay"),
            (Counterpart::Dispute(ProviderName::PayPal), "dispute:paypal"),
            (Counterpart::Adjustment, "adjustment"),
            (Counterpart::Payout, "payout"),
            (Counterpart::WriteOff, "write_off"),
        ];
        for (counterpart, text) in all {
            assert_eq!(counterpart.to_string(), text);
            assert_eq!(Counterpart::parse(text), Some(counterpart));
        }
    }

    #[test]
    fn other_texts_are_no_counterpart() {
        for text in [
            "",
            "provider",
            "provider:",
            "provider:nobody",
            "refund:",
            "bank:",
            "usage:",
            "usage:Two Words",
            "Usage",
            "tax:vat",
        ] {
            assert_eq!(Counterpart::parse(text), None, "{text}");
        }
    }
}
