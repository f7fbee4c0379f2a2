//! Whether what we have seen is still so: proofs before a pass, and nothing decided in the dark.

use std::time::Duration;

use super::{Guard, Outlook};
use crate::model::{Kind, Rollout, Store, Workload, streams};
use crate::observation::{Request, Scope, Stream};
use crate::planted::{self, Bug};
use crate::policy::{Policy, StableFor};
use crate::settle::Settled;

/// A verdict rests on a workload that the server has shown, or proved to be unchanged, within this time.
const PROVED_WITHIN: Duration = Duration::from_secs(5);
/// The same for the streams beside it, where a proof can be a list of thousands of pods: bookmarks, which come about
/// every 60 s, are enough, because a pod that is not well shows in the workload, too, and pods that were last seen
/// before the workload was well, or last changed, are not believed.
const OTHERS_PROVED_WITHIN: Duration = Duration::from_secs(90);
/// While a complete workload is not settled its pods are read anew at this interval.
const REREAD_WITHIN: Duration = Duration::from_secs(20);

/// The workload and its pods may contradict each other because an event was lost.
pub(super) fn reread(workload: &Workload) -> impl Iterator<Item = Request> {
    streams(workload).into_iter().map(|stream| Request::proof(stream, REREAD_WITHIN))
}

/// Where pods count for nothing, those that were seen before they were refused count for nothing either.
pub(super) fn without_what_is_refused<'a>(rollout: Rollout<'a>, policy: &Policy) -> Rollout<'a> {
    let unsettling = policy.stable_for == StableFor::For(Duration::ZERO);
    let refused = || streams(rollout.workload).iter().any(|stream| rollout.store().refused(stream).is_some());
    if unsettling && refused() { rollout.without_pods() } else { rollout }
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
/// does not answer, and its watches stay open) cannot be told from a rollout that does not move. Where the whole wait is
/// short, three fifths of it.
const LAST_LOOK: Duration = Duration::from_secs(15);
/// Older than this, or than two fifths of the whole wait, the last proof is not of the end.
const LAST_PROVED_WITHIN: Duration = Duration::from_secs(10);
/// In a wait that is shorter the beginning is the last look.
const SHORTEST_WAIT: Duration = Duration::from_secs(5);

/// A failure waits for so long to be read anew.
const ANEW_WITHIN: Duration = Duration::from_secs(3);
/// As soon as it can be had without asking all the time.
const AT_ONCE: Duration = Duration::from_millis(250);

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
        // The workload was not complete, or may not have been for a moment, and its pods were not seen to be otherwise
        // than well since: they may not have been seen at all.
        let doubtful = self.moved_at.map_or(Duration::MAX, |at| store.now().saturating_sub(at));
        let unproved = self.unproved(store, workload, policy, |stream| {
            if policy.proofs && stream.kind == Kind::Pod {
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
        if policy.instant || policy.timeout < SHORTEST_WAIT {
            return;
        }
        let fifth = policy.timeout / 5;
        let from = policy.timeout.saturating_sub(LAST_LOOK.min(fifth * 3));
        if now < from {
            outlook.wake = outlook.wake.min(from);
        } else {
            outlook
                .requests
                .push(Request::proof(self.target.stream.clone(), LAST_PROVED_WITHIN.min(fifth * 2)));
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
        let mut proofs = self.unproved(store, workload, policy, |stream| {
            if few && stream.kind == Kind::Pod { PROVED_WITHIN } else { OTHERS_PROVED_WITHIN }
        });
        let rereads = policy.rereads && !policy.instant && few && !planted::is(Bug::NeverReread);
        if let Some(since) = self.deciding_since.filter(|_| rereads) {
            proofs.extend(self.unread(store, workload, since));
        }
        proofs
    }

    /// What has to be proved before a target counts as absent: that it still was when its time was over. It may have been
    /// created while nobody looked: while there was no connection, or between two reads where there is no watch.
    pub(super) fn unproved_absence(&self, store: &Store, from: Duration, policy: &Policy) -> Vec<Request> {
        if policy.instant || !policy.rereads || planted::is(Bug::FailBlind) {
            return Vec::new();
        }
        let stream = &self.target.stream;
        // where many targets share a stream, reading anew would be all of a namespace for each of them
        let shared = store.stream_for(stream).scope == Scope::All;
        let last = store.sight(stream).and_then(|sight| if shared { sight.proved } else { sight.seen });
        let since = store.now().saturating_sub(from);
        let ask = |_| Request { anew: !shared, ..Request::proof(stream.clone(), since) };
        last.filter(|last| *last < from).map(ask).into_iter().collect()
    }

    /// A watch that has lost an event shows later ones as if nothing were missing. Kubernetes promises that it loses
    /// none, and etcd and the watch cache have broken that promise (etcd#17529, #18089, #19179); a failure that has
    /// healed must not rest on it. So the target and its pods are read once more before it is told, if an answer can
    /// be had at once. Where many targets share a stream that would be all of a namespace, and is not done.
    fn unread(&self, store: &Store, workload: &Workload, since: Duration) -> impl Iterator<Item = Request> {
        let waited = store.now().saturating_sub(since);
        let pods = streams(workload).into_iter().filter(|stream| stream.kind == Kind::Pod);
        std::iter::once(self.target.stream.clone())
            .chain(pods)
            .filter(move |_| waited < ANEW_WITHIN)
            .filter(|stream| store.stream_for(stream).scope != Scope::All)
            .filter(move |stream| store.sight(stream).is_some_and(|sight| sight.seen < Some(since)))
            .map(move |stream| Request { anew: true, ..Request::proof(stream, waited) })
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
        let old = |(stream, within): (Stream, Duration)| {
            // what is refused is never proved: whether the judgement can do without it is another question
            let sight = store.sight(&stream).filter(|_| store.refused(&stream).is_none())?;
            let age = store.now().saturating_sub(sight.proved?);
            if policy.rereads && sight.behind && !planted::is(Bug::TrustReopened) {
                return Some(Request::proof(stream, AT_ONCE));
            }
            (age > within).then(|| Request::proof(stream, within))
        };
        own.chain(others).filter_map(old).collect()
    }

    /// What is wrong with a stream that the judgement rests on.
    pub(super) fn blind<'a>(&self, store: &'a Store, workload: &Workload) -> Option<&'a str> {
        let interrupted = |stream: &Stream| store.sight(stream)?.health.interruption();
        interrupted(&self.target.stream).or_else(|| streams(workload).iter().find_map(interrupted))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::observation::Want;
    use crate::testing::World;

    /// How often the events of a pod that waits for room are asked for.
    #[test]
    fn what_stands_still_is_asked_about_less_often_until_something_changes() {
        let no_room = || {
            json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                "message": "0/1 nodes are available: 1 Insufficient cpu.", "lastTransitionTime": "2026-11-24T10:00:00Z"}]})
        };
        let mut world = World::with_app(json!({}));
        let policy = Policy { timeout: Duration::from_secs(3600), patience: 100.0, ..Policy::default() };
        let mut guard = Guard::new(World::target());
        let mut events_every = |world: &mut World, at| {
            world.at(at);
            world.events(Kind::Pod, "web-1", json!([]));
            let requests = guard.look(&world.store, &policy).requests;
            let of_the_pod = requests.iter().find(|request| matches!(request.want, Want::Events(_)));
            of_the_pod.and_then(|request| request.refresh).map(|refresh| refresh.as_secs())
        };
        world.listed_pod("web-1", no_room());
        world.deployment(json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1}));
        let own = events_every(&mut world, 20);
        assert_eq!(own, Some(5));
        assert_eq!(events_every(&mut world, 60), own);
        assert_eq!(events_every(&mut world, 260), Some(24), "20 s to 260 s");
        assert_eq!(events_every(&mut world, 1500), Some(60));
        world.pod("web-1", no_room());
        assert_eq!(events_every(&mut world, 1510), own);
    }
}
