#![doc = include_str!("placement.md")]

mod autoscaler;
mod label;
mod message;
mod neighbour;
mod nodes;
mod room;
mod taint;
#[cfg(test)]
mod tests;
mod waiting;

use std::time::Duration;

use super::place::kubectl;
use super::{CauseCode, Confidence, Diagnosis, Evidence, Finding, Hold, Prognosis};
use crate::model::{Pod, Rollout, condition, reason};
use crate::observation::{Request, Want};
use autoscaler::Scaling;
use message::{Group, Sentence};

/// Pods of one template wait for the same reason: the events of so many are read.
const PODS_ASKED: usize = 2;

/// An error of the scheduler passes with the trouble of whatever it asked.
const SCHEDULER_ERROR_STANDS: Duration = Duration::from_secs(120);

/// Every rule of this family: pods that no node takes.
pub(super) fn rules(rollout: &Rollout<'_>, diagnosis: &mut Diagnosis) {
    let mut asked = 0;
    for pod in rollout.live_pods().filter(|pod| pod.node().is_none()) {
        let Some(scheduled) = pod.condition(condition::POD_SCHEDULED) else {
            // What keeps a pod out of the scheduler's queue is written nowhere but in the scheduler's own log.
            if !waiting::grouped(rollout, pod, diagnosis) {
                waiting::scheduler_missing(rollout, pod, diagnosis);
            }
            continue;
        };
        if !scheduled.is_false() {
            continue;
        }
        match scheduled.reason.as_str() {
            reason::SCHEDULING_GATED => waiting::gated(rollout, pod, diagnosis),
            reason::SCHEDULER_ERROR => failing(rollout, pod, &scheduled.message, diagnosis),
            reason::UNSCHEDULABLE if waiting::is_about_a_group(&scheduled.message) => {
                waiting::grouped(rollout, pod, diagnosis);
            }
            reason::UNSCHEDULABLE => {
                diagnosis.ask(Request::every(60, Want::Nodes));
                if asked < PODS_ASKED {
                    asked += 1;
                    diagnosis.ask(Request::every(5, Want::Events(pod.object_ref())));
                }
                let sentence = message::read(&scheduled.message);
                if let Some(group) = sentence.about_volumes() {
                    let others = sentence.others_than(group);
                    let evidence = scheduled_evidence(pod);
                    super::volume::unplaced(rollout, pod, group.reason, &others, &evidence, diagnosis);
                    continue;
                }
                let finding = unschedulable(rollout, pod, &scheduled.message);
                diagnosis.add(finding.on_pod(&pod.metadata.name));
            }
            _ => {}
        }
    }
}

/// A pod that waits for a node, with what the rules of each cause read.
struct Waiting<'r, 'a> {
    rollout: &'r Rollout<'a>,
    pod: &'a Pod,
    sentence: &'r Sentence<'a>,
    group: Group<'a>,
}

impl Waiting<'_, '_> {
    /// A finding of that code with the scheduler's whole sentence as its first evidence.
    fn finding(&self, code: CauseCode, key: impl Into<String>, headline: String) -> Finding {
        let others = self.sentence.others(code);
        let headline = if others.is_empty() {
            headline
        } else {
            format!("{headline} (the others: {})", others.join(", "))
        };
        Finding::new(code, key, self.pod.object_ref(), headline, scheduled_evidence(self.pod))
    }

    /// The nodes of the main group, with the verb for one or for several: `the only node has`, `2 of 3 nodes have`.
    fn nodes(&self, one: &str, several: &str) -> String {
        let count = self.group.count;
        match self.sentence.nodes.unwrap_or(count) {
            1 => format!("the only node {one}"),
            all if all == count => format!("all {all} nodes {several}"),
            all if count == 1 => format!("1 of {all} nodes {one}"),
            all => format!("{count} of {all} nodes {several}"),
        }
    }

    fn template_ref(&self) -> crate::model::ObjectRef {
        self.rollout.workload.object_ref()
    }

    /// Old pods of the same workload that stay until new ones are ready, although new ones find no room: how
    /// many, where maxUnavailable 0 makes that a deadlock.
    fn blocked_by_own(&self) -> Option<usize> {
        let workload = self.rollout.workload;
        let staying = self.rollout.staying_old_pods().count();
        let (_, unavailable) = workload.surge_and_unavailable();
        (workload.is_rolling() && unavailable == 0 && staying > 0 && !self.rollout.frees_room_soon())
            .then_some(staying)
    }

    /// Lets old pods go first; the way out of a deadlock with them.
    fn with_strategy(&self, finding: Finding) -> Finding {
        let workload = self.rollout.workload;
        let (surge, unavailable) = workload.surge_and_unavailable();
        let patch = serde_json::json!({"spec": {"strategy": {"type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}}})
        .to_string();
        let target = workload.command_target();
        let serve = match workload.desired() {
            1 => "There is a gap in which none serves.".to_owned(),
            n => format!("Meanwhile {} of {n} replicas serve.", n - 1),
        };
        finding
            .with_prognosis(Prognosis::Permanent)
            .with_evidence(Evidence::field(
                workload.object_ref(),
                "spec.strategy.rollingUpdate",
                format!(
                    "maxSurge {surge} and maxUnavailable {unavailable} of {} replicas",
                    workload.desired()
                ),
            ))
            .with_help(format!(
                "Let an old pod go before the new one comes: maxSurge 0 and maxUnavailable 1. {serve}"
            ))
            .with_command(kubectl(
                self.rollout.namespace(),
                &["patch", &target, "--type=merge", "-p", &patch],
            ))
    }
}

/// The scheduler's whole sentence; its event is cut after 1024 bytes.
fn scheduled_evidence(pod: &Pod) -> Evidence {
    let message = pod.condition(condition::POD_SCHEDULED).map_or("", |condition| condition.message.as_str());
    Evidence::field(pod.object_ref(), "status.conditions[PodScheduled].message", message)
}

fn unschedulable<'a>(rollout: &Rollout<'a>, pod: &'a Pod, message: &'a str) -> Finding {
    let sentence = message::read(message);
    let Some(main) = sentence.main() else { return unknown(rollout, pod, message) };
    // Where nodes have the labels that the pods choose by, what keeps the pods from those nodes is the cause, however
    // many others there are.
    let chosen = nodes::known(rollout).unwrap_or_default().iter().any(|node| label::chooses(pod, node));
    // Where pods of this rollout run, the taints of the other nodes are as they were: what keeps a pod from the nodes
    // of its like is the cause.
    let placed =
        rollout.live_pods().chain(rollout.old_pods.iter().copied()).any(|pod| pod.status.phase == "Running");
    let usual = [
        (CauseCode::NodeSelectorUnmatched, chosen),
        (CauseCode::UntoleratedTaint, placed && sentence.is_crowded()),
    ];
    let is_usual = |code| usual.contains(&(code, true));
    let (code, group) = sentence.main_but(is_usual).unwrap_or(main);
    let waiting = Waiting { rollout, pod, sentence: &sentence, group };
    let finding = match code {
        CauseCode::InsufficientResources => room::insufficient(&waiting),
        CauseCode::UntoleratedTaint => taint::untolerated(&waiting),
        CauseCode::NodeSelectorUnmatched => label::unmatched(&waiting),
        CauseCode::PodAffinityUnmatched => neighbour::affinity(&waiting),
        CauseCode::PodAntiAffinityConflict => neighbour::anti_affinity(&waiting),
        CauseCode::TopologySpreadUnsatisfied => neighbour::spread(&waiting),
        CauseCode::HostPortConflict => neighbour::host_port(&waiting),
        _ => waiting::no_nodes(&waiting),
    };
    hold(rollout, pod, code, finding)
}

/// Whether somebody is already making room.
fn hold(rollout: &Rollout<'_>, pod: &Pod, code: CauseCode, finding: Finding) -> Finding {
    let about_room = matches!(
        code,
        CauseCode::InsufficientResources
            | CauseCode::PodAntiAffinityConflict
            | CauseCode::HostPortConflict
            | CauseCode::TopologySpreadUnsatisfied
    );
    if let Some(node) = &pod.status.nominated_node_name {
        let path = "status.nominatedNodeName";
        return finding
            .with_hold(Hold::Announce)
            .with_prognosis(Prognosis::Transient)
            .with_evidence(Evidence::field(pod.object_ref(), path, node.as_str()));
    }
    let mut finding = match autoscaler::scaling(rollout, pod) {
        Some(Scaling::Acting(event)) => finding
            .with_hold(Hold::Announce)
            .with_prognosis(Prognosis::Transient)
            .with_evidence(Evidence::event(pod.object_ref(), event)),
        Some(Scaling::Refusing(event)) => autoscaler::refused(pod, event, code, finding),
        None => finding,
    };
    if about_room && rollout.frees_room_soon() {
        finding = finding
            .with_hold(Hold::Announce)
            .with_prognosis(Prognosis::Transient)
            .with_evidence(Evidence::absence("pods of this rollout that are about to go will make room"));
    }
    finding.with_command(kubectl(rollout.namespace(), &["describe", "pod", &pod.metadata.name]))
}

/// The scheduler found a node, or was looking for one, and something it needs failed: it says `SchedulerError` in place
/// of `Unschedulable` and tries again (`pkg/scheduler/schedule_one.go`, `handleSchedulingFailure`).
fn failing(rollout: &Rollout<'_>, pod: &Pod, message: &str, diagnosis: &mut Diagnosis) {
    if super::volume::topic(message).is_some() {
        super::volume::unplaced(rollout, pod, message, &[], &scheduled_evidence(pod), diagnosis);
        return;
    }
    let headline = format!(
        "the scheduler fails to place the pods: {}",
        super::logs::shorten(message.trim_end_matches('.'), 300)
    );
    let evidence = scheduled_evidence(pod);
    let finding = Finding::new(CauseCode::Unknown, "scheduler-error", pod.object_ref(), headline, evidence)
        .on_pod(&pod.metadata.name)
        .with_confidence(Confidence::Possible)
        .with_prognosis(Prognosis::Transient)
        .with_tolerance(SCHEDULER_ERROR_STANDS)
        .with_evidence(Evidence::field(pod.object_ref(), "status.conditions[PodScheduled].reason", reason::SCHEDULER_ERROR))
        .with_help("The fault is not in the pod's own demands: the API server refused or was late, or a plugin or extender of the scheduler failed. The scheduler tries again by itself; its log says more.")
        .with_command(kubectl(rollout.namespace(), &["describe", "pod", &pod.metadata.name]))
        .with_command(kubectl("kube-system", &["logs", "-l", "component=kube-scheduler", "--tail=50"]));
    diagnosis.add(finding);
}

/// Words of the scheduler that no rule reads: shown as they are. Volumes have a chain of their own.
fn unknown(rollout: &Rollout<'_>, pod: &Pod, message: &str) -> Finding {
    let first = message::read(message);
    let words: Vec<&str> = first.groups.iter().map(|group| group.reason).collect();
    let headline = format!("no node takes the pods: {}", super::logs::shorten(&words.join(", "), 300));
    Finding::new(CauseCode::Unknown, words.join(","), pod.object_ref(), headline, scheduled_evidence(pod))
        .with_confidence(Confidence::Possible)
        .with_tolerance(Duration::from_secs(120))
        .with_help("The words are the scheduler's; what it says of the pod's events may name more.")
        .with_command(kubectl(rollout.namespace(), &["describe", "pod", &pod.metadata.name]))
}
