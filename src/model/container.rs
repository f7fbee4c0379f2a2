//! What kubelet says of a container.

use jiff::Timestamp;
use serde::Deserialize;

use super::vocabulary::reason;

/// One entry of `containerStatuses` or `initContainerStatuses`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ContainerStatus {
    pub(crate) name: String,
    pub(crate) state: ContainerState,
    pub(crate) last_state: ContainerState,
    pub(crate) restart_count: i64,
    pub(crate) ready: bool,
    pub(crate) started: Option<bool>,
    pub(crate) image: String,
    #[serde(rename = "imageID")]
    pub(crate) image_id: String,
}

impl ContainerStatus {
    /// How many times this container has ended, counted from kubelet's own numbers: every restart followed an
    /// end, and a container that is not running after having run has ended once more.
    ///
    /// `CrashLoopBackOff` is not asked for: kubelet may show it for a tenth of a second only and
    /// `state.terminated` for the rest of the back-off.
    pub(crate) fn deaths(&self) -> i64 {
        let dead_now = self.state.terminated.is_some()
            || (self.state.waiting.is_some() && self.last_state.terminated.is_some());
        self.restart_count + i64::from(dead_now)
    }

    /// The latest end of the container: now, or of the previous instance.
    pub(crate) fn latest_termination(&self) -> Option<&StateTerminated> {
        self.state.terminated.as_deref().or(self.last_state.terminated.as_deref())
    }

    pub(crate) fn waiting_reason(&self) -> Option<&str> {
        self.state.waiting.as_ref().map(|waiting| waiting.reason.as_str())
    }

    /// Waiting in the ordinary way, before the first start.
    pub(crate) fn is_being_created(&self) -> bool {
        matches!(self.waiting_reason(), Some(reason::CONTAINER_CREATING | reason::POD_INITIALIZING))
    }
}

/// `state` or `lastState`: at most one of the three is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct ContainerState {
    pub(crate) waiting: Option<StateWaiting>,
    pub(crate) running: Option<StateRunning>,
    /// Boxed: large, and most containers of most pods have never ended.
    pub(crate) terminated: Option<Box<StateTerminated>>,
}

/// `waiting`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct StateWaiting {
    pub(crate) reason: String,
    pub(crate) message: String,
}

/// `running`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct StateRunning {
    pub(crate) started_at: Option<Timestamp>,
}

/// `terminated`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct StateTerminated {
    pub(crate) exit_code: i64,
    pub(crate) signal: i64,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    #[serde(rename = "containerID")]
    pub(crate) container_id: String,
}

impl StateTerminated {
    /// Seconds the container lived; 0 where the start is absent or 1970 (a container that could not start).
    pub(crate) fn life_seconds(&self) -> i64 {
        match (self.started_at, self.finished_at) {
            (Some(started), Some(finished)) if started.as_second() > 0 => {
                (finished.as_second() - started.as_second()).max(0)
            }
            _ => 0,
        }
    }

    /// The container never ran: the runtime could not start its process.
    pub(crate) fn could_not_start(&self) -> bool {
        matches!(self.reason.as_str(), reason::START_ERROR | reason::CONTAINER_CANNOT_RUN)
    }

    /// The signal that ended it, from the field or from the exit code (128 + n).
    pub(crate) fn signal_number(&self) -> Option<i64> {
        if self.signal > 0 {
            Some(self.signal)
        } else if (129..=165).contains(&self.exit_code) {
            Some(self.exit_code - 128)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(json: &str) -> ContainerStatus {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn deaths_are_restarts_plus_the_end_not_yet_followed_by_a_start() {
        assert_eq!(status(r#"{"restartCount":2,"state":{"running":{}}}"#).deaths(), 2);
        assert_eq!(status(r#"{"restartCount":2,"state":{"terminated":{"exitCode":1}}}"#).deaths(), 3);
        assert_eq!(
            status(
                r#"{"restartCount":2,"state":{"waiting":{"reason":"CrashLoopBackOff"}},
                    "lastState":{"terminated":{"exitCode":1}}}"#
            )
            .deaths(),
            3
        );
        assert_eq!(status(r#"{"restartCount":0,"state":{"waiting":{"reason":"ErrImagePull"}}}"#).deaths(), 0);
    }

    #[test]
    fn a_life_that_began_in_1970_has_no_length() {
        let terminated: StateTerminated = serde_json::from_str(
            r#"{"startedAt":"1970-01-01T00:00:00Z","finishedAt":"2026-11-24T10:00:00Z","reason":"StartError"}"#,
        )
        .unwrap();
        assert_eq!(terminated.life_seconds(), 0);
        assert!(terminated.could_not_start());
    }
}
