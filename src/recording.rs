//! Recordings: the observations of a run, one JSON line each, replayed through the same machine as a live run.
//!
//! # Format
//! The first line is a [`line::Header`], every other line a [`line::Entry`]. Objects are kept as the API server sent them,
//! less what [`redact()`] removes, so that a rule written later can read fields that are ignored today.
//!
//! | version | change |
//! | --- | --- |
//! | 1.0 | first |
//!
//! A reader accepts its own major version and any minor one: fields are added, never reinterpreted.

mod line;
#[cfg(any(test, fuzzing))]
pub(crate) mod oracle;
mod reader;
mod redact;
mod writer;

pub(crate) use reader::{Recording, read};
pub(crate) use redact::redact;
pub(crate) use writer::Writer;
