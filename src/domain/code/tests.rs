//! The tests of the error codes.

use std::collections::BTreeSet;

use super::*;

#[test]
fn each_code_is_another_word() {
    let texts: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(texts.len(), Code::ALL.len());
    for text in texts {
        assert!(text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && text.len() <= 64, "{text}");
    }
}

/// `OrderNotOpen` is `order_not_open`, so that a search for one finds the other.
#[test]
fn a_variant_is_named_as_its_text() {
    for code in Code::ALL {
        let variant = code.as_str().split('_').map(capitalized).collect::<String>();
        assert_eq!(format!("{code:?}"), variant);
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[test]
fn a_meaning_is_one_line_of_sentences() {
    for code in Code::ALL {
        let meaning = code.meaning();
        assert!(meaning.ends_with('.') && !meaning.contains(['\n', '|']), "{code}: {meaning}");
    }
}
