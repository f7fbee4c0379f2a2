//! Readiness gates: the containers are ready, and a controller outside of the pod has not said that the pod is.

use super::super::place::kubectl;
use super::super::{CauseCode, Confidence, Diagnosis, Evidence, Finding};
use crate::model::{Condition, Pod, Rollout, condition};

/// Conditions that are known, by how their names begin, and who sets them.
const OWNERS: &[(&str, &str)] = &[
    ("target-health.elbv2.k8s.aws/", "the AWS Load Balancer Controller"),
    ("target-health.alb.ingress.k8s.aws/", "the AWS ALB Ingress Controller"),
    ("cloud.google.com/load-balancer-neg-ready", "the network endpoint group controller of GKE"),
    ("InPlaceUpdateReady", "the controller of OpenKruise"),
    ("apps.kruise.io/", "the controller of OpenKruise"),
];

pub(super) fn rule(rollout: &Rollout<'_>, diagnosis: &mut Diagnosis) {
    for pod in rollout.live_pods() {
        if let Some(gate) = pod.closed_gate() {
            diagnosis.add(finding(rollout, pod, gate));
        }
    }
}

fn finding(rollout: &Rollout<'_>, pod: &Pod, gate: &str) -> Finding {
    let owner = OWNERS.iter().find(|(name, _)| gate.starts_with(name)).map(|(_, owner)| *owner);
    let set = pod.condition(gate);
    let state = match set {
        None => "its condition is not there".to_owned(),
        Some(set) => format!("its condition is {}{}", set.status, why(set)),
    };
    let headline = format!("the containers are ready, but readiness gate {gate} is closed: {state}");
    let value = match set {
        None => format!("[{gate}], and status.conditions has none of that type"),
        Some(set) => format!("[{gate}], and status.conditions[{gate}] is {}{}", set.status, why(set)),
    };
    let (namespace, name) = (rollout.namespace(), pod.metadata.name.as_str());
    let mut finding = Finding::new(
        CauseCode::ReadinessGateClosed,
        gate,
        pod.object_ref(),
        headline,
        Evidence::field(pod.object_ref(), "spec.readinessGates", value),
    )
    .on_pod(name)
    .with_confidence(if owner.is_some() { Confidence::Certain } else { Confidence::Likely });
    if let Some(ready) = pod.condition(condition::READY).filter(|ready| !ready.message.is_empty()) {
        let value = format!("{}: {}", ready.reason, ready.message);
        finding = finding.with_evidence(Evidence::field(pod.object_ref(), "status.conditions[Ready]", value));
    }
    let who = owner.unwrap_or("whoever sets that condition");
    finding = match set {
        None => finding.with_help(format!(
            "look at {who}: it does not run, or does not know this pod; its log says which"
        )),
        Some(_) => finding.with_help(format!(
            "{who} knows the pod and says that it is not ready: a load balancer has a health check of its own, with a path and a port that are not those of the readiness probe"
        )),
    };
    finding
        .with_help("if nothing sets it any more, take the gate out of spec.template.spec.readinessGates")
        .with_command(kubectl(namespace, &["get", "pod", name, "-o", "jsonpath={.status.conditions}"]))
        .with_command(kubectl(namespace, &["describe", "pod", name]))
}

/// ` (reason: message)`, as far as there is one.
fn why(set: &Condition) -> String {
    match (set.reason.as_str(), set.message.as_str()) {
        ("", "") => String::new(),
        ("", only) | (only, "") => format!(" ({only})"),
        (reason, message) => format!(" ({reason}: {message})"),
    }
}
