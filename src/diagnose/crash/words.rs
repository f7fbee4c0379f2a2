//! The sentences of the family `crash`.

use super::super::companions::with_companions;
use super::super::ends::Ended;
use super::super::logs::{self, Log};
use super::super::{Confidence, Evidence, Finding, Prognosis};
use super::end::End;
use super::start_error::StartFailure;
use super::{exit, is_silent};
use crate::model::{Event, Rollout, StateTerminated, reason};

/// A finding about the latest end of a container.
pub(super) fn finding(
    rollout: &Rollout<'_>,
    ended: &Ended<'_>,
    group: &[Ended<'_>],
    end: &End,
    log: Log<'_>,
    events: &[&Event],
) -> Finding {
    let name = &ended.status.name;
    let latest = ended.status.latest_termination().cloned().unwrap_or_default();
    let context = Context { rollout, ended, latest: &latest, log };
    let mut finding = Finding::new(
        end.code(ended.is_init()),
        name.clone(),
        ended.pod.object_ref(),
        context.headline(end),
        state_evidence(ended, &latest),
    )
    .with_prognosis(prognosis(end))
    .with_confidence(confidence(end));
    for other in group {
        finding = finding.on_pod(&other.pod.metadata.name);
    }
    if !latest.could_not_start() {
        if !latest.message.trim().is_empty() {
            let path = format!("{}.message", state_path(ended));
            finding =
                finding.with_evidence(Evidence::field(ended.pod.object_ref(), path, latest.message.trim()));
        }
        if let Some(evidence) = log.evidence(ended.pod, name) {
            finding = finding.with_evidence(evidence);
        }
    }
    finding = context.end_evidence(finding, end, events);
    for help in context.help(end) {
        finding = finding.with_help(help);
    }
    for command in context.commands(end) {
        finding = finding.with_command(command);
    }
    if !latest.could_not_start() {
        finding = with_companions(ended.pod, events, log, finding);
    }
    match context.remedy(end) {
        Some(remedy) => remedy.first(finding),
        None => finding,
    }
}

const fn prognosis(end: &End) -> Prognosis {
    match end {
        End::CannotStart(StartFailure::RuntimeBusy) => Prognosis::Transient,
        End::CannotStart(_) | End::ExecFormat | End::ShellMayNotExecute => Prognosis::Permanent,
        _ => Prognosis::LikelyPermanent,
    }
}

const fn confidence(end: &End) -> Confidence {
    match end {
        End::Killed(_) => Confidence::Possible,
        // An application may use these codes for something else.
        End::ShellFoundNoCommand | End::ShellMayNotExecute => Confidence::Likely,
        _ => Confidence::Certain,
    }
}

/// `container app`, `init container migrate (2 of 3)`, `sidecar container proxy`.
pub(in crate::diagnose) fn who(pod: &crate::model::Pod, container: &str) -> String {
    let inits = &pod.spec.init_containers;
    match inits.iter().position(|init| init.name == container) {
        Some(at) if pod.spec.is_init(container) => {
            format!("init container {container} ({} of {})", at + 1, inits.len())
        }
        Some(_) => format!("sidecar container {container}"),
        None => format!("container {container}"),
    }
}

fn state_path(ended: &Ended<'_>) -> String {
    let state = if ended.status.state.terminated.is_some() { "state" } else { "lastState" };
    format!("{}[{}].{state}.terminated", ended.status_list(), ended.status.name)
}

fn state_evidence(ended: &Ended<'_>, latest: &StateTerminated) -> Evidence {
    let mut value = format!("exitCode {}, reason {}", latest.exit_code, latest.reason);
    if latest.could_not_start() {
        value = format!("{value}: {}", latest.message);
    } else {
        let times = [("started", latest.started_at), ("finished", latest.finished_at)];
        for (word, at) in times.into_iter().filter_map(|(word, at)| Some((word, at?))) {
            value = format!("{value}, {word} {at}");
        }
    }
    Evidence::field(ended.pod.object_ref(), state_path(ended), value)
}

/// What the sentences are filled in from.
pub(super) struct Context<'a> {
    pub(super) rollout: &'a Rollout<'a>,
    pub(super) ended: &'a Ended<'a>,
    latest: &'a StateTerminated,
    pub(super) log: Log<'a>,
}

impl Context<'_> {
    /// `right at its start`, `5s after its start`.
    fn life(&self) -> String {
        match self.latest.life_seconds() {
            0 => "right at its start".to_owned(),
            seconds => format!("{seconds}s after its start"),
        }
    }

    /// Seconds of the life that ended.
    pub(super) fn lived(&self) -> i64 {
        self.latest.life_seconds()
    }

    fn quoted(&self) -> String {
        match self.log.telling_line() {
            Some(line) => format!(": \"{line}\""),
            None if is_silent(self.log) => ", and logged nothing".to_owned(),
            None => String::new(),
        }
    }

    pub(super) fn memory_limit(&self) -> Option<String> {
        let limit = self.ended.container?.resources.limits.get("memory")?;
        Some(limit.human())
    }

    fn headline(&self, end: &End) -> String {
        let who = who(self.ended.pod, &self.ended.status.name);
        let times = self.ended.times();
        let life = self.life();
        match end {
            End::CannotStart(failure) => start_headline(&who, failure, self.memory_limit().as_deref()),
            End::ShellFoundNoCommand | End::ShellMayNotExecute => {
                format!("{who} ended{times} with {}{}", exit::spoken(self.latest), self.quoted())
            }
            End::ExecFormat => {
                format!(
                    "{who} cannot run: exec format error, its binary is not for this machine or its script has no #! line"
                )
            }
            End::OutOfMemory => match self.memory_limit() {
                Some(limit) => {
                    format!("{who} was killed{times} for using more than its memory limit of {limit}, {life}")
                }
                None => format!(
                    "{who} was killed{times} because memory ran out; it has no memory limit of its own"
                ),
            },
            End::HookFailed => {
                format!("the postStart hook of {who} failed{times}, so the container was killed")
            }
            End::Completed => {
                format!(
                    "{who} ran to completion{times} (exit code 0, {life}), but a {} keeps its containers running",
                    self.rollout.workload.kind
                )
            }
            End::Killed(_) if self.ended.is_init() => {
                format!("{who} was killed{times}: {}", exit::spoken(self.latest))
            }
            End::Killed(_) => format!(
                "{who} was killed{times} with {}, {life}, not for its memory{}",
                exit::spoken(self.latest),
                if is_silent(self.log) { ", and logged nothing" } else { "" }
            ),
            End::Crashed => {
                format!("{who} ended{times} with {} {life}{}", exit::spoken(self.latest), self.quoted())
            }
            End::CrashedAfterReady(_) => format!(
                "{who} became ready and ended{times} with {} {life}{}",
                exit::spoken(self.latest),
                self.quoted()
            ),
        }
    }

    /// Evidence that belongs to a kind of end.
    fn end_evidence(&self, finding: Finding, end: &End, events: &[&Event]) -> Finding {
        let pod = self.ended.pod.object_ref();
        match end {
            End::OutOfMemory | End::CannotStart(StartFailure::OutOfMemory) => match self.memory_limit() {
                Some(limit) => finding.with_evidence(Evidence::field(
                    pod,
                    format!("spec.containers[{}].resources.limits.memory", self.ended.status.name),
                    limit,
                )),
                None => finding,
            },
            End::HookFailed => {
                let waiting = self.ended.status.state.waiting.as_ref();
                let hook = waiting.filter(|waiting| waiting.reason == reason::POST_START_HOOK_ERROR);
                let finding = match hook {
                    Some(waiting) => finding.with_evidence(Evidence::field(
                        pod.clone(),
                        format!("{}[{}].state.waiting", self.ended.status_list(), self.ended.status.name),
                        format!("{}: {}", waiting.reason, waiting.message),
                    )),
                    None => finding,
                };
                self.events_of(finding, events, "FailedPostStartHook")
            }
            End::Killed(_) => self.events_of(finding, events, reason::KILLING),
            End::CrashedAfterReady(ready) => finding.with_evidence(Evidence::field(
                pod,
                "status.conditions[Ready]",
                format!("False; it had been True for {}s before that end", ready.as_secs()),
            )),
            _ => finding,
        }
    }

    /// The newest event of a reason about this container.
    fn events_of(&self, finding: Finding, events: &[&Event], reason: &str) -> Finding {
        let name = Some(self.ended.status.name.as_str());
        match events.iter().find(|event| event.reason == reason && event.container() == name) {
            Some(event) => finding.with_evidence(Evidence::event(self.ended.pod.object_ref(), event)),
            None => finding,
        }
    }

    fn template(&self) -> Option<&crate::model::Container> {
        self.rollout.workload.spec.template.spec.container(&self.ended.status.name)
    }

    pub(super) fn is_injected(&self) -> bool {
        self.template().is_none()
    }

    pub(super) fn limit_is_defaulted(&self) -> bool {
        self.memory_limit().is_some()
            && self.template().is_some_and(|template| !template.resources.limits.contains_key("memory"))
    }
}

/// The headline for a process that was not started.
pub(super) fn start_headline(who: &str, failure: &StartFailure, limit: Option<&str>) -> String {
    match failure {
        StartFailure::NotFound(command) => {
            format!("{who} cannot start: the image has no command \"{command}\"")
        }
        StartFailure::NotExecutable(command) => {
            format!("{who} cannot start: \"{command}\" is in the image but may not be executed")
        }
        StartFailure::ExecFormat => {
            format!(
                "{who} cannot start: exec format error, its binary is not for this machine or its script has no #! line"
            )
        }
        StartFailure::OutOfMemory => match limit {
            Some(limit) => format!(
                "{who} cannot start: its memory limit of {limit} is too small even for the first process"
            ),
            None => format!("{who} cannot start: memory is too small even for the first process"),
        },
        StartFailure::NoCommand => {
            format!("{who} cannot start: neither the image nor the pod says which command to run")
        }
        StartFailure::InvalidUtf8 => {
            format!("{who} cannot be created: the value of an environment variable is not valid UTF-8")
        }
        StartFailure::RuntimeBusy => {
            format!("{who} is not created yet: the container runtime of the node is busy")
        }
        StartFailure::FileSystem(text) | StartFailure::Other(text) => {
            format!("{who} cannot start: {}", logs::shorten(text, 200))
        }
    }
}
