//! VNPay's orders: one per pay URL, with the tries of the buyer and the refunds of the merchant.

use chrono::{DateTime, FixedOffset, NaiveDateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use crate::sandbox::tools::{now, random_digits};

/// An outcome: what IPN and return URL call `vnp_ResponseCode` and `vnp_TransactionStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    pub response: &'static str,
    pub status: &'static str,
}

impl Outcome {
    pub const PAID: Self = Self { response: "00", status: "00" };

    pub const fn failed(response: &'static str) -> Self {
        Self { response, status: "02" }
    }
}

/// One try of the buyer.
#[derive(Debug, Clone)]
pub(super) struct Try {
    /// `vnp_TransactionNo`; 0 when the buyer never got as far as a bank.
    pub number: u64,
    pub outcome: Outcome,
    /// VND × 100.
    pub amount: i64,
    pub pay_date: String,
}

impl Try {
    pub fn new(outcome: Outcome, amount: i64) -> Self {
        let number = if outcome.response == "24" { 0 } else { random_digits(8) };
        Self { number, outcome, amount, pay_date: stamp(now()) }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Refund {
    pub number: u64,
    /// The merchant's words.
    pub info: String,
    /// `02` full, `03` partial.
    pub kind: String,
    /// VND × 100.
    pub amount: i64,
    /// `vnp_TransactionStatus`: 05, 06 under way, 00 done, 09 refused.
    pub status: &'static str,
    pub date: String,
}

/// What becomes of the refunds that are asked for from now on.
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
    /// VND × 100.
    pub amount: i64,
    pub info: String,
    /// As in the pay URL: querydr and refund name it again.
    pub create_date: String,
    pub expires: DateTime<Utc>,
    pub return_url: String,
    pub bank_code: String,
    /// The signed query it was opened with.
    pub query: String,
    pub tries: Vec<Try>,
    pub refunds: Vec<Refund>,
    pub refund_mode: RefundMode,
    pub silent: bool,
}

impl Order {
    /// The first try that brought money.
    pub fn paid(&self) -> Option<&Try> {
        self.tries.iter().find(|one| one.outcome == Outcome::PAID)
    }

    /// Whether the buyer may still try.
    pub fn finished(&self) -> bool {
        self.tries.iter().any(|one| matches!(one.outcome.status, "00" | "04" | "07"))
    }

    pub fn refunded(&self) -> i64 {
        self.refunds.iter().filter(|refund| refund.status != "09").map(|refund| refund.amount).sum()
    }

    /// For the control API, which is ours and not VNPay's.
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

/// `yyyyMMddHHmmss` in Vietnam: a fixed +07:00.
pub(super) fn stamp(at: DateTime<Utc>) -> String {
    match FixedOffset::east_opt(7 * 3_600) {
        Some(vietnam) => at.with_timezone(&vietnam).format("%Y%m%d%H%M%S").to_string(),
        None => String::new(),
    }
}

/// The instant of such a stamp.
pub(super) fn instant(stamp: &str) -> Option<DateTime<Utc>> {
    if stamp.len() != 14 || !stamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let local = NaiveDateTime::parse_from_str(stamp, "%Y%m%d%H%M%S").ok()?;
    let vietnam = FixedOffset::east_opt(7 * 3_600)?;
    Some(local.and_local_timezone(vietnam).single()?.with_timezone(&Utc))
}

/// For people: `500000 VND`.
pub(super) fn shown_amount(hundredths: i64) -> String {
    format!("{} VND", hundredths / 100)
}
