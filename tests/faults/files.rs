//! F23, F25: the report files, whatever ends our process or refuses its bytes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::process::{report, until};
use crate::server::{React, Server, lock};
use crate::stage::{Stage, end};
use crate::story::{break_image, complete, completing, pod, serve, under_way, waiting};
use crate::{Fault, objects, own};

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        own(
            "f23_before_the_first_request",
            "the report files, when the first request arrives",
            first_request,
        ),
        own("f23_killed_at_any_instant", "SIGKILL at 120 instants around the verdict", killed),
        own(
            "f23_killed_in_the_wait",
            "SIGKILL after some seconds of waiting for an image",
            killed_in_the_wait,
        ),
        own("f23_read_at_any_instant", "somebody reads the report files all the time", read_all_the_time),
        own("f23_folder_gone_for_a_while", "the folder of a report is gone from 2 s to 7 s", folder_gone),
        own("f25_disk_full", "the disk is full when the report of a pass is written", disk_full),
        own("f25_disk_full_and_failed", "the same, and the rollout has failed", disk_full_and_failed),
        own("f25_file_size_limit", "`ulimit -f` is below the size of the report", file_size_limit),
        own("f25_read_only", "the report is wanted on a read-only file system", read_only),
        own("f25_symbolic_link", "the path of the report is a symbolic link", symbolic_link),
    ]
}

/// Neither complete nor without an error or a failure in it.
fn is_green(json: &Value, junit: &str) -> bool {
    json["verdict"] == "complete"
        || json["exitCode"] == 0
        || !(junit.contains("<error") || junit.contains("<failure"))
}

/// Reads the XML to its end.
pub(crate) fn whole_junit(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a report");
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
    text
}

fn first_request() -> &'static str {
    let folder = Arc::new(Mutex::new(PathBuf::new()));
    let (there, seen) = (Arc::clone(&folder), Arc::new(Mutex::new(Vec::new())));
    let first = Arc::clone(&seen);
    let server = completing(300, move |_| {
        let mut seen = lock(&first);
        if seen.is_empty() {
            *seen = ["report.json", "report.xml"]
                .map(|name| fs::read_to_string(lock(&there).join(name)).ok())
                .into();
        }
        React::Serve
    });
    let stage = Stage::new(server);
    stage.folder.path().clone_into(&mut lock(&folder));
    assert_eq!(stage.guard(20).code, Some(0));
    let seen = lock(&seen).clone();
    let [Some(json), Some(junit)] = seen.as_slice() else { panic!("{seen:?}") };
    let json: Value = serde_json::from_str(json).expect("JSON");
    assert!(!is_green(&json, junit) && json["reason"] == "not-finished", "{json}");
    "both are there, and not green"
}

/// One run that is killed so long after its start; what the reports say then.
fn killed_after(delay: Duration) -> (String, bool) {
    // A paused rollout fails at the first look.
    let stage = Stage::new(objects::with_spec("paused", &json!(true))).with(&["--html", "report.html"]);
    let mut command = stage.command(30);
    command.current_dir(stage.folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let mut child = command.spawn().expect("the binary starts");
    // What is killed before it had time to begin has no report, and says nothing.
    until(|| stage.file("report.html").exists());
    while begun.elapsed() < delay {
        std::hint::spin_loop();
    }
    drop(child.kill());
    let ended = child.wait().expect("a child");
    let json = report(&stage);
    let junit = whole_junit(&stage.file("report.xml"));
    assert!(!is_green(&json, &junit), "{json}\n{junit}");
    let verdict = json["verdict"].as_str().unwrap_or_default().to_owned();
    match ended.code() {
        None if verdict == "interrupted" => assert_eq!(json["exitCode"], Value::Null),
        None => assert_eq!((verdict.as_str(), &json["exitCode"]), ("failed", &json!(1))),
        Some(code) => assert_eq!(json["exitCode"], code),
    }
    let html = fs::read_to_string(stage.file("report.html")).expect("a page");
    assert!(html.ends_with("</html>\n"), "{html}");
    (verdict, ended.code().is_none())
}

/// Each lane looks for the moment of the verdict by itself, whatever the machine does meanwhile: later after a kill that
/// came before it, earlier after one that came behind it.
fn killed() -> &'static str {
    let outcomes: Vec<(String, bool)> = thread::scope(|scope| {
        let lane = || {
            let (mut delay, mut step, mut outcomes) = (100_000_u64, 64_000, Vec::new());
            let mut before = true;
            for _ in 0..30 {
                let outcome = killed_after(Duration::from_micros(delay));
                let is_before = outcome.0 == "interrupted";
                step = if is_before == before { step } else { (step / 2).max(1500) };
                before = is_before;
                delay = if before { delay + step } else { delay.saturating_sub(step) };
                outcomes.push(outcome);
            }
            outcomes
        };
        let lanes: Vec<_> = (0..4).map(|_| scope.spawn(lane)).collect();
        lanes
            .into_iter()
            .flat_map(|lane| lane.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let count = |verdict: &str| outcomes.iter().filter(|(found, _)| found == verdict).count();
    let killed = outcomes.iter().filter(|(_, killed)| *killed).count();
    let (before, after) = (count("interrupted"), count("failed"));
    assert!(before >= 5 && after >= 5 && killed >= 20, "{before} before, {after} after, {killed} killed");
    "each report parsed and was `interrupted` or `failed`; at least 5 of either"
}

const NOT_FOUND: &str = "rpc error: code = NotFound desc = failed to pull and unpack image \"docker.io/shop/web:2\": \
    failed to resolve reference \"docker.io/shop/web:2\": docker.io/shop/web:2: not found";

fn killed_in_the_wait() -> &'static str {
    let mut world = under_way();
    world.apply("pods", pod(2, waiting("ErrImagePull", NOT_FOUND)));
    let stage = Stage::new(Server::new(world, serve));
    let mut command = stage.command(120);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the binary starts");
    until(|| stage.file("report.xml").exists());
    // The files are replaced one after the other.
    until(|| whole_junit(&stage.file("report.xml")).contains("image-not-found"));
    drop(child.kill());
    drop(child.wait());
    let (json, junit) = (report(&stage), whole_junit(&stage.file("report.xml")));
    assert!(!is_green(&json, &junit), "{json}\n{junit}");
    assert_eq!((&json["verdict"], &json["exitCode"]), (&json!("interrupted"), &Value::Null));
    let target = &json["targets"][0];
    assert_eq!((&target["verdict"], &target["reason"]), (&json!("interrupted"), &json!("not-finished")));
    assert_eq!(target["replicas"]["desired"], 1, "{target}");
    assert_eq!(target["causes"][0]["code"], "image-not-found", "{target}");
    "the report names the cause that was waited out"
}

fn folder_gone() -> &'static str {
    let stage = Stage::new(Server::new(under_way(), serve)).with(&["--html", "pages/report.html"]);
    let (pages, away) = (stage.file("pages"), stage.file("away"));
    let page = pages.join("report.html");
    stage.server.later(2000, {
        let (pages, away) = (pages.clone(), away.clone());
        move |_| fs::rename(pages, away).expect("a folder")
    });
    stage.server.later(7000, move |server| {
        fs::rename(away, pages).expect("a folder");
        complete(&mut server.world());
    });
    let mut command = stage.command(40);
    command.current_dir(stage.folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the binary starts");
    assert_eq!(end(&mut child, Duration::from_secs(50)), Some(0), "{}", report(&stage));
    assert!(fs::read_to_string(page).expect("a page").contains("0 (complete)"));
    "exit 0, and the page is the last one"
}

fn read_all_the_time() -> &'static str {
    let (may_be_green, over) = (Arc::new(AtomicBool::new(false)), AtomicBool::new(false));
    let server = Server::new(under_way(), serve);
    let flag = Arc::clone(&may_be_green);
    // Long enough for a report of the wait to be written in between.
    server.later(6500, move |server| {
        flag.store(true, Ordering::SeqCst);
        complete(&mut server.world());
    });
    let stage = Stage::new(server);
    let reads = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            until(|| stage.file("report.xml").exists());
            let (mut reads, mut shown) = (0_u32, Vec::new());
            while !over.load(Ordering::SeqCst) {
                let json = report(&stage);
                let junit = whole_junit(&stage.file("report.xml"));
                // Asked after the read: what it is about came before.
                assert!(may_be_green.load(Ordering::SeqCst) || !is_green(&json, &junit), "{json}\n{junit}");
                if shown.last() != Some(&json) {
                    shown.push(json);
                }
                reads += 1;
                thread::sleep(Duration::from_millis(1));
            }
            assert!(shown.len() >= 3, "{} reports: {shown:?}", shown.len());
            reads
        });
        let run = stage.guard(30);
        over.store(true, Ordering::SeqCst);
        assert_eq!(run.code, Some(0), "{}", run.everything());
        reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    assert!(reads > 200, "{reads} reads");
    "every read parsed; none was green before the rollout was complete"
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

/// What a run says and ends with whose JSON report is on a disk without a free byte.
fn on_a_full_disk(stage: &Stage) -> (Option<i32>, String, String) {
    // The disk is filled once the placeholder stands, and stays full: a report that is replaced makes room. In braces:
    // `mount && fill &` would leave the mounting, too, to the background, and the placeholder might come before it.
    let fill = format!(
        "{{ (until [ -s '{0}/report.json' ]; do sleep 0.02; done; \
          until [ -e '{0}.ended' ]; do cat /dev/zero >>'{0}/fill' 2>/dev/null; sleep 0.02; done) & }}",
        stage.file("small").display()
    );
    let output = in_namespace(stage, "size=64k", &fill).output().expect("unshare");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn disk_full() -> &'static str {
    let (code, out, err) = on_a_full_disk(&Stage::new(completing(1500, serve)));
    assert_eq!(code, Some(5), "{out}{err}");
    assert!(out.contains("\"not-finished\"") && err.contains("No space left"), "{out}{err}");
    "exit 5; the file keeps its last whole report"
}

fn disk_full_and_failed() -> &'static str {
    let server = Server::new(under_way(), serve);
    server.later(1000, |server| break_image(&mut server.world()));
    let (code, out, err) = on_a_full_disk(&Stage::new(server));
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(out.contains("\"not-finished\"") && err.contains("No space left"), "{out}{err}");
    // the headline, the evidence and the end of the text
    for part in
        ["couldn't parse image name", "[image-name-invalid]", "rollout-guard explain image-name-invalid"]
    {
        assert!(out.contains(part), "{part:?} in {out}");
    }
    "exit 1; the whole diagnosis on stdout, the file keeps its last whole report"
}

/// With files of at most so many blocks of 512 bytes.
fn limited(stage: &Stage, blocks: u32) -> (Option<i32>, String) {
    let inner = stage.command(20);
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("ulimit -f {blocks} && exec \"$@\"")).arg("sh");
    command.arg(inner.get_program()).args(inner.get_args());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = command.output().expect("sh");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

fn file_size_limit() -> &'static str {
    let stage = Stage::new(completing(300, serve));
    let (code, said) = limited(&stage, 0);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("File too large") && stage.server.requests().is_empty(), "{said}");
    let (code, said) = limited(&stage, 3);
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("File too large") && report(&stage)["reason"] == "not-finished", "{said}");
    whole_junit(&stage.file("report.xml"));

    let server = Server::new(under_way(), serve);
    server.later(300, |server| break_image(&mut server.world()));
    let stage = Stage::new(server);
    let (code, said) = limited(&stage, 3);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("File too large") && said.contains("[image-name-invalid]"), "{said}");
    assert_eq!(report(&stage)["reason"], "not-finished");
    whole_junit(&stage.file("report.xml"));
    "exit 2 before any request, exit 5 for a pass and 1 for a failure; the file keeps its last whole report"
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
