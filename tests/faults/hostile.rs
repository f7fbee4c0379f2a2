//! F28–F34: what a cluster can say to the one who repeats it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::process::{highest, report};
use crate::server::{React, Request, Server};
use crate::stage::{Run, Stage};
use crate::story::{completing, deployment, pod, replica_set, running};
use crate::world::World;
use crate::{Fault, own, staged};

/// Commands of CI systems and terminals, an end of CDATA, and a test case of its own.
const ATTACK: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}::error::forged\n::set-output name=x::y\n##vso[task.complete result=Succeeded]\n\
##teamcity[testFailed name='x']\r##[command]evil\n]]></system-out><testcase name='forged'/><![CDATA[\n\u{202e}rtl \u{fffe}\u{0}end";

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        own("f28_endless_log", "a log of 1 GiB in one line, whatever was asked for", endless_log),
        own("f28_endless_watch_line", "a line of 300 MB in the watch of the pods", endless_line),
        staged(
            "f29_binary_log",
            "a log of all byte values",
            || {
                crashing(|_| {
                    let bytes: Vec<u8> = (0..=255).cycle().take(2048).collect();
                    React::Raw([b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec(), bytes].concat())
                })
            },
            60,
            1,
            |run, _| {
                harmless(run);
                let shown = run.report["targets"][0]["causes"][0]["evidence"].to_string();
                assert!(shown.contains("ABCDEFGH"), "what can be read of the log is not there: {shown}");
            },
        ),
        staged(
            "f30_commands_in_a_log",
            "a log with commands for terminals, GitHub, Azure and TeamCity",
            || crashing(|_| React::Answer(200, "OK", ATTACK.to_owned())),
            60,
            1,
            |run, _| harmless(run),
        ),
        staged(
            "f31_xml_in_a_log",
            "a log that ends its CDATA and adds a passing test",
            || crashing(|_| React::Answer(200, "OK", ATTACK.to_owned())),
            60,
            1,
            |run, _| {
                let mut reader = quick_xml::Reader::from_str(&run.junit);
                let mut cases = 0;
                loop {
                    match reader.read_event().expect("well-formed XML") {
                        quick_xml::events::Event::Start(tag) | quick_xml::events::Event::Empty(tag) => {
                            cases += i32::from(tag.name().as_ref() == b"testcase");
                        }
                        quick_xml::events::Event::Eof => break,
                        _ => {}
                    }
                }
                assert_eq!(cases, 1, "{}", run.junit);
            },
        ),
        staged(
            "f32_flood_of_events",
            "an endless list of events",
            || {
                crashing(|request| {
                    if request.of("events") {
                        let item = json!({"metadata": {"name": "e", "uid": "e"}, "reason": "Unhealthy", "type": "Warning",
                    "message": "m", "involvedObject": {"kind": "Pod", "name": "web-2-a", "uid": "web-2-a"}});
                        let list = json!({"kind": "EventList", "apiVersion": "v1",
                    "metadata": {"resourceVersion": "9", "continue": "more"}, "items": vec![item; 500]});
                        return React::Answer(200, "OK", list.to_string());
                    }
                    React::Serve
                })
            },
            60,
            1,
            |_, stage| {
                let pages = stage.server.requests().iter().filter(|request| request.of("events")).count();
                assert!(pages <= 120, "{pages} pages of events");
            },
        ),
        staged("f33_thousands_of_pods", "5,000 pods", many_pods, 60, 0, |run, _| {
            assert!(run.took < Duration::from_secs(25), "{:?}", run.took);
        }),
    ]
}

/// A pod that has crashed as often as is forgiven and once more.
fn crashed() -> Value {
    json!({"phase": "Running",
        "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False"}],
        "containerStatuses": [{"name": "app", "ready": false, "started": false, "image": "i", "imageID": "i",
            "restartCount": 5, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "startedAt": "2026-11-24T10:00:00Z",
                "finishedAt": "2026-11-24T10:00:01Z"}}}]})
}

fn restarted(world: &mut World, count: u64) {
    world.change("pods", "web-2-a", |pod| {
        pod["status"]["containerStatuses"][0]["restartCount"] = json!(count);
        pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["finishedAt"] =
            json!(format!("2026-11-24T10:00:{:02}Z", count + 1));
    });
}

/// A rollout whose container crashes five times in two seconds; the script answers for logs and events.
pub(crate) fn crashing(logs: impl Fn(&Request) -> React + Send + Sync + 'static) -> Stage {
    let mut world = World::new();
    world.apply("deployments", deployment(2, 2, 0));
    world.apply("replicasets", replica_set(2, 0));
    let mut first = pod(2, crashed());
    first["status"]["containerStatuses"][0]["restartCount"] = json!(0);
    world.apply("pods", first);
    let server = Server::new(world, move |request| {
        let scripted = request.path.contains("/log?") || request.of("events");
        if scripted { logs(request) } else { React::Serve }
    });
    for count in 1..=5 {
        server.later_than_pods(400 * count, move |server| restarted(&mut server.world(), count));
    }
    Stage::new(server)
}

const PIECE: usize = 64 << 10;

fn chunked(byte: u8) -> (Vec<u8>, Vec<u8>) {
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
    let size = format!("{PIECE:x}\r\n");
    (head.to_vec(), [size.as_bytes(), &vec![byte; PIECE], b"\r\n"].concat())
}

/// Resident memory of the binary at its highest, in KiB, where nothing is too large.
fn usual(stage: &Stage, right: i32) -> u64 {
    let (memory, code) = highest(stage, 60, "VmHWM:");
    assert_eq!(code, Some(right), "{}", report(stage));
    memory
}

fn endless_log() -> &'static str {
    let usual = usual(&crashing(|_| React::Answer(200, "OK", "a line\n".repeat(20))), 1);
    let stage = crashing(|request| {
        let (head, piece) = chunked(b'x');
        if request.of("events") { React::Serve } else { React::Flood(head, piece, (1 << 30) / PIECE) }
    });
    let (memory, code) = highest(&stage, 60, "VmHWM:");
    assert_eq!(code, Some(1), "{}", report(&stage));
    assert!(memory < usual + (8 << 10), "{memory} KiB, and {usual} KiB with a short log");
    // what was read, what stands in the buffers of two sockets, and not the rest
    let taken = stage.server.flooded() * PIECE;
    assert!(taken > 0 && taken < 32 << 20, "{taken} bytes were taken");
    let report = report(&stage).to_string();
    assert!(report.contains("xxxx") && report.len() < 256 << 10, "{} bytes", report.len());
    "exit 1 with the beginning of the line; at most 8 MiB of memory more, and the connection dropped within 32 MiB"
}

fn endless_line() -> &'static str {
    let usual = usual(&Stage::new(completing(500, |_| React::Serve)), 0);
    let stage = Stage::new(completing(500, |request| {
        let (head, piece) = chunked(b'x');
        let first = request.of("pods") && request.is_watch() && request.before == 0;
        if first { React::Flood(head, piece, (300 << 20) / PIECE) } else { React::Serve }
    }));
    let (memory, code) = highest(&stage, 60, "VmHWM:");
    assert_eq!(code, Some(0), "{}", report(&stage));
    let taken = stage.server.flooded() * PIECE;
    assert!(taken > 16 << 20 && taken < 64 << 20, "{taken} bytes were taken");
    // 16 MiB, in a buffer that doubles
    assert!(memory < usual + (64 << 10), "{memory} KiB, and {usual} KiB without that line");
    "exit 0, `complete`: given up after 16 MiB, at most 64 MiB of memory more"
}

/// What the parsers of terminals and CI systems act on is nowhere in what we print.
fn harmless(run: &Run) {
    for text in [&run.stdout, &run.stderr] {
        for line in text.lines() {
            let start = line.trim_start();
            assert!(!start.starts_with("::"), "{line:?}");
            for command in ["##[", "##vso[", "##teamcity["] {
                assert!(!line.contains(command), "{line:?}");
            }
        }
        let bad =
            text.chars().find(|c| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c));
        assert_eq!(bad, None, "{text}");
    }
}

pub(crate) fn many_pods() -> Stage {
    let mut world = World::new();
    let mut workload = deployment(2, 2, 1);
    workload["spec"]["replicas"] = json!(5000);
    for count in ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"] {
        workload["status"][count] = json!(5000);
    }
    workload["status"]["unavailableReplicas"] = json!(0);
    world.apply("deployments", workload);
    world.apply("replicasets", replica_set(2, 5000));
    for number in 0..5000 {
        let mut one = pod(2, running());
        one["metadata"]["name"] = json!(format!("web-2-{number}"));
        one["metadata"]["uid"] = json!(format!("p-{number}"));
        world.apply("pods", one);
    }
    Stage::new(Server::new(world, |_| React::Serve))
}
