//! What people did: waiting and answers, what customers thought of it, words that must not be said.

use crate::report::form::{Chart, Section, Table, Tile, Writer, barred, figure, of, section, text};
use crate::report::{Figures, Report, Satisfaction, Service, Waits, svg};

pub(super) fn waiting(w: &Writer, now: &Figures) -> Section {
    let service = |name: &str, of: &Service| {
        vec![
            text(name),
            figure(of.first.count),
            figure(w.length(of.first.p50)),
            figure(w.length(of.first.p90)),
            figure(w.length(of.first.target)),
            barred(of.first.within),
            figure(of.first.waiting),
            figure(w.length(of.taken.p50)),
            figure(w.length(of.taken.p90)),
            figure(w.length(of.resolved.p50)),
            figure(w.length(of.resolved.p90)),
        ]
    };
    let cases = &now.cases;
    let table = |name: (&str, &str), groups: &std::collections::BTreeMap<String, Service>, all: bool| {
        let mut rows: Vec<_> = groups.iter().map(|(name, of)| service(name, of)).collect();
        if all && !rows.is_empty() {
            rows.push(service(w.say("全部", "all"), &cases.all));
        }
        Table {
            caption: format!("{}: {}", w.say("人工", "People"), w.say(name.0, name.1)),
            head: w.head([
                name,
                ("已回复", "answered"),
                ("首次回复 p50", "first response p50"),
                ("p90", "p90"),
                ("时限", "target"),
                ("达标", "in target"),
                ("未到时限", "not due yet"),
                ("等待接手 p50", "until taken p50"),
                ("p90", "p90"),
                ("解决 p50", "resolution p50"),
                ("p90", "p90"),
            ]),
            rows,
            empty: w.text("没有转人工。", "No cases for people."),
        }
    };
    let first = |name: &String, who: &str, waits: &Waits| {
        vec![
            text(name.clone()),
            text(who),
            figure(waits.count),
            figure(w.length(waits.p50)),
            figure(w.length(waits.p90)),
            figure(w.length(waits.target)),
            barred(waits.within),
        ]
    };
    let mut rows = Vec::new();
    for (channel, answer) in &now.first {
        rows.push(first(channel, w.say("机器人", "bot"), &answer.bot));
        rows.push(first(channel, w.say("人工", "people"), &answer.people));
        if answer.nobody > 0 {
            let nobody = Waits { count: answer.nobody, ..Waits::default() };
            rows.push(first(channel, w.say("无人", "nobody yet"), &nobody));
        }
    }
    let answers = Table {
        caption: w.text("新会话的第一个回答", "First answer to new conversations"),
        head: w.head([
            ("渠道", "channel"),
            ("谁", "who"),
            ("会话", "conversations"),
            ("p50", "p50"),
            ("p90", "p90"),
            ("时限", "target"),
            ("达标", "in target"),
        ]),
        rows,
        empty: w.text("没有新会话。", "No new conversations."),
    };
    let tables = vec![
        table(("队列", "queue"), &cases.queues, true),
        table(("渠道", "channel"), &cases.channels, false),
        answers,
    ];
    let note = w.text(
        "人工的时间按队列的上班时间计算；“未到时限”是还没有回复、但也没有超时的；新会话的第一个回答按钟表时间计算。",
        "Times of people count the open time of the queue; “not due yet” are cases without an answer whose target has not passed; the first answer to new conversations counts time on the clock.",
    );
    Section { tables, note: Some(note), ..section("waiting", w.say("等待与回复", "Waiting and answers")) }
}

pub(super) fn opinions(w: &Writer, now: &Figures) -> Section {
    let row = |name: &str, of: &Satisfaction| {
        let mean = of.mean.map_or_else(|| "–".to_owned(), |mean| format!("{mean:.2}"));
        vec![text(name), barred(of.answered), figure(mean), barred(of.satisfied), barred(of.low)]
    };
    let mut rows: Vec<_> = now.opinions.queues.iter().map(|(name, of)| row(name, of)).collect();
    if !rows.is_empty() {
        rows.push(row(w.say("全部", "all"), &now.opinions.all));
    }
    let table = Table {
        caption: w.text("按队列", "By queue"),
        head: w.head([
            ("队列", "queue"),
            ("有评分", "scored"),
            ("平均", "mean"),
            ("满意（4–5）", "satisfied (4–5)"),
            ("低分", "low"),
        ]),
        rows,
        empty: w.text("没有询问过满意度。", "Nobody was asked."),
    };
    let mut charts = Vec::new();
    if now.opinions.all.answered.part > 0 {
        let caption = w.say("评分", "Scores");
        let column = |(count, score): (&u64, u8)| svg::Column { label: score.to_string(), parts: vec![*count] };
        let scores: Vec<svg::Column> = now.opinions.all.scores.iter().zip(1..).map(column).collect();
        charts.push(Chart { caption: caption.to_owned(), svg: svg::columns(caption, &scores, &[]) });
    }
    let complaints = Tile {
        label: w.text("投诉会话", "Conversations with complaints"),
        value: of(now.traffic.complaints),
        before: String::new(),
    };
    Section {
        charts,
        tables: vec![table],
        tiles: vec![complaints],
        ..section("satisfaction", w.say("满意度与投诉", "Satisfaction and complaints"))
    }
}

pub(super) fn wordings(w: &Writer, report: &Report) -> Section {
    let row = |used: &crate::report::WordingUse| {
        vec![text(used.agent.clone()), text(used.wording.clone()), figure(used.sent), figure(used.held_back)]
    };
    let table = Table {
        caption: w.text("按客服", "By agent"),
        head: w.head([("客服", "agent"), ("用语", "wording"), ("已发出", "sent"), ("被拦下", "held back")]),
        rows: report.wordings.iter().map(row).collect(),
        empty: w.text("没有发现不规范用语。", "No wording was found that must not be used."),
    };
    Section { tables: vec![table], ..section("wording", w.say("规范用语", "Wording")) }
}
