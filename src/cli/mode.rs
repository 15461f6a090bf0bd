//! `nightdesk mode`: the special modes, and switching them. Works beside a running daemon, which sees it within a second or two.

use std::path::Path;

use comfy_table::{Table, presets};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{Beside, Ended, Failure, Form, Global, errors_only, instant};
use crate::clock::Clock;
use crate::diag::Format;
use crate::engine::Engine;
use crate::history::History;
use crate::hours::iso;
use crate::modes::{Mode, Modes, Switch};
use crate::rules::{Files, shape};
use crate::shop;
use crate::store::switches;

/// Switches of the past that are listed.
const PAST: usize = 10;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    beside: Beside,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Which modes are on, and who switched them before (the default).
    List,
    /// On, until a time of at most 7 days from now.
    Peak(On),
    /// On, until a time of at most 7 days from now.
    Degraded(On),
    /// Off: what was switched by hand ends, and what the files have on rests to its end.
    Off {
        /// Which mode.
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(Mode::WORDS))]
        mode: String,
        /// Who does it.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
struct On {
    #[command(flatten)]
    end: End,
    /// Who does it.
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// Nothing is on without an end.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct End {
    /// When it ends: 2026-11-12T02:00 in the shop's zone, or with a zone of its own.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// How long it lasts, such as 2h.
    #[arg(long = "for", value_name = "LENGTH")]
    length: Option<String>,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Ended, Failure> {
    let now = Clock::system().now();
    let engine = in_use(global, &args.beside.data, now)?;
    let knowledge = engine.knowledge();
    args.beside.with_store(async |store| {
        let switch = match &args.what {
            None | Some(What::List) => None,
            Some(What::Peak(on)) => Some(switched(Mode::Peak, on, now, &knowledge.zone)?),
            Some(What::Degraded(on)) => Some(switched(Mode::Degraded, on, now, &knowledge.zone)?),
            Some(What::Off { mode, by, note }) => {
                let mode = Mode::parse(mode).ok_or_else(|| anyhow::anyhow!("there is no mode `{mode}`"))?;
                let until = knowledge.modes.planned_until(mode, now).unwrap_or(now);
                Some(Switch { mode, on: false, from: now, until, by: by.clone(), note: note.clone() })
            }
        };
        if let Some(switch) = &switch {
            anyhow::ensure!(!switch.by.trim().is_empty(), "--by needs a name");
            switches::keep(&store, switch).await?;
            if switch.on && !knowledge.notices.contains_key(switch.mode.as_str()) {
                anstream::eprintln!(
                    "nightdesk.yaml has no notice `{0}`, so customers are not told; write notices: {{{0}: {{zh: …, en: …}}}}",
                    switch.mode
                );
            }
        }
        let past = switches::read(&store).await?;
        show(&knowledge.modes.with_switches(&past), &past, now, &knowledge.zone, args.beside.format);
        Ok(Ended::Fine)
    })
}

/// The engine of the files, or of the last good ones where these have errors: those that a running daemon uses. A mode is switched
/// in a hurry, and not the hour to mend an entry.
fn in_use(global: &Global, data: &Path, now: Timestamp) -> Result<Engine, Failure> {
    let files = Files::read(&global.dir);
    let (engine, report) = shop::open_files(&global.dir, files.clone(), now);
    if let Some(engine) = engine {
        return Ok(engine);
    }
    let history = History::below(data);
    // A set with a note was kept for another reason than that it was in use.
    for set in history.sets().unwrap_or_default().iter().filter(|set| set.note.is_none()) {
        let texts = history.texts(set).ok();
        if let Some(engine) = texts.and_then(|texts| shop::open_files(&global.dir, files.with_texts(&texts), now).0) {
            anstream::eprintln!(
                "the files in {} have errors, so the modes are those of the set {}, the last that was in use; `nightdesk check` shows the errors",
                global.dir.display(),
                set.hash
            );
            return Ok(engine);
        }
    }
    anstream::eprint!("{}", errors_only(report).render(Format::Human, global.colored()));
    anyhow::bail!(
        "the files in {} have errors, and no set that was in use is kept in {}; mend them, or name the store of the daemon with --data",
        global.dir.display(),
        data.display()
    )
}

fn switched(mode: Mode, on: &On, now: Timestamp, zone: &TimeZone) -> Result<Switch, Failure> {
    let until = match (&on.end.until, &on.end.length) {
        (Some(until), _) => instant(until, zone)?,
        (None, length) => {
            let length = length.as_deref().unwrap_or_default();
            let length = shape::duration(length).and_then(|length| SignedDuration::try_from(length).ok());
            let until = length.and_then(|length| now.checked_add(length).ok());
            until.ok_or_else(|| anyhow::anyhow!("--for needs a length of time such as 30m or 2h"))?
        }
    };
    let left = until.duration_since(now);
    anyhow::ensure!(
        left > SignedDuration::ZERO && left <= Mode::LONGEST,
        "it ends later than now, and within 7 days; what lasts longer belongs into `modes` of nightdesk.yaml"
    );
    Ok(Switch { mode, on: true, from: now, until, by: on.by.clone(), note: on.note.clone() })
}

/// To the second: what people read.
fn time(at: Timestamp, zone: &TimeZone) -> String {
    iso(Timestamp::from_second(at.as_second()).unwrap_or(at), zone)
}

fn show(modes: &Modes, past: &[Switch], now: Timestamp, zone: &TimeZone, format: Form) {
    if format == Form::Json {
        let one = |mode: Mode| json!({"mode": mode, "running": modes.running(mode, now)});
        anstream::println!("{:#}", json!({"modes": Mode::ALL.map(one), "switched": past}));
        return;
    }
    for mode in Mode::ALL {
        let state = match modes.running(mode, now) {
            Some(running) => {
                let by = if running.by_hand { "by hand" } else { "by the files" };
                let who: Vec<&str> = running.by.iter().chain(&running.note).map(String::as_str).collect();
                let who = if who.is_empty() { String::new() } else { format!(": {}", who.join(", ")) };
                format!("on until {} ({by}{who})", time(running.until, zone))
            }
            None => match modes.ahead(mode, now).map(|period| period.from).filter(|from| now < *from).min() {
                Some(next) => format!("off; planned from {}", time(next, zone)),
                None => "off".to_owned(),
            },
        };
        anstream::println!("{:<10}{state}", mode.as_str());
    }
    if past.is_empty() {
        return;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["switched", "mode", "", "until", "by", "note"]);
    for switch in past.iter().rev().take(PAST) {
        let until = if switch.on { time(switch.until, zone) } else { String::new() };
        let note = switch.note.clone().unwrap_or_default();
        let on = if switch.on { "on" } else { "off" };
        table.add_row([&time(switch.from, zone), switch.mode.as_str(), on, &until, &switch.by, &note]);
    }
    anstream::println!("\n{table}");
}
