//! The short form of fuzzing: every input that is kept, and mutations of it that are the same each time.
//!
//! `ROLLOUT_GUARD_MUTATIONS=N cargo test --lib fuzzing` runs N of each target, `ROLLOUT_GUARD_SEED=S` only that one.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::{TARGETS, Target};
use crate::simulation::Random;

/// Pieces that mean something to one reader or another, separated by spaces.
const PIECES: &str = "\u{1b}[ \u{1b}]0; \u{9b} \0 \r \u{202e} \u{200d} ::error:: ##vso[ ##[ # ` ``` | <!-- </details> ]( \
    ![ &#0; ]]> <a \" ' \\ { } [ ] : , = - -- / . * @ % 0 -1 9223372036854775807 1e999 null true {} [] \"\" password= \
    -----BEGIN://-----END://----- :// a:b@ Bearer condition= jsonpath={ ?(@. 999999h sha256: ::1 10.0.0.0/33 &a *a \
    !!binary ? -----BEGIN\u{a0}KEY----- ghp_ eyJ";

/// Runs of one target; debug code is slow, and a test has seconds.
const RUNS: u64 = 300;

fn inputs(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let inputs: Vec<Vec<u8>> = files.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(!inputs.is_empty(), "{} has no inputs", folder.display());
    inputs
}

/// An input with a few changes, or two of them joined.
fn mutated(inputs: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let pieces: Vec<&str> = PIECES.split(' ').chain([" ", "\n", "\n\n"]).collect();
    let pick = |random: &mut Random, length: usize| usize::try_from(random.below(length as u64)).unwrap();
    let mut data = inputs[pick(random, inputs.len())].clone();
    for _ in 0..=random.below(4) {
        let at = pick(random, data.len() + 1);
        let end = at + pick(random, (data.len() - at).min(40) + 1);
        let piece = pieces[pick(random, pieces.len())].bytes();
        match random.below(7) {
            0 => drop(data.splice(at..at, piece)),
            1 => drop(data.splice(at..end, piece)),
            2 => drop(data.drain(at..end)),
            3 => {
                let part = data[at..end].to_vec();
                drop(data.splice(at..at, part));
            }
            4 => {
                if let Some(byte) = data.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
            5 => data.truncate(at),
            _ => {
                let other = &inputs[pick(random, inputs.len())];
                let from = pick(random, other.len() + 1);
                drop(data.splice(at..end, other[from..].iter().copied()));
            }
        }
    }
    data
}

fn check((name, run): &Target, data: &[u8], which: &str) {
    let ran = catch_unwind(AssertUnwindSafe(|| run(data)));
    assert!(ran.is_ok(), "{name}, {which}: {:?}", String::from_utf8_lossy(data));
}

#[expect(clippy::disallowed_methods, reason = "the test alone is asked for a seed")]
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|number| number.parse().unwrap())
}

#[test]
fn inputs_that_were_kept_and_what_is_near_them_break_no_promise() {
    let (only, runs) = (number("ROLLOUT_GUARD_SEED"), number("ROLLOUT_GUARD_MUTATIONS").unwrap_or(RUNS));
    let one = |target: &Target| {
        let inputs = inputs(target.0);
        for (number, data) in inputs.iter().enumerate() {
            check(target, data, &format!("input {number}"));
        }
        for seed in only.map_or(0..runs, |seed| seed..seed + 1) {
            check(target, &mutated(&inputs, &mut Random(seed)), &format!("ROLLOUT_GUARD_SEED={seed}"));
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = TARGETS.iter().map(|target| scope.spawn(move || one(target))).collect();
        let ended: Vec<bool> = threads.into_iter().map(|thread| thread.join().is_ok()).collect();
        assert!(ended.iter().all(|is_ok| *is_ok), "a promise is broken: see above");
    });
}

#[test]
fn every_target_has_a_fuzzer_and_every_fuzzer_a_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let names = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let mut names: Vec<String> =
            entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    let targets: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("corpus"), targets);
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    assert!(targets.iter().all(|name| manifest.contains(&format!("name = \"{name}\""))), "{manifest}");
}
