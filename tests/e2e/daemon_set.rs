//! DaemonSets: on every node, on none, updated by hand, with a surge.

use serde_json::{Value, json};

use crate::case::{Case, apply, kubectl, rolled_out, until};
use crate::manifest::{app, daemon_set, one, pod_quota, ready, server, shell, with_spec};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = failures();
    cases.extend(healthy());
    cases.into_iter().map(|case| case.target("ds/web")).collect()
}

/// A web server that serves, of this version.
fn version(version: &str) -> Value {
    let env = json!([{"name": "VERSION", "value": version}]);
    daemon_set(one(server(json!({"env": env, "readinessProbe": ready()}))))
}

fn on_delete(set: Value) -> Value {
    with_spec(set, json!({"updateStrategy": {"type": "OnDelete"}}))
}

fn surging(set: Value) -> Value {
    with_spec(
        set,
        json!({"updateStrategy": {"type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}),
    )
}

/// `kubectl rollout status` refuses the strategy `OnDelete`.
fn rolled_out_by_hand() -> crate::case::Step {
    until("get ds web -o jsonpath=ready:{.status.numberReady}", "ready:1")
}

fn failures() -> Vec<Case> {
    let missing = daemon_set(one(app(json!({"image": "$REGISTRY/busy:none"}))));
    vec![
        Case::fails("daemon-set", "image-missing", "image-not-found")
            .object(missing.clone())
            .says(&["$REGISTRY/busy:none", "nothing serves"])
            .field("/targets/0/kind", "DaemonSet")
            .lasts(40),
        Case::fails("daemon-set", "image-missing-with-a-surge", "image-not-found")
            .before(apply(surging(version("1"))))
            .before(rolled_out("ds/web"))
            .object(surging(missing))
            .says(&[
                "app: image $REGISTRY/busy:1 → $REGISTRY/busy:none (by this rollout)",
                "1 old pod still serves",
            ])
            .field("/targets/0/replicas/updated", 0)
            .lasts(60),
        Case::fails("daemon-set", "crashing", "container-crashing")
            .object(daemon_set(one(app(json!({"command": shell("echo no device; exit 3")})))))
            .says(&["no device"])
            .lasts(45),
        Case::fails("daemon-set", "refused-by-an-invalid-class", "priority-class-missing")
            .object(daemon_set(json!({
                "containers": [app(json!({}))],
                "priorityClassName": "not-there",
            })))
            .says(&["not-there"])
            .lasts(25),
        Case::fails("daemon-set", "on-delete", "update-on-delete")
            .before(apply(on_delete(version("1"))))
            .before(rolled_out_by_hand())
            .object(on_delete(version("2")))
            .says(&["OnDelete", "--allow-on-delete"])
            .lasts(15),
    ]
}

fn healthy() -> Vec<Case> {
    vec![
        Case::passes("daemon-set", "update-near-miss")
            .before(apply(version("1")))
            .before(rolled_out("ds/web"))
            .object(version("2"))
            .field("/targets/0/replicas/available", 1)
            .field("/targets/0/replicas/old", 0)
            .lasts(40),
        Case::passes("daemon-set", "surge-near-miss")
            .before(apply(surging(version("1"))))
            .before(rolled_out("ds/web"))
            .object(surging(version("2")))
            .field("/targets/0/replicas/available", 1)
            .lasts(40),
        // The old revision becomes the newest again: its pod is current, and old enough to pass at once.
        Case::passes("daemon-set", "undone-near-miss")
            .before(apply(version("1")))
            .before(rolled_out("ds/web"))
            .before(apply(version("2")))
            .before(rolled_out("ds/web"))
            .before(kubectl("rollout undo ds/web"))
            .field("/targets/0/replicas/old", 0)
            .lasts(50),
        // A change of the spec that is not one of the template: the pods are as new as before.
        Case::passes("daemon-set", "spec-without-template-near-miss")
            .before(apply(version("1")))
            .before(rolled_out("ds/web"))
            .object(with_spec(version("1"), json!({"minReadySeconds": 2})))
            .field("/targets/0/replicas/old", 0)
            .lasts(30),
        Case::passes("daemon-set", "no-node-near-miss")
            .object(daemon_set(json!({
                "containers": [app(json!({}))],
                "nodeSelector": {"rollout-guard.test/none": "true"},
            })))
            .says(&["zero-replicas", "no node matches"])
            .lasts(5),
        Case::passes("daemon-set", "on-delete-allowed-near-miss")
            .before(apply(on_delete(version("1"))))
            .before(rolled_out_by_hand())
            .object(on_delete(version("2")))
            .args("--allow-on-delete")
            .says(&["update-on-delete"])
            .lasts(20),
        Case::passes("daemon-set", "quota-raised-near-miss")
            .object(pod_quota(0))
            .object(version("1"))
            .args("--patience 4")
            .once("quota-exceeded", kubectl("delete quota pods"))
            .lasts(60),
    ]
}
