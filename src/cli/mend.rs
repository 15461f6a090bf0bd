//! `nightdesk check --fix`: what can be mended without asking is written into the files, a file at a time and whole.

use std::fs;
use std::io::{self, Write};
use std::path::{Component, Path};

use anyhow::Context;

use super::Failure;
use crate::diag::{Report, mend};
use crate::yaml;

/// Rounds of mending and checking; one mistake can hide another.
const ROUNDS: usize = 8;

/// Mends what can be mended in the wanted files, and says each line that changed.
pub(super) fn all(dir: &Path, check: impl Fn() -> Report, wanted: &dyn Fn(&str) -> bool) -> Result<(), Failure> {
    let mut before = None;
    for _ in 0..ROUNDS {
        let mut report = check();
        report.findings.retain(|finding| {
            finding.fix.as_ref().is_some_and(|fix| {
                fix.edits.iter().all(|edit| wanted(&edit.place.file) && lies_within(&edit.place.file))
            })
        });
        let mended = mend(&report);
        // A fix that brings back what another one took away would never end.
        if mended.texts.is_empty() || before.as_ref() == Some(&mended.texts) {
            return Ok(());
        }
        for (file, text) in &mended.texts {
            // Two mends that are right each may be wrong together; a file that cannot be read would be worse than before.
            let readable = |text: &str| yaml::parse(file, text).is_ok();
            let old = report.sources.text(file).unwrap_or_default();
            anyhow::ensure!(
                readable(text) || !readable(old),
                "{file} stays as it was: mended it could not be read; mend it by hand"
            );
        }
        for (file, text) in &mended.texts {
            let old = report.sources.text(file).unwrap_or_default();
            replace(&dir.join(file.as_ref()), old, text).with_context(|| format!("{file} stays as it was"))?;
        }
        for finding in mended.done.iter().filter_map(|index| report.findings.get(*index)) {
            let (Some(fix), Some(place)) = (&finding.fix, &finding.place) else { continue };
            let (line, column) = report.sources.line_column(&place.file, place.span.start);
            anstream::println!("mended {}:{line}:{column} [{}]: {}", place.file, finding.code, fix.title);
        }
        before = Some(mended.texts);
    }
    Ok(())
}

/// Whether a file is the shop's own: a calendar may lie elsewhere and serve others.
fn lies_within(file: &str) -> bool {
    Path::new(file).components().all(|part| matches!(part, Component::Normal(_)))
}

/// Puts a new text in the place of the old one, unless somebody changed the file meanwhile. There is always one of them, whole.
pub(super) fn replace(path: &Path, old: &str, new: &str) -> io::Result<()> {
    const MARK: &str = "\u{feff}";
    let found = fs::read_to_string(path)?;
    let (mark, text) = found.strip_prefix(MARK).map_or(("", found.as_str()), |text| (MARK, text));
    if text != old {
        return Err(io::Error::other("it was changed while it was checked; run the check again"));
    }
    // A link is followed, so that what it leads to is mended and it stays a link.
    let path = fs::canonicalize(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    // Its name begins with a dot, so nobody takes it for a file of the shop.
    let mut beside = tempfile::Builder::new().prefix(".mended-").tempfile_in(folder)?;
    beside.write_all(mark.as_bytes())?;
    beside.write_all(new.as_bytes())?;
    beside.as_file().set_permissions(fs::metadata(&path)?.permissions())?;
    beside.as_file().sync_all()?;
    beside.persist(&path)?;
    Ok(())
}
