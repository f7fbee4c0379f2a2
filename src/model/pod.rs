//! A pod: what was asked and what kubelet says.

use jiff::Timestamp;
use serde::Deserialize;

use super::container::ContainerStatus;
use super::meta::{Condition, Kind, ObjectMeta, ObjectRef, find_condition};
use super::template::PodSpec;
use super::vocabulary::condition;

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Pod {
    pub(crate) metadata: ObjectMeta,
    pub(crate) spec: PodSpec,
    pub(crate) status: PodStatus,
}

/// `status` of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PodStatus {
    pub(crate) phase: String,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) container_statuses: Vec<ContainerStatus>,
    pub(crate) init_container_statuses: Vec<ContainerStatus>,
    pub(crate) nominated_node_name: Option<String>,
    pub(crate) start_time: Option<Timestamp>,
}

impl Pod {
    pub(crate) fn object_ref(&self) -> ObjectRef {
        ObjectRef::new(Kind::Pod, &self.metadata)
    }

    /// Init containers in order, then app containers: the order in which they start.
    pub(crate) fn statuses(&self) -> impl Iterator<Item = &ContainerStatus> {
        self.status.init_container_statuses.iter().chain(&self.status.container_statuses)
    }

    pub(crate) fn status_of(&self, container: &str) -> Option<&ContainerStatus> {
        self.statuses().find(|status| status.name == container)
    }

    pub(crate) fn condition(&self, kind: &str) -> Option<&Condition> {
        find_condition(&self.status.conditions, kind)
    }

    /// The number at the end of the name of a StatefulSet's pod. By name `web-10` would come before `web-9`.
    pub(crate) fn ordinal(&self) -> Option<u64> {
        self.metadata.name.rsplit('-').next()?.parse().ok()
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.condition(condition::READY).is_some_and(Condition::is_true)
    }

    /// Ended for good: the controller replaces it.
    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.status.phase.as_str(), "Succeeded" | "Failed")
    }

    /// The node it was placed on, if any.
    pub(crate) fn node(&self) -> Option<&str> {
        self.spec.node_name.as_deref()
    }

    /// Every container that must keep running is running. A container without a status is not.
    pub(crate) fn all_running(&self) -> bool {
        self.spec.long_running().all(|container| {
            self.status_of(&container.name).is_some_and(|status| status.state.running.is_some())
        })
    }
}
