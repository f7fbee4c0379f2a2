//! A ReplicaSet as the Deployment controller's instrument.

use serde::Deserialize;

use super::meta::{Condition, ObjectMeta};
use super::template::PodTemplate;

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
    pub(crate) template: PodTemplate,
}

/// `status` of a ReplicaSet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ReplicaSetStatus {
    pub(crate) replicas: i64,
    pub(crate) ready_replicas: i64,
    pub(crate) available_replicas: i64,
    pub(crate) observed_generation: Option<i64>,
    pub(crate) conditions: Vec<Condition>,
}

impl ReplicaSet {
    /// `spec.replicas` with its default.
    pub(crate) fn desired(&self) -> i64 {
        self.spec.replicas.unwrap_or(1)
    }
}
