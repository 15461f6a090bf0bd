//! What stands where in a report that people read: headings, tables and charts in their language, for text and HTML alike.

use jiff::tz::TimeZone;

use super::form::{
    Cell, Chart, Layout, Section, Table, Talk, Tile, Writer, barred, figure, of, percent, section, text,
};
use super::share::{Share, float};
use super::{Figures, Report, Satisfaction, Service, Waits, svg};
use crate::suggest::Draft;

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
        waiting(&w, now),
        questions(&w, report),
        unanswered(&w, report),
    ];
    sections.extend([opinions(&w, now), entries(&w, report), wordings(&w, report)]);
    if !report.pilots.is_empty() {
        sections.push(pilots(&w, report));
    }
    if !report.sample.is_empty() {
        sections.push(sample(&w, report));
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
pub(super) fn digest(report: &Report, language: &str) -> super::Digest {
    let Layout { title, under, sections, .. } = layout(report, language);
    let tiles = sections.into_iter().next().map(|overview| overview.tiles).unwrap_or_default();
    let figure = |tile: Tile| super::Glance { label: tile.label, value: tile.value, before: tile.before };
    super::Digest { title: format!("{title} {under}"), figures: tiles.into_iter().map(figure).collect() }
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

fn waiting(w: &Writer, now: &Figures) -> Section {
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

fn titled(report: &Report, id: &str) -> String {
    match report.titles.get(id).filter(|title| *title != id) {
        Some(title) => format!("{title} ({id})"),
        None => id.to_owned(),
    }
}

fn questions(w: &Writer, report: &Report) -> Section {
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
fn busiest(hours: &[u64]) -> String {
    let most = hours.iter().zip(0_u8..).max_by_key(|(count, hour)| (**count, u8::MAX - hour));
    most.filter(|(count, _)| **count > 0).map_or_else(String::new, |(count, hour)| format!("{hour:02}:00 ({count})"))
}

fn unanswered(w: &Writer, report: &Report) -> Section {
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

fn opinions(w: &Writer, now: &Figures) -> Section {
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

fn entries(w: &Writer, report: &Report) -> Section {
    let entries = &report.entries;
    let dated = |caption: (&str, &str), rows: &[super::Dated], empty: (&str, &str)| Table {
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

fn wordings(w: &Writer, report: &Report) -> Section {
    let row = |used: &super::WordingUse| {
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

fn pilots(w: &Writer, report: &Report) -> Section {
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

fn with_interval(share: Share) -> String {
    match share.interval() {
        Some((low, high)) => format!("{} [{:.1}, {:.1}]", of(share), low * 100.0, high * 100.0),
        None => "–".to_owned(),
    }
}

fn sample(w: &Writer, report: &Report) -> Section {
    let talk = |sampled: &super::Sampled| Talk {
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

/// How a figure compares with the largest, from 0 to 1.
pub(super) fn ratio(value: u64, largest: u64) -> f64 {
    if largest == 0 { 0.0 } else { float(value) / float(largest) }
}
