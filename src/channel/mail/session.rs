//! The server's side of SMTP (RFC 5321) and LMTP (RFC 2033): one connection, from its greeting to its end.
//!
//! Mail is taken in for our own addresses alone, and said to be taken only once it is on disk. Commands are parsed by `smtp-proto`.
//! Every wait has a limit and every buffer a bound. Refuses authentication, encryption and everything that is sent on.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use smtp_proto::request::receiver::DataReceiver;
use smtp_proto::{Error, Request};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::manners::Envelope;
use crate::rules::same_mailbox;

/// Longest line of a command, in bytes.
const MAX_LINE: usize = 2_048;
/// Most recipients of one letter.
const MAX_RECIPIENTS: usize = 100;
/// Most letters of one connection.
const MAX_LETTERS: usize = 1_000;
/// Commands that make no sense before the connection is ended.
const MAX_ERRORS: usize = 20;
/// Between two commands (RFC 5321, section 4.5.3.2.7).
const IDLE: Duration = Duration::from_mins(5);
/// For a whole letter.
const LETTER: Duration = Duration::from_mins(10);
/// For the client to read an answer.
const WRITE: Duration = Duration::from_secs(30);
/// Of a letter that is too large so many times the largest is read before the connection is ended.
const PATIENCE: usize = 4;

/// What is answered to a command or letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// `250` and the like.
    pub code: u16,
    /// The enhanced code (RFC 3463) and the words.
    pub text: String,
}

impl Reply {
    pub(super) fn new(code: u16, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

/// Takes letters in.
pub(super) trait Take: Send + Sync {
    /// Takes a letter; it is on disk when the answer says so.
    fn take(&self, envelope: Envelope, raw: Vec<u8>) -> BoxFuture<'static, Reply>;
}

/// What a connection is given.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// LMTP, else SMTP.
    pub lmtp: bool,
    /// Our name.
    pub host: String,
    /// For whom mail is taken in.
    pub addresses: Vec<String>,
    /// Largest letter, in bytes.
    pub most: usize,
}

/// How a connection ended; for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The client was done, or went away.
    Done,
    /// We wanted no more of it. Says why.
    Closed(&'static str),
}

struct Session<S> {
    stream: S,
    terms: Terms,
    take: Arc<dyn Take>,
    stop: CancellationToken,
    /// Read and not yet used.
    pending: Vec<u8>,
    /// To be written before the next read.
    out: Vec<u8>,
    greeted: bool,
    sender: Option<String>,
    recipients: Vec<String>,
    letters: usize,
    errors: usize,
}

/// Serves one connection to its end.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send>(
    stream: S,
    terms: Terms,
    take: Arc<dyn Take>,
    stop: CancellationToken,
) -> Ended {
    let protocol = if terms.lmtp { "LMTP" } else { "ESMTP" };
    let greeting = format!("{} nightdesk {protocol}", terms.host);
    let mut session = Session {
        stream,
        terms,
        take,
        stop,
        pending: Vec::new(),
        out: Vec::new(),
        greeted: false,
        sender: None,
        recipients: Vec::new(),
        letters: 0,
        errors: 0,
    };
    session.say(220, &greeting);
    let ended = match session.talk().await {
        Ok(ended) => ended,
        Err(_) => Ended::Done,
    };
    let _ = session.flush().await;
    let _ = timeout(WRITE, session.stream.shutdown()).await;
    ended
}

/// What to do after a command.
enum Next {
    Go,
    Letter,
    End(Ended),
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Session<S> {
    async fn talk(&mut self) -> std::io::Result<Ended> {
        loop {
            let line = loop {
                if let Some(end) = self.pending.iter().take(MAX_LINE).position(|byte| *byte == b'\n') {
                    break self.pending.drain(..=end).collect::<Vec<u8>>();
                }
                if self.pending.len() >= MAX_LINE {
                    self.say(500, "5.5.2 The line is too long");
                    return Ok(Ended::Closed("a line was too long"));
                }
                if let Some(ended) = self.more(Instant::now() + IDLE).await? {
                    return Ok(ended);
                }
            };
            match self.command(&line) {
                Next::Go => {}
                Next::Letter => {
                    if let Some(ended) = self.letter().await? {
                        return Ok(ended);
                    }
                }
                Next::End(ended) => return Ok(ended),
            }
            if self.errors > MAX_ERRORS {
                self.say(421, "4.7.0 Too many errors");
                return Ok(Ended::Closed("too many errors"));
            }
        }
    }

    /// Writes what is to be said, then reads. The end of the connection, if it has come.
    async fn more(&mut self, until: Instant) -> std::io::Result<Option<Ended>> {
        self.flush().await?;
        let mut chunk = [0_u8; 8 * 1024];
        let stop = self.stop.clone();
        let read = tokio::select! {
            read = timeout_at(until, self.stream.read(&mut chunk)) => read,
            () = stop.cancelled() => {
                self.say(421, "4.3.2 Shutting down, come again");
                return Ok(Some(Ended::Done));
            }
        };
        match read {
            Err(_) => {
                self.say(421, "4.4.2 Nothing came in time");
                Ok(Some(Ended::Closed("nothing came in time")))
            }
            Ok(Ok(0)) => Ok(Some(Ended::Done)),
            Ok(Ok(length)) => {
                self.pending.extend_from_slice(chunk.get(..length).unwrap_or_default());
                Ok(None)
            }
            Ok(Err(error)) => Err(error),
        }
    }

    async fn flush(&mut self) -> std::io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let out = std::mem::take(&mut self.out);
        timeout(WRITE, async {
            self.stream.write_all(&out).await?;
            self.stream.flush().await
        })
        .await
        .map_err(std::io::Error::from)?
    }

    fn say(&mut self, code: u16, text: &str) {
        // Words of ours may hold words of others: one line, whatever they are.
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.out.extend_from_slice(format!("{code} {text}\r\n").as_bytes());
    }

    fn wrong(&mut self, code: u16, text: &str) -> Next {
        self.errors += 1;
        self.say(code, text);
        Next::Go
    }

    fn reset(&mut self) {
        self.sender = None;
        self.recipients.clear();
    }

    fn command(&mut self, line: &[u8]) -> Next {
        if !line.ends_with(b"\r\n") {
            return self.wrong(500, "5.5.2 Lines end with CR LF");
        }
        let lmtp = self.terms.lmtp;
        match Request::parse(&mut line.iter()) {
            Ok(Request::Lhlo { .. }) if lmtp => self.hello(true),
            Ok(Request::Ehlo { .. }) if !lmtp => self.hello(true),
            Ok(Request::Helo { .. }) if !lmtp => self.hello(false),
            Ok(Request::Lhlo { .. } | Request::Ehlo { .. } | Request::Helo { .. }) => {
                let help = if lmtp { "5.5.1 LMTP is spoken here: LHLO" } else { "5.5.1 SMTP is spoken here: EHLO" };
                self.wrong(500, help)
            }
            Ok(Request::Mail { .. }) if !self.greeted => self.wrong(503, "5.5.1 Say hello first"),
            Ok(Request::Mail { .. }) if self.sender.is_some() => self.wrong(503, "5.5.1 There is a sender already"),
            Ok(Request::Mail { from }) => {
                if from.size != usize::MAX && from.size > self.terms.most {
                    self.say(552, "5.3.4 The letter is too large");
                    return Next::Go;
                }
                if self.letters >= MAX_LETTERS {
                    self.say(421, "4.7.0 Many letters; come again");
                    return Next::End(Ended::Closed("many letters"));
                }
                self.sender = Some(from.address.into_owned());
                self.say(250, "2.1.0 Fine");
                Next::Go
            }
            Ok(Request::Rcpt { .. }) if self.sender.is_none() => self.wrong(503, "5.5.1 MAIL comes first"),
            Ok(Request::Rcpt { to }) => self.recipient(&to.address),
            Ok(Request::Data) if self.recipients.is_empty() => {
                let code = if self.sender.is_some() { 554 } else { 503 };
                self.wrong(code, "5.5.1 RCPT comes first")
            }
            Ok(Request::Data) => {
                self.say(354, "End with a line that is a dot");
                Next::Letter
            }
            Ok(Request::Rset) => {
                self.reset();
                self.say(250, "2.0.0 Fine");
                Next::Go
            }
            Ok(Request::Noop { .. }) => {
                self.say(250, "2.0.0 Fine");
                Next::Go
            }
            Ok(Request::Vrfy { .. }) => {
                self.say(252, "2.1.5 Send mail and see");
                Next::Go
            }
            Ok(Request::Quit) => {
                self.say(221, "2.0.0 Goodbye");
                Next::End(Ended::Done)
            }
            // What follows would be taken for commands.
            Ok(Request::Bdat { .. } | Request::Burl { .. }) => {
                self.say(502, "5.5.1 Send letters with DATA");
                Next::End(Ended::Closed("BDAT was not offered"))
            }
            Ok(_) => self.wrong(502, "5.5.1 That is not done here"),
            Err(Error::InvalidSenderAddress) => self.wrong(501, "5.1.7 That is no sender"),
            Err(Error::InvalidRecipientAddress) => self.wrong(501, "5.1.3 That is no recipient"),
            Err(Error::UnsupportedParameter { .. }) => self.wrong(555, "5.5.4 The parameter is not known"),
            Err(Error::UnknownCommand) => self.wrong(500, "5.5.1 The command is not known"),
            Err(_) => self.wrong(501, "5.5.2 The command cannot be read"),
        }
    }

    fn hello(&mut self, extended: bool) -> Next {
        self.reset();
        self.greeted = true;
        let host = self.terms.host.clone();
        if !extended {
            self.say(250, &host);
            return Next::Go;
        }
        let size = self.terms.most;
        let lines = [host, "PIPELINING".into(), format!("SIZE {size}"), "8BITMIME".into(), "SMTPUTF8".into()];
        for line in lines {
            self.out.extend_from_slice(format!("250-{line}\r\n").as_bytes());
        }
        self.say(250, "ENHANCEDSTATUSCODES");
        Next::Go
    }

    fn recipient(&mut self, address: &str) -> Next {
        if !self.terms.addresses.iter().any(|own| same_mailbox(own, address)) {
            return self.wrong(550, "5.1.1 There is no such mailbox here");
        }
        if self.recipients.len() >= MAX_RECIPIENTS {
            self.say(452, "4.5.3 Too many recipients");
            return Next::Go;
        }
        self.recipients.push(address.to_owned());
        self.say(250, "2.1.5 Fine");
        Next::Go
    }

    /// Reads a letter, has it taken, and answers: with LMTP once for each recipient.
    async fn letter(&mut self) -> std::io::Result<Option<Ended>> {
        let until = Instant::now() + LETTER;
        let mut receiver = DataReceiver::new();
        let (mut letter, mut seen, mut large) = (Vec::new(), 0_usize, false);
        // The line before the letter ended with CR LF, so a dot at the very beginning counts.
        let _ = receiver.ingest(&mut b"\r\n".iter(), &mut letter);
        letter.clear();
        loop {
            let pending = std::mem::take(&mut self.pending);
            let mut bytes = pending.iter();
            let ended = receiver.ingest(&mut bytes, &mut letter);
            let rest = bytes.as_slice();
            seen = seen.saturating_add(pending.len() - rest.len());
            large |= letter.len() > self.terms.most;
            if large {
                letter = Vec::new();
            }
            if ended {
                self.pending = rest.to_vec();
                break;
            }
            if seen > self.terms.most.saturating_mul(PATIENCE) {
                self.say(552, "5.3.4 The letter is much too large");
                return Ok(Some(Ended::Closed("a letter was much too large")));
            }
            if let Some(ended) = self.more(until).await? {
                return Ok(Some(ended));
            }
        }
        self.letters += 1;
        let recipients = std::mem::take(&mut self.recipients);
        let answers = if self.terms.lmtp { recipients.len() } else { 1 };
        let envelope = Envelope { return_path: self.sender.take().unwrap_or_default(), recipients };
        let reply = if large {
            Reply::new(552, "5.3.4 The letter is too large")
        } else {
            self.take.take(envelope, letter).await
        };
        for _ in 0..answers {
            self.say(reply.code, &reply.text);
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
