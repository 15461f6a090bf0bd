//! What no rule can shadow: asking for a person, and answering the options just shown.

use std::borrow::Cow;

use regex::Regex;

use crate::matching::View;
use crate::message::Choice;

/// Asking for a person, recognised in Chinese and English.
#[derive(Debug)]
pub struct Builtins {
    compounds: Regex,
    negated: Tongues<Regex>,
    asked: Tongues<Regex>,
    bare: Regex,
}

/// The same in Chinese and in English. Apart, because the fast engine gives up at `\b` beside Chinese characters; and a message
/// without a Latin letter need not be asked in English.
#[derive(Debug)]
struct Tongues<T = &'static str> {
    han: T,
    latin: T,
}

impl Tongues<Regex> {
    fn is_match(&self, text: &str) -> bool {
        self.han.is_match(text) || (has_letter(text) && self.latin.is_match(text))
    }

    /// The text without what matches.
    fn cut<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let rest = self.han.replace_all(text, " ");
        if !has_letter(&rest) {
            return rest;
        }
        match self.latin.replace_all(&rest, " ") {
            Cow::Borrowed(_) => rest,
            Cow::Owned(rest) => Cow::Owned(rest),
        }
    }
}

fn has_letter(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Words that contain 人工 and mean something else.
const COMPOUNDS: &str = "真人(秀|图|照|试|上身|模特|实拍|出镜|头发|发|假发|比例|版|cs|穿)|人工(安装|拆|缝|雕|搬|智能|智慧|费|成本|合成|降解|草|皮|革|湖|培育|养殖|繁殖|呼吸|授粉|关节|心脏|耳蜗|降雨|晶体|钻|宝石|珍珠|香|色素|甜味|做的|做出|材质|还是手工|面料|种植|降噪|手工|打磨|缝制|制作|挑选|筛选|检)";
/// "Not that I want a person."
const NEGATED: Tongues = Tongues {
    han: "(不要|不用|不想|不必|不需要|无需|别|没必要|先不|并不想)(再|给我|帮我|要|去|找|转|接|叫|换|联系|到){0,3}(人工|真人|活人)",
    latin: r"\b(don'?t|do not|no need to|no need for|not|without) (want |need |wish )?(to )?(talk |speak |chat |be transferred |transfer |connect )?(to |with )?(a |an |the |any )?(human|real person|live agent|agent|person)\b",
};
/// "I want a person", within a sentence.
const ASKED: Tongues = Tongues {
    han: r"(转|找|要|接|叫|换|联系|呼叫|帮我|给我|需要|想|跟|和|让|请|来|有没有|有|求)(一下|一个|一位|下|个|位|到|你们的|你们)?(人工|真人|活人)|(人工|真人|活人)(客服|服务|坐席|座席|接待|接听|回答|回复|处理|在线|在吗|在不|在么|呢|吧|呀|啊|来|电话)|(转|找|叫|换)(一下|一个|一位|下|个|位|你们的|你们)?客服|^(人工|真人|活人)([^\p{Han}]|$|吗|呢|吧|啊|在|有|可以|接|快|谢|请|我|转|多久|什么|怎么|帮)|[^\p{Han}](人工|真人|活人)$|是(人工|真人|活人)(吗|么|嘛|还是)",
    latin: r"\b(talk|speak|chat|connect|transfer|put|pass|get|give|want|need|like|see|contact|call|reach)( me)?( through| over)?( to| with)? (a |an |the |some |your )?(real |live |actual |human )?(human|person|agent|someone real|representative|operator|customer service|support agent|staff member|human being)\b|\b(human|real person|live agent|live person|real human|human agent|human being|live chat)( please| pls| now)?$|\bis (there|this) (a |an )?(real )?(human|person|live agent)\b",
};
/// The whole message is the wish.
const BARE: &str = r"^((人工|真人|活人|客服)+|转人工|转客服|找客服|客服在吗|[我别]?(不要|不想要|不想跟|不想和|别用|别让|让|死|破|垃圾)?机器人(滚|走开|滚开|滚蛋|闭嘴)[吧啊]?|我?(不要|不想要|不想跟|不想和|别用|别让|别给我发?)机器人(的话|回复|回答|客服|聊|说话|聊天)?|rg|human|agent|person|operator|representative|human please|agent please|real person|live agent|live chat|customer service|talk to someone|speak to someone)$";

/// "I do not want to go on": the whole message, folded.
const CANCELS: [&str; 28] = [
    "算了",
    "算了吧",
    "算了不用了",
    "不用了",
    "不用了谢谢",
    "不查了",
    "不办了",
    "不弄了",
    "不退了",
    "不换了",
    "不改了",
    "不要了",
    "没事了",
    "没事",
    "不需要了",
    "取消",
    "先不了",
    "never mind",
    "nevermind",
    "cancel",
    "forget it",
    "no thanks",
    "no thank you",
    "stop",
    "not now",
    "leave it",
    "drop it",
    "skip it",
];

/// The same in a few more words: 算了不退了, 我不想退了, "never mind, thanks".
const CANCEL_BEGINS: [&str; 5] = ["算了", "还是算了", "never mind", "nevermind", "forget it"];
/// How it ends.
const CANCEL_ENDS: [&str; 9] =
    ["不退了", "不想退了", "不换了", "不想换了", "不改了", "不想改了", "不查了", "不弄了", "不办了"];
/// Longest message that only says so, in characters of its key.
const CANCEL_CHARACTERS: usize = 24;

impl Default for Builtins {
    fn default() -> Self {
        Self::new()
    }
}

impl Builtins {
    /// Compiles the patterns.
    ///
    /// # Panics
    /// Never: the patterns are constants, and a test compiles them.
    #[must_use]
    pub fn new() -> Self {
        let compile = |pattern: &str| Regex::new(pattern).expect("constant patterns are valid");
        let both = |tongues: Tongues| Tongues { han: compile(tongues.han), latin: compile(tongues.latin) };
        Self { compounds: compile(COMPOUNDS), negated: both(NEGATED), asked: both(ASKED), bare: compile(BARE) }
    }

    /// Whether the customer asks for a person.
    #[must_use]
    pub fn asks_for_person(&self, view: &View) -> bool {
        if self.bare.is_match(&view.key) {
            return true;
        }
        let text = view.folded.text();
        // Punctuation at the end ("人工！！") does not change the wish.
        let text = text.trim_end_matches(|c: char| !c.is_alphanumeric());
        let text = self.compounds.replace_all(text, " ");
        // "Not a bot, not a human that reads a script: I want a person" still asks: what is declined is left out, the rest counts.
        self.asked.is_match(&self.negated.cut(&text))
    }

    /// Whether the whole message says that the customer does not want to go on with what was asked.
    #[must_use]
    #[allow(clippy::unused_self, reason = "asked beside the others")]
    pub fn cancels(&self, view: &View) -> bool {
        let key = view.key.as_str();
        let short = key.chars().count() <= CANCEL_CHARACTERS;
        let begins = CANCEL_BEGINS.iter().any(|word| key.starts_with(word));
        let ends = CANCEL_ENDS.iter().any(|word| key.ends_with(word));
        CANCELS.contains(&key) || (short && (begins || ends))
    }

    /// Whether the customer says that no person is wanted.
    #[must_use]
    pub fn declines_person(&self, view: &View) -> bool {
        self.negated.is_match(view.folded.text())
    }
}

/// Index of the option that a message names: its number, its ordinal, or its title.
#[must_use]
pub fn chosen(view: &View, offered: &[Choice], label_key: impl Fn(&str) -> String) -> Option<usize> {
    if offered.is_empty() || view.key.is_empty() {
        return None;
    }
    let number = number(&view.key).filter(|n| (1..=offered.len()).contains(n)).map(|n| n - 1);
    number.or_else(|| offered.iter().position(|choice| label_key(&choice.label) == view.key))
}

/// A number as customers answer a list: 2, 二, 第二个, 选2, option 2, the second one.
fn number(key: &str) -> Option<usize> {
    const WORDS: [(&str, usize); 21] = [
        ("一", 1),
        ("二", 2),
        ("两", 2),
        ("三", 3),
        ("四", 4),
        ("五", 5),
        ("六", 6),
        ("七", 7),
        ("八", 8),
        ("九", 9),
        ("one", 1),
        ("two", 2),
        ("three", 3),
        ("four", 4),
        ("five", 5),
        ("first", 1),
        ("second", 2),
        ("third", 3),
        ("fourth", 4),
        ("fifth", 5),
        ("1st", 1),
    ];
    let mut rest = key;
    for prefix in ["我选", "我要", "选择", "选", "第", "option ", "number ", "no ", "the "] {
        rest = rest.strip_prefix(prefix).unwrap_or(rest);
    }
    for suffix in ["个", "项", "条", "号", "吧", " one", " option", " please"] {
        rest = rest.strip_suffix(suffix).unwrap_or(rest);
    }
    rest.parse().ok().or_else(|| WORDS.iter().find(|(word, _)| *word == rest).map(|(_, n)| *n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Fold, key};

    fn asks(text: &str) -> bool {
        let fold = Fold::new();
        Builtins::new().asks_for_person(&View::new(&fold, text))
    }

    #[test]
    fn lesson_16_asking_for_a_person_is_understood() {
        for text in [
            "人工",
            "转人工",
            "人工！！",
            "轉人工",
            "找真人客服",
            "有没有人工啊",
            "我要找人工",
            "帮我转一下人工客服",
            "人工客服在吗",
            "真人",
            "不要机器人，转人工",
            "转 人 工",
            "能不能换个活人",
            "怎么转人工",
            "叫客服",
            "客服",
            "这是人工吗还是机器人，我要人工",
            "人工人工",
            "人工！人工！人工！",
            "机器人滚开",
            "我不要机器人",
            "别给我发机器人的话",
            "human",
            "Agent",
            "HUMAN PLEASE",
            "I want to talk to a human",
            "can I speak to a real person?",
            "get me an agent",
            "connect me with a live agent",
            "is there a human?",
            "Speak with a representative please",
            "this is not a human, I want to talk to a human",
        ] {
            assert!(asks(text), "{text}");
        }
    }

    #[test]
    fn words_that_only_look_like_it_are_left_alone() {
        for text in [
            "人工智能音箱多少钱",
            "安装要人工费吗",
            "是人工合成的皮吗",
            "不用转人工，谢谢",
            "不需要人工",
            "这是人工草坪吗",
            "is this cleaning agent safe",
            "human hair wig price",
            "真人发假发有吗",
            "有没有真人试穿照",
            "这是真人发吗",
            "需要人工安装吗",
            "手工还是人工做的",
            "no need for a human",
            "不要转人工",
            "我不需要人工",
            "I don't want to talk to a human",
            "怎么退货",
            "",
        ] {
            assert!(!asks(text), "{text}");
        }
    }

    #[test]
    fn lesson_16_a_bare_number_answers_the_options_just_shown() {
        let fold = Fold::new();
        let offered = [("a", "查物流"), ("b", "退款多久"), ("c", "Cancel my order")]
            .map(|(id, label)| Choice { id: id.into(), label: label.into() });
        let choose =
            |text: &str| chosen(&View::new(&fold, text), &offered, |label| key(fold.fold(label).squeezed().text()));
        for (text, index) in [
            ("2", 1),
            ("２", 1),
            ("二", 1),
            ("第二个", 1),
            ("选3", 2),
            ("查物流！", 0),
            ("退款多久?", 1),
            ("退款多久", 1),
            ("option 1", 0),
            ("the second one", 1),
            ("cancel my order.", 2),
        ] {
            assert_eq!(choose(text), Some(index), "{text}");
        }
        for text in ["4", "0", "22", "退款", "一二", ""] {
            assert_eq!(choose(text), None, "{text}");
        }
    }
}
