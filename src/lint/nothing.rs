//! Regular expressions that match no text at all: no text written after them does, and walking through their automaton proves it.

use std::collections::HashSet;

use regex_automata::Anchored;
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson::{self, pikevm::PikeVM};
use regex_automata::util::start;
use regex_automata::util::syntax;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

/// Memory that the automaton may take, in bytes; what needs more is not looked at.
const SIZE_LIMIT: usize = 4 << 20;
/// Longest text that is tried, in bytes.
const MAX_TEXT: usize = 4096;
/// What is taken from a class of characters, if it is in there.
const ORDINARY: [char; 4] = ['a', '好', '1', ' '];
/// What may stand before a match, one for each kind that a look-behind tells apart; none is the beginning of the text.
const BEFORE: [Option<u8>; 4] = [None, Some(b'a'), Some(b' '), Some(b'\n')];

/// Whether no text matches. False where that cannot be told at a small cost.
pub(super) fn matches_nothing(pattern: &str) -> bool {
    let Ok(hir) = ParserBuilder::new().case_insensitive(true).build().parse(pattern) else { return false };
    // Signs alone can always be written down; only what stands around them, or an empty class, can rule every text out.
    if hir.properties().look_set().is_empty() && hir.properties().minimum_len().is_some() {
        return false;
    }
    // A text that does is found for nearly every pattern, at a hundredth of what the automaton costs.
    if matches_own_text(pattern, &hir) {
        return false;
    }
    let built = dense::Builder::new()
        .configure(
            dense::Config::new()
                .start_kind(StartKind::Anchored)
                .unicode_word_boundary(true)
                .accelerate(false)
                .dfa_size_limit(Some(SIZE_LIMIT))
                .determinize_size_limit(Some(SIZE_LIMIT)),
        )
        .syntax(syntax::Config::new().case_insensitive(true))
        .thompson(thompson::Config::new().nfa_size_limit(Some(SIZE_LIMIT)))
        .build(pattern);
    let Ok(automaton) = built else { return false };
    BEFORE.iter().all(|before| leads_nowhere(&automaton, *before))
}

/// Whether a short text that a pattern describes, `^`, `$` and `\b` left aside, fulfils these too; alone or within a sentence.
fn matches_own_text(pattern: &str, hir: &Hir) -> bool {
    let mut text = String::new();
    let written = write(hir, &mut text);
    let machine = PikeVM::builder()
        .syntax(syntax::Config::new().case_insensitive(true))
        .thompson(thompson::Config::new().nfa_size_limit(Some(SIZE_LIMIT)))
        .build(pattern);
    let (true, Ok(machine)) = (written, machine) else { return false };
    let mut cache = machine.create_cache();
    [text.clone(), format!(" {text} "), format!("好{text}好"), format!("a{text}a")]
        .iter()
        .any(|text| machine.is_match(&mut cache, text.as_str()))
}

/// Writes a short text after the first of each alternative. False if there is none, or only a very long one.
fn write(hir: &Hir, text: &mut String) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => std::str::from_utf8(&literal.0).is_ok_and(|part| {
            text.push_str(part);
            text.len() <= MAX_TEXT
        }),
        HirKind::Class(Class::Unicode(class)) => {
            let ordinary =
                ORDINARY.into_iter().find(|c| class.iter().any(|range| (range.start()..=range.end()).contains(c)));
            let one = ordinary.or_else(|| class.iter().next().map(regex_syntax::hir::ClassUnicodeRange::start));
            text.extend(one);
            one.is_some() && text.len() <= MAX_TEXT
        }
        HirKind::Class(Class::Bytes(_)) => false,
        HirKind::Repetition(repetition) => {
            for _ in 0..repetition.min {
                let before = text.len();
                if !write(&repetition.sub, text) {
                    return false;
                }
                // What writes nothing need not be repeated, so that `MAX_TEXT` bounds the turns too.
                if text.len() == before {
                    break;
                }
            }
            true
        }
        HirKind::Capture(capture) => write(&capture.sub, text),
        HirKind::Concat(parts) => parts.iter().all(|part| write(part, text)),
        HirKind::Alternation(parts) => parts.first().is_some_and(|part| write(part, text)),
    }
}

fn leads_nowhere(automaton: &dense::DFA<Vec<u32>>, before: Option<u8>) -> bool {
    let from = start::Config::new().anchored(Anchored::Yes).look_behind(before);
    let Ok(first) = automaton.start_state(&from) else { return false };
    let (mut seen, mut next) = (HashSet::from([first]), vec![first]);
    while let Some(state) = next.pop() {
        // In a state of giving up the automaton does not know either.
        if automaton.is_match_state(state) || automaton.is_quit_state(state) {
            return false;
        }
        let bytes = automaton.byte_classes().representatives(..).map(|unit| match unit.as_u8() {
            Some(byte) => automaton.next_state(state, byte),
            None => automaton.next_eoi_state(state),
        });
        next.extend(bytes.filter(|state| !automaton.is_dead_state(*state)).filter(|state| seen.insert(*state)));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::matches_nothing;

    #[test]
    fn what_no_text_can_fulfil_is_told() {
        for pattern in ["退货^", "$款", r"[^\s\S]", r"退款$多久", "(?m:a$b)", r"x[^\s\S]"] {
            assert!(matches_nothing(pattern), "{pattern}");
        }
    }

    #[test]
    fn what_some_text_fulfils_is_not() {
        let fine = [
            "退货",
            "^退货$",
            r"\bsku\b",
            r"(退|换)货$",
            r"\d{6}",
            "",
            "(?m)^a$",
            r"\B啊",
            r"订单\b",
            r"a\b ",
            "(?:(?:^{1000}){1000}){1000}",
            "^(?:[a-c]{90}){90}$",
            "(?s)a.^b|c",
            "[",
        ];
        for pattern in fine {
            assert!(!matches_nothing(pattern), "{pattern}");
        }
    }
}
