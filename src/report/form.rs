//! What a report that people read is made of: sections, tables, cells, and figures written in a language.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::share::Share;
use super::svg;

/// A report as it is laid out.
#[derive(Debug, Serialize)]
pub(super) struct Layout {
    pub language: &'static str,
    pub title: String,
    pub under: String,
    /// Before the figures of the period before.
    pub before: String,
    pub sections: Vec<Section>,
    pub foot: String,
}

/// A part with a heading.
#[derive(Debug, Serialize)]
pub(super) struct Section {
    pub id: &'static str,
    pub title: String,
    /// What should be known about the figures.
    pub note: Option<String>,
    pub tiles: Vec<Tile>,
    /// Pictures, drawn.
    pub charts: Vec<Chart>,
    pub tables: Vec<Table>,
    pub talks: Vec<Talk>,
    /// Drafts to paste, with what they are for. Not written where text alone is read.
    pub drafts: Vec<(String, String)>,
}

/// A figure to see at once.
#[derive(Debug, Serialize)]
pub(super) struct Tile {
    pub label: String,
    pub value: String,
    pub before: String,
}

/// A picture with its caption.
#[derive(Debug, Serialize)]
pub(super) struct Chart {
    pub caption: String,
    pub svg: String,
}

/// A table; all but the first column are figures unless it says otherwise.
#[derive(Debug, Serialize)]
pub(super) struct Table {
    pub caption: String,
    pub head: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
    /// Said in place of a table without rows.
    pub empty: String,
}

/// A cell.
#[derive(Debug, Serialize)]
pub(super) struct Cell {
    pub text: String,
    /// A small picture beside it; empty for none.
    pub svg: String,
    /// Whether it is a figure.
    pub figure: bool,
}

/// A conversation for inspection.
#[derive(Debug, Serialize)]
pub(super) struct Talk {
    pub title: String,
    pub lines: Vec<(String, String, String)>,
}

/// The language that is written in, and the zone in which times are said.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    pub chinese: bool,
    pub zone: TimeZone,
}

impl Writer {
    pub(super) fn say<'a>(&self, zh: &'a str, en: &'a str) -> &'a str {
        if self.chinese { zh } else { en }
    }

    pub(super) fn text(&self, zh: &str, en: &str) -> String {
        self.say(zh, en).to_owned()
    }

    pub(super) fn head<const N: usize>(&self, words: [(&str, &str); N]) -> Vec<String> {
        words.iter().map(|(zh, en)| self.text(zh, en)).collect()
    }

    pub(super) fn time(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
    }

    /// Seconds in at most two units.
    pub(super) fn length(&self, seconds: Option<f64>) -> String {
        let Some(seconds) = seconds else { return "–".to_owned() };
        #[allow(clippy::cast_possible_truncation, reason = "seconds of a few years")]
        let millis = (seconds * 1000.0).round() as i64;
        if millis == 0 {
            return self.text("0 秒", "0 s");
        }
        if millis < 1000 {
            return format!("{seconds:.1} {}", self.say("秒", "s"));
        }
        crate::hours::say_duration(jiff::SignedDuration::from_millis(millis), self.say("zh", "und"))
    }
}

pub(super) fn percent(share: Share) -> String {
    share.value().map_or_else(|| "–".to_owned(), |value| format!("{:.1} %", value * 100.0))
}

pub(super) fn of(share: Share) -> String {
    if share.whole == 0 { "–".to_owned() } else { format!("{} ({}/{})", percent(share), share.part, share.whole) }
}

pub(super) fn text(text: impl Into<String>) -> Cell {
    Cell { text: text.into(), svg: String::new(), figure: false }
}

#[allow(clippy::needless_pass_by_value, reason = "figures of all kinds, made where they are given")]
pub(super) fn figure(text: impl ToString) -> Cell {
    Cell { text: text.to_string(), svg: String::new(), figure: true }
}

/// A share with its bar.
pub(super) fn barred(share: Share) -> Cell {
    Cell { text: of(share), svg: share.value().map(svg::bar).unwrap_or_default(), figure: true }
}

pub(super) fn section(id: &'static str, title: &str) -> Section {
    let (tiles, charts, tables) = (Vec::new(), Vec::new(), Vec::new());
    Section { id, title: title.to_owned(), note: None, tiles, charts, tables, talks: Vec::new(), drafts: Vec::new() }
}
