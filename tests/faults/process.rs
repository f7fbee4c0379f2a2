//! F26, F27: our own process: alone in a container, out of threads, short of memory.

use std::fs;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::files::whole_junit;
use crate::hostile::many_pods;
use crate::identity::behind_plugin;
use crate::server::{React, Server, status};
use crate::stage::{Stage, end};
use crate::story::{completing, serve, under_way};
use crate::{Fault, own};

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        own("f26_process_one", "PID 1 of a container, SIGTERM", process_one),
        own(
            "f26_plugin_of_process_one",
            "PID 1 of a container, with a credential plugin",
            plugin_of_process_one,
        ),
        own(
            "f27_fault_of_ours",
            "the program panics: no thread can be had in the middle of the wait",
            fault_of_ours,
        ),
        own("f27_little_memory", "5,000 pods with 64 MiB for all its data", little_memory),
        own(
            "f27_little_address_space",
            "5,000 pods with 64 MiB of address space more than one pod takes",
            little_address_space,
        ),
        own("f27_deep_answer", "a JSON of 200,000 levels as the first list of pods", deep_answer),
    ]
}

/// A panic of the binary itself, without any hook in it: tokio panics where it needs a thread and the system has
/// none. The credentials are renewed on one after a 401, and the first one has ended by then (after 10 s of idleness).
fn fault_of_ours() -> &'static str {
    let server = Server::new(under_way(), |request| {
        if request.at > Duration::from_secs(12) {
            status(401, "Unauthorized", "Unauthorized")
        } else {
            React::Serve
        }
    });
    let stage = Stage::new(server);
    let mut command = stage.command(60);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    stage.server.later(11_500, limit_address_space_of(child.id()));
    stage.server.later(12_100, Server::end_watches);
    let code = end(&mut child, Duration::from_secs(50));
    let mut said = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
    assert_eq!(code, Some(4), "{said}");
    let error = said.find("error: rollout-guard stopped on a fault of its own (").map(|at| &said[at..]);
    let error = error.unwrap_or_else(|| panic!("{said}"));
    assert!(error.contains("--record FILE") && !error.contains("panicked at"), "{said}");
    let report = report(&stage);
    assert_eq!((&report["verdict"], &report["exitCode"]), (&"interrupted".into(), &Value::Null));
    assert!(whole_junit(&stage.file("report.xml")).contains("<error"));
    "exit 4 and one clear error; the reports parse and are `interrupted`"
}

/// Half a megabyte more than it has is too little for the stack of a thread.
fn limit_address_space_of(pid: u32) -> impl FnOnce(&Server) + Send + 'static {
    move |_| {
        let limit = (kibibytes(pid, "VmSize:") + 512) << 10;
        let limited =
            Command::new("prlimit").args(["--pid", &pid.to_string()]).arg(format!("--as={limit}")).status();
        assert!(limited.expect("prlimit").success());
    }
}

/// A line of the status of a process, in KiB; 0 once it is gone.
pub(crate) fn kibibytes(pid: u32, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// The highest value of that while the binary runs, and how it ended.
pub(crate) fn highest(stage: &Stage, timeout: u64, what: &str) -> (u64, Option<i32>) {
    let mut command = stage.command(timeout);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the binary starts");
    let begun = Instant::now();
    let mut highest = 0;
    loop {
        highest = highest.max(kibibytes(child.id(), what));
        if let Some(status) = child.try_wait().expect("a child") {
            return (highest, status.code());
        }
        if begun.elapsed() > Duration::from_secs(timeout + 15) {
            drop(child.kill());
            drop(child.wait());
            return (highest, None);
        }
        thread::sleep(Duration::from_millis(3));
    }
}

fn little_address_space() -> &'static str {
    let (one, code) = highest(&Stage::new(completing(300, serve)), 20, "VmSize:");
    assert_eq!(code, Some(0));
    let stage = many_pods();
    let inner = stage.command(60);
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("ulimit -v {} && exec \"$@\"", one + (64 << 10))).arg("sh");
    command.arg(inner.get_program()).args(inner.get_args()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("sh");
    assert_eq!(end(&mut child, Duration::from_secs(75)), Some(0), "{}", report(&stage));
    "exit 0, `complete`"
}

fn little_memory() -> &'static str {
    let stage = many_pods();
    let inner = stage.command(60);
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -d 65536 && exec \"$@\"", "sh"])
        .arg(inner.get_program())
        .args(inner.get_args());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("sh");
    assert_eq!(end(&mut child, Duration::from_secs(75)), Some(0), "{}", report(&stage));
    "exit 0, `complete`"
}

fn deep_answer() -> &'static str {
    let server = completing(500, |request| {
        if request.of("pods") && request.before == 0 {
            let deep = format!("{{\"items\": {}{}}}", "[".repeat(200_000), "]".repeat(200_000));
            React::Answer(200, "OK", deep)
        } else {
            React::Serve
        }
    });
    let run = Stage::new(server).guard(40);
    assert_eq!(run.code, Some(0), "{}", run.everything());
    "exit 0, `complete`: asked again"
}

pub(crate) fn endless() -> Stage {
    Stage::new(Server::new(under_way(), serve))
}

/// Starts our binary in the background, and waits until it has asked the server for pods.
pub(crate) fn started(stage: &Stage) -> Child {
    let mut command = stage.command(60);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().expect("the binary starts");
    until(|| stage.server.requests().iter().any(|request| request.of("pods")));
    thread::sleep(Duration::from_millis(200));
    child
}

pub(crate) fn until(mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the condition never held");
        thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().expect("kill");
    assert!(sent.success());
}

pub(crate) fn report(stage: &Stage) -> Value {
    let text = fs::read_to_string(stage.file("report.json")).expect("a report");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text:?}"))
}

/// The only process of a PID namespace; the id of our binary, as seen from outside.
fn alone(stage: &Stage) -> (Child, String) {
    let inner = stage.command(60);
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--map-root-user"]).arg(inner.get_program()).args(inner.get_args());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().expect("unshare");
    until(|| stage.server.requests().iter().any(|request| request.of("pods")));
    let ours = children(&child.id().to_string());
    (child, ours)
}

fn children(pid: &str) -> String {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("its threads").flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists.collect::<String>().trim().to_owned()
}

fn terminated(stage: &Stage, mut child: Child, ours: &str) {
    let begun = Instant::now();
    let sent = Command::new("kill").args(["-s", "TERM", ours]).status().expect("kill");
    assert!(sent.success());
    assert_eq!(end(&mut child, Duration::from_secs(10)), Some(143));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!((&report(stage)["verdict"], &report(stage)["exitCode"]), (&"interrupted".into(), &143.into()));
    assert!(whole_junit(&stage.file("report.xml")).contains("<error"));
}

fn process_one() -> &'static str {
    let stage = endless();
    let (child, ours) = alone(&stage);
    terminated(&stage, child, &ours);
    "SIGTERM is obeyed: exit 143, with the report"
}

fn plugin_of_process_one() -> &'static str {
    let stage = behind_plugin(
        endless(),
        "echo '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"t\"}}'; : >ran",
    );
    let (child, ours) = alone(&stage);
    assert!(stage.file("ran").exists());
    // A zombie would still be a child.
    assert_eq!(children(&ours), "");
    terminated(&stage, child, &ours);
    "no process of the plugin is left, no zombie either; SIGTERM is obeyed"
}
