//! `nightdesk backup`: a copy of the data as it is at one instant, beside a running daemon.

use std::path::{Path, PathBuf};

use super::{Ended, Failure, Global};
use crate::store::sqlite::{DATABASE, SqliteStore};
use crate::token;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The new folder; a database must not be in it yet.
    to: PathBuf,
    /// Directory of the store.
    #[arg(long, default_value = "data", env = "NIGHTDESK_DATA", value_name = "DIR")]
    data: PathBuf,
}

pub(super) fn run(_: &Global, args: &Args) -> Result<Ended, Failure> {
    let Args { to, data } = args;
    made(to).map_err(|error| anyhow::anyhow!("{} cannot be made: {error}", to.display()))?;
    let bytes = SqliteStore::back_up(data, &to.join(DATABASE))?;
    // Without it customers who come back are taken for others.
    let key = data.join(token::FILE);
    if key.is_file() {
        token::copy(&key, &to.join(token::FILE))
            .map_err(|error| anyhow::anyhow!("{} cannot be copied: {error}", key.display()))?;
    }
    anstream::println!(
        "{} is a sound copy ({bytes} bytes). To restore it: stop nightdesk, move {} aside, put a copy of this folder in its place, \
         start nightdesk. Earlier rule sets (`history`) and reports are not in it.",
        to.display(),
        data.display()
    );
    Ok(Ended::Fine)
}

/// Makes a folder that this user alone can read. One in which everybody may write is no place for it: what is put there could be
/// exchanged.
fn made(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(folder)?.permissions());
        if mode & 0o002 != 0 {
            return Err(std::io::Error::other(
                "everybody may write in it; name a new folder in it, or take that right away",
            ));
        }
    }
    Ok(())
}
