//! The files of a shop as texts: found below its directory, read, and bounded. The only room below the engine that touches a disk.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diag::Finding;

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 64 * 1024 * 1024;
/// Deepest folder that is looked into.
const MAX_FOLDERS: usize = 16;

/// Texts by path, relative to the shop's directory and with `/`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Files {
    /// The texts.
    pub texts: BTreeMap<Arc<str>, Arc<str>>,
    /// What could not be read.
    pub findings: Vec<Finding>,
    root: PathBuf,
}

impl Files {
    /// Reads `nightdesk.yaml`, `synonyms.yaml` and all YAML files below `faq/`, `rules/` and `tests/conversations/`, and all files of `calendars/`.
    #[must_use]
    pub fn read(root: &Path) -> Self {
        let mut files = Self { root: root.to_owned(), ..Self::default() };
        let config = root.join("nightdesk.yaml");
        if config.exists() {
            files.read_file(&config, "nightdesk.yaml");
        } else {
            files.findings.push(
                Finding::error("no-config", format!("there is no nightdesk.yaml in {}", root.display()))
                    .help("name the directory that holds it with --dir, or start from the example in the README"),
            );
        }
        let synonyms = root.join("synonyms.yaml");
        if synonyms.exists() {
            files.read_file(&synonyms, "synonyms.yaml");
        }
        for folder in ["faq", "rules", "tests/conversations"] {
            files.read_folder(&root.join(folder), folder, 0, &|name| {
                name.rsplit_once('.').is_some_and(|(_, ext)| matches!(ext, "yaml" | "yml"))
            });
        }
        files.read_folder(&root.join("calendars"), "calendars", 0, &|name| {
            name.rsplit_once('.').is_some_and(|(_, ext)| matches!(ext, "yaml" | "yml" | "json" | "ics"))
        });
        files
    }

    /// Files given as texts, for tests and tools.
    #[must_use]
    pub fn from_texts<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let texts = texts.into_iter().map(|(path, text)| (Arc::from(path), Arc::from(text))).collect();
        Self { texts, ..Self::default() }
    }

    /// The same directory with other knowledge and settings; its conversation tests stay.
    #[must_use]
    pub fn with_texts(&self, texts: &BTreeMap<String, String>) -> Self {
        let tests = self.texts.iter().filter(|(file, _)| file.starts_with("tests/"));
        let tests = tests.map(|(file, text)| (Arc::clone(file), Arc::clone(text)));
        let others = texts.iter().map(|(file, text)| (Arc::from(file.as_str()), Arc::from(text.as_str())));
        Self { texts: tests.chain(others).collect(), findings: Vec::new(), root: self.root.clone() }
    }

    /// The text of a file that the settings name, read on demand when it lies elsewhere than in the usual folders.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn named(&mut self, path: &str) -> io::Result<(Arc<str>, Arc<str>)> {
        let key: Arc<str> = Arc::from(path);
        if let Some(text) = self.texts.get(&key) {
            return Ok((key, Arc::clone(text)));
        }
        if self.root.as_os_str().is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "no such file"));
        }
        let text: Arc<str> = Arc::from(read_bounded(&self.root.join(path))?);
        self.texts.insert(Arc::clone(&key), Arc::clone(&text));
        Ok((key, text))
    }

    fn read_folder(&mut self, folder: &Path, relative: &str, depth: usize, wanted: &dyn Fn(&str) -> bool) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        if depth > MAX_FOLDERS {
            self.findings
                .push(Finding::error("too-deep", format!("`{relative}` lies too deep")).help("move its files up"));
            return;
        }
        let mut names: Vec<_> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort_unstable();
        for name in names {
            // Editors' swap files, `..data` links of mounted volumes and the like are not the shop's.
            if name.starts_with('.') || name.ends_with('~') {
                continue;
            }
            let (path, below) = (folder.join(&name), format!("{relative}/{name}"));
            if path.is_dir() {
                self.read_folder(&path, &below, depth + 1, wanted);
            } else if wanted(&name) {
                self.read_file(&path, &below);
            }
        }
    }

    fn read_file(&mut self, path: &Path, relative: &str) {
        match read_bounded(path) {
            Ok(text) => {
                self.texts.insert(Arc::from(relative), Arc::from(text));
            }
            Err(error) => self.findings.push(
                Finding::error("unreadable", format!("`{relative}` cannot be read: {error}"))
                    .help("save it as UTF-8 text, and see that nightdesk may read it"),
            ),
        }
    }
}

/// The bytes of a file, if they are not more than `most`. It is read no further, whatever its size is said to be: a device has none,
/// and a file may grow meanwhile.
///
/// # Errors
/// When it cannot be read, or is larger.
pub fn read_at_most(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = fs::File::open(path)?;
    let too_large =
        |size: &str| io::Error::new(io::ErrorKind::InvalidData, format!("it has {size} bytes, and {most} is the most"));
    let size = file.metadata()?.len();
    if size > most {
        return Err(too_large(&size.to_string()));
    }
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(too_large("more")) } else { Ok(bytes) }
}

fn read_bounded(path: &Path) -> io::Result<String> {
    let bytes = read_at_most(path, MAX_FILE)?;
    // Windows editors put a byte order mark in front.
    let text = String::from_utf8(bytes).map_err(|e| {
        let good = e.as_bytes().get(..e.utf8_error().valid_up_to()).unwrap_or_default();
        let line = good.iter().filter(|&&byte| byte == b'\n').count() + 1;
        io::Error::new(io::ErrorKind::InvalidData, format!("line {line} is not UTF-8"))
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
