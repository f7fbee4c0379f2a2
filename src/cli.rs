//! The command line: what may be typed. What it means here is decided in [`crate::settings`].

mod asks;
mod choices;
mod config;
mod expect;
mod help;
mod manual;
#[cfg(any(test, fuzzing))]
pub(crate) mod oracle;
mod resource_type;
mod selection;
mod target;
mod variables;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::duration;
use crate::env::Env;
use crate::exit_code::ExitCode;
use crate::model::Goal;
use crate::policy::{ExecPlugins, Knob, MinAvailable, StableFor};
use crate::rbac::Extra;

pub(crate) use asks::AskArguments;
pub(crate) use choices::{CiWhen, ColorWhen, LogsWhen, OutputFormat, ProgressHow, UndoWhen};
use config::ConfigFile;
pub(crate) use expect::ExpectArguments;
pub(crate) use resource_type::{TypeName, unknown_type};
pub(crate) use selection::{Selection, SelectionArguments};
pub(crate) use target::{TargetName, parse as parse_targets};

/// Waits for Kubernetes rollouts, says why they fail, and exits with a code a pipeline can act on.
#[derive(Debug, Parser)]
#[command(name = "rollout-guard", version, max_term_width = 100, subcommand_required = true)]
#[command(after_help = help::AFTER_SHORT, after_long_help = help::after_long())]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: CommandArguments,
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
    /// Colour and other styles
    ///
    /// auto: on a terminal, and in CI systems that show colours. NO_COLOR and FORCE_COLOR are obeyed.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = help::DISPLAY)]
    pub(crate) color: ColorWhen,
    /// Defaults for the flags, instead of .rollout-guard.yaml in the working folder
    ///
    /// Keys are flags without their dashes; flags and variables win over the file.
    #[arg(long, global = true, value_name = "PATH", help_heading = help::DISPLAY)]
    pub(crate) config: Option<PathBuf>,
    /// Say on stderr what the client does; -vv says more
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = help::DISPLAY)]
    pub(crate) verbose: u8,
    /// What the user, or a variable, has decided and no annotation of a workload can.
    #[arg(skip)]
    pub(crate) given: BTreeSet<Knob>,
    /// What to say of variables that are probably spelt wrong.
    #[arg(skip)]
    pub(crate) warnings: Vec<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum CommandArguments {
    Wait(Box<WaitArguments>),
    Diagnose(Box<GateArguments>),
    Replay(Box<ReplayArguments>),
    /// Explain a cause: what it means, how it is recognised, what to do
    #[command(after_help = help::EXPLAIN)]
    Explain {
        /// A code as reports name it, for example image-not-found; without it, all codes are listed
        code: Option<String>,
    },
    Rbac(RbacArguments),
    /// Print completions for a shell
    #[command(after_help = help::COMPLETIONS)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    #[command(after_help = help::MAN)]
    Man,
}

/// Wait until rollouts are complete, have failed, or time is up
///
/// A rollout is complete when its controller says so and its pods have stayed up for a while (--stable-for). It has
/// failed as soon as a cause is found that does not heal by itself; the cause is printed with its evidence and a fix.
#[derive(Debug, Args)]
#[command(after_help = help::WAIT, after_long_help = help::WAIT_LONG)]
pub(crate) struct WaitArguments {
    /// Time for all targets together; 0 judges once, without waiting
    ///
    /// The default is one minute more than a Deployment's default progressDeadlineSeconds, so that the controller
    /// has its say first.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "11m", help_heading = help::JUDGEMENT)]
    pub(crate) timeout: Duration,
    #[command(flatten)]
    pub(crate) gate: GateArguments,
    /// Keep waiting when another rollout of the same workload takes over
    ///
    /// Without it a newer rollout ends the wait with exit code 6: what this pipeline applied can no longer complete.
    #[arg(long, help_heading = help::JUDGEMENT)]
    pub(crate) follow: bool,
    /// Stop at the first target that fails, instead of judging all
    #[arg(long, help_heading = help::JUDGEMENT)]
    pub(crate) fail_fast: bool,
    /// Wait that long for a target that is not there yet, or for something that matches
    ///
    /// Without it a target that does not exist is a mistake in the command: exit code 2, at once.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "0s", hide_default_value = true, help_heading = help::TARGETS)]
    pub(crate) wait_for_create: Duration,
    /// After a failed or timed-out rollout, go back to the revision before it, as kubectl rollout undo does
    ///
    /// Deployments, StatefulSets and DaemonSets. The way back is watched to its end and told in the report; the exit
    /// code stays that of the rollout that failed. Refused, with the reason, where Argo CD, Flux or another owner
    /// would write the newer template back, where the object was changed meanwhile, and where there is no
    /// earlier revision. It needs the verb patch. dry-run only tells what would be gone back to.
    #[arg(long, value_name = "HOW", num_args = 0..=1, require_equals = true, default_value = "false", hide_default_value = true, default_missing_value = "true", help_heading = help::JUDGEMENT)]
    pub(crate) undo_on_failure: UndoWhen,
    /// How progress is shown on stderr
    ///
    /// tty: one live line for each target. plain: a line for each change, and one every 30 seconds. auto: tty on a
    /// terminal, plain elsewhere.
    #[arg(long, value_name = "HOW", default_value = "auto", help_heading = help::DISPLAY)]
    pub(crate) progress: ProgressHow,
    /// Run this command first, and wait only if it succeeds
    ///
    /// Its output is passed on. If it fails, its errors become the causes of the report, the exit code is 1, and
    /// nothing is waited for.
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// Judge rollouts as they are at this instant, without waiting
///
/// The same judgement as `wait`, with ages taken from the objects' own timestamps: exit code 0 is complete and
/// settled, 1 is a cause past its tolerance, 3 is anything still under way.
#[derive(Debug, Args)]
#[command(after_help = help::DIAGNOSE)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct GateArguments {
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    /// How long a complete rollout must stay up before it is believed: auto, or a duration
    ///
    /// auto: 10 seconds; 30 where a container has no probe that says it has come up, or has already ended in this rollout;
    /// longer where a liveness probe or the lives of earlier containers demand it, at most 60 seconds. The age that pods already have counts. 0 believes the controller at once, as kubectl does, and so
    /// passes containers that crash a second after they became ready.
    #[arg(long, value_name = "DURATION", value_parser = StableFor::parse, default_value = "auto", help_heading = help::JUDGEMENT)]
    pub(crate) stable_for: StableFor,
    /// Factor on the time each cause is tolerated: 2 is twice as patient
    ///
    /// Also on the ten minutes without movement after which a rollout has stalled; these are at least three.
    #[arg(long, value_name = "FACTOR", value_parser = parse_patience, default_value = "1", help_heading = help::JUDGEMENT)]
    pub(crate) patience: f64,
    /// Restarts of one container that are forgiven; the next one is a failure
    ///
    /// Only restarts during the wait count. Causes that restarts do not heal, such as a missing command, are
    /// tolerated for fewer.
    #[arg(long, value_name = "N", default_value_t = 3, help_heading = help::JUDGEMENT)]
    pub(crate) tolerate_restarts: u16,
    /// What complete means for a kind without rules of its own: condition=NAME[=VALUE] or jsonpath=PATH[=VALUE]
    ///
    /// As kubectl wait writes it. Without it such an object is judged by the conditions that most kinds share. Paths
    /// lead into .status or .metadata.
    #[arg(long = "for", value_name = "STATE", value_parser = Goal::parse, help_heading = help::JUDGEMENT)]
    pub(crate) goal: Option<Goal>,
    /// Complete only once every pod of an older template is gone
    ///
    /// Without it old pods that are still terminating are a warning: they may answer for as long as their grace period.
    #[arg(long, help_heading = help::JUDGEMENT)]
    pub(crate) old_pods_gone: bool,
    /// Pass although pods keep an older template under the update strategy OnDelete
    ///
    /// Without it a StatefulSet or DaemonSet of that strategy fails at once while it has such pods: nothing replaces
    /// them until somebody deletes them. With it the report has a warning, and only pods of the new template settle.
    #[arg(long, help_heading = help::JUDGEMENT)]
    pub(crate) allow_on_delete: bool,
    /// Count nodes that are not ready or cordoned: a DaemonSet must be complete on them, too
    ///
    /// Without it such a node is excused once all other nodes have the new pod, and named in a warning. Nodes must be
    /// readable for that (rbac --with nodes).
    #[arg(long, help_heading = help::JUDGEMENT)]
    pub(crate) strict_nodes: bool,
    /// Pass once that many pods of the new template are available and have stayed up: a number or a percentage
    ///
    /// One bad node of 500 then does not fail the gate: 95% of the pods are enough, a cause that concerns no more
    /// than the rest does not end the wait, and the rest is named in a warning.
    #[arg(long, value_name = "N|N%", value_parser = MinAvailable::parse, help_heading = help::JUDGEMENT)]
    pub(crate) min_available: Option<MinAvailable>,
    /// Pass only once every Service that selects the pods has a ready endpoint among the new ones
    ///
    /// Also a Service of the workload's own name that selects nothing. Until then the rollout is not complete, and
    /// time may run out; the report says which Service it waited for.
    #[arg(long, help_heading = help::JUDGEMENT)]
    pub(crate) require_endpoints: bool,
    /// Do not judge containers of this name, for example an injected sidecar (repeatable)
    ///
    /// What happens in them is no cause and no restart. Kubernetes still counts them: while such a container is not
    /// ready, neither is its pod.
    #[arg(long, value_name = "NAME", help_heading = help::JUDGEMENT)]
    pub(crate) ignore_container: Vec<String>,
    #[command(flatten)]
    pub(crate) expect: ExpectArguments,
    #[command(flatten)]
    pub(crate) asks: AskArguments,
    #[command(flatten)]
    pub(crate) reports: ReportArguments,
    /// Record what the API server said, for `replay`
    ///
    /// Values of Secrets, environment variables and annotations are never recorded.
    #[arg(long, value_name = "PATH", help_heading = help::REPORTS)]
    pub(crate) record: Option<PathBuf>,
    /// Whether logs of failing containers are read, or followed besides
    ///
    /// follow: with the progress, lines of new pods are shown until these are ready, each with its pod and container;
    /// at most 50 at once, 20 in a second, 2000 in a run. They decide nothing, and are neither recorded nor in a report.
    #[arg(long, value_name = "WHEN", default_value = "on-failure", help_heading = help::REPORTS)]
    pub(crate) logs: LogsWhen,
    /// Lines of each log that are read and shown, from its end; in Markdown at most 50
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000), help_heading = help::REPORTS)]
    pub(crate) log_lines: u16,
    /// Print nothing about what goes well: no progress, and no text for a complete rollout
    #[arg(short, long, help_heading = help::DISPLAY)]
    pub(crate) quiet: bool,
}

/// Judge a recording instead of a cluster
///
/// A recording goes through the same judgement as a live rollout and gives the same report.
#[derive(Debug, Args)]
#[command(after_help = help::REPLAY)]
pub(crate) struct ReplayArguments {
    /// A file written by --record; - is stdin
    #[arg(value_name = "FILE", conflicts_with_all = ["demo", "list"])]
    pub(crate) file: Option<PathBuf>,
    /// A recording that is part of this program
    #[arg(long, value_name = "NAME", conflicts_with = "list")]
    pub(crate) demo: Option<String>,
    /// List the recordings that are part of this program
    #[arg(long)]
    pub(crate) list: bool,
    #[command(flatten)]
    pub(crate) reports: ReportArguments,
}

/// Print the least permissions that rollout-guard needs, as YAML
///
/// A ServiceAccount, a Role and a RoleBinding for `kubectl apply -f -`. What is not allowed is not seen: the verdict
/// stays right, and the report says what was missing.
#[derive(Debug, Args)]
#[command(after_help = help::RBAC)]
pub(crate) struct RbacArguments {
    /// Only for these targets (repeatable; no variable and no setting stands for it)
    #[arg(long = "for", value_name = "TARGET", num_args = 1..)]
    pub(crate) targets: Vec<String>,
    /// What is allowed besides the workload and its pods
    #[arg(long, value_name = "EXTRA", value_delimiter = ',', default_value = "logs,events,config")]
    pub(crate) with: Vec<Extra>,
    /// The ServiceAccount to be allowed, also the name of the Role
    #[arg(long, value_name = "NAME", default_value = "rollout-guard")]
    pub(crate) service_account: String,
}

/// Where reports go.
#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// What is printed on stdout
    #[arg(short, long, value_name = "FORMAT", default_value = "text", help_heading = help::REPORTS)]
    pub(crate) output: OutputFormat,
    /// Write the report as JSON to this file; - is stdout, the text then goes to stderr
    ///
    /// The file exists from the first moment on, says "interrupted" until there is a verdict, and is replaced as a whole.
    #[arg(long, value_name = "PATH", help_heading = help::REPORTS)]
    pub(crate) json: Option<PathBuf>,
    /// Write the report as JUnit XML to this file; - is stdout, the text then goes to stderr
    #[arg(long, value_name = "PATH", help_heading = help::REPORTS)]
    pub(crate) junit: Option<PathBuf>,
    /// Write the report as one HTML page to this file; - is stdout, the text then goes to stderr
    ///
    /// The page loads nothing and runs nothing: it can be kept as an artifact and opened anywhere.
    #[arg(long, value_name = "PATH", help_heading = help::REPORTS)]
    pub(crate) html: Option<PathBuf>,
    /// Write the report as Markdown to this file; - is stdout, the text then goes to stderr
    #[arg(long, value_name = "PATH", help_heading = help::REPORTS)]
    pub(crate) markdown: Option<PathBuf>,
    /// Write result and reason as variables, for artifacts:reports:dotenv of GitLab
    #[arg(long, value_name = "PATH", help_heading = help::CI)]
    pub(crate) gitlab_dotenv: Option<PathBuf>,
    /// Write links to the reports, for artifacts:reports:annotations of GitLab
    #[arg(long, value_name = "PATH", help_heading = help::CI)]
    pub(crate) gitlab_annotations: Option<PathBuf>,
    /// Write the causes as findings, for artifacts:reports:codequality of GitLab
    #[arg(long, value_name = "PATH", help_heading = help::CI)]
    pub(crate) gitlab_code_quality: Option<PathBuf>,
    /// The CI system whose log is written for
    ///
    /// auto: the one whose variables are set. It decides about annotations, folded parts, output variables and the
    /// job summary, never about the verdict.
    #[arg(long, value_name = "HOST", default_value = "auto", help_heading = help::CI)]
    pub(crate) ci: CiWhen,
    /// Where the verdict is written for Kubernetes to show: a path, off, or auto
    ///
    /// auto: /dev/termination-log, if this runs in a pod. At most 4000 bytes, the diagnosis in the first line.
    #[arg(long, value_name = "PATH", default_value = "auto", help_heading = help::CI)]
    pub(crate) termination_log: String,
    /// Hide what matches in every text from the cluster, besides what looks like a secret (repeatable)
    #[arg(long, value_name = "REGEX", value_parser = parse_regex, help_heading = help::REPORTS)]
    pub(crate) redact: Vec<String>,
}

/// Which cluster, and as whom. All may stand before the command, as with kubectl.
#[derive(Debug, Args)]
pub(crate) struct ConnectionArguments {
    /// The kubeconfig file, instead of KUBECONFIG and ~/.kube/config
    #[arg(long, global = true, value_name = "PATH", help_heading = help::CLUSTER)]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig
    #[arg(long, global = true, value_name = "NAME", help_heading = help::CLUSTER)]
    pub(crate) context: Option<String>,
    /// The namespace of the targets, instead of the context's
    #[arg(short, long, global = true, value_name = "NAME", help_heading = help::CLUSTER)]
    pub(crate) namespace: Option<String>,
    /// Longest time for one request; 0 leaves it to the program
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration::parse, help_heading = help::CLUSTER)]
    pub(crate) request_timeout: Option<Duration>,
    /// Which credential plugins of the kubeconfig may run: allow, deny, or names and paths with commas between
    ///
    /// A kubeconfig names programs that run as you. A name allows what PATH finds under it, a path that file.
    #[arg(long, global = true, value_name = "WHICH", value_parser = parse_exec_plugins, default_value = "allow", help_heading = help::CLUSTER)]
    pub(crate) exec_plugins: ExecPlugins,
    /// Impersonate this user
    #[arg(long = "as", global = true, value_name = "USER", help_heading = help::CLUSTER)]
    pub(crate) as_user: Option<String>,
    /// Impersonate this group too; needs --as (repeatable)
    #[arg(long, global = true, value_name = "GROUP", help_heading = help::CLUSTER)]
    pub(crate) as_group: Vec<String>,
}

fn parse_exec_plugins(text: &str) -> Result<ExecPlugins, String> {
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    match text {
        "allow" => Ok(ExecPlugins::Allow),
        "deny" => Ok(ExecPlugins::Deny),
        _ if names.iter().any(String::is_empty) => {
            Err("expected allow, deny, or names such as aws,gke-gcloud-auth-plugin".to_owned())
        }
        _ => Ok(ExecPlugins::Only(names)),
    }
}

fn parse_patience(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if factor > 0.0 && factor <= 100.0 => Ok(factor),
        _ => Err("expected a factor above 0 and up to 100, for example 0.5 or 2".to_owned()),
    }
}

fn parse_regex(text: &str) -> Result<String, String> {
    match regex::Regex::new(text) {
        Ok(regex) if regex.is_match("") => Err("it matches the empty text, and so everywhere".to_owned()),
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Why there are no arguments to go on with.
#[derive(Debug)]
pub(crate) struct Early {
    pub(crate) text: String,
    /// `Complete` for help and version, whose text belongs on stdout.
    pub(crate) code: ExitCode,
}

/// Reads the command line, and the variables for what it leaves open.
pub(crate) fn parse(arguments: &[OsString], env: &Env) -> Result<Arguments, Early> {
    let mut command = command();
    if let Some(plugin) = arguments.first().and_then(plugin_name) {
        command = command.bin_name(plugin);
    }
    let command = command.term_width(env.width().min(100));
    let color = crate::settings::color_without_flag(env, env.stderr_is_terminal);
    let early = |error: clap::Error, hint: &str| {
        let rendered = error.render();
        let text = if color { rendered.ansi().to_string() } else { rendered.to_string() };
        let code = match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::Complete,
            _ => ExitCode::Usage,
        };
        Early { text: text + hint, code }
    };
    let typed = command.clone().try_get_matches_from(arguments).map_err(|error| early(error, ""))?;
    let named = typed.get_one::<PathBuf>("config").cloned();
    let named = named.or_else(|| env.variable_os(&variables::name_of("config")).map(PathBuf::from));
    let flags = variables::flags(&command);
    let warnings = variables::mistyped(&flags, env);
    let file = ConfigFile::read(named.as_deref(), &flags)
        .map_err(|error| Early { text: error.render(color), code: error.exit_code() })?;
    let completed = variables::complete(&command, &typed, arguments, env, &file);
    // What the user typed has been read without error: an error now comes from a variable.
    let matches = command.try_get_matches_from(completed).map_err(|error| {
        let hint = source_hint(&error, env, &file);
        early(error, &hint)
    })?;
    let given = given(&matches);
    let arguments = Arguments::from_arg_matches(&matches).map_err(|error| early(error, ""))?;
    Ok(Arguments { given, warnings, ..arguments })
}

/// The knobs whose flag stands on the completed command line.
fn given(matches: &ArgMatches) -> BTreeSet<Knob> {
    let Some((_, matches)) = matches.subcommand() else { return BTreeSet::new() };
    let is_given = |knob: &Knob| {
        let id = knob.flag().replace('-', "_");
        matches.ids().any(|known| *known == id)
            && matches.value_source(&id) == Some(clap::parser::ValueSource::CommandLine)
    };
    Knob::ALL.into_iter().filter(is_given).collect()
}

/// Names the variable, or the file, that an invalid value came from.
fn source_hint(error: &clap::Error, env: &Env, file: &ConfigFile) -> String {
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(shown)) => {
            // `--timeout <DURATION>`
            let flag = shown.split([' ', '=']).next().unwrap_or_default().trim_start_matches('-');
            let variable = variables::name_of(flag);
            if env.variable(&variable).is_none() && file.get(flag).is_some() {
                return format!("hint: the value comes from {}\n", file.path().display());
            }
            format!("hint: the value comes from the variable {variable}\n")
        }
        _ => "hint: a ROLLOUT_GUARD_* variable adds to this command line\n".to_owned(),
    }
}

/// `kubectl rollout-guard` when kubectl started us as its plugin `kubectl-rollout_guard`.
fn plugin_name(program: &OsString) -> Option<String> {
    let stem = Path::new(program).file_stem()?.to_str()?;
    stem.strip_prefix("kubectl-").map(|name| format!("kubectl {}", name.replace('_', "-")))
}

/// The definition that parser, help, completions and manual page share.
pub(crate) fn command() -> clap::Command {
    let mut command = Arguments::command();
    // Global flags are accepted everywhere, as with kubectl, but shown only where they do something.
    command.build();
    for name in ["replay", "explain", "rbac", "completions", "man"] {
        command = command.mut_subcommand(name, |sub| {
            sub.mut_args(|arg| {
                let idle = (arg.get_help_heading() == Some(help::CLUSTER)
                    && !(name == "rbac" && arg.get_id() == "namespace"))
                    || arg.get_id() == "verbose";
                if idle { arg.hide(true) } else { arg }
            })
        });
    }
    command
}

/// The completion script of a shell.
pub(crate) fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    let mut command = command();
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The manual page, as roff.
pub(crate) fn man() -> String {
    manual::page(command())
}

#[cfg(test)]
mod tests;
