//! Texts of the feed: types of events, and positions in the feed.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::{BrokenRule, Form, Inlined, Shape, Show, Text, TextRule, text};
use crate::domain::code::Code;
use crate::domain::event::{EventKind, FeedPosition};

/// What an event reports.
pub type EventType = Text<EventTypeForm>;
/// The position of a reader in the feed.
pub type FeedCursor = Text<FeedCursorForm>;

pub(super) fn forms() -> Vec<Inlined> {
    vec![text::<EventTypeForm>(), text::<FeedCursorForm>()]
}

#[derive(Debug)]
pub enum EventTypeForm {}

impl Form for EventTypeForm {
    const NAME: &'static str = "EventType";

    fn shape() -> Shape {
        Shape {
            description: Some("What happened."),
            pattern: Some(Cow::Borrowed(r"^[a-z_]+\.[a-z_]+$")),
            max_length: 64,
            example: Cow::Borrowed("order.completed"),
            known: EventKind::ALL.iter().map(|kind| kind.as_str()).collect(),
            ..Shape::default()
        }
    }
}

impl TextRule for EventTypeForm {
    type Value = EventKind;

    fn parse(text: &str) -> Result<EventKind, BrokenRule> {
        EventKind::parse(text).ok_or_else(|| BrokenRule::new(Code::Malformed, "is not a type of event of this service"))
    }
}

impl Show for EventTypeForm {
    type Value = EventKind;

    fn show(kind: &EventKind) -> String {
        kind.as_str().to_owned()
    }
}

#[derive(Debug)]
pub enum FeedCursorForm {}

impl Form for FeedCursorForm {
    const NAME: &'static str = "FeedCursor";

    fn shape() -> Shape {
        Shape {
            max_length: 128,
            example: Cow::Borrowed("NDIuMDE5MzM2ZjJiMGE4N2MwZThmNmY1YTJmNGMxZDllM2I"),
            ..Shape::default()
        }
    }
}

impl TextRule for FeedCursorForm {
    type Value = FeedPosition;

    fn parse(text: &str) -> Result<FeedPosition, BrokenRule> {
        read(text).ok_or_else(|| BrokenRule::new(Code::InvalidCursor, "is not a cursor of this feed"))
    }
}

fn read(text: &str) -> Option<FeedPosition> {
    let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let (number, event) = plain.split_once('.')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let position = FeedPosition { number: number.parse().ok()?, event: Uuid::try_parse(event).ok()? };
    is_number.then_some(position)
}

impl Show for FeedCursorForm {
    type Value = FeedPosition;

    fn show(position: &FeedPosition) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}.{}", position.number, position.event.as_simple()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
        let position = FeedPosition { number: 42, event: Uuid::from_u128(7) };
        assert_eq!(read(&FeedCursor::of(position)), Some(position));
        let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let id = position.event.as_simple();
        for other in ["", "nonsense", &encoded("42"), &encoded("42."), &encoded(&format!("-1.{id}"))] {
            assert_eq!(read(other), None, "{other}");
        }
        assert_eq!(read(&encoded(&format!("99999999999999999999.{id}"))), None);
    }
}
