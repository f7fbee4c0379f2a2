//! An etcd and an API server of our own: nobody else writes a status.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use http::Request;
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};

pub(crate) const API_PORT: u16 = 46443;
const ETCD_PORT: u16 = 42379;

/// A control plane that ends with the value.
pub(crate) struct Rig {
    dir: PathBuf,
    pub(crate) client: Client,
}

impl Rig {
    /// Brings it up afresh.
    pub(crate) async fn up() -> Result<Self, String> {
        let home = std::env::var("HOME").unwrap_or_else(|_| "/root".to_owned());
        let cache = std::env::var("XDG_CACHE_HOME").unwrap_or_else(|_| format!("{home}/.cache"));
        let dir = Path::new(&cache).join("rollout-guard/history");
        fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        cluster(&dir, "down")?;
        cluster(&dir, "up")?;
        let client = client(&dir.join("kubeconfig")).await?;
        Ok(Self { dir, client })
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
        Ok(text.replace(&format!(":{API_PORT}"), &format!(":{port}")))
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
        drop(cluster(&self.dir, "down"));
    }
}

fn cluster(dir: &Path, command: &str) -> Result<(), String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/cluster");
    let status = Command::new(&script)
        .arg(command)
        .env("CLUSTER_DIR", dir)
        .env("CLUSTER_NODES", "0")
        .env("CLUSTER_API_PORT", API_PORT.to_string())
        .env("CLUSTER_ETCD_PORT", ETCD_PORT.to_string())
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cluster {command}: {status}")),
        Err(error) => Err(format!("{}: {error}", script.display())),
    }
}

async fn client(kubeconfig: &Path) -> Result<Client, String> {
    let text = |error: &dyn std::fmt::Display| format!("{}: {error}", kubeconfig.display());
    let read = Kubeconfig::read_from(kubeconfig).map_err(|error| text(&error))?;
    let config = kube::Config::from_custom_kubeconfig(read, &KubeConfigOptions::default())
        .await
        .map_err(|error| text(&error))?;
    Client::try_from(config).map_err(|error| text(&error))
}

/// One request; the answer as JSON.
pub(crate) async fn call(client: &Client, method: &str, path: &str, body: &Value) -> Result<Value, String> {
    let kind = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", kind)
        .body(body)
        .map_err(|error| error.to_string())?;
    client.request::<Value>(request).await.map_err(|error| format!("{method} {path}: {error}"))
}
