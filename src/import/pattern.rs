//! Patterns of RiveScript and AIML: words, wildcards, alternatives and optionals, as questions, phrases or a regular expression.
//!
//! Without a wildcard a pattern is a handful of sentences. With wildcards at both ends it names parts that occur. Any other
//! wildcard is a place in the sentence, which only a regular expression keeps.

use crate::text::{Fold, is_cjk};

use super::Entry;

/// Most sentences that one pattern is written out to.
const MAX_SENTENCES: usize = 60;
/// Most parts of a pattern.
const MAX_TOKENS: usize = 200;

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// Words.
    Text(String),
    /// One of these; or none, if it is optional.
    Choice(Vec<String>, bool),
    /// Any words, perhaps none.
    Any,
    /// At least one word.
    Some,
    /// A number.
    Number,
    /// One word.
    Word,
}

/// Puts the signs of a pattern into an entry.
///
/// # Errors
/// Why it has no counterpart.
pub(super) fn put(tokens: &[Token], entry: &mut Entry, fold: &Fold) -> Result<(), String> {
    if tokens.len() > MAX_TOKENS {
        return Err("this pattern is too long".to_owned());
    }
    let fixed = |token: &Token| matches!(token, Token::Text(_) | Token::Choice(_, false));
    if !tokens.iter().any(fixed) {
        return Err(
            "it has no word of its own and takes nearly every message; what is not understood goes to a person"
                .to_owned(),
        );
    }
    let wild = |token: &Token| matches!(token, Token::Any | Token::Some);
    let special = tokens.iter().any(|token| matches!(token, Token::Number | Token::Word));
    let sentences = written_out(tokens);
    match sentences {
        Some(sentences) if !special && !tokens.iter().any(wild) => {
            entry.questions.extend(sentences.into_iter().map(|parts| parts.join(" ")));
        }
        Some(sentences) if !special && tokens.first().is_some_and(wild) && tokens.last().is_some_and(wild) => {
            entry.phrases.extend(sentences);
        }
        _ => entry.patterns.push(regular(tokens, fold)),
    }
    Ok(())
}

/// Every way to say it, each as the parts between its wildcards; none if there are too many.
fn written_out(tokens: &[Token]) -> Option<Vec<Vec<String>>> {
    let mut all: Vec<Vec<String>> = vec![vec![String::new()]];
    for token in tokens {
        match token {
            Token::Text(text) => all.iter_mut().for_each(|parts| append(parts, text)),
            Token::Choice(words, optional) => {
                let ways = words.iter().map(String::as_str).chain(optional.then_some(""));
                let mut next = Vec::new();
                for way in ways {
                    for parts in &all {
                        let mut parts = parts.clone();
                        append(&mut parts, way);
                        next.push(parts);
                    }
                    if next.len() > MAX_SENTENCES {
                        return None;
                    }
                }
                all = next;
            }
            Token::Any | Token::Some => all.iter_mut().for_each(|parts| parts.push(String::new())),
            Token::Number | Token::Word => return None,
        }
    }
    for parts in &mut all {
        parts.retain(|part| !part.is_empty());
    }
    all.retain(|parts| !parts.is_empty());
    Some(all)
}

fn append(parts: &mut [String], text: &str) {
    let Some(last) = parts.last_mut() else { return };
    let text = text.trim();
    let both = last.chars().next_back().zip(text.chars().next());
    if both.is_some_and(|(before, after)| !is_cjk(before) || !is_cjk(after)) {
        last.push(' ');
    }
    last.push_str(text);
}

/// The whole message as a regular expression over folded text; between words may stand what is no letter.
fn regular(tokens: &[Token], fold: &Fold) -> String {
    let mut out = String::from(r"^\W*");
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Text(text) => out.push_str(&words(text, fold)),
            Token::Choice(choices, optional) => {
                let choices: Vec<String> = choices.iter().map(|choice| words(choice, fold)).collect();
                out.push_str("(?:");
                out.push_str(&choices.join("|"));
                out.push_str(if *optional { ")?" } else { ")" });
            }
            Token::Any => out.push_str(".*"),
            Token::Some => out.push_str(r".*\w.*"),
            Token::Number => out.push_str(r"\d+"),
            Token::Word => out.push_str(r"\p{L}+"),
        }
        let beside_any = |at: usize| matches!(tokens.get(at), Some(Token::Any | Token::Some));
        if !beside_any(at) && !beside_any(at + 1) {
            out.push_str(r"\W*");
        }
    }
    out.push('$');
    out
}

fn words(text: &str, fold: &Fold) -> String {
    let folded = fold.squeeze(text).into_text();
    let words = folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let edge = |c: Option<char>| if c.is_some_and(|c| !is_cjk(c)) { r"\b" } else { "" };
    let word = |word: &str| {
        // An edge beside a Chinese character would never hold.
        let (before, after) = (edge(word.chars().next()), edge(word.chars().next_back()));
        let all = !word.chars().any(is_cjk);
        if all { format!("{before}{}{after}", regex::escape(word)) } else { regex::escape(word) }
    };
    words.map(word).collect::<Vec<_>>().join(r"\W*")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(tokens: &[Token]) -> Entry {
        let mut entry = Entry::default();
        put(tokens, &mut entry, &Fold::new()).expect("has a counterpart");
        entry
    }

    fn text(text: &str) -> Token {
        Token::Text(text.to_owned())
    }

    #[test]
    fn alternatives_are_written_out() {
        let colours = Token::Choice(vec!["red".into(), "blue".into()], true);
        let entry = entry(&[text("i have a"), colours, text("car")]);
        assert_eq!(entry.questions, ["i have a red car", "i have a blue car", "i have a car"]);
    }

    #[test]
    fn wildcards_around_are_parts_that_occur() {
        assert_eq!(
            entry(&[Token::Any, text("cancel"), Token::Some, text("order"), Token::Any]).phrases,
            [["cancel".to_owned(), "order".to_owned()]]
        );
    }

    #[test]
    fn a_wildcard_at_one_end_keeps_its_place() {
        let pattern = entry(&[text("my name is"), Token::Some]).patterns.remove(0);
        let regex = regex::Regex::new(&pattern).expect("is one");
        assert!(regex.is_match("my name is ann lee") && regex.is_match("my name, is ann!"));
        assert!(!regex.is_match("my name is") && !regex.is_match("oh my name is ann"), "{pattern}");
        let pattern = entry(&[text("订单"), Token::Number, text("到哪了")]).patterns.remove(0);
        let regex = regex::Regex::new(&pattern).expect("is one");
        assert!(regex.is_match("订单123到哪了?") && !regex.is_match("订单到哪了"), "{pattern}");
    }

    #[test]
    fn what_takes_everything_is_refused() {
        for tokens in [vec![Token::Some], vec![Token::Any, Token::Number], vec![]] {
            assert!(put(&tokens, &mut Entry::default(), &Fold::new()).is_err());
        }
    }
}
