//! Regional wordings: what Taiwan and Hong Kong call the same thing, and Simplified text written in
//! Traditional characters.
//!
//! Owns the converters, which are loaded when first asked. Expansion is for the rule side at load
//! time; no message is ever converted.

use std::fmt;
use std::sync::{Arc, OnceLock};

use ferrous_opencc::OpenCC;
use ferrous_opencc::config::BuiltinConfig;

use super::fold::Fold;
use super::words::is_han;

/// The most wordings that one phrase is expanded to.
const MAX_WORDINGS: usize = 16;

/// Words of a shop that differ by region, folded; each line holds words for the same thing, the
/// mainland one first. Only words that mean nothing else anywhere (增值, Hong Kong for 充值, is
/// absent: 增值税). What `OpenCC`'s Taiwan phrases know (软件, 网络, 默认 …) is listed only where the
/// way back is wanted too, or a further word.
const WORDINGS: &[&[&str]] = &[
    &["快递", "宅配", "速递"],
    &["包邮", "免运费", "免邮费"],
    &["短信", "简讯", "短讯"],
    &["登录", "登入", "登陆"],
    &["网络", "网路"],
    &["发货", "出货"],
    &["上门", "到府"],
    &["质量", "品质"],
    &["优惠券", "折价券"],
    &["视频", "影片"],
    &["预售", "预购"],
    &["自提", "自取"],
    &["充值", "储值"],
    &["积分", "点数"],
    &["保修", "保固"],
    &["联系", "联络"],
    &["在线", "线上"],
    &["身份证", "身分证"],
    &["信息", "资讯"],
    &["软件", "软体"],
    &["屏幕", "荧幕", "萤幕"],
    &["打印", "列印"],
    &["鼠标", "滑鼠"],
    &["塑料", "塑胶"],
    &["空调", "冷气"],
    &["充电宝", "行动电源"],
    &["数据线", "传输线"],
    &["u盘", "随身碟"],
    &["笔记本电脑", "笔记型电脑", "笔电"],
    &["自行车", "脚踏车"],
    &["连衣裙", "连身裙", "洋装"],
    &["洗发水", "洗发精"],
    &["方便面", "泡面", "即食面"],
];

/// Where Taiwan's standard prefers a character that everyday writing, and Hong Kong, does not.
const EVERYDAY: [(char, char); 3] = [('臺', '台'), ('賬', '帳'), ('汙', '污')];

/// What `OpenCC`'s phrases get wrong in the language of a shop, after conversion: pairs of (wrong, right).
const CORRECTIONS: [(&str, &str); 10] = [
    ("彆著", "別著"), // 请别着急
    ("彆氣", "別氣"),
    ("彆強", "別強"),
    ("尺碼錶", "尺碼表"),
    ("餘先生", "余先生"),
    ("餘女士", "余女士"),
    ("餘小姐", "余小姐"),
    ("範先生", "范先生"),
    ("範女士", "范女士"),
    ("範小姐", "范小姐"),
];

/// Converters between the regional forms of Chinese; cheap to make, and shared by `Arc`.
pub struct Variants {
    fold: Arc<Fold>,
    taiwan: OnceLock<OpenCC>,
    taiwan_words: OnceLock<OpenCC>,
}

impl fmt::Debug for Variants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Variants").finish_non_exhaustive()
    }
}

impl Variants {
    /// Converters that have not loaded anything yet; `fold` is the instance that rules are folded with.
    #[must_use]
    pub fn new(fold: Arc<Fold>) -> Self {
        Self { fold, taiwan: OnceLock::new(), taiwan_words: OnceLock::new() }
    }

    /// Writes a Simplified Chinese answer in Traditional characters.
    ///
    /// Characters only, by Taiwan's standard with a few everyday forms (平台, 帳號), which Hong Kong
    /// reads without effort: 里面 becomes 裡面, while `OpenCC`'s general form has 裏面 and 羣. Words stay as
    /// the shop wrote them. Converting them too would change meanings: 审核通过 would become 審核透過,
    /// 退货程序 a computer program (程式). Under a microsecond for each character.
    #[must_use]
    pub fn to_traditional(&self, text: &str) -> String {
        if text.is_ascii() {
            return text.to_owned();
        }
        let standard = converter(&self.taiwan, BuiltinConfig::S2tw).convert(text);
        let everyday = |c| EVERYDAY.iter().find(|&&(from, _)| from == c).map_or(c, |&(_, to)| to);
        let mut traditional: String = standard.chars().map(everyday).collect();
        for (wrong, right) in CORRECTIONS {
            if traditional.contains(wrong) {
                traditional = traditional.replace(wrong, right);
            }
        }
        traditional
    }

    /// Regional wordings of a rule's phrase, folded and squeezed, without the phrase itself.
    ///
    /// 软件 gives 软体, 网络登录 gives 网路登入 and what lies between. In a fixed order, each once, at
    /// most 16; empty for a phrase without Han characters. Hong Kong's characters need no
    /// wording of their own, for folding brings them back.
    #[must_use]
    pub fn expand(&self, phrase: &str) -> Vec<String> {
        if !phrase.chars().any(is_han) {
            return Vec::new();
        }
        let own = self.fold.squeeze(phrase).into_text();
        let taiwan = converter(&self.taiwan_words, BuiltinConfig::S2twp).convert(&own);
        let taiwan = self.fold.squeeze(&taiwan).into_text();
        let mut wordings = vec![own];
        for wording in std::iter::once(taiwan).chain(combinations(&wordings[0])) {
            if wordings.len() <= MAX_WORDINGS && !wordings.contains(&wording) {
                wordings.push(wording);
            }
        }
        wordings.remove(0);
        wordings
    }
}

/// All ways to write `phrase` with the words of [`WORDINGS`], the phrase itself first.
fn combinations(phrase: &str) -> Vec<String> {
    let mut written = vec![String::new()];
    let mut done = 0;
    for (at, line, word) in occurrences(phrase) {
        let between = phrase.get(done..at).unwrap_or_default();
        done = at + word.len();
        let words = std::iter::once(word).chain(line.iter().copied().filter(|&other| other != word));
        // Words outside, so that the bound cuts off the rarest combinations.
        written = words
            .flat_map(|word| written.iter().map(move |start| format!("{start}{between}{word}")))
            .take(MAX_WORDINGS + 1)
            .collect();
    }
    let end = phrase.get(done..).unwrap_or_default();
    for start in &mut written {
        start.push_str(end);
    }
    written
}

/// Where listed words stand in `phrase`, in order and without overlap. A mainland word goes before a
/// regional one that overlaps it: in 商品质量 it is 质量 that counts, not 品质.
fn occurrences(phrase: &str) -> Vec<(usize, &'static [&'static str], &'static str)> {
    let mut found: Vec<(usize, &'static [&'static str], &'static str)> = Vec::new();
    for regional in [false, true] {
        for &line in WORDINGS {
            let words = line.iter().skip(usize::from(regional)).take(if regional { line.len() } else { 1 });
            for &word in words {
                for (at, _) in phrase.match_indices(word) {
                    let free = |&(other, _, taken): &(usize, &[&str], &str)| {
                        at + word.len() <= other || other + taken.len() <= at
                    };
                    if found.iter().all(free) {
                        found.push((at, line, word));
                    }
                }
            }
        }
    }
    found.sort_unstable_by_key(|&(at, ..)| at);
    found
}

fn converter(cell: &OnceLock<OpenCC>, config: BuiltinConfig) -> &OpenCC {
    cell.get_or_init(|| OpenCC::from_config(config).expect("the dictionaries are compiled into the binary"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variants() -> Variants {
        Variants::new(Arc::new(Fold::new()))
    }

    #[test]
    fn regional_wordings_of_a_phrase() {
        let variants = variants();
        assert_eq!(variants.expand("软件"), ["软体"]);
        assert_eq!(variants.expand("登录"), ["登入", "登陆"]);
        assert_eq!(variants.expand("網絡"), ["网路"]);
        assert_eq!(variants.expand("宅配"), ["快递", "速递"]);
        assert_eq!(variants.expand("默认地址"), ["预设地址"]);
        assert_eq!(variants.expand("商品质量"), ["商品品质"]);
        assert_eq!(variants.expand("商品品质"), ["商品质量"]);
        let both = variants.expand("短信登录");
        for wording in ["简讯登入", "简讯登录", "短信登入", "短讯登入"] {
            assert!(both.iter().any(|w| w == wording), "{wording} in {both:?}");
        }
    }

    #[test]
    fn nothing_to_expand() {
        let variants = variants();
        for phrase in ["", "refund", "退款", "我要退货", "!?"] {
            assert_eq!(variants.expand(phrase), Vec::<String>::new(), "{phrase}");
        }
    }

    #[test]
    fn the_number_of_wordings_is_bounded() {
        let wordings = variants().expand(&"快递短信登录".repeat(20));
        assert_eq!(wordings.len(), MAX_WORDINGS);
    }

    #[test]
    fn the_list_is_folded_and_without_doubles() {
        let fold = Fold::new();
        let words: Vec<&str> = WORDINGS.iter().flat_map(|line| line.iter().copied()).collect();
        for (at, word) in words.iter().enumerate() {
            assert_eq!(fold.squeeze(word).text(), *word);
            assert!(!words[..at].contains(word), "{word} is listed twice");
        }
    }

    #[test]
    fn answers_in_traditional_characters_keep_their_words() {
        let variants = variants();
        for (simplified, traditional) in [
            ("您好,请发一下订单号(12到18位数字)。", "您好,請發一下訂單號(12到18位數字)。"),
            ("审核通过后,退款会在3天里到账", "審核通過後,退款會在3天裡到帳"),
            ("退货程序", "退貨程序"),
            ("请别着急,看尺码表", "請別著急,看尺碼表"),
            ("余先生的余额", "余先生的餘額"),
            ("平台客服回复", "平台客服回覆"),
            ("面条、头发、发货、干净、干洗", "麵條、頭髮、發貨、乾淨、乾洗"),
            ("看着这群人", "看著這群人"),
            ("order 123 😀", "order 123 😀"),
            ("", ""),
        ] {
            assert_eq!(variants.to_traditional(simplified), traditional);
        }
    }

    proptest::proptest! {
        #[test]
        fn expansions_are_folded(phrase in "[软件登录网络短信退款快递 a-c]{0,12}") {
            thread_local!(static VARIANTS: Variants = variants());
            VARIANTS.with(|variants| {
                let own = variants.fold.squeeze(&phrase).into_text();
                for wording in variants.expand(&phrase) {
                    assert_ne!(&wording, &own);
                    assert_eq!(variants.fold.squeeze(&wording).text(), wording);
                }
            });
        }
    }
}
