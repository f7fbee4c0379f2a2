//! The report as text for a person: in a terminal, in the log of a pipeline, in the failure of a JUnit case.
//!
//! Order for one target: verdict and time, what is wrong, what shows it, what to do, whom it hurts, what could
//! not be seen. For several: one line each, then the same for each that is not complete, then one line for all.

mod detail;
mod page;

#[cfg(test)]
mod goldens;

use std::fmt::Write as _;

use page::Page;

use super::style::{Look, Tone, after, spoken};
use crate::report::{NotSeen, Report, Target, VerdictName};
use crate::untrusted::Redactor;

/// The whole report.
pub(crate) fn terminal(report: &Report, look: &Look<'_>) -> String {
    let mut page = Page::new(*look);
    match report.targets.as_slice() {
        [] => {
            let verdict = report.verdict.as_str();
            page.line(&format!(
                "{}: there was nothing to judge",
                Tone::of(report.verdict).paint(verdict, look.color)
            ));
            notes(&report.not_seen, &mut page);
        }
        [target] => one(target, &report.not_seen, &mut page),
        targets => several(report, targets, &mut page),
    }
    page.finish()
}

/// The text for the termination message of a container: at most so many bytes, the diagnosis in its first line,
/// because Argo CD and `kubectl describe` show no more of it.
pub(crate) fn termination(report: &Report, limit: usize, redactor: &Redactor) -> String {
    let look = Look::plain(redactor);
    let bad = report.targets.iter().filter(|target| target.verdict != VerdictName::Complete);
    let mut text = String::new();
    for target in bad {
        let page = Page::new(look);
        if !target.causes.is_empty() {
            let (words, _) = verdict_words(target, &page);
            let _ = write!(text, "{} {words}: ", name(target, &page));
        }
        // Without a cause it names the target itself.
        let _ = writeln!(text, "{}", headline(target, &look));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&terminal(report, &look));
    crate::untrusted::within(text, limit)
}

/// One target as text without colour, with what could not be seen: the text of its JUnit case.
pub(super) fn target_text(target: &Target, not_seen: &[NotSeen], look: &Look<'_>) -> String {
    let mut page = Page::new(*look);
    one(target, not_seen, &mut page);
    page.finish()
}

/// The sentence that a reader must see if they see only one: the root cause, or the verdict.
pub(super) fn headline(target: &Target, look: &Look<'_>) -> String {
    let page = Page::new(*look);
    match target.causes.first() {
        Some(cause) if target.verdict != VerdictName::Complete => page.text(&cause.headline),
        _ => {
            let (words, outcome) = verdict_words(target, &page);
            format!("{} {words}: {outcome}", name(target, &page))
        }
    }
}

fn one(target: &Target, not_seen: &[NotSeen], page: &mut Page<'_>) {
    let name = name(target, page);
    verdict_line(target, &name, 0, page);
    if target.verdict != VerdictName::Complete {
        page.gap();
        detail::detail(target, page);
    }
    for warning in &target.warnings {
        let message = page.text(&warning.message);
        page.labelled(&coded("warning", &warning.code, page), Tone::Caution, &message);
    }
    undo(target, page);
    terms(target, page);
    notes(not_seen, page);
    if target.verdict != VerdictName::Complete {
        detail::pointer(target, page);
    }
}

/// Of more targets than this, those that are complete are only counted.
const FOLDED: usize = 40;

fn several(report: &Report, targets: &[Target], page: &mut Page<'_>) {
    let names = names(targets, page);
    let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let fold = targets.len() > FOLDED;
    for (target, name) in targets.iter().zip(&names) {
        if !(fold && target.verdict == VerdictName::Complete) {
            verdict_line(target, name, longest + 1, page);
        }
    }
    let mut told: Vec<(&str, &str, &str)> = Vec::new();
    for (target, name) in targets.iter().zip(&names) {
        // Of what was not judged the first line says all.
        let unjudged = matches!(target.reason.as_str(), "not-found" | "not-finished");
        if target.verdict == VerdictName::Complete || (unjudged && target.causes.is_empty()) {
            continue;
        }
        page.gap();
        page.line(&Tone::Strong.paint(&format!("{name}:"), page.look.color));
        // A registry that is down fails forty targets; its evidence is told once.
        let root = target.causes.first().map(|cause| (cause.code.as_str(), cause.headline.as_str()));
        let before = root.and_then(|root| told.iter().find(|known| (known.0, known.1) == root));
        if let Some((_, _, first)) = before {
            detail::same_cause(target, first, page);
            continue;
        }
        detail::detail(target, page);
        undo(target, page);
        terms(target, page);
        detail::pointer(target, page);
        if let Some((code, headline)) = root {
            told.push((code, headline, name));
        }
    }
    page.gap();
    warnings(targets, &names, page);
    notes(&report.not_seen, page);
    page.gap();
    page.line(&total(report, page));
}

/// What became of the way back.
fn undo(target: &Target, page: &mut Page<'_>) {
    let Some(undo) = &target.undo else { return };
    let tone = match undo.outcome.as_str() {
        "complete" => Tone::Good,
        "dry-run" => Tone::Strong,
        "refused" => Tone::Caution,
        _ => Tone::Bad,
    };
    let mut message = page.text(&undo.message);
    if undo.outcome == "refused" {
        message = format!("not done: {message}");
    } else if undo.outcome != "dry-run" {
        message = format!("{message} ({})", spoken(undo.duration_seconds));
    }
    page.labelled("undo", tone, &message);
    if let Some(note) = &undo.note {
        let note = page.text(note);
        page.labelled("note", Tone::Strong, &note);
    }
}

/// What the workload itself says about how it is judged; a person knows the flags.
fn terms(target: &Target, page: &mut Page<'_>) {
    let own: Vec<String> = target
        .policy
        .iter()
        .filter(|setting| setting.from == "annotation")
        .map(|setting| format!("{} {}", setting.name, page.text(&setting.value)))
        .collect();
    if !own.is_empty() {
        let message = format!("judged by its annotations: {}", own.join(", "));
        page.labelled("note", Tone::Strong, &message);
    }
}

/// Warnings, each text once.
fn warnings(targets: &[Target], names: &[String], page: &mut Page<'_>) {
    const NAMED: usize = 3;
    let mut grouped: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for (target, name) in targets.iter().zip(names) {
        for warning in &target.warnings {
            match grouped.iter_mut().find(|(code, text, _)| *code == warning.code && *text == warning.message)
            {
                Some((_, _, of)) => of.push(name),
                None => grouped.push((&warning.code, &warning.message, vec![name])),
            }
        }
    }
    for (code, message, of) in grouped {
        let mut whose = of.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
        if of.len() > NAMED {
            whose = format!("{whose} and {} more", of.len() - NAMED);
        }
        let message = format!("{whose}: {}", page.text(message));
        page.labelled(&coded("warning", code, page), Tone::Caution, &message);
    }
}

/// What could not be seen.
fn notes(not_seen: &[NotSeen], page: &mut Page<'_>) {
    for missing in not_seen {
        let (what, consequence) = (page.text(&missing.what), page.text(&missing.consequence));
        let message = page.text(&missing.message);
        let why = if message.is_empty() { String::new() } else { format!(" ({message})") };
        page.labelled("note", Tone::Strong, &format!("could not {what}: {consequence}{why}"));
    }
}

fn total(report: &Report, page: &Page<'_>) -> String {
    let counted = [
        (VerdictName::Failed, "failed"),
        (VerdictName::TimedOut, "timed out"),
        (VerdictName::Indeterminate, "could not be judged"),
        (VerdictName::Superseded, "superseded"),
        (VerdictName::Interrupted, "interrupted"),
        (VerdictName::Complete, "complete"),
    ];
    let counts: Vec<String> = counted
        .iter()
        .filter_map(|(verdict, word)| {
            let n = report.targets.iter().filter(|target| target.verdict == *verdict).count();
            let tone = Tone::of(*verdict);
            let looked =
                *verdict == VerdictName::TimedOut && report.targets.iter().all(|target| target.single_look);
            let word = if looked { "not complete yet" } else { word };
            (n > 0).then(|| tone.paint(&format!("{n} {word}"), page.look.color))
        })
        .collect();
    format!("{} rollouts in {}: {}", report.targets.len(), spoken(report.duration_seconds), counts.join(", "))
}

/// The name padded to a column, and the verdict.
fn verdict_line(target: &Target, name: &str, column: usize, page: &mut Page<'_>) {
    let (words, outcome) = verdict_words(target, page);
    let tone = Tone::of(target.verdict);
    page.sentence(&format!("{name:<column$} "), &words, tone, &format!(": {outcome}"));
}

/// `failed after 14s`, and what follows the colon.
fn verdict_words(target: &Target, page: &Page<'_>) -> (String, String) {
    let words = after(target.verdict);
    let summary = page.text(&target.summary);
    // The headline comes in the next line.
    let repeats = target.causes.first().is_some_and(|cause| summary.ends_with(&page.text(&cause.headline)));
    let outcome = if summary.is_empty() || repeats { counted(target) } else { summary };
    let words = if target.reason == "not-found" { "was not found within" } else { words };
    // How long one look took says nothing.
    let now = match target.verdict {
        VerdictName::Complete => Some("is complete"),
        VerdictName::Failed => Some("has failed"),
        VerdictName::TimedOut => Some("is not complete yet"),
        _ => None,
    };
    if let Some(now) = now.filter(|_| target.single_look) {
        return (now.to_owned(), outcome);
    }
    (format!("{words} {}", spoken(target.duration_seconds)), outcome)
}

/// The outcome in numbers. `available` counts old pods too, so it is only said of a complete rollout.
fn counted(target: &Target) -> String {
    let desired = target.replicas.desired;
    match target.kind.as_str() {
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" => {}
        "Job" => return format!("{} of {desired} completions", target.replicas.available),
        _ => return "not complete".to_owned(),
    }
    if target.verdict == VerdictName::Complete {
        format!("{} of {desired} replicas updated and available", target.replicas.available)
    } else if target.uid.is_empty() && !target.causes.is_empty() {
        "nothing was rolled out".to_owned()
    } else {
        format!("{} of {desired} updated replicas are ready", target.impact.new_pods_ready)
    }
}

/// `deployment/web`, as kubectl takes it.
fn name(target: &Target, page: &Page<'_>) -> String {
    page.text(&format!("{}/{}", target.kind.to_lowercase(), target.name))
}

/// The names, with their namespaces where these differ.
fn names(targets: &[Target], page: &Page<'_>) -> Vec<String> {
    let first = targets.first().map(|target| &target.namespace);
    let one_namespace = targets.iter().all(|target| Some(&target.namespace) == first);
    let with_namespace = |target| {
        let name = name(target, page);
        if one_namespace { name } else { format!("{name} -n {}", page.text(&target.namespace)) }
    };
    targets.iter().map(with_namespace).collect()
}

fn coded(label: &str, code: &str, page: &Page<'_>) -> String {
    format!("{label}[{}]", page.text(code))
}
