//! Reading: one pass over the rows of both periods, page by page, in the order in which they were written.

use jiff::{SignedDuration, Timestamp};
use rustc_hash::FxHashMap;

use crate::engine::Engine;
use crate::hours::{Forced, ForcedHours};
use crate::store::{DecisionFilter, Store, StoreError, SurveyFilter};

use super::cases::{self, FirstAnswers, Office};
use super::catalog::Catalog;
use super::traffic::{self, AGAIN, Numbers, Pass};
use super::{Figures, Options, Period, Report, opinions, said, trial};

/// Rows of a page.
const PAGE: usize = 10_000;
/// Messages that are grouped by their words; the newest.
const GROUPED: usize = 50_000;
/// Messages of a sampled conversation that are shown, the first ones of the period.
const SHOWN: usize = 60;

/// One page of rows after the other, each by the number of the last row before it.
macro_rules! pages {
    ($row:ident, $number:ident, $page:expr, $each:block) => {{
        let mut $number = 0;
        loop {
            let page = $page.await?;
            let full = page.len() == PAGE;
            for $row in page {
                $number = $row.number();
                $each
            }
            if !full {
                break;
            }
        }
    }};
}

/// Rows that have a number to read on from.
trait Numbered {
    fn number(&self) -> i64;
}

impl Numbered for crate::store::TallyRow {
    fn number(&self) -> i64 {
        self.id
    }
}

impl Numbered for crate::store::CaseRow {
    fn number(&self) -> i64 {
        self.number
    }
}

impl Numbered for crate::store::TalkRow {
    fn number(&self) -> i64 {
        self.number
    }
}

/// Makes a report of a period and the one before it, with hours, targets and titles as the files have them now.
///
/// # Errors
/// When the store cannot be read.
pub async fn make(store: &dyn Store, engine: &Engine, options: &Options, now: Timestamp) -> Result<Report, StoreError> {
    let (period, before) = (options.period, options.period.before());
    let engine = &engine.with_forced(&forced(store, before.from).await?);
    let zone = &engine.knowledge().zone;
    let catalog = Catalog::of(engine);
    let look_up = catalog.looking_up();
    let mut pass = Pass::new(&catalog, zone);
    let office = Office::of(engine, before.from, now.max(period.until));
    let mut firsts = [FirstAnswers::new(&office), FirstAnswers::new(&office)];
    let (mut channels, mut names) = (FxHashMap::default(), Numbers::default());
    pages!(row, after, store.talks(before.from, after, PAGE, &options.product), {
        let [current, previous] = &mut firsts;
        if period.holds(row.created_at) {
            current.count(&row);
        } else if before.holds(row.created_at) {
            previous.count(&row);
        }
        let number = pass.conversations.of(&row.id);
        if let Some(product) = &row.product {
            pass.is_about(number, &said::shown(product));
        }
        channels.insert(number, names.of(&row.channel));
    });

    let mut counters = [traffic::Counter::default(), traffic::Counter::default()];
    let since = before.from.checked_sub(SignedDuration::from_millis(AGAIN)).unwrap_or(Timestamp::MIN);
    pages!(
        row,
        after,
        store.tallies(DecisionFilter { from: since, until: period.until, after, limit: PAGE }, &look_up),
        {
            let [current, previous] = &mut counters;
            let counter = if period.holds(row.at) { Some(current) } else { before.holds(row.at).then_some(previous) };
            pass.take(&row, counter);
        }
    );

    let mut cases = [cases::Counter::new(&office), cases::Counter::new(&office)];
    let span = |period: Period, after| DecisionFilter { from: period.from, until: period.until, after, limit: PAGE };
    for (index, period) in [period, before].into_iter().enumerate() {
        pages!(row, after, store.cases(span(period, after)), {
            let number = pass.conversations.get(&row.conversation);
            let origin = number.and_then(|number| pass.origin(number, row.created_at));
            if let Some(counter) = cases.get_mut(index) {
                counter.count(&row, origin.unwrap_or(&row.queue));
            }
            if let (Some(number), Some(counter)) = (number, counters.get_mut(index)) {
                counter.with_person(number);
            }
        });
    }

    let low = engine.book().settings.survey.low;
    let mut surveys = Vec::new();
    for Period { from, until } in [period, before] {
        surveys.push(store.surveys(SurveyFilter { from, until, limit: usize::MAX }).await?);
    }
    let wordings = store.wordings(DecisionFilter { limit: usize::MAX, ..span(period, 0) }).await?;
    let unanswered = unanswered(store, engine, period).await?;
    let sample = sample(
        store,
        &pass,
        &counters[0],
        &|number| channels.get(&number).map(|channel| names.name(*channel)),
        options,
    )
    .await?;

    let today = zone.to_datetime(now).date();
    let used = |id: &str| pass.rule_number(id).is_some_and(|rule| counters.iter().any(|counter| counter.used(rule)));
    let entries = catalog.stale(used, today);
    let [current, previous] = counters;
    let (traffic, mut pilots) = current.finish(&pass);
    note_stopped(store, &mut pilots).await?;
    let (traffic_before, _) = previous.finish(&pass);
    let [first, first_before] = firsts.map(FirstAnswers::finish);
    let [cases, cases_before] = cases.map(cases::Counter::finish);
    let opinions = |at: usize| surveys.get(at).map(|rows| opinions::opinions(rows, low)).unwrap_or_default();
    let titles = titles(&catalog, options, &traffic, &entries, &pilots);
    Ok(Report {
        made_at: now,
        zone: engine.book().settings.timezone.value.clone(),
        rule_set: engine.knowledge().hash.clone(),
        period,
        before,
        figures: Figures { traffic, first, cases, opinions: opinions(0) },
        figures_before: Figures {
            traffic: traffic_before,
            first: first_before,
            cases: cases_before,
            opinions: opinions(1),
        },
        unanswered,
        entries,
        wordings: opinions::wordings(wordings.iter().map(|(_, row)| row)),
        pilots,
        sample,
        titles,
    })
}

/// Says of pilots that have ended by themselves when they did.
async fn note_stopped(store: &dyn Store, pilots: &mut [super::Pilot]) -> Result<(), StoreError> {
    for row in store.kept_all(trial::KEPT, "").await? {
        let kept: Option<trial::Kept> = serde_json::from_str(&row.value).ok();
        if let Some(pilot) = pilots.iter_mut().find(|pilot| pilot.pilot == row.key) {
            pilot.stopped = kept.and_then(|kept| kept.stopped).map(|stopped| stopped.at);
        }
    }
    Ok(())
}

/// What nothing answered in a period, by likeness.
async fn unanswered(store: &dyn Store, engine: &Engine, period: Period) -> Result<Vec<super::Group>, StoreError> {
    let mut unmatched = store.unmatched(period.from, GROUPED).await?;
    unmatched.retain(|row| row.at < period.until);
    let engine = engine.clone();
    let groups = tokio::task::spawn_blocking(move || said::groups(&engine, &unmatched));
    groups.await.map_err(|error| StoreError::Impossible(error.to_string()))
}

/// What people said about opening hours, as far as it is remembered.
async fn forced(store: &dyn Store, since: Timestamp) -> Result<ForcedHours, StoreError> {
    let mut forced = ForcedHours::new();
    for row in store.forced_hours(since).await? {
        let said = Forced { open: row.open, from: row.since, until: row.until };
        forced.entry(row.schedule).or_default().push(said);
    }
    Ok(forced)
}

async fn sample<'a>(
    store: &dyn Store,
    pass: &Pass<'_>,
    counter: &traffic::Counter,
    channel: &(dyn Fn(u32) -> Option<&'a str> + Sync),
    options: &Options,
) -> Result<Vec<said::Sampled>, StoreError> {
    let names = counter.conversations().map(|number| pass.conversations.name(number));
    let mut sampled = Vec::new();
    for id in said::drawn(names, options.sample, options.seed) {
        let (mut events, mut seq) = (Vec::new(), 0);
        // Most conversations are within a page; a customer of years is not read whole into memory.
        while events.len() < SHOWN {
            let page = store.events_after(id, seq, PAGE).await?;
            let Some(last) = page.last() else { break };
            seq = last.seq;
            let late = last.at >= options.period.until;
            events.extend(page.into_iter().filter(|event| event.kind == "message" && options.period.holds(event.at)));
            if late {
                break;
            }
        }
        events.truncate(SHOWN);
        let channel = pass.conversations.get(id).and_then(channel).unwrap_or_default().to_owned();
        sampled.push(said::Sampled { conversation: id.to_owned(), channel, lines: said::lines(&events) });
    }
    Ok(sampled)
}

/// Titles of what the report names, in its language.
fn titles(
    catalog: &Catalog,
    options: &Options,
    traffic: &traffic::Traffic,
    entries: &super::Entries,
    pilots: &[super::Pilot],
) -> std::collections::BTreeMap<String, String> {
    let dated = entries.overdue.iter().chain(&entries.expired).map(|dated| &dated.id);
    let named = traffic.questions.iter().map(|question| &question.rule).chain(&entries.unused).chain(dated);
    let named = named.chain(pilots.iter().map(|pilot| &pilot.pilot));
    named.map(|id| (id.clone(), catalog.title(id, &options.language))).collect()
}
