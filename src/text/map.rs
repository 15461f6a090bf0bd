//! Folded text with the way back to the original.
//!
//! Owns the map only. It is a list of runs, not a number per byte: ordinary Chinese or English text
//! is a single run, and looking a place up is a binary search.

use std::ops::Range;

/// A stretch of folded text and where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    /// First byte in the folded text.
    folded: usize,
    /// First byte in the original text.
    original: usize,
    /// Bytes of the original text.
    len: usize,
    /// Character by character with equal byte lengths; otherwise the run stands for one whole
    /// original character.
    linear: bool,
}

/// Folded text that knows which bytes of the original text each of its characters came from.
///
/// Made by [`Fold::fold`](super::Fold::fold). All ranges are in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folded {
    text: String,
    runs: Vec<Run>,
    /// Bytes of the folded text that carried a pinyin tone mark in the original.
    tones: Vec<usize>,
}

impl Folded {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), runs: Vec::with_capacity(4), tones: Vec::new() }
    }

    /// Appends one folded character that came from the original bytes `original..original + len`.
    pub(super) fn push(&mut self, c: char, original: usize, len: usize) {
        let folded = self.text.len();
        let linear = c.len_utf8() == len;
        self.text.push(c);
        self.extend(Run { folded, original, len, linear });
    }

    /// Appends to the last run where that says the same, else begins a new one.
    fn extend(&mut self, next: Run) {
        if let Some(last) = self.runs.last_mut() {
            if !last.linear && last.original == next.original && last.len == next.len {
                return;
            }
            if last.linear && next.linear && last.original + last.len == next.original {
                last.len += next.len;
                return;
            }
        }
        self.runs.push(next);
    }

    /// Notes that the character pushed last, or the next one, carried a tone mark.
    pub(super) fn note_tone(&mut self, at: usize) {
        self.tones.push(at);
    }

    /// Whether a tone mark was written within the folded bytes `span`.
    pub(super) fn has_tone(&self, span: &Range<usize>) -> bool {
        let first = self.tones.partition_point(|&at| at < span.start);
        self.tones.get(first).is_some_and(|&at| at < span.end)
    }

    /// The folded text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The folded text, without the way back.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    /// The bytes of the original text that `folded` bytes of this text came from.
    ///
    /// The answer always lies on character boundaries of the original and covers whole original
    /// characters. A range that cuts a character is widened, one that reaches past the end is cut,
    /// an empty one gives an empty range.
    #[must_use]
    pub fn original_span(&self, folded: Range<usize>) -> Range<usize> {
        let start = self.text.floor_char_boundary(folded.start);
        let end = self.text.ceil_char_boundary(folded.end);
        let from = self.original_at(start).start;
        if end <= start {
            return from..from;
        }
        let last = self.text.floor_char_boundary(end - 1);
        let to = self.original_at(last).end;
        from..to.max(from)
    }

    /// The original bytes of the character at the folded byte `at`; past the end, the end.
    fn original_at(&self, at: usize) -> Range<usize> {
        let index = self.runs.partition_point(|run| run.folded <= at);
        let Some(run) = index.checked_sub(1).and_then(|i| self.runs.get(i)) else {
            return 0..0;
        };
        let end = run.original + run.len;
        let Some(c) = self.text.get(at..).and_then(|rest| rest.chars().next()) else {
            return end..end;
        };
        if run.linear {
            let start = run.original + (at - run.folded);
            start..start + c.len_utf8()
        } else {
            run.original..end
        }
    }

    /// Keeps only the folded bytes in `pieces`, which ascend and lie on character boundaries.
    pub(super) fn keep(&self, pieces: &[Range<usize>]) -> Self {
        let mut kept = Self::with_capacity(pieces.iter().map(Range::len).sum());
        let mut run_index = 0;
        let mut tone_index = 0;
        for piece in pieces {
            let base = kept.text.len();
            kept.text.push_str(&self.text[piece.clone()]);
            while let Some(&at) = self.tones.get(tone_index).filter(|&&at| at < piece.end) {
                if at >= piece.start {
                    kept.tones.push(at - piece.start + base);
                }
                tone_index += 1;
            }
            while let Some(run) = self.runs.get(run_index) {
                let run_end = self.runs.get(run_index + 1).map_or(self.text.len(), |next| next.folded);
                let from = run.folded.max(piece.start);
                let to = run_end.min(piece.end);
                if from < to {
                    let folded = base + (from - piece.start);
                    kept.extend(if run.linear {
                        let original = run.original + (from - run.folded);
                        Run { folded, original, len: to - from, linear: true }
                    } else {
                        Run { folded, ..*run }
                    });
                }
                if run_end > piece.end {
                    break; // the next piece may need the rest of this run
                }
                run_index += 1;
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use crate::text::Fold;

    #[test]
    fn spans_cover_whole_original_characters() {
        let fold = Fold::new();
        let original = "退\u{200B}款ﬁé x";
        let folded = fold.fold(original);
        assert_eq!(folded.text(), "退款fie x");
        let source = |from, to| &original[folded.original_span(from..to)];
        assert_eq!(source(0, 6), "退\u{200B}款");
        assert_eq!(source(3, 6), "款");
        assert_eq!((source(6, 7), source(7, 8), source(6, 8)), ("ﬁ", "ﬁ", "ﬁ"));
        assert_eq!(source(8, 9), "é");
        assert_eq!(source(1, 2), "退", "a cut character is widened");
        assert_eq!(source(10, 99), "x", "the end is cut");
        assert_eq!(source(99, 120), "");
        assert_eq!(folded.original_span(3..3), 6..6);
    }

    #[test]
    fn ordinary_text_is_a_single_run() {
        let fold = Fold::new();
        for text in ["我的快递到哪了 refund OK", "Where is my parcel?", "說話為什麼"] {
            assert_eq!(fold.fold(text).runs.len(), 1, "{text}");
        }
    }
}
