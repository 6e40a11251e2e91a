//! VietQR: the text of a QR code from which the app of a bank in Vietnam fills in a transfer. It is an EMVCo code with
//! the fields of NAPAS, the network of Vietnam's banks.
//!
//! A field is its id, the length of its value in two digits, and the value. The last one is a checksum of all before.

use super::money::Money;

/// The network, and its service "transfer to an account".
const NETWORK: &str = "A000000727";
const TO_ACCOUNT: &str = "QRIBFTTA";
/// The only currency of the network, as letters and as ISO 4217 numbers it.
const VND: (&str, &str) = ("VND", "704");
/// The most characters of an account's number, and of what the payer writes.
const MAX_NUMBER: usize = 19;
const MAX_PURPOSE: usize = 25;

/// The text of the code for one transfer. `None` for another currency, and where a bank's app could not read a value.
#[must_use]
pub fn text(napas_bin: &str, account_number: &str, amount: Money, purpose: &str) -> Option<String> {
    // People write a number in groups; a bank's app takes its letters and digits only.
    let number: String = account_number.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '.')).collect();
    let is_number = number.len() <= MAX_NUMBER && number.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if amount.currency().code() != VND.0 || !is_number || purpose.len() > MAX_PURPOSE {
        return None;
    }
    let beneficiary = [field("00", napas_bin)?, field("01", &number)?].concat();
    let account = [field("00", NETWORK)?, field("01", &beneficiary)?, field("02", TO_ACCOUNT)?].concat();
    let fields = [
        field("00", "01")?,
        // A code for one payment.
        field("01", "12")?,
        field("38", &account)?,
        field("53", VND.1)?,
        field("54", &amount.amount().normalize().to_string())?,
        field("58", "VN")?,
        field("62", &field("08", purpose)?)?,
    ];
    let checked = fields.concat() + "6304";
    let checksum = crc16(checked.as_bytes());
    Some(format!("{checked}{checksum:04X}"))
}

fn field(id: &str, value: &str) -> Option<String> {
    let is_plain = value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    (is_plain && (1..=99).contains(&value.len())).then(|| format!("{id}{:02}{value}", value.len()))
}

/// CRC-16/CCITT-FALSE.
fn crc16(bytes: &[u8]) -> u16 {
    let shifted = |crc: u16| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
    bytes.iter().fold(0xFFFF_u16, |crc, byte| (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| shifted(crc)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn money(amount: &str, currency: &str) -> Money {
        Money::new(amount.parse().unwrap(), currency.parse().unwrap()).unwrap()
    }

    /// Codes that other programs make, and bank apps read.
    #[test]
    fn a_code_is_that_of_other_programs() {
        assert_eq!(crc16(b"123456789"), 0x29B1, "the check value of CRC-16/CCITT-FALSE");
        assert_eq!(
            text("970416", "2576-788 59", money("1000", "VND"), "Chuyen tien").unwrap(),
            "00020101021238530010A0000007270123000697041601092576788590208QRIBFTTA5303704540410005802VN62150811Chuyen \
             tien6304BBB8"
        );
    }

    #[test]
    fn what_a_bank_could_not_read_has_none() {
        let (bin, number, amount, purpose) = ("970416", "257678859", money("1000", "VND"), "TU7K3M9QX2");
        assert!(text(bin, number, amount, purpose).is_some());
        assert_eq!(text(bin, number, money("1000", "USD"), purpose), None);
        assert_eq!(text(bin, "12345678901234567890", amount, purpose), None);
        assert_eq!(text(bin, "257678859/01", amount, purpose), None);
        assert_eq!(text(bin, number, amount, "a purpose of many characters"), None);
        assert_eq!(text(bin, number, amount, "tiền"), None);
    }
}
