//! `nightdesk serve`: the daemon.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use sd_notify::NotifyState;

use super::{Ended, Failure, Global, LogFormat};
use crate::app::{App, Health, Options, StartError};
use crate::clock::Clock;
use crate::diag::{Format, Severity};
use crate::reload::Beside;
use crate::rules::shape;
use crate::telemetry;

/// How long the first answer of port and store may take until somebody is told.
const FIRST_LOOK: Duration = Duration::from_secs(5);

/// Reads an address to listen on.
fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an address and a port, such as 127.0.0.1:8080 or [::1]:8080".to_owned())
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8080", env = "NIGHTDESK_LISTEN", value_name = "ADDRESS", value_parser = address)]
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
    let runtime =
        tokio::runtime::Builder::new_multi_thread().thread_stack_size(crate::yaml::STACK).enable_all().build()?;
    let ended = runtime.block_on(serve(global, args));
    // A thread that reads a folder which hangs would keep the process for ever; all that must be written is.
    runtime.shutdown_timeout(Duration::from_secs(5));
    ended
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
    let here = format!("{}://{address}", app.scheme());
    let mut lines = format!("listening on {here}\ndemo page  {here}/\nconsole    {here}/console\n");
    for (channel, address) in app.mail_addresses() {
        lines.extend(["mail       ", &address.to_string(), " (", &channel, ")\n"]);
    }
    let mut out = std::io::stdout().lock();
    // In one write: whoever waits for the first line may close the pipe once it is there.
    out.write_all(lines.as_bytes())?;
    out.flush()?;
    drop(out);
    let alive = tokio::spawn(supervised(app.health(), format!("listening on {here}")));
    let signalled = signals(&app).await;
    tracing::info!("Stopping.");
    alive.abort();
    tell(&[NotifyState::Stopping]);
    app.stop().await;
    signalled?;
    Ok(Ended::Fine)
}

/// Tells systemd, where it started us and wants to know, that messages are taken; and from then on that it still works.
async fn supervised(health: Health, status: String) {
    while !health.works(FIRST_LOOK).await {
        tracing::warn!("The port or the store does not answer yet.");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
    let Some(patience) = sd_notify::watchdog_enabled().map(|whole| whole / 3) else { return };
    loop {
        // A look and the pause before it take two thirds of the time at most.
        if health.works(patience).await {
            tell(&[NotifyState::Watchdog]);
        } else {
            tracing::error!(
                "The port or the store does not answer; systemd will start nightdesk anew unless that ends."
            );
        }
        tokio::time::sleep(patience).await;
    }
}

/// Tells systemd; nothing where it does not listen.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be told.");
    }
}

/// Waits for the signal to stop; SIGHUP reloads.
#[cfg(unix)]
async fn signals(app: &App) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut hangup, mut terminate) = (signal(SignalKind::hangup())?, signal(SignalKind::terminate())?);
    let reload = async || {
        let began = NotifyState::monotonic_usec_now();
        if let Ok(began) = began {
            tell(&[NotifyState::Reloading, began]);
        }
        let used = app.reload_now().await;
        let status =
            if used { "the files were read anew" } else { "the files have errors; the last good ones are in use" };
        tell(&[NotifyState::Ready, NotifyState::Status(status)]);
    };
    loop {
        tokio::select! {
            _ = hangup.recv() => {}
            _ = terminate.recv() => return Ok(()),
            ended = tokio::signal::ctrl_c() => return ended,
        }
        tokio::select! {
            () = reload() => {}
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
