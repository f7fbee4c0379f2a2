//! A volume that another pod has: our own old pod, which stays until the new one is ready, or somebody else's.

use std::time::Duration;

use super::super::place::{command, kubectl};
use super::super::{CauseCode, Confidence, Diagnosis, Evidence, Finding, Hold, Prognosis};
use super::Trouble;
use crate::model::{Lookup, Pod, Rollout};
use crate::observation::{Request, Want};

/// A pod that runs gives its volume back only if somebody takes it away.
const RUNNING_HOLDER: Duration = Duration::from_secs(120);
/// Nothing but the controller's own retry stands between the pods and a template that cannot work.
const DEADLOCK: Duration = Duration::from_secs(15);
/// Pods that are named one by one.
const NAMED: usize = 3;

/// Who has the volume.
#[derive(Default)]
struct Holders<'a> {
    /// Pods of older templates of the same workload.
    old: Vec<&'a Pod>,
    /// Pods of the newest template.
    new: Vec<&'a Pod>,
    others: Vec<&'a str>,
    elsewhere: bool,
    /// The volume is for one pod at a time, not for one node.
    one_pod: bool,
}

/// The pods that the attach/detach controller names: `Volume is already used by pod(s) web-1, web-2`.
pub(super) fn by_attachment(
    rollout: &Rollout<'_>,
    trouble: &Trouble<'_, '_>,
    diagnosis: &mut Diagnosis,
) -> Finding {
    let mut holders =
        Holders { elsewhere: trouble.words.contains("different namespaces"), ..Holders::default() };
    let listed = trouble.words.split_once("used by pod(s) ").map_or("", |(_, listed)| listed);
    for name in listed.split(", ").map(|name| name.split(' ').next().unwrap_or_default()) {
        if let Some(pod) = find(&rollout.old_pods, name) {
            holders.old.push(pod);
        } else if let Some(pod) = find(&rollout.pods, name) {
            holders.new.push(pod);
        } else if !name.is_empty() {
            holders.others.push(name);
        }
    }
    held(rollout, trouble.pod, &trouble.name(rollout), &trouble.evidence(), &holders, diagnosis)
}

fn find<'a>(pods: &[&'a Pod], name: &str) -> Option<&'a Pod> {
    pods.iter().copied().find(|pod| pod.metadata.name == name)
}

/// The scheduler names no pod: those that use the same claims are looked for, first in the same workload.
pub(super) fn by_scheduler(
    rollout: &Rollout<'_>,
    pod: &Pod,
    reason: &str,
    evidence: &Evidence,
    diagnosis: &mut Diagnosis,
) -> Finding {
    let claims: Vec<String> = pod.claims().map(|(_, claim)| claim).collect();
    let uses = |other: &&Pod| {
        other.node().is_some()
            && !other.is_finished()
            && other.metadata.uid != pod.metadata.uid
            && other.claims().any(|(_, claim)| claims.contains(&claim))
    };
    let mut holders = Holders {
        old: rollout.old_pods.iter().copied().filter(uses).collect(),
        new: rollout.pods.iter().copied().filter(uses).collect(),
        one_pod: reason.contains("ReadWriteOncePod"),
        ..Holders::default()
    };
    if holders.old.is_empty() && holders.new.is_empty() {
        diagnosis.ask(Request::every(10, Want::PodAsks { namespace: rollout.namespace().to_owned() }));
        if let Lookup::Found(asks) = rollout.pod_asks() {
            let has_one = asks.iter().filter(|ask| ask.claims.iter().any(|claim| claims.contains(claim)));
            holders.others = has_one.map(|ask| ask.pod.as_str()).collect();
        }
    }
    let name = match claims.as_slice() {
        [one] => format!("the volume of claim {one}"),
        _ => "a volume of the pods".to_owned(),
    };
    held(rollout, pod, &name, evidence, &holders, diagnosis)
}

fn held(
    rollout: &Rollout<'_>,
    pod: &Pod,
    volume: &str,
    evidence: &Evidence,
    holders: &Holders<'_>,
    diagnosis: &mut Diagnosis,
) -> Finding {
    let finding = |headline: String| {
        Finding::new(CauseCode::VolumeMultiAttach, volume, pod.object_ref(), headline, evidence.clone())
    };
    let leaving = holders.old.iter().chain(&holders.new).find(|pod| pod.metadata.is_being_deleted());
    if let Some(leaving) = leaving {
        let headline = format!("{volume} is still in use by pod {}, which is being deleted", place(leaving));
        return finding(headline)
            .with_hold(Hold::Announce)
            .with_prognosis(Prognosis::Transient)
            .with_help("the volume comes free once that pod has ended and its node has let go of it");
    }
    if let Some(old) = holders.old.first() {
        return own_old_pod(rollout, volume, old, finding);
    }
    if let Some(other) = holders.new.first() {
        let headline = format!(
            "{volume} can be used on one node only, and pod {} of the same rollout has it",
            place(other)
        );
        return finding(headline)
            .with_prognosis(Prognosis::Permanent)
            .with_tolerance(Duration::from_secs(60))
            .with_help("the replicas share one claim: run one replica, or a StatefulSet with volumeClaimTemplates, which gives each pod its own")
            .with_help("or use storage with the access mode ReadWriteMany, or keep the pods on one node with pod affinity")
            .with_command(describe(rollout, pod));
    }
    if holders.others.is_empty() && !holders.elsewhere {
        let headline = format!("{volume} is in use already, by a pod or a node that is not named");
        let mut finding = finding(headline)
            .with_confidence(Confidence::Likely)
            .with_help("find the pod that uses the claim (`Used By` below) and let it end; if its node is down, Kubernetes takes the volume away by force after 6 minutes");
        for (_, claim) in pod.claims() {
            let words = ["describe", "persistentvolumeclaim", &claim];
            finding = finding.with_command(kubectl(rollout.namespace(), &words));
        }
        return finding.with_command(command(&["kubectl", "get", "volumeattachments"]));
    }
    foreign(rollout, pod, volume, holders, finding, diagnosis)
}

/// `web-1 on node-a`.
fn place(pod: &Pod) -> String {
    match pod.node() {
        Some(node) => format!("{} on {node}", pod.metadata.name),
        None => pod.metadata.name.clone(),
    }
}

fn describe(rollout: &Rollout<'_>, pod: &Pod) -> String {
    kubectl(rollout.namespace(), &["describe", "pod", &pod.metadata.name])
}

/// An old pod of the same workload has it. If that stays until a new one is ready, neither ever happens.
fn own_old_pod(
    rollout: &Rollout<'_>,
    volume: &str,
    old: &Pod,
    finding: impl Fn(String) -> Finding,
) -> Finding {
    let workload = rollout.workload;
    let (surge, unavailable) = workload.surge_and_unavailable();
    if !(workload.is_rolling() && unavailable == 0) {
        let headline = format!("{volume} is still in use by old pod {}", place(old));
        return finding(headline)
            .with_hold(Hold::Announce)
            .with_prognosis(Prognosis::Transient)
            .with_help("the controller takes old pods away by itself");
    }
    let headline = format!(
        "{volume} is held by old pod {}, which stays until a new pod is ready: the rollout blocks itself",
        place(old)
    );
    let patch =
        serde_json::json!({"spec": {"strategy": {"type": "Recreate", "rollingUpdate": null}}}).to_string();
    let target = workload.command_target();
    finding(headline)
        .with_prognosis(Prognosis::Permanent)
        .with_tolerance(DEADLOCK)
        .with_evidence(Evidence::field(
            workload.object_ref(),
            "spec.strategy.rollingUpdate",
            format!("maxSurge {surge} and maxUnavailable {unavailable} of {} replicas", workload.desired()),
        ))
        .with_help("Let the old pod go before the new one comes: the strategy Recreate does, with a gap in which none serves")
        .with_help("or use storage with the access mode ReadWriteMany, or a StatefulSet, which replaces a pod in its place")
        .with_command(kubectl(rollout.namespace(), &["patch", &target, "--type=merge", "-p", &patch]))
}

/// Pods of somebody else have it; where they are is asked for.
fn foreign(
    rollout: &Rollout<'_>,
    pod: &Pod,
    volume: &str,
    holders: &Holders<'_>,
    finding: impl Fn(String) -> Finding,
    diagnosis: &mut Diagnosis,
) -> Finding {
    let mut named = Vec::new();
    let mut owner = None;
    for name in holders.others.iter().take(NAMED) {
        let namespace = rollout.namespace().to_owned();
        diagnosis.ask(Request::every(10, Want::OtherPod { namespace, name: (*name).to_owned() }));
        let node = match rollout.other_pod(name) {
            Lookup::Found(other) => {
                owner = owner.or_else(|| other.metadata.owner_references.first());
                other.spec.node_name.as_str()
            }
            _ => "",
        };
        named.push(if node.is_empty() { (*name).to_owned() } else { format!("{name} on {node}") });
    }
    let who = match (named.as_slice(), holders.elsewhere) {
        ([], _) => "a pod of another namespace".to_owned(),
        ([one], false) => format!("pod {one}"),
        (several, false) => format!("pods {}", several.join(", ")),
        (several, true) => format!("pods {} and of another namespace", several.join(", ")),
    };
    let by = if holders.one_pod { "by one pod" } else { "on one node" };
    let headline = format!("{volume} can be used {by} only, and {who} has it");
    let mut finding = finding(headline).with_tolerance(RUNNING_HOLDER);
    finding = match owner {
        Some(owner) => finding.with_help(format!(
            "that pod belongs to {} {}: scale it down if it should not have the volume, or give these pods a claim of their own",
            owner.kind, owner.name
        )),
        None => finding.with_help("let that pod end, if it should not have the volume, or give these pods a claim of their own"),
    };
    if let Some(name) = holders.others.first() {
        finding = finding.with_command(kubectl(rollout.namespace(), &["get", "pod", name, "-o", "wide"]));
    }
    finding
        .with_help(if holders.one_pod {
            "or ask for the access mode ReadWriteOnce in the claim, if the pods of one node may share it"
        } else {
            "or use storage with the access mode ReadWriteMany, or keep the pods on one node with pod affinity"
        })
        .with_command(describe(rollout, pod))
}
