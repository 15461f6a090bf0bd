//! What RiveScript and AIML have in common: a pattern, and either what is said or the pattern that is meant instead.

use std::collections::HashMap;

use crate::text::{Fold, key};

use super::entry::literal;
use super::pattern::{Token, put};
use super::{Entry, Left};

/// Most steps from one pattern to the next.
const MAX_STEPS: usize = 16;

/// A pattern of a script, with what it does.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    /// As it is written.
    pub written: String,
    /// In parts.
    pub tokens: Vec<Token>,
    /// What it does.
    pub does: Does,
    /// Where it stands.
    pub place: String,
}

/// What a pattern does.
#[derive(Clone, Debug)]
pub(super) enum Does {
    /// Says one of these.
    Says(Vec<String>),
    /// Does what another pattern does.
    As(String),
}

/// The pieces as entries; those that do as another does become more ways to ask that.
pub(super) fn entries(pieces: Vec<Piece>, left: &mut Vec<Left>) -> Vec<Entry> {
    let fold = Fold::new();
    let name = |text: &str| key(fold.squeeze(text).text());
    let mut entries: Vec<Entry> = Vec::new();
    let mut owners: HashMap<String, usize> = HashMap::new();
    let mut redirects: Vec<(Piece, String)> = Vec::new();
    let mut pointers: HashMap<String, String> = HashMap::new();
    for piece in pieces {
        match &piece.does {
            Does::As(target) => {
                let target = name(target);
                pointers.entry(name(&piece.written)).or_insert_with(|| target.clone());
                redirects.push((piece, target));
            }
            Does::Says(texts) => {
                let mut entry = Entry { place: piece.place.clone(), ..Entry::default() };
                entry.answers = texts.iter().map(|text| literal(text)).collect();
                entry.title = words(&piece.tokens);
                if let Err(why) = put(&piece.tokens, &mut entry, &fold) {
                    left.push(Left::new(&piece.place, &piece.written, why));
                    continue;
                }
                owners.entry(name(&piece.written)).or_insert(entries.len());
                for question in &entry.questions {
                    owners.entry(name(question)).or_insert(entries.len());
                }
                entries.push(entry);
            }
        }
    }
    for (piece, target) in redirects {
        let mut target = target;
        let mut steps = 0;
        while !owners.contains_key(&target) && steps < MAX_STEPS {
            let Some(next) = pointers.get(&target) else { break };
            target.clone_from(next);
            steps += 1;
        }
        let entry = owners.get(&target).and_then(|at| entries.get_mut(*at));
        let done = match entry {
            Some(entry) => put(&piece.tokens, entry, &fold),
            None => Err("it leads to a pattern that is not there or was not carried over".to_owned()),
        };
        if let Err(why) = done {
            left.push(Left::new(&piece.place, &piece.written, why));
        }
    }
    entries
}

/// The words of a pattern, for a title.
fn words(tokens: &[Token]) -> String {
    let word = |token: &Token| match token {
        Token::Text(text) => text.clone(),
        Token::Choice(words, false) => words.first().cloned().unwrap_or_default(),
        Token::Any | Token::Some | Token::Number | Token::Word => "…".to_owned(),
        Token::Choice(_, true) => String::new(),
    };
    let words: Vec<String> = tokens.iter().map(word).filter(|word| !word.is_empty()).collect();
    words.join(" ").trim_matches(['…', ' ']).to_owned()
}
