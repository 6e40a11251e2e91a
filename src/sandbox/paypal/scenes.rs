//! The scenes that a person or a test can play on a PayPal order. Each button plays one.

use super::Paypal;
use super::model::{Books, OrderStatus, Plan, RefundMode, ReportMode};
use super::money::Money;
use super::render::PAYER_ID;
use crate::sandbox::company::{Acted, Options, SceneError};

pub(super) const ACTIONS: &[(&str, &str)] = &[
    (
        "approve",
        "the buyer approves; options `capture_issue`, `capture_status` or `pending_reason` decide what follows",
    ),
    ("approve-pending", "approved, but the capture will be PENDING (ECHECK); then complete or deny"),
    ("approve-declined", "approved, but the capture is refused with INSTRUMENT_DECLINED once"),
    ("approve-never-return", "approved, but the buyer closes the window; the webhook is sent"),
    ("approve-never-notify", "approved and returned, but no webhook of this order is ever sent"),
    ("cancel", "the buyer goes back to the shop; nothing happens to the order"),
    ("expire", "the order is gone (3 hours without approval)"),
    ("reverse-approval", "approved but never captured: PayPal gives the money back"),
    ("complete", "the pending capture completes"),
    ("deny", "the pending capture is denied"),
    ("refund", "refunded from the dashboard; option `amount`, such as 10.00"),
    ("refund-complete", "the pending refund completes; the id may be the refund's"),
    ("refund-fail", "the latest refund fails later; the id may be the refund's"),
    ("refunds-complete", "refunds of this order complete from now on"),
    ("refunds-pending", "refunds of this order stay pending from now on"),
    ("refunds-refused", "refunds of this order are refused from now on (REFUND_FAILED_INSUFFICIENT_FUNDS)"),
    ("report-omits", "the transaction search leaves the payment out from now on"),
    ("report-less", "the transaction search shows 0.01 less from now on"),
    ("reverse", "a chargeback takes the money back"),
    ("dispute-open", "the buyer opens a dispute"),
    ("dispute-update", "the dispute waits for the merchant"),
    ("dispute-answer", "the merchant answers on PayPal's own pages, and PayPal reviews it"),
    ("dispute-win", "resolved in the seller's favour"),
    ("dispute-lose", "resolved in the buyer's favour"),
];

/// The issues with which a capture can be refused.
const ISSUES: &[&str] = &[
    "INSTRUMENT_DECLINED",
    "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING",
    "ORDER_COMPLETION_IN_PROGRESS",
    "PAYER_ACTION_REQUIRED",
    "TRANSACTION_REFUSED",
    "COMPLIANCE_VIOLATION",
    "PAYER_CANNOT_PAY",
    "PAYER_ACCOUNT_RESTRICTED",
    "PAYER_ACCOUNT_LOCKED_OR_CLOSED",
    "TRANSACTION_LIMIT_EXCEEDED",
    "TRANSACTION_RECEIVING_LIMIT_EXCEEDED",
    "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED",
    "PAYEE_BLOCKED_TRANSACTION",
    "DUPLICATE_INVOICE_ID",
];

/// The objects that an id from outside names.
struct Subject {
    order: String,
    refund: Option<String>,
}

fn refused(text: &str) -> SceneError {
    SceneError::Refused(text.to_owned())
}

impl Paypal {
    pub(super) fn play(&self, id: &str, action: &str, options: &Options) -> Result<Acted, SceneError> {
        if !ACTIONS.iter().any(|(name, _)| *name == action) {
            return Err(SceneError::NoSuchAction(action.to_owned()));
        }
        self.with_books(|books| {
            let subject = find(books, id).ok_or_else(|| SceneError::NotFound(id.to_owned()))?;
            let redirect = match action {
                "cancel" => back(books, &subject.order),
                "expire" => {
                    books.orders.remove(&subject.order);
                    return Ok(Acted { object: serde_json::Value::Null, redirect: None });
                }
                action if action.starts_with("approve") => {
                    let plan = plan(action, options)?;
                    self.approval(books, &subject.order, action, plan)?
                }
                _ => {
                    self.afterwards(books, &subject, action, options)?;
                    None
                }
            };
            let order = books.orders.get(&subject.order);
            let object = order.map(|order| self.order(books, order)).unwrap_or_default();
            Ok(Acted { object, redirect })
        })
    }

    fn approval(&self, books: &mut Books, id: &str, action: &str, plan: Plan) -> Result<Option<String>, SceneError> {
        match books.orders.get(id).map(|order| order.status) {
            Some(OrderStatus::Completed) => return Err(refused("this order is paid already")),
            Some(OrderStatus::Voided) => return Err(refused("this order was given back")),
            _ => {}
        }
        self.approve(books, id, plan, action == "approve-never-notify");
        if action == "approve-never-return" {
            return Ok(None);
        }
        let url = books.orders.get(id).and_then(|order| order.return_url.as_deref());
        Ok(url.and_then(|url| with_token(url, id, true)))
    }

    fn afterwards(
        &self,
        books: &mut Books,
        subject: &Subject,
        action: &str,
        options: &Options,
    ) -> Result<(), SceneError> {
        let order = books.orders.get(&subject.order);
        let capture = order.and_then(|order| order.units.first()?.capture.clone());
        match (action, capture) {
            ("reverse-approval", None) => match order.map(|order| order.status) {
                Some(OrderStatus::Approved) => self.reverse_approval(books, &subject.order),
                _ => return Err(refused("this order is not approved")),
            },
            ("refunds-complete" | "refunds-pending" | "refunds-refused", _) => {
                if let Some(order) = books.orders.get_mut(&subject.order) {
                    order.refund_mode = match action {
                        "refunds-pending" => RefundMode::StaysPending,
                        "refunds-refused" => RefundMode::Fails,
                        _ => RefundMode::Completes,
                    };
                }
            }
            ("report-omits" | "report-less", _) => {
                if let Some(order) = books.orders.get_mut(&subject.order) {
                    order.report_mode = if action == "report-omits" { ReportMode::Omitted } else { ReportMode::Less };
                }
            }
            (_, None) => return Err(refused("nothing was captured yet")),
            ("reverse-approval", Some(_)) => return Err(refused("this order is captured already")),
            ("complete" | "deny", Some(capture)) => {
                let status = books.captures.get(&capture).map(|capture| capture.status);
                if status != Some("PENDING") {
                    return Err(refused("no capture is pending"));
                }
                let status = if action == "complete" { "COMPLETED" } else { "DECLINED" };
                self.settle_capture(books, &capture, status);
            }
            ("refund", Some(capture)) => {
                let currency = books.captures.get(&capture).map(|it| it.amount.currency.clone());
                let amount = match options.text("amount") {
                    Some(text) => Some(
                        Money::read(&currency.unwrap_or_default(), text, "DECIMALS_NOT_SUPPORTED")
                            .map_err(|(issue, _)| refused(issue))?,
                    ),
                    None => None,
                };
                self.refund_capture(books, &capture, amount, None, None, None)
                    .map_err(|_| refused("this capture cannot be refunded (so far)"))?;
            }
            ("refund-complete" | "refund-fail", Some(capture)) => {
                let succeeds = action == "refund-complete";
                let latest = latest_refund(books, &capture, succeeds);
                let Some(id) = subject.refund.clone().or(latest) else {
                    return Err(refused("no such refund is in progress"));
                };
                self.settle_refund(books, &id, if succeeds { "COMPLETED" } else { "FAILED" });
            }
            ("reverse", Some(capture)) => self.reverse(books, &capture),
            ("dispute-open", Some(capture)) => self.open_dispute(books, &capture),
            (_, Some(capture)) => self.judge(books, &capture, action)?,
        }
        Ok(())
    }

    fn judge(&self, books: &mut Books, capture: &str, action: &str) -> Result<(), SceneError> {
        let open = books
            .disputes
            .values()
            .find(|dispute| dispute.capture == capture && dispute.status != "RESOLVED")
            .map(|dispute| dispute.id.clone());
        let Some(id) = open else {
            return Err(refused("no dispute is open"));
        };
        let (status, outcome) = match action {
            "dispute-win" => ("RESOLVED", Some("RESOLVED_SELLER_FAVOUR")),
            "dispute-lose" => ("RESOLVED", Some("RESOLVED_BUYER_FAVOUR")),
            "dispute-answer" => ("UNDER_REVIEW", None),
            _ => ("WAITING_FOR_SELLER_RESPONSE", None),
        };
        self.move_dispute(books, &id, status, outcome);
        Ok(())
    }
}

/// The result of the capture that the buyer's choice leads to.
fn plan(action: &str, options: &Options) -> Result<Plan, SceneError> {
    if let Some(wanted) = options.text("capture_issue") {
        let issue = ISSUES.iter().find(|issue| **issue == wanted);
        return issue
            .map(|issue| Plan::Issue(issue))
            .ok_or_else(|| SceneError::Refused(format!("no capture is refused with {wanted}")));
    }
    match options.text("capture_status") {
        Some("DECLINED") => return Ok(Plan::Status("DECLINED")),
        Some("FAILED") => return Ok(Plan::Status("FAILED")),
        Some("COMPLETED") | None => {}
        Some(other) => {
            return Err(SceneError::Refused(format!("no capture begins as {other}")));
        }
    }
    let reason = options.text("pending_reason");
    Ok(match action {
        "approve-pending" => Plan::Pending(reason.unwrap_or("ECHECK").to_owned()),
        "approve-declined" => Plan::Issue("INSTRUMENT_DECLINED"),
        _ => reason.map_or(Plan::Completes, |reason| Plan::Pending(reason.to_owned())),
    })
}

/// Finds the objects by an order, capture, refund or dispute id, or by a reference of the merchant.
fn find(books: &Books, id: &str) -> Option<Subject> {
    if let Some(refund) = books.refunds.get(id) {
        let order = books.captures.get(&refund.capture)?.order.clone();
        return Some(Subject { order, refund: Some(refund.id.clone()) });
    }
    let capture = books.disputes.get(id).map_or(id, |dispute| dispute.capture.as_str());
    if let Some(capture) = books.captures.get(capture) {
        return Some(Subject { order: capture.order.clone(), refund: None });
    }
    // The merchant's reference may be more than the id that people know: `tuo_…-1`.
    let is_named = |reference: Option<&String>| {
        let rest = reference.and_then(|reference| reference.strip_prefix(id));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let order = books.orders.get(id).or_else(|| {
        books.orders.values().find(|order| {
            order.units.iter().any(|unit| is_named(unit.custom_id.as_ref()) || is_named(unit.invoice_id.as_ref()))
        })
    })?;
    Some(Subject { order: order.id.clone(), refund: None })
}

fn latest_refund(books: &Books, capture: &str, succeeds: bool) -> Option<String> {
    books
        .refunds
        .values()
        .filter(|refund| refund.capture == capture)
        .filter(|refund| refund.status == "PENDING" || !succeeds && refund.status == "COMPLETED")
        .max_by_key(|refund| refund.created)
        .map(|refund| refund.id.clone())
}

fn back(books: &Books, id: &str) -> Option<String> {
    with_token(books.orders.get(id)?.cancel_url.as_deref()?, id, false)
}

/// A page of the merchant with `token=<order>`; the return page also gets `PayerID=…`.
fn with_token(url: &str, order: &str, approved: bool) -> Option<String> {
    let mut url = url::Url::parse(url).ok()?;
    url.query_pairs_mut().append_pair("token", order);
    if approved {
        url.query_pairs_mut().append_pair("PayerID", PAYER_ID);
    }
    Some(url.to_string())
}
