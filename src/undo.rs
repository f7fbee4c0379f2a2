//! The way back: what `kubectl rollout undo` would do, as a plan. Pure: objects in, a patch or a reason out.
//!
//! Follows pkg/polymorphichelpers/rollback.go of kubectl: the second newest revision is the one to go back to. A
//! Deployment gets the template and the annotations of its ReplicaSet; a StatefulSet or DaemonSet gets what its
//! ControllerRevision holds, which is a strategic merge patch. Unlike kubectl, the patch fails where the object has
//! changed since it was judged, and where Argo CD, Flux or another controller owns the object there is none.

mod owner;

use serde_json::{Map, Value, json};

use crate::model::Kind;

/// What to send to go back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    /// The revision that is gone back to, as `kubectl rollout history` counts.
    pub(crate) revision: i64,
    /// Its images.
    pub(crate) images: Vec<String>,
    pub(crate) content_type: &'static str,
    pub(crate) body: Value,
    /// The template that the object then has.
    template: Value,
    /// What whoever goes back should know.
    pub(crate) note: Option<String>,
}

const JSON_PATCH: &str = "application/json-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

const REVISION: &str = "deployment.kubernetes.io/revision";
const TEMPLATE_HASH: &str = "pod-template-hash";

/// Annotations that stay those of the Deployment.
const KEPT: &[&str] = &[
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];

/// The kind of the objects that hold a workload's earlier templates.
pub(crate) const fn history_kind(kind: Kind) -> Option<Kind> {
    match kind {
        Kind::Deployment => Some(Kind::ReplicaSet),
        Kind::StatefulSet | Kind::DaemonSet => Some(Kind::ControllerRevision),
        _ => None,
    }
}

/// Plans the way back from an object in its wire form, given all objects that may hold its history.
///
/// # Errors
/// Why there is none, as a fragment.
pub(crate) fn plan(kind: Kind, object: &Value, history: &[Value]) -> Result<Plan, String> {
    if let Some(why) = owner::forbids(object) {
        return Err(why);
    }
    let uid = text(object, "/metadata/uid");
    let mut revisions: Vec<(i64, &Value)> = history
        .iter()
        .filter(|entry| is_controlled_by(entry, uid))
        .filter_map(|entry| Some((revision_of(kind, entry)?, entry)))
        .collect();
    revisions.sort_by_key(|(revision, _)| std::cmp::Reverse(*revision));
    let [_, (revision, earlier), ..] = revisions.as_slice() else {
        return Err("there is no earlier revision to go back to".to_owned());
    };
    let template = match kind {
        Kind::Deployment => earlier.pointer("/spec/template"),
        _ => earlier.pointer("/data/spec/template"),
    };
    let Some(template) = template.cloned() else {
        return Err(format!("revision {revision} holds no template"));
    };
    let template = without_hash(template);
    let meant = unmarked(template.clone());
    if template_of(object).as_ref() == Some(&meant) {
        return Err(format!("its template is already that of revision {revision}"));
    }
    let images = images(&template);
    let (content_type, body) = if kind == Kind::Deployment {
        if object.pointer("/spec/paused").and_then(Value::as_bool) == Some(true) {
            return Err("it is paused, and a paused Deployment cannot go back: resume it first".to_owned());
        }
        (JSON_PATCH, deployment_patch(object, earlier, &template))
    } else {
        (STRATEGIC, revision_patch(object, earlier))
    };
    Ok(Plan { revision: *revision, images, content_type, body, template: meant, note: owner::note(object) })
}

/// `getDeploymentPatch`, guarded by the object's identity and generation.
fn deployment_patch(deployment: &Value, earlier: &Value, template: &Value) -> Value {
    let of = |object: &Value| -> Map<String, Value> {
        object.pointer("/metadata/annotations").and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let kept = |key: &str| KEPT.contains(&key);
    let mut annotations: Map<String, Value> =
        of(deployment).into_iter().filter(|(key, _)| kept(key)).collect();
    annotations.extend(of(earlier).into_iter().filter(|(key, _)| !kept(key)));
    let field = |path: &str| deployment.pointer(path).cloned().unwrap_or_default();
    json!([
        {"op": "test", "path": "/metadata/uid", "value": field("/metadata/uid")},
        {"op": "test", "path": "/metadata/generation", "value": field("/metadata/generation")},
        {"op": "replace", "path": "/spec/template", "value": template},
        {"op": "replace", "path": "/metadata/annotations", "value": annotations},
    ])
}

/// What the ControllerRevision holds, for this version of the object and no other.
fn revision_patch(object: &Value, earlier: &Value) -> Value {
    let mut patch = earlier.get("data").cloned().unwrap_or_default();
    if let Some(patch) = patch.as_object_mut() {
        let field = |path: &str| object.pointer(path).cloned().unwrap_or_default();
        patch.insert(
            "metadata".to_owned(),
            json!({"uid": field("/metadata/uid"), "resourceVersion": field("/metadata/resourceVersion")}),
        );
    }
    patch
}

fn revision_of(kind: Kind, entry: &Value) -> Option<i64> {
    match kind {
        Kind::Deployment => entry.pointer("/metadata/annotations")?.get(REVISION)?.as_str()?.parse().ok(),
        _ => entry.get("revision")?.as_i64(),
    }
}

fn is_controlled_by(entry: &Value, uid: &str) -> bool {
    let owners = entry.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    owners.into_iter().flatten().any(|owner| {
        owner.get("controller").and_then(Value::as_bool) == Some(true) && text(owner, "/uid") == uid
    })
}

impl Plan {
    /// Whether the object has gone back. Old revisions hold `creationTimestamp: null`, which newer servers leave out.
    pub(crate) fn is_taken(&self, object: &Value) -> bool {
        template_of(object).as_ref().map(without_nulls) == Some(without_nulls(&self.template))
    }
}

fn template_of(object: &Value) -> Option<Value> {
    object.pointer("/spec/template").cloned().map(without_hash)
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(_, field)| !field.is_null());
            Value::Object(kept.map(|(key, field)| (key.clone(), without_nulls(field))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}

/// A template without the label that the Deployment controller adds.
fn without_hash(mut template: Value) -> Value {
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove(TEMPLATE_HASH);
    }
    template
}

/// A template of a ControllerRevision without what makes it a patch.
fn unmarked(mut template: Value) -> Value {
    if let Some(fields) = template.as_object_mut() {
        fields.remove("$patch");
    }
    template
}

fn images(template: &Value) -> Vec<String> {
    let containers = template.pointer("/spec/containers").and_then(Value::as_array);
    containers.into_iter().flatten().map(|container| text(container, "/image").to_owned()).collect()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests;
