//! What systemd is told: that the daemon is ready, reads its files anew, still works, and stops.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use nightdesk::store::sqlite::DATABASE;

use crate::common::PATIENCE;
use crate::common::daemon::Process;
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;

/// In place of systemd: a socket to which the daemon writes.
struct Systemd(UnixDatagram);

impl Systemd {
    /// The next message as lines; none if there is none for so long.
    fn within(&self, wait: Duration) -> Option<Vec<String>> {
        self.0.set_read_timeout(Some(wait)).unwrap();
        let mut bytes = [0; 4096];
        let read = self.0.recv(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes[..read]).lines().map(str::to_owned).collect())
    }

    /// The next message that is no sign of life, which may come at any time.
    fn told(&self) -> Vec<String> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            match self.within(PATIENCE) {
                Some(lines) if lines == ["WATCHDOG=1"] => {}
                Some(lines) => return lines,
                None => break,
            }
        }
        panic!("systemd heard nothing");
    }

    fn alive(&self) {
        assert_eq!(self.within(PATIENCE).expect("a sign of life"), ["WATCHDOG=1"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn systemd_hears_when_it_is_ready_reloads_lives_and_stops() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let path = shop.aside("notify");
    let systemd = Systemd(UnixDatagram::bind(&path).unwrap());
    let environment = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "1500000")];
    let daemon = tokio::task::block_in_place(|| Process::start_with(&shop, &environment));
    tokio::task::block_in_place(|| {
        let ready = systemd.told();
        assert_eq!(ready, ["READY=1".to_owned(), format!("STATUS=listening on http://{}", daemon.address)]);
        for _ in 0..3 {
            systemd.alive();
        }
        // Another process holds the database: nothing is written, so nobody says that all is well; and again when it is over.
        let holder = rusqlite::Connection::open(shop.data().join(DATABASE)).unwrap();
        holder.execute_batch("BEGIN IMMEDIATE").unwrap();
        // One that was true a moment before may still be on its way.
        let _ = systemd.within(Duration::from_millis(100));
        assert_eq!(systemd.within(Duration::from_secs(3)), None, "it says that it works");
        holder.execute_batch("ROLLBACK").unwrap();
        systemd.alive();

        let hangup = |text: &str| {
            shop.write("rules/more.yaml", text);
            let id = daemon.id().to_string();
            assert!(std::process::Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
            let reloading = systemd.told();
            assert_eq!(reloading[0], "RELOADING=1");
            assert!(reloading[1].strip_prefix("MONOTONIC_USEC=").is_some_and(|time| time.parse::<u64>().is_ok()));
            systemd.told()
        };
        assert_eq!(hangup("rules: []\n"), ["READY=1", "STATUS=the files were read anew"]);
        assert_eq!(hangup("rules: [7]\n"), ["READY=1", "STATUS=the files have errors; the last good ones are in use"]);
        assert_eq!(daemon.terminate(), Some(0));
        assert_eq!(systemd.told(), ["STOPPING=1"]);
    });
}
