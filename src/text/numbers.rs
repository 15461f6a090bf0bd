//! Numbers that identify a person or an order, and how they are masked.
//!
//! Owns what such numbers look like; [`redact`](super::redact) is the way in. A text is split into
//! groups of digits, and at each group the longest number that begins there is masked.

use std::borrow::Cow;

use super::redact::{MASK, plain};

/// A number without separators is masked from this many digits on.
const LONG_RUN: usize = 7;

/// The most characters between two groups of digits of one number, as in `(02) 1234`.
const MAX_SEPARATOR: usize = 3;

/// The most groups of digits in one number (`13 81 23 45 67 8`).
const MAX_GROUPS: usize = 8;

/// The value of a decimal digit: ASCII, full-width, Arabic-Indic or Persian.
fn digit(c: char) -> Option<u8> {
    let zero = match c {
        '0'..='9' => '0',
        '\u{FF10}'..='\u{FF19}' => '\u{FF10}',
        '\u{660}'..='\u{669}' => '\u{660}',
        '\u{6F0}'..='\u{6F9}' => '\u{6F0}',
        _ => return None,
    };
    u8::try_from(c as u32 - zero as u32).ok()
}

/// Characters that are copied along with numbers and cannot be seen.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

/// A group of digits without separators.
struct Group {
    /// Bytes of the text, first digit to last.
    start: usize,
    end: usize,
    /// The place of each digit, with its value.
    digits: Vec<(usize, u8)>,
    /// What stands before the first digit.
    before: Before,
    /// The separator to the next group, if that is near: its visible characters.
    link: Option<Vec<char>>,
    /// The `X` that ends the number of an identity card follows.
    then_x: bool,
}

/// What stands directly before a group of digits, as far as it matters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Plus,
    Letter,
    /// These digits are what an earlier masking left.
    Mask,
    Other,
}

/// Masks the numbers in `text`; see [`redact`](super::redact) for what stays.
pub(super) fn mask_numbers(text: &str) -> Cow<'_, str> {
    // Short of a few digits there is nothing to do, which is so for most messages.
    if text.chars().filter(|&c| digit(c).is_some()).nth(5).is_none() {
        return Cow::Borrowed(text);
    }
    let groups = groups(text);
    let mut masked = String::new();
    let mut done = 0;
    let mut at = 0;
    while let Some(rest) = groups.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(found) = number_at(rest) else {
            at += 1;
            continue;
        };
        let (Some(first), Some(last)) = (rest.first(), rest.get(found.groups - 1)) else { break };
        masked.push_str(text.get(done..first.start).unwrap_or_default());
        masked.push_str(MASK);
        // What stays must follow the mask directly, so it is taken from the last group alone.
        let keep = found.keep.min(last.digits.len());
        let from = last.digits.len() - keep;
        let from = last.digits.get(from).map_or(last.end, |&(place, _)| place);
        masked.push_str(text.get(from..last.end).unwrap_or_default());
        done = last.end;
        at += found.groups;
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    masked.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(masked)
}

/// Splits the digits of `text` into groups.
fn groups(text: &str) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut behind = ['\0'; 3]; // the visible characters before, the nearest first
    let mut open = false; // the last group may still grow
    let mut link: Vec<char> = Vec::new();
    for (place, c) in text.char_indices() {
        if is_invisible(c) {
            continue;
        }
        if let Some(value) = digit(c) {
            let end = place + c.len_utf8();
            match groups.last_mut() {
                Some(group) if open => {
                    group.digits.push((place, value));
                    group.end = end;
                }
                last => {
                    if let Some(last) = last
                        && link.len() <= MAX_SEPARATOR
                    {
                        last.link = Some(std::mem::take(&mut link));
                    }
                    let before = match behind {
                        ['+', ..] => Before::Plus,
                        ['*', '*', '*'] => Before::Mask,
                        [c, ..] if c.is_ascii_alphabetic() => Before::Letter,
                        _ => Before::Other,
                    };
                    let digits = vec![(place, value)];
                    groups.push(Group { start: place, end, digits, before, link: None, then_x: false });
                }
            }
            open = true;
        } else {
            let c = plain(c);
            if let Some(group) = groups.last_mut() {
                group.then_x |= open && matches!(c, 'x' | 'X');
            }
            if open {
                link.clear();
            }
            // More than a separator may have: never a link.
            let room = link.len() <= MAX_SEPARATOR;
            let stop = if is_separator(c) { 1 } else { MAX_SEPARATOR + 1 };
            if room {
                link.extend(std::iter::repeat_n(c, stop));
            }
            open = false;
        }
        behind = [plain(c), behind[0], behind[1]];
    }
    groups
}

fn is_separator(c: char) -> bool {
    matches!(c, ' ' | '-' | '.' | '(' | ')' | '/' | '·' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// A number to mask: how many groups it spans, and how many of its digits may stay.
struct Found {
    groups: usize,
    keep: usize,
}

/// The longest number that begins with the first of `groups`.
///
/// The answer depends on nothing behind the number: so masking one never makes another out of what
/// stays, and masking twice changes nothing.
fn number_at(groups: &[Group]) -> Option<Found> {
    let first = groups.first()?;
    let mut digits: Vec<u8> = Vec::new();
    let mut best = None;
    for (index, group) in groups.iter().enumerate().take(MAX_GROUPS) {
        digits.extend(group.digits.iter().map(|&(_, value)| value));
        let span = groups.get(..=index).unwrap_or_default();
        if let Some(keep) = shape(first.before, span, &digits) {
            best = Some(Found { groups: index + 1, keep });
        }
        let linked = group.link.as_ref().is_some_and(|link| !link.contains(&'+'));
        if !linked || first.before == Before::Mask || digits.len() > 19 {
            break;
        }
    }
    best
}

/// How many digits may stay if `groups`, which hold `digits`, are a number to mask.
fn shape(before: Before, groups: &[Group], digits: &[u8]) -> Option<usize> {
    let count = digits.len();
    let keep = if count >= 11 { 4 } else { 2 };
    let last = groups.last()?;
    if count == 17 && last.then_x {
        return Some(1); // and the X
    }
    if count == 18 && identity_checksum(digits) {
        return Some(2);
    }
    if let [only] = groups {
        // An identity card of Hong Kong: A123456(3).
        let hong_kong_card = before == Before::Letter && count == 6 && only.link.as_deref() == Some(&['(']);
        if hong_kong_card {
            return Some(0);
        }
        return (count >= LONG_RUN).then_some(keep);
    }
    let sizes: Vec<usize> = groups.iter().map(|group| group.digits.len()).collect();
    let number = (before == Before::Plus && (8..=15).contains(&count))
        || mainland_mobile(digits)
        || trunk_number(digits, &sizes)
        || eight_in_two(groups, digits)
        || bank_card(digits, &sizes);
    number.then_some(keep)
}

/// 1[3-9] and nine more digits, with or without the country's code.
fn mainland_mobile(digits: &[u8]) -> bool {
    let own =
        [&[0, 0, 8, 6][..], &[8, 6], &[0]].into_iter().find_map(|code| digits.strip_prefix(code)).unwrap_or(digits);
    matches!(own, [1, 3..=9, ..]) && own.len() == 11
}

/// Numbers with an area code: 010-1234-5678, 0755 1234 5678, 02-1234-5678, 0912-345-678.
fn trunk_number(digits: &[u8], sizes: &[usize]) -> bool {
    digits.first() == Some(&0)
        && (9..=12).contains(&digits.len())
        && sizes.first().is_some_and(|first| (2..=5).contains(first))
        && sizes.iter().skip(1).all(|&size| size >= 3)
}

/// Hong Kong and Macao: 9123 4567. Not a span of years (2025-2026) or of round sums (3000-5000).
fn eight_in_two(groups: &[Group], digits: &[u8]) -> bool {
    let [first, second] = groups else { return false };
    if first.digits.len() != 4 || second.digits.len() != 4 || !matches!(digits, [2 | 3 | 5..=9, ..]) {
        return false;
    }
    match first.link.as_deref() {
        Some([' ']) => true,
        Some(['-']) => {
            let round = digits.ends_with(&[0, 0]);
            let years = digits.starts_with(&[2, 0]) && matches!(digits, [_, _, _, _, 2, 0, ..]);
            !round && !years
        }
        _ => false,
    }
}

/// 13 to 19 digits in groups of four, or with the right check digit in groups of any kind.
fn bank_card(digits: &[u8], sizes: &[usize]) -> bool {
    let fours = sizes.split_last().is_some_and(|(&last, rest)| last <= 4 && rest.iter().all(|&size| size == 4));
    let chunks = sizes.iter().all(|&size| size >= 3);
    (13..=19).contains(&digits.len()) && (fours || (chunks && luhn(digits)))
}

/// The check digit of bank cards (ISO/IEC 7812-1).
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &value)| {
            let value = u32::from(value);
            let doubled = if place % 2 == 1 { value * 2 } else { value };
            doubled / 10 + doubled % 10
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The check digit of mainland identity cards (GB 11643, ISO 7064 MOD 11-2), for numbers without X.
fn identity_checksum(digits: &[u8]) -> bool {
    let remainder = digits.iter().fold(0_u32, |sum, &value| (sum * 2 + u32::from(value)) % 11);
    remainder == 1
}
