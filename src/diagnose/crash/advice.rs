//! What to do about an end of a container.

use super::super::changes::remedy::{self, Remedy};
use super::super::ends::Ended;
use super::super::logs;
use super::end::End;
use super::start_error::StartFailure;
use super::words::Context;
use super::{hints, is_silent};
use crate::model::ObjectRef;

impl Context<'_> {
    pub(super) fn help(&self, end: &End) -> Vec<String> {
        let mut help = Vec::new();
        if let Some(hint) = self.log.telling_line().as_deref().and_then(hints::of) {
            help.push(hint.to_owned());
        }
        help.extend(self.end_help(end));
        if is_silent(self.log) && !matches!(end, End::CannotStart(_) | End::OutOfMemory | End::HookFailed) {
            help.push("let the application log at start-up, to stdout or stderr, what it does and which setting it misses".to_owned());
            help.push(self.run_locally());
        }
        if help.is_empty() {
            let then = if self.ended.pod.spec.restart_policy.as_deref() == Some("Never") {
                "and its pod does not start it again (restartPolicy Never)"
            } else {
                "Kubernetes only restarted it"
            };
            help.push(format!(
                "the application ended by itself, {then}: the reason is in its log, or in what this rollout changed"
            ));
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

    /// What this rollout changed of the very thing that fails.
    pub(super) fn remedy(&self, end: &End) -> Option<Remedy> {
        let (rollout, name) = (self.rollout, &self.ended.status.name);
        match end {
            End::CannotStart(StartFailure::OutOfMemory) | End::OutOfMemory => {
                remedy::of_memory_limit(rollout, name)
            }
            End::CannotStart(StartFailure::InvalidUtf8 | StartFailure::RuntimeBusy)
            | End::HookFailed
            | End::Killed(_) => None,
            End::CannotStart(_) | End::ShellFoundNoCommand | End::ShellMayNotExecute | End::ExecFormat => {
                remedy::of_command(rollout, name)
            }
            End::Completed | End::Crashed | End::CrashedAfterReady(_) => {
                remedy::of_application(rollout, name, self.log.lines())
            }
        }
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
            End::CrashedAfterReady(_) => self.after_ready_help(),
        }
    }

    fn after_ready_help(&self) -> Vec<String> {
        let mut help = vec!["it starts well and dies once it serves, so look at what comes later: the first requests, a job on a timer, a connection that is lost, a cache that grows".to_owned()];
        // Only a rollout of replicas waits for them.
        if self.rollout.workload.rolls_replicas() {
            help.push(format!(
                "until that is found, spec.minReadySeconds of {}, longer than the {}s this container lived, keeps such pods from counting as available, so that old pods go on serving",
                self.rollout.workload.command_target(),
                self.lived()
            ));
        }
        help
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

    pub(super) fn commands(&self, end: &End) -> Vec<String> {
        let ObjectRef { namespace, name: pod, .. } = self.ended.pod.object_ref();
        let name = &self.ended.status.name;
        if matches!(end, End::CannotStart(_)) {
            return vec![format!("kubectl -n {namespace} describe pod {pod}")];
        }
        let previous = if self.ended.status.state.terminated.is_some() { "" } else { " --previous" };
        vec![format!("kubectl -n {namespace} logs {pod} -c {name}{previous}")]
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
