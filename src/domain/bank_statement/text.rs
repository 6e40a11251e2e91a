//! Texts and amounts as banks write them.

use chrono::NaiveDate;
use encoding_rs::{Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::Unreadable;

/// How a file's characters are written, unless a mark at its beginning says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextEncoding {
    Utf8,
    /// GBK, as part of GB 18030.
    Gbk,
    Utf16Le,
    Utf16Be,
    Windows1252,
}

impl TextEncoding {
    pub const ALL: [Self; 5] = [Self::Utf8, Self::Gbk, Self::Utf16Le, Self::Utf16Be, Self::Windows1252];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Gbk => "gbk",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::Windows1252 => "windows-1252",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.as_str() == text)
    }

    fn encoding(self) -> &'static Encoding {
        match self {
            Self::Utf8 => UTF_8,
            Self::Gbk => GB18030,
            Self::Utf16Le => UTF_16LE,
            Self::Utf16Be => UTF_16BE,
            Self::Windows1252 => WINDOWS_1252,
        }
    }
}

/// Reads a file's characters. Its byte order mark decides, or else the mapping of the account. Without both it is
/// UTF-8.
///
/// # Errors
/// [`Unreadable`] for bytes that are no text in this encoding: no character is guessed.
pub fn decode(bytes: &[u8], said: Option<TextEncoding>) -> Result<String, Unreadable> {
    let (encoding, mark) = Encoding::for_bom(bytes).unwrap_or((said.unwrap_or(TextEncoding::Utf8).encoding(), 0));
    let text = bytes.get(mark..).and_then(|rest| encoding.decode_without_bom_handling_and_without_replacement(rest));
    match text {
        Some(text) => Ok(text.into_owned()),
        None => Err(Unreadable::new(format!("the file is not a text in {}", encoding.name()))),
    }
}

/// Reads an amount: with spaces or marks between thousands, with a sign on either side or in brackets, next to the name
/// or the sign of a currency. `None` for what can be read in two ways.
#[must_use]
pub fn amount(text: &str, decimal_comma: bool) -> Option<Decimal> {
    let text: String = text.nfkc().filter(|c| !c.is_whitespace() && *c != '\'').collect();
    let is_unit = |c: char| c.is_alphabetic() || matches!(c, '¥' | '$' | '€' | '₫' | '£');
    let text = text.trim_matches(is_unit);
    let (text, brackets) = match text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) {
        Some(inside) => (inside, true),
        None => (text, false),
    };
    let minus = ['-', '\u{2212}'];
    let unsigned = text.trim_matches(minus).trim_start_matches('+').trim_matches(is_unit);
    let signs = text.chars().count() - unsigned.chars().count();
    let negative = text.contains(minus);
    let (point, mark) = if decimal_comma { (',', '.') } else { ('.', ',') };
    let (whole, fraction) = unsigned.split_once(point).unwrap_or((unsigned, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let mut groups = whole.split(mark);
    let first = groups.next().unwrap_or_default();
    let rest: Vec<&str> = groups.collect();
    let is_grouped = rest.is_empty() || (1..=3).contains(&first.len()) && rest.iter().all(|group| group.len() == 3);
    let is_plain = !first.is_empty() && digits(first) && rest.iter().all(|group| digits(group)) && digits(fraction);
    if !is_grouped || !is_plain || unsigned.len() > 30 || (negative && signs > 4) || (negative && brackets) {
        return None;
    }
    let value: Decimal = format!("{first}{}.{fraction}0", rest.concat()).parse().ok()?;
    Some(if negative || brackets { -value } else { value })
}

/// Reads a day in the form that the mapping names.
pub(super) fn day(text: &str, form: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text.trim(), form).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_banks_write_them() {
        for (text, decimal_comma, read) in [
            ("1,234.56", false, Some("1234.56")),
            ("1.234,56", true, Some("1234.56")),
            ("1 234,56", true, Some("1234.56")),
            ("1\u{a0}234\u{202f}567,8", true, Some("1234567.8")),
            ("-12.30", false, Some("-12.3")),
            ("\u{2212}12.30", false, Some("-12.3")),
            ("12.30-", false, Some("-12.3")),
            ("(12.30)", false, Some("-12.3")),
            ("+12.30", false, Some("12.3")),
            ("￥１，２３４．５６", false, Some("1234.56")),
            ("CNY 5", false, Some("5")),
            ("-CNY 5.00", false, Some("-5")),
            ("5.000.000 ₫", true, Some("5000000")),
            ("100,", true, Some("100")),
            ("1,23", false, None),
            ("1.23", true, None),
            ("1,2345.00", false, None),
            ("1.2.3", false, None),
            ("-(1.00)", false, None),
            ("", false, None),
            ("abc", false, None),
            ("1e3", false, None),
        ] {
            let expected: Option<Decimal> = read.and_then(|read| read.parse().ok());
            assert_eq!(amount(text, decimal_comma), expected, "{text}");
        }
    }

    #[test]
    fn a_file_that_is_no_text_is_refused() {
        assert!(decode(&[0xff, 0xfe, 0x00], None).is_err());
        assert!(decode(&[0xd6, 0xd0], None).is_err());
        assert_eq!(decode(&[0xd6, 0xd0], Some(TextEncoding::Gbk)).as_deref(), Ok("中"));
        assert_eq!(decode(&[0xff, 0xfe, 0x2d, 0x4e], None).as_deref(), Ok("中"));
        assert_eq!(decode(&[0xef, 0xbb, 0xbf, b'a'], Some(TextEncoding::Gbk)).as_deref(), Ok("a"));
    }
}
