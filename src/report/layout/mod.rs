//! What stands where in a report that people read: headings, tables and charts in their language, for text and HTML alike.

mod knowledge;
mod people;

use jiff::tz::TimeZone;

use crate::report::form::{Cell, Chart, Layout, Section, Table, Tile, Writer, barred, percent, section, text};
use crate::report::share::{Share, float};
use crate::report::{Figures, Report, svg};

/// Rows of a table of questions, groups, products.
const ROWS: usize = 20;

/// Lays a report out in a language: Chinese for `zh…`, English for all else.
pub(super) fn layout(report: &Report, language: &str) -> Layout {
    let zone = TimeZone::get(&report.zone).unwrap_or(TimeZone::UTC);
    let w = Writer { chinese: language.starts_with("zh"), zone };
    let (now, then) = (&report.figures, &report.figures_before);
    let mut sections = vec![
        overview(&w, now, then),
        traffic(&w, now),
        people::waiting(&w, now),
        knowledge::questions(&w, report),
        knowledge::unanswered(&w, report),
    ];
    sections.extend([people::opinions(&w, now), knowledge::entries(&w, report), people::wordings(&w, report)]);
    if !report.pilots.is_empty() {
        sections.push(knowledge::pilots(&w, report));
    }
    if !report.sample.is_empty() {
        sections.push(knowledge::sample(&w, report));
    }
    let span = |period: super::Period| format!("{} – {}", w.time(period.from), w.time(period.until));
    Layout {
        language: w.say("zh-CN", "en"),
        title: w.text("客服报告", "Service report"),
        under: format!(
            "{} ({}){} {}",
            span(report.period),
            report.zone,
            w.say("，对比", ", compared with"),
            span(report.before)
        ),
        before: w.text("上期", "before"),
        sections,
        foot: format!("{} {} · nightdesk {}", w.say("生成于", "Made"), w.time(report.made_at), report.rule_set),
    }
}

/// The figures at a glance.
pub(super) fn digest(report: &Report, language: &str) -> crate::report::Digest {
    let Layout { title, under, sections, .. } = layout(report, language);
    let tiles = sections.into_iter().next().map(|overview| overview.tiles).unwrap_or_default();
    let figure = |tile: Tile| super::Glance { label: tile.label, value: tile.value, before: tile.before };
    crate::report::Digest { title: format!("{title} {under}"), figures: tiles.into_iter().map(figure).collect() }
}

fn overview(w: &Writer, now: &Figures, then: &Figures) -> Section {
    let tile = |label: (&str, &str), value: &dyn Fn(&Figures) -> String| Tile {
        label: w.text(label.0, label.1),
        value: value(now),
        before: value(then),
    };
    let tiles = vec![
        tile(("顾客消息", "Messages"), &|f| f.traffic.messages.to_string()),
        tile(("会话", "Conversations"), &|f| f.traffic.conversations.to_string()),
        tile(("机器人已答", "Answered by the bot"), &|f| percent(f.traffic.answered)),
        tile(("无需人工", "Without a person"), &|f| percent(f.traffic.without_person)),
        tile(("无人工且已解决", "Settled without a person"), &|f| percent(f.traffic.settled)),
        tile(("重复咨询", "Repeated enquiries"), &|f| percent(f.traffic.repeated)),
        tile(("没有把握的消息", "Not surely answered"), &|f| f.traffic.unanswered.to_string()),
        tile(("转人工", "Cases for people"), &|f| f.cases.count.to_string()),
        tile(("人工首次回复（中位）", "First response, median"), &|f| w.length(f.cases.all.first.p50)),
        tile(("首次回复达标", "First response in target"), &|f| percent(f.cases.all.first.within)),
        tile(("解决率", "Cases resolved"), &|f| percent(f.cases.resolved)),
        tile(("解决用时（中位）", "Time to resolution, median"), &|f| w.length(f.cases.all.resolved.p50)),
        tile(("满意（4–5 分）", "Satisfied (4–5)"), &|f| percent(f.opinions.all.satisfied)),
        tile(("投诉会话", "Conversations with complaints"), &|f| percent(f.traffic.complaints)),
    ];
    Section { tiles, ..section("overview", w.say("概览", "At a glance")) }
}

fn traffic(w: &Writer, now: &Figures) -> Section {
    let traffic = &now.traffic;
    let legend = [w.say("机器人已答", "answered by the bot"), w.say("转人工", "to people"), w.say("其他", "neither")];
    let days: Vec<svg::Column> = traffic
        .days
        .iter()
        .map(|day| svg::Column {
            label: day.day.strftime("%m-%d").to_string(),
            parts: vec![day.answered, day.people, day.messages.saturating_sub(day.answered + day.people)],
        })
        .collect();
    let hour = |(count, hour): (&u64, u8)| svg::Column { label: format!("{hour:02}"), parts: vec![*count] };
    let hours: Vec<svg::Column> = traffic.hours.iter().zip(0..).map(hour).collect();
    let by_day = w.say("每天的消息", "Messages by day");
    let by_hour = w.say("各时段的消息", "Messages by hour of the day");
    let charts = vec![
        Chart { caption: by_day.to_owned(), svg: svg::columns(by_day, &days, &legend) },
        Chart { caption: by_hour.to_owned(), svg: svg::columns(by_hour, &hours, &[]) },
    ];
    let share = |count: u64| Share { part: count, whole: traffic.messages };
    let words = |counts: &std::collections::BTreeMap<String, u64>| -> Vec<Vec<Cell>> {
        let mut rows: Vec<_> = counts.iter().collect();
        rows.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
        rows.into_iter().map(|(word, count)| vec![text(meaning(w, word)), barred(share(*count))]).collect()
    };
    let table = |caption: (&str, &str), counts| Table {
        caption: w.text(caption.0, caption.1),
        head: w.head([caption, ("消息", "messages")]),
        rows: words(counts),
        empty: w.text("没有消息。", "No messages."),
    };
    let tables = vec![table(("结果", "outcome"), &traffic.outcomes), table(("原因", "reason"), &traffic.reasons)];
    Section { charts, tables, ..section("traffic", w.say("消息", "Messages")) }
}

/// An outcome or reason with what it means, where that is not plain from the word.
fn meaning(w: &Writer, word: &str) -> String {
    let (zh, en) = match word {
        "rule" => ("规则回答", "a rule answered"),
        "faq" => ("条目回答", "an entry answered"),
        "choice" => ("请顾客选择", "asked to choose"),
        "slot" => ("询问信息", "asked for a detail"),
        "smalltalk" => ("寒暄", "greeting and the like"),
        "handoff" => ("转人工", "went to people"),
        "survey" => ("满意度评分", "told how it was"),
        "silent" => ("没有说话", "nothing was said"),
        "matched" => ("匹配成功", "a rule or entry matched"),
        "ambiguous" => ("几个条目都像", "several fit about equally"),
        "asked" => ("顾客要求人工", "asked for a person"),
        "urgent" => ("紧急情况", "an emergency"),
        "no_match" => ("没有匹配", "nothing matched"),
        "misses" => ("多次没听懂", "not understood several times"),
        "repeated" => ("重复提问", "the same question again"),
        "policy" => ("按规则转人工", "a rule sends such cases to people"),
        "lookup_failed" => ("查询失败", "a look-up failed"),
        "cancelled" => ("顾客取消", "the customer stopped it"),
        "internal_error" => ("内部错误", "an error of the program"),
        "human_owns" => ("人工接待中", "a person has it"),
        "continued" => ("与下一条合并", "part of the next message"),
        "not_by_machine" => ("不能自动回信", "a letter for people"),
        "too_long" => ("消息过长", "too long"),
        "media" => ("图片、语音或文件", "picture, voice or file"),
        "empty" => ("空消息", "no words"),
        "rated" => ("评分", "a score"),
        "low_score" => ("低分", "a low score"),
        "lapsed" => ("过期的评分", "a score too late"),
        _ => return word.to_owned(),
    };
    format!("{} ({word})", w.say(zh, en))
}

/// How a figure compares with the largest, from 0 to 1.
pub(in crate::report) fn ratio(value: u64, largest: u64) -> f64 {
    if largest == 0 { 0.0 } else { float(value) / float(largest) }
}
