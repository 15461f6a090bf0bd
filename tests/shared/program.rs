//! The program as a person runs it, and copies of folders to run it on: what the tests of all commands share.

#![allow(dead_code, reason = "each program of tests uses what it needs of these")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What whoever runs the tests may have set, and a test must not see.
pub const OWN: [&str; 3] = ["NIGHTDESK_DIR", "NIGHTDESK_DATA", "NIGHTDESK_LOG"];

/// The program, without colours and without what the environment would tell it.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightdesk"));
    command.args(["--color", "never"]);
    for name in OWN {
        command.env_remove(name);
    }
    command
}

/// The program on the files of a folder.
pub fn program_in(dir: &Path) -> Command {
    let mut command = program();
    command.arg("--dir").arg(dir);
    command
}

/// Runs a command with this on its standard input.
pub fn typed(command: &mut Command, input: &str) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    // A command that reads nothing may have ended already.
    let _ = child.stdin.take().expect("its input").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

/// What a command printed when all is fine.
#[track_caller]
pub fn fine(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// Copies a file, or a folder with all that is in it; what is not there is left out.
pub fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).expect("a folder");
        for entry in fs::read_dir(from).expect("a folder") {
            let path = entry.expect("an entry").path();
            copy(&path, &to.join(path.file_name().expect("a name")));
        }
    } else if from.exists() {
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        fs::copy(from, to).expect("a file");
    }
}

/// Copies these of the shipped files.
pub fn copy_shipped(names: &[&str], to: &Path) {
    for name in names {
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join(name), &to.join(name));
    }
}
