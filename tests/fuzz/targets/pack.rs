//! What the starter pack can say: every text in its files, with room where a value is filled in.

use std::sync::OnceLock;

use nightdesk::engine::Engine;
use nightdesk::text::Fold;
use nightdesk::yaml::{Node, Value, parse};
use nightdesk::{rules::Files, shop};

use super::{instant, root};

/// The starter pack, ready.
pub struct Pack {
    pub engine: Engine,
    fold: Fold,
    /// Texts without values, folded.
    plain: std::collections::HashSet<String>,
    /// Texts with values: the folded pieces between them.
    filled: Vec<Filled>,
}

struct Filled {
    pieces: Vec<String>,
    /// Whether every piece is said: none of them stands in an `if`.
    all: bool,
}

impl Pack {
    pub fn shipped() -> &'static Self {
        static PACK: OnceLock<Pack> = OnceLock::new();
        PACK.get_or_init(|| {
            let (engine, report) = shop::open(root(), instant("2026-11-24T10:00:00+08:00"));
            let engine = engine.unwrap_or_else(|| panic!("{:#?}", report.findings));
            let mut pack =
                Self { engine, fold: Fold::new(), plain: std::collections::HashSet::new(), filled: Vec::new() };
            let files = Files::read(root());
            for (path, text) in files.texts.iter().filter(|(path, _)| !path.starts_with("tests/")) {
                if let Ok(node) = parse(path, text) {
                    pack.learn(&node);
                }
            }
            pack
        })
    }

    fn learn(&mut self, node: &Node) {
        match &node.value {
            Value::Null => {}
            Value::Scalar { text, .. } => self.learn_text(text),
            Value::List(items) => items.iter().for_each(|item| self.learn(item)),
            Value::Map(entries) => entries.iter().for_each(|(_, value)| self.learn(value)),
        }
    }

    fn learn_text(&mut self, text: &str) {
        if !text.contains('{') {
            self.plain.insert(self.key(text));
            return;
        }
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some(at) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
            pieces.push(self.key(&rest[..at]));
            let close = if rest[at..].starts_with("{{") { "}}" } else { "%}" };
            rest = rest[at..].find(close).map_or("", |end| &rest[at + end + 2..]);
        }
        pieces.push(self.key(rest));
        // A text that is a value and nothing else would allow anything.
        if pieces.iter().map(String::len).sum::<usize>() >= 6 {
            self.filled.push(Filled { pieces, all: !text.contains("{%") });
        }
    }

    /// Alike for Simplified and Traditional, and without what a conversion may move.
    fn key(&self, text: &str) -> String {
        self.fold.fold_str(text).chars().filter(|c| c.is_alphanumeric()).collect()
    }

    /// Whether these are words of the pack.
    pub fn says(&self, text: &str) -> bool {
        let said = self.key(text);
        self.plain.contains(&said) || self.filled.iter().any(|filled| filled.fits(&said))
    }
}

impl Filled {
    fn fits(&self, said: &str) -> bool {
        let mut at = 0;
        let mut some = 0;
        for (index, piece) in self.pieces.iter().enumerate() {
            let found = said[at..].find(piece.as_str());
            match found {
                Some(0) if index == 0 => at = piece.len(),
                Some(found) if index > 0 || !self.all => at += found + piece.len(),
                _ if self.all => return false,
                _ => continue,
            }
            some += piece.len();
        }
        some > 0 && (!self.all || self.pieces.last().is_some_and(|last| said.ends_with(last.as_str())))
    }
}
