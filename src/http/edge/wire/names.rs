//! Names and codes: customers, currencies, products, providers, and what callers choose themselves.

use std::borrow::Cow;

use super::{BrokenRule, Form, Inlined, Shape, Show, Text, TextRule, text};
use crate::app::Problems;
use crate::domain::code::Code;
use crate::domain::country::{Country, UnknownCountry};
use crate::domain::customer::CustomerId;
use crate::domain::money::{Currency, MoneyError, parse_plain_decimal};
use crate::domain::payment::ProviderName;
use crate::domain::percent::Percent;
use crate::domain::product::Product;
use crate::domain::reference::parse_reference;

/// The platform's own id of a customer.
pub type CustomerIdText = Text<Customer>;
/// An ISO 4217 currency.
pub type CurrencyCode = Text<CurrencyForm>;
/// A product, where absent or null means the main wallet.
pub type ProductCode = Text<ProductForm>;
/// A product; the empty text means the main wallet.
pub type ProductFilter = Text<ProductFilterForm>;
/// The caller's own id of a usage, a hold or a reversal.
pub type DedupeId = Text<DedupeIdForm>;
/// A language as BCP 47 writes it.
pub type LanguageTag = Text<LanguageForm>;
/// A payment company, or `bank`.
pub type ProviderText = Text<ProviderForm>;
/// The short code that a payer writes on a bank transfer.
pub type ReferenceCode = Text<ReferenceForm>;
/// A reference code as it came through a bank.
pub type ReferenceFilter = Text<ReferenceFilterForm>;
/// An ISO 3166-1 country.
pub type CountryCode = Text<CountryForm>;
/// A version of the agreement.
pub type AgreementVersion = Text<AgreementForm>;
/// A percentage.
pub type PercentText = Text<PercentForm>;

pub(super) fn forms() -> Vec<Inlined> {
    vec![
        text::<Customer>(),
        text::<CurrencyForm>(),
        text::<ProductForm>(),
        text::<ProductFilterForm>(),
        text::<DedupeIdForm>(),
        text::<LanguageForm>(),
        text::<ProviderForm>(),
        text::<ReferenceForm>(),
        text::<ReferenceFilterForm>(),
        text::<CountryForm>(),
        text::<AgreementForm>(),
        text::<PercentForm>(),
    ]
}

#[derive(Debug)]
pub enum Customer {}

impl Form for Customer {
    const NAME: &'static str = "CustomerIdText";

    fn shape() -> Shape {
        Shape {
            description: Some("The platform's own id of the customer; case matters."),
            // One character, two characters, or more: so `.`, `..` and `~` alone are left out without look-ahead.
            pattern: Some(Cow::Borrowed(concat!(
                r"^([!$&-,/->@-\[\]-}-]",
                r"|[!$&-,/->@-\[\]-~-][!$&->@-\[\]-~]|\.[!$&-,/->@-\[\]-~-]",
                r"|[!$&->@-\[\]-~]{3,128})$",
            ))),
            max_length: 128,
            example: Cow::Borrowed("demo"),
            ..Shape::default()
        }
    }
}

impl TextRule for Customer {
    type Value = CustomerId;

    fn parse(text: &str) -> Result<CustomerId, BrokenRule> {
        CustomerId::new(text).ok_or_else(|| BrokenRule::new(Code::Malformed, CustomerId::RULE))
    }
}

impl Show for Customer {
    type Value = CustomerId;

    fn show(customer: &CustomerId) -> String {
        customer.as_str().to_owned()
    }
}

#[derive(Debug)]
pub enum CurrencyForm {}

impl Form for CurrencyForm {
    const NAME: &'static str = "CurrencyCode";

    fn shape() -> Shape {
        Shape {
            description: Some("An ISO 4217 currency code in upper case."),
            pattern: Some(Cow::Borrowed("^[A-Z]{3}$")),
            max_length: 3,
            example: Cow::Borrowed("CNY"),
            ..Shape::default()
        }
    }
}

impl TextRule for CurrencyForm {
    type Value = Currency;

    fn parse(text: &str) -> Result<Currency, BrokenRule> {
        text.parse().map_err(|error: MoneyError| BrokenRule::new(error.code(), error.to_string()))
    }
}

impl Show for CurrencyForm {
    type Value = Currency;

    fn show(currency: &Currency) -> String {
        currency.code().to_owned()
    }
}

#[derive(Debug)]
pub enum ProductForm {}

impl Form for ProductForm {
    const NAME: &'static str = "ProductCode";

    fn shape() -> Shape {
        Shape {
            description: Some("The code of a product."),
            pattern: Some(Cow::Borrowed("^[a-z0-9_-]{1,32}$")),
            max_length: 32,
            example: Cow::Borrowed("whatsapp"),
            null: Some("The product; null for the main wallet."),
            ..Shape::default()
        }
    }
}

impl TextRule for ProductForm {
    type Value = Product;

    /// A code that breaks the rule names no product, so both are the same problem to the caller.
    fn parse(text: &str) -> Result<Product, BrokenRule> {
        Product::new(text).ok_or_else(|| BrokenRule::new(Code::UnknownProduct, "is not a product of this platform"))
    }
}

impl ProductCode {
    /// Shows a product; `None` is the main wallet.
    #[must_use]
    pub fn of_product(product: &Product) -> Option<Self> {
        product.code().map(Self::new)
    }

    /// Reads a product; an absent one is the main wallet.
    pub fn read_or_main(field: Option<&Self>, problems: &mut Problems, pointer: &str) -> Option<Product> {
        field.map_or_else(|| Some(Product::main()), |code| code.read(problems, pointer))
    }
}

#[derive(Debug)]
pub enum ProductFilterForm {}

impl Form for ProductFilterForm {
    const NAME: &'static str = "ProductFilter";

    fn shape() -> Shape {
        Shape {
            pattern: Some(Cow::Borrowed("^[a-z0-9_-]{0,32}$")),
            max_length: 32,
            example: Cow::Borrowed("whatsapp"),
            ..Shape::default()
        }
    }
}

impl TextRule for ProductFilterForm {
    type Value = Product;

    fn parse(text: &str) -> Result<Product, BrokenRule> {
        let product = if text.is_empty() { Some(Product::main()) } else { Product::new(text) };
        product.ok_or_else(|| BrokenRule::new(Code::Malformed, "must be 1 to 32 of a-z 0-9 _ -, or empty"))
    }
}

impl ProductFilter {
    /// Reads a product; an absent or empty one is the main wallet.
    pub fn read_or_main(field: Option<&Self>, problems: &mut Problems, pointer: &str) -> Option<Product> {
        field.map_or_else(|| Some(Product::main()), |code| code.read(problems, pointer))
    }
}

#[derive(Debug)]
pub enum DedupeIdForm {}

impl Form for DedupeIdForm {
    const NAME: &'static str = "DedupeId";

    fn shape() -> Shape {
        Shape {
            pattern: Some(Cow::Borrowed("^[!-~]{1,128}$")),
            min_length: Some(1),
            max_length: 128,
            example: Cow::Borrowed("msg-0001"),
            ..Shape::default()
        }
    }
}

impl TextRule for DedupeIdForm {
    type Value = String;

    fn parse(text: &str) -> Result<String, BrokenRule> {
        let visible = (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        let broken = || BrokenRule::new(Code::Malformed, "must be 1 to 128 visible ASCII characters");
        visible.then(|| text.to_owned()).ok_or_else(broken)
    }
}

#[derive(Debug)]
pub enum LanguageForm {}

impl Form for LanguageForm {
    const NAME: &'static str = "LanguageTag";

    fn shape() -> Shape {
        Shape {
            pattern: Some(Cow::Borrowed("^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")),
            max_length: 16,
            example: Cow::Borrowed("en"),
            ..Shape::default()
        }
    }
}

impl TextRule for LanguageForm {
    type Value = String;

    fn parse(text: &str) -> Result<String, BrokenRule> {
        let mut parts = text.split('-');
        let language = parts.next().unwrap_or_default();
        let is_tag = text.len() <= 16
            && (2..=3).contains(&language.len())
            && language.bytes().all(|byte| byte.is_ascii_alphabetic())
            && parts.all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let rule = "must be a language tag such as en or zh-CN, of at most 16 characters";
        is_tag.then(|| text.to_owned()).ok_or_else(|| BrokenRule::new(Code::Malformed, rule))
    }
}

#[derive(Debug)]
pub enum ProviderForm {}

impl Form for ProviderForm {
    const NAME: &'static str = "ProviderText";

    fn shape() -> Shape {
        Shape {
            description: Some("The payment company: `stripe`, `paypal`, `vnpay`, or `bank` for bank transfers."),
            pattern: Some(Cow::Borrowed("^(stripe|paypal|vnpay|bank|balance)$")),
            max_length: 32,
            example: Cow::Borrowed("stripe"),
            ..Shape::default()
        }
    }
}

impl TextRule for ProviderForm {
    type Value = ProviderName;

    fn parse(text: &str) -> Result<ProviderName, BrokenRule> {
        text.parse().map_err(|()| BrokenRule::new(Code::Malformed, "must be stripe, paypal, vnpay or bank"))
    }
}

#[derive(Debug)]
pub enum ReferenceForm {}

impl Form for ReferenceForm {
    const NAME: &'static str = "ReferenceCode";

    fn shape() -> Shape {
        Shape { max_length: 16, example: Cow::Borrowed("TU7K3M9QX2"), ..Shape::default() }
    }
}

#[derive(Debug)]
pub enum ReferenceFilterForm {}

impl Form for ReferenceFilterForm {
    const NAME: &'static str = "ReferenceFilter";

    fn shape() -> Shape {
        Shape { max_length: 64, example: Cow::Borrowed("TU7K 3M9Q X2"), ..Shape::default() }
    }
}

impl TextRule for ReferenceFilterForm {
    type Value = String;

    fn parse(text: &str) -> Result<String, BrokenRule> {
        let rule = "is not a reference code of this service; look for a typing error";
        parse_reference(text).ok_or_else(|| BrokenRule::new(Code::Malformed, rule))
    }
}

#[derive(Debug)]
pub enum CountryForm {}

impl Form for CountryForm {
    const NAME: &'static str = "CountryCode";

    fn shape() -> Shape {
        Shape {
            description: Some("An ISO 3166-1 country code: two upper-case letters."),
            pattern: Some(Cow::Borrowed("^[A-Z]{2}$")),
            max_length: 2,
            example: Cow::Borrowed("VN"),
            ..Shape::default()
        }
    }
}

impl TextRule for CountryForm {
    type Value = Country;

    fn parse(text: &str) -> Result<Country, BrokenRule> {
        text.parse().map_err(|error: UnknownCountry| BrokenRule::new(Code::UnknownCountry, error.to_string()))
    }
}

#[derive(Debug)]
pub enum AgreementForm {}

impl Form for AgreementForm {
    const NAME: &'static str = "AgreementVersion";

    fn shape() -> Shape {
        Shape {
            description: Some("The name of this version of the agreement."),
            pattern: Some(Cow::Borrowed("^[A-Za-z0-9._-]{1,32}$")),
            max_length: 32,
            example: Cow::Borrowed("2026-11-01"),
            ..Shape::default()
        }
    }
}

impl TextRule for AgreementForm {
    type Value = String;

    fn parse(text: &str) -> Result<String, BrokenRule> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_version = (1..=32).contains(&text.len()) && text.bytes().all(plain);
        let broken = || BrokenRule::new(Code::Malformed, "must be 1 to 32 of A-Z a-z 0-9 . _ -");
        is_version.then(|| text.to_owned()).ok_or_else(broken)
    }
}

#[derive(Debug)]
pub enum PercentForm {}

impl Form for PercentForm {
    const NAME: &'static str = "PercentText";

    fn shape() -> Shape {
        Shape {
            pattern: Some(Cow::Borrowed(r"^[0-9]{1,3}(\.[0-9]{1,4})?$")),
            max_length: 8,
            example: Cow::Borrowed("2.9"),
            ..Shape::default()
        }
    }
}

impl TextRule for PercentForm {
    type Value = Percent;

    fn parse(text: &str) -> Result<Percent, BrokenRule> {
        let share = parse_plain_decimal(text).map_err(|error| BrokenRule::new(error.code(), error.to_string()))?;
        let broken = || BrokenRule::new(Code::OutOfRange, "must be 0 to 100 with at most four decimals");
        Percent::new(share).ok_or_else(broken)
    }
}
