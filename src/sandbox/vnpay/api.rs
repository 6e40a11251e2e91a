//! The endpoint `POST /vnpay/merchant_webapi/api/transaction`: querydr and refund.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::Duration;
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use super::model::{Order, Refund, RefundMode, ResultCodes, stamp};
use super::{Books, Vnpay, fields, sign};
use crate::sandbox::reply::Reply;
use crate::sandbox::tools::{lock, now, random_digits, random_id, same_secret};

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.route("/vnpay/merchant_webapi/api/transaction", web::post().to(transaction));
}

/// An error response of the API. It is never signed.
#[derive(Debug, Clone, Copy)]
struct Refusal {
    code: &'static str,
    message: &'static str,
}

const TERMINAL: Refusal = Refusal { code: "02", message: "Invalid TmnCode" };
const FORMAT: Refusal = Refusal { code: "03", message: "Invalid data format" };
const NOT_FOUND: Refusal = Refusal { code: "91", message: "Transaction not found" };
const DUPLICATE: Refusal = Refusal { code: "94", message: "Request is duplicated" };
const REFUND_UNDER_WAY: Refusal = Refusal { code: "94", message: "A refund of this transaction is being processed" };
const NOT_PAID: Refusal = Refusal { code: "95", message: "The transaction was not successful at VNPAY" };
const CHECKSUM: Refusal = Refusal { code: "97", message: "Invalid checksum" };

/// A request whose form and signature are correct.
#[derive(Debug)]
struct Asked {
    body: Value,
}

impl Asked {
    fn text(&self, name: &str) -> &str {
        self.body.get(name).and_then(Value::as_str).unwrap_or("")
    }
}

async fn transaction(vnpay: web::Data<Vnpay>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    // Faults distinguish the two commands by their names.
    let command = serde_json::from_slice::<Value>(&body)
        .ok()
        .and_then(|body| Some(body.get("vnp_Command")?.as_str()?.to_owned()))
        .unwrap_or_default();
    let operation = match command.as_str() {
        "querydr" => "querydr",
        "refund" => "refund",
        _ => "unknown",
    };
    let refuse = |refusal| vnpay.refusal(&command, refusal);
    let prepare = || vnpay.admit_api(&request, &body).map_err(refuse);
    let work = |asked: Asked, _| {
        let result = {
            let mut books = lock(&vnpay.books);
            match operation {
                "refund" => vnpay.refund(&mut books, &asked),
                _ => vnpay.query(&mut books, &asked),
            }
        };
        match result {
            Ok(mut answer) => {
                sign::seal_answer(vnpay.credentials.hash_secret.expose_secret(), &mut answer);
                Reply::json(200, answer)
            }
            Err(refusal) => vnpay.refusal(&command, refusal),
        }
    };
    vnpay.shared.answer(operation, &request, &body, prepare, work).await
}

impl Vnpay {
    /// An error has status 200 and no signature.
    fn refusal(&self, command: &str, refusal: Refusal) -> Reply {
        Reply::json(
            200,
            json!({
                "vnp_ResponseId": random_id("", 32).to_lowercase(),
                "vnp_Command": command,
                "vnp_ResponseCode": refusal.code,
                "vnp_Message": refusal.message,
                "vnp_TmnCode": self.credentials.tmn_code
            }),
        )
    }

    fn admit_api(&self, request: &HttpRequest, body: &[u8]) -> Result<Asked, Refusal> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !kind.is_some_and(|kind| kind.starts_with("application/json")) {
            return Err(FORMAT);
        }
        let mut body: Map<String, Value> = serde_json::from_slice(body).map_err(|_| FORMAT)?;
        for value in body.values_mut() {
            // Amounts may also be numbers. The signature covers their text.
            if let Value::Number(number) = value {
                *value = number.to_string().into();
            }
        }
        let expected = match body.get("vnp_Command").and_then(Value::as_str) {
            Some("querydr") => fields::QUERYDR,
            Some("refund") => fields::REFUND,
            _ => return Err(FORMAT),
        };
        if body.values().any(|value| !value.is_string()) {
            return Err(FORMAT);
        }
        let values = body.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or("")));
        if fields::first_bad(expected, values).is_some() {
            return Err(FORMAT);
        }
        let asked = Asked { body: Value::Object(body) };
        if asked.text("vnp_TmnCode") != self.credentials.tmn_code {
            return Err(TERMINAL);
        }
        let names = match asked.text("vnp_Command") {
            "refund" => sign::REFUND_REQUEST,
            _ => sign::QUERY_REQUEST,
        };
        let text = sign::joined(&asked.body, names);
        let seal = sign::seal(self.credentials.hash_secret.expose_secret(), &text);
        if !same_secret(&seal, &asked.text("vnp_SecureHash").to_ascii_lowercase()) {
            return Err(CHECKSUM);
        }
        Ok(asked)
    }

    fn query(&self, books: &mut Books, asked: &Asked) -> Result<Value, Refusal> {
        first_use(books, asked)?;
        if books.throttled_until.is_some_and(|until| now() < until) {
            return Err(DUPLICATE);
        }
        let throttle = books.throttle;
        let answer = {
            let order = named(books, asked).ok_or(NOT_FOUND)?;
            self.answer_about(order, asked.text("vnp_TransactionNo"))?
        };
        if throttle > 0 {
            books.throttled_until = Some(now() + Duration::seconds(throttle));
        }
        Ok(answer)
    }

    /// The transaction with a number. Without a number, the latest one: the last refund, else the payment, else the
    /// last attempt.
    fn answer_about(&self, order: &Order, number: &str) -> Result<Value, Refusal> {
        let refund =
            order.refunds.iter().rev().find(|refund| matches!(number, "" | "0") || refund.number.to_string() == number);
        if let Some(refund) = refund {
            return Ok(self.result(order, "querydr", refund_facts(refund)));
        }
        let named = order.tries.iter().find(|one| one.number.to_string() == number);
        if named.is_none() && !matches!(number, "" | "0") {
            return Err(NOT_FOUND);
        }
        let one = named.or_else(|| order.paid()).or_else(|| order.tries.last());
        let facts = match one {
            Some(one) => Facts {
                amount: one.amount,
                date: one.pay_date.clone(),
                number: one.number.to_string(),
                kind: "01".to_owned(),
                status: one.outcome.status,
                info: None,
            },
            None => Facts {
                amount: order.amount,
                date: String::new(),
                number: "0".to_owned(),
                kind: "01".to_owned(),
                status: "01",
                info: None,
            },
        };
        Ok(self.result(order, "querydr", facts))
    }

    fn refund(&self, books: &mut Books, asked: &Asked) -> Result<Value, Refusal> {
        first_use(books, asked)?;
        let order = named(books, asked).ok_or(NOT_FOUND)?;
        let number = asked.text("vnp_TransactionNo");
        let paid = order.tries.iter().find(|one| {
            one.outcome == ResultCodes::PAID && (matches!(number, "" | "0") || one.number.to_string() == number)
        });
        let Some(paid) = paid else {
            let known = matches!(number, "" | "0") || order.tries.iter().any(|one| one.number.to_string() == number);
            return Err(if known { NOT_PAID } else { NOT_FOUND });
        };
        if order.refunds.iter().any(|refund| matches!(refund.status, "05" | "06")) {
            return Err(REFUND_UNDER_WAY);
        }
        let amount = asked.text("vnp_Amount").parse::<i64>().unwrap_or(0);
        let (full, left) = (paid.amount, paid.amount - order.refunded());
        let whole = asked.text("vnp_TransactionType") == "02";
        if amount <= 0 || amount % 100 != 0 || amount > left || whole && amount != full {
            return Err(FORMAT);
        }
        let refund = Refund {
            number: random_digits(8),
            info: asked.text("vnp_OrderInfo").to_owned(),
            kind: asked.text("vnp_TransactionType").to_owned(),
            amount,
            status: match order.refund_mode {
                RefundMode::Succeeds => "00",
                RefundMode::StaysPending => "05",
                RefundMode::Refused => "09",
            },
            date: stamp(now()),
        };
        let answer = self.result(order, "refund", refund_facts(&refund));
        order.refunds.push(refund);
        Ok(answer)
    }

    fn result(&self, order: &Order, command: &str, facts: Facts) -> Value {
        let mut answer = json!({
            "vnp_ResponseId": random_id("", 32).to_lowercase(),
            "vnp_Command": command,
            "vnp_ResponseCode": "00",
            "vnp_Message": if command == "refund" { "Refund success" } else { "QueryDR Success" },
            "vnp_TmnCode": self.credentials.tmn_code,
            "vnp_TxnRef": order.txn_ref,
            "vnp_Amount": facts.amount.to_string(),
            "vnp_OrderInfo": facts.info.as_ref().unwrap_or(&order.info),
            "vnp_BankCode": order.bank_code,
            "vnp_PayDate": facts.date,
            "vnp_TransactionNo": facts.number,
            "vnp_TransactionType": facts.kind,
            "vnp_TransactionStatus": facts.status
        });
        if let (Some(fields), "querydr") = (answer.as_object_mut(), command) {
            fields.insert("vnp_PromotionCode".to_owned(), "".into());
            fields.insert("vnp_PromotionAmount".to_owned(), "".into());
        }
        answer
    }
}

/// The part of a response about one transaction.
struct Facts {
    amount: i64,
    date: String,
    number: String,
    kind: String,
    status: &'static str,
    /// The amount, if it differs from the order's.
    info: Option<String>,
}

fn refund_facts(refund: &Refund) -> Facts {
    Facts {
        amount: refund.amount,
        date: refund.date.clone(),
        number: refund.number.to_string(),
        kind: refund.kind.clone(),
        status: refund.status,
        info: Some(refund.info.clone()),
    }
}

/// Refuses a `vnp_RequestId` that was used before on this day.
fn first_use(books: &mut Books, asked: &Asked) -> Result<(), Refusal> {
    let day = stamp(now()).chars().take(8).collect();
    match books.requests.insert((day, asked.text("vnp_RequestId").to_owned())) {
        true => Ok(()),
        false => Err(DUPLICATE),
    }
}

/// Finds an order by its reference and by the date of its pay URL.
fn named<'a>(books: &'a mut Books, asked: &Asked) -> Option<&'a mut Order> {
    books.orders.iter_mut().rev().find(|order| {
        order.txn_ref == asked.text("vnp_TxnRef") && order.create_date == asked.text("vnp_TransactionDate")
    })
}
