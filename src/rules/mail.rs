//! The settings of a channel of kind `mail`: which there are, what is wrong with them, and what they come to.

use std::net::SocketAddr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::diag::{Finding, Report};

use super::channels::ChannelSpec;
use super::shape;

/// Keys that must stand there.
pub(super) const REQUIRED: &[(&str, &str)] = &[
    ("listen", "write the address at which your mail server hands mail over: listen: 127.0.0.1:2424"),
    ("addresses", "write the shop's address, from which letters are answered: addresses: service@shop.example"),
    ("smtp", "write the server by which letters leave: smtp: smtp.shop.example:587"),
];

/// Keys that may.
pub(super) const ALLOWED: &[&str] = &[
    "protocol",
    "sender_name",
    "footer",
    "smtp_tls",
    "user",
    "password",
    "period",
    "per_day",
    "subaddress",
    "envelope_sender",
    "letter_mb",
];

/// For how long the same answer is not given again: what RFC 5230 has.
const PERIOD: Duration = Duration::from_hours(7 * 24);
const PER_DAY: u32 = 10;
const LETTER_MB: usize = 10;

/// How the connection to the server by which letters leave is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// In the clear at first, and never without the change.
    Starttls,
    /// From the beginning.
    Tls,
    /// Not at all.
    None,
}

/// What only a channel of kind `mail` has.
#[derive(Clone, Debug)]
pub struct MailSpec {
    /// Where mail is taken in.
    pub listen: SocketAddr,
    /// Whether LMTP is spoken there; else SMTP.
    pub lmtp: bool,
    /// The shop's addresses in lower case; the first is the sender.
    pub addresses: Vec<String>,
    /// Name beside the sender's address.
    pub sender_name: Option<String>,
    /// Lines below every letter.
    pub footer: Vec<String>,
    /// Host and port of the server by which letters leave.
    pub smtp: (String, u16),
    /// How the connection to it is encrypted.
    pub tls: SmtpTls,
    /// Name and password for it.
    pub login: Option<(String, SecretString)>,
    /// For how long the same answer is not given again to one sender.
    pub period: Duration,
    /// Most automatic answers to one sender within a day.
    pub per_day: u32,
    /// Whether answers name their conversation in the address that is written back to.
    pub subaddress: bool,
    /// Whether automatic letters name the shop's address as envelope sender, and not none.
    pub named_sender: bool,
    /// Largest letter that is taken in, in bytes.
    pub letter_bytes: usize,
}

impl MailSpec {
    /// The settings of a channel, if it is one of mail and they can be used.
    #[must_use]
    pub fn of(channel: &ChannelSpec) -> Option<Self> {
        let texts = |key: &str| channel.all(key).iter().map(|text| text.expose_secret().to_owned()).collect::<Vec<_>>();
        let number = |key: &str| channel.text(key).and_then(|text| text.parse::<u32>().ok());
        let addresses: Vec<String> = texts("addresses").iter().map(|text| text.trim().to_lowercase()).collect();
        if addresses.is_empty() || !addresses.iter().all(|address| is_address(address)) {
            return None;
        }
        let login = channel.text("user").zip(channel.all("password").first());
        Some(Self {
            listen: channel.text("listen")?.parse().ok()?,
            lmtp: channel.text("protocol") != Some("smtp"),
            addresses,
            sender_name: channel.text("sender_name").map(str::to_owned),
            footer: texts("footer"),
            smtp: host_and_port(channel.text("smtp")?)?,
            tls: match channel.text("smtp_tls") {
                Some("tls") => SmtpTls::Tls,
                Some("none") => SmtpTls::None,
                _ => SmtpTls::Starttls,
            },
            login: login.map(|(user, password)| (user.to_owned(), password.clone())),
            period: channel.text("period").and_then(shape::duration).unwrap_or(PERIOD),
            per_day: number("per_day").unwrap_or(PER_DAY),
            subaddress: channel.text("subaddress") == Some("true"),
            named_sender: channel.text("envelope_sender") == Some("shop"),
            letter_bytes: number("letter_mb").map_or(LETTER_MB, |mb| mb as usize) << 20,
        })
    }

    /// The sender of what is answered.
    #[must_use]
    pub fn sender(&self) -> &str {
        self.addresses.first().map_or("", String::as_str)
    }

    /// Whether an address is one of ours, with or without something after a `+`.
    #[must_use]
    pub fn is_ours(&self, address: &str) -> bool {
        self.addresses.iter().any(|own| same_mailbox(own, address))
    }
}

/// Whether `address` is the mailbox `own`, which is in lower case, or `own` with something after a `+`.
#[must_use]
pub fn same_mailbox(own: &str, address: &str) -> bool {
    let address = address.to_lowercase();
    if address == own {
        return true;
    }
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let Some((own_local, own_domain)) = own.rsplit_once('@') else { return false };
    domain == own_domain && local.split_once('+').is_some_and(|(local, _)| local == own_local)
}

/// Reports values that cannot be used.
pub(super) fn check(channel: &ChannelSpec, name: &str, report: &mut Report) {
    let place = |key: &str| {
        channel.keys.iter().find(|written| written.value == key).map_or(&channel.place, |written| &written.place)
    };
    let mut wrong = |key: &str, message: String, help: &str| {
        report.push(Finding::error("bad-mail", message).at(place(key)).help(help));
    };
    if let Some(listen) = channel.text("listen").filter(|listen| listen.parse::<SocketAddr>().is_err()) {
        wrong(
            "listen",
            format!("`{listen}` is no address to listen at"),
            "write an IP address and a port: 127.0.0.1:2424",
        );
    }
    for address in channel.all("addresses") {
        let address = address.expose_secret();
        if !is_address(address) {
            wrong(
                "addresses",
                format!("`{address}` is no mail address"),
                "write it without a name: service@shop.example",
            );
        }
    }
    if let Some(smtp) = channel.text("smtp").filter(|smtp| host_and_port(smtp).is_none()) {
        wrong("smtp", format!("`{smtp}` is no server"), "write its name and port: smtp.shop.example:587");
    }
    let (user, password) = (channel.text("user").is_some(), channel.text("password").is_some());
    if user != password && channel.keys.iter().any(|key| key.value == "user" || key.value == "password") {
        let (has, needs) = if user { ("user", "password") } else { ("password", "user") };
        // A password that came out empty because its variable is missing was reported there.
        if !channel.keys.iter().any(|key| key.value == needs) {
            let message = format!("the channel `{name}` has `{has}` and no `{needs}`");
            wrong(has, message, "write both, or none where the server wants no log-in");
        }
    }
    let local = channel.text("smtp").and_then(host_and_port).is_none_or(|(host, _)| is_local(&host));
    if password && channel.text("smtp_tls") == Some("none") && !local {
        wrong(
            "smtp_tls",
            format!("the channel `{name}` would send its password in the clear"),
            "write smtp_tls: starttls (port 587) or smtp_tls: tls (port 465)",
        );
    }
}

fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let fits = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>' | '@' | ',' | '"' | ';' | '+');
    !local.is_empty() && !domain.is_empty() && local.chars().all(fits) && domain.chars().all(fits)
}

fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port: u16 = port.parse().ok().filter(|port| *port != 0)?;
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    (!host.is_empty() && host.chars().all(fits)).then(|| (host.to_owned(), port))
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
