//! The report as Markdown: the summary of a CI job, a comment, an annotation of a build.
//!
//! The order is the terminal's: verdict, what is wrong, what shows it, what to do, whom it hurts, what could not be
//! seen. Texts of the cluster stand in plain words, code spans and fences only: no link, no image, no HTML.

use std::fmt::Write as _;

use super::style::{after, spoken};
use crate::report::{Cause, Evidence, NotSeen, PlaceholderReport, Report, Target, VerdictName};
use crate::untrusted::{Redactor, Untrusted};

/// GitHub drops a summary above 1 MiB as a whole, and counts all that the steps of a job write.
const LIMIT: usize = 900_000;
/// What stays free for the ends of the page.
const ROOM: usize = 20_000;
const MAX_EVIDENCE: usize = 8;
const MAX_OTHER_CAUSES: usize = 5;
const MAX_ROWS: usize = 500;
const MAX_LOG_LINES: usize = 50;
const MAX_CHANGES: usize = 5;

/// A finished report.
pub(crate) fn markdown(report: &Report, redactor: &Redactor) -> String {
    markdown_within(report, LIMIT, redactor)
}

/// The same in at most so many bytes, for a file that others write to as well.
pub(crate) fn markdown_within(report: &Report, limit: usize, redactor: &Redactor) -> String {
    let writer = Writer { redactor, limit: limit.min(LIMIT) };
    let mut out = String::new();
    match report.targets.as_slice() {
        [] => out.push_str("## There was nothing to judge\n"),
        [target] => {
            let _ = write!(out, "## {}\n\n", writer.verdict(target));
            out.push_str(&writer.target(target));
        }
        targets => writer.several(report, targets, &mut out),
    }
    for missing in &report.not_seen {
        if out.len() + ROOM < writer.limit {
            out.push_str(&writer.not_seen(missing));
        }
    }
    out
}

/// What stands until there is a verdict.
pub(crate) fn placeholder_markdown(report: &PlaceholderReport, redactor: &Redactor) -> String {
    let writer = Writer { redactor, limit: LIMIT };
    let mut out = String::from("## No verdict\n\n");
    match &report.message {
        None => out.push_str("rollout-guard ended before it had a verdict, or is still waiting.\n\n"),
        Some(message) => {
            for line in std::iter::once(message).chain(&report.help) {
                let _ = writeln!(out, "{}\n", writer.text(line));
            }
        }
    }
    for target in report.targets.iter().take(MAX_ROWS) {
        let name = format!("{}/{}", target.kind.to_lowercase(), target.name);
        let _ = writeln!(out, "- {} in {}", writer.code(&name), writer.code(&target.namespace));
    }
    out
}

struct Writer<'a> {
    redactor: &'a Redactor,
    limit: usize,
}

impl Writer<'_> {
    fn text(&self, raw: &str) -> String {
        Untrusted::new(raw).for_markdown(self.redactor)
    }

    fn code(&self, raw: &str) -> String {
        Untrusted::new(raw).for_markdown_code(self.redactor)
    }

    fn block(&self, language: &str, raw: &str) -> String {
        Untrusted::new(raw).for_markdown_block(language, self.redactor)
    }

    fn name(&self, target: &Target) -> String {
        self.code(&format!("{}/{}", target.kind.to_lowercase(), target.name))
    }

    fn verdict(&self, target: &Target) -> String {
        let time = spoken(target.duration_seconds);
        format!("{} {} {time}", self.name(target), after(target.verdict))
    }

    fn several(&self, report: &Report, targets: &[Target], out: &mut String) {
        let complete = targets.iter().filter(|target| target.verdict == VerdictName::Complete).count();
        let (all, time) = (targets.len(), spoken(report.duration_seconds));
        let _ = write!(out, "## {complete} of {all} rollouts complete after {time}\n\n");
        out.push_str(
            "| rollout | namespace | result | ready | what is wrong |\n| --- | --- | --- | --- | --- |\n",
        );
        // Those that need somebody come first: the end of a long table is not read.
        let mut order: Vec<&Target> = targets.iter().collect();
        order.sort_by_key(|target| target.verdict == VerdictName::Complete);
        for target in order.iter().take(MAX_ROWS) {
            let what = match target.causes.first() {
                Some(cause) if target.verdict != VerdictName::Complete => self.text(&cause.headline),
                _ => self.text(&target.summary),
            };
            let replicas = target.replicas;
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} of {} | {what} |",
                self.name(target),
                self.code(&target.namespace),
                word(target.verdict),
                replicas.ready,
                replicas.desired
            );
        }
        if order.len() > MAX_ROWS {
            let _ = write!(out, "\n{} more rollouts are in the JSON report.\n", order.len() - MAX_ROWS);
        }
        out.push('\n');
        let mut left_out = 0_usize;
        for target in order.iter().filter(|target| target.verdict != VerdictName::Complete) {
            if left_out > 0 {
                left_out += 1;
                continue;
            }
            let part = format!("### {}\n\n{}", self.verdict(target), self.target(target));
            if out.len() + part.len() + ROOM > self.limit {
                left_out += 1;
            } else {
                out.push_str(&part);
            }
        }
        if left_out > 0 {
            let _ = write!(out, "{left_out} more are not shown here; the JSON report has them.\n\n");
        }
    }

    /// Everything below the heading of a target.
    fn target(&self, target: &Target) -> String {
        let mut out = String::new();
        let complete = target.verdict == VerdictName::Complete;
        let root = target.causes.first().filter(|_| !complete);
        if root.is_none_or(|root| root.headline != target.summary) && !target.summary.is_empty() {
            let _ = write!(out, "{}\n\n", self.text(&target.summary));
        }
        if let Some(root) = root {
            self.cause(root, &mut out);
            for other in target.causes.iter().skip(1).take(MAX_OTHER_CAUSES) {
                let _ =
                    write!(out, "Also **{}**: {}\n\n", self.code(&other.code), self.text(&other.headline));
            }
            for change in target.changes.iter().take(MAX_CHANGES) {
                let _ = write!(out, "**Changed:** {}\n\n", self.text(change));
            }
        }
        if !complete && !target.impact.summary.is_empty() {
            let _ = write!(out, "**Impact:** {}\n\n", self.text(&target.impact.summary));
        }
        if let Some(undo) = &target.undo {
            let (outcome, message) = (self.code(&undo.outcome), self.text(&undo.message));
            let _ = write!(out, "**Undo** {outcome}: {message}\n\n");
        }
        for warning in &target.warnings {
            let _ =
                write!(out, "**Warning** {}: {}\n\n", self.code(&warning.code), self.text(&warning.message));
        }
        if let Some(root) = root {
            let command = format!("rollout-guard explain {}", root.code);
            let _ = write!(out, "More about this cause: {}\n\n", self.code(&command));
        }
        out
    }

    fn cause(&self, cause: &Cause, out: &mut String) {
        let _ = write!(out, "**{}**: {}\n\n", self.code(&cause.code), self.text(&cause.headline));
        let affected = match (cause.affected.pods, cause.affected.of) {
            (0, _) | (_, 0) => String::new(),
            (pods, of) => format!(", {pods} of {of} new pod{}", if of == 1 { "" } else { "s" }),
        };
        let _ = write!(out, "Seen at {}{affected}\n\n", self.code(&cause.subject));
        let mut shown: Vec<&Evidence> = Vec::new();
        for piece in &cause.evidence {
            if !shown.contains(&piece) {
                shown.push(piece);
            }
        }
        if !shown.is_empty() {
            out.push_str("<details><summary>What shows it</summary>\n\n");
            for piece in shown.iter().take(MAX_EVIDENCE) {
                self.evidence(piece, out);
            }
            if shown.len() > MAX_EVIDENCE {
                let _ = write!(out, "{} more in the JSON report\n\n", shown.len() - MAX_EVIDENCE);
            }
            out.push_str("</details>\n\n");
        }
        for sentence in cause.help.iter().filter(|sentence| !sentence.trim().is_empty()) {
            let _ = writeln!(out, "- {}", self.text(sentence));
        }
        if !cause.help.is_empty() {
            out.push('\n');
        }
        if !cause.commands.is_empty() {
            out.push_str(&self.block("sh", &cause.commands.join("\n")));
            out.push('\n');
        }
    }

    fn evidence(&self, piece: &Evidence, out: &mut String) {
        match piece {
            Evidence::Field { object, path, value } => {
                let _ = write!(out, "field {} {}\n\n", self.code(object), self.code(path));
                out.push_str(&self.block("text", value));
            }
            Evidence::Event { object, reason, message, count } => {
                let times = if *count > 1 { format!(" ×{count}") } else { String::new() };
                let _ = write!(out, "event {} {}{times}\n\n", self.code(object), self.code(reason));
                out.push_str(&self.block("text", message));
            }
            Evidence::Log { object, container, previous, lines } => {
                let which = if *previous { "the previous container's log" } else { "the log" };
                let (object, container) = (self.code(object), self.code(container));
                let from = lines.len().saturating_sub(MAX_LOG_LINES);
                let kept = lines.get(from..).unwrap_or_default();
                if kept.iter().all(|line| line.trim().is_empty()) {
                    let _ = writeln!(out, "nothing in {which} of container {container} of {object}");
                } else {
                    let _ = write!(out, "last lines of {which} of container {container} of {object}\n\n");
                    out.push_str(&self.block("text", kept.join("\n").trim_matches('\n')));
                }
            }
            Evidence::Absence { what } => {
                let _ = writeln!(out, "absent: {}", self.text(what));
            }
            Evidence::Registry { registry, account, said } => {
                let _ = write!(out, "asked {} as {}\n\n", self.code(registry), self.text(account));
                out.push_str(&self.block("text", said));
            }
            Evidence::DryRun { object, corrected, said } => {
                let _ = write!(out, "dry run {} with {}\n\n", self.code(object), self.text(corrected));
                out.push_str(&self.block("text", said));
            }
        }
        out.push('\n');
    }

    fn not_seen(&self, missing: &NotSeen) -> String {
        let (what, consequence) = (self.text(&missing.what), self.text(&missing.consequence));
        format!("**Not seen:** could not {what}: {consequence} ({})\n\n", self.code(&missing.message))
    }
}

fn word(verdict: VerdictName) -> &'static str {
    match verdict {
        VerdictName::Complete => "complete",
        VerdictName::Failed => "**failed**",
        VerdictName::TimedOut => "**timed out**",
        VerdictName::Indeterminate => "**not judged**",
        VerdictName::Superseded => "superseded",
        VerdictName::Interrupted => "interrupted",
    }
}

#[cfg(test)]
mod tests;
