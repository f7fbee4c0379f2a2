//! How a container ended, and how often that must happen before it is judged.

use std::time::Duration;

use super::super::ends::Ended;
use super::super::{CauseCode, logs};
use super::start_error::{self, StartFailure};
use crate::model::{Event, Rollout, StateTerminated, reason};

/// The event of a failed postStart hook.
const FAILED_POST_START_HOOK: &str = "FailedPostStartHook";

/// How the latest instance of a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Its process was never started.
    CannotStart(StartFailure),
    /// A shell said 127.
    ShellFoundNoCommand,
    /// A shell said 126.
    ShellMayNotExecute,
    /// The kernel refused the file: the runtime wrote so into the log.
    ExecFormat,
    /// The kernel killed it for its memory.
    OutOfMemory,
    /// Killed because its postStart hook failed.
    HookFailed,
    /// Ended with 0.
    Completed,
    /// By a signal that comes from outside: 2, 9 or 15.
    Killed(i64),
    /// Any other code or signal.
    Crashed,
    /// The same, of a container that had been Ready for this long.
    CrashedAfterReady(Duration),
}

/// Without a readiness probe a container is Ready as soon as its process runs; only after this time does it mean
/// more than that: as long as settling demands then ([`crate::settle`]).
const READY_UNPROBED: Duration = Duration::from_secs(30);

impl End {
    /// Reads the latest end of a container.
    pub(super) fn of(rollout: &Rollout<'_>, ended: &Ended<'_>, events: &[&Event]) -> Option<Self> {
        let status = ended.status;
        let latest = status.latest_termination()?;
        if latest.reason == reason::OOM_KILLED {
            return Some(Self::OutOfMemory);
        }
        if hook_failed(ended, latest, events) {
            return Some(Self::HookFailed);
        }
        if latest.could_not_start() {
            let waiting = status.state.waiting.as_ref().map_or("", |waiting| waiting.message.as_str());
            let text = if latest.message.is_empty() { waiting } else { &latest.message };
            return Some(Self::CannotStart(start_error::read(text)));
        }
        if latest.exit_code != 0 && log_says_exec_format(rollout, ended) {
            return Some(Self::ExecFormat);
        }
        Some(match (latest.exit_code, latest.signal_number()) {
            (126, _) => Self::ShellMayNotExecute,
            (127, _) => Self::ShellFoundNoCommand,
            (_, Some(signal @ (2 | 9 | 15))) => Self::Killed(signal),
            (0, _) => Self::Completed,
            _ => ready_before(rollout, ended).map_or(Self::Crashed, Self::CrashedAfterReady),
        })
    }

    pub(super) const fn code(&self, init: bool) -> CauseCode {
        match self {
            Self::CannotStart(failure) => match failure {
                StartFailure::NotFound(_) => CauseCode::CommandNotFound,
                StartFailure::NotExecutable(_) => CauseCode::CommandNotExecutable,
                StartFailure::ExecFormat => CauseCode::ExecFormatError,
                StartFailure::OutOfMemory => CauseCode::MemoryLimitTooSmall,
                _ => CauseCode::ContainerCannotStart,
            },
            Self::ShellFoundNoCommand => CauseCode::CommandNotFound,
            Self::ShellMayNotExecute => CauseCode::CommandNotExecutable,
            Self::ExecFormat => CauseCode::ExecFormatError,
            Self::OutOfMemory => CauseCode::MemoryLimitExceeded,
            Self::HookFailed => CauseCode::PostStartHookFailed,
            Self::Completed => CauseCode::ContainerCompleted,
            Self::Killed(_) | Self::Crashed | Self::CrashedAfterReady(_) if init => {
                CauseCode::InitContainerFailing
            }
            Self::Killed(_) => CauseCode::ContainerKilled,
            Self::Crashed => CauseCode::ContainerCrashing,
            Self::CrashedAfterReady(_) => CauseCode::CrashAfterReady,
        }
    }

    /// Ends of this kind that are enough, with the default of tolerated restarts.
    ///
    /// A dependency that comes up 15 s late looks like any crash, so a plain crash must happen four times; a
    /// command that is not there will not appear, and memory that was too little twice stays so.
    pub(super) const fn needed(&self) -> i64 {
        match self {
            Self::OutOfMemory => 2,
            Self::CannotStart(_)
            | Self::ShellFoundNoCommand
            | Self::ShellMayNotExecute
            | Self::ExecFormat
            | Self::Completed => 3,
            Self::Killed(_) | Self::HookFailed | Self::Crashed | Self::CrashedAfterReady(_) => 4,
        }
    }

    /// Another try of the same template ends the same way.
    pub(super) const fn never_heals(&self) -> bool {
        match self {
            Self::CannotStart(failure) => !matches!(failure, StartFailure::RuntimeBusy),
            Self::ShellFoundNoCommand | Self::ShellMayNotExecute | Self::ExecFormat => true,
            _ => false,
        }
    }

    /// Whether time alone may ripen it too, for the runtimes that try again without an end to count.
    pub(super) const fn is_timed(&self) -> bool {
        matches!(self.code(false), CauseCode::ContainerCannotStart | CauseCode::MemoryLimitTooSmall)
            && !matches!(self, Self::CannotStart(StartFailure::RuntimeBusy))
    }

    /// How many of the ends that count were like the latest. Ends that were too quick to be seen are taken to
    /// be like those that were.
    pub(super) fn alike(&self, rollout: &Rollout<'_>, ended: &Ended<'_>) -> i64 {
        let Some(latest) = ended.status.latest_termination() else { return 0 };
        let known = rollout
            .container_memory(ended.pod, &ended.status.name)
            .map_or(&[][..], |memory| memory.terminations.as_slice());
        let same = |state: &StateTerminated| {
            state.reason == latest.reason
                && (*self == Self::OutOfMemory || state.exit_code == latest.exit_code)
        };
        let alike = known.iter().filter(|termination| same(&termination.state)).count();
        if alike == known.len() {
            return ended.count;
        }
        i64::try_from(alike).unwrap_or(i64::MAX).min(ended.count)
    }
}

/// For how long the pod had been Ready before this end, where that says something of the container: it passed a
/// readiness probe of its own, or stayed Ready for a while.
fn ready_before(rollout: &Rollout<'_>, ended: &Ended<'_>) -> Option<Duration> {
    let ready = rollout.memory(ended.pod)?.ready_before_end;
    let probed = ended.container?.readiness_probe.is_some() && !ended.is_init();
    (ready >= READY_UNPROBED || probed && !ready.is_zero()).then_some(ready)
}

/// The waiting reason says so for a moment only; the event stays. It belongs to the latest instance if it is not
/// older than its start.
///
/// A container that ends by itself takes its hook with it, and kubelet calls that a failed hook too. Then the end
/// came first, and its code is not that of a kill.
fn hook_failed(ended: &Ended<'_>, latest: &StateTerminated, events: &[&Event]) -> bool {
    let failed_at = events
        .iter()
        .find(|event| {
            event.reason == FAILED_POST_START_HOOK
                && event.container() == Some(ended.status.name.as_str())
                && event.last_seen() >= latest.started_at
        })
        .map(|event| event.last_seen());
    let waiting = ended.status.waiting_reason() == Some(reason::POST_START_HOOK_ERROR);
    if !waiting && failed_at.is_none() {
        return false;
    }
    let killed = matches!(latest.signal_number(), Some(9 | 15));
    killed || failed_at.is_some_and(|failed_at| failed_at < latest.finished_at)
}

/// The runtime writes `exec /app: exec format error` into the container's own log (exit code 1 or 255).
fn log_says_exec_format(rollout: &Rollout<'_>, ended: &Ended<'_>) -> bool {
    logs::all_lines(rollout, ended.pod, ended.status)
        .any(|line| line.to_lowercase().trim_end().ends_with("exec format error"))
}
