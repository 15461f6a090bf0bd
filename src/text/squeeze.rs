//! Squeezing: spaces and copied pinyin that stand between a phrase and its match are taken out.
//!
//! Only ever removes folded characters, in one pass, and removes nothing the second time.

use std::ops::Range;

use super::map::Folded;
use super::words::{is_cjk, is_han};

/// The longest pinyin note, in letters (`zhuang` has six; two short syllables fit).
const PINYIN_LETTERS: usize = 7;

impl Folded {
    /// The text that matching sees, still with the way back to the original.
    ///
    /// - A run of white space becomes one space; none is left at either end.
    /// - A space beside a character of a script without spaces (Han, kana) goes: `退 款` is `退款`,
    ///   `我要 refund` is `我要refund`.
    /// - The pinyin notes of copied documents go: a Latin word of one to seven letters in brackets,
    ///   directly after a Han character, that was written with a tone mark. `網(wǎng)絡(luò)` is
    ///   `网络`; `务(3)` and `退款(refund)` stay.
    #[must_use]
    pub fn squeezed(self) -> Folded {
        let text = self.text();
        let mut pieces: Vec<Range<usize>> = Vec::new();
        let mut keep = |piece: Range<usize>| match pieces.last_mut() {
            Some(last) if last.end == piece.start => last.end = piece.end,
            _ => pieces.push(piece),
        };
        let mut kept: Option<char> = None;
        let mut space: Option<usize> = None;
        let mut skip_to = 0;
        for (at, c) in text.char_indices() {
            if at < skip_to {
                continue;
            }
            if c == ' ' {
                space.get_or_insert(at);
                continue;
            }
            if c == '('
                && kept.is_some_and(is_han)
                && let Some(end) = pinyin_note(&self, at)
            {
                skip_to = end;
                continue;
            }
            if let Some(space) = space.take()
                && kept.is_some_and(|before| !is_cjk(before) && !is_cjk(c))
            {
                keep(space..space + 1);
            }
            keep(at..at + c.len_utf8());
            kept = Some(c);
        }
        if let [only] = pieces.as_slice()
            && only.len() == text.len()
        {
            return self;
        }
        self.keep(&pieces)
    }
}

/// The end of the pinyin note whose bracket opens at `open`, if it is one.
fn pinyin_note(folded: &Folded, open: usize) -> Option<usize> {
    let inner = open + 1;
    let rest = folded.text().as_bytes().get(inner..)?;
    let letters = rest.iter().take(PINYIN_LETTERS + 1).take_while(|b| b.is_ascii_lowercase()).count();
    let closed = rest.get(letters) == Some(&b')');
    let toned = folded.has_tone(&(inner..inner + letters));
    ((1..=PINYIN_LETTERS).contains(&letters) && closed && toned).then_some(inner + letters + 1)
}

#[cfg(test)]
mod tests {
    use crate::text::Fold;

    thread_local!(static FOLD: Fold = Fold::new());

    fn squeeze(text: &str) -> String {
        FOLD.with(|fold| fold.squeeze(text).into_text())
    }

    #[test]
    fn spaces() {
        for (original, squeezed) in [
            ("退 款", "退款"),
            ("我要 refund", "我要refund"),
            ("  how   do I  ", "how do i"),
            ("7 天 无理由", "7天无理由"),
            ("a , b", "a , b"),
            ("你好 , 在 吗", "你好,在吗"),
            ("환불 해", "환불 해"),
            ("キャン セル", "キャンセル"),
            ("退\u{200B} \u{3000}\n款", "退款"),
            ("   ", ""),
            ("", ""),
            ("ok 😀 ok", "ok 😀 ok"),
        ] {
            assert_eq!(squeeze(original), squeezed, "of {original:?}");
        }
    }

    #[test]
    fn pinyin_of_copied_documents() {
        for (original, squeezed) in [
            ("網(wǎng)絡(luò)零售客戶服務(wù)", "网络零售客户服务"),
            ("网（wǎng） 络 (luò)", "网络"),
            ("务(3)", "务(3)"),
            ("网(wa\u{30C}ng)络", "网络"),
            ("退款(refund)", "退款(refund)"),
            ("退款(ok)", "退款(ok)"),
            ("(wǎng)络", "(wang)络"),
            ("网(zhuāngzhì)", "网(zhuangzhi)"),
            ("网()", "网()"),
            ("网(wǎng", "网(wang"),
            ("網(WǍNG)", "网"),
            ("女(nǚ)人", "女人"),
            ("网(wǎng)(luò)", "网"),
            ("a (wǎng) b", "a (wang) b"),
            ("网 (wǎng) ab", "网ab"),
            ("网ǎ(wang)", "网a(wang)"),
            ("网(wang)ǎ", "网(wang)a"),
        ] {
            assert_eq!(squeeze(original), squeezed, "of {original:?}");
        }
    }

    #[test]
    fn spans_lead_back_over_what_was_taken_out() {
        let original = "我的 網(wǎng)絡(luò) ＯＫ… 了";
        let squeezed = FOLD.with(|fold| fold.squeeze(original));
        assert_eq!(squeezed.text(), "我的网络ok...了");
        let source = |part: &str| {
            let at = squeezed.text().find(part).expect("in the text");
            &original[squeezed.original_span(at..at + part.len())]
        };
        assert_eq!(source("网络"), "網(wǎng)絡");
        assert_eq!(source("的网"), "的 網");
        assert_eq!(source("ok"), "ＯＫ");
        assert_eq!(source("."), "…");
        assert_eq!(source("了"), "了");
        assert_eq!(source(squeezed.text()), original);
    }
}
