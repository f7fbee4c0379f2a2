//! Types of objects as kubectl lets them be written: short, singular and plural names, with group and version.

use std::fmt;

use super::target::EXAMPLE;
use crate::diagnose::nearest;
use crate::error::Error;
use crate::model::{Kind, KindName};

/// The type of a target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TypeName {
    /// A kind with rules of its own.
    Known(Kind),
    /// Any other: the server must say what it is.
    Other(KindName),
}

/// A resource type that every cluster has.
struct ResourceType {
    kind: &'static str,
    /// What a person may write, the form to suggest first; all lower case.
    names: &'static [&'static str],
    group: &'static str,
    version: &'static str,
    /// `None`: known, and there is nothing to wait for in it.
    gated: Option<Kind>,
}

/// Every type we know. A kind becomes gateable by filling in `gated` here.
const TYPES: &[ResourceType] = &[
    ResourceType {
        kind: "Deployment",
        names: &["deploy", "deployment", "deployments"],
        group: "apps",
        version: "v1",
        gated: Some(Kind::Deployment),
    },
    ResourceType {
        kind: "StatefulSet",
        names: &["sts", "statefulset", "statefulsets"],
        group: "apps",
        version: "v1",
        gated: Some(Kind::StatefulSet),
    },
    ResourceType {
        kind: "DaemonSet",
        names: &["ds", "daemonset", "daemonsets"],
        group: "apps",
        version: "v1",
        gated: Some(Kind::DaemonSet),
    },
    ResourceType {
        kind: "Job",
        names: &["job", "jobs"],
        group: "batch",
        version: "v1",
        gated: Some(Kind::Job),
    },
    ResourceType {
        kind: "ReplicaSet",
        names: &["rs", "replicaset", "replicasets"],
        group: "apps",
        version: "v1",
        gated: Some(Kind::ReplicaSet),
    },
    ResourceType {
        kind: "Pod",
        names: &["po", "pod", "pods"],
        group: "",
        version: "v1",
        gated: Some(Kind::Pod),
    },
    ResourceType {
        kind: "CronJob",
        names: &["cj", "cronjob", "cronjobs"],
        group: "batch",
        version: "v1",
        gated: None,
    },
    ResourceType {
        kind: "ReplicationController",
        names: &["rc", "replicationcontroller", "replicationcontrollers"],
        group: "",
        version: "v1",
        gated: None,
    },
    ResourceType { kind: "Secret", names: &["secret", "secrets"], group: "", version: "v1", gated: None },
];

impl fmt::Display for TypeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(kind) => write!(f, "{kind}"),
            Self::Other(name) => f.write_str(&name.written),
        }
    }
}

impl TypeName {
    /// Reads `deploy`, `Deployments`, `deployment.apps`, `deployment.v1.apps`. What is no type of ours is left to
    /// the server.
    ///
    /// # Errors
    /// The type is known, and is of another group or cannot be waited for.
    pub(crate) fn parse(written: &str) -> Result<Self, Error> {
        let name = KindName::new(written);
        let Some(found) = TYPES.iter().find(|known| known.names.contains(&name.name.as_str())) else {
            return Ok(Self::Other(name));
        };
        if name.is_of(found.group, found.version) {
            return found.gated.map(Self::Known).ok_or_else(|| not_gated(found.kind));
        }
        // An API group of its own may have a kind of that name; the groups of Kubernetes itself have no dot.
        let of_kubernetes = !name.qualifier.contains('.') || name.qualifier.ends_with(found.group);
        if !of_kubernetes || found.group.is_empty() && name.qualifier.contains('.') {
            return Ok(Self::Other(name));
        }
        let (short, version, group) = (found.names.first().unwrap_or(&""), found.version, found.group);
        let full = if group.is_empty() { version.to_owned() } else { format!("{version}.{group}") };
        Err(Error::usage(format!("type {written:?}: {} is not of {:?}", found.kind, name.qualifier))
            .hint(format!("it is {short}, or in full {}.{full}", name.name)))
    }
}

/// What to wait for instead.
fn not_gated(kind: &str) -> Error {
    let (message, hint) = match kind {
        "CronJob" => (
            "a CronJob is a schedule, and so is never complete",
            "wait for a Job of it: kubectl create job NAME-now --from=cronjob/NAME, then rollout-guard wait job/NAME-now",
        ),
        "ReplicationController" => (
            "cannot gate a ReplicationController: it rolls nothing out",
            "replace it by a Deployment, or wait for one of its pods: pod/NAME",
        ),
        _ => (
            "cannot gate a Secret: it has no state to wait for, and its contents are not read",
            "wait for what makes it, for example certificate/NAME, or for the workload that uses it",
        ),
    };
    Error::usage(message).hint(hint)
}

/// The error for a type that nobody knows.
pub(crate) fn unknown_type(written: &str) -> Error {
    let error = Error::usage(format!("unknown type {written:?}"));
    let near = nearest_types(&KindName::new(written).name);
    if near.is_empty() {
        error.hint(EXAMPLE)
    } else {
        error.hint(format!("did you mean {}?", near.join(" or ")))
    }
}

pub(super) fn is_near_a_known_type(written: &str) -> bool {
    !nearest_types(&KindName::new(written).name).is_empty()
}

/// Short names are left out: everything short is near to them.
fn nearest_types(name: &str) -> Vec<&'static str> {
    let names = TYPES.iter().flat_map(|known| known.names.iter().copied()).filter(|name| name.len() > 3);
    let mut near = if name.len() > 3 { nearest(name, names) } else { Vec::new() };
    near.truncate(2);
    near
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(written: &str) -> Option<Kind> {
        match TypeName::parse(written).unwrap() {
            TypeName::Known(kind) => Some(kind),
            TypeName::Other(_) => None,
        }
    }

    #[test]
    fn every_workload_kind_has_short_plural_and_full_names() {
        for (written, kind) in [
            ("job", Kind::Job),
            ("Jobs.batch", Kind::Job),
            ("job.v1.batch", Kind::Job),
            ("rs", Kind::ReplicaSet),
            ("replicasets.apps", Kind::ReplicaSet),
            ("po", Kind::Pod),
            ("pods.v1", Kind::Pod),
        ] {
            assert_eq!(known(written), Some(kind), "{written}");
        }
    }

    #[test]
    fn other_types_are_left_to_the_server_also_where_a_name_is_taken() {
        for written in
            ["certificate", "rollout.argoproj.io", "jobs.batch.volcano.sh", "pods.metrics.k8s.io", "jobset"]
        {
            assert_eq!(known(written), None, "{written}");
        }
    }

    #[test]
    fn what_cannot_be_waited_for_comes_with_what_can() {
        for (written, message, hint) in [
            ("cronjob.batch", "a CronJob is a schedule", "kubectl create job NAME-now --from=cronjob/NAME"),
            ("cj", "a CronJob is a schedule", "job/NAME-now"),
            ("rc", "cannot gate a ReplicationController", "Deployment"),
            ("secrets", "cannot gate a Secret", "certificate/NAME"),
        ] {
            let error = TypeName::parse(written).unwrap_err();
            assert!(error.message.starts_with(message), "{written}: {}", error.message);
            assert!(error.hints[0].contains(hint), "{written}: {:?}", error.hints);
        }
    }

    #[test]
    fn a_misspelt_type_is_answered_with_the_nearest() {
        assert_eq!(unknown_type("deplyo").hints, ["did you mean deploy?"]);
        assert_eq!(unknown_type("gizmo").hints, [EXAMPLE]);
    }
}
