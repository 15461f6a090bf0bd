//! How a message is put for a platform: options as a numbered list where it has no buttons, and within the length that it takes.

use serde_json::Value;

/// Longest text of one message, in the platform's own unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Bytes of UTF-8.
    Bytes(usize),
    /// Code units of UTF-16, as JavaScript and Java count.
    Utf16(usize),
    /// Code points.
    Chars(usize),
}

impl Length {
    /// How many bytes of the beginning fit, without a character cut in two.
    fn fits(self, text: &str) -> usize {
        let ends = |most: usize, size: fn(char) -> usize| {
            let mut used = 0;
            let over = text.char_indices().find(|(_, c)| {
                used += size(*c);
                used > most
            });
            over.map_or(text.len(), |(at, _)| at)
        };
        match self {
            Self::Bytes(most) => text.floor_char_boundary(most),
            Self::Utf16(most) => ends(most, char::len_utf16),
            Self::Chars(most) => ends(most, |_| 1),
        }
    }

    /// The same bound less so many code points of the Basic Multilingual Plane.
    fn less(self, chars: usize) -> Self {
        match self {
            Self::Bytes(most) => Self::Bytes(most.saturating_sub(3 * chars)),
            Self::Utf16(most) => Self::Utf16(most.saturating_sub(chars)),
            Self::Chars(most) => Self::Chars(most.saturating_sub(chars)),
        }
    }

    /// The same bound with so many bytes of UTF-8 taken by something else.
    #[must_use]
    pub fn less_bytes(self, bytes: usize) -> Self {
        match self {
            Self::Bytes(most) => Self::Bytes(most.saturating_sub(bytes)),
            Self::Utf16(most) => Self::Utf16(most.saturating_sub(bytes)),
            Self::Chars(most) => Self::Chars(most.saturating_sub(bytes)),
        }
    }

    /// Cuts a text into pieces that fit: between paragraphs, else lines, else sentences, else characters. At least one.
    #[must_use]
    pub fn split(self, text: &str) -> Vec<String> {
        let (mut parts, mut rest) = (Vec::new(), text.trim());
        loop {
            let fits = self.fits(rest);
            if fits == rest.len() || fits == 0 {
                parts.push(rest.to_owned());
                return parts;
            }
            let head = &rest[..fits];
            // Not so early that next to nothing is said.
            let after = |marks: &[&str]| {
                marks.iter().filter_map(|m| Some(head.rfind(m)? + m.len())).filter(|end| *end > fits / 4).max()
            };
            let end = after(&["\n\n"])
                .or_else(|| after(&["\n"]))
                .or_else(|| after(&["。", "！", "？", ". ", "! ", "? "]))
                .unwrap_or(fits);
            parts.push(rest[..end].trim().to_owned());
            rest = rest[end..].trim_start();
        }
    }

    /// Whether a text fits.
    #[must_use]
    pub fn holds(self, text: &str) -> bool {
        self.fits(text) == text.len()
    }

    /// As many whole paragraphs or sentences of the beginning as fit, for who can be told no more; nothing where next to nothing
    /// fits.
    #[must_use]
    pub fn first(self, text: &str) -> String {
        let text = text.trim();
        if !self.holds(text) && self.fits(text) < 60 {
            return String::new();
        }
        self.split(text).into_iter().next().unwrap_or_default()
    }

    /// The beginning of a text, for who can be told no more.
    #[must_use]
    pub fn cut(self, text: &str) -> String {
        let text = text.trim();
        if self.fits(text) == text.len() {
            return text.to_owned();
        }
        format!("{}…", &text[..self.less(1).fits(text)])
    }
}

/// Messages as one text: each a paragraph, the last options as a numbered list, which customers answer with the number.
#[must_use]
pub fn text(messages: &[Value]) -> String {
    let numbered = messages.iter().rposition(|message| message["options"].as_array().is_some_and(|o| !o.is_empty()));
    let mut parts = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let mut part = message["text"].as_str().unwrap_or_default().trim().to_owned();
        if numbered == Some(at) {
            let options = message["options"].as_array().map(Vec::as_slice).unwrap_or_default();
            for (number, option) in (1_u32..).zip(options) {
                let label = option["label"].as_str().unwrap_or_default();
                part.extend(["\n", &number.to_string(), ". ", label]);
            }
        }
        parts.push(part.trim().to_owned());
    }
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LIMITS: [Length; 3] = [Length::Bytes(2_048), Length::Utf16(1_000), Length::Chars(300)];

    fn size(limit: Length, text: &str) -> (usize, usize) {
        match limit {
            Length::Bytes(most) => (text.len(), most),
            Length::Utf16(most) => (text.encode_utf16().count(), most),
            Length::Chars(most) => (text.chars().count(), most),
        }
    }

    #[test]
    fn options_are_a_numbered_list_below_their_text() {
        let messages = [
            json!({"text": "七天内可以退货。", "options": [{"id": "a", "label": "退款多久到账"}, {"id": "b", "label": "怎么开发票"}]}),
            json!({"text": " 还有别的吗？ ", "options": []}),
            json!({"text": ""}),
        ];
        assert_eq!(text(&messages), "七天内可以退货。\n1. 退款多久到账\n2. 怎么开发票\n\n还有别的吗？");
        assert_eq!(text(&[]), "");
    }

    #[test]
    fn long_texts_are_cut_between_paragraphs_or_sentences_and_nothing_is_lost() {
        let paragraphs: Vec<String> = (0..12).map(|n| format!("{n}{}。", "退货".repeat(60))).collect();
        let endless = "😀".repeat(2_000);
        for limit in LIMITS {
            let short = |part: &String| {
                let (size, most) = size(limit, part);
                size <= most
            };
            for between in ["\n\n", "\n", ""] {
                let whole = paragraphs.join(between);
                let parts = limit.split(&whole);
                assert!(parts.len() > 1 && parts.iter().all(|part| short(part) && part.ends_with('。')), "{parts:?}");
                assert_eq!(parts.join(between), whole);
            }
            let parts = limit.split(&endless);
            assert!(parts.iter().all(short));
            assert_eq!(parts.concat(), endless);
            assert!(short(&limit.cut(&endless)) && limit.cut(&endless).ends_with('…'));
            assert_eq!(limit.split(""), [""]);
            assert_eq!(limit.cut("短"), "短");
            let whole = paragraphs.join("");
            assert!(limit.holds(&limit.first(&whole)) && limit.first(&whole).ends_with('。') && !limit.holds(&whole));
            assert_eq!((limit.first("短").as_str(), Length::Bytes(2).first("短").as_str()), ("短", ""));
        }
        let greeting = format!("您好！\n\n{}", "我们九点上班。".repeat(120));
        let first = Length::Bytes(2_048).first(&greeting);
        assert!(
            first.ends_with('。') && first.len() > 1_500,
            "an early paragraph does not lead to half a sentence: {first}"
        );
        let full = "满".repeat(300);
        assert_eq!(Length::Chars(300).cut(&full), full, "what just fits is not cut");
        assert_eq!(Length::Chars(300).split(&full), [full]);
    }
}
