//! How papers look on the wire.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{paper, party};
use crate::http::edge::wire::{
    Amount, AppliedTax, CurrencyCode, CustomerIdText, PaperId, PaperNumberText, SignedAmount, TopUpOrderId,
};

/// What a paper is.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaperKind {
    /// For what a completed order received.
    Receipt,
    /// A paper for money of an order that went back.
    CreditNote,
    /// Undoes a credit note, or a part of it, because its refund failed or its dispute was won after all.
    Cancellation,
}

impl From<paper::PaperKind> for PaperKind {
    fn from(kind: paper::PaperKind) -> Self {
        match kind {
            paper::PaperKind::Receipt => Self::Receipt,
            paper::PaperKind::CreditNote => Self::CreditNote,
            paper::PaperKind::Cancellation => Self::Cancellation,
        }
    }
}

impl From<PaperKind> for paper::PaperKind {
    fn from(kind: PaperKind) -> Self {
        match kind {
            PaperKind::Receipt => Self::Receipt,
            PaperKind::CreditNote => Self::CreditNote,
            PaperKind::Cancellation => Self::Cancellation,
        }
    }
}

/// A receipt or a credit note. It never changes, except for the number and the file of the state's invoice.
#[derive(Debug, Serialize, ToSchema)]
pub struct Paper {
    id: PaperId,
    kind: PaperKind,
    number: PaperNumberText,
    customer_id: CustomerIdText,
    /// The order that it belongs to.
    order_id: TopUpOrderId,
    /// The receipt that it refers to; null for a receipt.
    receipt_id: Option<PaperId>,
    /// What it is for: the order, money that was applied to it later (`pay_…:n`), the refund, the lost dispute, or the
    /// correction that reversed an approval.
    #[schema(max_length = 64, example = "tuo_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    source: String,
    currency: CurrencyCode,
    /// What the payer paid, or got back: credited + fee + tax.
    amount: Amount,
    fee: SignedAmount,
    tax: SignedAmount,
    /// What the wallet got, or gave.
    credited: SignedAmount,
    /// The tax that the amount contains.
    tax_included: SignedAmount,
    /// The rule by which the order was taxed. Null: there was none.
    tax_rule: Option<AppliedTax>,
    /// When it happened.
    happened_at: DateTime<Utc>,
    issued_at: DateTime<Utc>,
    seller: PaperParty,
    /// The customer, as the billing profile was when the order was created. Null once it was erased.
    buyer: Option<PaperParty>,
    /// The state's invoice. Null: there is none yet.
    e_invoice: Option<EInvoice>,
}

/// Who sold, or who bought.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaperParty {
    #[schema(max_length = 500, example = "Example Ltd.")]
    name: String,
    #[schema(max_length = 500, example = "Example Ltd.")]
    company: Option<String>,
    /// Street and house, in one line or several.
    #[schema(max_length = 2000, example = "1 High Street")]
    address: Option<String>,
    #[schema(max_length = 100, example = "Hanoi")]
    city: Option<String>,
    /// The state or the province.
    #[schema(max_length = 100, example = "Hanoi")]
    region: Option<String>,
    #[schema(max_length = 20, example = "100000")]
    postal_code: Option<String>,
    #[schema(max_length = 2, example = "VN")]
    country: Option<String>,
    #[schema(max_length = 64, example = "0101234567")]
    tax_id: Option<String>,
    #[schema(max_length = 254, example = "billing@example.com")]
    email: Option<String>,
    #[schema(max_length = 50, example = "+84 24 0000 0000")]
    phone: Option<String>,
    #[schema(max_length = 500, example = "1 High Street, Hanoi")]
    registered_address: Option<String>,
    #[schema(max_length = 200, example = "Bank of China")]
    bank_name: Option<String>,
    #[schema(max_length = 64, example = "6216600100001234567")]
    bank_account: Option<String>,
    /// When the tax id was verified, if it was when the order was created; null for a consumer.
    tax_id_verified_at: Option<DateTime<Utc>>,
    /// The checker that gave the answer; null if an operator verified it.
    #[schema(max_length = 50, example = "VIES")]
    tax_id_checker: Option<String>,
    tax_id_checked_at: Option<DateTime<Utc>>,
    /// The number under which the checker keeps its answer.
    #[schema(max_length = 100, example = "WAPIAAAAY0jnJxk5")]
    tax_id_consultation: Option<String>,
}

/// The state's invoice.
#[derive(Debug, Serialize, ToSchema)]
pub struct EInvoice {
    #[schema(max_length = 64, example = "1C26TAA-00000042")]
    number: String,
    /// Where its file is.
    #[schema(max_length = 2048, example = "https://invoices.example.com/1C26TAA-00000042.pdf")]
    url: Option<String>,
}

impl From<&party::Party> for PaperParty {
    fn from(party: &party::Party) -> Self {
        let party::Party { name, country, email, details, tax_id_verified } = party.clone();
        let tax_id_verified_at = tax_id_verified.as_ref().map(|verified| verified.at);
        let check = tax_id_verified.and_then(|verified| verified.check);
        let tax_id_checked_at = check.as_ref().map(|check| check.checked_at);
        let (tax_id_checker, consultation) = check.map(|check| (check.checker, check.consultation)).unzip();
        Self {
            name,
            company: details.company,
            address: details.address,
            city: details.city,
            region: details.region,
            postal_code: details.postal_code,
            country,
            tax_id: details.tax_id,
            email,
            phone: details.phone,
            registered_address: details.registered_address,
            bank_name: details.bank_name,
            bank_account: details.bank_account,
            tax_id_verified_at,
            tax_id_checker,
            tax_id_checked_at,
            tax_id_consultation: consultation.flatten(),
        }
    }
}

impl From<&paper::Paper> for Paper {
    fn from(paper: &paper::Paper) -> Self {
        let amounts = paper.amounts;
        let invoice = |invoice: &paper::EInvoice| EInvoice { number: invoice.number.clone(), url: invoice.url.clone() };
        Self {
            id: PaperId::of(paper.id),
            kind: paper.kind.into(),
            number: PaperNumberText::of(&paper.number),
            customer_id: CustomerIdText::of(&paper.customer),
            order_id: TopUpOrderId::of(paper.order_id),
            receipt_id: paper.receipt_id.map(PaperId::of),
            source: paper.source.clone(),
            currency: CurrencyCode::of(amounts.amount.currency()),
            amount: amounts.amount.into(),
            fee: amounts.fee.into(),
            tax: amounts.tax.into(),
            credited: amounts.credited.into(),
            tax_included: amounts.tax_included.into(),
            tax_rule: paper.tax_rule.map(AppliedTax::from),
            happened_at: paper.happened_at,
            issued_at: paper.issued_at,
            seller: (&paper.seller).into(),
            buyer: paper.buyer.as_ref().map(PaperParty::from),
            e_invoice: paper.e_invoice.as_ref().map(invoice),
        }
    }
}
