//! Which format a file has: by its ending, and by what is in it where the ending says too little.

use serde::Serialize;
use serde_json::Value;

use super::{Source, decode};

/// A format that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A table as text.
    Csv,
    /// A table of Excel and others.
    Xlsx,
    /// Training data, domain, rules or stories of Rasa.
    Rasa,
    /// RiveScript.
    Rivescript,
    /// AIML 1 and 2.
    Aiml,
    /// Canned responses of Chatwoot.
    Chatwoot,
    /// A bot of Live Helper Chat.
    Lhc,
}

impl Format {
    /// The words on the command line.
    pub const WORDS: [(&'static str, Self); 7] = [
        ("csv", Self::Csv),
        ("xlsx", Self::Xlsx),
        ("rasa", Self::Rasa),
        ("rivescript", Self::Rivescript),
        ("aiml", Self::Aiml),
        ("chatwoot", Self::Chatwoot),
        ("lhc", Self::Lhc),
    ];

    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, format)| *format == self).map_or("", |(word, _)| word)
    }

    /// The format of a word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, format)| *format)
    }
}

/// The format of a file.
pub(super) fn tell(source: &Source<'_>, said: Option<Format>) -> Result<Format, String> {
    const OLD_EXCEL: &[u8] = &[0xd0, 0xcf, 0x11, 0xe0];
    if source.bytes.starts_with(OLD_EXCEL) {
        return Err("this is a workbook of an old Excel (.xls); save it as .xlsx or CSV".to_owned());
    }
    if let Some(format) = said {
        return Ok(format);
    }
    // Renamed workbooks are common; no text begins like this.
    if source.bytes.starts_with(b"PK\x03\x04") {
        return Ok(Format::Xlsx);
    }
    let ending = source.name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    match ending.as_str() {
        "csv" | "tsv" | "tab" => Ok(Format::Csv),
        "xlsx" | "xlsm" => Ok(Format::Xlsx),
        "yml" | "yaml" => Ok(Format::Rasa),
        "rive" => Ok(Format::Rivescript),
        "aiml" => Ok(Format::Aiml),
        "json" => json(source.bytes),
        _ => by_content(source.bytes),
    }
}

fn json(bytes: &[u8]) -> Result<Format, String> {
    let (text, _) = decode::decode(bytes)?;
    let value: Value = serde_json::from_str(&text).map_err(|error| format!("this is not JSON: {error}"))?;
    let first = value.get("payload").unwrap_or(&value).get(0);
    if value.get("groups").is_some_and(Value::is_array) {
        Ok(Format::Lhc)
    } else if first.is_some_and(|first| first.get("short_code").is_some()) {
        Ok(Format::Chatwoot)
    } else {
        Err("this JSON is neither a bot of Live Helper Chat (`groups`) nor canned responses of Chatwoot (`short_code`)"
            .to_owned())
    }
}

fn by_content(bytes: &[u8]) -> Result<Format, String> {
    let (text, _) = decode::decode(bytes)?;
    let begins = text.trim_start();
    if begins.starts_with(['[', '{']) {
        json(bytes)
    } else if begins.starts_with('<') && text.contains("<category") {
        Ok(Format::Aiml)
    } else if text.lines().any(|line| line.starts_with("+ ")) && text.lines().any(|line| line.starts_with("- ")) {
        Ok(Format::Rivescript)
    } else if text.lines().any(|line| line.starts_with("nlu:") || line.starts_with("responses:")) {
        Ok(Format::Rasa)
    } else if begins.lines().next().is_some_and(|line| line.contains([',', ';', '\t'])) {
        Ok(Format::Csv)
    } else {
        Err("its format cannot be told from its name or content; name it with --from".to_owned())
    }
}
