//! Kinds of objects: those we have rules for, and any other that a server's discovery names.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize};

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
    /// A kind without rules of its own, as discovery describes it.
    #[serde(rename = "custom")]
    Custom(#[serde(deserialize_with = "interned")] &'static CustomKind),
}

/// What is known of a kind without rules of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CustomKind {
    /// `cert-manager.io/v1`, or `v1` for the core group.
    pub(crate) api_version: String,
    /// `Certificate`.
    pub(crate) kind: String,
    /// `certificates`.
    pub(crate) plural: String,
    /// Objects live in a namespace.
    pub(crate) namespaced: bool,
    /// What kubectl understands whatever else the server has: `certificate.cert-manager.io`.
    pub(crate) command_word: String,
}

/// A kind as somebody writes it, to be looked up in a server's discovery.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KindName {
    /// As written, for messages.
    pub(crate) written: String,
    /// A plural, singular or short name, or the kind itself; lower case.
    pub(crate) name: String,
    /// What stands behind it: a group, `VERSION.GROUP`, or nothing; lower case.
    pub(crate) qualifier: String,
}

impl KindName {
    /// From `certificate`, `certificate.cert-manager.io` or `certificate.v1.cert-manager.io`.
    pub(crate) fn new(written: &str) -> Self {
        let lower = written.to_ascii_lowercase();
        let (name, qualifier) = lower.split_once('.').unwrap_or((&lower, ""));
        Self { written: written.to_owned(), name: name.to_owned(), qualifier: qualifier.to_owned() }
    }

    /// Whether a group and version are those meant.
    pub(crate) fn is_of(&self, group: &str, version: &str) -> bool {
        let qualifier = self.qualifier.as_str();
        qualifier.is_empty()
            || (!group.is_empty() && (qualifier == group || qualifier == format!("{version}.{group}")))
            || (group.is_empty() && qualifier == version)
    }
}

/// Kinds are compared and copied everywhere, and there are as many as targets have been named: each is kept once,
/// for as long as the process lives.
static KINDS: Mutex<BTreeSet<&'static CustomKind>> = Mutex::new(BTreeSet::new());

impl CustomKind {
    fn intern(self) -> &'static Self {
        let mut kinds = KINDS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kinds.get(&self) {
            return known;
        }
        let kept: &'static Self = Box::leak(Box::new(self));
        kinds.insert(kept);
        kept
    }
}

fn interned<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static CustomKind, D::Error> {
    CustomKind::deserialize(deserializer).map(CustomKind::intern)
}

impl Kind {
    /// A kind as discovery describes it; one of those with rules of their own where it is one.
    pub(crate) fn discovered(api_version: &str, kind: &str, plural: &str, namespaced: bool) -> Self {
        let judged =
            Self::JUDGED.iter().find(|known| known.as_str() == kind && known.api_version() == api_version);
        if let Some(judged) = judged {
            return *judged;
        }
        let singular = kind.to_ascii_lowercase();
        let command_word = match api_version.split_once('/') {
            Some((group, _)) => format!("{singular}.{group}"),
            None => singular,
        };
        Self::Custom(
            CustomKind {
                api_version: api_version.to_owned(),
                kind: kind.to_owned(),
                plural: plural.to_owned(),
                namespaced,
                command_word,
            }
            .intern(),
        )
    }

    /// Every kind with rules of its own. The others are read for what they say about these.
    const JUDGED: &'static [Self] =
        &[Self::Deployment, Self::StatefulSet, Self::DaemonSet, Self::Job, Self::ReplicaSet, Self::Pod];

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
            Self::Custom(custom) => custom.kind.as_str(),
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
            Self::Custom(custom) => custom.plural.as_str(),
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
            Self::Custom(custom) => custom.api_version.as_str(),
        }
    }

    /// Objects of this kind live in a namespace.
    pub(crate) const fn is_namespaced(self) -> bool {
        match self {
            Self::Namespace
            | Self::Node
            | Self::PersistentVolume
            | Self::StorageClass
            | Self::RuntimeClass => false,
            Self::Custom(custom) => custom.namespaced,
            _ => true,
        }
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
            Self::Custom(custom) => custom.command_word.as_str(),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_with_rules_of_its_own_is_recognised_by_group_and_version() {
        assert_eq!(Kind::discovered("batch/v1", "Job", "jobs", true), Kind::Job);
        let other = Kind::discovered("example.com/v1", "Job", "jobs", true);
        assert_ne!(other, Kind::Job);
        assert_eq!((other.command_word(), other.api_version()), ("job.example.com", "example.com/v1"));
        assert_eq!(Kind::discovered("v1", "Service", "services", true).command_word(), "service");
        // Read for what it says about pods, and judged as any other where it is a target.
        assert!(matches!(Kind::discovered("v1", "Node", "nodes", false), Kind::Custom(_)));
    }

    #[test]
    fn a_custom_kind_is_the_same_after_a_recording() {
        let kind = Kind::discovered("cert-manager.io/v1", "Certificate", "certificates", true);
        let json = serde_json::to_string(&kind).unwrap();
        assert_eq!(serde_json::from_str::<Kind>(&json).unwrap(), kind);
        assert_eq!(serde_json::to_string(&Kind::Job).unwrap(), "\"Job\"");
    }
}
