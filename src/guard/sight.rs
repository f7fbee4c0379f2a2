//! Whether what we have seen is still so: proofs before a pass, and nothing decided in the dark.

use std::time::Duration;

use super::{Guard, Outlook};
use crate::model::{Store, Workload, streams};
use crate::observation::{Request, Stream, StreamHealth, Want};
use crate::policy::Policy;
use crate::settle::Settled;

/// A pass rests on a workload that the server has shown, or proved to be unchanged, within this time.
const PROVED_WITHIN: Duration = Duration::from_secs(5);
/// The same for the streams beside it, where a proof can be a list of thousands of pods: bookmarks, which come about
/// every 60 s, are enough, because a pod that is not well shows in the workload, too.
const OTHERS_PROVED_WITHIN: Duration = Duration::from_secs(90);
/// While a complete workload is not settled its pods are read anew at this interval.
const REREAD_WITHIN: Duration = Duration::from_secs(20);

/// The workload and its pods may contradict each other because an event was lost.
pub(super) fn reread(workload: &Workload) -> impl Iterator<Item = Request> {
    streams(workload)
        .into_iter()
        .map(|stream| Request { want: Want::Watch(stream), refresh: Some(REREAD_WITHIN) })
}

impl Guard {
    /// While a stream is interrupted the pods may have died unseen, and silence may be that of a dead connection
    /// or of a stuck server: nothing has settled before the server has proved that what it showed is still so.
    pub(super) fn believed(
        &self,
        settled: Settled,
        store: &Store,
        workload: &Workload,
        policy: &Policy,
        outlook: &mut Outlook,
    ) -> Settled {
        if settled != Settled::Settled {
            return settled;
        }
        let wait = |seconds, reason: &str| Settled::Waiting {
            until: store.now() + Duration::from_secs(seconds),
            reason: reason.to_owned(),
        };
        if self.blind(store, workload).is_some() {
            return wait(1, "the connection to the API server to come back");
        }
        let own = (self.target.stream.clone(), PROVED_WITHIN);
        let others = streams(workload).into_iter().map(|stream| (stream, OTHERS_PROVED_WITHIN));
        let old = |(stream, within): &(Stream, Duration)| {
            let proved = store.sight(stream).and_then(|sight| sight.proved);
            proved.is_some_and(|proved| store.now().saturating_sub(proved) > *within)
        };
        let unproved: Vec<_> = std::iter::once(own).chain(others).filter(old).collect();
        if unproved.is_empty() || policy.instant {
            return settled;
        }
        outlook.requests.extend(
            unproved
                .into_iter()
                .map(|(stream, within)| Request { want: Want::Watch(stream), refresh: Some(within) }),
        );
        wait(1, "the API server to confirm it")
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
