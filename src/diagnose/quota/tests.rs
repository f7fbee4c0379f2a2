//! Cases of the family `quota`, with the texts of Kubernetes 1.36.3 as recorded.

use serde_json::{Value, json};

use super::rules;
use crate::diagnose::{CauseCode, Hold, Prognosis, admission, limits, rollout};
use crate::model::Kind;
use crate::testing::World;

pub(super) const EXCEEDED: &str = "pods \"web-new-ksfsp\" is forbidden: exceeded quota: team, requested: requests.memory=64Mi, used: requests.memory=64Mi, limited: requests.memory=100Mi";

/// A world whose ReplicaSet has no pod.
pub(super) fn world(resources: &Value) -> World {
    let mut world = World::with_app(json!({ "resources": resources }));
    world.replica_set("web-new", "1", json!({"replicas": 0}));
    world.at(5);
    world
}

pub(super) fn refused(world: &mut World, message: &str) {
    world.events(
        Kind::ReplicaSet,
        "web-new",
        json!([{"reason": "FailedCreate", "count": 5, "lastTimestamp": "2026-11-24T10:00:04Z",
            "message": format!("(combined from similar events): Error creating: {message}")}]),
    );
}

pub(super) fn asks(memory: &str) -> Value {
    json!({"requests": {"memory": memory}})
}

#[test]
fn a_full_quota_is_told_with_what_is_free_and_the_ways_out() {
    let mut world = world(&asks("64Mi"));
    refused(&mut world, EXCEEDED);
    let diagnosis = world.run(rules);
    assert_eq!(diagnosis.codes(), ["quota-exceeded"]);
    let finding = diagnosis.the(CauseCode::QuotaExceeded);
    assert_eq!(
        finding.headline,
        "ResourceQuota team of namespace shop has no room: a pod asks for 64Mi requests.memory, but only 36Mi of 100Mi are free (64Mi used)"
    );
    assert_eq!((finding.hold, finding.prognosis), (Hold::Tolerance, Prognosis::LikelyPermanent));
    assert!(finding.help[0].starts_with("Raise requests.memory from 100Mi to at least 128Mi"), "{finding:?}");
    assert_eq!(
        finding.commands[0],
        r#"kubectl -n shop patch resourcequota team --type=merge -p '{"spec":{"hard":{"requests.memory":"128Mi"}}}'"#
    );
    assert!(
        finding.commands.contains(
            &"kubectl -n shop set resources deployment/web -c app --requests=memory=36Mi".to_owned()
        ),
        "{:?}",
        finding.commands
    );
}

#[test]
fn a_pod_larger_than_the_whole_quota_never_fits() {
    let mut world = world(&asks("5Gi"));
    refused(
        &mut world,
        "pods \"x\" is forbidden: exceeded quota: team, requested: requests.memory=5Gi, used: requests.memory=1Gi, limited: requests.memory=4Gi",
    );
    let finding = world.run(rules).the(CauseCode::QuotaExceeded).clone();
    assert!(
        finding.headline.ends_with("a pod asks for 5Gi requests.memory, more than the whole quota of 4Gi")
    );
    assert_eq!(finding.prognosis, Prognosis::Permanent);
}

#[test]
fn replicas_that_fit_are_counted() {
    let mut world = world(&json!({}));
    let body = json!({
        "metadata": {"name": "web", "namespace": "shop", "uid": "d-1", "generation": 1,
            "annotations": {"deployment.kubernetes.io/revision": "1"}},
        "spec": {"replicas": 9, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "app", "image": "registry.example/shop/web:1.2", "resources": {}}]}}},
        "status": {"observedGeneration": 1}});
    world.deployment_object(body);
    refused(
        &mut world,
        "pods \"x\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=5, limited: pods=5",
    );
    world.replica_set(
        "web-new",
        "1",
        json!({"replicas": 3, "conditions": [
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": ""}]}),
    );
    let finding = world.run(rules).the(CauseCode::QuotaExceeded).clone();
    assert!(finding.headline.ends_with("has no room: 5 of 5 pods are used"), "{}", finding.headline);
    assert!(finding.help.contains(&"Or run fewer: 3 of 9 replicas fit.".to_owned()), "{:?}", finding.help);
}

#[test]
fn what_a_quota_counts_must_be_named_by_every_container() {
    let mut world = world(&json!({"requests": {"cpu": "1"}}));
    refused(
        &mut world,
        "pods \"x\" is forbidden: failed quota: team: must specify limits.cpu for: app,proxy; limits.memory for: app",
    );
    let diagnosis = world.run(rules);
    assert_eq!(diagnosis.codes(), ["quota-requires-resources"]);
    let finding = diagnosis.the(CauseCode::QuotaRequiresResources);
    assert_eq!(
        finding.headline,
        "ResourceQuota team of namespace shop counts limits.cpu and limits.memory: container app has no limits.cpu and no limits.memory, container proxy has no limits.cpu"
    );
    assert!(finding.help.iter().any(|help| help.starts_with("Container proxy is not in the template")));
    assert_eq!(
        finding.commands[0],
        "kubectl -n shop set resources deployment/web -c app --limits=cpu=500m,memory=128Mi"
    );
}

/// Old pods that hold the quota, and a new ReplicaSet without a pod.
fn rolling(old: usize) -> World {
    let mut world = world(&asks("64Mi"));
    world.replica_set("web-old", "0", json!({"replicas": 1}));
    for number in 0..old {
        world.pod_of("web-old", &format!("old-{number}"), ready());
    }
    world
}

fn ready() -> Value {
    json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]})
}

#[test]
fn old_pods_that_may_not_go_first_are_a_deadlock() {
    let mut world = rolling(1);
    refused(&mut world, EXCEEDED);
    let diagnosis = world.run(rules);
    assert_eq!(diagnosis.codes(), ["quota-surge-deadlock"]);
    let finding = diagnosis.the(CauseCode::QuotaSurgeDeadlock);
    assert!(
        finding.headline.starts_with(
            "the rollout blocks itself: ResourceQuota team has no room for a new pod while 1 old pod"
        ),
        "{}",
        finding.headline
    );
    assert_eq!(finding.prognosis, Prognosis::Permanent);
    assert_eq!(
        finding.commands[0],
        r#"kubectl -n shop patch deployment/web --type=merge -p '{"spec":{"strategy":{"rollingUpdate":{"maxSurge":0,"maxUnavailable":1},"type":"RollingUpdate"}}}'"#
    );
}

#[test]
fn old_pods_that_free_too_little_are_no_deadlock() {
    let mut world = rolling(1);
    refused(
        &mut world,
        "pods \"x\" is forbidden: exceeded quota: team, requested: requests.memory=5Gi, used: requests.memory=64Mi, limited: requests.memory=100Mi",
    );
    assert_eq!(world.run(rules).codes(), ["quota-exceeded"]);
}

#[test]
fn while_own_pods_are_going_a_full_quota_is_only_announced() {
    let mut world = rolling(1);
    let going = json!({
        "metadata": {"name": "old-0", "namespace": "shop", "uid": "old-0", "labels": {"app": "web"},
            "deletionTimestamp": "2026-11-24T10:00:05Z",
            "ownerReferences": [{"kind": "ReplicaSet", "name": "web-old", "uid": "web-old", "controller": true}]},
        "spec": {}, "status": {"phase": "Running"}});
    let object = crate::model::decode_value(Kind::Pod, going).unwrap();
    let stream = crate::observation::Stream::selected(Kind::Pod, "shop", "app=web".to_owned());
    world.observe(crate::observation::Observed::Applied { stream, object });
    refused(&mut world, EXCEEDED);
    let diagnosis = world.run(rules);
    assert_eq!(diagnosis.codes(), ["quota-exceeded"]);
    let finding = diagnosis.the(CauseCode::QuotaExceeded);
    assert_eq!((finding.hold, finding.prognosis), (Hold::Announce, Prognosis::Transient));
}

#[test]
fn a_quota_of_replica_sets_is_read_from_the_deployment() {
    let mut world = World::with_app(json!({}));
    world.deployment(json!({"observedGeneration": 1, "conditions": [
        {"type": "Progressing", "status": "False", "reason": "ReplicaSetCreateError",
         "message": "Failed to create new replica set \"rs-74b7c7c55\": replicasets.apps \"rs-74b7c7c55\" is forbidden: exceeded quota: team, requested: count/replicasets.apps=1, used: count/replicasets.apps=0, limited: count/replicasets.apps=0"}]}));
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::QuotaExceeded);
    assert_eq!(finding.subject.kind, Kind::Deployment);
    assert!(finding.help.iter().any(|help| help.contains("revisionHistoryLimit")));
    assert!(world.run(rollout::rules).codes().is_empty(), "named once");
}

#[test]
fn a_quota_not_counted_yet_is_only_announced() {
    let mut world = world(&json!({}));
    refused(&mut world, "pods \"x\" is forbidden: status unknown for quota: team, resources: pods");
    assert_eq!(world.run(rules).the(CauseCode::QuotaExceeded).hold, Hold::Announce);
}

#[test]
fn a_resource_that_only_a_quota_grants_is_named() {
    let mut world = world(&json!({}));
    refused(
        &mut world,
        "pods \"x\" is forbidden: insufficient quota to match these scopes: [{PriorityClass In [high]}]",
    );
    let finding = world.run(rules).the(CauseCode::QuotaExceeded).clone();
    assert!(finding.headline.ends_with("[{PriorityClass In [high]}]"), "{}", finding.headline);
}

#[test]
fn other_refusals_are_not_ours_and_ours_are_not_theirs() {
    let mut world = world(&json!({}));
    refused(
        &mut world,
        "pods \"x\" is forbidden: maximum memory usage per Container is 100Mi, but limit is 5Gi",
    );
    assert!(world.run(rules).codes().is_empty());
    refused(&mut world, EXCEEDED);
    assert!(world.run(limits::rules).codes().is_empty());
    assert!(world.run(admission::rules).codes().is_empty());
}
