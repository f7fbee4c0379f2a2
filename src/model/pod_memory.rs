//! What must be remembered of a pod between two snapshots of it.

use std::time::Duration;

use super::container::{ContainerStatus, StateTerminated};
use super::pod::Pod;
use super::vocabulary::reason;

/// The memory of one pod.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug)]
pub(crate) struct PodMemory {
    /// When we first saw the pod.
    pub(crate) first_seen: Duration,
    /// It was there before we looked for the first time, so its past is unknown to us.
    pub(crate) present_at_start: bool,
    /// Ends of containers before our first look count all the same.
    past_counts: bool,
    /// When readiness or a start of a container last changed before our eyes.
    pub(crate) changed: Duration,
    /// Whether such a change was seen, or only the state as we found it.
    pub(crate) change_seen: bool,
    /// How often the pod went from Ready to not Ready without a container ending and without being deleted.
    pub(crate) flaps: u32,
    /// The pod has been Ready at some time.
    pub(crate) was_ready: bool,
    /// For how long the pod had been Ready when a container of it last ended; zero if it was not.
    pub(crate) ready_before_end: Duration,
    /// Since when it is Ready, as far as we saw.
    ready_since: Duration,
    /// The longest it had been Ready, and lost it, since a container of it last ended.
    ready_before: Duration,
    /// By name, in the order in which they were first seen; a map would take ten times the room for one container.
    pub(crate) containers: Vec<(String, ContainerMemory)>,
    state: Vec<ContainerMark>,
    ready: bool,
    deaths: i64,
}

/// What must be remembered of one container.
#[derive(Clone, Debug, Default)]
pub(crate) struct ContainerMemory {
    /// Ends of the container before we looked; they do not count.
    first_deaths: i64,
    /// Ends of the container since we look.
    pub(crate) deaths: i64,
    /// The ends we could read, oldest first; at most [`MAX_TERMINATIONS`].
    pub(crate) terminations: Vec<Termination>,
    /// The longest life of an instance, in seconds.
    pub(crate) longest_life: i64,
    /// Failed attempts to pull the image that status showed.
    pub(crate) failed_pulls: u64,
    /// The last text of a failed pull; `ImagePullBackOff` of Kubernetes before 1.32 carries none.
    pub(crate) pull_error: String,
    waiting_reason: String,
}

impl ContainerMemory {
    /// The ends that we could read and that were no success.
    pub(crate) fn failures(&self) -> i64 {
        let failed = self.terminations.iter().filter(|end| end.state.exit_code != 0).count();
        i64::try_from(failed).unwrap_or(i64::MAX)
    }
}

/// One end of a container and when we learned of it.
#[derive(Clone, Debug)]
pub(crate) struct Termination {
    pub(crate) at: Duration,
    pub(crate) state: StateTerminated,
}

/// A start of a container: a change of it makes the pod young again.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ContainerMark {
    name: String,
    restart_count: i64,
    running: bool,
}

/// More ends of one container than any rule counts.
const MAX_TERMINATIONS: usize = 16;

impl PodMemory {
    /// The memory of a pod about to be observed for the first time.
    pub(crate) const fn new(now: Duration, present_at_start: bool, past_counts: bool) -> Self {
        Self {
            first_seen: now,
            present_at_start,
            past_counts,
            changed: now,
            change_seen: !present_at_start,
            flaps: 0,
            was_ready: false,
            ready_before_end: Duration::ZERO,
            ready_since: now,
            ready_before: Duration::ZERO,
            containers: Vec::new(),
            state: Vec::new(),
            ready: false,
            deaths: 0,
        }
    }

    /// Takes in the next snapshot of the pod.
    pub(crate) fn observe(&mut self, pod: &Pod, now: Duration) {
        let first = self.containers.is_empty() && self.state.is_empty();
        let marks = marks(pod);
        let ready = pod.is_ready();
        if first {
            self.state.clone_from(&marks);
            self.ready = ready;
        } else if marks != self.state || ready != self.ready {
            self.changed = now;
            self.change_seen = true;
        }
        let known_past = self.present_at_start && !self.past_counts;
        for status in pod.statuses() {
            if let Some((_, memory)) = self.containers.iter_mut().find(|(name, _)| *name == status.name) {
                memory.observe(status, now);
                continue;
            }
            let first_deaths = if known_past { status.deaths() } else { 0 };
            let mut memory = ContainerMemory { first_deaths, ..ContainerMemory::default() };
            memory.observe(status, now);
            self.containers.reserve_exact(1);
            self.containers.push((status.name.clone(), memory));
        }
        let deaths = pod.statuses().map(ContainerStatus::deaths).sum();
        let lost_readiness = self.ready && !ready;
        if !first && lost_readiness && deaths == self.deaths && !pod.metadata.is_being_deleted() {
            self.flaps += 1;
        }
        if self.ready && !first {
            self.ready_before = self.ready_before.max(now.saturating_sub(self.ready_since));
        }
        let ended = !first && deaths > self.deaths;
        if ended {
            self.ready_before_end = std::mem::take(&mut self.ready_before);
        }
        // A restart may be over before we look again, and the pod Ready again.
        if ready && (ended || !self.ready) {
            self.ready_since = now;
        }
        self.state = marks;
        self.ready = ready;
        self.was_ready |= ready;
        self.deaths = deaths;
    }

    pub(crate) fn container(&self, name: &str) -> Option<&ContainerMemory> {
        self.containers.iter().find(|(known, _)| known == name).map(|(_, memory)| memory)
    }
}

/// Starts of the containers that keep running. Ordinary init containers end by design and are left out.
fn marks(pod: &Pod) -> Vec<ContainerMark> {
    let mut marks: Vec<ContainerMark> = pod
        .spec
        .long_running()
        .filter_map(|container| pod.status_of(&container.name))
        .map(|status| ContainerMark {
            name: status.name.clone(),
            restart_count: status.restart_count,
            running: status.state.running.is_some(),
        })
        .collect();
    marks.shrink_to_fit();
    marks
}

impl ContainerMemory {
    fn observe(&mut self, status: &ContainerStatus, now: Duration) {
        self.deaths = self.deaths.max(status.deaths() - self.first_deaths);
        // Oldest first: the previous instance, then the current one.
        for state in [&status.last_state.terminated, &status.state.terminated].into_iter().flatten() {
            self.remember(state, now);
        }
        let waiting = status.state.waiting.as_ref();
        let reason_now = waiting.map_or("", |waiting| waiting.reason.as_str());
        if let Some(waiting) = waiting.filter(|waiting| is_failed_pull(&waiting.reason)) {
            if self.waiting_reason != waiting.reason {
                self.failed_pulls += 1;
            }
            self.pull_error.clone_from(&waiting.message);
        }
        reason_now.clone_into(&mut self.waiting_reason);
    }

    fn remember(&mut self, state: &StateTerminated, now: Duration) {
        let known = self.terminations.iter().any(|known| {
            known.state.container_id == state.container_id && known.state.finished_at == state.finished_at
        });
        if known {
            return;
        }
        self.longest_life = self.longest_life.max(state.life_seconds());
        if self.terminations.len() == MAX_TERMINATIONS {
            self.terminations.remove(0);
        }
        self.terminations.push(Termination { at: now, state: state.clone() });
    }
}

/// Shown until the pause before the next attempt begins, which is `ImagePullBackOff`.
fn is_failed_pull(waiting: &str) -> bool {
    matches!(waiting, reason::ERR_IMAGE_PULL | reason::REGISTRY_UNAVAILABLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(ready: bool, restarts: i64, state: &str) -> Pod {
        serde_json::from_str(&format!(
            r#"{{"spec":{{"containers":[{{"name":"app"}}]}},"status":{{
                "conditions":[{{"type":"Ready","status":"{}"}}],
                "containerStatuses":[{{"name":"app","restartCount":{restarts},"state":{state}}}]}}}}"#,
            if ready { "True" } else { "False" }
        ))
        .unwrap()
    }

    const RUNNING: &str = r#"{"running":{}}"#;
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn restarts_before_our_first_look_do_not_count() {
        let mut memory = PodMemory::new(Duration::ZERO, true, false);
        memory.observe(&pod(true, 5, RUNNING), Duration::ZERO);
        assert_eq!(memory.container("app").unwrap().deaths, 0);
        memory.observe(&pod(false, 5, r#"{"terminated":{"exitCode":1}}"#), SECOND);
        memory.observe(&pod(true, 6, RUNNING), 2 * SECOND);
        assert_eq!(memory.container("app").unwrap().deaths, 1);
        assert_eq!(memory.flaps, 0, "a container ended, so this is a crash and no flap");
    }

    #[test]
    fn a_pod_seen_from_its_beginning_counts_from_zero() {
        let mut memory = PodMemory::new(Duration::ZERO, false, false);
        memory.observe(&pod(false, 2, RUNNING), Duration::ZERO);
        assert_eq!(memory.container("app").unwrap().deaths, 2);
    }

    #[test]
    fn losing_readiness_without_an_end_is_a_flap() {
        let mut memory = PodMemory::new(Duration::ZERO, true, false);
        memory.observe(&pod(true, 0, RUNNING), Duration::ZERO);
        memory.observe(&pod(false, 0, RUNNING), SECOND);
        memory.observe(&pod(true, 0, RUNNING), 2 * SECOND);
        memory.observe(&pod(false, 0, RUNNING), 3 * SECOND);
        assert_eq!(memory.flaps, 2);
        assert_eq!(memory.changed, 3 * SECOND);
    }

    #[test]
    fn how_long_a_pod_was_ready_before_a_container_ended_is_remembered() {
        let mut memory = PodMemory::new(Duration::ZERO, false, false);
        let dead = r#"{"terminated":{"exitCode":1}}"#;
        memory.observe(&pod(false, 0, RUNNING), Duration::ZERO);
        memory.observe(&pod(true, 0, RUNNING), 4 * SECOND);
        memory.observe(&pod(true, 0, RUNNING), 10 * SECOND);
        assert_eq!(memory.ready_before_end, Duration::ZERO);
        memory.observe(&pod(false, 0, dead), 16 * SECOND);
        assert_eq!(memory.ready_before_end, 12 * SECOND);
        // The next instance dies before it is ready.
        memory.observe(&pod(false, 1, RUNNING), 17 * SECOND);
        memory.observe(&pod(false, 1, dead), 18 * SECOND);
        assert_eq!(memory.ready_before_end, Duration::ZERO);
    }

    #[test]
    fn readiness_may_be_lost_a_moment_before_the_end() {
        let mut memory = PodMemory::new(Duration::ZERO, false, false);
        memory.observe(&pod(true, 0, RUNNING), Duration::ZERO);
        memory.observe(&pod(false, 0, RUNNING), 11 * SECOND);
        memory.observe(&pod(false, 0, r#"{"terminated":{"exitCode":1}}"#), 13 * SECOND);
        assert_eq!(memory.ready_before_end, 11 * SECOND);
    }

    #[test]
    fn a_restart_between_two_looks_ends_the_time_of_being_ready() {
        let mut memory = PodMemory::new(Duration::ZERO, false, false);
        memory.observe(&pod(true, 0, RUNNING), Duration::ZERO);
        memory.observe(&pod(true, 1, RUNNING), 8 * SECOND);
        assert_eq!(memory.ready_before_end, 8 * SECOND);
        memory.observe(&pod(true, 2, RUNNING), 11 * SECOND);
        assert_eq!(memory.ready_before_end, 3 * SECOND);
    }

    #[test]
    fn a_pull_is_counted_when_its_failure_appears_again() {
        let mut memory = PodMemory::new(Duration::ZERO, false, false);
        let failed = r#"{"waiting":{"reason":"ErrImagePull","message":"not found"}}"#;
        let waiting = r#"{"waiting":{"reason":"ImagePullBackOff"}}"#;
        let unavailable = r#"{"waiting":{"reason":"RegistryUnavailable","message":"refused"}}"#;
        for (at, state) in [failed, failed, waiting, failed, waiting, unavailable].into_iter().enumerate() {
            memory.observe(&pod(false, 0, state), SECOND * u32::try_from(at).unwrap());
        }
        let app = memory.container("app").unwrap();
        assert_eq!((app.failed_pulls, app.pull_error.as_str()), (3, "refused"));
    }
}
