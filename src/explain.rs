//! `explain`: what a cause means, from the same text that stands beside its rule.

use std::fmt::Write as _;

use anstyle::Style;
use unicode_width::UnicodeWidthStr as _;

use crate::diagnose::{CauseCode, Family, nearest};
use crate::error::Error;

/// The parts that every section has, in this order.
pub(crate) const PARTS: &[&str] =
    &["What it means", "How it is recognised", "What to do", "When it is something else"];

/// Every family with its title, in the order of the list.
const FAMILIES: &[(Family, &str)] = &[
    (Family::Image, "Image"),
    (Family::Crash, "Crash"),
    (Family::Config, "Configuration"),
    (Family::Probe, "Probes"),
    (Family::Limits, "Limits"),
    (Family::Quota, "Quota"),
    (Family::Admission, "Admission"),
    (Family::Placement, "Placement"),
    (Family::Volume, "Volumes"),
    (Family::Node, "Nodes"),
    (Family::Job, "Jobs and pods"),
    (Family::Custom, "Other kinds"),
    (Family::Rollout, "Rollout"),
    (Family::Updated, "Nothing updated"),
    (Family::Manifest, "Manifest"),
];

/// The text of a family: what its causes have in common, then a section `## code` for each.
pub(crate) const fn family_text(family: Family) -> &'static str {
    match family {
        Family::Image => include_str!("diagnose/image.md"),
        Family::Crash => include_str!("diagnose/crash.md"),
        Family::Config => include_str!("diagnose/config.md"),
        Family::Probe => include_str!("diagnose/probe.md"),
        Family::Limits => include_str!("diagnose/limits.md"),
        Family::Quota => include_str!("diagnose/quota.md"),
        Family::Admission => include_str!("diagnose/admission.md"),
        Family::Placement => include_str!("diagnose/placement.md"),
        Family::Volume => include_str!("diagnose/volume.md"),
        Family::Node => include_str!("diagnose/node.md"),
        Family::Job => include_str!("diagnose/job.md"),
        Family::Custom => include_str!("diagnose/custom.md"),
        Family::Rollout => include_str!("diagnose/rollout.md"),
        Family::Updated => include_str!("diagnose/updated.md"),
        Family::Manifest => include_str!("diagnose/manifest.md"),
    }
}

/// The body of the section of a cause, without its heading, each part under a heading of its own.
///
/// In the source a part may also begin as `**What it means.** …`, which reads better where parts are short.
pub(crate) fn section(code: CauseCode) -> Option<String> {
    let text = family_text(code.family());
    let (_, body) = sections(text, "## ").find(|(title, _)| *title == code.as_str())?;
    Some(PARTS.iter().fold(body.to_owned(), |body, part| {
        body.replace(&format!("**{part}.** "), &format!("### {part}\n\n"))
            .replace(&format!("**{part}.**\n"), &format!("### {part}\n"))
    }))
}

/// The sections under headings of that mark: title and body.
fn sections<'a>(text: &'a str, mark: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let (line, after) = rest.split_once('\n').or_else(|| (!rest.is_empty()).then_some((rest, "")))?;
            rest = after;
            if let Some(title) = line.strip_prefix(mark) {
                let end = if after.starts_with(mark) {
                    0
                } else {
                    after.find(&format!("\n{mark}")).map_or(after.len(), |at| at + 1)
                };
                let (body, next) = after.split_at(end);
                rest = next;
                return Some((title.trim(), body.trim()));
            }
        }
    })
}

/// What `explain CODE` or `explain` prints.
pub(crate) fn explain(code: Option<&str>, width: usize, color: bool) -> Result<String, Error> {
    let look =
        Look { width: width.clamp(40, 100), heading: if color { Style::new().bold() } else { Style::new() } };
    let Some(name) = code else { return Ok(list(&look)) };
    let normal = name.trim().to_ascii_lowercase().replace('_', "-");
    let Some(code) = CauseCode::from_name(&normal) else {
        let near = nearest(&normal, CauseCode::ALL.iter().map(|code| code.as_str()));
        let error = Error::usage(format!("unknown cause {name:?}"));
        return Err(match near.as_slice() {
            [] => error.hint("`rollout-guard explain` lists all causes"),
            near => error.hint(format!("did you mean {}?", near.join(" or "))),
        });
    };
    let title = FAMILIES.iter().find(|(family, _)| *family == code.family()).map_or("", |(_, title)| title);
    let Look { heading, .. } = look;
    let mut text = format!("{heading}{}{heading:#}  ({title})\n\n", code.as_str());
    text.push_str(&section(code).map_or_else(String::new, |body| render(&body, &look)));
    Ok(text)
}

/// Every code by family, each with the first sentence of what it means.
fn list(look: &Look) -> String {
    let heading = look.heading;
    let indent = 2 + CauseCode::ALL.iter().map(|code| code.as_str().len()).max().unwrap_or(0) + 2;
    let mut text = String::new();
    for (family, title) in FAMILIES {
        let _ = writeln!(text, "{heading}{title}{heading:#}");
        for code in CauseCode::ALL.iter().filter(|code| code.family() == *family) {
            let first = format!("  {:<fill$}", code.as_str(), fill = indent - 2);
            wrap(&mut text, &first, indent, &summary(*code), look.width);
        }
        text.push('\n');
    }
    text.push_str("`rollout-guard explain CODE` says more about one.\n");
    text
}

/// The first sentence of what a cause means.
fn summary(code: CauseCode) -> String {
    let body = section(code).unwrap_or_default();
    let meaning =
        sections(&body, "### ").find(|(title, _)| Some(title) == PARTS.first()).map_or("", |(_, body)| body);
    let paragraph = plain(&meaning.split("\n\n").next().unwrap_or_default().replace('\n', " "));
    match paragraph.split_once(". ") {
        Some((sentence, _)) => sentence.to_owned(),
        None => paragraph.trim_end_matches('.').to_owned(),
    }
}

struct Look {
    width: usize,
    heading: Style,
}

/// Lays out the small part of Markdown that the texts use: headings, paragraphs, lists, fenced blocks.
fn render(markdown: &str, look: &Look) -> String {
    let mut text = String::new();
    let mut lines = markdown.lines().peekable();
    while let Some(line) = lines.next() {
        let bare = line.trim_start();
        if bare.starts_with("```") {
            for code in lines.by_ref().take_while(|line| !line.trim_start().starts_with("```")) {
                let _ = writeln!(text, "      {code}");
            }
        } else if let Some(title) = bare.strip_prefix("### ") {
            let heading = look.heading;
            let _ = writeln!(text, "{heading}{}{heading:#}", plain(title));
            // The blank line after a heading is for Markdown only.
            lines.next_if(|line| line.trim().is_empty());
        } else if bare.is_empty() {
            text.push('\n');
        } else {
            let (mark, first) = list_mark(bare);
            let mut paragraph = first.to_owned();
            while let Some(more) = lines.next_if(|line| continues(line)) {
                paragraph.push(' ');
                paragraph.push_str(more.trim());
            }
            let indent = 2 + (line.len() - bare.len()) + mark.len();
            let first = format!("{:indent$}", "", indent = indent - mark.len()) + mark;
            wrap(&mut text, &first, indent, &plain(&paragraph), look.width);
        }
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// The mark of a list item with the space after it (`- `, `12. `), and what follows.
fn list_mark(line: &str) -> (&str, &str) {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let length = if line.starts_with("- ") || line.starts_with("* ") {
        2
    } else if digits > 0 && line.get(digits..).is_some_and(|rest| rest.starts_with(". ")) {
        digits + 2
    } else {
        0
    };
    line.split_at(length)
}

/// Whether a line goes on with the paragraph before it.
fn continues(line: &str) -> bool {
    let bare = line.trim_start();
    !bare.is_empty() && !bare.starts_with("```") && !bare.starts_with('#') && list_mark(bare).0.is_empty()
}

/// Without the marks of emphasis. Backquotes stay: they tell a word of Kubernetes, or a command, from prose.
fn plain(markdown: &str) -> String {
    let mut text = String::new();
    for (position, part) in markdown.split('`').enumerate() {
        if position > 0 {
            text.push('`');
        }
        // Odd parts are code: `**` in them is meant.
        if position % 2 == 1 { text.push_str(part) } else { text.push_str(&without_emphasis(part)) }
    }
    text
}

/// Drops `**`, and `*` or `_` at the edge of a word.
fn without_emphasis(prose: &str) -> String {
    let prose = prose.replace("**", "");
    let words: Vec<&str> = prose
        .split(' ')
        .map(|word| {
            let inner = word.trim_start_matches('*').trim_end_matches('*');
            if inner.is_empty() { word } else { inner }
        })
        .collect();
    words.join(" ")
}

/// Breaks a paragraph at spaces; a code span is not broken unless it is longer than a line.
fn wrap(out: &mut String, first: &str, indent: usize, paragraph: &str, width: usize) {
    out.push_str(first);
    let mut column = indent;
    let mut at_start = true;
    for word in words(paragraph) {
        let length = word.width();
        if !at_start && column + 1 + length > width {
            let _ = write!(out, "\n{:indent$}", "");
            column = indent;
            at_start = true;
        }
        if !at_start {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
        at_start = false;
    }
    while out.ends_with(' ') {
        out.pop();
    }
    out.push('\n');
}

/// Words, where a code span of at most forty characters counts as one.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text.trim_start();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut in_code = false;
        let mut code_length = 0;
        let end = rest
            .char_indices()
            .find(|(_, c)| {
                if *c == '`' {
                    in_code = !in_code;
                    code_length = 0;
                }
                code_length += 1;
                *c == ' ' && (!in_code || code_length > 40)
            })
            .map_or(rest.len(), |(at, _)| at);
        let (word, after) = rest.split_at(end);
        rest = after.trim_start();
        Some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_with_sections_explains_each_of_its_causes_in_four_parts() {
        let mut explained = 0;
        for (family, _) in FAMILIES {
            let text = family_text(*family);
            if sections(text, "## ").next().is_none() {
                continue;
            }
            explained += 1;
            for code in CauseCode::ALL.iter().filter(|code| code.family() == *family) {
                let body = section(*code).unwrap_or_else(|| panic!("no section {}", code.as_str()));
                let titles: Vec<&str> = sections(&body, "### ").map(|(title, _)| title).collect();
                assert_eq!(titles, PARTS, "{}", code.as_str());
                for (title, part) in sections(&body, "### ") {
                    assert!(part.len() > 20, "{}: {title} is empty", code.as_str());
                }
            }
            for (title, _) in sections(text, "## ") {
                let code = CauseCode::from_name(title).unwrap_or_else(|| panic!("{title} is no cause"));
                assert_eq!(code.family(), *family, "{title}");
            }
        }
        assert!(explained > 0);
        assert!(section(CauseCode::RolloutPaused).is_some());
    }

    #[test]
    fn a_section_is_laid_out_for_a_terminal() {
        let text = explain(Some("rollout-paused"), 80, false).unwrap();
        assert!(
            text.starts_with("rollout-paused  (Rollout)\n\nWhat it means\n  The Deployment is paused ("),
            "{text}"
        );
        assert!(
            text.contains("\n\nWhat to do\n  - Resume it: `kubectl rollout resume deployment/NAME`.\n"),
            "{text}"
        );
        assert!(text.lines().all(|line| line.width() <= 80), "{text}");
        assert!(!text.contains("##") && !text.contains("**") && !text.contains('\u{1b}'));
        assert!(
            explain(Some("Rollout_Paused"), 80, true).unwrap().contains("\u{1b}[1mWhat it means\u{1b}[0m\n")
        );
    }

    #[test]
    fn markdown_is_reduced_to_what_a_terminal_shows() {
        let look = Look { width: 40, heading: Style::new() };
        let markdown = "### Part\n\nA **bold** and *soft* text with `a **b** *c*`\nand more of it.\n\n\
                        - one item that is long enough to be broken\n  over lines\n- two\n\n\
                        ```sh\nkubectl get pods   --all\n```\n\n1. first\n";
        let expected = "Part\n  A bold and soft text with\n  `a **b** *c*` and more of it.\n\n\
                        \u{20}\u{20}- one item that is long enough to be\n    broken over lines\n  - two\n\n\
                        \u{20}     kubectl get pods   --all\n\n  1. first\n";
        assert_eq!(render(markdown, &look), expected);
    }

    #[test]
    fn the_list_names_every_code_with_one_sentence() {
        let text = explain(None, 100, false).unwrap();
        for code in CauseCode::ALL {
            assert!(
                text.contains(&format!("\n  {} ", code.as_str()))
                    || text.contains(&format!("\n  {}\n", code.as_str()))
            );
        }
        assert!(text.contains("  target-deleted  "), "{text}");
        assert!(text.contains("The Deployment is paused (`spec.paused: true`)\n"), "{text}");
    }

    #[test]
    fn an_unknown_code_suggests_the_nearest() {
        let error = explain(Some("rollout-pausd"), 80, false).unwrap_err();
        assert_eq!(error.message, "unknown cause \"rollout-pausd\"");
        assert_eq!(error.hints, ["did you mean rollout-paused?"]);
        assert!(explain(Some("weather"), 80, false).unwrap_err().hints[0].contains("lists all causes"));
    }
}
