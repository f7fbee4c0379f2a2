//! Measures rollout-guard and kubectl side by side on a real API server, and writes `docs/performance.md`.
//!
//!   cargo bench --bench measure                      every workload, about a quarter of an hour
//!   cargo bench --bench measure -- W1 W7             only those
//!   cargo bench --bench measure -- --full            with 100,000 pods, 50,000 strangers and half an hour of idling
//!   cargo bench --bench measure -- --gates           what must not grow: requests, bytes, memory; fails if it did
//!   cargo bench --bench measure -- --repeat 30       how often each program runs
//!
//! Needs what `tests/cluster/cluster` needs. A control plane of its own is brought up and taken down again; nothing
//! else may run on the machine meanwhile, or the times mean nothing.

#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a program that measures reads the clock and the environment; a JSON value without that field is null"
)]

mod contender;
mod faults;
mod gates;
mod idle;
mod page;
mod proxy;
mod rig;
mod scenarios;
mod stats;
mod weather;
mod world;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use contender::Contender;
use rig::Rig;

/// What to know about the goals that are missed, written by hand after reading the numbers.
const MISSED: &str = include_str!("missed.md");

/// What was asked for.
pub(crate) struct Plan {
    only: Vec<String>,
    pub(crate) full: bool,
    pub(crate) repeat: usize,
    gates: bool,
}

impl Plan {
    fn read(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut plan = Self { only: Vec::new(), full: false, repeat: 30, gates: false };
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--bench" => {}
                "--full" => plan.full = true,
                "--gates" => plan.gates = true,
                "--repeat" => {
                    let value = args.next().unwrap_or_default();
                    plan.repeat = value
                        .parse()
                        .map_err(|_| format!("--repeat {value}: a number of runs, such as 30"))?;
                }
                name if name.starts_with('W') => plan.only.push(name.to_owned()),
                other => {
                    return Err(format!("{other}: a workload (W1 to W10), --full, --gates or --repeat N"));
                }
            }
        }
        Ok(plan)
    }

    pub(crate) fn wants(&self, id: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == id)
    }
}

/// All that a workload needs.
pub(crate) struct Bench {
    pub(crate) rig: Rig,
    pub(crate) plan: Plan,
    pub(crate) ours: Contender,
    pub(crate) kubectl: Contender,
    /// Where it is built: `HELM_VERSION=4.3.1 tests/cluster/build-kubernetes`.
    pub(crate) helm: Option<Contender>,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(measure()),
        Err(error) => Err(error.to_string()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            say(&format!("error: {message}"));
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> Result<(), String> {
    let plan = Plan::read(std::env::args().skip(1))?;
    let cache = cache();
    let rig = Rig::up(&cache).await?;
    let kubectl = Contender::kubectl(&rig.variable("PATH")?)?;
    let helm = Contender::helm(&cache, &rig)?;
    if helm.is_none() {
        say("skipped: Helm, because it is not built (HELM_VERSION=4.3.1 tests/cluster/build-kubernetes)");
    }
    let bench = Bench { rig, plan, ours: Contender::ours(), kubectl, helm };
    if bench.plan.gates {
        return gates::check(&bench).await;
    }
    let sections = scenarios::all(&bench).await?;
    let mut text = head(&bench);
    for section in &sections {
        text.push_str(&section.markdown());
    }
    text.push_str(MISSED);
    if bench.plan.only.is_empty() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance.md");
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        say(&format!("wrote {}", path.display()));
    } else {
        say(&text);
    }
    Ok(())
}

fn cache() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache");
    base.unwrap_or_else(home).join("rollout-guard")
}

fn head(bench: &Bench) -> String {
    let first_line = |command: &mut Command| {
        let out = command
            .output()
            .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
            .unwrap_or_default();
        out.lines().next().unwrap_or_default().trim().to_owned()
    };
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown processor");
    format!(
        "# Measured\n\nWritten by `cargo bench --bench measure{}`; do not edit. Every number is of one run on one machine, ours and kubectl's in turn: \
compare the columns, not the seconds with those of another machine.\n\n\
Machine: {}, {} processors. {}. {}. kubectl: {}. Date: {}.\n\n\
An API server and an etcd of their own; no controllers and no kubelet: every status is written by the measuring program, so the instant of the deciding write is known. \
Times are from the start of a process to its end, memory is `VmHWM`, requests are those of the audit log, bytes those of a proxy in between.\n\n",
        if bench.plan.full { " -- --full" } else { "" },
        model.trim_start_matches([' ', '\t', ':']),
        std::thread::available_parallelism().map_or(0, usize::from),
        first_line(Command::new("uname").args(["-sr"])),
        first_line(Command::new(&bench.ours.program).arg("--version")),
        first_line(Command::new(&bench.kubectl.program).args(["version", "--client"])),
        jiff::Timestamp::now().strftime("%Y-%m-%d"),
    )
}

#[expect(clippy::print_stderr, reason = "a program of the command line")]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}
