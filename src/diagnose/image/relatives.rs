//! Other images this workload knows: the nearest witnesses of how the image should be written.

use std::collections::BTreeSet;

use super::super::text;
use super::reference::Reference;
use crate::model::{Kind, ReplicaSet, Rollout};

/// An image that another revision or another container uses.
#[derive(Clone, Debug)]
pub(super) struct Relative {
    pub(super) reference: Reference,
    /// Where it is used, as the end of a sentence: `runs in the old pods`, `used by revision 3`.
    pub(super) words: String,
    /// A container runs it now, or its ReplicaSet has ready pods: it exists.
    pub(super) running: bool,
}

/// The images of older revisions, newest first, then those of the other containers of the template.
pub(super) fn relatives(rollout: &Rollout<'_>, container: &str) -> Vec<Relative> {
    let mut sets: Vec<&ReplicaSet> = rollout.old_sets.clone();
    sets.sort_by_key(|set| std::cmp::Reverse(revision(set)));
    let mut found = Vec::new();
    for set in sets {
        for other in set.spec.template.spec.all_containers() {
            let running = set.status.ready_replicas > 0
                || rollout.old_pods.iter().any(|pod| {
                    pod.metadata.is_controlled_by(&set.metadata.uid)
                        && pod.status_of(&other.name).is_some_and(|status| status.state.running.is_some())
                });
            let words = if running {
                "runs in the old pods".to_owned()
            } else {
                format!("used by revision {}", revision(set))
            };
            found.push(Relative { reference: Reference::parse(&other.image), words, running });
        }
    }
    // Without ReplicaSets only the pods themselves tell what older templates had.
    for pod in rollout.old_pods.iter().filter(|_| rollout.workload.kind != Kind::Deployment) {
        for other in pod.spec.all_containers() {
            let running = pod.status_of(&other.name).is_some_and(|status| status.state.running.is_some());
            let reference = Reference::parse(&other.image);
            let known = found.iter().any(|relative: &Relative| relative.reference == reference);
            if running && !known {
                found.push(Relative { reference, words: "runs in the old pods".to_owned(), running });
            }
        }
    }
    for other in rollout.workload.spec.template.spec.all_containers() {
        if other.name != container {
            let running = rollout.live_pods().any(|pod| {
                pod.status_of(&other.name)
                    .is_some_and(|status| status.state.running.is_some() || status.state.terminated.is_some())
            });
            let words = format!("used by container {}", other.name);
            found.push(Relative { reference: Reference::parse(&other.image), words, running });
        }
    }
    found
}

fn revision(set: &ReplicaSet) -> i64 {
    set.metadata.annotations.revision.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Other tags of the same repository: the nearest in spelling first, then the rest in the order given; at most
/// five.
pub(super) fn other_tags<'a>(wanted: &Reference, relatives: &'a [Relative]) -> Vec<&'a Relative> {
    let mut seen = BTreeSet::new();
    let same: Vec<&Relative> = relatives
        .iter()
        .filter(|relative| relative.reference.repository() == wanted.repository())
        .filter(|relative| relative.reference.digest.is_none() && relative.reference.tag != wanted.tag)
        .filter(|relative| seen.insert(relative.reference.tag.clone()))
        .collect();
    let near = text::nearest(&wanted.tag, same.iter().map(|relative| relative.reference.tag.as_str()));
    let is_near = |relative: &&Relative| near.contains(&relative.reference.tag.as_str());
    let mut sorted: Vec<&Relative> =
        near.iter().filter_map(|tag| same.iter().copied().find(|r| r.reference.tag == *tag)).collect();
    sorted.extend(same.iter().copied().filter(|relative| !is_near(relative)));
    sorted.truncate(5);
    sorted
}

/// Repositories that differ from the wanted one only in the registry, or nearly match it in spelling.
pub(super) fn other_repositories<'a>(wanted: &Reference, relatives: &'a [Relative]) -> Vec<&'a Relative> {
    let mut seen = BTreeSet::new();
    relatives
        .iter()
        .filter(|relative| relative.reference.repository() != wanted.repository())
        .filter(|relative| {
            let other = &relative.reference;
            other.base_name() == wanted.base_name()
                || (other.host == wanted.host
                    && !text::nearest(&wanted.path, [other.path.as_str()]).is_empty())
        })
        .filter(|relative| seen.insert(relative.reference.repository()))
        .take(3)
        .collect()
}
