//! A note as plain text, and what keeps customers' words from becoming more than words.

use crate::handoff::note::Note;

/// Kept for the customer's words, in bytes, before further facts get room.
const FOR_WORDS: usize = 300;

/// Cuts a text to so many bytes, on the boundary of a character; what was cut ends with `…`.
pub(super) fn cut(text: &str, bytes: usize) -> String {
    const MORE: &str = "…";
    if text.len() <= bytes {
        return text.to_owned();
    }
    let Some(room) = bytes.checked_sub(MORE.len()) else { return String::new() };
    let end = (0..=room).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    // Half of an emoji that is made of several characters shows as another one.
    let head = text.get(..end).unwrap_or_default().trim_end_matches(['\u{200d}', '\u{fe0f}']);
    format!("{}{MORE}", head.trim_end())
}

/// Takes the power from signs that call people or become tags: `<` and an `@` that begins a word are written full-width.
///
/// An `@` within a word stays, so that an e-mail address can be copied.
pub(super) fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        out.push(match c {
            '<' => '＜',
            '@' if !before.is_ascii_alphanumeric() => '＠',
            _ => c,
        });
        before = c;
    }
    out
}

/// The note in lines, at most so many bytes: title and link always, then facts, the customer's words with what is left.
pub(super) fn text(note: &Note, bytes: usize) -> String {
    let title = cut(&harmless(&note.title), 300);
    let link = note.link.as_ref().map(|link| format!("{}{}{}", link.label, note.colon(), link.url));
    // A link that is cut off leads nowhere.
    let link = link.filter(|link| title.len() + link.len() + FOR_WORDS < bytes);
    let mut left = bytes.saturating_sub(title.len() + link.as_ref().map_or(0, |link| link.len() + 1));
    let wanted = note.words.as_ref().map_or(0, |words| FOR_WORDS.min(words.len() + 12));
    let mut lines = vec![title];
    for fact in &note.facts {
        let line = harmless(&fact.line(note));
        if line.len() + 1 + wanted > left {
            break;
        }
        left -= line.len() + 1;
        lines.push(line);
    }
    if let Some(words) = &note.words {
        let room = left.saturating_sub(1 + "“”".len());
        lines.push(format!("“{}”", cut(&harmless(words), room)));
    }
    lines.extend(link);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_a_character_and_never_over_the_limit() {
        for text in ["", "a", "怎么退货", "🙂🙂🙂", "👩‍👩‍👧‍👦 family", "a怎b么c"] {
            for bytes in 0..40 {
                let cut = cut(text, bytes);
                assert!(cut.len() <= bytes.max(text.len().min(bytes)), "{text} to {bytes}: {cut}");
                assert_eq!(cut == text, text.len() <= bytes, "{text} to {bytes}: {cut}");
            }
        }
        assert_eq!(cut("怎么退货", 10), "怎么…");
    }

    #[test]
    fn nobody_is_called_by_what_a_customer_writes() {
        assert_eq!(harmless("<@all> @所有人 @all,x@y.z"), "＜＠all> ＠所有人 ＠all,x@y.z");
        assert_eq!(harmless("<at user_id=\"all\"></at>"), "＜at user_id=\"all\">＜/at>");
        assert_eq!(harmless("怎么@小王"), "怎么＠小王");
    }
}
