//! The part `webhooks` of the document: what the service posts to partners, one entry for each type of event.

use serde_json::{Map, Value, json};

use crate::domain::event::EventKind;

/// The tag of all entries. Generators put them into a class of their own.
pub(super) const TAG: &str = "webhooks";

pub(super) fn webhooks() -> Value {
    let mut entries: Vec<(String, Value)> =
        EventKind::ALL.iter().map(|kind| (kind.as_str().to_owned(), entry(*kind))).collect();
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    Value::Object(Map::from_iter(entries))
}

fn entry(kind: EventKind) -> Value {
    json!({ "post": {
        "tags": [TAG],
        "operationId": operation_id(kind),
        "summary": kind.as_str(),
        "description": format!("{} The body is an event whose `data` has the field `{}`.", kind.meaning(), kind.noun()),
        "security": [],
        "parameters": [
            header("webhook-id", "The event's id: the same for every attempt, and for every endpoint.",
                "evt_019336f2b0a87c0e8f6f5a2f4c1d9e3b"),
            header("webhook-timestamp", "When this attempt was made, in seconds since 1970. Refuse an attempt that is \
                older than five minutes.", "1795737600"),
            header("webhook-signature", "`v1,` and the base64 of the HMAC-SHA256 over `{webhook-id}.\
                {webhook-timestamp}.{body}`, with the bytes of the secret: the base64 after `whsec_`. While \
                a secret is being replaced, there are two signatures with a space between them; one valid signature is \
                enough.",
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ],
        "requestBody": {
            "required": true,
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Event" } } },
        },
        "responses": {
            "204": { "description": "You have the event. Answer so within 15 seconds, by any status from 200 to 299." },
            "410": { "description": "You want no more events here: the service disables the endpoint." },
        },
    } })
}

fn header(name: &str, description: &str, example: &str) -> Value {
    json!({
        "name": name,
        "in": "header",
        "required": true,
        "description": description,
        "schema": { "type": "string", "maxLength": 1000 },
        "example": example,
    })
}

/// `onOrderCompleted` for `order.completed`.
fn operation_id(kind: EventKind) -> String {
    let words = kind.as_str().split(['.', '_']);
    words.fold("on".to_owned(), |name, word| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        name + &first.into_iter().chain(letters).collect::<String>()
    })
}
