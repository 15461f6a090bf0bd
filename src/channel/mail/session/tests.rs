//! Dialogues, byte by byte, and any bytes at all.

use std::sync::Mutex;

use proptest::prelude::*;
use tokio::io::duplex;

use super::*;

/// Keeps what it is given, and says that it is taken.
#[derive(Default)]
struct Kept(Mutex<Vec<(Envelope, Vec<u8>)>>);

impl Take for Arc<Kept> {
    fn take(&self, envelope: Envelope, raw: Vec<u8>) -> BoxFuture<'static, Reply> {
        self.0.lock().unwrap().push((envelope, raw));
        Box::pin(std::future::ready(Reply::new(250, "2.0.0 Taken")))
    }
}

/// Says these bytes in pieces, and returns what was answered, what was taken, and how it ended.
async fn said(lmtp: bool, most: usize, pieces: &[&[u8]]) -> (String, Vec<(Envelope, Vec<u8>)>, Ended) {
    let (mut client, server) = duplex(64);
    let kept = Arc::new(Kept::default());
    let terms = Terms { lmtp, host: "shop.example".into(), addresses: vec!["service@shop.example".into()], most };
    let serving = tokio::spawn(serve(server, terms, Arc::new(Arc::clone(&kept)), CancellationToken::new()));
    let (mut reader, mut writer) = tokio::io::split(&mut client);
    let write = async {
        for piece in pieces {
            if writer.write_all(piece).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
        let _ = writer.shutdown().await;
    };
    let mut heard = Vec::new();
    let ((), _) = tokio::join!(write, reader.read_to_end(&mut heard));
    let ended = serving.await.unwrap();
    let letters = std::mem::take(&mut *kept.0.lock().unwrap());
    (String::from_utf8(heard).unwrap(), letters, ended)
}

fn codes(heard: &str) -> Vec<&str> {
    heard.lines().filter(|line| line.as_bytes().get(3) == Some(&b' ')).map(|line| &line[..3]).collect()
}

const HEAD: &str = "LHLO mx\r\nMAIL FROM:<anna@example.org> SIZE=99 BODY=8BITMIME SMTPUTF8\r\n";

#[tokio::test]
async fn a_letter_comes_in_by_lmtp_with_an_answer_for_each_recipient() {
    let all = format!(
        "{HEAD}RCPT TO:<Service@shop.example>\r\nRCPT TO:<other@else.example>\r\nRCPT TO:<service+c12@shop.example>\r\nDATA\r\n\
         Subject: x\r\n\r\n..dot\r\n.\r\nQUIT\r\n"
    );
    for size in [1, 7, all.len()] {
        let pieces: Vec<&[u8]> = all.as_bytes().chunks(size).collect();
        let (heard, letters, _) = said(true, 1_000, &pieces).await;
        assert_eq!(codes(&heard), ["220", "250", "250", "250", "550", "250", "354", "250", "250", "221"], "{heard}");
        assert_eq!(letters.len(), 1);
        assert_eq!(letters[0].0.return_path, "anna@example.org");
        assert_eq!(letters[0].0.recipients, ["Service@shop.example", "service+c12@shop.example"]);
        assert_eq!(letters[0].1, b"Subject: x\r\n\r\n.dot\r\n");
    }
}

#[tokio::test]
async fn smtp_answers_once_and_each_protocol_refuses_the_others_hello() {
    let all = b"LHLO mx\r\nEHLO mx\r\nMAIL FROM:<>\r\nRCPT TO:<service@shop.example>\r\nRCPT TO:<service@shop.example>\r\nDATA\r\n.\r\nQUIT\r\n";
    let (heard, letters, _) = said(false, 1_000, &[all]).await;
    assert_eq!(codes(&heard), ["220", "500", "250", "250", "250", "250", "354", "250", "221"], "{heard}");
    assert!(heard.contains("250-SIZE 1000\r\n") && heard.contains("250-PIPELINING\r\n"), "{heard}");
    assert_eq!(
        letters,
        [(Envelope { return_path: String::new(), recipients: vec!["service@shop.example".into(); 2] }, Vec::new())]
    );
    let (heard, ..) = said(true, 1_000, &[b"EHLO mx\r\nHELO mx\r\nSTARTTLS\r\nAUTH PLAIN\r\nQUIT\r\n"]).await;
    assert_eq!(codes(&heard), ["220", "500", "500", "502", "502", "221"], "{heard}");
}

#[tokio::test]
async fn what_comes_out_of_order_or_for_others_is_refused() {
    let all = "MAIL FROM:<a@b>\r\nLHLO x\r\nRCPT TO:<service@shop.example>\r\nDATA\r\nMAIL FROM:<a@b>\r\nMAIL FROM:<a@b>\r\nDATA\r\n\
               RCPT TO:<victim@else.example>\r\nRCPT TO:<service%victim@else.example>\r\nRCPT TO:<\"service@shop.example\"@else.example>\r\nDATA\r\nNONSENSE\r\nQUIT\r\n";
    let (heard, letters, _) = said(true, 1_000, &[all.as_bytes()]).await;
    assert_eq!(
        codes(&heard),
        ["220", "503", "250", "503", "503", "250", "503", "554", "550", "550", "550", "554", "500", "221"],
        "{heard}"
    );
    assert!(letters.is_empty());
}

#[tokio::test]
async fn letters_too_large_are_read_to_their_end_and_refused() {
    let rcpt = "RCPT TO:<service@shop.example>\r\nDATA\r\n";
    let large = format!("{HEAD}{rcpt}{}\r\n.\r\nMAIL FROM:<a@b> SIZE=2000\r\nNOOP\r\nQUIT\r\n", "x".repeat(1_500));
    let (heard, letters, _) = said(true, 1_000, &[large.as_bytes()]).await;
    assert_eq!(codes(&heard), ["220", "250", "250", "250", "354", "552", "552", "250", "221"], "{heard}");
    assert!(letters.is_empty());
    let endless = format!("{HEAD}{rcpt}{}", "x".repeat(9_000));
    let (heard, _, ended) = said(true, 1_000, &[endless.as_bytes()]).await;
    assert!(heard.ends_with("552 5.3.4 The letter is much too large\r\n"), "{heard}");
    assert_eq!(ended, Ended::Closed("a letter was much too large"));
}

#[tokio::test]
async fn only_a_whole_line_with_a_dot_ends_a_letter() {
    let rcpt = "RCPT TO:<service@shop.example>\r\nDATA\r\n";
    for smuggled in ["\n.\n", "\n.\r\n", "\r.\r", "\r\n.\n"] {
        let all = format!("{HEAD}{rcpt}a{smuggled}MAIL FROM:<evil@x>\r\n.\r\nQUIT\r\n");
        let (heard, letters, _) = said(true, 1_000, &[all.as_bytes()]).await;
        assert_eq!(codes(&heard), ["220", "250", "250", "250", "354", "250", "221"], "{smuggled:?} {heard}");
        assert_eq!(letters.len(), 1, "{smuggled:?}");
        assert_eq!(letters[0].0.return_path, "anna@example.org");
    }
}

#[tokio::test]
async fn lines_without_end_and_errors_without_end_are_cut_off() {
    let (heard, _, ended) = said(true, 1_000, &[&[b'x'; 5_000]]).await;
    assert!(heard.ends_with("500 5.5.2 The line is too long\r\n"), "{heard}");
    assert_eq!(ended, Ended::Closed("a line was too long"));
    let (heard, _, ended) = said(true, 1_000, &["WHAT\r\n".repeat(100).as_bytes()]).await;
    assert!(heard.ends_with("421 4.7.0 Too many errors\r\n"), "{heard}");
    assert_eq!(ended, Ended::Closed("too many errors"));
    let (heard, ..) = said(true, 1_000, &[b"LHLO x\nNOOP\r\nBDAT 5 LAST\r\nhello"]).await;
    assert_eq!(codes(&heard), ["220", "500", "250", "502"], "{heard}");
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        "LHLO x\r\n",
        "MAIL FROM:<a@b>\r\n",
        "RCPT TO:<service@shop.example>\r\n",
        "DATA\r\n",
        ".\r\n",
        "\r\n.\r\n",
        "RSET\r\n",
        "BDAT 99999999999999999999\r\n",
        "MAIL FROM:<a@b> SIZE=99999999999999999999999\r\n",
        "VRFY x\r\n",
        "\n",
        "\r",
        ".",
        "AUTH PLAIN AA==\r\n",
        "RCPT TO:<@a,@b:service@shop.example> NOTIFY=NEVER\r\n",
        "MAIL FROM:<",
        ">\r\n",
    ];
    prop_oneof![
        4 => prop::sample::select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes_are_answered_and_no_letter_is_larger_than_allowed(pieces in prop::collection::vec(piece(), 0..30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let (heard, letters, _) = runtime.block_on(said(true, 100, &pieces));
        prop_assert!(heard.lines().all(|line| line.len() > 3 && line[..3].bytes().all(|byte| byte.is_ascii_digit())), "{heard}");
        for (envelope, raw) in letters {
            prop_assert!(raw.len() <= 100 && !envelope.recipients.is_empty());
            prop_assert!(envelope.recipients.iter().all(|to| same_mailbox("service@shop.example", to)));
        }
    }
}
