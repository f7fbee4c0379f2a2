//! Pods that no scheduler has judged, and clusters without nodes.

use super::{Waiting, kubectl};
use crate::diagnose::place::command;
use crate::diagnose::{CauseCode, Confidence, Diagnosis, Evidence, Finding, Hold, Prognosis};
use crate::model::{Pod, Rollout};

/// `no-nodes`.
pub(super) fn no_nodes(waiting: &Waiting<'_, '_>) -> Finding {
    let headline = "the cluster has no node that could take a pod".to_owned();
    waiting
        .finding(CauseCode::NoNodes, "no-nodes", headline)
        .with_help("Add a node, or find out why none has joined; a cluster scaled to zero needs an autoscaler to wake it.")
        .with_command(command(&["kubectl", "get", "nodes"]))
}

/// `scheduling-gated`: whoever set the gates takes them away, when it is time.
pub(super) fn gated(rollout: &Rollout<'_>, pod: &Pod, diagnosis: &mut Diagnosis) {
    let gates: Vec<&str> = pod.spec.scheduling_gates.iter().map(|gate| gate.name.as_str()).collect();
    let names = gates.join(", ");
    let plural = if gates.len() == 1 { "" } else { "s" };
    let template = &rollout.workload.spec.template.spec.scheduling_gates;
    let own = pod.spec.scheduling_gates.iter().all(|gate| template.contains(gate));
    let owner = if gates.iter().any(|gate| gate.starts_with("kueue.x-k8s.io/")) {
        "Kueue takes it away once its queue has quota: look at the Workload of the pod."
    } else if own {
        "It is in the pod template: whoever put it there must also take it from each pod, or leave it out."
    } else {
        "Something adds it to the pods and takes it away when it is time: a queue, or a quota operator."
    };
    let headline = format!("the pods wait for scheduling gate{plural} {names} to be taken away");
    let path = "spec.schedulingGates";
    let finding = Finding::new(
        CauseCode::SchedulingGated,
        names.clone(),
        pod.object_ref(),
        headline,
        super::scheduled_evidence(pod),
    )
    .on_pod(&pod.metadata.name)
    .with_evidence(Evidence::field(pod.object_ref(), path, names))
    .with_hold(Hold::Announce)
    .with_help(owner)
    .with_command(kubectl(rollout.namespace(), &["get", "pod", &pod.metadata.name, "-o", "yaml"]));
    diagnosis.add(finding);
}

/// `scheduler-missing`: the pod waits and no scheduler has said anything about it.
pub(super) fn scheduler_missing(rollout: &Rollout<'_>, pod: &Pod, diagnosis: &mut Diagnosis) {
    const DEFAULT: &str = "default-scheduler";
    if pod.status.phase != "Pending" || !pod.spec.scheduling_gates.is_empty() {
        return;
    }
    // A busy default scheduler is late with every pod; only one that nobody knows stays silent for ever.
    let Some(name) = pod.spec.scheduler_name.as_deref().filter(|name| *name != DEFAULT) else { return };
    let headline = format!("no scheduler named {name} has taken the pods up");
    let target = rollout.workload.command_target();
    let patch = serde_json::json!({"spec": {"template": {"spec": {"schedulerName": DEFAULT}}}}).to_string();
    let finding = Finding::new(
        CauseCode::SchedulerMissing,
        name,
        pod.object_ref(),
        headline,
        Evidence::field(rollout.workload.object_ref(), "spec.template.spec.schedulerName", name),
    )
    .on_pod(&pod.metadata.name)
    .with_confidence(Confidence::Likely)
    .with_prognosis(Prognosis::LikelyPermanent)
    .with_evidence(Evidence::absence(
        "the pod is Pending and has no condition PodScheduled, which a scheduler writes",
    ))
    .with_help(format!("Correct schedulerName in {target}, or leave it out for the default scheduler."))
    .with_help(format!("If {name} is meant, find out why it does not run."))
    .with_command(kubectl(rollout.namespace(), &["patch", &target, "--type=merge", "-p", &patch]));
    diagnosis.add(finding);
}
