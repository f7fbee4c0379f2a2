//! Pods that no scheduler has judged, and clusters without nodes.

use super::{Waiting, kubectl};
use crate::diagnose::place::command;
use crate::diagnose::{CauseCode, Confidence, Diagnosis, Evidence, Finding, Hold, Prognosis};
use crate::model::{Pod, Rollout, condition};

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

/// Whether the scheduler's words are about the group of a pod and not about nodes
/// (pkg/scheduler/framework/plugins/gangscheduling, `pkg/scheduler/schedule_one_podgroup.go`).
pub(super) fn is_about_a_group(message: &str) -> bool {
    ["pods from a gang", "pods's pod group", "pod group is "].iter().any(|sign| message.contains(sign))
}

/// `scheduling-gated`, by the group that the pod belongs to: none of its pods is placed before enough of them can be.
/// Whether the pod belongs to one.
pub(super) fn grouped(rollout: &Rollout<'_>, pod: &Pod, diagnosis: &mut Diagnosis) -> bool {
    let scheduled = pod.condition(condition::POD_SCHEDULED);
    let group = pod.spec.scheduling_group.as_ref().map(|group| group.pod_group_name.as_str());
    if group.is_none() && scheduled.is_none() {
        return false;
    }
    let name = group.unwrap_or("which spec.schedulingGroup names");
    let evidence = match scheduled {
        Some(_) => super::scheduled_evidence(pod),
        None => Evidence::absence(
            "the pod is Pending and has no condition PodScheduled: it is not in the scheduler's queue",
        ),
    };
    let headline =
        format!("the pods wait for others of their pod group {name}: it is placed as a whole or not at all");
    let mut finding = Finding::new(CauseCode::SchedulingGated, format!("group {name}"), pod.object_ref(), headline, evidence)
        .on_pod(&pod.metadata.name)
        .with_hold(Hold::Announce)
        .with_help("The PodGroup must exist, have as many pods as its minCount, and room for all of them at the same time: lower minCount, make the pods that are missing, or add nodes.");
    if let Some(group) = group {
        finding = finding
            .with_evidence(Evidence::field(pod.object_ref(), "spec.schedulingGroup.podGroupName", group))
            .with_command(kubectl(rollout.namespace(), &["get", "podgroup", group, "-o", "yaml"]));
    }
    diagnosis
        .add(finding.with_command(kubectl(rollout.namespace(), &["describe", "pod", &pod.metadata.name])));
    true
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
