//! VNPay PAY 2.1.0: a signed link for the payer, a signed GET notification (IPN), and an API between servers for
//! queries (querydr) and refunds. The query of the return page is never a fact.

mod api;
mod mapping;
mod signing;
mod throttle;
mod wire;

use std::net::IpAddr;

use async_trait::async_trait;
use secrecy::SecretString;

use self::api::VnpayApi;
use self::mapping::VnpayPayment;
use self::signing::value;
use super::settings::{self, ProviderSettingsError, Timeouts, VnpaySettings};
use super::{
    AttemptRef, AttemptRequest, Capabilities, Created, NextAction, NotificationError, NotificationOutcome,
    PaymentProvider, ProviderError, RawNotification, RefundInstruction, Reply, Returned, TakeBack,
    UnreadableNotification, return_page,
};
use crate::domain::deployment::Deployment;
use crate::domain::money::Money;
use crate::domain::payment::{Channel, Fact, Notification, Observation, ProviderName, RefundFact};

const NAME: ProviderName = ProviderName::Vnpay;
const VERSION: &str = "2.1.0";
const EVENT_TYPE: &str = "ipn";

/// The provider of the channel `vnpay`.
#[derive(Debug)]
pub struct Vnpay {
    tmn_code: String,
    hash_secret: SecretString,
    pay_url: String,
    public_url: String,
    live: bool,
    deployment: Deployment,
    api: VnpayApi,
    capabilities: Capabilities,
}

impl Vnpay {
    /// # Errors
    /// [`ProviderSettingsError`] for unusable URLs.
    pub fn new(
        settings: &VnpaySettings,
        public_url: &str,
        timeouts: Timeouts,
        deployment: Deployment,
    ) -> Result<Self, ProviderSettingsError> {
        let pay_url = settings::base_url(&settings.pay_url, "VNPay pay URL")?;
        let dong = mapping::dong().map_err(|error| ProviderSettingsError::Client(error.to_string()))?;
        let largest = Money::from_units(mapping::MAX_DONG, 0, dong).ok();
        Ok(Self {
            tmn_code: settings.tmn_code.trim().to_owned(),
            hash_secret: settings.hash_secret.clone(),
            live: settings::host(&pay_url).is_some_and(|host| host == "vnpay.vn" || host.ends_with(".vnpay.vn")),
            pay_url,
            deployment,
            public_url: settings::base_url(public_url, "public URL")?,
            api: VnpayApi::new(settings, timeouts)?,
            capabilities: Capabilities {
                currencies: Some(vec![dong]),
                limits: vec![(dong, None, largest)],
                // A link can be paid until its ExpireDate.
                can_cancel: false,
                can_refund: true,
                creates_by_call: false,
                notifies: true,
            },
        })
    }

    fn reference(&self, request: &AttemptRequest) -> String {
        mapping::transaction_reference(request.order_id, request.attempt, self.deployment)
    }

    fn parameters(&self, request: &AttemptRequest) -> Result<signing::VnpayParameters, ProviderError> {
        let amount = mapping::amount_to_wire(request.amount)
            .map_err(|error| unsupported(format!("{}: {error}", request.amount)))?;
        let locale = if request.locale.as_deref().is_some_and(|wanted| wanted.starts_with("vi")) { "vn" } else { "en" };
        let mut parameters = vec![
            ("vnp_Version", VERSION.to_owned()),
            ("vnp_Command", "pay".to_owned()),
            ("vnp_TmnCode", self.tmn_code.clone()),
            ("vnp_Amount", amount),
            ("vnp_CreateDate", mapping::stamp(request.created_at)),
            ("vnp_ExpireDate", mapping::stamp(request.expires_at)),
            ("vnp_CurrCode", "VND".to_owned()),
            ("vnp_IpAddr", address(request.payer_ip)),
            ("vnp_Locale", locale.to_owned()),
            ("vnp_OrderInfo", request.description.chars().take(255).collect()),
            ("vnp_OrderType", "other".to_owned()),
            ("vnp_ReturnUrl", harmless(&return_page(&self.public_url, NAME, request.order_id))),
            ("vnp_TxnRef", self.reference(request)),
        ];
        if let Some(bank) = &request.bank_code {
            if !is_bank_code(bank) {
                return Err(unsupported("a bank code is 3 to 20 letters and digits".to_owned()));
            }
            parameters.push(("vnp_BankCode", bank.clone()));
        }
        Ok(parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

/// Whether VNPay accepts a text as `vnp_BankCode`: 3 to 20 letters and digits.
#[must_use]
pub fn is_bank_code(text: &str) -> bool {
    (3..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn unsupported(detail: String) -> ProviderError {
    ProviderError::Unsupported { provider: NAME, detail }
}

/// The IP address in the 7 to 45 characters that VNPay requires. `::1` is too short, so it is written out.
fn address(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V6(v6) if v6.to_string().len() < 7 => v6.segments().map(|part| format!("{part:x}")).join(":"),
        other => other.to_string(),
    }
}

/// Encodes characters that VNPay's samples encode in different ways, with different signatures as the result. If they
/// are encoded beforehand, the URL means the same, and all samples make the same signature.
fn harmless(url: &str) -> String {
    const DISPUTED: [(char, &str); 6] =
        [('*', "%2A"), ('~', "%7E"), ('!', "%21"), ('\'', "%27"), ('(', "%28"), (')', "%29")];
    DISPUTED.into_iter().fold(url.to_owned(), |url, (character, encoded)| url.replace(character, encoded))
}

#[async_trait]
impl PaymentProvider for Vnpay {
    fn name(&self) -> ProviderName {
        NAME
    }

    fn channel(&self) -> Channel {
        Channel::Vnpay
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn merchant_account(&self) -> &str {
        &self.tmn_code
    }

    fn is_live(&self) -> bool {
        self.live
    }

    /// Signs the link. There is no call.
    async fn create(&self, request: &AttemptRequest) -> Result<Created, ProviderError> {
        let parameters = self.parameters(request)?;
        let query = signing::signed_query(&self.hash_secret, &parameters);
        Ok(Created {
            provider_reference: self.reference(request),
            next_action: NextAction::Redirect { url: format!("{}?{query}", self.pay_url) },
            expires_at: Some(request.expires_at),
        })
    }

    async fn read(&self, attempt: &AttemptRef) -> Result<Observation, ProviderError> {
        self.api.read(attempt, self.live).await
    }

    async fn cancel(&self, _: &AttemptRef) -> Result<Observation, ProviderError> {
        Err(unsupported("a payment link cannot be cancelled".to_owned()))
    }

    async fn refund(&self, request: &RefundInstruction) -> Result<RefundFact, ProviderError> {
        self.api.refund(request).await
    }

    async fn read_refund(
        &self,
        request: &RefundInstruction,
        provider_refund_id: &str,
    ) -> Result<RefundFact, ProviderError> {
        self.api.read_refund(request, provider_refund_id).await
    }

    /// VNPay shows only the last movement of a payment.
    async fn take_backs_of(
        &self,
        payment_id: &str,
        attempt: Option<&AttemptRef>,
    ) -> Result<Vec<TakeBack>, ProviderError> {
        let Some(attempt) = attempt else { return Ok(Vec::new()) };
        Ok(self.api.last_refund(payment_id, attempt).await?.map(TakeBack::Refund).into_iter().collect())
    }

    /// VNPay requires it: "If the row is `failed` and a verified 00/00 arrives: querydr, then promote and answer 00."
    fn must_confirm_revival(&self) -> bool {
        true
    }

    async fn verify(&self, raw: &RawNotification) -> Result<Notification, NotificationError> {
        if raw.query.is_empty() {
            return Err(NotificationError::CouldNotVerify("no input".to_owned()));
        }
        let parameters = signing::verified(&self.hash_secret, &raw.query)
            .ok_or(NotificationError::BadSignature("vnp_SecureHash does not match"))?;
        if value(&parameters, "vnp_TmnCode") != Some(self.tmn_code.as_str()) {
            return Err(NotificationError::BadSignature("for another terminal"));
        }
        let need = |name: &str| {
            value(&parameters, name).ok_or_else(|| NotificationError::Malformed(format!("no {name}").into()))
        };
        let stated = VnpayPayment {
            response_code: Some(need("vnp_ResponseCode")?),
            transaction_status: need("vnp_TransactionStatus")?,
            transaction_reference: need("vnp_TxnRef")?,
            transaction_no: value(&parameters, "vnp_TransactionNo").unwrap_or("0"),
            amount: mapping::amount_from_wire(need("vnp_Amount")?)
                .ok_or_else(|| NotificationError::Malformed("vnp_Amount is not a number".to_owned().into()))?,
        };
        // VNPay sends no event id, so these values together identify a notification. The response code is among them,
        // because 07 and 00 have the same status, but only 00 releases the money.
        let (response, amount) = (need("vnp_ResponseCode")?, need("vnp_Amount")?);
        let event_id =
            [stated.transaction_reference, stated.transaction_no, response, stated.transaction_status, amount]
                .join(":");
        let observation = mapping::observation(&stated, &self.tmn_code, self.live).map_err(|reason| {
            NotificationError::Malformed(UnreadableNotification::of(&event_id, EVENT_TYPE, reason))
        })?;
        Ok(Notification {
            event_id,
            event_type: EVENT_TYPE.to_owned(),
            created_at: value(&parameters, "vnp_PayDate").and_then(mapping::read_stamp),
            fact: Fact::Attempt {
                locator: mapping::locator(stated.transaction_reference, stated.amount, self.deployment),
                observation,
            },
        })
    }

    /// The query contains the parameters of our own address, and then those of the IPN. Without the latter, it names no
    /// attempt.
    fn returned(&self, query: &str) -> Returned {
        if !form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name.starts_with("vnp_")) {
            return Returned::Nothing;
        }
        let ours = signing::verified(&self.hash_secret, query)
            .filter(|parameters| value(parameters, "vnp_TmnCode") == Some(self.tmn_code.as_str()));
        let reference = ours.as_ref().and_then(|parameters| value(parameters, "vnp_TxnRef"));
        reference.map_or(Returned::Forged, |reference| Returned::Reference(reference.to_owned()))
    }

    /// Only 00 and 02 end VNPay's repetitions. The messages and their spelling are VNPay's.
    fn reply(&self, outcome: NotificationOutcome) -> Reply {
        let (code, message) = match outcome {
            NotificationOutcome::Recorded => ("00", "Confirm Success"),
            NotificationOutcome::AlreadySettled | NotificationOutcome::Ignored => ("02", "Order already confirmed"),
            NotificationOutcome::UnknownOrder | NotificationOutcome::Foreign => ("01", "Order not found"),
            NotificationOutcome::AmountMismatch => ("04", "invalid amount"),
            NotificationOutcome::BadSignature => ("97", "Invalid signature"),
            NotificationOutcome::TryAgain => ("99", "Unknow error"),
        };
        let body = format!(r#"{{"RspCode":"{code}","Message":"{message}"}}"#);
        Reply { status: 200, content_type: "application/json", body }
    }
}
