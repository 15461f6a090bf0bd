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

/// From the registry, and from nowhere else: no branch of a repository, no folder.
#[test]
fn every_dependency_comes_from_the_registry_and_is_pinned() {
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).expect("Cargo.lock");
    let others: Vec<&str> = lock.split("[[package]]").skip(1).filter(|package| !is_pinned(package)).collect();
    assert_eq!(others.len(), 2, "{others:#?}");
    assert!(others.iter().all(|own| own.contains("name = \"nightdesk")), "{others:#?}");
}

fn is_pinned(package: &str) -> bool {
    package.contains("\nsource = \"registry+") && package.contains("\nchecksum = \"")
}

/// cargo-deny (`make advisories`) asks for the same licences.
#[test]
fn the_list_for_cargo_deny_is_this_one() {
    let file = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/deny.toml")).expect(".ci/deny.toml");
    let list = file.split("[licenses]").nth(1).and_then(|rest| rest.split(']').next()).expect("a list of licences");
    let named: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
    assert_eq!(named, PERMISSIVE);
}

/// The bill of materials has every crate that is in the program, and none of those that only tests need.
#[test]
fn the_bill_of_materials_is_of_the_program() {
    let target = "x86_64-unknown-linux-musl";
    let python = std::env::var("NIGHTDESK_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let run = || {
        let output = Command::new(&python)
            .args(["scripts/sbom", target])
            .env("SOURCE_DATE_EPOCH", "1700000000")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("Python");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let made = run();
    let bill: serde_json::Value = serde_json::from_slice(&made).expect("JSON");
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    let components = bill["components"].as_array().expect("components");
    let names: Vec<&str> = components.iter().filter_map(|component| component["name"].as_str()).collect();
    for there in ["tokio", "libsqlite3-sys", "aws-lc-sys", "mimalloc"] {
        assert!(names.contains(&there), "{there} is missing");
    }
    for only_tests in ["insta", "proptest", "libtest-mimic", "windows-sys"] {
        assert!(!names.contains(&only_tests), "{only_tests} is not in the program");
    }
    let whole = |component: &serde_json::Value| {
        component["licenses"].is_array() && component["hashes"].is_array() && component["purl"].is_string()
    };
    assert!(components.iter().all(whole));
    assert_eq!(made, run(), "the same sources make the same bytes");
}

#[test]
fn a_licence_that_binds_is_refused() {
    for text in ["GPL-3.0-only", "MIT AND AGPL-3.0-only", "LicenseRef-Own", ""] {
        assert!(refuse(&serde_json::json!({"name": "x", "license": text})).is_some(), "{text}");
    }
    assert!(refuse(&serde_json::json!({"name": "x"})).is_some());
    assert!(refuse(&serde_json::json!({"name": "x", "license": "MIT OR GPL-2.0-only"})).is_none());
}
