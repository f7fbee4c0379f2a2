//! What the measurements run on: an API server and an etcd of their own, with an audit log, and nothing else. Every
//! status is written by us, so the instant of the deciding write is known.

#[path = "../../tests/cluster/api.rs"]
mod api;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) use api::call;
use api::client;
use kube::Client;
use serde_json::Value;

/// A control plane that ends with the value.
pub(crate) struct Rig {
    script: PathBuf,
    dir: PathBuf,
    pub(crate) client: Client,
}

const API_PORT: u16 = 26443;
const ETCD_PORT: u16 = 22379;

const AUDIT_POLICY: &str =
    "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n";

impl Rig {
    /// Brings it up afresh.
    pub(crate) async fn up(cache: &Path) -> Result<Self, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (script, dir) = (root.join("tests/cluster/cluster"), cache.join("measure"));
        fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let policy = cache.join("measure-audit.yaml");
        fs::write(&policy, AUDIT_POLICY).map_err(|error| format!("{}: {error}", policy.display()))?;
        let flags = format!(
            "--audit-policy-file={} --audit-log-path={} --audit-log-maxsize=10000",
            policy.display(),
            dir.join("log/audit.log").display()
        );
        let rig = |command: &str| {
            let status = cluster(&script, &dir).arg(command).env("CLUSTER_APISERVER_FLAGS", &flags).status();
            match status {
                Ok(status) if status.success() => Ok(()),
                Ok(status) => Err(format!("cluster {command}: {status}")),
                Err(error) => Err(format!("{}: {error}", script.display())),
            }
        };
        rig("down")?;
        rig("up")?;
        let client = client(&dir.join("kubeconfig")).await?;
        Ok(Self { script, dir, client })
    }

    /// A kubeconfig for that port of this machine, through which a proxy leads to the API server.
    pub(crate) fn kubeconfig(&self, port: u16) -> Result<PathBuf, String> {
        let own = self.dir.join("kubeconfig");
        let text = fs::read_to_string(&own).map_err(|error| format!("{}: {error}", own.display()))?;
        let path = self.dir.join(format!("kubeconfig-{port}"));
        fs::write(&path, text.replace(&format!(":{API_PORT}"), &format!(":{port}")))
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }

    /// The same over plain HTTP to a server of ours.
    pub(crate) fn plain_kubeconfig(&self, port: u16) -> Result<PathBuf, String> {
        let path = self.dir.join(format!("kubeconfig-{port}"));
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: it\nclusters: [{{name: it, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]\n\
             users: [{{name: it, user: {{}}}}]\ncontexts: [{{name: it, context: {{cluster: it, user: it}}}}]\n"
        );
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }

    /// What `cluster env` sets that variable to.
    pub(crate) fn variable(&self, name: &str) -> Result<String, String> {
        let output =
            cluster(&self.script, &self.dir).arg("env").output().map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let start = format!("export {name}=");
        text.lines()
            .find_map(|line| line.strip_prefix(&start))
            .map(|value| value.replace(['"', '\''], ""))
            .ok_or_else(|| format!("`cluster env` sets no {name}: {text}"))
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn direct(&self) -> PathBuf {
        self.dir.join("kubeconfig")
    }

    pub(crate) const fn port() -> u16 {
        API_PORT
    }

    /// Where the audit log ends now; what follows is what comes later.
    pub(crate) fn audit_end(&self) -> u64 {
        fs::metadata(self.audit_log()).map_or(0, |log| log.len())
    }

    /// The requests since that place of everyone whose user agent begins so: `verb resource`, sorted.
    pub(crate) fn requests_since(&self, start: u64, agent: &str) -> Vec<String> {
        let log = fs::read(self.audit_log()).unwrap_or_default();
        let tail = log.get(usize::try_from(start).unwrap_or(usize::MAX)..).unwrap_or_default();
        let mut seen = std::collections::BTreeMap::new();
        for line in tail.split(|byte| *byte == b'\n') {
            let Ok(event) = serde_json::from_slice::<Value>(line) else { continue };
            if !event["userAgent"].as_str().unwrap_or_default().starts_with(agent) {
                continue;
            }
            let resource = event["objectRef"]["resource"].as_str();
            let resource = resource
                .map_or_else(|| event["requestURI"].as_str().unwrap_or("?").to_owned(), str::to_owned);
            let sub = event["objectRef"]["subresource"].as_str().map(|sub| format!("/{sub}"));
            let what =
                format!("{} {resource}{}", event["verb"].as_str().unwrap_or("?"), sub.unwrap_or_default());
            seen.insert(event["auditID"].as_str().unwrap_or_default().to_owned(), what);
        }
        let mut requests: Vec<String> = seen.into_values().collect();
        requests.sort();
        requests
    }

    fn audit_log(&self) -> PathBuf {
        self.dir.join("log/audit.log")
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        drop(cluster(&self.script, &self.dir).arg("down").status());
    }
}

fn cluster(script: &Path, dir: &Path) -> Command {
    let mut command = Command::new(script);
    command
        .env("CLUSTER_DIR", dir)
        .env("CLUSTER_NODES", "0")
        .env("CLUSTER_API_PORT", API_PORT.to_string())
        .env("CLUSTER_ETCD_PORT", ETCD_PORT.to_string());
    command
}
