//! Pods of older templates that nobody but a person will replace.

use std::time::Duration;

use crate::diagnose::place::{kubectl, status_path, waiting_evidence};
use crate::diagnose::{CauseCode, Diagnosis, Evidence, Finding, Hold, Prognosis};
use crate::model::{Kind, Pod, Rollout, label};

/// Pods named one by one in a command.
const NAMED: usize = 5;

/// A pod that shows no sign of trouble may still become ready, and is then replaced.
const STARTING: Duration = Duration::from_secs(300);

/// The strategy `OnDelete`: the new template waits for somebody to delete pods.
pub(super) fn update_on_delete(rollout: &Rollout<'_>, old: i64) -> Finding {
    let workload = rollout.workload;
    let subject = workload.object_ref();
    let (noun, verb) = if old == 1 { ("pod", "keeps") } else { ("pods", "keep") };
    let headline = format!(
        "{old} {noun} of {} {} {verb} the older template until somebody deletes them: its update strategy is OnDelete",
        workload.kind, workload.metadata.name
    );
    let evidence = Evidence::field(subject.clone(), "spec.updateStrategy.type", "OnDelete");
    let mut finding = Finding::new(CauseCode::UpdateOnDelete, "on-delete", subject, headline, evidence)
        .with_prognosis(Prognosis::Permanent)
        .with_hold(Hold::Ripe);
    let names: Vec<&str> = rollout.old_pods.iter().map(|pod| pod.metadata.name.as_str()).collect();
    if names.is_empty() {
        let counters = format!("{} of {}", workload.status.updated_replicas, workload.status.replicas);
        finding =
            finding.with_evidence(Evidence::field(workload.object_ref(), "updated pods by status", counters));
    }
    finding = finding
        .with_help("delete the old pods, in the order your application needs: each comes back with the new template")
        .with_help("if whoever deletes them comes later in the pipeline, pass --allow-on-delete: this passes then, with a warning")
        .with_help("or let the controller do it: set spec.updateStrategy.type to RollingUpdate");
    for name in names.iter().take(NAMED) {
        finding = finding.with_command(kubectl(rollout.namespace(), &["delete", "pod", name]));
    }
    finding
}

/// The forced-rollback trap: the controller of a StatefulSet replaces no pod while one of an older template is
/// broken, and so never gets to replacing that one (kubernetes/kubernetes 67250; with a maxUnavailable also
/// where pods are managed in parallel, 137409). Nothing but deleting the pod helps.
pub(super) fn blocking(rollout: &Rollout<'_>, diagnosis: &mut Diagnosis) {
    let workload = rollout.workload;
    if workload.kind != Kind::StatefulSet || workload.updates_on_delete() {
        return;
    }
    let Some(pod) = blocker(rollout) else { return };
    let status = &workload.status;
    // Any movement of the counters begins the time anew.
    let key = format!(
        "{}/{}/{}/{}",
        pod.metadata.name,
        status.updated_replicas,
        status.ready_replicas,
        workload.available()
    );
    let name = &pod.metadata.name;
    let headline = format!(
        "pod {name} of an older revision is not ready, and StatefulSet {} does not replace it while it is not",
        workload.metadata.name
    );
    let hash = pod.metadata.labels.get(label::CONTROLLER_REVISION_HASH).cloned().unwrap_or_default();
    let path = format!("metadata.labels[{}]", label::CONTROLLER_REVISION_HASH);
    let newest = workload.status.update_revision.clone().unwrap_or_default();
    let mut finding = Finding::new(
        CauseCode::OldPodBlocking,
        key,
        pod.object_ref(),
        headline,
        Evidence::field(pod.object_ref(), path, hash),
    )
    .with_evidence(Evidence::field(workload.object_ref(), "status.updateRevision", newest))
    .with_prognosis(Prognosis::LikelyPermanent);
    let waiting = pod.statuses().find(|status| status.state.waiting.is_some() && !status.is_being_created());
    if let Some(status) = waiting {
        finding = finding.with_evidence(waiting_evidence(pod, status));
    } else if let Some((status, ended)) =
        pod.statuses().find_map(|status| Some((status, status.state.terminated.as_ref()?)))
    {
        let path = status_path(pod, &status.name, "state.terminated");
        let value = format!("exitCode {}, reason {}", ended.exit_code, ended.reason);
        finding = finding.with_evidence(Evidence::field(pod.object_ref(), path, value));
    }
    if !is_in_trouble(pod) {
        finding = finding.with_tolerance(STARTING);
    }
    let kept = i64::try_from(pod.ordinal().unwrap_or(u64::MAX)).unwrap_or(i64::MAX);
    finding = if kept < workload.spec.ordinals.start + workload.partition() {
        finding.with_help(format!(
            "its ordinal is below the partition ({}), so deleting it brings the older template back: repair what that one needs, or lower spec.updateStrategy.rollingUpdate.partition and delete the pod then",
            workload.partition()
        ))
    } else {
        finding
            .with_help("delete the pod: it comes back with the newest template, and the rollout goes on")
            .with_help("applying again, or going back to an earlier template, does not help: no template reaches this pod")
    };
    diagnosis.add(finding.with_command(kubectl(rollout.namespace(), &["delete", "pod", name])));
}

/// Whoever corrects the template of an ordered StatefulSet whose new pod is broken walks into the trap above: the
/// broken pod is one of an older template then. To be told while there is time.
pub(crate) fn warn_of_the_trap(rollout: &Rollout<'_>, findings: &mut [Finding]) {
    let workload = rollout.workload;
    if !workload.is_ordered() || workload.updates_on_delete() {
        return;
    }
    for finding in findings {
        let stuck = rollout
            .live_pods()
            .filter(|pod| !pod.is_ready() && finding.pods.contains(&pod.metadata.name))
            .min_by_key(|pod| pod.ordinal());
        let Some(pod) = stuck else { continue };
        let name = &pod.metadata.name;
        *finding = finding
            .clone()
            .with_help(format!(
                "if the fix changes the template, delete pod {name} after applying it: a StatefulSet does not replace a pod that is not ready"
            ))
            .with_command(kubectl(rollout.namespace(), &["delete", "pod", name]));
    }
}

/// The pod that keeps the others from being replaced, if it is one of an older template.
fn blocker<'a>(rollout: &Rollout<'a>) -> Option<&'a Pod> {
    let stuck = |pod: &&Pod| !pod.is_ready() && !pod.metadata.is_being_deleted() && !pod.is_finished();
    let by_ordinal = |pods: &[&'a Pod]| pods.iter().copied().filter(stuck).min_by_key(|pod| pod.ordinal());
    let (new, old) = (by_ordinal(&rollout.pods), by_ordinal(&rollout.old_pods)?);
    if rollout.workload.is_ordered() {
        // The first that is not ready is waited for, whatever its template.
        return new.is_none_or(|new| old.ordinal() < new.ordinal()).then_some(old);
    }
    // In parallel the newest pods come first, and an old one only waits for its turn meanwhile.
    let moving = rollout.pods.iter().chain(&rollout.old_pods).any(|pod| pod.metadata.is_being_deleted());
    (new.is_none() && !moving).then_some(old)
}

/// A container has ended, or cannot start.
fn is_in_trouble(pod: &Pod) -> bool {
    pod.statuses().any(|status| {
        status.restart_count > 0
            || (status.state.waiting.is_some() && !status.is_being_created())
            || status.state.terminated.as_ref().is_some_and(|ended| ended.exit_code != 0)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::diagnose::rollout::rules;
    use crate::testing::World;

    fn world(spec: Value) -> World {
        let mut world = World::of(Kind::StatefulSet);
        let mut full = json!({"replicas": 3});
        crate::testing::merge(&mut full, spec);
        world.workload(
            full,
            json!({"observedGeneration": 1, "updateRevision": "web-new", "currentRevision": "web-old",
                "replicas": 3, "updatedReplicas": 1, "readyReplicas": 2, "availableReplicas": 2}),
        );
        world
    }

    fn broken() -> Value {
        json!({"phase": "Pending", "containerStatuses": [{"name": "app",
            "state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}}]})
    }

    fn starting() -> Value {
        json!({"phase": "Running", "containerStatuses": [{"name": "app", "state": {"running": {}}}]})
    }

    fn ready() -> Value {
        json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "app", "state": {"running": {}}}]})
    }

    #[test]
    fn a_broken_pod_of_an_older_template_is_to_be_deleted() {
        let mut world = world(json!({}));
        world.pod_of_revision("web-0", "web-old", ready());
        world.pod_of_revision("web-1", "web-old", broken());
        world.pod_of_revision("web-2", "web-new", ready());
        let found = world.run(rules);
        let finding = found.the(CauseCode::OldPodBlocking);
        assert_eq!(finding.subject.name, "web-1");
        assert_eq!(finding.commands, ["kubectl -n shop delete pod web-1"]);
        assert_eq!((finding.hold, finding.tolerance), (Hold::Tolerance, None));
        assert_eq!(finding.evidence.len(), 3);
    }

    #[test]
    fn an_old_pod_that_is_only_starting_has_more_time() {
        let mut world = world(json!({}));
        world.pod_of_revision("web-1", "web-old", starting());
        assert_eq!(world.run(rules).the(CauseCode::OldPodBlocking).tolerance, Some(STARTING));
    }

    #[test]
    fn a_crashing_old_pod_shows_its_end() {
        let mut world = world(json!({}));
        let ended = json!({"terminated": {"exitCode": 3, "reason": "Error"}});
        world.pod_of_revision(
            "web-1",
            "web-old",
            json!({"containerStatuses": [{"name": "app", "restartCount": 4, "state": ended}]}),
        );
        let found = world.run(rules);
        let finding = found.the(CauseCode::OldPodBlocking);
        assert_eq!(finding.tolerance, None, "it is in trouble");
        assert!(format!("{:?}", finding.evidence).contains("exitCode 3, reason Error"));
    }

    #[test]
    fn movement_of_the_counters_makes_it_another_finding() {
        let mut world = world(json!({}));
        world.pod_of_revision("web-1", "web-old", broken());
        let before = world.run(rules).the(CauseCode::OldPodBlocking).key.clone();
        world.workload(
            json!({"replicas": 3}),
            json!({"observedGeneration": 1, "updateRevision": "web-new", "replicas": 3, "updatedReplicas": 2}),
        );
        assert_ne!(world.run(rules).the(CauseCode::OldPodBlocking).key, before);
    }

    #[test]
    fn a_pod_that_is_ready_or_new_or_being_deleted_blocks_nothing_of_that_kind() {
        let mut world = world(json!({}));
        world.pod_of_revision("web-1", "web-old", ready());
        world.pod_of_revision("web-2", "web-new", broken());
        assert!(!world.run(rules).codes().contains(&"old-pod-blocking"));
        // A new pod of a lower ordinal is waited for first; what is wrong with it is told by other rules.
        world.pod_of_revision("web-1", "web-new", broken());
        world.pod_of_revision("web-2", "web-old", broken());
        assert!(!world.run(rules).codes().contains(&"old-pod-blocking"));
    }

    #[test]
    fn in_parallel_an_old_pod_waits_for_its_turn_behind_a_new_one() {
        let mut world = world(json!({"podManagementPolicy": "Parallel"}));
        world.pod_of_revision("web-0", "web-old", broken());
        world.pod_of_revision("web-2", "web-new", starting());
        assert!(!world.run(rules).codes().contains(&"old-pod-blocking"));
        world.pod_of_revision("web-2", "web-new", ready());
        assert!(world.run(rules).codes().contains(&"old-pod-blocking"));
    }

    #[test]
    fn below_the_partition_deleting_alone_brings_the_old_template_back() {
        let mut world = world(json!({"ordinals": {"start": 5},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}));
        world.pod_of_revision("web-6", "web-old", broken());
        let found = world.run(rules);
        assert!(found.the(CauseCode::OldPodBlocking).help[0].contains("below the partition (2)"));
    }

    #[test]
    fn a_broken_new_pod_comes_with_the_word_that_a_fix_alone_will_not_reach_it() {
        let told = |spec: Value| {
            let mut world = world(spec);
            let mut findings = Vec::new();
            world.pod_of_revision("web-2", "web-new", broken());
            let evidence = Evidence::absence("nothing");
            let subject = world.rollout().workload.object_ref();
            findings.push(
                Finding::new(CauseCode::ImageNotFound, "app", subject, "headline", evidence).on_pod("web-2"),
            );
            warn_of_the_trap(&world.rollout(), &mut findings);
            findings.remove(0).commands
        };
        assert_eq!(told(json!({})), ["kubectl -n shop delete pod web-2"]);
        assert!(told(json!({"podManagementPolicy": "Parallel"})).is_empty());
        assert!(told(json!({"updateStrategy": {"type": "OnDelete"}})).is_empty());
    }

    #[test]
    fn on_delete_ends_at_once_and_names_the_pods() {
        let mut world = world(json!({"updateStrategy": {"type": "OnDelete"}}));
        world.pod_of_revision("web-0", "web-old", ready());
        world.pod_of_revision("web-1", "web-old", broken());
        world.pod_of_revision("web-2", "web-new", ready());
        let found = world.run(rules);
        assert_eq!(found.codes(), ["update-on-delete"]);
        let finding = found.the(CauseCode::UpdateOnDelete);
        assert_eq!(finding.hold, Hold::Ripe);
        assert!(finding.headline.starts_with("2 pods of StatefulSet web keep"), "{}", finding.headline);
        assert_eq!(
            finding.commands,
            ["kubectl -n shop delete pod web-0", "kubectl -n shop delete pod web-1"]
        );
        world.accepted.on_delete = true;
        assert!(world.run(rules).codes().is_empty());
    }
}
