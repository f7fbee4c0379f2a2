//! From the API's JSON to our narrow views: the only place where wire objects become ours.

use serde_json::Value;

use super::custom;
use super::job::JobBody;
use super::kind::Kind;
use super::workload::WorkloadBody;
use crate::observation::Object;

/// Decodes one object of a watched kind from bytes, skipping what we do not use.
///
/// # Errors
/// The JSON is not an object of that kind's shape, or the kind is not watched.
pub(crate) fn decode_slice(kind: Kind, json: &[u8]) -> Result<Object, serde_json::Error> {
    match kind {
        Kind::ReplicaSet => serde_json::from_slice(json).map(|set| Object::ReplicaSet(Box::new(set))),
        Kind::ControllerRevision => {
            serde_json::from_slice(json).map(|revision| Object::ControllerRevision(Box::new(revision)))
        }
        Kind::Pod => serde_json::from_slice(json).map(|pod| Object::Pod(Box::new(pod))),
        Kind::Job => {
            serde_json::from_slice::<JobBody>(json).map(|job| Object::Workload(Box::new(job.into_workload())))
        }
        Kind::Custom(_) => serde_json::from_slice(json).and_then(|object| decode_value(kind, object)),
        _ => serde_json::from_slice::<WorkloadBody>(json)
            .map(|body| Object::Workload(Box::new(body.into_workload(kind)))),
    }
}

/// The same for a value that has been parsed already, as when recording or replaying.
///
/// # Errors
/// As [`decode_slice`].
pub(crate) fn decode_value(kind: Kind, json: Value) -> Result<Object, serde_json::Error> {
    match kind {
        Kind::ReplicaSet => serde_json::from_value(json).map(|set| Object::ReplicaSet(Box::new(set))),
        Kind::ControllerRevision => {
            serde_json::from_value(json).map(|revision| Object::ControllerRevision(Box::new(revision)))
        }
        Kind::Pod => serde_json::from_value(json).map(|pod| Object::Pod(Box::new(pod))),
        Kind::Job => {
            serde_json::from_value::<JobBody>(json).map(|job| Object::Workload(Box::new(job.into_workload())))
        }
        Kind::Custom(_) => custom::workload(kind, json).map(|object| Object::Workload(Box::new(object))),
        _ => serde_json::from_value::<WorkloadBody>(json)
            .map(|body| Object::Workload(Box::new(body.into_workload(kind)))),
    }
}
