//! Proxies on the wire (K13): http, https and socks5, from the environment and from the kubeconfig.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::server::lock;
use crate::stage::{Run, Stage};
use crate::story::{completing, serve};
use crate::tls::{self, Authority, Front, Speaks};
use crate::{Fault, own};

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        own("k13_http_proxy", "`HTTPS_PROXY` with a user and a password, percent-encoded", http_proxy),
        own("k13_https_proxy", "`HTTPS_PROXY` that is reached over TLS", https_proxy),
        own("k13_socks_proxy", "`HTTPS_PROXY` with socks5, a user and a password", socks_proxy),
        own("k13_proxy_url", "`proxy-url` of the kubeconfig, beside `HTTPS_PROXY` and `NO_PROXY`", proxy_url),
        own("k13_no_proxy", "`HTTPS_PROXY`, and the API server in `NO_PROXY`", no_proxy),
        own("k13_proxy_gone", "the proxy refuses connections", proxy_gone),
        own("k13_proxy_wants_a_login", "the proxy answers 407 to a wrong password", proxy_wants_a_login),
    ]
}

/// A name that nobody resolves: the proxy knows the way.
const NAME: &str = "api.shop.example";
const USER: &str = "ci";
const PASSWORD: &str = "p@ss:w/rd%1";
const ENCODED: &str = "ci:p%40ss%3Aw%2Frd%251";

/// A rollout that completes, behind TLS under some names; its port, and a kubeconfig for a URL.
fn behind_tls(url: impl Fn(u16) -> String, more: &str) -> (Stage, u16) {
    let server = completing(500, serve);
    let authority = Authority::new();
    let certified = authority.certify(&[NAME, "0.0.0.0", "127.0.0.1"]);
    let front = Front::before(server.port, Speaks::Http2, &certified);
    let cluster = authority.cluster(&url(front.port), more);
    (Stage::new(server).with_cluster(cluster), front.port)
}

fn by_name(_: u16) -> String {
    format!("https://{NAME}:6443")
}

/// A proxy that leads everything to one port, and what was said to it.
struct Tunnel {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Tunnel {
    fn heard(&self) -> Vec<String> {
        lock(&self.heard).clone()
    }
}

/// How a connection is led on, once the client has said where to: what it said, and whether it may.
type Greet = fn(&mut TcpStream) -> io::Result<(String, bool)>;

fn tunnel(to: u16, greet: Greet) -> Tunnel {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let heard = Arc::new(Mutex::default());
    let tunnel = Tunnel { port, heard: Arc::clone(&heard) };
    drop(thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let heard = Arc::clone(&heard);
            drop(thread::spawn(move || {
                let Ok((said, admitted)) = greet(&mut client) else { return };
                lock(&heard).push(said);
                if !admitted {
                    return;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { return };
                let (Ok(from), Ok(back)) = (client.try_clone(), server.try_clone()) else { return };
                drop(thread::spawn(move || lead(from, back)));
                lead(server, client);
            }));
        }
    }));
    tunnel
}

fn lead(mut from: TcpStream, mut to: TcpStream) {
    drop(io::copy(&mut from, &mut to));
    drop(to.shutdown(Shutdown::Write));
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// CONNECT, for those who name the user or nobody.
fn connect(client: &mut TcpStream) -> io::Result<(String, bool)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let shown = authorization(&head);
    let admitted = shown.as_deref().is_none_or(|shown| shown == basic(USER, PASSWORD));
    client.write_all(if admitted {
        b"HTTP/1.1 200 Connection established\r\n\r\n"
    } else {
        b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
    })?;
    Ok((head, admitted))
}

fn authorization(head: &str) -> Option<String> {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let field = fields.find(|(name, _)| name.eq_ignore_ascii_case("proxy-authorization"));
    field.map(|(_, value)| value.trim().to_owned())
}

/// RFC 1928 with the user and password of RFC 1929; hears `user password host port`.
fn socks(client: &mut TcpStream) -> io::Result<(String, bool)> {
    let [version, methods] = take(client)?;
    let offered = some(client, methods)?;
    assert_eq!(version, 5);
    if !offered.contains(&2) {
        client.write_all(&[5, 0xff])?;
        return Ok(("no login".to_owned(), false));
    }
    client.write_all(&[5, 2])?;
    let [_, length] = take(client)?;
    let user = text(client, length)?;
    let [length] = take(client)?;
    let password = text(client, length)?;
    client.write_all(&[1, 0])?;
    let [_, command, _, kind] = take(client)?;
    assert_eq!((command, kind), (1, 3), "a connection to a name is wanted");
    let [length] = take(client)?;
    let host = text(client, length)?;
    let port = u16::from_be_bytes(take(client)?);
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    Ok((format!("{user} {password} {host} {port}"), true))
}

fn take<const N: usize>(client: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn some(client: &mut TcpStream, length: u8) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::from(length)];
    client.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn text(client: &mut TcpStream, length: u8) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&some(client, length)?).into_owned())
}

fn passed(stage: &Stage) -> Run {
    let run = stage.guard(20);
    assert_eq!(run.code, Some(0), "{}", run.everything());
    run
}

fn no_password_in(run: &Run) {
    let everything = run.everything();
    assert!(!everything.contains(PASSWORD) && !everything.contains(ENCODED), "{everything}");
}

fn all_connected(tunnel: &Tunnel, to: &str) {
    let heard = tunnel.heard();
    assert!(!heard.is_empty(), "nothing went through the proxy");
    for head in heard {
        assert!(head.starts_with(&format!("CONNECT {to} HTTP/1.1\r\n")), "{head}");
        assert_eq!(authorization(&head), Some(basic(USER, PASSWORD)), "{head}");
    }
}

fn http_proxy() -> &'static str {
    let (stage, port) = behind_tls(by_name, "");
    let tunnel = tunnel(port, connect);
    let stage = stage.with_variable("HTTPS_PROXY", format!("http://{ENCODED}@127.0.0.1:{}", tunnel.port));
    no_password_in(&passed(&stage));
    all_connected(&tunnel, &format!("{NAME}:6443"));
    "exit 0, through the proxy and with its login"
}

fn https_proxy() -> &'static str {
    let (stage, port) = behind_tls(by_name, "");
    let tunnel = tunnel(port, connect);
    let authority = Authority::new();
    let certified = authority.certify(&["127.0.0.1"]);
    let secured = tls::before_bytes(tunnel.port, &certified);
    let trusted = stage.file("trusted.pem");
    std::fs::write(&trusted, authority.pem()).expect("a writable folder");
    let stage = stage
        .with_variable("https_proxy", format!("https://{ENCODED}@127.0.0.1:{secured}"))
        .with_variable("SSL_CERT_FILE", trusted.display().to_string());
    no_password_in(&passed(&stage));
    all_connected(&tunnel, &format!("{NAME}:6443"));
    "exit 0, through the proxy and with its login"
}

fn socks_proxy() -> &'static str {
    let (stage, port) = behind_tls(by_name, "");
    let tunnel = tunnel(port, socks);
    let stage = stage.with_variable("HTTPS_PROXY", format!("socks5://{ENCODED}@127.0.0.1:{}", tunnel.port));
    no_password_in(&passed(&stage));
    let heard = tunnel.heard();
    assert!(!heard.is_empty());
    for said in heard {
        assert_eq!(said, format!("{USER} {PASSWORD} {NAME} 6443"));
    }
    "exit 0, through the proxy and with its login; it resolves the name"
}

fn proxy_url() -> &'static str {
    let server = completing(500, serve);
    let authority = Authority::new();
    let front = Front::before(server.port, Speaks::Http2, &authority.certify(&["127.0.0.1"]));
    let (tunnel, other) = (tunnel(front.port, connect), tunnel(front.port, connect));
    let more = format!(", proxy-url: 'http://{ENCODED}@127.0.0.1:{}'", tunnel.port);
    let stage = Stage::new(server)
        .with_cluster(authority.cluster(&front.url(), &more))
        .with_variable("HTTPS_PROXY", format!("http://127.0.0.1:{}", other.port))
        .with_variable("NO_PROXY", "127.0.0.1");
    no_password_in(&passed(&stage));
    all_connected(&tunnel, &format!("127.0.0.1:{}", front.port));
    assert!(other.heard().is_empty(), "{:?}", other.heard());
    "exit 0, through the proxy of the kubeconfig"
}

/// This machine, and not one of the addresses that never go through a proxy.
fn by_address(port: u16) -> String {
    format!("https://0.0.0.0:{port}")
}

fn no_proxy() -> &'static str {
    for (around, goes_through) in [("", true), ("10.0.0.0/8,.example", true), ("10.1.1.1,0.0.0.0/8,", false)]
    {
        let (stage, port) = behind_tls(by_address, "");
        let tunnel = tunnel(port, connect);
        let stage = stage
            .with_variable("HTTPS_PROXY", format!("http://127.0.0.1:{}", tunnel.port))
            .with_variable("NO_PROXY", around);
        passed(&stage);
        assert_eq!(!tunnel.heard().is_empty(), goes_through, "NO_PROXY={around:?}: {:?}", tunnel.heard());
    }
    "exit 0, around the proxy; through it where another network is named"
}

fn proxy_gone() -> &'static str {
    // bound and not listening: nobody else gets this port meanwhile
    let taken = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    taken.bind(&any.into()).expect("a free port");
    let port = taken.local_addr().ok().and_then(|address| address.as_socket()).expect("an address").port();
    for scheme in ["http", "https", "socks5"] {
        let (stage, _) = behind_tls(by_name, "");
        let stage = stage.with_variable("HTTPS_PROXY", format!("{scheme}://{ENCODED}@127.0.0.1:{port}"));
        let run = stage.guard(3);
        assert_eq!(run.code, Some(4), "{}", run.everything());
        let wanted =
            format!("cannot reach https://{NAME}:6443 through the proxy {scheme}://127.0.0.1:{port}: ");
        assert!(run.stderr.contains(&wanted), "{wanted}\n{}", run.stderr);
        assert!(run.report.to_string().contains(&wanted), "{wanted}\n{}", run.report);
        no_password_in(&run);
        assert!(run.took < Duration::from_secs(6), "{:?}", run.took);
    }
    "exit 4, with the name of the proxy and without its password"
}

fn proxy_wants_a_login() -> &'static str {
    let (stage, port) = behind_tls(by_name, "");
    let tunnel = tunnel(port, connect);
    let stage =
        stage.with_variable("HTTPS_PROXY", format!("http://ci:wrong-5f1d7c@127.0.0.1:{}", tunnel.port));
    let run = stage.guard(3);
    assert_eq!(run.code, Some(4), "{}", run.everything());
    let wanted = format!(
        "cannot reach https://{NAME}:6443 through the proxy http://127.0.0.1:{}: the proxy wants a user and password",
        tunnel.port
    );
    assert!(run.stderr.contains(&wanted), "{wanted}\n{}", run.stderr);
    assert!(!run.everything().contains("wrong-5f1d7c"), "{}", run.everything());
    "exit 4, with the name of the proxy and without its password"
}
