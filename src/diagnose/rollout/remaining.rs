//! With `--old-pods-gone`: an old pod that is still there after everything else is complete.

use super::super::place::{command, kubectl};
use super::super::{CauseCode, Evidence, Finding, Hold, Prognosis};
use crate::model::{Kind, ObjectRef, Pod, Rollout};

/// What keeps an old pod.
enum Keeper<'a> {
    /// Nobody has deleted it.
    Nobody,
    /// Something must take this finalizer away first.
    Finalizer(&'a str),
    /// It has so many seconds to end, and they are not over.
    Grace(Option<i64>),
    /// Its time is over, and kubelet has not said that it is gone.
    Node,
}

fn keeper<'a>(rollout: &Rollout<'_>, pod: &'a Pod) -> Keeper<'a> {
    let Some(due) = pod.metadata.deletion_timestamp else { return Keeper::Nobody };
    if let Some(finalizer) = pod.metadata.finalizers.first() {
        return Keeper::Finalizer(finalizer);
    }
    // The deletion timestamp is the end of the grace period; kubelet kills then, and reports a moment later.
    if rollout.server_now().duration_since(due).as_secs() > 10 {
        Keeper::Node
    } else {
        Keeper::Grace(pod.spec.termination_grace_period_seconds)
    }
}

fn place(pod: &Pod) -> String {
    pod.node().map_or_else(|| "no node".to_owned(), |node| format!("node {node}"))
}

/// What keeps an old pod, as a fragment after its name and a colon.
pub(crate) fn kept_by(rollout: &Rollout<'_>, pod: &Pod) -> String {
    match keeper(rollout, pod) {
        Keeper::Nobody => "nobody has deleted it".to_owned(),
        Keeper::Finalizer(finalizer) => format!("its finalizer {finalizer} keeps it"),
        Keeper::Grace(Some(seconds)) => format!("it has {seconds}s to end on {}", place(pod)),
        Keeper::Grace(None) => format!("it ends on {}", place(pod)),
        Keeper::Node => format!("its time to end is over, and {} has not taken it away", place(pod)),
    }
}

/// `old-pod-remains`. It ends no wait: time may.
pub(crate) fn old_pod_remains(rollout: &Rollout<'_>, pod: &Pod) -> Finding {
    let name = &pod.metadata.name;
    let headline = format!("old pod {name} is still there: {}", kept_by(rollout, pod));
    let path = |path: &str, value: String| Evidence::field(pod.object_ref(), path, value);
    let evidence = match (keeper(rollout, pod), pod.metadata.deletion_timestamp) {
        (Keeper::Finalizer(finalizer), _) => path("metadata.finalizers", finalizer.to_owned()),
        (_, Some(due)) => path("metadata.deletionTimestamp", format!("{due} (the end of its grace period)")),
        (_, None) => Evidence::absence(format!("pod {name} has no metadata.deletionTimestamp")),
    };
    let subject = ObjectRef::named(Kind::Pod, rollout.namespace(), name);
    let finding = Finding::new(CauseCode::OldPodRemains, name.as_str(), subject, headline, evidence)
        .with_prognosis(Prognosis::Transient)
        .with_hold(Hold::Announce);
    let get = kubectl(rollout.namespace(), &["get", "pod", name, "-o", "yaml"]);
    match keeper(rollout, pod) {
        Keeper::Nobody => finding
            .with_help("the controller keeps it on purpose, or has not come to it: a partition, the strategy OnDelete, or a paused rollout")
            .with_command(kubectl(rollout.namespace(), &["describe", &rollout.workload.command_target()])),
        Keeper::Finalizer(finalizer) => finding
            .with_help(format!("whoever put {finalizer} there has to take it away: look at that controller. Taking it away by hand skips what it is for"))
            .with_command(get),
        Keeper::Grace(_) => finding
            .with_help("allow more time with --timeout than terminationGracePeriodSeconds, or let the application end sooner: a process 1 that ignores SIGTERM takes all of it")
            .with_command(get),
        Keeper::Node => {
            let finding = finding.with_help("a node that is silent takes no pod away; look at the node");
            match pod.node() {
                Some(node) => finding.with_command(command(&["kubectl", "describe", "node", node])),
                None => finding,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::World;

    fn told(metadata: Value, seconds: u64) -> Finding {
        let mut world = World::of(Kind::StatefulSet);
        world.workload(json!({}), json!({"observedGeneration": 1, "updateRevision": "b"}));
        let mut body = json!({"metadata": {"name": "web-0", "namespace": "shop", "uid": "web-0"},
            "spec": {"nodeName": "node-1", "terminationGracePeriodSeconds": 1800}, "status": {"phase": "Running"}});
        crate::testing::merge(&mut body["metadata"], metadata);
        let crate::observation::Object::Pod(pod) = crate::model::decode_value(Kind::Pod, body).unwrap()
        else {
            panic!()
        };
        world.at(seconds);
        old_pod_remains(&world.rollout(), &pod)
    }

    #[test]
    fn pitfall_35_what_holds_an_old_pod_is_named() {
        // The world begins at 10:00.
        let deleted = json!({"deletionTimestamp": "2026-11-24T10:30:00Z"});
        let ending = told(deleted.clone(), 60);
        assert_eq!(ending.headline, "old pod web-0 is still there: it has 1800s to end on node node-1");
        assert!(ending.help.concat().contains("terminationGracePeriodSeconds"));
        let overdue = told(deleted, 1811);
        assert!(overdue.headline.ends_with("and node node-1 has not taken it away"), "{}", overdue.headline);
        assert_eq!(overdue.commands, ["kubectl describe node node-1"]);
        let held =
            told(json!({"deletionTimestamp": "2026-11-24T10:30:00Z", "finalizers": ["example.com/hold"]}), 0);
        assert_eq!(held.headline, "old pod web-0 is still there: its finalizer example.com/hold keeps it");
        assert!(told(json!({}), 0).headline.ends_with("nobody has deleted it"));
    }
}
