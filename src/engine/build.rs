//! From the Book to knowledge: references resolved, conditions, texts and hours compiled. Collects every mistake.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::decide::Knowledge;
use crate::decide::builtin::Builtins;
use crate::decide::knowledge::{BuiltHandoff, BuiltRule, BuiltText, Queue, Route};
use crate::diag::{Finding, Fix, Place, Report, nearest, surely};
use crate::likeness::Synonyms;
use crate::matching::{Builder, Fault, Matcher, PatternError, PhraseError};
use crate::rules::Book;
use crate::rules::Settings;
use crate::rules::model::{Located, Origin, Rule};
use crate::template::Templates;
use crate::text::{Fold, Variants, Vocabulary};

use super::{dialogue, hours, ladder, lookups, modes, samples, survey, texts, webhooks, wording};

/// Builds what can be built; what is wrong goes into the report.
pub(super) fn build(book: &Book, report: &mut Report) -> Option<Knowledge> {
    let settings = &book.settings;
    let before = report.errors();
    check_settings(settings, report);
    let zone = hours::zone(&settings.timezone, report);
    let shop = zone.clone().unwrap_or(jiff::tz::TimeZone::UTC);
    let schedules = hours::schedules(settings, &shop, report);
    let by_id = index(book, report);
    let mut templates = Templates::new();
    let fold = Arc::new(Fold::new());
    let variants = Arc::new(Variants::new(Arc::clone(&fold)));
    let matcher = matcher(book, &fold, &variants, &mut templates, report);
    let watch = wording::watch(book, &fold, &variants, report);
    book.rules.iter().for_each(|rule| check_acts(rule, report));
    let rules = book.rules.iter().map(|rule| built_rule(rule, book, &by_id, &mut templates, report)).collect();
    let notices =
        settings.notices.iter().map(|(id, text)| (id.clone(), texts::text(text, &mut templates, report))).collect();
    let routes = routes(settings, &mut templates, report);
    let mut queues = BTreeMap::new();
    for (name, spec) in &settings.queues {
        reference(&spec.hours, settings.hours.keys(), "schedule", report);
        if let Some(webhook) = &spec.webhook {
            reference(webhook, settings.webhooks.keys(), "webhook", report);
        }
        if let Some(other) = &spec.escalate_to {
            reference(other, settings.queues.keys(), "queue", report);
        }
        if let Some(schedule) = schedules.get(&spec.hours.value) {
            let webhook = spec.webhook.as_ref().map(|webhook| webhook.value.clone());
            let queue = Queue {
                hours: spec.hours.value.clone(),
                schedule: Arc::clone(schedule),
                webhook,
                first_response: spec.first_response,
                warn_before: spec.warn_before,
                transfer: spec.transfer,
                escalate_to: spec.escalate_to.as_ref().map(|queue| queue.value.clone()),
            };
            queues.insert(name.clone(), queue);
        }
    }
    ladder::check(settings, report);
    let survey = survey::built(settings, &mut templates, report);
    let languages: Vec<String> = settings.languages.iter().map(|language| language.value.clone()).collect();
    let knowledge = Knowledge {
        hash: book.hash.clone(),
        zone: zone?,
        vocabulary: Arc::new(Vocabulary::new(&fold, &languages, written(book))),
        languages,
        rules,
        by_id: Arc::new(by_id),
        matcher: Arc::new(matcher?),
        watch: Arc::new(watch?),
        templates: Arc::new(templates),
        variants,
        queues,
        channel_targets: ladder::channel_targets(settings),
        routes: routes.into(),
        notices: Arc::new(notices),
        survey: Arc::new(survey),
        builtins: Arc::new(Builtins::new()),
        limits: settings.limits.clone(),
        modes: modes::built(settings, &shop, report),
        peak: settings.modes.peak,
        values: minijinja::Value::from(minijinja::value::Serde(&settings.values)),
    };
    // Samples need languages, queues and texts that stand; their own mistakes are found on the next try otherwise.
    if report.errors() == before {
        samples::try_texts(&knowledge, book, report);
    }
    Some(knowledge)
}

/// Every text that names its language, with that.
fn written(book: &Book) -> impl Iterator<Item = (&str, &str)> {
    let rules = book.rules.iter().flat_map(|rule| rule.replies.iter().chain(&rule.title));
    let texts = rules.chain(book.settings.notices.values());
    texts.flat_map(|text| text.by_language.iter().map(|(code, source)| (code.as_str(), source.value.as_str())))
}

fn check_settings(settings: &Settings, report: &mut Report) {
    let mut missing = |key: &str, what: &str, help: &str| {
        let finding = Finding::error("missing-key", format!("nightdesk.yaml has no {what}")).help(help);
        let place = settings.places.get(key).cloned();
        report.push(match place {
            Some(place) => finding.at(&place),
            None => finding,
        });
    };
    if settings.languages.is_empty() {
        missing("languages", "language", "write at least one, such as languages: [zh, en]");
    }
    if settings.queues.is_empty() {
        missing("queues", "queue", "write at least one, such as queues: {general: {hours: shop}}");
    }
    if settings.channels.is_empty() {
        missing("channels", "channel", "write at least one, such as channels: {web: {kind: websocket}}");
    }
    for (name, channel) in &settings.channels {
        channel.check(name, report);
    }
    lookups::check_settings(&settings.lookups, report);
    webhooks::check(settings, report);
    crate::rules::report::check(settings, report);
    crate::rules::pilots::check_settings(settings, report);
    if let Some(webhook) = settings.stop.as_ref().and_then(|stop| stop.webhook.as_ref()) {
        reference(webhook, settings.webhooks.keys(), "webhook", report);
    }
    if let Some(webhook) = settings.report.as_ref().and_then(|spec| spec.webhook.as_ref()) {
        reference(webhook, settings.webhooks.keys(), "webhook", report);
    }
    for (_, channel) in &settings.channels {
        channel.reply_url.iter().for_each(|url| check_url(url, report));
        channel.base_url.iter().for_each(|url| check_url(url, report));
    }
}

/// An address that something can be posted to.
pub(super) fn check_url(url: &Located<String>, report: &mut Report) {
    let fits = reqwest::Url::parse(&url.value)
        .is_ok_and(|parsed| matches!(parsed.scheme(), "http" | "https") && parsed.has_host());
    // A URL that came out empty because its secret is missing was reported there.
    if !fits && !url.value.is_empty() {
        report.push(
            Finding::error("bad-url", "this is not the address of a receiver")
                .at(&url.place)
                .help("write it with its scheme, such as https://desk.example/hooks/nightdesk"),
        );
    }
}

/// Ids of all rules; one that stands twice is a mistake.
fn index(book: &Book, report: &mut Report) -> HashMap<String, u32> {
    let mut by_id: HashMap<String, u32> = HashMap::new();
    for (index, rule) in (0_u32..).zip(&book.rules) {
        if let Some(first) = by_id.get(&rule.id.value) {
            report.push(
                Finding::error("id-twice", format!("the id `{}` stands twice", rule.id.value))
                    .at(&rule.id.place)
                    .label("again here")
                    .and(&book.rules[*first as usize].id.place, "first here")
                    .help("give one of them another id"),
            );
        } else {
            by_id.insert(rule.id.value.clone(), index);
        }
    }
    for (replaced, pilot) in &book.aliases {
        if let Some(index) = by_id.get(pilot).copied() {
            by_id.insert(replaced.clone(), index);
        }
    }
    by_id
}

fn matcher(
    book: &Book,
    fold: &Arc<Fold>,
    variants: &Arc<Variants>,
    templates: &mut Templates,
    report: &mut Report,
) -> Option<Matcher> {
    let mut builder = Builder::new(Arc::clone(fold), Arc::clone(variants));
    for rule in &book.rules {
        let mut faults = Vec::new();
        let mut expression = |source| texts::expression(source, &book.settings.values, templates, report).0;
        let careful = rule.careful.unwrap_or(book.settings.matching.careful);
        builder.add(&rule.when, careful, &mut expression, &mut |fault| faults.push(fault));
        // An entry's title says what it is about, mostly in other words than customers use.
        if let Some(title) = rule.title.as_ref().filter(|_| rule.origin == Origin::Faq) {
            let plain = title.by_language.values().filter(|text| !text.value.contains("{{"));
            plain.for_each(|text| builder.also_like(careful, &text.value));
        }
        for fault in faults {
            report.push(match fault {
                Fault::Phrase(source, error) => phrase_finding(source, &error),
                Fault::Pattern(source, PatternError::Everything) => Finding::error(
                    "matches-everything",
                    "this regular expression matches every message, even an empty one",
                )
                .at(&source.place)
                .help("name what must stand in the message; for a rule about all messages use `if`"),
                Fault::Pattern(source, PatternError::Syntax(error)) => pattern_finding(source, &error.to_string()),
            });
        }
    }
    let own: Vec<Vec<String>> =
        book.synonyms.iter().map(|group| group.iter().map(|word| word.value.clone()).collect()).collect();
    let built = Synonyms::new(fold, &own).and_then(|synonyms| builder.build(synonyms, book.settings.matching.memory));
    match built {
        Ok(matcher) => Some(matcher),
        Err(error) => {
            report.push(Finding::error("too-many-phrases", format!("the phrases cannot be held together: {error}")));
            None
        }
    }
}

/// Nothing is left of a phrase.
pub(super) fn phrase_finding(source: &Located<String>, error: &PhraseError) -> Finding {
    Finding::error("empty-phrase", error.to_string())
        .at(&source.place)
        .help("write words; spaces, punctuation and invisible characters do not count")
}

/// The library draws the pattern with a caret over several lines; the last line says what is wrong.
pub(super) fn pattern_finding(source: &Located<String>, message: &str) -> Finding {
    let what = message.lines().last().unwrap_or(message).trim_start_matches("error: ");
    Finding::error("bad-regex", format!("this regular expression cannot be used: {what}")).at(&source.place).help(
        "to match a character such as ( or ? itself, write a backslash before it; for plain words use phrase instead",
    )
}

pub(super) fn built_rule(
    rule: &Rule,
    book: &Book,
    by_id: &HashMap<String, u32>,
    templates: &mut Templates,
    report: &mut Report,
) -> BuiltRule {
    let settings = &book.settings;
    if let Some(queue) = rule.handoff.as_ref().and_then(|handoff| handoff.queue.as_ref()) {
        reference(queue, settings.queues.keys(), "queue", report);
    }
    for channel in &rule.channels {
        reference(channel, settings.channels.iter().map(|(name, _)| name), "channel", report);
    }
    if let (Some(from), Some(until)) = (&rule.from, &rule.until)
        && from.value > until.value
    {
        report.push(
            Finding::error("dates-reversed", "`from` is after `until`, so it is never valid")
                .at(&from.place)
                .and(&until.place, "ends here")
                .help("exchange the two, or mend the year"),
        );
    }
    dialogue::check(rule, report);
    let mut options = Vec::new();
    for option in &rule.options {
        match by_id.get(&option.value) {
            Some(index) => options.push(*index),
            None if book.unread.may_hold(&option.value) => {}
            None => reference(option, by_id.keys(), "rule or entry", report),
        }
    }
    let text =
        |text, templates: &mut Templates, report: &mut Report| -> BuiltText { texts::text(text, templates, report) };
    BuiltRule {
        id: rule.id.value.clone(),
        origin: rule.origin,
        place: rule.id.place.clone(),
        priority: rule.priority,
        title: rule.title.as_ref().map(|title| text(title, templates, report)),
        replies: rule.replies.iter().map(|reply| text(reply, templates, report)).collect(),
        options,
        handoff: rule.handoff.as_ref().map(|handoff| BuiltHandoff {
            queue: handoff.queue.as_ref().map(|queue| queue.value.clone()),
            reason: handoff.reason.clone(),
            priority: handoff.priority,
        }),
        slots: rule.slots.iter().filter_map(|slot| dialogue::slot(slot, templates, report)).collect(),
        lookup: rule.lookup.as_ref().and_then(|lookup| lookups::lookup(lookup, book, templates, report)),
        then: rule.then.iter().map(|branch| dialogue::branch(branch, rule, book, by_id, templates, report)).collect(),
        urgent: rule.urgent,
        smalltalk: rule.smalltalk,
        tags: rule.tags.clone(),
        class: rule.class.clone(),
        from: rule.from.as_ref().map(|from| from.value),
        until: rule.until.as_ref().map(|until| until.value),
        channels: rule.channels.iter().map(|channel| channel.value.clone()).collect(),
    }
}

fn routes(settings: &Settings, templates: &mut Templates, report: &mut Report) -> Vec<Route> {
    let routes: Vec<Route> = settings
        .routes
        .iter()
        .map(|route| {
            reference(&route.queue, settings.queues.keys(), "queue", report);
            Route {
                condition: route
                    .condition
                    .as_ref()
                    .map(|source| texts::expression(source, &settings.values, templates, report)),
                source: route
                    .condition
                    .as_ref()
                    .map_or_else(|| "otherwise".to_owned(), |source| format!("if {}", source.value)),
                queue: route.queue.value.clone(),
                priority: route.priority,
            }
        })
        .collect();
    let always = settings.routes.iter().position(|route| route.condition.is_none());
    if let Some((always, next)) = always.and_then(|at| Some((&settings.routes[at], settings.routes.get(at + 1)?))) {
        report.push(
            Finding::error("never-reached", "this route is never reached: one above it always holds")
                .at(&next.queue.place)
                .and(&always.queue.place, "this one has no `if`")
                .help("give the one above an `if`, or move it to the end"),
        );
    }
    if always.is_none() {
        let place = settings
            .places
            .get("routes")
            .cloned()
            .unwrap_or_else(|| Place { file: Arc::from("nightdesk.yaml"), span: 0..0 });
        report.push(
            Finding::error("no-last-route", "some cases have no way to a queue")
                .at(&place)
                .help("end `routes` with one that has no `if`, such as - {queue: general}"),
        );
    }
    routes
}

/// Reports a rule that matches and then does nothing.
fn check_acts(rule: &Rule, report: &mut Report) {
    let acts = !rule.replies.is_empty() || rule.handoff.is_some() || rule.urgent || !rule.then.is_empty();
    if !acts {
        report.push(
            Finding::error("does-nothing", format!("`{}` has neither a reply nor a hand-off", rule.id.value))
                .at(&rule.id.place)
                .help("add reply: {zh: …, en: …} or handoff: {queue: …}"),
        );
    }
}

/// Reports a name that nothing has.
pub(super) fn reference<'a>(
    name: &Located<String>,
    known: impl Iterator<Item = &'a String>,
    what: &str,
    report: &mut Report,
) {
    // Sorted: what is said must not hang on the order of a hash table.
    let known: std::collections::BTreeSet<&str> = known.map(String::as_str).collect();
    if known.contains(name.value.as_str()) {
        return;
    }
    let finding = Finding::error("unknown-name", format!("there is no {what} `{}`", name.value)).at(&name.place);
    let meant = surely(&name.value, known.iter().copied());
    let finding = finding.fix(meant.map(|word| Fix::replace(&name.place, word, format!("write `{word}`"))));
    report.push(if let Some(word) = nearest(&name.value, known.iter().copied()) {
        finding.label(format!("did you mean `{word}`?"))
    } else {
        let some: Vec<_> = known.iter().take(12).map(|known| format!("`{known}`")).collect();
        finding.help(if some.is_empty() {
            "there is none yet: write one, or leave this out".to_string()
        } else {
            format!("there is {}", some.join(", "))
        })
    });
}
