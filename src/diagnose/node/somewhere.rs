//! A cause that only some nodes show.

use std::collections::BTreeSet;

use super::listed;
use crate::diagnose::{Evidence, Finding};
use crate::model::Rollout;

/// Adds where it is, and where it is not, to each cause that pods of the same template on other nodes do not have.
pub(crate) fn say_where(rollout: &Rollout<'_>, findings: &mut [Finding]) {
    let fine: BTreeSet<&str> =
        rollout.live_pods().filter(|pod| pod.is_ready()).filter_map(|pod| pod.node()).collect();
    if fine.is_empty() {
        return;
    }
    for finding in findings {
        let lost = rollout.casualties();
        let of_lost = lost.iter().filter(|casualty| finding.pods.contains(&casualty.name));
        let of_pods = rollout.pods.iter().filter(|pod| finding.pods.contains(&pod.metadata.name));
        let bad: BTreeSet<&str> = of_pods
            .filter_map(|pod| pod.node())
            .chain(of_lost.map(|casualty| casualty.node.as_str()))
            .filter(|node| !node.is_empty())
            .collect();
        if bad.is_empty() || !bad.is_disjoint(&fine) {
            continue;
        }
        let names = |nodes: &BTreeSet<&str>| {
            let names: Vec<String> = nodes.iter().map(|node| (*node).to_owned()).collect();
            listed(&names)
        };
        let all = bad.len() + fine.len();
        finding.evidence.push(Evidence::absence(format!(
            "on {} only ({} of {all} nodes with pods of this rollout); pods on {} are ready, so look at what is different there",
            names(&bad),
            bad.len(),
            names(&fine)
        )));
    }
}
