//! The pages of the simulated VNPay: the pay page, the password page of the bank, and the error page.
//!
//! Button ids: `#pay` (then the field `#otp` and `#otp-submit`), `#wrong-otp`, `#insufficient`,
//! `#cancel`, `#timeout`, `#suspicious`, `#reversed`, `#pay-short`, `#pay-late`, `#pay-twice`,
//! `#pay-never-notify`, `#fail-then-pay`. The test card's fields are `#card-number`, `#card-name`,
//! `#card-date`; `#code` on the error page.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::model::{Order, RefundMode, instant, shown_amount};
use super::scenes::OTP;
use super::{Vnpay, fields, sign};
use crate::sandbox::company::Options;
use crate::sandbox::html;
use crate::sandbox::reply::Reply;
use crate::sandbox::tools::{lock, now, same_secret};

/// The number of NCB's test card (sandbox.vnpayment.vn/apis/vnpay-demo).
const CARD: &str = "9704198526191432198";
/// The number of NCB's test card without money.
const POOR_CARD: &str = "9704195798459170488";

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/vnpay/paymentv2/vpcpay.html", web::get().to(open))
        .route("/vnpay/paymentv2/Payment/Error.html", web::get().to(error))
        .route("/vnpay/pay/{txn_ref}", web::get().to(show))
        .route("/vnpay/pay/{txn_ref}/{action}", web::post().to(act));
}

type Here = web::Data<Vnpay>;

#[derive(Debug, Deserialize)]
struct ErrorQuery {
    code: String,
    field: Option<String>,
}

/// Opens a pay URL: checks it as VNPay does, and then shows the page.
async fn open(vnpay: Here, request: HttpRequest) -> HttpResponse {
    let prepare = || vnpay.admit(request.query_string());
    let show = |txn_ref: String, _| Reply::see_other(&format!("/vnpay/pay/{txn_ref}"));
    vnpay.shared.answer("pay_page", &request, &[], prepare, show).await
}

fn refused(code: &str, field: Option<&str>) -> Reply {
    let field = field.map_or_else(String::new, |field| {
        let field: String = form_urlencoded::byte_serialize(field.as_bytes()).collect();
        format!("&field={field}")
    });
    Reply::see_other(&format!("/vnpay/paymentv2/Payment/Error.html?code={code}{field}"))
}

impl Vnpay {
    /// Records the order, or returns VNPay's code: 03 malformed, 71 unknown terminal, 70 wrong signature, 15 expired,
    /// 01 reference already used.
    fn admit(&self, query: &str) -> Result<String, Reply> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if parameters.insert(name.to_string(), value.into_owned()).is_some() {
                return Err(refused("03", Some(&name)));
            }
        }
        let pairs = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        if let Some(bad) = fields::first_bad(fields::PAY, pairs) {
            return Err(refused("03", Some(&bad)));
        }
        let text = |name: &str| parameters.get(name).cloned().unwrap_or_default();
        if text("vnp_TmnCode") != self.credentials.tmn_code {
            return Err(refused("71", None));
        }
        let signed = sign::query(&parameters);
        let seal = sign::seal(self.credentials.hash_secret.expose_secret(), &signed);
        if !same_secret(&seal, &text("vnp_SecureHash").to_ascii_lowercase()) {
            return Err(refused("70", None));
        }
        let amount = text("vnp_Amount").parse::<i64>().unwrap_or(0);
        if amount <= 0 || amount % 100 != 0 {
            return Err(refused("03", Some("vnp_Amount")));
        }
        let Some(expires) = instant(&text("vnp_ExpireDate")) else {
            return Err(refused("03", Some("vnp_ExpireDate")));
        };
        let (txn_ref, create_date) = (text("vnp_TxnRef"), text("vnp_CreateDate"));
        let mut books = lock(&self.books);
        let same_day =
            books.orders.iter().find(|order| order.txn_ref == txn_ref && day(&order.create_date) == day(&create_date));
        if let Some(known) = same_day {
            // A link may be opened again until it is paid.
            let again = known.query == signed && !known.finished() && known.expires > now();
            return if again { Ok(txn_ref) } else { Err(refused("01", Some("vnp_TxnRef"))) };
        }
        if expires <= now() {
            return Err(refused("15", None));
        }
        books.orders.push(Order {
            txn_ref: txn_ref.clone(),
            amount,
            info: text("vnp_OrderInfo"),
            create_date,
            expires,
            return_url: text("vnp_ReturnUrl"),
            bank_code: match text("vnp_BankCode") {
                // These codes name a kind of payment. The buyer chooses the bank.
                kind if matches!(kind.as_str(), "" | "VNPAYQR" | "VNBANK" | "INTCARD") => "NCB".to_owned(),
                bank => bank,
            },
            query: signed,
            tries: Vec::new(),
            refunds: Vec::new(),
            refund_mode: RefundMode::default(),
            silent: false,
        });
        Ok(txn_ref)
    }

    fn page(&self, txn_ref: &str, trouble: Option<&str>) -> Reply {
        let order = lock(&self.books).order(txn_ref).cloned();
        let Some(order) = order else {
            return Reply::html(404, html::page("VNPay", &html::notice("There is no such order.")));
        };
        let mut content = summary(&order);
        content += &trouble.map_or_else(String::new, html::notice);
        if order.finished() {
            content += &html::notice("This order is paid.");
            return Reply::html(200, html::page("VNPay", &content));
        }
        let target = |action: &str| format!("/vnpay/pay/{}/{action}", order.txn_ref);
        let button = |action: &str, label: &str| html::button(&target(action), action, label, false);
        if order.expires <= now() {
            content += &html::notice("The payment window has passed.");
            content += &button("pay-late", "Pay all the same");
            return Reply::html(200, html::page("VNPay", &content));
        }
        let card = html::field("card-number", "Card number (NCB test card)", CARD)
            + &html::field("card-name", "Name on the card", "NGUYEN VAN A")
            + &html::field("card-date", "Issued (MM/YY)", "07/15");
        content += &html::button_with(&target("card"), "pay", "Pay", true, &card);
        content += &button("cancel", "Cancel");
        content += "<h2>What can also happen</h2>";
        content += &button("wrong-otp", "Wrong one-time password");
        content += &button("insufficient", "Insufficient funds");
        content += &button("fail-then-pay", "Fail, then pay");
        content += &button("timeout", "Let the window pass");
        content += &button("suspicious", "Paid, but suspicious (07)");
        content += &button("reversed", "Debited, then reversed (04)");
        content += &button("pay-short", "Pay half of it");
        content += &button("pay-late", "Let the window pass, then pay");
        content += &button("pay-twice", "Pay twice");
        content += &button("pay-never-notify", "Pay, but never notify");
        Reply::html(200, html::page("VNPay", &content))
    }

    fn otp_page(&self, txn_ref: &str) -> Reply {
        let order = lock(&self.books).order(txn_ref).cloned();
        let Some(order) = order else {
            return self.page(txn_ref, None);
        };
        let target = format!("/vnpay/pay/{}/otp", order.txn_ref);
        let field = html::field("otp", "One-time password", "");
        let content = summary(&order)
            + &format!("<p>Your bank sent a password: {OTP}. Any other is wrong.</p>")
            + &html::button_with(&target, "otp-submit", "Submit", true, &field);
        Reply::html(200, html::page("NCB: one-time password", &content))
    }
}

/// The calendar day of a time stamp.
fn day(stamp: &str) -> Option<&str> {
    stamp.get(..8)
}

fn summary(order: &Order) -> String {
    format!(
        "<p class=\"amount\" id=\"amount\">{}</p>{}",
        html::escape(&shown_amount(order.amount)),
        html::facts(&[("For", &order.info), ("Order", &order.txn_ref)])
    )
}

async fn show(vnpay: Here, txn_ref: web::Path<String>) -> HttpResponse {
    vnpay.page(&txn_ref, None).into_response()
}

async fn act(vnpay: Here, path: web::Path<(String, String)>, form: web::Form<Map<String, Value>>) -> HttpResponse {
    let (txn_ref, action) = path.into_inner();
    let options = Options(form.into_inner());
    let action = match action.as_str() {
        "card" => match options.text("card-number") {
            Some(CARD) => return vnpay.otp_page(&txn_ref).into_response(),
            Some(POOR_CARD) => "insufficient",
            _ => {
                let text = "This card is not known. The test card's number is filled in.";
                return vnpay.page(&txn_ref, Some(text)).into_response();
            }
        },
        "otp" if options.text("otp") == Some(OTP) => "pay",
        "otp" => "wrong-otp",
        other => other,
    };
    let reply = match vnpay.play(&txn_ref, action, &options) {
        Ok(acted) => match acted.redirect {
            Some(url) => Reply::see_other(&url),
            None => vnpay.page(&txn_ref, None),
        },
        Err(error) => vnpay.page(&txn_ref, Some(&error.to_string())),
    };
    reply.into_response()
}

async fn error(query: web::Query<ErrorQuery>) -> HttpResponse {
    let meaning = match query.code.as_str() {
        "01" => "This transaction reference was used before.",
        "03" => "The data sent has the wrong format.",
        "15" => "The payment window has passed.",
        "70" => "The signature is wrong.",
        "71" => "This website is not registered (unknown terminal code).",
        _ => "The payment cannot be made.",
    };
    let field = query.field.as_deref().unwrap_or("–");
    let content = format!(
        "{}<dl><dt>Code</dt><dd id=\"code\">{}</dd><dt>Parameter</dt><dd id=\"field\">{}</dd></dl>",
        html::notice(meaning),
        html::escape(&query.code),
        html::escape(field)
    );
    Reply::html(200, html::page("VNPay: error", &content)).into_response()
}
