//! What kubectl prints with `-o name`, or without `-o`: `deployment.apps/web`, `deployment.apps/web configured`.

use super::object::{is_added, is_included};
use super::{Declared, Found};
use crate::cli::{TargetName, TypeName, parse_targets};
use crate::model::KindName;

/// Reads lines of `TYPE/NAME`, each with or without what happened to it; `None` if the text is something else.
pub(super) fn read(text: &str, include: &[KindName]) -> Option<Vec<Found>> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return None;
    }
    lines.into_iter().map(|line| found(line, include)).collect()
}

fn found(line: &str, include: &[KindName]) -> Option<Found> {
    let name = line.split(' ').next().unwrap_or_default();
    let (kind, object) = name.split_once('/')?;
    let is_type = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c))
    };
    if !is_type(kind) || object.is_empty() || object.contains(['/', ':']) {
        return None;
    }
    let rolls = |target: &TargetName| match &target.kind {
        TypeName::Known(_) => true,
        TypeName::Other(name) => {
            let (group, version) = (name.qualifier.as_str(), "");
            include.iter().any(|included| is_included(included, &name.name, group, version))
        }
    };
    let named = parse_targets(&[name.to_owned()]).ok().and_then(|targets| targets.into_iter().next());
    let workload = named.filter(rolls);
    let Some(target) = workload else {
        let (name, group) = kind.split_once('.').unwrap_or((kind, ""));
        return Some(Found::Other(name.to_owned(), is_added(group).then(|| kind.to_owned())));
    };
    Some(Found::Workload(Declared {
        kind: target.kind,
        namespace: None,
        name: target.name,
        uid: None,
        generation: None,
        origin: None,
    }))
}
