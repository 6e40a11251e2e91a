//! VNPay's API between servers: querydr and refund, at one URL (merchant_webapi/api/transaction).

use std::net::IpAddr;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use uuid::Uuid;

use super::mapping::{self, VnpayPayment};
use super::throttle::Throttle;
use super::wire::{self, VnpayCommand, VnpayResponse};
use super::{NAME, VERSION};
use crate::domain::id::IdKind;
use crate::domain::payment::{Observation, RefundFact, RefundStatus};
use crate::providers::http::{Client, Retry};
use crate::providers::settings::{self, ProviderSettingsError, Timeouts, VnpaySettings};
use crate::providers::{AttemptRef, ProviderError, RefundInstruction};

/// `vnp_TransactionType` of the payment itself; 02 and 03 are refunds of it.
const PAYMENT: &str = "01";
const FULL_REFUND: &str = "02";
const PARTIAL_REFUND: &str = "03";

const REFUND_INFO: &str = "Refund ";
const REFUSED: &str = "refused by VNPay or the bank";
const TOO_OFTEN: &str = "VNPay limits the number of queries";

/// A refund that is older than this has probably been sent before.
const FIRST_SENDING: TimeDelta = TimeDelta::seconds(60);

/// The client of the API.
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

    /// The state of an attempt at VNPay.
    pub async fn read(&self, attempt: &AttemptRef, live: bool) -> Result<Observation, ProviderError> {
        let Some(response) = self.query(attempt, None).await? else {
            // The payer has not opened the link, or VNPay has not registered it yet. Nothing follows from this.
            return Ok(Observation::Pending { note: Some("not known to VNPay".to_owned()) });
        };
        match response.text("vnp_TransactionType") {
            PAYMENT => {}
            FULL_REFUND | PARTIAL_REFUND => {
                return Ok(Observation::Review { reason: "VNPay reports a refund of this payment".to_owned() });
            }
            other => return Err(self.http.unavailable(&format!("a movement of type {other:?}"))),
        }
        let stated = VnpayPayment {
            response_code: None,
            transaction_status: response.text("vnp_TransactionStatus"),
            transaction_reference: &attempt.provider_reference,
            transaction_no: response.text("vnp_TransactionNo"),
            amount: mapping::amount_from_wire(response.text("vnp_Amount"))
                .ok_or_else(|| self.http.unavailable("an amount that is not a number"))?,
        };
        mapping::observation(&stated, &self.tmn_code, live).map_err(|reason| self.http.unavailable(reason))
    }

    /// Sends a refund, unless VNPay already has it. A second one would pay the money twice.
    #[expect(
        clippy::disallowed_methods,
        reason = "providers have no database; a difference of clocks only asks the company once more"
    )]
    pub async fn refund(&self, request: &RefundInstruction) -> Result<RefundFact, ProviderError> {
        if Utc::now() - request.created_at > FIRST_SENDING
            && let Some(fact) = self.find_refund(request, None).await?
        {
            return Ok(fact);
        }
        let fields = self.refund_fields(request)?;
        let response = self.send(VnpayCommand::Refund, &fields).await?;
        match response.text("vnp_ResponseCode") {
            "00" => {
                self.require_genuine(&response, VnpayCommand::Refund, &request.attempt)?;
                self.refund_fact(&response, request)
            }
            // This request was sent before, or another refund of the payment is being processed. A query shows which.
            "94" => {
                let found = self.find_refund(request, None).await?;
                found.ok_or_else(|| busy("a refund of this payment is being processed", 300))
            }
            code => Err(self.refused(code)),
        }
    }

    /// The state of a refund.
    pub async fn read_refund(&self, request: &RefundInstruction, id: &str) -> Result<RefundFact, ProviderError> {
        let number = (id != own_id(request)).then_some(id);
        let unknown = || fact(request, id.to_owned(), RefundStatus::Pending, Some("not yet known to VNPay"));
        Ok(self.find_refund(request, number).await?.unwrap_or_else(unknown))
    }

    /// Finds a refund at VNPay. Without VNPay's number of the refund, the query is about the payment, and VNPay returns
    /// the last movement of that payment.
    ///
    /// The movement is this refund only if it has our text or the number that VNPay gave this refund, because otherwise
    /// an earlier refund of the same amount looks the same. If it could be either, a person must look it up: treating
    /// it as this refund could keep money from the payer, and sending this refund could pay the money twice.
    async fn find_refund(
        &self,
        request: &RefundInstruction,
        number: Option<&str>,
    ) -> Result<Option<RefundFact>, ProviderError> {
        let Some(response) = self.query(&request.attempt, number).await? else { return Ok(None) };
        let info = response.text("vnp_OrderInfo");
        let is_refund = matches!(response.text("vnp_TransactionType"), FULL_REFUND | PARTIAL_REFUND);
        let same_amount = mapping::amount_from_wire(response.text("vnp_Amount")) == Some(request.amount);
        let ours =
            info == refund_info(request) || number.is_some_and(|number| number == response.text("vnp_TransactionNo"));
        let anothers = info.starts_with(REFUND_INFO) || number.is_some();
        match (is_refund && same_amount, ours, anothers) {
            (false, ..) | (true, false, true) => Ok(None),
            (true, true, _) => self.refund_fact(&response, request).map(Some),
            (true, false, false) => {
                Err(mismatch("a refund of the same amount that may be another; look it up on VNPay's pages"))
            }
        }
    }

    /// The refund of a payment, if VNPay's last movement of it is one. VNPay shows no others.
    pub async fn last_refund(
        &self,
        payment_id: &str,
        attempt: &AttemptRef,
    ) -> Result<Option<RefundFact>, ProviderError> {
        let Some(response) = self.query(attempt, None).await? else { return Ok(None) };
        if !matches!(response.text("vnp_TransactionType"), FULL_REFUND | PARTIAL_REFUND) {
            return Ok(None);
        }
        let amount = mapping::amount_from_wire(response.text("vnp_Amount"))
            .ok_or_else(|| self.http.unavailable("an amount that is not a number"))?;
        let ours = response.text("vnp_OrderInfo").strip_prefix(REFUND_INFO);
        let our_refund_id = ours.and_then(|id| Uuid::try_parse(id).ok());
        let number = own_number(&response, payment_id).map(str::to_owned);
        let unnumbered = || match our_refund_id {
            Some(id) => IdKind::Refund.show(id),
            None => format!("{payment_id}:{}:{}", response.text("vnp_TransactionType"), response.text("vnp_Amount")),
        };
        let status = self.refund_status(&response)?;
        Ok(Some(RefundFact {
            refund_id: number.unwrap_or_else(unnumbered),
            payment_id: Some(payment_id.to_owned()),
            our_refund_id,
            amount,
            status,
            reason: (status == RefundStatus::Failed).then(|| REFUSED.to_owned()),
            reversal: false,
        }))
    }

    fn refund_status(&self, response: &VnpayResponse) -> Result<RefundStatus, ProviderError> {
        match response.text("vnp_TransactionStatus") {
            "00" => Ok(RefundStatus::Succeeded),
            // 05 is being processed, 06 was sent to the bank. Both take days.
            "05" | "06" => Ok(RefundStatus::Pending),
            "09" => Ok(RefundStatus::Failed),
            other => Err(self.http.unavailable(&format!("a refund with status {other:?}"))),
        }
    }

    fn refund_fact(&self, response: &VnpayResponse, request: &RefundInstruction) -> Result<RefundFact, ProviderError> {
        if mapping::amount_from_wire(response.text("vnp_Amount")) != Some(request.amount) {
            return Err(mismatch("a refund of another amount"));
        }
        let status = self.refund_status(response)?;
        let id = own_number(response, &request.payment_id).map_or_else(|| own_id(request), str::to_owned);
        let reason = (status == RefundStatus::Failed).then_some(REFUSED);
        Ok(fact(request, id, status, reason))
    }

    fn refund_fields(&self, request: &RefundInstruction) -> Result<Vec<(&'static str, String)>, ProviderError> {
        let amount = mapping::amount_to_wire(request.amount)
            .map_err(|error| super::unsupported(format!("{}: {error}", request.amount)))?;
        let number =
            mapping::transaction_no(&request.payment_id).ok_or_else(|| mismatch("a payment of another kind"))?;
        let kind = if request.amount == request.paid { FULL_REFUND } else { PARTIAL_REFUND };
        let mut fields = self.common_fields(VnpayCommand::Refund, &request.attempt, request.created_at);
        fields.extend([
            // With this id VNPay refuses a repetition on the same day as a duplicate.
            ("vnp_RequestId", request.refund_id.as_simple().to_string()),
            ("vnp_TransactionType", kind.to_owned()),
            ("vnp_Amount", amount),
            ("vnp_TransactionNo", number.to_owned()),
            ("vnp_CreateBy", request.requested_by.chars().take(245).collect()),
            ("vnp_OrderInfo", refund_info(request)),
        ]);
        Ok(fields)
    }

    /// Queries a transaction. Returns `None` when VNPay does not know it.
    #[expect(clippy::disallowed_methods, reason = "VNPay compares the time of a request with its own clock")]
    async fn query(&self, attempt: &AttemptRef, number: Option<&str>) -> Result<Option<VnpayResponse>, ProviderError> {
        if let Some(wait) = self.throttle.wait(Instant::now()) {
            return Err(busy(TOO_OFTEN, wait.as_secs() + 1));
        }
        let mut fields = self.common_fields(VnpayCommand::Query, attempt, Utc::now());
        fields.extend([
            ("vnp_RequestId", Uuid::now_v7().as_simple().to_string()),
            ("vnp_OrderInfo", format!("Query {}", attempt.provider_reference)),
        ]);
        // This field is not signed.
        fields.extend(number.map(|number| ("vnp_TransactionNo", number.to_owned())));
        let response = self.send(VnpayCommand::Query, &fields).await?;
        match response.text("vnp_ResponseCode") {
            "00" => {
                self.throttle.answered();
                self.require_genuine(&response, VnpayCommand::Query, attempt)?;
                Ok(Some(response))
            }
            "91" => {
                self.throttle.answered();
                Ok(None)
            }
            "94" => Err(busy(TOO_OFTEN, self.throttle.refused(Instant::now()).as_secs())),
            code => Err(self.refused(code)),
        }
    }

    fn common_fields(
        &self,
        command: VnpayCommand,
        attempt: &AttemptRef,
        now: DateTime<Utc>,
    ) -> Vec<(&'static str, String)> {
        let word = if command == VnpayCommand::Query { "querydr" } else { "refund" };
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

    async fn send(
        &self,
        command: VnpayCommand,
        fields: &[(&'static str, String)],
    ) -> Result<VnpayResponse, ProviderError> {
        let body = wire::request(command, fields, &self.hash_secret);
        let response = self.http.send(self.http.post(&self.api_url).json(&body), Retry::Never).await?;
        if !response.is_success() {
            return Err(self.http.unavailable(&format!("status {}", response.status)));
        }
        VnpayResponse::read(&response.body).ok_or_else(|| self.http.unavailable("no JSON object"))
    }

    /// Requires that an accepted response is signed, and is about an attempt.
    fn require_genuine(
        &self,
        response: &VnpayResponse,
        command: VnpayCommand,
        attempt: &AttemptRef,
    ) -> Result<(), ProviderError> {
        if !response.is_genuine(command, &self.hash_secret) {
            return Err(self.http.unavailable("the response's signature does not match"));
        }
        let ours = response.text("vnp_TmnCode") == self.tmn_code;
        if ours && response.text("vnp_TxnRef") == attempt.provider_reference {
            Ok(())
        } else {
            Err(mismatch("another transaction"))
        }
    }

    /// The error of a response code. Error responses are not signed, so they prove nothing about the money.
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

fn fact(request: &RefundInstruction, refund_id: String, status: RefundStatus, reason: Option<&str>) -> RefundFact {
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

/// VNPay's number of a refund, which differs from the payment's; `None` until it has one.
fn own_number<'a>(response: &'a VnpayResponse, payment_id: &str) -> Option<&'a str> {
    let number = response.text("vnp_TransactionNo");
    let paid_under = mapping::transaction_no(payment_id).unwrap_or_default();
    (!number.is_empty() && number != "0" && number != paid_under).then_some(number)
}

/// The id of a refund until VNPay has a number for it.
fn own_id(request: &RefundInstruction) -> String {
    IdKind::Refund.show(request.refund_id)
}

fn refund_info(request: &RefundInstruction) -> String {
    format!("{REFUND_INFO}{}", request.refund_id.as_simple())
}

fn busy(detail: &str, retry_after_seconds: u64) -> ProviderError {
    ProviderError::Busy { provider: NAME, detail: detail.to_owned(), retry_after_seconds: Some(retry_after_seconds) }
}

fn mismatch(detail: &str) -> ProviderError {
    ProviderError::Mismatch { provider: NAME, detail: detail.to_owned() }
}
