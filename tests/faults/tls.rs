//! TLS before a scripted server, with HTTP/2 or HTTP/1.1 as a real API server speaks them, and certificates for it.

use std::io;
use std::os::fd::AsFd as _;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONNECTION, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{Request, Response, Uri, Version};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// The header that tells the scripted server which connection a request came over, counted from 1.
pub(crate) const CONNECTION_NUMBER: &str = "x-connection";
/// The header that tells it the mark of the client's certificate.
pub(crate) const PEER: &str = "x-peer";

/// Who signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
}

/// A certificate with its key.
pub(crate) struct Certified {
    der: CertificateDer<'static>,
    key: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::named("kubernetes")
    }

    pub(crate) fn named(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = named(name);
        let der = params.self_signed(&key).expect("a certificate").der().clone();
        Self { issuer: Issuer::new(params, key), der }
    }

    pub(crate) fn pem(&self) -> String {
        pem_of("CERTIFICATE", &self.der)
    }

    /// For a server or a client of these names and addresses.
    pub(crate) fn certify(&self, names: &[&str]) -> Certified {
        self.certify_until(names, 2099)
    }

    /// The same, valid from the year 2000 to the first day of that year.
    pub(crate) fn certify_until(&self, names: &[&str], year: i32) -> Certified {
        let key = KeyPair::generate().expect("a key");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name = named("web");
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let der = params.signed_by(&key, &self.issuer).expect("a certificate").der().clone();
        Certified { der, key }
    }

    /// A cluster of a kubeconfig at that URL that is trusted by this authority.
    pub(crate) fn cluster(&self, url: &str, more: &str) -> String {
        let data = STANDARD.encode(self.pem());
        format!("{{server: '{url}', certificate-authority-data: {data}{more}}}")
    }
}

impl Certified {
    pub(crate) fn pem(&self) -> String {
        pem_of("CERTIFICATE", &self.der)
    }

    pub(crate) fn key_pem(&self) -> String {
        pem_of("PRIVATE KEY", self.key.serialized_der())
    }

    /// What the front tells of it.
    pub(crate) fn mark(&self) -> String {
        mark(&self.der)
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

fn pem_of(label: &str, der: &[u8]) -> String {
    pem::encode(&pem::Pem::new(label, der))
}

/// The end of the signature: no two are alike.
fn mark(der: &[u8]) -> String {
    STANDARD.encode(&der[der.len() - 12..])
}

/// What a front speaks within TLS.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    Http1,
    Http2,
}

/// What an API server that goes away does with its connections, after GOAWAY.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) enum Leave {
    #[default]
    Stay,
    /// What is open goes on to its end.
    Gently,
    ThenClose,
    ThenReset,
}

/// A server that speaks TLS and passes every request on to a scripted one.
pub(crate) struct Front {
    pub(crate) port: u16,
    leaving: watch::Sender<Leave>,
}

impl Front {
    pub(crate) fn before(server: u16, speaks: Speaks, certified: &Certified) -> Self {
        Self::start(server, speaks, certified, None)
    }

    /// The same; clients may show certificates of that authority.
    pub(crate) fn knowing(server: u16, speaks: Speaks, certified: &Certified, clients: &Authority) -> Self {
        Self::start(server, speaks, certified, Some(clients))
    }

    fn start(server: u16, speaks: Speaks, certified: &Certified, clients: Option<&Authority>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let alpn: &[&[u8]] = if speaks == Speaks::Http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
        let acceptor = acceptor(certified, alpn, clients);
        let (leaving, _) = watch::channel(Leave::Stay);
        let told = leaving.clone();
        drop(thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                listener.set_nonblocking(true).expect("a socket");
                let listener = TcpListener::from_std(listener).expect("a socket");
                let opened = AtomicU64::new(0);
                while let Ok((socket, _)) = listener.accept().await {
                    let number = opened.fetch_add(1, Ordering::SeqCst) + 1;
                    let way = Way { server, number, speaks };
                    drop(tokio::spawn(converse(socket, acceptor.clone(), way, told.subscribe())));
                }
            });
        }));
        Self { port, leaving }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Does this with the connections that are open now.
    pub(crate) fn leave(&self, leave: Leave) {
        self.leaving.send_replace(leave);
    }
}

fn acceptor(certified: &Certified, alpn: &[&[u8]], clients: Option<&Authority>) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().expect("versions of TLS");
    let builder = match clients {
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der.clone()).expect("an authority");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(
                verifier.allow_unauthenticated().build().expect("a verifier of clients"),
            )
        }
        None => builder.with_no_client_auth(),
    };
    let key = PrivateKeyDer::Pkcs8(certified.key.serialize_der().into());
    let mut config = builder.with_single_cert(vec![certified.der.clone()], key).expect("a certificate");
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

#[derive(Clone, Copy)]
struct Way {
    server: u16,
    number: u64,
    speaks: Speaks,
}

async fn converse(socket: TcpStream, acceptor: TlsAcceptor, way: Way, told: watch::Receiver<Leave>) {
    drop(socket.set_nodelay(true));
    let Ok(twin) = socket.as_fd().try_clone_to_owned() else { return };
    let Ok(stream) = acceptor.accept(socket).await else { return };
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let peer = certificates.first().map(|der| mark(der)).unwrap_or_default();
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let peer = peer.clone();
        async move { pass_on(request, way, &peer).await }
    });
    let io = TokioIo::new(stream);
    macro_rules! until_told {
        ($connection:expr) => {{
            let mut connection = pin!($connection);
            let mut told = told;
            let leave = tokio::select! {
                _ = connection.as_mut() => return,
                changed = told.changed() => if changed.is_ok() { *told.borrow() } else { Leave::Stay },
            };
            if !matches!(leave, Leave::Stay) {
                connection.as_mut().graceful_shutdown();
            }
            if matches!(leave, Leave::Stay | Leave::Gently) {
                drop(connection.await);
                return;
            }
            // time for the GOAWAY, and for what is said about it
            drop(tokio::time::timeout(Duration::from_millis(50), connection.as_mut()).await);
            if matches!(leave, Leave::ThenReset) {
                drop(socket2::SockRef::from(&twin).set_linger(Some(Duration::ZERO)));
            }
        }};
    }
    match way.speaks {
        Speaks::Http2 => until_told!(
            hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(io, service)
        ),
        Speaks::Http1 => {
            until_told!(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
        }
    }
}

/// Asks the scripted server the same, over a connection of its own.
async fn pass_on(request: Request<Incoming>, way: Way, peer: &str) -> io::Result<Response<Incoming>> {
    let socket = TcpStream::connect(("127.0.0.1", way.server)).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.map_err(io::Error::other)?;
    drop(tokio::spawn(connection));
    let (mut parts, body) = request.into_parts();
    let host = parts.uri.host().map(str::to_owned);
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = path.parse::<Uri>().map_err(io::Error::other)?;
    parts.version = Version::HTTP_11;
    if let Some(host) = host {
        parts.headers.insert(HOST, HeaderValue::from_str(&host).map_err(io::Error::other)?);
    }
    parts.headers.insert(HeaderName::from_static(CONNECTION_NUMBER), HeaderValue::from(way.number));
    parts
        .headers
        .insert(HeaderName::from_static(PEER), HeaderValue::from_str(peer).map_err(io::Error::other)?);
    let answered = sender.send_request(Request::from_parts(parts, body)).await;
    let mut response = answered.map_err(io::Error::other)?;
    response.headers_mut().remove(TRANSFER_ENCODING);
    response.headers_mut().remove(CONNECTION);
    Ok(response)
}

/// TLS before anything that speaks bytes; returns its port.
pub(crate) fn before_bytes(port: u16, certified: &Certified) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let own = listener.local_addr().expect("an address").port();
    let acceptor = acceptor(certified, &[b"http/1.1"], None);
    drop(thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async move {
            listener.set_nonblocking(true).expect("a socket");
            let listener = TcpListener::from_std(listener).expect("a socket");
            while let Ok((socket, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                drop(tokio::spawn(async move {
                    let mut stream = acceptor.accept(socket).await?;
                    let mut beyond = TcpStream::connect(("127.0.0.1", port)).await?;
                    tokio::io::copy_bidirectional(&mut stream, &mut beyond).await
                }));
            }
        });
    }));
    own
}
