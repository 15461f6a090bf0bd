//! The fuzz targets without a fuzzer: their corpus, everything that was ever found, and some mutations of both, the same in every
//! run. `make fuzz` looks for more.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

#[path = "../fuzz/targets/mod.rs"]
mod targets;

/// Mutations of each target.
const MUTATIONS: usize = 250;
/// Longest of them, in bytes: what a fuzzer finds is small.
const LONGEST: usize = 8 * 1024;

fn here() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz"))
}

/// Files of a folder by name; none if there is no such folder.
fn units(folder: &str, target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(here().join(folder).join(target)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Words of a target's dictionary.
fn words(target: &str) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(here().join("dict").join(format!("{target}.dict"))).unwrap();
    text.lines().map(|line| unescaped(line.trim_matches('"'))).collect()
}

fn unescaped(word: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), word.as_bytes());
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'\\', [b'x', a, b, behind @ ..]) => {
                let digits = [*a, *b];
                out.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                rest = behind;
            }
            _ => out.push(*first),
        }
    }
    out
}

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % most.max(1)
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    fn mutated(&mut self, all: &[Vec<u8>], words: &[Vec<u8>]) -> Vec<u8> {
        let mut unit = self.of(all).clone();
        for _ in 0..=self.below(4) {
            let (a, b) = (self.below(unit.len() + 1), self.below(unit.len() + 1));
            let (from, to) = (a.min(b), a.max(b).min(a.min(b) + 64));
            match self.below(6) {
                0 => unit.get_mut(from).into_iter().for_each(|byte| *byte ^= 1 << (to % 8)),
                1 => drop(unit.drain(from..to)),
                2 => drop(unit.splice(from..from, unit[from..to].to_vec())),
                3 | 4 => drop(unit.splice(from..from, self.of(words).clone())),
                _ => {
                    let other = self.of(all);
                    let cut = self.below(other.len() + 1);
                    unit.truncate(from);
                    unit.extend_from_slice(&other[cut..]);
                }
            }
        }
        unit.truncate(LONGEST);
        unit
    }
}

/// Runs all of a target, with the stack that a daemon has.
fn runs(target: &'static str) {
    let thread = std::thread::Builder::new().stack_size(nightdesk::yaml::STACK);
    if let Err(failed) = thread.spawn(|| run_all(target)).expect("a thread").join() {
        std::panic::resume_unwind(failed);
    }
}

/// Runs all of a target, and tells everything on which it failed.
fn run_all(target: &str) {
    let known: Vec<(PathBuf, Vec<u8>)> = [units("corpus", target), units("regress", target)].concat();
    let seeds: Vec<Vec<u8>> = known.iter().map(|(_, unit)| unit.clone()).collect();
    let (words, mut dice) = (words(target), Dice(0x9e37_79b9_7f4a_7c15));
    let named = known.into_iter().map(|(path, unit)| (path.display().to_string(), unit));
    let random: Vec<Vec<u8>> = (0..MUTATIONS).map(|_| dice.mutated(&seeds, &words)).collect();
    let all = named.chain(random.into_iter().enumerate().map(|(number, unit)| (format!("mutation {number}"), unit)));
    let mut failed = Vec::new();
    for (name, unit) in all {
        if catch_unwind(AssertUnwindSafe(|| targets::run(target, &unit))).is_err() {
            failed.push(format!("{name}: {:?}", String::from_utf8_lossy(&unit)));
        }
    }
    assert!(failed.is_empty(), "{target} fails on {}", failed.join("\n"));
}

#[test]
fn bodies() {
    runs("bodies");
}

#[test]
fn calendars() {
    runs("calendars");
}

#[test]
fn files() {
    runs("files");
}

#[test]
fn folding() {
    runs("folding");
}

#[test]
fn frames() {
    runs("frames");
}

#[test]
fn message() {
    runs("message");
}

#[test]
fn signatures() {
    runs("signatures");
}

#[test]
fn templates() {
    runs("templates");
}

#[test]
fn every_target_has_all_that_belongs_to_it() {
    let named: BTreeSet<&str> = targets::TARGETS.iter().map(|(name, _)| *name).collect();
    let manifest = fs::read_to_string(here().join("Cargo.toml")).unwrap();
    let reasons = fs::read_to_string(here().join("regress/README.md")).unwrap();
    for target in &named {
        assert!(manifest.contains(&format!("name = \"{target}\"\npath = \"fuzz_targets/{target}.rs\"")), "{target}");
        let main = fs::read_to_string(here().join(format!("fuzz_targets/{target}.rs"))).unwrap();
        assert!(main.contains(&format!("run(\"{target}\", data)")), "{main}");
        assert!(!units("corpus", target).is_empty() && !words(target).is_empty(), "{target}");
        for (path, _) in units("regress", target) {
            let name = format!("`{target}/{}`", path.file_name().unwrap().display());
            assert!(reasons.contains(&name), "{name} has no reason in regress/README.md");
        }
    }
    for folder in ["corpus", "regress"] {
        let found = fs::read_dir(here().join(folder)).unwrap().map(|entry| entry.unwrap());
        for entry in found.filter(|entry| entry.path().is_dir()) {
            assert!(named.contains(entry.file_name().to_str().unwrap()), "{folder} of no target: {entry:?}");
        }
    }
}
