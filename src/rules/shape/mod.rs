//! The shape of a file as a table: which keys there are, what they hold, and what they mean.
//!
//! One table serves three: the check of shape (unknown keys, wrong types, with the nearest known word), the JSON Schemas for
//! editors, and the reader of this source. A new key is a new line in `shapes/`.

mod check;
mod values;

pub use check::check;
pub use values::{duration, share};

/// A map with known keys.
#[derive(Debug)]
pub struct Shape {
    /// What it is, as a person says it: "an FAQ entry".
    pub name: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
}

/// A key of a [`Shape`].
#[derive(Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it must stand there.
    pub required: bool,
    /// The key that makes it needless.
    pub unless: Option<&'static str>,
    /// One sentence for editors.
    pub doc: &'static str,
}

impl Key {
    /// A key that may be left out.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self { name, kind, required: false, unless: None, doc }
    }

    /// A key that must stand there.
    #[must_use]
    pub const fn required(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self { name, kind, required: true, unless: None, doc }
    }

    /// A key that must stand there, unless another does.
    #[must_use]
    pub const fn required_unless(name: &'static str, unless: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self { name, kind, required: true, unless: Some(unless), doc }
    }

    /// Whether it is missing among the keys that stand there.
    fn missing(&self, has: impl Fn(&str) -> bool) -> bool {
        self.required && !has(self.name) && !self.unless.is_some_and(has)
    }
}

/// What a name is of, so that editors can offer those that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Names {
    /// FAQ entries and rules.
    Entries,
    /// Queues.
    Queues,
    /// Schedules.
    Schedules,
    /// Webhooks.
    Webhooks,
    /// Channels.
    Channels,
}

/// What a key holds.
#[derive(Debug)]
pub enum Kind {
    /// Text for people: one string, or a map by language.
    Text,
    /// One [`Kind::Text`] or a list of variants.
    Texts,
    /// A string.
    Str,
    /// A string that nobody but the shop should know.
    Secret,
    /// A secret by which people or machines are let in, long enough that nobody finds it by trying.
    Token,
    /// An address, or a network such as `10.0.0.0/8`.
    Network,
    /// The name of a rule, queue, schedule …: letters of any script, digits, `.`, `_`, `-`.
    Id,
    /// The name of something that has to be there.
    Named(Names),
    /// The same, or `none`.
    NamedOrNone(Names),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number within bounds, both included.
    Int(i64, i64),
    /// `true` or `false`.
    Bool,
    /// A date, `2026-10-01`.
    Date,
    /// A share of all, `10%`, with at most two decimals.
    Share,
    /// A length of time, `30s`, `5m`, `2h`, `1h30m`, `7d`.
    Duration,
    /// A length of time of at most so many seconds, or `0`.
    Wait(u64),
    /// How many in a length of time, `20/min`.
    Rate,
    /// A time on the shop's clocks, `2026-11-10 20:00`, or a date.
    Moment,
    /// An instant with zone, `2026-10-09T20:15:00+08:00`.
    Instant,
    /// One or a list.
    OneOrMany(&'static Kind),
    /// A list.
    List(&'static Kind),
    /// A string, or a list of strings that all must occur.
    Phrase,
    /// A map with known keys.
    Map(&'static Shape),
    /// A map whose keys the author chooses.
    MapOf(&'static Kind),
    /// Anything.
    Any,
}
