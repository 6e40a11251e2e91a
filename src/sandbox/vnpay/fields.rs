//! The types of VNPay's parameters: AN, N and A with a length.

use super::model::instant;

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Exactly this text.
    Exactly(&'static str),
    OneOf(&'static [&'static str]),
    Digits(usize, usize),
    /// A time as `yyyyMMddHHmmss`.
    Stamp,
    /// Letters, digits and `.:_-`, which no encoder changes.
    Reference(usize, usize),
    /// Vietnamese without diacritics and special characters.
    Plain(usize, usize),
    Address,
    /// The caller: a user name or an e-mail address.
    Who(usize, usize),
    Url,
    /// VNPay's number; empty or 0 if the merchant does not know it.
    MaybeDigits(usize),
}

impl Kind {
    pub fn takes(self, value: &str) -> bool {
        let length = value.chars().count();
        let alphanumeric = |extra: &'static str| value.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c));
        let digits = || value.bytes().all(|byte| byte.is_ascii_digit());
        match self {
            Kind::Exactly(text) => value == text,
            Kind::OneOf(texts) => texts.contains(&value),
            Kind::Digits(least, most) => (least..=most).contains(&length) && digits(),
            Kind::Stamp => instant(value).is_some(),
            Kind::Reference(least, most) => (least..=most).contains(&length) && alphanumeric(".:_-"),
            Kind::Plain(least, most) => (least..=most).contains(&length) && alphanumeric(" .:,_-"),
            Kind::Address => (7..=45).contains(&length) && value.parse::<std::net::IpAddr>().is_ok(),
            Kind::Who(least, most) => (least..=most).contains(&length) && alphanumeric(" .:_@-"),
            Kind::Url => {
                (10..=255).contains(&length)
                    && url::Url::parse(value)
                        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            }
            Kind::MaybeDigits(most) => length <= most && digits(),
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub name: &'static str,
    pub kind: Kind,
    pub required: bool,
}

const fn need(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: true }
}

pub(super) const PAY: &[Field] = &[
    need("vnp_Version", Kind::Exactly("2.1.0")),
    need("vnp_Command", Kind::Exactly("pay")),
    need("vnp_TmnCode", Kind::Reference(1, 8)),
    need("vnp_Amount", Kind::Digits(1, 12)),
    need("vnp_CreateDate", Kind::Stamp),
    need("vnp_ExpireDate", Kind::Stamp),
    need("vnp_CurrCode", Kind::Exactly("VND")),
    need("vnp_IpAddr", Kind::Address),
    need("vnp_Locale", Kind::OneOf(&["vn", "en"])),
    need("vnp_OrderInfo", Kind::Plain(1, 255)),
    need("vnp_OrderType", Kind::Reference(1, 100)),
    need("vnp_ReturnUrl", Kind::Url),
    need("vnp_TxnRef", Kind::Reference(1, 100)),
    Field { name: "vnp_BankCode", kind: Kind::Reference(3, 20), required: false },
    need("vnp_SecureHash", Kind::Reference(128, 128)),
];

pub(super) const QUERYDR: &[Field] = &[
    need("vnp_RequestId", Kind::Reference(1, 32)),
    need("vnp_Version", Kind::Exactly("2.1.0")),
    need("vnp_Command", Kind::Exactly("querydr")),
    need("vnp_TmnCode", Kind::Reference(1, 8)),
    need("vnp_TxnRef", Kind::Reference(1, 100)),
    need("vnp_OrderInfo", Kind::Plain(1, 255)),
    need("vnp_TransactionDate", Kind::Stamp),
    need("vnp_CreateDate", Kind::Stamp),
    need("vnp_IpAddr", Kind::Address),
    Field { name: "vnp_TransactionNo", kind: Kind::MaybeDigits(15), required: false },
    need("vnp_SecureHash", Kind::Reference(128, 128)),
];

pub(super) const REFUND: &[Field] = &[
    need("vnp_RequestId", Kind::Reference(1, 32)),
    need("vnp_Version", Kind::Exactly("2.1.0")),
    need("vnp_Command", Kind::Exactly("refund")),
    need("vnp_TmnCode", Kind::Reference(1, 8)),
    need("vnp_TransactionType", Kind::OneOf(&["02", "03"])),
    need("vnp_TxnRef", Kind::Reference(1, 100)),
    need("vnp_Amount", Kind::Digits(1, 12)),
    need("vnp_OrderInfo", Kind::Plain(1, 255)),
    need("vnp_TransactionNo", Kind::MaybeDigits(15)),
    need("vnp_TransactionDate", Kind::Stamp),
    need("vnp_CreateBy", Kind::Who(1, 245)),
    need("vnp_CreateDate", Kind::Stamp),
    need("vnp_IpAddr", Kind::Address),
    need("vnp_SecureHash", Kind::Reference(128, 128)),
];

/// The first parameter that is unknown, missing or malformed.
pub(super) fn first_bad<'a>(
    fields: &[Field],
    values: impl Iterator<Item = (&'a str, &'a str)> + Clone,
) -> Option<String> {
    for (name, value) in values.clone() {
        match fields.iter().find(|field| field.name == name) {
            Some(field) if field.kind.takes(value) => {}
            _ => return Some(name.to_owned()),
        }
    }
    fields
        .iter()
        .filter(|field| field.required)
        .find(|field| !values.clone().any(|(name, _)| name == field.name))
        .map(|field| field.name.to_owned())
}
