//! The fault suite: our binary against a scripted API server and a TCP proxy that misbehave in every way we know
//! of. Each fault of the catalogue has a test named after it, which proves the promise, not the mechanism.
//!
//! ```sh
//! cargo test --test faults                       # all, eight at once
//! cargo test --test faults -- f06 f10            # those whose name contains one of these
//! cargo test --test faults -- --list
//! cargo test --release --test faults -- --table docs/reliability.md --kubectl PATH --helm PATH
//! tests/faults/planted.sh                        # whether the suite notices the bugs of src/planted.rs
//! ```
//!
//! `--table` runs kubectl and Helm on the same servers and writes what became of all, when all have ended.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::too_many_lines,
    clippy::needless_pass_by_value,
    clippy::print_stderr,
    reason = "a test harness with tables and json! in place: it reads clocks, prints, and fails by panicking"
)]

mod buffers;
mod clock;
mod discovery;
mod egress;
mod files;
mod hostile;
mod identity;
mod network;
mod objects;
mod planted;
mod process;
mod proxy;
mod renewal;
mod secrets;
mod server;
mod signals;
mod stage;
mod story;
mod streams;
mod table;
mod tls;
mod tunnel;
mod wire;
mod world;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use server::lock;
use stage::{Run, Stage};

/// One fault, played against our binary.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    /// What happens, for the table.
    pub(crate) what: &'static str,
    pub(crate) play: Play,
}

/// How a fault is played.
pub(crate) enum Play {
    /// A scripted server, a timeout in seconds, and the exit code that is right. kubectl can be run on it, too.
    Staged { stage: fn() -> Stage, timeout: u64, right: i32, check: fn(&Run, &Stage) },
    /// About our own process only: what was proved, in a few words.
    Own(fn() -> &'static str),
}

/// A fault that is played on a scripted server.
pub(crate) const fn staged(
    name: &'static str,
    what: &'static str,
    stage: fn() -> Stage,
    timeout: u64,
    right: i32,
    check: fn(&Run, &Stage),
) -> Fault {
    Fault { name, what, play: Play::Staged { stage, timeout, right, check } }
}

/// A fault about our own process.
pub(crate) const fn own(name: &'static str, what: &'static str, play: fn() -> &'static str) -> Fault {
    Fault { name, what, play: Play::Own(play) }
}

/// What became of it.
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// The exit code that is right; `None` where nothing was judged.
    pub(crate) right: Option<i32>,
    pub(crate) ours: Result<String, String>,
    pub(crate) kubectl: Option<Run>,
    pub(crate) helm: Option<Run>,
}

/// The others that are compared with.
#[derive(Default)]
struct Peers {
    kubectl: Option<PathBuf>,
    helm: Option<PathBuf>,
}

impl Peers {
    /// Whether each of them can be run: the page is not written with half of its columns.
    fn are_there(&self) -> Result<(), String> {
        for (name, path) in [("kubectl", &self.kubectl), ("helm", &self.helm)] {
            let Some(path) = path.as_ref().filter(|path| path.is_file()) else {
                return Err(format!("--table compares with {name}: give its path with --{name} PATH"));
            };
            let version = Command::new(path).arg(if name == "helm" { "version" } else { "--help" }).output();
            version.map_err(|error| format!("{} cannot be run: {error}", path.display()))?;
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    let mut filters = Vec::new();
    let (mut list, mut page, mut peers) = (false, None, Peers::default());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--list" => list = true,
            "--table" => page = arguments.next().map(PathBuf::from),
            egress::ALONE => {
                egress::alone();
                return ExitCode::SUCCESS;
            }
            "--kubectl" => peers.kubectl = arguments.next().map(PathBuf::from),
            "--planted" => {
                let binary = arguments.next().map(PathBuf::from).expect("a binary that takes bugs");
                return planted::prove(&binary);
            }
            "--helm" => peers.helm = arguments.next().map(PathBuf::from),
            flag if flag.starts_with('-') => {}
            filter => filters.push(filter.to_owned()),
        }
    }
    let all = [
        network::faults(),
        buffers::faults(),
        objects::faults(),
        identity::faults(),
        process::faults(),
        files::faults(),
        streams::faults(),
        egress::faults(),
        hostile::faults(),
        secrets::faults(),
        planted::faults(),
        wire::faults(),
        tunnel::faults(),
        renewal::faults(),
        signals::faults(),
    ];
    let mut faults: Vec<Fault> = all.into_iter().flatten().collect();
    faults.sort_by_key(|fault| fault.name);
    let known = faults.len();
    let unmeasured: Vec<&str> =
        faults.iter().filter(|fault| !table::is_on_the_page(fault)).map(|fault| fault.name).collect();
    if page.is_none() && filters.is_empty() && !list && !unmeasured.is_empty() {
        eprintln!("error: docs/reliability.md says nothing of {}: write it anew", unmeasured.join(", "));
        return ExitCode::FAILURE;
    }
    faults.retain(|fault| filters.is_empty() || filters.iter().any(|filter| fault.name.contains(filter)));
    if list {
        for fault in &faults {
            println!("{}: test", fault.name);
        }
        return ExitCode::SUCCESS;
    }
    if page.is_some()
        && let Err(why) = peers.are_there()
    {
        eprintln!("error: {why}");
        return ExitCode::FAILURE;
    }
    let count = faults.len();
    let begun = Instant::now();
    println!("\nrunning {count} tests");
    let outcomes = run_all(faults, &peers);
    if let Some(page) = page {
        std::fs::write(page, table::markdown(&outcomes)).expect("a page that can be written");
    }
    let failed: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.ours.is_err()).collect();
    for outcome in &failed {
        eprintln!("\n---- {} ----\n{}", outcome.name, outcome.ours.as_ref().err().map_or("", String::as_str));
    }
    let word = if failed.is_empty() { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {word}. {} passed; {} failed; 0 ignored; 0 measured; {} filtered out; finished in {:.2}s\n",
        count - failed.len(),
        failed.len(),
        known - count,
        begun.elapsed().as_secs_f64()
    );
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(101) }
}

fn run_all(faults: Vec<Fault>, peers: &Peers) -> Vec<Outcome> {
    let queue = Mutex::new(VecDeque::from(faults));
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..8 {
            drop(scope.spawn(|| {
                loop {
                    let Some(fault) = lock(&queue).pop_front() else { return };
                    let outcome = run_one(&fault, peers);
                    let word = if outcome.ours.is_ok() { "ok" } else { "FAILED" };
                    println!("test {} ... {word}", outcome.name);
                    lock(&done).push(outcome);
                }
            }));
        }
    });
    let mut outcomes = std::mem::take(&mut *lock(&done));
    outcomes.sort_by_key(|outcome| outcome.name);
    outcomes
}

fn run_one(fault: &Fault, peers: &Peers) -> Outcome {
    let Fault { name, what, play } = fault;
    let (right, ours, kubectl, helm) = match play {
        Play::Own(play) => (None, caught(|| (*play)().to_owned()), None, None),
        Play::Staged { stage, timeout, right, check } => {
            let unlimited = table::UNLIMITED.contains(name);
            let kubectl = peers.kubectl.as_ref();
            let kubectl = kubectl.and_then(|kubectl| stage().kubectl(kubectl, *timeout, unlimited));
            // it would make what is not there
            let helm = peers.helm.as_ref().filter(|_| !name.starts_with("f22"));
            let helm = helm.and_then(|helm| stage().helm(helm, *timeout));
            let ours = caught(|| {
                let stage = stage();
                let run = stage.guard(*timeout);
                assert_eq!(run.code, Some(*right), "exit code; {}", run.everything());
                check(&run, &stage);
                let reason = run.reason().to_owned();
                let reason = if reason.is_empty() { String::new() } else { format!(" `{reason}`,") };
                format!("exit {right},{reason} after {:.1} s", run.took.as_secs_f64())
            });
            (Some(*right), ours, kubectl, helm)
        }
    };
    Outcome { name, what, right, ours, kubectl, helm }
}

fn caught(play: impl FnOnce() -> String) -> Result<String, String> {
    catch_unwind(AssertUnwindSafe(play)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    })
}
