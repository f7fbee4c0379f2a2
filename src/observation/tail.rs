//! Logs that are followed for the person who watches. They are no facts: nothing is decided by them, and they are not
//! recorded.

/// A log to follow: one life of a container of a pod that is not ready yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tail {
    pub(crate) namespace: String,
    pub(crate) pod: String,
    pub(crate) container: String,
    /// Restarts before this life: each life is followed anew.
    pub(crate) restarts: i64,
}

/// What following brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LogNews {
    /// A line, raw.
    Line { pod: String, container: String, text: String },
    /// So many lines were lost, since they came faster than anyone could take them.
    Lost(u64),
    /// The logs may not be read, in the server's words. Nothing is followed any more.
    Refused(String),
}
