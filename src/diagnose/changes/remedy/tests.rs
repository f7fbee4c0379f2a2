//! What comes first among the advice, where this rollout changed the thing that fails.

use serde_json::{Value, json};

use crate::diagnose::{Finding, diagnose};
use crate::model::Kind;
use crate::policy::Expectations;
use crate::testing::{World, merge};

fn app(fields: Value) -> Value {
    let mut container = json!({"name": "app", "image": "web:1"});
    merge(&mut container, fields);
    json!({"containers": [container]})
}

/// The only finding about a pod of the newer template whose container has ended so, with that line in its log.
fn ended(old: Value, new: Value, end: Value, line: &str) -> Finding {
    let mut world = World::updated(app(old), app(new));
    let mut terminated = json!({"exitCode": 1, "reason": "Error",
        "startedAt": "2026-11-24T10:00:00Z", "finishedAt": "2026-11-24T10:00:01Z"});
    merge(&mut terminated, end);
    world.pod(
        "web-1",
        json!({"phase": "Running", "containerStatuses": [{"name": "app", "restartCount": 0,
            "state": {"terminated": terminated}}]}),
    );
    world.log("web-1", false, 1, &["starting", line]);
    only(&world)
}

fn only(world: &World) -> Finding {
    let findings = diagnose(&world.rollout(), &Expectations::default()).findings;
    assert_eq!(findings.len(), 1, "{findings:#?}");
    findings[0].clone()
}

fn first(finding: &Finding) -> (&str, &str) {
    (finding.help[0].as_str(), finding.commands[0].as_str())
}

fn says_nothing_of_the_rollout(finding: &Finding) -> bool {
    !finding.help.iter().any(|help| help.starts_with("This rollout "))
}

const NOT_FOUND: &str = "exec: \"servr\": executable file not found in $PATH: unknown";

#[test]
fn a_command_that_this_rollout_changed_and_that_is_not_there_is_set_back() {
    let end = || json!({"exitCode": 128, "reason": "StartError", "message": NOT_FOUND});
    let finding = ended(json!({"command": ["server"]}), json!({"command": ["servr"]}), end(), "");
    assert_eq!(
        first(&finding),
        (
            "This rollout changed command of container app from server to servr: set it back, or correct it.",
            "kubectl -n shop patch deployment/web -p \
             '{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"command\":[\"server\"],\"name\":\"app\"}]}}}}'"
        )
    );
    // The command was so before: then it is the image.
    let finding =
        ended(json!({"command": ["servr"]}), json!({"command": ["servr"], "image": "web:2"}), end(), "");
    assert_eq!(finding.commands[0], "kubectl -n shop set image deployment/web app=web:1");
    let finding =
        ended(json!({"command": ["servr"]}), json!({"command": ["servr"], "workingDir": "/"}), end(), "");
    assert!(says_nothing_of_the_rollout(&finding), "{:?}", finding.help);
}

#[test]
fn a_memory_limit_that_this_rollout_lowered_is_set_back() {
    let limit = |amount: &str| json!({"resources": {"limits": {"memory": amount}}});
    let killed = || json!({"exitCode": 137, "reason": "OOMKilled"});
    let finding = ended(limit("256Mi"), limit("64Mi"), killed(), "");
    assert_eq!(
        first(&finding),
        (
            "This rollout lowered resources.limits.memory of container app from 256Mi to 64Mi: set it back.",
            "kubectl -n shop set resources deployment/web -c app --limits=memory=256Mi"
        )
    );
    let finding = ended(json!({}), limit("64Mi"), killed(), "");
    assert!(finding.help[0].contains("where it had none"), "{:?}", finding.help);
    // It was raised, and is too low all the same.
    assert!(says_nothing_of_the_rollout(&ended(limit("32Mi"), limit("64Mi"), killed(), "")));
}

#[test]
fn a_variable_that_the_log_names_and_this_rollout_removed_is_given_back() {
    let variables = |variables: Value| json!({"image": "web:2", "env": variables});
    let log = "panic: DATABASE_URL is not set";
    let literal = json!([{"name": "DATABASE_URL", "value": "hidden"}]);
    let finding = ended(variables(literal), json!({"image": "web:3", "env": []}), json!({}), log);
    assert_eq!(
        first(&finding),
        (
            "This rollout removed variable DATABASE_URL of container app, and its log names it.",
            "kubectl -n shop set env deployment/web -c app DATABASE_URL=VALUE"
        )
    );
    let from =
        |field: &str| json!([{"name": "DATABASE_URL", "valueFrom": {field: {"name": "db", "key": "url"}}}]);
    let finding = ended(
        variables(from("secretKeyRef")),
        json!({"image": "web:3", "env": from("configMapKeyRef")}),
        json!({}),
        log,
    );
    assert!(finding.commands[0].ends_with(
        "[{\"env\":[{\"name\":\"DATABASE_URL\",\"valueFrom\":{\"configMapKeyRef\":null,\"secretKeyRef\":{\"key\":\"url\",\"name\":\"db\"}}}],\"name\":\"app\"}]}}}}'"
    ), "{}", finding.commands[0]);
}

#[test]
fn of_several_changes_that_the_log_does_not_name_none_is_called_the_fix() {
    let old = || json!({"command": ["a"]});
    let finding = ended(old(), json!({"command": ["b"], "image": "web:2"}), json!({}), "panic: no");
    assert!(says_nothing_of_the_rollout(&finding), "{:?}", finding.help);
    // The only one is.
    let finding = ended(old(), json!({"command": ["a"], "image": "web:2"}), json!({}), "panic: no");
    assert!(
        finding.help[0].starts_with("This rollout changed the image of container app from web:1 to web:2: ")
    );
    let finding = ended(old(), json!({"command": ["a", "-x"]}), json!({}), "panic: no");
    assert!(finding.help[0].starts_with("This rollout changed command of container app from a to a -x: "));
    // Another part of it.
    let probed = json!({"command": ["a"], "readinessProbe": {"tcpSocket": {"port": 80}}});
    assert!(says_nothing_of_the_rollout(&ended(old(), probed, json!({}), "panic: no")));
}

#[test]
fn an_amount_that_this_rollout_raised_above_what_there_is_is_set_back() {
    let asks = |cpu: &str| app(json!({"resources": {"requests": {"cpu": cpu, "memory": "1Gi"}}}));
    let waiting = |old: &str, new: &str| {
        let mut world = World::updated(asks(old), asks(new));
        world.pod(
            "web-1",
            json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
                "reason": "Unschedulable", "message": "0/1 nodes are available: 1 Insufficient cpu."}]}),
        );
        only(&world)
    };
    let finding = waiting("100m", "64");
    assert_eq!(
        first(&finding),
        (
            "This rollout raised resources.requests.cpu of container app from 100m to 64: set it back if so much is not needed.",
            "kubectl -n shop set resources deployment/web -c app --requests=cpu=100m"
        )
    );
    assert!(says_nothing_of_the_rollout(&waiting("96", "64")));
}

#[test]
fn what_has_no_revision_before_it_has_changed_nothing() {
    let mut world = World::with_app(json!({"command": ["servr"]}));
    world.waiting_pod("web-1", "ContainerCreating", "");
    world.events(Kind::Pod, "web-1", json!([]));
    assert!(super::of_command(&world.rollout(), "app").is_none());
}
