//! The pods below an object whose kind says nothing of them: by ownership, over as many owners as there are.

use super::kind::Kind;
use super::pod::Pod;
use super::replica_set::ReplicaSet;
use super::rollout::{Accepted, Rollout};
use super::store::Store;

/// Pods of the newest templates, and pods of older ones.
///
/// Of a Deployment and the like in between, its own rules tell them apart; of ReplicaSets side by side the youngest
/// is the newest. A pod below anything else is taken as new.
pub(super) fn pods_below<'a>(store: &'a Store, uid: &'a str) -> (Vec<&'a Pod>, Vec<&'a Pod>) {
    let (mut new, mut old) = (Vec::new(), Vec::new());
    let mut open = vec![uid];
    // Owners could form a circle.
    for _ in 0..MOST_OWNERS {
        let Some(owner) = open.pop() else { break };
        new.extend(store.pods_of(owner));
        let sets: Vec<&ReplicaSet> = store.replica_sets_of(owner).collect();
        let newest =
            sets.iter().copied().max_by_key(|set| (set.metadata.creation_timestamp, &set.metadata.name));
        for set in sets {
            let is_newest = newest.is_some_and(|newest| newest.metadata.uid == set.metadata.uid);
            if is_newest { &mut new } else { &mut old }.extend(store.pods_of(&set.metadata.uid));
        }
        for child in store.workloads_of(owner) {
            if matches!(child.kind, Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet | Kind::Job) {
                let rollout = Rollout::new(store, child, Accepted::default());
                new.extend(rollout.pods);
                old.extend(rollout.old_pods);
            } else {
                open.push(child.metadata.uid.as_str());
            }
        }
    }
    (new, old)
}

/// Objects looked through.
const MOST_OWNERS: usize = 200;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::observation::{Observed, Stream};
    use crate::testing::World;

    fn owned(world: &mut World, kind: Kind, name: &str, owner: &str, more: serde_json::Value) {
        let mut body = json!({"metadata": {"name": name, "namespace": "shop", "uid": name,
            "ownerReferences": [{"name": owner, "uid": owner, "controller": true}]}});
        crate::testing::merge(&mut body, more);
        let object = crate::model::decode_value(kind, body).unwrap();
        let stream = Stream::selected(kind, "shop", String::new());
        world.observe(Observed::Applied { stream, object });
    }

    fn names(pods: &[&Pod]) -> Vec<String> {
        pods.iter().map(|pod| pod.metadata.name.clone()).collect()
    }

    fn widget() -> World {
        let mut world = World::of(Kind::discovered("example.com/v1", "Widget", "widgets", true));
        world.workload(json!({}), json!({}));
        world
    }

    #[test]
    fn pods_are_found_through_what_lies_between() {
        let mut world = widget();
        owned(&mut world, Kind::Pod, "direct", "web", json!({}));
        owned(
            &mut world,
            Kind::StatefulSet,
            "db",
            "web",
            json!({"status": {"updateRevision": "b",
            "observedGeneration": 0}}),
        );
        let labelled = |hash: &str| {
            json!({"metadata": {"name": format!("db-{hash}"), "namespace": "shop",
            "uid": format!("db-{hash}"), "labels": {"controller-revision-hash": hash},
            "ownerReferences": [{"name": "db", "uid": "db", "controller": true}]}})
        };
        owned(&mut world, Kind::Pod, "db-a", "db", labelled("a"));
        owned(&mut world, Kind::Pod, "db-b", "db", labelled("b"));
        owned(&mut world, Kind::Pod, "stranger", "other", json!({}));
        let rollout = world.rollout();
        assert_eq!(names(&rollout.pods), ["db-b", "direct"]);
        assert_eq!(names(&rollout.old_pods), ["db-a"]);
    }

    #[test]
    fn pitfall_20_of_replica_sets_side_by_side_the_youngest_is_new() {
        let mut world = widget();
        for (name, hour) in [("web-1", 8), ("web-2", 9)] {
            let made = format!("2026-11-24T0{hour}:00:00Z");
            owned(
                &mut world,
                Kind::ReplicaSet,
                name,
                "web",
                json!({"metadata": {"name": name,
                "namespace": "shop", "uid": name, "creationTimestamp": made,
                "ownerReferences": [{"name": "web", "uid": "web", "controller": true}]}}),
            );
            owned(&mut world, Kind::Pod, &format!("{name}-x"), name, json!({}));
        }
        assert_eq!(names(&world.rollout().pods), ["web-2-x"]);
        assert_eq!(names(&world.rollout().old_pods), ["web-1-x"]);
    }
}
