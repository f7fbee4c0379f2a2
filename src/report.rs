//! The end model: everything a renderer gets, and the JSON we publish.
//!
//! Versioned and independent of the decision's own types. Until the first look there is the [`PlaceholderReport`],
//! then [`so_far`], which is `interrupted` and has no exit code whatever the targets look like, and [`build()`] once
//! there is a verdict.

mod absent;
mod build;
mod cut;
mod outcome;
mod terms;
mod timeline;
mod v1;
mod warnings;

pub(crate) use build::{build, so_far, timestamp, tool};
pub(crate) use outcome::completions;

#[cfg(test)]
pub(crate) use v1::Origin;
#[cfg(any(test, fuzzing))]
pub(crate) use v1::{Affected, ClusterInfo, Impact, TargetImage, Warning};
pub(crate) use v1::{
    Cause, Evidence, NotSeen, PlaceholderReport, PlaceholderTarget, PodLine, PodState, Replicas, Report,
    SCHEMA_VERSION, Target, TimelineEntry, Tool, VerdictName,
};
