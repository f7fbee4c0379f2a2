//! Rollouts as a scripted server shows them: one Deployment `shop/web` of one replica.

use serde_json::{Value, json};

use crate::server::{React, Request, Server};
use crate::world::World;

/// This second, as objects name it.
pub(crate) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "app", "image": image,
            "readinessProbe": {"httpGet": {"path": "/", "port": 80}}}]}})
}

/// The Deployment at a generation; its status is of `observed`, with that many available of one.
pub(crate) fn deployment(generation: u64, observed: u64, available: u64) -> Value {
    let progressing = if available == 1 { "NewReplicaSetAvailable" } else { "ReplicaSetUpdated" };
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "uid": "d-1", "generation": generation,
            "creationTimestamp": "2026-11-24T10:00:00Z",
            "annotations": {"deployment.kubernetes.io/revision": observed.to_string()}},
        "spec": {"replicas": 1, "progressDeadlineSeconds": 600, "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": template(&format!("shop/web:{generation}"))},
        "status": {"observedGeneration": observed, "replicas": 1, "updatedReplicas": 1,
            "readyReplicas": available, "availableReplicas": available, "unavailableReplicas": 1 - available,
            "conditions": [
                {"type": "Available", "status": if available == 1 { "True" } else { "False" }, "reason": "x"},
                {"type": "Progressing", "status": "True", "reason": progressing, "lastUpdateTime": now()}]}})
}

pub(crate) fn replica_set(generation: u64, ready: u64) -> Value {
    let name = format!("web-{generation}");
    let mut template = template(&format!("shop/web:{generation}"));
    template["metadata"]["labels"]["pod-template-hash"] = Value::from(generation.to_string());
    json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": name, "namespace": "shop", "uid": name, "generation": 1,
            "labels": {"app": "web", "pod-template-hash": generation.to_string()},
            "annotations": {"deployment.kubernetes.io/revision": generation.to_string()},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d-1",
                "controller": true}]},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template},
        "status": {"replicas": 1, "readyReplicas": ready, "availableReplicas": ready, "observedGeneration": 1}})
}

pub(crate) fn pod(generation: u64, status: Value) -> Value {
    let name = format!("web-{generation}-a");
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "uid": name, "creationTimestamp": now(),
            "labels": {"app": "web", "pod-template-hash": generation.to_string()},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("web-{generation}"),
                "uid": format!("web-{generation}"), "controller": true}]},
        "spec": {"nodeName": "node-1", "containers": [{"name": "app", "image": format!("shop/web:{generation}"),
            "readinessProbe": {"httpGet": {"path": "/", "port": 80}}}]},
        "status": status})
}

pub(crate) fn waiting(reason: &str, message: &str) -> Value {
    json!({"phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "True"},
            {"type": "Ready", "status": "False", "reason": "ContainersNotReady"}],
        "containerStatuses": [{"name": "app", "ready": false, "restartCount": 0, "image": "", "imageID": "",
            "state": {"waiting": {"reason": reason, "message": message}}}]})
}

pub(crate) fn running() -> Value {
    json!({"phase": "Running",
        "conditions": [{"type": "PodScheduled", "status": "True"},
            {"type": "Ready", "status": "True", "lastTransitionTime": now()}],
        "containerStatuses": [{"name": "app", "ready": true, "started": true, "restartCount": 0, "image": "i",
            "imageID": "i", "state": {"running": {"startedAt": now()}}}]})
}

/// Whatever is asked for is answered as it should be.
pub(crate) const fn serve(_: &Request) -> React {
    React::Serve
}

/// A rollout of generation 2 that is under way: its one pod is being made.
pub(crate) fn under_way() -> World {
    let mut world = World::new();
    world.apply("deployments", deployment(2, 2, 0));
    world.apply("replicasets", replica_set(2, 0));
    world.apply("pods", pod(2, waiting("ContainerCreating", "")));
    world
}

/// It completes.
pub(crate) fn complete(world: &mut World) {
    world.apply("pods", pod(2, running()));
    world.apply("replicasets", replica_set(2, 1));
    world.apply("deployments", deployment(2, 2, 1));
}

/// It fails for good.
pub(crate) fn break_image(world: &mut World) {
    let message = "Failed to apply default image tag \"shop/WEB:2\": couldn't parse image name";
    world.apply("pods", pod(2, waiting("InvalidImageName", message)));
}

/// A server with a rollout that completes after that time.
pub(crate) fn completing(millis: u64, script: impl Fn(&Request) -> React + Send + Sync + 'static) -> Server {
    let server = Server::new(under_way(), script);
    server.later(millis, |server| complete(&mut server.world()));
    server
}
