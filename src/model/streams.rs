//! Which streams show what lies below a target.

use super::kind::Kind;
use super::workload::Workload;
use crate::observation::Stream;

/// The streams that show the pods of a workload, and what tells those of the newest template from the others.
///
/// A StatefulSet says itself which template is the newest. A DaemonSet does not: its pods bear the hash of a
/// ControllerRevision, and neither its generation, which every change of the spec moves, nor the age of a pod,
/// which a rollback does not change, can be put in place of that. ReplicaSets and ControllerRevisions bear the
/// labels of the template, so the selector finds them as well.
///
/// A pod is shown by its own stream. Of a kind without rules of its own only what it selects is known to belong to
/// it; see [`below`] for the rest.
pub(crate) fn streams(workload: &Workload) -> Vec<Stream> {
    let kinds: &[Kind] = match workload.kind {
        Kind::StatefulSet | Kind::ReplicaSet | Kind::Job => &[Kind::Pod],
        Kind::DaemonSet => &[Kind::ControllerRevision, Kind::Pod],
        Kind::Pod => &[],
        _ => &[Kind::ReplicaSet, Kind::Pod],
    };
    let Some(selector) = selector(workload) else { return Vec::new() };
    let stream = |kind| Stream::selected(kind, &workload.metadata.namespace, selector.clone());
    kinds.iter().map(|kind| stream(*kind)).collect()
}

fn selector(workload: &Workload) -> Option<String> {
    let selector = workload.spec.selector.to_query();
    match workload.custom() {
        Some(custom) => custom.selector.clone().or_else(|| Some(selector).filter(|query| !query.is_empty())),
        None => Some(selector),
    }
}

/// What may lie between such an object and its pods, and they themselves.
const BETWEEN: &[Kind] = &[
    Kind::Pod,
    Kind::ReplicaSet,
    Kind::Deployment,
    Kind::StatefulSet,
    Kind::DaemonSet,
    Kind::ControllerRevision,
    Kind::Job,
];

/// Where a kind says of no pods that they are its own: everything between it and pods that may exist in its
/// namespace. For the time of trouble only.
pub(crate) fn below(workload: &Workload) -> Vec<Stream> {
    let namespace = &workload.metadata.namespace;
    if workload.custom().is_none() || namespace.is_empty() || selector(workload).is_some() {
        return Vec::new();
    }
    BETWEEN.iter().map(|kind| Stream::of(*kind, namespace, "").widened()).collect()
}
