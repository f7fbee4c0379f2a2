//! What an autoscaler says of a pod that waits: that it makes a node, or why it does not.

use super::super::{CauseCode, Evidence, Finding, Prognosis};
use crate::diagnose::logs::shorten;
use crate::model::{Event, Pod, Rollout, reason};

/// What the newest word is.
#[derive(Debug)]
pub(super) enum Scaling<'a> {
    Acting(&'a Event),
    Refusing(&'a Event),
}

/// A promise of a node counts for so long, in seconds.
const PROMISE_SECONDS: i64 = 600;

/// The autoscaler's newest word about the pod, from cluster-autoscaler or Karpenter.
pub(super) fn scaling<'a>(rollout: &Rollout<'a>, pod: &Pod) -> Option<Scaling<'a>> {
    let events = rollout.events(&pod.object_ref());
    let newest = |matches: fn(&Event) -> bool| events.iter().copied().find(|event| matches(event));
    let acting =
        newest(|event| matches!(event.reason.as_str(), reason::TRIGGERED_SCALE_UP | reason::NOMINATED));
    let refusing = newest(|event| match event.reason.as_str() {
        reason::NOT_TRIGGER_SCALE_UP | reason::FAILED_SCALE_UP => true,
        // Karpenter borrows the scheduler's reason.
        reason::FAILED_SCHEDULING => {
            event.source.component == "karpenter" || event.reporting_component == "karpenter"
        }
        _ => false,
    });
    let promised = acting.filter(|event| {
        event
            .last_seen()
            .is_some_and(|seen| rollout.server_now().as_second() - seen.as_second() < PROMISE_SECONDS)
    });
    match (promised, refusing) {
        (Some(acting), Some(refusing)) if refusing.last_seen() > acting.last_seen() => {
            Some(Scaling::Refusing(refusing))
        }
        (Some(acting), _) => Some(Scaling::Acting(acting)),
        (None, Some(refusing)) => Some(Scaling::Refusing(refusing)),
        (None, None) => None,
    }
}

/// An autoscaler was asked and makes no node. Where room is missing its reasons are the best explanation there
/// is; where the pod itself asks for the impossible, they are evidence.
pub(super) fn refused(pod: &Pod, event: &Event, code: CauseCode, finding: Finding) -> Finding {
    let evidence = Evidence::event(pod.object_ref(), event);
    if !matches!(code, CauseCode::InsufficientResources | CauseCode::NoNodes) {
        return finding.with_evidence(evidence);
    }
    let words = event.text();
    // pod didn't trigger scale-up: 2 max node group size reached, 1 Insufficient cpu
    let why = words.split_once("scale-up: ").map_or(words, |(_, why)| why);
    let headline = format!("no node has room, and the autoscaler makes none: {}", shorten(why, 300));
    let mut refused = Finding::new(
        CauseCode::AutoscalerRefused,
        finding.key.clone(),
        finding.subject.clone(),
        headline,
        evidence,
    )
    .with_prognosis(Prognosis::LikelyPermanent);
    refused.evidence.extend(finding.evidence);
    let has = |sign: &str| why.contains(sign);
    if has("max node group size reached") {
        refused =
            refused.with_help("Raise the maximum size of a node group, or lower what the pods ask for.");
    }
    if has("in backoff after failed scale-up") {
        refused = refused.with_help("An earlier attempt to make a node failed (quota or capacity of the cloud, for example): the autoscaler's log says why.");
    }
    if has("incompatible with nodepool") {
        refused = refused.with_help(
            "Change a NodePool, or what the pods ask for, so that they agree: the message says what differs.",
        );
    }
    if has("exceed limit") || has("limits exceeded") {
        refused = refused.with_help("Raise the limits of the NodePool.");
    }
    refused.help.extend(finding.help);
    refused.commands = finding.commands;
    let status = ["get", "configmap", "cluster-autoscaler-status", "-o", "yaml"];
    if event.reason == reason::NOT_TRIGGER_SCALE_UP {
        refused = refused.with_command(crate::diagnose::place::kubectl("kube-system", &status));
    }
    refused
}
