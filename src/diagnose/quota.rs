#![doc = include_str!("quota.md")]

mod amount;
mod deadlock;
mod live;
mod message;
mod room;
mod specify;
#[cfg(test)]
mod tests;

use live::Now;

use super::refusal::{self, Refusal};
use super::{CauseCode, Diagnosis, Finding, Hold, Prognosis};
use crate::model::Rollout;

/// Whether a refusal is about a quota, so that no other family need explain it.
pub(super) fn knows(text: &str) -> bool {
    ["exceeded quota: ", "failed quota: ", "status unknown for quota: ", "insufficient quota to "]
        .iter()
        .any(|sign| text.contains(sign))
}

/// Every rule of this family: a ResourceQuota refuses the pods, or the ReplicaSet.
pub(super) fn rules(rollout: &Rollout<'_>, diagnosis: &mut Diagnosis) {
    let Some(refusal) = refusal::read(rollout, diagnosis) else { return };
    for refusal in refusal::all(rollout, refusal, diagnosis) {
        judge(rollout, &refusal, diagnosis);
    }
}

fn judge(rollout: &Rollout<'_>, refusal: &Refusal<'_>, diagnosis: &mut Diagnosis) {
    if !knows(refusal.text) {
        return;
    }
    let finding = if let Some((quota, refused)) = message::exceeded(refusal.text) {
        // Of the quota in the message, so that what changes in it does not make another cause of it.
        let key = room::key(&quota, &refused);
        let shortages = match live::room(rollout, refusal, &quota, &refused, diagnosis) {
            Now::Room(now) => {
                let code = CauseCode::QuotaExceeded;
                diagnosis.add(live::healing(rollout, refusal, code, key, &quota, &now));
                return;
            }
            Now::Short(shortages) => shortages,
            Now::AsRefused => refused,
        };
        let mut finding = deadlock::finding(rollout, refusal, &quota, &shortages).unwrap_or_else(|| {
            let finding = room::finding(rollout, refusal, &quota, &shortages);
            live::with_users(rollout, &quota, &shortages, finding, diagnosis)
        });
        finding.key = key;
        finding
    } else if let Some((quota, unnamed)) = message::must_specify(refusal.text) {
        if let Some(now) = live::demands_no_longer(rollout, refusal, &quota, &unnamed, diagnosis) {
            let code = CauseCode::QuotaRequiresResources;
            diagnosis.add(live::healing(rollout, refusal, code, quota.clone(), &quota, &now));
            return;
        }
        specify::finding(rollout, refusal, &quota, &unnamed)
    } else {
        other(rollout, refusal)
    };
    diagnosis.add(refusal.finish(rollout, finding));
}

/// The rarer words: a quota that has not been counted yet, and resources that only a quota can grant.
fn other(rollout: &Rollout<'_>, refusal: &Refusal<'_>) -> Finding {
    let (namespace, what) = (rollout.namespace(), refusal.what());
    let of = |headline: String| {
        let subject = refusal.subject(rollout);
        Finding::new(CauseCode::QuotaExceeded, refusal.key(), subject, headline, refusal.evidence.clone())
    };
    if let Some(quota) = message::uncounted(refusal.text) {
        return of(format!(
            "ResourceQuota {quota} of namespace {namespace} has not counted what is there yet, so {what} are refused for the moment"
        ))
        .with_prognosis(Prognosis::Transient)
        .with_hold(Hold::Announce)
        .with_help("This passes within seconds after a ResourceQuota is made; if it stays, the controller manager is not working.")
        .with_command(super::place::kubectl(namespace, &["describe", "resourcequota", quota]));
    }
    let asked = message::not_granted(refusal.text).unwrap_or(refusal.reason());
    of(format!("no ResourceQuota of namespace {namespace} grants {what} {asked}"))
        .with_prognosis(Prognosis::Permanent)
        .with_help("This cluster lets them be used only where a ResourceQuota with that scope allows it: ask for one, or use another PriorityClass.")
        .with_command(super::place::kubectl(namespace, &["get", "resourcequota", "-o", "yaml"]))
}
