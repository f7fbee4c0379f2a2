//! Cases of the family `probe`, with the texts of Kubernetes 1.36.3 as recorded.

use serde_json::{Value, json};

use super::rules;
use crate::diagnose::{CauseCode, Evidence, Hold};
use crate::model::Kind;
use crate::testing::World;

fn clock(second: u64) -> String {
    format!("2026-11-24T10:{:02}:{:02}Z", second / 60, second % 60)
}

/// Writes the pod `web-1` with container `app` running since that second.
fn running(world: &mut World, since: u64, restarts: u32, ready: bool, started: bool) {
    let last = if restarts > 0 {
        json!({"terminated": {"exitCode": 137, "reason": "Error", "containerID": format!("c{restarts}"),
            "startedAt": clock(since.saturating_sub(20)), "finishedAt": clock(since.saturating_sub(1))}})
    } else {
        json!({})
    };
    world.pod(
        "web-1",
        json!({"phase": "Running", "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}],
            "containerStatuses": [{"name": "app", "restartCount": restarts, "ready": ready, "started": started,
                "state": {"running": {"startedAt": clock(since)}}, "lastState": last}]}),
    );
}

fn event(reason: &str, message: &str, times: i64, last: u64) -> Value {
    json!({"reason": reason, "message": message, "count": times, "firstTimestamp": clock(0),
        "lastTimestamp": clock(last), "involvedObject": {"fieldPath": "spec.containers{app}"}})
}

const LIVENESS_404: &str = "Liveness probe failed: HTTP probe failed with statuscode: 404";
const LIVENESS_KILL: &str = "Container app failed liveness probe, will be restarted";
const REFUSED: &str = "Readiness probe failed: Get \"http://10.244.1.25:9090/healthz\": dial tcp 10.244.1.25:9090: connect: connection refused";

fn with_liveness() -> World {
    World::with_app(json!({"ports": [{"containerPort": 8080}],
        "livenessProbe": {"httpGet": {"path": "/nope", "port": 8080}, "periodSeconds": 2, "failureThreshold": 2}}))
}

#[test]
fn a_failing_liveness_probe_is_announced_before_its_first_kill_though_the_pod_is_ready() {
    let mut world = with_liveness();
    running(&mut world, 0, 0, true, true);
    world.at(4);
    assert_eq!(world.run(rules).requests.len(), 1, "events are asked for");
    world.events(Kind::Pod, "web-1", json!([event("Unhealthy", LIVENESS_404, 1, 3)]));
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::LivenessProbeFailing);
    assert_eq!(finding.hold, Hold::Announce);
    assert_eq!(
        finding.headline,
        "the liveness probe of container app is wrong: GET http://:8080/nope answers 404: the application is up, but has nothing at that path; after 2 failures in a row Kubernetes kills it (1 seen)"
    );
}

#[test]
fn the_second_kill_by_a_probe_is_enough_and_is_no_crash() {
    let mut world = with_liveness();
    world.at(20);
    running(&mut world, 20, 1, true, true);
    let events =
        |kills| json!([event("Unhealthy", LIVENESS_404, 4, 24), event("Killing", LIVENESS_KILL, kills, 24)]);
    world.at(25);
    world.events(Kind::Pod, "web-1", events(1));
    assert_eq!(world.run(rules).the(CauseCode::LivenessProbeFailing).hold, Hold::Announce);
    world.events(Kind::Pod, "web-1", events(2));
    let diagnosis = world.run(rules);
    assert_eq!(diagnosis.codes(), ["liveness-probe-failing"]);
    let finding = diagnosis.the(CauseCode::LivenessProbeFailing);
    assert_eq!(finding.hold, Hold::Ripe);
    assert!(
        finding
            .headline
            .contains("Kubernetes killed it 2 times, the last time 19s after its start; it did not crash"),
        "{}",
        finding.headline
    );
}

#[test]
fn one_kill_and_then_health_leave_nothing() {
    let mut world = with_liveness();
    world.at(20);
    running(&mut world, 20, 1, true, true);
    world.at(40);
    world.events(
        Kind::Pod,
        "web-1",
        json!([event("Unhealthy", LIVENESS_404, 2, 18), event("Killing", LIVENESS_KILL, 1, 18)]),
    );
    assert!(world.run(rules).codes().is_empty());
}

#[test]
fn a_startup_budget_that_is_too_small_shows_budget_and_need() {
    let mut world = World::with_app(json!({"ports": [{"containerPort": 8080}],
        "startupProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 2, "failureThreshold": 5}}));
    world.at(30);
    running(&mut world, 30, 2, false, false);
    world.at(34);
    world.log("web-1", false, 2, &["migrating…", "Started WebApp in 47.3 seconds"]);
    world.events(Kind::Pod, "web-1", json!([
        event("Unhealthy", "Startup probe failed: Get \"http://10.1.1.1:8080/healthz\": dial tcp 10.1.1.1:8080: connect: connection refused", 10, 33),
        event("Killing", "Container app failed startup probe, will be restarted", 2, 29)]));
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::StartupProbeFailing);
    assert_eq!(finding.hold, Hold::Ripe);
    assert!(
        finding.headline.starts_with("the startup probe of container app is too impatient"),
        "{}",
        finding.headline
    );
    assert!(finding.headline.contains("allows 10s (initialDelaySeconds 0 + failureThreshold 5 × periodSeconds 2), and the application logged a start of 47s"), "{}", finding.headline);
    assert!(
        finding.help[0].ends_with("raise failureThreshold of the startup probe of container app to 47."),
        "{:?}",
        finding.help
    );
}

fn wrong_port() -> World {
    World::with_app(json!({"ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 9090}, "periodSeconds": 2}}))
}

#[test]
fn a_readiness_probe_on_a_port_that_nobody_declares_has_half_the_slack() {
    let mut world = wrong_port();
    running(&mut world, 0, 0, false, true);
    // Budget: 3 failures × 2 s = 6 s, and 30 s of slack.
    for (at, hold) in [(10, Hold::Announce), (36, Hold::Announce), (37, Hold::Ripe)] {
        world.at(at);
        world.events(Kind::Pod, "web-1", json!([event("Unhealthy", REFUSED, 6, at)]));
        world.log("web-1", false, 0, &["listening on :8080"]);
        assert_eq!(world.run(rules).the(CauseCode::ReadinessProbeFailing).hold, hold, "{at}");
    }
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::ReadinessProbeFailing);
    assert_eq!(
        finding.headline,
        "the readiness probe of container app is wrong: the probe asks port 9090, container app declares port 8080 (http) and logs \"listening on :8080\"; it has not been ready for 37s (the probe allows 6s) and gets no traffic"
    );
    assert!(finding.evidence.iter().any(|evidence| matches!(evidence, Evidence::Log { .. })));
}

#[test]
fn a_readiness_probe_that_may_still_pass_has_the_whole_slack() {
    let mut world = World::with_app(
        json!({"readinessProbe": {"exec": {"command": ["cat", "/tmp/ok"]}, "periodSeconds": 2}}),
    );
    running(&mut world, 0, 0, false, true);
    let text = "Readiness probe failed: cat: can't open '/tmp/ok': No such file or directory\n";
    for (at, hold) in [(66, Hold::Announce), (67, Hold::Ripe)] {
        world.at(at);
        world.events(Kind::Pod, "web-1", json!([event("Unhealthy", text, 25, at)]));
        assert_eq!(world.run(rules).the(CauseCode::ReadinessProbeFailing).hold, hold, "{at}");
    }
}

#[test]
fn a_slow_start_within_its_budget_is_no_cause() {
    let mut world = wrong_port();
    running(&mut world, 0, 0, false, true);
    world.at(4);
    world.events(Kind::Pod, "web-1", json!([event("Unhealthy", REFUSED, 2, 4)]));
    assert!(world.run(rules).codes().is_empty(), "fewer failures than the threshold");
    running(&mut world, 0, 0, true, true);
    world.at(200);
    assert!(world.run(rules).codes().is_empty(), "ready in the end");
}

#[test]
fn before_the_startup_probe_has_passed_readiness_is_not_judged() {
    let mut world = World::with_app(json!({"readinessProbe": {"tcpSocket": {"port": 1}},
        "startupProbe": {"tcpSocket": {"port": 1}, "failureThreshold": 60}}));
    running(&mut world, 0, 0, false, false);
    world.at(500);
    world.events(Kind::Pod, "web-1", json!([]));
    assert!(world.run(rules).codes().is_empty());
}

#[test]
fn a_port_name_with_a_typo_is_known_from_the_spec() {
    let mut world = World::with_app(json!({"ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": "htpp"}, "periodSeconds": 2}}));
    running(&mut world, 0, 0, false, true);
    world.at(4);
    world.events(Kind::Pod, "web-1", json!([event("Unhealthy",
        "Readiness probe errored and resulted in unknown state: strconv.Atoi: parsing \"htpp\": invalid syntax", 2, 3)]));
    let diagnosis = world.run(rules);
    assert_eq!(diagnosis.codes(), ["probe-misconfigured"]);
    let finding = diagnosis.the(CauseCode::ProbeMisconfigured);
    assert_eq!(
        finding.headline,
        "the readiness probe of container app asks port \"htpp\", and the container declares port 8080 (http); did you mean http?; kubelet throws such a result away, so it never becomes ready and nothing restarts it"
    );
    assert_eq!(
        (finding.hold, finding.tolerance.map(|tolerance| tolerance.as_secs())),
        (Hold::Tolerance, Some(3))
    );
}

#[test]
fn a_probe_whose_command_is_absent_never_ends_by_itself() {
    let mut world = World::with_app(json!({"readinessProbe": {"exec": {"command": ["curl", "localhost"]}}}));
    running(&mut world, 0, 0, false, true);
    world.at(100);
    world.events(Kind::Pod, "web-1", json!([event("Unhealthy",
        "Readiness probe errored and resulted in unknown state: rpc error: code = Unknown desc = failed to exec in container: failed to start exec \"d934\": OCI runtime exec failed: exec failed: unable to start container process: exec: \"curl\": executable file not found in $PATH: unknown", 9, 99)]));
    let diagnosis = world.run(rules);
    assert_eq!(diagnosis.codes(), ["probe-misconfigured"]);
    assert!(
        diagnosis.the(CauseCode::ProbeMisconfigured).headline.contains("the image has no command \"curl\"")
    );
}

#[test]
fn an_errored_probe_of_a_dying_container_is_no_misconfiguration() {
    let mut world = World::with_app(json!({"readinessProbe": {"exec": {"command": ["true"]}}}));
    running(&mut world, 0, 0, false, true);
    world.at(5);
    world.events(Kind::Pod, "web-1", json!([event("Unhealthy",
        "Readiness probe errored and resulted in unknown state: rpc error: code = NotFound desc = container is not created or running", 1, 4)]));
    assert!(world.run(rules).codes().is_empty());
}

#[test]
fn an_errored_liveness_probe_blocks_nothing() {
    let mut world = World::with_app(json!({"livenessProbe": {"httpGet": {"port": "htpp"}}}));
    running(&mut world, 0, 0, true, true);
    world.at(5);
    assert_eq!(world.run(rules).the(CauseCode::ProbeMisconfigured).hold, Hold::Announce);
}

#[test]
fn readiness_that_is_lost_twice_without_an_end_flaps() {
    let mut world =
        World::with_app(json!({"readinessProbe": {"exec": {"command": ["check"]}, "failureThreshold": 1}}));
    let flapping = |world: &World| world.run(rules).codes().contains(&"readiness-flapping");
    for (at, ready) in [(1, true), (7, false), (14, true)] {
        world.at(at);
        running(&mut world, 0, 0, ready, true);
    }
    assert!(!flapping(&world), "once may be chance");
    world.at(21);
    running(&mut world, 0, 0, false, true);
    assert_eq!(world.run(rules).the(CauseCode::ReadinessFlapping).hold, Hold::Ripe);
    world.events(Kind::Pod, "web-1", json!([event("Killing", LIVENESS_KILL, 1, 20)]));
    assert!(!flapping(&world), "a kill is told as a kill");
}

#[test]
fn a_silent_application_without_a_declared_port_leaves_the_three_possibilities_open() {
    // The article's example: nothing says why nothing listens.
    let mut world = World::with_app(json!({"livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080},
        "initialDelaySeconds": 3, "periodSeconds": 3}}));
    running(&mut world, 0, 0, true, true);
    world.at(8);
    world.events(Kind::Pod, "web-1", json!([event("Unhealthy",
        "Liveness probe failed: Get \"http://10.1.1.1:8080/healthz\": dial tcp 10.1.1.1:8080: connect: connection refused", 1, 7)]));
    let finding = world.run(rules).the(CauseCode::LivenessProbeFailing).clone();
    assert!(
        finding
            .headline
            .starts_with("the liveness probe of container app fails: nothing listens on port 8080"),
        "{}",
        finding.headline
    );
    for possibility in ["only needs longer", "may be wrong", "may never answer"] {
        assert!(
            finding.help.iter().any(|help| help.contains(possibility)),
            "{possibility}: {:?}",
            finding.help
        );
    }
}

#[test]
fn kills_before_we_looked_do_not_count() {
    use crate::observation::{Observed, Stream};
    let mut world = with_liveness();
    let pod = crate::model::decode_value(
        Kind::Pod,
        json!({"metadata": {"name": "web-1", "namespace": "shop", "uid": "web-1", "ownerReferences": [
                {"kind": "ReplicaSet", "name": "web-new", "uid": "web-new", "controller": true}]},
            "spec": {"containers": [{"name": "app", "livenessProbe": {"httpGet": {"port": 8080}}}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "app", "restartCount": 7, "ready": true,
                    "state": {"running": {"startedAt": "2026-11-24T08:00:00Z"}},
                    "lastState": {"terminated": {"exitCode": 137, "finishedAt": "2026-11-24T07:59:00Z"}}}]}}),
    )
    .unwrap();
    let stream = Stream::selected(Kind::Pod, "shop", "app=web".to_owned());
    world.observe(Observed::Listed { stream, objects: vec![pod] });
    let mut old = event("Killing", LIVENESS_KILL, 7, 0);
    for time in ["firstTimestamp", "lastTimestamp"] {
        old[time] = json!("2026-11-24T07:58:00Z");
    }
    world.events(Kind::Pod, "web-1", json!([old]));
    assert!(world.run(rules).codes().is_empty());
}

const TARGET_HEALTH: &str = "target-health.elbv2.k8s.aws/k8s-shop-web";

fn gated(containers_ready: &str, gate: Option<Value>) -> World {
    let mut world = World::new(json!({"containers": [{"name": "app", "image": "web:1"}],
        "readinessGates": [{"conditionType": TARGET_HEALTH}]}));
    let mut conditions = vec![
        json!({"type": "ContainersReady", "status": containers_ready}),
        json!({"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady",
            "message": "corresponding condition of pod readiness gate does not exist."}),
    ];
    conditions.extend(gate);
    world.pod(
        "web-1",
        json!({"phase": "Running", "conditions": conditions, "containerStatuses": [
            {"name": "app", "ready": true, "started": true, "state": {"running": {"startedAt": clock(0)}}}]}),
    );
    world
}

#[test]
fn a_closed_readiness_gate_is_named_with_who_opens_it() {
    let found = gated("True", None).run(rules);
    let finding = found.the(CauseCode::ReadinessGateClosed);
    assert!(finding.headline.ends_with("is closed: its condition is not there"), "{}", finding.headline);
    assert!(finding.help[0].starts_with("Look at the AWS Load Balancer Controller"), "{:?}", finding.help);
    assert_eq!((finding.hold, finding.confidence), (Hold::Tolerance, crate::diagnose::Confidence::Certain));

    let unhealthy = json!({"type": TARGET_HEALTH, "status": "False", "reason": "Target.ResponseCodeMismatch",
        "message": "Health checks failed with these codes: [404]"});
    let found = gated("True", Some(unhealthy)).run(rules);
    let headline = &found.the(CauseCode::ReadinessGateClosed).headline;
    assert!(headline.contains("False (Target.ResponseCodeMismatch: Health checks failed"), "{headline}");
}

#[test]
fn an_open_gate_and_one_of_a_pod_that_is_not_ready_itself_are_no_cause() {
    let open = json!({"type": TARGET_HEALTH, "status": "True"});
    assert!(gated("True", Some(open)).run(rules).codes().is_empty());
    assert!(gated("False", None).run(rules).codes().is_empty());
}
