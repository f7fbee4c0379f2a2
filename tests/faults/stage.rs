//! Running a tool against a scripted server.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::server::Server;

/// A server, and how the tools reach it.
pub(crate) struct Stage {
    pub(crate) server: Server,
    /// The port the tools use; a proxy's, if there is one.
    port: u16,
    /// The user of the kubeconfig, in YAML.
    user: String,
    /// The cluster of the kubeconfig, in YAML, where it is not a plain server on the port.
    cluster: Option<String>,
    /// Environment variables of the tools.
    variables: Vec<(&'static str, String)>,
    pub(crate) folder: tempfile::TempDir,
    /// What is waited for.
    targets: Vec<String>,
    arguments: Vec<String>,
    stable_for: &'static str,
}

/// No credentials.
const NOBODY: &str = "{}";

/// How a run ended.
pub(crate) struct Run {
    /// `None`: it had to be killed.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) report: Value,
    pub(crate) junit: String,
    pub(crate) took: Duration,
}

impl Run {
    pub(crate) fn reason(&self) -> &str {
        self.report["targets"][0]["reason"].as_str().unwrap_or("")
    }

    /// Everything a person or a machine could read.
    pub(crate) fn everything(&self) -> String {
        format!("{}\n{}\n{}\n{}", self.stdout, self.stderr, self.report, self.junit)
    }
}

impl Stage {
    pub(crate) fn new(server: Server) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self {
            port: server.port,
            server,
            user: NOBODY.to_owned(),
            cluster: None,
            variables: Vec::new(),
            folder,
            targets: vec!["deploy/web".to_owned()],
            arguments: Vec::new(),
            stable_for: "1s",
        }
    }

    pub(crate) fn through(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    pub(crate) fn settling_for(mut self, stable_for: &'static str) -> Self {
        self.stable_for = stable_for;
        self
    }

    pub(crate) fn with_user(mut self, user: impl Into<String>) -> Self {
        self.user = user.into();
        self
    }

    pub(crate) fn selecting(mut self, targets: &[&str]) -> Self {
        self.targets = targets.iter().map(|target| (*target).to_owned()).collect();
        self
    }

    pub(crate) fn with_cluster(mut self, cluster: impl Into<String>) -> Self {
        self.cluster = Some(cluster.into());
        self
    }

    pub(crate) fn with_variable(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    pub(crate) fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn kubeconfig(&self) -> PathBuf {
        let path = self.file("kubeconfig");
        let plain = || format!("{{server: 'http://127.0.0.1:{}'}}", self.port);
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: x\n\
             clusters: [{{name: c, cluster: {}}}]\n\
             contexts: [{{name: x, context: {{cluster: c, user: u, namespace: shop}}}}]\n\
             users: [{{name: u, user: {}}}]\n",
            self.cluster.clone().unwrap_or_else(plain),
            self.user
        );
        fs::write(&path, text).expect("a writable folder");
        path
    }

    /// Our binary with this stage's arguments, not yet started.
    pub(crate) fn command(&self, timeout: u64) -> Command {
        let targets: Vec<&str> = self.targets.iter().map(String::as_str).collect();
        self.command_for(&targets, timeout)
    }

    /// The same for other targets.
    pub(crate) fn command_for(&self, targets: &[&str], timeout: u64) -> Command {
        let mut command = crate::planted::binary();
        command.env("HOME", self.folder.path()).env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.arg("wait").args(targets).args(["-n", "shop", "--request-timeout", "2s"]);
        command.args(["--stable-for", self.stable_for]);
        command.arg("--timeout").arg(format!("{timeout}s"));
        command.arg("--kubeconfig").arg(self.kubeconfig());
        command.arg("--json").arg(self.file("report.json")).arg("--junit").arg(self.file("report.xml"));
        command.args(&self.arguments).stdin(Stdio::null());
        command
    }

    /// Runs our binary to its end.
    pub(crate) fn guard(&self, timeout: u64) -> Run {
        let mut run = self.run(self.command(timeout), Duration::from_secs(timeout + 15));
        let text = fs::read_to_string(self.file("report.json")).unwrap_or_default();
        run.report = serde_json::from_str(&text).unwrap_or_default();
        run.junit = fs::read_to_string(self.file("report.xml")).unwrap_or_default();
        run
    }

    /// Runs `kubectl rollout status` to its end. `None` where the server wants credentials: clientcmd reads none for a
    /// server without TLS (`getUserIdentificationPartialConfig`), so nothing could be learnt of kubectl. Nor where TLS
    /// stands before the server, which wants none: there kubectl asks for a user, on a standard input that has ended.
    /// Without a timeout, its default, it is killed when it should have ended.
    pub(crate) fn kubectl(&self, kubectl: &Path, timeout: u64, unlimited: bool) -> Option<Run> {
        if self.user != NOBODY || self.cluster.is_some() {
            return None;
        }
        let mut command = Command::new(kubectl);
        command.env_clear().env("HOME", self.folder.path()).env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.args(["rollout", "status", "deploy/web", "-n", "shop"]);
        if !unlimited {
            command.arg(format!("--timeout={timeout}s"));
        }
        command.arg("--kubeconfig").arg(self.kubeconfig()).stdin(Stdio::null());
        Some(self.run(command, Duration::from_secs(timeout + 15)))
    }

    /// Runs `helm install --wait` of a chart with the Deployment that is there already to its end; `None` as above.
    pub(crate) fn helm(&self, helm: &Path, timeout: u64) -> Option<Run> {
        if self.user != NOBODY {
            return None;
        }
        let chart = self.file("chart");
        fs::create_dir_all(chart.join("templates")).expect("a writable folder");
        let about = "apiVersion: v2\nname: web\nversion: 1.0.0\n";
        fs::write(chart.join("Chart.yaml"), about).expect("a writable folder");
        let object = self.server.world().get("deployments", "web");
        let mut object = object.unwrap_or_else(|| crate::story::deployment(2, 2, 0));
        // JSON is YAML; no brace of Helm's own is in it
        object["status"] = Value::Null;
        fs::write(chart.join("templates/web.yaml"), format!("{object:#}")).expect("a writable folder");
        let mut command = Command::new(helm);
        command.env_clear().env("HOME", self.folder.path()).env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.arg("install").arg("web").arg(&chart).args(["-n", "shop", "--wait", "--take-ownership"]);
        command.args(["--disable-openapi-validation", "--server-side=false"]);
        command.arg(format!("--timeout={timeout}s")).arg("--kubeconfig").arg(self.kubeconfig());
        command.stdin(Stdio::null());
        self.server.applied_by_helm();
        Some(self.run(command, Duration::from_secs(timeout + 15)))
    }

    fn run(&self, mut command: Command, limit: Duration) -> Run {
        let (out, err) = (self.file("stdout"), self.file("stderr"));
        command.stdout(File::create(&out).expect("a file")).stderr(File::create(&err).expect("a file"));
        let begun = Instant::now();
        let mut child = command.spawn().expect("the tool starts");
        let code = end(&mut child, limit);
        let text = |path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
        let (stdout, stderr) = (text(out), text(err));
        Run { code, stdout, stderr, report: Value::Null, junit: String::new(), took: begun.elapsed() }
    }
}

/// Waits for the end; kills at the limit and answers `None`.
pub(crate) fn end(child: &mut Child, limit: Duration) -> Option<i32> {
    let begun = Instant::now();
    while begun.elapsed() < limit {
        if let Some(status) = child.try_wait().expect("a child") {
            return Some(status.code().unwrap_or(-1));
        }
        thread::sleep(Duration::from_millis(5));
    }
    drop(child.kill());
    drop(child.wait());
    None
}
