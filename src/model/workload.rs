//! A workload: the object a target names.

use serde::Deserialize;

use super::compact::exact;
use super::custom::{CustomState, ObservedGeneration};
use super::job::Job;
use super::kind::Kind;
use super::meta::{Condition, LabelSelector, ObjectMeta, ObjectRef, find_condition};
use super::pod::Pod;
use super::template::PodTemplate;
use crate::planted::{self, Bug};

/// A Deployment, or another workload of the same shape. Fields that a kind does not have stay at their default.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Workload {
    pub(crate) kind: Kind,
    pub(crate) metadata: ObjectMeta,
    pub(crate) spec: WorkloadSpec,
    pub(crate) status: WorkloadStatus,
    pub(crate) detail: Detail,
}

/// What one kind has and no other.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Detail {
    /// A Deployment, StatefulSet, DaemonSet or ReplicaSet: all is in `spec` and `status`.
    #[default]
    Plain,
    Job(Box<Job>),
    /// A pod that is a target by itself.
    Pod(Box<Pod>),
    Custom(Box<CustomState>),
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
    pub(crate) update_strategy: UpdateStrategy,
    pub(crate) pod_management_policy: Option<String>,
    pub(crate) ordinals: Ordinals,
}

/// `spec.strategy` of a Deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Strategy {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) rolling_update: DeploymentUpdate,
}

/// `spec.strategy.rollingUpdate` of a Deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct DeploymentUpdate {
    pub(crate) max_surge: Option<Share>,
    pub(crate) max_unavailable: Option<Share>,
}

/// A number of pods, or a percentage of `replicas` such as `25%`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Share {
    Number(i64),
    Percent(String),
}

impl Share {
    /// The number of pods; percentages are rounded up or down. The default of both fields is 25 %.
    fn resolve(share: Option<&Self>, replicas: i64, round_up: bool) -> i64 {
        let percent = match share {
            Some(Self::Number(number)) => return *number,
            Some(Self::Percent(text)) => text.trim_end_matches('%').parse::<i64>().unwrap_or(25),
            None => 25,
        };
        let hundredths = replicas.saturating_mul(percent);
        if round_up { hundredths.saturating_add(99).div_euclid(100) } else { hundredths.div_euclid(100) }
    }
}

/// `spec.updateStrategy` of a StatefulSet or DaemonSet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct UpdateStrategy {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) rolling_update: RollingUpdate,
}

/// Its `rollingUpdate`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RollingUpdate {
    /// StatefulSet: pods below this ordinal keep their template.
    pub(crate) partition: Option<i64>,
    /// DaemonSet: a number or a percentage.
    pub(crate) max_surge: Option<serde_json::Value>,
}

/// `spec.ordinals` of a StatefulSet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Ordinals {
    pub(crate) start: i64,
}

/// `status` of a workload. The counters of a DaemonSet, which counts nodes, are read into those of the other
/// kinds: `currentNumberScheduled` into `replicas` and so on. An absent `observedGeneration` stays absent: it is not zero and not equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct WorkloadStatus {
    pub(crate) observed_generation: Option<i64>,
    #[serde(alias = "currentNumberScheduled")]
    pub(crate) replicas: i64,
    #[serde(alias = "updatedNumberScheduled")]
    pub(crate) updated_replicas: i64,
    #[serde(alias = "numberReady")]
    pub(crate) ready_replicas: i64,
    /// Read with [`Workload::available`].
    #[serde(alias = "numberAvailable")]
    pub(super) available_replicas: Option<i64>,
    #[serde(alias = "numberUnavailable")]
    pub(crate) unavailable_replicas: i64,
    pub(crate) terminating_replicas: Option<i64>,
    /// DaemonSet: nodes that should run a pod.
    pub(super) desired_number_scheduled: i64,
    /// StatefulSet: the template that pods are updated to, as the label of the pods has it.
    pub(crate) update_revision: Option<String>,
    #[serde(deserialize_with = "exact")]
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
        Workload { kind, metadata, spec, status, detail: Detail::Plain }
    }
}

impl Workload {
    pub(crate) fn object_ref(&self) -> ObjectRef {
        ObjectRef::new(self.kind, &self.metadata)
    }

    /// The pods there should be: `spec.replicas` with its default, or the nodes that a DaemonSet matches.
    pub(crate) fn desired(&self) -> i64 {
        match (self.kind, &self.detail) {
            (Kind::DaemonSet, _) => self.status.desired_number_scheduled,
            (_, Detail::Job(job)) => job.wanted(),
            _ => self.spec.replicas.unwrap_or(1),
        }
    }

    /// The pods that must have the newest template: not those below the partition of a StatefulSet.
    pub(crate) fn to_update(&self) -> i64 {
        (self.desired() - self.partition()).max(0)
    }

    /// `spec.updateStrategy.rollingUpdate.partition`, which counts from the first ordinal.
    pub(crate) fn partition(&self) -> i64 {
        match self.kind {
            Kind::StatefulSet => self.spec.update_strategy.rolling_update.partition.unwrap_or(0).max(0),
            _ => 0,
        }
    }

    /// Pods keep their template until somebody deletes them.
    pub(crate) fn updates_on_delete(&self) -> bool {
        self.spec.update_strategy.kind == "OnDelete"
    }

    /// A StatefulSet that makes and updates its pods one after the other, which is the default.
    pub(crate) fn is_ordered(&self) -> bool {
        self.kind == Kind::StatefulSet && self.spec.pod_management_policy.as_deref() != Some("Parallel")
    }

    /// A DaemonSet that starts a node's new pod before it stops the old one.
    pub(crate) fn surges(&self) -> bool {
        let none = |surge: &serde_json::Value| match surge {
            serde_json::Value::Number(number) => number.as_i64() == Some(0),
            serde_json::Value::String(text) => text.trim_end_matches('%') == "0",
            _ => true,
        };
        self.kind == Kind::DaemonSet
            && self.spec.update_strategy.rolling_update.max_surge.as_ref().is_some_and(|surge| !none(surge))
    }

    /// The replicas that have been ready for `minReadySeconds`. StatefulSets of servers before 1.22 do not
    /// count them; there ready must do.
    pub(crate) fn available(&self) -> i64 {
        let unknown = if self.kind == Kind::StatefulSet { self.status.ready_replicas } else { 0 };
        self.status.available_replicas.unwrap_or(unknown)
    }

    /// A Deployment that brings new pods before all old ones are gone.
    pub(crate) fn is_rolling(&self) -> bool {
        self.kind == Kind::Deployment && self.spec.strategy.kind != "Recreate"
    }

    /// How many pods above `replicas`, and how many below, a rolling update may go. After `ResolveFenceposts` of
    /// pkg/controller/deployment/util: surge is rounded up, unavailability down, and both are never zero.
    pub(crate) fn surge_and_unavailable(&self) -> (i64, i64) {
        let update = &self.spec.strategy.rolling_update;
        let surge = Share::resolve(update.max_surge.as_ref(), self.desired(), true);
        let unavailable = Share::resolve(update.max_unavailable.as_ref(), self.desired(), false);
        if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) }
    }

    /// Its progress is told by the counters of its replicas.
    pub(crate) fn rolls_replicas(&self) -> bool {
        match &self.detail {
            Detail::Plain => true,
            Detail::Job(_) | Detail::Pod(_) => false,
            Detail::Custom(state) => state.counts_replicas,
        }
    }

    /// A change of its template is another rollout.
    pub(crate) const fn has_revisions(&self) -> bool {
        matches!(self.kind, Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet)
    }

    /// Whether the controller has seen the newest spec; without it no other status field means anything.
    ///
    /// A Job does not say so, nor do all other kinds: there the counters stand for themselves.
    pub(crate) fn is_observed(&self) -> bool {
        match &self.detail {
            Detail::Plain => {
                planted::is(Bug::IgnoreObservedGeneration)
                    || self.status.observed_generation.is_some_and(|seen| seen >= self.metadata.generation)
            }
            Detail::Custom(state) => match state.observed {
                ObservedGeneration::Of(seen) => seen >= self.metadata.generation,
                _ => true,
            },
            Detail::Job(_) | Detail::Pod(_) => true,
        }
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
    fn surge_is_rounded_up_and_unavailability_down() {
        let of = |spec: &str| {
            let body: WorkloadBody = serde_json::from_str(&format!(r#"{{"spec":{spec}}}"#)).unwrap();
            body.into_workload(Kind::Deployment).surge_and_unavailable()
        };
        assert_eq!(of(r#"{"replicas":3}"#), (1, 0));
        assert_eq!(of(r#"{"replicas":4}"#), (1, 1));
        let given =
            r#"{"replicas":10,"strategy":{"rollingUpdate":{"maxSurge":"0%","maxUnavailable":"33%"}}}"#;
        assert_eq!(of(given), (0, 3));
        let none = r#"{"strategy":{"rollingUpdate":{"maxSurge":0,"maxUnavailable":"25%"}}}"#;
        assert_eq!(of(none), (0, 1));
    }

    #[test]
    fn a_missing_observed_generation_is_not_observed() {
        let body: WorkloadBody =
            serde_json::from_str(r#"{"metadata":{"generation":1},"status":{}}"#).unwrap();
        assert!(!body.into_workload(Kind::Deployment).is_observed());
    }

    fn read(kind: Kind, body: &str) -> Workload {
        serde_json::from_str::<WorkloadBody>(body).unwrap().into_workload(kind)
    }

    #[test]
    fn a_daemon_set_counts_nodes_in_the_same_counters() {
        let agent = read(
            Kind::DaemonSet,
            r#"{"spec":{"updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":"0%"}}},
                "status":{"desiredNumberScheduled":5,"currentNumberScheduled":4,"updatedNumberScheduled":3,
                "numberReady":2,"numberAvailable":1,"numberUnavailable":4}}"#,
        );
        let status = &agent.status;
        assert_eq!((agent.desired(), status.replicas, status.updated_replicas), (5, 4, 3));
        assert_eq!((status.ready_replicas, agent.available(), status.unavailable_replicas), (2, 1, 4));
        assert!(!agent.surges());
    }

    #[test]
    fn without_a_count_of_available_replicas_ready_ones_count_for_a_stateful_set_only() {
        let status = r#"{"status":{"readyReplicas":2}}"#;
        assert_eq!(read(Kind::StatefulSet, status).available(), 2);
        assert_eq!(read(Kind::Deployment, status).available(), 0);
        let counted = r#"{"status":{"readyReplicas":2,"availableReplicas":0}}"#;
        assert_eq!(read(Kind::StatefulSet, counted).available(), 0);
    }

    #[test]
    fn a_partition_leaves_less_to_update_and_never_less_than_nothing() {
        let with = |partition: i64| {
            let body = format!(
                r#"{{"spec":{{"replicas":5,"updateStrategy":{{"rollingUpdate":{{"partition":{partition}}}}}}}}}"#
            );
            read(Kind::StatefulSet, &body).to_update()
        };
        assert_eq!((with(0), with(2), with(9)), (5, 3, 0));
    }
}
