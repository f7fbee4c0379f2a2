use serde_json::{Value, json};

use super::super::rules;
use super::super::tests::{DENIED, failed, help, old_revision, world};
use crate::diagnose::{CauseCode, Confidence, Evidence, Hold};
use crate::model::Kind;
use crate::observation::{Answer, Request, Want};
use crate::testing::World;

const UNAUTHORIZED: &str = "failed to pull and unpack image \"localhost:15001/busy:1\": failed to resolve reference \
    \"localhost:15001/busy:1\": pulling from host localhost:15001 failed with status code [manifests 1]: 401 \
    Unauthorized";

fn with_secrets(image: &str, secrets: &[&str]) -> World {
    let secrets: Vec<Value> = secrets.iter().map(|name| json!({"name": name})).collect();
    World::new(json!({"containers": [{"name": "app", "image": image}], "imagePullSecrets": secrets}))
}

fn secret_names(world: &mut World, names: &[&str]) {
    let want = Want::Names { kind: Kind::Secret, namespace: "shop".to_owned() };
    world.answer(want, Answer::Names(names.iter().map(|name| (*name).to_owned()).collect()));
}

fn retrieval_failed(names: &str, at: &str) -> Value {
    json!({"reason": "FailedToRetrieveImagePullSecret", "type": "Warning", "lastTimestamp": at, "count": 2, "message":
        format!("Unable to retrieve some image pull secrets ({names}); attempting to pull the image may not succeed.")})
}

#[test]
fn a_refusal_without_pull_secret_names_both_suspects_and_how_to_give_permission() {
    let diagnosis = failed("acme/web:1", DENIED);
    let finding = diagnosis.the(CauseCode::ImageAccessDenied);
    assert_eq!(
        finding.headline,
        "registry docker.io refused docker.io/acme/web:1: it is private and the pod has no pull secret, or it does not \
         exist"
    );
    assert_eq!(finding.confidence, Confidence::Possible);
    assert_eq!(
        finding.commands[2..],
        [
            "kubectl -n shop create secret docker-registry regcred --docker-server=https://index.docker.io/v1/ \
             --docker-username USER --docker-password PASSWORD",
            "kubectl -n shop patch serviceaccount default -p '{\"imagePullSecrets\":[{\"name\":\"regcred\"}]}'",
            "kubectl -n shop rollout restart deployment/web"
        ]
    );
    assert!(diagnosis.requests.contains(&Request::once(Want::PullSecrets {
        namespace: "shop".to_owned(),
        service_account: "default".to_owned()
    })));
}

#[test]
fn a_pull_secret_given_to_the_service_account_later_needs_new_pods() {
    let mut world = world("localhost:15001/busy:1");
    world.waiting_pod("web-1", "ErrImagePull", UNAUTHORIZED);
    world.answer(
        Want::PullSecrets { namespace: "shop".to_owned(), service_account: "default".to_owned() },
        Answer::Names(vec!["regcred".to_owned()]),
    );
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::ImageAccessDenied);
    assert!(finding.headline.contains("ServiceAccount default has regcred now, but only new pods get it"));
    assert_eq!(finding.commands, ["kubectl -n shop rollout restart deployment/web"]);
}

#[test]
fn a_pull_secret_that_kubelet_could_not_read_is_missing() {
    let mut world = with_secrets("localhost:15001/busy:1", &["regcred", "other"]);
    world.waiting_pod("web-1", "ErrImagePull", UNAUTHORIZED);
    world.events(Kind::Pod, "web-1", json!([retrieval_failed("regcred", "2026-11-24T10:00:01Z")]));
    let diagnosis = world.run(rules);
    assert_eq!(diagnosis.codes(), ["image-pull-secret-missing"]);
    let finding = &diagnosis.findings[0];
    assert_eq!(
        finding.headline,
        "pull secret regcred does not exist in namespace shop, and registry localhost:15001 refused \
         localhost:15001/busy:1"
    );
    assert_eq!((finding.subject.kind, finding.subject.name.as_str()), (Kind::Secret, "regcred"));
    assert!(finding.commands[0].contains("docker-registry regcred --docker-server=localhost:15001"));
    assert!(matches!(&finding.evidence[1], Evidence::Event { message, .. } if message.contains("(regcred)")));
}

#[test]
fn near_names_of_a_missing_pull_secret_are_shown() {
    let mut world = with_secrets("localhost:15001/busy:1", &["regcred"]);
    world.waiting_pod("web-1", "ErrImagePull", UNAUTHORIZED);
    secret_names(&mut world, &["reg-cred", "db"]);
    let diagnosis = world.run(rules);
    assert!(help(diagnosis.the(CauseCode::ImagePullSecretMissing)).contains("that exist here: reg-cred."));
}

#[test]
fn a_pull_secret_that_exists_by_now_suspends_its_cause() {
    let mut world = with_secrets("localhost:15001/busy:1", &["regcred"]);
    world.waiting_pod("web-1", "ErrImagePull", UNAUTHORIZED);
    world.events(Kind::Pod, "web-1", json!([retrieval_failed("regcred", "2026-11-24T10:00:01Z")]));
    secret_names(&mut world, &["regcred"]);
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::ImagePullSecretMissing);
    assert_eq!(finding.hold, Hold::Announce);
    assert!(finding.headline.contains("exists now"));
}

#[test]
fn a_pull_that_failed_after_the_secret_appeared_was_rejected() {
    let mut world = with_secrets("localhost:15001/busy:1", &["regcred"]);
    world.waiting_pod("web-1", "ErrImagePull", UNAUTHORIZED);
    world.events(
        Kind::Pod,
        "web-1",
        json!([
            retrieval_failed("regcred", "2026-11-24T10:00:01Z"),
            {"reason": "Failed", "message": format!("Failed to pull image \"localhost:15001/busy:1\": {UNAUTHORIZED}"),
             "lastTimestamp": "2026-11-24T10:00:41Z"}
        ]),
    );
    secret_names(&mut world, &["regcred"]);
    assert_eq!(world.run(rules).codes(), ["image-pull-secret-rejected"]);
}

#[test]
fn a_401_with_a_pull_secret_that_exists_is_a_rejected_secret() {
    let mut world = with_secrets("localhost:15001/busy:1", &["wrongpw"]);
    world.waiting_pod("web-1", "ErrImagePull", UNAUTHORIZED);
    world.events(Kind::Pod, "web-1", json!([]));
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::ImagePullSecretRejected);
    assert_eq!(
        finding.headline,
        "pull secret wrongpw does not open localhost:15001/busy:1: registry localhost:15001 answers 401"
    );
    assert_eq!(
        finding.commands[0],
        "kubectl -n shop get secret wrongpw -o 'jsonpath={.data.\\.dockerconfigjson}' | base64 -d | jq '.auths | keys'"
    );
}

#[test]
fn credentials_that_the_registry_names_wrong_are_certain() {
    let mut world = with_secrets("acme/web:1", &["hub"]);
    world.waiting_pod(
        "web-1",
        "ErrImagePull",
        "failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized",
    );
    world.events(Kind::Pod, "web-1", json!([]));
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::ImagePullSecretRejected);
    assert_eq!(
        finding.headline,
        "registry docker.io rejects the credentials of pull secret hub for docker.io/acme/web:1"
    );
    assert_eq!(finding.confidence, Confidence::Certain);
}

#[test]
fn a_refusal_that_hides_the_reason_leaves_two_suspects_even_with_a_secret() {
    let mut world = with_secrets("acme/web:1", &["hub"]);
    old_revision(&mut world, "web-old", "1", "acme/old:1", 1);
    world.waiting_pod("web-1", "ErrImagePull", DENIED);
    world.events(Kind::Pod, "web-1", json!([]));
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::ImageAccessDenied);
    assert!(finding.headline.ends_with("it does not exist, or pull secret hub may not read it"));
    assert!(help(finding).contains("Most likely first: the name is wrong"), "{}", help(finding));
}

#[test]
fn a_missing_pull_secret_does_not_matter_while_the_image_is_pulled() {
    let mut world = with_secrets("localhost:15000/busy:1", &["regcred"]);
    world.pod("web-1", json!({"containerStatuses": [{"name": "app", "state": {"running": {}}}]}));
    world.waiting_pod("web-2", "ContainerCreating", "");
    for pod in ["web-1", "web-2"] {
        world.events(Kind::Pod, pod, json!([retrieval_failed("regcred", "2026-11-24T10:00:01Z")]));
    }
    assert!(world.run(rules).codes().is_empty());
}

#[test]
fn a_copy_that_other_pods_pulled_with_their_secret_does_not_help_and_is_explained() {
    let refused = |running: i64, policy: &str| {
        let mut world =
            World::with_app(json!({"image": "localhost:15001/busy:1", "imagePullPolicy": policy}));
        old_revision(&mut world, "web-old", "1", "localhost:15001/busy:1", running);
        world.waiting_pod("web-1", "ErrImagePull", UNAUTHORIZED);
        help(world.run(rules).the(CauseCode::ImageAccessDenied))
    };
    assert!(refused(1, "IfNotPresent").starts_with(
        "Image localhost:15001/busy:1 runs in the old pods, so it exists, and a node may have a copy. Since Kubernetes 1.35"
    ));
    assert!(!refused(1, "IfNotPresent").contains("Two pulls"), "it exists");
    // Nobody has pulled it, or the copy is not looked at in any version.
    assert!(!refused(0, "IfNotPresent").contains("1.35"));
    assert!(!refused(1, "Always").contains("1.35"));
}
