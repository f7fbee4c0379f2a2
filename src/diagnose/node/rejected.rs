//! Pods that kubelet did not take: they are `Failed` before any container has run, and are replaced at once.

use std::time::Duration;

use super::super::logs::shorten;
use super::super::place::{command, kubectl};
use super::super::{CauseCode, Diagnosis, Evidence, Finding, Hold, Prognosis};
use super::{MISHAPS, listed, nodes_of, pods};
use crate::model::{Casualty, Kind, ObjectRef, Quantity, Rollout, human_bytes};

/// Two rejections come within a second; a node that is just coming up rejects for a few.
const STANDS: Duration = Duration::from_secs(15);

/// Reasons of pods that ended in another way than by a rejection: the node goes down, or makes room for another pod.
const TAKEN_AWAY: &[&str] =
    &["NodeShutdown", "Shutdown", "Terminated", "Preempting", "DeadlineExceeded", "NodeLost"];

/// `node-rejected-pod`.
pub(super) fn rule(rollout: &Rollout<'_>, lost: &[&Casualty], diagnosis: &mut Diagnosis) {
    let mut by_reason: Vec<(&str, Vec<&Casualty>)> = Vec::new();
    for casualty in lost.iter().filter(|casualty| !TAKEN_AWAY.contains(&casualty.reason.as_str())) {
        match by_reason.iter_mut().find(|(reason, _)| *reason == casualty.reason) {
            Some((_, group)) => group.push(casualty),
            None => by_reason.push((&casualty.reason, vec![casualty])),
        }
    }
    for (reason, group) in by_reason {
        let Some(newest) = group.iter().max_by_key(|casualty| casualty.created) else { continue };
        // Once a node has taken a pod, earlier rejections are past.
        let taken = rollout.live_pods().any(|pod| {
            !pod.status.container_statuses.is_empty() && pod.metadata.creation_timestamp >= newest.created
        });
        if !taken {
            diagnosis.add(finding(rollout, reason, &group, newest));
        }
    }
}

fn finding(rollout: &Rollout<'_>, reason: &str, group: &[&Casualty], newest: &Casualty) -> Finding {
    let nodes = nodes_of(group);
    let words = bare(&newest.message);
    let headline = format!("{} rejected {}: {}", listed(&nodes), pods(group.len()), said(reason, words));
    let object = ObjectRef::named(Kind::Pod, rollout.namespace(), &newest.name);
    let mut finding = Finding::new(
        CauseCode::NodeRejectedPod,
        reason,
        object.clone(),
        headline,
        Evidence::field(object.clone(), "status.message", newest.message.as_str()),
    )
    .with_evidence(Evidence::field(object, "status.reason", reason))
    .with_tolerance(STANDS)
    .with_hold(if group.len() > MISHAPS { Hold::Tolerance } else { Hold::Announce });
    finding.pods.extend(group.iter().map(|casualty| casualty.name.clone()));
    let target = rollout.workload.command_target();
    if let Some(node) = rollout.workload.spec.template.spec.node_name.as_deref() {
        let patch = r#"[{"op":"remove","path":"/spec/template/spec/nodeName"}]"#;
        return finding
            .with_prognosis(Prognosis::Permanent)
            .with_help(format!(
                "spec.nodeName puts every pod on {node}, past the scheduler: take it out, and let a nodeSelector or an affinity choose"
            ))
            .with_command(kubectl(rollout.namespace(), &["patch", &target, "--type=json", "-p", patch]))
            .with_command(command(&["kubectl", "describe", "node", node]));
    }
    finding = finding.with_help(advice(reason, words));
    if let Some(node) = nodes.first() {
        finding = finding.with_command(command(&["kubectl", "describe", "node", node]));
    }
    finding.with_command(kubectl(rollout.namespace(), &["get", "pods", "-o", "wide"]))
}

/// Without what kubelet puts before its words.
fn bare(message: &str) -> &str {
    message.strip_prefix("Pod was rejected: ").unwrap_or(message)
}

/// `Node didn't have enough resource: cpu, requested: 50000, used: 0, capacity: 2000` in units that people use; other
/// words as they are.
fn said(reason: &str, words: &str) -> String {
    let amounts = words.split_once("enough resource: ").and_then(|(_, rest)| {
        let mut parts = rest.split(", ");
        let resource = parts.next()?;
        let amounts: Vec<f64> =
            parts.filter_map(|part| Quantity::new(part.split_once(": ")?.1).value()).collect();
        let [requested, used, capacity] = amounts.as_slice() else { return None };
        Some((resource, *requested, *used, *capacity))
    });
    // The names of the volumes follow.
    if reason == "VolumeAttachmentLimitExceeded" {
        return "no more volumes can be attached to the node".to_owned();
    }
    let Some((resource, requested, used, capacity)) = amounts else {
        let words = words.strip_prefix(&format!("Predicate {reason} failed: ")).unwrap_or(words);
        let words = words.trim_end_matches('.');
        return if words.is_empty() { reason.to_owned() } else { shorten(words, 300) };
    };
    let unit = |amount: f64| match resource {
        "cpu" => (amount / 1000.0).to_string(),
        "pods" => amount.to_string(),
        _ => human_bytes(amount),
    };
    format!(
        "too little {resource}: a pod asks for {}, of {} in all {} are in use",
        unit(requested),
        unit(capacity),
        unit(used)
    )
}

fn advice(reason: &str, words: &str) -> String {
    match reason {
        _ if reason.starts_with("OutOf") => {
            "The scheduler thought that there was room: pods that it does not know of (static ones, or those of another scheduler) hold it, or it was too quick; this often passes by itself.".to_owned()
        }
        "NodeAffinity" | "NodeAffinityFailed" | "NodeSelectorMismatching" => {
            "The labels of the node changed after the scheduler had looked, or kubelet has just started and does not know them yet; the latter passes by itself.".to_owned()
        }
        "UnexpectedAdmissionError" if words.contains("devices unavailable") => {
            "The devices of the node are not what the scheduler was told: its device plugin has restarted or lost one; look at the plugin's pod on that node.".to_owned()
        }
        "VolumeAttachmentLimitExceeded" => {
            "As many volumes are attached to the node as it takes, and its driver had told the scheduler of more room (CSINode, allocatable.count). Once kubelet has it corrected, the next pod goes elsewhere; add a node if all are full.".to_owned()
        }
        "TopologyAffinityError" | "SMTAlignmentError" => {
            "Kubelet can give CPUs and devices only as its topology or CPU policy allows: ask for whole cores, or for fewer.".to_owned()
        }
        "SysctlForbidden" => {
            "The node allows no such sysctl: leave it out, or have it allowed in kubelet's allowedUnsafeSysctls.".to_owned()
        }
        "NodePorts" => "Another pod on the node has the host port: choose another one, or none.".to_owned(),
        "AppArmor" => "The AppArmor profile must be loaded on every node that runs the pods.".to_owned(),
        _ => "Kubelet refuses the pod for what it asks for: the node lacks a feature, or its version is too old.".to_owned(),
    }
}
