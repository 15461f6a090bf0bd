//! Charts as plain SVG: colours are classes of the page, so that they follow light, dark and paper.

use std::fmt::Write;

use super::layout::ratio;
use super::share::Difference;

/// One column, in parts from the foot up.
#[derive(Debug)]
pub(super) struct Column {
    pub label: String,
    pub parts: Vec<u64>,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 46.0;
const FOOT: f64 = 22.0;
const HEAD: f64 = 26.0;
/// Labels below the columns, at most.
const LABELS: usize = 16;

/// Columns over a common foot, with three lines to read their height by.
pub(super) fn columns(title: &str, all: &[Column], legend: &[&str]) -> String {
    let total = |column: &Column| column.parts.iter().sum::<u64>();
    let top = round_up(all.iter().map(total).max().unwrap_or(0));
    let (inner, floor) = (HEIGHT - FOOT - HEAD, HEIGHT - FOOT);
    let mut svg = format!(
        "<svg class=\"chart\" role=\"img\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" xmlns=\"http://www.w3.org/2000/svg\"><title>{}</title>",
        escaped(title)
    );
    for step in 0..=2_u64 {
        let (value, y) = (top * step / 2, floor - inner * ratio(step, 2));
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{WIDTH}\" y2=\"{y:.1}\"/><text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
            LEFT - 6.0,
            y + 4.0
        );
    }
    let step = (WIDTH - LEFT) / super::share::float(u64::try_from(all.len().max(1)).unwrap_or(1));
    let every = all.len().div_ceil(LABELS).max(1);
    let mut x = LEFT;
    for (index, column) in all.iter().enumerate() {
        let mut y = floor;
        let width = (step * 0.72).min(64.0);
        let left = x + (step - width) / 2.0;
        let _ = write!(svg, "<g><title>{}: {}</title>", escaped(&column.label), total(column));
        for (part, class) in column.parts.iter().zip(["a", "b", "c"]) {
            let height = inner * ratio(*part, top);
            y -= height;
            if *part > 0 {
                let _ = write!(
                    svg,
                    "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
                );
            }
        }
        svg.push_str("</g>");
        if index % every == 0 {
            let _ = write!(
                svg,
                "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                x + step / 2.0,
                HEIGHT - 6.0,
                escaped(&column.label)
            );
        }
        x += step;
    }
    let mut x = LEFT;
    for (word, class) in legend.iter().zip(["a", "b", "c"]) {
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"4\" width=\"10\" height=\"10\"/><text class=\"tick\" x=\"{:.1}\" y=\"13\">{}</text>",
            x + 15.0,
            escaped(word)
        );
        // Wide enough for either script.
        let wide: u32 = word.chars().map(|c| if c.is_ascii() { 7 } else { 13 }).sum();
        x += 34.0 + f64::from(wide);
    }
    svg.push_str("</svg>");
    svg
}

/// The least of 2, 4, 6, 8, 10, 20, 40, … that is not below: its half is a whole number too.
fn round_up(value: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for step in [2, 4, 6, 8, 10] {
            let top = unit.saturating_mul(step);
            if top >= value {
                return top;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

/// A share from 0 to 1 as a bar.
pub(super) fn bar(share: f64) -> String {
    let width = 60.0 * share.clamp(0.0, 1.0);
    format!(
        "<svg class=\"bar\" aria-hidden=\"true\" viewBox=\"0 0 60 8\"><rect class=\"rail\" width=\"60\" height=\"8\" rx=\"2\"/><rect class=\"a\" width=\"{width:.1}\" height=\"8\" rx=\"2\"/></svg>"
    )
}

/// The hours of the day as small columns.
pub(super) fn spark(values: &[u64]) -> String {
    let top = values.iter().copied().max().unwrap_or(0);
    let mut svg = "<svg class=\"spark\" aria-hidden=\"true\" viewBox=\"0 0 96 18\">".to_owned();
    let mut x = 0.0;
    for value in values {
        let height = if *value == 0 { 0.6 } else { (18.0 * ratio(*value, top)).max(1.5) };
        let _ = write!(
            svg,
            "<rect class=\"a\" x=\"{x}\" y=\"{:.1}\" width=\"3.2\" height=\"{height:.1}\"/>",
            18.0 - height
        );
        x += 4.0;
    }
    svg.push_str("</svg>");
    svg
}

/// A difference with its interval, about a line at "none". The ends stand for 30 points.
pub(super) fn whisker(difference: Difference) -> String {
    let place = |value: f64| 50.0 + (value / 0.3).clamp(-1.0, 1.0) * 48.0;
    let (low, mid, high) = (place(difference.low), place(difference.value), place(difference.high));
    format!(
        "<svg class=\"whisker\" aria-hidden=\"true\" viewBox=\"0 0 100 12\"><line class=\"grid\" x1=\"50\" y1=\"0\" x2=\"50\" y2=\"12\"/><line class=\"stroke\" x1=\"{low:.1}\" y1=\"6\" x2=\"{high:.1}\" y2=\"6\"/><circle class=\"a\" cx=\"{mid:.1}\" cy=\"6\" r=\"3\"/></svg>"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_at_round_numbers_that_hold_the_largest_column() {
        for (value, top) in [(0, 2), (3, 4), (5, 6), (9, 10), (11, 20), (2_900, 4_000), (1_000_000, 1_000_000)] {
            assert_eq!(round_up(value), top, "{value}");
        }
        assert_eq!(round_up(u64::MAX), u64::MAX);
    }

    #[test]
    fn what_stands_in_a_chart_is_no_markup() {
        let column = Column { label: "<b>".to_owned(), parts: vec![1, 0, 2] };
        let svg = columns("a & b", &[column], &["\"x\""]);
        assert!(
            !svg.contains("<b>")
                && svg.contains("&lt;b&gt;")
                && svg.contains("a &amp; b")
                && svg.contains("&quot;x&quot;")
        );
        // One rectangle for each part that is not nothing, and one in the legend.
        assert_eq!(svg.matches("<rect").count(), 3);
    }
}
