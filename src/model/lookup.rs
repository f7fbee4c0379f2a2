//! What is known of something that was asked for.

use crate::observation::{Answer, Refusal};

/// What is known of something that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup<'a, T: ?Sized> {
    /// Not answered yet.
    Unknown,
    /// It does not exist.
    Missing,
    /// We may not see it.
    Refused(&'a Refusal),
    Found(&'a T),
}

/// An answer that is not the one that was hoped for.
pub(super) fn unanswered<T: ?Sized>(answer: Option<&Answer>) -> Lookup<'_, T> {
    match answer {
        Some(Answer::Missing) => Lookup::Missing,
        Some(Answer::Refused(refusal)) => Lookup::Refused(refusal),
        _ => Lookup::Unknown,
    }
}
