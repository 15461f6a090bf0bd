//! Tables as rows of texts: CSV with its separator guessed, and workbooks, bounded before they are unpacked.

use std::io::{Cursor, Read};

use calamine::{DataRef, Reader, Xlsx};

use super::Source;

/// Most rows of a table, most columns, and most cells.
const MAX_ROWS: usize = 200_000;
const MAX_COLUMNS: usize = 256;
const MAX_CELLS: usize = 2_000_000;
/// Bytes that a workbook may unpack to: calamine holds its texts in memory and knows no bound. Real ones shrink to a tenth.
const UNPACKED: u64 = 16 * 1024 * 1024;
const MAX_RATIO: u64 = 100;
const MAX_UNPACKED: u64 = 256 * 1024 * 1024;
/// Most parts of a workbook, and sheets that are read.
const MAX_PARTS: usize = 4096;
const MAX_SHEETS: usize = 64;

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    /// The file, and the sheet if there are several.
    pub name: String,
    /// Rows with their numbers in the file, from 1.
    pub rows: Vec<(usize, Vec<String>)>,
}

impl Table {
    fn push(&mut self, number: usize, cells: Vec<String>) -> Result<(), String> {
        if self.rows.len() == MAX_ROWS || cells.len() > MAX_COLUMNS || self.rows.len() * cells.len() > MAX_CELLS {
            return Err(format!(
                "it has more than {MAX_ROWS} rows, {MAX_COLUMNS} columns or {MAX_CELLS} cells; divide it"
            ));
        }
        if cells.iter().any(|cell| !cell.trim().is_empty()) {
            self.rows.push((number, cells));
        }
        Ok(())
    }
}

/// A table as text, and the name of its separator.
pub(super) fn csv(name: &str, text: &str) -> Result<(Table, &'static str), String> {
    const SEPARATORS: [(u8, &str); 3] = [(b',', "commas"), (b';', "semicolons"), (b'\t', "tabs")];
    // Excel's own way to name it.
    let first = text.lines().next().unwrap_or_default().trim_end();
    let named = first.strip_prefix("sep=").and_then(|sign| SEPARATORS.iter().find(|(s, _)| sign.as_bytes() == [*s]));
    // What is left of its line counts, so that places stay true.
    let text = named.map_or(text, |_| text.get(first.len()..).unwrap_or_default());
    let (separator, word) = match named {
        Some(named) => *named,
        // The last of equals wins; the comma is what a file without any separator has.
        None => {
            SEPARATORS.into_iter().rev().max_by_key(|(separator, _)| fit(text, *separator)).unwrap_or((b',', "commas"))
        }
    };
    let mut table = Table { name: name.to_owned(), rows: Vec::new() };
    for record in reader(text, separator).records() {
        let record = record.map_err(|error| format!("it is not a table: {error}"))?;
        // The reader says where it began to look; empty lines before the record are not of it.
        let (begin, line) = record.position().map_or((0, 0), |position| (position.byte(), position.line()));
        let rest = usize::try_from(begin).ok().and_then(|begin| text.as_bytes().get(begin..)).unwrap_or_default();
        let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).filter(|byte| **byte == b'\n');
        let line = usize::try_from(line).unwrap_or(usize::MAX).saturating_add(blank.count());
        table.push(line, record.iter().map(str::to_owned).collect())?;
    }
    Ok((table, word))
}

fn reader(text: &str, separator: u8) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(text.as_bytes())
}

/// How well a separator parts the first rows: how many have the same number of columns, and how many that are. A sign with a
/// space behind it belongs to a sentence.
fn fit(text: &str, separator: u8) -> (usize, usize) {
    const FIRST: usize = 50;
    let rows = reader(text, separator).into_records().take(FIRST).flatten();
    let parted = rows.filter(|row| row.len() > 1 && !row.iter().skip(1).any(|cell| cell.starts_with(' ')));
    let lengths: Vec<usize> = parted.map(|row| row.len()).collect();
    let same = |length: &usize| lengths.iter().filter(|other| *other == length).count();
    lengths.iter().map(|length| (same(length), *length)).max().unwrap_or_default()
}

/// The sheets of a workbook that hold anything.
pub(super) fn xlsx(source: &Source<'_>) -> Result<Vec<Table>, String> {
    let broken = |error: &dyn std::fmt::Display| format!("this workbook cannot be read: {error}");
    measure(source.bytes)?;
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(source.bytes)).map_err(|error| broken(&error))?;
    let mut tables = Vec::new();
    let names = book.sheet_names();
    for sheet in names.iter().take(MAX_SHEETS) {
        // A sheet of charts has no cells.
        let Ok(mut cells) = book.worksheet_cells_reader(sheet) else { continue };
        let name = format!("{}[{sheet}]", source.name);
        let mut table = Table { name, rows: Vec::new() };
        let (mut number, mut row) = (0, Vec::new());
        while let Some(cell) = cells.next_cell().map_err(|error| broken(&error))? {
            let (at, column) = cell.get_position();
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            let column = usize::try_from(column).unwrap_or(usize::MAX);
            let Some(text) = text_of(cell.get_value()) else { continue };
            if at != number {
                table.push(number + 1, std::mem::take(&mut row))?;
                number = at;
            }
            if column >= MAX_COLUMNS || at >= usize::MAX - 1 {
                return Err(format!("the sheet “{sheet}” has more than {MAX_COLUMNS} columns; take some out"));
            }
            if row.len() <= column {
                row.resize(column + 1, String::new());
            }
            if let Some(place) = row.get_mut(column) {
                *place = text;
            }
        }
        table.push(number + 1, row)?;
        if !table.rows.is_empty() {
            tables.push(table);
        }
    }
    Ok(tables)
}

/// Unpacks every part once without keeping it: what a part says of its own size need not be true.
fn measure(bytes: &[u8]) -> Result<(), String> {
    let broken = |error: &dyn std::fmt::Display| format!("this is not a workbook: {error}");
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(&error))?;
    if archive.len() > MAX_PARTS {
        return Err(format!("this workbook has more than {MAX_PARTS} parts"));
    }
    let packed = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let most = packed.saturating_mul(MAX_RATIO).saturating_add(UNPACKED).min(MAX_UNPACKED);
    let mut room = most;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|error| broken(&error))?;
        let size = std::io::copy(&mut part.take(room + 1), &mut std::io::sink()).map_err(|error| broken(&error))?;
        room = room
            .checked_sub(size)
            .ok_or_else(|| format!("this workbook unpacks to more than {most} bytes; save only its table"))?;
    }
    Ok(())
}

fn text_of(value: &DataRef<'_>) -> Option<String> {
    match value {
        DataRef::Empty | DataRef::Error(_) => None,
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => Some(text.clone()),
        DataRef::SharedString(text) => Some((*text).to_owned()),
        DataRef::Int(number) => Some(number.to_string()),
        DataRef::Float(number) => Some(number.to_string()),
        DataRef::Bool(yes) => Some(yes.to_string()),
        DataRef::DateTime(time) => Some(time.as_f64().to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Source, csv, xlsx};

    fn rows(text: &str) -> (Vec<Vec<String>>, &'static str) {
        let (table, separator) = csv("t.csv", text).expect("is a table");
        (table.rows.into_iter().map(|(_, cells)| cells).collect(), separator)
    }

    #[test]
    fn separators_are_told_from_the_rows() {
        assert_eq!(rows("a;b\n\"1, or 2; 3\";c, d\n").1, "semicolons");
        assert_eq!(rows("a\tb\nc, d\te\n").1, "tabs");
        assert_eq!(rows("a,b\nc;d,e\n").1, "commas");
        let (rows, separator) = rows("sep=;\na,b;c\n");
        assert_eq!((rows, separator), (vec![vec!["a,b".to_owned(), "c".to_owned()]], "semicolons"));
    }

    #[test]
    fn places_are_lines_of_the_file() {
        let (table, _) = csv("t.csv", "q,a\n\n\"x\ny\",z\nlast,one\n").expect("is a table");
        assert_eq!(table.rows.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 3, 5]);
        let (table, _) = csv("t.csv", "sep=;\r\nq;a\r\n").expect("is a table");
        assert_eq!(table.rows[0].0, 2);
    }

    #[test]
    fn what_is_no_workbook_is_said() {
        let error = xlsx(&Source { name: "t.xlsx", bytes: b"PK\x03\x04 nothing" }).expect_err("is none");
        assert!(error.contains("not a workbook"), "{error}");
    }
}
