//! The port over TLS: customers, browsers and other people's clients; a certificate that is changed while they are connected; and
//! those who hold up the handshake, or speak something else.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use nightdesk::app::{App, Options, StartError};
use nightdesk::clock::Clock;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::common::client::Client;
use crate::common::daemon::{Daemon, instant};
use crate::common::foreign::foreign;
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;
use crate::common::{PATIENCE, str_at, wait_for};

const WEDNESDAY: &str = "2026-10-14T10:00:00+08:00";
const TLS: &str = "tls: {certificate: tls/chain.pem, key: tls/shop.key}";

/// An authority that the test's clients trust.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A new certificate for this machine, good up to 1 January of a year; and its key.
    fn order(&self, year: i32) -> (String, String) {
        let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let end = if year == 9999 { date_time_ymd(9999, 12, 31) } else { date_time_ymd(year, 1, 1) };
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), end);
        params.distinguished_name.push(DnType::CommonName, "this machine");
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    fn trust(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }

    fn http(&self) -> reqwest::Client {
        let own = reqwest::Certificate::from_pem(self.0.pem().as_bytes()).unwrap();
        reqwest::Client::builder().no_proxy().tls_certs_only([own]).build().unwrap()
    }

    fn file(&self, shop: &Shop) -> PathBuf {
        let path = shop.aside("authority.pem");
        fs::write(&path, self.0.pem()).unwrap();
        path
    }
}

/// Puts files into a shop's `tls/`, as programs that renew certificates do: each whole, one after the other.
fn hand_in(shop: &Shop, certificate: &str, key: &str) {
    for (name, text) in [("chain.pem", certificate), ("shop.key", key)] {
        shop.write(&format!("tls/{name}.new"), text);
        let path = shop.dir().join("tls").join(name);
        let new = path.with_file_name(format!("{name}.new"));
        fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(new, path).unwrap();
    }
}

fn shop(receiver: &Receiver, (certificate, key): &(String, String), more: &str) -> Shop {
    let shop = Shop::small_with(receiver, &format!("{TLS}\n{more}"));
    hand_in(&shop, certificate, key);
    shop
}

/// The certificate that a new connection is shown, and the protocol that was agreed.
async fn shown(address: SocketAddr, authority: &Authority) -> (Vec<u8>, Option<Vec<u8>>) {
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::from(address.ip());
    let stream = TlsConnector::from(authority.trust()).connect(name, stream).await.unwrap();
    let session = stream.get_ref().1;
    (session.peer_certificates().unwrap()[0].to_vec(), session.alpn_protocol().map(<[u8]>::to_vec))
}

fn der(pem: &str) -> Vec<u8> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec()
}

async fn get(daemon: &Daemon, authority: &Authority, path: &str) -> String {
    let url = format!("https://{}{path}", daemon.address());
    authority.http().get(url).send().await.unwrap().text().await.unwrap()
}

async fn status(daemon: &Daemon, authority: &Authority) -> Value {
    serde_json::from_str::<Value>(&get(daemon, authority, "/v1/status").await).unwrap()["tls"].clone()
}

#[tokio::test]
async fn customers_browsers_and_other_people_s_clients_are_served_over_tls() {
    let (receiver, authority) = (Receiver::start().await, Authority::new());
    let shop = shop(&receiver, &authority.order(2100), "");
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    assert_eq!(daemon.app.scheme(), "https");
    let data = json!({"locale": "zh-CN"});
    let mut client = Client::hello_tls(daemon.address(), authority.trust(), data.clone()).await.unwrap();
    assert_eq!(client.say("怎么退货").await.texts(), ["七天内可以退货。"]);
    assert_eq!(shown(daemon.address(), &authority).await.1.as_deref(), Some(b"http/1.1".as_slice()));
    // Who trusts another authority hears nothing.
    assert!(Client::hello_tls(daemon.address(), Authority::new().trust(), data).await.is_err());

    let file = authority.file(&shop);
    fs::write(shop.aside("other.pem"), Authority::new().0.pem()).unwrap();
    let address = daemon.address();
    let tasks = json!([
        {"do": "get", "url": format!("https://{address}/-/ready"), "authority": file},
        {"do": "get", "url": format!("https://{address}/-/ready"), "authority": shop.aside("other.pem")},
        {"do": "chat", "url": format!("wss://{address}/v1/chat"), "authority": file},
    ]);
    let told = tokio::task::spawn_blocking(move || foreign("tls.py", &tasks)).await.unwrap();
    assert_eq!(told[0], json!({"status": 200, "hsts": "max-age=31536000", "text": "ready\n"}));
    assert!(str_at(&told[1], "/error").contains("CERTIFICATE_VERIFY_FAILED"), "{:#}", told[1]);
    assert_eq!(told[2]["welcome"]["type"], "welcome");
    assert_eq!((&told[2]["protocol"], &told[2]["alpn"]), (&json!("chat.v1.json"), &json!("http/1.1")));
    assert_eq!(told[2]["version"], "TLSv1.3");
}

#[tokio::test]
async fn a_new_certificate_is_taken_from_disk_and_nobody_is_cut_off() {
    let (receiver, authority) = (Receiver::start().await, Authority::new());
    let (first, second, third) = (authority.order(2100), authority.order(2101), authority.order(2102));
    let shop = shop(&receiver, &first, "");
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let trust = authority.trust();
    let mut client = Client::hello_tls(daemon.address(), trust, json!({"locale": "zh-CN"})).await.unwrap();
    assert_eq!(shown(daemon.address(), &authority).await.0, der(&first.0));

    // Noticed by itself.
    hand_in(&shop, &second.0, &second.1);
    wait_for("the second certificate", || async {
        (shown(daemon.address(), &authority).await.0 == der(&second.0)).then_some(())
    })
    .await;
    // On request.
    hand_in(&shop, &third.0, &third.1);
    let url = format!("https://{}/-/reload", daemon.address());
    assert_eq!(authority.http().post(url).send().await.unwrap().status(), 200);
    wait_for("the third certificate", || async {
        (shown(daemon.address(), &authority).await.0 == der(&third.0)).then_some(())
    })
    .await;
    assert_eq!(status(&daemon, &authority).await["ends"], "2102-01-01T00:00:00Z");
    assert_eq!(client.say("怎么退货").await.texts(), ["七天内可以退货。"], "the socket of the first certificate");
}

#[tokio::test]
async fn a_pair_that_cannot_be_used_is_told_and_the_old_one_stays() {
    let (receiver, authority) = (Receiver::start().await, Authority::new());
    let (first, second) = (authority.order(2100), authority.order(2101));
    let shop = shop(&receiver, &first, "");
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    assert_eq!(status(&daemon, &authority).await, json!({"ends": "2100-01-01T00:00:00Z", "days": 26_741}));

    for (certificate, key, why) in [
        (second.0.as_str(), first.1.as_str(), "is not that of the certificate"),
        ("no certificate", second.1.as_str(), "there is no certificate"),
        (second.0.as_str(), "", "there is no key"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", second.1.as_str(), "cannot be understood"),
    ] {
        hand_in(&shop, certificate, key);
        daemon.app.reload();
        wait_for(why, || async {
            let state = status(&daemon, &authority).await;
            let told =
                state["problem"].as_str().is_some_and(|said| said.contains(why) && said.contains("stays in use"));
            told.then_some(())
        })
        .await;
        assert_eq!(shown(daemon.address(), &authority).await.0, der(&first.0), "{why}");
        wait_for("the figure", || async {
            get(&daemon, &authority, "/metrics")
                .await
                .contains("nightdesk_certificate_ok{file=\"tls/chain.pem\"} 0")
                .then_some(())
        })
        .await;
    }
    fs::remove_file(shop.dir().join("tls/shop.key")).unwrap();
    wait_for("a missing file to be told", || async {
        let state = status(&daemon, &authority).await;
        state["problem"]
            .as_str()
            .is_some_and(|said| said.contains("`tls/shop.key` of tls.key cannot be read"))
            .then_some(())
    })
    .await;

    hand_in(&shop, &second.0, &second.1);
    daemon.app.reload();
    wait_for("the good pair", || async { status(&daemon, &authority).await["problem"].is_null().then_some(()) }).await;
    assert_eq!(shown(daemon.address(), &authority).await.0, der(&second.0));
    wait_for("the figures", || async {
        let figures = get(&daemon, &authority, "/metrics").await;
        (figures.contains("nightdesk_certificate_ok{file=\"tls/chain.pem\"} 1")
            && figures.contains("nightdesk_certificate_days{file=\"tls/chain.pem\"} 27106.9"))
        .then_some(())
    })
    .await;
    // Its end comes near, and passes: it is told, and still used.
    for (at, why) in
        [("2100-12-20T10:00:00Z", "the certificate ends at"), ("2101-01-01T00:00:00Z", "the certificate ended at")]
    {
        daemon.turn_to(at);
        let state = status(&daemon, &authority).await;
        assert!(str_at(&state, "/problem").contains(why), "{state:#}");
    }
}

/// What comes back when this is sent, up to the end.
async fn answered(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("an end in time").unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn plain_http_on_the_port_of_tls_gets_a_clear_answer() {
    let (receiver, authority) = (Receiver::start().await, Authority::new());
    let shop = shop(&receiver, &authority.order(2100), "");
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let long =
        format!("POST /v1/inbound/crm HTTP/1.1\r\nHost: x\r\nContent-Length: 30000\r\n\r\n{}", "x".repeat(30_000));
    for request in ["GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", &long] {
        let answer = answered(daemon.address(), request.as_bytes()).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("HTTP/1.1 400 ") && head.contains(&format!("Content-Length: {}", body.len())),
            "{answer}"
        );
        assert!(body.contains("https://"), "{answer}");
    }
    // Something else altogether: an alert of TLS, and the end.
    assert!(!answered(daemon.address(), b"\x00\x01\x02nonsense").await.contains("HTTP"));
    assert!(answered(daemon.address(), &[0x16, 3, 1, 0xff, 0xff, 1, 2, 3]).await.len() < 16);
    let figures = get(&daemon, &authority, "/metrics").await;
    assert!(figures.contains("nightdesk_refused_total{why=\"plain_http\"} 2"), "{figures}");
    assert!(figures.contains("nightdesk_refused_total{why=\"tls_handshake\"} 2"), "{figures}");
}

#[tokio::test]
async fn who_does_not_end_a_handshake_gives_the_place_back() {
    let (receiver, authority) = (Receiver::start().await, Authority::new());
    let shop = shop(&receiver, &authority.order(2100), "limits: {connections: 5}");
    let daemon = Daemon::start(&shop, WEDNESDAY).await;
    let mut slow = Vec::new();
    for begun in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b""] {
        let mut stream = TcpStream::connect(daemon.address()).await.unwrap();
        stream.write_all(begun).await.unwrap();
        slow.push(stream);
    }
    assert_eq!(answered(daemon.address(), b"").await, "", "all places are taken");
    // One more byte of a long greeting every now and then buys no time.
    let drip = tokio::spawn(async move {
        loop {
            for stream in &mut slow[2..4] {
                let _ = stream.write_all(b"\x00").await;
            }
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
    });
    wait_for("a place", || async {
        let stream = TcpStream::connect(daemon.address()).await.unwrap();
        let name = ServerName::from(daemon.address().ip());
        TlsConnector::from(authority.trust()).connect(name, stream).await.ok()
    })
    .await;
    let all = "nightdesk_refused_total{why=\"tls_handshake\"} 5";
    wait_for("all places", || async { get(&daemon, &authority, "/metrics").await.contains(all).then_some(()) }).await;
    drip.abort();
}

#[tokio::test]
async fn a_daemon_without_its_certificate_does_not_start_and_one_that_ended_is_used() {
    let (receiver, authority) = (Receiver::start().await, Authority::new());
    let options = |shop: &Shop| {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        Options { dir: shop.dir(), data: shop.data(), listen, clock: Clock::fixed(instant(WEDNESDAY)), candidate: None }
    };
    let without = Shop::small_with(&receiver, TLS);
    let Err(StartError::Findings(report)) = App::start(options(&without)).await else {
        panic!("it has no certificate")
    };
    assert!(report.findings.iter().any(|finding| finding.code == "bad-certificate"), "{:?}", report.findings);

    // The last day of all is how a certificate says that it has no end.
    let endless = shop(&receiver, &authority.order(9999), "");
    App::start(options(&endless)).await.unwrap().stop().await;

    let ended = shop(&receiver, &authority.order(2026), "");
    let app = App::start(options(&ended)).await.unwrap();
    let codes: Vec<&str> = app.report.findings.iter().map(|finding| finding.code).collect();
    assert!(codes.contains(&"certificate-ends"), "{codes:?}");
    app.stop().await;
}
