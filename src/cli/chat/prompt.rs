//! Lines from the keyboard, with history and completion; from a pipe as they come.

use std::io::{BufRead, IsTerminal, StdinLock};
use std::path::PathBuf;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{Config, Context, Editor, Helper, Highlighter, Hinter, Validator};

use super::super::Failure;
use super::commands::COMMANDS;

/// Most lines that are remembered from one chat to the next.
const REMEMBERED: usize = 500;

/// Where lines come from.
pub(super) enum Prompt {
    /// A person at a terminal.
    Terminal { editor: Box<Editor<Words, DefaultHistory>>, history: Option<PathBuf>, sign: &'static str },
    /// A file or another program.
    Pipe(std::io::Lines<StdinLock<'static>>),
}

impl Prompt {
    pub(super) fn open(colored: bool) -> Result<Self, Failure> {
        if !std::io::stdin().is_terminal() {
            return Ok(Self::Pipe(std::io::stdin().lock().lines()));
        }
        let config = Config::builder().max_history_size(REMEMBERED)?.auto_add_history(true).build();
        let mut editor = Editor::with_config(config)?;
        editor.set_helper(Some(Words));
        let history = history_file();
        if let Some(file) = &history {
            // None yet is no fault.
            let _ = editor.load_history(file);
        }
        let sign = if colored { "\u{1b}[36m>\u{1b}[0m " } else { "> " };
        Ok(Self::Terminal { editor: Box::new(editor), history, sign })
    }

    pub(super) const fn is_terminal(&self) -> bool {
        matches!(self, Self::Terminal { .. })
    }

    /// The next line; none at the end.
    pub(super) fn line(&mut self) -> Result<Option<String>, Failure> {
        match self {
            Self::Pipe(lines) => Ok(lines.next().transpose()?),
            Self::Terminal { editor, history, sign } => {
                let line = match editor.readline(sign) {
                    Ok(line) => Some(line),
                    Err(ReadlineError::Eof | ReadlineError::Interrupted) => None,
                    Err(error) => return Err(error.into()),
                };
                if let (None, Some(file)) = (&line, history) {
                    remember(editor, file);
                }
                Ok(line)
            }
        }
    }
}

/// Keeps the lines for the next chat; that it cannot be done is not worth a word.
fn remember(editor: &mut Editor<Words, DefaultHistory>, file: &PathBuf) {
    if let Some(folder) = file.parent() {
        let _ = std::fs::create_dir_all(folder);
    }
    let _ = editor.save_history(file);
}

/// Where the XDG Base Directory Specification keeps what a program remembers.
fn history_file() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let state = state.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")))?;
    Some(state.join("nightdesk/chat_history"))
}

/// Completes the commands.
#[derive(Helper, Highlighter, Hinter, Validator)]
pub(super) struct Words;

impl Completer for Words {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let begun = line.get(..at).unwrap_or_default();
        let words = COMMANDS.iter().filter_map(|(command, _)| command.split(' ').next());
        let fits = words.filter(|word| begun.starts_with('/') && word.starts_with(begun));
        Ok((0, fits.map(str::to_owned).collect()))
    }
}
