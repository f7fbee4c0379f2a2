//! ReplicaSets beside the one that the Deployment rolls out: older ones that are refused, ones that nobody owns, ones
//! that look alike.

use serde_json::{Value, json};

use crate::case::{Case, apply, kubectl, rolled_out, until};
use crate::manifest::{
    app, deployment, labelled, limit_range, one, ready, replica_set, server, shell, with_spec,
};

pub(crate) fn cases() -> Vec<Case> {
    let bare = |case: Case| case.field("/targets/0/causes", json!([])).lasts(45);
    let max = |memory: &str| limit_range(json!({"type": "Container", "max": {"memory": memory}}));
    vec![
        // The old ReplicaSet may not replace a pod that it has lost, and says so for as long as the new one starts.
        bare(Case::passes("rollout", "old-replica-set-refused-near-miss"))
            .before(apply(with_memory(version("1"), "48Mi")))
            .before(rolled_out("deploy/web"))
            .before(apply(max("32Mi")))
            .before(kubectl("delete pods -l app=web --wait=false"))
            .before(until(SET_CONDITIONS, "ReplicaFailure"))
            .object(with_memory(starting_slowly("2"), "24Mi"))
            .field("/targets/0/revision", "2")
            .lasts(90),
        // Its pods carry the labels of the Deployment, and crash; it is not the Deployment's.
        bare(Case::passes("rollout", "pods-of-an-orphan-near-miss"))
            .before(apply(orphan()))
            .before(until("get pods -l role=orphan -o jsonpath={..restartCount}", "1"))
            .object(version("1"))
            .field("/targets/0/replicas/desired", 2)
            .field("/targets/0/replicas/old", 0),
        // The Deployment that comes back takes the ReplicaSet over that was left, and replaces it.
        bare(Case::passes("rollout", "orphan-taken-over-near-miss"))
            .before(apply(version("1")))
            .before(rolled_out("deploy/web"))
            .before(kubectl("delete deploy web --cascade=orphan"))
            .before(until("get deploy -o name --ignore-not-found", ""))
            .object(version("2"))
            .field("/targets/0/replicas/available", 2),
        // A ReplicaSet with the very template was there first: the Deployment makes no other.
        bare(Case::passes("rollout", "twin-that-was-first-near-miss"))
            .before(apply(twin_of(&version("1"))))
            .before(until("get rs web-twin -o jsonpath=ready:{.status.readyReplicas}", "ready:1"))
            .object(version("1"))
            .field("/targets/0/replicas/available", 2),
        // A younger one with the very template is an old one to the controller, which takes it away.
        bare(Case::passes("rollout", "twin-that-came-later-near-miss"))
            .before(apply(version("1")))
            .before(rolled_out("deploy/web"))
            .before(apply(twin_of(&version("1"))))
            .object(version("1"))
            .field("/targets/0/replicas/available", 2),
    ]
}

const SET_CONDITIONS: &str = "get rs -l app=web -o jsonpath={.items[*].status.conditions[*].type}";

/// Two web servers that serve, of this version.
fn version(version: &str) -> Value {
    let env = json!([{"name": "VERSION", "value": version}]);
    deployment("web", 2, one(server(json!({"env": env, "readinessProbe": ready()}))))
}

/// Longer than a refusal of pods is tolerated.
fn starting_slowly(version: &str) -> Value {
    let env = json!([{"name": "VERSION", "value": version}]);
    let probe =
        json!({"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1, "initialDelaySeconds": 40});
    deployment("web", 2, one(server(json!({"env": env, "readinessProbe": probe}))))
}

fn with_memory(mut deployment: Value, memory: &str) -> Value {
    if let Some(container) = deployment.pointer_mut("/spec/template/spec/containers/0") {
        let memory = json!({ "memory": memory });
        if let Some(container) = container.as_object_mut() {
            container.insert("resources".to_owned(), json!({"requests": memory, "limits": memory}));
        }
    }
    deployment
}

/// What a Deployment of the same pods would adopt if its own labels were theirs.
fn orphan() -> Value {
    let labels = json!({"app": "web", "role": "orphan"});
    let set = replica_set(1, one(app(json!({"command": shell("echo I am nobody; exit 4")}))));
    let mut set = with_spec(set, json!({"selector": {"matchLabels": labels}}));
    for (pointer, value) in [
        ("/metadata", json!({"name": "orphan", "labels": {"app": "orphan"}})),
        ("/spec/template/metadata", json!({ "labels": labels })),
    ] {
        if let Some(place) = set.pointer_mut(pointer) {
            *place = value;
        }
    }
    set
}

/// A ReplicaSet of that template, as the controller of the Deployment would make it, by another name.
fn twin_of(deployment: &Value) -> Value {
    let mut template = deployment.pointer("/spec/template").cloned().unwrap_or_default();
    let labels = json!({"app": "web", "pod-template-hash": "twin"});
    if let Some(place) = template.pointer_mut("/metadata/labels") {
        *place = labels.clone();
    }
    labelled(
        json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web-twin"},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels.clone()}, "template": template}}),
        labels,
    )
}
