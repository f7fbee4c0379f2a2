//! What is kept of a run.

use serde_json::Value;

use crate::model::Kind;

/// Removes from an object what a recording must not hold.
pub(crate) fn redact(_kind: Kind, object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}
