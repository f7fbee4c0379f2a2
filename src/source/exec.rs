//! Credential plugins: the programs that a kubeconfig names to get a token or a certificate.
//!
//! kube's own runner has no time limit, keeps standard input open, reads without bounds, and puts what the plugin
//! printed into its error. A kubeconfig is data that can come from anywhere; a plugin is code that runs as us.

mod process;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use kube::config::{ExecConfig, ExecInteractiveMode};
use serde::Deserialize;
use serde_json::json;

pub(super) use self::process::Program;
use crate::policy::ExecPlugins;
use crate::untrusted::Redactor;

/// A plugin that asks nobody anything has this long.
const QUIET_LIMIT: Duration = Duration::from_secs(30);
/// One that may ask the person at the terminal; below the limit on preparing a connection.
const INTERACTIVE_LIMIT: Duration = Duration::from_secs(55);
/// A credential with its certificate chain is a few kilobytes.
const MOST_OUTPUT: usize = 1 << 20;
const MOST_COMPLAINT: usize = 64 << 10;
/// Variables that decide which code a program runs: an allowed plugin with one of them is another program.
const LOADERS: [&str; 6] = ["LD_", "DYLD_", "PYTHON", "PERL5", "RUBY", "NODE_"];
const SEARCHED: [&str; 3] = ["PATH", "BASH_ENV", "ENV"];
/// How a program's file may be called beside its name.
const ENDINGS: &[&str] = if cfg!(windows) { &[".exe", ".cmd", ".bat", ""] } else { &[""] };

/// What a plugin gave.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Credential {
    pub(super) token: Option<String>,
    /// Certificate and key in PEM.
    pub(super) certificate: Option<(String, String)>,
}

/// Why there is no credential. Nothing here repeats what the plugin printed on standard output.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoCredential {
    pub(super) why: String,
    pub(super) help: Vec<String>,
}

impl NoCredential {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), help: Vec::new() }
    }

    pub(super) fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }
}

#[derive(Deserialize)]
struct Printed {
    status: Option<PrintedStatus>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PrintedStatus {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

/// Runs the plugin and reads its credential. Blocks for as long as that takes, within the limit.
///
/// # Errors
/// It may not run, cannot be started, takes too long, fails, or prints something else.
pub(super) fn run(
    exec: &ExecConfig,
    plugins: &ExecPlugins,
    stdin_is_terminal: bool,
    path: Option<&str>,
) -> Result<Credential, NoCredential> {
    let name = exec.command.as_deref().filter(|command| !command.is_empty());
    let name = name.ok_or_else(|| NoCredential::new("the exec section of the user names no command"))?;
    permitted(name, plugins, path)?;
    if matches!(plugins, ExecPlugins::Only(_)) {
        stays_itself(exec, name)?;
    }
    let wanted = exec.interactive_mode.as_ref();
    if wanted == Some(&ExecInteractiveMode::Always) && !stdin_is_terminal {
        return Err(NoCredential::new(format!(
            "the credential plugin {name} asks for input (interactiveMode: Always), and standard input is not a terminal"
        ))
        .help("use a token, a service account or a non-interactive login in CI"));
    }
    let interactive = stdin_is_terminal && wanted != Some(&ExecInteractiveMode::Never);
    let missing = || {
        let missing = NoCredential::new(format!("the credential plugin {name} was not found"));
        match &exec.install_hint {
            Some(hint) => missing.help(hint.trim()),
            None => missing.help("install it, or add its folder to PATH"),
        }
    };
    // Never the bare name: it would be looked for in the PATH that the kubeconfig may set.
    let file = found(name, path).filter(|file| file.exists()).ok_or_else(missing)?;
    tracing::debug!("runs the credential plugin {}", file.display());
    let mut program =
        Program::start(&mut command(exec, &file, interactive)?, !interactive).map_err(|error| {
            NoCredential::new(format!("the credential plugin {name} could not be started: {error}"))
        })?;
    let output = program.output(MOST_OUTPUT + 1);
    let complaint = program.complaint(MOST_COMPLAINT);
    let limit = if interactive { INTERACTIVE_LIMIT } else { QUIET_LIMIT };
    let ended = program.wait(limit);
    let ended = ended.map_err(|error| NoCredential::new(format!("the credential plugin {name}: {error}")))?;
    let status = ended.ok_or_else(|| {
        let why =
            format!("the credential plugin {name} did not end within {} s and was stopped", limit.as_secs());
        NoCredential::new(why).help(format!("run it by hand: {name}; it may be waiting for a login"))
    })?;
    let output = output.bytes();
    if !status.success() {
        return Err(NoCredential::new(format!(
            "the credential plugin {name} failed ({status}){}",
            last_words(&complaint.bytes())
        )));
    }
    if output.len() > MOST_OUTPUT {
        return Err(NoCredential::new(format!("the credential plugin {name} printed more than 1 MiB")));
    }
    credential(&output).ok_or_else(|| {
        NoCredential::new(format!(
            "the credential plugin {name} did not print an ExecCredential with a token or a certificate"
        ))
    })
}

/// Whether the plugin may run at all.
pub(super) fn permitted(name: &str, plugins: &ExecPlugins, path: Option<&str>) -> Result<(), NoCredential> {
    let refused = || {
        NoCredential::new(format!("the kubeconfig wants to run {name}, and --exec-plugins does not allow it"))
    };
    match plugins {
        ExecPlugins::Allow => Ok(()),
        ExecPlugins::Deny => {
            Err(refused().help("allow it, if you trust the kubeconfig, with: --exec-plugins allow"))
        }
        ExecPlugins::Only(names) => {
            let found = found(name, path);
            // a bare name allows what PATH finds under it, and never a path that happens to end in it
            let allowed = names.iter().any(|allowed| {
                allowed == name || found.as_deref().is_some_and(|found| found == Path::new(allowed))
            });
            if allowed { Ok(()) } else { Err(refused().help(format!("allowed are: {}", names.join(", ")))) }
        }
    }
}

/// Whether the plugin that is allowed is also the one that runs: the kubeconfig sets nothing that changes its code.
fn stays_itself(exec: &ExecConfig, name: &str) -> Result<(), NoCredential> {
    let names = exec.env.iter().flatten().filter_map(|variable| variable.get("name"));
    let mut changing = names.filter(|set| {
        let set = set.to_ascii_uppercase();
        SEARCHED.contains(&set.as_str()) || LOADERS.iter().any(|loader| set.starts_with(loader))
    });
    changing.next().map_or(Ok(()), |set| {
        Err(NoCredential::new(format!(
            "the kubeconfig sets {set} for {name}, which changes what code it runs, and --exec-plugins names only some"
        ))
        .help(format!("set {set} for rollout-guard itself, and take it out of the exec section")))
    })
}

/// The file that a name stands for. As Go programs, none in a folder that is relative to where we happen to be.
pub(super) fn found(name: &str, path: Option<&str>) -> Option<PathBuf> {
    if name.contains(['/', std::path::MAIN_SEPARATOR]) {
        return Some(PathBuf::from(name));
    }
    let folders = std::env::split_paths(path?).filter(|folder| folder.is_absolute());
    let mut files =
        folders.flat_map(|folder| ENDINGS.iter().map(move |ending| folder.join(format!("{name}{ending}"))));
    files.find(|file| is_program(file))
}

#[cfg(unix)]
fn is_program(file: &Path) -> bool {
    let is_executable = |data: std::fs::Metadata| {
        data.is_file() && std::os::unix::fs::PermissionsExt::mode(&data.permissions()) & 0o111 != 0
    };
    std::fs::metadata(file).is_ok_and(is_executable)
}

#[cfg(not(unix))]
fn is_program(file: &Path) -> bool {
    file.is_file()
}

fn command(exec: &ExecConfig, file: &Path, interactive: bool) -> Result<Command, NoCredential> {
    let mut command = Command::new(file);
    command.args(exec.args.iter().flatten());
    for variable in exec.env.iter().flatten() {
        if let (Some(name), Some(value)) = (variable.get("name"), variable.get("value")) {
            command.env(name, value);
        }
    }
    let mut spec = json!({ "interactive": interactive });
    if exec.provide_cluster_info
        && let (Some(spec), Some(cluster)) = (spec.as_object_mut(), &exec.cluster)
    {
        let cluster = serde_json::to_value(cluster)
            .map_err(|_| NoCredential::new("the cluster cannot be described to the credential plugin"))?;
        spec.insert("cluster".to_owned(), cluster);
    }
    let info = json!({ "apiVersion": exec.api_version, "kind": "ExecCredential", "spec": spec });
    command.env("KUBERNETES_EXEC_INFO", info.to_string());
    if interactive {
        command.stdin(Stdio::inherit()).stderr(Stdio::inherit());
    } else {
        // else it reads what was piped to us, or waits for somebody who is not there
        command.stdin(Stdio::null()).stderr(Stdio::piped());
    }
    command.stdout(Stdio::piped());
    Ok(command)
}

/// Reads an `ExecCredential`, in JSON or, as client-go and kube do, in YAML.
pub(super) fn credential(output: &[u8]) -> Option<Credential> {
    let yaml = || serde_saphyr::from_str(std::str::from_utf8(output).ok()?).ok();
    let printed: Printed = serde_json::from_slice(output).ok().or_else(yaml)?;
    let PrintedStatus { token, client_certificate_data, client_key_data } = printed.status?;
    let token = token.filter(|token| !token.is_empty());
    let certificate = client_certificate_data.zip(client_key_data);
    (token.is_some() || certificate.is_some()).then_some(Credential { token, certificate })
}

/// The end of what a plugin wrote to standard error, without anything that looks like a token.
pub(super) fn last_words(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    // whole: a key may span lines
    let text =
        Redactor::new::<&str>(&[]).map(|redactor| redactor.redact(&text).into_owned()).unwrap_or_default();
    let last = text.lines().rev().map(str::trim).find(|line| !line.is_empty());
    last.map(|line| format!(": {}", without_tokens(line))).unwrap_or_default()
}

/// Replaces long runs that could be a token, and cuts the line.
fn without_tokens(line: &str) -> String {
    const LONGEST_WORD: usize = 32;
    const LONGEST_LINE: usize = 300;
    let words: Vec<&str> =
        line.split_whitespace().map(|word| if word.len() > LONGEST_WORD { "…" } else { word }).collect();
    words.join(" ").chars().filter(|c| !c.is_control()).take(LONGEST_LINE).collect()
}

#[cfg(test)]
mod tests;
