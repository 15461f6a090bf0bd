//! The rules and messages that every engine is measured with: always the same, and none of them a real customer's.
//!
//! Of each ten rules six are lists of two to four keywords, three are regular expressions with literals, `\d+` and
//! alternations, and one is a wildcard (`a * b`); about half are Chinese, half English. A smaller set is the beginning of a
//! larger one. Goods have names of their own, as in a large shop; subjects and questions are few and shared by all, so that
//! common literals get as long a list of rules as they would in life. Of the messages seven in ten are made to match a rule;
//! all are 8 to 80 characters, and folded already.

#![allow(dead_code, reason = "each bench uses what it needs of these")]

use std::fmt::Write as _;
use std::sync::Arc;

use nightdesk::diag::Place;
use nightdesk::rules::model::{Condition, Located, Phrase};

/// Messages to a set of rules.
pub const MESSAGES: usize = 5_000;

const HEADS: &str = "云风雨雪星月山海竹松梅兰荷菊枫柳溪泉石玉青白墨金银紫蓝红翠霜晨暮秋春夏冬鹤鹿雁莺燕鲤麦禾稻茶桃杏梨橘檀荣安宁远清和";
const TAILS: &str = "羽影歌语舟桥亭楼阁园林谷岭峰岸湾洲岛湖江河川浪潮露霞虹光灯烛帆琴棋书画诗酒香花叶枝根果实穗芽苗";
const NOUNS_ZH: [&str; 24] = [
    "跑鞋",
    "背包",
    "手表",
    "台灯",
    "躺椅",
    "水杯",
    "炒锅",
    "短裙",
    "衬衫",
    "帽子",
    "围巾",
    "手套",
    "雨伞",
    "枕头",
    "被子",
    "音箱",
    "耳机",
    "键盘",
    "相机",
    "滑板",
    "帐篷",
    "积木",
    "面霜",
    "拉杆箱",
];
const SUBJECTS_ZH: [&str; 40] = [
    "退款",
    "退货",
    "换货",
    "运费",
    "发票",
    "快递",
    "物流",
    "尺码",
    "颜色",
    "优惠券",
    "积分",
    "会员",
    "保修",
    "维修",
    "安装",
    "配送",
    "地址",
    "签收",
    "拒收",
    "破损",
    "少件",
    "错发",
    "漏发",
    "质量",
    "色差",
    "赔偿",
    "补发",
    "取消",
    "订单",
    "付款",
    "余额",
    "验证码",
    "密码",
    "账号",
    "预售",
    "定金",
    "尾款",
    "库存",
    "到货",
    "包装",
];
const QUESTIONS_ZH: [&str; 16] = [
    "多久",
    "怎么办",
    "多少钱",
    "能不能",
    "什么时候",
    "为什么",
    "哪里看",
    "要多长时间",
    "可以吗",
    "有没有",
    "怎么弄",
    "谁负责",
    "几天",
    "还没",
    "太慢",
    "不对",
];
const FILLER_ZH: [&str; 20] = [
    "你好",
    "请问",
    "我的",
    "昨天",
    "买的",
    "一直",
    "没有",
    "收到",
    "帮我",
    "看一下",
    "谢谢",
    "麻烦",
    "客服",
    "在吗",
    "急用",
    "那个",
    "这个",
    "上次",
    "朋友",
    "送礼",
];
const SYLLABLES: [&str; 30] = [
    "ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "wu", "xan", "yel", "zor",
    "bri", "cla", "dro", "fle", "gra", "kli", "plo", "sha", "sto", "tre", "qui", "nex",
];
const NOUNS_EN: [&str; 24] = [
    "shoes",
    "backpack",
    "watch",
    "lamp",
    "chair",
    "bottle",
    "pan",
    "skirt",
    "shirt",
    "hat",
    "scarf",
    "gloves",
    "umbrella",
    "pillow",
    "blanket",
    "speaker",
    "headphones",
    "keyboard",
    "camera",
    "skateboard",
    "tent",
    "blocks",
    "cream",
    "suitcase",
];
const SUBJECTS_EN: [&str; 40] = [
    "refund",
    "return",
    "exchange",
    "shipping",
    "invoice",
    "parcel",
    "tracking",
    "size",
    "colour",
    "coupon",
    "points",
    "membership",
    "warranty",
    "repair",
    "assembly",
    "delivery",
    "address",
    "signature",
    "rejected",
    "damaged",
    "missing",
    "wrong item",
    "left out",
    "quality",
    "faded",
    "compensation",
    "replacement",
    "cancel",
    "order",
    "payment",
    "balance",
    "verification code",
    "password",
    "account",
    "preorder",
    "deposit",
    "instalment",
    "stock",
    "arrival",
    "packaging",
];
const QUESTIONS_EN: [&str; 16] = [
    "how long",
    "what now",
    "how much",
    "can i",
    "when will",
    "why is",
    "where do i see",
    "how many days",
    "is it possible",
    "do you have",
    "how do i",
    "who pays",
    "not yet",
    "still waiting",
    "too slow",
    "not right",
];
const FILLER_EN: [&str; 20] = [
    "hello",
    "please",
    "my",
    "yesterday",
    "bought",
    "always",
    "nothing",
    "received",
    "help me",
    "have a look",
    "thanks",
    "sorry",
    "hi there",
    "urgent",
    "that",
    "this",
    "last time",
    "a friend",
    "gift",
    "the",
];

/// Numbers that look random and are always the same (SplitMix64).
pub struct Dice(u64);

impl Dice {
    /// Dice of their own for each purpose.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_F491_4F6C_DD1D).wrapping_add(0x9E37_79B9))
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % end as u64).expect("below a usize")
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

/// Words of one language.
#[derive(Clone, Copy)]
struct Words {
    chinese: bool,
}

impl Words {
    /// The name of some goods: about a hundred thousand in each language.
    fn product(self, dice: &mut Dice) -> String {
        if self.chinese {
            let pick = |dice: &mut Dice, of: &str| of.chars().nth(dice.below(of.chars().count())).expect("in the list");
            let (head, tail) = (pick(dice, HEADS), pick(dice, TAILS));
            return format!("{head}{tail}{}", dice.one(&NOUNS_ZH));
        }
        let (a, b) = (dice.one(&SYLLABLES), dice.one(&SYLLABLES));
        let end = if dice.below(4) == 0 { dice.one(&SYLLABLES) } else { "" };
        format!("{a}{b}{end} {}", dice.one(&NOUNS_EN))
    }

    fn subject(self, dice: &mut Dice) -> &'static str {
        dice.one(if self.chinese { &SUBJECTS_ZH } else { &SUBJECTS_EN })
    }

    fn question(self, dice: &mut Dice) -> &'static str {
        dice.one(if self.chinese { &QUESTIONS_ZH } else { &QUESTIONS_EN })
    }

    fn filler(self, dice: &mut Dice) -> &'static str {
        dice.one(if self.chinese { &FILLER_ZH } else { &FILLER_EN })
    }

    fn space(self) -> &'static str {
        if self.chinese { "" } else { " " }
    }

    fn join(self, words: &[&str]) -> String {
        words.join(self.space())
    }
}

/// What a rule asks for.
pub enum Kind {
    /// One of these, as whole words.
    Keywords(Vec<String>),
    /// A regular expression, and a text that it matches.
    Regex(String, String),
    /// All of these as whole words, one after the other.
    Wildcard(Vec<String>),
}

/// A rule.
pub struct Rule {
    words: Words,
    /// What it asks for.
    pub kind: Kind,
}

/// The first rules of the endless list.
pub fn rules(count: usize) -> Vec<Rule> {
    let mut dice = Dice::new(1);
    (0..count).map(|index| rule(index, &mut dice)).collect()
}

fn rule(index: usize, dice: &mut Dice) -> Rule {
    let words = Words { chinese: dice.below(2) == 0 };
    let kind = match index % 10 {
        0..=5 => Kind::Keywords((0..2 + dice.below(3)).map(|_| keyword(words, dice)).collect()),
        6..=8 => regex(words, dice),
        _ => {
            let mut parts = vec![words.product(dice), words.subject(dice).to_owned()];
            if dice.below(2) == 0 {
                parts.swap(0, 1);
                parts.push(words.question(dice).to_owned());
            }
            Kind::Wildcard(parts)
        }
    };
    Rule { words, kind }
}

fn keyword(words: Words, dice: &mut Dice) -> String {
    let product = words.product(dice);
    match dice.below(50) {
        0 => words.join(&[words.subject(dice), words.question(dice)]),
        1..=19 => product,
        20..=34 => words.join(&[&product, words.subject(dice)]),
        _ => words.join(&[words.subject(dice), &product]),
    }
}

fn regex(words: Words, dice: &mut Dice) -> Kind {
    let (product, other) = (words.product(dice), words.product(dice));
    let (subject, second, question) = (words.subject(dice), words.subject(dice), words.question(dice));
    let number = 1 + dice.below(400);
    let unit = dice.one(if words.chinese {
        &["天", "元", "件", "小时"]
    } else {
        &["days", "dollars", "pieces", "hours"]
    });
    let space = words.space();
    let (pattern, text) = match dice.below(50) {
        // Nothing but common words: what the slowest messages are made of.
        0 => (format!(r"({subject}|{second}).{{0,6}}\d+ ?{unit}"), format!("{subject}{space}{number}{unit}")),
        1..=12 => (format!("{subject}.{{0,8}}{product}"), words.join(&[subject, &product])),
        13..=24 => (format!("{product}.{{0,12}}({subject}|{second})"), words.join(&[&product, second])),
        25..=34 => (format!("({product}|{other}).*{question}"), words.join(&[&other, question])),
        35..=44 => (format!(r"{product} ?\d+ ?{unit}"), format!("{product}{space}{number}{space}{unit}")),
        _ => {
            let code = format!("{}{}", dice.one(&SYLLABLES), dice.one(&SYLLABLES));
            let series = 100 + dice.below(900);
            (format!(r"{code}-{series}\d{{1,4}}"), format!("{code}-{series}{number}"))
        }
    };
    Kind::Regex(pattern, text)
}

impl Rule {
    /// A text for which the rule holds.
    fn sample(&self, dice: &mut Dice) -> String {
        match &self.kind {
            Kind::Keywords(words) => words[dice.below(words.len())].clone(),
            Kind::Regex(_, text) => text.clone(),
            Kind::Wildcard(parts) => {
                let filler = self.words.filler(dice);
                parts.join(&format!("{0}{filler}{0}", self.words.space()))
            }
        }
    }

    /// One regular expression for the whole rule. `edge` is how the dialect writes an edge of an ASCII word.
    pub fn pattern(&self, edge: &str) -> String {
        let whole = |word: &String| {
            let at = |c: Option<char>| if c.is_some_and(|c| c.is_ascii_alphanumeric()) { edge } else { "" };
            format!("{}{word}{}", at(word.chars().next()), at(word.chars().next_back()))
        };
        match &self.kind {
            Kind::Keywords(words) => words.iter().map(whole).collect::<Vec<_>>().join("|"),
            Kind::Regex(pattern, _) => pattern.clone(),
            Kind::Wildcard(parts) => parts.iter().map(whole).collect::<Vec<_>>().join(".*"),
        }
    }

    /// As nightdesk's files say it.
    pub fn condition(&self) -> Condition {
        let regex = |source| Condition::Regex(vec![at(source)]);
        match &self.kind {
            Kind::Keywords(words) => {
                Condition::Phrase(words.iter().map(|word| Phrase { parts: vec![at(word.clone())] }).collect())
            }
            Kind::Regex(pattern, _) => regex(pattern.clone()),
            Kind::Wildcard(_) => regex(self.pattern(r"(?-u:\b)")),
        }
    }

    /// A file's lines of the rule, with a priority below all others.
    pub fn yaml(&self, index: usize, out: &mut String) {
        let quoted = |text: &str| format!("'{text}'");
        let when = match &self.kind {
            Kind::Keywords(words) => {
                let mut words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
                words.dedup();
                format!("phrase: [{}]", words.join(", "))
            }
            Kind::Regex(..) | Kind::Wildcard(_) => format!("regex: {}", quoted(&self.pattern(r"(?-u:\b)"))),
        };
        let _ = writeln!(out, "  - id: made.r{index}\n    priority: -{index}\n    when: {{{when}}}");
        let _ = writeln!(out, "    reply: {{zh: 这是第{index}条的答复。, en: This is the answer of rule {index}.}}");
    }

    /// As a RiveScript trigger: the nearest that it can say. It knows no repetition of a class and no bounded gap, and its
    /// `[*]` needs spaces between words, so in Chinese something must stand on both sides.
    pub fn rivescript(&self, index: usize, out: &mut String) {
        let core = match &self.kind {
            Kind::Keywords(words) => format!("({})", words.join("|")),
            Kind::Wildcard(parts) => parts.join("*"),
            Kind::Regex(pattern, _) => {
                let mut text = pattern.clone();
                for gap in [".{0,12}", ".{0,8}", ".{0,6}", ".*"] {
                    text = text.replace(gap, "*");
                }
                text.replace(" ?", "").replace(r"\d{1,4}", "#").replace(r"\d+", "#")
            }
        };
        let trigger = if self.words.chinese {
            format!("*{core}*")
        } else {
            let spaced = core.replace('-', " ").replace('*', " * ").replace('#', " # ");
            format!("[*] {} [*]", spaced.split_whitespace().collect::<Vec<_>>().join(" "))
        };
        let _ = writeln!(out, "+ {trigger}\n- {index}\n");
    }
}

/// Messages to a set of rules.
pub fn messages(rules: &[Rule]) -> Vec<String> {
    let mut dice = Dice::new(2);
    (0..MESSAGES)
        .map(|index| {
            let meant = (index % 10 < 7).then(|| &rules[dice.below(rules.len())]);
            let words = meant.map_or(Words { chinese: dice.below(2) == 0 }, |rule| rule.words);
            message(meant, words, &mut dice)
        })
        .collect()
}

fn message(meant: Option<&Rule>, words: Words, dice: &mut Dice) -> String {
    let length = 8 + dice.below(73);
    let core = match meant {
        Some(rule) => rule.sample(dice),
        None => words.join(&[words.filler(dice), words.subject(dice), words.filler(dice), words.question(dice)]),
    };
    let mut text = core;
    while text.chars().count() < 8 {
        text = words.join(&[&text, words.filler(dice)]);
    }
    loop {
        let more = match dice.below(12) {
            0 => words.subject(dice).to_owned(),
            1 => words.question(dice).to_owned(),
            2 => format!("{}", dice.below(2_000)),
            _ => words.filler(dice).to_owned(),
        };
        let longer = if dice.below(2) == 0 { words.join(&[&more, &text]) } else { words.join(&[&text, &more]) };
        if longer.chars().count() > length {
            return text;
        }
        text = longer;
    }
}

/// The sum of what each message matched, so that engines can be held against each other.
pub fn checksum(matched: &[Vec<u32>]) -> u64 {
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |number: u32| {
        for byte in number.to_le_bytes() {
            sum = (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    };
    for rules in matched {
        add(u32::try_from(rules.len()).expect("fewer than billions"));
        for rule in rules {
            add(*rule);
        }
    }
    sum
}

fn at(value: String) -> Located<String> {
    Located { value, place: Place { file: Arc::from("made"), span: 0..0 } }
}
