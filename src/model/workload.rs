//! A workload: the object a target names.

use serde::Deserialize;

use super::meta::{Condition, Kind, LabelSelector, ObjectMeta, ObjectRef, find_condition};
use super::template::PodTemplate;

/// A Deployment, or another workload of the same shape. Fields that a kind does not have stay at their default.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Workload {
    pub(crate) kind: Kind,
    pub(crate) metadata: ObjectMeta,
    pub(crate) spec: WorkloadSpec,
    pub(crate) status: WorkloadStatus,
}

/// `spec` of a workload.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct WorkloadSpec {
    pub(crate) replicas: Option<i64>,
    pub(crate) paused: bool,
    pub(crate) selector: LabelSelector,
    pub(crate) template: PodTemplate,
    pub(crate) min_ready_seconds: i64,
    /// Seconds; `i32::MAX` means no deadline.
    pub(crate) progress_deadline_seconds: Option<i64>,
    pub(crate) strategy: Strategy,
}

/// `spec.strategy` of a Deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Strategy {
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

/// `status` of a workload. An absent `observedGeneration` stays absent: it is not zero and not equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct WorkloadStatus {
    pub(crate) observed_generation: Option<i64>,
    pub(crate) replicas: i64,
    pub(crate) updated_replicas: i64,
    pub(crate) ready_replicas: i64,
    pub(crate) available_replicas: i64,
    pub(crate) unavailable_replicas: i64,
    pub(crate) terminating_replicas: Option<i64>,
    pub(crate) conditions: Vec<Condition>,
}

/// The wire form: the kind is known from the request, not from each object.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(crate) struct WorkloadBody {
    metadata: ObjectMeta,
    spec: WorkloadSpec,
    status: WorkloadStatus,
}

impl WorkloadBody {
    pub(crate) fn into_workload(self, kind: Kind) -> Workload {
        let Self { metadata, spec, status } = self;
        Workload { kind, metadata, spec, status }
    }
}

impl Workload {
    pub(crate) fn object_ref(&self) -> ObjectRef {
        ObjectRef::new(self.kind, &self.metadata)
    }

    /// `spec.replicas` with its default.
    pub(crate) fn desired(&self) -> i64 {
        self.spec.replicas.unwrap_or(1)
    }

    /// Whether the controller has seen the newest spec; without it no other status field means anything.
    pub(crate) fn is_observed(&self) -> bool {
        self.status.observed_generation.is_some_and(|seen| seen >= self.metadata.generation)
    }

    pub(crate) fn condition(&self, kind: &str) -> Option<&Condition> {
        find_condition(&self.status.conditions, kind)
    }

    /// `TYPE/NAME` as a person would paste it into kubectl.
    pub(crate) fn command_target(&self) -> String {
        format!("{}/{}", self.kind.command_word(), self.metadata.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_observed_generation_is_not_observed() {
        let body: WorkloadBody =
            serde_json::from_str(r#"{"metadata":{"generation":1},"status":{}}"#).unwrap();
        assert!(!body.into_workload(Kind::Deployment).is_observed());
    }
}
