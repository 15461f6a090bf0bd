//! Findings as text: for people (with the source underlined), JSON, and GitHub's annotations; SARIF has a file of its own.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::{Value, json};

use super::sarif::sarif;
use super::{Edit, Finding, Place, Report, Severity};

/// In which form findings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people, with the source underlined.
    Human,
    /// One object with `findings` and counts.
    Json,
    /// SARIF 2.1.0, for code-scanning pages.
    Sarif,
    /// Workflow commands that GitHub shows at the changed lines.
    Github,
}

pub(super) fn render(report: &Report, format: Format, color: bool) -> String {
    match format {
        Format::Human => human(report, color),
        Format::Json => pretty(&json!({
            "findings": report.findings.iter().map(|f| object(report, f)).collect::<Vec<_>>(),
            "errors": report.errors(),
            "warnings": report.warnings(),
        })),
        Format::Sarif => pretty(&sarif(report)),
        Format::Github => report.findings.iter().map(|f| github(report, f)).collect(),
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn human(report: &Report, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for finding in &report.findings {
        let level = match finding.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(finding.message.as_str()).id(finding.code);
        let mut group = Group::with_title(title);
        // Annotations of one file stand in one snippet, so that both ends of a clash are seen at once.
        let mut shown: Vec<(&str, Snippet<'_, annotate_snippets::Annotation<'_>>)> = Vec::new();
        let primary = finding.place.iter().map(|p| (p, finding.label.as_deref(), AnnotationKind::Primary));
        let related = finding.related.iter().map(|(p, l)| (p, Some(l.as_str()), AnnotationKind::Context));
        for (place, label, kind) in primary.chain(related) {
            let Some(text) = report.sources.text(&place.file) else { continue };
            let annotation = kind.span(clamp(place, text)).label(label);
            if let Some(at) = shown.iter().position(|(file, _)| *file == place.file.as_ref()) {
                let (file, snippet) = shown.remove(at);
                shown.insert(at, (file, snippet.annotation(annotation)));
            } else {
                shown.push((&place.file, Snippet::source(text).path(place.file.as_ref()).annotation(annotation)));
            }
        }
        for (_, snippet) in shown {
            group = group.element(snippet);
        }
        if let Some(help) = &finding.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        out.push_str(&renderer.render(&[group]));
        out.push_str("\n\n");
    }
    out
}

/// A span that surely lies within the text, on character boundaries.
fn clamp(place: &Place, text: &str) -> std::ops::Range<usize> {
    let floor = |at: usize| text.floor_char_boundary(at.min(text.len()));
    let (start, end) = (floor(place.span.start), floor(place.span.end));
    start..end.max(start)
}

fn object(report: &Report, finding: &Finding) -> Value {
    let mut value = json!({
        "code": finding.code,
        "severity": finding.severity,
        "message": finding.message,
    });
    if let Some(place) = &finding.place {
        let (line, column) = report.sources.line_column(&place.file, place.span.start);
        value["file"] = json!(place.file.as_ref());
        value["line"] = json!(line);
        value["column"] = json!(column);
    }
    if let Some(label) = &finding.label {
        value["label"] = json!(label);
    }
    if let Some(help) = &finding.help {
        value["help"] = json!(help);
    }
    if let Some(fix) = &finding.fix {
        let edit = |edit: &Edit| {
            let (line, column) = report.sources.line_column(&edit.place.file, edit.place.span.start);
            let (end_line, end_column) = report.sources.line_column(&edit.place.file, edit.place.span.end);
            json!({
                "file": edit.place.file.as_ref(), "line": line, "column": column,
                "end_line": end_line, "end_column": end_column, "text": edit.text,
            })
        };
        value["fix"] = json!({"title": fix.title, "edits": fix.edits.iter().map(edit).collect::<Vec<_>>()});
    }
    if !finding.related.is_empty() {
        value["related"] = finding
            .related
            .iter()
            .map(|(place, label)| {
                let (line, column) = report.sources.line_column(&place.file, place.span.start);
                json!({"file": place.file.as_ref(), "line": line, "column": column, "label": label})
            })
            .collect();
    }
    value
}

/// One workflow command; `%`, line ends, and in properties `:` and `,`, are escaped as GitHub's runner decodes them.
fn github(report: &Report, finding: &Finding) -> String {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut properties = format!("title={}", property(finding.code));
    if let Some(place) = &finding.place {
        let (line, column) = report.sources.line_column(&place.file, place.span.start);
        properties = format!("file={},line={line},col={column},{properties}", property(&place.file));
    }
    let text = match &finding.help {
        Some(help) => format!("{}. {help}", finding.message),
        None => finding.message.clone(),
    };
    format!("::{level} {properties}::{}\n", data(&text))
}
