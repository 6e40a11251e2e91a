//! The scenes that a person or a test can play on a VNPay order. Each button plays one.

use chrono::Duration;

use super::model::{Order, RefundMode, ResultCodes, Try};
use super::{Vnpay, event_id};
use crate::sandbox::company::{Acted, Options, SceneError};
use crate::sandbox::tools::{lock, now};

/// The one-time password that the simulated bank accepts.
pub(super) const OTP: &str = "123456";

pub(super) const ACTIONS: &[(&str, &str)] = &[
    ("pay", "paid: 00/00"),
    ("wrong-otp", "ResponseCode 13"),
    ("insufficient", "ResponseCode 51"),
    ("cancel", "the buyer cancels: ResponseCode 24"),
    ("timeout", "the payment window passes: ResponseCode 11"),
    ("fail", "any refusal; option `code` (09, 10, 12, 65, 75, 79, 99)"),
    ("suspicious", "money taken, but suspicious: 07/07"),
    ("reversed", "the bank debited the money, but VNPay has no success: TransactionStatus 04"),
    ("pay-short", "paid, but IPN and querydr name half the amount; option `amount` (VND x 100)"),
    ("pay-late", "the payment window passes, and it is paid nevertheless"),
    ("pay-twice", "two payments with their own TransactionNo"),
    ("pay-never-notify", "paid, but no IPN is ever sent"),
    ("fail-then-pay", "ResponseCode 51 first, then paid"),
    ("notify-again", "the latest IPN once more"),
    ("refunds-succeed", "refunds of this order succeed from now on"),
    ("refunds-pending", "refunds of this order stay in progress (05) from now on"),
    ("refunds-refused", "refunds of this order are refused by the bank (09) from now on"),
    ("refund-succeed", "the refund in progress arrives"),
    ("refund-fail", "the latest refund is refused by the bank later"),
];

impl Vnpay {
    pub(super) fn play(&self, id: &str, action: &str, options: &Options) -> Result<Acted, SceneError> {
        let mut books = lock(&self.books);
        let Some(order) = books.order(id) else {
            return Err(SceneError::NotFound(id.to_owned()));
        };
        let amount = order.amount;
        let tries = match action {
            "pay" | "pay-never-notify" => vec![(ResultCodes::PAID, amount)],
            "wrong-otp" => vec![(ResultCodes::failed("13"), amount)],
            "insufficient" => vec![(ResultCodes::failed("51"), amount)],
            "cancel" => vec![(ResultCodes::failed("24"), amount)],
            "timeout" => {
                order.expires = now() - Duration::seconds(1);
                vec![(ResultCodes::failed("11"), amount)]
            }
            "fail" => vec![(refusal(options)?, amount)],
            "suspicious" => vec![(ResultCodes { response: "07", status: "07" }, amount)],
            "reversed" => vec![(ResultCodes { response: "00", status: "04" }, amount)],
            "pay-short" => {
                // The amount must be whole VND: the last two digits come from the factor 100.
                let short = options.integer("amount").unwrap_or(amount / 200 * 100);
                vec![(ResultCodes::PAID, short)]
            }
            "pay-late" => {
                order.expires = now() - Duration::seconds(1);
                vec![(ResultCodes::PAID, amount)]
            }
            "pay-twice" => vec![(ResultCodes::PAID, amount), (ResultCodes::PAID, amount)],
            "fail-then-pay" => vec![(ResultCodes::failed("51"), amount), (ResultCodes::PAID, amount)],
            _ => {
                self.afterwards(order, action)?;
                return Ok(Acted { object: order.shown(), redirect: None });
            }
        };
        if order.finished() {
            return Err(SceneError::Refused("this order is paid already".to_owned()));
        }
        if action != "pay-late" && action != "timeout" && order.expires <= now() {
            return Err(SceneError::Refused("the payment window has passed".to_owned()));
        }
        order.silent = action == "pay-never-notify";
        let mut redirect = None;
        for (outcome, amount) in tries {
            let one = Try::new(outcome, amount);
            self.notify(order, &one);
            redirect = Some(self.return_url(order, &one));
            order.tries.push(one);
        }
        Ok(Acted { object: order.shown(), redirect })
    }

    fn afterwards(&self, order: &mut Order, action: &str) -> Result<(), SceneError> {
        let refused = |text: &str| Err(SceneError::Refused(text.to_owned()));
        match action {
            "notify-again" => {
                let latest = order.tries.len().checked_sub(1);
                let sent = latest.is_some_and(|it| self.shared.outbox.resend(&event_id(order, it)));
                if !sent {
                    return refused("there is no notification to send again yet");
                }
            }
            "refunds-succeed" => order.refund_mode = RefundMode::Succeeds,
            "refunds-pending" => order.refund_mode = RefundMode::StaysPending,
            "refunds-refused" => order.refund_mode = RefundMode::Refused,
            "refund-succeed" | "refund-fail" => {
                let succeeds = action == "refund-succeed";
                let refund = order
                    .refunds
                    .iter_mut()
                    .rev()
                    .find(|refund| matches!(refund.status, "05" | "06") || !succeeds && refund.status == "00");
                match refund {
                    Some(refund) => refund.status = if succeeds { "00" } else { "09" },
                    None => return refused("no refund is in progress"),
                }
            }
            _ => return Err(SceneError::NoSuchAction(action.to_owned())),
        }
        Ok(())
    }
}

fn refusal(options: &Options) -> Result<ResultCodes, SceneError> {
    const CODES: &[&str] = &["09", "10", "11", "12", "13", "24", "51", "65", "75", "79", "99"];
    let wanted = options.text("code").unwrap_or("99");
    match CODES.iter().find(|code| **code == wanted) {
        Some(code) => Ok(ResultCodes::failed(code)),
        None => Err(SceneError::Refused(format!("VNPay has no refusal {wanted}"))),
    }
}
