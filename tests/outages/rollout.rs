//! A Deployment of one replica, its ReplicaSets and pods, written as the controllers and the kubelet would.

use jiff::Timestamp;
use kube::Client;
use serde_json::{Value, json};

use crate::rig::{Rig, call};

/// Of one namespace.
pub(crate) struct Rollout {
    client: Client,
    pub(crate) namespace: String,
}

impl Rollout {
    /// A namespace with `web`, whose first generation is complete.
    pub(crate) async fn complete_once(rig: &Rig, namespace: &str) -> Result<Self, String> {
        rig.namespace(namespace).await?;
        let rollout = Self { client: rig.client.clone(), namespace: namespace.to_owned() };
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template(1, false)}});
        call(&rollout.client, "POST", &rollout.path("deployments", ""), &deployment).await?;
        rollout.make(1).await?;
        rollout.pod_status(1, &running()).await?;
        rollout.count(1, 1).await?;
        Ok(rollout)
    }

    /// The second generation is under way: its pod is being made.
    pub(crate) async fn update(&self) -> Result<(), String> {
        let patch = json!({"spec": {"template": template(2, false)}});
        call(&self.client, "PATCH", &self.path("deployments", "web"), &patch).await?;
        let now = json!({"gracePeriodSeconds": 0});
        call(&self.client, "DELETE", &self.path("pods", "web-1-a"), &now).await?;
        call(&self.client, "PATCH", &self.path("replicasets", "web-1"), &json!({"spec": {"replicas": 0}}))
            .await?;
        let none = json!({"status": {"replicas": 0, "readyReplicas": 0, "availableReplicas": 0,
            "observedGeneration": 2}});
        call(&self.client, "PATCH", &self.path("replicasets", "web-1/status"), &none).await?;
        self.make(2).await?;
        self.pod_status(2, &waiting("ContainerCreating", "")).await?;
        self.count(2, 0).await
    }

    /// The second generation completes.
    pub(crate) async fn complete(&self) -> Result<(), String> {
        self.pod_status(2, &running()).await?;
        self.count(2, 1).await
    }

    /// The second generation fails for good.
    pub(crate) async fn break_image(&self) -> Result<(), String> {
        let message =
            "Failed to apply default image tag \"shop/WEB:2\": couldn't parse image name \"shop/WEB:2\"";
        self.pod_status(2, &waiting("InvalidImageName", message)).await
    }

    /// The pod of the second generation cannot have its image, which may yet come.
    pub(crate) async fn pull_fails(&self) -> Result<(), String> {
        self.pod_status(2, &waiting("ImagePullBackOff", "Back-off pulling image \"shop/web:2\"")).await
    }

    /// Changes something that means nothing in each object, so that every watch has just shown a line.
    pub(crate) async fn touch(&self) -> Result<(), String> {
        let label = json!({"metadata": {"labels": {"touched": "now"}}});
        for (resource, name) in [("deployments", "web"), ("replicasets", "web-2"), ("pods", "web-2-a")] {
            call(&self.client, "PATCH", &self.path(resource, name), &label).await?;
        }
        Ok(())
    }

    /// The pod is being deleted: the controllers count it no more, and make no other.
    pub(crate) async fn count_none(&self) -> Result<(), String> {
        let none = json!({"status": {"replicas": 0, "readyReplicas": 0, "availableReplicas": 0}});
        call(&self.client, "PATCH", &self.path("replicasets", "web-2/status"), &none).await?;
        let none = json!({"status": {"replicas": 0, "updatedReplicas": 0, "readyReplicas": 0,
            "availableReplicas": 0, "unavailableReplicas": 1}});
        call(&self.client, "PATCH", &self.path("deployments", "web/status"), &none).await?;
        Ok(())
    }

    pub(crate) fn path(&self, resource: &str, name: &str) -> String {
        let group = if resource == "pods" { "/api/v1" } else { "/apis/apps/v1" };
        let slash = if name.is_empty() { "" } else { "/" };
        format!("{group}/namespaces/{}/{resource}{slash}{name}", self.namespace)
    }

    /// The ReplicaSet and the pod of a generation.
    async fn make(&self, generation: i64) -> Result<(), String> {
        let name = format!("web-{generation}");
        let deployment = call(&self.client, "GET", &self.path("deployments", "web"), &Value::Null).await?;
        let template = template(generation, true);
        let labels = template["metadata"]["labels"].clone();
        let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": name, "labels": labels,
                "annotations": {"deployment.kubernetes.io/revision": generation.to_string()},
                "ownerReferences": [owner("Deployment", &deployment)]},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}});
        let set = call(&self.client, "POST", &self.path("replicasets", ""), &set).await?;
        let mut spec = template["spec"].clone();
        spec["nodeName"] = "node-1".into();
        let pod = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": format!("{name}-a"), "labels": labels,
                "ownerReferences": [owner("ReplicaSet", &set)]},
            "spec": spec});
        call(&self.client, "POST", &self.path("pods", ""), &pod).await?;
        Ok(())
    }

    async fn pod_status(&self, generation: i64, status: &Value) -> Result<(), String> {
        let path = self.path("pods", &format!("web-{generation}-a/status"));
        call(&self.client, "PATCH", &path, &json!({ "status": status })).await?;
        Ok(())
    }

    /// What the controllers count: the ReplicaSet's, then the Deployment's.
    async fn count(&self, generation: i64, available: i64) -> Result<(), String> {
        let counted = json!({"status": {"replicas": 1, "readyReplicas": available,
            "availableReplicas": available, "observedGeneration": 1}});
        let set = self.path("replicasets", &format!("web-{generation}/status"));
        call(&self.client, "PATCH", &set, &counted).await?;
        let annotation = json!({"metadata": {"annotations": {
            "deployment.kubernetes.io/revision": generation.to_string()}}});
        let deployment = self.path("deployments", "web");
        let deployment = call(&self.client, "PATCH", &deployment, &annotation).await?;
        // the annotation counts as a generation, too
        let observed = &deployment["metadata"]["generation"];
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let progressing = if available == 1 { "NewReplicaSetAvailable" } else { "ReplicaSetUpdated" };
        let condition = |kind: &str, status: &str, reason: &str| {
            json!({"type": kind, "status": status, "reason": reason, "message": "",
                "lastUpdateTime": now, "lastTransitionTime": now})
        };
        let is = if available == 1 { "True" } else { "False" };
        let status = json!({"status": {"observedGeneration": observed, "replicas": 1, "updatedReplicas": 1,
            "readyReplicas": available, "availableReplicas": available, "unavailableReplicas": 1 - available,
            "conditions": [condition("Available", is, "MinimumReplicas"),
                condition("Progressing", "True", progressing)]}});
        call(&self.client, "PATCH", &self.path("deployments", "web/status"), &status).await?;
        Ok(())
    }
}

fn owner(kind: &str, object: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": kind, "controller": true, "name": object["metadata"]["name"],
        "uid": object["metadata"]["uid"]})
}

fn template(generation: i64, hashed: bool) -> Value {
    let mut labels = json!({"app": "web"});
    if hashed {
        labels["pod-template-hash"] = generation.to_string().into();
    }
    json!({"metadata": {"labels": labels},
        "spec": {"containers": [{"name": "app", "image": format!("shop/web:{generation}")}]}})
}

fn waiting(reason: &str, message: &str) -> Value {
    json!({"phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "True"},
            {"type": "Ready", "status": "False", "reason": "ContainersNotReady"}],
        "containerStatuses": [{"name": "app", "ready": false, "restartCount": 0, "image": "", "imageID": "",
            "state": {"waiting": {"reason": reason, "message": message}}}]})
}

fn running() -> Value {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    json!({"phase": "Running",
        "conditions": [{"type": "PodScheduled", "status": "True"},
            {"type": "Ready", "status": "True", "lastTransitionTime": now}],
        "containerStatuses": [{"name": "app", "ready": true, "started": true, "restartCount": 0,
            "image": "i", "imageID": "i", "state": {"running": {"startedAt": now}}}]})
}
