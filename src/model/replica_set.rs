//! A ReplicaSet: the Deployment controller's instrument, or a target by itself.

use serde::Deserialize;

use super::compact::exact;
use super::kind::Kind;
use super::meta::{Condition, LabelSelector, ObjectMeta};
use super::template::PodTemplate;
use super::workload::{Detail, Workload, WorkloadSpec, WorkloadStatus};

/// A ReplicaSet.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct ReplicaSet {
    pub(crate) metadata: ObjectMeta,
    pub(crate) spec: ReplicaSetSpec,
    pub(crate) status: ReplicaSetStatus,
}

/// `spec` of a ReplicaSet. `replicas` absent means 1.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ReplicaSetSpec {
    pub(crate) replicas: Option<i64>,
    pub(crate) selector: LabelSelector,
    pub(crate) min_ready_seconds: i64,
    pub(crate) template: PodTemplate,
}

/// `status` of a ReplicaSet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ReplicaSetStatus {
    pub(crate) replicas: i64,
    /// Pods with all labels of the template.
    pub(crate) fully_labeled_replicas: i64,
    pub(crate) ready_replicas: i64,
    pub(crate) available_replicas: i64,
    pub(crate) observed_generation: Option<i64>,
    #[serde(deserialize_with = "exact")]
    pub(crate) conditions: Vec<Condition>,
}

impl ReplicaSet {
    /// `spec.replicas` with its default.
    pub(crate) fn desired(&self) -> i64 {
        self.spec.replicas.unwrap_or(1)
    }

    /// The same as a target: nobody else's instrument. Its pods are all of one template as far as it counts.
    pub(super) fn as_workload(&self) -> Workload {
        let Self { metadata, spec, status } = self;
        Workload {
            kind: Kind::ReplicaSet,
            metadata: metadata.clone(),
            spec: WorkloadSpec {
                replicas: spec.replicas,
                selector: spec.selector.clone(),
                template: spec.template.clone(),
                min_ready_seconds: spec.min_ready_seconds,
                ..WorkloadSpec::default()
            },
            status: WorkloadStatus {
                observed_generation: status.observed_generation,
                replicas: status.replicas,
                updated_replicas: status.fully_labeled_replicas,
                ready_replicas: status.ready_replicas,
                conditions: status.conditions.clone(),
                available_replicas: Some(status.available_replicas),
                ..WorkloadStatus::default()
            },
            detail: Detail::Plain,
        }
    }
}
