//! Tax ids: their form and their check digits in the 27 countries of the EU, in China and in Vietnam.
//!
//! A check only finds typing errors. An operator verifies that a tax id exists, and whose it is. The rules below are as
//! the EU Commission (VIES, "structure of VAT numbers") and the authorities of the countries publish it; the vectors of
//! the tests are from python-stdnum 2.2, which shares nothing with this file.

use super::country::Country;

/// Whether a text can be a tax id of a country. Spaces, dots, dashes, slashes and the country's prefix make no
/// difference. A country that is not in the table takes any text.
#[must_use]
pub fn is_plausible(country: Country, text: &str) -> bool {
    let compact: String =
        text.chars().filter(|c| !matches!(c, ' ' | '.' | '-' | '/' | ':' | ',')).collect::<String>().to_uppercase();
    let Some((_, prefix, check)) = CHECKS.iter().find(|(code, ..)| *code == country.code()) else { return true };
    let number = compact.strip_prefix(prefix).unwrap_or(&compact);
    number.is_ascii() && check(number)
}

type Check = fn(&str) -> bool;

/// Country, prefix and check.
const CHECKS: [(&str, &str, Check); 29] = [
    ("AT", "AT", austria),
    ("BE", "BE", belgium),
    ("BG", "BG", bulgaria),
    ("CN", "CN", china),
    ("CY", "CY", cyprus),
    ("CZ", "CZ", czechia),
    ("DE", "DE", germany),
    ("DK", "DK", |n| has(n, 8) && !n.starts_with('0') && weighted(n, &[2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)),
    ("EE", "EE", |n| has(n, 9) && weighted(n, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)),
    ("ES", "ES", spain),
    ("FI", "FI", |n| has(n, 8) && weighted(n, &[7, 9, 10, 5, 8, 4, 2, 1]).is_multiple_of(11)),
    ("FR", "FR", france),
    ("GR", "EL", |n| has(n, 9) && weighted(n, &[256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10 == last(n)),
    ("HR", "HR", |n| has(n, 11) && is_mod_11_10(n)),
    ("HU", "HU", |n| has(n, 8) && weighted(n, &[9, 7, 3, 1, 9, 7, 3, 1]).is_multiple_of(10)),
    ("IE", "IE", ireland),
    ("IT", "IT", |n| has(n, 11) && !n.starts_with("0000000") && luhn(n) == 0),
    ("LT", "LT", lithuania),
    ("LU", "LU", |n| has(n, 8) && n.split_at_checked(6).is_some_and(|(body, check)| value(body) % 89 == value(check))),
    ("LV", "LV", latvia),
    ("MT", "MT", |n| has(n, 8) && !n.starts_with('0') && weighted(n, &[3, 4, 6, 7, 8, 9, 10, 1]).is_multiple_of(37)),
    ("NL", "NL", netherlands),
    ("PL", "PL", |n| has(n, 10) && weighted(n, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == last(n)),
    ("PT", "PT", |n| has(n, 9) && !n.starts_with('0') && (11 - weighted(n, &DOWN_FROM_9) % 11) % 11 % 10 == last(n)),
    ("RO", "RO", romania),
    ("SE", "SE", |n| has(n, 12) && n.strip_suffix("01").is_some_and(|n| luhn(n) == 0)),
    ("SI", "SI", |n| has(n, 8) && !n.starts_with('0') && slovenian(weighted(n, &DOWN_FROM_8) % 11) == Some(last(n))),
    // The number of a company, or of a person as in Czechia.
    ("SK", "SK", |n| has(n, 10) && (value(n).is_multiple_of(11) || czechia(n))),
    ("VN", "VN", vietnam),
];

const DOWN_FROM_9: [u64; 8] = [9, 8, 7, 6, 5, 4, 3, 2];
const DOWN_FROM_8: [u64; 7] = [8, 7, 6, 5, 4, 3, 2];

/// Whether it is exactly this many digits.
fn has(number: &str, digits: usize) -> bool {
    number.len() == digits && are_digits(number)
}

fn are_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The values of the digits; a letter counts as 0.
fn digits(text: &str) -> impl DoubleEndedIterator<Item = u64> {
    text.chars().map(|c| u64::from(c.to_digit(10).unwrap_or(0)))
}

/// The number that the digits make.
fn value(text: &str) -> u64 {
    digits(text).fold(0, |sum, digit| sum * 10 + digit)
}

/// The sum of the digits, each times its weight; digits without a weight do not count.
fn weighted(number: &str, weights: &[u64]) -> u64 {
    digits(number).zip(weights).map(|(digit, weight)| digit * weight).sum()
}

fn last(number: &str) -> u64 {
    digits(number).next_back().unwrap_or(0)
}

/// The checksum of Luhn.
fn luhn(number: &str) -> u64 {
    let doubled = |digit: u64| digit * 2 / 10 + digit * 2 % 10;
    let worth = |(n, digit): (usize, u64)| if n % 2 == 0 { digit } else { doubled(digit) };
    digits(number).rev().enumerate().map(worth).sum::<u64>() % 10
}

/// ISO 7064, MOD 11,10.
fn is_mod_11_10(number: &str) -> bool {
    let check = digits(number).fold(5, |check, digit| {
        let before = if check == 0 { 10 } else { check };
        (before * 2 % 11 + digit) % 10
    });
    check == 1
}

/// The place of a character in an alphabet.
fn place(alphabet: &str, c: char) -> Option<u64> {
    alphabet.chars().position(|one| one == c).and_then(|place| u64::try_from(place).ok())
}

/// The character at a place of an alphabet.
fn letter(alphabet: &str, place: u64) -> Option<char> {
    usize::try_from(place).ok().and_then(|place| alphabet.chars().nth(place))
}

fn austria(number: &str) -> bool {
    let Some(digits) = number.strip_prefix('U') else { return false };
    let Some((body, _)) = digits.split_at_checked(7) else { return false };
    has(digits, 8) && (16 - luhn(body)) % 10 == last(digits)
}

fn belgium(number: &str) -> bool {
    // The older form leaves out the first 0.
    let number = if number.len() == 9 { format!("0{number}") } else { number.to_owned() };
    let Some((body, check)) = number.split_at_checked(8) else { return false };
    has(&number, 10)
        && number.starts_with(['0', '1'])
        && value(body) > 0
        && (value(body) + value(check)).is_multiple_of(97)
}

/// 9 digits of a company; 10 of a person, of a foreigner, or of others.
fn bulgaria(number: &str) -> bool {
    let check = last(number);
    if has(number, 9) {
        let first = weighted(number, &[1, 2, 3, 4, 5, 6, 7, 8]) % 11;
        let check_digit = if first == 10 { weighted(number, &[3, 4, 5, 6, 7, 8, 9, 10]) % 11 % 10 } else { first };
        return check_digit == check;
    }
    has(number, 10)
        && (weighted(number, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == check
            || weighted(number, &[21, 19, 17, 13, 11, 9, 7, 3, 1]) % 10 == check
            || (11 - weighted(number, &[4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11 == check)
}

/// The unified social credit code of GB 32100, the older 15 digits, or the identity number of a person.
fn china(number: &str) -> bool {
    const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    const WEIGHTS: [u64; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
    const OF_A_PERSON: [u64; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    if number.len() == 15 {
        return number.chars().all(|c| c.is_ascii_alphanumeric());
    }
    let Some((body, check)) = number.split_at_checked(17).filter(|_| number.len() == 18) else { return false };
    let places: Option<Vec<u64>> = body.chars().map(|c| place(ALPHABET, c)).collect();
    let sum = places.map(|places| places.iter().zip(WEIGHTS).map(|(place, weight)| place * weight).sum::<u64>());
    let of_company = sum.and_then(|sum| letter(ALPHABET, (31 - sum % 31) % 31));
    let of_person = letter("10X98765432", weighted(body, &OF_A_PERSON) % 11).filter(|_| are_digits(body));
    let check = check.chars().next();
    check.is_some() && (of_company == check || of_person == check)
}

fn cyprus(number: &str) -> bool {
    const ODD: [u64; 10] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21];
    let Some((body, check)) = number.split_at_checked(8) else { return false };
    let worth = |(n, digit): (usize, u64)| match n % 2 {
        0 => usize::try_from(digit).ok().and_then(|digit| ODD.get(digit).copied()).unwrap_or(0),
        _ => digit,
    };
    let sum: u64 = digits(body).enumerate().map(worth).sum();
    has(body, 8) && !body.starts_with("12") && check.chars().eq(letter("ABCDEFGHIJKLMNOPQRSTUVWXYZ", sum % 26))
}

/// 8 digits of a company; 9 or 10 of a person: the day of birth, and 3 or 4 more. 9 digits that begin with 6 are a
/// special case with a check digit.
fn czechia(number: &str) -> bool {
    if has(number, 8) {
        let check = (11 - weighted(number, &DOWN_FROM_8) % 11) % 11;
        return !number.starts_with('9') && (if check == 0 { 1 } else { check }) % 10 == last(number);
    }
    if let Some(special) = number.strip_prefix('6').filter(|rest| has(rest, 8)) {
        return (18 - (10 - weighted(special, &DOWN_FROM_8) % 11) % 11) % 10 == last(special);
    }
    let (Some((body, _)), Some(month)) = (number.split_at_checked(9), number.get(2..4)) else { return false };
    let is_born = (1..=12).contains(&(value(month) % 50 % 20));
    is_born && (has(number, 9) || (has(number, 10) && value(body) % 11 % 10 == last(number)))
}

fn germany(number: &str) -> bool {
    has(number, 9) && !number.starts_with('0') && is_mod_11_10(number)
}

fn spain(number: &str) -> bool {
    let (Some(first), Some((body, check))) = (number.chars().next(), number.split_at_checked(8)) else { return false };
    let (Some(middle), Some(check)) = (body.get(1..), check.chars().next()) else { return false };
    if number.len() != 9 || !has(middle, 7) {
        return false;
    }
    let of_person = |number: u64| letter("TRWAGMYFPDXBNJZSQVHLCKE", number % 23) == Some(check);
    match first {
        '0'..='9' => of_person(value(body)),
        'K' | 'L' | 'M' => of_person(value(middle)),
        'X' => of_person(value(middle)),
        'Y' => of_person(10_000_000 + value(middle)),
        'Z' => of_person(20_000_000 + value(middle)),
        'A'..='J' | 'N' | 'P'..='S' | 'U'..='W' if first != 'I' => {
            let digit = (10 - luhn(&format!("{middle}0"))) % 10;
            check.to_digit(10).map(u64::from) == Some(digit) || letter("JABCDEFGHI", digit) == Some(check)
        }
        _ => false,
    }
}

fn france(number: &str) -> bool {
    const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let Some((key, siren)) = number.split_at_checked(2).filter(|(_, siren)| has(siren, 9)) else { return false };
    if !siren.starts_with("000") && luhn(siren) != 0 {
        return false;
    }
    if are_digits(key) {
        return value(key) == (value(siren) * 100 + 12) % 97;
    }
    let mut places = key.chars().map(|c| place(ALPHABET, c));
    let (Some(Some(first)), Some(Some(second))) = (places.next(), places.next()) else { return false };
    let check = match first {
        0..=9 => (first * 24 + second).checked_sub(10),
        _ => (first * 34 + second).checked_sub(100),
    };
    check.is_some_and(|check| (value(siren) + 1 + check / 11) % 11 == check % 11)
}

fn ireland(number: &str) -> bool {
    const ALPHABET: &str = "WABCDEFGHIJKLMNOPQRSTUV";
    let check = |digits: &str, behind: Option<char>, check: Option<char>| {
        let behind = behind.map_or(Some(0), |c| place(ALPHABET, c));
        let sum = behind.map(|behind| weighted(digits, &DOWN_FROM_8) + 9 * behind);
        sum.is_some_and(|sum| check.is_some() && letter(ALPHABET, sum % 23) == check)
    };
    let Some((body, letters)) = number.split_at_checked(7).filter(|_| matches!(number.len(), 8 | 9)) else {
        return false;
    };
    let mut letters = letters.chars();
    let (first, second) = (letters.next(), letters.next());
    if are_digits(body) {
        return check(body, second, first);
    }
    // The older form has a letter or a sign in the second place.
    let (Some(head), Some(mark), Some(middle)) = (body.get(..1), body.chars().nth(1), body.get(2..)) else {
        return false;
    };
    are_digits(head)
        && (mark.is_ascii_uppercase() || matches!(mark, '+' | '*'))
        && are_digits(middle)
        && check(&format!("0{middle}{head}"), None, first)
}

/// 9 digits of a company; 12 of a temporary payer.
fn lithuania(number: &str) -> bool {
    let body = number.len().checked_sub(1).and_then(|end| number.get(..end)).unwrap_or_default();
    let sum = |from: u64| digits(body).zip(0_u64..).map(|(digit, n)| (1 + (n + from) % 9) * digit).sum::<u64>() % 11;
    let check = if sum(0) == 10 { sum(2) % 10 } else { sum(0) };
    (has(number, 9) || has(number, 12)) && body.ends_with('1') && check == last(number)
}

fn latvia(number: &str) -> bool {
    let of_company = weighted(number, &[9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1]) % 11 == 3;
    let of_person = (1 + weighted(number, &[10, 5, 8, 4, 2, 1, 6, 3, 7, 9])) % 11 % 10 == last(number);
    has(number, 11) && if number.starts_with(['0', '1', '2', '3']) { of_person } else { of_company }
}

/// Nine digits, `B` and two digits: the number of a citizen or a company, or, since 2020, a checksum over all of it.
fn netherlands(number: &str) -> bool {
    let Some((body, suffix)) = number.split_once('B') else { return false };
    if !has(body, 9) || !has(suffix, 2) || value(body) == 0 || value(suffix) == 0 {
        return false;
    }
    // N is 23, L is 21 and B is 11.
    let whole = value(&format!("2321{body}11{suffix}"));
    weighted(body, &DOWN_FROM_9) % 11 == last(body) || whole % 97 == 1
}

/// 2 to 10 digits of a company; 13 of a person.
fn romania(number: &str) -> bool {
    if has(number, 13) {
        let check = weighted(number, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
        return (if check == 10 { 1 } else { check }) == last(number);
    }
    let padded = format!("{number:0>10}");
    (2..=10).contains(&number.len())
        && are_digits(number)
        && !number.starts_with('0')
        && weighted(&padded, &[7, 5, 3, 2, 1, 7, 5, 3, 2]) * 10 % 11 % 10 == last(number)
}

fn slovenian(sum: u64) -> Option<u64> {
    match 11 - sum {
        11 => None,
        check => Some(check % 10),
    }
}

/// 10 digits, with 3 more for a branch; 12 are the identity number of a person, which has no check digit.
fn vietnam(number: &str) -> bool {
    let Some((body, branch)) = number.split_at_checked(10) else { return false };
    match branch.len() {
        2 => are_digits(number),
        0 | 3 => {
            let sum = weighted(body, &[31, 29, 23, 19, 17, 13, 7, 5, 3]);
            are_digits(number) && branch != "000" && 10 - sum % 11 == last(body)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn plausible(country: &str, text: &str) -> bool {
        is_plausible(country.parse().unwrap(), text)
    }

    /// One vector a line: country, `good` or `bad`, and the tax id.
    #[test]
    fn another_library_says_the_same_of_every_vector() {
        let vectors = include_str!("tax_id_vectors.txt");
        let mut countries = std::collections::BTreeMap::new();
        for line in vectors.lines() {
            let (country, rest) = line.split_once(' ').unwrap();
            let (word, id) = rest.split_once(' ').unwrap();
            assert_eq!(plausible(country, id), word == "good", "{line}");
            countries.entry(country).or_insert([0, 0])[usize::from(word == "good")] += 1;
        }
        assert!(CHECKS.iter().all(|(code, ..)| countries.get(code).is_some_and(|[bad, good]| bad.min(good) >= &5)));
        assert_eq!(countries.len(), CHECKS.len());
    }

    #[test]
    fn a_prefix_and_signs_make_no_difference() {
        for text in ["DE136695976", "de 136 695 976", "136695976", "DE-136.695.976"] {
            assert!(plausible("DE", text), "{text}");
        }
        assert!(plausible("GR", "EL 094259216"));
        assert!(!plausible("DE", "") && !plausible("DE", "13669597") && !plausible("DE", "Ä36695976"));
    }

    #[test]
    fn vietnam_takes_branches_and_people_and_china_people_and_older_numbers() {
        assert!(plausible("VN", "0100109106-001") && plausible("VN", "079123456789"));
        assert!(!plausible("VN", "0100109106-000") && !plausible("VN", "01001091061"));
        assert!(plausible("CN", "11010519491231002X") && !plausible("CN", "110105194912310021"));
        assert!(plausible("CN", "110105194912310"));
    }

    #[test]
    fn other_countries_take_any_text() {
        assert!(plausible("US", "12-3456789") && plausible("CH", "whatever"));
    }
}
