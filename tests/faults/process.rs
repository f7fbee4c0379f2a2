//! F23–F27, F35: our own process: signals, full disks, closed pipes, its reports at every instant.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::hostile::many_pods;
use crate::server::{React, Request, Server};
use crate::stage::{Stage, end};
use crate::story::{break_image, completing, under_way};
use crate::{Fault, Play};

const fn own(name: &'static str, what: &'static str, play: fn() -> &'static str) -> Fault {
    Fault { name, what, play: Play::Own(play) }
}

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        own("f23_killed_at_any_instant", "SIGKILL at 40 instants of the run", killed),
        own("f23_first_signal", "SIGTERM in the middle of the wait", first_signal),
        own("f23_second_signal", "SIGINT twice, with a server that does not answer", second_signal),
        own("f24_stdout_closed", "whoever reads stdout has gone", stdout_closed),
        own("f24_stdout_blocked", "nobody reads stdout, and it is full", stdout_blocked),
        own("f25_disk_full", "the disk is full when the report is written", disk_full),
        own("f25_read_only", "the report is wanted on a read-only file system", read_only),
        own("f25_symbolic_link", "the path of the report is a symbolic link", symbolic_link),
        own("f26_process_one", "PID 1 of a container, SIGTERM", process_one),
        own("f27_fault_of_ours", "the program stops on a fault of its own", fault_of_ours),
        own("f27_little_memory", "5,000 pods with 64 MiB for all its data", little_memory),
        own("f27_deep_answer", "a JSON of 200,000 levels as the first list of pods", deep_answer),
        own("f35_no_other_connection", "connections besides that to the API server", connections),
    ]
}

/// The argument with which this program panics as the binary would.
pub(crate) const PANIC: &str = "--panic";

pub(crate) fn panic_as_the_binary_would() {
    rollout_guard::end_on_panic();
    panic!("planted");
}

fn fault_of_ours() -> &'static str {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program).arg(PANIC).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(
        said.starts_with("error: rollout-guard stopped on a fault of its own (tests/faults/process.rs:"),
        "{said}"
    );
    assert!(said.contains("--record FILE") && !said.contains("panicked at"), "{said}");
    "exit 4 and one clear error"
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

fn serve(_: &Request) -> React {
    React::Serve
}

fn endless() -> Stage {
    Stage::new(Server::new(under_way(), serve))
}

/// Starts our binary in the background, and waits until it has asked the server for pods.
fn started(stage: &Stage) -> Child {
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

pub(crate) fn junit_is_whole(stage: &Stage) {
    let text = fs::read_to_string(stage.file("report.xml")).expect("a report");
    let mut reader = quick_xml::Reader::from_str(&text);
    let mut open = 0_i32;
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error}: {text}")) {
            quick_xml::events::Event::Start(_) => open += 1,
            quick_xml::events::Event::End(_) => open -= 1,
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }
    assert!(open == 0 && text.contains("<testsuites"), "{text}");
}

fn killed() -> &'static str {
    for step in 0..40_u64 {
        let server = Server::new(under_way(), serve);
        server.later(60, |server| break_image(&mut server.world()));
        let stage = Stage::new(server);
        let mut command = stage.command(60);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the binary starts");
        until(|| stage.file("report.xml").exists());
        thread::sleep(Duration::from_millis(step * 12));
        drop(child.kill());
        let ended = child.wait().expect("a child");
        let report = report(&stage);
        junit_is_whole(&stage);
        match ended.code() {
            None => assert!(["interrupted", "failed"].contains(&report["verdict"].as_str().unwrap_or(""))),
            Some(code) => assert_eq!(report["exitCode"], code),
        }
        let left: Vec<_> = fs::read_dir(stage.folder.path()).expect("a folder").flatten().collect();
        assert!(left.len() <= 5, "{left:?}");
    }
    "every report parsed and told the truth"
}

fn first_signal() -> &'static str {
    let stage = endless();
    let mut child = started(&stage);
    let begun = Instant::now();
    signal(&child, "TERM");
    assert_eq!(end(&mut child, Duration::from_secs(10)), Some(143));
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    let report = report(&stage);
    assert_eq!((&report["verdict"], &report["exitCode"]), (&"interrupted".into(), &143.into()));
    "exit 143 with the report within 0.5 s"
}

fn second_signal() -> &'static str {
    let stage = Stage::new(Server::new(under_way(), |_| React::Silence));
    let mut command = stage.command(60);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the binary starts");
    until(|| !stage.server.requests().is_empty());
    let begun = Instant::now();
    signal(&child, "INT");
    thread::sleep(Duration::from_millis(30));
    if child.try_wait().expect("a child").is_none() {
        signal(&child, "INT");
    }
    let status = child.wait().expect("a child");
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    assert!(status.code() == Some(130) || status.signal() == Some(2), "{status:?}");
    "ended within 0.5 s"
}

fn stdout_closed() -> &'static str {
    let stage = Stage::new(completing(300, serve));
    let mut command = stage.command(20);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the binary starts");
    drop(child.stdout.take());
    let code = end(&mut child, Duration::from_secs(30));
    assert!(code == Some(5) || code == Some(0), "{code:?}");
    assert_eq!(report(&stage)["verdict"], "complete");
    "no panic; the report is complete"
}

fn stdout_blocked() -> &'static str {
    // What is printed is larger than a pipe holds only for many findings; the pipe is filled beforehand.
    let stage = Stage::new(completing(300, serve));
    let inner = stage.command(20);
    let line: Vec<String> = std::iter::once(inner.get_program())
        .chain(inner.get_args())
        .map(|part| format!("'{}'", part.to_string_lossy()))
        .collect();
    let mut shell = Command::new("sh");
    // yes fills the pipe and stays blocked; the binary shares its write end
    shell.arg("-c").arg(format!("yes & echo $! >'{}'; exec {}", stage.file("yes").display(), line.join(" ")));
    shell.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = shell.spawn().expect("a shell");
    until(|| stage.file("report.json").exists() && report(&stage)["verdict"] == "complete");
    let code = end(&mut child, Duration::from_secs(20));
    let pid = fs::read_to_string(stage.file("yes")).expect("a pid");
    drop(Command::new("kill").arg("-9").arg(pid.trim()).status());
    assert!(code == Some(0) || code == Some(5), "{code:?}");
    "the report is complete and the process ends"
}

/// Runs in a mount namespace with a folder `small` of that kind of tmpfs.
fn in_namespace(stage: &Stage, options: &str, then: &str) -> Command {
    let folder = stage.file("small");
    fs::create_dir_all(&folder).expect("a folder");
    let inner = stage.command(20);
    let line: Vec<String> = std::iter::once(inner.get_program())
        .chain(inner.get_args())
        .map(|part| format!("'{}'", part.to_string_lossy()))
        .collect();
    let folder = folder.display();
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c"]);
    command.arg(format!(
        "mount -t tmpfs -o {options} none '{folder}' && {then}\n{} --json '{folder}/report.json'; code=$?; : >'{folder}.ended'; cat '{folder}/report.json'; exit $code",
        line.join(" ").replace(&format!("'--json' '{}'", stage.file("report.json").display()), "")
    ));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn disk_full() -> &'static str {
    let stage = Stage::new(completing(900, serve));
    // A background writer fills the disk once the placeholder stands, and again when a report that is replaced has
    // made room.
    let fill = format!(
        "(until [ -s '{0}/report.json' ]; do sleep 0.02; done; \
          until [ -e '{0}.ended' ]; do cat /dev/zero >>'{0}/fill' 2>/dev/null; sleep 0.02; done) &",
        stage.file("small").display()
    );
    let output = in_namespace(&stage, "size=64k", &fill).output().expect("unshare");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(5), "{out}{err}");
    assert!(out.contains("\"not-finished\"") && err.contains("No space left"), "{out}{err}");
    "exit 5; the file keeps its last whole report"
}

fn read_only() -> &'static str {
    let stage = Stage::new(completing(300, serve));
    let begun = Instant::now();
    let output = in_namespace(&stage, "ro,size=64k", "true").output().expect("unshare");
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("Read-only file system"), "{err}");
    assert!(stage.server.requests().is_empty() && begun.elapsed() < Duration::from_secs(3));
    "exit 2 at once, before any request"
}

fn symbolic_link() -> &'static str {
    let stage = Stage::new(completing(300, serve));
    let victim = stage.file("victim");
    fs::write(&victim, "precious").expect("a file");
    std::os::unix::fs::symlink(&victim, stage.file("report.json")).expect("a link");
    let run = stage.guard(10);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert_eq!(fs::read(&victim).expect("a file"), b"precious");
    "exit 2; the link is not followed"
}

fn process_one() -> &'static str {
    let stage = endless();
    let inner = stage.command(60);
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--map-root-user"]).arg(inner.get_program()).args(inner.get_args());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("unshare");
    until(|| stage.server.requests().iter().any(|request| request.of("pods")));
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).expect("its child");
    let begun = Instant::now();
    let sent = Command::new("kill").args(["-s", "TERM", children.trim()]).status().expect("kill");
    assert!(sent.success());
    assert_eq!(end(&mut child, Duration::from_secs(10)), Some(143));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(report(&stage)["verdict"], "interrupted");
    "SIGTERM is obeyed, with a report"
}

fn connections() -> &'static str {
    let stage = endless();
    let mut child = started(&stage);
    let mut table = String::new();
    for name in ["tcp", "tcp6"] {
        let path = format!("/proc/{}/net/{name}", child.id());
        table.push_str(&fs::read_to_string(path).unwrap_or_default());
    }
    let mut own = Vec::new();
    for entry in fs::read_dir(format!("/proc/{}/fd", child.id())).expect("its files").flatten() {
        let target = fs::read_link(entry.path()).unwrap_or_default();
        own.extend(
            target
                .to_string_lossy()
                .strip_prefix("socket:[")
                .map(|rest| rest.trim_end_matches(']').to_owned()),
        );
    }
    let server = format!("0100007F:{:04X}", stage.server.port);
    let mut ours = 0;
    for line in table.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if fields.get(9).is_some_and(|inode| own.iter().any(|own| own == inode)) {
            assert_eq!(fields[2], server, "{line}");
            ours += 1;
        }
    }
    drop(child.kill());
    drop(child.wait());
    assert!(ours > 0, "no connection was found at all");
    "none"
}
