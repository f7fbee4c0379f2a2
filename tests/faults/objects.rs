//! F8, F9, F14, F17–F22: what the objects say while they change.

use std::time::Duration;

use serde_json::{Value, json};

use crate::server::{React, Server, status};
use crate::stage::{Run, Stage};
use crate::story::{complete, completing, deployment, now, pod, replica_set, running, serve, under_way};
use crate::world::World;
use crate::{Fault, staged};

fn fine(_: &Run, _: &Stage) {}

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        staged(
            "f08_stale_first_read",
            "a lagging replica: reads that allow it (`resourceVersion=0`) show the old, complete generation",
            stale,
            4,
            3,
            |run, stage| {
                assert_ne!(run.report["verdict"], "complete");
                for request in stage.server.requests() {
                    assert_ne!(
                        request.parameter("resourceVersion").as_deref(),
                        Some("0"),
                        "{}",
                        request.path
                    );
                }
            },
        ),
        staged(
            "f09_status_of_the_old_generation",
            "applied a moment ago: generation 2, and a complete status of generation 1",
            unobserved,
            4,
            3,
            |run, _| {
                assert_ne!(run.report["verdict"], "complete");
            },
        ),
        staged(
            "f09_old_deadline",
            "generation 2, and a ProgressDeadlineExceeded of generation 1 that is written meanwhile; then it completes",
            old_deadline,
            20,
            0,
            fine,
        ),
        staged(
            "f14_clock_one_hour_off",
            "the clock of the server is an hour ahead of ours",
            || Stage::new(completing(500, serve).skewed(3600)),
            20,
            0,
            |run, _| clocks_differ(run, "behind"),
        ),
        staged(
            "f14_clock_one_hour_slow",
            "the clock of the server is an hour behind ours",
            || Stage::new(completing(500, serve).skewed(-3600)),
            20,
            0,
            |run, _| clocks_differ(run, "ahead of"),
        ),
        staged(
            "f17_deleted_and_made_anew",
            "deleted and created again under its name while the watch is down",
            recreated,
            20,
            6,
            |run, _| {
                assert_eq!(run.reason(), "rollout-superseded");
            },
        ),
        staged(
            "f17_made_anew_unseen",
            "deleted, and created again under its name while there is no way to the server for 15 s",
            made_anew_unseen,
            40,
            6,
            |run, _| {
                assert_eq!(run.reason(), "rollout-superseded");
            },
        ),
        staged(
            "f17_deleted",
            "deleted in the middle of the rollout",
            || {
                let server = Server::new(under_way(), serve);
                server.later(500, |server| server.world().delete("deployments", "web"));
                Stage::new(server)
            },
            20,
            1,
            |run, _| assert_eq!(run.reason(), "target-deleted"),
        ),
        staged(
            "f18_another_rollout_takes_over",
            "another pipeline applies another template, which completes",
            overtaken,
            20,
            6,
            |run, _| {
                assert_eq!(run.reason(), "rollout-superseded");
                let said = run.report["targets"][0]["causes"][0]["evidence"].to_string();
                assert!(said.contains("of ReplicaSet web-3, was of ReplicaSet web-2"), "{said}");
            },
        ),
        staged(
            "f19_scaled_while_it_rolls",
            "an autoscaler changes `replicas` twice a second while the pods come up",
            scaled,
            30,
            0,
            fine,
        ),
        staged(
            "f21_paused",
            "the rollout is paused",
            || Stage::new(with_spec("paused", &json!(true))),
            6,
            1,
            |run, _| {
                assert_eq!(run.reason(), "rollout-paused");
            },
        ),
        staged(
            "f21_zero_replicas",
            "zero replicas are asked for",
            || {
                let mut world = World::new();
                let mut empty = deployment(2, 2, 1);
                empty["spec"]["replicas"] = json!(0);
                for count in ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"] {
                    empty["status"][count] = json!(0);
                }
                world.apply("deployments", empty);
                world.apply("replicasets", replica_set(2, 0));
                Stage::new(Server::new(world, serve))
            },
            10,
            0,
            |run, _| {
                assert!(run.report["targets"][0]["warnings"].to_string().contains("zero-replicas"));
            },
        ),
        staged(
            "f22_not_there",
            "there is no such object",
            || {
                let mut world = World::new();
                let mut other = deployment(1, 1, 1);
                other["metadata"]["name"] = json!("wbe");
                world.apply("deployments", other);
                Stage::new(Server::new(world, serve))
            },
            10,
            2,
            |run, _| assert!(run.everything().contains("wbe"), "{}", run.everything()),
        ),
    ]
}

fn stale() -> Stage {
    Stage::new(
        Server::new(under_way(), |request| {
            let stale = request.parameter("resourceVersion").as_deref() == Some("0");
            if !stale || !request.of("deployments") {
                return React::Serve;
            }
            let mut old = deployment(1, 1, 1);
            old["metadata"]["resourceVersion"] = json!("900");
            if request.is_watch() {
                return React::Line(json!({"type": "ADDED", "object": old}).to_string());
            }
            let list = json!({"apiVersion": "apps/v1", "kind": "DeploymentList",
            "metadata": {"resourceVersion": "900"}, "items": [old]});
            React::Answer(200, "OK", list.to_string())
        })
        .without_streamed_lists(),
    )
}

/// Complete at generation 1, with a newer spec that no controller has looked at.
fn unobserved_world() -> World {
    let mut world = World::new();
    let mut workload = deployment(1, 1, 1);
    workload["metadata"]["generation"] = json!(2);
    workload["spec"]["template"]["spec"]["containers"][0]["image"] = json!("shop/web:2");
    world.apply("deployments", workload);
    world.apply("replicasets", replica_set(1, 1));
    world.apply("pods", pod(1, running()));
    world
}

fn unobserved() -> Stage {
    Stage::new(Server::new(unobserved_world(), serve))
}

fn old_deadline() -> Stage {
    let server = Server::new(unobserved_world(), serve);
    server.later(1200, |server| {
        server.world().change("deployments", "web", |workload| {
            workload["status"]["availableReplicas"] = json!(0);
            workload["status"]["conditions"][1] = json!({"type": "Progressing", "status": "False",
                "reason": "ProgressDeadlineExceeded", "lastUpdateTime": now()});
        });
    });
    server.later(3500, |server| {
        let mut world = server.world();
        world.delete("pods", "web-1-a");
        complete(&mut world);
    });
    Stage::new(server)
}

fn recreated() -> Stage {
    let server = Server::new(under_way(), serve);
    server.later(500, |server| {
        server.set_up(false);
        let mut world = server.world();
        world.delete("deployments", "web");
        make_another(&mut world);
    });
    server.later(2500, |server| server.set_up(true));
    Stage::new(server)
}

fn make_another(world: &mut World) {
    let mut other = deployment(1, 1, 1);
    other["metadata"]["uid"] = json!("d-2");
    world.apply("deployments", other);
}

fn made_anew_unseen() -> Stage {
    let server = Server::new(under_way(), serve);
    server.later(500, |server| server.world().delete("deployments", "web"));
    server.later(1500, |server| server.set_up(false));
    server.later(3000, |server| make_another(&mut server.world()));
    server.later(16_500, |server| server.set_up(true));
    Stage::new(server)
}

fn overtaken() -> Stage {
    let server = Server::new(under_way(), serve);
    server.later(600, |server| {
        let mut world = server.world();
        world.apply("replicasets", replica_set(3, 1));
        world.apply("pods", pod(3, running()));
        world.apply("deployments", deployment(3, 3, 1));
    });
    Stage::new(server)
}

fn scaled() -> Stage {
    let server = Server::new(under_way(), serve);
    for step in 0..6_u64 {
        server.later(300 + step * 500, move |server| {
            server.world().change("deployments", "web", |workload| {
                workload["spec"]["replicas"] = json!(2 - step % 2);
                workload["metadata"]["generation"] = json!(3 + step);
                workload["status"]["observedGeneration"] = json!(3 + step);
                workload["status"]["replicas"] = json!(2 - step % 2);
            });
        });
    }
    server.later(3500, |server| {
        let mut world = server.world();
        world.apply("pods", pod(2, running()));
        world.apply("replicasets", replica_set(2, 1));
        world.change("deployments", "web", |workload| {
            workload["spec"]["replicas"] = json!(1);
            workload["metadata"]["generation"] = json!(9);
            let status = deployment(2, 9, 1)["status"].take();
            workload["status"] = status;
        });
    });
    Stage::new(server)
}

fn clocks_differ(run: &Run, how: &str) {
    assert!(run.took < Duration::from_secs(5), "{:?}", run.took);
    let said = run.report["targets"][0]["warnings"].to_string();
    assert!(said.contains("clock-skew") && said.contains(&format!("1h {how} the API server's")), "{said}");
}

pub(crate) fn with_spec(field: &str, value: &Value) -> Server {
    let mut world = World::new();
    let mut workload = deployment(2, 2, 0);
    workload["spec"][field] = value.clone();
    workload["status"] = json!({"observedGeneration": 2});
    world.apply("deployments", workload);
    Server::new(world, |request| {
        if request.path.contains("/namespaces/other/") { status(404, "NotFound", "no") } else { React::Serve }
    })
}
