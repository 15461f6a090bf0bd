//! Tokens of a folded text: Latin words and numbers whole, Chinese, Japanese and Korean by character.

use crate::text::is_cjk;

/// Most tokens of one text that are looked at; what a long message asks stands in far fewer.
const MAX_TOKENS: usize = 256;

/// What a token is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters, perhaps with digits.
    Word,
    /// Digits alone.
    Number,
    /// One character of a script without spaces.
    Character,
}

/// A word, number or character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    /// As it stands in the folded text.
    pub text: &'t str,
    /// Where, in bytes.
    pub at: usize,
    /// What it is made of.
    pub kind: Kind,
}

/// The tokens of a folded text, at most 256. Apostrophes part words: `isn't` is `isn` and `t`.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut out = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices() {
        let character = is_cjk(c);
        if c.is_alphanumeric() && !character {
            start.get_or_insert(at);
            continue;
        }
        if let Some(from) = start.take() {
            out.push(word(text, from, at));
        }
        if character {
            out.push(Token { text: &text[at..at + c.len_utf8()], at, kind: Kind::Character });
        }
        if out.len() >= MAX_TOKENS {
            out.truncate(MAX_TOKENS);
            return out;
        }
    }
    if let Some(from) = start {
        out.push(word(text, from, text.len()));
    }
    out
}

fn word(text: &str, from: usize, to: usize) -> Token<'_> {
    let word = &text[from..to];
    let kind = if word.chars().all(char::is_numeric) { Kind::Number } else { Kind::Word };
    Token { text: word, at: from, kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_numbers_and_characters() {
        let found = tokens("i haven't got 72x36, 退货 3 天");
        let texts: Vec<&str> = found.iter().map(|token| token.text).collect();
        assert_eq!(texts, ["i", "haven", "t", "got", "72x36", "退", "货", "3", "天"]);
        assert_eq!(found[4].kind, Kind::Word);
        assert_eq!(found[7].kind, Kind::Number);
    }
}
