//! How `--min-available` and `rollout-guard/min-available` change a judgement.

use std::collections::BTreeSet;

use super::Guard;
use crate::ledger::Standing;
use crate::model::{Kind, Rollout};
use crate::policy::Policy;
use crate::settle::{Settled, enough_have_settled};
use crate::status::Status;

/// The pods that a policy demands of a workload, where that is fewer than it asks for.
fn needed(rollout: &Rollout<'_>, policy: &Policy) -> Option<i64> {
    let workload = rollout.workload;
    // A Job is done when its pods have ended, not while they run.
    if !matches!(workload.kind, Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet | Kind::ReplicaSet) {
        return None;
    }
    let desired = workload.desired();
    policy.min_available.map(|min| min.of(desired)).filter(|needed| *needed < desired)
}

impl Guard {
    /// Whether enough pods have settled although the rollout is not complete. Where nothing will be updated any
    /// more (paused, `OnDelete`) the pods of the newest template are counted all the same.
    pub(super) fn enough(
        &mut self,
        rollout: &Rollout<'_>,
        status: &Status,
        settled: Settled,
        policy: &Policy,
    ) -> Settled {
        self.last.enough = None;
        let Some(needed) = needed(rollout, policy) else { return settled };
        if settled == Settled::Settled || matches!(status, Status::NotObserved { .. }) {
            return settled;
        }
        match enough_have_settled(rollout, needed, policy) {
            Settled::NotComplete => settled,
            enough => {
                self.last.enough = Some(needed);
                enough
            }
        }
    }

    /// Causes that together concern no more pods than may be missing do not end the wait; they stay in sight.
    pub(super) fn excuse(standing: &mut [Standing], rollout: &Rollout<'_>, policy: &Policy) {
        let Some(needed) = needed(rollout, policy) else { return };
        let desired = rollout.workload.desired();
        let live = i64::try_from(rollout.live_pods().count()).unwrap_or(i64::MAX);
        let not_there = desired.saturating_sub(live).max(0);
        let concerned: BTreeSet<&str> =
            standing.iter().flat_map(|standing| &standing.finding.pods).map(String::as_str).collect();
        let about_no_pod = standing.iter().any(|standing| standing.finding.pods.is_empty());
        let pods = i64::try_from(concerned.len()).unwrap_or(i64::MAX);
        let missing = if about_no_pod { pods.saturating_add(not_there.max(1)) } else { pods };
        if missing <= desired - needed {
            for standing in standing {
                standing.ripe = false;
                standing.ends = None;
            }
        }
    }
}
