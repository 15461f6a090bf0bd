//! What is packaged names things that exist: metrics in alerts and dashboard, paragraphs for alerts, bounds of the proxy.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// A file of the project as text.
fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Every name under which Prometheus sees a figure, read from where the figures are registered: the names as the registry gives
/// them out would lack those that have not counted anything yet.
fn exported() -> BTreeSet<String> {
    let source = text("src/telemetry/metrics.rs");
    let mut names = BTreeSet::new();
    for (at, call) in source.match_indices("r.register(") {
        let rest = &source[at + call.len()..];
        let name = rest.split('"').nth(1).expect("a name");
        let field = rest.split("self.").nth(1).and_then(|rest| rest.split('.').next()).expect("a field");
        let declared = source.split(&format!("    {field}: ")).nth(1).and_then(|rest| rest.lines().next());
        let declared = declared.expect("the field's type");
        let endings: &[&str] = match declared {
            kind if kind.contains("Counter") => &["_total"],
            kind if kind.contains("Histogram") => &["_bucket", "_count", "_sum"],
            _ => &[""],
        };
        names.extend(endings.iter().map(|ending| format!("nightdesk_{name}{ending}")));
    }
    assert!(names.len() > 25, "only {} were found", names.len());
    names
}

/// The names that an expression of Prometheus holds.
fn named(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("nightdesk_")).map(str::to_owned).collect()
}

/// The texts below the key `expr`, wherever it stands.
fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("expr").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| expressions(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| expressions(value, found)),
        _ => {}
    }
}

fn alerts() -> Value {
    serde_yaml::from_str(&text("packaging/alerts.yaml")).expect("YAML")
}

#[test]
fn alerts_and_dashboard_name_metrics_that_exist() {
    let exported = exported();
    let dashboard: Value = serde_json::from_str(&text("packaging/grafana.json")).expect("JSON");
    for (file, value, least) in [("alerts.yaml", alerts(), 10), ("grafana.json", dashboard, 25)] {
        let mut found = Vec::new();
        expressions(&value, &mut found);
        assert!(found.len() >= least, "{file} has {} expressions", found.len());
        for expression in &found {
            let unknown: Vec<_> = named(expression).difference(&exported).cloned().collect();
            assert!(unknown.is_empty(), "{file}: nothing exports {unknown:?}: {expression}");
        }
    }
}

#[test]
fn every_metric_is_in_the_dashboard() {
    let dashboard = named(&text("packaging/grafana.json"));
    let missing: Vec<_> = exported()
        .into_iter()
        .filter(|name| !name.ends_with("_count") && !name.ends_with("_sum") && !dashboard.contains(name))
        .collect();
    assert!(missing.is_empty(), "packaging/grafana.json does not show {missing:?}");
}

#[test]
fn every_alert_has_its_paragraph() {
    let page = text("docs/operations.md");
    let alerts = alerts();
    let rules = alerts["groups"][0]["rules"].as_array().expect("rules");
    for rule in rules {
        let name = rule["alert"].as_str().expect("a name");
        let runbook = rule["annotations"]["runbook"].as_str().expect("a runbook");
        assert_eq!(runbook, format!("docs/operations.md#{}", name.to_lowercase()));
        assert!(page.contains(&format!("\n### {name}\n")), "docs/operations.md has no paragraph `{name}`");
    }
}

#[test]
fn the_proxy_lets_through_what_nightdesk_takes() {
    let site = text("packaging/nginx.conf");
    assert_eq!(nightdesk::channel::MAX_BODY, 1024 * 1024);
    assert!(site.contains("client_max_body_size 1m;"));
    for path in ["/v1/chat", "/v1/inbound/", "/v1/desk/", "/v1/conversations", "/v1/events", "/console", "/widget.js"] {
        assert!(site.contains(&format!(" {path} ")), "{path} is not passed on");
    }
}

#[test]
fn security_names_files_that_exist() {
    let page = text("docs/SECURITY.md");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = page.split('`').skip(1).step_by(2).filter(|word| {
        ["src/", "web/", "tests/", "packaging/"].iter().any(|folder| word.starts_with(folder)) && !word.contains(' ')
    });
    let mut count = 0;
    for file in named {
        count += 1;
        assert!(root.join(file).exists(), "docs/SECURITY.md names `{file}`, which does not exist");
    }
    assert!(count > 30, "only {count} files were found");
}
