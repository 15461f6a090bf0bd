//! Many texts beside each other, to group them: each as a vector, and its nearest others by an inverted index.
//!
//! The same features and weights as of the learner, but of these texts alone: no entry is known here, and no slip is mended.

use super::reading::Reading;
use super::synonyms::Synonyms;
use super::tokens::{Kind, tokens};
use super::vector::{Vector, Vocabulary, features};
use super::words::{is_weak_character, is_weak_word};

/// Features of a text that are looked up; the heaviest.
const LOOKED_UP: usize = 40;
/// Features that more texts have than this tell little and cost much.
const COMMON: usize = 1000;
/// Longest name in Chinese, in characters.
const LONGEST: usize = 8;

/// Many texts.
#[derive(Debug)]
pub struct Field {
    vectors: Vec<Vector>,
    features: usize,
}

impl Field {
    /// Of folded and squeezed texts.
    pub(super) fn new(texts: &[&str], synonyms: &Synonyms) -> Self {
        let all: Vec<_> = texts.iter().map(|text| features(&Reading::new(text, synonyms, None), true)).collect();
        let vocabulary = Vocabulary::new(&all, 1);
        let mut vectors: Vec<Vector> = all.iter().map(|features| vocabulary.vector(features)).collect();
        for vector in &mut vectors {
            vector.sort_unstable_by_key(|(feature, _)| *feature);
        }
        Self { vectors, features: vocabulary.len() }
    }

    /// The vector of each text, of length 1, by ascending feature; empty where a text has no word.
    #[must_use]
    pub fn vectors(&self) -> &[Vec<(u32, f32)>] {
        &self.vectors
    }

    /// How many features there are.
    #[must_use]
    pub fn features(&self) -> usize {
        self.features
    }

    /// For each text its nearest others, the nearest first; of equally near ones the earlier. A cosine by the telling features alone.
    #[must_use]
    pub fn nearest(&self, most: usize, least: f32) -> Vec<Vec<(u32, f32)>> {
        let mut postings: Vec<Vec<(u32, f32)>> = vec![Vec::new(); self.features];
        for (text, vector) in (0_u32..).zip(&self.vectors) {
            for (feature, value) in vector {
                postings[*feature as usize].push((text, *value));
            }
        }
        let mut sums = vec![0.0_f32; self.vectors.len()];
        let mut touched: Vec<u32> = Vec::new();
        let nearer = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        let near = (0_u32..).zip(&self.vectors).map(|(text, vector)| {
            let shared = |(feature, _): &&(u32, f32)| (2..=COMMON).contains(&postings[*feature as usize].len());
            let mut telling: Vec<&(u32, f32)> = vector.iter().filter(shared).collect();
            telling.sort_unstable_by(|a, b| nearer(a, b));
            for &(feature, value) in telling.into_iter().take(LOOKED_UP) {
                for (other, weight) in &postings[feature as usize] {
                    let sum = &mut sums[*other as usize];
                    if *sum == 0.0 {
                        touched.push(*other);
                    }
                    *sum += value * weight;
                }
            }
            let mut near: Vec<(u32, f32)> = Vec::new();
            for other in touched.drain(..) {
                let cosine = std::mem::take(&mut sums[other as usize]);
                if other != text && cosine >= least {
                    near.push((other, cosine));
                }
            }
            if near.len() > most && most > 0 {
                near.select_nth_unstable_by(most - 1, nearer);
                near.truncate(most);
            }
            near.sort_unstable_by(nearer);
            near
        });
        near.collect()
    }
}

/// The words and short phrases of a folded text that could name what it is about, each once: Latin words that are no grammar, alone
/// and two by two; Chinese from two to eight characters, neither beginning nor ending with one of grammar.
#[must_use]
pub fn names(folded: &str) -> Vec<&str> {
    let tokens = tokens(folded);
    let character = |at: usize| tokens.get(at).is_some_and(|token| token.kind == Kind::Character);
    let weak = |at: usize| match tokens.get(at) {
        Some(token) if token.kind == Kind::Character => token.text.chars().all(is_weak_character),
        Some(token) => token.kind == Kind::Number || is_weak_word(token.text),
        None => true,
    };
    let end = |at: usize| tokens.get(at).map_or(0, |token| token.at + token.text.len());
    let mut out = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if weak(at) {
            continue;
        }
        if token.kind == Kind::Character {
            let mut before = at;
            for (last, next) in tokens.iter().enumerate().take(at + LONGEST).skip(at + 1) {
                // A gap is a space or a sign: two phrases.
                if !character(last) || end(before) != next.at {
                    break;
                }
                before = last;
                if !weak(last) {
                    out.extend(folded.get(token.at..end(last)));
                }
            }
        } else {
            out.push(token.text);
            if !weak(at + 1) && !character(at + 1) && tokens.get(at + 1).is_some_and(|next| next.at == end(at) + 1) {
                out.extend(folded.get(token.at..end(at + 1)));
            }
        }
    }
    out.sort_unstable();
    out.dedup();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_are_those_that_share_most() {
        let texts = ["where is my parcel", "where is the parcel now", "do you sell shoes", "sell me shoes", "???"];
        let field = Field::new(&texts, &Synonyms::none());
        let near = field.nearest(2, 0.05);
        assert_eq!(near[0].first().map(|near| near.0), Some(1));
        assert_eq!(near[2].first().map(|near| near.0), Some(3));
        assert!(near[4].is_empty() && field.vectors()[4].is_empty());
        assert!(near.iter().all(|near| near.len() <= 2));
    }

    #[test]
    fn what_could_name_a_text() {
        assert_eq!(names("the gift card, a2b 12"), ["card", "gift", "gift card"]);
        assert_eq!(names("我的积分呢"), ["积分"]);
        assert_eq!(names("积分 怎么兑换"), ["兑换", "积分"]);
    }
}
