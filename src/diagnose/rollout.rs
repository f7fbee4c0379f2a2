//! Causes that lie in the rollout itself, and the fallback for what no other rule knows.
#![doc = include_str!("rollout.md")]

use std::fmt::Write as _;

mod old_pods;
mod remaining;

pub(super) use old_pods::warn_of_the_trap;
pub(crate) use remaining::{kept_by, old_pod_remains};

use super::{CauseCode, Confidence, Diagnosis, Evidence, Finding, Hold, Prognosis, admission, quota};
use crate::model::{ContainerStatus, Pod, Rollout, Workload, condition, reason};
use crate::status::{Status, assess};

/// Every rule of this family. Runs last: the fallback must know what the others found.
pub(super) fn rules(rollout: &Rollout<'_>, diagnosis: &mut Diagnosis) {
    match assess(rollout) {
        Status::Paused => diagnosis.add(paused(rollout)),
        Status::UpdateOnDelete { old } => diagnosis.add(old_pods::update_on_delete(rollout, old)),
        Status::Progressing { .. } => old_pods::blocking(rollout, diagnosis),
        Status::DeadlineExceeded { message, .. } => diagnosis.add(deadline_exceeded(rollout, &message)),
        Status::ReplicaSetRefused { message } if !quota::knows(&message) && !admission::knows(&message) => {
            diagnosis.add(replica_set_refused(rollout, &message));
        }
        Status::NotObserved { .. }
        | Status::ReplicaSetRefused { .. }
        | Status::Suspended
        | Status::Failed { .. }
        | Status::PodEnded
        | Status::Unjudgeable { .. }
        | Status::Complete => {}
    }
    remaining::ask_for_events(rollout, diagnosis);
    for pod in rollout.live_pods() {
        for status in pod.statuses() {
            unknown_waiting(rollout, pod, status, diagnosis);
        }
    }
}

/// `Deployment shop/web`, for headlines.
fn named(rollout: &Rollout<'_>) -> String {
    let workload = rollout.workload;
    format!("{} {}", workload.kind, workload.metadata.name)
}

fn paused(rollout: &Rollout<'_>) -> Finding {
    let subject = rollout.workload.object_ref();
    let headline = format!("{} is paused, so its new pod template is not rolled out", named(rollout));
    let evidence = Evidence::field(subject.clone(), "spec.paused", "true");
    let (namespace, target) = (rollout.namespace(), rollout.workload.command_target());
    Finding::new(CauseCode::RolloutPaused, "paused", subject, headline, evidence)
        .with_prognosis(Prognosis::Permanent)
        .with_hold(Hold::Ripe)
        .with_help("resume it; nothing is rolled out and no progress deadline runs while it is paused")
        .with_command(format!("kubectl -n {namespace} rollout resume {target}"))
}

/// The controller gave up. Right after a rollback the condition of the rollout before may still stand, so it is
/// believed at once only if it was written after we started, and otherwise only if no counter moves meanwhile.
///
/// The deadline counts from the condition's `lastUpdateTime` (pkg/controller/deployment/progress.go).
fn deadline_exceeded(rollout: &Rollout<'_>, message: &str) -> Finding {
    let workload = rollout.workload;
    let status = &workload.status;
    let written = workload.condition(condition::PROGRESSING).and_then(|condition| condition.last_update_time);
    let ours = written.is_some_and(|written| written > rollout.store().server_started());
    let key = format!("{}/{}/{}", status.updated_replicas, status.ready_replicas, workload.available());
    let deadline = workload.spec.progress_deadline_seconds.unwrap_or(600);
    let headline = format!(
        "{} made no progress for {deadline}s: {} of {} replicas are available",
        named(rollout),
        workload.available().min(status.updated_replicas),
        workload.desired()
    );
    let evidence = Evidence::field(
        workload.object_ref(),
        "status.conditions[Progressing]",
        format!("{}: {message}", reason::PROGRESS_DEADLINE_EXCEEDED),
    );
    let (namespace, target) = (rollout.namespace(), workload.command_target());
    let lagging = rollout.live_pods().find(|pod| !pod.is_ready());
    let unready = lagging.and_then(|pod| {
        let ready = pod.condition(condition::READY)?;
        let value = format!("{}: {}", ready.reason, ready.message);
        Some(Evidence::field(pod.object_ref(), "status.conditions[Ready]", value))
    });
    let finding =
        Finding::new(CauseCode::ProgressDeadlineExceeded, key, workload.object_ref(), headline, evidence)
            .with_hold(if ours { Hold::Ripe } else { Hold::Tolerance })
            .with_tolerance(std::time::Duration::from_secs(15))
            .with_help("look at the newest pods; the deadline says only that nothing moved, not why")
            .with_command(format!("kubectl -n {namespace} describe {target}"));
    match unready {
        Some(evidence) => finding.with_evidence(evidence),
        None => finding,
    }
}

/// The Deployment controller could not create the ReplicaSet: quota, a webhook, a name that is taken.
fn replica_set_refused(rollout: &Rollout<'_>, message: &str) -> Finding {
    let subject = rollout.workload.object_ref();
    let headline = format!("the API server refused the new ReplicaSet of {}", named(rollout));
    let evidence = Evidence::field(subject.clone(), "status.conditions[Progressing].message", message);
    Finding::new(CauseCode::Unknown, "replica-set-refused", subject, headline, evidence)
        .with_tolerance(std::time::Duration::from_secs(15))
        .with_help("the message above is the API server's; correct what it names and apply again")
}

/// A container waits for a reason that is not part of a healthy start and that no rule has named: shown as it
/// is. New reasons appear with every release of Kubernetes.
fn unknown_waiting(rollout: &Rollout<'_>, pod: &Pod, status: &ContainerStatus, diagnosis: &mut Diagnosis) {
    let Some(waiting) = &status.state.waiting else { return };
    let known = diagnosis.findings.iter().any(|finding| finding.pods.contains(&pod.metadata.name));
    if known || waiting.reason.is_empty() || status.is_being_created() {
        return;
    }
    let headline = format!("container {} does not start: {}", status.name, waiting.reason);
    let path = format!("status.containerStatuses[{}].state.waiting", status.name);
    let value = format!("{}: {}", waiting.reason, waiting.message);
    let evidence = Evidence::field(pod.object_ref(), path, value);
    let key = format!("{}/{}", status.name, waiting.reason);
    diagnosis.add(
        Finding::new(CauseCode::Unknown, key, pod.object_ref(), headline, evidence)
            .on_pod(&pod.metadata.name)
            .with_confidence(Confidence::Possible)
            .with_help("this version has no rule for that reason; the text above is Kubernetes' own")
            .with_command(format!("kubectl -n {} describe pod {}", rollout.namespace(), pod.metadata.name)),
    );
}

/// No counter has got better for so long that none will: found by the gate's own clock.
pub(crate) fn stalled(rollout: &Rollout<'_>, seconds: u64) -> Finding {
    let workload = rollout.workload;
    let status = &workload.status;
    let leaving = rollout.old_pods.iter().find(|pod| pod.metadata.is_being_deleted());
    let mut headline = format!(
        "{} has come no further for {seconds}s: {} of {} replicas are available",
        named(rollout),
        workload.available().min(status.updated_replicas),
        workload.desired()
    );
    if let Some(pod) = leaving {
        let _ =
            write!(headline, ", and old pod {} is still there: {}", pod.metadata.name, kept_by(rollout, pod));
    }
    let evidence = Evidence::absence(format!(
        "for {seconds}s no more replicas were updated, ready or available than at some time before"
    ));
    let (namespace, target) = (rollout.namespace(), workload.command_target());
    let mut finding = Finding::new(CauseCode::Stalled, "stalled", workload.object_ref(), headline, evidence)
        .with_hold(Hold::Ripe);
    // A controller that waits for a pod to end says nothing of it anywhere.
    if let Some(remains) = leaving.map(|pod| old_pod_remains(rollout, pod)) {
        finding.evidence.extend(remains.evidence);
        finding.help.extend(remains.help);
        finding.commands.extend(remains.commands);
        return finding;
    }
    finding
        .with_help("look at the pods that are not ready, and at the controller if there are none")
        .with_command(format!("kubectl -n {namespace} describe {target}"))
}

/// Another template of the target, or another object of its name, has taken the place of the one with that uid
/// and revision: found by the guard, which alone remembers it.
pub(in crate::diagnose) fn superseded(after: &Workload, uid: &str, revision: Option<&str>) -> Finding {
    let subject = after.object_ref();
    let named = format!("{} {}", after.kind, after.metadata.name);
    let (headline, evidence) = if after.metadata.uid != uid {
        let value = format!("{}, was {uid}", after.metadata.uid);
        (
            format!("{named} was deleted and created again while it was watched"),
            Evidence::field(subject.clone(), "metadata.uid", value),
        )
    } else if let (Some(was), Some(is)) = (revision, after.metadata.annotations.revision.as_deref()) {
        (
            format!("another rollout of {named} took over: revision {is} in place of {was}"),
            Evidence::field(subject.clone(), "metadata.annotations[deployment.kubernetes.io/revision]", is),
        )
    } else {
        (
            format!("another rollout of {named} took over: its pod template changed"),
            Evidence::field(subject.clone(), "metadata.generation", after.metadata.generation.to_string()),
        )
    };
    let (namespace, target) = (&after.metadata.namespace, after.command_target());
    Finding::new(CauseCode::RolloutSuperseded, "superseded", subject, headline, evidence)
        .with_prognosis(Prognosis::Permanent)
        .with_hold(Hold::Ripe)
        .with_help(
            "whoever started the newer rollout waits for it; to watch whatever is newest, use --follow",
        )
        .with_command(format!("kubectl -n {namespace} rollout history {target}"))
}

/// The target was there and is not: found by the guard, which alone remembers it.
pub(crate) fn target_deleted(workload: &Workload) -> Finding {
    let subject = workload.object_ref();
    let (namespace, target) = (&workload.metadata.namespace, workload.command_target());
    let headline = format!(
        "{} {} was deleted while it was watched, and was not created again",
        workload.kind, workload.metadata.name
    );
    let evidence = Evidence::absence(format!(
        "{target} (uid {}) is gone from namespace {namespace}, or its deletion has begun",
        workload.metadata.uid
    ));
    Finding::new(CauseCode::TargetDeleted, "deleted", subject, headline, evidence)
        .with_prognosis(Prognosis::Permanent)
        .with_hold(Hold::Ripe)
        .with_help("find out who deletes it: another pipeline, a clean-up job, an operator that owns it, or the namespace being removed")
        .with_help("if it should be there, apply its manifest again")
        .with_command(format!("kubectl -n {namespace} get {target}"))
        .with_command(format!("kubectl get namespace {namespace}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::World;

    fn with_deadline(updated: &str) -> World {
        let mut world = World::with_app(json!({}));
        world.deployment(
            json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "conditions": [
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
             "message": "timed out", "lastUpdateTime": updated}]}),
        );
        world
    }

    #[test]
    fn a_deadline_from_before_we_started_is_not_believed_at_once() {
        let world = with_deadline("2026-11-24T09:50:00Z");
        assert_eq!(world.run(rules).the(CauseCode::ProgressDeadlineExceeded).hold, Hold::Tolerance);
        let world = with_deadline("2026-11-24T10:00:01Z");
        assert_eq!(world.run(rules).the(CauseCode::ProgressDeadlineExceeded).hold, Hold::Ripe);
    }

    #[test]
    fn an_unknown_waiting_reason_is_shown_and_an_ordinary_one_is_not() {
        let mut world = World::with_app(json!({}));
        world.waiting_pod("web-1", "ContainerCreating", "");
        assert!(world.run(rules).codes().is_empty());
        world.waiting_pod("web-1", "SignatureValidationFailed", "no signature");
        let found = world.run(rules);
        assert!(found.the(CauseCode::Unknown).headline.contains("SignatureValidationFailed"));
    }
}
