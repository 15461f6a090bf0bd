//! What is brought in, whatever it comes from.

/// A question with its answer, or a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its id; before `join` a proposal, or empty.
    pub id: String,
    /// Short name.
    pub title: String,
    /// Subject.
    pub category: String,
    /// How customers ask.
    pub questions: Vec<String>,
    /// Sure signs, each of parts that all occur.
    pub phrases: Vec<Vec<String>>,
    /// Regular expressions over folded text.
    pub patterns: Vec<String>,
    /// Where it is not meant: phrases.
    pub none: Vec<String>,
    /// Variants of the answer, as templates.
    pub answers: Vec<String>,
    /// Whether it brings the customer to a person.
    pub hands_over: bool,
    /// Language of the answers.
    pub language: String,
    /// Where it stood.
    pub place: String,
}

impl Entry {
    /// Whether it is a rule; an FAQ entry has questions and answers, and nothing that only rules have.
    #[must_use]
    pub fn is_rule(&self) -> bool {
        self.hands_over || !self.patterns.is_empty() || !self.none.is_empty() || self.questions.is_empty()
    }

    /// Whether any message can lead to it.
    pub(super) fn is_reached(&self) -> bool {
        !(self.questions.is_empty() && self.phrases.is_empty() && self.patterns.is_empty())
    }

    /// Words by which its author knows it.
    pub(super) fn name(&self) -> &str {
        let phrase = self.phrases.iter().flatten().next();
        let words = [Some(&self.title), self.questions.first(), phrase, self.patterns.first(), self.answers.first()];
        words.into_iter().flatten().find(|text| !text.is_empty()).map_or("", String::as_str)
    }
}

/// A text without what no file should hold: control characters, marks of byte order; line ends are `\n`.
pub(super) fn clean(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}'], "\n").replace('\t', " ");
    let fit = |c: &char| *c == '\n' || !(c.is_control() || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}'));
    text.chars().filter(fit).collect::<String>().trim().to_owned()
}

/// A text in one line.
pub(super) fn line(text: &str) -> String {
    clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text as a template that says just this text.
#[must_use]
pub fn literal(text: &str) -> String {
    let text = clean(text);
    let mut out = String::with_capacity(text.len());
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        if sign == '{' && matches!(signs.peek(), Some('{' | '%' | '#')) {
            out.push_str("{{ '{' }}");
        } else {
            out.push(sign);
        }
    }
    out
}

/// The beginning of a text, for a list.
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    let text = line(text);
    if text.chars().count() > LONGEST { format!("{}…", text.chars().take(LONGEST).collect::<String>()) } else { text }
}

/// A part of an id: letters and digits of any script, all else a dash.
pub(super) fn slug(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut out = String::new();
    let mut length = 0;
    for sign in text.chars().flat_map(char::to_lowercase) {
        if length == LONGEST {
            break;
        }
        let sign = if sign.is_alphanumeric() || matches!(sign, '.' | '_') { sign } else { '-' };
        if matches!(sign, '-' | '.') && (out.is_empty() || out.ends_with(['-', '.'])) {
            continue;
        }
        out.push(sign);
        length += 1;
    }
    out.trim_matches(['-', '.', '_']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::{clean, literal, slug};

    #[test]
    fn ids_are_readable_in_any_script() {
        assert_eq!(slug("怎么退货？"), "怎么退货");
        assert_eq!(slug("How do I return… an item?"), "how-do-i-return-an-item");
        assert_eq!(slug(" faq/ask_hours "), "faq-ask_hours");
        assert_eq!(slug("İstanbul"), "i-stanbul");
        assert_eq!(slug("?!…"), "");
    }

    #[test]
    fn braces_say_themselves() {
        assert_eq!(literal("{{ x }} {% y {# {z} {"), "{{ '{' }}{ x }} {{ '{' }}% y {{ '{' }}# {z} {");
    }

    #[test]
    fn control_characters_go() {
        assert_eq!(clean("\u{feff} a\r\nb\u{0}\tc\r"), "a\nb c");
    }
}
