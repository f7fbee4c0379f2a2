//! F23, F24: signals, and who reads what we print.

use std::io::{PipeReader, PipeWriter, Write as _, pipe};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::files::whole_junit;
use crate::process::{endless, report, signal, started, until};
use crate::server::{React, Server};
use crate::stage::{Stage, end};
use crate::story::{break_image, completing, under_way};
use crate::{Fault, own};

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        own("f23_first_signal", "SIGTERM in the middle of the wait", first_signal),
        own("f23_second_signal", "SIGINT twice, while nobody reads stdout", second_signal),
        own(
            "f23_runner_cancels",
            "SIGINT, later SIGTERM, while nobody reads stdout and stderr",
            runner_cancels,
        ),
        own("f24_stdout_closed", "whoever reads stdout has gone", || closed(Which::Stdout)),
        own("f24_stderr_closed", "whoever reads stderr has gone", || closed(Which::Stderr)),
        own("f24_stdout_blocked", "nobody reads stdout, and it is full", || blocked(Which::Stdout)),
        own("f24_stderr_blocked", "nobody reads stderr, and it is full", || blocked(Which::Stderr)),
    ]
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Stdout,
    Stderr,
}

/// A pipe that takes nothing, for as long as its reader lives: whoever else writes to it is blocked already.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = pipe().expect("a pipe");
    let mut filling = writer.try_clone().expect("a pipe");
    let written = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&written);
    drop(thread::spawn(move || {
        while filling.write_all(&[b'.'; 512]).is_ok() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    }));
    let mut before = 0;
    until(|| {
        let now = written.load(Ordering::SeqCst);
        thread::sleep(Duration::from_millis(20));
        std::mem::replace(&mut before, now) == now && now > 0
    });
    (reader, writer)
}

/// A failure of this kind is tolerated for three seconds; a write that nobody takes would last for fifteen.
const VERDICT_WITHIN: Duration = Duration::from_secs(12);

/// A run with that exit code whose stream is this; how long it went on after its verdict.
fn over_after(which: Which, stream: Stdio, right: i32) -> Duration {
    let server = if right == 0 {
        completing(300, |_| React::Serve)
    } else {
        let server = Server::new(under_way(), |_| React::Serve);
        server.later(300, |server| break_image(&mut server.world()));
        server
    };
    let stage = Stage::new(server);
    let mut command = stage.command(20);
    let (out, err) = match which {
        Which::Stdout => (stream, Stdio::null()),
        Which::Stderr => (Stdio::null(), stream),
    };
    command.stdout(out).stderr(err);
    let begun = Instant::now();
    let mut child = command.spawn().expect("the binary starts");
    // A clone of the stream in `command` would keep it open.
    drop(command);
    assert_eq!(end(&mut child, Duration::from_secs(60)), Some(right), "{}", report(&stage));
    let took = begun.elapsed();
    let report = report(&stage);
    assert_eq!(report["exitCode"], right);
    whole_junit(&stage.file("report.xml"));
    let wait = Duration::from_secs_f64(report["durationSeconds"].as_f64().expect("how long it waited"));
    assert!(wait < VERDICT_WITHIN, "the verdict came after {wait:?}");
    took.saturating_sub(wait)
}

fn closed(which: Which) -> &'static str {
    for right in [0, 1] {
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let after = over_after(which, writer.into(), right);
        assert!(after < Duration::from_secs(5), "{after:?} after the verdict");
    }
    "exit 0 for a pass and 1 for a failure, soon after the verdict"
}

fn blocked(which: Which) -> &'static str {
    thread::scope(|scope| {
        let runs = [0, 1].map(|right| {
            scope.spawn(move || {
                let (_reader, writer) = full_pipe();
                over_after(which, writer.into(), right)
            })
        });
        for run in runs {
            let after = run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            // Somebody may only read slowly: stdout is given up after 15 s without a byte taken, stderr after one.
            let limit = if which == Which::Stdout { 20 } else { 8 };
            assert!(after < Duration::from_secs(limit), "{after:?} after the verdict");
        }
    });
    match which {
        Which::Stdout => "exit 0 for a pass and 1 for a failure, within 20 s of the verdict",
        Which::Stderr => "exit 0 for a pass and 1 for a failure, within 8 s of the verdict",
    }
}

/// Some milliseconds on a machine that has time.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(3);

fn first_signal() -> &'static str {
    let stage = endless();
    let mut child = started(&stage);
    let begun = Instant::now();
    signal(&child, "TERM");
    assert_eq!(end(&mut child, Duration::from_secs(10)), Some(143));
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    interrupted(&stage, 143);
    "exit 143 at once, with the report"
}

fn interrupted(stage: &Stage, code: i32) {
    let report = report(stage);
    assert_eq!((&report["verdict"], &report["exitCode"]), (&"interrupted".into(), &code.into()));
    assert!(whole_junit(&stage.file("report.xml")).contains("<error"));
}

/// A run in the middle of its wait, nobody reads its stdout, and what it says is too much for the pipe.
fn unread(stage: &Stage) -> (PipeReader, Child) {
    let (reader, writer) = full_pipe();
    let mut command = stage.command(60);
    command.stdout(writer.try_clone().expect("a pipe")).stderr(writer);
    let child = command.spawn().expect("the binary starts");
    until(|| stage.server.requests().iter().any(|request| request.of("pods")));
    (reader, child)
}

fn still_runs(child: &mut Child) {
    thread::sleep(Duration::from_secs(3));
    assert_eq!(child.try_wait().expect("a child"), None, "the end did not take long, so nothing was tested");
}

fn second_signal() -> &'static str {
    let stage = endless();
    let (_reader, mut child) = unread(&stage);
    signal(&child, "INT");
    until(|| report(&stage)["exitCode"] == 130);
    still_runs(&mut child);
    let begun = Instant::now();
    signal(&child, "INT");
    assert_eq!(end(&mut child, Duration::from_secs(10)), Some(130));
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    interrupted(&stage, 130);
    "the report stands after the first; exit 130 at once after the second"
}

/// As GitHub's runner cancels a job, with less time in between: SIGINT, 7.5 s, SIGTERM, 2.5 s, SIGKILL.
fn runner_cancels() -> &'static str {
    let stage = endless();
    let (_reader, mut child) = unread(&stage);
    signal(&child, "INT");
    still_runs(&mut child);
    signal(&child, "TERM");
    assert_eq!(end(&mut child, Duration::from_millis(2500)), Some(130));
    interrupted(&stage, 130);
    "ended by the SIGTERM, before the SIGKILL, with exit 130 and the report"
}
