//! What goes over the wire for a row of the outbox.

use std::borrow::Cow;

use crate::store::OutboxRow;

/// A form that a receiver understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// The event as JSON, byte by byte as it was committed.
    #[default]
    Standard,
}

/// The content of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload<'a> {
    /// Value of `content-type`.
    pub content_type: &'static str,
    /// The bytes that are signed and sent.
    pub body: Cow<'a, [u8]>,
}

impl Format {
    /// Every format, in the order of the documentation.
    pub const ALL: &'static [Self] = &[Self::Standard];

    /// The word for it in `nightdesk.yaml`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
        }
    }

    /// The format that a word names, if it names one.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|format| format.as_str() == word)
    }

    /// Puts a row into this form; the same row always gives the same bytes.
    #[must_use]
    pub fn render(self, row: &OutboxRow) -> Payload<'_> {
        match self {
            Self::Standard => Payload { content_type: "application/json", body: Cow::Borrowed(&row.body) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_formats_go_both_ways() {
        for format in Format::ALL {
            assert_eq!(Format::parse(format.as_str()), Some(*format));
        }
        assert_eq!(Format::parse("telegram"), None);
    }
}
