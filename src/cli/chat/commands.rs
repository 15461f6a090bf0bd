//! What can be said in a chat that is not the customer's: lines that begin with `/`.

use std::time::Duration;

use super::super::{Failure, customer, instant};
use super::Chat;
use crate::modes::Mode;
use crate::rehearsal::Word;
use crate::rules::shape;

/// Every command with what it does, in the order of the help.
pub(super) const COMMANDS: [(&str, &str); 14] = [
    ("/why", "tell why, with each reply; again: no more"),
    ("/wait 3m", "let time pass"),
    ("/at 2026-10-09T20:15", "let time pass until then; an earlier time begins anew"),
    ("/as tier=vip,name=Ann", "begin anew as another customer"),
    ("/new", "begin anew"),
    ("/mode peak", "begin anew with this special mode on; again: off"),
    ("/option 2", "press an option"),
    ("/image", "send a picture"),
    ("/take", "play the person: take the case"),
    ("/return", "hand it back to the bot"),
    ("/close", "close it"),
    ("/reload", "read the files anew"),
    ("/test NAME", "write this conversation as a test"),
    ("/help", "this"),
];

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// What the customer writes.
    Words(String),
    /// Something else.
    Command(Command),
}

/// A command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    Why,
    Wait(Duration),
    At(String),
    As(Vec<String>),
    New,
    Mode(Mode),
    Option(String),
    Image,
    Take,
    Return,
    Close,
    Reload,
    Test(String),
}

/// Reads a line; what it should have been, where it is none.
pub(super) fn read(line: &str) -> Result<Said, String> {
    if !line.starts_with('/') {
        return Ok(Said::Words(line.to_owned()));
    }
    let (word, rest) = line.split_once(char::is_whitespace).map_or((line, ""), |(word, rest)| (word, rest.trim()));
    let needs = |what: &str| if rest.is_empty() { Err(format!("write {word} {what}")) } else { Ok(rest.to_owned()) };
    Ok(Said::Command(match word {
        "/why" => Command::Why,
        "/wait" => Command::Wait(shape::duration(rest).ok_or("write /wait 3m, /wait 2h or /wait 1d")?),
        "/at" => Command::At(needs("2026-10-09T20:15")?),
        "/as" => Command::As(needs("tier=vip")?.split(',').map(|pair| pair.trim().to_owned()).collect()),
        "/new" => Command::New,
        "/mode" => Command::Mode(Mode::parse(rest).ok_or("write /mode peak or /mode degraded")?),
        "/option" => Command::Option(needs("2")?),
        "/image" => Command::Image,
        "/take" => Command::Take,
        "/return" => Command::Return,
        "/close" => Command::Close,
        "/reload" => Command::Reload,
        "/test" => Command::Test(needs("NAME, such as /test returns-at-night")?),
        _ => return Err(help()),
    }))
}

fn help() -> String {
    let lines = COMMANDS.iter().map(|(command, does)| format!("{command:<24}{does}"));
    lines.chain(["everything else is what the customer writes".to_owned()]).collect::<Vec<_>>().join("\n")
}

impl Command {
    pub(super) fn run(self, chat: &mut Chat<'_>) -> Result<(), Failure> {
        match self {
            Self::Why => {
                chat.why = !chat.why;
                anstream::println!(
                    "each reply is told {}",
                    if chat.why { "with its reasons" } else { "as the customer sees it" }
                );
            }
            Self::Wait(length) => {
                chat.wait += length;
                chat.step(None);
            }
            Self::At(time) => {
                let at = instant(&time, &chat.engine.knowledge().zone)?;
                if let Ok(wait) = Duration::try_from(at.duration_since(chat.now())) {
                    chat.wait += wait;
                    chat.step(None);
                } else {
                    // Time does not run backwards in a conversation.
                    let customer = chat.stage.conversation.customer.clone();
                    chat.anew(customer, at);
                    anstream::println!("that is earlier, so a new conversation begins");
                }
            }
            Self::As(pairs) => {
                let at = chat.now();
                chat.anew(customer(&pairs)?, at);
                anstream::println!("a new conversation begins");
            }
            Self::New => {
                let (customer, at) = (chat.stage.conversation.customer.clone(), chat.now());
                chat.anew(customer, at);
                anstream::println!("a new conversation begins");
            }
            Self::Mode(mode) => {
                let known = chat.modes.len();
                chat.modes.retain(|on| *on != mode);
                if chat.modes.len() == known {
                    chat.modes.push(mode);
                }
                let (customer, at) = (chat.stage.conversation.customer.clone(), chat.now());
                chat.anew(customer, at);
                let on: Vec<&str> = chat.modes.iter().map(|mode| mode.as_str()).collect();
                let on = if on.is_empty() { "none".to_owned() } else { on.join(", ") };
                anstream::println!("special modes: {on}; a new conversation begins");
            }
            Self::Option(option) => chat.happens(Word::Select(option)),
            Self::Image => chat.happens(Word::Send(crate::message::Kind::Image, String::new())),
            Self::Take => chat.happens(Word::Take),
            Self::Return => chat.happens(Word::Return),
            Self::Close => chat.happens(Word::Close),
            Self::Reload => chat.reload()?,
            Self::Test(name) => chat.save(&name)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_of_the_help_is_known() {
        for (command, _) in COMMANDS.iter().filter(|(command, _)| *command != "/help") {
            assert!(matches!(read(command), Ok(Said::Command(_))), "{command}");
        }
        assert_eq!(read("/help"), Err(help()));
        assert!(read("/wait soon").is_err_and(|help| help.contains("/wait 3m")));
        assert!(read("/test").is_err_and(|help| help.contains("NAME")));
        assert_eq!(read("怎么退货 /why"), Ok(Said::Words("怎么退货 /why".to_owned())));
    }
}
