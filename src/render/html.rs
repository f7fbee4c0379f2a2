//! The report as one HTML page: no script, no request to anywhere, readable without its style sheet.
//!
//! Order for one target: verdict, what is wrong, what to do, the drawn timeline, what shows it. The page says of
//! itself ([`CSP`]) that nothing may be loaded or run and which style sheet is its own; so no text of a cluster can
//! make it do anything, even if the encoder had a hole. Where a server forbids the style sheet too (Jenkins does),
//! headings, lists and the drawing's own colours remain.

mod chart;
mod detail;
mod page;

use page::Page;

use super::style::spoken;
use crate::report::{NotSeen, PlaceholderReport, Report, Target, VerdictName};
use crate::untrusted::Redactor;

const STYLE: &str = include_str!("html/style.css");

/// The policy of the page, with the hash of [`STYLE`].
const CSP: &str = "default-src 'none'; style-src 'sha256-++TqmUmfoc387les3yz1zM7BTIEBDQHlZwxuunZjObw='; \
    base-uri 'none'; form-action 'none'";

/// A finished report.
pub(crate) fn html(report: &Report, redactor: &Redactor) -> String {
    let mut page = Page::new(redactor);
    let title = title(report, &page);
    head(&title, &mut page);
    page.push("<header>\n");
    heading(report, &title, &mut page);
    facts(report, &mut page);
    page.push("</header>\n<main>\n");
    match report.targets.as_slice() {
        [] => page.push("<p>There was nothing to judge.</p>\n"),
        [target] => detail::target(target, 2, &mut page),
        targets => several(targets, &mut page),
    }
    not_seen(&report.not_seen, &mut page);
    page.push("</main>\n");
    foot(&report.tool.version, &mut page);
    page.finish()
}

/// What stands until there is a verdict.
pub(crate) fn placeholder_html(report: &PlaceholderReport, redactor: &Redactor) -> String {
    let mut page = Page::new(redactor);
    head("rollout not judged", &mut page);
    page.push(&format!("<main>\n<h1>{} no verdict</h1>\n", badge(report.verdict)));
    match &report.message {
        None => page.push("<p>rollout-guard ended before it had a verdict, or is still waiting.</p>\n"),
        Some(message) => {
            for line in std::iter::once(message).chain(&report.help) {
                let line = page.text(line);
                page.push(&format!("<p>{line}</p>\n"));
            }
        }
    }
    page.push("<ul>\n");
    for target in &report.targets {
        let name = page.text(&format!("{} {}/{}", target.kind, target.namespace, target.name));
        page.push(&format!("<li>{name}</li>\n"));
    }
    page.push("</ul>\n</main>\n");
    foot(&report.tool.version, &mut page);
    page.finish()
}

fn head(title: &str, page: &mut Page<'_>) {
    page.push(&format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{CSP}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title} · rollout-guard</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
    ));
}

fn foot(version: &str, page: &mut Page<'_>) {
    let version = page.text(version);
    page.push(&format!(
        "<footer>rollout-guard {version}. Times are seconds after the start of the wait.</footer>\n"
    ));
    page.push("</body>\n</html>\n");
}

/// `deployment/web failed after 55s`, or the same in numbers for several.
fn title(report: &Report, page: &Page<'_>) -> String {
    match report.targets.as_slice() {
        [] => "nothing to judge".to_owned(),
        [target] => format!("{} {}", detail::name(target, page), detail::words(target)),
        targets => {
            let complete = targets.iter().filter(|target| target.verdict == VerdictName::Complete).count();
            let (all, time) = (targets.len(), spoken(report.duration_seconds));
            format!("{complete} of {all} rollouts complete after {time}")
        }
    }
}

/// The title, with the colour of the verdict.
fn heading(report: &Report, title: &str, page: &mut Page<'_>) {
    let (class, _) = look(report.verdict);
    let heading = match report.targets.as_slice() {
        [target] => {
            let (name, words) = (detail::name(target, page), detail::words(target));
            format!("{name} <span class=\"{class}\">{words}</span>")
        }
        _ => format!("{} {title}", badge(report.verdict)),
    };
    page.push(&format!("<h1>{heading}</h1>\n"));
}

fn badge(verdict: VerdictName) -> String {
    let (class, word) = look(verdict);
    format!("<span class=\"badge {class}\">{word}</span>")
}

/// The class of a verdict, and its word.
const fn look(verdict: VerdictName) -> (&'static str, &'static str) {
    match verdict {
        VerdictName::Complete => ("good", "complete"),
        VerdictName::Failed => ("bad", "failed"),
        VerdictName::TimedOut => ("warn", "timed out"),
        VerdictName::Indeterminate => ("warn", "not judged"),
        VerdictName::Superseded => ("warn", "superseded"),
        VerdictName::Interrupted => ("warn", "interrupted"),
    }
}

fn facts(report: &Report, page: &mut Page<'_>) {
    page.push("<dl class=\"facts\">\n");
    let namespaces: std::collections::BTreeSet<&str> =
        report.targets.iter().map(|target| target.namespace.as_str()).collect();
    let cluster = [&report.cluster.context, &report.cluster.server, &report.cluster.version]
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(|part| page.text(part))
        .collect::<Vec<_>>()
        .join(" · ");
    let exit_code = match report.exit_code {
        Some(code) => format!("{code} ({})", report.verdict.as_str()),
        None => "none: rollout-guard ended before it had a verdict, or is still waiting".to_owned(),
    };
    let facts = [
        ("Namespace", page.text(&namespaces.into_iter().collect::<Vec<_>>().join(", "))),
        ("Cluster", cluster),
        ("Started", page.text(&report.started_at)),
        ("Exit code", exit_code),
    ];
    for (what, value) in facts.into_iter().filter(|(_, value)| !value.is_empty()) {
        page.push(&format!("<dt>{what}</dt><dd>{value}</dd>\n"));
    }
    page.push("</dl>\n");
}

fn several(targets: &[Target], page: &mut Page<'_>) {
    page.push("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"All rollouts\"><table>\n");
    page.push("<thead><tr><th>Rollout</th><th>Result</th><th>Ready</th><th>What is wrong</th></tr></thead>\n<tbody>\n");
    for (number, target) in targets.iter().enumerate() {
        let name = page.text(&format!("{}/{}", target.namespace, target.name));
        let kind = page.text(&target.kind);
        let what = match target.causes.first() {
            Some(cause) if target.verdict != VerdictName::Complete => page.text(&cause.headline),
            _ => page.text(&target.summary),
        };
        page.push(&format!(
            "<tr><td class=\"name\"><a href=\"#t{number}\">{name}</a><br><span class=\"soft\">{kind}</span></td>\
             <td>{}</td><td class=\"num\">{} of {}</td><td>{what}</td></tr>\n",
            badge(target.verdict),
            target.replicas.ready,
            target.replicas.desired,
        ));
    }
    page.push("</tbody>\n</table></div>\n");
    for (number, target) in targets.iter().enumerate() {
        let (name, words) = (detail::name(target, page), detail::words(target));
        page.push(&format!(
            "<section id=\"t{number}\" aria-labelledby=\"h{number}\">\n<h2 id=\"h{number}\">{} {name} {words}</h2>\n",
            badge(target.verdict)
        ));
        detail::target(target, 3, page);
        page.push("</section>\n");
    }
}

fn not_seen(missing: &[NotSeen], page: &mut Page<'_>) {
    for NotSeen { what, message, consequence } in missing {
        let (what, message, consequence) = (page.text(what), page.text(message), page.text(consequence));
        page.push(&format!(
            "<div class=\"note\"><p><strong>Not seen:</strong> could not {what}: {consequence}.</p>\
             <p class=\"soft\">{message}</p></div>\n"
        ));
    }
}

#[cfg(test)]
mod tests;
