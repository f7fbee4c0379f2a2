//! From a kubeconfig to a client whose connections notice that they are dead.

use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderValue};
use http::response::Parts;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Limited};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::Config;
use kube::client::{Body, ClientBuilder, ConfigExt as _};
use secrecy::ExposeSecret as _;
use tower::util::{BoxService, MapRequestLayer};
use tower::{BoxError, ServiceExt};

use super::connect::ConnectOptions;
use super::connect_error::ConnectError;
use super::exec::NoCredential;
use super::failure::Peer;
use super::kubeconfig::{self, Found};
use super::login::{self, Authorization};
use super::oidc;
use super::proxy::Via;
use crate::untrusted::Redactor;

/// Together: over HTTP/2 a peer that does not answer is noticed within 15 s, whatever stands between.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// All streams share one connection: one that is read slowly must not hold back the others.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
/// Together: over HTTP/1.1 a host that is gone is noticed within 25 s.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_PROBES: u32 = 3;
/// Sent data that is not acknowledged for this long ends the connection.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How to build a client, any number of times: credentials are renewed by building it again.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    pub(super) options: ConnectOptions,
    tokens: oidc::Tokens,
}

/// A client, and what the kubeconfig says besides.
pub(super) struct Built {
    pub(super) client: kube::Client,
    /// Logs have a connection of their own: megabytes of them must not delay what is decided on.
    pub(super) logs: kube::Client,
    pub(super) peer: Peer,
    pub(super) context: String,
    pub(super) default_namespace: String,
}

impl Recipe {
    pub(super) fn new(options: ConnectOptions) -> Self {
        Self { options, tokens: oidc::Tokens::default() }
    }

    /// Builds a client on a thread of its own, because a credential plugin may take its time.
    ///
    /// # Errors
    /// There is no usable configuration, or its credentials cannot be had.
    pub(super) async fn client(self) -> Result<Built, ConnectError> {
        let runtime = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || runtime.block_on(self.build()))
            .await
            .unwrap_or_else(|error| Err(ConnectError::Aborted { why: error.to_string() }))
    }

    async fn build(self) -> Result<Built, ConnectError> {
        let Found { mut config, context, proxy } = kubeconfig::find(&self.options).await?;
        // what kube has found itself is not used
        config.proxy_url = None;
        let via = proxy.as_deref().map(Via::read).transpose().map_err(|why| ConnectError::Proxy { why })?;
        if let Some(user) = &self.options.impersonate_user {
            config.auth_info.impersonate = Some(user.clone());
        }
        if !self.options.impersonate_groups.is_empty() {
            config.auth_info.impersonate_groups = Some(self.options.impersonate_groups.clone());
        }
        let (cluster_url, user_info) = login::without_user_info(&config.cluster_url);
        config.cluster_url = cluster_url;
        let url = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let authorization =
            login::log_in(&mut config.auth_info, user_info.as_deref(), &self.options, &self.tokens).await;
        let authorization = authorization.map_err(|NoCredential { why, help }| {
            ConnectError::Credentials { url: url.clone(), why, help }
        })?;
        learn(&self.options.redactor, &config, authorization.as_ref(), via.as_ref());
        let own = Some(config.default_namespace.clone()).filter(|namespace| !namespace.is_empty());
        let default_namespace = self.options.namespace.or(own).unwrap_or_else(|| "default".to_owned());
        let proxy_url = via.as_ref().map(Via::shown);
        let clients = clients(&config, via, authorization.as_ref());
        let [client, logs] = clients.map_err(|error| ConnectError::of_client(&error, &url))?;
        let mut peer = Peer::new(url, config.root_cert.is_some());
        if let Some(proxy) = proxy_url {
            peer.way = format!("{} through the proxy {proxy}", peer.url);
        }
        Ok(Built { client, logs, peer, context, default_namespace })
    }
}

/// What authenticates us is a secret in whatever the server says.
fn learn(redactor: &Redactor, config: &Config, authorization: Option<&Authorization>, via: Option<&Via>) {
    if let Some(authorization) = authorization {
        login::learn(redactor, &authorization.header());
    }
    if let Some(key) = &config.auth_info.client_key_data {
        redactor.learn(key.expose_secret());
    }
    match via {
        Some(Via::Http { authorization: Some(header), .. }) => login::learn(redactor, header),
        Some(Via::Socks { login: Some((_, password)), .. }) => redactor.learn(password),
        _ => {}
    }
}

/// Builds two clients over connectors of ours, in place of kube's, which speak HTTP/1.1 only and set no keepalive.
fn clients(
    config: &Config,
    via: Option<Via>,
    authorization: Option<&Authorization>,
) -> Result<[kube::Client; 2], kube::Error> {
    macro_rules! one_over {
        ($connector:expr) => {{
            let http: HttpClient<_, Body> = http_client().build(https(config, $connector)?);
            let http = ServiceExt::<Request<Body>>::map_err(http, BoxError::from);
            let authorization = authorization.cloned();
            let authorized = MapRequestLayer::new(move |mut request: Request<Body>| {
                if let Some(authorization) = &authorization {
                    request.headers_mut().insert(AUTHORIZATION, authorization.header());
                }
                request
            });
            ClientBuilder::new(http, config.default_namespace.clone())
                .with_layer(&config.extra_headers_layer()?)
                .with_layer(&authorized)
                .with_layer(&config.base_uri_layer())
                .build()
        }};
    }
    macro_rules! over {
        ($connector:expr) => {{
            let connector = $connector;
            [one_over!(connector.clone()), one_over!(connector)]
        }};
    }
    Ok(match via {
        None => over!(tcp()),
        Some(Via::Socks { url, login }) => over!(socks(url, login)),
        Some(Via::Http { url, tls: true, authorization }) => {
            let to_proxy = Config::new(url.clone()).rustls_https_connector_with_connector(tcp())?;
            over!(tunnel(Tunnel::new(url, to_proxy), authorization))
        }
        Some(Via::Http { url, tls: false, authorization }) => {
            over!(tunnel(Tunnel::new(url, tcp()), authorization))
        }
    })
}

/// A client for a server that is not the API server: no credentials, and the authorities that this machine trusts.
/// Its answers come whole.
pub(super) type Outside = BoxService<Request<Body>, (Parts, Vec<u8>), BoxError>;

/// Of an answer of others than the API server no more is read, or it is an error.
const LONGEST_ANSWER: usize = 8 << 20;

/// Builds one; nothing is sent. `authority`: the certificates to trust in place of this machine's.
///
/// # Errors
/// The proxy cannot be used.
pub(super) fn outside(proxy: Option<&str>, authority: Option<Vec<Vec<u8>>>) -> Result<Outside, String> {
    macro_rules! over {
        ($config:expr, $connector:expr) => {{
            let https = https($config, $connector).map_err(|error| error.to_string())?;
            let http: HttpClient<_, Body> = http_client().build(https);
            let http = ServiceExt::<Request<Body>>::map_err(http, BoxError::from);
            BoxService::new(http.and_then(whole))
        }};
    }
    let mut nowhere = Config::new(Uri::from_static("https://localhost"));
    nowhere.root_cert = authority;
    Ok(match proxy.map(Via::read).transpose()? {
        None => over!(&nowhere, tcp()),
        Some(Via::Socks { url, login }) => over!(&nowhere, socks(url, login)),
        Some(Via::Http { url, tls: true, authorization }) => {
            let to_proxy = Config::new(url.clone()).rustls_https_connector_with_connector(tcp());
            let to_proxy = to_proxy.map_err(|error| error.to_string())?;
            over!(&nowhere, tunnel(Tunnel::new(url, to_proxy), authorization))
        }
        Some(Via::Http { url, tls: false, authorization }) => {
            over!(&nowhere, tunnel(Tunnel::new(url, tcp()), authorization))
        }
    })
}

async fn whole<B>(response: Response<B>) -> Result<(Parts, Vec<u8>), BoxError>
where
    B: http_body_util::BodyExt,
    B::Error: Into<BoxError>,
{
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, LONGEST_ANSWER).collect().await?;
    Ok((parts, body.to_bytes().to_vec()))
}

fn http_client() -> hyper_util::client::legacy::Builder {
    let mut builder = HttpClient::builder(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .http2_keep_alive_interval(PING_INTERVAL)
        .http2_keep_alive_timeout(PING_TIMEOUT)
        .http2_keep_alive_while_idle(true)
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW);
    builder
}

/// TLS as the kubeconfig wants it, over a connection; HTTP/2 where the server agrees to it.
fn https<C>(config: &Config, connector: C) -> Result<HttpsConnector<C>, kube::Error> {
    let mut builder =
        HttpsConnectorBuilder::new().with_tls_config(config.rustls_client_config()?).https_or_http();
    if let Some(name) = &config.tls_server_name {
        let name = name.clone().try_into().map_err(|_| {
            kube::Error::Service(format!("tls-server-name {name:?} is not a host name").into())
        })?;
        builder = builder.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    Ok(builder.enable_all_versions().wrap_connector(connector))
}

fn tcp() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector.set_keepalive(Some(KEEPALIVE_IDLE));
    connector.set_keepalive_interval(Some(KEEPALIVE_INTERVAL));
    connector.set_keepalive_retries(Some(KEEPALIVE_PROBES));
    #[cfg(target_os = "linux")]
    connector.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
    connector
}

fn socks(url: Uri, login: Option<(String, String)>) -> SocksV5<HttpConnector> {
    let socks = SocksV5::new(url, tcp());
    match login {
        Some((user, password)) => socks.with_auth(user, password),
        None => socks,
    }
}

fn tunnel<C>(tunnel: Tunnel<C>, authorization: Option<HeaderValue>) -> Tunnel<C> {
    match authorization {
        Some(header) => tunnel.with_auth(header),
        None => tunnel,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left to the kernel over HTTP/1.1 and within a proxy's tunnel: no test can lose packets of a loopback.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_kernel_looks_after_every_connection() {
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", server.local_addr().unwrap()).parse().unwrap();
        let stream = tcp().oneshot(url).await.unwrap().into_inner();
        let socket = socket2::SockRef::from(&stream);
        assert!(socket.keepalive().unwrap() && socket.tcp_nodelay().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEPALIVE_IDLE);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), KEEPALIVE_INTERVAL);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), KEEPALIVE_PROBES);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(UNACKNOWLEDGED));
        let noticed = KEEPALIVE_IDLE + KEEPALIVE_INTERVAL * KEEPALIVE_PROBES;
        assert!(noticed <= Duration::from_secs(25) && UNACKNOWLEDGED <= Duration::from_secs(25));
    }
}
