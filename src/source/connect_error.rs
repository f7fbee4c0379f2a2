//! Why there is no way to an API server, before any request has been sent.

use std::path::PathBuf;

use kube::config::KubeconfigError;
use thiserror::Error;

/// The connection cannot be prepared. The text names the input and what is wrong with it; [`Self::help`] says
/// what to do. No text repeats what a credential plugin printed to its standard output, or values of its
/// environment.
#[derive(Debug, Error)]
pub(crate) enum ConnectError {
    #[error("no kubeconfig: {looked_at} does not exist, and this is not a pod of a cluster")]
    NoConfiguration { looked_at: String },
    #[error("cannot read the kubeconfig {}: {why}", .path.display())]
    KubeconfigUnreadable { path: PathBuf, why: String },
    #[error("the kubeconfig {from} is not valid: {why}")]
    KubeconfigInvalid { from: String, why: String },
    #[error("the kubeconfig {from} has no context {context:?}")]
    NoContext { from: String, context: String, known: Vec<String> },
    #[error("the kubeconfig {from} has no current context")]
    NoCurrentContext { from: String, known: Vec<String> },
    #[error("the kubeconfig {from} has no cluster {cluster:?}")]
    NoCluster { from: String, cluster: String, known: Vec<String> },
    #[error("the service account of this pod cannot be used: {why}")]
    InCluster { why: String },
    #[error("the proxy settings cannot be used: {why}")]
    Proxy { why: String },
    #[error("cannot log in to {url}: {why}")]
    Credentials { url: String, why: String, help: Vec<String> },
    #[error("the TLS settings for {url} cannot be used: {why}")]
    Tls { url: String, why: String },
    #[error("the request headers for {url} cannot be used: {why}")]
    Headers { url: String, why: String },
    #[error("the preparation of the connection was cut short: {why}")]
    Aborted { why: String },
}

impl ConnectError {
    /// What to do about it, one step per entry.
    pub(crate) fn help(&self) -> Vec<String> {
        let one = |text: &str| vec![text.to_owned()];
        match self {
            Self::NoConfiguration { .. } => {
                one("name a kubeconfig with --kubeconfig or KUBECONFIG, or run inside a cluster")
            }
            Self::KubeconfigUnreadable { .. } => {
                one("check the path in --kubeconfig or KUBECONFIG, and that this user may read the file")
            }
            Self::KubeconfigInvalid { from, .. } => {
                vec![format!("check it with: kubectl config view --kubeconfig {from}")]
            }
            Self::NoContext { known, .. } => vec![known_names("contexts", known)],
            Self::NoCurrentContext { known, .. } => {
                vec!["choose one with --context".to_owned(), known_names("contexts", known)]
            }
            Self::NoCluster { known, .. } => vec![known_names("clusters", known)],
            Self::InCluster { .. } => one(
                "leave automountServiceAccountToken on for this pod, or name a kubeconfig with --kubeconfig",
            ),
            Self::Proxy { .. } => one("correct HTTPS_PROXY, NO_PROXY or proxy-url in the kubeconfig"),
            Self::Credentials { help, .. } if help.is_empty() => {
                one("try the same kubeconfig with: kubectl version")
            }
            Self::Credentials { help, .. } => help.clone(),
            Self::Tls { .. } => {
                one("correct certificate-authority and the client certificate in the kubeconfig")
            }
            Self::Headers { .. } => one("correct --as and --as-group"),
            Self::Aborted { .. } => one("try again"),
        }
    }

    /// From kube's error about a kubeconfig. The parser's own text is not used: it can quote the file.
    pub(super) fn of_kubeconfig(error: KubeconfigError, from: &str, known: [Vec<String>; 2]) -> Self {
        let from = from.to_owned();
        let [contexts, clusters] = known;
        let why = match error {
            KubeconfigError::ReadConfig(error, path) => {
                return Self::KubeconfigUnreadable { path, why: error.to_string() };
            }
            KubeconfigError::CurrentContextNotSet => return Self::NoCurrentContext { from, known: contexts },
            KubeconfigError::LoadContext(context) => {
                return Self::NoContext { from, context, known: contexts };
            }
            KubeconfigError::LoadClusterOfContext(cluster) => {
                return Self::NoCluster { from, cluster, known: clusters };
            }
            KubeconfigError::ParseNoProxy(_) => {
                return Self::Proxy { why: "NO_PROXY has an empty or malformed item".to_owned() };
            }
            KubeconfigError::ParseProxyUrl(_) => {
                return Self::Proxy { why: "the URL of the proxy is malformed".to_owned() };
            }
            KubeconfigError::Parse(error) => match error.location() {
                Some(location) => format!("it is not a kubeconfig in YAML, from line {} on", location.line()),
                None => "it is not a kubeconfig in YAML".to_owned(),
            },
            KubeconfigError::LoadCertificateAuthority(_) | KubeconfigError::ParseCertificates(_) => {
                "its certificate-authority is missing or is not a PEM certificate".to_owned()
            }
            other => other.to_string(),
        };
        Self::KubeconfigInvalid { from, why }
    }

    /// From an error of kube while it prepared TLS and headers.
    pub(super) fn of_client(error: &kube::Error, url: &str) -> Self {
        let url = url.to_owned();
        match error {
            kube::Error::RustlsTls(error) => Self::Tls { url, why: error.to_string() },
            kube::Error::InferKubeconfig(
                KubeconfigError::LoadClientCertificate(_) | KubeconfigError::LoadClientKey(_),
            ) => Self::Tls { url, why: "its client certificate or key cannot be read".to_owned() },
            kube::Error::HttpError(_) => {
                Self::Headers { url, why: "a header holds characters that HTTP does not allow".to_owned() }
            }
            kube::Error::Service(error) => Self::Tls { url, why: error.to_string() },
            _ => Self::Tls { url, why: "the client could not be built".to_owned() },
        }
    }
}

fn known_names(what: &str, names: &[String]) -> String {
    if names.is_empty() {
        format!("it has no {what} at all")
    } else {
        format!("{what} it has: {}", names.join(", "))
    }
}
