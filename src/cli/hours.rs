//! `nightdesk hours`: when people are there.

use std::sync::Arc;

use comfy_table::{Cell, Table, presets};
use jiff::Timestamp;
use jiff::civil::Date;

use super::{Ended, Failure, Global, instant};
use crate::clock::Clock;
use crate::engine::Engine;
use crate::hours::{self, DayKind, Schedule};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// Queue whose hours are meant; the last route's if left out.
    #[arg(long, global = true)]
    queue: Option<String>,
    /// The time to start from; now if left out.
    #[arg(long, global = true, value_name = "TIME")]
    at: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// The next opening, or until when it is open.
    Next,
    /// Why it is open or closed at a time.
    Explain {
        /// 2026-10-09T20:15 in the shop's zone, or with a zone of its own.
        time: String,
    },
    /// A month, day by day (the default).
    Month {
        /// 2026-10; this month if left out.
        month: Option<String>,
    },
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Ended, Failure> {
    let engine = global.engine()?;
    let (name, schedule) = schedule(&engine, args.queue.as_deref())?;
    let now = match &args.at {
        Some(at) => instant(at, schedule.zone())?,
        None => Clock::system().now(),
    };
    match &args.what {
        Some(What::Next) => next(&engine, &name, &schedule, now),
        Some(What::Explain { time }) => anstream::println!("{}", schedule.explain(instant(time, schedule.zone())?)),
        None | Some(What::Month { month: None }) => month(&schedule, now.to_zoned(schedule.zone().clone()).date()),
        Some(What::Month { month: Some(text) }) => {
            let first =
                format!("{text}-01").parse().map_err(|_| anyhow::anyhow!("`{text}` is not a month; write 2026-10"))?;
            month(&schedule, first);
        }
    }
    Ok(Ended::Fine)
}

fn schedule(engine: &Engine, queue: Option<&str>) -> Result<(String, Arc<Schedule>), Failure> {
    let knowledge = engine.knowledge();
    let last = knowledge.routes.last().map(|route| route.queue.as_str());
    let name = queue.or(last).unwrap_or_default();
    if let Some(queue) = knowledge.queues.get(name) {
        Ok((name.to_owned(), Arc::clone(&queue.schedule)))
    } else {
        let known: Vec<_> = knowledge.queues.keys().map(String::as_str).collect();
        anyhow::bail!("there is no queue `{name}`; there is {}", known.join(", "))
    }
}

fn next(engine: &Engine, name: &str, schedule: &Schedule, now: Timestamp) {
    let state = schedule.at(now);
    let at = if state.open { state.until } else { schedule.next_open(now) };
    let what = if state.open { "open, closes" } else { "closed, opens" };
    let Some(at) = at else {
        anstream::println!(
            "{name}: {}",
            if state.open { "always open" } else { "closed, and no opening within a year is known" }
        );
        return;
    };
    anstream::println!("{name}: {what} {}", hours::iso(at, schedule.zone()));
    for language in &engine.knowledge().languages {
        anstream::println!("  {language:<8}{}", hours::say(at, now, schedule.zone(), language));
    }
}

fn month(schedule: &Schedule, day: Date) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["date", "day", "open", "why"]);
    let mut date = day.first_of_month();
    let last = day.last_of_month();
    loop {
        let (kind, windows) = schedule.windows_on(date);
        let open: Vec<String> = windows.iter().map(ToString::to_string).collect();
        let why = match kind {
            DayKind::Exception => "exception".to_owned(),
            DayKind::MakeUp { name, .. } => format!("make-up day {name}"),
            DayKind::Holiday { name } => format!("holiday {name}"),
            DayKind::Weekly => String::new(),
        };
        let open = if open.is_empty() { "closed".to_owned() } else { open.join(", ") };
        let weekday = date.strftime("%a").to_string();
        table.add_row([Cell::new(date), Cell::new(weekday), Cell::new(open), Cell::new(why)]);
        match date.tomorrow() {
            Ok(tomorrow) if date < last => date = tomorrow,
            _ => break,
        }
    }
    anstream::println!("{table}");
}
