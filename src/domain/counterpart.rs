//! The other side of an entry. Every entry moves a wallet against a counterpart, so the books balance line by line.

use std::fmt;

use super::product::Product;

/// What an entry moves its wallet against. The column `entries.counterpart` keeps the text that [`fmt::Display`] writes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Counterpart {
    /// The payment company that collected the money: `provider:stripe`.
    Provider(String),
    /// Our bank account that received the money: `bank:<account>`.
    Bank(String),
    /// Consumption: `usage`. It names a product (`usage:whatsapp`) where another wallet than the product's own paid,
    /// because the product's spend guard counts that consumption.
    Usage(Option<Product>),
    /// Our own gift: grants, bonuses and their expiry.
    Promotion,
    /// Another wallet of the same customer.
    Transfer,
    /// The payment company that sent money back to the payer: `refund:stripe`.
    Refund(String),
    /// The payment company where the payer disputes a payment: `dispute:stripe`.
    Dispute(String),
    /// A correction by an operator.
    Adjustment,
}

impl Counterpart {
    /// Where a payment arrived: a bank account of ours, or a payment company.
    pub(in crate::domain) fn of_payment(provider: &str, merchant_account: &str) -> Self {
        if provider == "bank" { Self::Bank(merchant_account.to_owned()) } else { Self::Provider(provider.to_owned()) }
    }

    /// Reads what [`fmt::Display`] wrote; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let named = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        match text.split_once(':') {
            Some(("provider", name)) => named(name).map(Self::Provider),
            Some(("bank", account)) => named(account).map(Self::Bank),
            Some(("usage", product)) => Product::new(product).map(|product| Self::Usage(Some(product))),
            Some(("refund", name)) => named(name).map(Self::Refund),
            Some(("dispute", name)) => named(name).map(Self::Dispute),
            Some(_) => None,
            None => match text {
                "usage" => Some(Self::Usage(None)),
                "promotion" => Some(Self::Promotion),
                "transfer" => Some(Self::Transfer),
                "adjustment" => Some(Self::Adjustment),
                _ => None,
            },
        }
    }

    /// The bytes of its text on the heap.
    pub(in crate::domain) fn bytes(&self) -> usize {
        match self {
            Self::Provider(name) | Self::Bank(name) | Self::Refund(name) | Self::Dispute(name) => name.len(),
            Self::Usage(Some(product)) => product.as_column().len(),
            Self::Usage(None) | Self::Promotion | Self::Transfer | Self::Adjustment => 0,
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counterpart_reads_back() {
        let all = [
            (Counterpart::Provider("stripe".to_owned()), "provider:stripe"),
            (Counterpart::Bank("0193:x".to_owned()), "bank:0193:x"),
            (Counterpart::Usage(None), "usage"),
            (Counterpart::Usage(Product::new("whatsapp")), "usage:whatsapp"),
            (Counterpart::Promotion, "promotion"),
            (Counterpart::Transfer, "transfer"),
            (Counterpart::Refund("vnpay".to_owned()), "refund:vnpay"),
            (Counterpart::Dispute("paypal".to_owned()), "dispute:paypal"),
            (Counterpart::Adjustment, "adjustment"),
        ];
        for (counterpart, text) in all {
            assert_eq!(counterpart.to_string(), text);
            assert_eq!(Counterpart::parse(text), Some(counterpart));
        }
    }

    #[test]
    fn other_texts_are_no_counterpart() {
        for text in ["", "provider", "provider:", "bank:", "usage:", "usage:Two Words", "Usage", "tax:vat"] {
            assert_eq!(Counterpart::parse(text), None, "{text}");
        }
    }
}
