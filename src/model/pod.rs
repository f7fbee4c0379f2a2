//! A pod: what was asked and what kubelet says.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::compact::exact;
use super::container::ContainerStatus;
use super::kind::Kind;
use super::meta::{Condition, ObjectMeta, ObjectRef, find_condition};
use super::template::{PodSpec, PodTemplate};
use super::vocabulary::condition;
use super::workload::{Detail, Workload, WorkloadSpec, WorkloadStatus};

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(from = "PodBody")]
pub(crate) struct Pod {
    pub(crate) metadata: ObjectMeta,
    /// Shared by the pods of one template ([`super::Siblings`] sees to it), so without what differs between them.
    pub(crate) spec: Arc<PodSpec>,
    node_name: Option<String>,
    pub(crate) status: PodStatus,
}

/// The wire form.
#[derive(Deserialize, Default)]
#[serde(default)]
struct PodBody {
    metadata: ObjectMeta,
    spec: PodSpec,
    status: PodStatus,
}

impl From<PodBody> for Pod {
    fn from(body: PodBody) -> Self {
        let PodBody { metadata, mut spec, mut status } = body;
        let node_name = spec.node_name.take();
        spec.forget_the_names_of_token_volumes();
        let ready = find_condition(&status.conditions, condition::READY).is_some_and(Condition::is_true);
        if ready {
            status.conditions.retain(|known| !(known.is_true() && PASSED.contains(&known.kind.as_str())));
        }
        status.conditions.shrink_to_fit();
        Self { metadata, spec: Arc::new(spec), node_name, status }
    }
}

/// What every pod that is Ready has gone through: said of it, these mean nothing to us, and it is said of most pods.
const PASSED: [&str; 3] =
    [condition::POD_SCHEDULED, condition::READY_TO_START_CONTAINERS, condition::INITIALIZED];

/// `status` of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PodStatus {
    pub(crate) phase: String,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) conditions: Vec<Condition>,
    #[serde(deserialize_with = "exact")]
    pub(crate) container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "exact")]
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

    /// Its containers are started again whenever they end, which is the default.
    pub(crate) fn restarts_always(&self) -> bool {
        self.spec.restart_policy.as_deref().is_none_or(|policy| policy == "Always")
    }

    /// It was evicted, preempted or lost with its node, and did not end by itself.
    pub(crate) fn was_disrupted(&self) -> bool {
        self.condition(condition::DISRUPTION_TARGET).is_some_and(Condition::is_true)
    }

    /// The readiness gate that keeps a pod from being Ready although its containers are.
    pub(crate) fn closed_gate(&self) -> Option<&str> {
        let open = |gate: &str| self.condition(gate).is_some_and(Condition::is_true);
        let containers_ready = self.condition(condition::CONTAINERS_READY).is_some_and(Condition::is_true);
        let mut gates = self.spec.readiness_gates.iter().map(|gate| gate.condition_type.as_str());
        gates.find(|gate| containers_ready && !open(gate))
    }

    /// The pod as a target by itself.
    pub(super) fn as_workload(&self) -> Workload {
        let ready = i64::from(self.is_ready());
        let done = i64::from(self.status.phase == "Succeeded");
        Workload {
            kind: Kind::Pod,
            metadata: self.metadata.clone(),
            spec: WorkloadSpec {
                template: PodTemplate {
                    spec: Arc::new(PodSpec {
                        node_name: self.node_name.clone(),
                        ..PodSpec::clone(&self.spec)
                    }),
                    ..PodTemplate::default()
                },
                ..WorkloadSpec::default()
            },
            status: WorkloadStatus {
                observed_generation: Some(self.metadata.generation),
                replicas: 1,
                updated_replicas: 1,
                ready_replicas: ready,
                conditions: self.status.conditions.clone(),
                available_replicas: Some(ready.max(done)),
                ..WorkloadStatus::default()
            },
            detail: Detail::Pod(Box::new(self.clone())),
        }
    }

    /// Kubelet forgets a back-off after ten minutes of running; so do we with the ends before it.
    pub(crate) fn ended_lately(&self, now: Timestamp) -> bool {
        self.statuses()
            .filter_map(|status| status.latest_termination()?.finished_at)
            .any(|finished| now.duration_since(finished) < SignedDuration::from_mins(10))
    }

    /// The node it was placed on, if any.
    pub(crate) fn node(&self) -> Option<&str> {
        self.node_name.as_deref()
    }

    /// Every container that must keep running is running. A container without a status is not.
    pub(crate) fn all_running(&self) -> bool {
        self.spec.long_running().all(|container| {
            self.status_of(&container.name).is_some_and(|status| status.state.running.is_some())
        })
    }
}
