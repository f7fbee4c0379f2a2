//! Pods in dry runs. The API server goes the whole way of admission with them and stores nothing.

use http::Request;
use http::header::CONTENT_TYPE;
use kube::client::Body;
use serde_json::{Map, Value, json};

use super::call::{Access, JSON};
use super::failure::Failure;
use super::request;
use crate::model::Kind;
use crate::observation::{Answer, Correction, Trial, TrialResult};

/// Sends the pod of the template.
///
/// # Errors
/// The template cannot be read, or the server does not say what it thinks of the pod: we may not create pods, or a
/// webhook does not take part in dry runs.
pub(super) async fn answer(trial: &Trial, access: &Access) -> Result<Answer, Failure> {
    let path = request::path(trial.kind, &trial.namespace, Some(&trial.name));
    let creator: Value = serde_json::from_slice(&access.get_renewed(&path, JSON).await?.body)
        .map_err(|_| Failure::transport("an object that cannot be read"))?;
    let pod = pod(&creator, trial);
    let path = dry_run(&trial.namespace);
    let request = Request::post(&path)
        .header(CONTENT_TYPE, JSON)
        .body(Body::from(pod.to_string().into_bytes()))
        .map_err(|error| Failure::transport(error.to_string()))?;
    match access.send(request).await {
        Ok(_) => Ok(Answer::Trial(TrialResult::Accepted)),
        Err(Failure::Status(status)) if is_about_the_pod(status.code, &status.message) => {
            Ok(Answer::Trial(TrialResult::Refused(status.message)))
        }
        Err(failure) => Err(failure),
    }
}

/// Where pods are sent so that none is made: `dryRun=All` stands here and nowhere else.
fn dry_run(namespace: &str) -> String {
    request::query(
        request::path(Kind::Pod, namespace, None),
        &[("dryRun", "All"), ("fieldManager", "rollout-guard"), ("fieldValidation", "Ignore")],
    )
}

/// Whether a refusal is one that the controller would get too.
fn is_about_the_pod(code: u16, message: &str) -> bool {
    let of_us =
        message.contains("cannot create resource \"pods\"") || message.contains("does not support dry run");
    matches!(code, 400 | 403 | 422 | 500) && !of_us
}

/// The pod that the controller would make, without its owner.
fn pod(creator: &Value, trial: &Trial) -> Value {
    let template = creator.pointer("/spec/template").cloned().unwrap_or_default();
    let of = |pointer: &str| template.pointer(pointer).cloned().unwrap_or_else(|| json!({}));
    let mut spec = match of("/spec") {
        Value::Object(spec) => spec,
        _ => Map::new(),
    };
    claims(creator, &trial.name, &mut spec);
    for correction in &trial.corrections {
        correct(correction, &mut spec);
    }
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": format!("{}-", trial.name),
            "namespace": trial.namespace,
            "labels": of("/metadata/labels"),
            "annotations": of("/metadata/annotations"),
        },
        "spec": spec,
    })
}

/// The volumes that a StatefulSet's controller adds for its claims.
fn claims(creator: &Value, name: &str, spec: &mut Map<String, Value>) {
    let templates = creator.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array);
    let names = templates.into_iter().flatten().filter_map(|claim| claim.pointer("/metadata/name")?.as_str());
    let mut volumes = spec.get("volumes").and_then(Value::as_array).cloned().unwrap_or_default();
    for claim in names {
        volumes.retain(|volume| volume.get("name").and_then(Value::as_str) != Some(claim));
        let source = json!({ "claimName": format!("{claim}-{name}-0") });
        volumes.push(json!({ "name": claim, "persistentVolumeClaim": source }));
    }
    if !volumes.is_empty() {
        spec.insert("volumes".to_owned(), Value::Array(volumes));
    }
}

fn correct(correction: &Correction, spec: &mut Map<String, Value>) {
    match correction {
        Correction::DefaultServiceAccount => {
            spec.remove("serviceAccountName");
            spec.remove("serviceAccount");
        }
        Correction::WithoutPriorityClass => {
            spec.remove("priorityClassName");
            spec.remove("priority");
        }
        Correction::WithoutRuntimeClass => {
            spec.remove("runtimeClassName");
            spec.remove("overhead");
        }
        Correction::Secured => {
            set(
                spec,
                "securityContext",
                &json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}),
            );
            let context = json!({"allowPrivilegeEscalation": false, "privileged": false, "runAsNonRoot": true,
                "capabilities": {"drop": ["ALL"]}});
            containers(spec, |container| set(container, "securityContext", &context));
        }
        Correction::Resource { resource, amount } => containers(spec, |container| {
            let amount = json!({ resource: amount });
            let mut resources = container.remove("resources").unwrap_or_else(|| json!({}));
            if let Some(resources) = resources.as_object_mut() {
                set(resources, "requests", &amount);
                set(resources, "limits", &amount);
            }
            container.insert("resources".to_owned(), resources);
        }),
    }
}

fn containers(spec: &mut Map<String, Value>, mut change: impl FnMut(&mut Map<String, Value>)) {
    for list in ["initContainers", "containers"] {
        let all = spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
        all.filter_map(Value::as_object_mut).for_each(&mut change);
    }
}

/// Sets the fields in an object that may not be there; those of other names stay.
fn set(parent: &mut Map<String, Value>, name: &str, fields: &Value) {
    let child = parent.entry(name).or_insert_with(|| json!({}));
    if !child.is_object() {
        *child = json!({});
    }
    if let (Some(child), Some(fields)) = (child.as_object_mut(), fields.as_object()) {
        child.extend(fields.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(corrections: Vec<Correction>) -> Trial {
        Trial {
            kind: Kind::StatefulSet,
            namespace: "shop".to_owned(),
            name: "db".to_owned(),
            generation: 1,
            corrections,
        }
    }

    #[test]
    fn the_pod_is_the_one_that_the_controller_would_make() {
        let set = json!({"spec": {
            "template": {"metadata": {"labels": {"app": "db"}},
                "spec": {"containers": [{"name": "app", "volumeMounts": [{"name": "data"}]}]}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}}]}});
        assert_eq!(
            pod(&set, &trial(Vec::new())),
            json!({"apiVersion": "v1", "kind": "Pod",
                "metadata": {"generateName": "db-", "namespace": "shop", "labels": {"app": "db"}, "annotations": {}},
                "spec": {"containers": [{"name": "app", "volumeMounts": [{"name": "data"}]}],
                    "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}]}})
        );
    }

    #[test]
    fn a_correction_changes_what_it_is_about_and_nothing_else() {
        let set = json!({"spec": {"template": {"spec": {
            "serviceAccountName": "x", "serviceAccount": "x", "priorityClassName": "high", "runtimeClassName": "kata",
            "securityContext": {"fsGroup": 1},
            "containers": [{"name": "app", "resources": {"requests": {"cpu": "1", "memory": "5Gi"}},
                "securityContext": {"runAsUser": 7}}]}}}});
        let corrected = pod(
            &set,
            &trial(vec![
                Correction::DefaultServiceAccount,
                Correction::WithoutPriorityClass,
                Correction::WithoutRuntimeClass,
                Correction::Secured,
                Correction::Resource { resource: "memory".to_owned(), amount: "100Mi".to_owned() },
            ]),
        );
        assert_eq!(
            corrected["spec"],
            json!({"securityContext": {"fsGroup": 1, "runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [{"name": "app",
                    "resources": {"requests": {"cpu": "1", "memory": "100Mi"}, "limits": {"memory": "100Mi"}},
                    "securityContext": {"runAsUser": 7, "allowPrivilegeEscalation": false, "privileged": false,
                        "runAsNonRoot": true, "capabilities": {"drop": ["ALL"]}}}]})
        );
    }

    #[test]
    fn nothing_is_created() {
        let path =
            "/api/v1/namespaces/shop/pods?dryRun=All&fieldManager=rollout-guard&fieldValidation=Ignore";
        assert_eq!(dry_run("shop"), path);
    }

    #[test]
    fn what_is_refused_to_us_says_nothing_about_the_pod() {
        let us = "pods is forbidden: User \"ci\" cannot create resource \"pods\" in API group \"\" in the namespace \"shop\"";
        assert!(!is_about_the_pod(403, us));
        assert!(!is_about_the_pod(400, "admission webhook \"w.example\" does not support dry run"));
        assert!(!is_about_the_pod(429, "too many requests"));
        assert!(is_about_the_pod(403, "pods \"db-\" is forbidden: exceeded quota: team"));
        assert!(is_about_the_pod(422, "Pod \"db-\" is invalid: spec.containers[0].image: Required value"));
    }
}
