//! A run of our binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;
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
    cpu: Duration,
}

/// It has ended.
pub(crate) struct Ran {
    name: String,
    pub(crate) code: Option<i32>,
    pub(crate) report: Value,
    stdout: String,
    stderr: String,
    pub(crate) took: Duration,
    ended: Instant,
    timeout: u64,
    /// The most memory that it ever held, in KiB.
    pub(crate) largest: u64,
    /// The processor time that it took, user and system.
    pub(crate) cpu: Duration,
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
        Ok(Self {
            child,
            folder,
            name: name.to_owned(),
            begun: Instant::now(),
            timeout,
            largest: 0,
            cpu: Duration::ZERO,
        })
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
            self.cpu = self.cpu.max(cpu_of(self.child.id()));
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
            ended: Instant::now(),
            timeout: self.timeout,
            largest: self.largest,
            cpu: self.cpu,
        })
    }
}

/// Fields 14 and 15 of `/proc/PID/stat`, which count hundredths of a second.
fn cpu_of(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    Duration::from_millis(
        10 * fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>(),
    )
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

    /// How long after that moment it ended.
    pub(crate) fn after(&self, moment: Instant) -> Duration {
        self.ended.saturating_duration_since(moment)
    }

    /// The calls that it told of: with `-v` each is a line.
    pub(crate) fn calls(&self, like: &str) -> usize {
        self.stderr.lines().filter(|line| line.contains("GET /") && line.contains(like)).count()
    }

    /// For how long its progress said that there was no connection, in whole seconds.
    pub(crate) fn dark(&self) -> Duration {
        let mut dark = 0;
        let mut since = None;
        for line in self.stderr.lines() {
            let Some(at) = line.get(..8).and_then(second_of_day) else { continue };
            if line.contains("no connection to the API server") {
                since = since.or(Some(at));
            } else if line.contains("connected to the API server again") {
                dark += since.take().map_or(0, |since| (at + 86_400 - since) % 86_400);
            }
        }
        Duration::from_secs(dark)
    }

    /// The moments since when its report says that it was blind.
    pub(crate) fn blind_since(&self) -> Vec<Timestamp> {
        let not_seen = self.report["notSeen"].as_array().map(Vec::as_slice).unwrap_or_default();
        let messages = not_seen.iter().filter_map(|entry| entry["message"].as_str());
        messages
            .filter_map(|message| message.strip_prefix("blind since ")?.split_once(": ")?.0.parse().ok())
            .collect()
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

/// Of `12:03:10`.
fn second_of_day(time: &str) -> Option<u64> {
    let mut second = 0;
    for part in time.split(':') {
        second = second * 60 + part.parse::<u64>().ok()?;
    }
    (time.matches(':').count() == 2).then_some(second)
}
