//! Which configuration is used: `--kubeconfig`, then `KUBECONFIG`, then the default file, then the pod's own.

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::Config;
use kube::config::{
    AuthInfo, Cluster, Context, ExecAuthCluster, InClusterError, KubeConfigOptions, Kubeconfig,
    KubeconfigError,
};

use super::connect::ConnectOptions;
use super::connect_error::ConnectError;

/// The configuration that was found.
pub(super) struct Found {
    pub(super) config: Config,
    pub(super) context: String,
    pub(super) proxy: Option<String>,
}

/// Finds the configuration. A kubeconfig that is there but wrong is an error, never a reason to look further.
///
/// # Errors
/// There is none, or it cannot be used.
pub(super) async fn find(options: &ConnectOptions) -> Result<Found, ConnectError> {
    if let Some(path) = &options.kubeconfig {
        return from_files(options, std::slice::from_ref(path)).await;
    }
    let listed: Vec<PathBuf> = options
        .kubeconfig_env
        .iter()
        .flat_map(std::env::split_paths)
        .filter(|path| !path.as_os_str().is_empty())
        .collect();
    let default = options.home.as_ref().map(|home| home.join(".kube").join("config"));
    let candidates = if listed.is_empty() { default.into_iter().collect() } else { listed };
    let existing: Vec<PathBuf> = candidates.iter().filter(|path| path.exists()).cloned().collect();
    if !existing.is_empty() {
        return from_files(options, &existing).await;
    }
    if options.in_cluster
        && let Some(found) = in_cluster(options)?
    {
        return Ok(found);
    }
    let looked_at = if candidates.is_empty() { "~/.kube/config".to_owned() } else { names(&candidates) };
    Err(ConnectError::NoConfiguration { looked_at })
}

fn names(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// `None` outside of a pod.
fn in_cluster(options: &ConnectOptions) -> Result<Option<Found>, ConnectError> {
    let config = match Config::incluster() {
        Ok(config) => config,
        Err(InClusterError::ReadEnvironmentVariable(_)) => return Ok(None),
        Err(error) => return Err(ConnectError::InCluster { why: error.to_string() }),
    };
    let proxy = options.proxy.of(&config.cluster_url);
    Ok(Some(Found { config, context: "in-cluster".to_owned(), proxy }))
}

async fn from_files(options: &ConnectOptions, paths: &[PathBuf]) -> Result<Found, ConnectError> {
    let mut kubeconfig = Kubeconfig::default();
    for path in paths {
        readable(path)?;
        kubeconfig =
            Kubeconfig::read_from(path).and_then(|next| kubeconfig.merge(next)).map_err(|error| {
                ConnectError::of_kubeconfig(error, &path.display().to_string(), [Vec::new(), Vec::new()])
            })?;
    }
    let known = [
        kubeconfig.contexts.iter().map(|context| context.name.clone()).collect(),
        kubeconfig.clusters.iter().map(|cluster| cluster.name.clone()).collect(),
    ];
    let overrides = KubeConfigOptions {
        context: options.context.clone(),
        cluster: options.cluster.clone(),
        user: options.user.clone(),
    };
    let context =
        overrides.context.clone().or_else(|| kubeconfig.current_context.clone()).unwrap_or_default();
    let chosen = Chosen::of(&kubeconfig, &context, &overrides);
    let config = match (Config::from_custom_kubeconfig(kubeconfig, &overrides).await, &chosen) {
        (Err(KubeconfigError::ParseNoProxy(_) | KubeconfigError::ParseProxyUrl(_)), Some(chosen)) => {
            chosen.config().map_err(|why| ConnectError::KubeconfigInvalid { from: names(paths), why })?
        }
        (config, _) => config.map_err(|error| ConnectError::of_kubeconfig(error, &names(paths), known))?,
    };
    // `proxy-url` is not subject to NO_PROXY
    let own_proxy = chosen.and_then(|chosen| chosen.cluster.proxy_url).filter(|proxy| !proxy.is_empty());
    let proxy = own_proxy.or_else(|| options.proxy.of(&config.cluster_url));
    Ok(Found { config, context, proxy })
}

fn readable(path: &Path) -> Result<(), ConnectError> {
    std::fs::metadata(path)
        .and_then(|data| if data.is_dir() { Err(io::Error::other("it is a directory")) } else { Ok(()) })
        .map_err(|error| ConnectError::KubeconfigUnreadable { path: path.to_owned(), why: error.to_string() })
}

/// The entries of a kubeconfig that are in use.
pub(super) struct Chosen {
    context: Context,
    cluster: Cluster,
    user: AuthInfo,
}

impl Chosen {
    pub(super) fn of(kubeconfig: &Kubeconfig, context: &str, overrides: &KubeConfigOptions) -> Option<Self> {
        let named = kubeconfig.contexts.iter().find(|named| named.name == context)?;
        let context = named.context.clone()?;
        let cluster = overrides.cluster.as_ref().unwrap_or(&context.cluster);
        let cluster = kubeconfig.clusters.iter().find(|named| named.name == *cluster)?.cluster.clone()?;
        let user = overrides.user.as_ref().or(context.user.as_ref());
        let user = user.and_then(|user| kubeconfig.auth_infos.iter().find(|named| named.name == *user));
        let user = user.and_then(|user| user.auth_info.clone()).unwrap_or_default();
        Some(Self { context, cluster, user })
    }

    /// The configuration made without kube's loader, which gives up when it cannot read the proxy variables of
    /// the environment (a comma at the end of `NO_PROXY` is enough), though they are not used here.
    pub(super) fn config(&self) -> Result<Config, String> {
        let Self { context, cluster, user } = self;
        let server = cluster.server.as_deref().unwrap_or_default();
        let mut config = Config::new(
            server.parse().map_err(|_| format!("{:?} is not the URL of a server", shown(server)))?,
        );
        config.default_namespace = context.namespace.clone().unwrap_or_else(|| "default".to_owned());
        config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or(false);
        config.tls_server_name.clone_from(&cluster.tls_server_name);
        config.root_cert = authority(
            cluster.certificate_authority_data.as_deref(),
            cluster.certificate_authority.as_deref(),
        )?;
        config.auth_info = user.clone();
        if let Some(exec) = &mut config.auth_info.exec
            && exec.provide_cluster_info
        {
            let described = ExecAuthCluster::try_from(cluster);
            exec.cluster =
                Some(described.map_err(|_| "its certificate-authority cannot be read".to_owned())?);
        }
        Ok(config)
    }
}

/// A URL that cannot be read, without what may be a password in it.
fn shown(url: &str) -> &str {
    url.rsplit_once('@').map_or(url, |(_, host)| host)
}

/// The certificate authority of a server, in DER: PEM in base64, or the path of a file.
pub(super) fn authority(data: Option<&str>, path: Option<&str>) -> Result<Option<Vec<Vec<u8>>>, String> {
    let text = match (data, path) {
        (Some(data), _) => STANDARD.decode(data).map_err(|_| "certificate-authority-data is not base64")?,
        (None, Some(path)) => std::fs::read(path).map_err(|error| format!("{path}: {error}"))?,
        (None, None) => return Ok(None),
    };
    let blocks = pem::parse_many(text).map_err(|_| "its certificate-authority is not a PEM certificate")?;
    let certificates = blocks.into_iter().filter(|block| block.tag() == "CERTIFICATE");
    Ok(Some(certificates.map(pem::Pem::into_contents).collect()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn options() -> ConnectOptions {
        ConnectOptions::new(|| jiff::Timestamp::UNIX_EPOCH)
    }

    async fn found(options: &ConnectOptions) -> Result<Found, String> {
        find(options).await.map_err(|error| error.to_string())
    }

    const ONE: &str = "clusters: [{name: c, cluster: {server: 'https://one'}}]\n\
                       contexts: [{name: x, context: {cluster: c, user: u, namespace: shop}}]\n";
    const TWO: &str = "clusters: [{name: c, cluster: {server: 'https://two'}}]\ncurrent-context: x\n";

    #[tokio::test]
    async fn files_of_the_environment_are_merged_and_missing_ones_skipped() {
        let (one, two) = (file(ONE), file(TWO));
        let paths = [one.path(), Path::new("/nonexistent/config"), two.path()];
        let joined = std::env::join_paths(paths).unwrap().into_string().unwrap();
        let found = found(&ConnectOptions { kubeconfig_env: Some(joined), ..options() }).await.unwrap();
        assert_eq!(found.config.cluster_url.host(), Some("one"), "the first file to name a cluster wins");
        assert_eq!((found.context.as_str(), found.config.default_namespace.as_str()), ("x", "shop"));
    }

    #[tokio::test]
    async fn a_file_that_is_named_has_to_be_there() {
        let good = file(&format!("{ONE}current-context: x\n"));
        let options = ConnectOptions {
            kubeconfig: Some(PathBuf::from("/nonexistent/config")),
            kubeconfig_env: good.path().to_str().map(str::to_owned),
            ..options()
        };
        let error = found(&options).await.err().unwrap();
        assert!(error.starts_with("cannot read the kubeconfig /nonexistent/config: "), "{error}");
    }

    #[tokio::test]
    async fn a_broken_file_is_not_quoted_and_nothing_else_is_tried() {
        let broken = file("users: [{name: u, user: {token: s3cret]\n");
        let options =
            ConnectOptions { kubeconfig_env: broken.path().to_str().map(str::to_owned), ..options() };
        let error = found(&options).await.err().unwrap();
        assert!(
            error.contains("is not valid: it is not a kubeconfig in YAML") && !error.contains("s3cret"),
            "{error}"
        );
    }

    #[test]
    fn a_configuration_made_without_the_environment_has_all_that_is_needed() {
        let text = format!("{ONE}users: [{{name: u, user: {{token: t}}}}]\n");
        let mut kubeconfig = Kubeconfig::from_yaml(&text).unwrap();
        let pem = pem::encode(&pem::Pem::new("CERTIFICATE", vec![1, 2, 3]));
        if let Some(cluster) = &mut kubeconfig.clusters[0].cluster {
            cluster.certificate_authority_data = Some(STANDARD.encode(pem));
        }
        let chosen = Chosen::of(&kubeconfig, "x", &KubeConfigOptions::default()).unwrap();
        let config = chosen.config().unwrap();
        assert_eq!(config.cluster_url.host(), Some("one"));
        assert_eq!(config.default_namespace, "shop");
        assert_eq!(config.root_cert, Some(vec![vec![1, 2, 3]]));
        assert!(config.auth_info.token.is_some());
    }
}
