//! Bytes from a report. A renderer gets nothing else: no store, no clock, no environment.

mod ci;
mod html;
mod json;
mod junit;
mod markdown;
#[cfg(any(test, fuzzing))]
pub(crate) mod oracle;
#[cfg(test)]
mod properties;
mod redacted;
#[cfg(any(test, fuzzing))]
mod sample;
#[cfg(test)]
mod schema_check;
mod style;
mod terminal;

pub(crate) use ci::{CiHost, CiLog, ci_log, code_quality, dotenv, github_output, links, placeholder_dotenv};
pub(crate) use html::{html, placeholder_html};
pub(crate) use json::{json, placeholder_json};
pub(crate) use junit::{junit, placeholder_junit};
pub(crate) use markdown::{markdown, markdown_within, placeholder_markdown};
pub(crate) use style::Look;
pub(crate) use terminal::{terminal, termination};
