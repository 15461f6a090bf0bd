//! What in a message is a piece of information: an order number, a phone number.

use std::ops::Range;

use icu_normalizer::ComposingNormalizerBorrowed;

use super::knowledge::BuiltSlot;

/// Longest value that is kept, in characters.
const LONGEST: usize = 200;

/// Names and values of the slots that a message fills. The one that was `asked` for comes first, and no stretch of the message is
/// two things.
#[must_use]
pub(super) fn find(slots: &[BuiltSlot], asked: Option<&str>, text: &str) -> Vec<(String, String)> {
    let text = ComposingNormalizerBorrowed::new_nfkc().normalize(text);
    let first = slots.iter().filter(|slot| asked == Some(slot.name.as_str()));
    let others = slots.iter().filter(|slot| asked != Some(slot.name.as_str()) && !slot.only_asked);
    let joined = joined(&text);
    let mut some = Vec::new();
    for text in [text.as_ref(), joined.as_str()] {
        let mut taken: Vec<Range<usize>> = Vec::new();
        let mut out = Vec::new();
        for slot in first.clone().chain(others.clone()) {
            if let Some(span) = stretch(slot, text, &taken) {
                out.push((slot.name.clone(), text[span.clone()].chars().take(LONGEST).collect()));
                taken.push(span);
            }
        }
        let whole = asked.is_none_or(|asked| out.iter().any(|(name, _)| name == asked));
        if whole && !out.is_empty() {
            return out;
        }
        if some.is_empty() {
            some = out;
        }
    }
    some
}

/// Whether a value is one of a slot, whole.
pub(super) fn is_whole(slot: &BuiltSlot, value: &str) -> bool {
    stretch(slot, value, &[]).is_some_and(|span| span == (0..value.len()))
}

/// The first stretch that fits and is no part of a longer word or number, nor of what is taken.
fn stretch(slot: &BuiltSlot, text: &str, taken: &[Range<usize>]) -> Option<Range<usize>> {
    slot.pattern.captures_iter(text).find_map(|found| {
        let span = found.get(1).or_else(|| found.get(0))?.range();
        let free = taken.iter().all(|other| span.end <= other.start || other.end <= span.start);
        let bytes = text.as_bytes();
        let letter = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphanumeric);
        let whole = |outside: Option<usize>, inside: Option<usize>| !(letter(outside) && letter(inside));
        let edges =
            whole(span.start.checked_sub(1), Some(span.start)) && whole(Some(span.end), span.end.checked_sub(1));
        (free && edges && !span.is_empty()).then_some(span)
    })
}

/// The text without the spaces and dashes that people write within long numbers.
fn joined(text: &str) -> String {
    let digit = |c: Option<&char>| c.is_some_and(char::is_ascii_digit);
    let chars: Vec<char> = text.chars().collect();
    let between = |at: usize| digit(at.checked_sub(1).and_then(|at| chars.get(at))) && digit(chars.get(at + 1));
    chars.iter().enumerate().filter(|(at, c)| !(matches!(c, ' ' | '-') && between(*at))).map(|(_, c)| *c).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::knowledge::BuiltText;

    fn slot(name: &str, pattern: &str, only_asked: bool) -> BuiltSlot {
        let pattern = regex::Regex::new(pattern).expect("a pattern");
        BuiltSlot { name: name.into(), pattern, ask: BuiltText::default(), retry: None, attempts: 2, only_asked }
    }

    fn found(asked: Option<&str>, text: &str) -> Vec<(String, String)> {
        let slots =
            [slot("order", r"\d{12,18}", false), slot("phone", r"1\d{10}", false), slot("why", r"(?s).+", true)];
        find(&slots, asked, text)
    }

    #[test]
    fn values_are_found_where_people_write_them() {
        let order = |value: &str| vec![("order".to_owned(), value.to_owned())];
        for (text, value) in [
            ("单号是202611220001，谢谢", "202611220001"),
            ("２０２６１１２２０００１", "202611220001"),
            ("2026 1122 0001", "202611220001"),
            ("no. 2026-1122-0001.", "202611220001"),
        ] {
            assert_eq!(found(Some("order"), text), order(value), "{text}");
        }
        assert_eq!(found(None, "订单202611220001电话13800138000").len(), 2);
    }

    #[test]
    fn a_number_with_spaces_is_found_beside_another_value() {
        let both = found(Some("order"), "2026 1122 0001 电话13800138000");
        assert_eq!(both.len(), 2, "{both:?}");
    }

    #[test]
    fn a_part_of_something_longer_is_no_value() {
        for text in ["1234567890", "12345678901234567890123", "SF2026112200011", "我不知道", ""] {
            assert!(found(Some("order"), text).iter().all(|(name, _)| name != "order"), "{text}");
        }
    }

    #[test]
    fn words_of_any_kind_are_taken_only_when_asked_for() {
        assert_eq!(found(None, "尺码太小"), vec![]);
        assert_eq!(found(Some("why"), "尺码太小"), vec![("why".to_owned(), "尺码太小".to_owned())]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC{0,60}") {
            found(None, &text);
        }
    }
}
