//! F28–F34: what a cluster can say to the one who repeats it.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::server::{React, Request, Server};
use crate::stage::{Run, Stage};
use crate::story::{deployment, pod, replica_set, running};
use crate::world::World;
use crate::{Fault, Play};

const fn staged(
    name: &'static str,
    what: &'static str,
    stage: fn() -> Stage,
    timeout: u64,
    right: i32,
    check: fn(&Run, &Stage),
) -> Fault {
    Fault { name, what, play: Play::Staged { stage, timeout, right, check } }
}

/// Commands of CI systems and terminals, an end of CDATA, and a test case of its own.
const ATTACK: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}::error::forged\n::set-output name=x::y\n##vso[task.complete result=Succeeded]\n\
##teamcity[testFailed name='x']\r##[command]evil\n]]></system-out><testcase name='forged'/><![CDATA[\n\u{202e}rtl \u{fffe}\u{0}end";

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        staged(
            "f28_endless_log",
            "a log of one line without end",
            || {
                crashing(|_| {
                    React::Raw(
                        [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec(), vec![b'x'; 40 << 20]]
                            .concat(),
                    )
                })
            },
            60,
            1,
            |run, _| {
                assert!(run.report.to_string().len() < 2 << 20, "{} bytes", run.report.to_string().len());
            },
        ),
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
            |run, _| harmless(run),
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
        staged(
            "f34_secrets",
            "canaries in every field that can hold a secret, and in the log",
            secrets,
            60,
            1,
            |run, stage| {
                let recording = fs::read_to_string(stage.file("recording.jsonl")).expect("a recording");
                for (what, text) in [("an output", &run.everything()), ("the recording", &recording)] {
                    let place =
                        text.find("c4nary").map(|at| &text[at.saturating_sub(80)..(at + 20).min(text.len())]);
                    assert_eq!(place, None, "in {what}");
                }
            },
        ),
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
fn crashing(logs: fn(&Request) -> React) -> Stage {
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

fn secrets() -> Stage {
    let stage = crashing(|request| {
        if request.of("events") {
            return React::Serve;
        }
        let log = "password=c4nary-1\nAuthorization: Bearer c4nary2c4nary2c4nary2\nhttps://user:c4nary3@db/x\n\
                   {\"api_key\": \"c4nary-4\"}\n-----BEGIN PRIVATE KEY-----\nc4nary5\n-----END PRIVATE KEY-----\n";
        React::Answer(200, "OK", log.to_owned())
    });
    {
        let mut world = stage.server.world();
        let spoil = |object: &mut Value| {
            object["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] =
                json!("c4nary-6");
            object["metadata"]["annotations"]["vault"] = json!("c4nary-7");
        };
        world.change("deployments", "web", |workload| {
            spoil(workload);
            let container = &mut workload["spec"]["template"]["spec"]["containers"][0];
            container["env"] = json!([{"name": "DB_PASSWORD", "value": "c4nary-8"}]);
            container["args"] = json!(["--token=c4nary-9"]);
        });
        let template = world.get("deployments", "web").map(|workload| workload["spec"]["template"].clone());
        world.change("replicasets", "web-2", |set| {
            let labels = set["spec"]["template"]["metadata"]["labels"].take();
            set["spec"]["template"] = template.unwrap_or_default();
            set["spec"]["template"]["metadata"]["labels"] = labels;
        });
        world.change("pods", "web-2-a", |pod| {
            spoil(pod);
            pod["spec"]["containers"][0]["env"] = json!([{"name": "X", "value": "c4nary-10"}]);
            pod["spec"]["containers"][0]["command"] = json!(["run", "--secret", "c4nary-11"]);
            pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["message"] =
                json!("login failed: password=c4nary-12");
        });
    }
    let recording = stage.file("recording.jsonl");
    let recording = recording.to_string_lossy().into_owned();
    stage.with(&["--record", &recording]).with_user("{token: c4nary-token}")
}
