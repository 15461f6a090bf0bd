//! The daemon: inside this process on a clock that the test turns, or as a real process that can be killed.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use jiff::Timestamp;
use nightdesk::app::{App, Options};
use nightdesk::clock::Clock;
use nightdesk::reload::Beside;

use super::PATIENCE;
use super::shop::Shop;

/// A daemon in this process, on a clock that stands still until it is turned.
#[derive(Debug)]
pub struct Daemon {
    /// The daemon.
    pub app: App,
    clock: Clock,
}

impl Daemon {
    /// Starts one on the shop's files and data. `at` is RFC 3339: `2026-10-09T20:15:00+08:00`.
    pub async fn start(shop: &Shop, at: &str) -> Self {
        Self::start_beside(shop, at, None).await
    }

    /// The same with a candidate beside the shop's own files.
    pub async fn start_beside(shop: &Shop, at: &str, candidate: Option<Beside>) -> Self {
        let clock = Clock::fixed(instant(at));
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let options = Options { dir: shop.dir(), data: shop.data(), listen, clock: clock.clone(), candidate };
        let app = App::start(options).await.unwrap_or_else(|error| panic!("the daemon does not start: {error:?}"));
        Self { app, clock }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.app.address()
    }

    /// Turns its clock.
    pub fn turn_to(&self, at: &str) {
        self.clock.set(instant(at));
    }

    /// What its clock shows.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Stops it as SIGTERM does, and waits for its sockets to end. The data stays. (A test that only ends need not.)
    pub async fn stop(self) {
        self.app.stop().await;
    }
}

/// An instant in RFC 3339.
pub fn instant(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text} is no time: {error}"))
}

/// A daemon as a process of its own, on the system's clock. Killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Process {
    /// Starts one and waits for its `listening on` line.
    pub fn start(shop: &Shop) -> Self {
        Self::start_with(shop, &[])
    }

    /// Starts one with further environment variables.
    pub fn start_with(shop: &Shop, environment: &[(&str, &str)]) -> Self {
        Self::launch(shop, Command::new(env!("CARGO_BIN_EXE_nightdesk")).envs(environment.iter().copied()))
    }

    /// Starts one by another program, which must become it: the command line of the daemon follows `under`.
    pub fn start_under(shop: &Shop, under: &[&str]) -> Self {
        let mut command = Command::new(under[0]);
        Self::launch(shop, command.args(&under[1..]).arg(env!("CARGO_BIN_EXE_nightdesk")))
    }

    fn launch(shop: &Shop, command: &mut Command) -> Self {
        let log = shop.aside("daemon.log");
        let mut child = command
            .args(["--log-format", "text", "--dir"])
            .arg(shop.dir())
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(shop.data())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let Ok(line) = lines.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            panic!("the daemon did not say where it listens; its log:\n{}", tail(&log));
        };
        let address = line.strip_prefix("listening on http://").and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("`{line}` is not the line that says where it listens"));
        Self { child, address }
    }

    /// Its process id, for signals.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`: no handler runs, nothing is flushed.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and the exit code.
    pub fn terminate(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
