//! Folding: what is written differently and means the same becomes the same text.
//!
//! Each character is folded by itself, whatever stands beside it. So `fold(a + b)` is
//! `fold(a) + fold(b)`, a phrase folds alike alone and within a sentence, and every folded character
//! knows the one original character that it came from. The price is that a mark that was typed as a
//! character of its own is not joined to its letter (it is dropped where it is a Latin accent).
//!
//! The order: NFKC; invisible characters, controls and Latin accents out; lower case; Traditional to
//! Simplified; typographic punctuation to ASCII; each white space to one space. Folding twice changes
//! nothing.

use std::collections::HashMap;
use std::fmt;

use icu_normalizer::{
    ComposingNormalizer, ComposingNormalizerBorrowed, DecomposingNormalizer, DecomposingNormalizerBorrowed,
};
use icu_properties::props::{DefaultIgnorableCodePoint, Script};
use icu_properties::{CodePointMapData, CodePointSetData};

use super::han::Han;
use super::map::Folded;

/// The table entry of a character that is taken out.
const DROP: u32 = u32::MAX;
/// Marks a table entry that is a place in the pool (offset × 256 + length) and not a character.
const POOL: u32 = 1 << 31;

/// The folding table; built once (some milliseconds), then shared and read only.
pub struct Fold {
    /// What each character of the basic plane folds to: a character, [`DROP`], or a pool entry.
    plane: Box<[u32]>,
    /// The texts of those that fold to several characters.
    pool: String,
    /// Han characters outside the basic plane that fold to another.
    astral: HashMap<char, char>,
    han: Han,
}

impl fmt::Debug for Fold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fold").finish_non_exhaustive()
    }
}

impl Default for Fold {
    fn default() -> Self {
        Self::new()
    }
}

/// What one character folds to.
enum Mapped<'a> {
    One(char),
    Many(&'a str),
    Nothing,
    /// Outside the basic plane: ask the rules.
    Unknown,
}

impl Fold {
    /// Builds the table from the Unicode and `OpenCC` data that are compiled into the binary.
    #[must_use]
    pub fn new() -> Self {
        let han = Han::new();
        let astral = han.pairs().filter(|&(c, _)| c as u32 > 0xFFFF).collect();
        let mut plane = vec![DROP; 0x1_0000].into_boxed_slice();
        let mut pool = String::new();
        let rules = Rules::new(&han);
        let mut buffer = String::new();
        for (code, entry) in (0_u32..).zip(plane.iter_mut()) {
            let Some(c) = char::from_u32(code) else { continue };
            *entry = match code {
                // Large blocks that nothing but the Han table touches need no questions.
                0x3400..=0x9FFF => han.simplify(c) as u32,
                0xAC00..=0xD7A3 | 0xE000..=0xF8FF => code,
                _ => {
                    buffer.clear();
                    rules.fold(c, &mut buffer, 0);
                    let mut chars = buffer.chars();
                    match (chars.next(), chars.next()) {
                        (None, _) => DROP,
                        (Some(one), None) => one as u32,
                        _ => pooled(&mut pool, &buffer),
                    }
                }
            };
        }
        Self { plane, pool, astral, han }
    }

    fn map(&self, c: char) -> Mapped<'_> {
        let Some(&entry) = self.plane.get(c as usize) else {
            return Mapped::Unknown;
        };
        if let Some(one) = char::from_u32(entry) {
            return Mapped::One(one);
        }
        if entry == DROP {
            return Mapped::Nothing;
        }
        let place = entry & !POOL;
        let (offset, len) = ((place >> 8) as usize, (place & 0xFF) as usize);
        self.pool.get(offset..offset + len).map_or(Mapped::Nothing, Mapped::Many)
    }

    /// Folds a character outside the basic plane.
    fn map_astral(&self, c: char, out: &mut String) {
        if let Some(&simple) = self.astral.get(&c) {
            out.push(simple);
        } else {
            Rules::new(&self.han).fold(c, out, 0);
        }
    }

    /// Folds `original`, keeping the way back to it.
    #[must_use]
    pub fn fold(&self, original: &str) -> Folded {
        let mut folded = Folded::with_capacity(original.len());
        let mut buffer = String::new();
        for (at, c) in original.char_indices() {
            let len = c.len_utf8();
            if is_tone_mark(c) {
                // Alone it belongs to the letter before it, which is one byte once folded.
                let end = folded.text().len();
                folded.note_tone(if is_combining(c) { end.saturating_sub(1) } else { end });
            }
            match self.map(c) {
                Mapped::One(one) => folded.push(one, at, len),
                Mapped::Many(many) => many.chars().for_each(|one| folded.push(one, at, len)),
                Mapped::Nothing => {}
                Mapped::Unknown => {
                    buffer.clear();
                    self.map_astral(c, &mut buffer);
                    buffer.chars().for_each(|one| folded.push(one, at, len));
                }
            }
        }
        folded
    }

    /// Folds `original` without the way back; the same text as [`Fold::fold`], in less time.
    #[must_use]
    pub fn fold_str(&self, original: &str) -> String {
        let mut text = String::with_capacity(original.len());
        for c in original.chars() {
            match self.map(c) {
                Mapped::One(one) => text.push(one),
                Mapped::Many(many) => text.push_str(many),
                Mapped::Nothing => {}
                Mapped::Unknown => self.map_astral(c, &mut text),
            }
        }
        text
    }

    /// Folds and squeezes `original`: the text that rules and messages are compared in.
    #[must_use]
    pub fn squeeze(&self, original: &str) -> Folded {
        self.fold(original).squeezed()
    }

    /// What the characters of Chinese say about the script that they are written in.
    pub(super) fn han(&self) -> &Han {
        &self.han
    }
}

/// Puts `text` into the pool and gives its table entry.
fn pooled(pool: &mut String, text: &str) -> u32 {
    let offset = u32::try_from(pool.len()).expect("a few thousand short texts");
    let len = u8::try_from(text.len()).expect("the longest expansion in Unicode has 33 bytes");
    pool.push_str(text);
    POOL | offset << 8 | u32::from(len)
}

/// The rules that the table is made of, and that answer for what is outside of it.
struct Rules<'a> {
    han: &'a Han,
    nfkc: ComposingNormalizerBorrowed<'static>,
    nfd: DecomposingNormalizerBorrowed<'static>,
}

impl<'a> Rules<'a> {
    fn new(han: &'a Han) -> Self {
        Self { han, nfkc: ComposingNormalizer::new_nfkc(), nfd: DecomposingNormalizer::new_nfd() }
    }

    /// Appends what `c` folds to. Each result is folded again until nothing changes, so that folding
    /// is idempotent; `depth` only guards against a circle in the data.
    fn fold(&self, c: char, out: &mut String, depth: u8) {
        if is_dropped(c) {
            return;
        }
        if c.is_whitespace() {
            out.push(' ');
            return;
        }
        if let Some(text) = punctuation(c).or_else(|| latin_letter(c)) {
            out.push_str(text);
            return;
        }
        let again = |chars: &mut dyn Iterator<Item = char>, out: &mut String| {
            chars.for_each(|d| self.fold(d, out, depth + 1));
        };
        if depth < 8 && !c.is_ascii() {
            let mut one = [0; 4];
            let one = &*c.encode_utf8(&mut one);
            let composed = self.nfkc.normalize(one);
            if composed != one {
                return again(&mut composed.chars(), out);
            }
            if CodePointMapData::<Script>::new().get(c) == Script::Latin {
                let parts = self.nfd.normalize(one);
                if parts != one {
                    return again(&mut parts.chars(), out);
                }
            }
        }
        let mut lower = c.to_lowercase();
        match (lower.next(), lower.next()) {
            (Some(only), None) if only == c => out.push(self.han.simplify(if c == 'ς' { 'σ' } else { c })),
            _ if depth < 8 => again(&mut c.to_lowercase(), out),
            _ => out.push(c),
        }
    }
}

/// Invisible characters, controls, and accents that stand as characters of their own.
fn is_dropped(c: char) -> bool {
    let trade_mark = matches!(c, '™' | '℠'); // NFKC would glue "tm" to the product's name
    is_combining(c)
        || trade_mark
        || matches!(c, '\u{FFF9}'..='\u{FFFB}')
        || (c.is_control() && !c.is_whitespace())
        || (!c.is_ascii() && CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c))
}

/// Combining marks for Latin letters and symbols (the key cap of 1️⃣ too).
fn is_combining(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

/// Whether `c` is a pinyin vowel with a tone, or the mark of a tone.
fn is_tone_mark(c: char) -> bool {
    match c {
        '\u{300}' | '\u{301}' | '\u{304}' | '\u{30C}' => true,
        '\u{C0}'..='\u{1F9}' | '\u{1E3E}' | '\u{1E3F}' => {
            "āáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜńňǹḿĀÁǍÀĒÉĚÈĪÍǏÌŌÓǑÒŪÚǓÙǕǗǙǛŃŇǸḾ".contains(c)
        }
        _ => false,
    }
}

/// Punctuation that people type interchangeably; what NFKC maps already (？，！) is not listed.
fn punctuation(c: char) -> Option<&'static str> {
    Some(match c {
        '`' | '´' | '‘' | '’' | '‚' | '‛' | 'ʼ' | 'ʹ' | '′' | '‹' | '›' => "'",
        '“' | '”' | '„' | '‟' | '″' | '«' | '»' | '〝' | '〞' | '〟' | '「' | '」' | '『' | '』' | '《' | '》'
        | '〈' | '〉' | '｢' | '｣' => "\"",
        '【' | '〔' | '〖' | '〘' | '〚' => "[",
        '】' | '〕' | '〗' | '〙' | '〛' => "]",
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '⸺' | '⸻' => "-",
        '〜' | '∼' | '˜' => "~",
        '。' | '｡' => ".",
        '、' | '､' => ",",
        '⋯' => "...",
        '⁄' | '∕' => "/",
        '・' | '･' | '‧' | '•' | '∙' | '⋅' => "·",
        _ => return None,
    })
}

/// Latin letters whose stroke or ligature is part of the letter, so that no decomposition removes it.
fn latin_letter(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' | 'ẞ' => "ss",
        'æ' | 'Æ' => "ae",
        'œ' | 'Œ' => "oe",
        'ø' | 'Ø' => "o",
        'đ' | 'Đ' | 'ð' | 'Ð' => "d",
        'ł' | 'Ł' => "l",
        'ħ' | 'Ħ' => "h",
        'ı' => "i",
        'þ' | 'Þ' => "th",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    thread_local!(static FOLD: Fold = Fold::new());

    fn fold(text: &str) -> String {
        FOLD.with(|fold| fold.fold_str(text))
    }

    #[test]
    fn what_is_written_differently_and_means_the_same() {
        for (original, folded) in [
            ("網絡零售", "网络零售"),
            ("ＲＥＦＵＮＤ", "refund"),
            ("退\u{200B}款", "退款"),
            ("看著", "看着"),
            ("看着", "看着"),
            ("１２３", "123"),
            ("Café", "cafe"),
            ("cafe\u{301}", "cafe"),
            ("İ", "i"),
            ("ı", "i"),
            ("Straße", "strasse"),
            ("STRASSE", "strasse"),
            ("Øre", "ore"),
            ("怎么退货？", "怎么退货?"),
            ("好，的。", "好,的."),
            ("don’t", "don't"),
            ("“a”—b", "\"a\"-b"),
            ("「七天」", "\"七天\""),
            ("a\tb\u{3000}c\n", "a b c "),
            ("①", "1"),
            ("½", "1/2"),
            ("Σίσυφος", "σίσυφοσ"),
            ("й", "й"),
            ("が", "が"),
            ("甚麼", "什么"),
            ("帳號", "账号"),
            ("妳們", "你们"),
            ("回覆瞭解", "回复了解"),
            ("1\u{FE0F}\u{20E3}", "1"),
            ("iPhone™", "iphone"),
            ("㈱", "(株)"),
            ("…", "..."),
            ("\u{FEFF}\u{AD}\u{202D}a\u{0}\u{7}", "a"),
            ("𝐑𝐞𝐟𝐮𝐧𝐝", "refund"),
            ("𠀾", "𠀾"),
            ("\u{E000}", "\u{E000}"),
        ] {
            assert_eq!(fold(original), folded, "of {original:?}");
        }
    }

    #[test]
    fn odd_characters_are_survived() {
        assert_eq!(fold("ｶﾞ"), "カ\u{3099}");
        assert_eq!(fold("👩\u{200D}👧👍🏽"), "👩👧👍🏽");
        assert!(fold("\u{FDFA}").contains('ص'));
        assert_eq!(fold("\u{10FFFF}\u{FFFD}\u{FFFF}"), "\u{10FFFF}\u{FFFD}\u{FFFF}");
    }

    #[test]
    fn every_character_folds_once_and_for_all() {
        FOLD.with(|fold| {
            for c in '\0'..=char::MAX {
                let once = fold.fold_str(c.encode_utf8(&mut [0; 4]));
                assert_eq!(fold.fold_str(&once), once, "{c:?} U+{:04X}", c as u32);
                assert!(
                    !once.contains(char::is_uppercase) || !once.contains(|c: char| c.to_lowercase().next() != Some(c))
                );
            }
        });
    }

    #[test]
    fn both_ways_of_folding_agree() {
        FOLD.with(|fold| {
            let all: String = ('\0'..='\u{2FFFF}').collect();
            assert_eq!(fold.fold(&all).text(), fold.fold_str(&all));
        });
    }

    #[test]
    fn a_megabyte_folds_in_linear_time() {
        let long = "網(wǎng)絡 ＡＢ\u{200B}é😀".repeat(30_000);
        let start = std::time::Instant::now();
        let folded = FOLD.with(|fold| fold.squeeze(&long));
        assert!(folded.text().starts_with("网络ab"));
        assert!(start.elapsed().as_secs() < 4, "{:?}", start.elapsed());
    }

    /// Text with much of what folding touches.
    fn hostile() -> impl Strategy<Value = String> {
        prop_oneof!["\\PC{0,30}", "[退款網絡(wǎng) luò\u{200B}Ａé①…㈱ß\u{301}\u{30C}カ\u{3000}😀.'-]{0,40}", ".{0,30}"]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn folding_is_additive_and_idempotent(a in hostile(), b in hostile()) {
            prop_assert_eq!(fold(&format!("{a}{b}")), fold(&a) + &fold(&b));
            prop_assert_eq!(fold(&fold(&a)), fold(&a));
        }

        #[test]
        fn squeezing_is_idempotent(text in hostile()) {
            FOLD.with(|fold| {
                let once = fold.squeeze(&text);
                prop_assert_eq!(&once.clone().squeezed(), &once);
                prop_assert_eq!(fold.squeeze(once.text()).into_text(), once.text());
                prop_assert!(!once.text().contains("  ") && once.text().trim() == once.text());
                Ok(())
            })?;
        }

        #[test]
        fn spans_are_valid_and_monotone(text in hostile(), from in 0_usize..100, len in 0_usize..100) {
            FOLD.with(|fold| {
                for folded in [fold.fold(&text), fold.squeeze(&text)] {
                    let any = folded.original_span(from..from + len);
                    prop_assert!(text.get(any).is_some());
                    let mut last = 0..0;
                    for (at, c) in folded.text().char_indices() {
                        let span = folded.original_span(at..at + c.len_utf8());
                        let source = text.get(span.clone()).expect("on character boundaries");
                        prop_assert_eq!(source.chars().count(), 1);
                        prop_assert!(fold.fold_str(source).contains(c));
                        prop_assert!(span.start >= last.start && span.end >= last.end);
                        let whole = folded.original_span(0..at + c.len_utf8());
                        prop_assert!(whole.start <= span.start && whole.end == span.end);
                        last = span;
                    }
                }
                Ok(())
            })?;
        }
    }
}
