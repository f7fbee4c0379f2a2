//! Which logs a person who watches would want to see: those of new pods that are not ready yet.

use super::Guard;
use crate::model::{Rollout, Store};
use crate::observation::Tail;

impl Guard {
    /// A log for each container that runs, or has just ended, in a pod of the newest template that is not ready.
    pub(crate) fn starting(&self, store: &Store) -> Vec<Tail> {
        let Some(workload) = self.last.workload.as_ref().filter(|_| self.verdict.is_none()) else {
            return Vec::new();
        };
        let rollout = Rollout::new(store, workload, self.last.applied.policy.accepted());
        let unready = rollout.live_pods().filter(|pod| !pod.is_ready());
        unready
            .flat_map(|pod| {
                let has_log = pod
                    .statuses()
                    .filter(|status| status.state.running.is_some() || status.state.terminated.is_some());
                has_log.map(|status| Tail {
                    namespace: pod.metadata.namespace.clone(),
                    pod: pod.metadata.name.clone(),
                    container: status.name.clone(),
                    restarts: status.restart_count,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::policy::Policy;
    use crate::testing::World;

    fn followed(world: &World) -> Vec<String> {
        let mut guard = Guard::new(World::target());
        guard.look(&world.store, &Policy::default());
        guard.starting(&world.store).iter().map(|tail| format!("{} {}", tail.pod, tail.restarts)).collect()
    }

    fn pod(ready: &str, state: &Value) -> Value {
        json!({"phase": "Running", "conditions": [{"type": "Ready", "status": ready}],
            "containerStatuses": [{"name": "app", "restartCount": 2, "state": state}]})
    }

    #[test]
    fn a_container_is_followed_from_its_start_until_its_pod_is_ready() {
        let mut world = World::with_app(json!({}));
        world.pod("web-1", pod("False", &json!({"waiting": {"reason": "ContainerCreating"}})));
        assert!(followed(&world).is_empty(), "it has no log yet");
        world.pod("web-1", pod("False", &json!({"running": {}})));
        assert_eq!(followed(&world), ["web-1 2"]);
        world.pod("web-1", pod("False", &json!({"terminated": {"exitCode": 1}})));
        assert_eq!(followed(&world), ["web-1 2"]);
        world.pod("web-1", pod("True", &json!({"running": {}})));
        assert!(followed(&world).is_empty());
    }
}
