//! The report as text for a terminal.

use std::fmt::Write;

use comfy_table::{Cell, CellAlignment, Table, presets};

use super::Report;
use super::form::{Layout, Section};
use super::layout;

/// Writes the report in a language.
#[must_use]
pub fn write(report: &Report, language: &str) -> String {
    let Layout { title, under, sections, foot, .. } = layout::layout(report, language);
    let mut text = format!("{title}\n{under}\n");
    for section in &sections {
        text.push_str(&written(section));
    }
    format!("{text}\n{foot}\n")
}

fn written(section: &Section) -> String {
    // Writing to a string does not fail.
    let mut text = format!("\n== {} ==\n", section.title);
    if let Some(note) = &section.note {
        text.push_str(note);
        text.push('\n');
    }
    if !section.tiles.is_empty() {
        let mut table = plain();
        for tile in &section.tiles {
            let before = if tile.before.is_empty() { String::new() } else { format!("({})", tile.before) };
            table.add_row([Cell::new(&tile.label), right(&tile.value), right(&before)]);
        }
        text.push_str(&shown(&table));
    }
    for table in &section.tables {
        let _ = writeln!(text, "\n{}", table.caption);
        if table.rows.is_empty() {
            let _ = writeln!(text, "  {}", table.empty);
            continue;
        }
        let mut drawn = plain();
        drawn.set_header(&table.head);
        for row in &table.rows {
            drawn.add_row(row.iter().map(|cell| if cell.figure { right(&cell.text) } else { Cell::new(&cell.text) }));
        }
        text.push_str(&shown(&drawn));
    }
    for talk in &section.talks {
        let _ = writeln!(text, "\n{}", talk.title);
        for (at, who, said) in &talk.lines {
            let _ = writeln!(text, "  {at}  {who}: {said}");
        }
    }
    text
}

fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

fn right(text: &str) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// The table without spaces at the ends of its lines.
fn shown(table: &Table) -> String {
    let mut text = String::new();
    for line in table.to_string().lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
