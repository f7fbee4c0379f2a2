//! What is wrong with one target, what shows it and what to do.

use super::coded;
use super::page::Page;
use crate::rbac;
use crate::render::style::Tone;
use crate::report::{Cause, Evidence, Target};
use crate::untrusted::Untrusted;

/// More than this is not read at night; the JSON report has all of it.
const MAX_EVIDENCE: usize = 6;
const MAX_OTHER_CAUSES: usize = 3;
const MAX_CHANGES: usize = 3;
const MAX_PODS: usize = 5;

/// Everything below the verdict line of a target that is not complete.
pub(super) fn detail(target: &Target, page: &mut Page<'_>) {
    if let Some((root, others)) = target.causes.split_first() {
        cause(root, page);
        advice(&root.help, &root.commands, page);
        page.gap();
        for other in others.iter().take(MAX_OTHER_CAUSES) {
            let headline = page.text(&other.headline);
            page.labelled(&coded("also", &other.code, page), Tone::Bad, &headline);
        }
        if others.len() > MAX_OTHER_CAUSES {
            page.line(&format!("also: {} more causes in the JSON report", others.len() - MAX_OTHER_CAUSES));
        }
    } else {
        pods(target, page);
        advice(&[advice_without_cause(&target.reason, target.single_look).to_owned()], &[], page);
        role(target, page);
        page.gap();
    }
    // What may explain the root cause stands beside it.
    let told = target.causes.first().map_or(&[][..], |root| root.changes.as_slice());
    let others: Vec<&String> = target.changes.iter().filter(|change| !told.contains(change)).collect();
    let shown = match (told, others.len()) {
        ([], _) | (_, 1) => MAX_CHANGES,
        _ => 0,
    };
    for change in others.iter().take(shown) {
        let change = page.text(change);
        page.labelled("changed", Tone::Strong, &change);
    }
    if others.len() > shown {
        page.line(&format!("changed: {} more fields", others.len() - shown));
    }
    impact(target, page);
}

/// A target that fails from a cause already told.
pub(super) fn same_cause(target: &Target, first: &str, page: &mut Page<'_>) {
    if let Some(cause) = target.causes.first() {
        let headline = page.text(&cause.headline);
        page.labelled(&coded("error", &cause.code, page), Tone::Bad, &headline);
        page.line(&format!("  --> {}, for the same reason as {first} above", place(cause, page)));
    }
    impact(target, page);
}

/// Where to read more about the root cause.
pub(super) fn pointer(target: &Target, page: &mut Page<'_>) {
    if let Some(cause) = target.causes.first() {
        let code = page.text(&cause.code);
        page.line(&format!("{} rollout-guard explain {code}", Tone::Strong.paint("more:", page.look.color)));
    }
}

fn impact(target: &Target, page: &mut Page<'_>) {
    let summary = page.text(&target.impact.summary);
    if !summary.is_empty() {
        page.labelled("impact", Tone::Strong, &summary);
    }
}

fn cause(cause: &Cause, page: &mut Page<'_>) {
    let headline = page.text(&cause.headline);
    page.labelled(&coded("error", &cause.code, page), Tone::Bad, &headline);
    let place = place(cause, page);
    if !place.is_empty() {
        page.line(&format!("  --> {place}"));
    }
    let mut shown: Vec<&Evidence> = Vec::new();
    for piece in &cause.evidence {
        if !shown.contains(&piece) {
            shown.push(piece);
        }
    }
    for piece in shown.iter().take(MAX_EVIDENCE) {
        evidence(piece, &cause.subject, page);
    }
    if shown.len() > MAX_EVIDENCE {
        page.line(&format!("  and {} more in the JSON report", shown.len() - MAX_EVIDENCE));
    }
    for change in cause.changes.iter().take(MAX_CHANGES) {
        let change = page.text(change);
        page.evidence("change", &format!("{change} (by this rollout)"));
    }
    if cause.changes.len() > MAX_CHANGES {
        page.line(&format!("  and {} more changes in the JSON report", cause.changes.len() - MAX_CHANGES));
    }
}

/// `Pod shop/web-7c9d-x2x4z (2 of 3 new pods)`, `ConfigMap shop/web (affects 2 of 3 new pods)`.
fn place(cause: &Cause, page: &Page<'_>) -> String {
    let subject = page.text(&cause.subject);
    match (cause.affected.pods, cause.affected.of) {
        (0, _) | (_, 0) => subject,
        (pods, of) => {
            let affects = if cause.subject.starts_with("Pod ") { "" } else { "affects " };
            format!("{subject} ({affects}{pods} of {of} new pod{})", if of == 1 { "" } else { "s" })
        }
    }
}

fn evidence(piece: &Evidence, subject: &str, page: &mut Page<'_>) {
    // The object is named where it is not the one that the arrow names.
    let of = |object: &String, separator: &str, page: &Page<'_>| {
        if object.is_empty() || object == subject {
            String::new()
        } else {
            format!("{}{separator}", page.text(object))
        }
    };
    match piece {
        Evidence::Field { object, path, value } => {
            let text = format!("{}{} = {}", of(object, " ", page), page.text(path), page.text(value));
            page.evidence("field", &text);
        }
        Evidence::Event { object, reason, message, count } => {
            let times = if *count > 1 { format!(" ×{count}") } else { String::new() };
            let text =
                format!("{}{}{times}: {}", of(object, ": ", page), page.text(reason), page.text(message));
            page.evidence("event", &text);
        }
        Evidence::Log { object, container, previous, lines } => {
            let which = if *previous { "the previous container's log" } else { "the log" };
            let text = lines.join("\n");
            let lines = Untrusted::new(text.trim_matches('\n')).for_log_lines(page.look.redactor);
            let what = if lines.is_empty() { "nothing in" } else { "last lines of" };
            let of = of(object, ", ", page);
            let colon = if lines.is_empty() { "" } else { ":" };
            page.evidence("log", &format!("{what} {which} ({of}container {}){colon}", page.text(container)));
            page.log(&lines);
        }
        Evidence::Absence { what } => {
            let what = page.text(what);
            page.evidence("absent", &what);
        }
        Evidence::Registry { registry, account, said } => {
            let text = format!("{} as {}: {}", page.text(registry), page.text(account), page.text(said));
            page.evidence("asked", &text);
        }
        Evidence::DryRun { object, corrected, said } => {
            let text = format!("{}with {}: {}", of(object, " ", page), page.text(corrected), page.text(said));
            page.evidence("dry run", &text);
        }
    }
}

fn advice(help: &[String], commands: &[String], page: &mut Page<'_>) {
    if help.iter().all(String::is_empty) && commands.is_empty() {
        return;
    }
    page.gap();
    for sentence in help.iter().filter(|sentence| !sentence.is_empty()) {
        let sentence = page.text(sentence);
        page.labelled("help", Tone::Advice, &sentence);
    }
    if !commands.is_empty() {
        page.line(&Tone::Advice.paint("try:", page.look.color));
    }
    for command in commands {
        page.command(command);
    }
}

/// Without a cause the states of the pods are what there is to see.
fn pods(target: &Target, page: &mut Page<'_>) {
    let current: Vec<_> = target.pods.iter().filter(|pod| pod.revision == "current").collect();
    for pod in current.iter().take(MAX_PODS) {
        let node = pod.node.as_ref().map_or_else(String::new, |node| format!(" on {}", page.text(node)));
        let state =
            pod.states.last().map_or_else(|| "state unknown".to_owned(), |last| page.text(&last.state));
        let restarts = match pod.restarts {
            0 => String::new(),
            1 => ", 1 restart".to_owned(),
            n => format!(", {n} restarts"),
        };
        page.evidence("pod", &format!("{}{node}: {state}{restarts}", page.text(&pod.name)));
    }
    let left = current.len().saturating_sub(MAX_PODS) as u64 + target.pods_omitted;
    if left > 0 {
        page.line(&format!("  and {left} more pod{}", if left == 1 { "" } else { "s" }));
    }
}

/// The Role that an account lacks, to be handed to whoever may create it.
fn role(target: &Target, page: &mut Page<'_>) {
    if !matches!(target.reason.as_str(), "workload-not-readable" | "pods-not-readable") {
        return;
    }
    let Some(role) = rbac::role(&target.kind, &target.namespace, &target.name) else { return };
    page.gap();
    page.line("this Role allows it; rollout-guard rbac prints it with an account and a binding:");
    for line in role.lines() {
        // what is made harmless loses the spaces before it, which mean something here
        let text = line.trim_start();
        let indent = " ".repeat(4 + line.len() - text.len());
        page.line(&format!("{indent}{}", page.text(text)));
    }
}

/// What to do when nothing is known to be wrong.
fn advice_without_cause(reason: &str, single_look: bool) -> &'static str {
    match reason {
        "settling" | "progressing" if single_look => {
            "no failure was seen; this was one look, and rollout-guard wait waits for the end"
        }
        "settling" => {
            "no failure was seen; the pods had not been up for long enough to be believed. Allow more time with \
             --timeout, or ask for less with --stable-for"
        }
        "progressing" => {
            "no failure was seen; if this workload is known to start slowly, allow more time with --timeout"
        }
        "credentials-rejected" => {
            "this says nothing about the rollout; the token or certificate has expired or was revoked. Log in again, or \
             use credentials that live longer than --timeout, then run the same command again"
        }
        "workload-not-readable" | "pods-not-readable" => {
            "this says nothing about the rollout; give the account that runs this get, list and watch on the workload, \
             its pods, and the ReplicaSets of a Deployment or the ControllerRevisions of a DaemonSet"
        }
        "server-not-usable" => {
            "this says nothing about the rollout; what the line above says does not heal by waiting. Correct the \
             kubeconfig, the proxy or the server, then run the same command again"
        }
        "not-judgeable" => {
            "nothing is known to be wrong with it; say what complete means for this kind, with --for condition=NAME or \
             --for jsonpath=PATH=VALUE"
        }
        "unreachable" => {
            "this says nothing about the rollout; check that the API server can be reached from here, then run the \
             same command again"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reasons_without_a_cause_have_advice_of_their_own() {
        assert!(advice_without_cause("settling", false).contains("--stable-for"));
        assert_eq!(advice_without_cause("target-deleted", false), "");
    }
}
