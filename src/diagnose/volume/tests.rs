//! Cases of the family `volume`, with the texts of Kubernetes 1.36.3 as recorded, except where a test says so.

use serde_json::{Value, json};

use super::unplaced::{Topic, topic};
use crate::diagnose::{CauseCode, Diagnosis, Finding, Hold, diagnose};
use crate::model::{Kind, ObjectRef, Rollout};
use crate::observation::{Answer, Refusal, Want};
use crate::policy::Expectations;
use crate::testing::World;

const IMMEDIATE: &str =
    "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found";

fn spec(volume: Value) -> Value {
    let mut data = json!({"name": "data"});
    crate::testing::merge(&mut data, volume);
    json!({"containers": [{"name": "app", "image": "registry.example/shop/web:1"}], "volumes": [data]})
}

/// A world whose only pod uses the claim `data` and has no node, in the scheduler's words.
fn unplaced(message: &str) -> World {
    let mut world = World::new(spec(json!({"persistentVolumeClaim": {"claimName": "data"}})));
    world.pod(
        "web-1",
        json!({"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]}),
    );
    world
}

/// A world whose only pod is on a node and has that event.
fn placed(volume: Value, reason: &str, message: &str) -> World {
    let mut spec = spec(volume);
    spec["nodeName"] = json!("node-1");
    let mut world = World::new(spec);
    world.pod("web-1", json!({"phase": "Pending", "startTime": "2026-11-24T09:59:00Z"}));
    world.events(
        Kind::Pod,
        "web-1",
        json!([{"reason": reason, "message": message, "count": 7, "lastTimestamp": "2026-11-24T10:00:00Z"}]),
    );
    world
}

fn claim(world: &mut World, spec: Value, phase: &str) {
    let mut all = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
    crate::testing::merge(&mut all, spec);
    let claim = json!({"metadata": {"name": "data", "uid": "c-1"}, "spec": all, "status": {"phase": phase}});
    let want = Want::Claim { namespace: "shop".to_owned(), name: "data".to_owned() };
    world.answer(want, Answer::Claim(Box::new(serde_json::from_value(claim).unwrap())));
}

fn claim_event(world: &mut World, reason: &str, message: &str) {
    let object = ObjectRef {
        kind: Kind::PersistentVolumeClaim,
        namespace: "shop".to_owned(),
        name: "data".to_owned(),
        uid: "c-1".to_owned(),
    };
    let events = json!([{"reason": reason, "message": message, "count": 3}]);
    world.answer(Want::Events(object), Answer::Events(serde_json::from_value(events).unwrap()));
}

fn classes(world: &mut World, classes: Value) {
    world.answer(Want::StorageClasses, Answer::StorageClasses(serde_json::from_value(classes).unwrap()));
}

fn volumes(world: &mut World, volumes: Value) {
    world.answer(Want::Volumes, Answer::Volumes(serde_json::from_value(volumes).unwrap()));
}

fn all(world: &World) -> Diagnosis {
    diagnose(&world.rollout(), &Expectations::default())
}

fn only(world: &World, code: CauseCode) -> Finding {
    let diagnosis = all(world);
    assert_eq!(diagnosis.codes(), [code.as_str()]);
    diagnosis.the(code).clone()
}

#[test]
fn the_schedulers_words_about_volumes_have_their_topics() {
    for (words, expected) in [
        ("persistentvolumeclaim \"data\" not found", Topic::Claim),
        ("pod has unbound immediate PersistentVolumeClaims", Topic::Claim),
        ("node(s) didn't find available persistent volumes to bind", Topic::Claim),
        ("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)", Topic::Claim),
        ("node(s) did not have enough free storage", Topic::Claim),
        ("node(s) didn't match PersistentVolume's node affinity", Topic::Nodes),
        ("node(s) had volume node affinity conflict", Topic::Nodes),
        ("node(s) had no available volume zone", Topic::Nodes),
        (
            "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod",
            Topic::Held,
        ),
        ("node(s) had no available disk", Topic::Held),
        ("node(s) exceed max volume count", Topic::Full),
    ] {
        assert_eq!(topic(words), Some(expected), "{words}");
    }
    assert_eq!(topic("node(s) didn't match Pod's node affinity/selector"), None);
}

#[test]
fn nothing_is_said_of_a_claim_before_it_has_been_read() {
    let world = unplaced(IMMEDIATE);
    let diagnosis = all(&world);
    assert!(diagnosis.findings.is_empty(), "{:?}", diagnosis.codes());
    let want = Want::Claim { namespace: "shop".to_owned(), name: "data".to_owned() };
    assert!(diagnosis.requests.iter().any(|request| request.want == want));
}

#[test]
fn where_claims_may_not_be_read_the_schedulers_words_stand() {
    let mut world = unplaced(IMMEDIATE);
    let want = Want::Claim { namespace: "shop".to_owned(), name: "data".to_owned() };
    let refusal =
        Refusal { code: 403, asked: "get persistentvolumeclaims".to_owned(), message: "no".to_owned() };
    world.answer(want, Answer::Refused(refusal));
    let finding = only(&world, CauseCode::ClaimUnbound);
    assert_eq!(
        finding.headline,
        "no node takes the pods because of their volumes: pod has unbound immediate PersistentVolumeClaims"
    );
    assert!(finding.help[0].contains("get persistentvolumeclaims"), "{:?}", finding.help);
}

#[test]
fn a_claim_that_waits_for_its_first_consumer_is_not_the_cause_of_too_little_room() {
    let world = unplaced("0/1 nodes are available: 1 Insufficient cpu.");
    assert_eq!(all(&world).codes(), ["insufficient-resources"]);
}

#[test]
fn more_nodes_with_too_little_room_outweigh_one_without_a_volume_to_bind() {
    let world = unplaced(
        "0/3 nodes are available: 1 node(s) didn't find available persistent volumes to bind, 2 Insufficient cpu.",
    );
    assert_eq!(all(&world).codes(), ["insufficient-resources"]);
}

#[test]
fn a_claim_without_a_class_gets_one_of_those_there_are() {
    let mut world = unplaced(IMMEDIATE);
    claim(&mut world, json!({}), "Pending");
    classes(&mut world, json!([{"metadata": {"name": "fast"}, "provisioner": "x"}]));
    volumes(&mut world, json!([]));
    let finding = only(&world, CauseCode::ClaimUnbound);
    assert_eq!(
        finding.headline,
        "PersistentVolumeClaim data (1Gi, ReadWriteOnce, no StorageClass) is not bound: it names no StorageClass, and none is the default"
    );
    assert!(
        finding.commands[0].contains(r#"{"spec":{"storageClassName":"fast"}}"#),
        "{:?}",
        finding.commands
    );
}

#[test]
fn a_released_volume_is_given_out_again_by_hand_only() {
    let mut world = unplaced(IMMEDIATE);
    claim(&mut world, json!({"storageClassName": ""}), "Pending");
    volumes(
        &mut world,
        json!([{"metadata": {"name": "pv-1"}, "status": {"phase": "Released"}, "spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
            "claimRef": {"namespace": "shop", "name": "old"}}}]),
    );
    classes(&mut world, json!([]));
    let finding = only(&world, CauseCode::ClaimUnbound);
    assert!(
        finding.headline.ends_with(
            "PersistentVolume pv-1, the only one of its StorageClass, was released by claim shop/old and is not given out again"
        ),
        "{}",
        finding.headline
    );
    assert!(finding.commands[0].contains("/spec/claimRef"), "{:?}", finding.commands);
}

#[test]
fn a_volume_that_fits_will_be_bound_soon() {
    let mut world = unplaced(IMMEDIATE);
    claim(&mut world, json!({"storageClassName": "hand"}), "Pending");
    claim_event(&mut world, "ProvisioningFailed", "storageclass.storage.k8s.io \"hand\" not found");
    classes(&mut world, json!([]));
    volumes(
        &mut world,
        json!([{"metadata": {"name": "pv-1"}, "status": {"phase": "Available"}, "spec": {"storageClassName": "hand",
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]}}]),
    );
    assert!(!all(&world).codes().contains(&"storage-class-missing"));
}

#[test]
fn a_claim_that_lost_its_volume_or_is_being_deleted_says_so() {
    let mut world = unplaced(
        "0/1 nodes are available: persistentvolumeclaim \"data\" bound to non-existent persistentvolume \"pv-1\".",
    );
    claim(&mut world, json!({"volumeName": "pv-1"}), "Lost");
    assert!(only(&world, CauseCode::ClaimUnbound).headline.contains("PersistentVolume pv-1 was deleted"));

    let mut world = unplaced("0/1 nodes are available: persistentvolumeclaim \"data\" is being deleted.");
    let claim = json!({"metadata": {"name": "data", "deletionTimestamp": "2026-11-24T10:00:00Z"},
        "status": {"phase": "Bound"}});
    let want = Want::Claim { namespace: "shop".to_owned(), name: "data".to_owned() };
    world.answer(want, Answer::Claim(Box::new(serde_json::from_value(claim).unwrap())));
    assert!(only(&world, CauseCode::ClaimMissing).headline.contains("is being deleted"));
}

/// The words of two cloud drivers, as in their issues.
#[test]
fn a_provisioner_that_fails_is_quoted_and_final_codes_end_sooner() {
    let fast = json!([{"metadata": {"name": "fast"}, "provisioner": "ebs.csi.aws.com"}]);
    let of = |words: &str| {
        let mut world = unplaced(IMMEDIATE);
        claim(&mut world, json!({"storageClassName": "fast"}), "Pending");
        claim_event(&mut world, "ProvisioningFailed", words);
        classes(&mut world, fast.clone());
        only(&world, CauseCode::ProvisioningFailed)
    };
    let quota = of(
        "failed to provision volume with StorageClass \"fast\": rpc error: code = ResourceExhausted desc = VolumeLimitExceeded: maximum volume limit reached",
    );
    assert_eq!(
        quota.headline,
        "no volume could be made for PersistentVolumeClaim data: VolumeLimitExceeded: maximum volume limit reached"
    );
    assert_eq!((quota.tolerance, quota.attempts), (None, Some(3)));
    let parameter = of(
        "failed to provision volume with StorageClass \"fast\": rpc error: code = InvalidArgument desc = unknown parameter iopz",
    );
    assert_eq!(parameter.tolerance.unwrap().as_secs(), 60);
}

#[test]
fn a_provisioner_at_work_is_only_announced() {
    let mut world = unplaced(IMMEDIATE);
    claim(&mut world, json!({"storageClassName": "fast"}), "Pending");
    claim_event(
        &mut world,
        "Provisioning",
        "External provisioner is provisioning volume for claim \"shop/data\"",
    );
    classes(&mut world, json!([{"metadata": {"name": "fast"}, "provisioner": "ebs.csi.aws.com"}]));
    assert_eq!(only(&world, CauseCode::ProvisioningFailed).hold, Hold::Announce);
}

#[test]
fn a_volume_whose_nodes_are_there_but_full_says_which_they_are() {
    let mut world =
        unplaced("0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had volume node affinity conflict.");
    claim(&mut world, json!({"volumeName": "pv-1"}), "Bound");
    let term = json!({"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["eu-1a"]});
    let volume = json!({"metadata": {"name": "pv-1"}, "spec": {"nodeAffinity": {"required": {"nodeSelectorTerms":
        [{"matchExpressions": [term]}]}}}});
    world.answer(
        Want::Volume { name: "pv-1".to_owned() },
        Answer::Volumes(vec![serde_json::from_value(volume).unwrap()]),
    );
    let node = json!({"metadata": {"name": "a", "labels": {"topology.kubernetes.io/zone": "eu-1a"}}});
    world.answer(Want::Nodes, Answer::Nodes(vec![serde_json::from_value(node).unwrap()]));
    assert_eq!(
        only(&world, CauseCode::VolumeNodeMismatch).headline,
        "PersistentVolume pv-1 (claim data) can be used only on a node with topology.kubernetes.io/zone In eu-1a, and no such node takes the pods (the others: 1 Insufficient cpu)"
    );
}

fn multi_attach(words: &str) -> World {
    waiting("Multi-Attach error", words)
}

/// In the words of that version.
fn waiting(what: &str, words: &str) -> World {
    let message = format!("{what} for volume \"pv-1\" {words}");
    placed(json!({"persistentVolumeClaim": {"claimName": "data"}}), "FailedAttachVolume", &message)
}

#[test]
fn a_foreign_pod_that_holds_the_volume_is_named_with_its_node() {
    let mut world = multi_attach("Volume is already used by pod(s) report-7");
    let before = only(&world, CauseCode::VolumeMultiAttach);
    assert!(before.headline.ends_with("and pod report-7 has it"), "{}", before.headline);
    let other = json!({"metadata": {"name": "report-7", "ownerReferences": [{"kind": "Job", "name": "report"}]},
        "spec": {"nodeName": "node-2"}});
    let want = Want::OtherPod { namespace: "shop".to_owned(), name: "report-7".to_owned() };
    world.answer(want, Answer::OtherPod(Box::new(serde_json::from_value(other).unwrap())));
    let finding = only(&world, CauseCode::VolumeMultiAttach);
    assert_eq!(
        finding.headline,
        "PersistentVolume pv-1 (claim data) can be used on one node only, and pod report-7 on node-2 has it"
    );
    assert!(finding.help[0].starts_with("That pod belongs to Job report"), "{:?}", finding.help);
}

#[test]
fn a_foreign_pod_that_holds_a_volume_for_one_pod_is_found_by_its_claim() {
    let mut world = unplaced(
        "0/1 nodes are available: 1 node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod.",
    );
    let finding = only(&world, CauseCode::VolumeMultiAttach);
    assert!(finding.headline.ends_with("by a pod or a node that is not named"), "{}", finding.headline);
    let asks = json!([{"pod": "batch-1", "owner": "Deployment batch", "claims": ["data"]},
        {"pod": "other-1", "owner": "Deployment other", "claims": ["logs"]}]);
    world.answer(
        Want::PodAsks { namespace: "shop".to_owned() },
        Answer::PodAsks(serde_json::from_value(asks).unwrap()),
    );
    let finding = only(&world, CauseCode::VolumeMultiAttach);
    assert_eq!(
        finding.headline,
        "the volume of claim data can be used by one pod only, and pod batch-1 has it"
    );
    assert!(
        finding.help.iter().any(|help| help.contains("ReadWriteOnce in the claim")),
        "{:?}",
        finding.help
    );
}

#[test]
fn an_old_pod_that_is_going_is_waited_for_and_one_that_stays_is_a_deadlock() {
    let mut world = multi_attach("Volume is already used by pod(s) web-old-1");
    world.replica_set("web-old", "0", json!({"replicas": 1}));
    world.pod_of("web-old", "web-old-1", json!({"phase": "Running"}));
    let finding = only(&world, CauseCode::VolumeMultiAttach);
    assert!(finding.headline.ends_with("the rollout blocks itself"), "{}", finding.headline);
    assert_eq!(finding.tolerance.unwrap().as_secs(), 15);
}

#[test]
fn a_volume_on_a_node_that_failed_is_given_six_minutes() {
    let world =
        multi_attach("Volume is already exclusively attached to one node and can't be attached to another");
    assert_eq!(only(&world, CauseCode::VolumeMultiAttach).tolerance, None);
    let world = waiting(
        "Waiting for detach",
        "Volume is already exclusively attached to one node, waiting on detach before it can be attached to another node",
    );
    assert_eq!(only(&world, CauseCode::VolumeMultiAttach).tolerance, None);
    let world = waiting("Waiting for detach", "Volume is already used by pod(s) report-7");
    let headline = only(&world, CauseCode::VolumeMultiAttach).headline;
    assert!(headline.ends_with("and pod report-7 has it"), "{headline}");
}

#[test]
fn drivers_and_attachers_that_do_not_answer_are_named() {
    let csi = || json!({"persistentVolumeClaim": {"claimName": "data"}});
    let attach = |words: &str| {
        let message = format!("AttachVolume.Attach failed for volume \"pv-1\" : {words}");
        only(&placed(csi(), "FailedAttachVolume", &message), CauseCode::VolumeAttachFailed).headline
    };
    assert_eq!(
        attach(
            "timed out waiting for external-attacher of ebs.csi.aws.com CSI driver to attach volume vol-1"
        ),
        "PersistentVolume pv-1 (claim data) is not attached to node-1: the attacher of CSI driver ebs.csi.aws.com does not answer"
    );
    assert_eq!(
        attach("CSINode node-1 does not contain driver ebs.csi.aws.com"),
        "PersistentVolume pv-1 (claim data) is not attached to node-1: CSI driver ebs.csi.aws.com does not run there"
    );
    assert_eq!(
        attach("rpc error: code = NotFound desc = volume vol-1 not found"),
        "PersistentVolume pv-1 (claim data) could not be attached to node-1: volume vol-1 not found"
    );
}

#[test]
fn what_the_mount_program_printed_is_told_without_kubelets_paths() {
    let mount = |output: &str| {
        let message = format!(
            "MountVolume.SetUp failed for volume \"data\" : mount failed: exit status 32\nMounting command: mount\nMounting arguments: -t nfs fs:/x /var/lib/kubelet/pods/1/volumes/kubernetes.io~nfs/data\nOutput: {output}\n"
        );
        let nfs = json!({"nfs": {"server": "fs", "path": "/x"}});
        only(&placed(nfs, "FailedMount", &message), CauseCode::VolumeMountFailed)
    };
    assert_eq!(
        mount("mount.nfs: access denied by server while mounting fs:/x").headline,
        "NFS volume data (fs:/x) could not be mounted on node-1: mount.nfs: access denied by server while mounting fs:/x"
    );
    let package = mount(
        "mount: /var/lib/kubelet/pods/1/volumes/kubernetes.io~nfs/data: bad option; for several filesystems (e.g. nfs, cifs) you might need a /sbin/mount.<type> helper program.",
    );
    assert!(package.help[0].contains("nfs-common"), "{:?}", package.help);
    assert!(!package.headline.contains("/var/lib/kubelet"), "{}", package.headline);
}

#[test]
fn a_missing_config_map_is_no_matter_of_volumes() {
    let message = "MountVolume.SetUp failed for volume \"data\" : configmap \"app\" not found";
    let world = placed(json!({"configMap": {"name": "app"}}), "FailedMount", message);
    assert_eq!(all(&world).codes(), ["config-map-missing"]);
    let caches = "MountVolume.SetUp failed for volume \"data\" : failed to sync configmap cache: timed out waiting for the condition";
    let world = placed(json!({"configMap": {"name": "app"}}), "FailedMount", caches);
    assert!(all(&world).findings.is_empty());
}

#[test]
fn the_summary_of_kubelet_counts_only_where_nothing_else_is_said() {
    let message = "Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[], failed to process volumes=[]: timed out waiting for the condition";
    let world = placed(json!({"persistentVolumeClaim": {"claimName": "data"}}), "FailedMount", message);
    let finding = only(&world, CauseCode::VolumeMountFailed);
    assert_eq!(finding.headline, "volume data of the pods is not mounted on node-1, and nothing says why");
}

/// Rules are total over a rollout without any pod.
#[test]
fn a_rollout_without_pods_has_no_volumes() {
    let world = World::with_app(json!({}));
    let rollout: Rollout<'_> = world.rollout();
    let mut diagnosis = Diagnosis::default();
    super::rules(&rollout, &mut diagnosis);
    assert!(diagnosis.findings.is_empty() && diagnosis.requests.is_empty());
}
