//! A quota without room: how much is asked, used, allowed and free, and the ways out.

use super::amount::{Numbers, field, is_bytes, is_count, written};
use super::message::Shortage;
use crate::diagnose::place::kubectl;
use crate::diagnose::refusal::Refusal;
use crate::diagnose::{CauseCode, Evidence, Finding, Hold, Prognosis};
use crate::model::{Ask, Container, Kind, Rollout};

/// `quota-exceeded`.
pub(super) fn finding(
    rollout: &Rollout<'_>,
    refusal: &Refusal<'_>,
    quota: &str,
    shortages: &[Shortage],
) -> Finding {
    let namespace = rollout.namespace();
    let who = if refusal.set.is_some() { "a pod" } else { "the new ReplicaSet" };
    let mut headline = format!(
        "ResourceQuota {quota} of namespace {namespace} has no room: {}",
        shortages.iter().map(|shortage| sentence(shortage, who)).collect::<Vec<_>>().join("; ")
    );
    let never = shortages.iter().filter_map(Numbers::of).any(|numbers| numbers.never_fits());
    let mut finding = Finding::new(
        CauseCode::QuotaExceeded,
        key(quota, shortages),
        refusal.subject(rollout),
        String::new(),
        refusal.evidence.clone(),
    )
    .with_prognosis(if never { Prognosis::Permanent } else { Prognosis::LikelyPermanent });
    if !never && rollout.frees_room_soon() {
        headline.push_str("; pods of this rollout that are about to go still hold some of it");
        finding = finding.with_hold(Hold::Announce).with_prognosis(Prognosis::Transient);
    }
    finding.headline = headline;
    for shortage in shortages {
        if let Some(asked) = asked_evidence(rollout, shortage) {
            finding = finding.with_evidence(asked);
        }
    }
    options(rollout, refusal, quota, shortages, finding)
}

/// The quota and its resources: what makes two findings the same.
pub(super) fn key(quota: &str, shortages: &[Shortage]) -> String {
    let resources: Vec<&str> = shortages.iter().map(|shortage| shortage.resource.as_str()).collect();
    format!("{quota} {}", resources.join(","))
}

/// `a pod asks for 64Mi requests.memory, and of 100Mi only 36Mi are free`.
fn sentence(shortage: &Shortage, who: &str) -> String {
    let Shortage { resource, requested, used, hard } = shortage;
    let Some(numbers) = Numbers::of(shortage) else {
        return format!("{who} asks for {requested} {resource}, {used} of {hard} are used");
    };
    if is_count(resource) {
        return format!("{used} of {hard} {resource} are used");
    }
    if numbers.never_fits() {
        return format!("{who} asks for {requested} {resource}, more than the whole quota of {hard}");
    }
    let free = written(resource, numbers.free());
    format!("{who} asks for {requested} {resource}, but only {free} of {hard} are free ({used} used)")
}

/// Where the template asks for it.
fn asked_evidence(rollout: &Rollout<'_>, shortage: &Shortage) -> Option<Evidence> {
    let (ask, resource) = field(&shortage.resource)?;
    let (container, written) = askers(rollout, ask, resource).into_iter().next()?;
    Some(Evidence::field(
        rollout.workload.object_ref(),
        format!("spec.template.spec.containers[{}].resources.{}.{resource}", container.name, list(ask)),
        written,
    ))
}

pub(super) const fn list(ask: Ask) -> &'static str {
    match ask {
        Ask::Request => "requests",
        Ask::Limit => "limits",
    }
}

/// The app containers that ask for a resource, with what they ask.
fn askers<'a>(rollout: &Rollout<'a>, ask: Ask, resource: &str) -> Vec<(&'a Container, &'a str)> {
    let of = |container: &'a Container| match ask {
        Ask::Request => &container.resources.requests,
        Ask::Limit => &container.resources.limits,
    };
    let containers = rollout.workload.spec.template.spec.containers.iter();
    containers.filter_map(|container| Some((container, of(container).get(resource)?.as_str()))).collect()
}

fn options(
    rollout: &Rollout<'_>,
    refusal: &Refusal<'_>,
    quota: &str,
    shortages: &[Shortage],
    finding: Finding,
) -> Finding {
    let namespace = rollout.namespace();
    let target = rollout.workload.command_target();
    if refusal.set.is_none() {
        return with_raise(rollout, quota, shortages, 1, finding)
            .with_help("Or remove old ReplicaSets: `spec.revisionHistoryLimit` says how many a Deployment keeps (10 unless it is set).")
            .with_command(kubectl(namespace, &["get", "replicasets"]));
    }
    let missing = refusal.missing(rollout).max(1);
    let mut finding = with_raise(rollout, quota, shortages, missing, finding);
    let existing = refusal.set.map_or(0, |set| set.replicas);
    let alone = rollout.staying_old_pods().next().is_none();
    if let [shortage] = shortages {
        finding = with_lower(rollout, shortage, existing, alone, finding);
    }
    // With old pods still there the room of the moment is not the room there will be.
    let fits = shortages.iter().filter_map(Numbers::of).map(|numbers| fitting(&numbers)).min().unwrap_or(0);
    let possible = existing.saturating_add(fits);
    // A DaemonSet has as many pods as there are nodes.
    let scales = rollout.workload.kind != Kind::DaemonSet;
    if scales && alone && possible > 0 && possible < rollout.workload.desired() {
        finding = finding
            .with_help(format!("Or run fewer: {possible} of {} replicas fit.", rollout.workload.desired()))
            .with_command(kubectl(namespace, &["scale", &target, &format!("--replicas={possible}")]));
    }
    let columns = shortages.first().and_then(|shortage| field(&shortage.resource)).map(|(ask, resource)| {
        let resource = resource.replace('.', r"\.");
        format!(
            "custom-columns=POD:.metadata.name,ASKS:.spec.containers[*].resources.{}.{resource}",
            list(ask)
        )
    });
    let finding =
        finding.with_help(format!("Or free some: see what else in namespace {namespace} uses the quota."));
    match columns {
        Some(columns) => finding.with_command(kubectl(namespace, &["get", "pods", "-o", &columns])),
        None => finding.with_command(kubectl(namespace, &["get", "pods"])),
    }
    .with_command(kubectl(namespace, &["describe", "resourcequota", quota]))
}

/// How many more objects of that size fit.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float to integer cast saturates, and the value is a count"
)]
fn fitting(numbers: &Numbers) -> i64 {
    if numbers.requested > 0.0 { (numbers.free() / numbers.requested).floor() as i64 } else { 0 }
}

/// Raising the quota so that the pods that are missing fit.
#[expect(clippy::cast_precision_loss, reason = "a number of pods")]
pub(super) fn with_raise(
    rollout: &Rollout<'_>,
    quota: &str,
    shortages: &[Shortage],
    more: i64,
    finding: Finding,
) -> Finding {
    let mut said = Vec::new();
    let mut hard = serde_json::Map::new();
    for shortage in shortages {
        let Some(numbers) = Numbers::of(shortage) else { continue };
        let resource = &shortage.resource;
        let needed = written(resource, numbers.requested.mul_add(more as f64, numbers.used));
        said.push(format!("{resource} from {} to at least {needed}", shortage.hard));
        hard.insert(resource.clone(), needed.into());
    }
    if said.is_empty() {
        return finding;
    }
    let patch = serde_json::json!({"spec": {"hard": hard}}).to_string();
    let namespace = rollout.namespace();
    finding
        .with_help(format!(
            "Raise {} in ResourceQuota {quota}, or ask whoever owns namespace {namespace} to.",
            said.join(" and ")
        ))
        .with_command(kubectl(namespace, &["patch", "resourcequota", quota, "--type=merge", "-p", &patch]))
}

/// Lowering what a pod asks so that all replicas fit into what is free or already theirs.
#[expect(clippy::cast_precision_loss, reason = "a number of pods")]
fn with_lower(
    rollout: &Rollout<'_>,
    shortage: &Shortage,
    existing: i64,
    alone: bool,
    finding: Finding,
) -> Finding {
    let (Some(numbers), Some((ask, resource))) = (Numbers::of(shortage), field(&shortage.resource)) else {
        return finding;
    };
    let desired = rollout.workload.desired().max(1);
    let ours = existing as f64 * numbers.requested;
    let each = (numbers.free() + ours) / desired as f64;
    let each = if is_bytes(resource) {
        (each / 1_048_576.0).floor() * 1_048_576.0
    } else {
        (each * 1000.0).floor() / 1000.0
    };
    if !alone || each <= 0.0 {
        return finding.with_help(format!("Or lower {} of the pods.", shortage.resource));
    }
    let each = written(resource, each);
    let finding = finding.with_help(format!(
        "Or lower {} of each pod to at most {each}: that is what {desired} replica{} can have.",
        shortage.resource,
        if desired == 1 { "" } else { "s" }
    ));
    let [(container, _)] = askers(rollout, ask, resource).as_slice()[..] else { return finding };
    let target = rollout.workload.command_target();
    let set = format!("--{}={resource}={each}", list(ask));
    finding.with_command(kubectl(
        rollout.namespace(),
        &["set", "resources", &target, "-c", &container.name, &set],
    ))
}
