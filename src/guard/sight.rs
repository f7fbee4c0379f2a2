//! Whether what we have seen is still so: proofs before a pass, and nothing decided in the dark.

use std::time::Duration;

use super::{Guard, Outlook};
use crate::model::{Kind, Store, Workload, streams};
use crate::observation::{Request, Stream, StreamHealth, Want};
use crate::planted::{self, Bug};
use crate::policy::Policy;
use crate::settle::Settled;

/// A verdict rests on a workload that the server has shown, or proved to be unchanged, within this time.
const PROVED_WITHIN: Duration = Duration::from_secs(5);
/// The same for the streams beside it, where a proof can be a list of thousands of pods: bookmarks, which come about
/// every 60 s, are enough, because a pod that is not well shows in the workload, too, and pods that were last seen
/// before the workload was well are not believed.
const OTHERS_PROVED_WITHIN: Duration = Duration::from_secs(90);
/// While a complete workload is not settled its pods are read anew at this interval.
const REREAD_WITHIN: Duration = Duration::from_secs(20);

/// The workload and its pods may contradict each other because an event was lost.
pub(super) fn reread(workload: &Workload) -> impl Iterator<Item = Request> {
    streams(workload)
        .into_iter()
        .map(|stream| Request { want: Want::Watch(stream), refresh: Some(REREAD_WITHIN) })
}

/// What stands still is asked about less and less often, and at least this often.
const SLOWEST: Duration = Duration::from_secs(60);
/// An answer may be late by this part of the time for which nothing has been new.
const LATE_BY: u32 = 10;

/// A question of a diagnosis, at the pace that is worth its cost: with every change it is the rule's own again.
pub(super) fn unhurried(request: Request, store: &Store) -> Request {
    let slower = (store.unchanged_for(&request.want) / LATE_BY).min(SLOWEST);
    Request { refresh: request.refresh.map(|own| own.max(slower)), ..request }
}

/// So long before the deadline the workload is read anew: a server that shows nothing because it is stuck (its etcd
/// does not answer, and its watches stay open) cannot be told from a rollout that does not move.
const LAST_LOOK: Duration = Duration::from_secs(15);
/// Older than this the last proof is not of the end.
const LAST_PROVED_WITHIN: Duration = Duration::from_secs(10);

/// So many pods are one page of a list.
const FEW_PODS: i64 = 200;

impl Guard {
    /// While a stream is interrupted the pods may have died unseen, and silence may be that of a dead connection
    /// or of a stuck server: nothing has settled before the server has proved that what it showed is still so.
    pub(super) fn believed(
        &self,
        settled: Settled,
        complete: bool,
        store: &Store,
        workload: &Workload,
        policy: &Policy,
        outlook: &mut Outlook,
    ) -> Settled {
        // A complete rollout's pods are better than they were when they were last seen.
        let outdated = complete && settled == Settled::NotComplete && self.blind(store, workload).is_some();
        if !outdated && settled != Settled::Settled || planted::is(Bug::PassBlind) {
            return settled;
        }
        let wait = |seconds, reason: &str| Settled::Waiting {
            until: store.now() + Duration::from_secs(seconds),
            reason: reason.to_owned(),
        };
        if self.blind(store, workload).is_some() {
            return wait(1, "the connection to the API server to come back");
        }
        // The workload was not complete, and its pods were not seen to be otherwise than well since: they may not
        // have been seen at all.
        let doubtful = self.incomplete_at.map_or(Duration::MAX, |at| store.now().saturating_sub(at));
        let few = self.last.replicas.desired <= FEW_PODS && policy.proofs;
        let unproved = self.unproved(store, workload, policy, |stream| {
            if few && stream.kind == Kind::Pod {
                OTHERS_PROVED_WITHIN.min(doubtful.saturating_add(PROVED_WITHIN))
            } else {
                OTHERS_PROVED_WITHIN
            }
        });
        if unproved.is_empty() {
            return settled;
        }
        outlook.requests.extend(unproved);
        wait(1, "the API server to confirm it")
    }

    /// A deadline that passes while nothing can be known is told as that.
    pub(super) fn look_before_the_deadline(&self, now: Duration, policy: &Policy, outlook: &mut Outlook) {
        let from = policy.timeout.saturating_sub(LAST_LOOK);
        if policy.instant || from < LAST_PROVED_WITHIN {
            return;
        }
        if now < from {
            outlook.wake = outlook.wake.min(from);
        } else {
            let want = Want::Watch(self.target.stream.clone());
            outlook.requests.push(Request { want, refresh: Some(LAST_PROVED_WITHIN) });
        }
    }

    /// What has to be proved before a failure is told: what failed when it was last seen may have healed since, and
    /// it heals in the pods first.
    pub(super) fn unproved_failure(&self, store: &Store, policy: &Policy) -> Vec<Request> {
        let Some(workload) = store.workload(&self.target.stream) else { return Vec::new() };
        if planted::is(Bug::FailBlind) {
            return Vec::new();
        }
        let few = self.last.replicas.desired <= FEW_PODS;
        self.unproved(store, workload, policy, |stream| {
            if few && stream.kind == Kind::Pod { PROVED_WITHIN } else { OTHERS_PROVED_WITHIN }
        })
    }

    /// The proofs that are older than allowed: of the target, and of the streams beside it.
    fn unproved(
        &self,
        store: &Store,
        workload: &Workload,
        policy: &Policy,
        within: impl Fn(&Stream) -> Duration,
    ) -> Vec<Request> {
        if policy.instant {
            return Vec::new();
        }
        let own = std::iter::once((self.target.stream.clone(), PROVED_WITHIN));
        let others = streams(workload).into_iter().map(|stream| {
            let within = within(&stream);
            (stream, within)
        });
        let old = |(stream, within): &(Stream, Duration)| {
            let proved = store.sight(stream).and_then(|sight| sight.proved);
            proved.is_some_and(|proved| store.now().saturating_sub(proved) > *within)
        };
        own.chain(others)
            .filter(old)
            .map(|(stream, within)| Request { want: Want::Watch(stream), refresh: Some(within) })
            .collect()
    }

    /// What is wrong with a stream that the judgement rests on.
    pub(super) fn blind<'a>(&self, store: &'a Store, workload: &Workload) -> Option<&'a str> {
        let interrupted = |stream: &Stream| match &store.sight(stream)?.health {
            StreamHealth::Interrupted { message } => Some(message.as_str()),
            StreamHealth::Live | StreamHealth::Refused(_) => None,
        };
        interrupted(&self.target.stream).or_else(|| streams(workload).iter().find_map(interrupted))
    }
}
