//! The `nightdesk` program: see `nightdesk --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    nightdesk::cli::run()
}
