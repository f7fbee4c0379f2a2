//! The end model: everything a renderer gets, and the JSON we publish.
//!
//! Versioned and independent of the decision's own types. A finished report can only be built from a verdict;
//! until then there is the [`PlaceholderReport`], a type of its own, so that no half-judged report can exist.

mod build;
mod cut;
mod outcome;
mod terms;
mod timeline;
mod v1;
mod warnings;

pub(crate) use build::{build, timestamp, tool};
pub(crate) use outcome::completions;

#[cfg(test)]
pub(crate) use v1::Origin;
#[cfg(any(test, fuzzing))]
pub(crate) use v1::{Affected, ClusterInfo, Impact, TargetImage, Warning};
pub(crate) use v1::{
    Cause, Evidence, NotSeen, PlaceholderReport, PlaceholderTarget, PodLine, PodState, Replicas, Report,
    SCHEMA_VERSION, Target, TimelineEntry, Tool, VerdictName,
};
