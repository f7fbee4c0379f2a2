//! An API server as a test speaks to it: beside the product, and with none of its code.

use std::path::Path;

use http::Request;
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;

/// A client of the current context of that kubeconfig.
pub(crate) async fn client(kubeconfig: &Path) -> Result<Client, String> {
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
        .header("user-agent", "tests")
        .body(body)
        .map_err(|error| error.to_string())?;
    client.request::<Value>(request).await.map_err(|error| format!("{method} {path}: {error}"))
}
