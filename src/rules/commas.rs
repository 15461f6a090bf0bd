//! Lists in brackets whose items are parted by the comma of Chinese texts, which YAML takes for a part of the text: `[退货，换货]`
//! is one item.

use crate::diag::{Finding, Fix, Place, Report};
use crate::yaml::{Node, Value};

/// The full-width comma, and the one between the words of a list.
const COMMAS: [char; 2] = ['，', '、'];

/// Warns of each item without quotes that holds such a comma. `node` is the list. True where there was one.
pub(super) fn check(node: &Node, report: &mut Report) -> bool {
    let found: Vec<Finding> = node.items().iter().filter_map(|item| finding(node, item, report)).collect();
    let any = !found.is_empty();
    for finding in found {
        report.push(finding);
    }
    any
}

fn finding(list: &Node, item: &Node, report: &Report) -> Option<Finding> {
    if !matches!(item.value, Value::Scalar { .. }) {
        return None;
    }
    let source = report.sources.text(&item.place.file)?;
    let written = source.get(item.place.span.clone())?;
    let in_brackets = source.get(list.place.span.clone())?.starts_with('[');
    if !in_brackets || written.starts_with(['"', '\'']) {
        return None;
    }
    let comma = written.find(COMMAS)?;
    let sign = written[comma..].chars().next()?;
    let start = item.place.span.start + comma;
    let place = Place { file: item.place.file.clone(), span: start..start + sign.len_utf8() };
    let parts: Vec<&str> = written.split(COMMAS).map(str::trim).filter(|part| !part.is_empty()).collect();
    let fix = Fix::replace(&item.place, parts.join(", "), "write `, ` between the items");
    Some(
        Finding::warning("full-width-comma", format!("`{written}` is one item: `{sign}` does not part the items of a list"))
            .at(&place)
            .help("write `, ` (a comma and a space) between the items; or, if the comma belongs to the text, put the item into quotes")
            .fix(fix),
    )
}
