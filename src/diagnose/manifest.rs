#![doc = include_str!("manifest.md")]

mod message;
mod words;

use super::{CauseCode, Finding};
use crate::model::ObjectRef;
use crate::observation::{CommandEnd, Stream};

/// Every cause in what a failed command said: those about the target first, else in the order of the text. There is
/// at least one.
pub(crate) fn causes(end: &CommandEnd, target: &Stream) -> Vec<Finding> {
    let object = ObjectRef::named(target.kind, &target.namespace, target.name().unwrap_or_default());
    let mut blocks = message::blocks(&end.stderr);
    if blocks.is_empty() {
        blocks.push(String::new());
    }
    let quoted = format!("\"{}\"", object.name);
    blocks.sort_by_key(|block| !block.contains(&quoted));
    let mut findings: Vec<Finding> = Vec::new();
    for block in &blocks {
        for finding in words::findings(end, &object, block) {
            if !findings.iter().any(|known| known.code == finding.code && known.key == finding.key) {
                findings.push(finding);
            }
        }
    }
    // What no rule reads says little beside what one does.
    if findings.iter().any(|finding| finding.code != CauseCode::ApplyFailed) {
        findings.retain(|finding| finding.code != CauseCode::ApplyFailed);
    }
    findings
}

#[cfg(test)]
mod tests;
