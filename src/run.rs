//! The commands that judge: `wait` and `diagnose` on a cluster, `replay` on a recording.

mod before;
mod draft;
mod interim;
mod targets;
mod undo;

use std::io::{self, Read};
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use self::draft::Draft;
use self::interim::Interim;
use self::targets::Chosen;
use crate::cli::Selection;
use crate::demo;
use crate::diagnose::nearest;
use crate::duration;
use crate::env::Env;
use crate::error::{Error, ErrorKind};
use crate::exit_code::ExitCode;
use crate::gate;
use crate::observation::{Observation, Observed, Signal};
use crate::outputs::{Outputs, ReportFormat, open_stream};
use crate::policy::Policy;
use crate::progress::News;
use crate::recording::{self, Writer};
use crate::render::{self, Look};
use crate::report::Report;
use crate::session::Session;
use crate::settings::{Connection, Display, Document, Gate, ReplaySource, Reports, Undo};
use crate::signals::Signals;
use crate::source::{ConnectError, ConnectOptions, Connected, ProxySettings, RegistryOptions, connect};
use crate::ui::Ui;

/// Preparing a connection may run a credential plugin; one that hangs must not hang us. Time for the whole run is
/// less at times.
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
    let started = env.now();
    let judged = Draft::open(&gate.reports, started).and_then(|mut draft| {
        judge(gate, display, env, started, &mut draft).map_err(|error| {
            let error = error.without_secrets(&gate.reports.redactor);
            draft.end(&error, env);
            error
        })
    });
    if let Err(error) = &judged {
        gate.reports.host.write_error(error);
    }
    judged
}

fn judge(
    gate: &Gate,
    display: Display,
    env: &mut Env,
    started: jiff::Timestamp,
    draft: &mut Draft<'_>,
) -> Result<ExitCode, Error> {
    let redactor = &gate.reports.redactor;
    let recording = gate.record.as_deref().map(|path| open_stream(path, "--record")).transpose()?;
    let options = connect_options(gate, env);
    let mut signals = Signals::install()
        .map_err(|error| Error::new(ErrorKind::Internal, format!("no signal handlers: {error}")))?;

    // A fault of ours leaves the files as they are (`end_on_panic`).
    let session = {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::new(ErrorKind::Internal, format!("no event loop: {error}")))?;
        let session = runtime.block_on(async {
            let chosen = unless_stopped(&mut signals, choose(gate, env)).await?;
            draft.name(chosen.declared(), gate.connection.namespace.as_deref());
            let outputs = &draft.outputs;
            if let Some(note) = chosen.note().filter(|_| !gate.quiet) {
                env.complain(&note);
            }
            let ended = before::command(gate, env, &mut signals).await?;
            let begun = Instant::now();
            // A single look takes its own time, and the way to the server another.
            let limit = if gate.policy.instant { CONNECT_WITHIN } else { gate.policy.timeout };
            let Connected { mut live, default_namespace } =
                unless_stopped(&mut signals, connected(options, limit)).await?;
            let namespace = if default_namespace.is_empty() { DEFAULT_NAMESPACE } else { &default_namespace };
            let targets =
                unless_stopped(&mut signals, chosen.targets(gate, &live, namespace, begun + limit)).await?;
            if targets.is_empty() && ended.is_some() {
                return Err(before::failed(gate));
            }
            if targets.is_empty() && !gate.allow_empty {
                return Err(chosen.nothing(gate, namespace));
            }
            gate.check_number_of(targets.len())?;
            let policy = what_is_left(&gate.policy, begun.elapsed());
            let mut recorder =
                recording.map(|file| Writer::new(file, started, &targets, policy.clone(), redactor.clone()));
            let mut session = Session::new(started, targets, policy);
            if let Some(end) = ended {
                if let Err(error) = before::judge(&mut session, recorder, end) {
                    env.complain(&format!("warning: the recording is not complete: {error}\n"));
                }
                return Ok(session);
            }
            let mut ui = Ui::new(gate.ui, started, env.terminal_size(), display.stderr_color, redactor);
            let stderr = &mut env.stderr;
            if gate.follow_logs {
                live.allow_following();
            }
            let mut interim = Interim::new(outputs, &gate.reports);
            let show = &mut |news: News<'_>, session: &Session| match news {
                News::Progress(progress) => {
                    ui.update(progress, progress.elapsed, stderr);
                    interim.update(progress, session);
                }
                News::Log(log, at) => ui.log(log, at, stderr),
            };
            gate::drive(&mut session, &mut live, &mut recorder, &mut signals, Ui::FRAME, show).await;
            ui.finish(stderr);
            // Who asks us to end wants nothing more changed.
            if gate.undo != Undo::No && signals.received().is_none() {
                // Whatever becomes of the way back, what failed is on disk before it begins.
                let report = session.report();
                drop(outputs.replace(|format| rendered(&report, format, &gate.reports).into_bytes()));
                let judged_at = session.store.now();
                let undone = undo::failed_rollouts(&session, &live, gate, display, env, &mut signals).await;
                for undone in undone {
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
    Ok(finish(&session, &gate.reports, &draft.outputs, gate.quiet, display, env))
}

/// What comes of the work, unless we are asked to end first.
async fn unless_stopped<T>(
    signals: &mut Signals,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::select! {
        biased;
        signal = signals.next() => Err(stopped(signal)),
        done = work => done,
    }
}

fn stopped(signal: Signal) -> Error {
    let name = match signal {
        Signal::Interrupt => "SIGINT",
        Signal::Terminate => "SIGTERM",
    };
    Error::new(
        ErrorKind::Stopped(signal),
        format!("stopped by {name} before the wait began; nothing was judged"),
    )
}

/// [`targets::choose`]; whoever writes to our standard input may take its time, and a folder may be one of a network.
async fn choose(gate: &Gate, env: &mut Env) -> Result<Chosen, Error> {
    let selection = gate.selection.clone();
    if !matches!(selection, Selection::Files { .. }) {
        return targets::choose(&selection, &mut io::empty());
    }
    let mut stdin = std::mem::replace(&mut env.stdin, Box::new(io::empty()));
    let (tell, told) = tokio::sync::oneshot::channel();
    let reader = thread::Builder::new().name("manifests".to_owned());
    let started = reader.spawn(move || drop(tell.send(targets::choose(&selection, &mut stdin))));
    let no_reader = |why: String| Error::new(ErrorKind::Internal, format!("no thread to read -f: {why}"));
    drop(started.map_err(|error| no_reader(error.to_string()))?);
    told.await.map_err(|error| no_reader(error.to_string()))?
}

/// The policy of a wait that has used some of its time on the way to the server. A part of a second does not count:
/// whoever asked for ten minutes reads ten minutes.
fn what_is_left(policy: &Policy, used: Duration) -> Policy {
    let used = if policy.instant { Duration::ZERO } else { Duration::from_secs(used.as_secs()) };
    let timeout = policy.timeout.saturating_sub(used).max(Duration::from_secs(1).min(policy.timeout));
    Policy { timeout, ..policy.clone() }
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
    let draft = Draft::open(reports, env.now())?;
    let recording = recorded(source, env).and_then(|text| {
        recording::read(&text).map_err(|error| {
            Error::config(error.to_string())
                .hint("recordings are made with: rollout-guard wait … --record FILE")
        })
    });
    let recording = match recording {
        Ok(recording) => recording,
        Err(error) => {
            let error = error.without_secrets(&reports.redactor);
            draft.end(&error, env);
            return Err(error);
        }
    };
    if recording.truncated {
        env.complain("warning: the recording ends in the middle of a line; what is before it is replayed\n");
    }
    let session = gate::replay(recording);
    Ok(finish(&session, reports, &draft.outputs, false, display, env))
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

async fn connected(options: ConnectOptions, limit: Duration) -> Result<Connected, Error> {
    let limit = limit.min(CONNECT_WITHIN);
    let prepared = tokio::time::timeout(limit, connect(options)).await;
    prepared
        .map_err(|_| {
            Error::new(
                ErrorKind::Cluster,
                format!("no connection could be prepared within {}", duration::short(limit)),
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
