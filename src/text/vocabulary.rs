//! Which of several languages in Latin letters a message is written in, by its words.
//!
//! Knows the small words of each language (the, los, nous) and, of the shop's languages, the words of the shop's own texts; a
//! word counts for every language that has it, so that what languages share decides nothing. Refuses to guess: a message that
//! is not clearly of one language is of none.

use std::collections::HashSet;

use super::fold::Fold;

/// Languages that customers may write besides the shop's own: a message in one of them is not taken for one of the shop's.
const OTHERS: [&str; 14] = ["en", "es", "fr", "de", "it", "pt", "nl", "id", "vi", "sv", "da", "pl", "tr", "ro"];
/// Letters that hardly any other language of the list has. Vietnamese has a block of its own besides.
const TELLING: [(&str, &str); 8] = [
    ("es", "ñ¿¡"),
    ("de", "ß"),
    ("fr", "œ"),
    ("pt", "ãõ"),
    ("pl", "ąęłńśźż"),
    ("tr", "ğış"),
    ("ro", "ățș"),
    ("vi", "ơưđ"),
];
/// What a word counts that a language has as it was typed; without its accents, which customers leave out, it counts one.
pub const WORD: usize = 2;
/// Codes of languages that are not written in Latin letters.
const OTHER_SCRIPTS: [&str; 30] = [
    "zh", "ja", "ko", "ru", "uk", "be", "bg", "mk", "sr", "kk", "ky", "mn", "el", "ar", "fa", "ur", "he", "yi", "th",
    "lo", "my", "km", "hi", "mr", "ne", "bn", "ta", "te", "ka", "hy",
];

/// Whether a language is written in Latin letters.
#[must_use]
pub fn is_latin(code: &str) -> bool {
    let mut parts = code.split('-');
    let family = parts.next().unwrap_or_default();
    parts.any(|part| part.eq_ignore_ascii_case("Latn")) || !OTHER_SCRIPTS.contains(&family)
}

/// The words of one language.
#[derive(Debug)]
struct Words {
    /// As the shop writes it.
    code: String,
    /// In lower case.
    exact: HashSet<String>,
    /// Without accents.
    folded: HashSet<String>,
    served: bool,
}

/// The words of all languages that are told apart.
#[derive(Debug, Default)]
pub struct Vocabulary(Vec<Words>);

/// What the words of a message tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guess {
    /// The shop's language that has the most of them; none where two have as many.
    pub language: Option<String>,
    /// By how much it is ahead of the next: [`WORD`] for a word.
    pub lead: usize,
    /// Words of the message.
    pub words: usize,
    /// Whether it is clearly in a language that the shop does not serve.
    pub foreign: bool,
}

impl Vocabulary {
    /// Of the shop's languages, with the texts that it wrote in each. Holds nothing where there is nothing to tell apart: no
    /// language in Latin letters, or English alone.
    #[must_use]
    pub fn new<'t>(fold: &Fold, served: &[String], texts: impl Iterator<Item = (&'t str, &'t str)>) -> Self {
        let latin: Vec<&String> = served.iter().filter(|code| is_latin(code)).collect();
        if latin.iter().all(|code| family(code) == "en") {
            return Self::default();
        }
        let small = |code: &str, served| {
            let list = stop_words::lookup(family(code)).unwrap_or_default();
            let exact = list.iter().map(|word| word.to_lowercase()).collect();
            Words { code: code.to_owned(), exact, folded: HashSet::new(), served }
        };
        let mut all: Vec<Words> = latin.iter().map(|code| small(code, true)).collect();
        for (code, text) in texts {
            if let Some(known) = all.iter_mut().find(|known| known.code == code) {
                known.exact.extend(words(&without_values(text).to_lowercase()).map(str::to_owned));
            }
        }
        let others = OTHERS.iter().filter(|code| latin.iter().all(|served| family(served) != **code));
        all.extend(others.map(|code| small(code, false)));
        for known in &mut all {
            known.folded = known.exact.iter().map(|word| fold.fold_str(word)).collect();
        }
        Self(all)
    }

    /// What the words of a message tell.
    #[must_use]
    pub fn guess(&self, fold: &Fold, original: &str) -> Guess {
        let lower = original.to_lowercase();
        let said: Vec<(&str, String)> = words(&lower).map(|word| (word, fold.fold_str(word))).collect();
        let count = |known: &Words| {
            let in_words = said.iter().map(|(exact, folded)| {
                if known.exact.contains(*exact) { WORD } else { usize::from(known.folded.contains(folded)) }
            });
            in_words.sum::<usize>() + WORD * lower.chars().filter(|c| tells(family(&known.code), *c)).count()
        };
        let mut served: Vec<(usize, &str)> =
            self.0.iter().filter(|known| known.served).map(|known| (count(known), known.code.as_str())).collect();
        // Of languages that have as many the one that the shop names first stays first.
        served.sort_by_key(|known| std::cmp::Reverse(known.0));
        let best = served.first().map_or(0, |best| best.0);
        let next = served.get(1).map_or(0, |next| next.0);
        let others = self.0.iter().filter(|known| !known.served).map(count).max().unwrap_or_default();
        // Others have no words of the shop's, so they have to be well ahead.
        let foreign = others > best + WORD;
        let clear = !foreign && best > next;
        Guess {
            language: served.first().filter(|_| clear).map(|(_, code)| (*code).to_owned()),
            lead: if clear { best - next } else { 0 },
            words: said.len(),
            foreign,
        }
    }
}

fn family(code: &str) -> &str {
    code.split('-').next().unwrap_or(code)
}

/// Whether a small letter is hardly of any other language than this one.
fn tells(language: &str, c: char) -> bool {
    let listed = TELLING.iter().any(|(code, letters)| *code == language && letters.contains(c));
    listed || (language == "vi" && matches!(c, '\u{1EA0}'..='\u{1EF9}'))
}

/// The words of a text, numbers and addresses left out.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let apart = |c: char| !c.is_alphanumeric() && !matches!(c, '@' | '.' | '/' | '_');
    text.split(apart).filter_map(|piece| {
        let whole = piece.trim_matches(|c: char| !c.is_alphanumeric());
        let is_word = !whole.is_empty() && whole.chars().all(char::is_alphabetic);
        is_word.then_some(whole)
    })
}

/// A text of the shop without what stands between double braces.
fn without_values(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        out.push(' ');
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary(served: &[&str]) -> (Fold, Vocabulary) {
        let fold = Fold::new();
        let served: Vec<String> = served.iter().map(|code| (*code).to_owned()).collect();
        let texts = [("es", "Hola, su pedido {{ order }} llega pronto."), ("fr", "Bonjour, votre commande arrive.")];
        let vocabulary = Vocabulary::new(&fold, &served, texts.into_iter());
        (fold, vocabulary)
    }

    #[test]
    fn customers_messages_are_told_apart_or_left_open() {
        let served = ["zh", "en", "es", "fr", "de", "id", "vi"];
        let (fold, vocabulary) = vocabulary(&served);
        let messages: [(&str, &[&str]); 6] = [
            (
                "en",
                &[
                    "Where is my order?",
                    "How do I return an item",
                    "I have not received my refund yet",
                    "the shoes are too small",
                    "What are your opening hours",
                    "please cancel my order",
                    "do you ship to Spain",
                    "I want to speak to a person",
                    "is this jacket available in blue",
                    "my discount code does not work",
                ],
            ),
            (
                "es",
                &[
                    "¿Dónde está mi pedido?",
                    "donde esta mi pedido",
                    "no he recibido mi reembolso",
                    "los zapatos son muy pequeños",
                    "por favor cancele mi pedido",
                    "mi paquete no ha llegado",
                    "quiero hablar con una persona",
                    "cuánto tarda el envío",
                    "pagué dos veces el mismo pedido",
                    "hola",
                ],
            ),
            (
                "fr",
                &[
                    "Où est ma commande ?",
                    "ou est ma commande",
                    "je n'ai pas reçu mon remboursement",
                    "les chaussures sont trop petites",
                    "quels sont vos horaires d'ouverture",
                    "mon colis n'est pas arrivé",
                    "je voudrais parler à une personne",
                    "mon code promo ne marche pas",
                ],
            ),
            (
                "de",
                &[
                    "Wo ist meine Bestellung?",
                    "ich habe meine Erstattung noch nicht bekommen",
                    "die Schuhe sind zu klein",
                    "bitte stornieren Sie meine Bestellung",
                    "ich habe zweimal bezahlt",
                ],
            ),
            ("id", &["Di mana pesanan saya?", "tolong batalkan pesanan saya", "saya ingin bicara dengan orang"]),
            ("vi", &["Đơn hàng của tôi ở đâu?", "mấy giờ cửa hàng mở cửa", "giao hàng mất bao lâu"]),
        ];
        for (language, texts) in messages {
            for text in texts {
                let guess = vocabulary.guess(&fold, text);
                assert_eq!(guess.language.as_deref(), Some(language), "{text}: {guess:?}");
            }
        }
        for text in ["SF1234567", "a@example.com", "iPhone", "", "12345"] {
            assert_eq!(vocabulary.guess(&fold, text).language, None, "{text}");
        }
    }

    #[test]
    fn a_language_that_is_not_served_is_none_of_the_served() {
        let (fold, vocabulary) = vocabulary(&["en", "es"]);
        for text in ["ich habe meine Erstattung noch nicht bekommen", "je n'ai pas reçu mon remboursement"] {
            let guess = vocabulary.guess(&fold, text);
            assert!(guess.foreign && guess.language.is_none(), "{text}: {guess:?}");
        }
    }

    #[test]
    fn a_shop_with_english_alone_has_nothing_to_tell_apart() {
        let (fold, vocabulary) = vocabulary(&["zh", "zh-Hant", "en", "ru"]);
        let guess = vocabulary.guess(&fold, "ich habe meine Erstattung noch nicht bekommen");
        assert_eq!((guess.language, guess.foreign, guess.words), (None, false, 7));
    }

    #[test]
    fn scripts_of_codes() {
        assert!(["en", "es-MX", "vi", "sr-Latn"].into_iter().all(is_latin));
        assert!(!["zh", "zh-Hant", "ja", "ru", "sr"].into_iter().any(is_latin));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in ".{0,60}") {
            thread_local!(static MADE: (Fold, Vocabulary) = vocabulary(&["en", "es", "vi"]));
            MADE.with(|(fold, vocabulary)| {
                let guess = vocabulary.guess(fold, &text);
                proptest::prop_assert!(guess.language.is_none() || guess.lead > 0);
                Ok(())
            })?;
            let _ = without_values(&text);
        }
    }
}
