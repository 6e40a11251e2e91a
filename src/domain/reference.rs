//! The reference code that a customer writes on a bank transfer.
//!
//! It has ten characters: `TU`, seven characters of Crockford's base 32, and one check character. That is short enough
//! for every bank's field, and no letter looks like a digit. Banks and people change case, drop punctuation and insert
//! spaces; [`parse_reference`] undoes that. The check character catches typing errors.

/// Crockford's base 32: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const PREFIX: &str = "TU";
const DIGITS: usize = 7;

/// Makes a reference from random bits. It uses the lowest 35.
#[must_use]
pub fn make_reference(random: u64) -> String {
    let values: Vec<u8> = (0..DIGITS).map(|n| u8::try_from((random >> (5 * n)) & 31).unwrap_or(0)).collect();
    let mut code = String::from(PREFIX);
    code.extend(values.iter().map(|value| letter(*value)));
    code.push(letter(check_value(&values)));
    code
}

/// Reads a reference as a bank delivers it. Case, spaces and punctuation do not matter, and O, I and L are read as the
/// digits 0 and 1. `None` if the text is not one of our references.
#[must_use]
pub fn parse_reference(text: &str) -> Option<String> {
    let cleaned: String = text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
    let digits = cleaned.strip_prefix(PREFIX)?;
    let values: Vec<u8> = digits.bytes().map(value).collect::<Option<_>>()?;
    let (check, body) = values.split_last()?;
    if body.len() != DIGITS || *check != check_value(body) {
        return None;
    }
    Some(PREFIX.chars().chain(values.iter().map(|value| letter(*value))).collect())
}

/// The references in a text of a bank, wherever they are in it and however they are split. Each is returned once.
#[must_use]
pub fn find_references(text: &str) -> Vec<String> {
    let cleaned: String = text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
    let mut found = Vec::new();
    for (at, _) in cleaned.match_indices(PREFIX) {
        let window = cleaned.get(at..at + PREFIX.len() + DIGITS + 1);
        if let Some(reference) = window.and_then(parse_reference).filter(|reference| !found.contains(reference)) {
            found.push(reference);
        }
    }
    found
}

/// The beginning of a reference, as [`parse_reference`] would read the whole. `None` for a text that begins none.
#[must_use]
pub fn reference_prefix(text: &str) -> Option<String> {
    let cleaned: String = text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
    let digits = cleaned.strip_prefix(PREFIX)?;
    let values: Vec<u8> = digits.bytes().map(value).collect::<Option<_>>()?;
    let is_short_enough = values.len() <= DIGITS + 1;
    is_short_enough.then(|| PREFIX.chars().chain(values.iter().map(|value| letter(*value))).collect())
}

/// A weighted sum modulo 31. Every single wrong character and every swap of two neighbours changes it. The only
/// exception is the pair of values 0 and 31, `0` and `Z`, which people do not confuse.
fn check_value(values: &[u8]) -> u8 {
    let sum: u32 = values.iter().zip(2_u32..).map(|(value, weight)| u32::from(*value) * weight).sum();
    u8::try_from(sum % 31).unwrap_or(0)
}

fn letter(value: u8) -> char {
    ALPHABET.get(usize::from(value)).map_or('0', |byte| char::from(*byte))
}

fn value(byte: u8) -> Option<u8> {
    let meant = match byte {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        other => other,
    };
    ALPHABET.iter().position(|known| *known == meant).and_then(|position| u8::try_from(position).ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn survives_what_banks_do(random: u64) {
            let code = make_reference(random);
            prop_assert_eq!(code.len(), 10);
            let mangled = format!(" {}-{} {}. ", &code[..2].to_lowercase(), &code[2..6].to_lowercase(), &code[6..]);
            prop_assert_eq!(parse_reference(&mangled), Some(code));
        }

        #[test]
        fn notices_one_wrong_character(random: u64, at in 2_usize..9, other in 0_usize..32) {
            let code = make_reference(random);
            let mut wrong: Vec<u8> = code.bytes().collect();
            let (was, is) = (value(wrong[at]).unwrap(), u8::try_from(other).unwrap());
            prop_assume!(was != is && was.abs_diff(is) != 31);
            wrong[at] = ALPHABET[other];
            prop_assert_eq!(parse_reference(std::str::from_utf8(&wrong).unwrap()), None);
        }

        #[test]
        fn notices_two_neighbours_swapped(random: u64, at in 2_usize..8) {
            let code = make_reference(random);
            let mut wrong: Vec<u8> = code.bytes().collect();
            prop_assume!(!value(wrong[at]).unwrap().abs_diff(value(wrong[at + 1]).unwrap()).is_multiple_of(31));
            wrong.swap(at, at + 1);
            prop_assert_eq!(parse_reference(std::str::from_utf8(&wrong).unwrap()), None);
        }
    }

    #[test]
    fn finds_references_in_the_text_of_a_bank() {
        let (one, two) = (make_reference(7), make_reference(1 << 30));
        let text = format!("TUITION payment/{} {} and {one}; ref:{two}.TU", &one[..4], &one[4..].to_lowercase());
        assert_eq!(find_references(&text), [one, two]);
        assert_eq!(find_references("TUESDAY, TU0000000U"), Vec::<String>::new());
    }

    #[test]
    fn refuses_what_is_not_ours() {
        for text in ["", "TU", "TU00000000Z", "XX00000000", "TU0000000U"] {
            assert_eq!(parse_reference(text), None, "{text}");
        }
    }
}
