//! What happened to a target, for the timeline of its report.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::ledger::Standing;
use crate::model::{ContainerStatus, Pod, Rollout, reason};
use crate::report::{PodLine, PodState, Replicas, TimelineEntry, completions};

/// Entries kept; a rollout that makes more is shown from its beginning.
const MAX_ENTRIES: usize = 1000;
/// Pods kept.
const MAX_PODS: usize = 1000;
/// States kept of one pod; a loop repeats itself.
const MAX_STATES: usize = 60;

/// The state of a pod that is no longer there.
pub(crate) const DELETED: &str = "Deleted";

/// Changes since the start of the run.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) timeline: Vec<TimelineEntry>,
    replicas: Option<Replicas>,
    pods: BTreeMap<String, PodLine>,
    /// Status and reason by type.
    conditions: BTreeMap<String, (String, String)>,
    causes: Vec<(&'static str, String)>,
}

impl History {
    /// Notes what differs from the last look.
    pub(crate) fn observe(&mut self, rollout: &Rollout<'_>, standing: &[Standing]) {
        let at = rollout.now();
        let replicas = replicas(rollout);
        self.observe_conditions(rollout);
        let counts = rollout.workload.rolls_replicas() || rollout.workload.job().is_some();
        if counts && self.replicas != Some(replicas) {
            self.replicas = Some(replicas);
            let what = completions(rollout.workload).unwrap_or_else(|| {
                format!(
                    "{} desired, {} updated, {} ready, {} available, {} old",
                    replicas.desired, replicas.updated, replicas.ready, replicas.available, replicas.old
                )
            });
            self.push(at, "replicas", &rollout.workload.command_target(), what, Some(replicas));
        }
        for (revision, pods) in [("current", &rollout.pods), ("old", &rollout.old_pods)] {
            for pod in pods {
                self.observe_pod(at, revision, pod);
            }
        }
        for (pod, is_new) in rollout.excused.pods() {
            self.observe_pod(at, if is_new { "current" } else { "old" }, pod);
        }
        self.observe_gone(rollout);
        for cause in standing {
            let known = (cause.finding.code.as_str(), cause.finding.key.clone());
            if !self.causes.contains(&known) {
                self.causes.push(known);
                let what = format!("{}: {}", cause.finding.code.as_str(), cause.finding.headline);
                self.push(at, "cause", &cause.finding.subject.to_string(), what, None);
            }
        }
    }

    /// Of a kind without rules of its own the conditions are what happens.
    fn observe_conditions(&mut self, rollout: &Rollout<'_>) {
        let workload = rollout.workload;
        if workload.custom().is_none() {
            return;
        }
        for condition in &workload.status.conditions {
            let known = self.conditions.get(&condition.kind);
            if known.is_some_and(|known| *known == (condition.status.clone(), condition.reason.clone())) {
                continue;
            }
            let seen = (condition.status.clone(), condition.reason.clone());
            self.conditions.insert(condition.kind.clone(), seen);
            let reason =
                if condition.reason.is_empty() { String::new() } else { format!(" ({})", condition.reason) };
            let what = format!("{} is {}{reason}", condition.kind, condition.status);
            self.push(rollout.now(), "condition", &workload.command_target(), what, None);
        }
    }

    fn observe_pod(&mut self, at: Duration, revision: &str, pod: &Pod) {
        if !self.pods.contains_key(&pod.metadata.uid) && self.pods.len() >= MAX_PODS {
            return;
        }
        let state = pod_state(pod);
        let line = self.pods.entry(pod.metadata.uid.clone()).or_insert_with(|| PodLine {
            name: pod.metadata.name.clone(),
            node: None,
            revision: revision.to_owned(),
            states: Vec::new(),
            restarts: 0,
        });
        revision.clone_into(&mut line.revision);
        line.node = pod.node().map(ToOwned::to_owned);
        line.restarts = pod.statuses().map(|status| status.restart_count).sum();
        if line.states.last().is_some_and(|last| last.state == state) || line.states.len() >= MAX_STATES {
            return;
        }
        line.states.push(PodState { at: at.as_secs_f64(), state: state.clone() });
        self.push(at, "pod", &pod.metadata.name, state, None);
    }

    /// A pod that is seen no longer has been deleted.
    fn observe_gone(&mut self, rollout: &Rollout<'_>) {
        if !rollout.pods_are_seen() {
            return;
        }
        let excused = rollout.excused.pods().map(|(pod, _)| pod);
        let pods = rollout.pods.iter().chain(&rollout.old_pods).copied().chain(excused);
        let here: BTreeSet<&str> = pods.map(|pod| pod.metadata.uid.as_str()).collect();
        let gone: Vec<String> = self
            .pods
            .iter()
            .filter(|(uid, line)| {
                line.states.last().is_some_and(|last| last.state != DELETED) && !here.contains(uid.as_str())
            })
            .map(|(uid, _)| uid.clone())
            .collect();
        let at = rollout.now();
        for uid in gone {
            let Some(line) = self.pods.get_mut(&uid) else { continue };
            line.states.push(PodState { at: at.as_secs_f64(), state: DELETED.to_owned() });
            let name = line.name.clone();
            self.push(at, "pod", &name, DELETED.to_owned(), None);
        }
    }

    fn push(&mut self, at: Duration, kind: &str, subject: &str, what: String, replicas: Option<Replicas>) {
        if self.timeline.len() < MAX_ENTRIES {
            self.timeline.push(TimelineEntry {
                at: at.as_secs_f64(),
                kind: kind.to_owned(),
                subject: subject.to_owned(),
                what,
                replicas,
            });
        }
    }

    /// The uids of the pods seen.
    pub(crate) fn uids(&self) -> impl Iterator<Item = &str> {
        self.pods.keys().map(String::as_str)
    }

    /// Every pod seen, the current ones first, by name.
    pub(crate) fn pods(&self) -> Vec<PodLine> {
        let mut pods: Vec<PodLine> = self.pods.values().cloned().collect();
        pods.sort_by(|a, b| a.revision.cmp(&b.revision).then_with(|| a.name.cmp(&b.name)));
        pods
    }
}

/// The counters of a workload, with the pods of older revisions that still exist.
pub(crate) fn replicas(rollout: &Rollout<'_>) -> Replicas {
    let status = &rollout.workload.status;
    // Before the newest spec is observed, `updatedReplicas` still counts the revision before.
    let updated = if rollout.workload.is_observed() { status.updated_replicas } else { 0 };
    Replicas {
        desired: rollout.workload.desired(),
        updated,
        ready: count(rollout.pods.iter().filter(|pod| pod.is_ready()).count()),
        available: rollout.workload.available().min(updated),
        old: count(rollout.old_pods.len()),
    }
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// The state of a pod in one word, as `kubectl get pods` would say it.
pub(crate) fn pod_state(pod: &Pod) -> String {
    if pod.metadata.is_being_deleted() {
        return "Terminating".to_owned();
    }
    if pod.is_finished() {
        let reason = &pod.status.reason;
        return if reason.is_empty() { pod.status.phase.clone() } else { reason.clone() };
    }
    let sidecars_and_apps = || pod.statuses().filter(|status| !is_done_init(pod, status));
    if let Some(ended) = sidecars_and_apps().find_map(|status| status.state.terminated.as_ref()) {
        let reason = if ended.reason.is_empty() { reason::FAILED } else { ended.reason.as_str() };
        return reason.to_owned();
    }
    if let Some(waiting) = sidecars_and_apps().find_map(ContainerStatus::waiting_reason) {
        return waiting.to_owned();
    }
    if pod.is_ready() {
        "Ready".to_owned()
    } else if pod.status.phase.is_empty() {
        "Pending".to_owned()
    } else {
        pod.status.phase.clone()
    }
}

/// An ordinary init container that has ended well has nothing more to say.
fn is_done_init(pod: &Pod, status: &ContainerStatus) -> bool {
    pod.spec.is_init(&status.name)
        && status.state.terminated.as_ref().is_some_and(|terminated| terminated.exit_code == 0)
}
