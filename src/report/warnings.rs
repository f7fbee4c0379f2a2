//! What makes a pass prove less than it seems.

use super::outcome::serves;
use super::v1::Warning;
use crate::diagnose::{differing, outdated};
use crate::guard::Guard;
use crate::model::{Kind, Pod, Rollout};
use crate::settle::{not_up, nothing_is_new};

/// The warnings of a target. Those about the proof are given only with a pass.
pub(crate) fn warnings(rollout: &Rollout<'_>, guard: &Guard, is_complete: bool) -> Vec<Warning> {
    if !is_complete {
        return Vec::new();
    }
    let workload = rollout.workload;
    let spec = &workload.spec.template.spec;
    let mut warnings = Vec::new();
    let mut warn = |code: &str, message: String| {
        warnings.push(Warning { code: code.to_owned(), message });
    };
    if workload.desired() == 0 {
        let message = if workload.kind == Kind::DaemonSet {
            "no node matches, so nothing was started and nothing is proven"
        } else {
            "0 replicas are asked for, so nothing was started and nothing is proven"
        };
        warn("zero-replicas", message.to_owned());
        return warnings;
    }
    if let Some(message) = not_available(rollout, guard) {
        warn("not-all-available", message);
    } else if let Some((code, message)) = not_updated(rollout) {
        warn(code, message);
    }
    if let Some((code, message)) = nothing_rolled(rollout, guard) {
        warn(code, message);
    }
    if let Some(message) = excused(rollout) {
        warn("nodes-excused", message);
    }
    if let Some(message) = template_not_rolled(rollout) {
        warn("template-not-rolled", message);
    }
    let probed = serves(workload.kind) || workload.kind == Kind::Pod && rollout.readiness_counts();
    let without: Vec<&str> = spec
        .containers
        .iter()
        .filter(|_| probed)
        .filter(|container| container.readiness_probe.is_none())
        .map(|container| container.name.as_str())
        .collect();
    if !without.is_empty() {
        let (noun, verb) = if without.len() == 1 { ("container", "has") } else { ("containers", "have") };
        warn(
            "no-readiness-probe",
            format!(
                "{noun} {} {verb} no readiness probe, so passing means only that the process kept running",
                without.join(", ")
            ),
        );
    }
    for container in spec.all_containers().filter(|container| is_mutable(&container.image)) {
        warn(
            "mutable-tag",
            format!(
                "container {} runs {}, a tag that can move: two pods may run different images",
                container.name, container.image
            ),
        );
    }
    for message in moved_tags(rollout) {
        warn("image-digests-differ", message);
    }
    let terminating = rollout.old_pods.iter().filter(|pod| pod.metadata.is_being_deleted()).count();
    if terminating > 0 {
        let plural = if terminating == 1 { "" } else { "s" };
        warn(
            "old-pods-terminating",
            format!("{terminating} old pod{plural} still terminating may still answer"),
        );
    }
    if let Some(message) = restarted(rollout) {
        warn("containers-restarted", message);
    }
    let events_refused = rollout.pods.iter().any(|pod| rollout.events_refused(&pod.object_ref()));
    if events_refused {
        warn(
            "events-not-readable",
            "events could not be read, so a failing liveness probe shows only by its kill".to_owned(),
        );
    }
    for standing in &guard.last.standing {
        warn(standing.finding.code.as_str(), standing.finding.headline.clone());
    }
    warnings
}

/// Containers that ended although the rollout is complete now: five pods.
fn restarted(rollout: &Rollout<'_>) -> Option<String> {
    let spec = &rollout.workload.spec.template.spec;
    let restarted: Vec<String> = rollout
        .pods
        .iter()
        .filter(|pod| pod.restarts_always())
        .filter_map(|pod| {
            // An init container that ended with 0 did what it is for.
            let ends: i64 = rollout
                .memory(pod)?
                .containers
                .iter()
                .map(|(name, memory)| if spec.is_init(name) { memory.failures() } else { memory.deaths })
                .sum();
            (ends > 0).then(|| format!("{} ({ends})", pod.metadata.name))
        })
        .take(5)
        .collect();
    (!restarted.is_empty())
        .then(|| format!("containers ended before the rollout settled: {}", restarted.join(", ")))
}

/// A wait that found everything as it is: what was applied before it may have changed no template.
fn nothing_rolled(rollout: &Rollout<'_>, guard: &Guard) -> Option<(&'static str, String)> {
    if guard.last.applied.policy.instant {
        return None;
    }
    if let Some(message) = outdated(rollout) {
        return Some(("config-newer-than-pods", message));
    }
    let message = "nothing was rolled out: no pod is younger than ten minutes, so if something was applied just before, it did not change the pod template";
    nothing_is_new(rollout).then(|| ("nothing-rolled-out", message.to_owned()))
}

/// The pods that `--min-available` does without.
fn not_available(rollout: &Rollout<'_>, guard: &Guard) -> Option<String> {
    const NAMED: usize = 5;
    guard.last.enough?;
    let desired = rollout.workload.desired();
    let missing: Vec<String> = not_up(rollout)
        .map(|pod| match pod.node() {
            Some(node) => format!("{} on {node}", pod.metadata.name),
            None => pod.metadata.name.clone(),
        })
        .collect();
    let up = rollout.live_pods().count().saturating_sub(missing.len());
    let mut message = format!("{up} of {desired} pods are up, which is enough");
    if !missing.is_empty() {
        let more = missing.len().saturating_sub(NAMED);
        let named: Vec<&str> = missing.iter().take(NAMED).map(String::as_str).collect();
        message = format!("{message}; not up: {}", named.join(", "));
        if more > 0 {
            message = format!("{message} and {more} more");
        }
    }
    Some(message)
}

/// The nodes that a DaemonSet does without.
fn excused(rollout: &Rollout<'_>) -> Option<String> {
    const NAMED: usize = 5;
    let nodes: Vec<String> = rollout.excused.nodes().map(|(name, why)| format!("{name} ({why})")).collect();
    let plural = if nodes.len() == 1 { "" } else { "s" };
    let more = nodes.len().saturating_sub(NAMED);
    let named: Vec<&str> = nodes.iter().take(NAMED).map(String::as_str).collect();
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!nodes.is_empty()).then(|| {
        format!("the pod of {} node{plural} was not waited for: {}{rest}", nodes.len(), named.join(", "))
    })
}

/// A ReplicaSet that is a target by itself does not replace its pods when its template changes.
fn template_not_rolled(rollout: &Rollout<'_>) -> Option<String> {
    if rollout.workload.kind != Kind::ReplicaSet {
        return None;
    }
    let template = &rollout.workload.spec.template.spec;
    let differs = |pod: &&&Pod| {
        template.all_containers().any(|wanted| {
            pod.spec.container(&wanted.name).is_none_or(|container| container.image != wanted.image)
        })
    };
    let old = rollout.pods.iter().filter(differs).count();
    let of = rollout.pods.len();
    (old > 0).then(|| {
        format!(
            "{old} of {of} pods do not have the template's images: a ReplicaSet by itself never replaces pods"
        )
    })
}

/// Images that are not the same on all pods of the template.
fn moved_tags(rollout: &Rollout<'_>) -> Vec<String> {
    let short = |digest: &str| digest.get(..19).unwrap_or(digest).to_owned();
    differing(rollout)
        .into_iter()
        .map(|(container, digests)| {
            let counts: Vec<String> =
                digests.iter().map(|(digest, pods)| format!("{} on {pods}", short(digest))).collect();
            format!(
                "pods run different images under the one name {} of container {}: {}; the tag was moved",
                container.image,
                container.name,
                counts.join(", ")
            )
        })
        .collect()
}

/// Pods that the update strategy leaves as they are.
fn not_updated(rollout: &Rollout<'_>) -> Option<(&'static str, String)> {
    let workload = rollout.workload;
    let old = workload.status.replicas - workload.status.updated_replicas;
    if old <= 0 || !matches!(workload.kind, Kind::StatefulSet | Kind::DaemonSet) {
        return None;
    }
    let all = workload.status.replicas;
    let of = format!("{old} of {all} pod{}", if all == 1 { "" } else { "s" });
    let verb = if old == 1 { "keeps" } else { "keep" };
    if workload.updates_on_delete() {
        let message = format!(
            "{of} {verb} the older template until somebody deletes them: the update strategy is OnDelete"
        );
        return Some(("update-on-delete", message));
    }
    let partition = workload.partition();
    let message = if partition >= workload.desired() {
        format!(
            "{of} {verb} the older template: the partition ({partition}) covers every ordinal, so nothing is updated"
        )
    } else {
        format!("{of} {verb} the older template: their ordinals are below the partition ({partition})")
    };
    (partition > 0).then_some(("partitioned", message))
}

/// No tag, or `latest`, and no digest.
fn is_mutable(image: &str) -> bool {
    if image.contains('@') {
        return false;
    }
    let last = image.rsplit('/').next().unwrap_or(image);
    last.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}
