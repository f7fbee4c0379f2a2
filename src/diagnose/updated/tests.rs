//! What the user said of the rollout, against what is there.

use serde_json::json;

use super::*;
use crate::model::Kind;
use crate::observation::Answer;
use crate::policy::Expected;
use crate::testing::World;

fn images(images: &[(Option<&str>, &str)]) -> Expectations {
    Expectations { images: expected(images), ..Expectations::default() }
}

fn digests(digests: &[(Option<&str>, &str)]) -> Expectations {
    Expectations { digests: expected(digests), ..Expectations::default() }
}

fn expected(all: &[(Option<&str>, &str)]) -> Vec<Expected> {
    let of = |(container, value): &(Option<&str>, &str)| Expected {
        container: container.map(str::to_owned),
        value: (*value).to_owned(),
    };
    all.iter().map(of).collect()
}

fn found(world: &World, expect: &Expectations) -> Diagnosis {
    let mut diagnosis = Diagnosis::default();
    rules(&world.rollout(), expect, &mut diagnosis);
    diagnosis
}

#[test]
fn an_image_that_the_template_has_is_no_finding() {
    let world = World::with_app(json!({}));
    for image in ["registry.example/shop/web:1.2"] {
        for container in [None, Some("app")] {
            assert!(found(&world, &images(&[(container, image)])).findings.is_empty());
        }
    }
    let pinned = World::with_app(json!({"image": "docker.io/library/web:1@sha256:aa"}));
    for image in ["web:1", "docker.io/library/web:1", "web@sha256:aa"] {
        assert!(found(&pinned, &images(&[(None, image)])).findings.is_empty(), "{image}");
    }
    for image in ["web", "web:2", "web@sha256:bb", "quay.io/web:1"] {
        assert_eq!(found(&pinned, &images(&[(None, image)])).codes(), ["image-not-updated"], "{image}");
    }
}

#[test]
fn who_wrote_the_other_image_is_told() {
    let mut world = World::with_app(json!({}));
    let object = world.rollout().workload.object_ref();
    let managers = json!([{"name": "argocd-controller", "at": "2026-11-24T09:59:00Z", "images": ["app"]}]);
    world.answer(Want::Managers(object), Answer::Managers(serde_json::from_value(managers).unwrap()));
    let found = found(&world, &images(&[(None, "registry.example/shop/web:1.3")]));
    let finding = found.the(CauseCode::ImageNotUpdated);
    assert_eq!(
        finding.headline,
        "container app of Deployment web has image registry.example/shop/web:1.2, not registry.example/shop/web:1.3"
    );
    assert!(
        format!("{:?}", finding.evidence)
            .contains("image written by argocd-controller at 2026-11-24T09:59:00Z")
    );
    assert!(finding.help[0].starts_with("Argo CD writes this object"), "{:?}", finding.help);
    assert_eq!(
        finding.commands[0],
        "kubectl -n shop set image deployment/web app=registry.example/shop/web:1.3"
    );
}

#[test]
fn an_image_on_the_wrong_container_is_told() {
    let world = World::new(json!({
        "initContainers": [{"name": "migrate", "image": "web:2"}],
        "containers": [{"name": "app", "image": "web:1"}, {"name": "proxy", "image": "envoy:1"}]}));
    let finding = found(&world, &images(&[(Some("app"), "web:2")])).findings.remove(0);
    assert_eq!(
        finding.headline,
        "container app of Deployment web has image web:1, not web:2; init container migrate has it"
    );
    let finding = found(&world, &images(&[(Some("ap"), "web:1")])).findings.remove(0);
    assert!(finding.help[0].contains("Did you mean --expect-image app=web:1"), "{:?}", finding.help);
}

fn running(world: &mut World, name: &str, digest: &str) {
    world.pod(
        name,
        json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "app", "ready": true, "state": {"running": {}},
                "imageID": format!("registry.example/shop/web@{digest}")}]}),
    );
}

#[test]
fn pods_that_run_another_digest_are_counted_and_the_pull_policy_is_told() {
    let mut world = World::with_app(json!({"imagePullPolicy": "IfNotPresent"}));
    running(&mut world, "web-1", "sha256:old");
    running(&mut world, "web-2", "sha256:new");
    world.events(
        Kind::Pod,
        "web-1",
        json!([{"reason": "Pulled", "message": "Container image \"registry.example/shop/web:1.2\" already present on machine and can be accessed by the pod"}]),
    );
    let found = found(&world, &digests(&[(None, "sha256:new")]));
    let finding = found.the(CauseCode::ImageNotUpdated);
    assert_eq!(finding.pods.iter().collect::<Vec<_>>(), ["web-1"]);
    assert!(finding.help[0].contains("imagePullPolicy IfNotPresent keeps"), "{:?}", finding.help);
    assert!(format!("{:?}", finding.evidence).contains("already present on machine"));
    assert_eq!(differing(&world.rollout()).len(), 1);
}

#[test]
fn a_pod_whose_image_is_not_known_yet_is_waited_for_until_it_is_ready() {
    let mut world = World::with_app(json!({}));
    world.waiting_pod("web-1", "ContainerCreating", "");
    assert!(found(&world, &digests(&[(None, "sha256:new")])).findings.is_empty());
    running(&mut world, "web-2", "sha256:new");
    assert!(found(&world, &digests(&[(Some("app"), "sha256:new")])).findings.is_empty());
    let none = found(&world, &digests(&[(Some("side"), "sha256:new")]));
    assert!(none.findings[0].headline.contains("has no container side"));
}
