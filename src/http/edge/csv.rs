//! Tables as CSV (RFC 4180, UTF-8), for spreadsheets and programs.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula. So if a text of a person or a
//! partner begins like a formula, it gets an apostrophe in front. Numbers, times and the service's own codes are
//! written unchanged.

use std::borrow::Cow;

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, ContentDisposition, DispositionParam, DispositionType};
use actix_web::web::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};

use crate::app::Error;
use crate::domain::money::{Money, format_amount};

/// The media type of the answers.
pub const TYPE: &str = "text/csv; charset=utf-8";

/// A part of a table, as it is sent.
#[derive(Debug)]
pub struct Sheet(csv::Writer<Vec<u8>>);

/// One cell.
#[derive(Debug)]
pub struct Cell<'c>(Cow<'c, str>);

impl<'c> Cell<'c> {
    /// A text of the service: an id, a code, the name of a type.
    #[must_use]
    pub fn word(word: impl Into<Cow<'c, str>>) -> Self {
        Self(word.into())
    }

    /// A text that a person or a partner wrote.
    #[must_use]
    pub fn text(text: &'c str) -> Self {
        let harmless = !text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
            && !text.starts_with(['\t', '\r', '\n']);
        Self(if harmless { Cow::Borrowed(text) } else { Cow::Owned(format!("'{text}")) })
    }

    #[must_use]
    pub fn money(money: Money) -> Self {
        Self(format_amount(money).into())
    }

    #[must_use]
    pub fn number(number: i64) -> Self {
        Self(number.to_string().into())
    }

    #[must_use]
    pub fn time(time: DateTime<Utc>) -> Self {
        Self(time.to_rfc3339_opts(SecondsFormat::Micros, true).into())
    }
}

impl Sheet {
    /// A part without a head.
    #[must_use]
    pub fn part() -> Self {
        Self(csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new()))
    }

    /// A table that begins with the names of its columns.
    ///
    /// # Errors
    /// None: it is written to memory.
    pub fn with_head(names: &[&str]) -> Result<Self, Error> {
        let mut sheet = Self::part();
        sheet.0.write_record(names).map_err(|_| Error::Internal("a head of a table that can be written"))?;
        Ok(sheet)
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`Error::Internal`] for a row of another length.
    pub fn row<const N: usize>(&mut self, cells: [Cell<'_>; N]) -> Result<(), Error> {
        let texts = cells.iter().map(|cell| cell.0.as_bytes());
        self.0.write_record(texts).map_err(|_| Error::Internal("rows of one length"))
    }

    /// What was written.
    ///
    /// # Errors
    /// None: it is written to memory.
    pub fn finish(self) -> Result<Bytes, Error> {
        Ok(self.0.into_inner().map_err(|_| Error::Internal("a table in memory"))?.into())
    }
}

/// The head of an answer with a table, which browsers save as a file.
#[must_use]
pub fn answer(file_name: &str) -> actix_web::HttpResponseBuilder {
    let disposition = ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![DispositionParam::Filename(file_name.to_owned())],
    };
    let mut builder = HttpResponse::Ok();
    builder.content_type(TYPE).insert_header((CONTENT_DISPOSITION, disposition));
    builder
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_text_that_looks_like_a_formula_is_none() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1"] {
            let mut sheet = Sheet::with_head(&["a"]).unwrap();
            sheet.row([Cell::text(formula)]).unwrap();
            let bytes = sheet.finish().unwrap();
            let read = csv::Reader::from_reader(bytes.as_ref()).into_records().next().unwrap().unwrap();
            assert_eq!(read.get(0).unwrap(), format!("'{formula}"));
        }
        assert_eq!(Cell::text("a=1").0, "a=1");
        let debit = Money::from_ledger("-12.5".parse().unwrap(), "USD".parse().unwrap());
        assert_eq!(Cell::money(debit).0, "-12.50");
    }

    #[test]
    fn separators_and_quotes_are_read_as_they_were() {
        let mut sheet = Sheet::with_head(&["a", "b"]).unwrap();
        sheet.row([Cell::text("x, \"y\"\r\nz"), Cell::number(7)]).unwrap();
        let bytes = sheet.finish().unwrap();
        assert_eq!(&bytes[..], b"a,b\r\n\"x, \"\"y\"\"\r\nz\",7\r\n");
    }
}
