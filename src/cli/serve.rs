//! `nightdesk serve`: the daemon.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::{Ended, Failure, Global, LogFormat};
use crate::app::{App, Options, StartError};
use crate::clock::Clock;
use crate::diag::{Format, Severity};
use crate::reload::Beside;
use crate::rules::shape;
use crate::telemetry;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8080", env = "NIGHTDESK_LISTEN", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Directory of the store.
    #[arg(long, default_value = "data", env = "NIGHTDESK_DATA", value_name = "DIR")]
    data: PathBuf,
    /// Another folder whose faq/, rules/ and synonyms.yaml are tried on a share of the customers, with the settings of --dir.
    #[arg(long, value_name = "DIR", env = "NIGHTDESK_CANDIDATE")]
    candidate: Option<PathBuf>,
    /// Share of the customers who get the candidate, such as 10%.
    #[arg(long, value_name = "N%", default_value = "10%", value_parser = share, requires = "candidate")]
    share: u16,
    /// The candidate decides every message beside the shop's own files and says nothing; `nightdesk replay --shadow` shows what
    /// differs.
    #[arg(long, requires = "candidate", conflicts_with = "share")]
    shadow: bool,
}

fn share(text: &str) -> Result<u16, String> {
    shape::share(text).ok_or_else(|| "write a share from 0% to 100%, such as 10%".to_owned())
}

pub(super) fn run(global: &Global, args: Args) -> Result<Ended, Failure> {
    let level = match (global.quiet, global.verbose) {
        (true, _) => tracing::Level::ERROR,
        (_, 0) => tracing::Level::INFO,
        (_, 1) => tracing::Level::DEBUG,
        _ => tracing::Level::TRACE,
    };
    let format = match global.log_format {
        LogFormat::Text => telemetry::LogFormat::Text,
        LogFormat::Json => telemetry::LogFormat::Json,
    };
    telemetry::init(format, level, global.colored());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(global, args))
}

async fn serve(global: &Global, args: Args) -> Result<Ended, Failure> {
    if let Some(dir) = args.candidate.as_ref().filter(|dir| !dir.is_dir()) {
        anyhow::bail!("`--candidate {}`: there is no such directory", dir.display());
    }
    let candidate = args.candidate.map(|dir| Beside { dir, share: (!args.shadow).then_some(args.share) });
    let (dir, data, listen) = (global.dir.clone(), args.data, args.listen);
    let options = Options { dir, data, listen, clock: Clock::system(), candidate };
    let app = match App::start(options).await {
        Ok(app) => app,
        Err(StartError::Findings(mut report)) => {
            report.findings.retain(|finding| finding.severity == Severity::Error);
            anstream::eprint!("{}", report.render(Format::Human, global.colored()));
            anstream::eprintln!("nightdesk does not start while its files have errors ({})", report.errors());
            return Ok(Ended::Findings);
        }
        Err(error) => return Err(error.into()),
    };
    let address = app.address();
    if app.report.warnings() > 0 {
        tracing::warn!(warnings = app.report.warnings(), "The files have warnings; `nightdesk check` shows them.");
    }
    let here = format!("http://{address}");
    let mut lines = format!("listening on {here}\ndemo page  {here}/\nconsole    {here}/console\n");
    for (channel, address) in app.mail_addresses() {
        lines.extend(["mail       ", &address.to_string(), " (", &channel, ")\n"]);
    }
    let mut out = std::io::stdout().lock();
    // In one write: whoever waits for the first line may close the pipe once it is there.
    out.write_all(lines.as_bytes())?;
    out.flush()?;
    drop(out);
    signals(&app).await?;
    tracing::info!("Stopping.");
    app.stop().await;
    Ok(Ended::Fine)
}

/// Waits for the signal to stop; SIGHUP reloads.
#[cfg(unix)]
async fn signals(app: &App) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut hangup, mut terminate) = (signal(SignalKind::hangup())?, signal(SignalKind::terminate())?);
    loop {
        tokio::select! {
            _ = hangup.recv() => app.reload(),
            _ = terminate.recv() => return Ok(()),
            ended = tokio::signal::ctrl_c() => return ended,
        }
    }
}

/// Waits for the signal to stop.
#[cfg(not(unix))]
async fn signals(_: &App) -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
