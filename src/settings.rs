//! What this run is to do: the command line, resolved against the environment. Everything that can be wrong
//! before a cluster is asked is an error here.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::{
    Arguments, ColorWhen, CommandArguments, ConnectionArguments, GateArguments, LogsWhen, OutputFormat,
    ProgressHow, RbacArguments, ReplayArguments, ReportArguments, Selection, TypeName, UndoWhen,
    WaitArguments, parse_targets,
};
use crate::env::Env;
use crate::error::Error;
use crate::host::Host;
use crate::outputs::{OutputPath, ReportFormat};
use crate::policy::{ExecPlugins, Expectations, Knob, Policy};
use crate::rbac::Permissions;
use crate::ui::UiKind;
use crate::untrusted::Redactor;

/// A run.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) command: Command,
    pub(crate) display: Display,
    /// How often `-v` was given.
    pub(crate) verbosity: u8,
}

/// What to do, with what that needs.
#[derive(Debug)]
pub(crate) enum Command {
    /// `wait` and `diagnose`; [`Policy::instant`] tells them apart.
    Gate(Box<Gate>),
    Replay {
        source: ReplaySource,
        reports: Reports,
    },
    Explain {
        code: Option<String>,
    },
    Rbac(Permissions),
    Completions {
        shell: clap_complete::Shell,
    },
    Man,
}

impl Command {
    /// What hides secrets in what it shows of a cluster.
    pub(crate) const fn redactor(&self) -> Option<&Redactor> {
        match self {
            Self::Gate(gate) => Some(&gate.reports.redactor),
            Self::Replay { reports, .. } => Some(&reports.redactor),
            Self::Explain { .. } | Self::Rbac(_) | Self::Completions { .. } | Self::Man => None,
        }
    }
}

/// A judgement of a live cluster.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) selection: Selection,
    /// Nothing to judge is a pass.
    pub(crate) allow_empty: bool,
    pub(crate) policy: Policy,
    pub(crate) connection: Connection,
    pub(crate) reports: Reports,
    pub(crate) record: Option<PathBuf>,
    /// How many last lines of a log are shown.
    pub(crate) log_lines: u16,
    pub(crate) ui: UiKind,
    pub(crate) undo: Undo,
    /// Show lines of the logs of new pods.
    pub(crate) follow_logs: bool,
    /// Print no text for a complete rollout.
    pub(crate) quiet: bool,
    /// Run before the wait; empty: none.
    pub(crate) command: Vec<OsString>,
}

/// What follows a rollout that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undo {
    No,
    Yes,
    /// Tell what would be gone back to.
    DryRun,
}

/// Which cluster, and as whom; what is not given is for the kubeconfig to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Connection {
    /// `--kubeconfig`: this file and no other.
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The value of `KUBECONFIG`: files to merge, in order, as the platform separates paths.
    pub(crate) kubeconfig_env: Option<String>,
    /// For `~/.kube/config`.
    pub(crate) home: Option<PathBuf>,
    /// We run in a pod, whose service account can be used where there is no kubeconfig.
    pub(crate) in_cluster: bool,
    pub(crate) context: Option<String>,
    pub(crate) namespace: Option<String>,
    /// `None`: our own deadlines.
    pub(crate) request_timeout: Option<Duration>,
    pub(crate) exec_plugins: ExecPlugins,
    pub(crate) impersonate_user: Option<String>,
    pub(crate) impersonate_groups: Vec<String>,
    /// Those that may be spoken to without TLS.
    pub(crate) insecure_registries: BTreeSet<String>,
}

/// Which recording.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ReplaySource {
    File(PathBuf),
    Stdin,
    /// One that is part of the program.
    Demo(String),
    /// None: name those that are part of the program.
    List,
}

/// Where the report goes, and what is hidden in it.
#[derive(Debug)]
pub(crate) struct Reports {
    pub(crate) files: Vec<OutputPath>,
    /// The one document on stdout.
    pub(crate) stdout: Document,
    /// Hides secrets in every text from the cluster.
    pub(crate) redactor: Redactor,
    /// The text is wanted, but stdout carries a report file (`--json -`).
    pub(crate) text_on_stderr: bool,
    pub(crate) host: Host,
}

/// What stdout carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Document {
    Text,
    Report(ReportFormat),
}

/// How things look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Display {
    pub(crate) stdout_color: bool,
    pub(crate) stderr_color: bool,
    /// Cells in a line.
    pub(crate) width: usize,
}

impl Display {
    pub(crate) fn new(color: ColorWhen, env: &Env) -> Self {
        Self {
            stdout_color: decide_color(color, env, env.stdout_is_terminal),
            stderr_color: decide_color(color, env, env.stderr_is_terminal),
            width: env.width(),
        }
    }
}

impl Settings {
    /// Resolves the arguments.
    pub(crate) fn resolve(arguments: Arguments, env: &Env) -> Result<Self, Error> {
        let Arguments { command, connection, color, config: _, verbose, given, warnings: _ } = arguments;
        let display = Display::new(color, env);
        let command = match command {
            CommandArguments::Wait(wait) => {
                Command::Gate(Box::new(wait_settings(*wait, given, connection, env)?))
            }
            CommandArguments::Diagnose(gate) => {
                let policy = Policy { instant: true, timeout: Policy::ONE_LOOK, given, ..Policy::default() };
                Command::Gate(Box::new(gate_settings(*gate, &policy, UiKind::None, connection, env)?))
            }
            CommandArguments::Replay(replay) => replay_settings(*replay, env)?,
            CommandArguments::Explain { code } => Command::Explain { code },
            CommandArguments::Rbac(rbac) => Command::Rbac(rbac_settings(&rbac, connection)?),
            CommandArguments::Completions { shell } => Command::Completions { shell },
            CommandArguments::Man => Command::Man,
        };
        Ok(Self { command, display, verbosity: verbose })
    }
}

fn rbac_settings(rbac: &RbacArguments, connection: ConnectionArguments) -> Result<Permissions, Error> {
    let named = if rbac.targets.is_empty() { Vec::new() } else { parse_targets(&rbac.targets)? };
    let targets = named
        .into_iter()
        .map(|target| match target.kind {
            TypeName::Known(kind) => Ok((kind, target.name)),
            TypeName::Other(kind) => Err(Error::usage(format!(
                "the resource of {:?} is known only to the API server, which is not asked here",
                kind.written
            ))
            .hint("print the Role without it, and add get, list and watch for its resource and for pods by hand")),
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let namespace = connection.namespace.unwrap_or_default();
    for (what, name) in [("namespace", namespace.as_str()), ("ServiceAccount", &rbac.service_account)] {
        if !name.is_empty() && !is_dns_label(name) {
            return Err(Error::usage(format!("{name:?} cannot be the name of a {what}"))
                .hint("names have lower-case letters, digits and '-', at most 63"));
        }
    }
    let extras = rbac.with.iter().copied().collect();
    Ok(Permissions { targets, extras, namespace, account: rbac.service_account.clone() })
}

fn wait_settings(
    wait: WaitArguments,
    given: BTreeSet<Knob>,
    connection: ConnectionArguments,
    env: &Env,
) -> Result<Gate, Error> {
    let WaitArguments {
        gate,
        timeout,
        follow,
        fail_fast,
        wait_for_create,
        undo_on_failure,
        progress,
        command,
    } = wait;
    let instant = timeout.is_zero();
    let undo = match undo_on_failure {
        UndoWhen::False => Undo::No,
        UndoWhen::True => Undo::Yes,
        UndoWhen::DryRun => Undo::DryRun,
    };
    if instant && undo == Undo::Yes {
        return Err(Error::usage("--undo-on-failure with --timeout 0")
            .hint("a single look cannot tell a slow rollout from a failed one; give it time"));
    }
    let timeout = if instant { Policy::ONE_LOOK } else { timeout };
    let policy = Policy { timeout, follow, fail_fast, instant, wait_for_create, given, ..Policy::default() };
    let dumb = env.variable("TERM").is_some_and(|term| term == "dumb");
    let ui = match progress {
        _ if gate.quiet || instant => UiKind::None,
        ProgressHow::None => UiKind::None,
        ProgressHow::Tty => UiKind::Terminal,
        ProgressHow::Auto if env.stderr_is_terminal && !dumb => UiKind::Terminal,
        ProgressHow::Plain | ProgressHow::Auto => UiKind::Plain,
    };
    if !command.is_empty() && gate.selection.reads_stdin() {
        return Err(Error::usage("-f - and a command after --: both would read standard input")
            .hint("name the file twice: rollout-guard wait -f web.yaml -- kubectl apply -f web.yaml"));
    }
    let gate = gate_settings(gate, &policy, ui, connection, env)?;
    Ok(Gate { undo, command, ..gate })
}

fn gate_settings(
    gate: GateArguments,
    policy: &Policy,
    ui: UiKind,
    connection: ConnectionArguments,
    env: &Env,
) -> Result<Gate, Error> {
    let policy = Policy {
        stable_for: gate.stable_for,
        patience: gate.patience,
        tolerated_restarts: i64::from(gate.tolerate_restarts),
        logs: gate.logs != LogsWhen::Never,
        allow_on_delete: gate.allow_on_delete,
        goal: gate.goal,
        old_pods_gone: gate.old_pods_gone,
        min_available: gate.min_available,
        strict_nodes: gate.strict_nodes,
        require_endpoints: gate.require_endpoints,
        ignored_containers: gate.ignore_container.into_iter().collect(),
        expect: gate.expect.into_expectations(),
        asks: gate.asks.asks(),
        ..policy.clone()
    };
    let selection = gate.selection.selection()?;
    if policy.goal.is_some() {
        selection.check_goal()?;
    }
    let reports = report_settings(gate.reports, env)?;
    let record = gate.record.map(|path| record_path(path, &reports)).transpose()?;
    Ok(Gate {
        selection,
        allow_empty: gate.selection.allow_empty,
        policy,
        connection: Connection {
            insecure_registries: gate.asks.insecure_registry.into_iter().collect(),
            ..connection_settings(connection, env)?
        },
        reports,
        record,
        log_lines: gate.log_lines,
        follow_logs: gate.logs == LogsWhen::Follow && ui != UiKind::None,
        ui,
        undo: Undo::No,
        quiet: gate.quiet,
        command: Vec::new(),
    })
}

impl Gate {
    /// Refuses what can be said of one object only.
    pub(crate) fn check_number_of(&self, targets: usize) -> Result<(), Error> {
        let Expectations { generation, revision, .. } = &self.policy.expect;
        let flag = match (generation, revision) {
            (Some(_), _) => "--generation",
            (None, Some(_)) => "--revision",
            (None, None) => return Ok(()),
        };
        if targets < 2 {
            return Ok(());
        }
        Err(Error::usage(format!("{flag} with {targets} targets"))
            .hint("each object counts for itself: wait for one target at a time"))
    }
}

fn record_path(path: PathBuf, reports: &Reports) -> Result<PathBuf, Error> {
    if path == Path::new("-") {
        return Err(Error::usage("--record - : a recording cannot go to stdout").hint("name a file"));
    }
    match reports.files.iter().find(|file| file.path == path) {
        Some(file) => Err(same_path(&path, "--record", file.format.flag())),
        None => Ok(path),
    }
}

fn same_path(path: &Path, one: &str, other: &str) -> Error {
    Error::usage(format!("{one} and {other} both name {}", path.display())).hint("give each its own file")
}

fn connection_settings(arguments: ConnectionArguments, env: &Env) -> Result<Connection, Error> {
    let ConnectionArguments {
        kubeconfig,
        context,
        namespace,
        request_timeout,
        exec_plugins,
        as_user,
        as_group,
    } = arguments;
    if as_user.is_none() && !as_group.is_empty() {
        return Err(Error::usage("--as-group without --as").hint("name the user as well: --as USER"));
    }
    if let Some(namespace) = namespace.as_deref().filter(|name| !is_dns_label(name)) {
        return Err(Error::usage(format!("{namespace:?} cannot be the name of a namespace"))
            .hint("names have lower-case letters, digits and '-', at most 63; is a variable unset?"));
    }
    Ok(Connection {
        kubeconfig,
        kubeconfig_env: env.variable("KUBECONFIG"),
        home: env.variable_os("HOME").or_else(|| env.variable_os("USERPROFILE")).map(PathBuf::from),
        in_cluster: env.variable("KUBERNETES_SERVICE_HOST").is_some(),
        context,
        namespace,
        request_timeout: request_timeout.filter(|timeout| !timeout.is_zero()),
        exec_plugins,
        impersonate_user: as_user,
        impersonate_groups: as_group,
        insecure_registries: BTreeSet::new(),
    })
}

/// RFC 1123 label.
fn is_dns_label(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    name.len() <= 63
        && name.bytes().all(|b| fits(b) || b == b'-')
        && name.bytes().next().is_some_and(fits)
        && name.bytes().last().is_some_and(fits)
}

fn replay_settings(replay: ReplayArguments, env: &Env) -> Result<Command, Error> {
    let source = match (replay.file, replay.demo, replay.list) {
        (Some(path), _, _) if path == Path::new("-") => ReplaySource::Stdin,
        (Some(path), _, _) => ReplaySource::File(path),
        (None, Some(name), _) => ReplaySource::Demo(name),
        (None, None, true) => ReplaySource::List,
        (None, None, false) => {
            return Err(Error::usage("no recording named")
                .hint("name a file that --record wrote, or a recording of `rollout-guard replay --list`"));
        }
    };
    Ok(Command::Replay { source, reports: report_settings(replay.reports, env)? })
}

fn report_settings(arguments: ReportArguments, env: &Env) -> Result<Reports, Error> {
    let ReportArguments {
        output,
        json,
        junit,
        html,
        markdown,
        gitlab_dotenv,
        gitlab_annotations,
        gitlab_code_quality,
        ci,
        termination_log,
        redact,
    } = arguments;
    let mut on_stdout: Vec<(String, ReportFormat)> = Vec::new();
    if output == OutputFormat::Json {
        on_stdout.push(("-o json".to_owned(), ReportFormat::Json));
    }
    let mut files: Vec<OutputPath> = Vec::new();
    let named = [
        (ReportFormat::Json, json),
        (ReportFormat::JUnit, junit),
        (ReportFormat::Html, html),
        (ReportFormat::Markdown, markdown),
        (ReportFormat::Dotenv, gitlab_dotenv),
        (ReportFormat::Links, gitlab_annotations),
        (ReportFormat::CodeQuality, gitlab_code_quality),
    ];
    for (format, path) in named {
        let Some(path) = path else { continue };
        if path == Path::new("-") {
            on_stdout.push((format!("{} -", format.flag()), format));
        } else if let Some(other) = files.iter().find(|file| file.path == path) {
            return Err(same_path(&path, other.format.flag(), format.flag()));
        } else {
            files.push(OutputPath { format, path });
        }
    }
    let stdout = match on_stdout.as_slice() {
        [] => Document::Text,
        [(_, format)] => Document::Report(*format),
        [(one, _), (other, _), ..] => {
            return Err(Error::usage(format!("{one} and {other} both print to stdout"))
                .hint("stdout carries one document; name a file for the other"));
        }
    };
    let text_on_stderr = output == OutputFormat::Text && stdout != Document::Text;
    let redactor = Redactor::new(&redact).map_err(|error| Error::usage(format!("--redact: {error}")))?;
    let host = Host::new(ci, &termination_log, env);
    Ok(Reports { files, stdout, redactor, text_on_stderr, host })
}

fn decide_color(when: ColorWhen, env: &Env, is_terminal: bool) -> bool {
    match when {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto => color_without_flag(env, is_terminal),
    }
}

/// CI systems whose log view shows ANSI colours although it is no terminal.
const CI_WITH_COLOR: &[&str] = &["GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI", "TF_BUILD"];

/// Whether a stream gets colours when no flag says so: `NO_COLOR`, then what forces it, then the terminal, then
/// the CI system.
pub(crate) fn color_without_flag(env: &Env, is_terminal: bool) -> bool {
    let forced = |name: &str| env.variable(name).is_some_and(|value| value != "0" && value != "false");
    if env.variable("NO_COLOR").is_some() {
        false
    } else if forced("CLICOLOR_FORCE") || forced("FORCE_COLOR") {
        true
    } else if env.variable("TERM").is_some_and(|term| term == "dumb") {
        false
    } else {
        is_terminal || CI_WITH_COLOR.iter().any(|name| env.variable(name).is_some())
    }
}

#[cfg(test)]
mod tests;
