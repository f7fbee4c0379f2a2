//! What changed between two ReplicaSets, and what of it is suspected.

use serde_json::{Value, json};

use super::*;
use crate::diagnose::{CauseCode, Evidence, Finding};
use crate::model::{Kind, ObjectRef};
use crate::observation::{Observed, Stream};
use crate::testing::World;

fn texts(old: Value, new: Value) -> Vec<String> {
    changes(&World::updated(old, new).rollout()).into_iter().map(|change| change.text).collect()
}

fn app(fields: Value) -> Value {
    let mut container = json!({"name": "app", "image": "web:1"});
    crate::testing::merge(&mut container, fields);
    json!({"containers": [container]})
}

#[test]
fn a_change_is_told_by_its_field_with_what_was_and_what_is() {
    let probe = |path: &str, timeout: u64| json!({"readinessProbe": {"httpGet": {"path": path, "port": 8080}, "timeoutSeconds": timeout}});
    assert_eq!(
        texts(app(probe("/healthz", 1)), app(probe("/readyz", 5))),
        ["app: readinessProbe GET http://:8080/healthz → GET http://:8080/readyz, timeoutSeconds 1 → 5"]
    );
    assert_eq!(
        texts(app(json!({})), app(json!({"image": "web:2", "command": ["serve", "-v"]}))),
        ["app: image web:1 → web:2", "app: command was set to serve -v"]
    );
    let memory = |amount: &str| json!({"resources": {"limits": {"memory": amount, "cpu": "1"}}});
    assert_eq!(
        texts(app(memory("128Mi")), app(memory("64Mi"))),
        ["app: resources.limits.memory 128Mi → 64Mi"]
    );
    assert!(texts(app(json!({})), app(json!({}))).is_empty());
}

#[test]
fn variables_are_told_by_name_and_source_and_never_by_value() {
    let from = |key: &str| json!({"name": "URL", "valueFrom": {"secretKeyRef": {"name": "db", "key": key}}});
    let old = app(json!({"env": [{"name": "MODE", "value": "hidden-1"}, from("url")]}));
    let new = app(json!({"env": [{"name": "LEVEL", "value": "hidden-2"}, from("uri")],
        "envFrom": [{"configMapRef": {"name": "settings"}}]}));
    let texts = texts(old, new);
    assert_eq!(
        texts,
        [
            "app: environment variable LEVEL was added",
            "app: environment variable URL comes from elsewhere",
            "app: environment variable MODE was removed",
            "app: envFrom ConfigMap settings was added",
        ]
    );
}

#[test]
fn what_is_the_pods_is_told_too() {
    let old = json!({"containers": [{"name": "app"}], "nodeSelector": {"pool": "a"},
        "volumes": [{"name": "cfg", "configMap": {"name": "one"}}]});
    let new = json!({"containers": [{"name": "app"}, {"name": "proxy"}], "nodeSelector": {"pool": "b"},
        "volumes": [{"name": "cfg", "configMap": {"name": "two"}}], "serviceAccountName": "deployer"});
    assert_eq!(
        texts(old, new),
        [
            "container proxy was added",
            "volume cfg changed",
            "nodeSelector pool a → b",
            "serviceAccountName was set to deployer",
        ]
    );
}

fn finding(code: CauseCode, key: &str) -> Finding {
    let pod = ObjectRef::named(Kind::Pod, "shop", "web-1");
    Finding::new(code, key, pod, "headline", Evidence::absence("nothing"))
}

fn suspected(code: CauseCode, key: &str, old: Value, new: Value) -> Vec<String> {
    let changes = changes(&World::updated(old, new).rollout());
    culprits(&finding(code, key), &changes).into_iter().map(|change| change.text.clone()).collect()
}

#[test]
fn the_probe_that_changed_is_suspected_first_when_it_fails_and_not_at_all_when_an_image_is_missing() {
    let old = || app(json!({"livenessProbe": {"httpGet": {"path": "/a", "port": 80}}}));
    let new = || app(json!({"image": "web:2", "livenessProbe": {"httpGet": {"path": "/b", "port": 80}}}));
    let probe = "app: livenessProbe GET http://:80/a → GET http://:80/b";
    assert_eq!(suspected(CauseCode::LivenessProbeFailing, "app", old(), new()), [probe]);
    // With the probe as it was, the application is suspected.
    let image = |image: &str| app(json!({"image": image}));
    assert_eq!(
        suspected(CauseCode::LivenessProbeFailing, "app", image("web:1"), image("web:2")),
        ["app: image web:1 → web:2"]
    );
    assert_eq!(suspected(CauseCode::ImageNotFound, "web:2", old(), new()), ["app: image web:1 → web:2"]);
    assert!(suspected(CauseCode::UntoleratedTaint, "", old(), new()).is_empty());
}

#[test]
fn another_containers_change_is_not_suspected() {
    let both = |image: &str| json!({"containers": [{"name": "app"}, {"name": "proxy", "image": image}]});
    assert!(suspected(CauseCode::ContainerCrashing, "app", both("p:1"), both("p:2")).is_empty());
    assert_eq!(
        suspected(CauseCode::ContainerCrashing, "proxy", both("p:1"), both("p:2")),
        ["proxy: image p:1 → p:2"]
    );
}

#[test]
fn a_stateful_set_is_compared_by_its_controller_revisions() {
    let mut world = World::of(Kind::StatefulSet);
    world.workload(json!({}), json!({"observedGeneration": 1, "updateRevision": "web-b"}));
    for (name, number, image) in [("web-a", 1, "web:1"), ("web-b", 2, "web:2")] {
        let body = json!({
            "metadata": {"name": name, "namespace": "shop", "uid": name,
                "ownerReferences": [{"kind": "StatefulSet", "name": "web", "uid": "web", "controller": true}]},
            "revision": number,
            "data": {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}}});
        let object = crate::model::decode_value(Kind::ControllerRevision, body).unwrap();
        let stream = Stream::selected(Kind::ControllerRevision, "shop", "app=web".to_owned());
        world.observe(Observed::Applied { stream, object });
    }
    let texts: Vec<String> = changes(&world.rollout()).into_iter().map(|change| change.text).collect();
    assert_eq!(texts, ["app: image web:1 → web:2"]);
}
