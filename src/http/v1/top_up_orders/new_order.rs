//! Reads the body of `createTopUpOrder`: all strings become types here, and every broken rule is named at once.

use std::net::IpAddr;

use super::{BankTransferOptions, CardFlowName, CreateTopUpOrder, VnpayOptions};
use crate::app::orders::create::NewOrder;
use crate::app::{Error, Problems};
use crate::domain::customer::CustomerId;
use crate::domain::money::{Currency, Money, parse_plain_decimal};
use crate::domain::order::Remitter;
use crate::domain::payment::{CardFlow, Channel};
use crate::domain::product::Product;
use crate::providers::is_bank_code;

/// Reads the order that a customer wants.
///
/// # Errors
/// 422 naming every broken rule that can be judged without the database.
pub fn read(customer: CustomerId, asked: CreateTopUpOrder, payer_ip: IpAddr) -> Result<NewOrder, Error> {
    let mut problems = Problems::new();
    let channel = Channel::from(asked.channel);
    let currency = problems.money("/currency", asked.currency.parse::<Currency>());
    let amount = currency.and_then(|currency| amount(&mut problems, &asked.amount, currency));
    let product = product(&mut problems, asked.product.as_deref());
    if !asked.agreement_accepted {
        problems.add("/agreement_accepted", "agreement_not_accepted", "must be true: the agreement has to be accepted");
    }
    for (of_channel, pointer, is_given) in [
        (Channel::BankTransfer, "/bank_transfer", asked.bank_transfer.is_some()),
        (Channel::Card, "/card", asked.card.is_some()),
        (Channel::Vnpay, "/vnpay", asked.vnpay.is_some()),
    ] {
        if is_given && channel != of_channel {
            problems.add(pointer, "not_for_this_channel", format!("belongs to channel {of_channel} only"));
        }
    }
    if channel == Channel::BankTransfer && asked.bank_transfer.is_none() {
        problems.add("/bank_transfer", "required", "remitter_name and remitter_bank are required for this channel");
    }
    let remitter = asked.bank_transfer.and_then(|transfer| remitter(&mut problems, &transfer));
    let vnpay_bank_code = asked.vnpay.and_then(|vnpay| bank_code(&mut problems, vnpay));
    check_locale(&mut problems, asked.locale.as_deref());
    check_return_url(&mut problems, asked.return_url.as_deref());
    let read = currency.zip(amount).zip(product).map(|((currency, amount), product)| NewOrder {
        customer,
        currency,
        amount,
        channel,
        product,
        return_url: asked.return_url,
        card_flow: asked.card.map(|card| match card.flow {
            CardFlowName::Checkout => CardFlow::Checkout,
            CardFlowName::Elements => CardFlow::Elements,
        }),
        remitter,
        vnpay_bank_code,
        payer_ip,
        locale: asked.locale,
    });
    problems.into_result(read)
}

fn amount(problems: &mut Problems, text: &str, currency: Currency) -> Option<Money> {
    let amount = parse_plain_decimal(text).and_then(|amount| Money::positive(amount, currency));
    problems.money("/amount", amount.and_then(Money::require_minor_unit))
}

fn product(problems: &mut Problems, code: Option<&str>) -> Option<Product> {
    let Some(code) = code else { return Some(Product::main()) };
    let product = Product::new(code);
    if product.is_none() {
        problems.add("/product", "unknown_product", "there is no such product");
    }
    product
}

fn remitter(problems: &mut Problems, transfer: &BankTransferOptions) -> Option<Remitter> {
    let name = problems.text("/bank_transfer/remitter_name", &transfer.remitter_name, 1, 140);
    let bank = problems.text("/bank_transfer/remitter_bank", &transfer.remitter_bank, 1, 140);
    let remarks = problems.optional_text("/bank_transfer/remarks", transfer.remarks.as_deref(), 500);
    name.zip(bank).map(|(name, bank)| Remitter { name, bank, remarks })
}

fn bank_code(problems: &mut Problems, vnpay: VnpayOptions) -> Option<String> {
    let code = vnpay.bank_code?;
    if is_bank_code(&code) {
        return Some(code);
    }
    problems.add("/vnpay/bank_code", "malformed", "must be 3 to 20 letters and digits");
    None
}

fn check_locale(problems: &mut Problems, locale: Option<&str>) {
    if locale.is_some_and(|locale| !is_language_tag(locale)) {
        problems.add("/locale", "malformed", "must be a language tag such as en or zh-CN, of at most 16 characters");
    }
}

/// The pattern of the document: `^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$`, and at most 16 characters.
fn is_language_tag(text: &str) -> bool {
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or("");
    text.len() <= 16
        && (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn check_return_url(problems: &mut Problems, url: Option<&str>) {
    let Some(url) = url else { return };
    let is_web_address = url::Url::parse(url)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some() && url.username().is_empty());
    if !is_web_address || url.len() > 1000 || url.chars().any(char::is_control) {
        problems.add(
            "/return_url",
            "not_a_web_address",
            "must be an absolute http or https URL of at most 1000 characters",
        );
    }
}
