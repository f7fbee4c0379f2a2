//! What a pod asks of the node it is placed on, and what a node offers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::meta::{LabelRequirement, LabelSelector};

/// `spec.affinity`; preferences are not read, since they keep no pod from a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_field_names, reason = "Kubernetes' own names")]
pub(crate) struct Affinity {
    pub(crate) node_affinity: NodeAffinity,
    pub(crate) pod_affinity: PodAffinity,
    pub(crate) pod_anti_affinity: PodAffinity,
}

/// `nodeAffinity`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct NodeAffinity {
    #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    pub(crate) required: NodeSelector,
}

/// A selector of nodes: one of the terms must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct NodeSelector {
    pub(crate) node_selector_terms: Vec<NodeSelectorTerm>,
}

/// One term: every expression must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct NodeSelectorTerm {
    pub(crate) match_expressions: Vec<LabelRequirement>,
}

/// `podAffinity` or `podAntiAffinity`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct PodAffinity {
    #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    pub(crate) required: Vec<PodAffinityTerm>,
}

/// Pods that must, or must not, be in the same domain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PodAffinityTerm {
    pub(crate) label_selector: LabelSelector,
    pub(crate) topology_key: String,
}

/// One entry of `spec.tolerations`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Toleration {
    /// Empty with `Exists` tolerates every taint.
    pub(crate) key: String,
    /// `Equal` (also if empty) or `Exists`.
    pub(crate) operator: String,
    pub(crate) value: String,
    /// Empty means every effect.
    pub(crate) effect: String,
}

impl Toleration {
    /// After `ToleratesTaint` of k8s.io/api/core/v1.
    pub(crate) fn tolerates(&self, taint: &Taint) -> bool {
        (self.effect.is_empty() || self.effect == taint.effect)
            && (self.key.is_empty() || self.key == taint.key)
            && (self.operator == "Exists" || (!self.key.is_empty() && self.value == taint.value))
    }
}

/// One entry of `spec.schedulingGates`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct SchedulingGate {
    pub(crate) name: String,
}

/// `spec.schedulingGroup`: the pod group of which enough pods must be there before one is placed (alpha in 1.36).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SchedulingGroup {
    pub(crate) pod_group_name: String,
}

/// One entry of `spec.topologySpreadConstraints`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SpreadConstraint {
    pub(crate) max_skew: i64,
    pub(crate) topology_key: String,
    /// `DoNotSchedule` or `ScheduleAnyway`; only the former keeps a pod from a node.
    pub(crate) when_unsatisfiable: String,
}

/// A node as far as placement reads it. Its wire form is also its recorded form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Node {
    pub(crate) metadata: NodeMeta,
    pub(crate) spec: NodeSpec,
    pub(crate) status: NodeStatus,
}

/// `metadata` of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct NodeMeta {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
}

/// `spec` of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct NodeSpec {
    /// Cordoned.
    pub(crate) unschedulable: bool,
    pub(crate) taints: Vec<Taint>,
}

/// One entry of `spec.taints` of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Taint {
    pub(crate) key: String,
    pub(crate) value: String,
    /// `NoSchedule`, `NoExecute` or `PreferNoSchedule`; only the first two keep a pod away.
    pub(crate) effect: String,
}

/// `status` of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct NodeStatus {
    /// What pods may ask for together; quantities as written.
    pub(crate) allocatable: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) conditions: Vec<NodeCondition>,
}

/// One entry of `status.conditions` of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct NodeCondition {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// `True`, `False` or `Unknown`.
    pub(crate) status: String,
    pub(crate) reason: String,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_transition_time: Option<jiff::Timestamp>,
}

impl Node {
    /// The condition `Ready` where it is not `True`: kubelet says so, or has been silent.
    pub(crate) fn not_ready(&self) -> Option<&NodeCondition> {
        self.status
            .conditions
            .iter()
            .find(|condition| condition.kind == "Ready" && condition.status != "True")
    }
}

impl Taint {
    /// Whether it keeps pods away that do not tolerate it.
    pub(crate) fn is_hard(&self) -> bool {
        self.effect != "PreferNoSchedule"
    }

    /// Set by Kubernetes itself and taken away again: a node that starts, is not ready, or is cordoned.
    pub(crate) fn is_passing(&self) -> bool {
        self.key.starts_with("node.kubernetes.io/")
            || self.key.starts_with("node.cloudprovider.kubernetes.io/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toleration_matches_as_the_scheduler_does() {
        let taint = Taint { key: "dedicated".into(), value: "gpu".into(), effect: "NoSchedule".into() };
        let of = |key: &str, operator: &str, value: &str, effect: &str| Toleration {
            key: key.into(),
            operator: operator.into(),
            value: value.into(),
            effect: effect.into(),
        };
        assert!(of("dedicated", "", "gpu", "").tolerates(&taint));
        assert!(of("dedicated", "Exists", "", "NoSchedule").tolerates(&taint));
        assert!(of("", "Exists", "", "").tolerates(&taint));
        assert!(!of("dedicated", "Equal", "cpu", "").tolerates(&taint));
        assert!(!of("dedicated", "Equal", "gpu", "NoExecute").tolerates(&taint));
        assert!(!of("other", "Exists", "", "").tolerates(&taint));
    }
}
