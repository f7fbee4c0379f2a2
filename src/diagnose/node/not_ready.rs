//! Pods on a node whose kubelet is silent, or says that it is not ready.

use std::time::Duration;

use super::super::creating::age;
use super::super::place::{command, kubectl};
use super::super::{CauseCode, Confidence, Diagnosis, Evidence, Finding, Prognosis};
use crate::model::{Kind, Lookup, Node, ObjectRef, Pod, Rollout, condition, reason};
use crate::observation::{Request, Want};

/// Kubelet takes a pod up within a second or two; one that it has not touched for this long makes us look at the node.
const TOUCHED_WITHIN: Duration = Duration::from_secs(10);
/// Nodes that are looked at.
const NODES: usize = 5;

/// Nodes of a DaemonSet that are looked at, since they may be excused ([`Rollout::excused`]).
const NODES_OF_A_DAEMON_SET: usize = 20;

/// `node-not-ready`.
pub(super) fn rules(rollout: &Rollout<'_>, diagnosis: &mut Diagnosis) {
    let mut asked: Vec<&str> = Vec::new();
    let suspects = rollout.live_pods().filter(|pod| is_suspect(rollout, pod)).chain(stuck(rollout));
    for pod in suspects {
        let Some(name) = pod.node() else { continue };
        if !asked.contains(&name) {
            if asked.len() >= NODES {
                continue;
            }
            asked.push(name);
        }
        diagnosis.ask(Request::every(10, Want::Node { name: name.to_owned() }));
        let found = match rollout.node(name) {
            Lookup::Found(node) => node.not_ready().map(|_| silent(rollout, pod, name, Some(node))),
            Lookup::Missing => Some(gone(rollout, pod, name)),
            Lookup::Refused(_) if told(rollout, pod) => Some(silent(rollout, pod, name, None)),
            Lookup::Refused(_) | Lookup::Unknown => None,
        };
        if let Some(finding) = found {
            diagnosis.add(finding.on_pod(&pod.metadata.name));
        }
    }
    ask_for_excuses(rollout, &mut asked, diagnosis);
}

/// Nodes of a DaemonSet whose pods are not in order for a while: each may be not ready, or cordoned.
fn ask_for_excuses<'a>(rollout: &Rollout<'a>, asked: &mut Vec<&'a str>, diagnosis: &mut Diagnosis) {
    if rollout.workload.kind != Kind::DaemonSet || rollout.accepted.strict_nodes {
        return;
    }
    let unready = rollout
        .pods
        .iter()
        .chain(&rollout.old_pods)
        .copied()
        .filter(|pod| !pod.is_ready() && !pod.is_finished() && age(rollout, pod) >= TOUCHED_WITHIN);
    for pod in rollout.excused.pods().map(|(pod, _)| pod).chain(unready).chain(overdue(rollout)) {
        let Some(name) = pod.node().filter(|name| !asked.contains(name)) else { continue };
        if asked.len() >= NODES_OF_A_DAEMON_SET {
            return;
        }
        asked.push(name);
        diagnosis.ask(Request::every(10, Want::Node { name: name.to_owned() }));
    }
}

/// What a pod looks like whose kubelet does not speak: never taken up, or not Ready although nothing is wrong with its
/// containers (the node lifecycle controller writes that).
fn is_suspect(rollout: &Rollout<'_>, pod: &Pod) -> bool {
    // A replacement is not given time again where the node is known to be silent or gone.
    let known = pod.node().is_some_and(|name| match rollout.node(name) {
        Lookup::Found(node) => node.not_ready().is_some(),
        Lookup::Missing => true,
        Lookup::Refused(_) | Lookup::Unknown => false,
    });
    let untouched = pod.status.container_statuses.is_empty()
        && pod.status.init_container_statuses.is_empty()
        && (known || age(rollout, pod) >= TOUCHED_WITHIN);
    let unready = pod.condition(condition::READY).is_some_and(|ready| !ready.is_true())
        && !pod.status.container_statuses.is_empty()
        && pod.status.container_statuses.iter().all(|status| status.ready)
        && pod.spec.readiness_gates.is_empty();
    untouched || unready || pod.status.phase == "Unknown" || pod.status.reason == "NodeLost"
}

/// The controller of nodes, or of pods, said so.
fn told(rollout: &Rollout<'_>, pod: &Pod) -> bool {
    let events = rollout.events(&pod.object_ref());
    pod.status.reason == "NodeLost" || events.iter().any(|event| event.reason == reason::NODE_NOT_READY)
}

/// Pods that should be gone by now, of a kind that makes no new pod in their place while they are there: a
/// StatefulSet under their name, a DaemonSet on their node.
fn stuck<'a>(rollout: &Rollout<'a>) -> impl Iterator<Item = &'a Pod> {
    let matters = matches!(rollout.workload.kind, Kind::StatefulSet | Kind::DaemonSet);
    overdue(rollout).filter(move |_| matters)
}

fn overdue<'a>(rollout: &Rollout<'a>) -> impl Iterator<Item = &'a Pod> {
    let now = rollout.server_now();
    let all: Vec<&Pod> = rollout.pods.iter().chain(&rollout.old_pods).copied().collect();
    // The deletion timestamp is the end of the grace period.
    all.into_iter().filter(move |pod| {
        pod.metadata.deletion_timestamp.is_some_and(|due| now.duration_since(due).as_secs() > 10)
    })
}

fn silent(rollout: &Rollout<'_>, pod: &Pod, name: &str, node: Option<&Node>) -> Finding {
    let object = ObjectRef::named(Kind::Node, "", name);
    let ready = node.and_then(Node::not_ready);
    let words = ready.map_or("", |ready| ready.message.trim_end_matches('.'));
    let headline = match (words, pod.metadata.is_being_deleted()) {
        ("", false) => format!("{name} is not ready, so pods on it are not either"),
        ("", true) => format!("{name} is not ready, so pod {} on it cannot end", pod.metadata.name),
        (words, false) => format!("{name} is not ready, so pods on it are not either: {words}"),
        (words, true) => {
            format!("{name} is not ready, so pod {} on it cannot end: {words}", pod.metadata.name)
        }
    };
    let evidence = match ready {
        Some(ready) => {
            let since =
                ready.last_transition_time.map_or_else(String::new, |since| format!(" since {since}"));
            let value = format!("{}{since}, {}: {}", ready.status, ready.reason, ready.message);
            Evidence::field(object, "status.conditions[Ready]", value)
        }
        None => Evidence::absence(format!("Node {name} may not be read with these credentials (get nodes)")),
    };
    let finding = Finding::new(
        CauseCode::NodeNotReady,
        name,
        ObjectRef::named(Kind::Node, "", name),
        headline,
        evidence,
    )
    .with_prognosis(Prognosis::LikelyPermanent)
    .with_confidence(if node.is_some() { Confidence::Certain } else { Confidence::Likely });
    let finding =
        match rollout.events(&pod.object_ref()).iter().find(|event| event.reason == reason::NODE_NOT_READY) {
            Some(event) => finding.with_evidence(Evidence::event(pod.object_ref(), event)),
            None => finding,
        };
    let finding = finding
        .with_help(format!("The trouble is the node's and not the application's: look at {name}, whether it runs and its kubelet with it"));
    let finding = if rollout.workload.kind == Kind::DaemonSet {
        of_a_daemon_set(rollout, finding)
    } else if pod.metadata.is_being_deleted() {
        finding
            .with_help("a StatefulSet makes no new pod of that name while the old one may still run. If the node is down for good, say so with the taint below: Kubernetes then ends its pods and frees their volumes")
            .with_command(command(&["kubectl", "taint", "node", name, "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"]))
    } else if rollout.workload.spec.template.spec.node_name.is_some() {
        finding.with_help("spec.nodeName puts the pods on this node whatever its state: take it out")
    } else {
        finding.with_help("Kubernetes makes new pods on other nodes 5 minutes after a node has fallen silent; to be quicker, delete the pods")
    };
    finding
        .with_command(command(&["kubectl", "describe", "node", name]))
        .with_command(kubectl(rollout.namespace(), &["get", "pods", "-o", "wide"]))
}

/// A node without an available pod counts against `maxUnavailable` (`rollingUpdate` of pkg/controller/daemon), also
/// where its pod is being deleted and cannot go.
fn of_a_daemon_set(rollout: &Rollout<'_>, finding: Finding) -> Finding {
    let waiting = rollout.staying_old_pods().filter(|pod| pod.is_ready()).count();
    if waiting == 0 {
        return finding.with_help("a DaemonSet has its pod on every node, and this one cannot start it; once the node is ready again the rollout goes on");
    }
    let nodes = if waiting == 1 { "1 node keeps".to_owned() } else { format!("{waiting} nodes keep") };
    finding.with_help(format!(
        "{nodes} the older pod meanwhile: a node without an available pod counts against maxUnavailable of the DaemonSet. Bring the node back, delete its Node object if it is gone for good, or raise maxUnavailable"
    ))
}

fn gone(rollout: &Rollout<'_>, pod: &Pod, name: &str) -> Finding {
    let pinned = rollout.workload.spec.template.spec.node_name.as_deref() == Some(name);
    let headline = if pinned {
        format!("the pods are to run on {name} (spec.nodeName), and there is no such node")
    } else {
        format!("{name}, where a pod of the rollout is, does not exist any more")
    };
    let finding = Finding::new(
        CauseCode::NodeNotReady,
        name,
        ObjectRef::named(Kind::Node, "", name),
        headline,
        Evidence::field(pod.object_ref(), "spec.nodeName", name),
    )
    .with_evidence(Evidence::absence(format!("Node {name}: looked up, not there")));
    let finding = if pinned {
        let patch = r#"[{"op":"remove","path":"/spec/template/spec/nodeName"}]"#;
        let target = rollout.workload.command_target();
        finding
            .with_tolerance(Duration::from_secs(60))
            .with_help("correct spec.nodeName, or take it out and let the scheduler choose")
            .with_command(kubectl(rollout.namespace(), &["patch", &target, "--type=json", "-p", patch]))
    } else {
        finding.with_help("Kubernetes takes the pods of a node away that has gone, and makes new ones; this takes a minute or two")
    };
    finding.with_command(command(&["kubectl", "get", "nodes"]))
}
