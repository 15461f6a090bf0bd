//! Han characters: the Traditional to Simplified table and what a character says about its script.
//!
//! The data is `OpenCC`'s (through `ferrous-opencc`), asked one character at a time so that the result
//! never depends on the neighbours; a short house list adds what `OpenCC` leaves alone.

use std::collections::HashMap;

use ferrous_opencc::OpenCC;
use ferrous_opencc::config::BuiltinConfig;

/// The blocks of Han characters that are asked for: URO and extension A, then extensions B to H.
const BLOCKS: [(u32, u32); 3] = [(0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0x2_0000, 0x3_23AF)];

/// What `OpenCC`'s character table leaves alone although customers mean the same: pairs of (written,
/// meant). Meanings that only a context could tell apart are given up on purpose, for both sides of
/// a comparison are folded alike (著名 and 着名 are the same text to the matcher).
const HOUSE: &[(&str, char)] = &[
    ("著", '着'),
    ("妳您", '你'),
    ("牠祂", '它'),
    ("瞭", '了'),
    ("祇衹", '只'),
    ("覆", '复'),
    ("甚", '什'),
    ("帐", '账'),
    ("藉", '借'),
    ("彷", '仿'),
    ("牴", '抵'),
    ("劵", '券'),
    ("咭", '卡'),
    ("幺", '么'),
    ("衞", '卫'),
    ("敍", '叙'),
    ("枱", '台'),
    ("擡", '抬'),
    ("簷", '檐'),
    ("痺", '痹'),
    ("睪", '睾'),
    ("暱", '昵'),
    ("糭", '粽'),
    ("栢", '柏'),
    ("隣", '邻'),
    ("脇", '胁'),
    ("荳", '豆'),
    ("吿", '告'),
    ("粧", '妆'),
    ("讬", '托'),
    ("谘", '咨'),
    ("钜", '巨'),
    ("锺", '钟'),
    ("缐", '线'),
    ("侭", '尽'),
    ("馀", '余'),
    ("麺", '面'),
];

/// Simplified characters that are also written in Traditional texts (Taiwan, Hong Kong, or as a
/// character of their own such as 皇后 and 公里) and therefore are evidence of nothing.
const SHARED: &str = "\
    万丑丰了于云亘仆仇仿伙价余佛佣俊修借僵克兑党冢冬准凌几凶出划刮制千升卜占卧即卷厂厘叁只台叶吁吃合吊同后向\
    呆周咨咸咽哄唇喂噪回困囱埼夫夸奸姜娘媪它家尸局岩岳峰巨布帘席干幸广床庵弦彩征御志念恤悦愈愠愿戚户才扎托扣\
    折抵拐挂挨挲挽捆捝据揾搜教敚斗旋旗既昆暗曲朱朴杆杠杯杰松板极柜查栗核梁棁棋棱榅欲氲污沈沾泄泛注涂涌涚淀温\
    游溯漓灶煴熏玩璇症痴皂皓真矩确私秋种秘税筑粽糊糖系累群胄背胜胡脱腊腌腽膻致舍芸苔苹范荐葱蒀蒙蓑蔑虫蚝蜕\
    蜡蝎表谷跖踊辟适逾郁酸采里雕面飧";

/// Traditional characters that Simplified texts keep in some words (乾隆, 宫商角徵羽).
const KEPT: &str = "乾徵夥剋薹麽";

/// The set of characters of the basic plane that tell one script of Chinese from the other.
#[derive(Debug, Clone)]
struct Bits(Vec<u64>);

impl Bits {
    fn new() -> Self {
        Self(vec![0; 0x1_0000 / 64])
    }

    fn set(&mut self, c: char, on: bool) {
        let code = c as usize;
        if let Some(word) = self.0.get_mut(code / 64) {
            let bit = 1 << (code % 64);
            if on { *word |= bit } else { *word &= !bit }
        }
    }

    fn has(&self, c: char) -> bool {
        let code = c as usize;
        self.0.get(code / 64).is_some_and(|word| word >> (code % 64) & 1 == 1)
    }
}

/// The Traditional to Simplified table with its evidence.
#[derive(Debug, Clone)]
pub(super) struct Han {
    pairs: HashMap<char, char>,
    traditional: Bits,
    simplified: Bits,
}

impl Han {
    /// Asks `OpenCC` for every Han character and closes the table, so that folding twice changes nothing.
    pub(super) fn new() -> Self {
        let mut pairs = opencc_pairs();
        let mut traditional = Bits::new();
        let mut simplified = Bits::new();
        for (&from, &to) in &pairs {
            traditional.set(from, true);
            simplified.set(to, true);
        }
        // A character in the middle of a chain (苧) belongs to neither side.
        let middle: Vec<char> = pairs.values().filter(|c| pairs.contains_key(c)).copied().collect();
        for c in SHARED.chars().chain(KEPT.chars()).chain(middle) {
            traditional.set(c, false);
            simplified.set(c, false);
        }
        for &(written, meant) in HOUSE {
            pairs.extend(written.chars().map(|c| (c, meant)));
        }
        close(&mut pairs);
        Self { pairs, traditional, simplified }
    }

    /// The Simplified character that `c` folds to; any other character is returned as it is.
    pub(super) fn simplify(&self, c: char) -> char {
        self.pairs.get(&c).copied().unwrap_or(c)
    }

    /// All pairs (written, folded), none of them equal.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (char, char)> + '_ {
        self.pairs.iter().map(|(&from, &to)| (from, to))
    }

    /// Whether `c` is written in Traditional Chinese only.
    pub(super) fn is_traditional_only(&self, c: char) -> bool {
        self.traditional.has(c)
    }

    /// Whether `c` is written in Simplified Chinese only.
    pub(super) fn is_simplified_only(&self, c: char) -> bool {
        self.simplified.has(c)
    }
}

/// Asks `OpenCC`, in one call: a line feed between the characters keeps its phrase table out.
fn opencc_pairs() -> HashMap<char, char> {
    let opencc = OpenCC::from_config(BuiltinConfig::T2s)
        .expect("the Traditional to Simplified dictionary is compiled into the binary");
    let han: Vec<char> = BLOCKS.iter().flat_map(|&(first, last)| (first..=last).filter_map(char::from_u32)).collect();
    let mut question = String::with_capacity(han.len() * 5);
    for &c in &han {
        question.push(c);
        question.push('\n');
    }
    let answer = opencc.convert(&question);
    let mut pairs = HashMap::with_capacity(5000);
    for (&from, line) in han.iter().zip(answer.lines()) {
        let mut to = line.chars();
        if let (Some(to), None) = (to.next(), to.next())
            && to != from
        {
            pairs.insert(from, to);
        }
    }
    pairs
}

/// Follows chains (薴 → 苧 → 苎) to their end. A circle, should the data ever have one, is cut.
fn close(pairs: &mut HashMap<char, char>) {
    let ends: Vec<(char, char)> = pairs
        .iter()
        .map(|(&from, &to)| {
            let mut end = to;
            for _ in 0..8 {
                match pairs.get(&end) {
                    Some(&next) if next != from => end = next,
                    _ => break,
                }
            }
            (from, end)
        })
        .collect();
    *pairs = ends.into_iter().collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_closed_and_as_large_as_opencc() {
        let han = Han::new();
        assert!(han.pairs.len() > 4_100, "{}", han.pairs.len());
        for (from, to) in han.pairs() {
            assert_ne!(from, to);
            assert_eq!(han.simplify(to), to, "{from} {to}");
        }
        assert_eq!(han.simplify('薴'), '苎');
    }

    #[test]
    fn every_house_pair_is_needed_and_holds() {
        let plain = opencc_pairs();
        let han = Han::new();
        for &(written, meant) in HOUSE {
            for c in written.chars() {
                assert_ne!(plain.get(&c), Some(&meant), "OpenCC knows {c} by now");
                assert_eq!(han.simplify(c), meant, "{c}");
            }
        }
    }

    #[test]
    fn shared_characters_are_evidence_of_nothing() {
        let han = Han::new();
        for c in "后里台面只乾着著周干斗".chars() {
            assert!(!han.is_traditional_only(c) && !han.is_simplified_only(c), "{c}");
        }
        for c in "這嗎說貨訂單還沒為裡於".chars() {
            assert!(han.is_traditional_only(c) && !han.is_simplified_only(c), "{c}");
        }
        for c in "这吗说货订单还为发给".chars() {
            assert!(han.is_simplified_only(c) && !han.is_traditional_only(c), "{c}");
        }
    }

    #[test]
    fn what_taiwan_and_hong_kong_write_is_not_simplified_only() {
        let han = Han::new();
        for config in [BuiltinConfig::S2tw, BuiltinConfig::S2hk] {
            let opencc = OpenCC::from_config(config).expect("built in");
            for (_, c) in han.pairs() {
                let kept = opencc.convert(&c.to_string()).chars().eq([c]);
                assert!(!(kept && han.is_simplified_only(c)), "{c} is written there: add it to SHARED");
            }
        }
    }

    /// This is why `variants` need not ask `OpenCC` for Hong Kong: it only knows other characters, and
    /// folding brings them back.
    #[test]
    fn regional_characters_fold_back() {
        let han = Han::new();
        for config in [BuiltinConfig::S2tw, BuiltinConfig::S2hk] {
            let opencc = OpenCC::from_config(config).expect("built in");
            let lost: String = (0x4E00..=0x9FFF)
                .filter_map(char::from_u32)
                .filter(|&c| {
                    let regional = opencc.convert(&c.to_string());
                    !regional.chars().map(|r| han.simplify(r)).eq([han.simplify(c)])
                })
                .collect();
            // Rare variants only: names of plants, fish and the like.
            assert!(lost.chars().all(|c| "渖潨稆縆腭镟鮎鲇麹齶".contains(c)), "{lost}");
        }
    }
}
