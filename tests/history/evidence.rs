//! V2: what a failure quotes is compared with the truth.

use serde_json::Value;
use tokio::time::Instant;

use crate::truth::Truth;

/// What is wrong with the causes of a failed target whose template has that image.
pub(crate) fn wrong(
    target: &Value,
    namespace: &str,
    image: &str,
    truth: &Truth,
    ended: Instant,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let causes = target["causes"].as_array().map(Vec::as_slice).unwrap_or_default();
    if causes.first().is_none_or(|cause| cause["code"] != target["reason"]) {
        wrong.push(format!("the reason {} is not that of its first cause", target["reason"]));
    }
    for cause in causes {
        let mut about_pods = 0;
        for evidence in cause["evidence"].as_array().into_iter().flatten() {
            let text = |field: &str| evidence[field].as_str().unwrap_or_default();
            match text("kind") {
                "field" => {}
                // nobody writes events or logs here, so that none can be quoted
                "event" | "log" => {
                    wrong.push(format!("it quotes what never was: {evidence}"));
                    continue;
                }
                _ => continue,
            }
            let Some(name) = pod_of(text("object"), namespace) else { continue };
            about_pods += 1;
            let versions = truth.versions_of_pod(name, ended);
            if versions.is_empty() {
                wrong.push(format!("there never was a pod {name}: {evidence}"));
            } else if !versions.iter().any(|pod| image_of(pod) == image) {
                wrong.push(format!("the pod {name} is not of the template {image}: {evidence}"));
            } else if !versions.iter().any(|pod| shows(pod, text("path"), text("value"))) {
                wrong.push(format!("no version of the pod {name} has that: {evidence}"));
            }
        }
        if let Some(name) = pod_of(cause["subject"].as_str().unwrap_or_default(), namespace) {
            let blamed = truth.versions_of_pod(name, ended);
            if !blamed.iter().any(|pod| image_of(pod) == image) {
                wrong.push(format!("it blames {name}, which is no pod of the template {image}"));
            }
            if about_pods == 0 {
                wrong.push(format!("it blames {name} and quotes nothing of it: {cause}"));
            }
        }
    }
    wrong
}

/// The name in `Pod NAMESPACE/NAME`.
fn pod_of<'a>(object: &'a str, namespace: &str) -> Option<&'a str> {
    object.strip_prefix("Pod ")?.strip_prefix(namespace)?.strip_prefix('/')
}

pub(crate) fn image_of(pod: &Value) -> &str {
    pod["spec"]["containers"][0]["image"].as_str().unwrap_or_default()
}

/// Whether the object has that at the path, as far as it is quoted.
fn shows(object: &Value, path: &str, quoted: &str) -> bool {
    let Some(found) = at(object, path) else { return false };
    match found {
        // in the middle are a secret, and what a terminal would act on
        Value::String(text) => {
            let before = text.split(" https://").next().unwrap_or_default();
            let after = text.rsplit(']').next().unwrap_or_default();
            !text.is_empty() && quoted.starts_with(before) && quoted.ends_with(after)
        }
        Value::Object(fields) if path.ends_with(".terminated") => {
            let said = [("exitCode", "exitCode"), ("reason", "reason"), ("finishedAt", "finished")];
            said.iter().all(|(field, word)| {
                let value = fields.get(*field).map(|value| value.to_string().replace('"', ""));
                value.is_some_and(|value| quoted.contains(&format!("{word} {value}")))
            })
        }
        Value::Object(fields) => {
            let value = fields.get("status").and_then(Value::as_str);
            value.is_some_and(|value| quoted.starts_with(value))
        }
        other => quoted.starts_with(&other.to_string()),
    }
}

/// What is at a path such as `status.containerStatuses[app].state.waiting.message`.
fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let mut found = object;
    for part in path.split('.') {
        let (field, name) = match part.strip_suffix(']').and_then(|part| part.split_once('[')) {
            Some((field, name)) => (field, Some(name)),
            None => (part, None),
        };
        found = found.get(field)?;
        if let Some(name) = name {
            let list = found.as_array()?;
            found = list.iter().find(|item| item["name"] == name || item["type"] == name)?;
        }
    }
    Some(found)
}
