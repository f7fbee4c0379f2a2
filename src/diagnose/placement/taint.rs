//! Taints that the pod does not tolerate, cordoned nodes among them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::label::chooses;
use super::nodes::{known, reference, shown};
use super::{Waiting, kubectl};
use crate::diagnose::place::command;
use crate::diagnose::{CauseCode, Evidence, Finding, Prognosis};
use crate::model::{Node, Pod, Taint};

/// `untolerated-taint`.
pub(super) fn untolerated(waiting: &Waiting<'_, '_>) -> Finding {
    let nodes = known(waiting.rollout).unwrap_or_default();
    let taints = hard_taints(nodes, waiting.pod);
    let lasting: Vec<&Taint> = taints.keys().copied().filter(|taint| !taint.is_passing()).collect();
    // Kubernetes before 1.34.2 names the taint in the sentence.
    let told = waiting.group.reason.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    let named: Vec<String> = taints.keys().map(|taint| said(taint)).collect();
    let words = match (told, named.is_empty()) {
        (_, false) => format!(" the pods do not tolerate: {}", shown(named.iter().map(String::as_str))),
        (Some((taint, _)), true) => format!(" the pods do not tolerate: {taint}"),
        (None, true) => " the pods do not tolerate".to_owned(),
    };
    let cordoned = waiting.group.reason.contains("were unschedulable")
        || taints.keys().any(|taint| taint.key == "node.kubernetes.io/unschedulable") && lasting.is_empty();
    let headline = if cordoned {
        format!("{} cordoned, so no pod is placed there", waiting.nodes("is", "are"))
    } else {
        format!("{} a taint{words}", waiting.nodes("has", "have"))
    };
    let key = waiting.group.reason.to_owned();
    let mut finding = waiting.finding(CauseCode::UntoleratedTaint, key, headline);
    for (taint, names) in &taints {
        for name in names.iter().take(2) {
            finding = finding.with_evidence(Evidence::field(reference(name), "spec.taints", said(taint)));
        }
    }
    if cordoned {
        return finding
            .with_help("Somebody took the nodes out of use, for maintenance perhaps: wait for it to end, or take them into use again.")
            .with_command(command(&["kubectl", "get", "nodes"]))
            .with_command(command(&["kubectl", "uncordon", taints.values().flatten().next().unwrap_or(&"NODE")]));
    }
    // Taints that Kubernetes sets go away again; those that people set do not.
    if !lasting.is_empty() && lasting.len() == taints.len() {
        finding = finding.with_tolerance(Duration::from_secs(60)).with_prognosis(Prognosis::Permanent);
    }
    advice(waiting, &lasting, &taints, finding)
}

fn advice(
    waiting: &Waiting<'_, '_>,
    lasting: &[&Taint],
    taints: &BTreeMap<&Taint, Vec<&str>>,
    finding: Finding,
) -> Finding {
    let namespace = waiting.rollout.namespace();
    let target = waiting.rollout.workload.command_target();
    let mut finding = finding;
    if let Some(taint) = lasting.first() {
        let own = waiting.rollout.workload.spec.template.spec.tolerations.is_empty();
        let toleration = toleration(taint);
        let operation = if own {
            json!([{"op": "add", "path": "/spec/template/spec/tolerations", "value": [toleration]}])
        } else {
            json!([{"op": "add", "path": "/spec/template/spec/tolerations/-", "value": toleration}])
        };
        finding = finding
            .with_help(format!(
                "If the pods belong on those nodes, let them tolerate the taint {}: the command below adds the toleration.",
                said(taint)
            ))
            .with_command(kubectl(namespace, &["patch", &target, "--type=json", "-p", &operation.to_string()]))
            .with_help("If they do not, bring nodes without it back, or add one.");
    }
    if taints.keys().any(|taint| taint.is_passing()) {
        finding = finding.with_help("Kubernetes sets taints of node.kubernetes.io itself: a node that is not ready, short of something, or just starting. Look at why.");
    }
    if taints.is_empty() {
        finding = finding.with_help("Add a toleration for the taint, if the pods belong on those nodes; the command below lists the taints.");
    }
    finding.with_command(command(&[
        "kubectl",
        "get",
        "nodes",
        "-o",
        "custom-columns=NODE:.metadata.name,TAINTS:.spec.taints",
    ]))
}

/// The taints that keep the pod away, and the nodes that have them.
fn hard_taints<'a>(nodes: &'a [Node], pod: &Pod) -> BTreeMap<&'a Taint, Vec<&'a str>> {
    let mut all: BTreeMap<&Taint, Vec<&str>> = BTreeMap::new();
    // Other nodes would not be taken even without their taints.
    let chosen: Vec<&Node> = nodes.iter().filter(|node| chooses(pod, node)).collect();
    let chosen = if chosen.is_empty() { nodes.iter().collect() } else { chosen };
    for node in chosen {
        let taints = node.spec.taints.iter().filter(|taint| taint.is_hard());
        for taint in taints.filter(|taint| !pod.spec.tolerations.iter().any(|own| own.tolerates(taint))) {
            all.entry(taint).or_default().push(&node.metadata.name);
        }
    }
    all
}

/// `dedicated=gpu:NoSchedule`, as `kubectl taint` writes it.
fn said(taint: &Taint) -> String {
    if taint.value.is_empty() {
        format!("{}:{}", taint.key, taint.effect)
    } else {
        format!("{}={}:{}", taint.key, taint.value, taint.effect)
    }
}

fn toleration(taint: &Taint) -> Value {
    if taint.value.is_empty() {
        json!({"key": taint.key, "operator": "Exists", "effect": taint.effect})
    } else {
        json!({"key": taint.key, "operator": "Equal", "value": taint.value, "effect": taint.effect})
    }
}
