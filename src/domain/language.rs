//! The languages in which the API speaks to customers. Codes are the same in all of them.

/// A language of texts for customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    #[default]
    English,
    /// Simplified Chinese.
    Chinese,
    Vietnamese,
}

impl Language {
    pub const ALL: [Self; 3] = [Self::English, Self::Chinese, Self::Vietnamese];

    /// The tag of the language (BCP 47).
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
            Self::Vietnamese => "vi",
        }
    }

    /// The language that an `Accept-Language` header prefers (RFC 9110, section 12.5.4); English if it names none of
    /// the service's languages. A region does not matter: `zh-Hans`, `zh-TW` and `zh` are all Chinese.
    #[must_use]
    pub fn accepted(header: &str) -> Self {
        let ranges = header.split(',').filter_map(|range| {
            let (tag, weight) = range.split_once(";q=").unwrap_or((range, "1"));
            let weight: f32 = weight.trim().parse().ok().filter(|weight| *weight > 0.0)?;
            let primary = tag.trim().split('-').next().unwrap_or_default();
            let language = match primary.to_ascii_lowercase().as_str() {
                "en" | "*" => Self::English,
                "zh" => Self::Chinese,
                "vi" => Self::Vietnamese,
                _ => return None,
            };
            Some((weight, language))
        });
        // Of equal weights the first one counts.
        let best = ranges.reduce(|best, next| if next.0 > best.0 { next } else { best });
        best.map_or(Self::English, |(_, language)| language)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_language_is_taken() {
        for (header, wanted) in [
            ("", Language::English),
            ("zh-CN", Language::Chinese),
            ("zh-Hans-CN, en;q=0.8", Language::Chinese),
            ("vi-VN,vi;q=0.9,en;q=0.8", Language::Vietnamese),
            ("fr, de;q=0.9", Language::English),
            ("fr, vi;q=0.3, zh;q=0.5", Language::Chinese),
            ("en;q=0.1, vi;q=0", Language::English),
            ("zh;q=x, vi", Language::Vietnamese),
            ("*", Language::English),
        ] {
            assert_eq!(Language::accepted(header), wanted, "{header}");
        }
    }
}
