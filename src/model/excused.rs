//! Nodes on which a DaemonSet need not be complete: not ready, or cordoned.
//!
//! The controller counts a node as long as the pods tolerate its taints (`NodeShouldRunDaemonPod` of
//! pkg/controller/daemon). `unschedulable` every DaemonSet tolerates, so a cordoned node counts always; a node that is
//! not ready has `not-ready:NoSchedule`, which only some tolerate, and counts for those alone. Its pod stays either way.

use std::collections::{BTreeMap, BTreeSet};

use super::Kind;
use super::lookup::Lookup;
use super::pod::Pod;
use super::rollout::Rollout;
use super::scheduling::Node;
use super::vocabulary::condition;

/// What a DaemonSet may do without at this instant.
#[derive(Debug, Default)]
pub(crate) struct Excused<'a> {
    /// By name, with what is wrong with each as a fragment; of these nodes some pod is not as it should be.
    nodes: BTreeMap<&'a str, String>,
    /// The pods on them, each with whether it has the newest template.
    pods: Vec<(&'a Pod, bool)>,
    /// All other nodes are complete, so that these are excused.
    rest_is_complete: bool,
}

impl<'a> Excused<'a> {
    /// Looks at every pod of the DaemonSet. Nothing is excused of other kinds.
    ///
    /// The rest is complete when every node that counts has a pod, each pod is in order or on an excused node, and at
    /// least one is in order: where all are excused nothing would be proven.
    pub(super) fn among(rollout: &Rollout<'a>) -> Self {
        let workload = rollout.workload;
        if workload.kind != Kind::DaemonSet || rollout.accepted.strict_nodes || !workload.is_observed() {
            return Self::default();
        }
        let keeps_old = workload.updates_on_delete() && rollout.accepted.on_delete;
        let in_order = |pod: &Pod, is_new: bool| (is_new || keeps_old) && is_available(rollout, pod);
        let all: Vec<(&Pod, bool)> = rollout
            .pods
            .iter()
            .map(|pod| (*pod, true))
            .chain(rollout.old_pods.iter().map(|pod| (*pod, false)))
            .collect();
        let fine: BTreeSet<&str> = all
            .iter()
            .filter(|(pod, is_new)| in_order(pod, *is_new))
            .filter_map(|(pod, _)| pod.node())
            .collect();
        let mut excused = Self::default();
        let mut others = false;
        for (pod, is_new) in all {
            if pod.is_finished() || pod.node().is_some_and(|node| fine.contains(node)) {
                continue;
            }
            // An old pod that serves is replaced in its turn, wherever it is.
            let awaits_its_turn = !is_new && pod.is_ready() && !pod.metadata.is_being_deleted();
            match pod.node().map(|name| (name, rollout.node(name))) {
                Some((name, Lookup::Found(node))) if !awaits_its_turn && trouble(node).is_some() => {
                    excused.nodes.insert(name, trouble(node).unwrap_or_default());
                    excused.pods.push((pod, is_new));
                }
                _ => others = true,
            }
        }
        excused.rest_is_complete =
            !others && !fine.is_empty() && workload.status.replicas == workload.desired();
        excused
    }

    /// Takes the pods of excused nodes out of a list.
    pub(super) fn leave_out(&self, pods: &mut Vec<&'a Pod>) {
        if self.rest_is_complete {
            pods.retain(|pod| !self.pods().any(|(excused, _)| excused.metadata.uid == pod.metadata.uid));
        }
    }

    /// Nodes are excused, and all others are complete.
    pub(crate) fn apply(&self) -> bool {
        self.rest_is_complete && !self.nodes.is_empty()
    }

    /// The pods that are excused, each with whether it has the newest template.
    pub(crate) fn pods(&self) -> impl Iterator<Item = (&'a Pod, bool)> {
        self.pods.iter().copied().filter(|_| self.rest_is_complete)
    }

    /// The nodes that are excused, each with what is wrong with it.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (&'a str, &str)> {
        self.nodes.iter().map(|(name, why)| (*name, why.as_str())).filter(|_| self.rest_is_complete)
    }

    /// Whether a pod is on a node that would be excused if all others were complete.
    pub(crate) fn may_do_without(&self, pod: &str) -> bool {
        self.pods.iter().any(|(candidate, _)| candidate.metadata.name == pod)
    }
}

/// Ready for `minReadySeconds`, with every container running.
fn is_available(rollout: &Rollout<'_>, pod: &Pod) -> bool {
    let since = pod.condition(condition::READY).and_then(|ready| ready.last_transition_time);
    let required = rollout.workload.spec.min_ready_seconds;
    let long_enough = required == 0
        || since.is_some_and(|since| rollout.server_now().duration_since(since).as_secs() >= required);
    pod.is_ready() && pod.all_running() && !pod.metadata.is_being_deleted() && long_enough
}

/// What is wrong with a node, as a fragment; `None` for one that should have its pod.
fn trouble(node: &Node) -> Option<String> {
    match (node.not_ready(), node.spec.unschedulable) {
        (Some(ready), _) => {
            let words = ready.message.trim_end_matches('.');
            Some(if words.is_empty() { "not ready".to_owned() } else { format!("not ready: {words}") })
        }
        (None, true) => Some("cordoned".to_owned()),
        (None, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::model::{Kind, Node};
    use crate::observation::{Answer, Want};
    use crate::testing::World;

    const UP: &str = "2026-11-24T09:00:00Z";

    /// A DaemonSet on that many nodes.
    fn set(desired: i64) -> World {
        let mut world = World::of(Kind::DaemonSet);
        world.workload(
            json!({}),
            json!({"observedGeneration": 1, "desiredNumberScheduled": desired, "currentNumberScheduled": desired}),
        );
        world.controller_revision("a", 1);
        world.controller_revision("b", 2);
        world
    }

    fn ready() -> Value {
        json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": UP}],
            "containerStatuses": [{"name": "app", "ready": true, "state": {"running": {"startedAt": UP}}}]})
    }

    fn node(world: &mut World, name: &str, ready: &str, cordoned: bool) {
        let node: Node = serde_json::from_value(json!({"metadata": {"name": name},
            "spec": {"unschedulable": cordoned},
            "status": {"conditions": [{"type": "Ready", "status": ready, "message": "Kubelet stopped posting."}]}}))
        .unwrap();
        world.answer(Want::Node { name: name.to_owned() }, Answer::Nodes(vec![node]));
    }

    fn excused(world: &World) -> Vec<String> {
        world.rollout().excused.nodes().map(|(name, why)| format!("{name} {why}")).collect()
    }

    #[test]
    fn pitfall_40_a_node_that_is_not_ready_or_cordoned_is_excused_once_all_others_are_complete() {
        let mut world = set(3);
        world.pod_on_node("x", "n1", "b", ready());
        world.pod_on_node("y", "n2", "b", json!({"phase": "Pending"}));
        world.pod_on_node("z", "n3", "b", json!({"phase": "Pending"}));
        assert!(excused(&world).is_empty(), "nothing is known of the nodes");
        node(&mut world, "n2", "Unknown", false);
        assert!(excused(&world).is_empty(), "n3 is not complete");
        node(&mut world, "n3", "True", true);
        assert_eq!(excused(&world), ["n2 not ready: Kubelet stopped posting", "n3 cordoned"]);
        assert_eq!(world.rollout().pods.len(), 1);
        world.accepted.strict_nodes = true;
        assert!(excused(&world).is_empty());
        assert_eq!(world.rollout().pods.len(), 3);
    }

    #[test]
    fn pitfall_40_a_node_in_order_is_never_excused_and_all_of_them_never_are() {
        let mut world = set(2);
        world.pod_on_node("x", "n1", "b", ready());
        world.pod_on_node("y", "n2", "b", json!({"phase": "Pending"}));
        node(&mut world, "n2", "True", false);
        assert!(excused(&world).is_empty(), "n2 has no excuse");
        let mut world = set(1);
        world.pod_on_node("y", "n2", "b", json!({"phase": "Pending"}));
        node(&mut world, "n2", "False", false);
        assert!(excused(&world).is_empty(), "nothing would be proven");
    }

    #[test]
    fn an_old_pod_that_serves_on_a_cordoned_node_waits_for_its_turn_and_one_that_cannot_go_does_not() {
        let mut world = set(2);
        world.pod_on_node("x", "n1", "b", ready());
        world.pod_on_node("y", "n2", "a", ready());
        node(&mut world, "n2", "Unknown", true);
        assert!(excused(&world).is_empty());
        world.pod_on_node("y", "n2", "a", json!({"phase": "Running"}));
        assert_eq!(excused(&world).len(), 1);
        assert!(world.rollout().old_pods.is_empty());
    }

    #[test]
    fn a_node_without_a_pod_that_counts_is_waited_for() {
        let mut world = set(3);
        world.pod_on_node("x", "n1", "b", ready());
        world.pod_on_node("y", "n2", "b", json!({"phase": "Pending"}));
        node(&mut world, "n2", "Unknown", false);
        world.workload(
            json!({}),
            json!({"observedGeneration": 1, "desiredNumberScheduled": 3, "currentNumberScheduled": 2}),
        );
        assert!(excused(&world).is_empty());
    }

    #[test]
    fn a_pod_is_in_order_only_after_min_ready_seconds() {
        let mut world = set(2);
        world.workload(
            json!({"minReadySeconds": 4000}),
            json!({"observedGeneration": 1, "desiredNumberScheduled": 2, "currentNumberScheduled": 2}),
        );
        world.pod_on_node("x", "n1", "b", ready());
        world.pod_on_node("y", "n2", "b", json!({"phase": "Pending"}));
        node(&mut world, "n2", "Unknown", false);
        assert!(excused(&world).is_empty(), "ready for an hour");
        world.at(600);
        assert_eq!(excused(&world).len(), 1);
    }
}
