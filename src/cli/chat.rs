//! `nightdesk chat`: talk to the rules in the terminal, no daemon.

use std::io::{BufRead, IsTerminal, Write};

use super::{Ended, Failure, Global, customer, explain, instant};
use crate::clock::Clock;
use crate::message::{Conversation, Inbound, State};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// When it is: 2026-10-09T20:15 in the shop's zone. Lines such as `/wait 3m` let time pass.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// What is known of the customer, such as tier=vip.
    #[arg(long, value_name = "KEY=VALUE", value_delimiter = ',')]
    customer: Vec<String>,
    /// Through which channel; the first if left out.
    #[arg(long)]
    channel: Option<String>,
    /// Tell with each reply why.
    #[arg(long)]
    why: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Ended, Failure> {
    let engine = global.engine()?;
    let settings = &engine.book().settings;
    let channel =
        args.channel.clone().or_else(|| settings.channels.first().map(|(name, _)| name.clone())).unwrap_or_default();
    anyhow::ensure!(settings.channel(&channel).is_some(), "there is no channel `{channel}` in nightdesk.yaml");
    let system = Clock::system();
    let start = system.now();
    let zero = match &args.at {
        Some(at) => instant(at, &engine.knowledge().zone)?,
        None => start,
    };
    let mut passed = jiff::SignedDuration::ZERO;
    let customer = customer(&args.customer)?;
    let mut conversation = Conversation::new("c_chat".into(), &channel, "chat", customer.clone(), zero);
    let terminal = std::io::stdin().is_terminal();
    if terminal {
        anstream::println!(
            "Write as a customer. /wait 3m lets time pass, /take and /return play the person, Ctrl-D ends.\n"
        );
    }
    let mut lines = std::io::stdin().lock().lines();
    for number in 0_u64.. {
        if terminal {
            anstream::print!("> ");
            std::io::stdout().flush()?;
        }
        let Some(line) = lines.next().transpose()? else { break };
        match line.split_once(' ').map_or((line.as_str(), ""), |(word, rest)| (word, rest.trim())) {
            ("/wait", length) => {
                match crate::rules::shape::duration(length) {
                    Some(length) => passed += jiff::SignedDuration::try_from(length)?,
                    None => anstream::println!("write /wait 3m, /wait 2h or /wait 1d"),
                }
                continue;
            }
            ("/take", _) => {
                conversation.state = State::Human;
                continue;
            }
            ("/return", _) => {
                conversation.state = State::Bot;
                conversation.handoff = None;
                continue;
            }
            (word, _) if word.starts_with('/') => {
                anstream::println!("there is /wait 3m, /take and /return; everything else is the customer's");
                continue;
            }
            _ => {}
        }
        let inbound = Inbound::words(&format!("msg_chat{number}"), &channel, customer.clone(), &line);
        let now = zero.checked_add(system.now().duration_since(start))?.checked_add(passed)?;
        let outcome = engine.handle(&inbound, &conversation, now);
        if args.why {
            anstream::println!("{}", explain::human(&line, &outcome, &engine, global.colored()));
        } else {
            for reply in &outcome.replies {
                anstream::println!("{}", reply.text);
                for (number, option) in reply.options.iter().enumerate() {
                    anstream::println!("  {}. {}", number + 1, option.label);
                }
            }
            if outcome.replies.is_empty() {
                anstream::println!("(nothing is said: {})", outcome.decision.reason);
            }
        }
        conversation = outcome.conversation;
    }
    Ok(Ended::Fine)
}
