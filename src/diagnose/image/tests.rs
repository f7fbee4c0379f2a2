use serde_json::json;

use super::rules;
use crate::diagnose::{CauseCode, Confidence, Diagnosis, Evidence, Finding, Hold};
use crate::model::Kind;
use crate::observation::{Observed, Request, Stream, Want};
use crate::testing::World;

pub(super) fn world(image: &str) -> World {
    World::with_app(json!({"image": image}))
}

/// The diagnosis of a pod whose pull of an image fails with that text.
pub(super) fn failed(image: &str, error: &str) -> Diagnosis {
    let mut world = world(image);
    world.waiting_pod("web-1", "ErrImagePull", error);
    world.run(rules)
}

fn not_found(image: &str) -> String {
    format!(
        "rpc error: code = NotFound desc = failed to pull and unpack image \"{image}\": failed to resolve reference \
         \"{image}\": {image}: not found"
    )
}

pub(super) const DENIED: &str = "failed to pull and unpack image: pull access denied, repository does not exist or may require \
    authorization: server message: insufficient_scope: authorization failed";

pub(super) fn old_revision(world: &mut World, name: &str, revision: &str, image: &str, ready: i64) {
    let body = json!({
        "metadata": {"name": name, "namespace": "shop", "uid": name,
            "annotations": {"deployment.kubernetes.io/revision": revision},
            "ownerReferences": [{"kind": "Deployment", "name": "web", "uid": "d-1", "controller": true}]},
        "spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}},
        "status": {"replicas": ready, "readyReplicas": ready},
    });
    let object = crate::model::decode_value(Kind::ReplicaSet, body).unwrap();
    let stream = Stream::selected(Kind::ReplicaSet, "shop", "app=web".to_owned());
    world.observe(Observed::Applied { stream, object });
}

pub(super) fn help(finding: &Finding) -> String {
    finding.help.join("\n")
}

#[test]
fn a_404_beside_a_running_image_of_the_same_repository_is_a_wrong_tag() {
    let mut world = world("localhost:15000/busy:1.10");
    old_revision(&mut world, "web-older", "1", "localhost:15000/busy:3", 0);
    old_revision(&mut world, "web-old", "2", "localhost:15000/busy:1.1", 3);
    world.waiting_pod("web-1", "ErrImagePull", &not_found("localhost:15000/busy:1.10"));
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::ImageNotFound);
    assert_eq!(
        finding.headline,
        "image localhost:15000/busy:1.10 does not exist: repository localhost:15000/busy has no tag 1.10"
    );
    assert_eq!(finding.confidence, Confidence::Likely);
    assert!(
        help(finding).contains(
            "other tag of localhost:15000/busy in use: 1.1 (runs in the old pods), 3 (used by revision 1)"
        ),
        "{}",
        help(finding)
    );
    assert_eq!(
        finding.commands,
        [
            "kubectl -n shop set image deployment/web app=localhost:15000/busy:1.1",
            "docker pull localhost:15000/busy:1.10",
            "docker pull localhost:15000/busy"
        ]
    );
    assert!(matches!(&finding.evidence[0], Evidence::Field { path, value, .. }
        if path == "status.containerStatuses[app].state.waiting.message" && value.ends_with(": not found")));
}

#[test]
fn a_404_alone_leaves_two_suspects_and_rules_out_permission() {
    let diagnosis = failed("localhost:15000/no/such", &not_found("localhost:15000/no/such:latest"));
    let finding = diagnosis.the(CauseCode::ImageNotFound);
    assert_eq!(
        finding.headline,
        "image localhost:15000/no/such:latest does not exist: either the tag latest is wrong or registry \
         localhost:15000 has no repository no/such"
    );
    assert!(help(finding).contains("Permission is not the problem"));
}

#[test]
fn a_404_of_docker_hub_is_about_the_tag_and_the_implied_registry_is_named() {
    let diagnosis = failed("nginx:1.99", &not_found("docker.io/library/nginx:1.99"));
    let finding = diagnosis.the(CauseCode::ImageNotFound);
    assert_eq!(
        finding.headline,
        "image docker.io/library/nginx:1.99 does not exist: repository docker.io/library/nginx has no tag 1.99"
    );
    assert!(help(finding).contains("Docker Hub (docker.io) is assumed"));
}

#[test]
fn a_registry_that_knows_no_such_repository_says_so_and_the_other_registry_is_offered() {
    let mut world = world("shop/web:2");
    old_revision(&mut world, "web-old", "1", "registry.example/shop/web:1", 2);
    world.waiting_pod(
        "web-1",
        "ErrImagePull",
        "reading manifest 2 in docker.io/shop/web: name unknown: not known",
    );
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::ImageNotFound);
    assert_eq!(
        finding.headline,
        "image docker.io/shop/web:2 does not exist: registry docker.io has no repository shop/web"
    );
    assert!(help(finding).contains("registry.example/shop/web (runs in the old pods)"));
    assert_eq!(
        finding.commands[0],
        "kubectl -n shop set image deployment/web app=registry.example/shop/web:2"
    );
}

#[test]
fn a_refused_official_image_does_not_exist_because_they_are_all_public() {
    let diagnosis = failed("web:1", DENIED);
    assert!(
        diagnosis.the(CauseCode::ImageNotFound).headline.contains("Docker Hub has no official image web")
    );
}

#[test]
fn digits_of_a_digest_are_no_status() {
    let image = format!("localhost:15000/busy@sha256:{}", "401".repeat(21) + "4");
    let diagnosis = failed(&image, &not_found(&image));
    assert_eq!(diagnosis.codes(), ["image-not-found"]);
    assert!(diagnosis.findings[0].headline.contains("digest sha256:401"));
}

#[test]
fn each_other_failure_of_a_pull_has_its_cause() {
    for (error, code, words) in [
        (
            "failed to pull and unpack image \"localhost:15000/busy:1\": no match for platform in manifest: not found",
            "image-platform-mismatch",
            "is not built for the processor or system of node n1",
        ),
        (
            "toomanyrequests: You have reached your unauthenticated pull rate limit",
            "registry-rate-limited",
            "limits how often",
        ),
        ("pull QPS exceeded", "registry-rate-limited", "limits its own pulls"),
        (
            "dial tcp 127.0.0.1:15000: connect: connection refused",
            "registry-unreachable",
            "registry localhost:15000 cannot be reached from node n1 for localhost:15000/busy:1: connection refused",
        ),
        (
            "dial tcp: lookup localhost on 10.0.0.2:53: no such host",
            "registry-unreachable",
            "does not resolve on node n1",
        ),
        (
            "tls: failed to verify certificate: x509: certificate has expired or is not yet valid",
            "registry-certificate-untrusted",
            "it has expired or is not yet valid",
        ),
        ("http: server gave HTTP response to HTTPS client", "registry-plain-http", "speaks plain HTTP"),
        ("write /var/lib/x: no space left on device", "unknown", "has no room"),
        ("could not fetch content descriptor sha256:404 from remote: not found", "unknown", "is incomplete"),
        ("what nobody has seen", "unknown", "cannot be pulled"),
    ] {
        let mut world = World::new(
            json!({"nodeName": "n1", "containers": [{"name": "app", "image": "localhost:15000/busy:1"}]}),
        );
        world.waiting_pod("web-1", "ErrImagePull", error);
        let diagnosis = world.run(rules);
        assert_eq!(diagnosis.codes(), [code], "{error}");
        assert!(diagnosis.findings[0].headline.contains(words), "{}", diagnosis.findings[0].headline);
    }
}

#[test]
fn a_registry_that_does_not_resolve_is_compared_with_those_in_use() {
    let mut world = world("registry.exmaple/shop/web:2");
    old_revision(&mut world, "web-old", "1", "registry.example/shop/web:1", 1);
    world.waiting_pod("web-1", "ErrImagePull", "dial tcp: lookup registry.exmaple: no such host");
    let diagnosis = world.run(rules);
    assert_eq!(
        diagnosis.the(CauseCode::RegistryUnreachable).commands,
        ["kubectl -n shop set image deployment/web app=registry.example/shop/web:2"]
    );
}

#[test]
fn a_name_that_cannot_be_read_shows_the_fault_and_the_correction() {
    let mut world = world("localhost:15000/Shop/Web:1");
    world.waiting_pod(
        "web-1",
        "InvalidImageName",
        "couldn't parse image name: repository name must be lowercase",
    );
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::ImageNameInvalid);
    assert_eq!(
        finding.headline,
        "image name \"localhost:15000/Shop/Web:1\" of container app is not valid: \"S\" is upper case, and a repository \
         name must be lower case"
    );
    assert_eq!(finding.commands, ["kubectl -n shop set image deployment/web app=localhost:15000/shop/web:1"]);
    assert!(matches!(&finding.evidence[1], Evidence::Field { path, .. }
        if path == "spec.template.spec.containers[app].image"));
}

#[test]
fn an_unreplaced_variable_is_answered_with_the_last_good_image() {
    let mut world = world("localhost:15000/busy:${TAG}");
    old_revision(&mut world, "web-old", "1", "localhost:15000/busy:1", 1);
    world.waiting_pod("web-1", "InvalidImageName", "invalid reference format");
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::ImageNameInvalid);
    assert!(finding.headline.ends_with("\"${TAG}\" was not replaced by its value"));
    assert_eq!(finding.commands, ["kubectl -n shop set image deployment/web app=localhost:15000/busy:1"]);
}

#[test]
fn an_image_that_may_not_be_pulled_and_is_absent_names_the_policy() {
    let mut world = world("busy:1");
    world.waiting_pod(
        "web-1",
        "ErrImageNeverPull",
        "Container image \"busy:1\" is not present with pull policy of Never",
    );
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::ImageNeverPulled);
    assert!(
        finding.headline.contains("docker.io/library/busy:1 is not on the node, and imagePullPolicy Never")
    );
    assert!(finding.commands[0].starts_with("kubectl -n shop patch deployment/web -p "));
}

#[test]
fn a_short_name_that_the_runtime_may_not_choose_for_is_written_out() {
    // CRI-O asks its image store first, so either reason may show it.
    for reason in ["ErrImagePull", "ImageInspectError"] {
        let mut world = world("shop/web:1");
        world.waiting_pod(
            "web-1",
            reason,
            "Failed to inspect image \"\": rpc error: code = Unknown desc = short name mode is enforcing, but image name \
             shop/web:1 returns ambiguous list",
        );
        let diagnosis = world.run(rules);
        let finding = diagnosis.the(CauseCode::ImageNameInvalid);
        assert_eq!(
            finding.headline,
            "image name \"shop/web:1\" of container app names no registry, and the node demands one"
        );
        assert_eq!(finding.commands, ["kubectl -n shop set image deployment/web app=docker.io/shop/web:1"]);
    }
}

#[test]
fn a_runtime_that_cannot_look_into_its_store_is_the_nodes_trouble() {
    let mut world = world("localhost:15000/busy:1");
    world.waiting_pod(
        "web-1",
        "ImageInspectError",
        "Failed to inspect image \"\": rpc error: code = Unknown desc = layer not known",
    );
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::Unknown);
    assert_eq!(
        finding.headline,
        "the container runtime of the node cannot tell whether it has image localhost:15000/busy:1"
    );
    assert_eq!(finding.tolerance, Some(std::time::Duration::from_secs(120)));
    assert!(help(finding).contains("The registry has no part in it"));
}

#[test]
fn a_runtime_that_calls_the_registry_unavailable_says_more_where_it_can() {
    for (message, words) in [
        ("image pull failed for a because the registry is unavailable", "it does not answer"),
        (
            "image pull failed for a because the registry is unavailable: pinging container registry localhost:15000: \
             dial tcp 127.0.0.1:15000: connect: connection refused",
            "connection refused",
        ),
    ] {
        let mut world = world("localhost:15000/busy:1");
        world.waiting_pod("web-1", "RegistryUnavailable", message);
        let diagnosis = world.run(rules);
        let headline = &diagnosis.the(CauseCode::RegistryUnreachable).headline;
        assert!(headline.ends_with(words), "{headline}");
    }
}

#[test]
fn while_kubelet_waits_the_last_error_is_remembered() {
    let mut world = world("localhost:15000/busy:9");
    world.waiting_pod("web-1", "ErrImagePull", &not_found("localhost:15000/busy:9"));
    world.waiting_pod("web-1", "ImagePullBackOff", "Back-off pulling image \"localhost:15000/busy:9\"");
    world.waiting_pod("web-1", "ErrImagePull", &not_found("localhost:15000/busy:9"));
    world.waiting_pod("web-1", "ImagePullBackOff", "Back-off pulling image \"localhost:15000/busy:9\"");
    let diagnosis = world.run(rules);
    assert_eq!(diagnosis.codes(), ["image-not-found"]);
    assert_eq!(diagnosis.findings[0].attempts, Some(2));
}

#[test]
fn an_error_that_status_does_not_show_is_read_from_the_event() {
    let mut world = world("localhost:15000/busy:9");
    world.waiting_pod("web-1", "ImagePullBackOff", "Back-off pulling image \"localhost:15000/busy:9\"");
    let diagnosis = world.run(rules);
    assert_eq!(diagnosis.codes(), ["unknown"]);
    assert_eq!(diagnosis.findings[0].hold, Hold::Announce);
    assert!(
        matches!(&diagnosis.requests[..], [Request { want: Want::Events(pod), .. }] if pod.name == "web-1")
    );
    let message =
        format!("Failed to pull image \"localhost:15000/busy:9\": {}", not_found("localhost:15000/busy:9"));
    world.events(
        Kind::Pod,
        "web-1",
        json!([{"reason": "Failed", "message": message, "involvedObject": {"fieldPath": "spec.containers{app}"}}]),
    );
    let diagnosis = world.run(rules);
    assert_eq!(diagnosis.codes(), ["image-not-found"]);
    assert!(
        matches!(&diagnosis.findings[0].evidence[0], Evidence::Event { reason, .. } if reason == "Failed")
    );
}

#[test]
fn an_init_container_is_named_as_such() {
    let mut world =
        World::new(json!({"initContainers": [{"name": "migrate", "image": "localhost:15000/no:1"}],
        "containers": [{"name": "app", "image": "localhost:15000/busy:1"}]}));
    world.pod(
        "web-1",
        json!({"initContainerStatuses": [{"name": "migrate", "state": {"waiting":
            {"reason": "ErrImagePull", "message": "what nobody has seen"}}}],
            "containerStatuses": [{"name": "app", "state": {"waiting": {"reason": "PodInitializing"}}}]}),
    );
    let diagnosis = world.run(rules);
    assert_eq!(
        diagnosis.findings[0].headline,
        "image localhost:15000/no:1 of init container migrate cannot be pulled"
    );
    assert!(matches!(&diagnosis.findings[0].evidence[0], Evidence::Field { path, .. }
        if path == "status.initContainerStatuses[migrate].state.waiting.message"));
}

#[test]
fn two_pods_with_the_same_image_are_one_finding() {
    let mut world = world("localhost:15000/busy:9");
    for pod in ["web-1", "web-2"] {
        world.waiting_pod(pod, "ErrImagePull", &not_found("localhost:15000/busy:9"));
    }
    let diagnosis = world.run(rules);
    assert_eq!(diagnosis.findings.len(), 1);
    assert_eq!(diagnosis.findings[0].pods.len(), 2);
}

#[test]
fn credentials_in_the_text_do_not_reach_the_evidence() {
    let diagnosis = failed(
        "acme/web:1",
        "toomanyrequests: you have reached your pull rate limit as acme: dckr_jti_secret",
    );
    assert!(!format!("{:?}", diagnosis.findings).contains("dckr_jti_secret"));
}
