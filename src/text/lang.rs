//! Languages: the codes that texts are authored under, and which one a message is written in.
//!
//! Detection goes by script alone. It knows the languages of a shop's customers that a script
//! settles; Latin letters stand for English here, and `vocabulary` tells the languages apart that
//! are written in them.

use std::borrow::{Borrow, Cow};
use std::fmt;

use icu_properties::CodePointMapData;
use icu_properties::props::Script;

use super::fold::Fold;
use super::words::is_han;

/// A language code as texts are authored under: `zh` (Simplified Chinese), `zh-Hant`, `en`, `pt-BR` …
///
/// Always in canonical case, and Chinese always as `zh` or `zh-Hant`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lang(Cow<'static, str>);

impl Lang {
    /// Chinese, in Simplified characters.
    pub const ZH: Self = Self(Cow::Borrowed("zh"));
    /// Chinese, in Traditional characters.
    pub const ZH_HANT: Self = Self(Cow::Borrowed("zh-Hant"));
    /// English.
    pub const EN: Self = Self(Cow::Borrowed("en"));

    /// Reads a code as it is written in a file, or gives `None` if it cannot be one.
    ///
    /// A code is a language of two or three letters and any further parts of one to eight letters or
    /// digits (the shape of BCP 47), 35 characters at most. Regions are kept (`en-GB`), except that
    /// every code for Chinese becomes `zh` or `zh-Hant`.
    #[must_use]
    pub fn new(code: &str) -> Option<Self> {
        if code.len() > 35 || !code.is_ascii() {
            return None;
        }
        let mut parts = code.split(['-', '_']);
        let language = parts.next()?.to_ascii_lowercase();
        let alphabetic = language.bytes().all(|b| b.is_ascii_lowercase());
        if !matches!(language.len(), 2..=3) || !alphabetic || language == "und" {
            return None;
        }
        let parts: Vec<&str> = parts.collect();
        let well_formed = |part: &&str| matches!(part.len(), 1..=8) && part.bytes().all(|b| b.is_ascii_alphanumeric());
        if !parts.iter().all(well_formed) {
            return None;
        }
        if let Some(chinese) = chinese(&language, &parts) {
            return Some(chinese);
        }
        if parts.is_empty() && language == "en" {
            return Some(Self::EN);
        }
        let mut canonical = language;
        for part in parts {
            canonical.push('-');
            canonical.push_str(&match part.len() {
                2 => part.to_ascii_uppercase(),
                4 => part[..1].to_ascii_uppercase() + &part[1..].to_ascii_lowercase(),
                _ => part.to_ascii_lowercase(),
            });
        }
        Some(Self(Cow::Owned(canonical)))
    }

    /// Reads the locale that a client reports (`zh-TW`, `en_US.UTF-8`, `fr-CA,fr;q=0.8`), without its
    /// region; `None` if it names no language.
    #[must_use]
    pub fn parse_locale(locale: &str) -> Option<Self> {
        let first = locale.split([',', ';', '.', '@']).next()?.trim();
        let lang = Self::new(first)?;
        Some(if lang.is_chinese() { lang } else { lang.primary() })
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is Chinese in either script.
    #[must_use]
    pub fn is_chinese(&self) -> bool {
        self.primary_str() == "zh"
    }

    /// Whether this is Chinese in Traditional characters.
    #[must_use]
    pub fn is_traditional(&self) -> bool {
        *self == Self::ZH_HANT
    }

    fn primary_str(&self) -> &str {
        self.0.split('-').next().unwrap_or_default()
    }

    /// The language without script and region: `en` of `en-GB`, `zh` of `zh-Hant`.
    #[must_use]
    pub fn primary(&self) -> Self {
        match self.primary_str() {
            "zh" => Self::ZH,
            "en" => Self::EN,
            other => Self(Cow::Owned(other.to_owned())),
        }
    }
}

/// `zh` or `zh-Hant` for any code of Chinese. The script decides, else the region, else the kind of
/// Chinese: Cantonese is written in Traditional characters unless it says otherwise.
fn chinese(language: &str, parts: &[&str]) -> Option<Lang> {
    if !matches!(language, "zh" | "cmn" | "yue" | "wuu" | "nan" | "hak") {
        return None;
    }
    let has = |names: &[&str]| parts.iter().any(|part| names.iter().any(|name| part.eq_ignore_ascii_case(name)));
    let traditional = if has(&["Hant", "CHT"]) {
        true
    } else if has(&["Hans", "CHS", "CN", "SG", "MY"]) {
        false
    } else {
        has(&["TW", "HK", "MO", "yue"]) || language == "yue"
    };
    Some(if traditional { Lang::ZH_HANT } else { Lang::ZH })
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Lang {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Lang {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The languages to look for a text in, best first and each once.
///
/// The language itself; its family (`zh` of `zh-Hant`, `en` of `en-GB`); for a reader of Simplified
/// Chinese also the Traditional text, which serves better than another language; the default; the
/// default's family.
#[must_use]
pub fn fallback_chain(lang: &Lang, default: &Lang) -> Vec<Lang> {
    let mut chain = vec![lang.clone(), lang.primary()];
    if lang.is_chinese() {
        chain.push(Lang::ZH_HANT);
    }
    chain.push(default.clone());
    chain.push(default.primary());
    let mut seen = Vec::with_capacity(chain.len());
    chain.retain(|lang| {
        let first = !seen.contains(lang);
        if first {
            seen.push(lang.clone());
        }
        first
    });
    chain
}

/// Characters of Chinese sentences, Simplified and folded. Names and goods hardly contain them, so
/// they tell a Chinese sentence with English words from an English one with a Chinese name.
const GRAMMAR: &str =
    "的了吗呢吧啊呀我你他她它们这那哪是不没有在要能会可想请怎什谁几多少就都也还和给把被让为因到去来说问";

/// The largest number of words of another script that a Chinese character of grammar outweighs.
const WORDS_PER_HAN: usize = 4;

/// What a message is made of. Han, kana and Hangul are counted in characters, all else in words.
#[derive(Default)]
struct Counts {
    han: usize,
    grammar: usize,
    traditional: usize,
    simplified: usize,
    kana: usize,
    hiragana: usize,
    hangul: usize,
    /// Words by the language that their script stands for, in order of appearance.
    words: Vec<(&'static str, usize)>,
}

/// The language that the original text of a message is written in, by its scripts.
///
/// - Han characters make it Chinese, even among English words (`SKU 12 有 stock 吗 please tell me`),
///   unless they are few and say nothing of grammar: a Chinese name in an English sentence.
/// - It is `zh-Hant` if there are characters that only Traditional Chinese has, and more of them than
///   of those that only Simplified Chinese has. Characters of both (后 里 台 面 只) count for neither.
/// - Kana make it `ja` (a lone の or a product's name in katakana within Chinese does not), Hangul `ko`.
/// - Otherwise the script with the most words decides: Latin is `en`, Cyrillic `ru`, and so on.
/// - `None` if there is no word to go by: digits, emoji, punctuation, order numbers, addresses of
///   mail and web.
#[must_use]
pub fn detect(original: &str, fold: &Fold) -> Option<Lang> {
    let counts = count(original, fold);
    let words: usize = counts.words.iter().map(|&(_, n)| n).sum();
    let Counts { han, kana, hiragana, hangul, .. } = counts;
    let japanese = kana > 0 && (kana > han || (hiragana > 0 && kana * 4 >= han));
    if japanese && kana >= words {
        return Lang::new("ja");
    }
    if hangul > han && hangul >= words {
        return Lang::new("ko");
    }
    let outweighed = if counts.grammar > 0 { han * WORDS_PER_HAN } else { han };
    if han > 0 && outweighed >= words {
        let traditional = counts.traditional > counts.simplified;
        return Some(if traditional { Lang::ZH_HANT } else { Lang::ZH });
    }
    // On a tie the script that came first.
    let (code, _) = counts.words.iter().rev().max_by_key(|&&(_, n)| n)?;
    Lang::new(code)
}

/// Whether a text holds a character that only Simplified Chinese has: 你好 tells nothing of the script, 退货 does.
#[must_use]
pub fn is_surely_simplified(original: &str, fold: &Fold) -> bool {
    original.chars().any(|c| fold.han().is_simplified_only(c))
}

fn count(original: &str, fold: &Fold) -> Counts {
    let mut counts = Counts::default();
    let mut token = Token::default();
    for c in original.chars() {
        if token.accepts(c) {
            continue;
        }
        token.end(&mut counts);
        match c {
            '\u{3041}'..='\u{309F}' => {
                counts.kana += 1;
                counts.hiragana += usize::from(c != 'の');
            }
            // The middle dot and the long-vowel sign decorate Chinese too.
            '\u{30A1}'..='\u{30FA}' | '\u{31F0}'..='\u{31FF}' | '\u{FF66}'..='\u{FF9D}' => counts.kana += 1,
            '\u{1100}'..='\u{11FF}' | '\u{3131}'..='\u{318E}' | '\u{AC00}'..='\u{D7A3}' => counts.hangul += 1,
            _ if is_han(c) => {
                let han = fold.han();
                counts.han += 1;
                counts.grammar += usize::from(GRAMMAR.contains(han.simplify(c)));
                counts.traditional += usize::from(han.is_traditional_only(c));
                counts.simplified += usize::from(han.is_simplified_only(c));
            }
            _ => {}
        }
    }
    token.end(&mut counts);
    counts
}

/// A run of letters, digits and what joins them into one word, number or address.
#[derive(Default)]
struct Token {
    /// What its first letter's script stands for.
    code: Option<&'static str>,
    /// A digit, an @ or a slash: a code or an address, not a word.
    is_code: bool,
}

impl Token {
    fn accepts(&mut self, c: char) -> bool {
        if c.is_ascii_alphabetic() {
            self.code.get_or_insert("en");
            return true;
        }
        if c.is_numeric() && !is_han(c) || matches!(c, '@' | '/' | '_' | '#' | '=') {
            self.is_code = true;
            return true;
        }
        if matches!(c, '.' | '-' | '\'' | '’' | '&' | ':') {
            return true;
        }
        if !c.is_alphabetic() {
            return false;
        }
        let code = match CodePointMapData::<Script>::new().get(c) {
            Script::Latin => "en",
            Script::Cyrillic => "ru",
            Script::Greek => "el",
            Script::Arabic => "ar",
            Script::Hebrew => "he",
            Script::Thai => "th",
            Script::Devanagari => "hi",
            _ => return false,
        };
        self.code.get_or_insert(code);
        true
    }

    fn end(&mut self, counts: &mut Counts) {
        let token = std::mem::take(self);
        if let (Some(code), false) = (token.code, token.is_code) {
            match counts.words.iter_mut().find(|(known, _)| *known == code) {
                Some((_, n)) => *n += 1,
                None => counts.words.push((code, 1)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detected(text: &str) -> Option<String> {
        thread_local!(static FOLD: Fold = Fold::new());
        FOLD.with(|fold| detect(text, fold)).map(|lang| lang.to_string())
    }

    #[test]
    fn locales() {
        for (locale, lang) in [
            ("zh-TW", "zh-Hant"),
            ("zh-HK", "zh-Hant"),
            ("zh_MO", "zh-Hant"),
            ("zh-Hant-US", "zh-Hant"),
            ("zh-Hans-HK", "zh"),
            ("zh-CN", "zh"),
            ("zh-SG", "zh"),
            ("zh", "zh"),
            ("ZH-hant", "zh-Hant"),
            ("yue", "zh-Hant"),
            ("cmn-Hans-CN", "zh"),
            ("en-GB", "en"),
            ("fr-CA", "fr"),
            ("EN", "en"),
            ("zh-TW,zh;q=0.9,en;q=0.8", "zh-Hant"),
            ("en_US.UTF-8", "en"),
            (" pt-BR ", "pt"),
        ] {
            assert_eq!(Lang::parse_locale(locale).expect(locale).as_str(), lang, "{locale}");
        }
        for locale in ["", "*", "C", "POSIX", "中文", "e", "und", "en--GB", "123", "i-klingon", "-", "en-verylongpart"]
        {
            assert_eq!(Lang::parse_locale(locale), None, "{locale}");
        }
    }

    #[test]
    fn authored_codes_keep_their_region() {
        assert_eq!(Lang::new("EN-gb").expect("a code").as_str(), "en-GB");
        assert_eq!(Lang::new("sr-latn").expect("a code").as_str(), "sr-Latn");
        assert_eq!(Lang::new("zh-TW").expect("a code"), Lang::ZH_HANT);
        assert_eq!(Lang::new("en").expect("a code"), Lang::EN);
        assert_eq!(Lang::new(&"a-".repeat(40)), None);
    }

    #[test]
    fn chains() {
        let chain = |lang: &str, default: &str| {
            let (lang, default) = (Lang::new(lang).expect("a code"), Lang::new(default).expect("a code"));
            fallback_chain(&lang, &default).iter().map(Lang::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(chain("zh-Hant", "en"), "zh-Hant zh en");
        assert_eq!(chain("en-GB", "zh"), "en-GB en zh");
        assert_eq!(chain("zh", "en"), "zh zh-Hant en");
        assert_eq!(chain("zh", "zh"), "zh zh-Hant");
        assert_eq!(chain("fr", "pt-BR"), "fr pt-BR pt");
    }

    #[test]
    fn detection() {
        for (text, lang) in [
            ("怎么退货", "zh"),
            ("怎麼退貨", "zh-Hant"),
            ("我的iPhone订单", "zh"),
            ("可以退吗?", "zh"),
            ("你好", "zh"),
            ("SKU 12 有 stock 吗 please tell me", "zh"),
            ("請問什麼時候到貨", "zh-Hant"),
            ("refund 退款 please", "zh"),
            ("皇后大道公里面只", "zh"),
            ("乾隆年间的瓷器", "zh"),
            ("售后客戶服務", "zh-Hant"),
            ("人工", "zh"),
            ("转人工 转人工 請", "zh"),
            ("说說", "zh"),
            ("說", "zh-Hant"),
            ("How do I return an item?", "en"),
            ("hi", "en"),
            ("¿Dónde está mi pedido?", "en"),
            ("ｒｅｆｕｎｄ", "en"),
            ("Hi, I'm 李明. Where is my order?", "en"),
            ("I would like to return the 旗袍 please", "en"),
            ("注文をキャンセルしたい", "ja"),
            ("キャンセル", "ja"),
            ("返品お願いします", "ja"),
            ("奈雪の茶什么时候开门", "zh"),
            ("我想买ポケモン卡片什么时候发货", "zh"),
            ("환불해 주세요", "ko"),
            ("где мой заказ", "ru"),
            ("สวัสดี", "th"),
            ("где мой заказ SF123 please", "ru"),
            ("a where б", "en"),
        ] {
            assert_eq!(detected(text).as_deref(), Some(lang), "{text}");
        }
    }

    #[test]
    fn surely_simplified() {
        let fold = Fold::new();
        for (text, sure) in
            [("退货", true), ("你好", false), ("什麼時候到貨", false), ("后台里面只有", false), ("refund", false)]
        {
            assert_eq!(is_surely_simplified(text, &fold), sure, "{text}");
        }
    }

    #[test]
    fn nothing_to_go_by() {
        for text in [
            "",
            "123456",
            "😀👍",
            "？？？",
            "SF1234567890123",
            "a@example.com",
            "https://example.com/x",
            "12:30",
            "1️⃣",
            "½",
        ] {
            assert_eq!(detected(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_locale_and_text_is_survived(text in ".{0,40}") {
            let _ = detected(&text);
            if let Some(lang) = Lang::parse_locale(&text) {
                proptest::prop_assert_eq!(Lang::new(lang.as_str()), Some(lang));
            }
        }
    }
}
