//! When complete is believed.
//!
//! A container without a readiness probe is Ready, and its Deployment complete, for the moment before it dies;
//! under liveness kills `Ready` never moves. So a complete rollout must stay as it is for a while: the *required
//! age*, measured per pod from the last change we saw, or from the server's timestamps where the pod is old
//! enough to make them trustworthy.

mod enough;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::model::{Event, Kind, Pod, PodMemory, Probe, Rollout, condition, reason};
use crate::observation::{Request, Want};
use crate::planted::{self, Bug};
use crate::policy::{Policy, StableFor};

mod untouched;

pub(crate) use enough::{enough_have_settled, not_up};
pub(crate) use untouched::{is_untouched, nothing_is_new};

/// The least age of a pod under [`StableFor::Auto`].
const LEAST: Duration = Duration::from_secs(10);
/// The least age where no probe of a container says that it has come up, or one has ended in this rollout. Its process
/// runs, which is all that is known, and what fails to start often does so only once a connection has timed out or a runtime has loaded: a database's
/// client gives up after 5, 10 or 30 s.
const LEAST_UNPROBED: Duration = Duration::from_secs(30);
/// The greatest age demanded under [`StableFor::Auto`].
const MOST: Duration = Duration::from_secs(60);
/// Kubelet reports deaths up to 4 s late and timestamps have whole seconds, so the server's word alone is
/// believed only for pods that are older than required by this much.
const TRUST_MARGIN: Duration = Duration::from_secs(60);
/// Kubelet tells of a death this late at most.
const LATE_REPORT: Duration = Duration::from_secs(4);
/// Kubelet's events arrive this late at most while its node is not overrun.
const EVENT_LATE_BY: Duration = Duration::from_secs(2);
/// Pods whose events are read while settling.
const EVENTS_OF_PODS: usize = 8;
/// How often these events are read, in seconds.
const EVENTS_EVERY: u64 = 3;

/// The pods whose ageing is awaited.
#[derive(Debug, Default)]
pub(crate) struct Settling {
    /// Uids of the current pods that were there when completeness first held. Later pods join only if it
    /// empties, so that a fleet which an autoscaler keeps moving settles too.
    cohort: Option<BTreeSet<String>>,
    /// The pods have not been seen without a gap: what came in it has replaced what was there, for all we know.
    gap: bool,
    /// Since when an object without rules of its own says that it is complete.
    held_since: Option<Duration>,
}

/// How far settling has come.
#[expect(clippy::enum_variant_names, reason = "`Settled::Settled` reads as what it is")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// Completeness does not hold.
    NotComplete,
    /// Complete, and young.
    Waiting {
        /// When the last pod reaches the required age if nothing happens, since the start of the run.
        until: Duration,
        /// What is waited for, as a fragment after "waiting for".
        reason: String,
    },
    Settled,
}

impl Settling {
    /// Takes in the next judgement: whether the controller calls the rollout complete now, and the pods.
    /// Returns how far it is, and what must be read to know.
    pub(crate) fn update(
        &mut self,
        rollout: &Rollout<'_>,
        complete: bool,
        policy: &Policy,
    ) -> (Settled, Vec<Request>) {
        if rollout.workload.custom().is_some() {
            return (self.hold(rollout, complete, policy), Vec::new());
        }
        if planted::is(Bug::NoSettling)
            || policy.stable_for == StableFor::For(Duration::ZERO)
            || (complete && (rollout.workload.desired() == 0 || ends_by_itself(rollout)))
        {
            return (if complete { Settled::Settled } else { Settled::NotComplete }, Vec::new());
        }
        let Some(pods) = self.cohort_pods(rollout, complete) else {
            return (Settled::NotComplete, Vec::new());
        };
        if complete && counters_are_ahead(rollout) {
            let until = rollout.now() + Duration::from_secs(1);
            return (
                Settled::Waiting { until, reason: "its pods and its counters to agree".to_owned() },
                Vec::new(),
            );
        }
        let required = required_age(rollout, policy);
        let mut requests = Vec::new();
        if has_liveness_probe(rollout) {
            requests.extend(
                event_sample(rollout).map(|pod| Request::every(EVENTS_EVERY, Want::Events(pod.object_ref()))),
            );
        }
        // A crash of any current pod blocks, in the cohort or not.
        let others = rollout.live_pods().filter(|pod| crashed_lately(rollout, pod, required));
        let latest = pods
            .iter()
            .copied()
            .chain(others)
            .map(|pod| settles(rollout, pod, required, policy))
            .max_by_key(|settles| settles.at)
            .unwrap_or(PodSettles { at: rollout.now(), reason: String::new() });
        if latest.at <= rollout.now() {
            (Settled::Settled, requests)
        } else {
            (Settled::Waiting { until: latest.at, reason: latest.reason }, requests)
        }
    }

    /// An object of which only conditions are known must go on saying that it is complete. Where its status tells
    /// which spec it is about, that is enough; otherwise its controller may not have seen the newest yet.
    fn hold(&mut self, rollout: &Rollout<'_>, complete: bool, policy: &Policy) -> Settled {
        if !complete {
            self.held_since = None;
            return Settled::NotComplete;
        }
        let since = *self.held_since.get_or_insert(rollout.now());
        let required = match policy.stable_for {
            StableFor::For(age) => age,
            StableFor::Auto if rollout.workload.names_its_generation() => Duration::ZERO,
            StableFor::Auto => LEAST,
        };
        let until = since + required;
        if policy.instant || until <= rollout.now() {
            return Settled::Settled;
        }
        let reason = format!("it to stay complete for {}s", required.as_secs());
        Settled::Waiting { until, reason }
    }

    /// The pods of the cohort that are still there, founding the cohort when completeness first holds and
    /// giving it up when one of its pods is no longer well.
    fn cohort_pods<'a>(&mut self, rollout: &Rollout<'a>, complete: bool) -> Option<Vec<&'a Pod>> {
        let live: Vec<&Pod> = rollout.live_pods().collect();
        if rollout.pods_are_in_doubt() {
            self.gap = true;
        } else if std::mem::take(&mut self.gap)
            && let Some(cohort) = &mut self.cohort
        {
            cohort.extend(live.iter().map(|pod| pod.metadata.uid.clone()));
        }
        if let Some(cohort) = &self.cohort {
            let members: Vec<&Pod> =
                live.iter().copied().filter(|pod| cohort.contains(&pod.metadata.uid)).collect();
            let all_well = members.iter().all(|pod| is_well(pod));
            if !members.is_empty() && (all_well || complete) && !rolls_again(rollout) {
                return Some(members);
            }
            self.cohort = None;
        }
        if !complete || counters_are_ahead(rollout) {
            return None;
        }
        self.cohort = Some(live.iter().map(|pod| pod.metadata.uid.clone()).collect());
        Some(live)
    }
}

/// Streams are unordered: the counters may tell of pods that we have not seen yet, or that we have seen go.
fn counters_are_ahead(rollout: &Rollout<'_>) -> bool {
    let excused = rollout.excused.pods().filter(|(_, is_new)| *is_new).count();
    let seen = i64::try_from(rollout.live_pods().count() + excused).unwrap_or(i64::MAX);
    seen < rollout.workload.status.updated_replicas
}

/// Pods of an older template are there again though all had gone: somebody scales an old ReplicaSet, or etcd was
/// restored from a backup.
fn rolls_again(rollout: &Rollout<'_>) -> bool {
    let status = &rollout.workload.status;
    rollout.workload.kind == Kind::Deployment && status.replicas > status.updated_replicas
}

/// Work that is to end, and has: a Job, or a pod that is not restarted.
fn ends_by_itself(rollout: &Rollout<'_>) -> bool {
    match rollout.workload.kind {
        Kind::Job => true,
        Kind::Pod => rollout.pods.iter().all(|pod| pod.is_finished()),
        _ => false,
    }
}

/// When a pod will have settled, and what for.
struct PodSettles {
    at: Duration,
    reason: String,
}

fn is_well(pod: &Pod) -> bool {
    pod.is_ready() && pod.all_running()
}

fn settles(rollout: &Rollout<'_>, pod: &Pod, required: Duration, policy: &Policy) -> PodSettles {
    let now = rollout.now();
    let name = &pod.metadata.name;
    let second = Duration::from_secs(1);
    if !is_well(pod) {
        let reason = format!("pod {name} to be ready with every container running");
        return PodSettles { at: now + second, reason };
    }
    if let Some(until) = liveness_failure_stands(rollout, pod) {
        return PodSettles {
            at: until.max(now + second),
            reason: format!("the liveness probe of pod {name} to pass"),
        };
    }
    if let Some(reason) = unread_events(rollout, pod) {
        return PodSettles { at: now + second, reason };
    }
    let reason = format!("pod {name} to have run for {}s", required.as_secs());
    let Some(memory) = rollout.memory(pod) else { return PodSettles { at: now + second, reason } };
    let margin = if policy.instant { Duration::ZERO } else { TRUST_MARGIN };
    let knows_age = policy.instant || rollout.store().knows_server_clock();
    if knows_age
        && !memory.change_seen
        && server_age(rollout, pod).is_some_and(|age| age >= required + margin)
    {
        return PodSettles { at: memory.changed, reason };
    }
    PodSettles { at: memory.changed + required, reason }
}

/// Whether some pod of the newest template has settled by itself: the rest of the rollout may be as it is.
pub(crate) fn some_have_settled(rollout: &Rollout<'_>, policy: &Policy) -> bool {
    let required = required_age(rollout, policy);
    rollout.live_pods().any(|pod| is_well(pod) && settles(rollout, pod, required, policy).at <= rollout.now())
}

/// The age of a pod by the API server's clock: since the latest of its readiness and the starts of the
/// containers that keep running. `None` where a timestamp is missing or from 1970.
pub(crate) fn server_age(rollout: &Rollout<'_>, pod: &Pod) -> Option<Duration> {
    let mut latest = pod.condition(condition::READY)?.last_transition_time?;
    for container in pod.spec.long_running() {
        let started = pod.status_of(&container.name)?.state.running.as_ref()?.started_at?;
        latest = latest.max(started);
    }
    if latest.as_second() <= 0 {
        return None;
    }
    Duration::try_from(rollout.server_now().duration_since(latest)).ok()
}

/// How old the pods of a complete rollout must be.
pub(crate) fn required_age(rollout: &Rollout<'_>, policy: &Policy) -> Duration {
    if let StableFor::For(age) = policy.stable_for {
        return age;
    }
    let longer = is_unprobed(rollout) || has_crashed(rollout);
    let least = if policy.waits_longer && longer { LEAST_UNPROBED } else { LEAST };
    let probes = liveness_probes(rollout).map(first_verdict_of);
    let lives = rollout
        .pods
        .iter()
        .filter_map(|pod| rollout.memory(pod))
        .flat_map(|memory| memory.containers.iter())
        .filter(|(name, _)| !rollout.workload.spec.template.spec.is_init(name))
        .map(|(_, memory)| Duration::from_secs(u64::try_from(memory.longest_life).unwrap_or(0)) * 2);
    let age = probes.chain(lives).max().unwrap_or(least).clamp(least, MOST);
    if events_are_refused(rollout) {
        // Without events a failing liveness probe is seen only by its kill.
        let blind = liveness_probes(rollout).map(|probe| {
            Duration::from_secs(probe.failure_threshold.saturating_mul(probe.period_seconds))
                + grace_period(rollout)
        });
        age + blind.max().unwrap_or_default()
    } else {
        age
    }
}

/// Seconds until a liveness probe has been tried once, with the delay of its report.
fn first_verdict_of(probe: &Probe) -> Duration {
    Duration::from_secs(
        probe
            .initial_delay_seconds
            .saturating_add(probe.period_seconds)
            .saturating_add(probe.timeout_seconds)
            .saturating_add(2),
    )
}

fn grace_period(rollout: &Rollout<'_>) -> Duration {
    let seconds = rollout.workload.spec.template.spec.termination_grace_period_seconds.unwrap_or(30);
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// Some container that keeps running has no probe of any kind.
fn is_unprobed(rollout: &Rollout<'_>) -> bool {
    rollout.workload.spec.template.spec.long_running().any(|container| {
        container.readiness_probe.is_none()
            && container.startup_probe.is_none()
            && container.liveness_probe.is_none()
    })
}

/// Some container that keeps running has ended since we look. That its probe passes again proves little then: it passed
/// before, and the next life may be a little longer than twice the last.
fn has_crashed(rollout: &Rollout<'_>) -> bool {
    let spec = &rollout.workload.spec.template.spec;
    rollout
        .pods
        .iter()
        .filter_map(|pod| rollout.memory(pod))
        .flat_map(|memory| &memory.containers)
        .any(|(name, memory)| memory.deaths > 0 && !spec.is_init(name))
}

/// Liveness probes of the containers that keep running.
pub(crate) fn liveness_probes<'a>(rollout: &Rollout<'a>) -> impl Iterator<Item = &'a Probe> {
    let spec = &rollout.workload.spec.template.spec;
    spec.long_running().filter_map(|container| container.liveness_probe.as_ref())
}

fn has_liveness_probe(rollout: &Rollout<'_>) -> bool {
    liveness_probes(rollout).next().is_some()
}

/// The server refuses to show events of some pod of this rollout.
fn events_are_refused(rollout: &Rollout<'_>) -> bool {
    rollout.pods.iter().any(|pod| rollout.events_refused(&pod.object_ref()))
}

/// A crash is recent while the container has not yet lived through the required age again.
fn crashed_lately(rollout: &Rollout<'_>, pod: &Pod, required: Duration) -> bool {
    let newest = |memory: &PodMemory| {
        memory.containers.iter().flat_map(|(_, container)| &container.terminations).map(|end| end.at).max()
    };
    let long_running_died = |memory: &PodMemory| {
        pod.spec
            .long_running()
            .any(|container| memory.container(&container.name).is_some_and(|memory| memory.deaths > 0))
    };
    rollout.memory(pod).is_some_and(|memory| {
        long_running_died(memory)
            && newest(memory).is_some_and(|at| at + required + LATE_REPORT > rollout.now())
    })
}

/// A liveness probe shows its failures in events only, so these must have been read lately.
fn unread_events(rollout: &Rollout<'_>, pod: &Pod) -> Option<String> {
    let object = pod.object_ref();
    if !has_liveness_probe(rollout)
        || rollout.events_refused(&object)
        || !event_sample(rollout).any(|sampled| sampled.metadata.uid == pod.metadata.uid)
    {
        return None;
    }
    let fresh = Duration::from_secs(2 * EVENTS_EVERY);
    let read = rollout.events_age(&object).is_some_and(|age| age <= fresh);
    (!read).then(|| format!("the events of pod {} to be read", pod.metadata.name))
}

/// The pods whose events are read while settling.
fn event_sample<'a>(rollout: &Rollout<'a>) -> impl Iterator<Item = &'a Pod> {
    rollout.live_pods().take(EVENTS_OF_PODS)
}

/// While a failed liveness probe may still lead to a kill: until when, unless it fails again.
///
/// A failure stands until events that were read failureThreshold × period + timeout after it show no other one, or the
/// container has been started anew; a kill that kubelet has announced, until its grace period is over, too.
fn liveness_failure_stands(rollout: &Rollout<'_>, pod: &Pod) -> Option<Duration> {
    let object = pod.object_ref();
    let read = rollout.events_age(&object)?;
    let stands = |event: &Event| {
        let container = pod.spec.container(event.container()?)?;
        let probe = container.liveness_probe.as_ref()?;
        let started = pod.status_of(&container.name)?.state.running.as_ref()?.started_at?;
        let seen = event.last_seen()?;
        let window = if is_liveness_failure(event) {
            let next = probe.failure_threshold.saturating_mul(probe.period_seconds);
            Duration::from_secs(next.saturating_add(probe.timeout_seconds)) + EVENT_LATE_BY
        } else if is_liveness_kill(event) {
            grace_period(rollout) + LATE_REPORT
        } else {
            return None;
        };
        let age = Duration::try_from(rollout.server_now().duration_since(seen)).unwrap_or_default();
        let left = window.checked_sub(age.saturating_sub(read)).filter(|left| !left.is_zero())?;
        (seen >= started).then(|| rollout.now() + left)
    };
    rollout.events(&object).into_iter().filter_map(stands).max()
}

fn is_liveness_failure(event: &Event) -> bool {
    event.reason == reason::UNHEALTHY && event.text().starts_with("Liveness probe failed")
}

/// `killContainer` of kubelet (`pkg/kubelet/kuberuntime/kuberuntime_manager.go`: "Container %s failed %s probe").
fn is_liveness_kill(event: &Event) -> bool {
    event.reason == reason::KILLING && event.text().contains(" failed liveness probe")
}

#[cfg(test)]
mod tests;
