//! Pods that kubelet ended to save its node, or because they grew over a limit of their own.

use std::time::Duration;

use super::super::logs::shorten;
use super::super::place::{command, kubectl};
use super::super::{CauseCode, Diagnosis, Evidence, Finding, Hold, Prognosis};
use super::{MISHAPS, listed, nodes_of, pods};
use crate::model::{Casualty, Kind, ObjectRef, Rollout};

/// A node under pressure gets over it by what it evicts.
const PRESSURE_STANDS: Duration = Duration::from_secs(15);

/// Why a pod was evicted, from kubelet's words (pkg/kubelet/eviction/helpers.go).
enum Why<'a> {
    /// `Usage of EmptyDir volume "data" exceeds the limit "1Mi".`
    EmptyDir { volume: &'a str, limit: &'a str },
    /// `Container app exceeded its local ephemeral storage limit "1Gi".`
    Container { name: &'a str, limit: &'a str },
    /// `Pod ephemeral local storage usage exceeds the total limit of containers 5Mi.`
    Pod { limit: &'a str },
    /// `The node was low on resource: memory. …`, or `The node had condition: [DiskPressure].`
    Pressure { resource: &'a str },
}

fn why(message: &str) -> Why<'_> {
    let quoted = |after: &str| message.split_once(after).and_then(|(_, rest)| rest.split_once('"'));
    if let Some((volume, rest)) = quoted("EmptyDir volume \"") {
        let limit = rest.split('"').nth(1).unwrap_or_default();
        return Why::EmptyDir { volume, limit };
    }
    if let Some((limit, _)) = quoted("exceeded its local ephemeral storage limit \"") {
        let name = message.split(' ').nth(1).unwrap_or_default();
        return Why::Container { name, limit };
    }
    if let Some((_, limit)) = message.split_once("exceeds the total limit of containers ") {
        return Why::Pod { limit: limit.trim_end_matches('.') };
    }
    let low =
        message.split_once("low on resource: ").map(|(_, rest)| rest.split(". ").next().unwrap_or(rest));
    let condition = || message.split_once("had condition: [").and_then(|(_, rest)| rest.split_once(']'));
    let resource = low.or_else(|| condition().map(|(condition, _)| condition)).unwrap_or("resources");
    Why::Pressure { resource: resource.trim_end_matches('.') }
}

/// `pod-evicted`.
pub(super) fn rule(rollout: &Rollout<'_>, lost: &[&Casualty], diagnosis: &mut Diagnosis) {
    let Some(newest) = lost.iter().max_by_key(|casualty| casualty.created) else { return };
    let object = ObjectRef::named(Kind::Pod, rollout.namespace(), &newest.name);
    let count = pods(lost.len());
    let (key, headline) = match why(&newest.message) {
        Why::EmptyDir { volume, limit } => (
            format!("emptyDir {volume}"),
            format!("{count} evicted: volume {volume} (emptyDir) grew over its sizeLimit of {limit}"),
        ),
        Why::Container { name, limit } => (
            format!("container {name}"),
            format!(
                "{count} evicted: container {name} wrote more than its limit of {limit} ephemeral storage"
            ),
        ),
        Why::Pod { limit } => (
            "containers".to_owned(),
            format!(
                "{count} evicted: the containers wrote more than their limit of {limit} ephemeral storage in all"
            ),
        ),
        Why::Pressure { resource } => (
            format!("pressure {resource}"),
            format!(
                "{} ran low on {resource} and evicted {count}{}",
                listed(&nodes_of(lost)),
                usage(&newest.message)
            ),
        ),
    };
    let evidence = Evidence::field(object.clone(), "status.message", newest.message.as_str());
    let mut finding = Finding::new(CauseCode::PodEvicted, key, object, headline, evidence);
    finding.pods.extend(lost.iter().map(|casualty| casualty.name.clone()));
    diagnosis.add(advice(rollout, lost, newest, finding));
}

fn advice(rollout: &Rollout<'_>, lost: &[&Casualty], newest: &Casualty, finding: Finding) -> Finding {
    let reason = Evidence::field(finding.subject.clone(), "status.reason", newest.reason.as_str());
    let finding = finding.with_evidence(reason);
    let edit = kubectl(rollout.namespace(), &["edit", &rollout.workload.command_target()]);
    // The template's own limit: the second pod shows that it was no mishap.
    let own = if lost.len() >= MISHAPS { Hold::Ripe } else { Hold::Announce };
    match why(&newest.message) {
        Why::EmptyDir { volume, .. } => finding
            .with_hold(own)
            .with_prognosis(Prognosis::Permanent)
            .with_help(format!("Raise sizeLimit of volume {volume}, or write less into it; what must stay belongs into a claim"))
            .with_command(edit),
        Why::Container { .. } | Why::Pod { .. } => finding
            .with_hold(own)
            .with_prognosis(Prognosis::Permanent)
            .with_help("Raise resources.limits.ephemeral-storage, or write less: logs count, and whatever is written outside of volumes")
            .with_command(edit),
        Why::Pressure { resource } => {
            let hold = if lost.len() > MISHAPS { Hold::Tolerance } else { Hold::Announce };
            let finding = finding.with_hold(hold).with_tolerance(PRESSURE_STANDS).with_help(format!(
                "This is the node's trouble before it is the application's: find what uses up {resource} there, or give the node more"
            ));
            let finding = if newest.message.contains("request is 0") {
                finding.with_help(format!(
                    "pods without a request are evicted first: set resources.requests.{resource}, so that the scheduler keeps room for them"
                ))
            } else {
                finding
            };
            let node = if newest.node.is_empty() { "NODE" } else { newest.node.as_str() };
            finding.with_command(command(&["kubectl", "describe", "node", node]))
        }
    }
}

/// `: container app was using 3Gi, its request is 0`, the one that used most.
fn usage(message: &str) -> String {
    let Some((_, rest)) = message.split_once("Container ") else { return String::new() };
    let words = rest.split(", has larger").next().unwrap_or(rest).trim_end_matches('.');
    format!(": container {}", shorten(&words.replace(", request is", ", its request is"), 200))
}
