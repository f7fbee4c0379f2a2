//! A run of our binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::plane::until;

/// It is running.
pub(crate) struct Guard {
    child: Child,
    folder: PathBuf,
    name: String,
    begun: Instant,
    /// Seconds.
    timeout: u64,
    /// KiB.
    largest: u64,
}

/// It has ended.
pub(crate) struct Ran {
    name: String,
    pub(crate) code: Option<i32>,
    pub(crate) report: Value,
    stdout: String,
    stderr: String,
    pub(crate) took: Duration,
    timeout: u64,
    /// The most memory that it ever held, in KiB.
    pub(crate) largest: u64,
}

impl Guard {
    /// Starts it for `deploy/web` of the namespace, with this kubeconfig.
    pub(crate) fn start(
        folder: &Path,
        name: &str,
        kubeconfig: &str,
        timeout: u64,
        more: &[&str],
    ) -> Result<Self, String> {
        let folder = folder.join(name);
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        fs::write(folder.join("kubeconfig"), kubeconfig).map_err(|error| error.to_string())?;
        let create = |name: &str| fs::File::create(folder.join(name)).map_err(|error| error.to_string());
        let child = Command::new(env!("CARGO_BIN_EXE_rollout-guard"))
            .env_clear()
            .env("HOME", &folder)
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .args(["wait", "deploy/web", "--progress", "plain", "--request-timeout", "3s"])
            .args(if more.contains(&"--stable-for") { &[][..] } else { &["--stable-for", "1s"] })
            .arg(format!("--timeout={timeout}s"))
            .arg("--kubeconfig")
            .arg(folder.join("kubeconfig"))
            .arg("--json")
            .arg(folder.join("report.json"))
            .args(more)
            .stdin(Stdio::null())
            .stdout(create("stdout")?)
            .stderr(create("stderr")?)
            .spawn()
            .map_err(|error| error.to_string())?;
        Ok(Self { child, folder, name: name.to_owned(), begun: Instant::now(), timeout, largest: 0 })
    }

    fn stderr(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.join("stderr")).unwrap_or_default()).into_owned()
    }

    /// Until its progress has said that.
    pub(crate) async fn has_said(&self, text: &str) -> Result<(), String> {
        let ended = || {
            fs::read_to_string(format!("/proc/{}/stat", self.child.id()))
                .is_ok_and(|stat| stat.contains(") Z"))
        };
        let said = until(text, async || ended() || self.stderr().contains(text)).await;
        let said = if self.stderr().contains(text) { said } else { Err(format!("it did not say {text:?}")) };
        said.map_err(|error| format!("{}: {error}; it said:\n{}", self.name, self.stderr()))
    }

    pub(crate) async fn end(mut self) -> Result<Ran, String> {
        // a hang is a failure of its own, not one of the harness
        let limit = Duration::from_secs(self.timeout + 60);
        let code = loop {
            let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
            let high = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let high = high.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok());
            self.largest = self.largest.max(high.unwrap_or(0));
            if let Some(status) = self.child.try_wait().map_err(|error| error.to_string())? {
                break status.code();
            }
            if self.begun.elapsed() > limit {
                break None;
            }
            sleep(Duration::from_millis(20)).await;
        };
        let report = fs::read(self.folder.join("report.json")).unwrap_or_default();
        Ok(Ran {
            name: self.name.clone(),
            code,
            report: serde_json::from_slice(&report).unwrap_or_default(),
            stdout: fs::read_to_string(self.folder.join("stdout")).unwrap_or_default(),
            stderr: self.stderr(),
            took: self.begun.elapsed(),
            timeout: self.timeout,
            largest: self.largest,
        })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Ran {
    pub(crate) fn reason(&self) -> &str {
        self.report["targets"][0]["reason"].as_str().unwrap_or("")
    }

    /// The exit code and the reason that are right, not long after its timeout, and a report that agrees.
    pub(crate) fn must(&self, code: i32, reason: &str) -> Result<(), String> {
        let verdict = match code {
            0 => "complete",
            1 => "failed",
            3 => "timed-out",
            _ => "indeterminate",
        };
        let agrees = self.report["verdict"] == verdict && self.reason() == reason;
        if self.code != Some(code) || !agrees {
            return Err(self.wrong(&format!("exit {code}, {verdict}, {reason}")));
        }
        // the rest is for a machine under load
        if self.took > Duration::from_secs(self.timeout + 20) {
            return Err(self.wrong("an end soon after its timeout"));
        }
        Ok(())
    }

    /// It told the person this.
    pub(crate) fn must_say(&self, text: &str) -> Result<(), String> {
        if self.stderr.contains(text) || self.stdout.contains(text) {
            Ok(())
        } else {
            Err(self.wrong(&format!("the words {text:?}")))
        }
    }

    pub(crate) fn wrong(&self, wanted: &str) -> String {
        format!(
            "{}: {wanted} would be right; exit {:?}, {}, {} after {:.1} s (timeout {} s), {} KiB; it said:\n{}",
            self.name,
            self.code,
            self.report["verdict"],
            self.reason(),
            self.took.as_secs_f64(),
            self.timeout,
            self.largest,
            self.stderr
        )
    }
}
