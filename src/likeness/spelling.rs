//! Slips of the pen: words that no example has but that are one slip from a word that examples have.
//!
//! Latin words: a letter too many, too few or exchanged with its neighbour, or another that lies near it on the keyboard or sounds
//! like it; in words of nine letters and more, two. Chinese: a character that fits neither neighbour, where one of the same sound
//! does (退宽 for 退款). A prefix that turns the meaning (`impossible`, `reinstall`) is no slip.

use pinyin::ToPinyinMulti;
use rustc_hash::FxHashMap;

use super::reading::{Concept, Mended};
use super::tokens::{Kind, Token};
use super::words::{is_weak_character, is_weak_word};

/// Shortest Latin word that is mended: shorter ones have too many neighbours.
const SHORTEST: usize = 5;
/// Shortest Latin word in which two slips are mended, and whose first letter may be wrong.
const LONG: usize = 9;
/// Least likeness by letters for two words to stand for each other.
const NEAR: f32 = 0.5;
/// Beginnings that turn the meaning of a word.
const PREFIXES: [&str; 12] = ["un", "in", "im", "ir", "il", "dis", "mis", "non", "re", "over", "under", "pre"];
/// Letters and groups that are taken for one another by ear.
const BY_EAR: [(u8, u8); 7] =
    [(b'c', b'k'), (b'c', b's'), (b's', b'z'), (b'f', b'v'), (b'g', b'j'), (b'q', b'k'), (b'i', b'y')];
/// Rows of a keyboard.
const ROWS: [&[u8]; 3] = [b"qwertyuiop", b"asdfghjkl", b"zxcvbnm"];

/// The words and pairs of characters of the examples.
#[derive(Debug, Default)]
pub(super) struct Spelling {
    /// Words with how often they stand and how many different pairs of letters they have.
    words: Vec<(Box<str>, u32, u16)>,
    index: FxHashMap<Box<str>, u32>,
    /// Words by two neighbouring letters.
    by_letters: FxHashMap<[char; 2], Vec<u32>>,
    /// How often two characters stand together.
    pairs: FxHashMap<(char, char), u32>,
    /// The best first character for (its sound, the second), as text.
    first: FxHashMap<(u64, char), (u32, Box<str>)>,
    /// The best second character for (the first, its sound).
    second: FxHashMap<(char, u64), (u32, Box<str>)>,
}

impl Spelling {
    /// Learns from the tokens of all examples.
    pub(super) fn new<'a>(examples: impl Iterator<Item = &'a [Token<'a>]>) -> Self {
        let mut out = Self::default();
        let mut words: FxHashMap<&str, u32> = FxHashMap::default();
        for tokens in examples {
            for token in tokens.iter().filter(|token| token.kind == Kind::Word) {
                *words.entry(token.text).or_default() += 1;
            }
            for pair in tokens.windows(2) {
                if let [Some(a), Some(b)] = [character(&pair[0]), character(&pair[1])]
                    && pair[0].at + pair[0].text.len() == pair[1].at
                {
                    *out.pairs.entry((a, b)).or_default() += 1;
                }
            }
        }
        let mut words: Vec<(&str, u32)> = words.into_iter().collect();
        words.sort_unstable();
        for (id, (word, count)) in (0_u32..).zip(words) {
            let letters = pairs_of(word);
            let pairs = u16::try_from(letters.len()).unwrap_or(u16::MAX);
            for letters in letters {
                let list = out.by_letters.entry(letters).or_default();
                if list.last() != Some(&id) {
                    list.push(id);
                }
            }
            out.index.insert(word.into(), id);
            out.words.push((word.into(), count, pairs));
        }
        out.learn_sounds();
        out
    }

    fn learn_sounds(&mut self) {
        // In a fixed order, so that of two equally frequent characters always the same is taken.
        let mut pairs: Vec<((char, char), u32)> = self.pairs.iter().map(|(pair, count)| (*pair, *count)).collect();
        pairs.sort_unstable_by_key(|&(pair, count)| (std::cmp::Reverse(count), pair));
        for ((a, b), count) in pairs {
            for sound in sounds(a) {
                self.first.entry((sound, b)).or_insert_with(|| (count, a.to_string().into()));
            }
            for sound in sounds(b) {
                self.second.entry((a, sound)).or_insert_with(|| (count, b.to_string().into()));
            }
        }
    }

    /// Whether examples have the word.
    pub(super) fn knows(&self, word: &str) -> bool {
        self.index.contains_key(word)
    }

    /// Words of the examples that share at least half of their pairs of letters (Dice's coefficient), with how much they are alike.
    pub(super) fn near(&self, word: &str) -> Vec<(&str, f32)> {
        let letters = pairs_of(word);
        let mut shared = vec![0_u16; self.words.len()];
        let mut touched: Vec<u32> = Vec::new();
        for pair in &letters {
            for id in self.by_letters.get(pair).into_iter().flatten() {
                let count = &mut shared[*id as usize];
                if *count == 0 {
                    touched.push(*id);
                }
                *count += 1;
            }
        }
        let mut out: Vec<(&str, f32)> = touched
            .into_iter()
            .filter_map(|id| {
                let (other, _, pairs) = self.words.get(id as usize)?;
                #[allow(clippy::cast_precision_loss, reason = "lengths of words")]
                let alike = 2.0 * f32::from(shared[id as usize]) / (letters.len() + usize::from(*pairs)) as f32;
                (alike >= NEAR).then_some((&**other, alike.min(1.0)))
            })
            .collect();
        out.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
        out
    }

    /// Mends the slips of a message in place, and tells which.
    pub(super) fn mend<'t>(&'t self, tokens: &mut [Token<'t>], concepts: &[Concept]) -> Vec<Mended> {
        let mut out = Vec::new();
        let named: Vec<bool> =
            (0..tokens.len()).map(|at| concepts.iter().any(|concept| concept.tokens.contains(&at))).collect();
        for at in 0..tokens.len() {
            if named[at] {
                continue;
            }
            let read = match tokens[at].kind {
                Kind::Word => self.word(tokens[at].text),
                Kind::Character => self.by_sound(tokens, at),
                Kind::Number => None,
            };
            if let Some(read) = read {
                let token = &mut tokens[at];
                let span = token.at..token.at + token.text.len();
                out.push(Mended { written: token.text.to_owned(), read: read.to_owned(), span });
                token.text = read;
            }
        }
        out
    }

    /// The word that was meant, if it is a slip away.
    fn word(&self, word: &str) -> Option<&str> {
        let letters = word.bytes().all(|b| b.is_ascii_lowercase());
        if !letters || word.len() < SHORTEST || self.knows(word) || is_weak_word(word) {
            return None;
        }
        let slips = if word.len() >= LONG { 2 } else { 1 };
        let candidates = self.near_enough(word, slips);
        candidates
            .filter(|(other, _)| other.len() >= SHORTEST - 1 && other.bytes().all(|b| b.is_ascii_lowercase()))
            .filter_map(|(other, count)| {
                let distance = strsim::osa_distance(word, other);
                let fits = distance <= slips && (distance > 1 || is_slip(word, other)) && !turns(word, other);
                fits.then_some((distance, std::cmp::Reverse(count), other))
            })
            .min()
            .map(|(_, _, other)| other)
    }

    /// Words of about the length that share letters.
    fn near_enough<'a>(&'a self, word: &str, slips: usize) -> impl Iterator<Item = (&'a str, u32)> + 'a {
        let length = word.len();
        let first = word.bytes().next();
        let pairs = pairs_of(word);
        // Letters that change places touch three pairs, every other slip at most two.
        let least = pairs.len().saturating_sub(3 * slips).max(1);
        let mut ids: Vec<u32> = pairs.iter().filter_map(|pair| self.by_letters.get(pair)).flatten().copied().collect();
        ids.sort_unstable();
        let ids: Vec<u32> = ids.chunk_by(u32::eq).filter(|same| same.len() >= least).map(|same| same[0]).collect();
        ids.into_iter().filter_map(move |id| {
            let (other, count, _) = self.words.get(id as usize)?;
            let fits = other.len().abs_diff(length) <= slips && (length >= LONG || other.bytes().next() == first);
            fits.then_some((&**other, *count))
        })
    }

    /// The character of the same sound that stands with a neighbour in examples, where this one stands with neither.
    fn by_sound(&self, tokens: &[Token<'_>], at: usize) -> Option<&str> {
        let this = character(&tokens[at]).filter(|c| !is_weak_character(*c))?;
        let next_to = |other: usize| tokens.get(other).and_then(character);
        let before = at.checked_sub(1).and_then(next_to);
        let after = next_to(at + 1);
        let known = |a: Option<char>, b: Option<char>| a.zip(b).is_some_and(|pair| self.pairs.contains_key(&pair));
        if known(before, Some(this)) || known(Some(this), after) {
            return None;
        }
        let candidates = sounds(this).into_iter().flat_map(|sound| {
            let first = after.and_then(|after| self.first.get(&(sound, after)));
            let second = before.and_then(|before| self.second.get(&(before, sound)));
            [first, second].into_iter().flatten()
        });
        candidates.max_by_key(|(count, text)| (*count, std::cmp::Reverse(text.clone()))).map(|(_, text)| &**text)
    }
}

fn character(token: &Token<'_>) -> Option<char> {
    token.text.chars().next().filter(|_| token.kind == Kind::Character)
}

/// Neighbouring letters of a word, its ends marked.
fn pairs_of(word: &str) -> Vec<[char; 2]> {
    let mut before = '<';
    let mut out: Vec<[char; 2]> = Vec::with_capacity(word.len() + 1);
    for c in word.chars().chain(std::iter::once('>')) {
        if !out.contains(&[before, c]) {
            out.push([before, c]);
        }
        before = c;
    }
    out
}

/// The sounds of a character, without tone, and without what southern speakers do not tell apart (zh and z, ing and in).
fn sounds(c: char) -> Vec<u64> {
    use std::hash::Hasher;
    let Some(all) = c.to_pinyin_multi() else { return Vec::new() };
    let mut out: Vec<u64> = all
        .into_iter()
        .map(|sound| {
            let plain = sound.plain();
            let plain = plain.strip_suffix('g').filter(|rest| rest.ends_with('n')).unwrap_or(plain);
            let mut hasher = rustc_hash::FxHasher::default();
            match plain.as_bytes() {
                [first @ (b'z' | b'c' | b's'), b'h', rest @ ..] => {
                    hasher.write_u8(*first);
                    hasher.write(rest);
                }
                all => hasher.write(all),
            }
            hasher.finish()
        })
        .collect();
    out.sort_unstable();
    out.dedup();
    out
}

/// Whether one edit between two words is one that hands make.
fn is_slip(a: &str, b: &str) -> bool {
    if a.len() != b.len() {
        return true;
    }
    let differ: Vec<(u8, u8)> = a.bytes().zip(b.bytes()).filter(|(x, y)| x != y).collect();
    match differ[..] {
        [(x, y)] => near_keys(x, y) || BY_EAR.contains(&(x, y)) || BY_EAR.contains(&(y, x)) || (vowel(x) && vowel(y)),
        _ => true,
    }
}

fn vowel(letter: u8) -> bool {
    matches!(letter, b'a' | b'e' | b'i' | b'o' | b'u')
}

fn near_keys(a: u8, b: u8) -> bool {
    let place =
        |key: u8| ROWS.iter().enumerate().find_map(|(row, keys)| Some((row, keys.iter().position(|k| *k == key)?)));
    place(a)
        .zip(place(b))
        .is_some_and(|((row, at), (other, there))| row.abs_diff(other) <= 1 && at.abs_diff(there) <= 1)
}

/// Whether two words differ in a beginning that turns the meaning.
fn turns(a: &str, b: &str) -> bool {
    let bare = |word: &str| -> Vec<(Option<&'static str>, String)> {
        let mut out = vec![(None, word.to_owned())];
        for prefix in PREFIXES {
            if let Some(rest) = word.strip_prefix(prefix).filter(|rest| rest.len() >= 4) {
                out.push((Some(prefix), rest.to_owned()));
            }
        }
        out
    };
    let (a, b) = (bare(a), bare(b));
    a.iter().any(|(one, rest)| b.iter().any(|(other, same)| one != other && rest == same))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::likeness::tokens::tokens;

    fn spelling() -> Spelling {
        let examples = [
            "where is my refund",
            "退款多久到账",
            "怎么开发票",
            "install the mattress",
            "possible uninstall delivery",
            "store",
        ];
        let all: Vec<Vec<Token<'_>>> = examples.iter().map(|text| tokens(text)).collect();
        Spelling::new(all.iter().map(Vec::as_slice))
    }

    fn mended(text: &str) -> String {
        let spelling = spelling();
        let mut tokens = tokens(text);
        spelling.mend(&mut tokens, &[]);
        tokens.iter().map(|token| token.text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn slips_are_mended() {
        for (written, read) in [
            ("refnud", "refund"),
            ("reffund", "refund"),
            ("mattres", "mattress"),
            ("matterss", "mattress"),
            ("delivary", "delivery"),
            ("退宽", "退 款"),
            ("发漂", "发 票"),
        ] {
            assert_eq!(mended(written), read);
        }
    }

    #[test]
    fn other_words_are_left_alone() {
        for text in ["impossible", "reinstall", "stone", "story", "refu", "打 印"] {
            assert_eq!(mended(text), text);
        }
    }
}
