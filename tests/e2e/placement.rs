//! Reason 7: no node takes the pods.

use serde_json::{Value, json};

use crate::case::{Case, Step, apply, rolled_out};
use crate::manifest::{app, deployment, node_without_machine, one, web, with_spec};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = unplaced();
    cases.extend(blocked_by_themselves());
    cases.extend(healthy());
    cases
}

/// One pod with further fields of its spec.
fn pod(fields: Value) -> Value {
    let mut spec = one(app(json!({})));
    if let (Some(spec), Value::Object(fields)) = (spec.as_object_mut(), fields) {
        spec.extend(fields);
    }
    spec
}

fn required(kind: &str, app: &str) -> Value {
    json!({"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": "kubernetes.io/hostname"},
    ]}}})
}

fn asking(resource: &str, amount: &str) -> Value {
    web(one(app(json!({"resources": {"requests": {resource: amount}, "limits": {resource: amount}}}))))
}

/// A version that may not share its node with another pod of the same Deployment.
fn apart(version: &str) -> Value {
    let mut fields = required("podAntiAffinity", "web");
    if let Some(fields) = fields.as_object_mut() {
        let env = json!([{"name": "VERSION", "value": version}]);
        fields.insert("containers".to_owned(), json!([app(json!({ "env": env }))]));
    }
    web(pod(fields))
}

/// A version that holds a port of its node. The cluster of the suite has one node, so the number is this case's.
fn on_host_port(version: &str, port: u16) -> Value {
    web(one(app(json!({
        "env": [{"name": "VERSION", "value": version}],
        "ports": [{"containerPort": 8080, "hostPort": port}],
    }))))
}

fn old_pods_first(deployment: Value) -> Value {
    let update = json!({"maxSurge": 0, "maxUnavailable": 1});
    with_spec(deployment, json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": update}}))
}

fn labelled(mut node: Value) -> Value {
    if let Some(metadata) = node.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("labels".to_owned(), json!({"example.com/pool": "$NS"}));
    }
    node
}

/// Cluster Autoscaler 1.33.
const NO_GROUP_FITS: &str = "pod didn't trigger scale-up: 3 Insufficient cpu, 1 max node group size reached";

fn unplaced() -> Vec<Case> {
    let fails = |name, code| {
        Case::fails("placement", name, code)
            .says(&["nodes are available", "kubectl -n $NS describe pod"])
            .lasts(75)
    };
    let zone = "topology.kubernetes.io/zone";
    let spread = json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": zone,
        "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "web"}}}]});
    vec![
        fails("more-cpu-than-any-node", "insufficient-resources")
            .object(asking("cpu", "1000"))
            .says(&["1000 cpu", "no node can ever take it"])
            .lasts(45),
        fails("device-that-no-node-has", "insufficient-resources")
            .object(asking("example.com/gpu", "1"))
            .says(&["no node offers example.com/gpu", "plugin"]),
        fails("label-that-no-node-has", "node-selector-unmatched")
            .object(web(pod(json!({"nodeSelector": {"kubernetes.io/os": "linuxx"}}))))
            .says(&["no node has the label kubernetes.io/os=linuxx", "Did you mean kubernetes.io/os=linux?"]),
        // The pool is an object without a machine.
        fails("taint-of-the-chosen-pool", "untolerated-taint")
            .of_the_cluster(labelled(node_without_machine("$NS-pool")))
            .object(web(pod(json!({"nodeSelector": {"example.com/pool": "$NS"}}))))
            .says(&[
                "a taint the pods do not tolerate: example.com/no-machine:NoSchedule",
                r#""path":"/spec/template/spec/tolerations""#,
            ]),
        fails("neighbour-that-is-not-there", "pod-affinity-unmatched")
            .object(web(pod(required("podAffinity", "cache"))))
            .says(&["app=cache"]),
        fails("spread-over-a-label-nodes-lack", "topology-spread-unsatisfied")
            .object(web(pod(spread)))
            .says(&[zone, "ScheduleAnyway"]),
        // No autoscaler runs here; what it would say is written in its place.
        Case::fails("placement", "autoscaler-that-finds-no-group", "autoscaler-refused")
            .before(apply(asking("cpu", "1000")))
            .before(Step::Event("cluster-autoscaler", "NotTriggerScaleUp", NO_GROUP_FITS))
            .says(&["3 Insufficient cpu", "1 max node group size reached"])
            .args("--patience 0.2")
            .lasts(45),
        Case::fails("placement", "scheduler-that-does-not-run", "scheduler-missing")
            .object(web(pod(json!({"schedulerName": "my-scheduler"}))))
            .says(&["my-scheduler", "spec.template.spec.schedulerName"])
            .lasts(75),
        // Whoever set the gate takes it away; nobody does here, and that alone ends nothing.
        Case::ends("placement", "gated", 3, "timed-out", "scheduling-gated")
            .object(web(pod(json!({"schedulingGates": [{"name": "example.com/wait"}]}))))
            .names("scheduling-gated")
            .says(&["example.com/wait"])
            .timeout(15)
            .lasts(20),
    ]
}

fn blocked_by_themselves() -> Vec<Case> {
    let update = |name, code| {
        Case::fails("placement", name, code)
            .before(rolled_out("deploy/web"))
            .says(&["the rollout blocks itself", r#""maxSurge":0,"maxUnavailable":1"#])
            .field("/targets/0/impact/oldPodsReady", 1)
            .lasts(80)
    };
    let first = |mut case: Case, object: Value| {
        case.before.insert(0, Step::Apply(vec![object]));
        case
    };
    vec![
        first(update("anti-affinity-to-itself", "pod-anti-affinity-conflict"), apart("1")).object(apart("2")),
        first(update("host-port-of-its-old-pod", "host-port-conflict"), on_host_port("1", 18_091))
            .object(on_host_port("2", 18_091)),
        Case::fails("placement", "fewer-nodes-than-replicas", "pod-anti-affinity-conflict")
            .object(deployment("web", 2, pod(required("podAntiAffinity", "web"))))
            .says(&["only one pod of deployment/web", "2 are wanted"])
            .lasts(80),
    ]
}

fn healthy() -> Vec<Case> {
    let passes = |name| Case::passes("placement", name).lasts(35);
    let chosen = json!({
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "schedulerName": "default-scheduler",
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "web"}}}],
    });
    vec![
        passes("rules-that-a-node-keeps-near-miss").object(web(pod(chosen))),
        passes("anti-affinity-old-pods-first-near-miss")
            .before(apply(old_pods_first(apart("1"))))
            .before(rolled_out("deploy/web"))
            .object(old_pods_first(apart("2"))),
        passes("host-port-old-pods-first-near-miss")
            .before(apply(old_pods_first(on_host_port("1", 18_092))))
            .before(rolled_out("deploy/web"))
            .object(old_pods_first(on_host_port("2", 18_092))),
        // The preference cannot be kept on one node, and keeps no pod waiting.
        passes("preference-near-miss").object(deployment(
            "web",
            2,
            pod(json!({"affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "podAffinityTerm": {"labelSelector": {"matchLabels": {"app": "web"}},
                    "topologyKey": "kubernetes.io/hostname"}},
            ]}}})),
        )),
    ]
}
