//! VNPay's server-to-server API: querydr and refund, one URL (merchant_webapi/api/transaction).

use std::net::IpAddr;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use uuid::Uuid;

use super::mapping::{self, StatedPayment};
use super::throttle::Throttle;
use super::wire::{self, Command, VnpayAnswer};
use super::{NAME, VERSION};
use crate::domain::id::IdKind;
use crate::domain::payment::{Observation, RefundFact, RefundStatus};
use crate::providers::http::{Client, Retry};
use crate::providers::settings::{self, ProviderSettingsError, Timeouts, VnpaySettings};
use crate::providers::{AttemptRef, ProviderError, RefundRequest};

/// `vnp_TransactionType` of the payment itself; 02 and 03 are refunds of it.
const PAYMENT: &str = "01";
const FULL_REFUND: &str = "02";
const PARTIAL_REFUND: &str = "03";

const REFUND_INFO: &str = "Refund ";
const TOO_OFTEN: &str = "questions come too often";

/// A refund older than this was probably sent before.
const FIRST_SENDING: TimeDelta = TimeDelta::seconds(60);

#[derive(Debug)]
pub(super) struct VnpayApi {
    http: Client,
    api_url: String,
    tmn_code: String,
    hash_secret: SecretString,
    server_ip: IpAddr,
    throttle: Throttle,
}

impl VnpayApi {
    pub fn new(settings: &VnpaySettings, timeouts: Timeouts) -> Result<Self, ProviderSettingsError> {
        Ok(Self {
            http: Client::new(NAME, timeouts)?,
            api_url: settings::base_url(&settings.api_url, "VNPay API URL")?,
            tmn_code: settings.tmn_code.trim().to_owned(),
            hash_secret: settings.hash_secret.clone(),
            server_ip: settings.server_ip,
            throttle: Throttle::default(),
        })
    }

    /// What VNPay knows about an attempt.
    pub async fn read(&self, attempt: &AttemptRef, live: bool) -> Result<Observation, ProviderError> {
        let Some(answer) = self.query(attempt, None).await? else {
            // The payer has not opened the link, or VNPay is not yet aware of it: no conclusion.
            return Ok(Observation::Pending { note: Some("not known to VNPay".to_owned()) });
        };
        match answer.text("vnp_TransactionType") {
            PAYMENT => {}
            FULL_REFUND | PARTIAL_REFUND => {
                return Ok(Observation::Review { reason: "VNPay reports a refund of this payment".to_owned() });
            }
            other => return Err(self.http.unavailable(&format!("a movement of type {other:?}"))),
        }
        let said = StatedPayment {
            response_code: None,
            transaction_status: answer.text("vnp_TransactionStatus"),
            transaction_reference: &attempt.provider_reference,
            transaction_no: answer.text("vnp_TransactionNo"),
            amount: mapping::amount_from_wire(answer.text("vnp_Amount"))
                .ok_or_else(|| self.http.unavailable("an amount that is not a number"))?,
        };
        mapping::observation(&said, &self.tmn_code, live).map_err(|reason| self.http.unavailable(reason))
    }

    /// Sends a refund, unless VNPay already has it: a second one would be money twice.
    pub async fn refund(&self, request: &RefundRequest) -> Result<RefundFact, ProviderError> {
        if Utc::now() - request.created_at > FIRST_SENDING
            && let Some(fact) = self.find_refund(request, None).await?
        {
            return Ok(fact);
        }
        let fields = self.refund_fields(request)?;
        let answer = self.send(Command::Refund, &fields).await?;
        match answer.text("vnp_ResponseCode") {
            "00" => {
                self.require_genuine(&answer, Command::Refund, &request.attempt)?;
                self.refund_fact(&answer, request)
            }
            // This very request was sent before, or a parallel refund is under way: VNPay can tell which.
            "94" => {
                let found = self.find_refund(request, None).await?;
                found.ok_or_else(|| busy("a refund of this payment is being processed", 300))
            }
            code => Err(self.refused(code)),
        }
    }

    /// Where a refund stands.
    pub async fn read_refund(&self, request: &RefundRequest, id: &str) -> Result<RefundFact, ProviderError> {
        let number = (id != own_id(request)).then_some(id);
        let unknown = || fact(request, id.to_owned(), RefundStatus::Pending, Some("not yet known to VNPay"));
        Ok(self.find_refund(request, number).await?.unwrap_or_else(unknown))
    }

    /// Without VNPay's number of the refund, the question is about the payment, and VNPay answers with its last
    /// movement. Only our own words in it, or the number that VNPay gave this refund, make it this refund: an earlier
    /// one of the same amount looks the same otherwise. A movement that could be either is nobody's: concluding could
    /// keep money from the payer, sending could be money twice, so a person looks it up.
    async fn find_refund(
        &self,
        request: &RefundRequest,
        number: Option<&str>,
    ) -> Result<Option<RefundFact>, ProviderError> {
        let Some(answer) = self.query(&request.attempt, number).await? else { return Ok(None) };
        let info = answer.text("vnp_OrderInfo");
        let is_refund = matches!(answer.text("vnp_TransactionType"), FULL_REFUND | PARTIAL_REFUND);
        let same_amount = mapping::amount_from_wire(answer.text("vnp_Amount")) == Some(request.amount);
        let ours =
            info == refund_info(request) || number.is_some_and(|number| number == answer.text("vnp_TransactionNo"));
        let anothers = info.starts_with(REFUND_INFO) || number.is_some();
        match (is_refund && same_amount, ours, anothers) {
            (false, ..) | (true, false, true) => Ok(None),
            (true, true, _) => self.refund_fact(&answer, request).map(Some),
            (true, false, false) => {
                Err(mismatch("a refund of the same amount that may be another; look it up at VNPay by hand"))
            }
        }
    }

    fn refund_fact(&self, answer: &VnpayAnswer, request: &RefundRequest) -> Result<RefundFact, ProviderError> {
        if mapping::amount_from_wire(answer.text("vnp_Amount")) != Some(request.amount) {
            return Err(mismatch("a refund of another amount"));
        }
        let status = match answer.text("vnp_TransactionStatus") {
            "00" => RefundStatus::Succeeded,
            // Being processed; sent to the bank. Both take days.
            "05" | "06" => RefundStatus::Pending,
            "09" => RefundStatus::Failed,
            other => return Err(self.http.unavailable(&format!("a refund with status {other:?}"))),
        };
        let number = answer.text("vnp_TransactionNo");
        let paid_under = mapping::transaction_no(&request.payment_id).unwrap_or_default();
        let own_number = !number.is_empty() && number != "0" && number != paid_under;
        let id = if own_number { number.to_owned() } else { own_id(request) };
        let reason = (status == RefundStatus::Failed).then_some("refused by VNPay or the bank");
        Ok(fact(request, id, status, reason))
    }

    fn refund_fields(&self, request: &RefundRequest) -> Result<Vec<(&'static str, String)>, ProviderError> {
        let amount = mapping::amount_to_wire(request.amount)
            .map_err(|error| super::unsupported(format!("{}: {error}", request.amount)))?;
        let number =
            mapping::transaction_no(&request.payment_id).ok_or_else(|| mismatch("a payment of another kind"))?;
        let kind = if request.amount == request.paid { FULL_REFUND } else { PARTIAL_REFUND };
        let mut fields = self.common_fields(Command::Refund, &request.attempt, request.created_at);
        fields.extend([
            // The id makes a repetition within the day a duplicate to VNPay.
            ("vnp_RequestId", request.refund_id.as_simple().to_string()),
            ("vnp_TransactionType", kind.to_owned()),
            ("vnp_Amount", amount),
            ("vnp_TransactionNo", number.to_owned()),
            ("vnp_CreateBy", request.requested_by.chars().take(245).collect()),
            ("vnp_OrderInfo", refund_info(request)),
        ]);
        Ok(fields)
    }

    /// `None` when VNPay does not know the transaction.
    async fn query(&self, attempt: &AttemptRef, number: Option<&str>) -> Result<Option<VnpayAnswer>, ProviderError> {
        if let Some(wait) = self.throttle.wait(Instant::now()) {
            return Err(busy(TOO_OFTEN, wait.as_secs() + 1));
        }
        let mut fields = self.common_fields(Command::Query, attempt, Utc::now());
        fields.extend([
            ("vnp_RequestId", Uuid::now_v7().as_simple().to_string()),
            ("vnp_OrderInfo", format!("Query {}", attempt.provider_reference)),
        ]);
        // Not part of what is signed.
        fields.extend(number.map(|number| ("vnp_TransactionNo", number.to_owned())));
        let answer = self.send(Command::Query, &fields).await?;
        match answer.text("vnp_ResponseCode") {
            "00" => {
                self.throttle.answered();
                self.require_genuine(&answer, Command::Query, attempt)?;
                Ok(Some(answer))
            }
            "91" => {
                self.throttle.answered();
                Ok(None)
            }
            "94" => Err(busy(TOO_OFTEN, self.throttle.refused(Instant::now()).as_secs())),
            code => Err(self.refused(code)),
        }
    }

    fn common_fields(&self, command: Command, attempt: &AttemptRef, now: DateTime<Utc>) -> Vec<(&'static str, String)> {
        let word = if command == Command::Query { "querydr" } else { "refund" };
        vec![
            ("vnp_Version", VERSION.to_owned()),
            ("vnp_Command", word.to_owned()),
            ("vnp_TmnCode", self.tmn_code.clone()),
            ("vnp_TxnRef", attempt.provider_reference.clone()),
            // VNPay finds a transaction by the CreateDate of its link.
            ("vnp_TransactionDate", mapping::stamp(attempt.created_at)),
            ("vnp_CreateDate", mapping::stamp(now)),
            ("vnp_IpAddr", super::address(self.server_ip)),
        ]
    }

    async fn send(&self, command: Command, fields: &[(&'static str, String)]) -> Result<VnpayAnswer, ProviderError> {
        let body = wire::request(command, fields, &self.hash_secret);
        let answer = self.http.send(self.http.post(&self.api_url).json(&body), Retry::Never).await?;
        if !answer.is_success() {
            return Err(self.http.unavailable(&format!("status {}", answer.status)));
        }
        VnpayAnswer::read(&answer.body).ok_or_else(|| self.http.unavailable("no JSON object"))
    }

    /// Whether an accepted answer is signed, and about that attempt.
    fn require_genuine(
        &self,
        answer: &VnpayAnswer,
        command: Command,
        attempt: &AttemptRef,
    ) -> Result<(), ProviderError> {
        if !answer.is_genuine(command, &self.hash_secret) {
            return Err(self.http.unavailable("the answer's signature does not match"));
        }
        let ours = answer.text("vnp_TmnCode") == self.tmn_code;
        if ours && answer.text("vnp_TxnRef") == attempt.provider_reference {
            Ok(())
        } else {
            Err(mismatch("another transaction"))
        }
    }

    /// Error answers are not signed, so they are never more than a reason to ask again or to look.
    fn refused(&self, code: &str) -> ProviderError {
        match code {
            "02" | "97" => ProviderError::Credentials { provider: NAME },
            "03" | "91" | "95" => ProviderError::Refused {
                provider: NAME,
                code: code.to_owned(),
                detail: match code {
                    "91" => "the transaction was not found",
                    "95" => "the payment was not successful, so nothing is given back",
                    _ => "the request has a wrong format",
                }
                .to_owned(),
            },
            other => self.http.unavailable(&format!("response code {other:?}")),
        }
    }
}

fn fact(request: &RefundRequest, refund_id: String, status: RefundStatus, reason: Option<&str>) -> RefundFact {
    RefundFact {
        refund_id,
        payment_id: Some(request.payment_id.clone()),
        our_refund_id: Some(request.refund_id),
        amount: request.amount,
        status,
        reason: reason.map(str::to_owned),
        reversal: false,
    }
}

/// What a refund is called as long as VNPay has no number for it.
fn own_id(request: &RefundRequest) -> String {
    IdKind::Refund.show(request.refund_id)
}

fn refund_info(request: &RefundRequest) -> String {
    format!("{REFUND_INFO}{}", request.refund_id.as_simple())
}

fn busy(detail: &str, retry_after_seconds: u64) -> ProviderError {
    ProviderError::Busy { provider: NAME, detail: detail.to_owned(), retry_after_seconds: Some(retry_after_seconds) }
}

fn mismatch(detail: &str) -> ProviderError {
    ProviderError::Mismatch { provider: NAME, detail: detail.to_owned() }
}
