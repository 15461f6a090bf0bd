//! `nightdesk channel test NAME`: one signed test message to a webhook or a channel's reply address, or a question to a platform
//! who we are to it, and what became of it.

use super::{Ended, Failure, Form, Global};
use crate::clock::Clock;
use crate::diag::Report;
use crate::handoff::{Endpoint, Tried, masked_url, try_out};
use crate::reload::endpoints;
use crate::store::AttemptResult;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Sends a test message and tells what happened; a platform is asked who we are to it.
    Test {
        /// Name of a webhook, or of a channel that hears something later.
        name: String,
        /// Form of what is printed.
        #[arg(long, default_value = "human")]
        format: Form,
    },
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Ended, Failure> {
    let What::Test { name, format } = &args.what;
    let engine = global.engine()?;
    let mut report = Report::default();
    let all = endpoints(&engine.book().settings, &mut report);
    anyhow::ensure!(report.errors() == 0, "{}", report.first_errors(3));
    let endpoint = named(&all, name)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let Tried { result, who } = runtime.block_on(try_out(endpoint, Clock::system().now()))?;
    let (status, error) = match &result {
        AttemptResult::Delivered { status } => (Some(*status), None),
        AttemptResult::Retry { status, error, .. } | AttemptResult::Dead { status, error } => (*status, Some(error)),
        AttemptResult::EndpointGone { status, error, .. } => (Some(*status), Some(error)),
    };
    let url = masked_url(&endpoint.url);
    match (format, error) {
        (Form::Json, _) => {
            let said = serde_json::json!({"name": endpoint.name, "format": endpoint.format.as_str(), "url": url, "delivered": error.is_none(), "who": who, "status": status, "error": error});
            anstream::println!("{said:#}");
        }
        (Form::Human, None) if who.is_some() => {
            let who = who.unwrap_or_default();
            anstream::println!("{}: {url} knows us as {who}; nothing was sent to anybody", endpoint.name);
        }
        (Form::Human, None) if endpoint.courier.is_some() => {
            anstream::println!("{}: {url} took a test message to the address of our own", endpoint.name);
        }
        (Form::Human, None) => {
            let status = status.unwrap_or_default();
            anstream::println!(
                "{}: taken by {url} (format {}, HTTP {status})",
                endpoint.name,
                endpoint.format.as_str()
            );
        }
        (Form::Human, Some(error)) => {
            anstream::println!("{}: not taken by {url} (format {}): {error}", endpoint.name, endpoint.format.as_str());
        }
    }
    Ok(if error.is_none() { Ended::Fine } else { Ended::Findings })
}

fn named<'a>(all: &'a [Endpoint], name: &str) -> Result<&'a Endpoint, Failure> {
    let reply = format!("reply:{name}");
    let found =
        all.iter().find(|endpoint| endpoint.name == name).or_else(|| all.iter().find(|each| each.name == reply));
    found.ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|each| each.name.strip_prefix("reply:").unwrap_or(&each.name)).collect();
        let known = if names.is_empty() {
            "nightdesk.yaml has none yet".to_owned()
        } else {
            format!("there are {}", names.join(", "))
        };
        anyhow::anyhow!("no webhook and no channel with a reply_url is named `{name}`; {known}")
    })
}
