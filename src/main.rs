//! The `nightdesk` program: see `nightdesk --help`.

use std::process::ExitCode;

/// Each reload builds tens of megabytes beside those in use. The C libraries' allocators keep what one thread freed for that thread,
/// so the program would grow to several times its size before it stays there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    nightdesk::cli::run()
}
