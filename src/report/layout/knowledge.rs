//! What the files did: questions, what they did not answer, entries, pilots, a sample.

use super::ROWS;
use crate::report::form::{Cell, Section, Table, Talk, Writer, barred, figure, of, section, text};
use crate::report::share::Share;
use crate::report::{Report, svg};
use crate::suggest::Draft;

pub(super) fn titled(report: &Report, id: &str) -> String {
    match report.titles.get(id).filter(|title| *title != id) {
        Some(title) => format!("{title} ({id})"),
        None => id.to_owned(),
    }
}

pub(super) fn questions(w: &Writer, report: &Report) -> Section {
    let traffic = &report.figures.traffic;
    let earlier = &report.figures_before.traffic.questions;
    let before = |rule: &str| earlier.iter().find(|question| question.rule == rule).map_or(0, |found| found.messages);
    let rows = traffic.questions.iter().take(ROWS).map(|question| {
        let share = Share { part: question.messages, whole: traffic.messages };
        let hours = Cell { svg: svg::spark(&question.hours), ..text(busiest(&question.hours)) };
        vec![
            text(titled(report, &question.rule)),
            text(question.category.clone().unwrap_or_default()),
            barred(share),
            figure(before(&question.rule)),
            hours,
        ]
    });
    let asked = Table {
        caption: w.text("最常问的问题", "Most frequent questions"),
        head: w.head([
            ("问题", "question"),
            ("类别", "subject"),
            ("消息", "messages"),
            ("上期", "before"),
            ("最忙的时段", "busiest hour"),
        ]),
        rows: rows.collect(),
        empty: w.text("没有问题。", "No questions."),
    };
    let rows = traffic.products.iter().take(ROWS).map(|product| {
        let most = product.questions.iter().take(3).map(|(rule, count)| format!("{} {count}", titled(report, rule)));
        let most: Vec<String> = most.collect();
        vec![text(product.product.clone()), figure(product.messages), text(most.join(w.say("；", "; ")))]
    });
    let products = Table {
        caption: w.text("按商品", "By product"),
        head: w.head([("商品", "product"), ("消息", "messages"), ("问得最多的", "asked most")]),
        rows: rows.collect(),
        empty: w.text("没有已知商品的会话。", "No conversation with a known product."),
    };
    Section { tables: vec![asked, products], ..section("questions", w.say("问题", "Questions")) }
}

/// The hour with the most messages.
pub(super) fn busiest(hours: &[u64]) -> String {
    let most = hours.iter().zip(0_u8..).max_by_key(|(count, hour)| (**count, u8::MAX - hour));
    most.filter(|(count, _)| **count > 0).map_or_else(String::new, |(count, hour)| format!("{hour:02}:00 ({count})"))
}

pub(super) fn unanswered(w: &Writer, report: &Report) -> Section {
    let rows = report.unanswered.iter().take(ROWS).map(|group| {
        let near = group.nearest.as_ref().map(|near| format!("{} {:.2}", near.rule, near.confidence));
        let todo = match &group.suggestion {
            Draft::Questions { rule, file, .. } => {
                format!("{} {rule} ({file})", w.say("更多问法：", "more questions for"))
            }
            Draft::Entry { id, .. } => format!("{} {id}", w.say("新条目", "a new entry, such as")),
        };
        let words = text(group.words.join(" · "));
        vec![text(group.text.clone()), figure(group.count), words, text(near.unwrap_or_default()), text(todo)]
    });
    let groups = Table {
        caption: w.text("相近的消息", "Messages that ask alike"),
        head: w.head([
            ("消息", "message"),
            ("次数", "times"),
            ("关键词", "telling words"),
            ("最接近的条目", "nearest entry"),
            ("建议", "suggestion"),
        ]),
        rows: rows.collect(),
        empty: w.text("每条消息都有把握回答。", "Every message was surely answered."),
    };
    let drafts = report.unanswered.iter().take(ROWS).map(|group| match &group.suggestion {
        Draft::Questions { rule, file, yaml } => (format!("{rule} ({file})"), yaml.clone()),
        Draft::Entry { id, yaml } => (id.clone(), yaml.clone()),
    });
    let note = w.text(
        "号码和邮箱已遮盖。按相近程度分组；`nightdesk suggest --format yaml` 给出可以粘贴的草稿。",
        "Numbers and addresses are masked. Grouped by likeness; `nightdesk suggest --format yaml` prints drafts to paste.",
    );
    Section {
        tables: vec![groups],
        drafts: drafts.collect(),
        note: Some(note),
        ..section("unanswered", w.say("没有把握的消息", "Not surely answered"))
    }
}

pub(super) fn entries(w: &Writer, report: &Report) -> Section {
    let entries = &report.entries;
    let dated = |caption: (&str, &str), rows: &[crate::report::Dated], empty: (&str, &str)| Table {
        caption: w.text(caption.0, caption.1),
        head: w.head([("条目", "entry"), ("日期", "day")]),
        rows: rows.iter().map(|row| vec![text(titled(report, &row.id)), figure(row.day)]).collect(),
        empty: w.text(empty.0, empty.1),
    };
    let (unused, all) = (entries.unused.len(), entries.count);
    let mut unused_rows: Vec<_> = entries.unused.iter().take(ROWS).map(|id| vec![text(titled(report, id))]).collect();
    if unused > ROWS {
        let more = unused - ROWS;
        let said = if w.chinese {
            format!("另有 {more} 个，见 CSV 或 JSON")
        } else {
            format!("{more} more: see CSV or JSON")
        };
        unused_rows.push(vec![text(said)]);
    }
    let unused_table = Table {
        caption: w.text("本期和上期都没有用到", "Not used in this period nor the one before"),
        head: w.head([("条目", "entry")]),
        rows: unused_rows,
        empty: w.text("每个条目都用到了。", "Every entry was used."),
    };
    let tables = vec![
        dated(("过了复查日期", "Overdue for review"), &entries.overdue, ("没有。", "None.")),
        dated(("已过有效期", "No longer valid"), &entries.expired, ("没有。", "None.")),
        unused_table,
    ];
    let note = if w.chinese {
        format!("{all} 个条目中有 {unused} 个没有用到。")
    } else {
        format!("{unused} of {all} entries were not used.")
    };
    Section { tables, note: Some(note), ..section("entries", w.say("条目", "Entries")) }
}

pub(super) fn pilots(w: &Writer, report: &Report) -> Section {
    let mut rows = Vec::new();
    for pilot in &report.pilots {
        for (name, with, rest) in [
            (w.say("无需人工", "without a person"), pilot.with.without_person, pilot.rest.without_person),
            (w.say("重复咨询", "repeated"), pilot.with.repeated, pilot.rest.repeated),
            (w.say("投诉", "complaints"), pilot.with.complaints, pilot.rest.complaints),
        ] {
            let difference = with.difference(rest);
            let said = difference.map_or_else(
                || "–".to_owned(),
                |d| format!("{:+.1} [{:+.1}, {:+.1}]", d.value * 100.0, d.low * 100.0, d.high * 100.0),
            );
            let clear = match difference {
                Some(difference) if difference.is_clear() => w.say("有差别", "differs"),
                Some(_) => w.say("看不出差别", "no clear difference"),
                None => w.say("数据不足", "not enough data"),
            };
            let whisker = difference.map(svg::whisker).unwrap_or_default();
            let title = titled(report, &pilot.pilot);
            let ended = w.say("已自动停止", "ended by itself");
            rows.push(vec![
                text(if pilot.stopped.is_some() { format!("{title} · {ended}") } else { title }),
                text(name),
                figure(with_interval(with)),
                figure(with_interval(rest)),
                Cell { text: said, svg: whisker, figure: true },
                text(clear),
            ]);
        }
    }
    let table = Table {
        caption: w.text("试点与其余顾客", "Pilots and the rest"),
        head: w.head([
            ("试点", "pilot"),
            ("指标", "figure"),
            ("试点组", "pilot"),
            ("其余", "rest"),
            ("差（百分点）", "difference (points)"),
            ("判断", "verdict"),
        ]),
        rows,
        empty: String::new(),
    };
    let note = w.text(
        "方括号里是 95 % 置信区间：单个比例用 Wilson，两个比例之差用 Newcombe。",
        "In brackets the 95 % confidence intervals: Wilson's for a share, Newcombe's for a difference of two.",
    );
    Section { tables: vec![table], note: Some(note), ..section("pilots", w.say("试点", "Pilots")) }
}

pub(super) fn with_interval(share: Share) -> String {
    match share.interval() {
        Some((low, high)) => format!("{} [{:.1}, {:.1}]", of(share), low * 100.0, high * 100.0),
        None => "–".to_owned(),
    }
}

pub(super) fn sample(w: &Writer, report: &Report) -> Section {
    let talk = |sampled: &crate::report::Sampled| Talk {
        title: format!("{} · {}", sampled.conversation, sampled.channel),
        lines: sampled
            .lines
            .iter()
            .map(|line| {
                let who = match line.role.as_str() {
                    "visitor" => w.say("顾客", "customer"),
                    "human" => w.say("人工", "person"),
                    _ => w.say("机器人", "bot"),
                };
                let who = line.rule.as_ref().map_or_else(|| who.to_owned(), |rule| format!("{who} ({rule})"));
                (w.time(line.at), who, line.text.clone())
            })
            .collect(),
    };
    let note = w.text(
        "随机抽取，号码、邮箱和门牌地址已遮盖；姓名不会自动识别。",
        "Drawn by chance. Numbers, mail and street addresses are masked; names are not recognised.",
    );
    let talks = report.sample.iter().map(talk).collect();
    Section { talks, note: Some(note), ..section("sample", w.say("抽查", "Sample")) }
}
