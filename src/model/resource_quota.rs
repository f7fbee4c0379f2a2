//! `ResourceQuota` objects, and what the pods of a namespace ask for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::kind::Kind;
use super::pod::Pod;
use super::pod_resources::Ask;
use super::template::Container;
use super::vocabulary::label;

/// A ResourceQuota. Its wire form is also its recorded form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ResourceQuota {
    pub(crate) status: ResourceQuotaStatus,
}

/// `status` of a ResourceQuota: what holds now. Quantities as written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ResourceQuotaStatus {
    pub(crate) hard: BTreeMap<String, String>,
    pub(crate) used: BTreeMap<String, String>,
}

/// What one pod asks for, and whose it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PodAsk {
    pub(crate) pod: String,
    /// `Deployment web`, `StatefulSet db`, `Pod debug`.
    pub(crate) owner: String,
    /// By resource, in its base unit.
    pub(crate) requests: BTreeMap<String, String>,
    pub(crate) limits: BTreeMap<String, String>,
    /// Claims whose volumes it holds: those of a pod that has a node.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) claims: Vec<String>,
}

impl PodAsk {
    /// What a pod holds of the quotas of its namespace; one that has ended holds nothing.
    pub(crate) fn of(pod: &Pod) -> Option<Self> {
        if pod.is_finished() {
            return None;
        }
        let total = |ask: Ask| {
            let of = |container: &Container| match ask {
                Ask::Request => container.resources.requests.clone(),
                Ask::Limit => container.resources.limits.clone(),
            };
            let resources = pod.spec.all_containers().flat_map(|container| of(container).into_keys());
            resources.map(|name| (name.clone(), pod.spec.total(ask, &name).to_string())).collect()
        };
        let placed = pod.node().is_some();
        Some(Self {
            claims: pod.claims().filter(|_| placed).map(|(_, claim)| claim).collect(),
            pod: pod.metadata.name.clone(),
            owner: owner(pod),
            requests: total(Ask::Request),
            limits: total(Ask::Limit),
        })
    }
}

/// The controller; for a ReplicaSet whose name ends with the hash of its template, its Deployment.
fn owner(pod: &Pod) -> String {
    let Some(owner) = pod.metadata.controller() else {
        return format!("{} {}", Kind::Pod, pod.metadata.name);
    };
    let hash = pod.metadata.labels.get(label::POD_TEMPLATE_HASH);
    let deployment = hash.and_then(|hash| owner.name.strip_suffix(hash.as_str())?.strip_suffix('-'));
    match deployment {
        Some(deployment) => format!("{} {deployment}", Kind::Deployment),
        None => format!("{} {}", owner.kind, owner.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_counts_for_its_deployment_and_an_ended_one_for_nobody() {
        let read = |phase: &str| -> Pod {
            serde_json::from_str(&format!(
                r#"{{"metadata":{{"name":"web-6c9-x","labels":{{"pod-template-hash":"6c9"}},
                "ownerReferences":[{{"kind":"ReplicaSet","name":"web-6c9","uid":"1","controller":true}}]}},
                "spec":{{"containers":[{{"name":"a","resources":{{"requests":{{"memory":"1Ki"}}}}}},
                    {{"name":"b","resources":{{"requests":{{"memory":"1Ki"}},"limits":{{"cpu":"500m"}}}}}}]}},
                "status":{{"phase":"{phase}"}}}}"#
            ))
            .unwrap()
        };
        let ask = PodAsk::of(&read("Running")).unwrap();
        assert_eq!(ask.owner, "Deployment web");
        assert_eq!(ask.requests["memory"], "2048");
        assert_eq!(ask.limits["cpu"], "0.5");
        assert!(ask.claims.is_empty());
        assert_eq!(PodAsk::of(&read("Succeeded")), None);
    }
}
