//! `nightdesk export`: what customers wrote and what was decided, masked, one JSON object a line: for `replay` and `suggest`.

use std::collections::BTreeSet;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::PathBuf;

use jiff::tz::TimeZone;

use super::{Ended, Failure, Global, recorded};
use crate::clock::Clock;
use crate::replay::Said;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory of the store.
    #[arg(long, default_value = "data", env = "NIGHTDESK_DATA", value_name = "DIR")]
    data: PathBuf,
    /// What came since: a length of time (30d) or a time, in UTC where it names no zone.
    #[arg(long, default_value = "30d", value_name = "WHEN")]
    since: String,
    /// Keep this attribute of the customers, masked; may be given several times. All others are left out, for they may be personal.
    #[arg(long, value_name = "NAME")]
    attribute: Vec<String>,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Ended, Failure> {
    let since = recorded::since(&args.since, Clock::system().now(), &TimeZone::UTC)?;
    let lines = recorded::read(&args.data, &recorded::Wanted { since, attributes: &args.attribute })?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let written = lines.iter().try_for_each(|line| {
        serde_json::to_writer(&mut out, line)?;
        out.write_all(b"\n")
    });
    match written.and_then(|()| out.flush()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(Ended::Fine),
        result => result?,
    }
    if !global.quiet {
        let messages = lines.iter().filter(|line| matches!(line.what, Said::Message(_))).count();
        let conversations = lines.iter().map(|line| &line.conversation).collect::<BTreeSet<_>>().len();
        anstream::eprintln!(
            "{messages} messages of {conversations} conversations. Masked: telephone, card and other long numbers, mail addresses, \
             house and room of street addresses, and customers' names as their channel tells them; not masked: other names. \
             Customers and conversations have names that hold for this export alone."
        );
    }
    Ok(Ended::Fine)
}
