//! One target: what is wrong, what to do, how it went, what shows it.

use super::chart;
use super::page::Page;
use crate::render::style::{after, spoken};
use crate::report::{Cause, Evidence, PodLine, Target, VerdictName};

/// Lanes of pods that are drawn at once; the others are folded away.
const OPEN_LANES: usize = 8;

/// `deployment/web`.
pub(super) fn name(target: &Target, page: &Page<'_>) -> String {
    page.text(&format!("{}/{}", target.kind.to_lowercase(), target.name))
}

/// `failed after 55s`.
pub(super) fn words(target: &Target) -> String {
    let words = after(target.verdict);
    format!("{words} {}", spoken(target.duration_seconds))
}

/// Everything below the heading of a target; its own headings have that level.
pub(super) fn target(target: &Target, level: u8, page: &mut Page<'_>) {
    let complete = target.verdict == VerdictName::Complete;
    let (summary, impact) = (page.text(&target.summary), page.text(&target.impact.summary));
    let root = target.causes.first().filter(|_| !complete);
    // The headline says it already.
    if root.is_none_or(|root| root.headline != target.summary) && !summary.is_empty() {
        page.push(&format!("<p>{summary}.</p>\n"));
    }
    if let Some(root) = root {
        cause(root, level, page);
    }
    if !impact.is_empty() && !complete {
        page.push(&format!("<p><strong>Impact:</strong> {impact}.</p>\n"));
    }
    for change in &target.changes {
        let change = page.text(change);
        page.push(&format!("<p><strong>Changed:</strong> {change}</p>\n"));
    }
    for warning in &target.warnings {
        let (code, message) = (page.text(&warning.code), page.text(&warning.message));
        page.push(&format!(
            "<div class=\"note\"><p><strong class=\"mono\">{code}</strong> {message}</p></div>\n"
        ));
    }
    if let Some(undo) = &target.undo {
        let message = page.text(&undo.message);
        page.push(&format!("<p><strong>Undo ({}):</strong> {message}</p>\n", page.text(&undo.outcome)));
    }
    if let Some(root) = root {
        evidence(root, "What shows it", page);
        for other in target.causes.iter().skip(1) {
            also(other, page);
        }
    }
    course(target, level, page);
    images(target, page);
}

fn cause(cause: &Cause, level: u8, page: &mut Page<'_>) {
    let (code, headline) = (page.text(&cause.code), page.text(&cause.headline));
    page.push(&format!(
        "<div class=\"cause\">\n<span class=\"code\">{code}</span>\n<h{level}>{headline}</h{level}>\n"
    ));
    page.push(&format!("<p class=\"soft\">{}</p>\n", place(cause, page)));
    advice(cause, page);
    page.push(&format!(
        "<p class=\"soft\">More about this cause: <code>rollout-guard explain {code}</code></p>\n</div>\n"
    ));
}

fn place(cause: &Cause, page: &Page<'_>) -> String {
    let subject = page.text(&cause.subject);
    let affected = match (cause.affected.pods, cause.affected.of) {
        (0, _) | (_, 0) => String::new(),
        (pods, of) => format!(", {pods} of {of} new pod{}", if of == 1 { "" } else { "s" }),
    };
    format!("{subject}{affected}, seen from {} on", chart::clock(cause.since))
}

fn advice(cause: &Cause, page: &mut Page<'_>) {
    if cause.help.iter().any(|sentence| !sentence.is_empty()) {
        page.push("<ul class=\"help\">\n");
        for sentence in cause.help.iter().filter(|sentence| !sentence.is_empty()) {
            let sentence = page.text(sentence);
            page.push(&format!("<li>{sentence}</li>\n"));
        }
        page.push("</ul>\n");
    }
    for command in &cause.commands {
        let command = page.lines(command);
        page.push(&format!("<pre class=\"command\"><code>{command}</code></pre>\n"));
    }
}

fn evidence(cause: &Cause, title: &str, page: &mut Page<'_>) {
    let mut shown: Vec<&Evidence> = Vec::new();
    for piece in &cause.evidence {
        if !shown.contains(&piece) {
            shown.push(piece);
        }
    }
    if shown.is_empty() {
        return;
    }
    page.push(&format!("<details>\n<summary>{title} ({})</summary>\n<div>\n", counted(shown.len(), "piece")));
    for piece in shown {
        page.push("<div class=\"piece\">");
        evidence_piece(piece, page);
        page.push("</div>\n");
    }
    page.push("</div>\n</details>\n");
}

fn evidence_piece(piece: &Evidence, page: &mut Page<'_>) {
    match piece {
        Evidence::Field { object, path, value } => {
            let (object, path, value) = (page.text(object), page.text(path), page.lines(value));
            page.push(&format!(
                "<span class=\"kind\">field</span> {object} <code>{path}</code><pre>{value}</pre>"
            ));
        }
        Evidence::Event { object, reason, message, count } => {
            let (object, reason, message) = (page.text(object), page.text(reason), page.lines(message));
            let times = if *count > 1 { format!(" ×{count}") } else { String::new() };
            page.push(&format!(
                "<span class=\"kind\">event</span> {object} <strong>{reason}</strong>{times}<pre>{message}</pre>"
            ));
        }
        Evidence::Log { object, container, previous, lines } => {
            let (object, container) = (page.text(object), page.text(container));
            let text = page.lines(lines.join("\n").trim_matches('\n'));
            let which = if *previous { "the previous container's log" } else { "the log" };
            page.push(&format!(
                "<span class=\"kind\">log</span> {object}, container <code>{container}</code>, "
            ));
            if text.is_empty() {
                page.push(&format!("nothing in {which}"));
            } else {
                page.push(&format!("last lines of {which}<pre>{text}</pre>"));
            }
        }
        Evidence::Absence { what } => {
            let what = page.text(what);
            page.push(&format!("<span class=\"kind\">absent</span> {what}"));
        }
        Evidence::Registry { registry, account, said } => {
            let (registry, account, said) = (page.text(registry), page.text(account), page.text(said));
            page.push(&format!(
                "<span class=\"kind\">asked</span> <code>{registry}</code> as {account}<pre>{said}</pre>"
            ));
        }
        Evidence::DryRun { object, corrected, said } => {
            let (object, corrected, said) = (page.text(object), page.text(corrected), page.text(said));
            page.push(&format!(
                "<span class=\"kind\">dry run</span> {object} with {corrected}<pre>{said}</pre>"
            ));
        }
    }
}

/// A cause beside the root.
fn also(cause: &Cause, page: &mut Page<'_>) {
    let (code, headline) = (page.text(&cause.code), page.text(&cause.headline));
    page.push(&format!(
        "<details>\n<summary>Also: {headline}</summary>\n<div>\n<p><span class=\"code\">{code}</span> {}</p>\n",
        place(cause, page)
    ));
    advice(cause, page);
    evidence(cause, "What shows it", page);
    page.push("</div>\n</details>\n");
}

/// The drawing, the pods, and the same as tables.
fn course(target: &Target, level: u8, page: &mut Page<'_>) {
    if target.pods.is_empty() && target.timeline.len() < 2 {
        return;
    }
    page.push(&format!("<h{level}>How it went</h{level}>\n"));
    let span = chart::Span::of(target);
    if let Some(span) = &span {
        chart::replicas(target, span, page);
    }
    let mut pods: Vec<&PodLine> = target.pods.iter().collect();
    pods.sort_by_key(|pod| chart::rank(pod));
    let (open, folded) = pods.split_at(pods.len().min(OPEN_LANES));
    if !open.is_empty() {
        page.push(&format!("<h{0}>Pods</h{0}>\n", level + 1));
        if span.is_some() {
            chart::lane_keys(page);
        }
        chart::lanes(open, span.as_ref(), page);
    }
    let more = u64::try_from(folded.len()).unwrap_or(u64::MAX).saturating_add(target.pods_omitted);
    if more > 0 {
        page.push(&format!("<details>\n<summary>{}</summary>\n<div>\n", counted_of(more, "more pod")));
        chart::lanes(folded, span.as_ref(), page);
        if target.pods_omitted > 0 {
            page.push(&format!("<p class=\"soft\">{} not listed.</p>\n", target.pods_omitted));
        }
        page.push("</div>\n</details>\n");
    }
    table(target, page);
}

fn table(target: &Target, page: &mut Page<'_>) {
    if target.timeline.is_empty() {
        return;
    }
    page.push(&format!(
        "<details>\n<summary>Everything that happened ({})</summary>\n<div>\n\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Everything that happened\"><table>\n\
         <thead><tr><th>Time</th><th>What</th><th>Object</th><th></th></tr></thead>\n<tbody>\n",
        counted(target.timeline.len(), "entr")
    ));
    for entry in &target.timeline {
        let (kind, subject, what) =
            (page.text(&entry.kind), page.text(&entry.subject), page.text(&entry.what));
        page.push(&format!(
            "<tr><td class=\"time\">{}</td><td class=\"num\">{kind}</td><td class=\"name\">{subject}</td><td>{what}</td></tr>\n",
            chart::clock(entry.at)
        ));
    }
    page.push("</tbody>\n</table></div>\n</div>\n</details>\n");
}

fn images(target: &Target, page: &mut Page<'_>) {
    if target.images.is_empty() {
        return;
    }
    page.push("<details>\n<summary>Images</summary>\n<div>\n<dl class=\"facts\">\n");
    for image in &target.images {
        let (container, reference) = (page.text(&image.container), page.text(&image.image));
        page.push(&format!("<dt>{container}</dt><dd><code>{reference}</code>"));
        for digest in &image.digests {
            let digest = page.text(digest);
            page.push(&format!("<br><code class=\"soft\">{digest}</code>"));
        }
        page.push("</dd>\n");
    }
    page.push("</dl>\n</div>\n</details>\n");
}

fn counted(n: usize, what: &str) -> String {
    counted_of(u64::try_from(n).unwrap_or(u64::MAX), what)
}

/// `1 pod`, `2 pods`, `2 entries`.
fn counted_of(n: u64, what: &str) -> String {
    let (one, many) = if what == "entr" { ("y", "ies") } else { ("", "s") };
    format!("{n} {what}{}", if n == 1 { one } else { many })
}
