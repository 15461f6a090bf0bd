//! The report as one HTML page: no script, nothing from elsewhere, light and dark, and fit for paper.

use minijinja::{AutoEscape, Environment, Value};

use super::{Report, layout};

/// The page; what stands in it is escaped, but for the charts, which are drawn here.
const PAGE: &str = include_str!("page.html");

/// Writes the report in a language.
///
/// # Errors
/// When the page cannot be made from it, which would be a mistake of this program.
pub fn write(report: &Report, language: &str) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_filter("drawn", |svg: String| Value::from_safe_string(svg));
    let layout = layout::layout(report, language);
    environment.render_str(PAGE, minijinja::context! { page => minijinja::value::Serde(&layout) })
}
