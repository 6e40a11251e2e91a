//! What can happen to an order at PayPal, and the events of each change.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::Paypal;
use super::model::{Books, Capture, Dispute, Draft, OrderStatus, Plan, Refund, RefundMode};
use super::money::Money;
use super::problem::Problem;
use crate::sandbox::tools::{now, random_capitals};

impl Paypal {
    /// The buyer approves. No money moves before the merchant captures.
    pub(super) fn approve(&self, books: &mut Books, id: &str, plan: Plan, silent: bool) {
        let Some(order) = books.orders.get_mut(id) else { return };
        order.status = OrderStatus::Approved;
        order.plan = plan;
        order.silent = silent;
        order.updated = now();
        let summary = "An order has been approved by buyer";
        self.tell_order(books, id, "CHECKOUT.ORDER.APPROVED", summary);
    }

    /// `POST …/capture`. The scene that was played on the approval page decides the result.
    pub(super) fn capture_order(&self, books: &mut Books, id: &str) -> Result<(), Problem> {
        let Some(order) = books.orders.get(id) else {
            return Err(Problem::not_found());
        };
        match order.status {
            OrderStatus::Approved => {}
            OrderStatus::Completed => return Err(Problem::impossible("ORDER_ALREADY_CAPTURED")),
            OrderStatus::Voided => return Err(Problem::impossible("ORDER_NOT_APPROVED")),
            OrderStatus::Created | OrderStatus::PayerActionRequired => {
                return Err(Problem::impossible("ORDER_NOT_APPROVED"));
            }
        }
        let invoices = order.units.iter().filter_map(|unit| unit.invoice_id.as_ref());
        let used = |invoice: &String| {
            books.captures.values().any(|other| {
                other.invoice_id.as_ref() == Some(invoice) && !matches!(other.status, "DECLINED" | "FAILED")
            })
        };
        if invoices.into_iter().any(used) {
            return Err(Problem::impossible("DUPLICATE_INVOICE_ID"));
        }
        let plan = order.plan.clone();
        if let Plan::Issue(issue) = plan {
            return Err(self.refuse_capture(books, id, issue));
        }
        let (status, reason) = match plan {
            Plan::Pending(reason) => ("PENDING", Some(reason)),
            Plan::Status(status) => (status, None),
            _ => ("COMPLETED", None),
        };
        let Some(order) = books.orders.get_mut(id) else {
            return Err(Problem::not_found());
        };
        order.status = OrderStatus::Completed;
        order.updated = now();
        let mut made = Vec::new();
        for unit in &mut order.units {
            let capture = Capture {
                id: random_capitals(17),
                order: id.to_owned(),
                created: now(),
                updated: now(),
                status,
                reason: reason.clone(),
                amount: unit.amount.clone(),
                refunded: Decimal::ZERO,
                custom_id: unit.custom_id.clone(),
                invoice_id: unit.invoice_id.clone(),
                charged_back: false,
            };
            unit.capture = Some(capture.id.clone());
            made.push(capture);
        }
        for capture in made {
            let id = capture.id.clone();
            books.captures.insert(id.clone(), capture);
            match status {
                "PENDING" => self.tell_capture(books, &id, "PAYMENT.CAPTURE.PENDING"),
                "COMPLETED" => self.tell_capture(books, &id, "PAYMENT.CAPTURE.COMPLETED"),
                _ => self.tell_capture(books, &id, "PAYMENT.CAPTURE.DECLINED"),
            }
        }
        Ok(())
    }

    fn refuse_capture(&self, books: &mut Books, id: &str, issue: &'static str) -> Problem {
        let problem = Problem::impossible(issue);
        let Some(order) = books.orders.get_mut(id) else { return problem };
        match issue {
            // The buyer chooses another payment method and approves again.
            "INSTRUMENT_DECLINED" | "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING" => {
                order.plan = Plan::default();
                order.status = match order.with_source {
                    true => OrderStatus::PayerActionRequired,
                    false => OrderStatus::Created,
                };
                problem.link("redirect", self.approval_url(id))
            }
            // The plan is over, so the next call finds the order as usual.
            "ORDER_COMPLETION_IN_PROGRESS" => {
                order.plan = Plan::default();
                problem
            }
            _ => problem,
        }
    }

    /// A pending capture ends.
    pub(super) fn settle_capture(&self, books: &mut Books, id: &str, status: &'static str) {
        let Some(capture) = books.captures.get_mut(id) else { return };
        capture.status = status;
        capture.reason = None;
        capture.updated = now();
        match status {
            "COMPLETED" => self.tell_capture(books, id, "PAYMENT.CAPTURE.COMPLETED"),
            _ => self.tell_capture(books, id, "PAYMENT.CAPTURE.DENIED"),
        }
    }

    pub(super) fn refund_capture(
        &self,
        books: &mut Books,
        id: &str,
        amount: Option<Money>,
        custom_id: Option<String>,
        invoice_id: Option<String>,
        note: Option<String>,
    ) -> Result<String, Problem> {
        let mode = books.order_of_capture(id).map(|order| order.refund_mode).unwrap_or_default();
        let Some(capture) = books.captures.get_mut(id) else {
            return Err(Problem::not_found());
        };
        match capture.status {
            "PENDING" => return Err(Problem::impossible("PENDING_CAPTURE")),
            "DECLINED" | "FAILED" => return Err(Problem::impossible("REFUND_NOT_ALLOWED")),
            _ => {}
        }
        if capture.charged_back {
            return Err(Problem::impossible("REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK"));
        }
        let left = capture.amount.value - capture.refunded;
        if left <= Decimal::ZERO {
            return Err(Problem::impossible("CAPTURE_FULLY_REFUNDED"));
        }
        let amount = amount.unwrap_or_else(|| capture.amount.of(left));
        if amount.currency != capture.amount.currency {
            return Err(Problem::impossible("REFUND_CAPTURE_CURRENCY_MISMATCH"));
        }
        if amount.value > left {
            return Err(Problem::impossible("REFUND_AMOUNT_EXCEEDED"));
        }
        if mode == RefundMode::Fails {
            return Err(Problem::impossible("REFUND_FAILED_INSUFFICIENT_FUNDS"));
        }
        capture.refunded += amount.value;
        mark_refunded(capture);
        let refund = Refund {
            id: random_capitals(17),
            capture: id.to_owned(),
            created: now(),
            updated: now(),
            status: if mode == RefundMode::StaysPending { "PENDING" } else { "COMPLETED" },
            amount,
            custom_id,
            invoice_id,
            note,
            total: capture.refunded,
        };
        let refund_id = refund.id.clone();
        let told = refund.status == "COMPLETED";
        books.refunds.insert(refund_id.clone(), refund);
        if told {
            self.tell_refund(books, &refund_id, "PAYMENT.CAPTURE.REFUNDED");
        }
        Ok(refund_id)
    }

    /// The status of a refund changes. PayPal has no event for a failed refund; only a read shows it.
    pub(super) fn settle_refund(&self, books: &mut Books, id: &str, status: &'static str) {
        let Some(refund) = books.refunds.get_mut(id) else { return };
        let counted = matches!(refund.status, "PENDING" | "COMPLETED");
        refund.status = status;
        refund.updated = now();
        let (capture, amount) = (refund.capture.clone(), refund.amount.value);
        if status == "COMPLETED" {
            self.tell_refund(books, id, "PAYMENT.CAPTURE.REFUNDED");
        } else if counted && let Some(capture) = books.captures.get_mut(&capture) {
            capture.refunded -= amount;
            mark_refunded(capture);
        }
    }

    /// A chargeback takes the money, without the merchant's consent.
    pub(super) fn reverse(&self, books: &mut Books, id: &str) {
        let Some(capture) = books.captures.get_mut(id) else { return };
        let amount = capture.amount.of(capture.amount.value - capture.refunded);
        capture.refunded = capture.amount.value;
        capture.charged_back = true;
        mark_refunded(capture);
        let refund = Refund {
            id: random_capitals(17),
            capture: id.to_owned(),
            created: now(),
            updated: now(),
            status: "COMPLETED",
            amount,
            custom_id: capture.custom_id.clone(),
            invoice_id: capture.invoice_id.clone(),
            note: None,
            total: capture.refunded,
        };
        let refund_id = refund.id.clone();
        books.refunds.insert(refund_id.clone(), refund);
        self.tell_refund(books, &refund_id, "PAYMENT.CAPTURE.REVERSED");
    }

    /// The order was approved, but not captured in time. PayPal gives the money back.
    pub(super) fn reverse_approval(&self, books: &mut Books, id: &str) {
        let Some(order) = books.orders.get_mut(id) else { return };
        order.status = OrderStatus::Voided;
        order.updated = now();
        let units: Vec<Value> = order
            .units
            .iter()
            .map(|unit| {
                json!({ "reference_id": unit.reference_id, "custom_id": unit.custom_id,
                        "invoice_id": unit.invoice_id, "amount": unit.amount.shown() })
            })
            .collect();
        let resource = json!({
            "order_id": order.id, "purchase_units": units,
            "payment_source": { "paypal": {} }
        });
        let (payment, silent) = (order.id.clone(), order.silent);
        books.drafts.push(Draft {
            kind: "CHECKOUT.PAYMENT-APPROVAL.REVERSED",
            resource_type: "payment-approval",
            summary: "A payment has been reversed after approval.".to_owned(),
            resource,
            payment,
            silent,
        });
    }

    pub(super) fn open_dispute(&self, books: &mut Books, capture: &str) {
        let Some(found) = books.captures.get(capture) else { return };
        let dispute = Dispute {
            id: format!("PP-R-{}-10100000", random_capitals(3)),
            capture: capture.to_owned(),
            created: now(),
            updated: now(),
            status: "OPEN",
            outcome: None,
            amount: found.amount.clone(),
        };
        let id = dispute.id.clone();
        books.disputes.insert(id.clone(), dispute);
        self.tell_dispute(books, &id, "CUSTOMER.DISPUTE.CREATED");
    }

    pub(super) fn move_dispute(
        &self,
        books: &mut Books,
        id: &str,
        status: &'static str,
        outcome: Option<&'static str>,
    ) {
        let Some(dispute) = books.disputes.get_mut(id) else { return };
        dispute.status = status;
        dispute.outcome = outcome;
        dispute.updated = now();
        match status {
            "RESOLVED" => self.tell_dispute(books, id, "CUSTOMER.DISPUTE.RESOLVED"),
            _ => self.tell_dispute(books, id, "CUSTOMER.DISPUTE.UPDATED"),
        }
    }

    fn tell_order(&self, books: &mut Books, id: &str, kind: &'static str, summary: &str) {
        let Some(order) = books.orders.get(id) else { return };
        let draft = Draft {
            kind,
            resource_type: "checkout-order",
            summary: summary.to_owned(),
            resource: self.order(books, order),
            payment: order.id.clone(),
            silent: order.silent,
        };
        books.drafts.push(draft);
    }

    fn tell_capture(&self, books: &mut Books, id: &str, kind: &'static str) {
        let Some(capture) = books.captures.get(id) else { return };
        let amount = format!("{} {}", capture.amount.text(), capture.amount.currency);
        let draft = Draft {
            kind,
            resource_type: "capture",
            summary: format!("Payment {} for {amount}", capture.status.to_lowercase()),
            resource: self.capture_resource(capture),
            payment: capture.order.clone(),
            silent: self.silent(books, id),
        };
        books.drafts.push(draft);
    }

    fn tell_refund(&self, books: &mut Books, id: &str, kind: &'static str) {
        let Some(refund) = books.refunds.get(id) else { return };
        let amount = format!("{} {}", refund.amount.text(), refund.amount.currency);
        let order = books.order_of_capture(&refund.capture).map(|order| order.id.clone());
        let draft = Draft {
            kind,
            resource_type: "refund",
            summary: format!("A {amount} capture payment was refunded"),
            resource: self.refund(refund),
            payment: order.unwrap_or_default(),
            silent: self.silent(books, &refund.capture),
        };
        books.drafts.push(draft);
    }

    fn tell_dispute(&self, books: &mut Books, id: &str, kind: &'static str) {
        let Some(dispute) = books.disputes.get(id) else { return };
        let order = books.order_of_capture(&dispute.capture).map(|order| order.id.clone());
        let draft = Draft {
            kind,
            resource_type: "dispute",
            summary: format!("A dispute is {}", dispute.status.to_lowercase()),
            resource: self.dispute(books, dispute),
            payment: order.unwrap_or_default(),
            silent: self.silent(books, &dispute.capture),
        };
        books.drafts.push(draft);
    }

    fn silent(&self, books: &Books, capture: &str) -> bool {
        books.order_of_capture(capture).is_some_and(|order| order.silent)
    }
}

/// The status of a capture, which follows from the refunded amount.
fn mark_refunded(capture: &mut Capture) {
    capture.updated = now();
    capture.status = if capture.refunded <= Decimal::ZERO {
        "COMPLETED"
    } else if capture.refunded < capture.amount.value {
        "PARTIALLY_REFUNDED"
    } else {
        "REFUNDED"
    };
}
