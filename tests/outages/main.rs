//! The outage suite: faults made on a real API server and a real etcd, with our binary at their end. What
//! `tests/faults` plays with a script is here done to the processes themselves: ended, stopped, compacted, left behind.
//!
//! ```sh
//! cargo test --test outages -- --all             # six minutes
//! cargo test --test outages -- --all --long      # five minutes more
//! cargo test --test outages -- etcd token        # those whose name contains one of these
//! cargo test --test outages -- --list
//! ```
//!
//! The control plane is brought up by `tests/cluster/cluster` (etcd and the API server alone: no controller, no node)
//! in a folder and on ports that no other run has; its API server ends an HTTP/2 connection now and then, as those of
//! the clouds do. `cargo test` alone says that it was skipped.
#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test harness: it reads clocks and the environment, starts and ends processes, and prints"
)]

mod credentials;
mod curl;
mod etcd;
mod events;
mod guard;
mod namespace;
mod plane;
#[path = "../history/rig.rs"]
mod rig;
mod rolled;
mod rollout;
mod server;
mod starved;
mod wire;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::ExitCode;

use rig::{Kind, Rig};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

const KIND: Kind = Kind { name: "outages", api_port: 19443, etcd_port: 19379, flags: "--goaway-chance=0.02" };

/// What a case plays on.
pub(crate) struct Stage {
    pub(crate) rig: Rig,
    /// Outputs of the runs; they stay where something failed.
    pub(crate) folder: PathBuf,
}

/// What was seen, in a line, or what is wrong.
type Outcome<'a> = Pin<Box<dyn Future<Output = Result<String, String>> + 'a>>;
type Case = (&'static str, for<'a> fn(&'a Stage) -> Outcome<'a>);

/// Those that stop or end something of the control plane come one after another.
const CASES: &[Case] = &[
    ("f01_api_server_killed", |stage| Box::pin(server::killed(stage))),
    ("f01_api_server_terminated", |stage| Box::pin(server::terminated(stage))),
    ("f01_api_servers_rolled", |stage| Box::pin(rolled::rolled(stage))),
    ("f02_api_server_stopped", |stage| Box::pin(server::stopped(stage))),
    ("f06_compacted_while_the_watch_is_cut", |stage| Box::pin(etcd::compacted(stage))),
    ("f07_f08_two_api_servers_one_behind", |stage| Box::pin(server::one_behind(stage))),
    ("f10_starved_by_priority_and_fairness", |stage| Box::pin(starved::by_priority_and_fairness(stage))),
    ("f12_etcd_stopped", |stage| Box::pin(etcd::stopped(stage))),
    ("f12_etcd_stopped_70_s", |stage| Box::pin(etcd::stopped_for(stage, 70))),
    ("f12_etcd_stopped_300_s", |stage| Box::pin(etcd::stopped_for(stage, 300))),
    ("f13_token_revoked", |stage| Box::pin(credentials::revoked(stage))),
    ("f22_namespace_deleted", |stage| Box::pin(namespace::deleted(stage))),
    ("f32_five_hundred_events_a_second", |stage| Box::pin(events::arriving(stage))),
    ("f32_fifty_thousand_events", |stage| Box::pin(events::many(stage))),
];

/// Run by name, or with `--long`.
const LONG: &[&str] = &["f12_etcd_stopped_300_s"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let given = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if given("--list") {
        for (name, _) in CASES {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    let filters: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let long = given("--long");
    let chosen = |name: &str| match filters.as_slice() {
        [] => long || !LONG.contains(&name),
        filters => filters.iter().any(|filter| name.contains(*filter)),
    };
    let cases: Vec<&Case> = CASES.iter().filter(|(name, _)| chosen(name)).collect();
    if filters.is_empty() && !given("--all") {
        println!(
            "\nskipped: it brings up a control plane of its own; `cargo test --test outages -- --all`\n"
        );
        return ExitCode::SUCCESS;
    }
    let folder = std::env::temp_dir().join(format!("rollout-guard-outages-{}", std::process::id()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(run(&cases, &folder)))
    {
        Ok(0) => {
            drop(std::fs::remove_dir_all(&folder));
            ExitCode::SUCCESS
        }
        Ok(_) => {
            println!("the outputs of every run are in {}", folder.display());
            ExitCode::from(101)
        }
        Err(error) => {
            println!("outages: {error}");
            ExitCode::from(101)
        }
    }
}

/// How many failed.
async fn run(cases: &[&Case], folder: &Path) -> Result<usize, String> {
    let rig = match Rig::up(&KIND).await {
        // Nothing has been judged yet; what is judged below is judged once.
        Err(error) => {
            println!("the control plane did not come up, once more: {error}");
            Rig::up(&KIND).await?
        }
        up => up?,
    };
    let stage = Stage { rig, folder: folder.to_owned() };
    println!("\nrunning {} tests", cases.len());
    let begun = Instant::now();
    let mut failed = Vec::new();
    let mut end_asked = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    for (name, case) in cases {
        let from = Instant::now();
        let outcome = tokio::select! {
            outcome = case(&stage) => outcome,
            _ = end_asked.recv() => return Err("ended by SIGTERM".to_owned()),
            _ = tokio::signal::ctrl_c() => return Err("ended by SIGINT".to_owned()),
        };
        match outcome {
            Ok(seen) => println!("test {name} ... ok ({} s: {seen})", from.elapsed().as_secs()),
            Err(error) => {
                println!("test {name} ... FAILED\n{error}\n");
                failed.push((name, error));
                // what is left of the control plane may be of no use to the next
                if let Some(gone) = stage.rig.gone().await {
                    failed.push((name, gone));
                    break;
                }
            }
        }
    }
    for (name, error) in &failed {
        println!("\n---- {name} ----\n{error}");
    }
    let word = if failed.is_empty() { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {word}. {} passed; {} failed; 0 ignored; 0 measured; {} filtered out; finished in {:.2}s\n",
        cases.len().saturating_sub(failed.len()),
        failed.len(),
        CASES.len() - cases.len(),
        begun.elapsed().as_secs_f64()
    );
    Ok(failed.len())
}
