//! What a person is told of an event: read on a phone, in the shop's first language.
//!
//! Owns the wording and what is worth a line. Refuses markup: that is the platforms' own (`format/`). Everything that came from
//! outside is one line without control signs by the time it stands here.

mod event;
mod words;

use jiff::Timestamp;
use serde_json::Value;

use super::endpoint::People;
use crate::hours;
use crate::store::OutboxRow;
use event::{Data, Event};

/// The longest customer's words in a message, in characters: a phone's screen.
const WORDS: usize = 300;
/// The longest other thing that came from outside, in characters.
const VALUE: usize = 100;
/// Most things told in dialogues that are shown.
const SLOTS: usize = 8;
/// Most lines of a digest.
const GROUPS: usize = 20;
/// An event so old is told with its time.
const LATE: i64 = 5 * 60;

/// A message, not yet in any platform's form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Note {
    /// Whether it is in Chinese; else in English.
    pub chinese: bool,
    /// Whether somebody should look now.
    pub urgent: bool,
    /// What happened, and where.
    pub title: String,
    /// What else there is to know, the most important first.
    pub facts: Vec<Fact>,
    /// What the customer said.
    pub words: Option<String>,
    /// Where to go.
    pub link: Option<Link>,
}

/// A line of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fact {
    label: String,
    value: String,
}

/// An address with its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// What it leads to. Has the word nightdesk in it, which may serve as a robot's keyword.
    pub label: &'static str,
    /// The address.
    pub url: String,
}

impl Fact {
    /// The line as it is shown.
    pub(super) fn line(&self, note: &Note) -> String {
        if self.label.is_empty() { self.value.clone() } else { format!("{}{}{}", self.label, note.colon(), self.value) }
    }
}

impl Note {
    /// One event, as it is told at `now`.
    pub(super) fn of(row: &OutboxRow, people: &People, now: Timestamp) -> Self {
        let Event { timestamp, data } = Event::read(&row.body);
        let mut note = Self { chinese: people.chinese, urgent: is_urgent(row), ..Self::default() };
        if let Some(report) = data.report.as_ref().or(data.pilot.as_ref()) {
            note.report(report);
            return note;
        }
        let (mark, what) = (if note.urgent { note.say(words::URGENT) } else { "" }, note.what(&row.kind, &data));
        note.title = match data.queue() {
            Some(queue) => format!("{mark}{what} · {queue}"),
            None => format!("{mark}{what}"),
        };
        let when = |at: Timestamp| hours::say(at, now, &people.zone, people.language());
        // One that ended waits no longer.
        note.case(&data, row.kind.starts_with("handoff."), &when, now);
        if let Some(at) = timestamp.filter(|at| now.duration_since(*at).as_secs() > LATE) {
            note.fact(words::AT, &when(at));
        }
        for (name, value) in data.slots.iter().flatten().take(SLOTS) {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            note.facts.push(Fact { label: shorten(name, 40), value: shorten(&value, VALUE) });
        }
        note.words = data.said(note.chinese).map(|said| shorten(&said, WORDS));
        note.link = data.link().map(|url| Link { label: note.say(words::OPEN), url });
        note
    }

    /// Several events in one: how many of which kind, for each queue.
    pub(super) fn digest(rows: &[OutboxRow], people: &People) -> Self {
        let mut note = Self { chinese: people.chinese, ..Self::default() };
        let mut groups: Vec<(String, usize)> = Vec::new();
        let mut link = None;
        for row in rows {
            let data = Event::read(&row.body).data;
            let mut what = note.what(&row.kind, &data);
            if let Some(queue) = data.queue() {
                what = format!("{what} · {queue}");
            }
            match groups.iter_mut().find(|(other, _)| *other == what) {
                Some((_, count)) => *count += 1,
                None => groups.push((what, 1)),
            }
            link = link.or_else(|| data.link());
        }
        note.title = note.say(words::DIGEST).replace("{}", &rows.len().to_string());
        // A stable sort: of equally many the one that happened first.
        groups.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let rest: usize = groups.iter().skip(GROUPS).map(|(_, count)| count).sum();
        for (what, count) in groups.into_iter().take(GROUPS) {
            note.facts.push(Fact { label: String::new(), value: format!("{count} × {what}") });
        }
        if rest > 0 {
            let value = format!("{rest} × {}", note.say(words::OTHER));
            note.facts.push(Fact { label: String::new(), value });
        }
        let list = |url: String| url.split_once('#').map_or(url.clone(), |(page, _)| format!("{page}#/cases"));
        note.link = link.map(|url| Link { label: note.say(words::OPEN_LIST), url: list(url) });
        note
    }

    /// A report's figures, each with that of the period before; or a pilot's, each with that of the rest.
    fn report(&mut self, told: &event::Told) {
        self.title = shorten(&told.title, WORDS);
        for figure in told.figures.iter().take(GROUPS) {
            let value = format!("{} ({})", shorten(&figure.value, VALUE), shorten(&figure.before, VALUE));
            self.facts.push(Fact { label: shorten(&figure.label, VALUE), value });
        }
        if !told.file.is_empty() {
            self.fact(words::FILE, &shorten(&told.file, VALUE));
        }
    }

    fn what(&self, kind: &str, data: &Data) -> String {
        match kind {
            "survey.answered" => {
                let score = data.survey.as_ref().and_then(|survey| survey.score.as_ref());
                score.map_or_else(
                    || self.say(words::SURVEY).to_owned(),
                    |score| format!("{}{}{score}", self.say(words::SURVEY), self.colon()),
                )
            }
            "handoff.moved" => {
                let to = data.moved_to.as_ref().and_then(|to| to.queue.as_deref()).unwrap_or("?");
                self.say(words::MOVED).replace("{}", to)
            }
            _ => {
                let why = data.escalation.as_ref().and_then(|escalation| escalation.reason.as_deref());
                let why = why.or(data.transfer.as_ref().map(|_| "person"));
                words::event(kind, why).map_or_else(|| shorten(kind, VALUE), |words| self.say(words).to_owned())
            }
        }
    }

    /// Whose case it is, why and until when.
    fn case(&mut self, data: &Data, waits: bool, when: &dyn Fn(Timestamp) -> String, now: Timestamp) {
        let handoff = data.handoff.as_ref().filter(|_| waits);
        if let Some(priority) = handoff.and_then(|handoff| handoff.priority.as_deref())
            && let Some(words) = words::priority(priority)
        {
            self.fact(words::PRIORITY, self.say(words));
        }
        if let Some(reason) = handoff.and_then(|handoff| handoff.reason.as_deref()) {
            // Reasons of rules are their authors' words.
            let said = words::reason(reason).map_or_else(|| shorten(reason, VALUE), |words| self.say(words).to_owned());
            self.fact(words::REASON, &said);
        }
        if let Some(from) = data.from() {
            self.fact(words::FROM, &shorten(from, VALUE));
        }
        if let Some(note) = data.note() {
            self.fact(words::NOTE, &note);
        }
        if let Some(score) = data.survey.as_ref().filter(|_| waits).and_then(|survey| survey.score.as_ref()) {
            self.fact(words::SCORE, &shorten(&score.to_string(), VALUE));
        }
        if let Some(who) = data.who() {
            self.fact(words::CUSTOMER, &who);
        }
        if let Some(agent) = data.survey.as_ref().and_then(|survey| survey.agent.as_deref()) {
            self.fact(words::AGENT, &shorten(agent, VALUE));
        }
        if let Some(channel) = data.conversation.as_ref().and_then(|conversation| conversation.channel.as_deref()) {
            self.fact(words::CHANNEL, channel);
        }
        if let Some(since) = handoff.and_then(|handoff| handoff.created_at) {
            self.fact(words::SINCE, &when(since));
        }
        if let Some(deadline) = handoff.and_then(|handoff| handoff.deadline) {
            let left = deadline.duration_since(now);
            let length = hours::say_duration(left, if self.chinese { "zh" } else { "en" });
            let words = if left.is_negative() { words::OVERDUE } else { words::LEFT };
            self.fact(words::DEADLINE, &format!("{}{}", when(deadline), self.say(words).replace("{}", &length)));
        }
    }

    fn fact(&mut self, label: words::Words, value: &str) {
        self.facts.push(Fact { label: self.say(label).to_owned(), value: value.to_owned() });
    }

    fn say(&self, words: words::Words) -> &'static str {
        if self.chinese { words.0 } else { words.1 }
    }

    /// Between a label and what it names.
    pub(super) fn colon(&self) -> &'static str {
        if self.chinese { "：" } else { ": " }
    }
}

/// Whether somebody should look now: an urgent case that has come, goes on, or waits. One that ended waits for nobody.
pub(super) fn is_urgent(row: &OutboxRow) -> bool {
    row.kind.starts_with("handoff.") && row.kind != "handoff.moved" && Event::read(&row.body).data.is_urgent()
}

/// One line of shown characters: no line ends, control signs or signs that turn the direction of writing.
pub(super) fn tidy(text: &str) -> String {
    let hidden = |c: char| matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    let spaced = text.chars().filter(|c| !hidden(*c)).map(|c| if c.is_control() { ' ' } else { c });
    spaced.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// At most so many characters of one line.
fn shorten(text: &str, most: usize) -> String {
    let text = tidy(text);
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default().trim_end()),
        None => text,
    }
}

/// A message that only tests whether it arrives.
pub(super) fn test_body(now: Timestamp) -> Value {
    serde_json::json!({"type": words::TEST, "timestamp": now, "data": {}})
}
