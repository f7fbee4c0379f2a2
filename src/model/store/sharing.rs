//! One stream for many targets.

use std::borrow::Cow;

use super::Store;
use crate::model::Kind;
use crate::observation::{Stream, StreamHealth};

impl Store {
    /// With many targets, one stream shows all objects of a kind in a namespace in place of one for each target.
    #[must_use]
    pub(crate) const fn sharing(mut self, shared: bool) -> Self {
        self.shared = shared;
        self
    }

    /// The stream that shows what this one would. Where the server refuses the shared one, each target has its
    /// own: a Role may name the objects it allows.
    pub(crate) fn stream_for<'a>(&self, stream: &'a Stream) -> Cow<'a, Stream> {
        // A pod or ReplicaSet that is a target by itself is told from those of others by its stream.
        let by_itself = matches!(stream.kind, Kind::Pod | Kind::ReplicaSet) && stream.name().is_some();
        if !self.shared || by_itself {
            return Cow::Borrowed(stream);
        }
        let shared = stream.widened();
        let refused =
            self.health.get(&shared).is_some_and(|sight| matches!(sight.health, StreamHealth::Refused(_)));
        if refused { Cow::Borrowed(stream) } else { Cow::Owned(shared) }
    }
}
