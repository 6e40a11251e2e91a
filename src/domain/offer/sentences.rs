//! Why a customer cannot choose a channel, in the languages of customers.

use std::fmt;

use super::Ineligible;
use crate::domain::country::Country;
use crate::domain::language::Language;
use crate::domain::payment::Channel;

impl Ineligible {
    /// The reason as a sentence for the customer.
    #[must_use]
    pub fn sentence(&self, channel: Channel, language: Language) -> String {
        let name = name(channel, language);
        match language {
            Language::English => self.english(name),
            Language::Chinese => self.chinese(name),
            Language::Vietnamese => self.vietnamese(name),
        }
    }

    fn english(&self, name: &str) -> String {
        match self {
            Self::ProductsOnly => format!("{name} is for products; the main wallet cannot pay into itself."),
            Self::NotSetUp => format!("{name} is not available at the moment."),
            Self::NotOffered => format!("{name} is not offered here."),
            Self::OtherCurrency(taken) => {
                format!(
                    "{name} takes {} only.",
                    Alternatives(taken.iter().map(|currency| currency.code()), ", ", " or ")
                )
            }
            Self::CountryUnknown(countries) => {
                format!("{name} is only for customers in {}; fill in the billing profile first.", named(countries))
            }
            Self::OtherCountry(countries) => format!("{name} is only for customers in {}.", named(countries)),
            Self::BelowMinimum(minimum) => format!("{name} takes {minimum} or more."),
            Self::AboveMaximum(maximum) => format!("{name} takes {maximum} at most."),
            Self::NothingToCredit => format!("{name} of so little would leave nothing after the fee."),
        }
    }

    fn chinese(&self, name: &str) -> String {
        match self {
            Self::ProductsOnly => format!("{name}仅用于产品充值，主钱包不能给自己充值。"),
            Self::NotSetUp => format!("{name}暂不可用。"),
            Self::NotOffered => format!("此处不支持{name}。"),
            Self::OtherCurrency(taken) => {
                format!("{name}仅支持 {}。", Alternatives(taken.iter().map(|currency| currency.code()), "、", "或 "))
            }
            Self::CountryUnknown(countries) => {
                format!("{name}仅面向以下国家或地区的客户：{}。请先填写账单资料。", coded(countries, "、"))
            }
            Self::OtherCountry(countries) => {
                format!("{name}仅面向以下国家或地区的客户：{}。", coded(countries, "、"))
            }
            Self::BelowMinimum(minimum) => format!("{name}的最低金额为 {minimum}。"),
            Self::AboveMaximum(maximum) => format!("{name}的最高金额为 {maximum}。"),
            Self::NothingToCredit => format!("金额过低：扣除手续费后，{name}没有可入账的金额。"),
        }
    }

    fn vietnamese(&self, name: &str) -> String {
        match self {
            Self::ProductsOnly => {
                format!("{name} chỉ dùng để nạp cho sản phẩm; ví chính không thể tự nạp cho chính nó.")
            }
            Self::NotSetUp => format!("{name} hiện không khả dụng."),
            Self::NotOffered => format!("{name} không được hỗ trợ ở đây."),
            Self::OtherCurrency(taken) => {
                format!(
                    "{name} chỉ nhận {}.",
                    Alternatives(taken.iter().map(|currency| currency.code()), ", ", " hoặc ")
                )
            }
            Self::CountryUnknown(countries) => format!(
                "{name} chỉ dành cho khách hàng tại: {}. Vui lòng điền thông tin thanh toán trước.",
                coded(countries, ", ")
            ),
            Self::OtherCountry(countries) => {
                format!("{name} chỉ dành cho khách hàng tại: {}.", coded(countries, ", "))
            }
            Self::BelowMinimum(minimum) => format!("{name} nhận từ {minimum} trở lên."),
            Self::AboveMaximum(maximum) => format!("{name} nhận tối đa {maximum}."),
            Self::NothingToCredit => {
                format!("{name}: số tiền quá nhỏ, sau phí không còn gì để ghi có.")
            }
        }
    }
}

/// The channel as the beginning of a sentence.
const fn name(channel: Channel, language: Language) -> &'static str {
    match (language, channel) {
        (_, Channel::Paypal) => "PayPal",
        (_, Channel::Vnpay) => "VNPay",
        (Language::English, Channel::Card) => "Card payment",
        (Language::English, Channel::BankTransfer) => "Bank transfer",
        (Language::English, Channel::Balance) => "Payment from the wallet",
        (Language::Chinese, Channel::Card) => "银行卡支付",
        (Language::Chinese, Channel::BankTransfer) => "银行转账",
        (Language::Chinese, Channel::Balance) => "钱包余额支付",
        (Language::Vietnamese, Channel::Card) => "Thanh toán bằng thẻ",
        (Language::Vietnamese, Channel::BankTransfer) => "Chuyển khoản ngân hàng",
        (Language::Vietnamese, Channel::Balance) => "Thanh toán từ ví",
    }
}

fn named(countries: &[Country]) -> String {
    Alternatives(countries.iter().map(|country| country.name()), ", ", " or ").to_string()
}

/// Countries by their codes, which every language reads.
fn coded(countries: &[Country], between: &str) -> String {
    countries.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

/// Writes words as alternatives: `a, b or c`.
struct Alternatives<I>(I, &'static str, &'static str);

impl<'a, I: Iterator<Item = &'a str> + Clone> fmt::Display for Alternatives<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = self.0.clone().peekable();
        let mut first = true;
        while let Some(word) = words.next() {
            if !first {
                f.write_str(if words.peek().is_some() { self.1 } else { self.2 })?;
            }
            f.write_str(word)?;
            first = false;
        }
        Ok(())
    }
}
