//! The scheduler's sentence, node group by node group (`FitError` of pkg/scheduler/framework).

use crate::diagnose::CauseCode;
use crate::diagnose::volume::topic;

/// `0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu. preemption: …`.
///
/// Each node is counted by the first filter that rules it out, except that one node may lack several resources:
/// so "2 Insufficient cpu" does not mean that more CPU would help.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sentence<'a> {
    /// How many nodes there are; absent where a check before the nodes failed.
    pub(super) nodes: Option<u64>,
    pub(super) groups: Vec<Group<'a>>,
}

/// Nodes with the same reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group<'a> {
    pub(super) count: u64,
    /// In the scheduler's words: `Insufficient cpu`.
    pub(super) reason: &'a str,
}

pub(super) fn read(message: &str) -> Sentence<'_> {
    let counted = message.split_once(" nodes are available: ");
    let nodes = counted
        .and_then(|(start, _)| start.rsplit_once('/'))
        .and_then(|(_, total)| total.trim().parse().ok());
    let body = match (nodes, counted) {
        (Some(_), Some((_, body))) => body,
        _ => message,
    };
    // What preemption could do follows; since 1.35 after a word about resource claims.
    let end = [" no new claims to deallocate", " preemption: "]
        .iter()
        .filter_map(|sign| body.find(sign))
        .min()
        .unwrap_or(body.len());
    let body = body.get(..end).unwrap_or(body).trim().trim_end_matches('.');
    Sentence { nodes, groups: parts(body).filter_map(group).collect() }
}

/// The parts between commas that are followed by a number; taints in braces hold commas of their own.
fn parts(body: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(body);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut depth = 0_usize;
        for (at, c) in text.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                ',' if depth == 0 => {
                    let after = text.get(at + 1..).unwrap_or_default();
                    if after.trim_start().starts_with(|c: char| c.is_ascii_digit()) {
                        rest = Some(after);
                        return text.get(..at);
                    }
                }
                _ => {}
            }
        }
        rest = None;
        Some(text)
    })
}

fn group(part: &str) -> Option<Group<'_>> {
    let part = part.trim();
    if part.is_empty() {
        return None;
    }
    let (number, words) = part.split_once(' ').unwrap_or((part, ""));
    let counted = number.parse().ok().map(|count| Group { count, reason: words });
    Some(counted.unwrap_or(Group { count: 0, reason: part }))
}

impl<'a> Group<'a> {
    /// The cause it belongs to; `None` for volumes and for what later versions say.
    pub(super) fn code(&self) -> Option<CauseCode> {
        let has = |sign: &str| self.reason.contains(sign);
        if topic(self.reason).is_some() {
            return None;
        }
        Some(if self.resource().is_some() {
            CauseCode::InsufficientResources
        } else if has("anti-affinity") {
            CauseCode::PodAntiAffinityConflict
        } else if has("didn't match pod affinity rules") {
            CauseCode::PodAffinityUnmatched
        } else if has("topology spread constraints") {
            CauseCode::TopologySpreadUnsatisfied
        } else if has("free ports") {
            CauseCode::HostPortConflict
        } else if has("node affinity") || has("node selector") || has("requested node name") {
            CauseCode::NodeSelectorUnmatched
        } else if has(" taint") || has("were unschedulable") {
            CauseCode::UntoleratedTaint
        } else if has("no nodes available") {
            CauseCode::NoNodes
        } else {
            return None;
        })
    }

    /// The resource there is too little of. `Too many pods` is the resource `pods`.
    pub(super) fn resource(&self) -> Option<&'a str> {
        if self.reason == "Too many pods" {
            return Some("pods");
        }
        self.reason.strip_prefix("Insufficient ")
    }

    /// Nodes whose own label the topology key of a constraint names is missing.
    pub(super) fn lacks_label(&self) -> bool {
        self.reason.contains("(missing required label)")
    }
}

impl<'a> Sentence<'a> {
    /// The group that decides what is said first: the largest; of equal ones that of the later filter, because
    /// those nodes came nearest to taking the pod.
    pub(super) fn main(&self) -> Option<(CauseCode, Group<'a>)> {
        self.main_but(|_| false)
    }

    /// The same, of the groups that have none of those causes.
    pub(super) fn main_but(&self, not: impl Fn(CauseCode) -> bool) -> Option<(CauseCode, Group<'a>)> {
        let late = |code: CauseCode| match code {
            CauseCode::UntoleratedTaint => 0,
            CauseCode::NodeSelectorUnmatched => 1,
            CauseCode::HostPortConflict => 2,
            CauseCode::InsufficientResources => 3,
            CauseCode::TopologySpreadUnsatisfied => 4,
            _ => 5,
        };
        self.groups
            .iter()
            .filter_map(|group| Some((group.code()?, *group)))
            .filter(|(code, _)| !not(*code))
            .max_by_key(|(code, group)| (group.count, late(*code)))
    }

    /// Some nodes are kept by what runs there already.
    pub(super) fn is_crowded(&self) -> bool {
        let crowded = [CauseCode::PodAntiAffinityConflict, CauseCode::HostPortConflict];
        self.groups.iter().filter_map(Group::code).any(|code| crowded.contains(&code))
    }

    /// The group about volumes, if it says more than the others: it is checked before any node is, or counts as
    /// many nodes as any other.
    pub(super) fn about_volumes(&self) -> Option<&Group<'a>> {
        let volumes = self.groups.iter().filter(|group| topic(group.reason).is_some());
        // A claim that is not there keeps the pod from every node.
        let group = volumes.max_by_key(|group| (group.count == 0, group.count))?;
        let most = self.main().map_or(0, |(_, group)| group.count);
        (group.count == 0 || group.count >= most).then_some(group)
    }

    /// The other groups, in the scheduler's words.
    pub(super) fn others_than(&self, main: &Group<'_>) -> Vec<String> {
        let others = self.groups.iter().filter(|group| group.reason != main.reason);
        others.map(|group| format!("{} {}", group.count, group.reason)).collect()
    }

    /// Every resource that some node has too little of.
    pub(super) fn resources(&self) -> Vec<&'a str> {
        let mut all: Vec<&str> = self.groups.iter().filter_map(Group::resource).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The groups of other causes than that one, in the scheduler's words: `1 node(s) had untolerated taint(s)`.
    pub(super) fn others(&self, than: CauseCode) -> Vec<String> {
        let others = self.groups.iter().filter(|group| group.code() != Some(than));
        others.map(|group| format!("{} {}", group.count, group.reason)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn main(message: &str) -> Option<CauseCode> {
        read(message).main().map(|(code, _)| code)
    }

    #[test]
    fn node_groups_are_read_and_preemption_is_not() {
        let sentence = read(
            "0/6 nodes are available: 1 node(s) had untolerated taint {dedicated: gpu, x}, 2 Insufficient cpu, 3 node(s) didn't match Pod's node affinity/selector. preemption: 0/6 nodes are available: 6 Preemption is not helpful for scheduling.",
        );
        assert_eq!(sentence.nodes, Some(6));
        let all: Vec<_> = sentence.groups.iter().map(|group| (group.count, group.reason)).collect();
        assert_eq!(
            all,
            [
                (1, "node(s) had untolerated taint {dedicated: gpu, x}"),
                (2, "Insufficient cpu"),
                (3, "node(s) didn't match Pod's node affinity/selector"),
            ]
        );
        assert_eq!(sentence.main().unwrap().0, CauseCode::NodeSelectorUnmatched);
    }

    #[test]
    fn the_texts_of_1_36_3_have_their_causes() {
        let tail = ". no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";
        for (reason, code) in [
            ("1 Insufficient cpu, 1 Insufficient memory", CauseCode::InsufficientResources),
            ("1 Insufficient example.com/gpu", CauseCode::InsufficientResources),
            ("1 Too many pods", CauseCode::InsufficientResources),
            ("1 node(s) didn't match pod affinity rules", CauseCode::PodAffinityUnmatched),
            ("1 node(s) didn't match pod anti-affinity rules", CauseCode::PodAntiAffinityConflict),
            (
                "1 node(s) didn't satisfy existing pods anti-affinity rules",
                CauseCode::PodAntiAffinityConflict,
            ),
            ("1 node(s) didn't have free ports for the requested pod ports", CauseCode::HostPortConflict),
            ("1 node(s) didn't match Pod's node affinity/selector", CauseCode::NodeSelectorUnmatched),
            (
                "1 node(s) didn't match pod topology spread constraints (missing required label)",
                CauseCode::TopologySpreadUnsatisfied,
            ),
            ("1 node(s) had untolerated taint(s)", CauseCode::UntoleratedTaint),
            ("1 node(s) were unschedulable", CauseCode::UntoleratedTaint),
        ] {
            assert_eq!(main(&format!("0/1 nodes are available: {reason}{tail}")), Some(code), "{reason}");
        }
        assert_eq!(main("no nodes available to schedule pods"), Some(CauseCode::NoNodes));
    }

    #[test]
    fn volumes_are_another_family() {
        for text in [
            "persistentvolumeclaim \"data\" not found",
            "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
            "0/1 nodes are available: 1 node(s) didn't match PersistentVolume's node affinity.",
        ] {
            assert_eq!(main(text), None, "{text}");
        }
    }

    #[test]
    fn of_equal_groups_the_one_nearest_to_fitting_is_said_first() {
        assert_eq!(
            main("0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s)."),
            Some(CauseCode::InsufficientResources)
        );
    }
}
