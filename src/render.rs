//! Bytes from a report. A renderer gets nothing else: no store, no clock, no environment.

mod json;
mod junit;
#[cfg(test)]
mod properties;
mod redacted;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod schema_check;
mod style;
mod terminal;

pub(crate) use json::{json, placeholder_json};
pub(crate) use junit::{junit, placeholder_junit};
pub(crate) use style::Look;
pub(crate) use terminal::terminal;
