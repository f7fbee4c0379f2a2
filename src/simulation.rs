//! Whole runs without a socket: a toy API server with random and nasty histories, our watch machines and a session
//! on one virtual clock, and checks that know the truth.
//!
//! The same checks run with planted bugs ([`crate::planted`]): each bug must be noticed by one of them.

mod client;
mod fleet;
mod planted;
mod random;
mod run;
mod server;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use random::Random;
pub(crate) use run::{Outcome, play};

/// Random histories on healthy code: nothing may be noticed, and there must be enough of them.
///
/// `ROLLOUT_GUARD_SEED=N cargo test --lib simulation` plays that seed alone, `ROLLOUT_GUARD_STEPS=N` as many steps.
#[test]
#[expect(clippy::disallowed_methods, reason = "the test alone is asked for a seed")]
fn a_million_steps_of_random_histories_show_nothing() {
    if let Ok(seed) = std::env::var("ROLLOUT_GUARD_SEED") {
        let outcome = play(seed.parse().unwrap());
        assert!(outcome.problems.is_empty(), "{outcome:#?}");
        return;
    }
    let wanted = std::env::var("ROLLOUT_GUARD_STEPS").map_or(1_000_000, |steps| steps.parse().unwrap());
    let seeds = AtomicU64::new(0);
    let steps = AtomicU64::new(0);
    let (problems, reasons) = (Mutex::new(Vec::new()), Mutex::new(BTreeMap::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            drop(scope.spawn(|| {
                while steps.load(Ordering::Relaxed) < wanted {
                    let seed = seeds.fetch_add(1, Ordering::Relaxed);
                    let outcome = play(seed);
                    steps.fetch_add(outcome.steps, Ordering::Relaxed);
                    *reasons.lock().unwrap().entry(outcome.reason).or_insert(0_u32) += 1;
                    let found = outcome.problems.into_iter().map(|problem| format!("seed {seed}: {problem}"));
                    problems.lock().unwrap().extend(found);
                }
            }));
        }
    });
    let (problems, reasons) = (problems.into_inner().unwrap(), reasons.into_inner().unwrap());
    assert!(problems.is_empty(), "{} problems: {:#?}", problems.len(), problems);
    let wanted = [
        "complete",
        "rollout-superseded",
        "unreachable",
        "image-not-found",
        "workload-not-readable",
        "pods-not-readable",
        "credentials-rejected",
    ];
    for reason in wanted {
        assert!(reasons.get(reason).is_some_and(|count| *count > 10), "{reasons:?}");
    }
}
