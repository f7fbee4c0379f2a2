#![expect(clippy::needless_pass_by_value, reason = "objects are written in place with json!")]

use serde_json::{Value, json};

use crate::diagnose::{CauseCode, Finding, diagnose};
use crate::model::Kind;
use crate::policy::Expectations;
use crate::testing::{World, merge};

fn app(fields: Value) -> Value {
    let mut container = json!({"name": "app", "image": "web:1", "ports": [{"containerPort": 8080}]});
    merge(&mut container, fields);
    json!({"containers": [container]})
}

fn get(path: &str, port: u64, fields: Value) -> Value {
    let mut probe = json!({"httpGet": {"path": path, "port": port}, "periodSeconds": 1});
    merge(&mut probe, fields);
    probe
}

/// The finding about a readiness probe of the newer template that fails with that output.
fn failing(old: Value, new: Value, output: &str) -> Finding {
    let mut world = World::updated(app(old), app(new));
    world.at(60);
    world.pod(
        "web-1",
        json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}],
            "containerStatuses": [{"name": "app", "ready": false, "started": true,
                "state": {"running": {"startedAt": "2026-11-24T10:00:00Z"}}}]}),
    );
    world.at(160);
    world.events(
        Kind::Pod,
        "web-1",
        json!([{"reason": "Unhealthy", "message": format!("Readiness probe failed: {output}"), "count": 20,
            "lastTimestamp": "2026-11-24T10:02:39Z", "involvedObject": {"fieldPath": "spec.containers{app}"}}]),
    );
    diagnose(&world.rollout(), &Expectations::default()).the(CauseCode::ReadinessProbeFailing).clone()
}

fn readiness(probe: Value) -> Value {
    json!({ "readinessProbe": probe })
}

fn says_nothing_of_the_rollout(finding: &Finding) -> bool {
    !finding.help.iter().any(|help| help.starts_with("This rollout "))
}

const NOT_FOUND: &str = "HTTP probe failed with statuscode: 404";
const REFUSED: &str =
    "Get \"http://10.244.0.9:9090/a\": dial tcp 10.244.0.9:9090: connect: connection refused";
const LATE: &str = "Get \"http://10.244.0.9:8080/a\": context deadline exceeded (Client.Timeout exceeded)";

#[test]
fn the_path_that_this_rollout_changed_is_set_back_first() {
    let finding = failing(
        readiness(get("/healthz", 8080, json!({}))),
        readiness(get("/readyz", 8080, json!({}))),
        NOT_FOUND,
    );
    assert_eq!(
        finding.help[0],
        "This rollout changed the readiness probe: set path back to /healthz, or let the application answer to what it \
         asks now."
    );
    assert_eq!(
        finding.commands[0],
        "kubectl -n shop patch deployment/web -p \
         '{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"app\",\"readinessProbe\":{\"httpGet\":{\"path\":\"/healthz\"}}}]}}}}'"
    );
}

#[test]
fn where_nobody_listens_the_port_is_set_back_and_the_path_is_not() {
    let old = || readiness(get("/healthz", 8080, json!({})));
    let finding = failing(old(), readiness(get("/a", 9090, json!({}))), REFUSED);
    assert!(
        finding.help[0]
            .starts_with("This rollout changed the readiness probe: set port back to 8080, or let"),
        "{:?}",
        finding.help
    );
    assert!(!finding.commands[0].contains("/healthz"), "{}", finding.commands[0]);
    // Only the path changed: that is no reason for a refused connection.
    assert!(says_nothing_of_the_rollout(&failing(old(), readiness(get("/a", 8080, json!({}))), REFUSED)));
}

#[test]
fn time_that_this_rollout_cut_is_given_back_to_a_probe_that_is_impatient() {
    let slow = || readiness(get("/a", 8080, json!({"timeoutSeconds": 5})));
    let quick = || readiness(get("/a", 8080, json!({"timeoutSeconds": 1})));
    let finding = failing(slow(), quick(), LATE);
    assert_eq!(finding.help[0], "This rollout changed the readiness probe: set timeoutSeconds back to 5.");
    assert!(
        finding.commands[0].contains("\"readinessProbe\":{\"timeoutSeconds\":5}"),
        "{}",
        finding.commands[0]
    );
    // More time than before, and an answer that came in time.
    assert!(says_nothing_of_the_rollout(&failing(quick(), slow(), LATE)));
    assert!(says_nothing_of_the_rollout(&failing(slow(), quick(), NOT_FOUND)));
}

#[test]
fn a_probe_that_is_new_or_of_another_kind_sends_back_to_the_old_revision() {
    let tcp = readiness(json!({"tcpSocket": {"port": 8080}, "periodSeconds": 1}));
    for (old, words) in
        [(json!({}), "added the readiness probe"), (tcp, "from TCP :8080 to GET http://:8080/a")]
    {
        let finding = failing(old, readiness(get("/a", 8080, json!({}))), NOT_FOUND);
        assert!(finding.help[0].contains(words), "{:?}", finding.help);
        assert_eq!(finding.commands[0], "kubectl -n shop rollout undo deployment/web");
    }
}

#[test]
fn a_startup_probe_that_this_rollout_took_away_is_put_back() {
    let probe = || get("/a", 8080, json!({}));
    let startup = json!({"tcpSocket": {"port": 8080}, "failureThreshold": 30, "periodSeconds": 10});
    let old = json!({"readinessProbe": probe(), "startupProbe": startup});
    let finding = failing(old, readiness(probe()), LATE);
    assert!(
        finding.help[0]
            .starts_with("This rollout removed the startup probe, which gave the application 300s"),
        "{:?}",
        finding.help
    );
}

#[test]
fn a_probe_that_this_rollout_left_alone_is_not_called_changed() {
    let probe = || readiness(get("/a", 8080, json!({})));
    let mut new = probe();
    merge(&mut new, json!({"image": "web:2", "command": ["serve"]}));
    assert!(says_nothing_of_the_rollout(&failing(probe(), new, NOT_FOUND)));
}
