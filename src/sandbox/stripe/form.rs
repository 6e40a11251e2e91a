//! Decodes Stripe's bracketed forms, and checks them against the parameters of an endpoint.
//!
//! A field keeps its whole name (`line_items[0][price_data][currency]`). A rule names it with `#` for an index and `*`
//! for any key.

use std::collections::{BTreeMap, BTreeSet};

use super::problem::Problem;

#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    pub name: &'static str,
    pub kind: Kind,
    pub required: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// A text with at most this many characters.
    Text(usize),
    /// A whole number in this range.
    Integer(i64, i64),
    Flag,
    OneOf(&'static [&'static str]),
    /// An absolute http or https address.
    Url,
    Email,
    Currency,
    /// A metadata value of at most 500 characters under a key of at most 40.
    Metadata,
}

pub(super) const fn need(name: &'static str, kind: Kind) -> Rule {
    Rule { name, kind, required: true }
}

pub(super) const fn may(name: &'static str, kind: Kind) -> Rule {
    Rule { name, kind, required: false }
}

#[derive(Debug, Default, Clone)]
pub(super) struct Form {
    fields: BTreeMap<String, String>,
}

impl Form {
    /// Decodes a body or a query. `a[]=x` counts as the next free index.
    pub fn decode(raw: &[u8]) -> Result<Self, Problem> {
        let mut fields = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(raw) {
            if name.is_empty() {
                return Err(Problem::invalid("Invalid request: a parameter has no name."));
            }
            let mut name = name.into_owned();
            if let Some(array) = name.strip_suffix("[]") {
                let array = array.to_owned();
                let free = (0..).find(|n: &u32| !fields.contains_key(&format!("{array}[{n}]")));
                name = format!("{array}[{}]", free.unwrap_or(0));
            }
            if !well_formed(&name) {
                return Err(Problem::invalid(format!("Invalid parameter name: {name}")));
            }
            if fields.insert(name.clone(), value.into_owned()).is_some() {
                return Err(Problem::invalid(format!("Received {name} more than once.")).param(name));
            }
        }
        Ok(Self { fields })
    }

    /// Checks that every field is known and of its kind, and that no required field is missing.
    pub fn check(&self, rules: &[Rule]) -> Result<(), Problem> {
        for (name, value) in &self.fields {
            let Some(rule) = rules.iter().find(|rule| fits(rule.name, name)) else {
                return Err(Problem::invalid(format!("Received unknown parameter: {name}"))
                    .code("parameter_unknown")
                    .param(name));
            };
            check_value(rule.kind, name, value)?;
        }
        for rule in rules.iter().filter(|rule| rule.required) {
            for name in self.required_names(rule.name) {
                if !self.fields.contains_key(&name) {
                    return Err(Problem::invalid(format!("Missing required param: {name}."))
                        .code("parameter_missing")
                        .param(name));
                }
            }
        }
        Ok(())
    }

    /// Checks the required fields. Those of an array are required in each item, and there must be at least one item.
    fn required_names(&self, pattern: &str) -> Vec<String> {
        let Some((array, rest)) = pattern.split_once("[#]") else {
            return vec![pattern.to_owned()];
        };
        let mut indexes: BTreeSet<&str> = self
            .fields
            .keys()
            .filter_map(|name| name.strip_prefix(array)?.strip_prefix('[')?.split(']').next())
            .collect();
        if indexes.is_empty() {
            indexes.insert("0");
        }
        indexes.into_iter().map(|index| format!("{array}[{index}]{rest}")).collect()
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    pub fn owned(&self, name: &str) -> Option<String> {
        self.fields.get(name).cloned()
    }

    pub fn integer(&self, name: &str) -> Option<i64> {
        self.fields.get(name)?.parse().ok()
    }

    /// The entries below `prefix`: `metadata` returns the entries of `metadata[…]`.
    pub fn map(&self, prefix: &str) -> BTreeMap<String, String> {
        self.fields
            .iter()
            .filter_map(|(name, value)| {
                let key = name.strip_prefix(prefix)?.strip_prefix('[')?.strip_suffix(']')?;
                Some((key.to_owned(), value.clone()))
            })
            .collect()
    }

    /// The number of entries of an array or a map.
    pub fn count(&self, prefix: &str) -> usize {
        let opening = format!("{prefix}[");
        let keys: BTreeSet<&str> =
            self.fields.keys().filter_map(|name| name.strip_prefix(&opening)?.split(']').next()).collect();
        keys.len()
    }

    /// A text that is equal for equal fields in any order.
    pub fn fingerprint(&self) -> String {
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(&self.fields);
        text.finish()
    }
}

/// Whether a text has the form `name` or `name[key][key]…` without an empty key.
fn well_formed(name: &str) -> bool {
    let (head, keys) = match name.split_once('[') {
        Some((head, keys)) => (head, Some(keys)),
        None => (name, None),
    };
    let plain = |text: &str| !text.is_empty() && !text.contains(['[', ']']);
    plain(head) && keys.is_none_or(|keys| keys.strip_suffix(']').is_some_and(|keys| keys.split("][").all(plain)))
}

fn fits(pattern: &str, name: &str) -> bool {
    let segments =
        |text: &str| -> Vec<String> { text.split('[').map(|part| part.trim_end_matches(']').to_owned()).collect() };
    let (pattern, name) = (segments(pattern), segments(name));
    pattern.len() == name.len()
        && pattern.iter().zip(&name).all(|(expected, found)| match expected.as_str() {
            "#" => found.parse::<u16>().is_ok(),
            "*" => true,
            exact => exact == found,
        })
}

fn check_value(kind: Kind, name: &str, value: &str) -> Result<(), Problem> {
    if value.is_empty() {
        return Err(Problem::invalid(format!(
            "You passed an empty string for '{name}'. We assume empty values are an attempt to \
             unset a parameter; however '{name}' cannot be unset. You should remove '{name}' from \
             your request or supply a non-empty value."
        ))
        .code("parameter_invalid_empty")
        .param(name));
    }
    let bad = |message: String| Err(Problem::invalid(message).param(name));
    let length = value.chars().count();
    match kind {
        Kind::Text(most) if length > most => bad(format!("Invalid string: {name} must be at most {most} characters")),
        Kind::Integer(low, high) => match value.parse::<i64>() {
            Ok(number) if (low..=high).contains(&number) && number.to_string() == value => Ok(()),
            Ok(number) if number < low => {
                Err(Problem::invalid(format!("Invalid integer: {name} must be at least {low}"))
                    .code("parameter_invalid_integer")
                    .param(name))
            }
            _ => {
                Err(Problem::invalid(format!("Invalid integer: {value}")).code("parameter_invalid_integer").param(name))
            }
        },
        Kind::Flag if !matches!(value, "true" | "false") => bad(format!("Invalid boolean: {value}")),
        Kind::OneOf(values) if !values.contains(&value) => {
            bad(format!("Invalid {name}: must be one of {}", values.join(", ")))
        }
        Kind::Url => match url::Url::parse(value) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(()),
            _ => Err(Problem::invalid("Not a valid URL").code("url_invalid").param(name)),
        },
        Kind::Email if !value.contains('@') || length > 512 => {
            Err(Problem::invalid(format!("Invalid email address: {value}")).code("email_invalid").param(name))
        }
        Kind::Currency if !super::money::CURRENCIES.contains(&value) => bad(format!(
            "Invalid currency: {value}. Stripe currently supports these currencies: {}",
            super::money::CURRENCIES.join(", ")
        )),
        Kind::Metadata => {
            let key = name.rsplit('[').next().unwrap_or("").trim_end_matches(']');
            if key.chars().count() > 40 {
                return bad(format!("Metadata keys must be at most 40 characters: {key}"));
            }
            if length > 500 {
                return bad(format!("Metadata values can have up to 500 characters ({key})"));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}
