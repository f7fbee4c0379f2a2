//! Builders for unit tests: a small world of objects, and the rollout view of it.
#![expect(clippy::needless_pass_by_value, reason = "objects are written in place with json!")]

pub(crate) mod registries;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::diagnose::{CauseCode, Diagnosis, Finding};
use crate::model::{Accepted, Kind, Rollout, Store};
use crate::observation::{Answer, LogRequest, Object, Observation, Observed, Stream, Want};

/// A Deployment `web` in namespace `shop` with one current ReplicaSet, to which pods are added.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) now: Duration,
    pub(crate) accepted: Accepted,
    kind: Kind,
    template: Value,
}

impl World {
    /// A world whose template has that pod spec.
    pub(crate) fn new(pod_spec: Value) -> Self {
        let started: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": pod_spec});
        let mut world = Self {
            store: Store::new(started, false),
            now: Duration::ZERO,
            accepted: Accepted { tolerated_restarts: 3, ..Accepted::default() },
            kind: Kind::Deployment,
            template,
        };
        world.deployment(json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1}));
        world.replica_set("web-new", "1", json!({"replicas": 1}));
        world
    }

    /// A template of one container `app`, extended by the fields given.
    pub(crate) fn with_app(fields: Value) -> Self {
        let mut container = json!({"name": "app", "image": "registry.example/shop/web:1.2"});
        merge(&mut container, fields);
        Self::new(json!({"containers": [container]}))
    }

    /// A world whose newest ReplicaSet has the second pod spec, and whose old one has the first.
    pub(crate) fn updated(old: Value, new: Value) -> Self {
        let mut world = Self::new(new);
        let body = json!({
            "metadata": {"name": "web-old", "namespace": "shop", "uid": "web-old",
                "labels": {"app": "web", "pod-template-hash": "web-old"},
                "annotations": {"deployment.kubernetes.io/revision": "0"},
                "ownerReferences": [{"kind": "Deployment", "name": "web", "uid": "d-1", "controller": true}]},
            "spec": {"replicas": 1, "template": {"metadata": {"labels": {"app": "web"}}, "spec": old}},
            "status": {}});
        let object = crate::model::decode_value(Kind::ReplicaSet, body).unwrap();
        let stream = Stream::selected(Kind::ReplicaSet, "shop", "app=web".to_owned());
        world.observe(Observed::Applied { stream, object });
        world
    }

    /// A world with a StatefulSet or DaemonSet `web` in place of the Deployment; its uid is its name. To be
    /// followed by [`Self::workload`].
    pub(crate) fn of(kind: Kind) -> Self {
        Self::of_with_app(kind, json!({}))
    }

    /// As [`Self::of`], with these fields of the container.
    pub(crate) fn of_with_app(kind: Kind, fields: Value) -> Self {
        Self { kind, ..Self::with_app(fields) }
    }

    /// Writes the StatefulSet or DaemonSet with these fields of its spec and that status.
    pub(crate) fn workload(&mut self, spec: Value, status: Value) {
        self.labelled_workload(json!({}), spec, status);
    }

    /// The same with labels.
    pub(crate) fn labelled_workload(&mut self, labels: Value, spec: Value, status: Value) {
        let mut body = json!({
            "metadata": {"name": "web", "namespace": "shop", "uid": "web", "generation": 1, "labels": labels},
            "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": self.template},
            "status": status,
        });
        merge(&mut body["spec"], spec);
        let object = crate::model::decode_value(self.kind, body).unwrap();
        self.observe(Observed::Applied { stream: Stream::of(self.kind, "shop", "web"), object });
    }

    /// Writes a pod of the Job with that restart policy. Its uid is its name.
    pub(crate) fn job_pod(&mut self, name: &str, restart_policy: &str, status: Value) {
        let mut body = json!({
            "metadata": {"name": name, "namespace": "shop", "uid": name, "labels": {"app": "web"},
                "ownerReferences": [{"kind": "Job", "name": "web", "uid": "web", "controller": true}]},
            "spec": self.template["spec"],
            "status": status,
        });
        merge(&mut body["spec"], json!({"restartPolicy": restart_policy}));
        let object = crate::model::decode_value(Kind::Pod, body).unwrap();
        self.observe(Observed::Applied { stream: Self::pods_stream(), object });
    }

    /// Writes pod `web`, the target of a world of that kind, with further fields of its spec.
    pub(crate) fn bare_pod(&mut self, spec: Value, status: Value) {
        let mut body = json!({
            "metadata": {"name": "web", "namespace": "shop", "uid": "web"},
            "spec": self.template["spec"],
            "status": status,
        });
        merge(&mut body["spec"], spec);
        let object = crate::model::decode_value(Kind::Pod, body).unwrap();
        self.observe(Observed::Applied { stream: Stream::of(Kind::Pod, "shop", "web"), object });
    }

    /// Writes a pod of the StatefulSet or DaemonSet, of the template with that hash. Its uid is its name.
    pub(crate) fn pod_of_revision(&mut self, name: &str, hash: &str, status: Value) {
        self.pod_with_spec(name, hash, json!({}), status);
    }

    /// The same on a node.
    pub(crate) fn pod_on_node(&mut self, name: &str, node: &str, hash: &str, status: Value) {
        self.pod_with_spec(name, hash, json!({"nodeName": node}), status);
    }

    fn pod_with_spec(&mut self, name: &str, hash: &str, spec: Value, status: Value) {
        let mut body = json!({
            "metadata": {"name": name, "namespace": "shop", "uid": name,
                "labels": {"app": "web", "controller-revision-hash": hash},
                "ownerReferences": [{"name": "web", "uid": "web", "controller": true}]},
            "spec": self.template["spec"],
            "status": status,
        });
        merge(&mut body["spec"], spec);
        let object = crate::model::decode_value(Kind::Pod, body).unwrap();
        self.observe(Observed::Applied { stream: Self::pods_stream(), object });
    }

    /// Writes a ControllerRevision of the DaemonSet.
    pub(crate) fn controller_revision(&mut self, hash: &str, revision: i64) {
        let body = json!({
            "metadata": {"name": format!("web-{hash}"), "namespace": "shop", "uid": format!("web-{hash}"),
                "labels": {"app": "web", "controller-revision-hash": hash},
                "ownerReferences": [{"kind": "DaemonSet", "name": "web", "uid": "web", "controller": true}]},
            "revision": revision,
        });
        let object = crate::model::decode_value(Kind::ControllerRevision, body).unwrap();
        let stream = Stream::selected(Kind::ControllerRevision, "shop", "app=web".to_owned());
        self.observe(Observed::Applied { stream, object });
    }

    pub(crate) fn observe(&mut self, what: Observed) {
        self.store.apply(Observation { at: self.now, what });
    }

    pub(crate) fn at(&mut self, seconds: u64) -> &mut Self {
        self.now = Duration::from_secs(seconds);
        self.observe(Observed::Tick);
        self
    }

    pub(crate) fn target() -> Stream {
        Stream::of(Kind::Deployment, "shop", "web")
    }

    fn pods_stream() -> Stream {
        Stream::selected(Kind::Pod, "shop", "app=web".to_owned())
    }

    /// Writes the Deployment with that status.
    pub(crate) fn deployment(&mut self, status: Value) {
        let body = json!({
            "metadata": {"name": "web", "namespace": "shop", "uid": "d-1", "generation": 1,
                "annotations": {"deployment.kubernetes.io/revision": "1"}},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": self.template},
            "status": status,
        });
        self.deployment_object(body);
    }

    /// Writes the Deployment, paused, with that status.
    pub(crate) fn paused(&mut self, status: Value) {
        let body = json!({
            "metadata": {"name": "web", "namespace": "shop", "uid": "d-1", "generation": 1,
                "annotations": {"deployment.kubernetes.io/revision": "1"}},
            "spec": {"replicas": 1, "paused": true, "selector": {"matchLabels": {"app": "web"}},
                "template": self.template},
            "status": status,
        });
        self.deployment_object(body);
    }

    /// Writes the Deployment as the JSON given.
    pub(crate) fn deployment_object(&mut self, body: Value) {
        let object = crate::model::decode_value(Kind::Deployment, body).unwrap();
        self.observe(Observed::Applied { stream: Self::target(), object });
    }

    /// Writes a ReplicaSet of the Deployment with the current template.
    pub(crate) fn replica_set(&mut self, name: &str, revision: &str, status: Value) {
        let body = json!({
            "metadata": {"name": name, "namespace": "shop", "uid": name,
                "labels": {"app": "web", "pod-template-hash": name},
                "annotations": {"deployment.kubernetes.io/revision": revision},
                "ownerReferences": [{"kind": "Deployment", "name": "web", "uid": "d-1", "controller": true}]},
            "spec": {"replicas": 1, "template": self.template},
            "status": status,
        });
        let object = crate::model::decode_value(Kind::ReplicaSet, body).unwrap();
        let stream = Stream::selected(Kind::ReplicaSet, "shop", "app=web".to_owned());
        self.observe(Observed::Applied { stream, object });
    }

    /// Writes a pod of the current ReplicaSet with that status. Its uid is its name.
    pub(crate) fn pod(&mut self, name: &str, status: Value) {
        self.pod_of("web-new", name, status);
    }

    /// Writes a pod of the ReplicaSet named.
    pub(crate) fn pod_of(&mut self, replica_set: &str, name: &str, status: Value) {
        let object = self.pod_object(replica_set, name, status);
        self.observe(Observed::Applied { stream: Self::pods_stream(), object });
    }

    /// Deletes a pod of the current ReplicaSet.
    pub(crate) fn delete_pod(&mut self, name: &str) {
        let object = self.pod_object("web-new", name, json!({}));
        self.observe(Observed::Deleted { stream: Self::pods_stream(), object });
    }

    fn pod_object(&self, replica_set: &str, name: &str, status: Value) -> Object {
        let body = json!({
            "metadata": {"name": name, "namespace": "shop", "uid": name,
                "labels": {"app": "web", "pod-template-hash": replica_set},
                "ownerReferences": [
                    {"kind": "ReplicaSet", "name": replica_set, "uid": replica_set, "controller": true}]},
            "spec": self.template["spec"],
            "status": status,
        });
        crate::model::decode_value(Kind::Pod, body).unwrap()
    }

    /// A pod of the current ReplicaSet that was there before we looked for the first time.
    pub(crate) fn listed_pod(&mut self, name: &str, status: Value) {
        let object = self.pod_object("web-new", name, status);
        self.observe(Observed::Listed { stream: Self::pods_stream(), objects: vec![object] });
    }

    /// Says when a pod of the current ReplicaSet was created, by a snapshot like [`Self::listed_pod`].
    pub(crate) fn born(&mut self, name: &str, made: &str) {
        let Object::Pod(mut pod) = self.pod_object("web-new", name, json!({"phase": "Running"})) else {
            return;
        };
        pod.metadata.creation_timestamp = made.parse().ok();
        self.observe(Observed::Listed { stream: Self::pods_stream(), objects: vec![Object::Pod(pod)] });
    }

    /// A pod whose only container `app` waits with that reason and message.
    pub(crate) fn waiting_pod(&mut self, name: &str, reason: &str, message: &str) {
        self.pod(
            name,
            json!({"phase": "Pending", "containerStatuses": [
                {"name": "app", "state": {"waiting": {"reason": reason, "message": message}}}]}),
        );
    }

    /// Answers a want.
    pub(crate) fn answer(&mut self, want: Want, answer: Answer) {
        self.observe(Observed::Answered { want, answer });
    }

    /// Events about an object of the world (`Kind::Pod` and the pod's name, or `Kind::ReplicaSet` and its name).
    pub(crate) fn events(&mut self, kind: Kind, name: &str, events: Value) {
        let object = crate::model::ObjectRef {
            kind,
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            uid: name.to_owned(),
        };
        let events = serde_json::from_value(events).unwrap();
        self.answer(Want::Events(object), Answer::Events(events));
    }

    /// The log of container `app` of a pod.
    pub(crate) fn log(&mut self, pod: &str, previous: bool, death: i64, lines: &[&str]) {
        let request = LogRequest {
            namespace: "shop".to_owned(),
            pod: pod.to_owned(),
            container: "app".to_owned(),
            previous,
            death,
        };
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        self.answer(Want::Logs(request), Answer::Logs(lines));
    }

    /// The rollout as rules see it now.
    pub(crate) fn rollout(&self) -> Rollout<'_> {
        let workload = self.store.workload(&Stream::of(self.kind, "shop", "web")).unwrap();
        Rollout::new(&self.store, workload, self.accepted)
    }

    /// Runs one family of rules on the world as it is now.
    pub(crate) fn run(&self, rules: fn(&Rollout<'_>, &mut Diagnosis)) -> Diagnosis {
        let mut diagnosis = Diagnosis::default();
        rules(&self.rollout(), &mut diagnosis);
        diagnosis
    }
}

impl Diagnosis {
    /// The codes found, in order.
    pub(crate) fn codes(&self) -> Vec<&'static str> {
        self.findings.iter().map(|finding| finding.code.as_str()).collect()
    }

    /// The finding of that code; there must be one.
    pub(crate) fn the(&self, code: CauseCode) -> &Finding {
        self.findings.iter().find(|finding| finding.code == code).unwrap()
    }
}

/// Adds the fields of one JSON object to another.
pub(crate) fn merge(into: &mut Value, from: Value) {
    if let (Some(into), Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend(from);
    }
}
