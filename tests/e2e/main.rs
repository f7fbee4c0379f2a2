//! The end-to-end suite: manifests on a real cluster, the built binary beside them, and what it must say.
//!
//! ```sh
//! tests/cluster/cluster up && eval "$(tests/cluster/cluster env)"
//! cargo test --test e2e                      # every case, eight at once
//! cargo test --test e2e -- image:: tag-late  # those whose name contains one of these
//! cargo test --test e2e -- --retry               # what failed runs once more, alone
//! cargo test --test e2e -- --list
//! cargo test --test e2e -- --manifest image::tag-missing | kubectl apply -n shop -f -
//! cargo test --test e2e -- --compare         # `kubectl rollout status --timeout=90s` beside ours: a table
//! cargo test --test e2e -- --codes           # a line for each code of a cause: case, seconds, first line printed
//! ```
//!
//! Without a cluster it says that it was skipped and why. It asks for two variables, not for `KUBECONFIG`
//! alone: nobody's own cluster is touched by `cargo test`. With `ROLLOUT_GUARD_KEEP_RECORDINGS=DIR` each
//! case's recording is kept as `DIR/<family>/<case>/recording.jsonl`.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test runner is an edge: it reads the clock and the environment, and prints"
)]
#![expect(clippy::needless_pass_by_value, reason = "manifests are written in place with json!")]

mod admission;
mod apply;
mod case;
mod check;
mod cluster;
mod compare;
mod config;
mod crash;
mod custom;
mod daemon_nodes;
mod daemon_set;
mod image;
mod in_cluster;
mod inside;
mod job;
mod junit;
mod limits;
mod loopback;
mod manifest;
mod node;
mod options;
mod placement;
mod pod;
mod probe;
mod quota;
mod registry;
mod replica_set;
mod rollout;
mod run;
mod siblings;
mod stateful_set;
mod targets;
mod undo;
mod updated;
mod volume;

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use case::Case;
use cluster::Cluster;
use options::Options;
use run::Outcome;

fn main() -> ExitCode {
    let options = match Options::from_args(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            println!("error: {problem}");
            return ExitCode::from(2);
        }
    };
    let all = every_case();
    let known = all.len();
    let cases: Vec<Case> = all.into_iter().filter(|case| options.selects(case)).collect();
    if options.list {
        for case in &cases {
            println!("{}: test", case.id());
        }
        return ExitCode::SUCCESS;
    }
    let cluster = match Cluster::from_environment() {
        Ok(cluster) => cluster,
        Err(reason) => {
            println!("\nskipped: {reason}");
            println!("bring a cluster up with `tests/cluster/cluster up`, see tests/cluster/README.md\n");
            print_result(
                &Tally { ignored: cases.len(), filtered: known - cases.len(), ..Tally::default() },
                0.0,
            );
            return ExitCode::SUCCESS;
        }
    };
    if let Some(id) = &options.manifest {
        return print_manifest(&cases, id, &cluster);
    }
    let began = Instant::now();
    println!("\nrunning {} tests", cases.len());
    let mut outcomes = run_all(cases, options.jobs, &cluster, &options);
    if options.retry {
        outcomes = run_failed_again(outcomes, &cluster, &options);
    }
    let mut tally = Tally { filtered: known - outcomes.len(), ..Tally::default() };
    for outcome in &outcomes {
        tally.count(outcome);
    }
    report_failures(&outcomes);
    if options.compare {
        compare::print_table(&outcomes);
    }
    if options.codes {
        compare::print_codes(&outcomes);
    }
    print_result(&tally, began.elapsed().as_secs_f64());
    if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(101) }
}

/// Every case, the long ones first so that none of them is left alone at the end.
fn every_case() -> Vec<Case> {
    let mut cases = Vec::new();
    for family in [
        image::cases,
        crash::cases,
        config::cases,
        probe::cases,
        limits::cases,
        rollout::cases,
        siblings::cases,
        stateful_set::cases,
        daemon_nodes::cases,
        daemon_set::cases,
        job::cases,
        replica_set::cases,
        pod::cases,
        custom::cases,
        quota::cases,
        updated::cases,
        apply::cases,
        admission::cases,
        placement::cases,
        targets::cases,
        volume::cases,
        node::cases,
        undo::cases,
        in_cluster::cases,
    ] {
        cases.extend(family());
    }
    cases.sort_by_key(|case| std::cmp::Reverse(case.lasts));
    cases
}

/// Runs the cases on `options.jobs` threads; each has its own namespace.
fn run_all(cases: Vec<Case>, jobs: usize, cluster: &Cluster, options: &Options) -> Vec<Outcome> {
    let queue = Mutex::new(VecDeque::from(cases));
    let outcomes = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let Some(case) = hold(&queue).pop_front() else { return };
                    let outcome = run::run(case, cluster, options);
                    let mut outcomes = hold(&outcomes);
                    println!("test {} ... {}", outcome.case.id(), outcome.word());
                    outcomes.push(outcome);
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcomes.sort_by_key(|outcome: &Outcome| outcome.case.id());
    outcomes
}

/// Runs the failed cases once more, one at a time, and puts the new outcomes in place of the old ones.
fn run_failed_again(outcomes: Vec<Outcome>, cluster: &Cluster, options: &Options) -> Vec<Outcome> {
    let (failed, mut kept): (Vec<Outcome>, Vec<Outcome>) =
        outcomes.into_iter().partition(|outcome| !outcome.problems.is_empty());
    if failed.is_empty() {
        return kept;
    }
    report_failures(&failed);
    let names: Vec<String> = failed.iter().map(|outcome| outcome.case.id()).collect();
    println!("\nonce more, alone: {}", names.join(", "));
    let again = every_case().into_iter().filter(|case| names.contains(&case.id())).collect();
    kept.extend(run_all(again, 1, cluster, options));
    kept.sort_by_key(|outcome| outcome.case.id());
    kept
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    ignored: usize,
    filtered: usize,
}

impl Tally {
    fn count(&mut self, outcome: &Outcome) {
        if outcome.skipped.is_some() {
            self.ignored += 1;
        } else if outcome.problems.is_empty() {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
    }
}

fn report_failures(outcomes: &[Outcome]) {
    let failed: Vec<&Outcome> = outcomes.iter().filter(|outcome| !outcome.problems.is_empty()).collect();
    if failed.is_empty() {
        return;
    }
    println!("\nfailures:");
    for outcome in &failed {
        println!("\n---- {} ----", outcome.case.id());
        for problem in &outcome.problems {
            println!("* {problem}");
        }
        println!("{}", outcome.transcript);
    }
    println!("\nfailures:");
    for outcome in &failed {
        println!("    {}", outcome.case.id());
    }
}

/// In the form of Rust's own test harness, so that a CI system can count it.
fn print_result(tally: &Tally, seconds: f64) {
    println!(
        "\ntest result: {}. {} passed; {} failed; {} ignored; 0 measured; {} filtered out; finished in {seconds:.2}s",
        if tally.failed == 0 { "ok" } else { "FAILED" },
        tally.passed,
        tally.failed,
        tally.ignored,
        tally.filtered,
    );
}

fn print_manifest(cases: &[Case], id: &str, cluster: &Cluster) -> ExitCode {
    let Some(case) = cases.iter().find(|case| case.id() == id) else {
        println!("error: no case is named {id}; --list shows them");
        return ExitCode::from(2);
    };
    println!("{}", cluster.fill(&manifest::list(&case.objects).to_string(), &case.namespace()));
    ExitCode::SUCCESS
}
