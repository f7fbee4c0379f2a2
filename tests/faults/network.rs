//! F1–F7, F10–F12, F20: the way to the API server, and the server itself.

use std::time::Duration;

use serde_json::json;

use crate::proxy::{self, Way};
use crate::server::{React, Request, Server, status};
use crate::stage::{Run, Stage};
use crate::story::{break_image, complete, completing, deployment, serve, under_way};
use crate::{Fault, Play, staged};

fn fine(_: &Run, _: &Stage) {}

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        staged(
            "f00_nothing",
            "nothing: the rollout completes after 0.5 s",
            || Stage::new(completing(500, serve)),
            20,
            0,
            quick,
        ),
        staged(
            "f00_nothing_by_pages",
            "nothing, on a server that does not stream lists",
            || Stage::new(completing(500, serve).without_streamed_lists()),
            20,
            0,
            |run, stage| {
                assert!(run.took < Duration::from_secs(8), "{:?}", run.took);
                budget(run, stage, 8);
            },
        ),
        staged(
            "f00_nothing_but_a_broken_rollout",
            "nothing: the image name is invalid",
            broken,
            20,
            1,
            |run, _| {
                assert_eq!(run.reason(), "image-name-invalid");
            },
        ),
        staged(
            "f01_server_restarts",
            "connections refused for 4 s in the middle of the rollout, which completes meanwhile",
            restarts,
            30,
            0,
            fine,
        ),
        staged(
            "f01_all_come_back",
            "connections refused for 9 s: every stream is back within a second of the first",
            || {
                let server = Server::new(under_way(), serve);
                server.later(500, |server| server.set_up(false));
                server.later(9500, |server| server.set_up(true));
                server.later(30_000, |server| complete(&mut server.world()));
                Stage::new(server)
            },
            60,
            0,
            back_together,
        ),
        staged("f01_server_gone_to_the_end", "connections refused from 0.5 s on", gone, 5, 4, |run, _| {
            assert_eq!(run.reason(), "unreachable");
            let seen = run.report["notSeen"].to_string();
            assert!(seen.contains("blind since 20"), "{seen}");
            assert!(run.took < Duration::from_secs(8), "{:?}", run.took);
        }),
        Fault {
            name: "f01_cut_at_every_place",
            what: "the connections end, or are reset, after N bytes, N swept over all that comes",
            play: Play::Own(cut_everywhere),
        },
        staged(
            "f01_byte_by_byte",
            "every byte in a segment of its own",
            || {
                let server = completing(500, serve);
                let port = proxy::before(server.port, Way::Bytewise).port;
                Stage::new(server).through(port)
            },
            30,
            0,
            fine,
        ),
        staged(
            "f02_black_hole",
            "the watches stay open and bring nothing any more; new connections work",
            black_hole,
            40,
            0,
            |run, _| {
                assert!(run.took < Duration::from_secs(25), "{:?}", run.took);
            },
        ),
        staged(
            "f03_idle_drop",
            "every watch is dropped after 1 s, as by a balancer",
            idle_drop,
            20,
            0,
            |run, stage| {
                budget(run, stage, 60);
            },
        ),
        staged(
            "f04_held_headers",
            "a proxy holds back the header of each watch until its first line",
            || {
                Stage::new(
                    completing(
                        500,
                        |request| {
                            if request.is_watch() { React::HeldHeaders } else { React::Serve }
                        },
                    )
                    .without_streamed_lists(),
                )
            },
            40,
            0,
            fine,
        ),
        staged(
            "f05_closed_at_once",
            "every watch ends as soon as it is opened",
            closed_at_once,
            40,
            0,
            |run, stage| {
                budget(run, stage, 60);
                let said = run.report["notSeen"].to_string();
                assert!(said.contains("each watch ended as soon as it was open"), "{said}");
            },
        ),
        staged(
            "f06_gone_by_status",
            "the watch is answered HTTP 410",
            || gone_watch(|_| status(410, "Expired", "too old resource version")),
            30,
            0,
            fine,
        ),
        staged(
            "f06_gone_by_event",
            "the watch brings an ERROR event 410",
            || {
                gone_watch(|_| {
                    let object =
                        json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"});
                    React::Line(json!({"type": "ERROR", "object": object}).to_string())
                })
            },
            30,
            0,
            fine,
        ),
        staged(
            "f06_gone_continue_token",
            "the continue token of the first list has expired",
            || {
                Stage::new(
                    completing(500, |request| match request.parameter("continue") {
                        Some(_) => status(410, "Expired", "The provided continue parameter is too old"),
                        None if request.of("pods") && !request.is_watch() && request.before == 0 => {
                            let list = json!({"apiVersion": "v1", "kind": "PodList", "items": [],
                        "metadata": {"resourceVersion": "1003", "continue": "next"}});
                            React::Answer(200, "OK", list.to_string())
                        }
                        None => React::Serve,
                    })
                    .without_streamed_lists(),
                )
            },
            30,
            0,
            fine,
        ),
        staged(
            "f07_version_too_large",
            "a server that is behind: `Too large resource version` for every watch from the first list",
            || {
                Stage::new(
                    completing(500, |request| {
                        if is_from_the_start(request) {
                            status(504, "Timeout", "Timeout: Too large resource version: 1003, current: 900")
                        } else {
                            React::Serve
                        }
                    })
                    .without_streamed_lists(),
                )
            },
            60,
            0,
            fine,
        ),
        staged(
            "f07_history_moves_back",
            "etcd is restored from a backup of before the rollout",
            moved_back,
            30,
            4,
            |run, _| {
                let text = run.report.to_string();
                assert!(text.contains("its history moved back from resource version"), "{text}");
            },
        ),
        staged(
            "f10_told_to_wait",
            "429 with `Retry-After: 1` for every request of the first 3 s",
            || {
                Stage::new(completing(500, |request| {
                    if request.at < Duration::from_secs(3) { busy("1") } else { React::Serve }
                }))
            },
            40,
            0,
            |run, stage| budget(run, stage, 24),
        ),
        staged(
            "f10_told_to_wait_an_hour",
            "429 with `Retry-After: 3600` once for each resource",
            || {
                Stage::new(completing(
                    500,
                    |request| if request.before == 0 { busy("3600") } else { React::Serve },
                ))
            },
            60,
            0,
            fine,
        ),
        staged(
            "f11_garbage",
            "a balancer's HTML page, a Status with code 200, a cut JSON, another kind, or no answer at all, twice for each resource",
            garbage,
            60,
            0,
            |run, _| {
                assert!(
                    !run.everything().contains("SECOND-HALF"),
                    "more than a line of an answer was quoted"
                );
            },
        ),
        staged(
            "f12_server_stuck",
            "reads hang and watches are silent once the rollout looks complete",
            stuck,
            12,
            4,
            |run, _| {
                assert_ne!(run.report["verdict"], "complete");
            },
        ),
        staged(
            "f20_event_lost",
            "the event that completes the rollout never comes",
            lost_event,
            40,
            0,
            |run, _| {
                assert!(run.took < Duration::from_secs(25), "{:?}", run.took);
            },
        ),
    ]
}

fn quick(run: &Run, stage: &Stage) {
    assert!(run.took < Duration::from_secs(8), "{:?}", run.took);
    budget(run, stage, 12);
}

/// The budget of requests: what one run may ask.
fn budget(_: &Run, stage: &Stage, most: usize) {
    let requests = stage.server.requests();
    assert!(requests.len() <= most, "{} requests: {requests:#?}", requests.len());
}

fn broken() -> Stage {
    let server = Server::new(under_way(), serve);
    server.later(300, |server| break_image(&mut server.world()));
    Stage::new(server)
}

fn restarts() -> Stage {
    let server = Server::new(under_way(), serve);
    server.later(500, |server| server.set_up(false));
    server.later(2000, |server| complete(&mut server.world()));
    server.later(4500, |server| server.set_up(true));
    Stage::new(server)
}

/// The first watch of each stream after the outage.
fn back_together(_: &Run, stage: &Stage) {
    let requests = stage.server.requests();
    let back = |resource: &str| {
        let mut watches = requests.iter().filter(|request| request.is_watch() && request.of(resource));
        watches.find(|request| request.at > Duration::from_secs(9)).expect("it came back").at
    };
    let back = ["deployments", "replicasets", "pods"].map(back);
    let (first, last) = (back.iter().min().expect("three"), back.iter().max().expect("three"));
    assert!(*last < *first + Duration::from_secs(1), "{back:?}");
}

fn gone() -> Stage {
    let server = Server::new(under_way(), serve);
    server.later(500, |server| server.set_up(false));
    Stage::new(server)
}

fn cut_everywhere() -> &'static str {
    proxy::cut_everywhere(40, |way| {
        let server = completing(300, serve);
        let proxy = proxy::before(server.port, way);
        let run = Stage::new(server).through(proxy.port).guard(60);
        (proxy, run)
    });
    "80 runs, all passed"
}

fn black_hole() -> Stage {
    let server = Server::new(under_way(), serve);
    server.later(500, Server::mute_watches);
    server.later(700, |server| complete(&mut server.world()));
    Stage::new(server)
}

fn idle_drop() -> Stage {
    let server = Server::new(under_way(), serve);
    for second in 1..10 {
        server.later(second * 1000, Server::end_watches);
    }
    server.later(6500, |server| complete(&mut server.world()));
    Stage::new(server)
}

fn closed_at_once() -> Stage {
    let server =
        Server::new(under_way(), |request| if request.is_watch() { React::EndAtOnce } else { React::Serve });
    server.later(3000, |server| complete(&mut server.world()));
    Stage::new(server)
}

/// A watch from what was there at first: whoever does not read anew never gets beyond it.
fn is_from_the_start(request: &Request) -> bool {
    let start = under_way().version;
    let from = request.parameter("resourceVersion").and_then(|version| version.parse::<u64>().ok());
    request.is_watch() && from.is_some_and(|from| from > 0 && from <= start)
}

fn gone_watch(answer: fn(&Request) -> React) -> Stage {
    Stage::new(
        completing(
            500,
            move |request| {
                if is_from_the_start(request) { answer(request) } else { React::Serve }
            },
        )
        .without_streamed_lists(),
    )
}

fn moved_back() -> Stage {
    let server = Server::new(under_way(), serve);
    server.later(800, |server| {
        server.world().restore(500, vec![("deployments", deployment(1, 1, 1))]);
        server.end_watches();
    });
    Stage::new(server)
}

fn busy(retry_after: &str) -> React {
    React::Raw(
        format!(
            "HTTP/1.1 429 Too Many Requests\r\nRetry-After: {retry_after}\r\nContent-Length: 0\r\n\
             Connection: close\r\n\r\n"
        )
        .into_bytes(),
    )
}

fn garbage() -> Stage {
    Stage::new(completing(500, |request| {
        let kind = request.path.len() + usize::from(request.is_watch());
        if request.before > 1 {
            return React::Serve;
        }
        match (kind + request.before * 2) % 5 {
            0 => React::Answer(502, "Bad Gateway", format!("<html>{}SECOND-HALF</html>", "x".repeat(400))),
            1 => React::Answer(200, "OK", json!({"kind": "Status", "code": 200, "metadata": {}}).to_string()),
            2 => React::Answer(200, "OK", r#"{"kind":"DeploymentList","items":[{"#.to_owned()),
            3 => {
                React::Answer(200, "OK", json!({"kind": "ConfigMap", "metadata": {"name": "x"}}).to_string())
            }
            _ => React::Drop,
        }
    }))
}

fn stuck() -> Stage {
    let server = Server::new(under_way(), |request| {
        if request.at > Duration::from_millis(1200) { React::Silence } else { React::Serve }
    });
    server.later(500, |server| complete(&mut server.world()));
    server.later(900, Server::mute_watches);
    Stage::new(server).settling_for("7s")
}

fn lost_event() -> Stage {
    let mut world = under_way();
    for version in world.version + 1..=world.version + 3 {
        world.lost.insert(version);
    }
    let server = Server::new(world, serve);
    server.later(500, |server| complete(&mut server.world()));
    Stage::new(server)
}
