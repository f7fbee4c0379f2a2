//! `--min-available`: when fewer pods than were asked for are enough.

use std::time::Duration;

use super::{Settled, is_well, required_age, settles};
use crate::model::{Pod, Rollout};
use crate::policy::Policy;

/// Whether that many pods of the newest template are up and have settled; if as many are up and not all of them
/// old enough, when they will be.
pub(crate) fn enough_have_settled(rollout: &Rollout<'_>, needed: i64, policy: &Policy) -> Settled {
    let required = required_age(rollout, policy);
    let mut at: Vec<Duration> = rollout
        .live_pods()
        .filter(|pod| is_well(pod))
        .map(|pod| settles(rollout, pod, required, policy).at)
        .collect();
    at.sort();
    let needed = usize::try_from(needed).unwrap_or(usize::MAX).max(1);
    match at.get(needed - 1) {
        None => Settled::NotComplete,
        Some(at) if *at <= rollout.now() => Settled::Settled,
        Some(at) => {
            let reason = format!("{needed} pods to have run for {}s", required.as_secs());
            Settled::Waiting { until: *at, reason }
        }
    }
}

/// The live pods of the newest template that are not up.
pub(crate) fn not_up<'a>(rollout: &Rollout<'a>) -> impl Iterator<Item = &'a Pod> {
    rollout.live_pods().filter(|pod| !is_well(pod))
}
