//! What every object has: a name, an identity, owners, conditions.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::annotations::Annotations;

/// The kinds we watch or read, named as Kubernetes names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Kind {
    Deployment,
    StatefulSet,
    DaemonSet,
    Job,
    ReplicaSet,
    ControllerRevision,
    Pod,
    Event,
    ConfigMap,
    Secret,
    LimitRange,
    ServiceAccount,
    Namespace,
    Node,
    ResourceQuota,
    PersistentVolumeClaim,
    PersistentVolume,
    StorageClass,
    RuntimeClass,
}

impl Kind {
    /// The name in messages and in `KIND/NAME`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::Job => "Job",
            Self::ReplicaSet => "ReplicaSet",
            Self::ControllerRevision => "ControllerRevision",
            Self::Pod => "Pod",
            Self::Event => "Event",
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
            Self::LimitRange => "LimitRange",
            Self::ServiceAccount => "ServiceAccount",
            Self::Namespace => "Namespace",
            Self::Node => "Node",
            Self::ResourceQuota => "ResourceQuota",
            Self::PersistentVolumeClaim => "PersistentVolumeClaim",
            Self::PersistentVolume => "PersistentVolume",
            Self::StorageClass => "StorageClass",
            Self::RuntimeClass => "RuntimeClass",
        }
    }

    /// The resource name in API paths and in RBAC rules.
    pub(crate) const fn plural(self) -> &'static str {
        match self {
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::DaemonSet => "daemonsets",
            Self::Job => "jobs",
            Self::ReplicaSet => "replicasets",
            Self::ControllerRevision => "controllerrevisions",
            Self::Pod => "pods",
            Self::Event => "events",
            Self::ConfigMap => "configmaps",
            Self::Secret => "secrets",
            Self::LimitRange => "limitranges",
            Self::ServiceAccount => "serviceaccounts",
            Self::Namespace => "namespaces",
            Self::Node => "nodes",
            Self::ResourceQuota => "resourcequotas",
            Self::PersistentVolumeClaim => "persistentvolumeclaims",
            Self::PersistentVolume => "persistentvolumes",
            Self::StorageClass => "storageclasses",
            Self::RuntimeClass => "runtimeclasses",
        }
    }

    /// The API group and version, for example `apps/v1`.
    pub(crate) const fn api_version(self) -> &'static str {
        match self {
            Self::Deployment
            | Self::StatefulSet
            | Self::DaemonSet
            | Self::ReplicaSet
            | Self::ControllerRevision => "apps/v1",
            Self::Job => "batch/v1",
            Self::Pod
            | Self::Event
            | Self::ConfigMap
            | Self::Secret
            | Self::LimitRange
            | Self::ServiceAccount
            | Self::Namespace
            | Self::Node
            | Self::ResourceQuota
            | Self::PersistentVolumeClaim
            | Self::PersistentVolume => "v1",
            Self::StorageClass => "storage.k8s.io/v1",
            Self::RuntimeClass => "node.k8s.io/v1",
        }
    }

    /// An object of the whole cluster, in no namespace.
    pub(crate) const fn is_of_the_cluster(self) -> bool {
        matches!(
            self,
            Self::Namespace | Self::Node | Self::PersistentVolume | Self::StorageClass | Self::RuntimeClass
        )
    }

    /// The short word in commands that a person pastes: `kubectl describe deployment web`.
    pub(crate) const fn command_word(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
            Self::Job => "job",
            Self::ReplicaSet => "replicaset",
            Self::ControllerRevision => "controllerrevision",
            Self::Pod => "pod",
            Self::Event => "event",
            Self::ConfigMap => "configmap",
            Self::Secret => "secret",
            Self::LimitRange => "limitrange",
            Self::ServiceAccount => "serviceaccount",
            Self::Namespace => "namespace",
            Self::Node => "node",
            Self::ResourceQuota => "resourcequota",
            Self::PersistentVolumeClaim => "persistentvolumeclaim",
            Self::PersistentVolume => "persistentvolume",
            Self::StorageClass => "storageclass",
            Self::RuntimeClass => "runtimeclass",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which object: enough to find it, and its identity where it is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ObjectRef {
    pub(crate) kind: Kind,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Empty where only the name is known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) uid: String,
}

impl ObjectRef {
    pub(crate) fn new(kind: Kind, meta: &ObjectMeta) -> Self {
        Self { kind, namespace: meta.namespace.clone(), name: meta.name.clone(), uid: meta.uid.clone() }
    }

    /// A reference by name alone.
    pub(crate) fn named(kind: Kind, namespace: &str, name: &str) -> Self {
        Self { kind, namespace: namespace.to_owned(), name: name.to_owned(), uid: String::new() }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Objects of the whole cluster have no namespace.
        if self.namespace.is_empty() {
            return write!(f, "{} {}", self.kind, self.name);
        }
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// `metadata`, without `managedFields` and with the annotations that carry meaning for a rollout.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ObjectMeta {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) uid: String,
    pub(crate) resource_version: String,
    pub(crate) generation: i64,
    pub(crate) creation_timestamp: Option<Timestamp>,
    pub(crate) deletion_timestamp: Option<Timestamp>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: Annotations,
    pub(crate) owner_references: Vec<OwnerReference>,
    pub(crate) finalizers: Vec<String>,
}

impl ObjectMeta {
    /// The owner that controls this object, if any.
    pub(crate) fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|owner| owner.controller)
    }

    /// Whether the controlling owner is the object of that uid.
    pub(crate) fn is_controlled_by(&self, uid: &str) -> bool {
        self.controller().is_some_and(|owner| owner.uid == uid)
    }

    pub(crate) fn is_being_deleted(&self) -> bool {
        self.deletion_timestamp.is_some()
    }
}

/// One entry of `metadata.ownerReferences`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct OwnerReference {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) controller: bool,
}

/// One entry of `status.conditions`, for every kind that has them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Condition {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// `True`, `False` or `Unknown`.
    pub(crate) status: String,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) last_transition_time: Option<Timestamp>,
    pub(crate) last_update_time: Option<Timestamp>,
}

impl Condition {
    pub(crate) fn is_true(&self) -> bool {
        self.status == "True"
    }

    pub(crate) fn is_false(&self) -> bool {
        self.status == "False"
    }
}

/// The condition of that type, if the controller has written it.
pub(crate) fn find_condition<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.kind == kind)
}

/// `spec.selector` of a workload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct LabelSelector {
    pub(crate) match_labels: BTreeMap<String, String>,
    pub(crate) match_expressions: Vec<LabelRequirement>,
}

/// One expression of a selector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct LabelRequirement {
    pub(crate) key: String,
    pub(crate) operator: String,
    pub(crate) values: Vec<String>,
}

impl LabelRequirement {
    /// Whether the value of the label, or its absence, is what the expression wants. `Gt` and `Lt`, and
    /// operators yet to come, are taken as matching, so that nothing is blamed wrongly.
    pub(crate) fn matches(&self, value: Option<&String>) -> bool {
        match self.operator.as_str() {
            "In" => value.is_some_and(|value| self.values.contains(value)),
            "NotIn" => value.is_none_or(|value| !self.values.contains(value)),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => true,
        }
    }
}

impl LabelSelector {
    /// Whether labels match; an empty selector matches every label set.
    pub(crate) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(|wanted| wanted.matches(labels.get(&wanted.key)))
    }

    /// The selector in the query form of the API: `a=b,c in (d,e),!f`.
    pub(crate) fn to_query(&self) -> String {
        let mut parts: Vec<String> =
            self.match_labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        for requirement in &self.match_expressions {
            let LabelRequirement { key, operator, values } = requirement;
            let values = values.join(",");
            parts.push(match operator.as_str() {
                "In" => format!("{key} in ({values})"),
                "NotIn" => format!("{key} notin ({values})"),
                "DoesNotExist" => format!("!{key}"),
                _ => key.clone(),
            });
        }
        parts.join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_with_expressions_becomes_a_query() {
        let selector: LabelSelector = serde_json::from_str(
            r#"{"matchLabels":{"app":"web"},"matchExpressions":[
                {"key":"tier","operator":"In","values":["a","b"]},
                {"key":"old","operator":"DoesNotExist"},
                {"key":"x","operator":"NotIn","values":["y"]},
                {"key":"z","operator":"Exists"}]}"#,
        )
        .unwrap();
        assert_eq!(selector.to_query(), "app=web,tier in (a,b),!old,x notin (y),z");
    }
}
