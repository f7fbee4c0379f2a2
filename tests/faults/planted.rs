//! Whether this suite notices bugs. `tests/faults/planted.sh` builds a binary that takes a bug of `src/planted.rs` from
//! a variable, and each bug must make the fault fail that stands beside it here. Without a bug all of them pass.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::thread;

use serde_json::json;

use crate::server::{React, Server, lock};
use crate::stage::Stage;
use crate::story::{break_image, complete, deployment, pod, replica_set, running, under_way, waiting};
use crate::world::World;
use crate::{Fault, staged};

/// The binary that is played instead of the product.
const BINARY: &str = "PLANTED_BINARY";
/// The bug that it has.
const BUG: &str = "PLANTED_BUG";

/// The fault that notices each bug.
const NOTICED_BY: &[(&str, &str)] = &[
    ("StartAtZero", "f08_stale_first_read"),
    ("NeverRelist", "f06_compacted_meanwhile"),
    ("NeverRelist", "f06_gone_by_event"),
    ("NeverRelist", "f06_gone_by_status"),
    ("IgnoreObservedGeneration", "f09_not_looked_at"),
    ("NoBackOff", "f05_closed_at_once"),
    ("HotWatch", "f05_closed_at_once"),
    ("FollowHistoryBack", "f07_history_moves_back"),
    ("BelieveRefusals", "f15_forbidden_for_a_moment"),
    ("NeverWake", "f01_all_come_back"),
    ("NeverReread", "f20_cure_lost"),
    ("FollowNewUid", "f17_deleted_and_made_anew"),
    ("NoSettling", "f20_dies_while_it_settles"),
    ("PassBlind", "f12_server_stuck"),
    ("FailBlind", "f12_broken_and_gone"),
    ("FailBlind", "f17_made_anew_unseen"),
    ("NoTimeout", "f01_server_gone_to_the_end"),
    ("Unescaped", "f30_commands_in_a_log"),
    ("Markup", "f31_xml_in_a_log"),
    ("Unredacted", "f34_secrets"),
];

/// How often a bug is planted that is noticed by chance only: streams may come back together without waking each other.
const TRIES: usize = 4;

/// What only the checks of the library notice, and why.
const NOTICED_BY_THE_LIBRARY: &[(&str, &str)] = &[
    ("ShowStale", "the scripted server has no replica that is behind another for a moment"),
    (
        "TrustAccepted",
        "three reads without an answer take two minutes; the outage suite stops a real etcd for five",
    ),
    ("TrustReopened", "a proof of the same second makes up for it; the unit test has none"),
];

/// What is played: the product, or the binary with a bug.
pub(crate) fn binary() -> Command {
    let path =
        std::env::var_os(BINARY).map_or_else(|| env!("CARGO_BIN_EXE_rollout-guard").into(), PathBuf::from);
    let mut command = Command::new(path);
    command.env_clear();
    if let Some(bug) = std::env::var_os(BUG) {
        command.env(BUG, bug);
    }
    command
}

/// Every bug there is, by name.
fn bugs() -> Vec<&'static str> {
    let source = include_str!("../../src/planted.rs");
    let (_, rest) = source.split_once("enum Bug {").expect("the bugs");
    let (bugs, _) = rest.split_once('}').expect("their end");
    bugs.lines().filter_map(|line| line.trim().strip_suffix(',')).filter(|line| !line.contains(' ')).collect()
}

/// Plays each bug to the fault that must notice it.
pub(crate) fn prove(binary: &Path) -> ExitCode {
    let known: BTreeMap<&str, &str> = NOTICED_BY.iter().chain(NOTICED_BY_THE_LIBRARY).copied().collect();
    let forgotten: Vec<&str> = bugs().into_iter().filter(|bug| !known.contains_key(bug)).collect();
    assert!(forgotten.is_empty(), "no fault notices {forgotten:?}, or nobody has said which one does");
    let mut faults: Vec<&str> = NOTICED_BY.iter().map(|(_, fault)| *fault).collect();
    faults.sort_unstable();
    faults.dedup();
    let games: Vec<(Option<&str>, &str)> = (faults.iter().map(|fault| (None, *fault)))
        .chain(NOTICED_BY.iter().map(|(bug, fault)| (Some(*bug), *fault)))
        .collect();
    println!("\nrunning {} tests", games.len());
    let count = games.len();
    let queue = Mutex::new(games);
    let unnoticed = Mutex::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            drop(scope.spawn(|| {
                loop {
                    let Some((bug, fault)) = lock(&queue).pop() else { return };
                    let tries = if bug.is_some() { TRIES } else { 1 };
                    let mut played = (0..tries).map(|_| play(binary, bug, fault));
                    let last = played.find(|(failed, _)| *failed);
                    let (failed, said) = last.unwrap_or_default();
                    let right = failed == bug.is_some();
                    let word = if right { "ok" } else { "FAILED" };
                    let bug = bug.unwrap_or("no bug");
                    println!("test {fault} with {bug} ... {word} {said}");
                    *lock(&unnoticed) += usize::from(!right);
                }
            }));
        }
    });
    for (bug, why) in NOTICED_BY_THE_LIBRARY {
        println!("{bug}: by `cargo test --lib` alone: {why}");
    }
    let unnoticed = *lock(&unnoticed);
    let word = if unnoticed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {word}. {} passed; {unnoticed} failed; 0 ignored\n", count - unnoticed);
    if unnoticed == 0 { ExitCode::SUCCESS } else { ExitCode::from(101) }
}

/// Whether the fault failed, and how.
fn play(binary: &Path, bug: Option<&str>, fault: &str) -> (bool, String) {
    let own = std::env::current_exe().expect("this program");
    let mut command = Command::new(own);
    command.arg(fault).env(BINARY, binary).env_remove(BUG).env("RUST_BACKTRACE", "0");
    if let Some(bug) = bug {
        command.env(BUG, bug);
    }
    let output = command.output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stderr);
    let mut lines = text.lines().skip_while(|line| !line.starts_with("----")).skip(1);
    let first: String = lines.by_ref().take(3).collect::<Vec<_>>().join(" ").chars().take(140).collect();
    // Anything else than a failed test, such as a name that no test has, proves nothing.
    let failed = output.status.code() == Some(101) && !first.is_empty();
    let passed = output.status.success() && String::from_utf8_lossy(&output.stdout).contains("... ok");
    assert!(failed || passed, "{fault} could not be played: {:?} {text}", output.status);
    (failed, if failed { format!("({first})") } else { String::new() })
}

// === faults of the judgement that the others leave open ===

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        staged(
            "f06_compacted_meanwhile",
            "connections refused for 1 s, in which the rollout completes and etcd forgets all before",
            || {
                let server = Server::new(under_way(), |_| React::Serve);
                server.later(500, |server| server.set_up(false));
                server.later(1000, |server| {
                    let mut world = server.world();
                    complete(&mut world);
                    world.compacted = world.version + 1;
                });
                server.later(1500, |server| server.set_up(true));
                Stage::new(server)
            },
            20,
            0,
            |run, _| assert_eq!(run.reason(), "complete"),
        ),
        staged(
            "f09_not_looked_at",
            "generation 2 with the template of generation 1; all that the status says is of generation 1",
            || {
                let mut world = World::new();
                world.apply("deployments", deployment(2, 1, 1));
                world.apply("replicasets", replica_set(2, 1));
                world.change("replicasets", "web-2", |set| {
                    set["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!("1");
                });
                world.apply("pods", pod(2, running()));
                Stage::new(Server::new(world, |_| React::Serve))
            },
            4,
            3,
            |run, _| assert_ne!(run.report["verdict"], "complete"),
        ),
        staged(
            "f12_broken_and_gone",
            "the image cannot be pulled, and a moment later the server is gone to the end",
            || {
                let server = Server::new(under_way(), |_| React::Serve);
                server.later(500, |server| break_image(&mut server.world()));
                server.later(700, |server| server.set_up(false));
                Stage::new(server)
            },
            12,
            4,
            |run, _| assert_eq!(run.reason(), "unreachable"),
        ),
        staged(
            "f20_cure_lost",
            "the image cannot be pulled; the lines that tell of the cure never come",
            || {
                let mut world = under_way();
                for version in world.version + 2..=world.version + 4 {
                    world.lost.insert(version);
                }
                let server = Server::new(world, |_| React::Serve);
                server.later(500, |server| break_image(&mut server.world()));
                server.later(800, |server| complete(&mut server.world()));
                Stage::new(server)
            },
            40,
            0,
            |run, _| assert_eq!(run.reason(), "complete"),
        ),
        staged(
            "f20_dies_while_it_settles",
            "complete, and its container ends 2 s later",
            || {
                let server = Server::new(under_way(), |_| React::Serve);
                server.later(500, |server| complete(&mut server.world()));
                server.later(2500, |server| {
                    let mut status = waiting("CrashLoopBackOff", "back-off restarting failed container");
                    status["phase"] = "Running".into();
                    status["containerStatuses"][0]["restartCount"] = 1.into();
                    status["containerStatuses"][0]["lastState"] =
                        json!({"terminated": {"exitCode": 1, "reason": "Error"}});
                    let mut world = server.world();
                    world.apply("pods", pod(2, status));
                    world.apply("replicasets", replica_set(2, 0));
                    world.apply("deployments", deployment(2, 2, 0));
                });
                Stage::new(server).settling_for("8s")
            },
            12,
            3,
            |run, _| assert_ne!(run.report["verdict"], "complete"),
        ),
    ]
}
