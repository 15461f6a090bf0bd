//! The report as CSV: one figure a line, for spreadsheets and programs.

use std::collections::HashMap;
use std::fmt::Write;

use super::Report;
use super::flat::{Flat, flat, of_figures};

/// The names of the columns.
const HEAD: &str = "figure,by,key,unit,value,of,before,before_of";

/// Writes all figures, RFC 4180 with line feeds. `value` of `of` is a share; `before` is the same of the period before.
#[must_use]
pub fn write(report: &Report) -> String {
    let earlier = of_figures(&report.figures_before);
    let before: HashMap<(&str, &str, &str), &Flat> =
        earlier.iter().map(|line| ((line.figure, line.by, line.key.as_str()), line)).collect();
    let mut text = format!("{HEAD}\n");
    for line in flat(report) {
        let then = before.get(&(line.figure, line.by, line.key.as_str()));
        let whole = |of: Option<u64>| of.map(|of| of.to_string()).unwrap_or_default();
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{},{},{},{},{},{},{},{}",
            line.figure,
            line.by,
            cell(&line.key),
            line.unit.as_str(),
            line.value,
            whole(line.of),
            then.map(|then| then.value.to_string()).unwrap_or_default(),
            whole(then.and_then(|then| then.of)),
        );
    }
    text
}

/// A text as a cell that no spreadsheet takes for a formula.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn what_customers_write_is_a_text_to_a_spreadsheet() {
        assert_eq!(cell("退款, \"快\""), "\"退款, \"\"快\"\"\"");
        assert_eq!(cell("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(cell("@a"), "'@a");
        assert_eq!(cell("returns.window 07"), "returns.window 07");
    }
}
