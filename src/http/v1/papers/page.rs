//! The page of a paper, which prints on one sheet. It loads no resources and runs no script, and the template escapes
//! every text of a person.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::{AutoEscape, Environment, context};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::app::Error;
use crate::domain::money::format_amount;
use crate::domain::paper::{Paper, PaperKind};
use crate::domain::party::{BillingDetails, Party};

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");

/// The language of a page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum PaperLanguage {
    #[default]
    #[serde(rename = "en")]
    En,
    #[serde(rename = "zh-CN")]
    ZhCn,
    #[serde(rename = "vi")]
    Vi,
}

/// The words of a page in one language.
#[derive(Debug, Serialize)]
struct Words {
    lang: &'static str,
    receipt: &'static str,
    credit_note: &'static str,
    cancellation: &'static str,
    number: &'static str,
    date: &'static str,
    order: &'static str,
    seller: &'static str,
    buyer: &'static str,
    tax_id: &'static str,
    registered_address: &'static str,
    phone: &'static str,
    bank: &'static str,
    account: &'static str,
    credited: &'static str,
    fee: &'static str,
    tax: &'static str,
    total: &'static str,
    included: &'static str,
    reverse_charge: &'static str,
    e_invoice: &'static str,
    note: &'static str,
}

const EN: Words = Words {
    lang: "en",
    receipt: "Receipt",
    credit_note: "Credit note",
    cancellation: "Cancellation of a credit note",
    number: "Number",
    date: "Date",
    order: "Order",
    seller: "Seller",
    buyer: "Buyer",
    tax_id: "Tax ID",
    registered_address: "Registered address",
    phone: "Phone",
    bank: "Bank",
    account: "Account",
    credited: "Prepaid balance",
    fee: "Fee",
    tax: "Tax",
    total: "Total",
    included: "Tax contained in it",
    reverse_charge: "Reverse charge: the customer owes the tax.",
    e_invoice: "Tax invoice",
    note: "This paper is not a tax invoice.",
};
const ZH_CN: Words = Words {
    lang: "zh-CN",
    receipt: "收据",
    credit_note: "贷项通知单",
    cancellation: "贷项通知单作废",
    number: "编号",
    date: "日期",
    order: "订单",
    seller: "销售方",
    buyer: "购买方",
    tax_id: "税号",
    registered_address: "注册地址",
    phone: "电话",
    bank: "开户行",
    account: "账号",
    credited: "预付余额",
    fee: "手续费",
    tax: "税额",
    total: "合计",
    included: "其中税额",
    reverse_charge: "反向征收：税款由购买方缴纳。",
    e_invoice: "发票",
    note: "本单据不是税务发票。",
};
const VI: Words = Words {
    lang: "vi",
    receipt: "Biên nhận",
    credit_note: "Giấy báo có",
    cancellation: "Hủy giấy báo có",
    number: "Số",
    date: "Ngày",
    order: "Đơn hàng",
    seller: "Bên bán",
    buyer: "Bên mua",
    tax_id: "Mã số thuế",
    registered_address: "Địa chỉ đăng ký",
    phone: "Điện thoại",
    bank: "Ngân hàng",
    account: "Số tài khoản",
    credited: "Số dư trả trước",
    fee: "Phí",
    tax: "Thuế",
    total: "Tổng cộng",
    included: "Trong đó thuế",
    reverse_charge: "Cơ chế nghĩa vụ đảo ngược: bên mua nộp thuế.",
    e_invoice: "Hóa đơn điện tử",
    note: "Chứng từ này không phải là hóa đơn thuế.",
};

impl PaperLanguage {
    fn words(self) -> &'static Words {
        match self {
            Self::En => &EN,
            Self::ZhCn => &ZH_CN,
            Self::Vi => &VI,
        }
    }
}

/// What the page may do: use the one style that it contains.
#[must_use]
pub fn policy() -> &'static str {
    static POLICY: OnceLock<String> = OnceLock::new();
    POLICY.get_or_init(|| {
        let hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    })
}

/// Renders a paper.
///
/// # Errors
/// [`Error::Internal`] when the template does not fit the paper.
pub fn render(paper: &Paper, language: PaperLanguage) -> Result<String, Error> {
    static PAGES: OnceLock<Environment<'static>> = OnceLock::new();
    let pages = PAGES.get_or_init(|| {
        let mut pages = Environment::new();
        pages.set_auto_escape_callback(|_| AutoEscape::Html);
        pages
    });
    let words = language.words();
    let title = match paper.kind {
        PaperKind::Receipt => words.receipt,
        PaperKind::CreditNote => words.credit_note,
        PaperKind::Cancellation => words.cancellation,
    };
    let amounts = paper.amounts;
    let lines = [(words.credited, amounts.credited), (words.fee, amounts.fee), (words.tax, amounts.tax)];
    let shown = |(name, amount): &(&'static str, crate::domain::money::Money)| (*name, format_amount(*amount));
    let lines: Vec<(&str, String)> =
        lines.iter().filter(|(name, amount)| *name == words.credited || !amount.is_zero()).map(shown).collect();
    let rate = paper.tax_rule.filter(|rule| !rule.terms.rate.is_zero()).map(|rule| rule.terms.rate.to_string());
    let included = Some(amounts.tax_included).filter(|tax| !tax.is_zero()).map(format_amount);
    let reverse_charge = paper.tax_rule.is_some_and(|rule| rule.terms.reverse_charge);
    let invoice = paper.e_invoice.as_ref().map(|invoice| invoice.number.as_str());
    pages
        .render_named_str(
            "page.html",
            TEMPLATE,
            context! {
                w => words,
                title,
                number => paper.number.to_string(),
                date => paper.happened_at.format("%Y-%m-%d %H:%M UTC").to_string(),
                order => crate::domain::id::IdKind::TopUpOrder.show(paper.order_id),
                size => size(paper),
                seller => party(&paper.seller, words),
                buyer => paper.buyer.as_ref().map(|buyer| party(buyer, words)),
                lines,
                total => format_amount(amounts.amount),
                currency => amounts.amount.currency().code(),
                rate,
                included,
                reverse_charge,
                invoice,
                style => minijinja::Value::from_safe_string(STYLE.to_owned()),
            },
        )
        .map_err(|error| {
            tracing::error!(%error, "The page of a paper cannot be rendered");
            Error::Internal("a template that fits a paper")
        })
}

/// The class of the parties' texts: long ones are printed smaller, so that the paper is one sheet.
fn size(paper: &Paper) -> &'static str {
    let width = |text: &str| text.chars().map(|c| if c < '\u{2e80}' { 1 } else { 2 }).sum::<usize>();
    let length = |party: &Party| {
        let Party { name, email, details, .. } = party;
        let BillingDetails { address, city, region, postal_code, phone, .. } = details;
        let BillingDetails { company, tax_id, registered_address, bank_name, bank_account, .. } = details;
        let first = [email, address, city, region, postal_code, phone];
        let second = [company, tax_id, registered_address, bank_name, bank_account];
        width(name) + first.into_iter().chain(second).flatten().map(|text| width(text)).sum::<usize>()
    };
    match length(&paper.seller).max(paper.buyer.as_ref().map_or(0, length)) {
        ..=600 => "",
        601..=1500 => "long",
        _ => "longest",
    }
}

/// The lines of a party, and lines with a label of their own.
fn party(party: &Party, words: &Words) -> minijinja::Value {
    let details = &party.details;
    let texts = [Some(party.name.as_str()), details.company.as_deref()];
    let address = details.address.as_deref().unwrap_or_default().lines();
    let place: Vec<&str> = [&details.postal_code, &details.city].into_iter().flatten().map(String::as_str).collect();
    let place = place.join(" ");
    let rest = [Some(place.as_str()), details.region.as_deref(), party.country.as_deref(), party.email.as_deref()];
    let lines: Vec<&str> = texts
        .into_iter()
        .flatten()
        .chain(address)
        .chain(rest.into_iter().flatten())
        .filter(|line| !line.is_empty())
        .collect();
    let facts = [
        (words.tax_id, &details.tax_id),
        (words.registered_address, &details.registered_address),
        (words.phone, &details.phone),
        (words.bank, &details.bank_name),
        (words.account, &details.bank_account),
    ];
    let facts: Vec<(&str, &str)> =
        facts.into_iter().filter_map(|(word, text)| Some((word, text.as_deref()?))).collect();
    context! { lines, facts }
}
