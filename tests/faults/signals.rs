//! F23–F26 once more: signals, pipes and errors in the phases before and after the wait.

use std::fs;
use std::io::{PipeReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::files::whole_junit;
use crate::process::{report, signal, until};
use crate::server::{React, Server, status};
use crate::stage::{Stage, end};
use crate::story::{break_image, completing, deployment, serve, under_way};
use crate::streams::AT_ONCE;
use crate::world::World;
use crate::{Fault, Play, own};

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        own(
            "f23_signal_while_reading_a_manifest",
            "SIGTERM while `kubectl apply -o json |` still runs",
            reading,
        ),
        own(
            "f23_signal_while_selecting",
            "SIGINT while `-l` matches nothing yet, after a command",
            selecting,
        ),
        own(
            "f23_signal_before_the_undo",
            "SIGTERM after one of two rollouts has failed, with --undo-on-failure",
            undo,
        ),
        own("f24_stderr_blocked", "nobody reads stderr, it is full, and -vv", stderr_blocked),
        own("f25_error_before_the_wait", "an error before the wait, and yesterday's report", bad_manifest),
        own("f26_process_one_logs_in", "PID 1 of a container, SIGTERM while a plugin hangs", logging_in),
        own("f11_plugin_hangs_past_the_timeout", "a credential plugin hangs, `--timeout 2s`", hanging_plugin),
        own(
            "f34_words_of_a_plugin",
            "a credential plugin fails with commands of CI systems in its words",
            words,
        ),
        Fault {
            name: "f02_selection_while_the_server_starts",
            what: "503, then 403, while `-l` is looked up",
            play: Play::Staged { stage: starting, timeout: 30, right: 0, check: |_, _| {} },
        },
    ]
}

fn quiet(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary starts")
}

/// Sends a signal, and expects that exit code at once, and a report that has it.
fn ends_by(mut child: Child, name: &str, code: i32, stage: &Stage) {
    let begun = Instant::now();
    signal(&child, name);
    assert_eq!(end(&mut child, Duration::from_secs(20)), Some(code));
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    let report = report(stage);
    assert_eq!((&report["verdict"], &report["exitCode"]), (&"interrupted".into(), &code.into()), "{report}");
    whole_junit(&stage.file("report.xml"));
}

/// A pipe that is full, and whose reader does not read.
fn full_pipe() -> (PipeReader, Stdio) {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    // as much as a pipe of Linux holds
    writer.write_all(&vec![b'y'; 64 << 10]).expect("room");
    (reader, writer.into())
}

fn yesterday(stage: &Stage) {
    for name in ["report.json", "report.xml"] {
        fs::write(stage.file(name), "yesterday").expect("a file");
    }
}

fn today(stage: &Stage) {
    let is_of_today =
        |name| fs::read_to_string(stage.file(name)).is_ok_and(|text| text.contains("not-finished"));
    until(|| is_of_today("report.json") && is_of_today("report.xml"));
}

fn reading() -> &'static str {
    let stage = Stage::new(Server::new(under_way(), serve));
    yesterday(&stage);
    let mut command = stage.command_for(&["-f", "-"], 60);
    command.stdin(Stdio::piped());
    let child = quiet(command);
    today(&stage);
    ends_by(child, "TERM", 143, &stage);
    "exit 143 with a report, and yesterday's gone before"
}

fn selecting() -> &'static str {
    let stage =
        Stage::new(Server::new(World::new(), serve)).with(&["--wait-for-create", "50s", "--", "true"]);
    let child = quiet(stage.command_for(&["deploy", "-l", "app=web"], 60));
    until(|| stage.server.requests().iter().any(|request| request.of("deployments")));
    ends_by(child, "INT", 130, &stage);
    "exit 130 with a report"
}

fn undo() -> &'static str {
    let mut world = under_way();
    let mut other = deployment(2, 2, 0);
    other["metadata"]["name"] = "api".into();
    other["metadata"]["uid"] = "d-2".into();
    world.apply("deployments", other);
    break_image(&mut world);
    let stage = Stage::new(Server::new(world, serve)).with(&["--undo-on-failure", "--progress", "plain"]);
    let mut command = stage.command_for(&["deploy/web", "deploy/api"], 60);
    let said = stage.file("said");
    command.stdout(Stdio::null()).stderr(fs::File::create(&said).expect("a file"));
    let mut child = command.spawn().expect("the binary starts");
    until(|| fs::read_to_string(&said).is_ok_and(|text| text.contains("failed")));
    signal(&child, "TERM");
    assert_eq!(end(&mut child, Duration::from_secs(20)), Some(143));
    let report = report(&stage);
    assert_eq!(report["targets"][0]["verdict"], "failed", "{report}");
    let changes = stage.server.requests().iter().filter(|request| !request.head.starts_with("GET")).count();
    assert_eq!(changes, 0);
    "exit 143, and nothing was changed"
}

fn stderr_blocked() -> &'static str {
    let stage = Stage::new(completing(300, serve)).with(&["-vv"]);
    let (_reader, stderr) = full_pipe();
    let mut command = stage.command(20);
    let begun = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(stderr).spawn().expect("the binary starts");
    assert_eq!(end(&mut child, Duration::from_secs(30)), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(report(&stage)["verdict"], "complete");
    "exit 0, `complete`"
}

fn bad_manifest() -> &'static str {
    let stage = Stage::new(Server::new(under_way(), serve));
    yesterday(&stage);
    let mut command = stage.command_for(&["-f", "-"], 60);
    command.stdin(Stdio::piped());
    let mut child = quiet(command);
    today(&stage);
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(b"kind: [").expect("a reader");
    drop(stdin);
    assert_eq!(end(&mut child, Duration::from_secs(20)), Some(2));
    let report = report(&stage);
    assert_eq!((&report["exitCode"], &report["reason"]), (&2.into(), &"usage".into()), "{report}");
    assert!(report["message"].as_str().is_some_and(|message| !message.is_empty()), "{report}");
    whole_junit(&stage.file("report.xml"));
    assert!(fs::read_to_string(stage.file("report.xml")).expect("a report").contains("<error"));
    "exit 2, and the reports say so"
}

/// Its plugin runs those words of a shell.
fn with_plugin(script: &str) -> Stage {
    let user = format!(
        "{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: sh, args: ['-c', '{script}'], interactiveMode: Never}}}}"
    );
    Stage::new(Server::new(under_way(), serve)).with_user(user)
}

fn logging_in() -> &'static str {
    let flag = tempfile::tempdir().expect("a folder");
    let runs = flag.path().join("runs");
    let stage = with_plugin(&format!("touch {}; exec sleep 25", runs.display()));
    let inner = stage.command(60);
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--map-root-user"]).arg(inner.get_program()).args(inner.get_args());
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
    let mut child = quiet(command);
    until(|| runs.exists());
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).expect("its child");
    let begun = Instant::now();
    let sent = Command::new("kill").args(["-s", "TERM", children.trim()]).status().expect("kill");
    assert!(sent.success());
    assert_eq!(end(&mut child, Duration::from_secs(40)), Some(143));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let report: Value = report(&stage);
    assert_eq!((&report["verdict"], &report["exitCode"]), (&"interrupted".into(), &143.into()));
    "SIGTERM is obeyed, with a report"
}

fn hanging_plugin() -> &'static str {
    let stage = with_plugin("exec sleep 8");
    let run = stage.guard(2);
    assert_eq!(run.code, Some(4), "{}", run.everything());
    assert!(run.took < Duration::from_secs(4), "{:?}", run.took);
    assert_eq!(run.report["reason"], "not-prepared", "{}", run.report);
    "exit 4 when the time is up"
}

fn words() -> &'static str {
    let run = with_plugin("echo \"##vso[task.complete result=Succeeded] ::error::x\" >&2; exit 1").guard(20);
    assert_eq!(run.code, Some(4), "{}", run.everything());
    assert!(run.stderr.contains("vso[task.complete"), "{}", run.stderr);
    assert!(!run.stderr.contains("##vso[") && !run.stderr.contains(" ::error::x"), "{}", run.stderr);
    "the words are shown and command nothing"
}

fn starting() -> Stage {
    let server = completing(300, |request| match request.before {
        0..2 if request.of("deployments") && !request.is_watch() => {
            status(503, "ServiceUnavailable", "starting")
        }
        2..4 if request.of("deployments") && !request.is_watch() => status(403, "Forbidden", "no roles yet"),
        _ => React::Serve,
    });
    Stage::new(server).selecting(&["deploy", "-l", "app=web"])
}
