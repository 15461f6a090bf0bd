//! Findings as SARIF 2.1.0 (OASIS), for code-scanning pages: each kind with its page, each finding with its places and its fix.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Finding, Fix, Place, Report, pages};

pub(super) fn sarif(report: &Report) -> Value {
    let codes: Vec<&str> =
        report.findings.iter().map(|finding| finding.code).collect::<BTreeSet<_>>().into_iter().collect();
    let rules: Vec<Value> = codes.iter().map(|code| rule(code)).collect();
    let results: Vec<Value> = report.findings.iter().map(|finding| result(report, finding, &codes)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "nightdesk", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(code: &str) -> Value {
    let mut rule = json!({"id": code});
    if let Some(page) = pages::page(code) {
        rule["shortDescription"] = json!({"text": pages::meaning(page)});
        rule["help"] = json!({"text": page, "markdown": page});
    }
    rule
}

fn result(report: &Report, finding: &Finding, codes: &[&str]) -> Value {
    let text = match &finding.help {
        Some(help) => format!("{}. {help}", finding.message),
        None => finding.message.clone(),
    };
    let mut result = json!({"ruleId": finding.code, "level": finding.severity, "message": {"text": text}});
    if let Ok(index) = codes.binary_search(&finding.code) {
        result["ruleIndex"] = json!(index);
    }
    if let Some(place) = &finding.place {
        result["locations"] = json!([{"physicalLocation": location(report, place)}]);
    }
    if !finding.related.is_empty() {
        let related = finding.related.iter().enumerate().map(|(id, (place, label))| {
            json!({"id": id, "physicalLocation": location(report, place), "message": {"text": label}})
        });
        result["relatedLocations"] = related.collect();
    }
    if let Some(fix) = &finding.fix {
        result["fixes"] = json!([changes(report, fix)]);
    }
    result
}

fn location(report: &Report, place: &Place) -> Value {
    json!({"artifactLocation": {"uri": place.file.as_ref()}, "region": region(report, place)})
}

fn region(report: &Report, place: &Place) -> Value {
    let (line, column) = report.sources.line_column(&place.file, place.span.start);
    let (end_line, end_column) = report.sources.line_column(&place.file, place.span.end);
    json!({"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column})
}

fn changes(report: &Report, fix: &Fix) -> Value {
    let change = |edit: &super::Edit| {
        json!({
            "artifactLocation": {"uri": edit.place.file.as_ref()},
            "replacements": [{
                "deletedRegion": region(report, &edit.place),
                "insertedContent": {"text": edit.text},
            }],
        })
    };
    json!({
        "description": {"text": fix.title},
        "artifactChanges": fix.edits.iter().map(change).collect::<Vec<_>>(),
    })
}
