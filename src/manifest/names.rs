//! What kubectl prints with `-o name`, or without `-o`: `deployment.apps/web`, `deployment.apps/web configured`.

use super::{Declared, Found};
use crate::cli::{TargetName, TypeName, parse_targets};
use crate::model::Kind;

/// Reads lines of `TYPE/NAME`, each with or without what happened to it; `None` if the text is something else.
pub(super) fn read(text: &str) -> Option<Vec<Found>> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return None;
    }
    lines.into_iter().map(found).collect()
}

fn found(line: &str) -> Option<Found> {
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
        TypeName::Known(kind) => !matches!(kind, Kind::Pod | Kind::ReplicaSet),
        TypeName::Other(_) => false,
    };
    let named = parse_targets(&[name.to_owned()]).ok().and_then(|targets| targets.into_iter().next());
    let workload = named.filter(rolls);
    Some(match workload {
        Some(target) => Found::Workload(Declared {
            kind: target.kind,
            namespace: None,
            name: target.name,
            uid: None,
            generation: None,
            origin: None,
        }),
        None => Found::Other(kind.split('.').next().unwrap_or(kind).to_owned()),
    })
}
