//! Translates VNPay's codes, times and references into domain types.

use chrono::{DateTime, FixedOffset, NaiveDateTime, Utc};
use uuid::Uuid;

use crate::domain::deployment::Deployment;
use crate::domain::money::{Currency, Money, MoneyError};
use crate::domain::payment::{AttemptLocator, Observation, PaymentFact};

/// All times of VNPay are in GMT+7, because Vietnam has no summer time.
const VIETNAM_SECONDS_EAST: i32 = 7 * 3600;
const STAMP: &str = "%Y%m%d%H%M%S";
const CURRENCY: &str = "VND";
/// `N[1,12]` holds the amount times 100.
pub(super) const MAX_DONG: i64 = 9_999_999_999;

/// Writes a time as `yyyyMMddHHmmss` in GMT+7.
pub(super) fn stamp(at: DateTime<Utc>) -> String {
    match FixedOffset::east_opt(VIETNAM_SECONDS_EAST) {
        Some(vietnam) => at.with_timezone(&vietnam).format(STAMP).to_string(),
        None => at.format(STAMP).to_string(),
    }
}

/// Reads a time that [`stamp`] wrote; `None` for any other text.
pub(super) fn read_stamp(text: &str) -> Option<DateTime<Utc>> {
    // chrono would also accept fewer digits, and read another time.
    let plain = text.len() == 14 && text.bytes().all(|byte| byte.is_ascii_digit());
    let local = plain.then(|| NaiveDateTime::parse_from_str(text, STAMP).ok()).flatten()?;
    let vietnam = FixedOffset::east_opt(VIETNAM_SECONDS_EAST)?;
    local.and_local_timezone(vietnam).single().map(|at| at.with_timezone(&Utc))
}

pub(super) fn dong() -> Result<Currency, MoneyError> {
    CURRENCY.parse()
}

/// The amount as VNPay writes it: VND × 100, digits only.
///
/// # Errors
/// [`MoneyError::CurrencyMismatch`] for another currency, [`MoneyError::NotPositive`],
/// [`MoneyError::TooPrecise`] below one dong, [`MoneyError::TooLarge`] beyond 9,999,999,999 VND.
pub(super) fn amount_to_wire(amount: Money) -> Result<String, MoneyError> {
    if amount.currency() != dong()? {
        return Err(MoneyError::CurrencyMismatch);
    }
    match amount.to_units(0)? {
        ..=0 => Err(MoneyError::NotPositive),
        1..=MAX_DONG => Ok(amount.to_units(2)?.to_string()),
        _ => Err(MoneyError::TooLarge),
    }
}

/// Reads an amount of VNPay. An amount below one dong is not rounded.
pub(super) fn amount_from_wire(text: &str) -> Option<Money> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let units: i64 = plain.then(|| text.parse().ok()).flatten()?;
    Money::from_units(units, 2, dong().ok()?).ok()
}

/// Our reference of an attempt, which is always unique. VNPay requires it to be unique within a day, and to be 1 to 100
/// letters and digits.
pub(super) fn transaction_reference(order_id: Uuid, attempt: i32, deployment: Deployment) -> String {
    format!("{}A{attempt}D{deployment}", order_id.as_simple())
}

/// Our marks in a reference: order and attempt. `None` for a reference of another deployment.
fn marks(transaction_reference: &str, deployment: Deployment) -> Option<(Uuid, i32)> {
    let (order, rest) = transaction_reference.split_once('A')?;
    let (n, of) = rest.split_once('D')?;
    of.parse::<Deployment>().ok().filter(|of| *of == deployment)?;
    Some((Uuid::try_parse(order).ok()?, n.parse().ok()?))
}

/// The attempt that an IPN names. The reference is a part of the link that our server signs, so it is one of our marks.
pub(super) fn locator(transaction_reference: &str, amount: Money, deployment: Deployment) -> AttemptLocator {
    let marks = marks(transaction_reference, deployment);
    AttemptLocator {
        provider_reference: Some(transaction_reference.to_owned()),
        order_id: marks.map(|(order, _)| order),
        attempt: marks.map(|(_, n)| n),
        amount: Some(amount),
    }
}

/// The canonical id of a payment.
pub(super) fn payment_id(transaction_reference: &str, transaction_no: &str) -> String {
    format!("{transaction_reference}:{transaction_no}")
}

/// VNPay's number of a payment, from its canonical id.
pub(super) fn transaction_no(payment_id: &str) -> Option<&str> {
    payment_id.split_once(':').map(|(_, number)| number).filter(|number| !number.is_empty())
}

/// The state of one payment, as an IPN or a query states it.
#[derive(Debug)]
pub(super) struct VnpayPayment<'a> {
    /// The result for the payer. It is absent in a query, where the response code is about the query itself.
    pub response_code: Option<&'a str>,
    pub transaction_status: &'a str,
    pub transaction_reference: &'a str,
    pub transaction_no: &'a str,
    pub amount: Money,
}

/// The observation, by the table of section 3.3. Only 00 **and** 00 are a success; with 04 and 07 money may have moved.
///
/// # Errors
/// When VNPay states a success without its number, by which the payment is identified.
pub(super) fn observation(stated: &VnpayPayment<'_>, merchant: &str, live: bool) -> Result<Observation, &'static str> {
    let codes = || format!("response {}, status {}", stated.response_code.unwrap_or("-"), stated.transaction_status);
    Ok(match (stated.response_code.unwrap_or("00"), stated.transaction_status) {
        ("00", "00") => {
            if stated.transaction_no.bytes().all(|byte| byte == b'0') {
                return Err("paid, but without a TransactionNo");
            }
            Observation::Paid(PaymentFact {
                payment_id: payment_id(stated.transaction_reference, stated.transaction_no),
                amount: stated.amount,
                merchant_account: merchant.to_owned(),
                live,
            })
        }
        ("07", _) | (_, "04" | "07") => {
            Observation::Review { reason: format!("VNPay is checking this payment ({})", codes()) }
        }
        // The payment failed for the payer, but succeeded at VNPay. A person must decide.
        (_, "00") => Observation::Review { reason: format!("VNPay contradicts itself ({})", codes()) },
        (response, "02" | "08" | "11") => Observation::Failed { reason: failure(response, stated.transaction_status) },
        (response @ ("09" | "10" | "11" | "12" | "13" | "24" | "51" | "65" | "75" | "79"), _) => {
            Observation::Failed { reason: failure(response, stated.transaction_status) }
        }
        (_, "01") => Observation::Pending { note: Some(codes()) },
        _ => Observation::Review { reason: format!("VNPay answers with unknown codes ({})", codes()) },
    })
}

/// The reason of a failure in plain words.
fn failure(response_code: &str, transaction_status: &str) -> String {
    let reason = match (response_code, transaction_status) {
        ("09", _) => "the card or account is not registered for internet banking",
        ("10", _) => "wrong card or account details more than three times",
        ("11", _) | (_, "08") => "the payment window expired",
        ("12", _) => "the card or account is locked",
        ("13", _) => "wrong one-time password",
        ("24", _) | (_, "11") => "the customer cancelled",
        ("51", _) => "insufficient funds",
        ("65", _) => "over the daily limit",
        ("75", _) => "the bank is under maintenance",
        ("79", _) => "wrong payment password too often",
        _ => "the payment failed",
    };
    format!("{reason} (response {response_code}, status {transaction_status})")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn state(response_code: Option<&str>, transaction_status: &str) -> Observation {
        let stated = VnpayPayment {
            response_code,
            transaction_status,
            transaction_reference: "R",
            transaction_no: "144",
            amount: amount_from_wire("50000000").unwrap(),
        };
        observation(&stated, "DEMOV210", false).unwrap()
    }

    #[test]
    fn times_are_vietnams() {
        let at: DateTime<Utc> = "2026-11-21T18:30:05Z".parse().unwrap();
        assert_eq!(stamp(at), "20261122013005");
        assert_eq!(read_stamp("20261122013005"), Some(at));
        assert_eq!(read_stamp("2026112201300"), None);
    }

    #[test]
    fn amounts_are_a_hundredfold() {
        let money = |amount: &str, code: &str| Money::new(amount.parse().unwrap(), code.parse().unwrap()).unwrap();
        assert_eq!(amount_to_wire(money("10000", "VND")).unwrap(), "1000000");
        assert_eq!(amount_to_wire(money("9999999999", "VND")).unwrap(), "999999999900");
        assert_eq!(amount_to_wire(money("10000000000", "VND")), Err(MoneyError::TooLarge));
        assert_eq!(amount_to_wire(money("0", "VND")), Err(MoneyError::NotPositive));
        assert_eq!(amount_to_wire(money("1", "USD")), Err(MoneyError::CurrencyMismatch));
        assert_eq!(amount_from_wire("1000000"), Some(money("10000", "VND")));
        for bad in ["", "-100", "1e5", "10.5", "99999999999999999999"] {
            assert_eq!(amount_from_wire(bad), None, "{bad}");
        }
    }

    #[test]
    fn references_lead_back_to_the_order() {
        let order: Uuid = "0197f2c0-a1b2-7c3d-8e4f-5a6b7c8d9e0f".parse().unwrap();
        let ours = "00c0ffee00c0ffee".parse().unwrap();
        let reference = transaction_reference(order, 12, ours);
        assert_eq!(reference, "0197f2c0a1b27c3d8e4f5a6b7c8d9e0fA12D00c0ffee00c0ffee");
        let amount = amount_from_wire("100").unwrap();
        let named = locator(&reference, amount, ours);
        assert_eq!((named.order_id, named.attempt), (Some(order), Some(12)));
        let others = transaction_reference(order, 12, "00c0ffee00c0ffef".parse().unwrap());
        for unmarked in ["SOMETHING", "0197f2c0a1b27c3d8e4f5a6b7c8d9e0fA12", &others] {
            let named = locator(unmarked, amount, ours);
            assert_eq!((named.provider_reference.as_deref(), named.order_id), (Some(unmarked), None));
        }
        assert_eq!(transaction_no(&payment_id(&reference, "144")), Some("144"));
    }

    #[test]
    fn only_both_zeros_are_money() {
        assert!(matches!(state(Some("00"), "00"), Observation::Paid(_)));
        assert!(matches!(state(None, "00"), Observation::Paid(_)));
        for (response, status) in [("00", "01"), ("00", "02"), ("24", "00"), ("99", "00"), ("07", "00"), ("00", "05")] {
            assert!(!matches!(state(Some(response), status), Observation::Paid(_)), "{response} {status}");
        }
    }

    #[test]
    fn each_code_has_its_state() {
        for response in ["09", "10", "11", "12", "13", "24", "51", "65", "75", "79", "99"] {
            assert!(matches!(state(Some(response), "02"), Observation::Failed { .. }), "{response}");
        }
        for status in ["02", "08", "11"] {
            assert!(matches!(state(None, status), Observation::Failed { .. }), "{status}");
        }
        for (response, status) in [("07", "00"), ("07", "07"), ("00", "04"), ("99", "04"), ("24", "00"), ("00", "77")] {
            assert!(matches!(state(Some(response), status), Observation::Review { .. }), "{response} {status}");
        }
        assert!(matches!(state(None, "01"), Observation::Pending { .. }));
    }

    #[test]
    fn money_without_vnpays_number_is_no_statement() {
        let amount = amount_from_wire("100").unwrap();
        for transaction_no in ["", "0"] {
            let stated = VnpayPayment {
                response_code: Some("00"),
                transaction_status: "00",
                transaction_reference: "R",
                transaction_no,
                amount,
            };
            assert!(observation(&stated, "DEMOV210", false).is_err());
        }
    }
}
