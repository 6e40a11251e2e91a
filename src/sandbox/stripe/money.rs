//! Stripe's currencies and amounts (docs.stripe.com/currencies).

use super::problem::Problem;

/// In lower case, as they must be sent.
pub(super) const CURRENCIES: &[&str] = &[
    "usd", "aed", "afn", "all", "amd", "ang", "aoa", "ars", "aud", "awg", "azn", "bam", "bbd", "bdt", "bgn", "bhd",
    "bif", "bmd", "bnd", "bob", "brl", "bsd", "bwp", "byn", "bzd", "cad", "cdf", "chf", "clp", "cny", "cop", "crc",
    "cve", "czk", "djf", "dkk", "dop", "dzd", "egp", "etb", "eur", "fjd", "fkp", "gbp", "gel", "gip", "gmd", "gnf",
    "gtq", "gyd", "hkd", "hnl", "htg", "huf", "idr", "ils", "inr", "isk", "jmd", "jod", "jpy", "kes", "kgs", "khr",
    "kmf", "krw", "kwd", "kyd", "kzt", "lak", "lbp", "lkr", "lrd", "lsl", "mad", "mdl", "mga", "mkd", "mmk", "mnt",
    "mop", "mur", "mvr", "mwk", "mxn", "myr", "mzn", "nad", "ngn", "nio", "nok", "npr", "nzd", "omr", "pab", "pen",
    "pgk", "php", "pkr", "pln", "pyg", "qar", "ron", "rsd", "rub", "rwf", "sar", "sbd", "scr", "sek", "sgd", "shp",
    "sle", "sos", "srd", "std", "szl", "thb", "tjs", "tnd", "top", "try", "ttd", "twd", "tzs", "uah", "ugx", "uyu",
    "uzs", "vnd", "vuv", "wst", "xaf", "xcd", "xof", "xpf", "yer", "zar", "zmw",
];

/// The table "Zero-decimal currencies" of that page.
const ZERO_DECIMAL: &[&str] =
    &["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"];

/// Of its table "Special cases": they became zero-decimal, but are still written with two decimals, which must be zero.
const WRITTEN_WITH_TWO: &[&str] = &["isk", "ugx"];

const THREE_DECIMAL: &[&str] = &["kwd", "bhd", "jod", "omr", "tnd"];

/// Checks that Stripe accepts an amount, which is in the minor unit of the currency.
pub(super) fn check_amount(amount: i64, currency: &str, param: &str) -> Result<(), Problem> {
    // Half a US dollar is the only minimum that Stripe states. The others depend on exchange rates.
    let least = if currency == "usd" { 50 } else { 1 };
    if amount < least {
        return Err(Problem::invalid(format!(
            "Amount must convert to at least 50 cents. {amount} {currency} is too little."
        ))
        .code("amount_too_small")
        .param(param));
    }
    let most = match currency {
        "idr" => 999_999_999_999,
        currency if ZERO_DECIMAL.contains(&currency) => 9_999_999_999,
        _ => 99_999_999,
    };
    if amount > most {
        return Err(Problem::invalid(format!("Amount must be no more than {most} in the minor unit of {currency}."))
            .code("amount_too_large")
            .param(param));
    }
    if THREE_DECIMAL.contains(&currency) && amount % 10 != 0 {
        return Err(Problem::invalid(format!(
            "Amount in {currency} must be a multiple of ten: its last digit must be 0."
        ))
        .param(param));
    }
    check_whole(amount, currency, param)
}

/// Checks that the last digits are zero where Stripe charges whole units.
fn check_whole(amount: i64, currency: &str, param: &str) -> Result<(), Problem> {
    if WRITTEN_WITH_TWO.contains(&currency) && amount % 100 != 0 {
        let message = format!("Amount in {currency} must be a whole number: its last two digits must be 00.");
        return Err(Problem::invalid(message).param(param));
    }
    Ok(())
}

/// An amount for people: `12.34 USD`, `500000 VND`.
pub(super) fn shown(amount: i64, currency: &str) -> String {
    let code = currency.to_uppercase();
    let digits = if ZERO_DECIMAL.contains(&currency) {
        0
    } else if THREE_DECIMAL.contains(&currency) {
        3
    } else {
        2
    };
    if digits == 0 {
        return format!("{amount} {code}");
    }
    let padded = format!("{amount:0>width$}", width = digits + 1);
    let (whole, fraction) = padded.split_at(padded.len() - digits);
    format!("{whole}.{fraction} {code}")
}
