//! The nodes of the cluster, where we may list them.

use crate::model::{Kind, Lookup, Node, ObjectRef, Quantity, Rollout};

/// All nodes, if they are known and there are any.
pub(super) fn known<'a>(rollout: &Rollout<'a>) -> Option<&'a [Node]> {
    match rollout.nodes() {
        Lookup::Found(nodes) if !nodes.is_empty() => Some(nodes),
        _ => None,
    }
}

/// The node that offers the most of a resource, with how much that is and how it is written.
pub(super) fn largest<'a>(nodes: &'a [Node], resource: &str) -> Option<(&'a Node, f64, &'a str)> {
    nodes
        .iter()
        .filter_map(|node| {
            let written = node.status.allocatable.get(resource)?;
            Some((node, Quantity::new(written).value()?, written.as_str()))
        })
        .max_by(|a, b| a.1.total_cmp(&b.1))
}

/// At most five words, and how many more there are.
pub(super) fn shown<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let all: Vec<&str> = words.into_iter().collect();
    let first: Vec<&str> = all.iter().copied().take(5).collect();
    let more = all.len().saturating_sub(first.len());
    if more == 0 { first.join(", ") } else { format!("{} and {more} more", first.join(", ")) }
}

/// The node as an object.
pub(super) fn reference(node: &str) -> ObjectRef {
    ObjectRef::named(Kind::Node, "", node)
}
