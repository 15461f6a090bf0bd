//! Several questions in one message: where it is parted, and which parts ask something.

/// Fewest letters or characters of a part that asks something.
const SHORTEST: usize = 4;
/// Words that open another question, in folded text; each parts the message before it.
const OPENERS: [&str; 12] = [
    "另外",
    "还有",
    "顺便",
    "对了",
    "以及",
    "再问",
    "还想问",
    " and also ",
    " also ",
    " and how ",
    " and what ",
    " and do ",
];
/// What a part that asks has.
const ASKING: [&str; 28] = [
    "?",
    "？",
    "吗",
    "么",
    "呢",
    "怎",
    "如何",
    "什么",
    "哪",
    "多少",
    "几",
    "多久",
    "能不能",
    "可以",
    "可不可以",
    "是否",
    "有没有",
    "咋",
    "啥",
    "谁",
    "how",
    "what",
    "when",
    "where",
    "which",
    "can ",
    "could ",
    "do you",
];

/// The parts of a message, in order; empty where it is all of one piece. Parts without a letter are left out.
pub(super) fn parts(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    for sentence in text.split_inclusive(['。', '？', '！', '?', '!', '；', ';', '\n']) {
        split_at_openers(sentence, &mut out);
    }
    out.retain(|part| part.chars().any(char::is_alphanumeric));
    if out.len() < 2 {
        return Vec::new();
    }
    out
}

/// Parts a sentence before every word that opens another question.
fn split_at_openers<'t>(sentence: &'t str, out: &mut Vec<&'t str>) {
    // ASCII case folding keeps every byte in its place.
    let lower = sentence.to_ascii_lowercase();
    let mut cuts: Vec<usize> =
        OPENERS.iter().flat_map(|opener| lower.match_indices(opener).map(|(at, _)| at)).filter(|at| *at > 0).collect();
    cuts.sort_unstable();
    cuts.dedup();
    let mut from = 0;
    for at in cuts {
        out.push(sentence[from..at].trim());
        from = at;
    }
    out.push(sentence[from..].trim());
}

/// Whether a part asks something, rather than telling or greeting.
pub(super) fn asks(part: &str) -> bool {
    // A fragment such as 急？ presses and asks nothing.
    let lower = part.to_lowercase();
    part.chars().filter(|c| c.is_alphanumeric()).count() >= SHORTEST && ASKING.iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_parted_where_a_new_question_begins() {
        for (text, expected) in [
            ("怎么退货？运费谁出？", vec!["怎么退货？", "运费谁出？"]),
            ("怎么退货，另外能开发票吗", vec!["怎么退货，", "另外能开发票吗"]),
            ("How long is delivery? Do you ship abroad?", vec!["How long is delivery?", "Do you ship abroad?"]),
            ("怎么退货？？？", vec![]),
            ("", vec![]),
            ("我上周买的鞋子小了", vec![]),
        ] {
            assert_eq!(parts(text), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in ".{0,80}") {
            let parts = parts(&text);
            proptest::prop_assert!(parts.len() != 1 && parts.iter().all(|part| text.contains(part)));
        }
    }
}
