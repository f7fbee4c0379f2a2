//! Labels that the pod wants its node to have: `nodeSelector` and required node affinity.

use super::nodes::{known, shown};
use super::{Waiting, kubectl};
use crate::diagnose::place::command;
use crate::diagnose::{CauseCode, Evidence, Finding, Prognosis, nearest};
use crate::model::{LabelRequirement, Node, Pod};

/// `node-selector-unmatched`.
pub(super) fn unmatched(waiting: &Waiting<'_, '_>) -> Finding {
    let spec = &waiting.pod.spec;
    let selected = spec.node_selector.iter().map(|(key, value)| LabelRequirement {
        key: key.clone(),
        operator: "In".to_owned(),
        values: vec![value.clone()],
    });
    let selector: Vec<LabelRequirement> = selected.collect();
    let terms = &spec.affinity.node_affinity.required.node_selector_terms;
    // Several terms are alternatives: no single expression of them can be the culprit.
    let affinity: &[LabelRequirement] = match terms.as_slice() {
        [term] => &term.match_expressions,
        _ => &[],
    };
    let all: Vec<&LabelRequirement> = selector.iter().chain(affinity).collect();
    let nodes = known(waiting.rollout);
    let culprits: Vec<&LabelRequirement> = nodes.map_or_else(Vec::new, |nodes| {
        all.iter()
            .copied()
            .filter(|wanted| !nodes.iter().any(|node| wanted.matches(node.metadata.labels.get(&wanted.key))))
            .collect()
    });
    let words = |list: &[&LabelRequirement]| list.iter().map(|one| said(one)).collect::<Vec<_>>().join(", ");
    let headline = if !culprits.is_empty() {
        format!("no node has the label {} that the pods ask for", words(&culprits))
    } else if all.is_empty() && terms.is_empty() {
        "no node is the one that the pods ask for".to_owned()
    } else if terms.len() > 1 {
        format!("no node fits the node affinity of the pods: none of its {} terms matches", terms.len())
    } else if all.len() == 1 {
        format!("no node that could take the pods has the label {} that they ask for", words(&all))
    } else {
        format!("no node has all the labels that the pods ask for: {}", words(&all))
    };
    let mut finding = waiting
        .finding(CauseCode::NodeSelectorUnmatched, words(&all), headline)
        .with_prognosis(Prognosis::Permanent);
    for (key, value) in &spec.node_selector {
        let path = format!("spec.template.spec.nodeSelector[{key}]");
        finding = finding.with_evidence(Evidence::field(waiting.template_ref(), path, value.as_str()));
    }
    for wanted in affinity {
        finding = finding.with_evidence(Evidence::field(
            waiting.template_ref(),
            "spec.template.spec.affinity.nodeAffinity",
            said(wanted),
        ));
    }
    for culprit in culprits.iter().take(3) {
        finding = with_near(waiting, culprit, nodes.unwrap_or_default(), finding);
    }
    let finding = finding.with_help(format!(
        "Correct the nodeSelector or node affinity in {}, or give a node the label.",
        waiting.rollout.workload.command_target()
    ));
    let finding = match (culprits.first(), nodes) {
        // Labels of kubernetes.io are kubelet's, and a key that nodes have with other values is most likely
        // mistyped here: neither is a node to be labelled for.
        (Some(wanted), Some([node])) if wanted.operator == "In" && is_free(&wanted.key, node) => {
            let label = format!("{}={}", wanted.key, wanted.values.first().map_or("", String::as_str));
            finding.with_command(command(&["kubectl", "label", "node", &node.metadata.name, &label]))
        }
        _ => finding,
    };
    finding.with_command(command(&["kubectl", "get", "nodes", "--show-labels"]))
}

/// Whether the node is one of those that the pod chooses by its labels.
pub(super) fn chooses(pod: &Pod, node: &Node) -> bool {
    let labels = &node.metadata.labels;
    let terms = &pod.spec.affinity.node_affinity.required.node_selector_terms;
    pod.spec.node_selector.iter().all(|(key, value)| labels.get(key) == Some(value))
        && (terms.is_empty()
            || terms.iter().any(|term| {
                term.match_expressions.iter().all(|wanted| wanted.matches(labels.get(&wanted.key)))
            }))
}

/// What nodes have instead: other values of the key, or a key that is nearly the same.
fn with_near(
    waiting: &Waiting<'_, '_>,
    wanted: &LabelRequirement,
    nodes: &[Node],
    finding: Finding,
) -> Finding {
    let key = wanted.key.as_str();
    let mut values: Vec<&str> =
        nodes.iter().filter_map(|node| node.metadata.labels.get(key)).map(String::as_str).collect();
    values.sort_unstable();
    values.dedup();
    if !values.is_empty() {
        let finding = finding.with_help(format!(
            "Values of the label {key} that nodes have: {}.",
            shown(values.iter().copied())
        ));
        let own = waiting.rollout.workload.spec.template.spec.node_selector.contains_key(key);
        let near = wanted.values.first().map(|value| nearest(value, values.iter().copied()));
        return match near.as_deref() {
            Some([one]) if own => {
                finding.with_help(format!("Did you mean {key}={one}?")).with_command(set(waiting, key, one))
            }
            _ => finding,
        };
    }
    let mut keys: Vec<&str> =
        nodes.iter().flat_map(|node| node.metadata.labels.keys().map(String::as_str)).collect();
    keys.sort_unstable();
    keys.dedup();
    match nearest(key, keys.iter().copied()).as_slice() {
        [] => finding.with_help(format!("No node has a label {key}, whatever its value.")),
        near => finding.with_help(format!("Did you mean the label {}?", near.join(" or "))),
    }
}

fn is_free(key: &str, node: &Node) -> bool {
    !key.contains("kubernetes.io/") && !node.metadata.labels.contains_key(key)
}

fn set(waiting: &Waiting<'_, '_>, key: &str, value: &str) -> String {
    let patch =
        serde_json::json!({"spec": {"template": {"spec": {"nodeSelector": {key: value}}}}}).to_string();
    let target = waiting.rollout.workload.command_target();
    kubectl(waiting.rollout.namespace(), &["patch", &target, "--type=merge", "-p", &patch])
}

/// `disk=ssd`, `zone in (a, b)`.
fn said(wanted: &LabelRequirement) -> String {
    let LabelRequirement { key, operator, values } = wanted;
    match (operator.as_str(), values.as_slice()) {
        ("In", [one]) => format!("{key}={one}"),
        ("In", _) => format!("{key} in ({})", values.join(", ")),
        ("NotIn", _) => format!("{key} not in ({})", values.join(", ")),
        ("Exists", _) => key.clone(),
        ("DoesNotExist", _) => format!("!{key}"),
        (other, _) => format!("{key} {other} {}", values.join(", ")),
    }
}
