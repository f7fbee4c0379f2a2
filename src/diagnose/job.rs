//! Work that is to end: Jobs, and pods that are targets by themselves.
#![doc = include_str!("job.md")]

use super::place::kubectl;
use super::{CauseCode, Diagnosis, Evidence, Family, Finding, Hold, Prognosis};
use crate::model::{Detail, Job, Pod, Rollout};
use crate::status::{Said, Status, assess};

/// Kueue makes Jobs suspended and resumes them when there is room.
const KUEUE_QUEUE: &str = "kueue.x-k8s.io/queue-name";

/// Every rule of this family. Runs after those that look into containers, and takes their words.
pub(super) fn rules(rollout: &Rollout<'_>, diagnosis: &mut Diagnosis) {
    match (assess(rollout), &rollout.workload.detail) {
        (Status::Suspended, Detail::Job(job)) => diagnosis.add(suspended(rollout, job)),
        (Status::Failed { said }, Detail::Job(job)) => {
            let finding = job_failed(rollout, job, &said, &diagnosis.findings);
            diagnosis.add(finding);
        }
        (Status::PodEnded, Detail::Pod(pod)) => {
            let finding = pod_failed(rollout, pod, &diagnosis.findings);
            diagnosis.add(finding);
        }
        _ => {}
    }
}

fn suspended(rollout: &Rollout<'_>, job: &Job) -> Finding {
    let subject = rollout.workload.object_ref();
    let (namespace, target) = (rollout.namespace(), rollout.workload.command_target());
    let name = &rollout.workload.metadata.name;
    let patch = |patch: &str| kubectl(namespace, &["patch", &target, "-p", patch]);
    if !job.spec.suspend {
        let evidence = Evidence::field(subject.clone(), "spec.parallelism", "0");
        return Finding::new(
            CauseCode::JobSuspended,
            "parallelism",
            subject,
            format!("Job {name} may run no pod at a time: its parallelism is 0"),
            evidence,
        )
        .with_prognosis(Prognosis::Permanent)
        .with_hold(Hold::Ripe)
        .with_help("allow it at least one pod; until then nothing runs and no deadline passes")
        .with_command(patch(r#"{"spec":{"parallelism":1}}"#));
    }
    let evidence = Evidence::field(subject.clone(), "spec.suspend", "true");
    let queue = rollout.workload.metadata.labels.get(KUEUE_QUEUE);
    let headline = match queue {
        Some(queue) => format!("Job {name} is suspended until Kueue admits it from queue {queue}"),
        None => format!("Job {name} is suspended, so it runs no pods"),
    };
    let finding = Finding::new(CauseCode::JobSuspended, "suspended", subject, headline, evidence);
    if queue.is_some() {
        return finding
            .with_prognosis(Prognosis::Transient)
            .with_hold(Hold::Announce)
            .with_help("look at its Workload object: it says which quota it waits for")
            .with_command(kubectl(namespace, &["get", "workloads.kueue.x-k8s.io"]));
    }
    finding
        .with_prognosis(Prognosis::Permanent)
        .with_hold(Hold::Ripe)
        .with_help("resume it; while it is suspended it has no pods, and its deadline does not run")
        .with_command(patch(r#"{"spec":{"suspend":false}}"#))
}

/// The controller gave up. What it says is when and by which rule; why is what the last pod that failed says.
fn job_failed(rollout: &Rollout<'_>, job: &Job, said: &Said, found: &[Finding]) -> Finding {
    let subject = rollout.workload.object_ref();
    let name = &rollout.workload.metadata.name;
    let by = rule_of(job, said);
    let last = last_end(found);
    let headline = match last {
        Some(last) => format!("Job {name} failed, {by}: {}", last.headline),
        None => format!("Job {name} failed, {by}"),
    };
    let evidence = Evidence::field(subject.clone(), said.path.clone(), said.text());
    let mut finding = Finding::new(CauseCode::JobFailed, "failed", subject, headline, evidence)
        .with_prognosis(Prognosis::Permanent)
        .with_hold(Hold::Ripe);
    finding = match last {
        Some(last) => told(finding, last),
        None => unseen_end(rollout, finding),
    };
    if said.reason == "DeadlineExceeded" {
        finding = finding
            .with_help("raise spec.activeDeadlineSeconds, or find out what took so long: it covers all tries together, also the time for images and for a place");
    }
    finding.with_command(kubectl(rollout.namespace(), &["describe", &rollout.workload.command_target()]))
}

/// By which of its rules the controller gave up, as a fragment.
fn rule_of(job: &Job, said: &Said) -> String {
    match said.reason.as_str() {
        // Restarts within one pod count too, and the counters lag behind this word.
        "BackoffLimitExceeded" => {
            format!("its backoffLimit of {} is used up", job.spec.backoff_limit.unwrap_or(6))
        }
        "DeadlineExceeded" => match job.spec.active_deadline_seconds {
            Some(seconds) => format!("not done within its activeDeadlineSeconds of {seconds}"),
            None => "past its deadline".to_owned(),
        },
        "PodFailurePolicy" => "by its podFailurePolicy".to_owned(),
        "FailedIndexes" | "MaxFailedIndexesExceeded" => match &job.status.failed_indexes {
            Some(indexes) if !indexes.is_empty() => format!("its indexes {indexes} failed for good"),
            _ => "some of its indexes failed for good".to_owned(),
        },
        "" => "for a reason that it does not say".to_owned(),
        other => format!("reason {other}"),
    }
}

/// What was found in the container that ended last.
fn last_end(found: &[Finding]) -> Option<&Finding> {
    found.iter().find(|finding| finding.code.family() == Family::Crash)
}

fn told(mut finding: Finding, last: &Finding) -> Finding {
    finding.subject = last.subject.clone();
    finding.pods.extend(last.pods.iter().cloned());
    finding.evidence.extend(last.evidence.iter().cloned());
    finding.help.extend(last.help.iter().cloned());
    finding.commands.extend(last.commands.iter().cloned());
    finding
}

/// Without a pod that failed there may be one that the controller has just taken away, and what it waited for.
fn unseen_end(rollout: &Rollout<'_>, finding: Finding) -> Finding {
    let waiting = rollout.pods.iter().find_map(|pod| {
        let status =
            pod.statuses().find(|status| status.state.waiting.is_some() && !status.is_being_created())?;
        Some((pod, status))
    });
    match waiting {
        Some((pod, status)) => {
            finding.on_pod(&pod.metadata.name).with_evidence(super::place::waiting_evidence(pod, status))
        }
        None => finding.with_evidence(Evidence::absence(
            "no pod of it that failed is left, so neither an exit code nor a log can be shown",
        )),
    }
}

fn pod_failed(rollout: &Rollout<'_>, pod: &Pod, found: &[Finding]) -> Finding {
    let subject = pod.object_ref();
    let name = &pod.metadata.name;
    let status = &pod.status;
    let why = match (status.reason.as_str(), status.message.as_str()) {
        ("", "") => String::new(),
        ("", text) | (text, "") => format!(": {text}"),
        (reason, message) => format!(": {reason}: {message}"),
    };
    let last = last_end(found);
    let headline = match last {
        Some(last) if status.reason.is_empty() => format!("pod {name} has failed: {}", last.headline),
        _ => format!("pod {name} has ended for good and nothing replaces it{why}"),
    };
    let evidence = Evidence::field(subject.clone(), "status.phase", format!("{}{why}", status.phase));
    let finding = Finding::new(CauseCode::PodFailed, "failed", subject, headline, evidence)
        .with_prognosis(Prognosis::Permanent)
        .with_hold(Hold::Ripe)
        .on_pod(name);
    let finding = match last {
        Some(last) => told(finding, last),
        None => finding,
    };
    finding.with_command(kubectl(rollout.namespace(), &["describe", "pod", name]))
}

#[cfg(test)]
mod tests;
