//! Builders of manifests. `$REGISTRY`, `$PRIVATE`, `$NS` and `$RUN` are filled in when a case runs.

use serde_json::{Map, Value, json};

/// The container `app` of the open registry's `busy:1`, which sleeps unless the fields given say otherwise.
pub(crate) fn app(fields: Value) -> Value {
    container("app", fields)
}

/// A container with the image and command of [`app`] and another name.
pub(crate) fn container(name: &str, fields: Value) -> Value {
    merged(json!({"name": name, "image": "$REGISTRY/busy:1", "command": ["sleep", "3600"]}), fields)
}

/// Busybox' web server on port 8080, which answers `/healthz` with 200 and everything else with 404.
pub(crate) fn server(fields: Value) -> Value {
    let base = json!({
        "command": ["httpd", "-f", "-p", "8080", "-h", "/www"],
        "ports": [{"name": "http", "containerPort": 8080}],
    });
    app(merged(base, fields))
}

/// A readiness probe that passes on [`server`].
pub(crate) fn ready() -> Value {
    json!({"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1})
}

/// A command that runs a script of the shell.
pub(crate) fn shell(script: &str) -> Value {
    json!(["sh", "-c", script])
}

/// The pod spec of one container.
pub(crate) fn one(container: Value) -> Value {
    json!({ "containers": [container] })
}

/// Deployment `web` with one replica.
pub(crate) fn web(pod_spec: Value) -> Value {
    deployment("web", 1, pod_spec)
}

/// A Deployment whose pods have a grace period of one second, because busybox as process 1 ignores SIGTERM.
pub(crate) fn deployment(name: &str, replicas: u32, pod_spec: Value) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": merged(json!({"terminationGracePeriodSeconds": 1}), pod_spec),
            },
        },
    })
}

/// StatefulSet `web`; otherwise as [`deployment`].
pub(crate) fn stateful_set(replicas: u32, pod_spec: Value) -> Value {
    let set = with_spec(deployment("web", replicas, pod_spec), json!({"serviceName": "web"}));
    merged(set, json!({"kind": "StatefulSet"}))
}

/// DaemonSet `web`; otherwise as [`deployment`].
pub(crate) fn daemon_set(pod_spec: Value) -> Value {
    let mut set = merged(deployment("web", 1, pod_spec), json!({"kind": "DaemonSet"}));
    if let Some(spec) = set.get_mut("spec").and_then(Value::as_object_mut) {
        spec.remove("replicas");
    }
    set
}

/// ReplicaSet `web`; otherwise as [`deployment`].
pub(crate) fn replica_set(replicas: u32, pod_spec: Value) -> Value {
    merged(deployment("web", replicas, pod_spec), json!({"kind": "ReplicaSet"}))
}

/// Job `web` of one completion.
pub(crate) fn job(restart_policy: &str, pod_spec: Value) -> Value {
    let policy = json!({"restartPolicy": restart_policy, "terminationGracePeriodSeconds": 1});
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "web"},
        "spec": {"completions": 1, "template": {"spec": merged(policy, pod_spec)}},
    })
}

/// Pod `web`.
pub(crate) fn pod(restart_policy: &str, pod_spec: Value) -> Value {
    let policy = json!({"restartPolicy": restart_policy, "terminationGracePeriodSeconds": 1});
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": merged(policy, pod_spec),
    })
}

/// A ResourceQuota `pods` of that many pods.
pub(crate) fn pod_quota(pods: u32) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "pods"},
        "spec": {"hard": {"pods": pods.to_string()}},
    })
}

/// A Deployment with further fields of its spec.
pub(crate) fn with_spec(mut deployment: Value, fields: Value) -> Value {
    if let Some(spec) = deployment.get_mut("spec") {
        *spec = merged(spec.take(), fields);
    }
    deployment
}

/// A workload with labels of its own, beside those of its pods.
pub(crate) fn labelled(workload: Value, labels: Value) -> Value {
    with_metadata(workload, json!({ "labels": labels }))
}

/// A workload with annotations.
pub(crate) fn annotated(workload: Value, annotations: Value) -> Value {
    with_metadata(workload, json!({ "annotations": annotations }))
}

fn with_metadata(mut workload: Value, fields: Value) -> Value {
    if let Some(metadata) = workload.get_mut("metadata") {
        *metadata = merged(metadata.take(), fields);
    }
    workload
}

pub(crate) fn config_map(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

/// What stands in every Secret of the suite and must never be seen in anything we write.
pub(crate) const SECRET_VALUE: &str = "hunter2-must-never-be-shown";

/// A Secret whose keys all have [`SECRET_VALUE`].
pub(crate) fn secret(name: &str, keys: &[&str]) -> Value {
    let data: Map<String, Value> =
        keys.iter().map(|key| ((*key).to_owned(), Value::from(SECRET_VALUE))).collect();
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data})
}

/// LimitRange `mem-limit-range` with one item.
pub(crate) fn limit_range(item: Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "mem-limit-range"},
        "spec": {"limits": [item]},
    })
}

/// A Node object without a machine, on which the scheduler puts nothing; its kubelet is silent from the start.
pub(crate) fn node_without_machine(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name,
            "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"}},
        "spec": {"taints": [{"key": "example.com/no-machine", "effect": "NoSchedule"}]},
        "status": {"conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady",
            "message": "kubelet is posting ready status"}]},
    })
}

/// Several objects as one.
pub(crate) fn list(objects: &[Value]) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "items": objects})
}

/// The object, controlled by another one that is given as the API server shows it.
pub(crate) fn owned(mut object: Value, owner: &str) -> Result<Value, String> {
    let owner: Value = serde_json::from_str(owner).map_err(|error| error.to_string())?;
    let at = |pointer: &str| owner.pointer(pointer).cloned().unwrap_or_default();
    let reference = json!({"apiVersion": at("/apiVersion"), "kind": at("/kind"), "controller": true,
        "name": at("/metadata/name"), "uid": at("/metadata/uid")});
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("ownerReferences".to_owned(), json!([reference]));
    }
    Ok(object)
}

/// The fields of `base`, replaced by those of `over`.
fn merged(mut base: Value, over: Value) -> Value {
    if let (Value::Object(base), Value::Object(over)) = (&mut base, over) {
        base.extend(over);
    }
    base
}
