//! What went unanswered, grouped by likeness: each group with its telling words, samples, the nearest entry, and a draft to paste.
//!
//! Pure, and the same for the same messages in whatever order groups are made. Owns the grouping, its names and its drafts, and how
//! far a grouping agrees with labels. Refuses to know where messages come from, and to write answers: what a shop says is for
//! people to say, so a draft without an answer does not pass `check`.

pub mod agreement;
mod cluster;
mod draft;
mod naming;
mod nearest;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use crate::engine::Engine;
use crate::likeness::Field;
use crate::text::{detect, redact};

pub use draft::{Draft, document, drafts};
pub use nearest::Nearest;

use cluster::Clusters;

/// Words that a group is named by.
const NAMED_BY: usize = 4;
/// Samples above this cosine to one that is shown tell nothing new.
const SAME: f32 = 0.8;
/// Members that are asked for the nearest entry.
const ASKED: usize = 50;

/// How groups are made and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Least messages of a group.
    pub least: usize,
    /// Most groups, the largest.
    pub most: usize,
    /// Most samples of each.
    pub samples: usize,
}

/// Messages that ask alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// What is said here and not elsewhere, the most telling first.
    pub words: Vec<String>,
    /// How many messages.
    pub messages: usize,
    /// How many different ones.
    pub texts: usize,
    /// Those in the middle of it, no two nearly the same; personal data masked.
    pub samples: Vec<String>,
    /// Messages by language, as codes.
    pub languages: BTreeMap<String, usize>,
    /// The entry that most of them are nearest to.
    pub nearest: Option<Nearest>,
}

/// All messages in groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Grouped {
    /// The largest first; of equally large ones the earlier.
    pub groups: Vec<Group>,
    /// Groups that are too small or too many to be shown, and messages in them.
    pub left_out: (usize, usize),
    /// Messages without a word.
    pub wordless: usize,
}

/// Different texts, with how often each came.
struct Texts<'a> {
    written: Vec<&'a str>,
    folded: Vec<String>,
    count: Vec<usize>,
}

impl<'a> Texts<'a> {
    fn new(engine: &Engine, messages: &[&'a str]) -> Self {
        let fold = engine.knowledge().matcher.fold();
        let mut out = Self { written: Vec::new(), folded: Vec::new(), count: Vec::new() };
        let mut known: HashMap<String, usize> = HashMap::new();
        for message in messages {
            let folded = fold.squeeze(message).into_text();
            if let Some(at) = known.get(&folded) {
                out.count[*at] += 1;
                continue;
            }
            known.insert(folded.clone(), out.folded.len());
            out.written.push(message);
            out.folded.push(folded);
            out.count.push(1);
        }
        out
    }

    fn field(&self, engine: &Engine) -> Field {
        let folded: Vec<&str> = self.folded.iter().map(String::as_str).collect();
        engine.knowledge().matcher.field(&folded)
    }
}

/// Groups messages, and tells of each group what it is about.
#[must_use]
pub fn groups(engine: &Engine, messages: &[&str], options: Options) -> Grouped {
    let texts = Texts::new(engine, messages);
    let field = texts.field(engine);
    let clusters = Clusters::by_likeness(&field);
    let messages_of = |members: &[u32]| members.iter().map(|text| texts.count[*text as usize]).sum::<usize>();
    let (wordless, mut all): (Vec<_>, Vec<_>) = clusters
        .members()
        .into_iter()
        .partition(|members| members.iter().all(|text| field.vectors()[*text as usize].is_empty()));
    all.sort_by_key(|members| (Reverse(messages_of(members)), members.first().copied()));
    let shown = all.iter().take_while(|members| messages_of(members) >= options.least).count().min(options.most);
    let rest = &all[shown..];
    let names = naming::Names::new(&texts.folded, &all[..shown]);
    Grouped {
        groups: all[..shown].iter().map(|members| group(engine, &texts, &field, &names, members, options)).collect(),
        left_out: (rest.len(), rest.iter().map(|members| messages_of(members)).sum()),
        wordless: wordless.iter().map(|members| messages_of(members)).sum(),
    }
}

/// The number of the group of each message: what a measure of agreement is made from.
#[must_use]
pub fn numbers(engine: &Engine, messages: &[&str], way: Way) -> Vec<u32> {
    let texts = Texts::new(engine, messages);
    let clusters = match way {
        Way::Identical => Clusters::apart(texts.folded.len()),
        Way::OnePass => Clusters::one_pass(&texts.field(engine)),
        Way::Likeness => Clusters::by_likeness(&texts.field(engine)),
    };
    let fold = engine.knowledge().matcher.fold();
    let at: HashMap<&str, u32> = texts.folded.iter().map(String::as_str).zip(0..).collect();
    let number = |message: &&str| at.get(fold.squeeze(message).text()).map_or(u32::MAX, |text| clusters.of(*text));
    messages.iter().map(number).collect()
}

/// A way to group: ours, and the plain ones that it has to be better than.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The same text after folding.
    Identical,
    /// Each message to the first one before it that is near enough.
    OnePass,
    /// What [`groups`] does.
    Likeness,
}

fn group(
    engine: &Engine,
    texts: &Texts<'_>,
    field: &Field,
    names: &naming::Names,
    members: &[u32],
    options: Options,
) -> Group {
    let vector = |text: u32| field.vectors()[text as usize].as_slice();
    let mut sum = vec![0.0_f32; field.features()];
    for (feature, value) in members.iter().flat_map(|text| vector(*text)) {
        sum[*feature as usize] += value;
    }
    // In the middle, and often: what comes again and again says best what is asked.
    #[allow(clippy::cast_precision_loss, reason = "a count of messages")]
    let central = |text: u32| {
        let middle: f32 = vector(text).iter().map(|(feature, value)| value * sum[*feature as usize]).sum();
        middle * (1.0 + (texts.count[text as usize] as f32).ln())
    };
    let mut order: Vec<(f32, u32)> = members.iter().map(|text| (central(*text), *text)).collect();
    order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let order: Vec<u32> = order.into_iter().map(|(_, text)| text).collect();
    let mut languages = BTreeMap::new();
    for text in members {
        let found = detect(texts.written[*text as usize], engine.knowledge().matcher.fold());
        let code = found
            .map_or_else(|| engine.book().settings.default_language().to_owned(), |found| found.as_str().to_owned());
        *languages.entry(code).or_insert(0) += texts.count[*text as usize];
    }
    let asked: Vec<&str> = order.iter().take(ASKED).map(|text| texts.written[*text as usize]).collect();
    Group {
        words: names.of(members, NAMED_BY).into_iter().map(|name| redact(name).into_owned()).collect(),
        messages: members.iter().map(|text| texts.count[*text as usize]).sum(),
        texts: members.len(),
        samples: samples(texts, field, &order, options.samples),
        languages,
        nearest: nearest::nearest(engine, &asked),
    }
}

/// The most central texts of which no two are nearly the same.
fn samples(texts: &Texts<'_>, field: &Field, order: &[u32], most: usize) -> Vec<String> {
    let mut chosen: Vec<u32> = Vec::new();
    for text in order {
        let vector = |text: u32| &field.vectors()[text as usize];
        if chosen.len() < most && chosen.iter().all(|other| cluster::dot(vector(*text), vector(*other)) < SAME) {
            chosen.push(*text);
        }
    }
    chosen.iter().map(|text| redact(texts.written[*text as usize]).into_owned()).collect()
}
