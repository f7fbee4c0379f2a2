//! Why there is no way to an API server, before any request has been sent.

use std::path::PathBuf;

use kube::client::AuthError;
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
    Credentials { url: String, why: String, hint: Option<String> },
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
            Self::Credentials { hint, .. } => {
                hint.iter().cloned().chain(one("try the same kubeconfig with: kubectl version")).collect()
            }
            Self::Tls { .. } => {
                one("correct certificate-authority and the client certificate in the kubeconfig")
            }
            Self::Headers { .. } => one("correct --as and --as-group, or the token in the kubeconfig"),
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

    /// From an error of kube while it prepared TLS and credentials.
    pub(super) fn of_client(error: &kube::Error, url: &str, install_hint: Option<&str>) -> Self {
        let url = url.to_owned();
        match error {
            kube::Error::Auth(error) => {
                let not_there = matches!(error, AuthError::AuthExecStart(_));
                let hint = install_hint.filter(|_| not_there).map(str::to_owned);
                Self::Credentials { url, why: auth_reason(error), hint }
            }
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

/// Our own words for a failure to get credentials. Of a plugin, only the end of its standard error is repeated,
/// without anything that looks like a token.
fn auth_reason(error: &AuthError) -> String {
    match error {
        AuthError::AuthExecStart(error) => format!("the credential plugin could not be started: {error}"),
        AuthError::AuthExecRun { out, .. } => {
            let stderr = String::from_utf8_lossy(&out.stderr);
            let last = stderr.lines().rev().map(str::trim).find(|line| !line.is_empty());
            let words = last.map(|line| format!(": {}", without_tokens(line))).unwrap_or_default();
            format!("the credential plugin failed ({}){words}", out.status)
        }
        AuthError::AuthExecParse(_) | AuthError::ExecPluginFailed => {
            "the credential plugin did not print an ExecCredential with a status".to_owned()
        }
        AuthError::MissingCommand => "the exec section of the user names no command".to_owned(),
        AuthError::ReadTokenFile(error, path) => {
            format!("the token file {} cannot be read: {error}", path.display())
        }
        AuthError::MalformedTokenExpirationDate(_) => "the token has a malformed expiry".to_owned(),
        AuthError::InvalidBearerToken(_) | AuthError::InvalidBasicAuth(_) => {
            "the token or password holds characters that HTTP does not allow".to_owned()
        }
        _ => "the auth-provider of the user is not supported or failed; convert it to an exec plugin"
            .to_owned(),
    }
}

/// Replaces long runs that could be a token, and cuts the line.
fn without_tokens(line: &str) -> String {
    const LONGEST_WORD: usize = 32;
    const LONGEST_LINE: usize = 300;
    let words: Vec<&str> =
        line.split_whitespace().map(|word| if word.len() > LONGEST_WORD { "…" } else { word }).collect();
    words.join(" ").chars().take(LONGEST_LINE).collect()
}

fn known_names(what: &str, names: &[String]) -> String {
    if names.is_empty() {
        format!("it has no {what} at all")
    } else {
        format!("{what} it has: {}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plugin_printed_and_its_environment_stay_secret() {
        let out = std::process::Command::new("sh")
            .args(["-c", "echo t0ken-on-stdout; echo 'denied for eyJhbGciOiJSUzI1NiIsImtpZCI6IkFCQ0RFRiJ9' >&2; exit 3"])
            .output()
            .unwrap();
        let cmd = "PASSWORD=s3cret sh".to_owned();
        let error = kube::Error::Auth(AuthError::AuthExecRun { cmd, out: Box::new(out) });
        let text = ConnectError::of_client(&error, "https://k", None).to_string();
        assert!(text.contains("denied for …"), "{text}");
        for secret in ["t0ken", "s3cret", "eyJ"] {
            assert!(!text.contains(secret), "{text}");
        }
    }

    #[test]
    fn a_missing_plugin_comes_with_its_install_hint() {
        let start = std::io::Error::from(std::io::ErrorKind::NotFound);
        let error = kube::Error::Auth(AuthError::AuthExecStart(start));
        let error = ConnectError::of_client(&error, "https://k", Some("brew install login"));
        assert_eq!(error.help()[0], "brew install login");
    }
}
