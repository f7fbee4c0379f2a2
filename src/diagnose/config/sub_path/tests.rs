use serde_json::{Value, json};

use super::super::rules;
use super::super::tests::{help, keys};
use crate::diagnose::{CauseCode, Confidence, Hold};
use crate::model::Kind;
use crate::testing::World;

fn sub_path_world(status: Value) -> World {
    let mut world =
        World::new(json!({"nodeName": "n1", "volumes": [{"name": "cfg", "configMap": {"name": "app-cfg"}}],
        "containers": [{"name": "app", "image": "a:1", "volumeMounts":
            [{"name": "cfg", "mountPath": "/www/healthz", "subPath": "missing.html"}]}]}));
    let mut container = json!({"name": "app"});
    crate::testing::merge(&mut container, status);
    world.pod("web-1", json!({"containerStatuses": [container]}));
    world
}

/// Read on Kubernetes 1.36.3 with containerd 1.6, the path of kubelet's folder shortened.
const NOT_A_DIRECTORY: &str = "failed to create containerd task: failed to create shim task: OCI runtime create failed: \
    runc create failed: unable to start container process: error during container init: error mounting \
    \"/kubelet/pods/bd79/volume-subpaths/cfg/app/0\" to rootfs at \"/www/healthz\": mount \
    /kubelet/pods/bd79/volume-subpaths/cfg/app/0:/www/healthz (via /proc/self/fd/6), flags: 0x5001: not a directory: \
    unknown";

fn not_a_directory(restarts: i64) -> Value {
    json!({"restartCount": restarts, "state": {"waiting": {"reason": "RunContainerError", "message": NOT_A_DIRECTORY}},
        "lastState": {"terminated": {"exitCode": 128, "reason": "StartError", "message": NOT_A_DIRECTORY}}})
}

#[test]
fn a_sub_path_without_its_key_is_found_by_comparing_with_the_keys() {
    let mut world = sub_path_world(not_a_directory(0));
    keys(&mut world, Kind::ConfigMap, "app-cfg", &["DB_HOST", "missing.htm"]);
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::SubPathMissing);
    assert_eq!(
        finding.headline,
        "ConfigMap app-cfg in namespace shop has no missing.html, so container app gets an empty directory at /www/healthz \
         (subPath)"
    );
    assert_eq!((finding.confidence, finding.hold), (Confidence::Certain, Hold::Tolerance));
    assert!(help(finding).starts_with("Did you mean missing.htm? The volume holds: DB_HOST, missing.htm."));
    let mut world = sub_path_world(not_a_directory(2));
    keys(&mut world, Kind::ConfigMap, "app-cfg", &["DB_HOST"]);
    assert_eq!(world.run(rules).findings[0].hold, Hold::Ripe);
}

#[test]
fn a_container_that_runs_with_a_directory_in_place_of_a_file_is_only_announced() {
    let mut world = sub_path_world(json!({"ready": false, "state": {"running": {}}}));
    keys(&mut world, Kind::ConfigMap, "app-cfg", &["DB_HOST"]);
    let diagnosis = world.run(rules);
    assert_eq!(diagnosis.findings[0].hold, Hold::Announce);
    assert_eq!(diagnosis.findings[0].confidence, Confidence::Possible);
    let mut ready = sub_path_world(json!({"ready": true, "state": {"running": {}}}));
    keys(&mut ready, Kind::ConfigMap, "app-cfg", &["DB_HOST"]);
    assert!(ready.run(rules).codes().is_empty());
}

#[test]
fn a_sub_path_that_exists_is_no_cause_of_an_ordinary_crash() {
    let mut world = sub_path_world(json!({"restartCount": 2, "state": {"terminated": {"exitCode": 1}}}));
    keys(&mut world, Kind::ConfigMap, "app-cfg", &["missing.html"]);
    assert!(world.run(rules).codes().is_empty());
    let mut later = sub_path_world(not_a_directory(6));
    keys(&mut later, Kind::ConfigMap, "app-cfg", &["missing.html"]);
    assert!(help(later.run(rules).the(CauseCode::SubPathMissing)).contains("replace the pods"));
}

#[test]
fn a_container_that_cannot_start_for_this_reason_is_reported_once() {
    let mut world = sub_path_world(not_a_directory(2));
    keys(&mut world, Kind::ConfigMap, "app-cfg", &["DB_HOST"]);
    assert_eq!(
        crate::diagnose::diagnose(&world.rollout(), &crate::policy::Expectations::default()).codes(),
        ["sub-path-missing"]
    );
    let mut other = sub_path_world(not_a_directory(2));
    keys(&mut other, Kind::ConfigMap, "app-cfg", &["missing.html"]);
    assert!(
        crate::diagnose::diagnose(&other.rollout(), &crate::policy::Expectations::default())
            .codes()
            .contains(&"container-cannot-start")
    );
}
