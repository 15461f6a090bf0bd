//! Masking of personal data in what is logged or exported.
//!
//! Owns the patterns of telephone numbers, mail addresses, identity and bank cards, and puts them and
//! those of street addresses (`addresses.rs`) together. It errs on the side of masking: a number that
//! merely looks like a telephone number is masked too. It does not know names.

use std::borrow::Cow;
use std::fmt;

use super::addresses::mask_addresses;
use super::numbers::mask_numbers;

/// What a masked part is replaced with; the last digits of a number may follow.
pub(super) const MASK: &str = "***";

/// Masks personal data in `text`: mail addresses, house and room of street addresses, telephone numbers (mainland, Hong Kong, Taiwan,
/// international with `+`), identity cards, bank cards, and any run of seven digits or more.
///
/// A number keeps its last two digits, from eleven digits on its last four (an identity card two), so
/// that two of them can be told apart: `138-1234-5678` is `***5678`. A mail address keeps its domain.
/// Full-width and Arabic-Indic digits count, invisible characters between digits do not hide them.
/// Idempotent, never panics, and linear in the length of the text; borrows it if nothing is masked.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    [mask_addresses, mask_mail, mask_numbers].into_iter().fold(Cow::Borrowed(text), |text, mask| match text {
        Cow::Borrowed(text) => mask(text),
        Cow::Owned(text) => match mask(&text) {
            Cow::Borrowed(_) => Cow::Owned(text),
            Cow::Owned(masked) => Cow::Owned(masked),
        },
    })
}

/// A value that must not reach a log: prints as `[redacted]` whatever it holds.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Redacted<T>(T);

impl<T> Redacted<T> {
    /// Wraps `value`.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for where it is really needed.
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    /// The value, unwrapped.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> From<T> for Redacted<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T> fmt::Display for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Full-width forms as ASCII; any other character as it is.
pub(super) fn plain(c: char) -> char {
    match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(c as u32 - 0xFEE0).unwrap_or(c),
        '\u{3000}' | '\u{A0}' | '\u{202F}' | '\u{2007}' | '\u{2009}' => ' ',
        _ => c,
    }
}

fn mask_mail(text: &str) -> Cow<'_, str> {
    let mut masked = String::new();
    let mut done = 0; // bytes of `text` that are in `masked`
    for (at, c) in text.char_indices() {
        if plain(c) != '@' {
            continue;
        }
        let before = text.get(done..at).unwrap_or_default();
        let after = text.get(at + c.len_utf8()..).unwrap_or_default();
        let local = local_part(before);
        if local > 0 && has_domain(after) {
            masked.push_str(&before[..before.len() - local]);
            masked.push_str(MASK);
            done = at;
        }
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    masked.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(masked)
}

/// The bytes at the end of `before` that are the name in a mail address. Letters of other scripts
/// only count where the name has no ASCII, for Chinese is written up to the address without a space.
fn local_part(before: &str) -> usize {
    let tail =
        |part: fn(char) -> bool| -> usize { before.chars().rev().take_while(|&c| part(c)).map(char::len_utf8).sum() };
    let ascii = tail(|c| plain(c).is_ascii_alphanumeric() || matches!(plain(c), '.' | '_' | '%' | '+' | '-'));
    if ascii > 0 { ascii } else { tail(char::is_alphanumeric) }
}

/// Whether `after` begins with a host name of two labels at least, the second beginning with letters.
fn has_domain(after: &str) -> bool {
    let mut label = 0; // characters of the label so far
    let mut dotted = false;
    let mut letters = 0; // at the start of a label after a dot
    for c in after.chars().map(plain) {
        if matches!(c, '.' | '。') && label > 0 {
            (dotted, label, letters) = (true, 0, 0);
        } else if c.is_alphanumeric() || c == '-' {
            letters = if c.is_alphabetic() && letters == label { letters + 1 } else { letters };
            label += 1;
            if dotted && letters >= 2 {
                return true;
            }
        } else {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(cases: &[(&str, &str)]) {
        for &(text, masked) in cases {
            assert_eq!(redact(text), masked, "of {text}");
            assert_eq!(redact(masked), masked, "a second time");
        }
    }

    #[test]
    fn telephone_numbers() {
        check(&[
            ("我的电话13812345678谢谢", "我的电话***5678谢谢"),
            ("138-1234-5678", "***5678"),
            ("138 1234 5678", "***5678"),
            ("+86 138 1234 5678。", "+***5678。"),
            ("86-138.1234.5678", "***5678"),
            ("\u{202d}138\u{200b}1234 5678\u{202c}", "\u{202d}***5678\u{202c}"),
            ("１３８１２３４５６７８", "***５６７８"),
            ("１３８　１２３４　５６７８", "***５６７８"),
            ("٠١٢٣٤٥٦٧٨٩٠", "***٧٨٩٠"),
            ("+852 9123 4567", "+***4567"),
            ("9123 4567", "***67"),
            ("* 9123-4567", "* ***67"),
            ("0912-345-678", "***78"),
            ("(02) 1234-5678", "(***78"),
            ("010-1234-5678", "***5678"),
            ("0755-12345678", "***5678"),
            ("+44 20 7946 0958", "+***0958"),
        ]);
    }

    #[test]
    fn cards_and_order_numbers() {
        check(&[
            ("11010519491231002X", "***2X"),
            ("身份证 110101199003074514", "身份证 ***14"),
            ("110101 19900307 4514", "***14"),
            ("110105 19491231 002x", "***2x"),
            ("6222 0212 3456 7890 123", "***123"),
            ("4111-1111-1111-1111", "***1111"),
            ("378282 246310 005", "***005"),
            ("4111111111111111", "***1111"),
            ("订单SF1234567890123到哪了", "订单SF***0123到哪了"),
            ("单号1234567", "单号***67"),
            ("A123456(3)", "A***(3)"),
            ("A123456789", "A***89"),
        ]);
    }

    #[test]
    fn mail_addresses() {
        check(&[
            ("邮箱zhang.san+1@example.com。", "邮箱***@example.com。"),
            ("ｚｈａｎｇ＠example.com", "***＠example.com"),
            ("李雷@例子.中国", "***@例子.中国"),
            ("a@b.co and c@d.org", "***@b.co and ***@d.org"),
            ("13812345678@163.com", "***@163.com"),
            ("a@1234567.com", "***@***67.com"),
        ]);
    }

    #[test]
    fn what_is_no_personal_data_stays() {
        for text in [
            "",
            "怎么退货",
            "2026-10-09 20:15",
            "9:00-18:00",
            "满300减50,最多3件",
            "2025-2026",
            "3000-5000元",
            "¥1,299.00",
            "400-000-0000",
            "第12345页",
            "@客服 你好",
            "a@b",
            "price 12.50 15.00 18.00",
            "1/2/3",
            "10 20 30 40 50 60 70",
        ] {
            assert!(matches!(redact(text), Cow::Borrowed(same) if same == text), "{text}: {}", redact(text));
        }
    }

    #[test]
    fn one_number_does_not_hide_another() {
        check(&[
            ("13812345678 8888 9999", "***5678 ***99"),
            ("138 1234 5678 139 8765 4321", "***5678 ***4321"),
            ("***5678 9123 4567", "***5678 ***67"),
            ("订单 1001 电话 138 1234 5678", "订单 1001 电话 ***5678"),
        ]);
    }

    #[test]
    fn long_input_is_linear() {
        for unit in ["1234 ", "1", "a@", "1 ", "+", "a", "@", "1@b.c "] {
            let text = unit.repeat(400_000 / unit.len());
            let start = std::time::Instant::now();
            let _ = redact(&text);
            assert!(start.elapsed().as_secs() < 4, "{unit:?} took {:?}", start.elapsed());
        }
    }

    #[test]
    fn redacted_values_do_not_print() {
        let secret = Redacted::new("13812345678");
        assert_eq!(format!("{secret} {secret:?}"), "[redacted] [redacted]");
        assert_eq!(*secret.reveal(), "13812345678");
        assert_eq!(secret.into_inner(), "13812345678");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn redacting_twice_changes_nothing(text in "[0-9０-９1-9 .()+*@xXaB中\u{200b}/-]{0,60}") {
            let once = redact(&text).into_owned();
            prop_assert_eq!(redact(&once), once.as_str(), "of {:?}", text);
        }

        #[test]
        fn any_text_is_survived(text in "\\PC{0,80}") {
            let once = redact(&text).into_owned();
            prop_assert_eq!(redact(&once), once.as_str());
        }

        #[test]
        fn no_long_run_of_digits_is_left(text in "[0-9 -]{0,40}") {
            let masked = redact(&text);
            let longest = masked.split(|c: char| !c.is_ascii_digit()).map(str::len).max();
            prop_assert!(longest < Some(7), "{}", masked);
        }

        #[test]
        fn a_mobile_number_is_found_anywhere(
            before in "[ 中a:,]{0,5}", tail in "[0-9]{8}", second in 3..=9, gap in "[- ]?", after in "[中a:,]{0,5}",
        ) {
            let number = format!("1{second}{}{gap}{}{gap}{}", &tail[..1], &tail[1..5], &format!("{}{}", &tail[5..], second));
            let masked = redact(&format!("{before}{number}{after}")).into_owned();
            let left = masked.chars().filter(char::is_ascii_digit).count();
            prop_assert!(left <= 4, "{} became {}", number, masked);
        }
    }
}
