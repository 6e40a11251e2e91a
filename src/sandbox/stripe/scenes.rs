//! The scenes that a person or a test can play on a payment. Each button plays one.

use serde_json::Value;

use super::model::{Books, Intent, IntentStatus, Metadata, RefundMode, RefundStatus, ReportMode, SessionStatus};
use super::{Stripe, render};
use crate::sandbox::company::{Acted, Options, SceneError};

/// The one-time password that the simulated bank accepts.
pub(super) const OTP: &str = "123456";

pub(super) const ACTIONS: &[(&str, &str)] = &[
    ("pay", "the card is charged"),
    ("pay-3ds", "the bank asks for a one-time password; then `otp`"),
    ("otp", "enters the one-time password; option `otp`, 123456 is correct"),
    ("decline", "card_declined, the payment stays open; option `decline_code`"),
    ("pay-twice", "paid, and a second PaymentIntent with the same metadata is paid too"),
    ("pay-notify-twice", "paid, and every event about it is sent twice"),
    ("pay-late", "expires (or is cancelled) first, and is paid nevertheless"),
    ("pay-delayed", "completed but unpaid, as with a bank debit; then delayed-succeed or -fail"),
    ("delayed-succeed", "the delayed money arrives"),
    ("delayed-fail", "the delayed money does not arrive"),
    ("pay-never-notify", "paid, but no event is ever sent"),
    ("cancel", "the buyer goes back to the shop; nothing happens to the payment"),
    ("expire", "the session expires now (a bare PaymentIntent is cancelled)"),
    ("refund", "refunded from the dashboard; option `amount` in the minor unit"),
    ("refund-succeed", "a pending refund arrives; the id may be the refund's"),
    ("refund-fail", "the latest refund fails later; the id may be the refund's"),
    ("refund-cancel", "the latest refund is cancelled"),
    ("refunds-succeed", "refunds of this payment succeed from now on"),
    ("refunds-pending", "refunds of this payment stay pending from now on"),
    ("refunds-refused", "refunds of this payment fail at once from now on"),
    ("report-omits", "the balance transactions leave the payment out from now on"),
    ("report-less", "the balance transactions show one unit less from now on"),
    ("report-fails-later", "the balance transactions show that a refund failed, ten days after it"),
    ("dispute-open", "the buyer disputes it, the money is withdrawn; option `amount`"),
    ("inquiry-open", "the buyer's bank only asks, no money is withdrawn"),
    ("inquiry-close", "the inquiry is closed"),
    ("dispute-update", "the dispute is under review"),
    ("dispute-win", "won, the money comes back"),
    ("dispute-lose", "lost"),
];

/// The objects that an id from outside names.
struct Subject {
    session: Option<String>,
    intent: Option<String>,
    refund: Option<String>,
}

impl Stripe {
    pub(super) fn play(&self, id: &str, action: &str, options: &Options) -> Result<Acted, SceneError> {
        let acted = self.with_books(None, |books| {
            let subject = find(books, id).ok_or_else(|| SceneError::NotFound(id.to_owned()))?;
            self.play_on(books, &subject, action, options)
        })?;
        if action == "pay-notify-twice" {
            self.notify_again(id);
        }
        Ok(acted)
    }

    fn play_on(
        &self,
        books: &mut Books,
        subject: &Subject,
        action: &str,
        options: &Options,
    ) -> Result<Acted, SceneError> {
        if !ACTIONS.iter().any(|(name, _)| *name == action) {
            return Err(SceneError::NoSuchAction(action.to_owned()));
        }
        let session = subject.session.as_deref();
        // Cancelling or expiring is not an attempt to pay, so no PaymentIntent is created.
        match (action, session) {
            ("cancel", _) => return Ok(self.acted(books, subject, back(books, session))),
            ("expire", Some(id)) => {
                require_open(books, id)?;
                self.expire_session(books, id);
                return Ok(self.acted(books, subject, None));
            }
            _ => {}
        }
        let made = session.and_then(|id| self.intent_of_session(books, id));
        let Some(intent) = made.or_else(|| subject.intent.clone()) else {
            return Err(SceneError::NotFound("(no PaymentIntent)".to_owned()));
        };
        let redirect = match action {
            "pay" | "pay-twice" | "pay-never-notify" | "pay-notify-twice" | "pay-late" | "pay-3ds" | "pay-delayed"
            | "decline" => self.attempt(books, session, &intent, action, options)?,
            "otp" => self.answer_otp(books, &intent, options)?,
            _ => {
                self.afterwards(books, &intent, subject.refund.as_deref(), action, options)?;
                None
            }
        };
        let subject = Subject { intent: Some(intent), session: subject.session.clone(), refund: None };
        Ok(self.acted(books, &subject, redirect))
    }

    /// The buyer tries to pay. Returns the page that the browser opens next.
    fn attempt(
        &self,
        books: &mut Books,
        session: Option<&str>,
        intent: &str,
        action: &str,
        options: &Options,
    ) -> Result<Option<String>, SceneError> {
        const COMPLETED: Option<&str> = Some("checkout.session.completed");
        if action != "pay-late" {
            require_payable(books, session, intent)?;
        }
        match action {
            "pay" | "pay-notify-twice" => self.succeed(books, intent, COMPLETED),
            "pay-never-notify" => {
                if let Some(intent) = books.intents.get_mut(intent) {
                    intent.silent = true;
                }
                self.succeed(books, intent, COMPLETED);
            }
            "pay-twice" => {
                self.succeed(books, intent, COMPLETED);
                self.pay_second(books, intent);
            }
            "pay-late" => {
                require_unpaid(books, intent)?;
                match session.and_then(|id| books.sessions.get(id)) {
                    Some(found) if found.status == SessionStatus::Open => {
                        let id = found.id.clone();
                        self.expire_session(books, &id);
                    }
                    Some(_) => {}
                    None => self.cancel(books, intent, Some("abandoned")),
                }
                self.succeed(books, intent, COMPLETED);
            }
            "pay-3ds" => {
                self.ask_for_otp(books, intent);
                let secret = books.intents.get(intent).map(|found| found.client_secret.clone());
                return Ok(
                    secret.map(|secret| format!("{}/stripe/3ds/{intent}?client_secret={secret}", self.public_url))
                );
            }
            "pay-delayed" => {
                if let Some(found) = books.intents.get_mut(intent) {
                    found.status = IntentStatus::Processing;
                }
                self.tell_intent(books, intent, "payment_intent.processing");
                self.complete_session(books, intent, false, "checkout.session.completed");
            }
            _ => {
                let reason = options.text("decline_code").unwrap_or("generic_decline");
                let message = "Your card was declined.";
                self.decline(books, intent, "card_declined", Some(reason), message);
                return Ok(None);
            }
        }
        Ok(onward(books, session, intent))
    }

    /// A second payment for the same order, with the same metadata and another PaymentIntent.
    fn pay_second(&self, books: &mut Books, first: &str) {
        let Some(first) = books.intents.get(first) else {
            return;
        };
        let mut second = Intent::new(first.amount, &first.currency);
        second.metadata = first.metadata.clone();
        second.description = first.description.clone();
        let id = second.id.clone();
        books.intents.insert(id.clone(), second);
        self.succeed(books, &id, None);
    }

    fn answer_otp(&self, books: &mut Books, intent: &str, options: &Options) -> Result<Option<String>, SceneError> {
        let Some(found) = books.intents.get(intent) else {
            return Err(SceneError::NotFound(intent.to_owned()));
        };
        if found.status != IntentStatus::RequiresAction {
            return Err(SceneError::Refused("this payment waits for no password".to_owned()));
        }
        let session = found.session.clone();
        if options.text("otp") == Some(OTP) {
            self.succeed(books, intent, Some("checkout.session.completed"));
            return Ok(onward(books, session.as_deref(), intent));
        }
        let message = "We are unable to authenticate your payment method. Please choose a \
                       different payment method and try again.";
        self.decline(books, intent, "payment_intent_authentication_failure", None, message);
        Ok(None)
    }

    /// The scenes that happen after the buyer has left.
    fn afterwards(
        &self,
        books: &mut Books,
        intent: &str,
        refund: Option<&str>,
        action: &str,
        options: &Options,
    ) -> Result<(), SceneError> {
        let charge = books.intents.get(intent).and_then(|found| found.latest_charge.clone());
        let charge = charge.ok_or_else(|| SceneError::Refused("nothing was paid yet".to_owned()));
        let processing = books.intents.get(intent).is_some_and(|it| it.status == IntentStatus::Processing);
        match action {
            "delayed-succeed" if processing => {
                self.succeed(books, intent, Some("checkout.session.async_payment_succeeded"));
            }
            "delayed-fail" if processing => {
                let message = "The customer's bank account could not be debited.";
                self.decline(books, intent, "processing_error", None, message);
                let event = "checkout.session.async_payment_failed";
                self.complete_session(books, intent, false, event);
            }
            "delayed-succeed" | "delayed-fail" => {
                return Err(SceneError::Refused("no delayed payment is in progress".to_owned()));
            }
            "expire" => self.cancel(books, intent, Some("abandoned")),
            "refund" => {
                let amount = options.integer("amount");
                self.refund(books, &charge?, amount, None, Metadata::new())
                    .map_err(|problem| SceneError::Refused(problem.message().to_owned()))?;
            }
            "refund-succeed" | "refund-fail" | "refund-cancel" => {
                let status = match action {
                    "refund-succeed" => RefundStatus::Succeeded,
                    "refund-fail" => RefundStatus::Failed,
                    _ => RefundStatus::Canceled,
                };
                let id = refund.map(str::to_owned).or_else(|| latest_refund(books, intent, status));
                let Some(id) = id else {
                    return Err(SceneError::Refused("no such refund is in progress".to_owned()));
                };
                self.settle_refund(books, &id, status);
            }
            "report-omits" | "report-less" | "report-fails-later" => {
                if let Some(found) = books.intents.get_mut(intent) {
                    found.report_mode = match action {
                        "report-omits" => ReportMode::Omitted,
                        "report-less" => ReportMode::Less,
                        _ => ReportMode::RefundsFailLater,
                    };
                }
            }
            "refunds-succeed" | "refunds-pending" | "refunds-refused" => {
                if let Some(found) = books.intents.get_mut(intent) {
                    found.refund_mode = match action {
                        "refunds-pending" => RefundMode::StaysPending,
                        "refunds-refused" => RefundMode::FailsAtOnce,
                        _ => RefundMode::Succeeds,
                    };
                }
            }
            "dispute-open" | "inquiry-open" => {
                let inquiry = action == "inquiry-open";
                self.open_dispute(books, &charge?, options.integer("amount"), inquiry);
            }
            _ => self.judge(books, intent, action)?,
        }
        Ok(())
    }

    fn judge(&self, books: &mut Books, intent: &str, action: &str) -> Result<(), SceneError> {
        let open = books
            .disputes
            .values()
            .find(|dispute| dispute.intent == intent && !matches!(dispute.status, "won" | "lost" | "warning_closed"))
            .map(|dispute| dispute.id.clone());
        let Some(id) = open else {
            return Err(SceneError::Refused("no dispute is open".to_owned()));
        };
        let status = match action {
            "dispute-win" => "won",
            "dispute-lose" => "lost",
            "inquiry-close" => "warning_closed",
            _ => "under_review",
        };
        self.move_dispute(books, &id, status);
        Ok(())
    }

    fn acted(&self, books: &Books, subject: &Subject, redirect: Option<String>) -> Acted {
        let session = subject.session.as_ref().and_then(|id| books.sessions.get(id));
        let intent = subject.intent.as_ref().and_then(|id| books.intents.get(id));
        let object = match (session, intent) {
            (Some(session), _) => render::session(books, session, &self.public_url),
            (None, Some(intent)) => render::intent(intent, &self.public_url),
            (None, None) => Value::Null,
        };
        Acted { object, redirect }
    }

    fn notify_again(&self, id: &str) {
        let payment = self.with_books(None, |books| {
            let subject = find(books, id)?;
            subject.session.or(subject.intent)
        });
        let Some(payment) = payment else { return };
        for delivery in self.shared.outbox.list() {
            if delivery.payment == payment {
                self.shared.outbox.resend(&delivery.event);
            }
        }
    }
}

/// Finds the objects by a session, PaymentIntent, charge, refund or dispute id, or by a reference of the merchant.
fn find(books: &Books, id: &str) -> Option<Subject> {
    if let Some(refund) = books.refunds.get(id) {
        let session = books.intents.get(&refund.intent).and_then(|it| it.session.clone());
        let (intent, refund) = (Some(refund.intent.clone()), Some(refund.id.clone()));
        return Some(Subject { session, intent, refund });
    }
    let session =
        books.sessions.values().find(|session| session.id == id || session.client_reference_id.as_deref() == Some(id));
    if let Some(session) = session {
        let (session, intent) = (Some(session.id.clone()), session.intent.clone());
        return Some(Subject { session, intent, refund: None });
    }
    let charge = books.charges.get(id).map(|charge| &charge.intent);
    let dispute = books.disputes.get(id).map(|dispute| &dispute.intent);
    let id = charge.or(dispute).map_or(id, String::as_str);
    let intent = books
        .intents
        .get(id)
        .or_else(|| books.intents.values().find(|intent| intent.metadata.values().any(|value| value == id)))?;
    let (session, intent) = (intent.session.clone(), Some(intent.id.clone()));
    Some(Subject { session, intent, refund: None })
}

fn latest_refund(books: &Books, intent: &str, becomes: RefundStatus) -> Option<String> {
    let waiting = |status| match becomes {
        // Even a successful refund can fail later, if the bank returns it.
        RefundStatus::Failed => {
            matches!(status, RefundStatus::Pending | RefundStatus::Succeeded)
        }
        _ => status == RefundStatus::Pending,
    };
    books
        .refunds
        .values()
        .filter(|refund| refund.intent == intent && waiting(refund.status))
        .max_by_key(|refund| refund.created)
        .map(|refund| refund.id.clone())
}

fn require_open(books: &Books, session: &str) -> Result<(), SceneError> {
    match books.sessions.get(session).map(|session| session.status) {
        Some(SessionStatus::Open) => Ok(()),
        Some(SessionStatus::Complete) => Err(SceneError::Refused("this session is complete already".to_owned())),
        Some(SessionStatus::Expired) => Err(SceneError::Refused("this session has expired".to_owned())),
        None => Err(SceneError::NotFound(session.to_owned())),
    }
}

fn require_unpaid(books: &Books, intent: &str) -> Result<(), SceneError> {
    match books.intents.get(intent).map(|intent| intent.status) {
        Some(IntentStatus::Succeeded | IntentStatus::Processing) => {
            Err(SceneError::Refused("this payment is paid already".to_owned()))
        }
        _ => Ok(()),
    }
}

fn require_payable(books: &Books, session: Option<&str>, intent: &str) -> Result<(), SceneError> {
    if let Some(session) = session {
        require_open(books, session)?;
    }
    require_unpaid(books, intent)?;
    if books.intents.get(intent).is_some_and(|it| it.status == IntentStatus::Canceled) {
        return Err(SceneError::Refused("this payment was cancelled".to_owned()));
    }
    Ok(())
}

/// The page that the browser opens when the buyer is done.
fn onward(books: &Books, session: Option<&str>, intent: &str) -> Option<String> {
    match session.and_then(|id| books.sessions.get(id)) {
        Some(session) => Some(
            session
                .success_url
                .replace("{CHECKOUT_SESSION_ID}", &session.id)
                .replace("%7BCHECKOUT_SESSION_ID%7D", &session.id),
        ),
        None => {
            let intent = books.intents.get(intent)?;
            let mut url = url::Url::parse(intent.return_url.as_deref()?).ok()?;
            url.query_pairs_mut()
                .append_pair("payment_intent", &intent.id)
                .append_pair("payment_intent_client_secret", &intent.client_secret)
                .append_pair("redirect_status", "succeeded");
            Some(url.to_string())
        }
    }
}

fn back(books: &Books, session: Option<&str>) -> Option<String> {
    books.sessions.get(session?)?.cancel_url.clone()
}
