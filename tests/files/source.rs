//! The program's own source as text without comments, strings and tests, for tests about the source.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A file below `src/`.
pub struct Source {
    /// Relative to `src/`.
    pub path: String,
    /// Its first folder or its own name: `decide`, `hub`.
    pub room: String,
    /// Its text, blanked out where it is not the program's code; lines stay where they were.
    pub code: String,
}

/// All files below `src/` that are not tests, by path.
pub fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && path.file_name().is_some_and(|name| name != "tests.rs")
            {
                let relative = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
                found.push(Source::new(&relative, &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

impl Source {
    /// Takes out what is not the program's code.
    pub fn new(path: &str, text: &str) -> Self {
        let room = path.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned();
        Self { path: path.to_owned(), room, code: without_tests(&without_words(text)) }
    }

    /// Whether a word or path stands in the code, not as part of a longer one.
    pub fn says(&self, word: &str) -> bool {
        let part = |c: char| c.is_alphanumeric() || c == '_';
        self.code.match_indices(word).any(|(at, _)| {
            !self.code[..at].chars().next_back().is_some_and(part)
                && !self.code[at + word.len()..].chars().next().is_some_and(part)
        })
    }

    /// Rooms that are named by `crate::…`, or by a chain of `super::` that leaves the file's own room.
    pub fn rooms_named(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for (at, root) in self.code.match_indices("crate::").chain(self.code.match_indices("nightdesk::")) {
            heads(&self.code[at + root.len()..], &mut found);
        }
        // `a/b/c.rs` is three modules below the crate; `a/b/mod.rs` is two.
        let depth = self.path.split('/').filter(|part| *part != "mod.rs").count();
        let chain = "super::".repeat(depth);
        for (at, _) in self.code.match_indices(&chain) {
            heads(&self.code[at + chain.len()..], &mut found);
        }
        found
    }
}

/// The first names of a path or of a braced list of paths.
fn heads(rest: &str, found: &mut BTreeSet<String>) {
    let word = |text: &str| text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let mut add = |name: String| {
        // A capital or nothing is an item of the crate itself, or a macro's `$crate`.
        if name.chars().next().is_some_and(char::is_lowercase) && name != "super" {
            found.insert(name);
        }
    };
    let Some(list) = rest.strip_prefix('{') else { return add(word(rest)) };
    let mut depth = 0;
    let mut start = 0;
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return add(word(&list[start..at])),
            '}' => depth -= 1,
            ',' if depth == 0 => {
                add(word(&list[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// Blanks comments and the insides of string and character literals; line ends stay.
fn without_words(text: &str) -> String {
    let bytes: Vec<char> = text.chars().collect();
    let starts = |at: usize, what: &str| what.chars().enumerate().all(|(i, c)| bytes.get(at + i) == Some(&c));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = if starts(at, "//") {
            (at..bytes.len()).find(|i| bytes[*i] == '\n').unwrap_or(bytes.len())
        } else if starts(at, "/*") {
            (at + 2..bytes.len()).find(|i| starts(*i, "*/")).map_or(bytes.len(), |i| i + 2)
        } else if bytes[at] == 'r' && !at.checked_sub(1).is_some_and(|b| bytes[b].is_alphanumeric() || bytes[b] == '_')
        {
            let hashes = (at + 1..bytes.len()).take_while(|i| bytes[*i] == '#').count();
            if bytes.get(at + 1 + hashes) == Some(&'"') {
                let close = format!("\"{}", "#".repeat(hashes));
                let from = at + 2 + hashes;
                (from..bytes.len()).find(|i| starts(*i, &close)).map_or(bytes.len(), |i| i + close.len())
            } else {
                at
            }
        } else if bytes[at] == '"' {
            let mut i = at + 1;
            while i < bytes.len() && bytes[i] != '"' {
                i += if bytes[i] == '\\' { 2 } else { 1 };
            }
            i + 1
        } else if bytes[at] == '\'' && bytes.get(at + 1) == Some(&'\\') {
            (at + 3..bytes.len()).find(|i| bytes[*i] == '\'').map_or(bytes.len(), |i| i + 1)
        } else if bytes[at] == '\'' && bytes.get(at + 2) == Some(&'\'') {
            at + 3
        } else {
            at
        };
        if end == at {
            out.push(bytes[at]);
            at += 1;
        } else {
            let end = end.min(bytes.len());
            out.extend(bytes[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Blanks each item below `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = code.to_owned();
    while let Some(start) = out.find(MARK) {
        let mut depth = 0_usize;
        let mut end = out.len();
        for (at, c) in out[start + MARK.len()..].char_indices() {
            let after = start + MARK.len() + at + c.len_utf8();
            match c {
                '{' => depth += 1,
                '}' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        end = after;
                        break;
                    }
                }
                ';' if depth == 0 => {
                    end = after;
                    break;
                }
                _ => {}
            }
        }
        let blank: String = out[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        out.replace_range(start..end, &blank);
    }
    out
}
