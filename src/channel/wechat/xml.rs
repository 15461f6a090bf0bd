//! The XML of WeChat: a flat list of fields below `<xml>`, mostly CDATA.
//!
//! Refuses document types (and with them all entities but the five of XML), deep nesting, many fields and a field that stands
//! twice: two readers must not see two messages in one body.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

/// Deepest nesting; real messages have four levels.
const DEPTH: usize = 8;
/// Most fields; real messages have some twenty.
const FIELDS: usize = 200;

/// Why a body is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// Happens when it is not XML, or ends early.
    #[error("it is not well-formed XML")]
    Malformed,
    /// Happens when it has a document type or entities of its own.
    #[error("it has a document type or entities of its own, which are not read")]
    Entities,
    /// Happens when it is nested too deeply or has too many fields.
    #[error("it is larger or deeper than a message is")]
    TooLarge,
    /// Happens when a field stands twice.
    #[error("a field stands twice")]
    Twice,
}

/// The fields of a message. What lies deeper is left out, but must be well-formed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(BTreeMap<String, String>);

impl Fields {
    /// Reads a body.
    ///
    /// # Errors
    /// [`XmlError`]
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        let mut reader = Reader::from_str(text);
        let mut fields = BTreeMap::new();
        let mut path: Vec<String> = Vec::new();
        let (mut open, mut roots) = (String::new(), 0);
        loop {
            match reader.read_event().map_err(|_| XmlError::Malformed)? {
                Event::DocType(_) => return Err(XmlError::Entities),
                Event::Start(tag) => {
                    roots += usize::from(path.is_empty());
                    path.push(tag.name().as_ref().to_owned());
                    if path.len() > DEPTH {
                        return Err(XmlError::TooLarge);
                    }
                    open.clear();
                }
                Event::End(_) => {
                    if let [_, name] = path.as_slice() {
                        keep(&mut fields, name.clone(), std::mem::take(&mut open))?;
                    }
                    path.pop();
                }
                Event::Empty(tag) => {
                    roots += usize::from(path.is_empty());
                    if path.len() == 1 {
                        keep(&mut fields, tag.name().as_ref().to_owned(), String::new())?;
                    }
                }
                Event::Text(text) if path.len() == 2 => open.push_str(&text.into_inner()),
                Event::CData(text) if path.len() == 2 => open.push_str(&text.into_inner()),
                Event::GeneralRef(reference) => {
                    let known = match reference.resolve_char_ref().map_err(|_| XmlError::Malformed)? {
                        Some(char) => char.to_string(),
                        None => resolve_predefined_entity(reference.as_ref()).ok_or(XmlError::Entities)?.to_owned(),
                    };
                    if path.len() == 2 {
                        open.push_str(&known);
                    }
                }
                Event::Text(text) if path.is_empty() && !text.as_ref().trim().is_empty() => {
                    return Err(XmlError::Malformed);
                }
                Event::CData(_) if path.is_empty() => return Err(XmlError::Malformed),
                Event::Text(_) | Event::CData(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
                Event::Eof if path.is_empty() && roots == 1 => return Ok(Self(fields)),
                Event::Eof => return Err(XmlError::Malformed),
            }
        }
    }

    /// A field; none if it is missing or empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

fn keep(fields: &mut BTreeMap<String, String>, name: String, value: String) -> Result<(), XmlError> {
    if fields.len() >= FIELDS {
        return Err(XmlError::TooLarge);
    }
    fields.insert(name, value).map_or(Ok(()), |_| Err(XmlError::Twice))
}

/// A text as CDATA: `]]>` is split over two sections, and what XML 1.0 does not allow is left out.
#[must_use]
pub fn cdata(text: &str) -> String {
    let allowed = |char: &char| matches!(char, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    let text: String = text.chars().filter(allowed).collect();
    format!("<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_cdata_are_the_same() {
        let fields = Fields::parse(
            "<?xml version=\"1.0\"?>\n<xml> <A><![CDATA[x<y&]]></A><B> 1 &lt; &#x4F60;</B><C/><D><E>deep</E></D></xml>\n",
        )
        .unwrap();
        assert_eq!(fields.get("A"), Some("x<y&"));
        assert_eq!(fields.get("B"), Some(" 1 < 你"));
        assert_eq!((fields.get("C"), fields.get("E"), fields.get("Z")), (None, None, None));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let bomb = "<!DOCTYPE xml [<!ENTITY a \"aaaa\">]><xml><A>&a;</A></xml>";
        assert_eq!(Fields::parse(bomb), Err(XmlError::Entities));
        assert_eq!(Fields::parse("<xml><A>&unknown;</A></xml>"), Err(XmlError::Entities));
        assert_eq!(Fields::parse("<xml><A>1</A><A>2</A></xml>"), Err(XmlError::Twice));
        assert_eq!(Fields::parse(&format!("{}{}", "<a>".repeat(9), "</a>".repeat(9))), Err(XmlError::TooLarge));
        let many = (0..=FIELDS).map(|n| format!("<F{n}>x</F{n}>")).collect::<Vec<_>>().concat();
        assert_eq!(Fields::parse(&format!("<xml>{many}</xml>")), Err(XmlError::TooLarge));
        for odd in [
            "",
            "{}",
            "<xml>",
            "<xml></yml>",
            "<xml><A></xml>",
            "<xml/><xml/>",
            "<xml/>x",
            "x<xml/>",
            "<xml><![CDATA[x</xml>",
        ] {
            assert_eq!(Fields::parse(odd), Err(XmlError::Malformed), "{odd}");
        }
    }

    #[test]
    fn whatever_is_said_stays_inside_its_section() {
        for text in ["]]>", "a]]>b]]>", "]]]]>>", "<b>&amp;</b>", "]]", "你好😀", "x]"] {
            let read = Fields::parse(&format!("<xml><A>{}</A></xml>", cdata(text))).unwrap();
            assert_eq!(read.get("A"), Some(text));
        }
        assert_eq!(cdata("a\u{0}\u{b}\u{fffe}\u{ffff}b"), "<![CDATA[ab]]>");
    }
}
