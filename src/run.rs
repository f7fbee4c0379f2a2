//! The commands that judge: `wait` and `diagnose` on a cluster, `replay` on a recording.

mod before;
mod interim;
mod targets;
mod undo;

use std::io::Read;
use std::time::Duration;

use self::interim::Interim;
use self::targets::Chosen;
use crate::demo;
use crate::diagnose::nearest;
use crate::env::Env;
use crate::error::{Error, ErrorKind};
use crate::exit_code::ExitCode;
use crate::gate;
use crate::observation::{Observation, Observed};
use crate::outputs::{Outputs, ReportFormat, open_stream};
use crate::progress::News;
use crate::recording::{self, Writer};
use crate::render::{self, Look};
use crate::report::{self, PlaceholderReport, PlaceholderTarget, Report, SCHEMA_VERSION, VerdictName};
use crate::session::Session;
use crate::settings::{Connection, Display, Document, Gate, ReplaySource, Reports, Undo};
use crate::source::{ConnectError, ConnectOptions, Connected, ProxySettings, RegistryOptions, connect};
use crate::ui::Ui;

/// Preparing a connection may run a credential plugin; one that hangs must not hang us.
const CONNECT_WITHIN: Duration = Duration::from_secs(60);
/// A kubeconfig without a namespace and no `--namespace`.
const DEFAULT_NAMESPACE: &str = "default";
/// A recording larger than this is not one of ours.
const MOST_RECORDING_BYTES: u64 = 512 << 20;

/// Judges targets of a live cluster.
///
/// # Errors
/// The settings or the connection cannot be used: nothing was judged.
pub(crate) fn gate(gate: &Gate, display: Display, env: &mut Env) -> Result<ExitCode, Error> {
    let judged = judge(gate, display, env);
    if let Err(error) = &judged {
        gate.reports.host.write_error(error);
    }
    judged
}

fn judge(gate: &Gate, display: Display, env: &mut Env) -> Result<ExitCode, Error> {
    let redactor = &gate.reports.redactor;
    let started = env.now();
    let chosen = targets::choose(&gate.selection, &mut env.stdin)?;
    let placeholder = placeholder(gate, &chosen, started);
    let outputs = Outputs::open(&gate.reports.files, |format| match format {
        ReportFormat::Json => render::placeholder_json(&placeholder).into_bytes(),
        ReportFormat::JUnit => render::placeholder_junit(&placeholder, redactor).into_bytes(),
        ReportFormat::Html => render::placeholder_html(&placeholder, redactor).into_bytes(),
        ReportFormat::Markdown => render::placeholder_markdown(&placeholder, redactor).into_bytes(),
        ReportFormat::Dotenv => render::placeholder_dotenv(&placeholder).into_bytes(),
        ReportFormat::Links => b"{}\n".to_vec(),
        ReportFormat::CodeQuality => b"[]\n".to_vec(),
    })?;
    let recording = gate.record.as_deref().map(|path| open_stream(path, "--record")).transpose()?;
    let options = connect_options(gate, env);
    if let Some(note) = chosen.note().filter(|_| !gate.quiet) {
        env.complain(&note);
    }

    // A fault of ours leaves the files as they are (`end_on_panic`).
    let session = {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::new(ErrorKind::Internal, format!("no event loop: {error}")))?;
        let session = runtime.block_on(async {
            let ended = before::command(gate, env).await?;
            let Connected { mut live, default_namespace } = connected(options).await?;
            let namespace = if default_namespace.is_empty() { DEFAULT_NAMESPACE } else { &default_namespace };
            let targets = chosen.targets(gate, &live, namespace).await?;
            if targets.is_empty() && ended.is_some() {
                return Err(before::failed(gate));
            }
            if targets.is_empty() && !gate.allow_empty {
                return Err(chosen.nothing(gate, namespace));
            }
            gate.check_number_of(targets.len())?;
            let mut recorder = recording
                .map(|file| Writer::new(file, started, &targets, gate.policy.clone(), redactor.clone()));
            let mut session = Session::new(started, targets, gate.policy.clone());
            if let Some(facts) = ended {
                if let Err(error) = before::judge(&mut session, recorder, facts) {
                    env.complain(&format!("warning: the recording is not complete: {error}\n"));
                }
                return Ok(session);
            }
            let mut ui = Ui::new(gate.ui, started, env.terminal_size(), display.stderr_color, redactor);
            let stderr = &mut env.stderr;
            if gate.follow_logs {
                live.allow_following();
            }
            let mut interim = Interim::new(&outputs, &gate.reports);
            let mut show = |news: News<'_>, session: &Session| match news {
                News::Progress(progress) => {
                    ui.update(progress, progress.elapsed, stderr);
                    interim.update(progress, session);
                }
                News::Log(log, at) => ui.log(log, at, stderr),
            };
            let driven = gate::drive(&mut session, &mut live, &mut recorder, Ui::FRAME, &mut show).await;
            ui.finish(stderr);
            driven.map_err(|error| no_signals(&error))?;
            if gate.undo != Undo::No {
                // Whatever becomes of the way back, what failed is on disk before it begins.
                let report = session.report();
                drop(outputs.replace(|format| rendered(&report, format, &gate.reports).into_bytes()));
                let judged_at = session.store.now();
                let undone = undo::failed_rollouts(&session, &live, gate, display, env).await;
                for undone in undone.map_err(|error| no_signals(&error))? {
                    let at = judged_at + Duration::from_millis(undone.millis);
                    let what = Observed::Undone(undone);
                    if let Some(recorder) = &mut recorder {
                        recorder.write(at, &what, &[]);
                    }
                    session.observe(Observation { at, what });
                }
            }
            if let Some(Err(error)) = recorder.map(Writer::finish) {
                env.complain(&format!("warning: the recording is not complete: {error}\n"));
            }
            Ok(session)
        });
        // Open streams and lookups end with the process; waiting for them could take as long as the network.
        runtime.shutdown_background();
        session?
    };
    Ok(finish(&session, &gate.reports, &outputs, gate.quiet, display, env))
}

fn no_signals(error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("no signal handlers: {error}"))
}

fn rendered(report: &Report, format: ReportFormat, reports: &Reports) -> String {
    let redactor = &reports.redactor;
    match format {
        ReportFormat::Json => render::json(report, redactor),
        ReportFormat::JUnit => render::junit(report, redactor),
        ReportFormat::Html => render::html(report, redactor),
        ReportFormat::Markdown => render::markdown(report, redactor),
        ReportFormat::Dotenv => render::dotenv(report, redactor),
        ReportFormat::Links => {
            render::links(report, reports.host.artifact_url(&reports.files).as_deref(), redactor)
        }
        ReportFormat::CodeQuality => render::code_quality(report, redactor),
    }
}

/// Judges a recording.
///
/// # Errors
/// The recording cannot be read, or ends before a verdict.
pub(crate) fn replay(
    source: &ReplaySource,
    reports: &Reports,
    display: Display,
    env: &mut Env,
) -> Result<ExitCode, Error> {
    if *source == ReplaySource::List {
        env.print(&demo::list())?;
        return Ok(ExitCode::Complete);
    }
    let text = recorded(source, env)?;
    let recording = recording::read(&text).map_err(|error| {
        Error::config(error.to_string()).hint("recordings are made with: rollout-guard wait … --record FILE")
    })?;
    if recording.truncated {
        env.complain("warning: the recording ends in the middle of a line; what is before it is replayed\n");
    }
    let session = gate::replay(recording);
    let outputs = Outputs::open(&reports.files, |_| Vec::new())?;
    Ok(finish(&session, reports, &outputs, false, display, env))
}

fn recorded(source: &ReplaySource, env: &mut Env) -> Result<String, Error> {
    let read = |what: String, reader: &mut dyn Read| {
        let mut text = String::new();
        reader
            .take(MOST_RECORDING_BYTES)
            .read_to_string(&mut text)
            .map(|_| text)
            .map_err(|error| Error::config(format!("cannot read {what}: {error}")))
    };
    match source {
        ReplaySource::File(path) => {
            let name = format!("the recording {}", path.display());
            let mut file = std::fs::File::open(path).map_err(|error| {
                Error::config(format!("cannot open {name}: {error}"))
                    .hint("name a file that --record wrote, or try: rollout-guard replay --list")
            })?;
            read(name, &mut file)
        }
        ReplaySource::Stdin => read("standard input".to_owned(), &mut env.stdin),
        ReplaySource::Demo(name) => {
            demo::find(name).and_then(demo::Demo::recording).ok_or_else(|| no_demo(name))
        }
        ReplaySource::List => Ok(String::new()),
    }
}

fn no_demo(name: &str) -> Error {
    let near = nearest(name, demo::DEMOS.iter().map(|demo| demo.name));
    let hint = near.first().map_or_else(
        || "rollout-guard replay --list names them".to_owned(),
        |near| format!("did you mean {near}?"),
    );
    Error::usage(format!("there is no demo {name:?}")).hint(hint)
}

/// What stands on disk until there is a verdict.
fn placeholder(gate: &Gate, chosen: &Chosen, started: jiff::Timestamp) -> PlaceholderReport {
    PlaceholderReport {
        schema_version: SCHEMA_VERSION,
        tool: report::tool(),
        verdict: VerdictName::Interrupted,
        exit_code: None,
        reason: "not-finished".to_owned(),
        started_at: report::timestamp(started),
        targets: chosen
            .declared()
            .iter()
            .map(|target| PlaceholderTarget {
                kind: target.kind.to_string(),
                namespace: target
                    .namespace
                    .clone()
                    .or_else(|| gate.connection.namespace.clone())
                    .unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned()),
                name: target.name.clone(),
            })
            .collect(),
    }
}

fn connect_options(gate: &Gate, env: &Env) -> ConnectOptions {
    let Connection {
        kubeconfig,
        kubeconfig_env,
        home,
        in_cluster,
        context,
        namespace,
        request_timeout,
        exec_plugins,
        impersonate_user,
        impersonate_groups,
        insecure_registries,
    } = gate.connection.clone();
    let either = |upper: &str, lower: &str| env.variable(upper).or_else(|| env.variable(lower));
    let mut options = ConnectOptions::new(Env::wall_clock());
    options.kubeconfig = kubeconfig;
    options.kubeconfig_env = kubeconfig_env;
    options.in_cluster = in_cluster;
    options.home = home;
    options.context = context;
    options.namespace = namespace;
    options.exec_plugins = exec_plugins;
    options.path = env.variable("PATH");
    options.impersonate_user = impersonate_user;
    options.impersonate_groups = impersonate_groups;
    if let Some(timeout) = request_timeout {
        options.request_timeout = timeout;
    }
    options.budget = gate.policy.timeout;
    options.stdin_is_terminal = env.stdin_is_terminal;
    options.proxy = ProxySettings {
        https_proxy: either("HTTPS_PROXY", "https_proxy"),
        http_proxy: either("HTTP_PROXY", "http_proxy"),
        no_proxy: either("NO_PROXY", "no_proxy"),
    };
    options.registry = RegistryOptions {
        auth_config: env.variable("DOCKER_AUTH_CONFIG"),
        config_folder: env.variable_os("DOCKER_CONFIG").map(Into::into),
        auth_file: env.variable_os("REGISTRY_AUTH_FILE").map(Into::into),
        insecure: insecure_registries,
    };
    options.keep_raw = gate.record.is_some();
    options.redactor = gate.reports.redactor.clone();
    options.log_lines = u32::from(gate.log_lines);
    options
}

async fn connected(options: ConnectOptions) -> Result<Connected, Error> {
    let prepared = tokio::time::timeout(CONNECT_WITHIN, connect(options)).await;
    prepared
        .map_err(|_| {
            Error::new(
                ErrorKind::Cluster,
                format!("no connection could be prepared within {}s", CONNECT_WITHIN.as_secs()),
            )
            .hint("a credential plugin of the kubeconfig may be waiting for input; run it by hand")
        })?
        .map_err(|error| connect_failed(&error))
}

fn connect_failed(error: &ConnectError) -> Error {
    let kind = match error {
        ConnectError::Credentials { .. } | ConnectError::Aborted { .. } => ErrorKind::Cluster,
        _ => ErrorKind::Config,
    };
    error.help().into_iter().fold(Error::new(kind, error.to_string()), Error::hint)
}

/// Writes every report, then the one document on stdout, and decides on the exit code: a report that could not
/// be written changes a pass and nothing else.
fn finish(
    session: &Session,
    reports: &Reports,
    outputs: &Outputs,
    quiet: bool,
    display: Display,
    env: &mut Env,
) -> ExitCode {
    let report = &session.report();
    let code = session.exit_code();
    let redactor = &reports.redactor;
    let rendered = |format: ReportFormat| rendered(report, format, reports);
    let mut problems: Vec<Error> =
        outputs.replace(|format| rendered(format).into_bytes()).err().into_iter().collect();
    let silent = quiet && code == ExitCode::Complete;
    let token = Env::token();
    let clock = env.now().as_second();
    let said = |color| {
        let look = Look { width: display.width, color, redactor };
        let text = if silent { String::new() } else { render::terminal(report, &look) };
        reports.host.log(report, &text, &reports.files, &token, clock, redactor)
    };
    let (on_stdout, on_stderr) = match reports.stdout {
        Document::Text => (said(display.stdout_color), String::new()),
        Document::Report(format) if reports.text_on_stderr => (rendered(format), said(display.stderr_color)),
        Document::Report(format) => (rendered(format), String::new()),
    };
    problems.extend(env.print(&on_stdout).err());
    env.complain(&on_stderr);
    for warning in reports.host.write(report, &reports.files, &token, redactor) {
        env.complain(&format!("warning: {warning}\n"));
    }
    for problem in &problems {
        env.complain(&problem.render(display.stderr_color));
    }
    if code == ExitCode::Complete && !problems.is_empty() { ExitCode::ReportNotWritten } else { code }
}
