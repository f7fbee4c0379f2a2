//! Workloads whose every status we write, the way the controllers and the kubelet would.

use std::fs;
use std::path::Path;

use kube::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::rig::call;

/// One Deployment of a namespace, its ReplicaSet and its pods.
pub(crate) struct World {
    client: Client,
    namespace: String,
    name: String,
    replicas: usize,
    uid: String,
    set: String,
    /// Of the spec that the controller would have seen.
    generation: i64,
}

/// How many requests run at once when much is made.
const AT_ONCE: usize = 16;

pub(crate) async fn namespace(client: &Client, name: &str) -> Result<(), String> {
    let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    call(client, "POST", "/api/v1/namespaces", &body).await?;
    // The controller that makes it does not run here, and pods are refused without it.
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    call(client, "POST", &format!("/api/v1/namespaces/{name}/serviceaccounts"), &account).await?;
    Ok(())
}

fn template(name: &str, hash: Option<&str>) -> Value {
    let mut labels = json!({"app": name});
    if let Some(hash) = hash {
        labels["pod-template-hash"] = hash.into();
    }
    json!({
        "metadata": {"labels": labels},
        "spec": {"containers": [{
            "name": "app", "image": "registry.example/app:1.2.3",
            "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}},
            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
        }]},
    })
}

/// The Deployment of a [`World`] of 10 pods.
fn deployment(name: &str, replicas: usize) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "labels": {"app": name}, "annotations": {"deployment.kubernetes.io/revision": "1"}},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template(name, None)},
    })
}

/// A Helm chart of the Deployment `web` of 10 pods.
pub(crate) fn write_chart(folder: &Path) -> Result<(), String> {
    let write = |path: &str, text: String| {
        let path = folder.join(path);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    fs::create_dir_all(folder.join("templates")).map_err(|error| format!("{}: {error}", folder.display()))?;
    write("Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n".to_owned())?;
    write("templates/web.json", deployment("web", 10).to_string())
}

impl World {
    /// The Deployment alone: nothing has been rolled out yet.
    pub(crate) async fn new(
        client: &Client,
        namespace: &str,
        name: &str,
        replicas: usize,
    ) -> Result<Self, String> {
        let mut world = Self {
            client: client.clone(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            replicas,
            uid: String::new(),
            set: format!("{name}-5d4f8c7b9"),
            generation: 1,
        };
        let made = call(client, "POST", &world.path("deployments"), &deployment(name, replicas)).await?;
        world.uid = uid(&made);
        Ok(world)
    }

    /// A rollout that ended ten minutes ago.
    pub(crate) async fn complete(
        client: &Client,
        namespace: &str,
        name: &str,
        replicas: usize,
    ) -> Result<Self, String> {
        let world = Self::new(client, namespace, name, replicas).await?;
        let set = world.replica_set().await?;
        let since = ago(600);
        let mut running = JoinSet::new();
        for number in 0..replicas {
            if running.len() >= AT_ONCE {
                finished(running.join_next().await)?;
            }
            running.spawn(world.pod(&set, number, ready(&since)));
        }
        while let Some(done) = running.join_next().await {
            finished(Some(done))?;
        }
        world.status(replicas, replicas, &since).await?;
        Ok(world)
    }

    /// Somebody else has applied the Deployment, and has counted its generation up.
    pub(crate) async fn applied(&mut self) -> Result<(), String> {
        let path = format!("{}/{}", self.path("deployments"), self.name);
        let now = call(&self.client, "GET", &path, &Value::Null).await?;
        self.generation =
            now["metadata"]["generation"].as_i64().ok_or_else(|| format!("{path} has no generation"))?;
        Ok(())
    }

    /// Sets `minReadySeconds`.
    pub(crate) async fn available_after(&mut self, seconds: u32) -> Result<(), String> {
        let path = format!("{}/{}", self.path("deployments"), self.name);
        let spec = json!({"minReadySeconds": seconds, "progressDeadlineSeconds": 2 * seconds});
        call(&self.client, "PATCH", &path, &json!({"spec": spec})).await?;
        self.applied().await
    }

    fn path(&self, resource: &str) -> String {
        format!("/apis/apps/v1/namespaces/{}/{resource}", self.namespace)
    }

    /// Makes the ReplicaSet; its uid.
    pub(crate) async fn replica_set(&self) -> Result<String, String> {
        let hash = "5d4f8c7b9";
        let labels = json!({"app": self.name, "pod-template-hash": hash});
        let made = call(&self.client, "POST", &self.path("replicasets"), &json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": self.set, "labels": labels,
                "annotations": {"deployment.kubernetes.io/revision": "1"},
                "ownerReferences": [owner("apps/v1", "Deployment", &self.name, &self.uid)]},
            "spec": {"replicas": self.replicas, "selector": {"matchLabels": labels}, "template": template(&self.name, Some(hash))},
        })).await?;
        Ok(uid(&made))
    }

    /// Makes a pod and gives it that status.
    pub(crate) fn pod(
        &self,
        set: &str,
        number: usize,
        status: Value,
    ) -> impl Future<Output = Result<(), String>> + Send + 'static {
        let client = self.client.clone();
        let pods = format!("/api/v1/namespaces/{}/pods", self.namespace);
        let name = format!("{}-{number:05}", self.set);
        let mut body = template(&self.name, Some("5d4f8c7b9"));
        body["apiVersion"] = "v1".into();
        body["kind"] = "Pod".into();
        body["metadata"]["name"] = name.clone().into();
        body["metadata"]["ownerReferences"] = json!([owner("apps/v1", "ReplicaSet", &self.set, set)]);
        body["spec"]["nodeName"] = "node-1".into();
        async move {
            call(&client, "POST", &pods, &body).await?;
            call(&client, "PATCH", &format!("{pods}/{name}/status"), &json!({"status": status})).await?;
            Ok(())
        }
    }

    /// Changes the status of a pod that exists.
    pub(crate) async fn pod_status(&self, number: usize, status: Value) -> Result<(), String> {
        let path = format!("/api/v1/namespaces/{}/pods/{}-{number:05}/status", self.namespace, self.set);
        call(&self.client, "PATCH", &path, &json!({"status": status})).await.map(drop)
    }

    /// The counters of the ReplicaSet and of the Deployment, as their controllers would write them.
    pub(crate) async fn status(&self, updated: usize, available: usize, since: &str) -> Result<(), String> {
        let counters = json!({"status": {
            "observedGeneration": 1, "replicas": updated, "fullyLabeledReplicas": updated,
            "readyReplicas": available, "availableReplicas": available,
        }});
        let set = format!("{}/{}/status", self.path("replicasets"), self.set);
        call(&self.client, "PATCH", &set, &counters).await?;
        let done = available == self.replicas;
        let (reason, is) =
            if done { ("NewReplicaSetAvailable", "True") } else { ("ReplicaSetUpdated", "False") };
        let condition = |kind: &str, status: &str, reason: &str| json!({"type": kind, "status": status, "reason": reason, "message": "", "lastUpdateTime": since, "lastTransitionTime": since});
        let status = json!({"status": {
            "observedGeneration": self.generation, "replicas": updated, "updatedReplicas": updated,
            "readyReplicas": available, "availableReplicas": available,
            "unavailableReplicas": self.replicas - available,
            "conditions": [
                condition("Available", is, "MinimumReplicasAvailable"),
                condition("Progressing", "True", reason),
            ],
        }});
        call(&self.client, "PATCH", &format!("{}/{}/status", self.path("deployments"), self.name), &status)
            .await
            .map(drop)
    }
}

/// Pods and events that belong to nobody we watch.
pub(crate) async fn noise(
    client: &Client,
    namespace: &str,
    pods: usize,
    events: usize,
) -> Result<(), String> {
    let mut running = JoinSet::new();
    for number in 0..pods + events {
        if running.len() >= AT_ONCE {
            finished(running.join_next().await)?;
        }
        let client = client.clone();
        let (path, body) = if number < pods {
            let mut body = template("noise", None);
            body["apiVersion"] = "v1".into();
            body["kind"] = "Pod".into();
            body["metadata"]["name"] = format!("noise-{number:06}").into();
            (format!("/api/v1/namespaces/{namespace}/pods"), body)
        } else {
            strange_event(namespace, number, pods)
        };
        running.spawn(async move { call(&client, "POST", &path, &body).await.map(drop) });
    }
    while let Some(done) = running.join_next().await {
        finished(Some(done))?;
    }
    Ok(())
}

/// An event about one of that many pods that belong to nobody we watch: its path and its body.
fn strange_event(namespace: &str, number: usize, pods: usize) -> (String, Value) {
    let about = format!("noise-{:06}", number % pods.max(1));
    let body = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": format!("noise.{number}")},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": about},
        "reason": "Noise", "message": "nothing that concerns the rollout", "type": "Normal", "count": 1});
    (format!("/api/v1/namespaces/{namespace}/events"), body)
}

/// That many more such events a second, until it is dropped.
pub(crate) async fn chatter(client: Client, namespace: String, a_second: u32) {
    let mut next = tokio::time::interval(std::time::Duration::from_secs(1) / a_second);
    for number in 10_000_000.. {
        next.tick().await;
        let client = client.clone();
        let (path, body) = strange_event(&namespace, number, 1);
        tokio::spawn(async move { call(&client, "POST", &path, &body).await.map(drop) });
    }
}

/// Custom resource groups, which a client that discovers what the server has must read.
pub(crate) async fn groups(client: &Client, count: usize) -> Result<(), String> {
    for number in 0..count {
        let group = format!("g{number:03}.measure.example");
        let body = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("things.{group}")},
            "spec": {"group": group, "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"},
                "versions": [{"name": "v1", "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": {"type": "object"}}}]}});
        call(client, "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &body).await?;
    }
    Ok(())
}

fn finished(done: Option<Result<Result<(), String>, tokio::task::JoinError>>) -> Result<(), String> {
    match done {
        Some(Ok(result)) => result,
        Some(Err(error)) => Err(error.to_string()),
        None => Ok(()),
    }
}

fn owner(version: &str, kind: &str, name: &str, uid: &str) -> Value {
    json!({"apiVersion": version, "kind": kind, "name": name, "uid": uid, "controller": true, "blockOwnerDeletion": true})
}

fn uid(object: &Value) -> String {
    object["metadata"]["uid"].as_str().unwrap_or_default().to_owned()
}

/// That many seconds ago, as Kubernetes writes times.
pub(crate) fn ago(seconds: i64) -> String {
    let now = jiff::Timestamp::now().as_second();
    jiff::Timestamp::from_second(now - seconds).map(|time| time.to_string()).unwrap_or_default()
}

pub(crate) fn ready(since: &str) -> Value {
    let condition = |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": since});
    json!({
        "phase": "Running", "startTime": since,
        "conditions": [condition("PodScheduled"), condition("Initialized"), condition("ContainersReady"), condition("Ready")],
        "containerStatuses": [{
            "name": "app", "image": "registry.example/app:1.2.3", "imageID": "registry.example/app@sha256:0f0f", "containerID": "containerd://1",
            "ready": true, "started": true, "restartCount": 0, "state": {"running": {"startedAt": since}},
        }],
    })
}

/// Its image cannot be pulled; `backing_off` between two tries.
pub(crate) fn pull_failing(backing_off: bool) -> Value {
    let (reason, message) = if backing_off {
        (
            "ImagePullBackOff",
            "Back-off pulling image \"registry.example/app:1.2.3\": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image \"registry.example/app:1.2.3\": failed to resolve reference \"registry.example/app:1.2.3\": registry.example/app:1.2.3: not found",
        )
    } else {
        (
            "ErrImagePull",
            "rpc error: code = NotFound desc = failed to pull and unpack image \"registry.example/app:1.2.3\": failed to resolve reference \"registry.example/app:1.2.3\": registry.example/app:1.2.3: not found",
        )
    };
    let since = ago(0);
    json!({
        "phase": "Pending", "startTime": since,
        "conditions": [
            {"type": "PodScheduled", "status": "True", "lastTransitionTime": since},
            {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "lastTransitionTime": since},
        ],
        "containerStatuses": [{
            "name": "app", "image": "registry.example/app:1.2.3", "imageID": "",
            "ready": false, "started": false, "restartCount": 0, "state": {"waiting": {"reason": reason, "message": message}},
        }],
    })
}
