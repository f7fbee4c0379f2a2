//! With `--old-pods-gone`: an old pod that is still there after everything else is complete.

use super::super::logs::shorten;
use super::super::place::{command, kubectl};
use super::super::{CauseCode, Diagnosis, Evidence, Finding, Hold, Prognosis};
use crate::model::{Event, Kind, ObjectRef, Pod, Rollout};
use crate::observation::{Request, Want};

/// What keeps an old pod.
enum Keeper<'a> {
    /// Nobody has deleted it.
    Nobody,
    /// Something must take this finalizer away first.
    Finalizer(&'a str),
    /// It has so many seconds to end, and they are not over.
    Grace(Option<i64>),
    /// Its time is over, and kubelet says that it cannot end it.
    Kubelet(&'a Event),
    /// Its time is over, and kubelet has not said that it is gone.
    Node,
}

/// Kubelet could not stop a container or take the sandbox down, and tries again (pkg/kubelet/events `FailedToKillPod`).
const FAILED_KILL_POD: &str = "FailedKillPod";
/// Seconds after the end of its grace period in which an old pod that goes is gone.
const GOES_WITHIN: i64 = 10;
/// Old pods whose events are read.
const LOOKED_INTO: usize = 2;

/// Whether a pod should be gone: the deletion timestamp is the end of the grace period; kubelet kills then, and reports
/// a moment later.
fn is_overdue(rollout: &Rollout<'_>, pod: &Pod) -> bool {
    pod.metadata
        .deletion_timestamp
        .is_some_and(|due| rollout.server_now().duration_since(due).as_secs() > GOES_WITHIN)
}

/// Asks for the events of old pods that should be gone: they may say why kubelet cannot end them.
pub(super) fn ask_for_events(rollout: &Rollout<'_>, diagnosis: &mut Diagnosis) {
    let overdue =
        rollout.old_pods.iter().filter(|pod| is_overdue(rollout, pod) && pod.metadata.finalizers.is_empty());
    for pod in overdue.take(LOOKED_INTO) {
        diagnosis.ask(Request::every(10, Want::Events(pod.object_ref())));
    }
}

fn keeper<'a>(rollout: &Rollout<'a>, pod: &'a Pod) -> Keeper<'a> {
    if pod.metadata.deletion_timestamp.is_none() {
        return Keeper::Nobody;
    }
    if let Some(finalizer) = pod.metadata.finalizers.first() {
        return Keeper::Finalizer(finalizer);
    }
    if !is_overdue(rollout, pod) {
        return Keeper::Grace(pod.spec.termination_grace_period_seconds);
    }
    let events = rollout.events(&pod.object_ref());
    events.into_iter().find(|event| event.reason == FAILED_KILL_POD).map_or(Keeper::Node, Keeper::Kubelet)
}

fn place(pod: &Pod) -> String {
    pod.node().map_or_else(|| "no node".to_owned(), |node| format!("node {node}"))
}

/// The runtime's words, without what kubelet puts before them.
fn kill_error(event: &Event) -> String {
    let text = event.text();
    let text = text.strip_prefix("error killing pod: ").unwrap_or(text);
    // Each layer has quoted the words of the one below it.
    let words = text.rsplit_once(" desc = ").map_or(text, |(_, words)| words).replace('\\', "");
    shorten(words.trim_end_matches([']', '"']), 200)
}

/// What keeps an old pod, as a fragment after its name and a colon.
pub(crate) fn kept_by(rollout: &Rollout<'_>, pod: &Pod) -> String {
    match keeper(rollout, pod) {
        Keeper::Nobody => "nobody has deleted it".to_owned(),
        Keeper::Finalizer(finalizer) => format!("its finalizer {finalizer} keeps it"),
        Keeper::Grace(Some(seconds)) => format!("it has {seconds}s to end on {}", place(pod)),
        Keeper::Grace(None) => format!("it ends on {}", place(pod)),
        Keeper::Kubelet(event) => {
            format!("its time to end is over, and {} cannot end it: {}", place(pod), kill_error(event))
        }
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
        (Keeper::Kubelet(event), _) => Evidence::event(pod.object_ref(), event),
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
        Keeper::Kubelet(_) => {
            let finding = finding.with_help("kubelet tries again by itself; if it stays, the container runtime of that node is stuck, and a restart of it, or of the node, ends the pod");
            match pod.node() {
                Some(node) => finding.with_command(command(&["kubectl", "describe", "node", node])),
                None => finding,
            }
        }
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
        told_with(metadata, seconds, json!([]))
    }

    fn told_with(metadata: Value, seconds: u64, events: Value) -> Finding {
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
        world.events(Kind::Pod, "web-0", events);
        old_pod_remains(&world.rollout(), &pod)
    }

    #[test]
    fn what_kubelet_says_of_a_pod_that_it_cannot_end_is_told_once_its_time_is_over() {
        // The words of containerd 1.7; nothing here breaks a runtime.
        let events = json!([{"reason": "FailedKillPod", "type": "Warning", "count": 4, "message":
            "error killing pod: failed to \"KillContainer\" for \"app\" with KillContainerError: \"rpc error: code = DeadlineExceeded desc = an error occurs during waiting for container \\\"4f\\\" to be killed\""}]);
        let deleted = json!({"deletionTimestamp": "2026-11-24T10:00:30Z"});
        let stuck = told_with(deleted.clone(), 60, events.clone());
        assert!(
            stuck
                .headline
                .contains("and node node-1 cannot end it: an error occurs during waiting for container"),
            "{}",
            stuck.headline
        );
        assert!(matches!(&stuck.evidence[0], Evidence::Event { reason, .. } if reason == "FailedKillPod"));
        assert!(stuck.help.concat().contains("container runtime"), "{:?}", stuck.help);
        assert!(told_with(deleted, 20, events).headline.contains("has 1800s to end"));
    }

    #[test]
    fn the_events_of_an_old_pod_are_asked_for_only_when_it_should_be_gone() {
        let asked = |seconds| {
            let mut world = World::of(Kind::StatefulSet);
            world.workload(json!({}), json!({"observedGeneration": 1, "updateRevision": "b"}));
            let mut body = json!({"metadata": {"name": "web-0", "namespace": "shop", "uid": "web-0",
                "deletionTimestamp": "2026-11-24T10:00:30Z",
                "labels": {"app": "web", "controller-revision-hash": "a"},
                "ownerReferences": [{"name": "web", "uid": "web", "controller": true}]}});
            crate::testing::merge(
                &mut body,
                json!({"spec": {"nodeName": "node-1"}, "status": {"phase": "Running"}}),
            );
            let object = crate::model::decode_value(Kind::Pod, body).unwrap();
            let stream = crate::observation::Stream::selected(Kind::Pod, "shop", "app=web".to_owned());
            world.observe(crate::observation::Observed::Applied { stream, object });
            world.at(seconds);
            let mut diagnosis = Diagnosis::default();
            ask_for_events(&world.rollout(), &mut diagnosis);
            diagnosis.requests.len()
        };
        assert_eq!((asked(35), asked(45)), (0, 1));
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
