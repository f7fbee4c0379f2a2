//! An etcd and an API server of our own: nobody else writes a status.

#[path = "../cluster/api.rs"]
mod api;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

pub(crate) use api::{call, client};
use kube::Client;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::sleep;

/// A control plane that ends with the value.
pub(crate) struct Rig {
    pub(crate) dir: PathBuf,
    pub(crate) api_port: u16,
    pub(crate) etcd_port: u16,
    pub(crate) client: Client,
    /// Held while the folder and the ports are ours.
    _lock: File,
}

/// What control planes of a kind have in common.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// The ports of the first; each further one has ports ten higher.
    pub(crate) api_port: u16,
    pub(crate) etcd_port: u16,
    /// More flags of the API server.
    pub(crate) flags: &'static str,
}

impl Rig {
    /// Brings one up afresh, in a folder and on ports that no other run has: several may be at it on one machine, and
    /// taking down what another one plays on would end its API server without a word.
    pub(crate) async fn up(kind: &Kind) -> Result<Self, String> {
        let home = std::env::var("HOME").unwrap_or_else(|_| "/root".to_owned());
        let cache = std::env::var("XDG_CACHE_HOME").unwrap_or_else(|_| format!("{home}/.cache"));
        let root = Path::new(&cache).join("rollout-guard");
        for number in 0..8 {
            let dir = root.join(format!("{}-{number}", kind.name));
            fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
            let path = root.join(format!("{}-{number}.lock", kind.name));
            let lock = File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(error)) => return Err(format!("{}: {error}", path.display())),
            }
            let (api_port, etcd_port) = (kind.api_port + 10 * number, kind.etcd_port + 10 * number);
            let script = |command| cluster(&dir, command, (api_port, etcd_port), kind.flags);
            script("down")?;
            script("up")?;
            let client = client(&dir.join("kubeconfig")).await?;
            return Ok(Self { dir, api_port, etcd_port, client, _lock: lock });
        }
        Err(format!("eight other runs hold {}/{}-0.lock and the next ones", root.display(), kind.name))
    }

    /// Why nothing can be played any more: the API server has ended. Only what refuses connections for seconds has;
    /// one on a machine under load is slow, not gone.
    pub(crate) async fn gone(&self) -> Option<String> {
        for _ in 0..5 {
            if TcpStream::connect(("127.0.0.1", self.api_port)).await.is_ok() {
                return None;
            }
            sleep(Duration::from_secs(1)).await;
        }
        let path = self.dir.join("log/kube-apiserver.log");
        let log = fs::read(&path).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        Some(format!(
            "the API server of this harness is gone: nothing listens on port {}; it ended, or was ended from outside. \
             The last lines of {}:\n{}",
            self.api_port,
            path.display(),
            lines[lines.len().saturating_sub(5)..].join("\n")
        ))
    }

    /// A kubeconfig for a proxy on that port: `plain` ends TLS itself, any other is passed through.
    pub(crate) fn kubeconfig(&self, namespace: &str, port: u16, plain: bool) -> Result<String, String> {
        if plain {
            return Ok(format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: x\n\
                 clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]\n\
                 contexts: [{{name: x, context: {{cluster: c, user: u, namespace: {namespace}}}}}]\n\
                 users: [{{name: u, user: {{}}}}]\n"
            ));
        }
        let own = self.dir.join("kubeconfig");
        let text = fs::read_to_string(&own).map_err(|error| format!("{}: {error}", own.display()))?;
        Ok(text.replace(&format!(":{}", self.api_port), &format!(":{port}")))
    }

    pub(crate) async fn namespace(&self, name: &str) -> Result<(), String> {
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        call(&self.client, "POST", "/api/v1/namespaces", &body).await?;
        // the controller that makes it does not run here, and pods are refused without it
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
        call(&self.client, "POST", &format!("/api/v1/namespaces/{name}/serviceaccounts"), &account).await?;
        Ok(())
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        drop(cluster(&self.dir, "down", (self.api_port, self.etcd_port), ""));
    }
}

fn cluster(dir: &Path, command: &str, ports: (u16, u16), flags: &str) -> Result<(), String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/cluster");
    let status = Command::new(&script)
        .arg(command)
        .env("CLUSTER_DIR", dir)
        .env("CLUSTER_NODES", "0")
        .env("CLUSTER_API_PORT", ports.0.to_string())
        .env("CLUSTER_ETCD_PORT", ports.1.to_string())
        .env("CLUSTER_APISERVER_FLAGS", flags)
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cluster {command}: {status}")),
        Err(error) => Err(format!("{}: {error}", script.display())),
    }
}
