//! Every dependency has a permissive licence: the expressions that Cargo knows, against a list.

use std::process::Command;

/// What may be used. A licence outside this list needs a reason in this file.
const PERMISSIVE: [&str; 14] = [
    "MIT",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "Unlicense",
    "BSL-1.0",
    "Unicode-3.0",
    "CDLA-Permissive-2.0", // the list of certificate authorities
    "CC0-1.0",             // notify
    "MIT-0",
    "OpenSSL", // one of the alternatives of aws-lc's own code, beside ISC
];

/// Packages that name a licence file in place of an expression, with what the file says.
const BY_FILE: [(&str, &str); 1] = [("ical", "Apache-2.0")];

#[test]
fn every_dependency_has_a_permissive_licence() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    assert!(packages.len() > 50, "only {} packages were seen", packages.len());
    let refused: Vec<String> = packages.iter().filter_map(refuse).collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

/// Why a package may not be used; none if it may.
fn refuse(package: &serde_json::Value) -> Option<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let by_file = BY_FILE.iter().find(|(known, _)| *known == name).map(|(_, licence)| *licence);
    let Some(text) = package["license"].as_str().or(by_file) else { return Some(format!("{name}: no licence")) };
    // Some packages still write "MIT/Apache-2.0", which means "or".
    let expression = spdx::Expression::parse_mode(text, spdx::ParseMode::LAX);
    let Ok(expression) = expression else { return Some(format!("{name}: `{text}` cannot be read")) };
    let fits = expression
        .evaluate(|requirement| requirement.license.id().is_some_and(|licence| PERMISSIVE.contains(&licence.name)));
    if fits { None } else { Some(format!("{name}: {text}")) }
}

#[test]
fn a_licence_that_binds_is_refused() {
    for text in ["GPL-3.0-only", "MIT AND AGPL-3.0-only", "LicenseRef-Own", ""] {
        assert!(refuse(&serde_json::json!({"name": "x", "license": text})).is_some(), "{text}");
    }
    assert!(refuse(&serde_json::json!({"name": "x"})).is_some());
    assert!(refuse(&serde_json::json!({"name": "x", "license": "MIT OR GPL-2.0-only"})).is_none());
}
