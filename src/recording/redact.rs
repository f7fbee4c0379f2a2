//! What never enters a recording: bulk, and values that may be secret.

use serde_json::{Map, Value, json};

use crate::model::{Event, Kind};
use crate::observation::{Answer, Refusal, RegistryLook, StreamHealth, TrialResult, Undone};
use crate::untrusted::{REDACTED, Redactor};

/// What is removed, in the words of the header.
pub(super) const REMOVED: &[&str] = &[
    "metadata.managedFields",
    "metadata.annotations except deployment.kubernetes.io/revision* and rollout-guard/*",
    "env[].value",
    "what looks like a secret in command, args, probes, hooks, volumes, status, logs and events",
    "httpHeaders of probes and hooks",
    "values of csi.volumeAttributes and flexVolume.options",
    "data of ControllerRevisions except the pod template of a StatefulSet or DaemonSet",
    "all of other kinds except metadata, status and what of spec is a workload's",
];

/// Maps of a volume that take whatever its driver understands, often a key or a password.
const FREE_MAPS: &[&str] = &["/csi/volumeAttributes", "/flexVolume/options"];

/// What of a volume only names objects and their keys: rules look them up by these names.
const REFERENCES: &[&str] = &["name", "configMap", "secret", "projected", "persistentVolumeClaim"];

/// What is read of the spec of a kind without rules of its own.
const SPEC_OF_A_WORKLOAD: &[&str] = &["replicas", "selector", "paused", "suspend", "template"];

/// What is read of the spec of its pods.
const SPEC_OF_A_POD: &[&str] = &[
    "containers",
    "initContainers",
    "volumes",
    "imagePullSecrets",
    "serviceAccountName",
    "restartPolicy",
    "nodeName",
    "schedulerName",
    "priorityClassName",
    "runtimeClassName",
    "terminationGracePeriodSeconds",
    "nodeSelector",
    "readinessGates",
    "overhead",
    "affinity",
    "tolerations",
    "schedulingGates",
    "topologySpreadConstraints",
    "schedulingGroup",
];

/// Removes bulk and values that may be secret from an object in its wire form.
pub(crate) fn redact(redactor: &Redactor, kind: Kind, object: &mut Value) {
    let Some(object) = object.as_object_mut() else { return };
    metadata(object);
    if kind == Kind::ControllerRevision {
        revision_data(redactor, object);
    }
    if let Some(status) = object.get_mut("status") {
        texts(redactor, status);
    }
    if let Kind::Custom(_) = kind {
        // What such a spec holds is not known; it may be a password.
        object.retain(|field, _| {
            matches!(field.as_str(), "apiVersion" | "kind" | "metadata" | "spec" | "status")
        });
        if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
            spec.retain(|field, _| SPEC_OF_A_WORKLOAD.contains(&field.as_str()));
            template_of_a_kind_we_do_not_know(spec);
        }
    }
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        let claims = spec.get_mut("volumeClaimTemplates").and_then(Value::as_array_mut);
        claims.into_iter().flatten().filter_map(Value::as_object_mut).for_each(metadata);
        if kind == Kind::Pod {
            pod_spec(redactor, spec);
        } else if let Some(template) = spec.get_mut("template").and_then(Value::as_object_mut) {
            metadata(template);
            if let Some(spec) = template.get_mut("spec").and_then(Value::as_object_mut) {
                pod_spec(redactor, spec);
            }
        }
    }
}

/// It need not be one of pods: a sealed secret has the other keys of its Secret there, a virtual machine its first
/// password.
fn template_of_a_kind_we_do_not_know(spec: &mut Map<String, Value>) {
    let Some(Value::Object(mut template)) = spec.remove("template") else { return };
    template.retain(|field, value| match field.as_str() {
        "metadata" => true,
        "spec" => value.get("containers").is_some_and(Value::is_array),
        _ => false,
    });
    if let Some(pod) = template.get_mut("spec").and_then(Value::as_object_mut) {
        pod.retain(|field, _| SPEC_OF_A_POD.contains(&field.as_str()));
    }
    spec.insert("template".to_owned(), Value::Object(template));
}

/// Of a StatefulSet or DaemonSet the template stays, as in the object itself; what other controllers keep is unknown.
fn revision_data(redactor: &Redactor, revision: &mut Map<String, Value>) {
    let Some(mut data) = revision.remove("data") else { return };
    let owners = revision.get("metadata").and_then(|metadata| metadata.get("ownerReferences"));
    let is_ours = owners.and_then(Value::as_array).into_iter().flatten().any(|owner| {
        let field = |name: &str| owner.get(name).and_then(Value::as_str).unwrap_or_default();
        field("apiVersion").starts_with("apps/") && ["StatefulSet", "DaemonSet"].contains(&field("kind"))
    });
    let template = data.pointer_mut("/spec/template").map(Value::take);
    let Some(Value::Object(mut template)) = template.filter(|_| is_ours) else { return };
    template.retain(|field, _| matches!(field.as_str(), "metadata" | "spec"));
    metadata(&mut template);
    if let Some(spec) = template.get_mut("spec").and_then(Value::as_object_mut) {
        pod_spec(redactor, spec);
    }
    revision.insert("data".to_owned(), json!({"spec": {"template": template}}));
}

/// Messages can quote what a program said.
fn texts(redactor: &Redactor, value: &mut Value) {
    match value {
        Value::String(text) => *text = redactor.redact(text).into_owned(),
        Value::Array(items) => items.iter_mut().for_each(|value| texts(redactor, value)),
        Value::Object(fields) => fields.values_mut().for_each(|value| texts(redactor, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The same for what was fetched: logs, and the messages of events.
pub(super) fn redact_answer(redactor: &Redactor, answer: &Answer) -> Answer {
    let redacted = |text: &str| redactor.redact(text).into_owned();
    match answer {
        Answer::Logs(log) => Answer::Logs(redactor.redact_lines(log)),
        Answer::NoLogs(why) => Answer::NoLogs(redacted(why)),
        Answer::Refused(refusal) => Answer::Refused(redact_refusal(redactor, refusal)),
        Answer::Events(events) => {
            let hide = |event: &Event| Event { message: redacted(&event.message), ..event.clone() };
            Answer::Events(events.iter().map(hide).collect())
        }
        Answer::Registry(looks) => {
            let mut looks = looks.clone();
            looks
                .iter_mut()
                .flat_map(RegistryLook::messages)
                .for_each(|message| *message = redacted(message));
            Answer::Registry(looks)
        }
        Answer::Namespace(namespace) => {
            let mut namespace = namespace.clone();
            for condition in &mut namespace.status.conditions {
                condition.message = redacted(&condition.message);
            }
            Answer::Namespace(namespace)
        }
        Answer::Trial(TrialResult::Refused(said)) => Answer::Trial(TrialResult::Refused(redacted(said))),
        other => other.clone(),
    }
}

/// The same for why a stream shows nothing.
pub(super) fn redact_health(redactor: &Redactor, health: &StreamHealth) -> StreamHealth {
    match health {
        StreamHealth::Live => StreamHealth::Live,
        StreamHealth::Polled { message } => {
            StreamHealth::Polled { message: redactor.redact(message).into_owned() }
        }
        StreamHealth::Interrupted { message } => {
            StreamHealth::Interrupted { message: redactor.redact(message).into_owned() }
        }
        StreamHealth::Refused(refusal) => StreamHealth::Refused(redact_refusal(redactor, refusal)),
    }
}

fn redact_refusal(redactor: &Redactor, refusal: &Refusal) -> Refusal {
    Refusal { message: redactor.redact(&refusal.message).into_owned(), ..refusal.clone() }
}

/// The same for the end of a way back.
pub(super) fn redact_undone(redactor: &Redactor, undone: &Undone) -> Undone {
    Undone { message: redactor.redact(&undone.message).into_owned(), ..undone.clone() }
}

fn metadata(object: &mut Map<String, Value>) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    metadata.remove("managedFields");
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.retain(|key, _| {
            key.starts_with("deployment.kubernetes.io/revision") || key.starts_with("rollout-guard/")
        });
    }
}

fn pod_spec(redactor: &Redactor, spec: &mut Map<String, Value>) {
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
        for container in containers.filter_map(Value::as_object_mut) {
            let variables = container.get_mut("env").and_then(Value::as_array_mut).into_iter().flatten();
            for variable in variables.filter_map(Value::as_object_mut) {
                variable.remove("value");
            }
            for list in ["command", "args"] {
                container.get_mut(list).into_iter().for_each(|list| hide_arguments(redactor, list));
            }
            // A registry, or the path of a probe, may have a password in it.
            if let Some(image) = container.get_mut("image") {
                texts(redactor, image);
            }
            actions(redactor, container);
        }
    }
    let volumes = spec.get_mut("volumes").and_then(Value::as_array_mut);
    volumes.into_iter().flatten().for_each(|one| volume(redactor, one));
}

/// A repository or a path may have a password in it; of what a driver is told nobody knows.
fn volume(redactor: &Redactor, volume: &mut Value) {
    for path in FREE_MAPS {
        volume.pointer_mut(path).into_iter().for_each(hide);
    }
    for (source, value) in volume.as_object_mut().into_iter().flatten() {
        if source == "ephemeral" {
            let claim = value.get_mut("volumeClaimTemplate").and_then(Value::as_object_mut);
            claim.into_iter().for_each(metadata);
        } else if !REFERENCES.contains(&source.as_str()) {
            texts(redactor, value);
        }
    }
}

/// Names stay, values go.
fn hide(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(hide),
        Value::Null => {}
        _ => *value = Value::from(REDACTED),
    }
}

/// `--token=…`, `--password …` and the like. What is not a secret stays: rules read it.
fn hide_arguments(redactor: &Redactor, list: &mut Value) {
    let redacted = |text: &str| redactor.redact(text).into_owned();
    let mut flag = String::new();
    for item in list.as_array_mut().into_iter().flatten() {
        let Some(text) = item.as_str() else { continue };
        // a flag and its value as two items read like one with `=` between
        let hidden = if flag.is_empty() {
            redacted(text)
        } else {
            let both = redacted(&format!("{flag}={text}"));
            both.strip_prefix(&format!("{flag}=")).map(ToOwned::to_owned).unwrap_or(both)
        };
        let is_flag = text.starts_with('-') && !text.contains('=');
        flag = if is_flag { text.to_owned() } else { String::new() };
        *item = Value::from(hidden);
    }
}

/// Headers of probes and hooks may carry tokens, and so may the rest of them.
fn actions(redactor: &Redactor, container: &mut Map<String, Value>) {
    let mut actions: Vec<&mut Value> = Vec::new();
    for (key, value) in container.iter_mut() {
        match key.as_str() {
            "livenessProbe" | "readinessProbe" | "startupProbe" => actions.push(value),
            "lifecycle" => actions.extend(value.as_object_mut().into_iter().flat_map(Map::values_mut)),
            _ => {}
        }
    }
    for action in actions {
        // before the rest: it reads each item by itself
        action.pointer_mut("/exec/command").into_iter().for_each(|list| hide_arguments(redactor, list));
        texts(redactor, action);
        if let Some(http) = action.get_mut("httpGet").and_then(Value::as_object_mut) {
            http.remove("httpHeaders");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_bulk_are_gone_and_names_stay() {
        let container = json!({"name": "app", "env": [{"name": "TOKEN", "value": "canary"},
                {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
            "livenessProbe": {"httpGet": {"port": 80, "httpHeaders": [{"name": "A", "value": "canary"}]}},
            "lifecycle": {"postStart": {"httpGet": {"httpHeaders": [{"name": "A", "value": "canary"}]}}}});
        let metadata = json!({"managedFields": "canary", "annotations": {"last-applied": "canary",
            "deployment.kubernetes.io/revision": "2"}});
        let mut deployment = json!({"metadata": metadata, "spec": {"template": {"metadata": metadata,
            "spec": {"containers": [container], "initContainers": [container]}}}});
        redact(&Redactor::default(), Kind::Deployment, &mut deployment);
        let text = deployment.to_string();
        assert!(!text.contains("canary"), "{text}");
        assert!(
            text.contains("TOKEN") && text.contains("secretKeyRef") && text.contains("/revision\":\"2\"")
        );

        let template = json!({"spec": {"template": {"spec": {"containers": [container]}}, "x": "canary"}});
        let mut revision = json!({"metadata": metadata, "revision": 3, "data": template});
        redact(&Redactor::default(), Kind::ControllerRevision, &mut revision);
        assert!(!revision.to_string().contains("canary"));
        assert_eq!((&revision["revision"], &revision["data"]), (&json!(3), &Value::Null));

        let owners = json!([{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "web"}]);
        let mut revision = json!({"metadata": {"ownerReferences": owners}, "data": template});
        redact(&Redactor::default(), Kind::ControllerRevision, &mut revision);
        assert!(!revision.to_string().contains("canary"), "{revision}");
        assert_eq!(revision["data"]["spec"]["template"]["spec"]["containers"][0]["name"], "app");

        let mut pod = json!({"metadata": metadata, "spec": {"containers": [container]}});
        redact(&Redactor::default(), Kind::Pod, &mut pod);
        assert!(!pod.to_string().contains("canary"));
    }

    #[test]
    fn secrets_of_a_command_line_are_gone_and_the_rest_stays() {
        let mut pod = json!({"spec": {"containers": [{"name": "app", "command": ["/app", "--verbose", "now"],
            "args": ["--token=abc1", "--db-password", "abc2", "--port", "80", "run"]}]}});
        redact(&Redactor::default(), Kind::Pod, &mut pod);
        let container = &pod["spec"]["containers"][0];
        assert_eq!(container["command"], json!(["/app", "--verbose", "now"]));
        let hidden = json!(["--token=[redacted]", "--db-password", "[redacted]", "--port", "80", "run"]);
        assert_eq!(container["args"], hidden);
    }

    #[test]
    fn commands_of_probes_and_hooks_are_treated_as_those_of_containers() {
        let exec =
            json!({"exec": {"command": ["mysqladmin", "ping", "--password", "canary2x", "--user", "app"]}});
        let container = json!({"name": "app", "livenessProbe": exec, "readinessProbe": exec, "startupProbe": exec,
            "lifecycle": {"postStart": exec, "preStop": exec, "stopSignal": "SIGUSR1"}});
        let mut pod = json!({"spec": {"containers": [container], "initContainers": [container],
            "ephemeralContainers": [container]}});
        redact(&Redactor::default(), Kind::Pod, &mut pod);
        let text = pod.to_string();
        assert!(!text.contains("canary") && text.contains("SIGUSR1"), "{text}");
        let hidden = json!(["mysqladmin", "ping", "--password", REDACTED, "--user", "app"]);
        assert_eq!(pod["spec"]["ephemeralContainers"][0]["lifecycle"]["preStop"]["exec"]["command"], hidden);
        assert_eq!(text.matches("\"--user\",\"app\"").count(), 15, "{text}");
    }

    #[test]
    fn of_volumes_the_values_that_a_driver_takes_are_gone_and_the_names_stay() {
        let volumes = json!([
            {"name": "csi", "csi": {"driver": "files.example.com", "readOnly": true,
                "volumeAttributes": {"share": "canary", "password": "canary"}}},
            {"name": "flex", "flexVolume": {"driver": "example.com/cifs", "options": {"password": "canary"}}},
            {"name": "git", "gitRepo": {"repository": "https://ci:canary@git.example/shop", "revision": "main"}},
            {"name": "new", "ephemeral": {"volumeClaimTemplate": {"metadata": {"annotations": {"a": "canary"}},
                "spec": {"storageClassName": "fast"}}}},
            {"name": "cfg", "secret": {"secretName": "cust-4711", "items": [{"key": "pwd", "path": "p"}]}}]);
        let template = json!({"metadata": {}, "spec": {"containers": [], "volumes": volumes}});
        let claims = json!([{"metadata": {"name": "data", "annotations": {"a": "canary"}}}]);
        let owners = json!([{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web"}]);
        let workload = json!({"spec": {"template": template, "volumeClaimTemplates": claims}});
        let revision =
            json!({"metadata": {"ownerReferences": owners}, "data": {"spec": {"template": template}}});
        let rollout = Kind::discovered("example.com/v1", "Rollout", "rollouts", true);
        let objects = [
            (Kind::Pod, template.clone(), "/spec/volumes"),
            (Kind::Deployment, workload.clone(), "/spec/template/spec/volumes"),
            (Kind::StatefulSet, workload.clone(), "/spec/template/spec/volumes"),
            (Kind::DaemonSet, workload.clone(), "/spec/template/spec/volumes"),
            (Kind::ReplicaSet, workload.clone(), "/spec/template/spec/volumes"),
            (Kind::Job, workload.clone(), "/spec/template/spec/volumes"),
            (rollout, workload, "/spec/template/spec/volumes"),
            (Kind::ControllerRevision, revision, "/data/spec/template/spec/volumes"),
        ];
        let redactor = Redactor::new(&["cust-[0-9]+"]).unwrap();
        for (kind, mut object, path) in objects {
            redact(&redactor, kind, &mut object);
            assert!(!object.to_string().contains("canary"), "{object}");
            let volumes = object.pointer(path).unwrap();
            let attributes = json!({"share": REDACTED, "password": REDACTED});
            let csi =
                json!({"driver": "files.example.com", "readOnly": true, "volumeAttributes": attributes});
            assert_eq!(volumes[0], json!({"name": "csi", "csi": csi}));
            assert_eq!(volumes[1]["flexVolume"]["options"], json!({"password": REDACTED}));
            assert_eq!(volumes[2]["gitRepo"]["repository"], "https://ci:[redacted]@git.example/shop");
            assert_eq!(volumes[3]["ephemeral"]["volumeClaimTemplate"]["spec"]["storageClassName"], "fast");
            assert_eq!(volumes[4]["secret"]["secretName"], "cust-4711", "it is looked up by that name");
        }
    }

    #[test]
    fn a_template_that_is_not_one_of_pods_is_not_kept() {
        let kind = Kind::discovered("example.com/v1", "VirtualMachine", "virtualmachines", true);
        let data = json!({"cloudInitNoCloud": {"userData": "password: canary"}});
        let templates = [
            json!({"metadata": {"labels": {"app": "web"}}, "data": {"x": "canary"}, "type": "Opaque"}),
            json!({"metadata": {"labels": {"app": "web"}}, "spec": {"volumes": [data]}}),
            json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [], "x": "canary"}}),
        ];
        for template in templates {
            let mut machine = json!({"spec": {"template": template}});
            redact(&Redactor::default(), kind, &mut machine);
            assert!(!machine.to_string().contains("canary"), "{machine}");
            assert_eq!(machine["spec"]["template"]["metadata"]["labels"]["app"], "web");
        }
        let mut text = json!({"spec": {"replicas": 1, "template": "password is canary"}});
        redact(&Redactor::default(), kind, &mut text);
        assert_eq!(text, json!({"spec": {"replicas": 1}}));
    }

    #[test]
    fn what_a_namespace_says_is_redacted_as_the_messages_of_other_objects() {
        let namespace = json!({"status": {"phase": "Terminating", "conditions": [
            {"type": "NamespaceDeletionContentFailure", "status": "True", "message": "--password=canary at db"}]}});
        let answer = Answer::Namespace(serde_json::from_value(namespace).unwrap());
        let Answer::Namespace(redacted) = redact_answer(&Redactor::default(), &answer) else { panic!() };
        let said = &redacted.status.conditions[0].message;
        assert!(!said.contains("canary") && said.ends_with("at db"), "{said}");
        assert_eq!(redacted.status.phase, "Terminating");
    }

    #[test]
    fn of_a_kind_we_do_not_know_only_what_is_read_is_kept() {
        let kind = Kind::discovered("example.com/v1", "Widget", "widgets", true);
        let mut widget = json!({"metadata": {"name": "web"}, "data": {"x": "canary"}, "status": {"phase": "Ready"},
            "spec": {"password": "canary", "replicas": 2, "template": {"spec": {"containers": [
                {"name": "app", "env": [{"name": "A", "value": "canary"}]}]}}}});
        redact(&Redactor::default(), kind, &mut widget);
        let text = widget.to_string();
        assert!(!text.contains("canary"), "{text}");
        assert!(text.contains("\"replicas\":2") && text.contains("\"phase\":\"Ready\""));
    }
}
