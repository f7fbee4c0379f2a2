//! Credential plugins: the programs that a kubeconfig names to get a token or a certificate.
//!
//! kube's own runner has no time limit, keeps standard input open, reads without bounds, and puts what the plugin
//! printed into its error. A kubeconfig is data that can come from anywhere; a plugin is code that runs as us.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use kube::config::{ExecConfig, ExecInteractiveMode};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use crate::policy::ExecPlugins;

/// A plugin that asks nobody anything has this long.
const QUIET_LIMIT: Duration = Duration::from_secs(30);
/// One that may ask the person at the terminal; below the limit on preparing a connection.
const INTERACTIVE_LIMIT: Duration = Duration::from_secs(55);
/// A credential with its certificate chain is a few kilobytes.
const MOST_OUTPUT: u64 = 1 << 20;
const MOST_COMPLAINT: u64 = 64 << 10;
/// After the plugin has ended, for what its children still hold open.
const LAST_WORDS: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(10);

/// What a plugin gave.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Credential {
    pub(super) token: Option<String>,
    /// Certificate and key in PEM.
    pub(super) certificate: Option<(String, String)>,
}

/// Why there is no credential. Nothing here repeats what the plugin printed on standard output.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PluginFailure {
    pub(super) why: String,
    pub(super) help: Vec<String>,
}

impl PluginFailure {
    fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), help: Vec::new() }
    }

    fn help(mut self, text: impl Into<String>) -> Self {
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
) -> Result<Credential, PluginFailure> {
    let name = exec.command.as_deref().filter(|command| !command.is_empty());
    let name = name.ok_or_else(|| PluginFailure::new("the exec section of the user names no command"))?;
    permitted(name, plugins, path)?;
    let wanted = exec.interactive_mode.as_ref();
    if wanted == Some(&ExecInteractiveMode::Always) && !stdin_is_terminal {
        return Err(PluginFailure::new(format!(
            "the credential plugin {name} asks for input (interactiveMode: Always), and standard input is not a terminal"
        ))
        .help("use a token, a service account or a non-interactive login in CI"));
    }
    let interactive = stdin_is_terminal && wanted != Some(&ExecInteractiveMode::Never);
    tracing::debug!("runs the credential plugin {name}");
    let mut child = command(exec, name, interactive)?.spawn().map_err(|error| {
        let failure =
            PluginFailure::new(format!("the credential plugin {name} could not be started: {error}"));
        match &exec.install_hint {
            Some(hint) if error.kind() == io::ErrorKind::NotFound => failure.help(hint.trim()),
            _ => failure,
        }
    })?;
    let output = read_on_a_thread(child.stdout.take(), MOST_OUTPUT + 1);
    let complaint = read_on_a_thread(child.stderr.take(), MOST_COMPLAINT);
    let limit = if interactive { INTERACTIVE_LIMIT } else { QUIET_LIMIT };
    let status = wait(&mut child, limit).map_err(|error| match error {
        Some(error) => PluginFailure::new(format!("the credential plugin {name}: {error}")),
        None => PluginFailure::new(format!(
            "the credential plugin {name} did not end within {} s and was stopped",
            limit.as_secs()
        ))
        .help(format!("run it by hand: {name}; it may be waiting for a login")),
    })?;
    let output = output.recv_timeout(LAST_WORDS).unwrap_or_default();
    if !status.success() {
        let complaint = complaint.recv_timeout(LAST_WORDS).unwrap_or_default();
        return Err(PluginFailure::new(format!(
            "the credential plugin {name} failed ({status}){}",
            last_words(&complaint)
        )));
    }
    if u64::try_from(output.len()).unwrap_or(u64::MAX) > MOST_OUTPUT {
        return Err(PluginFailure::new(format!("the credential plugin {name} printed more than 1 MiB")));
    }
    credential(&output).ok_or_else(|| {
        PluginFailure::new(format!(
            "the credential plugin {name} did not print an ExecCredential with a token or a certificate"
        ))
    })
}

/// Whether the plugin may run at all.
pub(super) fn permitted(name: &str, plugins: &ExecPlugins, path: Option<&str>) -> Result<(), PluginFailure> {
    let refused = || {
        PluginFailure::new(format!(
            "the kubeconfig wants to run {name}, and --exec-plugins does not allow it"
        ))
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

/// The file that a bare name stands for.
pub(super) fn found(name: &str, path: Option<&str>) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name));
    }
    std::env::split_paths(path?).map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn command(exec: &ExecConfig, name: &str, interactive: bool) -> Result<Command, PluginFailure> {
    let mut command = Command::new(name);
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
            .map_err(|_| PluginFailure::new("the cluster cannot be described to the credential plugin"))?;
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

/// Reads to the end or to the limit, and then closes the pipe, so that a flood ends the plugin and not us.
pub(super) fn read_on_a_thread<R: Read + Send + 'static>(pipe: Option<R>, most: u64) -> Receiver<Vec<u8>> {
    let (send, receive) = mpsc::channel();
    let Some(pipe) = pipe else { return receive };
    drop(thread::spawn(move || {
        let mut bytes = Vec::new();
        drop(pipe.take(most).read_to_end(&mut bytes));
        drop(send.send(bytes));
    }));
    receive
}

/// Waits for the end; stops the plugin and answers `None` when time is up.
pub(super) fn wait(child: &mut Child, limit: Duration) -> Result<ExitStatus, Option<io::Error>> {
    let begun = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if begun.elapsed() < limit => thread::sleep(POLL),
            Ok(None) => {
                drop(child.kill());
                drop(child.wait());
                return Err(None);
            }
            Err(error) => return Err(Some(error)),
        }
    }
}

pub(super) fn credential(output: &[u8]) -> Option<Credential> {
    let printed: Printed = serde_json::from_slice(output).ok()?;
    let PrintedStatus { token, client_certificate_data, client_key_data } = printed.status?;
    let token = token.filter(|token| !token.is_empty());
    let certificate = client_certificate_data.zip(client_key_data);
    (token.is_some() || certificate.is_some()).then_some(Credential { token, certificate })
}

/// The end of what a plugin wrote to standard error, without anything that looks like a token.
pub(super) fn last_words(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
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
