#![doc = include_str!("node.md")]

mod evicted;
mod not_ready;
mod rejected;
mod sandbox;
mod somewhere;
#[cfg(test)]
mod tests;

use super::Diagnosis;
use super::creating::{MAX_PODS, is_stuck};
use crate::model::{Casualty, Rollout};
use crate::observation::{Request, Want};
pub(super) use somewhere::say_where;

/// So many pods may be lost to a node without that being more than a mishap.
const MISHAPS: usize = 2;

/// Every rule of this family: what nodes do to pods.
pub(super) fn rules(rollout: &Rollout<'_>, diagnosis: &mut Diagnosis) {
    not_ready::rules(rollout, diagnosis);
    for pod in rollout.live_pods().filter(|pod| is_stuck(rollout, pod)).take(MAX_PODS) {
        diagnosis.ask(Request::every(10, Want::Events(pod.object_ref())));
        sandbox::rule(rollout, pod, diagnosis);
    }
    if is_short(rollout) {
        let all = rollout.casualties();
        let (evicted, rest): (Vec<&Casualty>, Vec<&Casualty>) =
            all.into_iter().partition(|casualty| casualty.reason == "Evicted");
        evicted::rule(rollout, &evicted, diagnosis);
        rejected::rule(rollout, &rest, diagnosis);
    }
}

/// Pods that were lost matter only while there are too few.
fn is_short(rollout: &Rollout<'_>) -> bool {
    let ready = rollout.live_pods().filter(|pod| pod.is_ready()).count();
    i64::try_from(ready).unwrap_or(i64::MAX) < rollout.workload.to_update()
}

/// `1 pod`, `3 pods`.
fn pods(count: usize) -> String {
    if count == 1 { "1 pod".to_owned() } else { format!("{count} pods") }
}

/// The nodes of pods that were lost, each once.
fn nodes_of(lost: &[&Casualty]) -> Vec<String> {
    let mut nodes: Vec<String> =
        lost.iter().map(|casualty| casualty.node.clone()).filter(|node| !node.is_empty()).collect();
    nodes.sort();
    nodes.dedup();
    nodes
}

/// At most three, and how many more there are.
fn listed(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(3).map(String::as_str).collect();
    match names.len().saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
