//! Kinds whose pod template cannot be changed in place, or not by these commands: advice that would be refused is
//! replaced by advice that works.

use super::place::kubectl;
use super::{CauseCode, Family, Finding};
use crate::model::{Kind, Rollout};

/// Takes out commands that change the template of such a target, and says what to do instead.
pub(super) fn replace_changes(rollout: &Rollout<'_>, findings: &mut [Finding]) {
    let workload = rollout.workload;
    let (target, kind, name) = (workload.command_target(), workload.kind, &workload.metadata.name);
    let instead = match kind {
        Kind::Job => format!(
            "The pod template of a Job cannot be changed: correct its manifest, delete Job {name} and apply it again."
        ),
        Kind::Pod => format!(
            "Most of a pod cannot be changed: correct its manifest, delete pod {name} and create it again."
        ),
        Kind::Custom(_) => format!("Correct it in {kind} {name}: its controller makes the pods."),
        _ => return,
    };
    for finding in findings.iter_mut().filter(|finding| finding.code != CauseCode::JobSuspended) {
        let before = finding.commands.len();
        let changes = |command: &String| {
            command.contains(&target)
                && [" set ", " patch ", " rollout "].iter().any(|verb| command.contains(verb))
        };
        finding.commands.retain(|command| !changes(command));
        let of_the_template = matches!(
            finding.code.family(),
            Family::Image | Family::Crash | Family::Probe | Family::Limits | Family::Job
        );
        if finding.commands.len() == before && !of_the_template {
            continue;
        }
        finding.help.retain(|help| !help.contains("kubectl rollout restart"));
        finding.help.push(instead.clone());
        if !matches!(kind, Kind::Custom(_)) {
            finding.commands.push(kubectl(rollout.namespace(), &["delete", &target]));
        }
    }
}
