//! Medians and other arithmetic of measurements.
#![allow(clippy::as_conversions, reason = "counts and microseconds of a benchmark are exact in a float")]

use std::time::Duration;

/// The middle value; for an even number of values, the mean of the two in the middle. Zero if there are none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2).copied().unwrap_or_default();
    let lower = values.get((values.len().max(1) - 1) / 2).copied().unwrap_or_default();
    f64::midpoint(lower, upper)
}

/// `part` of 0 to 1 of the values are at most this.
pub fn percentile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len() as f64 * part) as usize;
    values.get(at.min(values.len().saturating_sub(1))).copied().unwrap_or_default()
}

pub fn float(count: u64) -> f64 {
    count as f64
}

pub fn per_second(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(1e-9)
}

/// Zero if there are no values, instead of NaN.
pub fn divided(value: f64, by: f64) -> f64 {
    if by == 0.0 { 0.0 } else { value / by }
}

/// With commas between thousands; small numbers keep two decimals.
pub fn shown(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
