//! Nodes that a DaemonSet may do without ([`Rollout::excused`]) end no wait while the other nodes go on.

use std::time::Duration;

use super::Guard;
use crate::model::{Kind, Rollout};

/// The controller acts on a pod that has become available within a second; nothing under way for this long means that
/// nothing will be.
const BLOCKED_AFTER: Duration = Duration::from_secs(15);

impl Guard {
    /// Causes that only concern pods on such nodes stay in sight, and do not end the wait, unless nothing
    /// but they is under way: then they keep the controller from updating the rest, or there is no other node.
    pub(super) fn hold_for_nodes(&mut self, rollout: &Rollout<'_>) {
        if rollout.workload.kind != Kind::DaemonSet || rollout.accepted.strict_nodes {
            return;
        }
        let may_do_without = |pod: &str| rollout.excused.may_do_without(pod);
        let under_way = rollout
            .pods
            .iter()
            .chain(&rollout.old_pods)
            .any(|pod| !pod.is_ready() && !may_do_without(&pod.metadata.name));
        self.blocked_since = (!under_way).then(|| self.blocked_since.unwrap_or(rollout.now()));
        let blocked_for =
            self.blocked_since.map_or(Duration::ZERO, |since| rollout.now().saturating_sub(since));
        if blocked_for >= BLOCKED_AFTER {
            return;
        }
        for standing in &mut self.last.standing {
            let pods = &standing.finding.pods;
            if !pods.is_empty() && pods.iter().all(|pod| may_do_without(pod)) {
                standing.ripe = false;
                standing.ends = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::diagnose::{CauseCode, Evidence, Finding};
    use crate::ledger::Standing;
    use crate::model::{Node, ObjectRef};
    use crate::observation::{Answer, Stream, Want};
    use crate::testing::World;

    fn ready() -> Value {
        json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "app", "ready": true, "state": {"running": {}}}]})
    }

    /// Three nodes, of which `n2` is silent and has a new pod; and what the pod of `n3` is like.
    fn world(hash: &str, status: Value) -> World {
        let mut world = World::of(Kind::DaemonSet);
        world.workload(
            json!({}),
            json!({"observedGeneration": 1, "desiredNumberScheduled": 3, "currentNumberScheduled": 3}),
        );
        world.controller_revision("a", 1);
        world.controller_revision("b", 2);
        world.pod_on_node("x", "n1", "b", ready());
        world.pod_on_node("y", "n2", "b", json!({"phase": "Pending"}));
        world.pod_on_node("z", "n3", hash, status);
        let node: Node = serde_json::from_value(json!({"metadata": {"name": "n2"},
            "status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}))
        .unwrap();
        world.answer(Want::Node { name: "n2".to_owned() }, Answer::Nodes(vec![node]));
        world
    }

    /// Whether a cause about that pod ends the wait.
    fn ends(guard: &mut Guard, world: &World, pod: &str) -> bool {
        let object = ObjectRef::named(Kind::Node, "", "n2");
        let evidence = Evidence::field(object.clone(), "status.conditions[Ready]", "Unknown");
        let finding = Finding::new(CauseCode::NodeNotReady, "n2", object, "silent".to_owned(), evidence);
        guard.last.standing =
            vec![Standing { finding: finding.on_pod(pod), since: Duration::ZERO, ripe: true, ends: None }];
        guard.hold_for_nodes(&world.rollout());
        guard.last.standing.iter().any(|standing| standing.ripe)
    }

    #[test]
    fn a_silent_node_ends_no_wait_while_another_pod_is_on_its_way() {
        let mut guard = Guard::new(Stream::of(Kind::DaemonSet, "shop", "web"));
        let mut world = world("b", json!({"phase": "Pending"}));
        for at in [0, 600] {
            world.at(at);
            assert!(!ends(&mut guard, &world, "y"), "{at}");
        }
        assert!(ends(&mut guard, &world, "z"), "a cause on a node that is well");
        world.accepted.strict_nodes = true;
        assert!(ends(&mut guard, &world, "y"));
    }

    #[test]
    fn a_silent_node_that_keeps_the_rest_from_going_on_ends_the_wait() {
        let mut guard = Guard::new(Stream::of(Kind::DaemonSet, "shop", "web"));
        let mut world = world("a", ready());
        assert!(!ends(&mut guard, &world, "y"), "the controller may be about to act");
        world.at(14);
        assert!(!ends(&mut guard, &world, "y"));
        world.at(15);
        assert!(ends(&mut guard, &world, "y"));
    }
}
