//! What an apply says when it fails: one block for each object that was refused.

/// How the error of an object begins, in kubectl and Helm.
const BEGINNINGS: &[&str] = &["Error from server", "Error:", "error:", "error when ", "The "];

/// The errors of a text, each with its continuation lines; warnings and what is said of success are left out.
pub(super) fn blocks(text: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    let mut inside = false;
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        if line.starts_with("Warning:") {
            inside = false;
        } else if BEGINNINGS.iter().any(|start| line.starts_with(start)) {
            blocks.push(line.to_owned());
            inside = true;
        } else if inside && let Some(last) = blocks.last_mut() {
            last.push('\n');
            last.push_str(line);
        }
    }
    if blocks.is_empty() {
        let last: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let tail = last.get(last.len().saturating_sub(5)..).unwrap_or_default().join("\n");
        if !tail.is_empty() {
            blocks.push(tail);
        }
    }
    blocks
}

/// The text between the first `before` and the next `after`.
pub(super) fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after).map_or(rest, |(inside, _)| inside))
}

/// Every text between such a pair.
pub(super) fn every_between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| Some(rest.split_once(after)?.0)).collect()
}

/// `path: what is wrong`, of each field that an `is invalid` block names.
pub(super) fn faults(block: &str) -> Vec<(&str, &str)> {
    let Some((_, text)) = block.split_once("is invalid:") else { return Vec::new() };
    // One fault stands in the line, several in a list, and Helm puts them between brackets.
    let text = text.trim().trim_start_matches('[').trim_end_matches(']');
    let parts: Vec<&str> = if text.contains("\n* ") || text.starts_with("* ") {
        text.split("* ").collect()
    } else if text.contains(", spec.") {
        text.split(", ").collect()
    } else {
        vec![text]
    };
    parts.into_iter().filter_map(|part| part.trim().split_once(": ")).collect()
}
