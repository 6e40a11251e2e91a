//! Reads the body of `createTopUpOrder`: texts become types here, and one answer names every broken rule.

use std::net::IpAddr;

use super::{BankTransferOptions, CreateTopUpOrder, VnpayOptions};
use crate::app::orders::create::NewOrder;
use crate::app::{Error, Problems};
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::order::Remitter;
use crate::domain::payment::Channel;
use crate::http::edge::wire::{
    AgreementVersion, Amount, LanguageTag, ProductCode, QuoteId, RemitterRemarks, read_client_data,
};
use crate::providers::is_bank_code;

/// Reads the order that a customer wants.
///
/// # Errors
/// 422 naming every broken rule that can be checked without the database.
pub fn read(customer: CustomerId, asked: CreateTopUpOrder, payer_ip: IpAddr) -> Result<NewOrder, Error> {
    let mut problems = Problems::new();
    let channel = Channel::from(asked.channel);
    let currency = asked.currency.read(&mut problems, "/currency");
    let amount = currency.and_then(|currency| asked.amount.in_minor_unit(&mut problems, "/amount", currency));
    let product = ProductCode::read_or_main(asked.product.as_ref(), &mut problems, "/product");
    if !asked.agreement_accepted {
        problems.add(
            "/agreement_accepted",
            Code::AgreementNotAccepted,
            "must be true: the agreement has to be accepted",
        );
    }
    let agreement_version =
        AgreementVersion::read_optional(asked.agreement_version.as_ref(), &mut problems, "/agreement_version");
    let quote = QuoteId::read_optional(asked.quote_id.as_ref(), &mut problems, "/quote_id");
    let mut told = |amount: Option<&Amount>, pointer| amount?.money(&mut problems, pointer, currency?);
    let expected_credited = told(asked.expected_credited_amount.as_ref(), "/expected_credited_amount");
    let expected_payable = told(asked.expected_payable_amount.as_ref(), "/expected_payable_amount");
    for (of_channel, pointer, is_given) in [
        (Channel::BankTransfer, "/bank_transfer", asked.bank_transfer.is_some()),
        (Channel::Card, "/card", asked.card.is_some()),
        (Channel::Vnpay, "/vnpay", asked.vnpay.is_some()),
    ] {
        if is_given && channel != of_channel {
            problems.add(pointer, Code::NotForThisChannel, format!("belongs only to channel {of_channel}"));
        }
    }
    if channel == Channel::BankTransfer && asked.bank_transfer.is_none() {
        problems.add(
            "/bank_transfer",
            Code::Required,
            "is required for this channel, with remitter_name and remitter_bank",
        );
    }
    let remitter = asked.bank_transfer.and_then(|transfer| remitter(&mut problems, &transfer));
    let vnpay_bank_code = asked.vnpay.and_then(|vnpay| bank_code(&mut problems, vnpay));
    let locale = LanguageTag::read_optional(asked.locale.as_ref(), &mut problems, "/locale");
    check_return_url(&mut problems, asked.return_url.as_deref());
    let client = read_client_data(asked.client_reference.as_ref(), asked.metadata, &mut problems);
    let read = amount.zip(product).map(|(amount, product)| NewOrder {
        customer,
        amount,
        channel,
        product,
        agreement_version,
        quote,
        expected_credited,
        expected_payable,
        return_url: asked.return_url,
        card_flow: asked.card.map(|card| card.flow.into()),
        remitter,
        vnpay_bank_code,
        payer_ip,
        locale,
        client,
    });
    problems.into_result(read)
}

fn remitter(problems: &mut Problems, transfer: &BankTransferOptions) -> Option<Remitter> {
    let name = transfer.remitter_name.read(problems, "/bank_transfer/remitter_name");
    let bank = transfer.remitter_bank.read(problems, "/bank_transfer/remitter_bank");
    let remarks = RemitterRemarks::read_optional(transfer.remarks.as_ref(), problems, "/bank_transfer/remarks");
    name.zip(bank).map(|(name, bank)| Remitter { name, bank, remarks })
}

fn bank_code(problems: &mut Problems, vnpay: VnpayOptions) -> Option<String> {
    let code = vnpay.bank_code?;
    if is_bank_code(&code) {
        return Some(code);
    }
    problems.add("/vnpay/bank_code", Code::Malformed, "must be 3 to 20 letters and digits");
    None
}

fn check_return_url(problems: &mut Problems, url: Option<&str>) {
    let Some(url) = url else { return };
    let is_web_address = url::Url::parse(url)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some() && url.username().is_empty());
    if !is_web_address || url.len() > 1000 || url.chars().any(char::is_control) {
        problems.add(
            "/return_url",
            Code::NotAWebAddress,
            "must be an absolute http or https URL of at most 1000 characters",
        );
    }
}
