//! `nightdesk chat`: talk to the rules in the terminal, no daemon.

mod commands;
mod prompt;
mod record;

use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Ended, Failure, Global, customer, explain, instant, modes, no_channel};
use crate::clock::Clock;
use crate::engine::Engine;
use crate::message::{Customer, Reply, State};
use crate::modes::Mode;
use crate::rehearsal::{Stage, Step, Turn, Word};

use commands::Said;
use prompt::Prompt;
use record::Recording;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// When it is: 2026-10-09T20:15 in the shop's zone. `/wait 3m` and `/at TIME` let time pass.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// What is known of the customer, such as tier=vip.
    #[arg(long, value_name = "KEY=VALUE", value_delimiter = ',')]
    customer: Vec<String>,
    /// Through which channel; the first if left out.
    #[arg(long)]
    channel: Option<String>,
    /// Special modes that are on.
    #[arg(long, value_name = "MODE", value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(Mode::WORDS))]
    mode: Vec<String>,
    /// Tell with each reply why.
    #[arg(long)]
    why: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Ended, Failure> {
    let engine = global.engine()?;
    let settings = &engine.book().settings;
    let channel =
        args.channel.clone().or_else(|| settings.channels.first().map(|(name, _)| name.clone())).unwrap_or_default();
    if settings.channel(&channel).is_none() {
        return Err(no_channel(&engine, &channel));
    }
    let clock = Clock::system();
    let at = match &args.at {
        Some(at) => instant(at, &engine.knowledge().zone)?,
        None => clock.now(),
    };
    let mut prompt = Prompt::open(global.colored())?;
    let mut chat = Chat::new(global, engine, &channel, customer(&args.customer)?, at, args.why, prompt.is_terminal());
    chat.modes = modes(&args.mode);
    chat.anew(chat.stage.conversation.customer.clone(), at);
    if chat.terminal {
        anstream::println!("Write as a customer. /help tells what else there is; Ctrl-D ends.\n");
    }
    while let Some(line) = prompt.line()? {
        chat.tick();
        match commands::read(&line) {
            Ok(Said::Words(text)) => chat.happens(Word::Say(vec![text])),
            Ok(Said::Command(command)) => {
                if let Err(error) = command.run(&mut chat) {
                    anstream::println!("{error:#}");
                }
            }
            Err(help) => anstream::println!("{help}"),
        }
    }
    Ok(Ended::Fine)
}

/// A conversation in the terminal, and what was noted of it.
struct Chat<'a> {
    global: &'a Global,
    engine: Engine,
    stage: Stage,
    recording: Recording,
    /// Time that passed since the last step, in whole seconds, as a test would have it.
    wait: Duration,
    clock: Clock,
    seen: Timestamp,
    why: bool,
    terminal: bool,
    /// Special modes that are on, whatever the files say.
    modes: Vec<Mode>,
}

impl<'a> Chat<'a> {
    fn new(
        global: &'a Global,
        engine: Engine,
        channel: &str,
        customer: Customer,
        at: Timestamp,
        why: bool,
        terminal: bool,
    ) -> Self {
        let at = Timestamp::from_second(at.as_second()).unwrap_or(at);
        let clock = Clock::system();
        let seen = clock.now();
        let recording = Recording::new(channel, &customer, at, &[]);
        let stage = Stage::new(channel, customer, None, at);
        Self { global, engine, stage, recording, wait: Duration::ZERO, clock, seen, why, terminal, modes: Vec::new() }
    }

    /// Begins anew, with this customer and at this time.
    fn anew(&mut self, customer: Customer, at: Timestamp) {
        let at = Timestamp::from_second(at.as_second()).unwrap_or(at);
        let channel = self.stage.conversation.channel.clone();
        self.recording = Recording::new(&channel, &customer, at, &self.modes);
        self.stage = Stage::new(&channel, customer, None, at);
        self.wait = Duration::ZERO;
    }

    /// What time it is in the conversation.
    fn now(&self) -> Timestamp {
        let wait = SignedDuration::try_from(self.wait).unwrap_or(SignedDuration::ZERO);
        self.stage.now.checked_add(wait).unwrap_or(self.stage.now)
    }

    /// The time that the person at the keyboard took passes in the conversation, too. A pipe has no time of its own.
    fn tick(&mut self) {
        if !self.terminal {
            return;
        }
        let passed = self.clock.now().duration_since(self.seen).as_secs();
        self.seen = self.seen.checked_add(SignedDuration::from_secs(passed)).unwrap_or(self.seen);
        self.wait += Duration::from_secs(u64::try_from(passed).unwrap_or(0));
    }

    fn happens(&mut self, word: Word) {
        self.step(Some(word));
    }

    /// Lets the noted time pass, and a thing happen.
    fn step(&mut self, word: Option<Word>) {
        let step = Step::plain(std::mem::take(&mut self.wait), word);
        let turns = self.stage.step(&self.engine.with_modes(&self.modes), &step);
        for turn in &turns {
            self.show(turn);
        }
        self.recording.add(step, turns);
    }

    fn show(&self, turn: &Turn) {
        turn.beside.iter().for_each(|reply| self.say(reply));
        for event in turn.events.iter().filter(|event| self.terminal && event.starts_with("handoff.e")) {
            Self::aside(&format!("{event}, now in {}", self.place()));
        }
        let Some(outcome) = &turn.outcome else {
            return;
        };
        if self.why {
            anstream::println!("{}", explain::human(&turn.said, outcome, &self.engine, self.global.colored()));
            return;
        }
        outcome.replies.iter().for_each(|reply| self.say(reply));
        if outcome.replies.is_empty() {
            anstream::println!("(nothing is said: {})", outcome.decision.reason);
        }
        if self.terminal {
            let rule = outcome.decision.rule.as_deref().map(|rule| format!(" by {rule}")).unwrap_or_default();
            let decision = &outcome.decision;
            Self::aside(&format!("{} ({}){rule}; {}", decision.outcome, decision.reason, self.place()));
        }
    }

    fn say(&self, reply: &Reply) {
        let bold = if self.terminal { anstyle::Style::new().bold() } else { anstyle::Style::new() };
        anstream::println!("{bold}{}{bold:#}", reply.text);
        for (number, option) in reply.options.iter().enumerate() {
            anstream::println!("  {}. {}", number + 1, option.label);
        }
    }

    /// What a customer does not see.
    fn aside(text: &str) {
        let dim = anstyle::Style::new().dimmed();
        anstream::println!("{dim}({text}){dim:#}");
    }

    /// Who has the conversation.
    fn place(&self) -> String {
        let conversation = &self.stage.conversation;
        let queue = conversation.handoff.as_ref().map(|handoff| handoff.queue.as_str()).unwrap_or_default();
        match conversation.state {
            State::Bot => "with the bot".to_owned(),
            State::Queued => format!("waits in the queue `{queue}`"),
            State::Human => "with a person".to_owned(),
            State::Closed => "closed".to_owned(),
        }
    }

    /// The files anew; what is wrong with them is told, and the old ones stay in use.
    fn reload(&mut self) -> Result<(), Failure> {
        self.engine = self.global.engine()?;
        anstream::println!("the files are read anew; the conversation goes on");
        Ok(())
    }

    /// Writes the conversation as a test, if it passes as one.
    fn save(&self, name: &str) -> Result<(), Failure> {
        let file = PathBuf::from(format!("tests/conversations/{name}.yaml"));
        let text = self.recording.test(name, &self.engine)?;
        let path = self.global.dir.join(&file);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        anyhow::ensure!(!path.exists(), "{} is there already; choose another name", file.display());
        std::fs::write(&path, text)?;
        anstream::println!("written to {}; nightdesk test runs it", file.display());
        Ok(())
    }
}
