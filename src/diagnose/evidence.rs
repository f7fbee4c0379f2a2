//! What a finding rests on, each piece with the place it comes from.

use crate::model::{Event, ObjectRef};

/// One piece of evidence. Texts are as the cluster gave them: hostile until a sink has encoded them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// A field of an object: `status.containerStatuses[app].state.waiting.reason` = `ErrImagePull`.
    Field { object: ObjectRef, path: String, value: String },
    /// An event.
    Event { object: ObjectRef, reason: String, message: String, count: i64 },
    /// The last lines of a log, oldest first.
    Log { pod: ObjectRef, container: String, previous: bool, lines: Vec<String> },
    /// Something that should be there and is not: `app logged nothing`.
    Absence { what: String },
    /// What a registry answered to an account.
    Registry { registry: String, account: String, said: String },
    /// What the API server said to a pod of this object in a dry run, with that much corrected.
    DryRun { object: ObjectRef, corrected: String, said: String },
}

impl Evidence {
    pub(crate) fn field(object: ObjectRef, path: impl Into<String>, value: impl Into<String>) -> Self {
        Self::Field { object, path: path.into(), value: value.into() }
    }

    pub(crate) fn event(object: ObjectRef, event: &Event) -> Self {
        Self::Event {
            object,
            reason: event.reason.clone(),
            message: event.text().to_owned(),
            count: event.times(),
        }
    }

    pub(crate) fn absence(what: impl Into<String>) -> Self {
        Self::Absence { what: what.into() }
    }
}
