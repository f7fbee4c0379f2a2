//! The documents from which kubectl and Helm learn what there is.

use serde_json::{Value, json};

fn short(resource: &str) -> &'static str {
    match resource {
        "deployments" => "deploy",
        "replicasets" => "rs",
        "events" => "ev",
        _ => "po",
    }
}

/// What kubectl wants to know first.
pub(crate) fn discovery(path: &str) -> Option<Value> {
    let resource = |name: &str, kind: &str| {
        json!({"name": name, "singularName": kind.to_lowercase(), "namespaced": true, "kind": kind,
            "verbs": ["get", "list", "watch"], "shortNames": [short(name)]})
    };
    let group = json!({"name": "apps", "versions": [{"groupVersion": "apps/v1", "version": "v1"}],
        "preferredVersion": {"groupVersion": "apps/v1", "version": "v1"}});
    Some(match path {
        "/version" => json!({"major": "1", "minor": "36", "gitVersion": "v1.36.0"}),
        "/api" => json!({"kind": "APIVersions", "versions": ["v1"]}),
        "/apis" => json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]}),
        "/api/v1" => json!({"kind": "APIResourceList", "groupVersion": "v1",
            "resources": [resource("pods", "Pod"), resource("events", "Event")]}),
        "/apis/apps/v1" => json!({"kind": "APIResourceList", "groupVersion": "apps/v1",
            "resources": [resource("deployments", "Deployment"), resource("replicasets", "ReplicaSet")]}),
        _ => return None,
    })
}
