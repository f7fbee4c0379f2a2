//! Cases of the family `node`, with the texts of Kubernetes 1.36.3 as recorded, except where a test says so.

use serde_json::{Value, json};

use crate::diagnose::{CauseCode, Diagnosis, Evidence, Finding, Hold, diagnose};
use crate::model::Kind;
use crate::observation::{Answer, Refusal, Want};
use crate::policy::Expectations;
use crate::testing::World;

fn world(fields: Value) -> World {
    let mut spec = json!({"containers": [{"name": "app", "image": "registry.example/shop/web:1"}], "nodeName": "node-1"});
    crate::testing::merge(&mut spec, fields);
    World::new(spec)
}

fn lost(world: &mut World, count: usize, reason: &str, message: &str) {
    for number in 1..=count {
        world.pod(&format!("web-{number}"), json!({"phase": "Failed", "reason": reason, "message": message}));
    }
}

fn all(world: &World) -> Diagnosis {
    diagnose(&world.rollout(), &Expectations::default())
}

fn only(world: &World, code: CauseCode) -> Finding {
    let diagnosis = all(world);
    assert_eq!(diagnosis.codes(), [code.as_str()]);
    diagnosis.the(code).clone()
}

fn evicted(message: &str, count: usize) -> Finding {
    let mut world = world(json!({}));
    lost(&mut world, count, "Evicted", message);
    only(&world, CauseCode::PodEvicted)
}

#[test]
fn two_rejected_pods_are_a_mishap_and_three_a_cause() {
    let message = "Pod was rejected: Node didn't have enough resource: memory, requested: 5368709120, used: 1073741824, capacity: 4294967296";
    for (count, hold) in [(2, Hold::Announce), (3, Hold::Tolerance)] {
        let mut world = world(json!({}));
        lost(&mut world, count, "OutOfmemory", message);
        let finding = only(&world, CauseCode::NodeRejectedPod);
        assert_eq!(finding.hold, hold, "{count}");
        assert!(
            finding.headline.ends_with("too little memory: a pod asks for 5Gi, of 4Gi in all 1Gi are in use"),
            "{}",
            finding.headline
        );
    }
}

#[test]
fn a_node_to_which_no_more_volumes_can_be_attached_says_so_and_where_the_number_comes_from() {
    // pkg/kubelet/volumemanager of 1.36.3; no driver here attaches anything.
    let message = "Node has reached its volume attachment limit, rejecting pod. unmounted volumes=[data], unattached volumes=[data], failed to process volumes=[]: timed out waiting for the condition";
    let mut world =
        World::new(json!({"containers": [{"name": "app", "image": "registry.example/shop/web:1"}]}));
    lost(&mut world, 3, "VolumeAttachmentLimitExceeded", message);
    let finding = only(&world, CauseCode::NodeRejectedPod);
    assert!(
        finding.headline.ends_with(" rejected 3 pods: no more volumes can be attached to the node"),
        "{}",
        finding.headline
    );
    assert!(finding.help[0].contains("CSINode"), "{:?}", finding.help);
}

#[test]
fn a_pod_that_was_taken_later_ends_the_matter() {
    let mut world = world(json!({}));
    lost(
        &mut world,
        4,
        "UnexpectedAdmissionError",
        "Pod was rejected: Allocate failed due to requested number of devices unavailable for nvidia.com/gpu. Requested: 1, Available: 0, which is unexpected",
    );
    let finding = only(&world, CauseCode::NodeRejectedPod);
    assert!(finding.headline.contains("devices unavailable for nvidia.com/gpu"), "{}", finding.headline);
    world.pod(
        "web-9",
        json!({"phase": "Pending", "containerStatuses": [
            {"name": "app", "state": {"waiting": {"reason": "ContainerCreating"}}}]}),
    );
    assert!(!all(&world).codes().contains(&"node-rejected-pod"));
}

#[test]
fn a_node_that_shuts_down_rejects_nothing() {
    let mut world = world(json!({}));
    lost(&mut world, 5, "NodeShutdown", "Pod was rejected as the node is shutting down.");
    assert!(all(&world).findings.is_empty());
}

#[test]
fn lost_pods_do_not_matter_once_there_are_enough() {
    let mut world = world(json!({}));
    lost(
        &mut world,
        5,
        "OutOfcpu",
        "Pod was rejected: Node didn't have enough resource: cpu, requested: 500, used: 1800, capacity: 2000",
    );
    world.pod("web-9", json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}));
    assert!(all(&world).findings.is_empty());
}

#[test]
fn a_stateful_set_deletes_rejected_pods_and_they_are_remembered() {
    let mut world = World::of(Kind::StatefulSet);
    world.workload(json!({"replicas": 1}), json!({"observedGeneration": 1, "updateRevision": "b"}));
    for uid in ["1", "2", "3"] {
        let body = json!({
            "metadata": {"name": "web-0", "namespace": "shop", "uid": uid,
                "labels": {"app": "web", "controller-revision-hash": "b"},
                "ownerReferences": [{"name": "web", "uid": "web", "controller": true}]},
            "status": {"phase": "Failed", "reason": "OutOfcpu", "message": "Pod was rejected: x"}});
        let stream = crate::observation::Stream::selected(Kind::Pod, "shop", "app=web".to_owned());
        let object = || crate::model::decode_value(Kind::Pod, body.clone()).unwrap();
        world.observe(crate::observation::Observed::Applied { stream: stream.clone(), object: object() });
        world.observe(crate::observation::Observed::Deleted { stream, object: object() });
    }
    assert_eq!(world.run(super::rules).the(CauseCode::NodeRejectedPod).hold, Hold::Tolerance);
}

/// The words of pkg/kubelet/eviction/helpers.go.
#[test]
fn pressure_names_the_resource_and_who_used_it() {
    let message = "The node was low on resource: ephemeral-storage. Threshold quantity: 26421208, available: 12Ki. Container app was using 3Gi, request is 0, has larger consumption of ephemeral-storage. ";
    let finding = evicted(message, 3);
    assert!(
        finding.headline.ends_with(
            "ran low on ephemeral-storage and evicted 3 pods: container app was using 3Gi, its request is 0"
        ),
        "{}",
        finding.headline
    );
    assert!(finding.help[1].contains("resources.requests.ephemeral-storage"), "{:?}", finding.help);
    assert_eq!(evicted(message, 2).hold, Hold::Announce);
    let condition = evicted("The node had condition: [MemoryPressure]. ", 3);
    assert!(condition.headline.contains("ran low on MemoryPressure"), "{}", condition.headline);
}

#[test]
fn a_limit_of_the_template_is_its_own_fault_from_the_second_pod_on() {
    let container = "Container app exceeded its local ephemeral storage limit \"1Gi\". ";
    assert_eq!(evicted(container, 1).hold, Hold::Announce);
    let finding = evicted(container, 2);
    assert_eq!(finding.hold, Hold::Ripe);
    assert_eq!(
        finding.headline,
        "2 pods evicted: container app wrote more than its limit of 1Gi ephemeral storage"
    );
}

fn sandbox(reason: &str, message: &str) -> Finding {
    let mut world = world(json!({}));
    world.pod("web-1", json!({"phase": "Pending", "startTime": "2026-11-24T09:59:00Z"}));
    world.events(Kind::Pod, "web-1", json!([{"reason": reason, "message": message, "count": 5}]));
    only(&world, CauseCode::SandboxFailed)
}

/// Texts of the AWS and Calico plugins and of containerd, as in their issues.
#[test]
fn the_network_the_pause_image_and_the_handler_are_told_apart() {
    let addresses = sandbox(
        "FailedCreatePodSandBox",
        "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox \"0a1b\": plugin type=\"aws-cni\" name=\"aws-cni\" failed (add): add cmd: failed to assign an IP address to container",
    );
    assert_eq!(
        addresses.headline,
        "the sandbox of the pods cannot be made on node-1: network plugin aws-cni: add cmd: failed to assign an IP address to container"
    );
    assert!(addresses.help[0].contains("no address left"), "{:?}", addresses.help);
    let image = sandbox(
        "FailedCreatePodSandBox",
        "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox image \"registry.k8s.io/pause:3.10\": failed to pull image \"registry.k8s.io/pause:3.10\": failed to do request: dial tcp: i/o timeout",
    );
    assert!(image.headline.contains("registry.k8s.io/pause:3.10 cannot be pulled"), "{}", image.headline);
    assert_eq!(image.tolerance.unwrap().as_secs(), 300);
    let crio = sandbox(
        "FailedCreatePodSandBox",
        "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to find runtime handler kata from runtime list map[runc:0xc0]",
    );
    assert!(crio.headline.starts_with("node-1 has no runtime handler kata"), "{}", crio.headline);
    let network = sandbox(
        "NetworkNotReady",
        "network is not ready: container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized",
    );
    assert!(network.headline.ends_with("cni plugin not initialized"), "{}", network.headline);
}

fn silent_node(world: &mut World) {
    let node = json!({"metadata": {"name": "node-1"}, "status": {"conditions": [
        {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown",
         "message": "Kubelet stopped posting node status.", "lastTransitionTime": "2026-11-24T09:58:00Z"}]}});
    let answer = Answer::Nodes(vec![serde_json::from_value(node).unwrap()]);
    world.answer(Want::Node { name: "node-1".to_owned() }, answer);
}

#[test]
fn a_pod_that_kubelet_does_not_touch_makes_us_look_at_its_node() {
    let mut world = world(json!({}));
    world.pod("web-1", json!({"phase": "Pending"}));
    world.at(5);
    let want = Want::Node { name: "node-1".to_owned() };
    assert!(!all(&world).requests.iter().any(|request| request.want == want));
    world.at(12);
    assert!(all(&world).requests.iter().any(|request| request.want == want));
    silent_node(&mut world);
    let finding = only(&world, CauseCode::NodeNotReady);
    assert_eq!(
        finding.headline,
        "node-1 is not ready, so pods on it are not either: Kubelet stopped posting node status"
    );
}

#[test]
fn ready_containers_in_a_pod_that_is_not_point_at_the_node_and_the_event_does_where_it_may_not_be_read() {
    let mut world = world(json!({}));
    world.pod(
        "web-1",
        json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}],
            "containerStatuses": [{"name": "app", "ready": true, "state": {"running": {}}}]}),
    );
    let want = Want::Node { name: "node-1".to_owned() };
    assert!(all(&world).requests.iter().any(|request| request.want == want));
    let refusal = Refusal { code: 403, asked: "get nodes".to_owned(), message: "no".to_owned() };
    world.answer(want, Answer::Refused(refusal));
    assert!(all(&world).findings.is_empty());
    world.events(Kind::Pod, "web-1", json!([{"reason": "NodeNotReady", "message": "Node is not ready"}]));
    let finding = only(&world, CauseCode::NodeNotReady);
    assert!(matches!(&finding.evidence[0], Evidence::Absence { what } if what.contains("get nodes")));
}

#[test]
fn an_old_pod_of_a_stateful_set_on_a_silent_node_needs_a_taint() {
    let mut world = World::of(Kind::StatefulSet);
    world.workload(json!({"replicas": 1}), json!({"observedGeneration": 1, "updateRevision": "b"}));
    let body = json!({
        "metadata": {"name": "web-0", "namespace": "shop", "uid": "1", "deletionTimestamp": "2026-11-24T09:59:00Z",
            "labels": {"app": "web", "controller-revision-hash": "a"},
            "ownerReferences": [{"name": "web", "uid": "web", "controller": true}]},
        "spec": {"nodeName": "node-1"}, "status": {"phase": "Running"}});
    let stream = crate::observation::Stream::selected(Kind::Pod, "shop", "app=web".to_owned());
    let object = crate::model::decode_value(Kind::Pod, body).unwrap();
    world.observe(crate::observation::Observed::Applied { stream, object });
    silent_node(&mut world);
    let finding = world.run(super::rules).the(CauseCode::NodeNotReady).clone();
    assert!(finding.headline.contains("so pod web-0 on it cannot end"), "{}", finding.headline);
    assert!(finding.commands[0].contains("out-of-service"), "{:?}", finding.commands);
}

#[test]
fn a_cause_that_only_some_nodes_show_says_which() {
    let mut world = World::with_app(json!({}));
    let pod = |name: &str, node: &str, status: Value| {
        let body = json!({
            "metadata": {"name": name, "namespace": "shop", "uid": name,
                "labels": {"app": "web", "pod-template-hash": "web-new"},
                "ownerReferences": [{"kind": "ReplicaSet", "name": "web-new", "uid": "web-new", "controller": true}]},
            "spec": {"nodeName": node, "containers": [{"name": "app"}]}, "status": status});
        let stream = crate::observation::Stream::selected(Kind::Pod, "shop", "app=web".to_owned());
        let object = crate::model::decode_value(Kind::Pod, body).unwrap();
        crate::observation::Observed::Applied { stream, object }
    };
    let ready = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
    world.observe(pod("web-1", "node-1", ready.clone()));
    world.observe(pod("web-2", "node-2", ready.clone()));
    let waits = |reason: &str| {
        json!({"phase": "Pending", "containerStatuses": [{"name": "app", "state": {"waiting":
            {"reason": reason, "message": "Container image \"x\" is not present with pull policy of Never"}}}]})
    };
    world.observe(pod("web-3", "node-3", waits("ErrImageNeverPull")));
    let said = |world: &World| {
        let finding = all(world).the(CauseCode::ImageNeverPulled).clone();
        finding.evidence.iter().find_map(|evidence| match evidence {
            Evidence::Absence { what } if what.contains("only") => Some(what.clone()),
            _ => None,
        })
    };
    assert_eq!(
        said(&world).unwrap(),
        "on node-3 only (1 of 3 nodes with pods of this rollout); pods on node-1, node-2 are ready, so look at what is different there"
    );
    world.observe(pod("web-4", "node-3", ready));
    assert_eq!(said(&world), None);
}
