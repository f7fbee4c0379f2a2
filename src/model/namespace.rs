//! Namespaces: whether one is being deleted, and what holds it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::lookup::{Lookup, unanswered};
use super::rollout::Rollout;
use crate::observation::{Answer, Want};

/// A Namespace. Its wire form is also its recorded form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Namespace {
    pub(crate) metadata: NamespaceMeta,
    pub(crate) status: NamespaceStatus,
}

/// `metadata` of a Namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct NamespaceMeta {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deletion_timestamp: Option<Timestamp>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) finalizers: Vec<String>,
}

/// `status` of a Namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct NamespaceStatus {
    /// `Active` or `Terminating`.
    pub(crate) phase: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) conditions: Vec<NamespaceCondition>,
}

/// What the controller that deletes the content of a namespace says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct NamespaceCondition {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) reason: String,
    pub(crate) message: String,
}

impl Namespace {
    /// It is being deleted, which nobody can take back: it takes nothing new.
    pub(crate) fn is_going(&self) -> bool {
        self.metadata.deletion_timestamp.is_some() || self.status.phase == "Terminating"
    }

    /// The conditions that say what holds it (pkg/controller/namespace/deletion): true is trouble, in each of them.
    pub(crate) fn holding(&self) -> impl Iterator<Item = &NamespaceCondition> {
        let conditions = self.status.conditions.iter();
        conditions.filter(|condition| condition.status == "True" && condition.kind.starts_with("Namespace"))
    }
}

impl<'a> Rollout<'a> {
    /// The workload's namespace.
    pub(crate) fn own_namespace(&self) -> Lookup<'a, Namespace> {
        match self.store().answer(&Want::Namespace { name: self.namespace().to_owned() }) {
            Some(Answer::Namespace(namespace)) => Lookup::Found(namespace),
            other => unanswered(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_namespace_says_of_its_own_deletion_is_read() {
        let read = |text: &str| serde_json::from_str::<Namespace>(text).unwrap();
        let going = read(
            r#"{"metadata":{"name":"shop","labels":{"a":"b"},"deletionTimestamp":"2026-11-24T10:00:00Z"},
                "spec":{"finalizers":["kubernetes"]},"status":{"phase":"Terminating","conditions":[
                {"type":"NamespaceContentRemaining","status":"True","reason":"SomeResourcesRemain"},
                {"type":"NamespaceDeletionContentFailure","status":"False","reason":"ContentDeleted"},
                {"type":"example.com/Synced","status":"True","reason":"Synced"}]}}"#,
        );
        let holding: Vec<&str> = going.holding().map(|condition| condition.reason.as_str()).collect();
        assert!(going.is_going());
        assert_eq!(holding, ["SomeResourcesRemain"]);
        assert!(!read(r#"{"metadata":{"name":"shop"},"status":{"phase":"Active"}}"#).is_going());
        assert_eq!(read(&serde_json::to_string(&going).unwrap()), going, "its recorded form");
    }
}
