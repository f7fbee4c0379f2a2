//! DaemonSets on nodes that are not ready or cordoned. The second node is a Node object without a machine; the labels
//! by which a case chooses its nodes are its own, so that no other DaemonSet gets there.

use serde_json::{Value, json};

use crate::case::{Case, Step, apply, kubectl, rolled_out, until};
use crate::manifest::{app, daemon_set, node_without_machine, one, ready, server, shell};

const NODE: &str = "$NS-node";
const LABEL: &str = "pool.example.com/$NS";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        on_both(Case::passes("daemon-set", "node-not-ready-near-miss"))
            .before(silent())
            .object(set("1", 1))
            .says(&["nodes-excused", "$NS-node (not ready: Kubelet stopped posting node status)"])
            .field("/targets/0/replicas/desired", 2)
            .field("/targets/0/replicas/available", 1)
            .lasts(40),
        on_both(Case::fails("daemon-set", "node-not-ready-strict", "node-not-ready"))
            .before(silent())
            .object(set("1", 1))
            .args("--strict-nodes --patience 0.1")
            .says(&["$NS-node is not ready"])
            .lasts(60),
        on_both(Case::passes("daemon-set", "node-cordoned-near-miss"))
            .before(kubectl("cordon $NS-node"))
            .before(Step::Beat(NODE.to_owned()))
            .object(set("1", 1))
            .at(8, Step::Beat(NODE.to_owned()))
            .says(&["nodes-excused", "$NS-node (cordoned)"])
            .lasts(40),
        // The image is bad everywhere: a node that is not ready is no excuse for it.
        on_both(Case::fails("daemon-set", "crashing-beside-a-silent-node", "container-crashing"))
            .before(silent())
            .object(chosen(app(json!({"command": shell("echo no device; exit 3")})), 1))
            .says(&["no device"])
            .lasts(60),
        // The pod of the silent node cannot go, and counts against maxUnavailable: the other node keeps its old pod.
        on_both(Case::fails("daemon-set", "blocked-by-a-silent-node", "node-not-ready"))
            .before(Step::Beat(NODE.to_owned()))
            .before(apply(set("1", 1)))
            .before(until("get pods -o wide", "silent-node-node"))
            .before(Step::Ready("app=web".to_owned()))
            .before(rolled_out("ds/web"))
            .before(silent())
            .object(set("2", 1))
            .args("--patience 0.1")
            .says(&["1 node keeps the older pod meanwhile", "maxUnavailable"])
            .field("/targets/0/replicas/updated", 0)
            .lasts(90),
        // Who may not see nodes judges all pods alike, and is told what the others would have known.
        on_both(Case::ends("daemon-set", "silent-node-that-may-not-be-seen", 3, "timed-out", "progressing"))
            .before(silent())
            .before(viewer())
            .object(set("1", 1))
            .args(AS_VIEWER)
            .timeout(30)
            .says(&["nodes"])
            .field("/targets/0/replicas/desired", 2)
            .lasts(70),
        Case::passes("daemon-set", "nodes-not-readable-near-miss")
            .before(viewer())
            .object(daemon_set(one(server(json!({"readinessProbe": ready()})))))
            .args(AS_VIEWER)
            .field("/targets/0/replicas/available", 1)
            .lasts(40),
    ]
    .into_iter()
    .map(|case| case.target("ds/web"))
    .collect()
}

const AS_VIEWER: &str = "--as system:serviceaccount:$NS:viewer";

/// Somebody who may see everything in the namespace, and no nodes.
fn viewer() -> Step {
    kubectl("create rolebinding viewer --clusterrole=view --serviceaccount=$NS:viewer")
}

/// With a second node, which has no machine; its pods must be ended by hand.
fn on_both(case: Case) -> Case {
    let mut node = node_without_machine(NODE);
    if let Some(metadata) = node.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("labels".to_owned(), json!({LABEL: "yes"}));
    }
    if let Some(status) = node.get_mut("status").and_then(Value::as_object_mut) {
        let room = json!({"pods": "10", "cpu": "4", "memory": "8Gi"});
        status.insert("capacity".to_owned(), room.clone());
        status.insert("allocatable".to_owned(), room);
    }
    case.of_the_cluster(node)
        .before(kubectl(&format!("label node node-1 {LABEL}=yes --overwrite")))
        .after(kubectl(&format!("label node node-1 {LABEL}-")))
        .after(kubectl("delete ds web --wait=false"))
        .after(kubectl("delete pods --all --force --grace-period=0"))
}

fn silent() -> Step {
    until("get node $NS-node", "NotReady")
}

/// A web server that serves, of this version, with that grace period.
fn set(version: &str, grace: u32) -> Value {
    let env = json!([{"name": "VERSION", "value": version}]);
    chosen(server(json!({"env": env, "readinessProbe": ready()})), grace)
}

fn chosen(container: Value, grace: u32) -> Value {
    let mut spec = one(container);
    if let Some(spec) = spec.as_object_mut() {
        spec.insert("nodeSelector".to_owned(), json!({LABEL: "yes"}));
        spec.insert("tolerations".to_owned(), json!([{"operator": "Exists"}]));
        spec.insert("terminationGracePeriodSeconds".to_owned(), json!(grace));
    }
    daemon_set(spec)
}
