//! The orders of VNPay: one for each pay URL, with the attempts of the buyer and the refunds of the merchant.

use chrono::{DateTime, FixedOffset, NaiveDateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use crate::sandbox::tools::{now, random_digits};

/// The codes of a result: `vnp_ResponseCode` and `vnp_TransactionStatus` in the IPN and the return URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ResultCodes {
    pub response: &'static str,
    pub status: &'static str,
}

impl ResultCodes {
    pub const PAID: Self = Self { response: "00", status: "00" };

    pub const fn failed(response: &'static str) -> Self {
        Self { response, status: "02" }
    }
}

/// One attempt of the buyer to pay.
#[derive(Debug, Clone)]
pub(super) struct Try {
    /// `vnp_TransactionNo`; 0 if the buyer did not reach a bank.
    pub number: u64,
    pub outcome: ResultCodes,
    /// The amount in VND × 100.
    pub amount: i64,
    pub pay_date: String,
}

impl Try {
    pub fn new(outcome: ResultCodes, amount: i64) -> Self {
        let number = if outcome.response == "24" { 0 } else { random_digits(8) };
        Self { number, outcome, amount, pay_date: stamp(now()) }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Refund {
    pub number: u64,
    /// The text of the merchant.
    pub info: String,
    /// `02` for a full refund, `03` for a partial one.
    pub kind: String,
    /// The amount in VND × 100.
    pub amount: i64,
    /// `vnp_TransactionStatus`: 05 and 06 in progress, 00 done, 09 refused.
    pub status: &'static str,
    pub date: String,
}

/// The result that refunds will have from now on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RefundMode {
    #[default]
    Succeeds,
    StaysPending,
    Refused,
}

#[derive(Debug, Clone)]
pub(super) struct Order {
    pub txn_ref: String,
    /// The amount in VND × 100.
    pub amount: i64,
    pub info: String,
    /// The time in the pay URL, which querydr and refund repeat.
    pub create_date: String,
    pub expires: DateTime<Utc>,
    pub return_url: String,
    pub bank_code: String,
    /// The signed query of the pay URL.
    pub query: String,
    pub tries: Vec<Try>,
    pub refunds: Vec<Refund>,
    pub refund_mode: RefundMode,
    pub silent: bool,
}

impl Order {
    /// The first successful attempt.
    pub fn paid(&self) -> Option<&Try> {
        self.tries.iter().find(|one| one.outcome == ResultCodes::PAID)
    }

    /// Whether the buyer may still pay.
    pub fn finished(&self) -> bool {
        self.tries.iter().any(|one| matches!(one.outcome.status, "00" | "04" | "07"))
    }

    pub fn refunded(&self) -> i64 {
        self.refunds.iter().filter(|refund| refund.status != "09").map(|refund| refund.amount).sum()
    }

    /// The order as the control API shows it, which is not a format of VNPay.
    pub fn shown(&self) -> Value {
        let tries: Vec<Value> = self
            .tries
            .iter()
            .map(|one| {
                json!({
                    "transaction_no": one.number.to_string(), "amount": one.amount,
                    "response_code": one.outcome.response,
                    "transaction_status": one.outcome.status, "pay_date": one.pay_date
                })
            })
            .collect();
        let refunds: Vec<Value> = self
            .refunds
            .iter()
            .map(|refund| {
                json!({
                    "transaction_no": refund.number.to_string(), "amount": refund.amount,
                    "transaction_type": refund.kind, "transaction_status": refund.status
                })
            })
            .collect();
        json!({
            "id": self.txn_ref, "amount": self.amount, "order_info": self.info,
            "create_date": self.create_date, "expires": self.expires, "paid": self.finished(),
            "tries": tries, "refunds": refunds, "refund_mode": self.refund_mode
        })
    }
}

/// Writes a time as `yyyyMMddHHmmss` in Vietnam, which is always +07:00.
pub(super) fn stamp(at: DateTime<Utc>) -> String {
    match FixedOffset::east_opt(7 * 3_600) {
        Some(vietnam) => at.with_timezone(&vietnam).format("%Y%m%d%H%M%S").to_string(),
        None => String::new(),
    }
}

/// Reads a time stamp.
pub(super) fn instant(stamp: &str) -> Option<DateTime<Utc>> {
    if stamp.len() != 14 || !stamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let local = NaiveDateTime::parse_from_str(stamp, "%Y%m%d%H%M%S").ok()?;
    let vietnam = FixedOffset::east_opt(7 * 3_600)?;
    Some(local.and_local_timezone(vietnam).single()?.with_timezone(&Utc))
}

/// An amount for people: `500000 VND`.
pub(super) fn shown_amount(hundredths: i64) -> String {
    format!("{} VND", hundredths / 100)
}
