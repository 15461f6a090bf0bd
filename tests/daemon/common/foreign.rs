//! Foreign libraries, in a Python with the packages of `tests/foreign/requirements.txt` and a Node with those of `package.json`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The Python that has them.
pub fn python() -> String {
    std::env::var("NIGHTDESK_PYTHON").unwrap_or_else(|_| {
        panic!(
            "NIGHTDESK_PYTHON is not set: it names a Python with the packages of tests/foreign/requirements.txt. \
             `make unit` makes one and sets it."
        )
    })
}

/// Has a script of `tests/foreign` do these tasks.
pub fn foreign(script: &str, tasks: &Value) -> Vec<Value> {
    run(&python(), script, tasks)
}

/// The same by a script for Node, which stands beside the Python.
pub fn foreign_js(script: &str, tasks: &Value) -> Vec<Value> {
    run(Path::new(&python()).with_file_name("node").to_str().unwrap(), script, tasks)
}

fn run(program: &str, script: &str, tasks: &Value) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign").join(script);
    let started = Command::new(program).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = started.unwrap_or_else(|error| panic!("{program} does not start: {error}"));
    child.stdin.take().unwrap().write_all(tasks.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the foreign library failed; see above");
    serde_json::from_slice(&output.stdout).unwrap()
}
