//! What can happen to a payment at Stripe, and the events of each change.

use serde_json::{Value, json};

use super::model::{
    Books, Charge, Dispute, Draft, Intent, IntentStatus, Metadata, Refund, RefundMode, RefundStatus, SessionStatus,
};
use super::problem::Problem;
use super::{Stripe, money, render};
use crate::sandbox::tools::{random_id, unix_now};

impl Stripe {
    /// Takes the money of a payment. `session_event` is the event of the completed session; `None` if the session was
    /// completed before.
    pub(super) fn succeed(&self, books: &mut Books, id: &str, session_event: Option<&'static str>) {
        let Some(intent) = books.intents.get_mut(id) else {
            return;
        };
        let charge = Charge {
            id: random_id("ch_3", 23),
            created: unix_now(),
            intent: intent.id.clone(),
            amount: intent.amount,
            amount_refunded: 0,
            currency: intent.currency.clone(),
            disputed: false,
            metadata: intent.metadata.clone(),
            failure: None,
        };
        intent.status = IntentStatus::Succeeded;
        intent.last_payment_error = None;
        intent.latest_charge = Some(charge.id.clone());
        books.charges.insert(charge.id.clone(), charge);
        self.tell_intent(books, id, "payment_intent.succeeded");
        if let Some(event) = session_event {
            self.complete_session(books, id, true, event);
        }
    }

    /// Completes the session of a payment. `paid` says whether its money has arrived.
    pub(super) fn complete_session(&self, books: &mut Books, intent: &str, paid: bool, event: &'static str) {
        let session = books.intents.get(intent).and_then(|intent| intent.session.clone());
        if let Some(session) = session.and_then(|id| books.sessions.get_mut(&id)) {
            session.status = SessionStatus::Complete;
            session.paid = paid;
            let id = session.id.clone();
            self.tell_session(books, &id, event);
        }
    }

    /// The buyer must first pass 3-D Secure.
    pub(super) fn ask_for_otp(&self, books: &mut Books, id: &str) {
        if let Some(intent) = books.intents.get_mut(id) {
            intent.status = IntentStatus::RequiresAction;
            self.tell_intent(books, id, "payment_intent.requires_action");
        }
    }

    /// An attempt fails. The payment can still be paid.
    pub(super) fn decline(
        &self,
        books: &mut Books,
        id: &str,
        code: &'static str,
        decline_code: Option<&str>,
        message: &str,
    ) {
        let Some(intent) = books.intents.get_mut(id) else {
            return;
        };
        let charge = Charge {
            id: random_id("ch_3", 23),
            created: unix_now(),
            intent: intent.id.clone(),
            amount: intent.amount,
            amount_refunded: 0,
            currency: intent.currency.clone(),
            disputed: false,
            metadata: intent.metadata.clone(),
            failure: Some((code.to_owned(), message.to_owned())),
        };
        let mut error = json!({
            "type": "card_error",
            "code": code,
            "doc_url": format!("https://docs.stripe.com/error-codes/{}", code.replace('_', "-")),
            "message": message,
            "charge": charge.id
        });
        if let (Some(decline_code), Some(fields)) = (decline_code, error.as_object_mut()) {
            fields.insert("decline_code".to_owned(), decline_code.into());
        }
        intent.status = IntentStatus::RequiresPaymentMethod;
        intent.last_payment_error = Some(error);
        intent.latest_charge = Some(charge.id.clone());
        books.charges.insert(charge.id.clone(), charge);
        self.tell_intent(books, id, "payment_intent.payment_failed");
    }

    pub(super) fn expire_session(&self, books: &mut Books, id: &str) {
        if let Some(session) = books.sessions.get_mut(id) {
            session.status = SessionStatus::Expired;
            self.tell_session(books, id, "checkout.session.expired");
        }
    }

    pub(super) fn cancel(&self, books: &mut Books, id: &str, reason: Option<&str>) {
        if let Some(intent) = books.intents.get_mut(id) {
            intent.status = IntentStatus::Canceled;
            intent.canceled_at = Some(unix_now());
            intent.cancellation_reason = reason.map(str::to_owned);
            self.tell_intent(books, id, "payment_intent.canceled");
        }
    }

    /// The payment of a session. It is created at the buyer's first attempt.
    pub(super) fn intent_of_session(&self, books: &mut Books, session: &str) -> Option<String> {
        let session = books.sessions.get_mut(session)?;
        if let Some(intent) = &session.intent {
            return Some(intent.clone());
        }
        let mut intent = Intent::new(session.amount, &session.currency);
        intent.metadata = session.intent_metadata.clone();
        intent.description = session.intent_description.clone();
        intent.methods = session.methods.clone();
        intent.session = Some(session.id.clone());
        let id = intent.id.clone();
        session.intent = Some(id.clone());
        books.intents.insert(id.clone(), intent);
        Some(id)
    }

    /// Gives money back. `amount` is in the minor unit; `None` means the whole rest.
    pub(super) fn refund(
        &self,
        books: &mut Books,
        charge: &str,
        amount: Option<i64>,
        reason: Option<String>,
        metadata: super::model::Metadata,
    ) -> Result<String, Problem> {
        let Some(charge) = books.charges.get_mut(charge) else {
            return Err(Problem::missing("charge", charge, "charge"));
        };
        let left = charge.amount - charge.amount_refunded;
        if charge.disputed {
            return Err(Problem::impossible(
                "charge_disputed",
                format!("Charge {} has been charged back; cannot issue a refund.", charge.id),
            ));
        }
        if left == 0 {
            return Err(Problem::impossible(
                "charge_already_refunded",
                format!("Charge {} has already been refunded.", charge.id),
            ));
        }
        let amount = amount.unwrap_or(left);
        if amount > left {
            return Err(Problem::invalid(format!(
                "Refund amount ({}) is greater than unrefunded amount on charge ({})",
                money::shown(amount, &charge.currency),
                money::shown(left, &charge.currency)
            ))
            .param("amount"));
        }
        let mode = books.intents.get(&charge.intent).map(|intent| intent.refund_mode);
        let status = match mode.unwrap_or_default() {
            RefundMode::Succeeds => RefundStatus::Succeeded,
            RefundMode::StaysPending => RefundStatus::Pending,
            RefundMode::FailsAtOnce => RefundStatus::Failed,
        };
        let refund = Refund {
            id: random_id("re_3", 23),
            created: unix_now(),
            charge: charge.id.clone(),
            intent: charge.intent.clone(),
            amount,
            currency: charge.currency.clone(),
            status,
            reason,
            failure_reason: (status == RefundStatus::Failed).then_some("declined"),
            metadata,
        };
        let (id, charge_id) = (refund.id.clone(), charge.id.clone());
        let before = charge.amount_refunded;
        if status != RefundStatus::Failed {
            charge.amount_refunded += amount;
        }
        books.refunds.insert(id.clone(), refund);
        self.tell_refund(books, &id, "refund.created", None);
        if status == RefundStatus::Failed {
            self.tell_refund(books, &id, "refund.failed", None);
        } else {
            self.tell_charge_refunded(books, &charge_id, before);
        }
        Ok(id)
    }

    /// Changes the status of a refund. A failed or cancelled refund no longer counts.
    pub(super) fn settle_refund(&self, books: &mut Books, id: &str, status: RefundStatus) {
        let Some(refund) = books.refunds.get_mut(id) else {
            return;
        };
        let before = refund.status;
        refund.status = status;
        let failed = status == RefundStatus::Failed;
        refund.failure_reason = failed.then_some("expired_or_canceled_card");
        let counted = |status| matches!(status, RefundStatus::Pending | RefundStatus::Succeeded);
        if counted(before)
            && !counted(status)
            && let Some(charge) = books.charges.get_mut(&refund.charge)
        {
            charge.amount_refunded -= refund.amount;
        }
        let previous = json!({ "status": before });
        self.tell_refund(books, id, "refund.updated", Some(previous.clone()));
        if failed {
            self.tell_refund(books, id, "refund.failed", Some(previous));
        }
    }

    /// Opens a dispute. With `inquiry` the bank only asks, and takes no money.
    pub(super) fn open_dispute(
        &self,
        books: &mut Books,
        charge: &str,
        amount: Option<i64>,
        inquiry: bool,
    ) -> Option<String> {
        let charge = books.charges.get_mut(charge)?;
        charge.disputed = true;
        let dispute = Dispute {
            id: random_id("du_1", 23),
            created: unix_now(),
            charge: charge.id.clone(),
            intent: charge.intent.clone(),
            amount: amount.unwrap_or(charge.amount),
            currency: charge.currency.clone(),
            status: if inquiry { "warning_needs_response" } else { "needs_response" },
            metadata: charge.metadata.clone(),
            evidence: Metadata::new(),
        };
        let id = dispute.id.clone();
        books.disputes.insert(id.clone(), dispute);
        self.tell_dispute(books, &id, "charge.dispute.created");
        if !inquiry {
            self.tell_dispute(books, &id, "charge.dispute.funds_withdrawn");
        }
        Some(id)
    }

    /// Submits evidence, which the bank takes once, and only while it is wanted.
    pub(super) fn submit_evidence(&self, books: &mut Books, id: &str, evidence: Metadata) -> Result<(), Problem> {
        let Some(dispute) = books.disputes.get_mut(id) else {
            return Err(Problem::missing("dispute", id, "dispute"));
        };
        if !dispute.evidence.is_empty() || !dispute.status.ends_with("needs_response") {
            return Err(Problem::refused("This dispute is no longer accepting evidence."));
        }
        dispute.evidence = evidence;
        let inquiry = dispute.status.starts_with("warning");
        self.move_dispute(books, id, if inquiry { "warning_under_review" } else { "under_review" });
        Ok(())
    }

    pub(super) fn move_dispute(&self, books: &mut Books, id: &str, status: &'static str) {
        let Some(dispute) = books.disputes.get_mut(id) else {
            return;
        };
        dispute.status = status;
        let charge = dispute.charge.clone();
        if matches!(status, "won" | "warning_closed")
            && let Some(charge) = books.charges.get_mut(&charge)
        {
            charge.disputed = false;
        }
        match status {
            "won" => {
                self.tell_dispute(books, id, "charge.dispute.closed");
                self.tell_dispute(books, id, "charge.dispute.funds_reinstated");
            }
            "lost" | "warning_closed" => self.tell_dispute(books, id, "charge.dispute.closed"),
            _ => self.tell_dispute(books, id, "charge.dispute.updated"),
        }
    }

    pub(super) fn tell_session(&self, books: &mut Books, id: &str, kind: &'static str) {
        let Some(session) = books.sessions.get(id) else {
            return;
        };
        let object = render::session(books, session, &self.public_url);
        let intent = session.intent.clone();
        tell(books, kind, object, None, intent.as_deref(), id);
    }

    pub(super) fn tell_intent(&self, books: &mut Books, id: &str, kind: &'static str) {
        let Some(intent) = books.intents.get(id) else {
            return;
        };
        let object = render::intent(intent, &self.public_url);
        tell(books, kind, object, None, Some(id), id);
    }

    fn tell_refund(&self, books: &mut Books, id: &str, kind: &'static str, previous: Option<Value>) {
        let Some(refund) = books.refunds.get(id) else {
            return;
        };
        let (object, intent) = (render::refund(refund), refund.intent.clone());
        tell(books, kind, object, previous, Some(&intent), &intent);
    }

    fn tell_charge_refunded(&self, books: &mut Books, id: &str, before: i64) {
        let Some(charge) = books.charges.get(id) else {
            return;
        };
        let (object, intent) = (render::charge(charge), charge.intent.clone());
        let previous = json!({ "amount_refunded": before, "refunded": false });
        tell(books, "charge.refunded", object, Some(previous), Some(&intent), &intent);
    }

    fn tell_dispute(&self, books: &mut Books, id: &str, kind: &'static str) {
        let Some(dispute) = books.disputes.get(id) else {
            return;
        };
        let (object, intent) = (render::dispute(dispute), dispute.intent.clone());
        tell(books, kind, object, None, Some(&intent), &intent);
    }
}

impl Books {
    /// Expires sessions by the clock. Each expiry is an event.
    pub(super) fn expire_old_sessions(&mut self, public_url: &str) {
        let now = unix_now();
        let old: Vec<String> = self
            .sessions
            .values_mut()
            .filter(|session| session.status == SessionStatus::Open && session.expires_at <= now)
            .map(|session| {
                session.status = SessionStatus::Expired;
                session.id.clone()
            })
            .collect();
        for id in old {
            let Some(session) = self.sessions.get(&id) else {
                continue;
            };
            let object = render::session(self, session, public_url);
            let intent = session.intent.clone();
            tell(self, "checkout.session.expired", object, None, intent.as_deref(), &id);
        }
    }
}

/// Adds an event to be sent. The event of a silent payment is only recorded.
fn tell(
    books: &mut Books,
    kind: &'static str,
    object: Value,
    previous: Option<Value>,
    intent: Option<&str>,
    otherwise: &str,
) {
    let intent = intent.and_then(|id| books.intents.get(id));
    let silent = intent.is_some_and(|intent| intent.silent);
    let payment = intent.and_then(|intent| intent.session.clone());
    let payment = payment.unwrap_or_else(|| otherwise.to_owned());
    books.drafts.push(Draft { kind, object, previous, payment, silent });
}
