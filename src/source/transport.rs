//! From a kubeconfig to a client whose connections notice that they are dead.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::HeaderValue;
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
use tower::util::BoxService;
use tower::{BoxError, ServiceExt};

use super::connect::ConnectOptions;
use super::connect_error::ConnectError;
use super::exec::{self, PluginFailure};
use super::kubeconfig::{self, Found};

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

const SOCKS_PORT: u16 = 1080;

/// How to build a client, any number of times: credentials are renewed by building it again.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    pub(super) options: ConnectOptions,
}

/// A client, and what the kubeconfig says besides.
pub(super) struct Built {
    pub(super) client: kube::Client,
    /// Logs have a connection of their own: megabytes of them must not delay what is decided on.
    pub(super) logs: kube::Client,
    pub(super) url: String,
    /// The URL, and the proxy before it without its password: what there was no way over.
    pub(super) way: String,
    pub(super) context: String,
    pub(super) default_namespace: String,
}

impl Recipe {
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
        config.proxy_url =
            match proxy {
                Some(proxy) => Some(proxy.parse().map_err(|_| ConnectError::Proxy {
                    why: "the URL of the proxy is malformed".to_owned(),
                })?),
                None => None,
            };
        if let Some(user) = &self.options.impersonate_user {
            config.auth_info.impersonate = Some(user.clone());
        }
        if !self.options.impersonate_groups.is_empty() {
            config.auth_info.impersonate_groups = Some(self.options.impersonate_groups.clone());
        }
        let url = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        if let Some(exec) = config.auth_info.exec.take() {
            let Self { options: ConnectOptions { exec_plugins, stdin_is_terminal, path, .. } } = &self;
            let credential = exec::run(&exec, exec_plugins, *stdin_is_terminal, path.as_deref()).map_err(
                |PluginFailure { why, help }| ConnectError::Credentials { url: url.clone(), why, help },
            )?;
            let auth = &mut config.auth_info;
            auth.token = credential.token.map(Into::into);
            if let Some((certificate, key)) = credential.certificate {
                auth.client_certificate_data = Some(STANDARD.encode(certificate));
                auth.client_key_data = Some(STANDARD.encode(key).into());
            }
        }
        let own = Some(config.default_namespace.clone()).filter(|namespace| !namespace.is_empty());
        let default_namespace = self.options.namespace.or(own).unwrap_or_else(|| "default".to_owned());
        let clients = match &config.proxy_url {
            Some(proxy) if !matches!(proxy.scheme_str(), Some("http" | "https" | "socks5")) => {
                let why =
                    format!("{:?} is not an http, https or socks5 proxy", proxy.scheme_str().unwrap_or(""));
                return Err(ConnectError::Proxy { why });
            }
            _ => clients(&config),
        };
        let [client, logs] = clients.map_err(|error| ConnectError::of_client(&error, &url))?;
        let way = match &config.proxy_url {
            Some(proxy) => format!("{url} through the proxy {}", shown(proxy)),
            None => url.clone(),
        };
        Ok(Built { client, logs, url, way, context, default_namespace })
    }
}

/// Builds two clients over connectors of ours, in place of kube's, which speak HTTP/1.1 only and set no keepalive.
fn clients(config: &Config) -> Result<[kube::Client; 2], kube::Error> {
    let auth = config.auth_layer()?;
    macro_rules! one_over {
        ($connector:expr) => {{
            let http: HttpClient<_, Body> = http_client().build(https(config, $connector)?);
            let http = ServiceExt::<Request<Body>>::map_err(http, BoxError::from);
            let builder = ClientBuilder::new(http, config.default_namespace.clone())
                .with_layer(&config.extra_headers_layer()?);
            match &auth {
                Some(auth) => builder.with_layer(auth).with_layer(&config.base_uri_layer()).build(),
                None => builder.with_layer(&config.base_uri_layer()).build(),
            }
        }};
    }
    macro_rules! over {
        ($connector:expr) => {{
            let connector = $connector;
            [one_over!(connector.clone()), one_over!(connector)]
        }};
    }
    Ok(match &config.proxy_url {
        None => over!(tcp()),
        Some(proxy) if proxy.scheme_str() == Some("socks5") => over!(socks(proxy)),
        Some(proxy) if proxy.scheme_str() == Some("https") => {
            let to_proxy = Config::new(proxy.clone()).rustls_https_connector_with_connector(tcp())?;
            over!(authorized(Tunnel::new(proxy.clone(), to_proxy), proxy))
        }
        Some(proxy) => over!(authorized(Tunnel::new(proxy.clone(), tcp()), proxy)),
    })
}

/// A client for a server that is not the API server: no credentials, and the authorities that this machine trusts.
/// Its answers come whole.
pub(super) type Outside = BoxService<Request<Body>, (Parts, Vec<u8>), BoxError>;

/// Of an answer of others than the API server no more is read, or it is an error.
const LONGEST_ANSWER: usize = 8 << 20;

/// Builds one; nothing is sent.
///
/// # Errors
/// The proxy cannot be used.
pub(super) fn outside(proxy: Option<&str>) -> Result<Outside, String> {
    macro_rules! over {
        ($config:expr, $connector:expr) => {{
            let https = https($config, $connector).map_err(|error| error.to_string())?;
            let http: HttpClient<_, Body> = http_client().build(https);
            let http = ServiceExt::<Request<Body>>::map_err(http, BoxError::from);
            BoxService::new(http.and_then(whole))
        }};
    }
    let nowhere = Config::new(Uri::from_static("https://localhost"));
    let Some(proxy) = proxy else { return Ok(over!(&nowhere, tcp())) };
    let proxy: Uri = proxy.parse().map_err(|_| "the URL of the proxy is malformed".to_owned())?;
    Ok(match proxy.scheme_str() {
        Some("socks5") => over!(&nowhere, socks(&proxy)),
        Some("https") => {
            let to_proxy = Config::new(proxy.clone()).rustls_https_connector_with_connector(tcp());
            let to_proxy = to_proxy.map_err(|error| error.to_string())?;
            over!(&nowhere, authorized(Tunnel::new(proxy.clone(), to_proxy), &proxy))
        }
        Some("http") => over!(&nowhere, authorized(Tunnel::new(proxy.clone(), tcp()), &proxy)),
        _ => return Err("it is not an http, https or socks5 proxy".to_owned()),
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

/// The user and password of a URL, if it has any, as they are written.
fn user_info(proxy: &Uri) -> Option<&str> {
    proxy.authority().and_then(|authority| authority.as_str().rsplit_once('@')).map(|(user, _)| user)
}

/// A proxy without its user and password.
fn shown(proxy: &Uri) -> String {
    let host = proxy.authority().map_or("", |authority| authority.as_str());
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{}://{host}", proxy.scheme_str().unwrap_or("http"))
}

/// A SOCKS proxy; it resolves the name of the server, as for Go programs.
fn socks(proxy: &Uri) -> SocksV5<HttpConnector> {
    let connector = SocksV5::new(with_port(proxy, SOCKS_PORT), tcp());
    let Some(user_info) = user_info(proxy) else { return connector };
    let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
    let text = |part| String::from_utf8_lossy(&decoded(part)).into_owned();
    connector.with_auth(text(user), text(password))
}

/// The URL with that port, if it names none.
fn with_port(url: &Uri, port: u16) -> Uri {
    let Some(host) = url.host().filter(|_| url.port().is_none()) else { return url.clone() };
    let scheme = url.scheme_str().unwrap_or("http");
    format!("{scheme}://{host}:{port}").parse().unwrap_or_else(|_| url.clone())
}

/// Adds the user and password of the proxy's URL, if it has any.
fn authorized<C>(tunnel: Tunnel<C>, proxy: &Uri) -> Tunnel<C> {
    match user_info(proxy).and_then(|user| HeaderValue::from_str(&basic(&decoded(user))).ok()) {
        Some(mut header) => {
            header.set_sensitive(true);
            tunnel.with_auth(header)
        }
        None => tunnel,
    }
}

/// Undoes the percent-encoding of a URL.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digits =
            after.get(..2).filter(|digits| *first == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            bytes.push(byte);
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    bytes
}

fn basic(credentials: &[u8]) -> String {
    format!("Basic {}", STANDARD.encode(credentials))
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

    #[test]
    fn a_proxy_is_named_without_its_password() {
        let proxy = |text: &str| text.parse::<Uri>().unwrap();
        assert_eq!(shown(&proxy("http://ci:s3cret@proxy.corp:3128/x")), "http://proxy.corp:3128");
        assert_eq!(shown(&proxy("socks5://proxy.corp")), "socks5://proxy.corp");
        assert_eq!(
            with_port(&proxy("socks5://ci:x@proxy.corp"), SOCKS_PORT),
            proxy("socks5://proxy.corp:1080")
        );
        assert_eq!(with_port(&proxy("socks5://[fd00::1]:9"), SOCKS_PORT), proxy("socks5://[fd00::1]:9"));
    }

    #[test]
    fn the_password_of_a_proxy_is_decoded_before_it_is_encoded() {
        assert_eq!(basic(&decoded("user:pa%40ss")), "Basic dXNlcjpwYUBzcw==");
        assert_eq!(basic(b"a:b"), "Basic YTpi");
        assert_eq!(basic(b"ab:c"), "Basic YWI6Yw==");
        assert_eq!(decoded("%+A%zz%"), b"%+A%zz%");
    }
}
