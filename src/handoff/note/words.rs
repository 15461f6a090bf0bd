//! The words, each in Chinese and English.

/// Chinese and English.
pub(super) type Words = (&'static str, &'static str);

/// The type of a message that only tests whether it arrives.
pub(super) const TEST: &str = "nightdesk.test";

pub(super) const URGENT: Words = ("🔴【紧急】", "🔴 URGENT: ");
pub(super) const MOVED: Words = ("会话已转到 {}", "Moved to {}");
pub(super) const SURVEY: Words = ("顾客评价", "Customer's rating");
pub(super) const DIGEST: Words = ("另有 {} 条通知", "{} more notices");
pub(super) const OTHER: Words = ("其他", "others");
pub(super) const OPEN: Words = ("在 nightdesk 中打开", "Open in nightdesk");
pub(super) const OPEN_LIST: Words = ("在 nightdesk 中查看", "See them in nightdesk");
pub(super) const PRIORITY: Words = ("优先级", "Priority");
pub(super) const REASON: Words = ("原因", "Reason");
pub(super) const FROM: Words = ("原队列", "Was in");
pub(super) const SCORE: Words = ("评分", "Score");
pub(super) const NOTE: Words = ("同事留言", "A colleague's note");
pub(super) const CUSTOMER: Words = ("顾客", "Customer");
pub(super) const AGENT: Words = ("处理人", "Agent");
pub(super) const CHANNEL: Words = ("渠道", "Channel");
pub(super) const SINCE: Words = ("开始等待", "Waiting since");
pub(super) const DEADLINE: Words = ("首次回复时限", "Answer due");
pub(super) const LEFT: Words = ("（还有 {}）", " (in {})");
pub(super) const OVERDUE: Words = ("（已超时 {}）", " (overdue by {})");
pub(super) const FILE: Words = ("文件", "File");
pub(super) const AT: Words = ("发生时间", "Happened");

/// What happened; none for a type that is not known here.
pub(super) fn event(kind: &str, why: Option<&str>) -> Option<Words> {
    Some(match (kind, why) {
        ("handoff.created", Some("person")) => ("同事转来的会话", "A colleague passed a case on"),
        ("handoff.created", _) => ("新的转人工", "New case"),
        ("handoff.message", _) => ("顾客又发来消息", "The customer writes on"),
        ("handoff.warning", _) => ("快到时限，还没有人接手", "Nobody has taken it, and the target is near"),
        ("handoff.escalated", Some("repeat")) => ("仍然没有人接手", "Still nobody has taken it"),
        ("handoff.escalated", Some("transfer")) => {
            ("总时限已过，没有人接手，已升级", "Nobody took it within the whole limit; escalated")
        }
        ("handoff.escalated", Some("agent_idle")) => {
            ("同事很久没有回复，顾客重新排队", "An agent left the customer waiting; back in the queue")
        }
        ("handoff.escalated", _) => ("时限已过，没有人接手，已升级", "Nobody took it in time; escalated"),
        ("conversation.returned", _) => ("会话已交还机器人", "Handed back to the bot"),
        ("conversation.closed", _) => ("会话已结束", "Closed"),
        ("pilot.stopped", _) => ("试点已自动停止", "A pilot ended by itself"),
        ("report.weekly", _) => ("每周报告", "Weekly report"),
        (TEST, _) => (
            "nightdesk 测试消息：收到这条，说明通知能送到这里",
            "Test message of nightdesk: if you read this, notices arrive here",
        ),
        _ => return None,
    })
}

/// A priority that is worth a word.
pub(super) fn priority(word: &str) -> Option<Words> {
    Some(match word {
        "low" => ("低", "low"),
        "high" => ("高", "high"),
        "urgent" => ("紧急", "urgent"),
        _ => return None,
    })
}

/// A reason of the program's own.
pub(super) fn reason(word: &str) -> Option<Words> {
    Some(match word {
        "asked" => ("顾客要求人工", "asked for a person"),
        "no_match" => ("机器人没有答案", "the bot has no answer"),
        "misses" => ("多次没听懂", "not understood several times"),
        "ambiguous" => ("不确定问的是哪一个", "not sure which question is meant"),
        "repeated" => ("重复提问", "asked the same again"),
        "policy" => ("按规则转人工", "by a rule"),
        "urgent" => ("紧急情况", "an emergency"),
        "media" => ("图片、语音或文件", "a picture, voice or file"),
        "too_long" => ("消息过长", "a very long message"),
        "lookup_failed" => ("查询失败", "a look-up failed"),
        "internal_error" => ("内部错误", "an internal error"),
        "stepped_in" => ("客服主动接入", "an agent stepped in"),
        "low_score" => ("低分评价", "a low rating"),
        "complaint" => ("投诉", "a complaint"),
        _ => return None,
    })
}

/// What a message is that is not words.
pub(super) fn kind(word: &str) -> Option<Words> {
    Some(match word {
        "text" | "notice" => return None,
        "image" => ("[图片]", "[picture]"),
        _ => ("[文件]", "[file]"),
    })
}
