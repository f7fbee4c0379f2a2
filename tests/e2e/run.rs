//! Runs one case: its objects, the binary beside them, and the checks on what it left.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::case::{Case, Pipe, Step};
use crate::check;
use crate::cluster::{Cluster, variable};
use crate::inside;
use crate::options::Options;

/// A binary that is still there so long after its timeout hangs.
const HANGS_AFTER: Duration = Duration::from_secs(45);

/// What `kubectl rollout status` gets in a comparison.
const KUBECTL_TIMEOUT: &str = "--timeout=90s";

pub(crate) struct Outcome {
    pub(crate) case: Case,
    pub(crate) skipped: Option<&'static str>,
    /// What was not as expected.
    pub(crate) problems: Vec<String>,
    /// What the binary printed.
    pub(crate) transcript: String,
    pub(crate) ours: Option<Finished>,
    pub(crate) kubectl: Option<Finished>,
}

/// A process that ended by itself.
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    pub(crate) exit_code: Option<i32>,
    pub(crate) seconds: f64,
    /// `causes[0].code`, or the reason of the target.
    pub(crate) cause: String,
}

/// What one run of the binary left.
pub(crate) struct Left {
    pub(crate) exit_code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) json: String,
    pub(crate) junit: String,
    pub(crate) recording: String,
    /// The report of `replay` on the recording.
    pub(crate) replayed: Result<String, String>,
}

impl Outcome {
    /// The word behind the name of the test.
    pub(crate) fn word(&self) -> String {
        if let Some(reason) = self.skipped {
            return format!("ignored, {reason}");
        }
        let seconds = self.ours.as_ref().map_or(0.0, |ours| ours.seconds);
        let word = if self.problems.is_empty() { "ok" } else { "FAILED" };
        format!("{word} ({seconds:.1}s)")
    }
}

pub(crate) fn run(case: Case, cluster: &Cluster, options: &Options) -> Outcome {
    let mut outcome = Outcome {
        skipped: case.needs.iter().find_map(|need| cluster.lacks(*need)),
        case,
        problems: Vec::new(),
        transcript: String::new(),
        ours: None,
        kubectl: None,
    };
    if outcome.skipped.is_some() {
        return outcome;
    }
    let namespace = outcome.case.namespace();
    if let Err(problem) = in_namespace(&mut outcome, &namespace, cluster, options) {
        outcome.problems.push(problem);
    }
    for step in &outcome.case.after {
        if let Err(problem) = cluster.perform(&namespace, step) {
            outcome.problems.push(problem);
        }
    }
    if !options.keep {
        Cluster::delete_namespace(&namespace);
        // What is still in use goes with the namespace; what cannot be deleted now is by the next run of the case.
        drop(cluster.delete(&namespace, &outcome.case.of_the_cluster, false));
    }
    outcome
}

fn in_namespace(
    outcome: &mut Outcome,
    namespace: &str,
    cluster: &Cluster,
    options: &Options,
) -> Result<(), String> {
    let case = outcome.case.clone();
    cluster.fresh_namespace(namespace)?;
    cluster.delete(namespace, &case.of_the_cluster, true)?;
    if !case.of_the_cluster.is_empty() {
        cluster.perform(namespace, &Step::Apply(case.of_the_cluster.clone()))?;
    }
    for step in &case.before {
        cluster.perform(namespace, step)?;
    }
    let applied_by_pipe = matches!(case.pipe, Some(Pipe::Apply(_)));
    if !case.objects.is_empty() && !applied_by_pipe {
        cluster.perform(namespace, &Step::Apply(case.objects.clone()))?;
    }
    if case.inside {
        return inside::judge(outcome, namespace, cluster);
    }
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (left, ours, kubectl) = beside_the_steps(&case, namespace, cluster, folder.path(), options)?;
    outcome.transcript =
        format!("-- stdout\n{}\n-- stderr\n{}", left.stdout.trim_end(), left.stderr.trim_end());
    outcome.problems = check::all(&case, &|text| cluster.fill(text, namespace), namespace, &left);
    if options.show {
        outcome.transcript.lines().for_each(|line| println!("{line}"));
    }
    outcome.ours = Some(ours);
    outcome.kubectl = kubectl;
    if let Some(keep) = &options.recordings {
        let folder = keep.join(case.family).join(case.name);
        let kept = fs::create_dir_all(&folder)
            .and_then(|()| fs::write(folder.join("recording.jsonl"), &left.recording));
        kept.map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    Ok(())
}

/// Runs the binary, and `kubectl rollout status` for a comparison, while the steps of the case happen.
fn beside_the_steps(
    case: &Case,
    namespace: &str,
    cluster: &Cluster,
    folder: &Path,
    options: &Options,
) -> Result<(Left, Finished, Option<Finished>), String> {
    let (ended, still_running) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let began = Instant::now();
        let steps = scope.spawn(move || {
            for (at, step) in &case.during {
                let mut left = Duration::from_secs(*at).saturating_sub(began.elapsed());
                loop {
                    if still_running.recv_timeout(left) != Err(RecvTimeoutError::Timeout) {
                        return Ok(());
                    }
                    match step {
                        Step::Seen(text) if !has_said(folder, text) => left = Duration::from_millis(50),
                        Step::Seen(_) => break,
                        step => break cluster.perform(namespace, step)?,
                    }
                }
            }
            Ok::<(), String>(())
        });
        let kubectl = options.compare.then(|| scope.spawn(move || kubectl(case, namespace, began)));
        let ours = ours(case, namespace, cluster, folder, began);
        // The steps belong to both: where kubectl is compared it sees all of them too.
        let kubectl = kubectl.and_then(|kubectl| kubectl.join().ok()).transpose();
        drop(ended);
        match steps.join() {
            Ok(done) => done?,
            Err(_) => return Err("the steps of the case panicked".to_owned()),
        }
        let (left, finished) = ours?;
        Ok((left, finished, kubectl?))
    })
}

/// Whether the binary's progress contains the text by now.
fn has_said(folder: &Path, text: &str) -> bool {
    fs::read_to_string(folder.join("stderr")).is_ok_and(|said| said.contains(text))
}

fn ours(
    case: &Case,
    namespace: &str,
    cluster: &Cluster,
    folder: &Path,
    began: Instant,
) -> Result<(Left, Finished), String> {
    let [json, junit, recording, stdout, stderr] =
        ["report.json", "junit.xml", "recording.jsonl", "stdout", "stderr"].map(|name| folder.join(name));
    let create = |path: &Path| fs::File::create(path).map_err(|error| error.to_string());
    let mut command = binary();
    command.arg("wait");
    let piped = match &case.pipe {
        None => None,
        Some(Pipe::Apply(format)) => Some(cluster.apply(namespace, &case.objects, &["-o", format])?),
        Some(Pipe::Text(objects)) => {
            let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
            Some(cluster.fill(&list.to_string(), namespace))
        }
    };
    if let Some(text) = piped {
        let path = folder.join("stdin");
        fs::write(&path, text).map_err(|error| error.to_string())?;
        command.args(["-f", "-"]).stdin(fs::File::open(&path).map_err(|error| error.to_string())?);
    } else if !case.chosen {
        command.arg(case.target);
    }
    command.args(["-n", namespace, "--progress", "plain"]);
    command.arg(format!("--timeout={}s", case.timeout));
    command.arg("--json").arg(&json).arg("--junit").arg(&junit).arg("--record").arg(&recording);
    command.args(case.args.iter().map(|arg| cluster.fill(arg, namespace)));
    command.env("DOCKER_CONFIG", docker_config(case, cluster, folder)?);
    command.stdout(create(&stdout)?).stderr(create(&stderr)?);
    let child = command.spawn().map_err(|error| error.to_string())?;
    let status = ended_by_itself(child, Duration::from_secs(case.timeout) + HANGS_AFTER)?;
    let seconds = began.elapsed().as_secs_f64();
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let left = Left {
        exit_code: status.code(),
        stdout: read(&stdout),
        stderr: read(&stderr),
        json: read(&json),
        junit: read(&junit),
        recording: read(&recording),
        replayed: replay(&recording, &folder.join("replayed.json")),
    };
    let finished = Finished { exit_code: status.code(), seconds, cause: check::cause_in(&left.json) };
    Ok((left, finished))
}

/// A folder with what `docker login` leaves in the home of a pipeline; an empty one where nobody has logged in.
fn docker_config(case: &Case, cluster: &Cluster, folder: &Path) -> Result<PathBuf, String> {
    let path = folder.join("docker");
    fs::create_dir_all(&path).map_err(|error| error.to_string())?;
    if case.logged_in {
        let [user, password] = ["USER", "PASSWORD"]
            .map(|which| variable(&format!("ROLLOUT_GUARD_TEST_PRIVATE_{which}")).unwrap_or_default());
        let auths = json!({ cluster.fill("$PRIVATE", ""): { "username": user, "password": password } });
        let text = json!({ "auths": auths }).to_string();
        fs::write(path.join("config.json"), text).map_err(|error| error.to_string())?;
    }
    Ok(path)
}

/// The report that `replay` makes of the recording.
fn replay(recording: &Path, report: &Path) -> Result<String, String> {
    let output = binary().arg("replay").arg(recording).arg("--json").arg(report).output();
    let output = output.map_err(|error| error.to_string())?;
    fs::read_to_string(report).map_err(|_| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("replay left no report ({}): {}", output.status, said.trim())
    })
}

/// The binary under test, with nothing of the environment that would change what it does.
pub(crate) fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollout-guard"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let decides = text.starts_with("ROLLOUT_GUARD_")
            || [
                "CI",
                "DOCKER_AUTH_CONFIG",
                "REGISTRY_AUTH_FILE",
                "GITHUB_ACTIONS",
                "GITLAB_CI",
                "TF_BUILD",
                "TEAMCITY_VERSION",
                "BUILDKITE",
            ]
            .contains(&&*text);
        if decides {
            command.env_remove(&name);
        }
    }
    command.stdin(Stdio::null());
    command
}

fn kubectl(case: &Case, namespace: &str, began: Instant) -> Result<Finished, String> {
    let mut command = Command::new("kubectl");
    command.args(["-n", namespace, "rollout", "status", case.target, KUBECTL_TIMEOUT]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().map_err(|error| error.to_string())?;
    let status = ended_by_itself(child, Duration::from_secs(120))?;
    Ok(Finished { exit_code: status.code(), seconds: began.elapsed().as_secs_f64(), cause: String::new() })
}

/// Waits for the end of a process, and ends it where it does not come.
fn ended_by_itself(mut child: Child, limit: Duration) -> Result<ExitStatus, String> {
    let began = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if began.elapsed() < limit => thread::sleep(Duration::from_millis(50)),
            Ok(None) => {
                drop(child.kill());
                drop(child.wait());
                return Err(format!("still running after {} s", limit.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}
