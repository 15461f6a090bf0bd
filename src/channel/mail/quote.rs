//! The sender's own words of a letter: without quoted letters, signatures, salutation and close.
//!
//! Works on lines, in one pass forwards. What it takes away is only not decided on; people see the whole letter. When in doubt a
//! line stays, and what would be left empty is not taken away.

/// Lines that an attribution (“On … wrote:”) may be broken into.
const BROKEN: usize = 3;
/// Lines below a close such as “Best regards” that belong to it.
const BELOW_CLOSE: usize = 6;
/// Characters of a line that is a name, a telephone number or the like.
const SHORT: usize = 60;

/// The words to decide on.
#[must_use]
pub fn own_words(text: &str) -> String {
    let all: Vec<&str> = text.lines().map(str::trim).collect();
    let lines = unquoted(&all);
    let lines = unsigned(&lines);
    let lines = without_salutation(lines);
    let mut words = String::new();
    for line in lines {
        if line.is_empty() {
            if !words.is_empty() && !words.ends_with("\n\n") {
                words.push('\n');
            }
            continue;
        }
        words.push_str(line);
        words.push('\n');
    }
    words.trim().to_owned()
}

/// A subject without what mail programs put before it.
#[must_use]
pub fn bare_subject(subject: &str) -> &str {
    let mut rest = subject.trim();
    while let Some(shorter) = PREFIXES.iter().find_map(|prefix| without_prefix(rest, prefix)) {
        rest = shorter;
    }
    rest
}

/// Whether a subject says that the letter answers another.
#[must_use]
pub fn is_reply(subject: &str) -> bool {
    bare_subject(subject).len() < subject.trim().len()
}

const PREFIXES: &[&str] =
    &["re", "fw", "fwd", "aw", "auto", "回复", "回覆", "答复", "答覆", "转发", "轉寄", "轉發", "自动回复", "自動回覆"];

fn without_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len()).filter(|head| head.eq_ignore_ascii_case(prefix))?;
    let rest = text[head.len()..].trim_start();
    // Some programs count: Re[2]:
    let rest = match rest.strip_prefix('[') {
        Some(counted) => {
            let (number, after) = counted.split_once(']')?;
            number.bytes().all(|b| b.is_ascii_digit()).then_some(after)?
        }
        None => rest,
    };
    rest.strip_prefix(':').or_else(|| rest.strip_prefix('：')).map(str::trim_start)
}

/// Without quoted lines, their attributions, and whole letters below.
fn unquoted<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let mut kept = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        if line.starts_with('>') || line.starts_with('＞') {
            at += 1;
            continue;
        }
        if begins_letter(lines, at) {
            break;
        }
        if let Some(taken) = attribution(lines, at) {
            let next = lines[at + taken..].iter().find(|line| !line.is_empty());
            // Answers between quoted lines follow it; else all below is the quoted letter.
            if next.is_none_or(|next| !next.starts_with('>') && !next.starts_with('＞')) {
                break;
            }
            at += taken;
            continue;
        }
        if !is_device(line) {
            kept.push(*line);
        }
        at += 1;
    }
    kept
}

/// Whether a whole letter begins here, as Outlook, QQ Mail and others put it below.
fn begins_letter(lines: &[&str], at: usize) -> bool {
    let line = lines[at];
    let inner = line.trim_matches(|c: char| matches!(c, '-' | '—' | '─' | '_' | '=' | '*') || c.is_whitespace());
    let ruled = line.len() > inner.len() + 3 && line.starts_with(['-', '—', '─', '_', '=', '*']);
    if ruled {
        let inner = inner.to_lowercase();
        let titles = [
            "original",
            "original message",
            "original appointment",
            "forwarded message",
            "begin forwarded message",
            "原始邮件",
            "原始郵件",
            "邮件原件",
            "回复的原邮件",
            "回复的邮件",
            "原邮件",
            "转发的邮件",
            "转发邮件",
            "轉寄的郵件",
        ];
        if titles.iter().any(|title| inner == *title || inner.trim_end_matches([':', '：']) == *title) {
            return true;
        }
    }
    let long_rule = inner.is_empty() && line.starts_with('_') && line.len() >= 20;
    if long_rule {
        return true;
    }
    // The head of a letter: who sent it, and within the next lines when, to whom or what about.
    let label = |line: &str, labels: &[&str]| {
        let line = line.trim_start_matches(['*', ' ']).to_lowercase();
        labels.iter().any(|label| {
            line.strip_prefix(label).is_some_and(|rest| rest.trim_start_matches(['*', ' ']).starts_with([':', '：']))
        })
    };
    let from = label(line, &["发件人", "寄件者", "寄件人", "發件人", "from"]);
    let others = [
        "发送时间",
        "发件时间",
        "时间",
        "日期",
        "收件人",
        "抄送",
        "主题",
        "傳送時間",
        "寄件日期",
        "收件者",
        "主旨",
        "sent",
        "date",
        "to",
        "cc",
        "subject",
    ];
    from && lines[at + 1..].iter().filter(|line| !line.is_empty()).take(3).filter(|line| label(line, &others)).count()
        >= 2
}

/// How many lines an attribution has that begins here: “On …, Anna <anna@…> wrote:”, “在 2026年…，Anna 写道：”.
fn attribution(lines: &[&str], at: usize) -> Option<usize> {
    let first = lines[at];
    if first.is_empty() {
        return None;
    }
    let mut joined = String::new();
    for (taken, line) in (1..=BROKEN).zip(&lines[at..]) {
        if line.is_empty() || joined.len() + line.len() > 500 {
            return None;
        }
        joined.push_str(line);
        joined.push(' ');
        let text = joined.trim_end();
        let says = ["wrote:", "wrote：", "写道：", "写道:", "寫道：", "寫道:", "schrieb:", "a écrit :"]
            .iter()
            .any(|end| text.ends_with(end));
        if says {
            let year = text.as_bytes().windows(4).any(|four| four.iter().all(u8::is_ascii_digit));
            let opens = ["On ", "At ", "在", "于", "於"].iter().any(|open| text.starts_with(open));
            // A sentence of the sender's may end alike; one with a date or an address is the program's.
            return (text.contains('@') || (year && (opens || taken == 1))).then_some(taken);
        }
    }
    None
}

/// What telephones and mail programs put below by themselves.
fn is_device(line: &str) -> bool {
    let lower = line.to_lowercase();
    let begins = [
        "发自我的",
        "发自",
        "来自我的",
        "從我的",
        "从我的",
        "傳送自我的",
        "来自iphone",
        "来自 iphone",
        "sent from my",
        "sent from mail for",
        "sent from outlook",
        "sent with",
        "get outlook for",
        "获取 outlook for",
        "获取outlook for",
        "从 windows 版邮件发送",
        "sent via",
    ];
    line.chars().count() <= SHORT && begins.iter().any(|begin| lower.starts_with(begin))
}

/// Without the signature and the close.
fn unsigned<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let words = |lines: &[&str]| lines.iter().any(|line| !line.is_empty());
    let mut lines = lines;
    // Trailing spaces are gone, so the mark of signatures is two dashes.
    if let Some(end) = lines.iter().position(|line| *line == "--" || *line == "—" || *line == "——")
        && words(&lines[..end])
    {
        lines = &lines[..end];
    }
    let from = lines.len().saturating_sub(BELOW_CLOSE + 1);
    let close = lines[from..].iter().position(|line| is_close(line)).map(|at| from + at);
    if let Some(close) = close
        && words(&lines[..close])
        && lines[close..].iter().all(|line| line.chars().count() <= SHORT && !line.ends_with(['?', '？']))
    {
        lines = &lines[..close];
    }
    lines.to_vec()
}

fn is_close(line: &str) -> bool {
    let bare: String =
        line.chars().filter(|c| c.is_alphanumeric() || *c == ' ').collect::<String>().trim().to_lowercase();
    matches!(
        bare.as_str(),
        "best"
            | "best regards"
            | "kind regards"
            | "regards"
            | "many thanks"
            | "thanks"
            | "thank you"
            | "thanks in advance"
            | "cheers"
            | "sincerely"
            | "sincerely yours"
            | "yours sincerely"
            | "yours faithfully"
            | "best wishes"
            | "此致"
            | "敬礼"
            | "此致 敬礼"
            | "此致敬礼"
            | "谢谢"
            | "谢谢您"
            | "多谢"
            | "感谢"
            | "祝好"
            | "顺祝商祺"
            | "祝商祺"
            | "顺颂商祺"
            | "祝生意兴隆"
            | "謝謝"
            | "敬上"
            | "敬祝 商祺"
    )
}

/// Without “Dear …,” before other words.
fn without_salutation(lines: Vec<&str>) -> Vec<&str> {
    let Some(first) = lines.iter().position(|line| !line.is_empty()) else { return lines };
    if is_salutation(lines[first]) && lines[first + 1..].iter().any(|line| !line.is_empty()) {
        return lines[first + 1..].to_vec();
    }
    lines
}

fn is_salutation(line: &str) -> bool {
    if line.chars().count() > 30 || line.ends_with(['?', '？', '.', '。']) {
        return false;
    }
    let lower = line.to_lowercase();
    let english = ["dear ", "hi", "hello", "good morning", "good afternoon", "to whom it may concern"];
    let ends = line.ends_with([',', '，', ':', '：', '!', '！']);
    let bare = lower.trim_end_matches(|c: char| !c.is_alphanumeric());
    let chinese = ["您好", "你好", "尊敬的", "亲爱的", "客服", "老板"];
    (english.iter().any(|word| lower.starts_with(word)) && (ends || bare == "hi" || bare == "hello"))
        || (chinese.iter().any(|word| lower.starts_with(word)) && (ends || bare.chars().count() <= 2))
        || (ends && bare.ends_with("您好"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quoted_letters_of_many_programs_are_not_the_senders_words() {
        let quotes = [
            "On Sun, Nov 22, 2026 at 10:00 AM Shop <service@shop.example> wrote:\n> 七天内可以退货。\n> 谢谢",
            "On Sun, Nov 22, 2026 at 10:00 AM Shop\n<service@shop.example> wrote:\n\n> quoted",
            "在 2026年11月22日，下午3:04，商城客服 <service@shop.example> 写道：\n\n> 七天内可以退货。",
            "商城客服 <service@shop.example> 于2026年11月22日周日 15:04写道：\n\n七天内可以退货。",
            "At 2026-11-22 15:04:05, \"商城客服\" <service@shop.example> wrote:\n七天内可以退货。",
            "------------------ 原始邮件 ------------------\n发件人: \"商城\" <service@shop.example>;\n七天内可以退货。",
            "---Original---\nFrom: \"shop\"<service@shop.example>\nDate: Sun, Nov 22, 2026 15:04 PM\nTo: \"anna\"<anna@qq.com>;\nSubject: Re: 退货\n\n七天",
            "-----Original Message-----\nFrom: Shop\n七天",
            "________________________________\nFrom: Shop <service@shop.example>\nSent: Sunday\nTo: Anna\nSubject: x\n\n七天",
            "发件人： 商城 <service@shop.example>\n发送时间： 2026年11月22日 15:04\n收件人： anna@qq.com\n主题： 退货\n\n七天",
            "*From:* Shop\n*Sent:* Sunday\n*To:* Anna\n*Subject:* x\n\n七天",
            "> 七天内可以退货。\n>> more",
            "---- 回复的原邮件 ----\n| 发件人 | 商城<service@shop.example> |\n七天",
        ];
        for quote in quotes {
            assert_eq!(own_words(&format!("退款要多久\n\n{quote}")), "退款要多久", "{quote}");
        }
        assert_eq!(own_words("On Sun, Nov 22, 2026 Shop <s@x> wrote:\n> 七天\n\n可是已经八天了"), "可是已经八天了");
    }

    #[test]
    fn signatures_salutations_and_closes_are_not_decided_on() {
        for below in [
            "-- \nAnna Li\n+86 138 0000 0000",
            "发自我的iPhone",
            "Sent from my iPhone",
            "此致\n敬礼\n李安娜",
            "Best regards,\nAnna",
            "谢谢！\n安娜",
        ] {
            assert_eq!(own_words(&format!("您好：\n\n怎么退货\n\n{below}")), "怎么退货", "{below}");
        }
        assert_eq!(
            own_words("Dear customer service,\nhow do I return an item\n\nKind regards\nAnna"),
            "how do I return an item"
        );
    }

    #[test]
    fn the_senders_own_sentences_stay() {
        for words in [
            "您好",
            "谢谢",
            "Hello",
            "说明书上写道：\n按住三秒",
            "From: 上海 to 北京 要多久",
            "- 第一\n- 第二",
            "2026年说明书写道：按住",
            "--",
        ] {
            assert_eq!(own_words(words), words, "{words}");
        }
        assert_eq!(own_words("怎么退货\n\n谢谢\n另外怎么开发票？"), "怎么退货\n\n谢谢\n另外怎么开发票？");
    }

    #[test]
    fn subjects_lose_what_programs_put_before_them() {
        assert_eq!(bare_subject("Re: 回复：RE[2]: Auto: 退货"), "退货");
        assert_eq!(bare_subject("转发: Fwd: x"), "x");
        assert_eq!(bare_subject("Return of goods"), "Return of goods");
        assert!(is_reply("Re: x") && !is_reply("Refund: x"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_nothing_is_made_up(text in "(?s).{0,400}") {
            let words = own_words(&text);
            for line in words.lines() {
                prop_assert!(text.contains(line));
            }
        }

        #[test]
        fn any_lines_are_read(lines in prop::collection::vec(prop_oneof![
            Just("> x"), Just(""), Just("--"), Just("On 2026 wrote:"), Just("From: a"), Just("To: b"), Just("Date: c"),
            Just("您好："), Just("谢谢"), Just("怎么退货"), Just("________________________"), Just("-----原始邮件-----"),
        ], 0..30)) {
            let text = lines.join("\n");
            prop_assert!(own_words(&text).len() <= text.len());
        }
    }
}
