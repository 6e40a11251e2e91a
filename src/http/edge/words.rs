//! The sentences of failures: every `detail` begins with a capital and ends with a stop.
//!
//! The use cases write their texts as Rust's errors are written, in lower case and without a stop, because logs put
//! them after a colon. The edge turns them into sentences.

use actix_web::http::StatusCode;

use crate::app::error::FieldError;

/// How many broken rules the sentence about a request names. The problem's `errors` has more.
const TOLD: usize = 3;

/// Makes a sentence of an error's text.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next();
    let word = text.split([' ', ',', ';']).next().unwrap_or_default();
    // A name in code keeps its letters.
    let is_name = word.contains(['_', '/', '=', '@']) || word.trim_end_matches(':').contains([':', '.']);
    let mut sentence: String = match first {
        Some(first) if !is_name => first.to_uppercase().chain(letters).collect(),
        _ => text.to_owned(),
    };
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

/// The sentence about a request that breaks these rules.
pub(super) fn of_errors(errors: &[FieldError]) -> String {
    let told: Vec<String> = errors.iter().take(TOLD).map(of_error).collect();
    let more = match errors.len().saturating_sub(TOLD) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!("the request is not valid: {}{more}", told.join("; "))
}

/// A rule in words, after the name of its field. A rule that is a sentence of its own stays one.
fn of_error(error: &FieldError) -> String {
    let detail = error.detail.trim_end_matches('.');
    let name = match error.pointer.as_str() {
        "" => "the body",
        pointer => pointer,
    };
    if detail.starts_with(char::is_uppercase) { format!("{name}: {detail}") } else { format!("{name} {detail}") }
}

/// The name of a status as RFC 9110 has it.
pub(crate) fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => "Content Too Large",
        StatusCode::UNPROCESSABLE_ENTITY => "Unprocessable Content",
        other => other.canonical_reason().unwrap_or("Error"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::code::Code;

    #[test]
    fn a_text_becomes_a_sentence_and_a_name_stays_a_name() {
        for (text, wanted) in [
            ("the order is paid", "The order is paid."),
            ("Card payment takes 10.00 CNY or more.", "Card payment takes 10.00 CNY or more."),
            ("operator:alice stated 800.00 CNY", "operator:alice stated 800.00 CNY."),
            ("created_from is later than created_to", "created_from is later than created_to."),
            ("stripe: no answer", "Stripe: no answer."),
            ("`sub` is missing", "`sub` is missing."),
            ("", "."),
        ] {
            assert_eq!(sentence(text), wanted);
        }
    }

    #[test]
    fn broken_rules_are_told_with_their_fields() {
        let error = |pointer: &str, detail: &str| FieldError {
            pointer: pointer.to_owned(),
            code: Code::InvalidValue,
            detail: detail.to_owned(),
        };
        let one = [error("", "must be a JSON object")];
        assert_eq!(sentence(&of_errors(&one)), "The request is not valid: the body must be a JSON object.");
        let four = [
            error("/currency", "is required"),
            error("/amount", "Card payment takes 10.00 CNY or more."),
            error("?limit", "must be 1 to 100"),
            error("/channel", "is required"),
        ];
        assert_eq!(
            sentence(&of_errors(&four)),
            "The request is not valid: /currency is required; /amount: Card payment takes 10.00 CNY or more; \
             ?limit must be 1 to 100; and 1 more."
        );
    }
}
