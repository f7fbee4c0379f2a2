//! What nodes do to pods. The cluster of the suite has one node with a machine, `node-1`.

use serde_json::{Value, json};

use crate::case::{Case, Step, apply, kubectl};
use crate::manifest::{app, node_without_machine, one, shell, web};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = rejected();
    cases.extend(evicted());
    cases.extend(silent());
    cases.extend(healthy());
    cases
}

fn fails(name: &'static str, code: &'static str) -> Case {
    Case::fails("node", name, code).lasts(30)
}

/// One container with further fields, in a pod with further fields.
fn pod(container: Value, fields: Value) -> Value {
    let mut spec = one(app(container));
    if let (Some(spec), Value::Object(fields)) = (spec.as_object_mut(), fields) {
        spec.extend(fields);
    }
    web(spec)
}

fn rejected() -> Vec<Case> {
    let cpu = json!({"resources": {"requests": {"cpu": "50"}}});
    let sysctl = json!({"sysctls": [{"name": "net.core.somaxconn", "value": "1024"}]});
    let class = "$NS-class";
    vec![
        fails("more-than-the-node-has", "node-rejected-pod")
            .object(pod(cpu, json!({"nodeName": "node-1"})))
            .says(&["too little cpu: a pod asks for 50, of ", r#""path":"/spec/template/spec/nodeName""#]),
        fails("labels-that-the-node-lacks", "node-rejected-pod")
            .object(pod(json!({}), json!({"nodeName": "node-1", "nodeSelector": {"example.com/none": "x"}})))
            .says(&["node(s) didn't match Pod's node affinity/selector"]),
        fails("sysctl-that-is-not-allowed", "node-rejected-pod")
            .object(pod(json!({}), json!({ "securityContext": sysctl })))
            .says(&["net.core.somaxconn", "allowedUnsafeSysctls"]),
        fails("runtime-handler-missing", "sandbox-failed")
            .of_the_cluster(runtime_class(class, "none"))
            .object(pod(json!({}), json!({ "runtimeClassName": class })))
            .says(&["node-1 has no runtime handler none, which RuntimeClass $NS-class names"])
            .lasts(40),
    ]
}

fn runtime_class(name: &str, handler: &str) -> Value {
    json!({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": name}, "handler": handler})
}

/// A container that writes that many MiB to a file and is not ready before kubelet has looked at what it uses.
fn writer(mib: u32, file: &str, ready_after: u32) -> Value {
    json!({
        "command": shell(&format!("dd if=/dev/zero of={file} bs=1M count={mib}; sleep 3600")),
        "readinessProbe": {"exec": {"command": ["true"]}, "initialDelaySeconds": ready_after},
    })
}

fn with(mut container: Value, field: &str, value: Value) -> Value {
    if let Some(container) = container.as_object_mut() {
        container.insert(field.to_owned(), value);
    }
    container
}

fn scratch(container: Value, limit: &str) -> Value {
    let mounts = json!([{"name": "scratch", "mountPath": "/scratch"}]);
    let volumes = json!([{"name": "scratch", "emptyDir": {"sizeLimit": limit}}]);
    pod(with(container, "volumeMounts", mounts), json!({ "volumes": volumes }))
}

fn evicted() -> Vec<Case> {
    let limit = json!({"limits": {"ephemeral-storage": "5Mi"}});
    vec![
        fails("empty-dir-over-its-limit", "pod-evicted")
            .object(scratch(writer(5, "/scratch/x", 120), "1Mi"))
            .says(&["2 pods evicted: volume scratch (emptyDir) grew over its sizeLimit of 1Mi"])
            // Kubelet measures volumes once a minute.
            .timeout(240)
            .lasts(130),
        fails("container-over-its-storage-limit", "pod-evicted")
            .object(pod(with(writer(20, "/tmp/x", 120), "resources", limit), json!({})))
            .says(&["5Mi", "limits.ephemeral-storage"])
            .lasts(60),
    ]
}

/// On that node, past the scheduler. Nobody ends the pods of a node without a machine, so they end at once.
fn on(node: &str) -> Value {
    pod(json!({}), json!({"nodeName": node, "terminationGracePeriodSeconds": 0}))
}

fn silent() -> Vec<Case> {
    let node = "$NS-node";
    vec![
        fails("node-silent", "node-not-ready")
            .of_the_cluster(node_without_machine(node))
            .object(on(node))
            .says(&["$NS-node is not ready, so pods on it are not either", "kubectl describe node $NS-node"])
            .args("--patience 0.1")
            .lasts(100),
        fails("node-that-does-not-exist", "node-not-ready")
            .object(on("$NS-none"))
            .says(&["the pods are to run on $NS-none (spec.nodeName), and there is no such node"])
            .args("--patience 0.5")
            .lasts(50),
    ]
}

fn healthy() -> Vec<Case> {
    let passes = |name| Case::passes("node", name).lasts(40);
    let (class, node) = ("$NS-class", "$NS-node");
    let labelled = json!({"nodeName": "node-1", "nodeSelector": {"example.com/late": "$NS"}});
    vec![
        passes("handler-that-exists-near-miss")
            .of_the_cluster(runtime_class(class, "runc"))
            .object(pod(json!({}), json!({ "runtimeClassName": class }))),
        passes("sandbox-late-near-miss")
            .of_the_cluster(runtime_class(class, "none"))
            .object(pod(json!({}), json!({ "runtimeClassName": class })))
            .at(12, kubectl("delete runtimeclass $NS-class"))
            .at(12, apply(runtime_class(class, "runc")))
            .args("--patience 4")
            .lasts(60),
        passes("empty-dir-within-its-limit-near-miss").object(scratch(writer(1, "/scratch/x", 15), "100Mi")),
        passes("node-chosen-by-name-near-miss").object(pod(json!({}), json!({"nodeName": "node-1"}))),
        // The node rejects pods until it has the label.
        passes("rejected-and-then-taken-near-miss")
            .object(pod(json!({}), labelled))
            .args("--patience 4")
            .once("node-rejected-pod", kubectl("label node node-1 example.com/late=$NS --overwrite"))
            .after(kubectl("label node node-1 example.com/late-")),
        passes("node-silent-for-a-while-near-miss")
            .of_the_cluster(node_without_machine(node))
            .object(on(node))
            .at(1, crate::case::until("get node $NS-node", "NotReady"))
            .at(2, Step::Pass(12))
            .at(3, Step::Beat(node.to_owned()))
            .at(4, Step::Ready("app=web".to_owned()))
            .at(20, Step::Beat(node.to_owned()))
            .lasts(110),
    ]
}
