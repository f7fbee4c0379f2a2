//! The ends of a container: how many count, and where it stands now.

use jiff::SignedDuration;

use crate::model::{Container, ContainerStatus, Pod, Rollout, reason};

/// A container that has ended at least once since we look, or that has ended and not started again.
#[derive(Clone, Copy)]
pub(super) struct Ended<'a> {
    pub(super) pod: &'a Pod,
    pub(super) status: &'a ContainerStatus,
    /// Its entry in the pod's spec.
    pub(super) container: Option<&'a Container>,
    /// Ends that count.
    pub(super) count: i64,
    /// Restarts in the whole life of the pod, in kubelet's own number, which `kubectl get pods` shows.
    restarts: i64,
    /// We have not seen them all: kubelet's back-off tells that there were so many in a row, or more.
    is_estimate: bool,
}

/// A container that runs this long after its last start, in a pod that is Ready, has recovered.
const RECOVERED_AFTER: SignedDuration = SignedDuration::from_secs(10);

impl<'a> Ended<'a> {
    /// An ordinary init container: it must end, and with 0.
    pub(super) fn is_init(&self) -> bool {
        self.pod.spec.is_init(&self.status.name)
    }

    fn finished_at(&self) -> Option<jiff::Timestamp> {
        self.status.latest_termination()?.finished_at
    }

    /// Running again, and long enough in a Ready pod that its earlier ends say nothing about now.
    fn has_recovered(&self, rollout: &Rollout<'_>) -> bool {
        let Some(running) = &self.status.state.running else { return false };
        let lives_since = running.started_at.map(|started| rollout.server_now().duration_since(started));
        let seen_since = rollout.memory(self.pod).map(|memory| rollout.now().saturating_sub(memory.changed));
        self.pod.is_ready()
            && lives_since.is_none_or(|life| life > RECOVERED_AFTER)
            && seen_since.is_none_or(|seen| seen > RECOVERED_AFTER.unsigned_abs())
    }

    /// How often it ended, as words of a sentence: ` 4 times`; nothing for one end or an unknown number. What counts may
    /// be less than kubelet's own number, which is then said beside it.
    pub(super) fn times(&self) -> String {
        let (count, restarts) = (self.count, self.restarts);
        match count {
            ..2 => String::new(),
            _ if restarts <= count => format!(" {count} times"),
            _ if self.is_estimate => format!(" at least {count} times in a row (restartCount {restarts})"),
            _ => format!(" {count} times since this watch began (restartCount {restarts})"),
        }
    }

    /// How the pod's status calls the list this container is in.
    pub(super) fn status_list(&self) -> &'static str {
        status_list(self.pod, &self.status.name)
    }

    /// Every container of a live current pod that has ended, grouped by container in start order; within a
    /// group the one with the most ends first, then by pod name.
    ///
    /// A Job makes a new pod for each one that fails, so there the ends of all pods are one count, and the latest
    /// speaks for all.
    pub(super) fn by_container(rollout: &Rollout<'a>) -> Vec<Vec<Self>> {
        let mut groups: Vec<Vec<Self>> = Vec::new();
        for pod in rollout.judged_pods() {
            for status in pod.statuses() {
                let Some(ended) = Self::of(rollout, pod, status) else { continue };
                match groups
                    .iter_mut()
                    .find(|group| group.first().is_some_and(|known| known.status.name == status.name))
                {
                    Some(group) => group.push(ended),
                    None => groups.push(vec![ended]),
                }
            }
        }
        for group in &mut groups {
            group.sort_by(|a, b| {
                b.count.cmp(&a.count).then_with(|| a.pod.metadata.name.cmp(&b.pod.metadata.name))
            });
        }
        if rollout.workload.job().is_some() {
            for group in &mut groups {
                group.sort_by_key(|ended| std::cmp::Reverse(ended.finished_at()));
                let all = group.iter().map(|ended| ended.count.max(1)).sum();
                let restarts = group.iter().map(|ended| ended.restarts).sum();
                if let Some(latest) = group.first_mut() {
                    latest.count = all;
                    latest.restarts = restarts;
                }
            }
        }
        groups
    }

    fn of(rollout: &Rollout<'a>, pod: &'a Pod, status: &'a ContainerStatus) -> Option<Self> {
        let latest = status.latest_termination()?;
        let may_end = pod.spec.is_init(&status.name) || !pod.restarts_always();
        if may_end && latest.exit_code == 0 && status.state.running.is_none() {
            return None;
        }
        let container = pod.spec.container(&status.name);
        let ended = Self {
            pod,
            status,
            container,
            count: count(rollout, pod, status),
            restarts: status.restart_count,
            is_estimate: in_a_row(status) > seen(rollout, pod, status),
        };
        let dead_now = status.state.running.is_none();
        let shown = (dead_now || ended.count > 0) && !ended.has_recovered(rollout);
        shown.then_some(ended)
    }
}

/// The list of a pod's status that a container is in: sidecars are among the init containers.
pub(super) fn status_list(pod: &Pod, container: &str) -> &'static str {
    if pod.spec.init_containers.iter().any(|init| init.name == container) {
        "status.initContainerStatuses"
    } else {
        "status.containerStatuses"
    }
}

/// Ends of a container that count: those since our first look, or more if kubelet's own back-off shows that it
/// was looping before. Restarts of days ago do not count.
pub(super) fn count(rollout: &Rollout<'_>, pod: &Pod, status: &ContainerStatus) -> i64 {
    seen(rollout, pod, status).max(in_a_row(status))
}

/// Ends since our first look.
fn seen(rollout: &Rollout<'_>, pod: &Pod, status: &ContainerStatus) -> i64 {
    rollout.container_memory(pod, &status.name).map_or(0, |memory| memory.deaths)
}

/// Ends in a row that kubelet's back-off shows; it grows no more after the seventh.
fn in_a_row(status: &ContainerStatus) -> i64 {
    ends_by_back_off_text(status).max(ends_by_back_off_gap(status)).min(status.deaths())
}

/// From `back-off 40s restarting failed container=app …`.
fn ends_by_back_off_text(status: &ContainerStatus) -> i64 {
    let Some(waiting) = &status.state.waiting else { return 0 };
    if waiting.reason != reason::CRASH_LOOP_BACK_OFF {
        return 0;
    }
    waiting
        .message
        .strip_prefix("back-off ")
        .and_then(|rest| rest.split(' ').next())
        .and_then(seconds)
        .map_or(0, ends_of_back_off)
}

/// From the pause between the end before the latest and the start after it: kubelet shows the text above for a
/// moment only, and `state.terminated` for the rest of the time.
fn ends_by_back_off_gap(status: &ContainerStatus) -> i64 {
    let (Some(latest), Some(before)) = (&status.state.terminated, &status.last_state.terminated) else {
        return 0;
    };
    // Running for ten minutes resets the back-off (pkg/kubelet: twice the cap of 300 s).
    if latest.life_seconds() >= 600 {
        return 0;
    }
    // A container that could not start has no start; its end is at that moment.
    let start = latest.started_at.filter(|start| start.as_second() > 0).or(latest.finished_at);
    let (Some(start), Some(ended)) = (start, before.finished_at) else { return 0 };
    match ends_of_back_off(start.as_second() - ended.as_second()) {
        0 => 0,
        // The end that began the pause, those before it, and the latest.
        ends => ends + 1,
    }
}

/// How many ends in a row lead to a back-off: the first restart is immediate, then 10·2ⁿ s up to 300 s
/// (pkg/kubelet/kuberuntime `doBackOff`).
const fn ends_of_back_off(seconds: i64) -> i64 {
    match seconds {
        ..10 => 0,
        10..20 => 2,
        20..40 => 3,
        40..80 => 4,
        80..160 => 5,
        160..300 => 6,
        _ => 7,
    }
}

/// Seconds of a Go duration such as `1m20s`.
fn seconds(text: &str) -> Option<i64> {
    let mut total = 0_i64;
    let mut number = String::new();
    for c in text.chars() {
        let factor = match c {
            '0'..='9' => {
                number.push(c);
                continue;
            }
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(factor)?)?;
        number.clear();
    }
    number.is_empty().then_some(total)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Kind;
    use crate::observation::{Object, Observed, Stream};
    use crate::testing::World;

    /// A world in which the pod was there when we looked for the first time.
    fn found(status: &serde_json::Value) -> World {
        let mut world = World::with_app(json!({}));
        let pod = crate::model::decode_value(
            Kind::Pod,
            json!({"metadata": {"name": "web-1", "namespace": "shop", "uid": "web-1", "ownerReferences": [
                    {"kind": "ReplicaSet", "name": "web-new", "uid": "web-new", "controller": true}]},
                "spec": {"containers": [{"name": "app"}]},
                "status": {"phase": "Running", "containerStatuses": [status]}}),
        )
        .unwrap();
        assert!(matches!(pod, Object::Pod(_)));
        let stream = Stream::selected(Kind::Pod, "shop", "app=web".to_owned());
        world.observe(Observed::Listed { stream, objects: vec![pod] });
        world
    }

    fn counts(world: &World) -> Vec<i64> {
        Ended::by_container(&world.rollout()).iter().flatten().map(|ended| ended.count).collect()
    }

    fn times(world: &World) -> String {
        Ended::by_container(&world.rollout())[0][0].times()
    }

    #[test]
    fn the_number_that_is_said_never_contradicts_kubelets_own() {
        let looping = |restarts: i64, text: &str| {
            found(&json!({"name": "app", "restartCount": restarts,
                "state": {"waiting": {"reason": "CrashLoopBackOff",
                    "message": format!("back-off {text} restarting failed container=app pod=web-1_shop(x)")}},
                "lastState": {"terminated": {"exitCode": 1}}}))
        };
        // An old crash loop: the back-off tells of seven ends, kubelet of 37 restarts.
        assert_eq!(times(&looping(37, "5m0s")), " at least 7 times in a row (restartCount 37)");
        assert_eq!(times(&looping(3, "40s")), " 4 times");
        assert_eq!(times(&looping(4, "40s")), " 4 times");
        // Restarts of days ago, and two ends before our eyes.
        let mut world = found(&json!({"name": "app", "restartCount": 9, "state": {"running": {}}}));
        for (restarts, at) in [(9, "10:00:05"), (10, "10:00:06")] {
            world.at(world.now.as_secs() + 5);
            world.pod(
                "web-1",
                json!({"phase": "Running", "containerStatuses": [{"name": "app", "restartCount": restarts,
                    "state": {"terminated": {"exitCode": 1, "containerID": at,
                        "finishedAt": format!("2026-11-24T{at}Z")}}}]}),
            );
        }
        assert_eq!(times(&world), " 2 times since this watch began (restartCount 10)");
    }

    #[test]
    fn restarts_of_days_ago_do_not_count() {
        let world = found(&json!({"name": "app", "restartCount": 9, "state": {"running": {}},
            "lastState": {"terminated": {"exitCode": 1}}}));
        assert!(counts(&world).is_empty());
    }

    #[test]
    fn a_back_off_text_shows_how_many_ends_came_before_we_looked() {
        for (text, ends) in [("10s", 2), ("40s", 4), ("1m20s", 5), ("5m0s", 7)] {
            let world = found(&json!({"name": "app", "restartCount": 9,
                "state": {"waiting": {"reason": "CrashLoopBackOff",
                    "message": format!("back-off {text} restarting failed container=app pod=web-1_shop(x)")}},
                "lastState": {"terminated": {"exitCode": 1}}}));
            assert_eq!(counts(&world), [ends], "{text}");
        }
    }

    #[test]
    fn a_pause_between_two_lives_shows_the_back_off_too() {
        let world = found(&json!({"name": "app", "restartCount": 4,
            "state": {"terminated": {"exitCode": 1, "containerID": "b",
                "startedAt": "2026-11-24T09:59:50Z", "finishedAt": "2026-11-24T09:59:51Z"}},
            "lastState": {"terminated": {"exitCode": 1, "containerID": "a",
                "startedAt": "2026-11-24T09:59:08Z", "finishedAt": "2026-11-24T09:59:09Z"}}}));
        assert_eq!(counts(&world), [5]);
    }

    #[test]
    fn no_back_off_shows_more_ends_than_there_were_restarts() {
        let world = found(&json!({"name": "app", "restartCount": 1,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s restarting failed"}},
            "lastState": {"terminated": {"exitCode": 1}}}));
        assert_eq!(counts(&world), [2]);
    }

    #[test]
    fn go_durations_are_read() {
        assert_eq!(seconds("2m40s"), Some(160));
        assert_eq!(seconds("40"), None);
        assert_eq!(seconds("soon"), None);
    }
}
