//! SQLSTATEs of errors, read from the connection's bytes.
//!
//! Diesel hands out an error's message and, for a few states only, its kind. Messages are translated by the server, so
//! no decision may read one. [`ErrorListener`] therefore follows the messages of the protocol as they arrive and
//! remembers, for each error that a caller asks about, which SQLSTATE came with which message. [`of_message`] and
//! [`state_of`] look a message up: the state decides, and the message is only the key. The listener sees an error
//! before diesel does, so a look-up never comes too early.
//!
//! Format of messages and of error fields: PostgreSQL documentation, "Message Formats" and "Error and Notice Message
//! Fields".

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Why an error is temporary: the same request may succeed later, on this server or on another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passing {
    /// 40001, 40P01: two transactions conflicted. The same transaction may succeed at once.
    Conflict,
    /// 55P03: another session holds a lock for longer than this one waits.
    Locked,
    /// 57014: a statement took too long.
    TooSlow,
    /// 25006: the server is read-only. After a failover another server is writable.
    ReadOnly,
    /// 57P01 to 57P05, class 08: the server stops, has crashed or does not accept statements yet.
    Away,
    /// Class 53: no disk, no memory, no connection left.
    Full,
}

impl Passing {
    /// The reason behind a SQLSTATE; `None` for every state that does not end by itself.
    #[must_use]
    pub fn of_state(state: &str) -> Option<Self> {
        match state {
            "40001" | "40P01" => Some(Self::Conflict),
            "55P03" => Some(Self::Locked),
            "57014" => Some(Self::TooSlow),
            "25006" => Some(Self::ReadOnly),
            "57P01" | "57P02" | "57P03" | "57P04" | "57P05" => Some(Self::Away),
            _ if state.starts_with("08") => Some(Self::Away),
            _ if state.starts_with("53") => Some(Self::Full),
            _ => None,
        }
    }

    /// Whether the connection cannot be used any more. Another one may reach a server that works.
    #[must_use]
    pub fn ends_connection(self) -> bool {
        matches!(self, Self::ReadOnly | Self::Away | Self::Full)
    }
}

/// The most messages that one process remembers. Few messages differ; the limit is for servers that put numbers into
/// them.
const REMEMBERED: usize = 512;

/// Longest error that is read, in bytes. A longer one has a long detail, which comes after state and message.
const LONGEST: usize = 16 * 1024;

/// States that do not end by themselves, and decide what `topup migrate` does about roles: 42501 insufficient
/// privilege, 42704 undefined object, 42710 duplicate object, 23505 unique violation, XX000 internal error (two
/// sessions that write one row of a catalogue).
const OF_ROLES: [&str; 5] = ["42501", "42704", "42710", "23505", "XX000"];

static MESSAGES: LazyLock<Mutex<HashMap<String, String>>> = LazyLock::new(Mutex::default);

/// Why the error with this message is temporary.
#[must_use]
pub fn of_message(message: &str) -> Option<Passing> {
    Passing::of_state(&state_of(message)?)
}

/// The state of the error with this message, if it is temporary or concerns roles.
#[must_use]
pub fn state_of(message: &str) -> Option<String> {
    MESSAGES.lock().unwrap_or_else(PoisonError::into_inner).get(message).cloned()
}

fn remember(message: &str, state: &str) {
    let mut messages = MESSAGES.lock().unwrap_or_else(PoisonError::into_inner);
    if messages.len() >= REMEMBERED && !messages.contains_key(message) {
        messages.clear();
    }
    messages.insert(message.to_owned(), state.to_owned());
}

/// Follows the messages that a server sends on one connection.
#[derive(Debug)]
pub struct ErrorListener {
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing has arrived. The answer to a request for TLS is one byte (`S` or `N`) that belongs to no message.
    Start,
    /// Inside the five bytes that begin a message: its type and its length.
    Head { bytes: [u8; 5], filled: usize },
    /// Inside a message that is skipped.
    Skip { left: usize },
    /// Inside an error.
    Error { left: usize, fields: Vec<u8> },
}

impl State {
    fn head() -> Self {
        Self::Head { bytes: [0; 5], filled: 0 }
    }

    /// What follows the head of a message.
    fn body(bytes: [u8; 5]) -> Self {
        let [kind, length @ ..] = bytes;
        // The length counts itself, four bytes.
        let left = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX).saturating_sub(4);
        match kind {
            _ if left == 0 => Self::head(),
            b'E' => Self::Error { left, fields: Vec::with_capacity(left.min(LONGEST)) },
            _ => Self::Skip { left },
        }
    }
}

impl Default for ErrorListener {
    fn default() -> Self {
        Self { state: State::Start }
    }
}

impl ErrorListener {
    /// Takes the next bytes. Returns the reason of the last error in them that passes.
    pub fn hear(&mut self, mut bytes: &[u8]) -> Option<Passing> {
        let mut heard = None;
        while let Some((first, rest)) = bytes.split_first() {
            match &mut self.state {
                State::Start => {
                    if matches!(first, b'S' | b'N') {
                        bytes = rest;
                    }
                    self.state = State::head();
                }
                State::Head { bytes: head, filled } => {
                    if let Some(slot) = head.get_mut(*filled) {
                        *slot = *first;
                    }
                    *filled += 1;
                    bytes = rest;
                    if *filled == head.len() {
                        self.state = State::body(*head);
                    }
                }
                State::Skip { left } => {
                    let (_, after) = bytes.split_at(bytes.len().min(*left));
                    *left -= bytes.len() - after.len();
                    bytes = after;
                    if *left == 0 {
                        self.state = State::head();
                    }
                }
                State::Error { left, fields } => {
                    let (here, after) = bytes.split_at(bytes.len().min(*left));
                    *left -= here.len();
                    fields.extend(here.iter().take(LONGEST.saturating_sub(fields.len())));
                    bytes = after;
                    if *left == 0 {
                        heard = learn(fields).or(heard);
                        self.state = State::head();
                    }
                }
            }
        }
        heard
    }
}

/// Remembers an error that a caller may ask about, and returns why it is temporary. Fields are a type byte and a text
/// that ends with a zero byte, each.
fn learn(fields: &[u8]) -> Option<Passing> {
    let field = |kind: u8| {
        let of_kind = |field: &&[u8]| field.first() == Some(&kind);
        let text = fields.split(|byte| *byte == 0).find(of_kind)?.get(1..)?;
        std::str::from_utf8(text).ok()
    };
    let state = field(b'C')?;
    let passing = Passing::of_state(state);
    if passing.is_some() || OF_ROLES.contains(&state) {
        remember(field(b'M')?, state);
    }
    passing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX).to_be_bytes();
        [&[kind][..], &length, body].concat()
    }

    fn error(state: &str, text: &str) -> Vec<u8> {
        message(b'E', format!("SFEHLER\0VERROR\0C{state}\0M{text}\0\0").as_bytes())
    }

    #[test]
    fn an_error_is_known_by_its_state_whatever_its_language() {
        let mut listener = ErrorListener::default();
        let sent = [
            message(b'R', &[0, 0, 0, 0]),
            message(b'Z', b"I"),
            error("55P03", "storniere Anfrage wegen Zeitüberschreitung"),
        ]
        .concat();
        assert_eq!(listener.hear(&sent), Some(Passing::Locked));
        assert_eq!(of_message("storniere Anfrage wegen Zeitüberschreitung"), Some(Passing::Locked));
        assert_eq!(of_message("canceling statement due to lock timeout, as nobody said"), None);
        assert_eq!(listener.hear(&error("42501", "keine Berechtigung")), None);
        assert_eq!(state_of("keine Berechtigung").as_deref(), Some("42501"));
    }

    #[test]
    fn messages_may_arrive_in_any_pieces() {
        let sent = [
            b"N".to_vec(),
            message(b'R', &[0; 4]),
            message(b'D', &[b'E'; 300]),
            error("25006", "nur lesen"),
            message(b'Z', b"I"),
        ]
        .concat();
        for size in 1..40 {
            let mut listener = ErrorListener::default();
            let heard: Vec<Passing> = sent.chunks(size).filter_map(|piece| listener.hear(piece)).collect();
            assert_eq!(heard, [Passing::ReadOnly], "in pieces of {size}");
        }
    }

    #[test]
    fn what_does_not_pass_is_not_remembered() {
        let mut listener = ErrorListener::default();
        let sent = [message(b'R', &[0; 4]), error("42601", "syntax error at or near \"SELEKT\"")].concat();
        assert_eq!(listener.hear(&sent), None);
        assert_eq!(of_message("syntax error at or near \"SELEKT\""), None);
    }

    #[test]
    fn a_very_long_error_is_followed_to_its_end() {
        let mut listener = ErrorListener::default();
        let long = "x".repeat(LONGEST * 2);
        let body = format!("SERROR\0C53100\0Mdisk full\0D{long}\0\0");
        let sent = [message(b'R', &[0; 4]), message(b'E', body.as_bytes()), error("57P01", "stopping")].concat();
        assert_eq!(listener.hear(&sent), Some(Passing::Away));
        assert_eq!(of_message("disk full"), Some(Passing::Full));
    }
}
