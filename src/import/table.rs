//! Tables as entries: which column holds what is said, told by its head, or guessed from what is in it.

use serde::Serialize;

use super::entry::{clean, literal, shortened};
use super::sheet::Table;
use super::{Column, Entry, Left, Options};
use crate::text::Lang;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Field {
    /// The id.
    Id,
    /// The short name.
    Title,
    /// The subject.
    Category,
    /// Ways to ask, one a line or with `|` between.
    Question,
    /// The answer.
    Answer,
    /// Sure signs, with commas between.
    Phrase,
    /// The language of the answer.
    Language,
}

impl Field {
    /// The words on the command line.
    pub const WORDS: [(&'static str, Self); 7] = [
        ("id", Self::Id),
        ("title", Self::Title),
        ("category", Self::Category),
        ("question", Self::Question),
        ("answer", Self::Answer),
        ("phrase", Self::Phrase),
        ("language", Self::Language),
    ];

    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, field)| *field == self).map_or("", |(word, _)| word)
    }

    /// The field of a word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, field)| *field)
    }

    /// What a column with this head holds. The order matters: 问题分类 is a subject, 关键词回复 are signs.
    fn headed(head: &str) -> Option<Self> {
        const PARTS: [(&[&str], Field); 7] = [
            (&["关键词", "关键字", "關鍵", "keyword", "phrase"], Field::Phrase),
            (&["分类", "类别", "类目", "分類", "類別", "category", "topic", "subject", "section"], Field::Category),
            (&["标题", "標題", "title"], Field::Title),
            (&["编号", "編號"], Field::Id),
            (&["语言", "語言", "language", "locale"], Field::Language),
            (&["答案", "回答", "回复", "回覆", "答复", "话术", "話術", "answer", "reply", "response"], Field::Answer),
            (&["问", "問", "question", "utterance", "similar", "example"], Field::Question),
        ];
        let head: String = head.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
        let exact = match head.as_str() {
            "id" | "key" => Some(Self::Id),
            "q" => Some(Self::Question),
            "a" => Some(Self::Answer),
            "lang" => Some(Self::Language),
            _ => None,
        };
        let part = || PARTS.iter().find(|(parts, _)| parts.iter().any(|part| head.contains(part)));
        // A sentence that happens to hold such a word is no head.
        exact.or_else(|| part().filter(|_| head.chars().count() <= 24).map(|(_, field)| *field))
    }
}

/// The entries of a file's tables. The first has to have questions and answers; of the others those without are listed.
pub(super) fn entries(
    tables: &[Table],
    options: &Options,
    told: &mut Vec<Column>,
    left: &mut Vec<Left>,
) -> Result<Vec<Entry>, String> {
    let mut entries = Vec::new();
    let mut found = 0;
    for table in tables {
        match layout(table, options, left) {
            Ok(layout) => {
                found += 1;
                told.extend(layout.columns.iter().map(|(field, at)| column(table, &layout, *field, *at)));
                entries.extend(table.rows.iter().skip(layout.skipped).map(|row| entry(table, row, &layout, left)));
            }
            Err(why) if tables.len() == 1 => return Err(why),
            Err(why) => left.push(Left::new(&table.name, "the sheet", why)),
        }
    }
    if found == 0 {
        return Err("no table in it has questions and answers; name their columns with --columns question=A,answer=B"
            .to_owned());
    }
    Ok(entries)
}

/// Which columns hold what, and how many rows stand above the first entry.
struct Layout {
    columns: Vec<(Field, usize)>,
    heads: Vec<String>,
    skipped: usize,
}

fn layout(table: &Table, options: &Options, left: &mut Vec<Left>) -> Result<Layout, String> {
    let Some((line, first)) = table.rows.first() else { return Err("it is empty".to_owned()) };
    let headed: Vec<(Field, usize)> =
        first.iter().enumerate().filter_map(|(at, head)| Some((Field::headed(head)?, at))).collect();
    let has = |columns: &[(Field, usize)], field: Field| columns.iter().any(|(known, _)| *known == field);
    let is_head = has(&headed, Field::Answer) && (has(&headed, Field::Question) || has(&headed, Field::Title));
    if !options.columns.is_empty() {
        let mut columns = Vec::new();
        let mut by_head = false;
        for (field, name) in &options.columns {
            let (at, head) = position(name, first)
                .ok_or_else(|| format!("there is no column `{name}`; there are {}", listed(first)))?;
            by_head |= head;
            columns.push((*field, at));
        }
        let heads = if is_head || by_head { first.clone() } else { Vec::new() };
        return needed(columns).map(|columns| Layout { columns, skipped: usize::from(!heads.is_empty()), heads });
    }
    if !is_head {
        let columns = guessed(table).ok_or_else(|| {
            "no columns of questions and answers were found; name them with --columns question=A,answer=B".to_owned()
        })?;
        unused(table, &columns, left);
        return Ok(Layout { columns, heads: Vec::new(), skipped: 0 });
    }
    let mut columns: Vec<(Field, usize)> = Vec::new();
    for (at, head) in first.iter().enumerate().filter(|(_, head)| !head.trim().is_empty()) {
        let place = format!("{}:{line}", table.name);
        match headed.iter().find(|(_, other)| *other == at).map(|(field, _)| *field) {
            None => {
                left.push(Left::new(&place, head, "nothing here takes this column; name what it holds with --columns"));
            }
            Some(field) if !matches!(field, Field::Question | Field::Phrase) && has(&columns, field) => {
                let why = format!("a second column of the kind {}; the first is taken", field.word());
                left.push(Left::new(&place, head, why));
            }
            Some(field) => columns.push((field, at)),
        }
    }
    needed(columns).map(|columns| Layout { columns, heads: first.clone(), skipped: 1 })
}

/// Lists the columns of a table without heads that nothing takes, each with its first text.
fn unused(table: &Table, columns: &[(Field, usize)], left: &mut Vec<Left>) {
    let width = table.rows.iter().map(|(_, cells)| cells.len()).max().unwrap_or_default();
    for at in (0..width).filter(|at| columns.iter().all(|(_, taken)| taken != at)) {
        let mut texts = table.rows.iter().filter_map(|(line, cells)| Some((line, cells.get(at)?)));
        if let Some((line, text)) = texts.find(|(_, text)| !text.trim().is_empty()) {
            let place = format!("{}:{line}", table.name);
            let why =
                format!("nothing here takes column {}; if it is part of a text, the file lacks its quotes", letter(at));
            left.push(Left::new(&place, text, why));
        }
    }
}

/// A table without a question has its titles asked.
fn needed(mut columns: Vec<(Field, usize)>) -> Result<Vec<(Field, usize)>, String> {
    let of = |field: Field| columns.iter().find(|(known, _)| *known == field).map(|(_, at)| *at);
    if of(Field::Answer).is_none() {
        return Err("no column holds answers; name it with --columns answer=B".to_owned());
    }
    match (of(Field::Question).or(of(Field::Phrase)), of(Field::Title)) {
        (Some(_), _) => {}
        (None, Some(title)) => columns.push((Field::Question, title)),
        (None, None) => return Err("no column holds questions; name it with --columns question=A".to_owned()),
    }
    Ok(columns)
}

/// A column by its head, letter or number from 1, and whether it was the head.
fn position(name: &str, first: &[String]) -> Option<(usize, bool)> {
    if let Some(at) = first.iter().position(|head| head.trim() == name.trim()) {
        return Some((at, true));
    }
    let number = match name.parse::<usize>() {
        Ok(number) => number,
        Err(_) if !name.is_empty() && name.len() <= 2 && name.bytes().all(|b| b.is_ascii_alphabetic()) => {
            name.bytes().fold(0, |number, b| number * 26 + usize::from(b.to_ascii_uppercase() - b'A') + 1)
        }
        Err(_) => return None,
    };
    let at = number.checked_sub(1)?;
    (at < first.len().max(1)).then_some((at, false))
}

fn listed(first: &[String]) -> String {
    let name = |(at, head): (usize, &String)| format!("{} ({})", letter(at), shortened(head));
    first.iter().enumerate().map(name).collect::<Vec<_>>().join(", ")
}

/// The letter of a column.
fn letter(at: usize) -> String {
    let sign = |n: usize| char::from(b'A' + u8::try_from(n % 26).unwrap_or(0));
    if at < 26 { sign(at).to_string() } else { format!("{}{}", sign(at / 26 - 1), sign(at)) }
}

/// Without heads: the longest texts are answers; of the others those that ask most, or the first.
fn guessed(table: &Table) -> Option<Vec<(Field, usize)>> {
    const LOOKED_AT: usize = 200;
    let rows: Vec<&Vec<String>> = table.rows.iter().take(LOOKED_AT).map(|(_, cells)| cells).collect();
    let width = rows.iter().map(|cells| cells.len()).max()?;
    // Column, mean length, share of questions, in thousandths.
    let mut texts: Vec<(usize, usize, usize)> = Vec::new();
    for at in 0..width {
        let cells: Vec<&str> = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.trim()).collect();
        let worded: Vec<&&str> = cells.iter().filter(|cell| cell.chars().any(char::is_alphabetic)).collect();
        if worded.len() * 2 < rows.len() || worded.is_empty() {
            continue;
        }
        let length: usize = worded.iter().map(|cell| cell.chars().count()).sum();
        let asking = worded.iter().filter(|cell| asks(cell)).count();
        texts.push((at, length / worded.len(), asking * 1000 / worded.len()));
    }
    let answer = texts.iter().max_by_key(|(at, length, _)| (*length, *at))?.0;
    let others = texts.iter().filter(|(at, _, _)| *at != answer);
    let question = others.max_by_key(|(at, _, asking)| (*asking, std::cmp::Reverse(*at)))?.0;
    Some(vec![(Field::Question, question), (Field::Answer, answer)])
}

fn asks(text: &str) -> bool {
    const BEGINS: [&str; 10] = ["how ", "what ", "where ", "when ", "can ", "do ", "why ", "怎么", "如何", "为什么"];
    let text = text.to_lowercase();
    text.ends_with(['?', '？', '吗', '呢', '么']) || BEGINS.iter().any(|word| text.starts_with(word))
}

fn column(table: &Table, layout: &Layout, field: Field, at: usize) -> Column {
    let head = layout.heads.get(at).filter(|head| !head.trim().is_empty());
    let head = head.map(|head| format!(" “{}”", shortened(head))).unwrap_or_default();
    let mut cells = table.rows.iter().skip(layout.skipped).filter_map(|(_, cells)| cells.get(at));
    let sample = cells.find(|cell| !cell.trim().is_empty()).map(|cell| shortened(cell)).unwrap_or_default();
    Column { field, column: format!("{}{head}", letter(at)), sample }
}

fn entry(table: &Table, row: &(usize, Vec<String>), layout: &Layout, left: &mut Vec<Left>) -> Entry {
    let (number, cells) = row;
    let mut entry = Entry { place: format!("{}:{number}", table.name), ..Entry::default() };
    let beyond = cells.iter().skip(layout.heads.len()).filter(|_| !layout.heads.is_empty());
    for cell in beyond.filter(|cell| !cell.trim().is_empty()) {
        left.push(Left::new(
            &entry.place,
            cell,
            "a cell beyond the last head; if it is part of a text, the file lacks its quotes",
        ));
    }
    for (field, at) in &layout.columns {
        let Some(text) = cells.get(*at).map(|cell| clean(cell)).filter(|text| !text.is_empty()) else { continue };
        match field {
            Field::Id => entry.id = text,
            Field::Title => entry.title = text,
            Field::Category => entry.category = text,
            Field::Question => entry.questions.extend(parts(&text, &['\n', '|', '｜'])),
            Field::Answer => entry.answers.push(literal(&text)),
            Field::Phrase => {
                let signs = parts(&text, &['\n', '|', '｜', ',', '，', '、', ';', '；']);
                entry.phrases.extend(signs.into_iter().map(|sign| vec![sign]));
            }
            Field::Language => match Lang::new(&text) {
                Some(language) => language.as_str().clone_into(&mut entry.language),
                None => left.push(Left::new(&entry.place, &text, "this is no code of a language, such as zh or en")),
            },
        }
    }
    entry
}

fn parts(text: &str, signs: &[char]) -> Vec<String> {
    text.split(signs).map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::{Field, letter, position};

    #[test]
    fn heads_are_known_in_both_languages() {
        for (head, field) in [
            ("Question", Some(Field::Question)),
            ("标准问题", Some(Field::Question)),
            ("问题分类", Some(Field::Category)),
            ("Reply text", Some(Field::Answer)),
            ("常见话术", Some(Field::Answer)),
            ("关键词", Some(Field::Phrase)),
            ("问题编号", Some(Field::Id)),
            ("A", Some(Field::Answer)),
            ("备注", None),
            ("How do I get an answer to my question about delivery?", None),
        ] {
            assert_eq!(Field::headed(head), field, "{head}");
        }
    }

    #[test]
    fn columns_have_letters_numbers_and_heads() {
        let first: Vec<String> = (0..30).map(|n| format!("head {n}")).collect();
        assert_eq!((letter(0), letter(25), letter(26)), ("A".into(), "Z".into(), "AA".into()));
        assert_eq!(position("AB", &first), Some((27, false)));
        assert_eq!(position("2", &first), Some((1, false)));
        assert_eq!(position("head 3", &first), Some((3, true)));
        assert_eq!(position("ZZ", &first), None);
        assert_eq!(position("0", &first), None);
    }
}
