//! Old pods of the same Deployment hold the quota that the new pods need, and may not go before them.

use super::amount::{Numbers, held, written};
use super::message::Shortage;
use super::room::{key, with_raise};
use crate::diagnose::place::kubectl;
use crate::diagnose::refusal::Refusal;
use crate::diagnose::{CauseCode, Evidence, Finding, Prognosis};
use crate::model::{Kind, ObjectRef, Pod, Rollout};

/// `quota-surge-deadlock`, if it is one: `None` where room will come, or old pods could not make enough of it.
pub(super) fn finding(
    rollout: &Rollout<'_>,
    refusal: &Refusal<'_>,
    quota: &str,
    shortages: &[Shortage],
) -> Option<Finding> {
    refusal.set?;
    let (surge, unavailable) = rollout.workload.surge_and_unavailable();
    if !rollout.workload.is_rolling() || unavailable > 0 || rollout.frees_room_soon() {
        return None;
    }
    let old: Vec<_> = rollout.staying_old_pods().collect();
    let must_go = shortages
        .iter()
        .map(|shortage| to_remove(shortage, &old))
        .try_fold(0, |most, count| count.map(|count| most.max(count)))?;
    let (count, desired) = (old.len(), rollout.workload.desired());
    let pods = |count: usize| if count == 1 { "1 old pod".to_owned() } else { format!("{count} old pods") };
    let headline = format!(
        "the rollout blocks itself: ResourceQuota {quota} has no room for a new pod while {} stay{}, and maxUnavailable 0 keeps them until a new pod is ready",
        pods(count),
        if count == 1 { "s" } else { "" },
    );
    let target = rollout.workload.command_target();
    let namespace = rollout.namespace();
    let patch = serde_json::json!({"spec": {"strategy": {"type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 0, "maxUnavailable": must_go}}}})
    .to_string();
    let finding = Finding::new(
        CauseCode::QuotaSurgeDeadlock,
        key(quota, shortages),
        refusal.subject(rollout),
        headline,
        refusal.evidence.clone(),
    )
    .with_prognosis(Prognosis::Permanent)
    .with_evidence(Evidence::field(
        rollout.workload.object_ref(),
        "spec.strategy.rollingUpdate",
        format!("maxSurge {surge} and maxUnavailable {unavailable} of {desired} replicas"),
    ))
    .with_help(format!(
        "Let {} go first: set maxSurge to 0 and maxUnavailable to {must_go}. Meanwhile {} of {desired} replicas serve.",
        pods(must_go),
        desired.saturating_sub(i64::try_from(must_go).unwrap_or(i64::MAX)).max(0)
    ))
    .with_command(kubectl(namespace, &["patch", &target, "--type=merge", "-p", &patch]));
    let finding = shortages.iter().fold(finding, |finding, shortage| {
        let of = ObjectRef::named(Kind::ResourceQuota, namespace, quota);
        let field = format!("status.used.{}", shortage.resource);
        finding.with_evidence(Evidence::field(of, field, held_sentence(shortage, &old)))
    });
    Some(
        with_raise(rollout, quota, shortages, 1, finding)
            .with_help("A rolling update needs room for replicas + maxSurge pods at its peak."),
    )
}

/// How many old pods must go so that one new pod fits; `None` if all of them are not enough.
fn to_remove(shortage: &Shortage, old: &[&Pod]) -> Option<usize> {
    let Numbers { requested, used, hard } = Numbers::of(shortage)?;
    let mut lacking = used + requested - hard;
    for (gone, pod) in old.iter().enumerate() {
        // A tolerance below any quantity that Kubernetes can write.
        if lacking <= 1e-9 {
            return Some(gone.max(1));
        }
        lacking -= held(pod, &shortage.resource);
    }
    (lacking <= 1e-9).then_some(old.len())
}

/// `96Mi of 100Mi: 96Mi by old pods; a new pod needs 32Mi`.
fn held_sentence(shortage: &Shortage, old: &[&Pod]) -> String {
    let Shortage { resource, requested, used, hard } = shortage;
    let ours = written(resource, old.iter().map(|pod| held(pod, resource)).sum());
    format!("{used} of {hard}, {ours} of it by old pods; a new pod needs {requested}")
}
