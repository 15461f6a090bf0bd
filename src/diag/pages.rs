//! The page of each kind of finding: what it means, why it matters, how to mend it. They are the files of `docs/findings/`.

use include_dir::{Dir, include_dir};

static PAGES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/docs/findings");

/// The page of a code, as Markdown.
#[must_use]
pub fn page(code: &str) -> Option<&'static str> {
    if code == "README" {
        return None;
    }
    PAGES.get_file(format!("{code}.md"))?.contents_utf8()
}

/// All codes that have a page, sorted.
#[must_use]
pub fn codes() -> Vec<&'static str> {
    let names = PAGES.files().filter_map(|file| file.path().file_stem()?.to_str());
    let mut codes: Vec<_> = names.filter(|name| *name != "README").collect();
    codes.sort_unstable();
    codes
}

/// The one sentence below a page's title that says what the finding means.
#[must_use]
pub fn meaning(page: &str) -> &str {
    let line = page.lines().skip(1).find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.trim_start_matches("**Error.**").trim_start_matches("**Warning.**").trim()
}
