//! Words that carry little meaning, and words that turn it, in the two languages of the starter pack.
//!
//! The lists are closed classes of grammar and of politeness, not of any trade.

use std::sync::LazyLock;

use rustc_hash::FxHashSet;

use super::tokens::{Kind, Token};

/// Share of its weight that a word of grammar keeps.
pub(super) const WEAK: f32 = 0.2;

/// English words of grammar and politeness.
const ENGLISH: &str = "a an the and or but if of to in on at for from by with as is am are was were be been being do does did \
    done have has had having i me my mine we us our you u ur your yours he she him her his it its they them their this that \
    these those there here what which who whom whose when where why how can could may might must shall should will would \
    just so than then too very much many long take takes please pls plz hi hello hey dear sir madam thanks thank thx ok okay yes yeah no not dont want \
    wanna need like know tell let get got give any some about also all into out up more most now im ive id ill s t re ve ll d m \
    isn aren wasn weren don doesn didn haven hasn hadn won wouldn shouldn couldn ain cant wont doesnt didnt isnt havent";

/// Chinese characters of grammar, of asking and of politeness, Simplified.
const CHINESE: &str = "的了吗呢吧啊呀哦嘛么我你您他她它们这那是有在要能会可想请就都也还和跟给把被让为到去来说问个一下什怎样多少几\
    哪里谁何如因所得地着过久呗哈嗯好很太最更再又才只但而且或与及之于亲咋啥麻烦帮";

/// What is said around a question in English without changing it.
const ENGLISH_FILLERS: &str = "a an the i me my we our us you your u ur please pls plz hi hello hey thanks thank thx ok okay dear sir \
    madam is are am was it this that to of for there so just im";

/// The same in Chinese, Simplified.
const CHINESE_FILLERS: &str = "的了吗呢吧啊呀哦嘛呗哈咯啦我你您们请亲问一下个这那是";

static ENGLISH_SET: LazyLock<FxHashSet<&str>> = LazyLock::new(|| ENGLISH.split_whitespace().collect());
static CHINESE_SET: LazyLock<FxHashSet<char>> =
    LazyLock::new(|| CHINESE.chars().filter(|c| !c.is_whitespace()).collect());

static FILLERS: LazyLock<FxHashSet<&str>> = LazyLock::new(|| {
    let characters = CHINESE_FILLERS.split("").filter(|c| !c.is_empty());
    ENGLISH_FILLERS.split_whitespace().chain(characters).collect()
});

/// English words that deny, fail or refuse.
static TURNING: LazyLock<FxHashSet<&str>> = LazyLock::new(|| {
    "not no never cannot cant unable isnt dont doesnt didnt wont havent hasnt wasnt arent couldnt without nothing none nor \
     neither fail fails failed failing refuse refused refuses declined wrong stop stopped instead"
        .split_whitespace()
        .collect()
});

/// Whether a token is grammar or politeness, a single letter or a number.
pub(super) fn is_weak(token: &Token<'_>) -> bool {
    match token.kind {
        Kind::Number => true,
        Kind::Word => is_weak_word(token.text),
        Kind::Character => token.text.chars().all(is_weak_character),
    }
}

/// Whether a Latin word is grammar or politeness, or a code rather than a word.
pub(super) fn is_weak_word(word: &str) -> bool {
    word.len() == 1 || ENGLISH_SET.contains(word) || word.bytes().any(|b| b.is_ascii_digit())
}

/// Whether a token is said around a question without changing it; a smaller class than [`is_weak`], which has the words of asking.
pub(super) fn is_filler(token: &Token<'_>) -> bool {
    FILLERS.contains(token.text)
}

/// Whether a Chinese character is grammar or politeness.
pub(super) fn is_weak_character(c: char) -> bool {
    CHINESE_SET.contains(&c)
}

/// Whether a token is a word that denies, fails or refuses, by itself.
pub(super) fn turns(token: &Token<'_>) -> bool {
    TURNING.contains(token.text) || matches!(token.text, "不" | "没" | "别" | "无" | "未")
}

/// Whether a text denies something: `not`, `can't`, 不想, 没收到. The 不 of a question (能不能, 好不好, 有没有) denies nothing.
pub(super) fn denies(tokens: &[Token<'_>]) -> bool {
    (0..tokens.len()).any(|at| {
        let text = |at: Option<usize>| at.and_then(|at| tokens.get(at)).map_or("", |token| token.text);
        let (before, word, after) = (text(at.checked_sub(1)), tokens[at].text, text(Some(at + 1)));
        match word {
            "t" => before.ends_with('n') && !matches!(before, "can" | "don"),
            "不" | "唔" => {
                let question = !before.is_empty() && before == after;
                !question && !matches!(after, "" | "同" | "了" | "好")
            }
            "没" => before != "有" && !after.is_empty(),
            "未" | "无" | "别" | "勿" | "冇" => !after.is_empty() && !matches!(after, "的" | "人"),
            // "Can't I …?" and "don't you …?" ask.
            "can" | "don" => after == "t" && !matches!(text(Some(at + 2)), "i" | "we" | "you" | "u"),
            word => TURNING.contains(word),
        }
    })
}

/// Whether a text says that something is not wanted: 不想退了, `don't want it`. Not 要不要, which asks.
pub(super) fn declines(tokens: &[Token<'_>]) -> bool {
    (0..tokens.len()).any(|at| {
        let text = |at: Option<usize>| at.and_then(|at| tokens.get(at)).map_or("", |token| token.text);
        let (before, word, after) = (text(at.checked_sub(1)), tokens[at].text, text(Some(at + 1)));
        match word {
            "不" | "唔" => matches!(after, "想" | "要" | "用" | "需") && before != after,
            "not" | "t" | "dont" => matches!(after, "want" | "need" | "wanna"),
            "no" => after == "longer",
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::likeness::tokens::tokens;

    #[test]
    fn what_denies_and_what_only_asks() {
        for text in
            ["我不想退货了", "没收到货", "别发了", "i don't want it", "it is not working", "无法登录", "unable to pay"]
        {
            assert!(denies(&tokens(text)), "{text}");
        }
        for text in
            ["能不能退", "有没有货", "可不可以换", "how do i return", "好不好用", "有什么不同", "can't i return it?"]
        {
            assert!(!denies(&tokens(text)), "{text}");
        }
    }
}
