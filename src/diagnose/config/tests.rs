use std::time::Duration;

use serde_json::{Value, json};

use super::rules;
use crate::diagnose::{CauseCode, Confidence, Diagnosis, Evidence, Finding, Hold};
use crate::model::Kind;
use crate::observation::{Answer, Refusal, Request, Want};
use crate::testing::World;

fn env(kind: &str, name: &str, key: &str) -> Value {
    json!({"env": [{"name": "LEVEL", "valueFrom": {kind: {"name": name, "key": key}}}]})
}

fn keys_want(kind: Kind, name: &str) -> Want {
    Want::Keys { kind, namespace: "shop".to_owned(), name: name.to_owned() }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

pub(super) fn keys(world: &mut World, kind: Kind, name: &str, keys: &[&str]) {
    world.answer(keys_want(kind, name), Answer::Keys(owned(keys)));
}

fn names(world: &mut World, kind: Kind, names: &[&str]) {
    world.answer(Want::Names { kind, namespace: "shop".to_owned() }, Answer::Names(owned(names)));
}

fn refusal() -> Answer {
    Answer::Refused(Refusal { code: 403, asked: "get secrets".to_owned(), message: "forbidden".to_owned() })
}

/// A pod whose container waits because of its configuration.
fn config_error(fields: Value, message: &str) -> World {
    let mut world = World::with_app(fields);
    world.waiting_pod("web-1", "CreateContainerConfigError", message);
    world
}

/// A pod on a node that has created its containers for 5 seconds, with a volume `cfg` mounted at /etc/app.
fn volume_world(source: Value) -> World {
    let mut volume = json!({"name": "cfg"});
    crate::testing::merge(&mut volume, source);
    let mut world = World::new(json!({"nodeName": "n1", "volumes": [volume], "containers": [
        {"name": "app", "image": "a:1", "volumeMounts": [{"name": "cfg", "mountPath": "/etc/app"}]}]}));
    world.waiting_pod("web-1", "ContainerCreating", "");
    world.at(5);
    world
}

fn failed_mount(error: &str) -> Value {
    json!({"reason": "FailedMount", "type": "Warning", "count": 5, "lastTimestamp": "2026-11-24T10:00:20Z",
        "message": format!("MountVolume.SetUp failed for volume \"cfg\" : {error}")})
}

fn mount_fails(source: Value, error: &str) -> World {
    let mut world = volume_world(source);
    world.events(Kind::Pod, "web-1", json!([failed_mount(error)]));
    world
}

pub(super) fn help(finding: &Finding) -> String {
    finding.help.join("\n")
}

#[test]
fn a_missing_config_map_of_a_variable_names_the_variable_and_its_key() {
    let mut world = config_error(
        env("configMapKeyRef", "special-config", "special.how"),
        "configmap \"special-config\" not found",
    );
    world.answer(keys_want(Kind::ConfigMap, "special-config"), Answer::Missing);
    names(&mut world, Kind::ConfigMap, &["kube-root-ca.crt"]);
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::ConfigMapMissing);
    assert_eq!(
        finding.headline,
        "ConfigMap special-config does not exist in namespace shop; container app needs it for variable LEVEL (key \
         special.how)"
    );
    assert!(matches!(&finding.evidence[0], Evidence::Field { path, .. }
        if path == "status.containerStatuses[app].state.waiting.message"));
    assert_eq!(
        finding.commands,
        [
            "kubectl -n shop create configmap special-config --from-literal=special.how=VALUE",
            "kubectl -n shop get configmaps"
        ]
    );
    assert_eq!(finding.tolerance, Some(Duration::from_secs(30)));
    assert_eq!(finding.subject.kind, Kind::ConfigMap);
}

#[test]
fn what_is_not_yet_known_is_asked_for() {
    let diagnosis = config_error(env("secretKeyRef", "db", "k"), "secret \"db\" not found").run(rules);
    assert!(diagnosis.requests.contains(&Request::every(3, keys_want(Kind::Secret, "db"))));
    assert!(
        diagnosis
            .requests
            .contains(&Request::once(Want::Names { kind: Kind::Secret, namespace: "shop".to_owned() }))
    );
    assert_eq!(diagnosis.codes(), ["secret-missing"]);
    assert_eq!(diagnosis.findings[0].attempts, Some(0));
}

#[test]
fn a_near_name_is_offered_with_the_patch_that_uses_it() {
    let mut world = config_error(
        json!({"envFrom": [{"configMapRef": {"name": "app-cgf"}}]}),
        "configmap \"app-cgf\" not found",
    );
    names(&mut world, Kind::ConfigMap, &["app-cfg", "other"]);
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::ConfigMapMissing);
    assert_eq!(
        finding.headline,
        "ConfigMap app-cgf does not exist in namespace shop; container app needs it for all its variables of envFrom"
    );
    assert!(help(finding).starts_with("ConfigMap app-cfg exists in namespace shop: is it the one meant?"));
    assert_eq!(
        finding.commands[0],
        "kubectl -n shop patch deployment/web --type=json -p '[{\"op\":\"replace\",\"path\":\
         \"/spec/template/spec/containers/0/envFrom/0/configMapRef/name\",\"value\":\"app-cfg\"}]'"
    );
}

#[test]
fn an_object_that_exists_by_now_suspends_its_cause() {
    let mut world = config_error(env("configMapKeyRef", "late", "k"), "configmap \"late\" not found");
    keys(&mut world, Kind::ConfigMap, "late", &["k"]);
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::ConfigMapMissing);
    assert_eq!(finding.hold, Hold::Announce);
    assert!(finding.headline.starts_with("ConfigMap late exists now in namespace shop;"));
}

#[test]
fn a_missing_key_shows_the_keys_that_exist_and_the_nearest() {
    let mut world = config_error(
        env("configMapKeyRef", "app-cfg", "DB_HOTS"),
        "couldn't find key DB_HOTS in ConfigMap shop/app-cfg",
    );
    keys(&mut world, Kind::ConfigMap, "app-cfg", &["DB_HOST", "DB_PORT"]);
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::ConfigMapKeyMissing);
    assert_eq!(
        finding.headline,
        "ConfigMap app-cfg in namespace shop has no key DB_HOTS; container app needs it for variable LEVEL"
    );
    assert!(help(finding).starts_with("Did you mean key DB_HOST? ConfigMap app-cfg has: DB_HOST, DB_PORT."));
    assert!(finding.commands[0].contains("/env/0/valueFrom/configMapKeyRef/key"));
}

#[test]
fn a_key_that_was_added_suspends_its_cause() {
    let mut world =
        config_error(env("configMapKeyRef", "app-cfg", "K"), "couldn't find key K in ConfigMap shop/app-cfg");
    keys(&mut world, Kind::ConfigMap, "app-cfg", &["K"]);
    assert_eq!(world.run(rules).the(CauseCode::ConfigMapKeyMissing).hold, Hold::Announce);
}

#[test]
fn keys_of_a_secret_that_may_not_be_read_are_no_error() {
    let mut world =
        config_error(env("secretKeyRef", "db", "pasword"), "couldn't find key pasword in Secret shop/db");
    world.answer(keys_want(Kind::Secret, "db"), refusal());
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::SecretKeyMissing);
    assert_eq!(finding.hold, Hold::Tolerance);
    assert_eq!(finding.confidence, Confidence::Certain);
    assert!(
        help(finding).contains("could not be read with these credentials (get secrets in namespace shop)")
    );
}

#[test]
fn attempts_are_counted_by_events_and_unknown_where_events_are_forbidden() {
    let mut world = config_error(env("secretKeyRef", "db", "k"), "secret \"db\" not found");
    world.events(
        Kind::Pod,
        "web-1",
        json!([{"reason": "Failed", "message": "Error: secret \"db\" not found", "count": 4,
            "involvedObject": {"fieldPath": "spec.containers{app}"}},
            {"reason": "Failed", "message": "Error: something else", "count": 9}]),
    );
    assert_eq!(world.run(rules).findings[0].attempts, Some(4));
    let pod = world.rollout().pods[0].object_ref();
    world.answer(Want::Events(pod), refusal());
    assert_eq!(world.run(rules).findings[0].attempts, None);
}

#[test]
fn a_missing_secret_of_a_volume_names_volume_and_mount_path() {
    let mut world =
        mount_fails(json!({"secret": {"secretName": "myothersecret"}}), "secret \"myothersecret\" not found");
    world.answer(keys_want(Kind::Secret, "myothersecret"), Answer::Missing);
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::SecretMissing);
    assert_eq!(
        finding.headline,
        "Secret myothersecret does not exist in namespace shop; volume cfg needs it (container app at /etc/app)"
    );
    assert_eq!(finding.tolerance, Some(Duration::from_secs(60)));
    assert!(matches!(&finding.evidence[0], Evidence::Event { reason, .. } if reason == "FailedMount"));
}

#[test]
fn a_key_of_items_is_resolved_through_the_volume() {
    let mut world = mount_fails(
        json!({"configMap": {"name": "app-cfg", "items": [{"key": "app.yaml", "path": "app.yaml"}]}}),
        "configmap references non-existent config key: app.yaml",
    );
    keys(&mut world, Kind::ConfigMap, "app-cfg", &["app.yml"]);
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::ConfigMapKeyMissing);
    assert_eq!(
        finding.headline,
        "ConfigMap app-cfg in namespace shop has no key app.yaml; volume cfg needs it (container app at /etc/app)"
    );
    assert!(finding.commands[0].contains("/volumes/0/configMap/items/0/key"));
    let secret = mount_fails(
        json!({"secret": {"secretName": "db", "items": [{"key": "tls.key", "path": "k"}]}}),
        "references non-existent secret key: tls.key",
    );
    assert_eq!(secret.run(rules).codes(), ["secret-key-missing"]);
}

#[test]
fn a_projected_volume_can_lack_several_things() {
    let missing = mount_fails(
        json!({"projected": {"sources": [{"configMap": {"name": "nope1"}}, {"secret": {"name": "nope2"}}]}}),
        "[configmap \"nope1\" not found, secret \"nope2\" not found]",
    );
    assert_eq!(missing.run(rules).codes(), ["config-map-missing", "secret-missing"]);
    let no_keys = mount_fails(
        json!({"projected": {"sources": [
            {"configMap": {"name": "app-cfg", "items": [{"key": "k1", "path": "p"}]}},
            {"secret": {"name": "db", "items": [{"key": "k2", "path": "p"}]}}]}}),
        "[configmap references non-existent config key: k1, references non-existent secret key: k2]",
    );
    assert_eq!(no_keys.run(rules).codes(), ["config-map-key-missing", "secret-key-missing"]);
}

#[test]
fn kubelets_own_caches_are_never_a_cause() {
    for error in [
        "failed to sync configmap cache: timed out waiting for the condition",
        "object \"shop\"/\"app-cfg\" not registered",
    ] {
        assert!(mount_fails(json!({"configMap": {"name": "app-cfg"}}), error).run(rules).codes().is_empty());
        assert!(config_error(json!({}), error).run(rules).codes().is_empty());
    }
    let root = "container has runAsNonRoot and image will run as root";
    assert!(config_error(json!({}), root).run(rules).codes().is_empty());
}

#[test]
fn a_mount_that_succeeded_since_is_no_cause() {
    let mut world = volume_world(json!({"configMap": {"name": "late"}}));
    world.events(
        Kind::Pod,
        "web-1",
        json!([failed_mount("configmap \"late\" not found"),
            {"reason": "Pulling", "lastTimestamp": "2026-11-24T10:00:20Z", "message": "Pulling image \"a:1\""}]),
    );
    assert!(world.run(rules).codes().is_empty());
}

#[test]
fn events_are_read_only_of_pods_that_do_not_get_on() {
    let asks = |world: &World| {
        let diagnosis: Diagnosis = world.run(rules);
        diagnosis.requests.iter().any(|request| matches!(request.want, Want::Events(_)))
    };
    let mut world =
        World::new(json!({"nodeName": "n1", "volumes": [{"name": "cfg", "configMap": {"name": "a"}}],
        "containers": [{"name": "app", "image": "a:1"}]}));
    world.waiting_pod("web-1", "ContainerCreating", "");
    assert!(!asks(&world), "young");
    world.at(3);
    assert!(asks(&world));
    world.pod(
        "web-1",
        json!({"conditions": [{"type": "PodReadyToStartContainers", "status": "True"}],
            "containerStatuses": [{"name": "app", "state": {"waiting": {"reason": "ContainerCreating"}}}]}),
    );
    assert!(!asks(&world), "its volumes are mounted");
}

#[test]
fn an_optional_reference_that_is_missing_is_no_cause() {
    let mut world = World::new(json!({"nodeName": "n1",
        "volumes": [{"name": "cfg", "configMap": {"name": "gone", "optional": true}}],
        "containers": [{"name": "app", "image": "a:1", "volumeMounts":
            [{"name": "cfg", "mountPath": "/etc/app.yaml", "subPath": "app.yaml"}],
            "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "gone", "key": "k", "optional": true}}}]}]}));
    world.pod(
        "web-1",
        json!({"containerStatuses": [{"name": "app", "restartCount": 3, "state": {"terminated": {"exitCode": 1}}}]}),
    );
    world.answer(keys_want(Kind::ConfigMap, "gone"), Answer::Missing);
    world.at(9);
    assert!(world.run(rules).codes().is_empty());
}

#[test]
fn each_look_that_finds_the_object_missing_is_an_attempt() {
    let mut world = mount_fails(json!({"secret": {"secretName": "s"}}), "secret \"s\" not found");
    assert_eq!(world.run(rules).findings[0].attempts, Some(5), "the events of kubelet");
    world.at(62);
    world.answer(keys_want(Kind::Secret, "s"), Answer::Missing);
    world.at(64);
    assert_eq!(world.run(rules).findings[0].attempts, Some(62), "the time of our own look");
}
