//! RiveScript, by a small reader: triggers with their replies and redirects. What is computed is listed, never run.

use std::collections::HashMap;

use super::pattern::Token;
use super::script::{Does, Piece, entries as joined};
use super::{Entry, Left};

/// Most variants that one reply is written out to.
const MAX_VARIANTS: usize = 20;

pub(super) fn entries(file: &str, text: &str, left: &mut Vec<Left>) -> Vec<Entry> {
    let lines = lines(file, text);
    let arrays = arrays(&lines);
    let mut reader = Reader { arrays: &arrays, left, pieces: Vec::new(), trigger: None, within: None };
    for line in &lines {
        reader.line(line);
    }
    reader.close();
    let pieces = reader.pieces;
    joined(pieces, left)
}

/// A command with what follows it.
struct Line {
    sign: char,
    text: String,
    place: String,
}

/// Commands, with continuations joined, comments and the bodies of objects left out (their head stays).
fn lines(file: &str, text: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let (mut comment, mut object) = (false, false);
    for (number, line) in text.lines().enumerate() {
        let mut line = line.trim();
        if comment {
            comment = !line.contains("*/");
            continue;
        }
        if object {
            object = !line.starts_with("< object");
            continue;
        }
        if line.starts_with("/*") {
            comment = !line.contains("*/");
            continue;
        }
        if line.starts_with("//") {
            continue;
        }
        if let Some((before, _)) = line.split_once(" //") {
            line = before.trim();
        }
        let Some(sign) = line.chars().next() else { continue };
        let text = line.get(sign.len_utf8()..).unwrap_or_default().trim();
        if sign == '^' {
            if let Some(last) = lines.last_mut() {
                last.text.push_str(text);
            }
            continue;
        }
        object = sign == '>' && text.starts_with("object");
        lines.push(Line { sign, text: text.to_owned(), place: format!("{file}:{}", number + 1) });
    }
    lines
}

/// `! array name = a b|c d`.
fn arrays(lines: &[Line]) -> HashMap<String, Vec<String>> {
    let array = |line: &Line| {
        let (name, words) = line.text.strip_prefix("array").filter(|_| line.sign == '!')?.split_once('=')?;
        let several = words.contains('|');
        let words = words.split(|c: char| if several { c == '|' } else { c.is_whitespace() });
        let words = words.map(|word| word.trim().replace("\\s", " ")).filter(|word| !word.is_empty()).collect();
        Some((name.trim().to_owned(), words))
    };
    lines.iter().filter_map(array).collect()
}

struct Reader<'a> {
    arrays: &'a HashMap<String, Vec<String>>,
    left: &'a mut Vec<Left>,
    pieces: Vec<Piece>,
    trigger: Option<Trigger>,
    /// The topic or block within which triggers have no counterpart.
    within: Option<String>,
}

struct Trigger {
    written: String,
    place: String,
    replies: Vec<String>,
    redirect: Option<String>,
    refused: Option<String>,
}

impl Reader<'_> {
    fn line(&mut self, line: &Line) {
        match line.sign {
            '!' => self.definition(line),
            '>' => {
                self.close();
                let mut words = line.text.split_whitespace();
                let (kind, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                match kind {
                    "object" => self.leave(line, "a script; nothing of another program is run"),
                    "topic" if name == "random" => {}
                    _ => self.within = Some(line.text.clone()),
                }
            }
            '<' => {
                self.close();
                self.within = None;
            }
            '+' => {
                self.close();
                self.trigger = Some(Trigger {
                    written: line.text.clone(),
                    place: line.place.clone(),
                    replies: Vec::new(),
                    redirect: None,
                    refused: self
                        .within
                        .as_ref()
                        .map(|within| format!("it stands within “{within}”; there are no topics")),
                });
            }
            '-' => match variants(&line.text) {
                Ok(texts) => match &mut self.trigger {
                    Some(trigger) => trigger.replies.extend(texts),
                    None => self.leave(line, "a reply without a trigger"),
                },
                Err(why) => self.leave(line, &why),
            },
            '@' => {
                if let Some(trigger) = &mut self.trigger {
                    trigger.redirect = Some(line.text.clone());
                }
            }
            '%' => {
                if let Some(trigger) = &mut self.trigger {
                    let why = format!(
                        "it holds only after the reply “{}”; write a rule with conversation.previous",
                        line.text
                    );
                    trigger.refused.get_or_insert(why);
                }
            }
            '*' => self.leave(line, "a condition; write it as `if` of a rule"),
            _ => self.leave(line, "this is no command of RiveScript"),
        }
    }

    fn definition(&mut self, line: &Line) {
        let mut words = line.text.split_whitespace();
        match words.next().unwrap_or_default() {
            "version" | "array" | "local" => {}
            "sub" | "person" => {
                self.leave(line, "a substitution; if both words mean the same, put them into synonyms.yaml");
            }
            _ => self.leave(line, "a variable; put what texts say into `settings` of nightdesk.yaml"),
        }
    }

    fn leave(&mut self, line: &Line, why: &str) {
        self.left.push(Left::new(&line.place, &format!("{} {}", line.sign, line.text), why));
    }

    /// Ends the trigger that is open.
    fn close(&mut self) {
        let Some(trigger) = self.trigger.take() else { return };
        let Trigger { written, place, replies, redirect, refused } = trigger;
        let does = match redirect {
            Some(target) if replies.is_empty() => Ok(Does::As(target)),
            _ if replies.is_empty() => Err("no reply of it can be carried over".to_owned()),
            _ => Ok(Does::Says(replies)),
        };
        let made = match refused {
            Some(why) => Err(why),
            None => does.and_then(|does| Ok((does, tokens(&written, self.arrays)?))),
        };
        match made {
            Ok((does, tokens)) => {
                self.pieces.push(Piece { written: without_weight(&written), tokens, does, place });
            }
            Err(why) => self.left.push(Left::new(&place, &format!("+ {written}"), why)),
        }
    }
}

/// `{weight=…}` out of a text.
fn without_weight(text: &str) -> String {
    let Some(at) = text.find("{weight") else { return text.to_owned() };
    let (before, tag) = text.split_at(at);
    let after = tag.find('}').and_then(|end| tag.get(end + 1..)).unwrap_or_default();
    format!("{}{after}", before.trim_end())
}

/// A trigger in parts.
fn tokens(written: &str, arrays: &HashMap<String, Vec<String>>) -> Result<Vec<Token>, String> {
    let written = without_weight(written);
    if let Some(sign) = written.chars().find(|c| matches!(c, '<' | '>' | '{' | '}')) {
        return Err(format!("its trigger has a tag ({sign}), which has no counterpart"));
    }
    let mut tokens = Vec::new();
    let mut rest = written.as_str();
    while let Some(sign) = rest.chars().next() {
        let after = rest.get(sign.len_utf8()..).unwrap_or_default();
        rest = match sign {
            '(' | '[' => {
                let close = if sign == '(' { ')' } else { ']' };
                let end = after.find(close).ok_or_else(|| format!("a `{sign}` without its `{close}`"))?;
                let inner = after.get(..end).unwrap_or_default();
                tokens.push(choice(inner, sign == '[', arrays)?);
                after.get(end + 1..).unwrap_or_default()
            }
            '*' => {
                tokens.push(Token::Some);
                after
            }
            '#' => {
                tokens.push(Token::Number);
                after
            }
            '_' => {
                tokens.push(Token::Word);
                after
            }
            '@' => {
                let end = after.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(after.len());
                tokens.push(Token::Choice(array(after.get(..end).unwrap_or_default(), arrays)?, false));
                after.get(end..).unwrap_or_default()
            }
            _ => {
                let end = rest.find(['(', '[', '*', '#', '_', '@']).unwrap_or(rest.len());
                let text = rest.get(..end).unwrap_or_default().trim();
                if !text.is_empty() {
                    tokens.push(Token::Text(text.to_owned()));
                }
                rest.get(end..).unwrap_or_default()
            }
        };
    }
    Ok(tokens)
}

fn choice(inner: &str, optional: bool, arrays: &HashMap<String, Vec<String>>) -> Result<Token, String> {
    if inner.contains(['(', '[']) {
        return Err("brackets within brackets".to_owned());
    }
    match inner.trim() {
        "*" if optional => return Ok(Token::Any),
        "*" => return Ok(Token::Some),
        "#" if !optional => return Ok(Token::Number),
        "_" if !optional => return Ok(Token::Word),
        _ => {}
    }
    let mut words = Vec::new();
    for word in inner.split('|').map(str::trim).filter(|word| !word.is_empty()) {
        match word.strip_prefix('@') {
            Some(name) => words.extend(array(name, arrays)?),
            None if word.contains(['*', '#']) => return Err("a wildcard within alternatives".to_owned()),
            None => words.push(word.to_owned()),
        }
    }
    if words.is_empty() { Err("brackets with nothing in them".to_owned()) } else { Ok(Token::Choice(words, optional)) }
}

fn array(name: &str, arrays: &HashMap<String, Vec<String>>) -> Result<Vec<String>, String> {
    arrays.get(name).filter(|words| !words.is_empty()).cloned().ok_or_else(|| format!("there is no array `{name}`"))
}

/// What a reply says, each way by itself.
fn variants(reply: &str) -> Result<Vec<String>, String> {
    let reply = without_weight(reply).replace("\\n", "\n").replace("\\s", " ").replace("\\#", "#");
    let mut all = vec![String::new()];
    let mut rest = reply.as_str();
    while let Some(at) = rest.find("{random}") {
        let (before, tag) = rest.split_at(at);
        let inner = tag.get("{random}".len()..).unwrap_or_default();
        let end = inner.find("{/random}").ok_or("a {random} without its {/random}")?;
        let several = inner.get(..end).unwrap_or_default();
        let ways: Vec<&str> =
            if several.contains('|') { several.split('|').collect() } else { several.split_whitespace().collect() };
        let next: Vec<String> =
            all.iter().flat_map(|said| ways.iter().map(move |way| format!("{said}{before}{}", way.trim()))).collect();
        if next.len() > MAX_VARIANTS {
            return Err(format!("more than {MAX_VARIANTS} ways to say it"));
        }
        all = next;
        rest = inner.get(end + "{/random}".len()..).unwrap_or_default();
    }
    for said in &mut all {
        said.push_str(rest);
    }
    match all.iter().find_map(|said| tag(said)) {
        Some(tag) => Err(format!("its reply has {tag}, which has no counterpart")),
        None => Ok(all),
    }
}

/// The first tag of a reply: what is set, looked up, run or repeated.
fn tag(text: &str) -> Option<String> {
    let at = text.find(['<', '{'])?;
    let tag = text.get(at..)?;
    let end = tag.find(['>', '}'])?;
    let inner = tag.get(1..end)?;
    let known = inner.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '@' | '/' | '^'));
    known.then(|| tag.get(..=end).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triggers_fall_into_parts() {
        let arrays = HashMap::from([("colors".to_owned(), vec!["red".to_owned(), "sky blue".to_owned()])]);
        let of = |text: &str| tokens(text, &arrays);
        let text = |text: &str| Token::Text(text.to_owned());
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(of("hello [there|you]"), Ok(vec![text("hello"), Token::Choice(words(&["there", "you"]), true)]));
        assert_eq!(of("[*] my @colors car *"), {
            let colors = Token::Choice(words(&["red", "sky blue"]), false);
            Ok(vec![Token::Any, text("my"), colors, text("car"), Token::Some])
        });
        assert_eq!(of("i am # years{weight=10}"), Ok(vec![text("i am"), Token::Number, text("years")]));
        for bad in ["<bot name>", "a (b", "@none", "([a])", "[]"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn replies_are_told_from_programs() {
        assert_eq!(
            variants("Hi {random}there|you{/random}!{weight=3}"),
            Ok(vec!["Hi there!".into(), "Hi you!".into()])
        );
        assert_eq!(variants("1 < 2, a\\nb"), Ok(vec!["1 < 2, a\nb".into()]));
        for bad in ["Hi <get name>", "<call>x</call>", "{topic=x}ok", "{@hello}", "<star>"] {
            assert!(variants(bad).is_err(), "{bad}");
        }
    }
}
