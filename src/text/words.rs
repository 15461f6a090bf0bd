//! Words in scripts with and without spaces: edges, comparison keys, and whether a text says anything.
//!
//! Everything here expects folded text, and gives a sensible answer for any other.

use std::ops::Range;

use icu_properties::props::{ExtendedPictographic, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Whether `c` is a Han character (々 and 〇 too).
#[must_use]
pub fn is_han(c: char) -> bool {
    matches!(c,
        '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '々' | '〇' | '〡'..='〩'
        | '\u{2E80}'..='\u{2FD5}' | '\u{F900}'..='\u{FAFF}' | '\u{2_0000}'..='\u{3_FFFD}')
}

/// Whether `c` belongs to Chinese or Japanese writing, which has no spaces: Han, kana, bopomofo.
#[must_use]
pub fn is_cjk(c: char) -> bool {
    is_han(c)
        || matches!(c,
            '\u{3041}'..='\u{312F}' | '\u{31A0}'..='\u{31BF}' | '\u{31F0}'..='\u{31FF}'
            | '\u{FF66}'..='\u{FF9F}' | '\u{1_B000}'..='\u{1_B16F}')
}

/// Whether `c` is a letter, a mark or a digit of a script that is written with spaces between words.
///
/// True for Latin, Greek, Cyrillic, Armenian, Hebrew, Arabic, Devanagari and their like, and for
/// digits; false for Han, kana, Hangul, Thai, Lao, Khmer, Myanmar, Tibetan, and for whatever is no
/// part of a word.
#[must_use]
pub fn needs_edge(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    !is_unspaced(c) && (c.is_alphanumeric() || is_mark(c))
}

/// The blocks of scripts without spaces between words, and of Hangul, whose particles stick to words.
fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{2E80}'..='\u{A4CF}'                     // CJK, kana, bopomofo, Yi
        | '\u{AC00}'..='\u{D7FF}' | '\u{1100}'..='\u{11FF}' | '\u{A960}'..='\u{A97F}' // Hangul
        | '\u{F900}'..='\u{FAFF}' | '\u{FF66}'..='\u{FFDC}'
        | '\u{0E00}'..='\u{109F}'                   // Thai, Lao, Tibetan, Myanmar
        | '\u{1780}'..='\u{17FF}'                   // Khmer
        | '\u{1950}'..='\u{19FF}' | '\u{1A20}'..='\u{1AAF}' // Tai Le, New Tai Lue, Tai Tham
        | '\u{A9E0}'..='\u{A9FF}' | '\u{AA60}'..='\u{AADF}' // Myanmar extended, Tai Viet
        | '\u{1_B000}'..='\u{1_B16F}' | '\u{2_0000}'..='\u{3_FFFD}')
}

/// Vowel signs and the like, which belong to the letter before them.
fn is_mark(c: char) -> bool {
    c >= '\u{300}'
        && matches!(
            CodePointMapData::<GeneralCategory>::new().get(c),
            GeneralCategory::NonspacingMark | GeneralCategory::SpacingMark
        )
}

/// Whether the hit `span` (bytes) of `text` is a whole word wherever the script has words.
///
/// An end of the hit that is a letter or digit of a spaced script must not touch another one:
/// `cat` is not whole in `category`, nor `7天` in `17天`; `退款` is in `我要退款了`, and so is
/// `refund` in `我要refund了`. An empty or impossible span is never whole.
#[must_use]
pub fn is_whole(text: &str, span: Range<usize>) -> bool {
    let (Some(hit), Some(before), Some(after)) = (text.get(span.clone()), text.get(..span.start), text.get(span.end..))
    else {
        return false;
    };
    let (Some(first), Some(last)) = (hit.chars().next(), hit.chars().next_back()) else {
        return false;
    };
    let runs_on_left = || needs_edge(first) && before.chars().next_back().is_some_and(needs_edge);
    let runs_on_right = || needs_edge(last) && after.chars().next().is_some_and(needs_edge);
    !runs_on_left() && !runs_on_right()
}

/// The comparison key of a squeezed text: two questions with the same key are the same question.
///
/// Letters and digits stay; where anything else parted two of a spaced script, one space stays too.
/// An apostrophe within a word goes without a trace (`don't` = `dont`). A text of nothing but
/// punctuation or emoji has the empty key.
#[must_use]
pub fn key(squeezed: &str) -> String {
    let mut key = String::with_capacity(squeezed.len());
    let mut before: Option<char> = None; // the last character kept
    let mut parted = false; // something was left out since
    let mut chars = squeezed.chars().peekable();
    while let Some(c) = chars.next() {
        let joins = before.is_some() && !parted;
        if c.is_alphanumeric() || (joins && is_mark(c)) {
            if parted && needs_edge(c) && before.is_some_and(needs_edge) {
                key.push(' ');
            }
            key.push(c);
            before = Some(c);
            parted = false;
        } else if !(c == '\''
            && joins
            && before.is_some_and(needs_edge)
            && chars.peek().is_some_and(|&next| needs_edge(next) && next.is_alphanumeric()))
        {
            parted = true;
        }
    }
    key
}

/// What kind of thing a text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Content {
    /// Nothing that can be seen.
    Empty,
    /// Punctuation and signs only: `？？？`, `...`.
    PunctuationOnly,
    /// At least one emoji or picture sign, and no letter or digit.
    Emoji,
    /// At least one letter or digit of any script.
    Text,
}

/// Classifies a folded text; cheap for ordinary messages, which say something at once.
#[must_use]
pub fn classify(text: &str) -> Content {
    let mut content = Content::Empty;
    for c in text.chars() {
        if c.is_alphanumeric() {
            return Content::Text;
        }
        if is_picture(c) {
            content = Content::Emoji;
        } else if content == Content::Empty && !c.is_whitespace() && !c.is_control() {
            content = Content::PunctuationOnly;
        }
    }
    content
}

/// Emoji, flags and dingbats; also the private-use characters that old phones send as emoji.
fn is_picture(c: char) -> bool {
    !c.is_ascii()
        && (CodePointSetData::new::<ExtendedPictographic>().contains(c)
            || matches!(
                CodePointMapData::<GeneralCategory>::new().get(c),
                GeneralCategory::OtherSymbol | GeneralCategory::PrivateUse
            ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Fold;
    use proptest::prelude::*;

    thread_local!(static FOLD: Fold = Fold::new());

    fn key_of(text: &str) -> String {
        FOLD.with(|fold| key(fold.squeeze(text).text()))
    }

    #[test]
    fn whole_words() {
        let whole = |word: &str, text: &str| {
            let at = text.find(word).expect("in the text");
            is_whole(text, at..at + word.len())
        };
        for (word, text) in [
            ("退款", "我要退款了"),
            ("refund", "我要refund了"),
            ("cat", "a cat."),
            ("7天", "满7天"),
            ("cat", "cat"),
            ("заказ", "мой заказ"),
            ("환불", "환불해"),
            ("คืน", "คืนเงิน"),
            ("15", "iphone 15手机"),
            ("c++", "c++x"),
            ("?", "a?b"),
            ("ok", "ok😀"),
        ] {
            assert!(whole(word, text), "{word} in {text}");
        }
        for (word, text) in [
            ("cat", "category"),
            ("cat", "bobcat"),
            ("7天", "17天"),
            ("каз", "заказ"),
            ("ok", "ok2"),
            ("क", "क्ष"),
            ("天7", "天70"),
        ] {
            assert!(!whole(word, text), "{word} in {text}");
        }
        assert!(!is_whole("退款", 0..0) && !is_whole("退款", 0..1) && !is_whole("退款", 0..99));
        let backwards = Range { start: 3, end: 0 };
        assert!(!is_whole("退款", backwards));
    }

    #[test]
    fn keys() {
        for (a, b) in [
            ("怎么退货？？", "怎么退货"),
            ("How do I return an item?", "how do i return an item"),
            ("don't", "DON’T"),
            ("don't", "dont"),
            ("e-mail", "e mail"),
            ("退 货 , 怎么 办", "退货怎么办"),
            ("我要 refund!", "我要refund"),
            ("7天", "7 天"),
            ("rock'n'roll", "rocknroll"),
        ] {
            assert_eq!(key_of(a), key_of(b), "{a} {b}");
        }
        assert_eq!(key_of("the users' item, 'now'"), "the users item now");
        assert_eq!(key_of("3.5"), "3 5");
        assert_eq!(key_of("क्ष"), "क्ष");
        for nothing in ["😀👍🏽", "？？！...", "", " ' "] {
            assert_eq!(key_of(nothing), "", "{nothing:?}");
        }
        assert_ne!(key_of("now here"), key_of("nowhere"));
    }

    #[test]
    fn contents() {
        for (text, content) in [
            ("", Content::Empty),
            (" \u{200B}\n", Content::Empty),
            ("？？。", Content::PunctuationOnly),
            ("$ + ~", Content::PunctuationOnly),
            ("😀", Content::Emoji),
            ("！❤️！", Content::Emoji),
            ("\u{E415}", Content::Emoji),
            ("🇨🇳", Content::Emoji),
            ("嗯。", Content::Text),
            ("1", Content::Text),
            ("1️⃣", Content::Text),
            ("😀 ok", Content::Text),
            ("สวัสดี", Content::Text),
        ] {
            assert_eq!(FOLD.with(|fold| classify(fold.squeeze(text).text())), content, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn keys_are_idempotent_and_words_survive(text in "\\PC{0,40}", from in 0_usize..40, to in 0_usize..40) {
            let once = key_of(&text);
            prop_assert_eq!(key(&once), once.as_str());
            prop_assert_eq!(key_of(&once), once.as_str());
            let _ = (is_whole(&text, from..to), classify(&text));
        }

        #[test]
        fn a_keyless_text_is_no_text(text in "[退a1？! 😀.'\u{200B}]{0,10}") {
            let folded = FOLD.with(|fold| fold.squeeze(&text).into_text());
            prop_assert_eq!(key(&folded).is_empty(), classify(&folded) != Content::Text);
        }
    }
}
