//! The objects of one namespace of a real API server, written as the controllers and the kubelet would.

use std::collections::BTreeMap;

use kube::Client;
use serde_json::{Value, json};

use crate::rig::call;

/// In every field that no output may show.
pub(crate) const CANARY: &str = "canary-4c1f9d7b";
/// In every message: what a terminal or a CI system would act on.
const ATTACK: &str =
    "\u{1b}[2J\n::set-output name=a::b\n##[error]attack\n##vso[task.complete result=Succeeded;]";

/// What a [`super::plot::Plot`] wants, and what has been written of it.
pub(crate) struct Server {
    client: Client,
    namespace: String,
    wanted: BTreeMap<String, Value>,
    made: BTreeMap<String, Made>,
}

struct Made {
    path: String,
    uid: String,
    object: Value,
    /// As the API server counts, which counts more.
    generation: i64,
}

impl Server {
    pub(crate) const fn new(client: Client, namespace: String) -> Self {
        Self { client, namespace, wanted: BTreeMap::new(), made: BTreeMap::new() }
    }

    pub(crate) fn put(&mut self, key: &str, object: Value) {
        self.wanted.insert(key.to_owned(), object);
    }

    pub(crate) fn write(&mut self, key: &str, object: Option<Value>) {
        match object {
            Some(object) => self.put(key, object),
            None => drop(self.wanted.remove(key)),
        }
    }

    pub(crate) fn keep_pods(&mut self, names: &[&str]) {
        self.wanted.retain(|key, object| object["kind"] != "Pod" || names.contains(&key.as_str()));
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.wanted.get(key)
    }

    /// Makes what is wanted so: what goes first, then pods, then who counts them.
    pub(crate) async fn flush(&mut self) -> Result<(), String> {
        let gone: Vec<String> =
            self.made.keys().filter(|key| !self.wanted.contains_key(*key)).cloned().collect();
        for key in gone {
            let Some(made) = self.made.remove(&key) else { continue };
            let now = json!({"gracePeriodSeconds": 0, "propagationPolicy": "Background"});
            call(&self.client, "DELETE", &made.path, &now).await?;
        }
        // owners are made first, and counters written last
        for kind in ["Deployment", "StatefulSet", "Job", "ReplicaSet", "Pod"] {
            for key in self.keys(kind) {
                if !self.made.contains_key(&key) {
                    self.make(&key).await?;
                }
            }
        }
        for kind in ["Pod", "ReplicaSet", "Job", "StatefulSet", "Deployment"] {
            for key in self.keys(kind) {
                self.update(&key).await?;
            }
        }
        Ok(())
    }

    fn keys(&self, kind: &str) -> Vec<String> {
        self.wanted.iter().filter(|(_, object)| object["kind"] == kind).map(|(key, _)| key.clone()).collect()
    }

    async fn make(&mut self, key: &str) -> Result<(), String> {
        let wanted = self.wanted.get(key).cloned().unwrap_or_default();
        let kind = wanted["kind"].as_str().unwrap_or_default().to_owned();
        let folder = folder(&self.namespace, &kind);
        let mut body = self.dressed(&wanted);
        if let Some(metadata) = body["metadata"].as_object_mut() {
            metadata.remove("generation");
        }
        body["status"] = Value::Null;
        let has_generations = ["Deployment", "StatefulSet"].contains(&kind.as_str());
        if has_generations {
            // the first generation was another template
            body["spec"]["template"]["spec"]["containers"][0]["image"] = "web:1".into();
        }
        let mut made = call(&self.client, "POST", &folder, &body).await?;
        let name = wanted["metadata"]["name"].as_str().unwrap_or_default();
        let path = format!("{folder}/{name}");
        if has_generations {
            let template = self.dressed(&wanted)["spec"]["template"].clone();
            made = call(&self.client, "PATCH", &path, &json!({"spec": {"template": template}})).await?;
        }
        let generation = made["metadata"]["generation"].as_i64().unwrap_or(0);
        let uid = made["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        let mut object = wanted;
        object["status"] = Value::Null;
        self.made.insert(key.to_owned(), Made { path, uid, object, generation });
        Ok(())
    }

    async fn update(&mut self, key: &str) -> Result<(), String> {
        let Some(wanted) = self.wanted.get(key).cloned() else { return Ok(()) };
        let Some(made) = self.made.get(key).filter(|made| made.object != wanted) else { return Ok(()) };
        let (address, before) = (made.path.clone(), made.object.clone());
        let mut generation = made.generation;
        let body = self.dressed(&wanted);
        let changed = wanted["spec"] != before["spec"]
            || wanted["metadata"]["annotations"] != before["metadata"]["annotations"];
        if changed && wanted["kind"] != "Pod" {
            let patch =
                json!({"metadata": {"annotations": body["metadata"]["annotations"]}, "spec": body["spec"]});
            let answer = call(&self.client, "PATCH", &address, &patch).await?;
            generation = answer["metadata"]["generation"].as_i64().unwrap_or(generation);
        }
        if wanted["status"] != before["status"] || changed {
            let mut patch = json!({"status": body["status"]});
            if wanted["kind"] == "Deployment" || wanted["kind"] == "StatefulSet" {
                let newest = wanted["status"]["observedGeneration"] == wanted["metadata"]["generation"];
                patch["status"]["observedGeneration"] = (generation - i64::from(!newest)).into();
            }
            call(&self.client, "PATCH", &format!("{address}/status"), &patch).await?;
        }
        if let Some(made) = self.made.get_mut(key) {
            made.object = wanted;
            made.generation = generation;
        }
        Ok(())
    }

    /// What the API server demands besides, its own uids, and secrets and attacks in every place for them.
    fn dressed(&self, wanted: &Value) -> Value {
        let mut body = wanted.clone();
        body["apiVersion"] = version_of(&wanted["kind"]).into();
        body["metadata"]["namespace"] = self.namespace.clone().into();
        let real = |key: &str| self.made.get(key).map(|made| made.uid.clone());
        if let Some(metadata) = body["metadata"].as_object_mut() {
            metadata.remove("uid");
        }
        let mut job = None;
        for owner in body["metadata"]["ownerReferences"].as_array_mut().into_iter().flatten() {
            let uid = owner["uid"].as_str().and_then(real).unwrap_or_default();
            owner["apiVersion"] = version_of(&owner["kind"]).into();
            owner["uid"] = uid.clone().into();
            job = (owner["kind"] == "Job").then_some(uid);
        }
        // the selector of a Job, which the API server makes
        if let Some(uid) = job {
            body["metadata"]["labels"]["batch.kubernetes.io/controller-uid"] = uid.into();
        }
        body["metadata"]["annotations"]["example.com/secret"] = CANARY.into();
        let secret = json!([{"name": "PASSWORD", "value": CANARY}]);
        match wanted["kind"].as_str() {
            Some("Pod") => body["spec"]["containers"][0]["env"] = secret,
            _ => body["spec"]["template"]["spec"]["containers"][0]["env"] = secret,
        }
        if wanted["kind"] == "ReplicaSet" {
            body["spec"]["selector"] = json!({"matchLabels": body["spec"]["template"]["metadata"]["labels"]});
        }
        if let Some(container) = body.pointer_mut("/status/containerStatuses/0") {
            container["image"] = "web".into();
            container["imageID"] = "".into();
            let waiting = &mut container["state"]["waiting"];
            if let Some(message) = waiting["message"].as_str() {
                // in the middle: what went wrong stands at the end of a message of containerd
                let attack =
                    format!("failed to pull https://me:{CANARY}@registry.example {ATTACK}: failed to");
                waiting["message"] = message.replacen("failed to", &attack, 1).into();
            }
        }
        body
    }
}

fn version_of(kind: &Value) -> &'static str {
    match kind.as_str() {
        Some("Pod") => "v1",
        Some("Job") => "batch/v1",
        _ => "apps/v1",
    }
}

/// Where the API server keeps the objects of a kind.
pub(crate) fn folder(namespace: &str, kind: &str) -> String {
    match kind {
        "Deployment" => format!("/apis/apps/v1/namespaces/{namespace}/deployments"),
        "ReplicaSet" => format!("/apis/apps/v1/namespaces/{namespace}/replicasets"),
        "StatefulSet" => format!("/apis/apps/v1/namespaces/{namespace}/statefulsets"),
        "Job" => format!("/apis/batch/v1/namespaces/{namespace}/jobs"),
        _ => format!("/api/v1/namespaces/{namespace}/pods"),
    }
}
