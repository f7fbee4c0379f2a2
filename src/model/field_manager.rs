//! Who wrote what of an object: `metadata.managedFields`, reduced to the template of a workload and the data of a
//! ConfigMap.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A manager of fields, and which parts of a template it has written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct FieldManager {
    /// As it calls itself: `kubectl-client-side-apply`, `argocd-controller`, `helm`.
    pub(crate) name: String,
    /// Its last write, by the API server's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<Timestamp>,
    /// Containers whose image it has written.
    pub(crate) images: Vec<String>,
}

/// An object with nothing but its managers.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Managed {
    metadata: ManagedMeta,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ManagedMeta {
    managed_fields: Vec<ManagedFields>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ManagedFields {
    manager: String,
    time: Option<Timestamp>,
    subresource: String,
    #[serde(rename = "fieldsV1")]
    fields: Value,
}

impl Managed {
    /// Those that have written something of the template, or of the data, the latest first. Field names of `fieldsV1` begin with
    /// `f:`, and the entry of a list with `k:` and its key as JSON (sigs.k8s.io/structured-merge-diff).
    pub(crate) fn managers(self) -> Vec<FieldManager> {
        let mut managers: Vec<FieldManager> = self
            .metadata
            .managed_fields
            .into_iter()
            .filter(|entry| entry.subresource.is_empty())
            .filter_map(|entry| {
                let data = || entry.fields.get("f:data").or_else(|| entry.fields.get("f:binaryData"));
                let part = entry.fields.pointer("/f:spec/f:template").or_else(data)?;
                let spec = part.get("f:spec");
                let of = |list: &str| spec.and_then(|spec| spec.get(list)?.as_object());
                let containers = ["f:containers", "f:initContainers"]
                    .into_iter()
                    .filter_map(of)
                    .flat_map(|list| list.iter());
                let images = containers
                    .filter(|(_, fields)| fields.get("f:image").is_some())
                    .filter_map(|(key, _)| key_name(key))
                    .collect();
                Some(FieldManager { name: entry.manager, at: entry.time, images })
            })
            .collect();
        managers.sort_by_key(|manager| std::cmp::Reverse(manager.at));
        managers
    }
}

/// `k:{"name":"app"}`.
fn key_name(key: &str) -> Option<String> {
    let key: Value = serde_json::from_str(key.strip_prefix("k:")?).ok()?;
    Some(key.get("name")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wrote_an_image_is_read_from_the_managed_fields() {
        // Kubernetes 1.36.3, shortened.
        let body = r#"{"metadata":{"managedFields":[
            {"manager":"kubectl-client-side-apply","operation":"Update","time":"2026-11-25T03:00:00Z",
             "fieldsV1":{"f:spec":{"f:template":{"f:spec":{"f:containers":{
                "k:{\"name\":\"app\"}":{".":{},"f:name":{}},
                "k:{\"name\":\"side\"}":{"f:image":{}}}}}}}},
            {"manager":"kubectl-set","operation":"Update","time":"2026-11-25T03:05:00Z",
             "fieldsV1":{"f:spec":{"f:template":{"f:spec":{"f:containers":{
                "k:{\"name\":\"app\"}":{"f:image":{}}}}}}}},
            {"manager":"kube-controller-manager","operation":"Update","subresource":"status",
             "fieldsV1":{"f:status":{}}},
            {"manager":"hpa","operation":"Update","fieldsV1":{"f:spec":{"f:replicas":{}}}}]}}"#;
        let managers = serde_json::from_str::<Managed>(body).unwrap().managers();
        let names: Vec<(&str, &[String])> =
            managers.iter().map(|manager| (manager.name.as_str(), manager.images.as_slice())).collect();
        assert_eq!(
            names,
            [
                ("kubectl-set", &["app".to_owned()][..]),
                ("kubectl-client-side-apply", &["side".to_owned()][..])
            ]
        );
    }

    #[test]
    fn who_wrote_the_data_of_a_config_map_is_read_alike() {
        let body = r#"{"metadata":{"managedFields":[
            {"manager":"kubectl-label","time":"2026-11-25T03:09:00Z","fieldsV1":{"f:metadata":{"f:labels":{}}}},
            {"manager":"kubectl-client-side-apply","time":"2026-11-25T03:05:00Z",
             "fieldsV1":{"f:data":{".":{},"f:MODE":{}},"f:metadata":{}}}]}}"#;
        let managers = serde_json::from_str::<Managed>(body).unwrap().managers();
        let names: Vec<&str> = managers.iter().map(|manager| manager.name.as_str()).collect();
        assert_eq!(names, ["kubectl-client-side-apply"]);
    }
}
