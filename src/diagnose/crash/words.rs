//! The sentences of the family `crash`.

use super::super::ends::Ended;
use super::super::logs::{self, Log};
use super::super::{Confidence, Evidence, Finding, Prognosis};
use super::end::End;
use super::start_error::StartFailure;
use super::{exit, hints, is_silent};
use crate::model::{Event, Kind, ObjectRef, Rollout, StateTerminated, reason};

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
    finding
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
struct Context<'a> {
    rollout: &'a Rollout<'a>,
    ended: &'a Ended<'a>,
    latest: &'a StateTerminated,
    log: Log<'a>,
}

impl Context<'_> {
    /// ` 4 times`, or nothing for one end or an unknown number.
    fn times(&self) -> String {
        if self.ended.count > 1 { format!(" {} times", self.ended.count) } else { String::new() }
    }

    fn quoted(&self) -> String {
        match self.log.telling_line() {
            Some(line) => format!(": \"{line}\""),
            None if is_silent(self.log) => ", and logged nothing".to_owned(),
            None => String::new(),
        }
    }

    fn memory_limit(&self) -> Option<String> {
        let limit = self.ended.container?.resources.limits.get("memory")?;
        Some(limit.human())
    }

    fn headline(&self, end: &End) -> String {
        let who = who(self.ended.pod, &self.ended.status.name);
        let times = self.times();
        let life = self.latest.life_seconds();
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
                    format!(
                        "{who} was killed{times} for using more than its memory limit of {limit}, {life}s after its start"
                    )
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
                    "{who} ran to completion{times} (exit code 0 after {life}s), but a Deployment keeps its containers running"
                )
            }
            End::Killed(_) if self.ended.is_init() => {
                format!("{who} was killed{times}: {}", exit::spoken(self.latest))
            }
            End::Killed(_) => format!(
                "{who} was killed{times} with {}, {life}s after its start, not for its memory{}",
                exit::spoken(self.latest),
                if is_silent(self.log) { ", and logged nothing" } else { "" }
            ),
            End::Crashed => {
                format!(
                    "{who} ended{times} with {} {life}s after its start{}",
                    exit::spoken(self.latest),
                    self.quoted()
                )
            }
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

    fn help(&self, end: &End) -> Vec<String> {
        let mut help = Vec::new();
        if let Some(hint) = self.log.telling_line().as_deref().and_then(hints::of) {
            help.push(hint.to_owned());
        }
        help.extend(self.end_help(end));
        if is_silent(self.log) && !matches!(end, End::CannotStart(_) | End::OutOfMemory | End::HookFailed) {
            help.push("let the application log at start-up, to stdout or stderr, what it does and which setting it misses".to_owned());
            help.push(self.run_locally());
        }
        if self.is_injected() {
            help.push(format!(
                "container {} is not in the template of {}: an admission webhook added it, so look at the add-on it belongs to",
                self.ended.status.name,
                self.rollout.workload.command_target()
            ));
        }
        help
    }

    fn end_help(&self, end: &End) -> Vec<String> {
        let name = &self.ended.status.name;
        let target = self.rollout.workload.command_target();
        match end {
            End::CannotStart(failure) => start_help(failure, self.memory_limit().as_deref(), &self.command_line()),
            End::ShellFoundNoCommand => vec![
                format!("check the spelling and the path of the command that the log names; {}", self.command_line()),
                "a script with Windows line ends, or whose #! names an interpreter that the image has not (bash in Alpine), also ends so".to_owned(),
            ],
            End::ShellMayNotExecute => vec![
                "make the file executable in the image (chmod +x); for a script from a ConfigMap set defaultMode: 0755".to_owned(),
            ],
            End::ExecFormat => start_help(&StartFailure::ExecFormat, None, ""),
            End::OutOfMemory => {
                let mut help = vec![match self.memory_limit() {
                    Some(limit) => format!("raise resources.limits.memory of container {name} above {limit}, or make the process need less (heap size, workers, caches)"),
                    None => format!("give container {name} a memory request that fits its need, so that it is placed on a node with room"),
                }];
                if self.limit_is_defaulted() {
                    help.insert(0, format!(
                        "the limit is not in {target}: a LimitRange of namespace {} set it; give container {name} a limit of its own",
                        self.rollout.namespace()
                    ));
                }
                help
            }
            End::HookFailed => vec![
                "run the hook's command by hand in the image; it must end with 0, and the application may not be up yet when it runs".to_owned(),
            ],
            End::Completed => vec![
                format!("let the command of container {name} stay in the foreground (a daemon that forks away, or a shell without a command, ends at once); {}", self.command_line()),
                "if the work is meant to end, make it a Job".to_owned(),
            ],
            End::Killed(signal) => killed_help(*signal, self.ended),
            End::Crashed if self.ended.is_init() => vec![format!(
                "containers after {name} do not start until it ends with 0"
            )],
            End::Crashed => Vec::new(),
        }
    }

    fn command_line(&self) -> String {
        let Some(container) = self.ended.container else { return String::new() };
        let words: Vec<&str> = container.command.iter().chain(&container.args).map(String::as_str).collect();
        if words.is_empty() {
            return "neither command nor args are set, so the image decides what runs".to_owned();
        }
        let what = if container.command.is_empty() {
            "args"
        } else {
            "command (it replaces the image's ENTRYPOINT)"
        };
        format!("{what}: {}", logs::shorten(&words.join(" "), 120))
    }

    /// The article's advice for a crash without a word: run it locally with the same environment and mounts.
    fn run_locally(&self) -> String {
        let Some(container) = self.ended.container else { return String::new() };
        let mut given = Vec::new();
        let variables: Vec<&str> =
            container.env.iter().map(|variable| variable.name.as_str()).take(12).collect();
        if !variables.is_empty() {
            given.push(format!("variables {}", variables.join(", ")));
        }
        let mounts: Vec<&str> = container
            .volume_mounts
            .iter()
            .map(|mount| mount.mount_path.as_str())
            .filter(|path| !path.starts_with("/var/run/secrets/kubernetes.io"))
            .collect();
        if !mounts.is_empty() {
            given.push(format!("mounts {}", mounts.join(", ")));
        }
        let given = if given.is_empty() { String::new() } else { format!(" ({})", given.join("; ")) };
        format!(
            "run image {} locally with the same environment and mounts{given} and see which of them it misses",
            container.image
        )
    }

    fn commands(&self, end: &End) -> Vec<String> {
        let ObjectRef { namespace, name: pod, .. } = self.ended.pod.object_ref();
        let name = &self.ended.status.name;
        match end {
            End::CannotStart(_) => vec![format!("kubectl -n {namespace} describe pod {pod}")],
            _ => {
                let previous = if self.ended.status.state.terminated.is_some() { "" } else { " --previous" };
                vec![format!("kubectl -n {namespace} logs {pod} -c {name}{previous}")]
            }
        }
    }

    fn template(&self) -> Option<&crate::model::Container> {
        self.rollout.workload.spec.template.spec.container(&self.ended.status.name)
    }

    fn is_injected(&self) -> bool {
        self.rollout.workload.kind == Kind::Deployment && self.template().is_none()
    }

    fn limit_is_defaulted(&self) -> bool {
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

/// What to do about a process that was not started.
pub(super) fn start_help(failure: &StartFailure, limit: Option<&str>, command_line: &str) -> Vec<String> {
    match failure {
        StartFailure::NotFound(_) => vec![
            format!("correct the command, or add it to the image; {command_line}"),
            "a script whose #! names an interpreter that the image has not, or with Windows line ends, also counts as not found".to_owned(),
        ],
        StartFailure::NotExecutable(_) => vec![
            "make the file executable in the image (chmod +x), and check that it is a file and not a folder".to_owned(),
            "for a script from a ConfigMap or Secret set defaultMode: 0755 on the volume; check runAsUser against the owner of the file".to_owned(),
        ],
        StartFailure::ExecFormat => vec![
            "build the image for the architecture of the nodes (docker buildx build --platform linux/amd64,linux/arm64)".to_owned(),
            "if the command is a script, let its first line be #!/bin/sh".to_owned(),
        ],
        StartFailure::OutOfMemory => {
            let unit = match limit {
                Some(limit) if limit.ends_with('m') => {
                    format!("{limit} means thousandths of a byte; {}Mi was probably meant", limit.trim_end_matches('m'))
                }
                _ => "a container needs some megabytes even to start its first process".to_owned(),
            };
            vec![format!("raise resources.limits.memory: {unit}")]
        }
        StartFailure::NoCommand => vec!["set command in the pod template, or ENTRYPOINT or CMD in the image".to_owned()],
        StartFailure::InvalidUtf8 => vec![
            "a Secret with binary content cannot be an environment variable: mount it as a file".to_owned(),
        ],
        StartFailure::RuntimeBusy => vec![
            "this is about the node and usually passes; if it stays, delete the pod so that it starts elsewhere".to_owned(),
        ],
        StartFailure::FileSystem(_) => vec![
            "check workingDir, mountPath and subPath against the folders of the image: a file cannot be mounted onto a folder, nor a folder made on a read-only or used path".to_owned(),
        ],
        StartFailure::Other(_) => vec!["the container runtime of the node gave this reason; it tries again with growing pauses".to_owned()],
    }
}

fn killed_help(signal: i64, ended: &Ended<'_>) -> Vec<String> {
    let probed = ended
        .container
        .is_some_and(|container| container.liveness_probe.is_some() || container.startup_probe.is_some());
    let mut help = Vec::new();
    if probed {
        help.push("it has a liveness or startup probe: a kill by it would show as an event Killing, and there is none that we could read".to_owned());
    }
    if signal == 9 {
        help.push("the kernel may have killed it for memory without the runtime noticing: compare its use with its limit".to_owned());
    }
    help.push(
        "its own supervisor or wrapper script may send the signal: look at what it logged before".to_owned(),
    );
    help
}
