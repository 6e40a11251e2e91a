//! PayPal's error object (developer.paypal.com/api/rest/responses) and its issues.

use serde_json::{Value, json};

use crate::sandbox::reply::Reply;
use crate::sandbox::tools::random_id;

/// One entry of `details`.
#[derive(Debug, Clone)]
pub(super) struct Detail {
    pub issue: &'static str,
    /// A JSON pointer into the body, or the name of a header.
    pub field: Option<String>,
    pub value: Option<String>,
    pub location: &'static str,
}

impl Detail {
    pub fn body(issue: &'static str, field: impl Into<String>, value: Option<String>) -> Self {
        Self { issue, field: Some(field.into()), value, location: "body" }
    }

    fn shown(&self) -> Value {
        let mut detail = json!({ "issue": self.issue, "description": description(self.issue) });
        if let Some(fields) = detail.as_object_mut() {
            if let Some(field) = &self.field {
                fields.insert("field".to_owned(), field.as_str().into());
                fields.insert("location".to_owned(), self.location.into());
            }
            if let Some(value) = &self.value {
                fields.insert("value".to_owned(), value.as_str().into());
            }
        }
        detail
    }
}

#[derive(Debug)]
pub(super) struct Problem {
    status: u16,
    details: Vec<Detail>,
    /// Further links besides the one to the documentation.
    links: Vec<Value>,
}

impl Problem {
    /// A 400 for a malformed request.
    pub fn malformed(details: Vec<Detail>) -> Self {
        Self { status: 400, details, links: Vec::new() }
    }

    /// A 400 about a header.
    pub fn header(issue: &'static str, name: &str) -> Self {
        let detail = Detail { issue, field: Some(name.to_owned()), value: None, location: "header" };
        Self::malformed(vec![detail])
    }

    /// A 422 for a request that is well formed, but not possible.
    pub fn impossible(issue: &'static str) -> Self {
        let detail = Detail { issue, field: None, value: None, location: "body" };
        Self { status: 422, details: vec![detail], links: Vec::new() }
    }

    pub fn impossible_at(details: Vec<Detail>) -> Self {
        Self { status: 422, details, links: Vec::new() }
    }

    pub fn unauthorized() -> Self {
        Self { status: 401, details: Vec::new(), links: Vec::new() }
    }

    pub fn not_found() -> Self {
        let detail = Detail { issue: "INVALID_RESOURCE_ID", field: None, value: None, location: "path" };
        Self { status: 404, details: vec![detail], links: Vec::new() }
    }

    pub fn in_progress() -> Self {
        let issue = "PREVIOUS_REQUEST_IN_PROGRESS";
        let detail = Detail { issue, field: None, value: None, location: "header" };
        Self { status: 409, details: vec![detail], links: Vec::new() }
    }

    pub fn unsupported_media() -> Self {
        Self { status: 415, details: Vec::new(), links: Vec::new() }
    }

    pub fn link(mut self, rel: &str, href: String) -> Self {
        self.links.push(json!({ "href": href, "rel": rel, "method": "GET" }));
        self
    }

    pub fn into_reply(self) -> Reply {
        let mut body = failure(self.status);
        let debug_id = body.get("debug_id").and_then(Value::as_str).unwrap_or("").to_owned();
        if let Some(fields) = body.as_object_mut() {
            let details: Vec<Value> = self.details.iter().map(Detail::shown).collect();
            fields.insert("details".to_owned(), details.into());
            if let Some(Value::Array(links)) = fields.get_mut("links") {
                links.extend(self.links);
            }
        }
        Reply::json(self.status, body).with_header("PayPal-Debug-Id", debug_id)
    }
}

/// The common part of all errors, by status.
pub(in crate::sandbox) fn failure(status: u16) -> Value {
    let (name, message) = match status {
        400 => ("INVALID_REQUEST", "Request is not well-formed, syntactically incorrect, or violates schema."),
        401 => (
            "AUTHENTICATION_FAILURE",
            "Authentication failed due to missing authorization header, or invalid authentication \
             credentials.",
        ),
        403 => ("NOT_AUTHORIZED", "Authorization failed due to insufficient permissions."),
        404 => ("RESOURCE_NOT_FOUND", "The specified resource does not exist."),
        409 => ("RESOURCE_CONFLICT", "The server has detected a conflict while processing this request."),
        415 => ("UNSUPPORTED_MEDIA_TYPE", "The server does not support the request payload's media type."),
        422 => (
            "UNPROCESSABLE_ENTITY",
            "The requested action could not be performed, semantically incorrect, or failed \
             business validation.",
        ),
        429 => ("RATE_LIMIT_REACHED", "Too many requests. Blocked due to rate limiting."),
        503 => ("SERVICE_UNAVAILABLE", "Service Unavailable."),
        _ => ("INTERNAL_SERVER_ERROR", "An internal server error has occurred."),
    };
    json!({
        "name": name,
        "message": message,
        "debug_id": random_id("", 13).to_lowercase(),
        "details": [],
        "links": [{
            "href": "https://developer.paypal.com/docs/api/orders/v2/",
            "rel": "information_link",
            "method": "GET"
        }]
    })
}

fn description(issue: &str) -> &'static str {
    match issue {
        "MISSING_REQUIRED_PARAMETER" => "A required field / parameter is missing.",
        "INVALID_PARAMETER_SYNTAX" => "The value of a field does not conform to the expected format.",
        "INVALID_STRING_LENGTH" => "The value of a field is either too short or too long.",
        "INVALID_PARAMETER_VALUE" => "A parameter value is not valid.",
        "NOT_SUPPORTED" => "This field is not currently supported.",
        "MALFORMED_REQUEST_JSON" => "The request JSON is not well formed.",
        "PAYPAL_REQUEST_ID_REQUIRED" => {
            "A PayPal-Request-Id is required if you are trying to process payment for an Order. \
             Please specify a PayPal-Request-Id or Create the Order without a 'payment_source' \
             specified."
        }
        "INVALID_CURRENCY_CODE" => "Currency code is invalid or is not currently supported.",
        "DECIMAL_PRECISION" => "If the currency supports decimals, only two decimal place precision is supported.",
        "DECIMALS_NOT_SUPPORTED" => "Currency does not support decimals.",
        "CANNOT_BE_ZERO_OR_NEGATIVE" => "Must be greater than zero.",
        "MAX_VALUE_EXCEEDED" => "Should be less than or equal to 999999999999999.99.",
        "MULTI_CURRENCY_ORDER" => "Entire Order request must have the same currency_code.",
        "REFERENCE_ID_REQUIRED" => {
            "'reference_id' is required for each 'purchase_unit' if multiple 'purchase_unit' are \
             provided."
        }
        "DUPLICATE_REFERENCE_ID" => "`reference_id` must be unique if multiple `purchase_unit` are provided.",
        "INVALID_RESOURCE_ID" => "Specified resource ID does not exist. Please check the resource ID and try again.",
        "PREVIOUS_REQUEST_IN_PROGRESS" => {
            "A previous request on this resource is currently in progress. Please wait for \
             sometime and try again."
        }
        "ORDER_NOT_APPROVED" => {
            "Payer has not yet approved the Order for payment. Please redirect the payer to the \
             'rel':'approve' url returned as part of the HATEOAS links within the Create Order \
             call."
        }
        "ORDER_ALREADY_CAPTURED" => "Order already captured.If 'intent=CAPTURE' only one capture per order is allowed.",
        "INSTRUMENT_DECLINED" => {
            "The instrument presented  was either declined by the processor or bank, or it can't \
             be used for this payment."
        }
        "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING" => {
            "Transaction failed. Redirect the payer to select another funding source."
        }
        "DUPLICATE_INVOICE_ID" => {
            "Duplicate Invoice ID detected. To avoid a potential duplicate transaction your \
             account setting requires that Invoice Id be unique for each transaction."
        }
        "CAPTURE_FULLY_REFUNDED" => "The capture has already been fully refunded.",
        "REFUND_AMOUNT_EXCEEDED" => {
            "The refund amount must be less than or equal to the capture amount that has not yet \
             been refunded."
        }
        "REFUND_CAPTURE_CURRENCY_MISMATCH" => "Refund must be in the same currency as the capture.",
        "REFUND_NOT_ALLOWED" => "Capture cannot be refunded.",
        "PENDING_CAPTURE" => "Cannot initiate a refund as the capture is pending.",
        "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK" => {
            "Refunds are not allowed on this capture due to a chargeback on the card or bank."
        }
        "REFUND_FAILED_INSUFFICIENT_FUNDS" => "Capture could not be refunded due to insufficient funds.",
        _ => "The requested action could not be performed.",
    }
}
