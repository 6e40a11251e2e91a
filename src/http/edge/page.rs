//! Keyset pages: an opaque cursor that is tied to its list and its filters.

use std::fmt::Display;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::times;
use super::wire::CursorText;
use crate::app::Error;
use crate::domain::code::Code;
use crate::domain::page::{Page, Place, Rows, Sort};

/// What a cursor is tied to: the list, and the value of every filter under its name in the query.
///
/// Clients keep cursors across an upgrade of the service. So the fingerprint is made only of names and values that are
/// written out here, which no change inside the service renames.
#[derive(Debug, Clone)]
pub struct Filters(Vec<(&'static str, String)>);

impl Filters {
    /// The filters of a list, which its path names.
    #[must_use]
    pub fn of(path: &str) -> Self {
        Self(vec![("path", path.to_owned())])
    }

    /// Adds a filter.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.0.push((name, value.to_string()));
        self
    }

    /// Adds a filter that may be absent.
    #[must_use]
    pub fn with_optional(self, name: &'static str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds a moment that may be absent.
    #[must_use]
    pub fn with_moment(self, name: &'static str, moment: Option<DateTime<Utc>>) -> Self {
        self.with_optional(name, moment.map(|moment| moment.to_rfc3339()))
    }

    /// Adds a filter with several values, whose order does not matter.
    #[must_use]
    pub fn with_each(self, name: &'static str, values: impl IntoIterator<Item = impl Display>) -> Self {
        let mut values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
        values.sort();
        values.dedup();
        values.into_iter().fold(self, |filters, value| filters.with(name, value))
    }

    fn fingerprint(&self) -> String {
        let mut hasher = Sha256::new();
        for part in self.0.iter().flat_map(|(name, value)| [*name, value.as_str()]) {
            // The length goes first, so that no value can pass for a name.
            hasher.update(format!("{}:{part}", part.len()));
        }
        hasher.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Writes a cursor: the place where the page ended, and its filters.
pub fn encode_cursor<P: Serialize>(position: &P, filters: &Filters) -> Result<CursorText, Error> {
    let json = serde_json::to_string(&(filters.fingerprint(), position))
        .map_err(|_| Error::Internal("a position in a list that can be written as JSON"))?;
    Ok(CursorText::new(URL_SAFE_NO_PAD.encode(json)))
}

/// NUL as JSON writes it.
const NUL: &[u8] = br"\u0000";

/// Reads a cursor.
///
/// # Errors
/// 422 `?cursor` for a text that is not a cursor of this service, or was made under other filters.
pub fn decode_cursor<P: DeserializeOwned>(cursor: Option<&CursorText>, filters: &Filters) -> Result<Option<P>, Error> {
    let Some(cursor) = cursor else { return Ok(None) };
    let bad = |detail| Error::field("?cursor", Code::InvalidCursor, detail);
    let json = URL_SAFE_NO_PAD.decode(cursor.as_bytes()).map_err(|_| bad("is not a cursor of this API"))?;
    // No position has a NUL, and PostgreSQL takes none in a text. Nor does it take every year that is read here.
    let has_nul = json.windows(NUL.len()).any(|part| part == NUL);
    if has_nul || serde_json::from_slice(&json).is_ok_and(|json| has_strange_year(&json)) {
        return Err(bad("is not a cursor of this API"));
    }
    let (fingerprint, position): (String, P) =
        serde_json::from_slice(&json).map_err(|_| bad("is not a cursor of this API"))?;
    if fingerprint == filters.fingerprint() {
        Ok(Some(position))
    } else {
        Err(bad("belongs to other filters: start again without a cursor"))
    }
}

fn has_strange_year(json: &Value) -> bool {
    match json {
        Value::String(text) => times::is_out_of_range(text),
        Value::Array(values) => values.iter().any(has_strange_year),
        Value::Object(fields) => fields.values().any(has_strange_year),
        _ => false,
    }
}

/// Which rows of a list come first.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Sort)]
pub enum SortName {
    Newest,
    Oldest,
}

impl From<SortName> for Sort {
    fn from(name: SortName) -> Self {
        match name {
            SortName::Newest => Self::Newest,
            SortName::Oldest => Self::Oldest,
        }
    }
}

/// How many rows a whole list has.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct ListTotal {
    /// At most 10,000.
    #[schema(minimum = 0, maximum = 10000, example = 42)]
    count: i64,
    /// False if there are more than 10,000.
    is_exact: bool,
}

impl ListTotal {
    const MOST: i64 = 10_000;
    /// This many rows must be counted to know whether the count is exact.
    pub const TO_COUNT: i64 = Self::MOST + 1;

    /// The total of a list of which `counted` rows were counted, at most [`Self::TO_COUNT`].
    #[must_use]
    pub fn of(counted: i64) -> Self {
        Self { count: counted.min(Self::MOST), is_exact: counted <= Self::MOST }
    }
}

/// Marks the cursor of a page that is read backwards.
const BACKWARDS: &str = "previous";

/// Reads which page of a list is asked for.
///
/// # Errors
/// As [`decode_cursor`].
pub fn read<P: DeserializeOwned>(
    cursor: Option<&CursorText>,
    sort: Sort,
    limit: i64,
    filters: &Filters,
) -> Result<Page<P>, Error> {
    let place = match decode_cursor::<WrittenPosition<P>>(cursor, filters)? {
        None => Place::Start,
        Some(WrittenPosition::Backwards(mark, position)) if mark == BACKWARDS => Place::Before(position),
        Some(WrittenPosition::Backwards(..)) => {
            return Err(Error::field("?cursor", Code::InvalidCursor, "is not a cursor of this API"));
        }
        Some(WrittenPosition::Forwards(position)) => Place::After(position),
    };
    Ok(Page { place, sort, limit })
}

/// A position as cursors contain it. Forward cursors have no mark, because the first cursors had none.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum WrittenPosition<P> {
    Backwards(String, P),
    Forwards(P),
}

/// The places where the pages before and after a page begin.
#[derive(Debug, Clone)]
pub struct Cursors {
    pub previous: Option<CursorText>,
    pub next: Option<CursorText>,
}

/// Writes the cursors to the pages before and after a page; `position` returns the place of a row.
///
/// # Errors
/// When a position cannot be written.
pub fn cursors<T, P: Serialize>(
    found: &Rows<T>,
    filters: &Filters,
    position: impl Fn(&T) -> P,
) -> Result<Cursors, Error> {
    let first = found.rows.first().filter(|_| found.has_previous);
    let last = found.rows.last().filter(|_| found.has_next);
    cursors_at(first.map(&position), last.map(&position), filters)
}

/// Writes the cursors to the page that ends before one place, and to the page that begins after another.
///
/// # Errors
/// When a position cannot be written.
pub fn cursors_at<P: Serialize>(previous: Option<P>, next: Option<P>, filters: &Filters) -> Result<Cursors, Error> {
    let backwards = |position| encode_cursor(&WrittenPosition::Backwards(BACKWARDS.to_owned(), position), filters);
    Ok(Cursors {
        previous: previous.map(backwards).transpose()?,
        next: next.map(|position| encode_cursor(&position, filters)).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn filters() -> Filters {
        Filters::of("/v1/transfers").with("customer_id", "alice").with_each("status", ["b", "a"])
    }

    /// A client's cursor must stay valid after a change of the code, so this one is written out.
    #[test]
    fn a_cursor_of_before_is_still_read() {
        let cursor = CursorText::new("WyJlYTU1YzIzMTVkYWEiLDdd");
        assert_eq!(encode_cursor(&7, &filters()).unwrap().into_string(), cursor.clone().into_string());
        assert_eq!(decode_cursor::<i32>(Some(&cursor), &filters()).unwrap(), Some(7));
    }

    #[test]
    fn a_page_is_read_from_both_sides() {
        let rows = Rows { rows: vec![9, 8, 7], has_previous: true, has_next: true };
        let cursors = cursors(&rows, &filters(), |row| *row).unwrap();
        let read =
            |cursor: Option<CursorText>| read::<i32>(cursor.as_ref(), Sort::Newest, 3, &filters()).unwrap().place;
        assert_eq!(read(cursors.previous), Place::Before(9));
        assert_eq!(read(cursors.next), Place::After(7));
        assert_eq!(read(None), Place::Start);
        let neither = Rows { rows: vec![9], has_previous: false, has_next: false };
        let neither = super::cursors(&neither, &filters(), |row| *row).unwrap();
        assert!(neither.previous.is_none() && neither.next.is_none());
    }

    #[test]
    fn the_order_of_values_does_not_matter_and_everything_else_does() {
        let cursor = encode_cursor(&7, &filters()).unwrap();
        let same = Filters::of("/v1/transfers").with("customer_id", "alice").with_each("status", ["a", "b", "a"]);
        assert_eq!(decode_cursor::<i32>(Some(&cursor), &same).unwrap(), Some(7));
        for other in [
            Filters::of("/v1/grants").with("customer_id", "alice").with_each("status", ["a", "b"]),
            Filters::of("/v1/transfers").with("customer_id", "alicestatusa").with_each("status", ["b"]),
            Filters::of("/v1/transfers").with("customer_id", "alice").with_each("status", ["a"]),
            filters().with_optional("currency", Some("CNY")),
        ] {
            decode_cursor::<i32>(Some(&cursor), &other).unwrap_err();
        }
    }
}
