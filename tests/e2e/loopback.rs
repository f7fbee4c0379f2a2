//! Servers that the suite itself runs on this machine: registries that answer as a broken one does, and an admission
//! webhook. A node of `tests/cluster` shares this machine's addresses; elsewhere the cases that need them are skipped.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{IpAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::cluster::call;

/// The servers, each with the placeholder that stands for it in a case.
pub(crate) struct Servers {
    placeholders: Vec<(&'static str, String)>,
}

/// What is asked, as far as a server here looks at it.
struct Asked {
    path: String,
    body: Vec<u8>,
}

/// Status line and JSON body.
type Answer = (&'static str, Value);

impl Servers {
    /// Starts all of them. `node` is an address of the node that is not a loopback one, because a container runtime
    /// speaks plain HTTP to those.
    pub(crate) fn start(node: &str) -> Result<Self, String> {
        let node: IpAddr = node.parse().map_err(|_| format!("{node} is no address"))?;
        let loopback = IpAddr::from([127, 0, 0, 1]);
        let (tls, certificate) = certificate(&[loopback, node])?;
        let limited = serve(loopback, None, |_| rate_limited())?;
        let strange = serve(loopback, None, |_| ("418 I'm a teapot", json!({})))?;
        let plain = serve(node, None, |_| ("200 OK", json!({})))?;
        let untrusted = serve(node, Some(Arc::clone(&tls)), |_| ("200 OK", json!({})))?;
        let webhook = serve(loopback, Some(tls), review)?;
        Ok(Self {
            placeholders: vec![
                ("$LIMITED", format!("localhost:{limited}")),
                ("$STRANGE", format!("localhost:{strange}")),
                ("$PLAIN", format!("{node}:{plain}")),
                ("$UNTRUSTED", format!("{node}:{untrusted}")),
                ("$WEBHOOK", format!("https://127.0.0.1:{webhook}")),
                ("$CA", BASE64.encode(certificate)),
            ],
        })
    }

    pub(crate) fn fill(&self, text: String) -> String {
        self.placeholders.iter().fold(text, |text, (name, value)| text.replace(name, value))
    }
}

/// What Docker Hub says to whoever has pulled too much.
fn rate_limited() -> Answer {
    let message =
        "You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit";
    ("429 Too Many Requests", json!({"errors": [{"code": "TOOMANYREQUESTS", "message": message}]}))
}

/// An admission review, by its path: `/deny` refuses, `/spoil` lets pass what no API server accepts, `/allow` allows.
fn review(asked: &Asked) -> Answer {
    let request: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let uid = request.pointer("/request/uid").cloned().unwrap_or_default();
    let mut response = json!({"uid": uid, "allowed": true});
    if asked.path.starts_with("/deny") {
        response = json!({"uid": uid, "allowed": false,
            "status": {"code": 403, "message": "image of container app has no signature"}});
    } else if asked.path.starts_with("/spoil") {
        let patch = json!([{"op": "replace", "path": "/spec/restartPolicy", "value": "Sometimes"}]);
        response = json!({"uid": uid, "allowed": true, "patchType": "JSONPatch",
            "patch": BASE64.encode(patch.to_string())});
    }
    let version = "admission.k8s.io/v1";
    ("200 OK", json!({"apiVersion": version, "kind": "AdmissionReview", "response": response}))
}

/// A certificate of its own for these addresses, and its text.
fn certificate(addresses: &[IpAddr]) -> Result<(Arc<ServerConfig>, String), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (key, certificate) = (folder.path().join("key"), folder.path().join("certificate"));
    let names: Vec<String> = addresses.iter().map(|address| format!("IP:{address}")).collect();
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
    command.args(["-days", "2", "-subj", "/CN=rollout-guard tests", "-addext"]);
    command.arg(format!("subjectAltName={}", names.join(","))).arg("-keyout").arg(&key);
    call(command.arg("-out").arg(&certificate), "")?;
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|error| error.to_string());
    let der = |text: &str| pem::parse(text).map(pem::Pem::into_contents).map_err(|error| error.to_string());
    let text = read(&certificate)?;
    let chain = vec![CertificateDer::from(der(&text)?)];
    let key = PrivateKeyDer::try_from(der(&read(&key)?)?).map_err(ToOwned::to_owned)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| error.to_string())?;
    Ok((Arc::new(config), text))
}

/// Answers every request on a free port, until the suite ends.
fn serve(
    address: IpAddr,
    tls: Option<Arc<ServerConfig>>,
    answer: fn(&Asked) -> Answer,
) -> Result<u16, String> {
    let listener = TcpListener::bind((address, 0)).map_err(|error| format!("{address}: {error}"))?;
    let port = listener.local_addr().map_err(|error| error.to_string())?.port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let tls = tls.clone();
            thread::spawn(move || match tls {
                None => exchange(client, answer),
                Some(tls) => {
                    let connection = ServerConnection::new(tls).map_err(io::Error::other)?;
                    exchange(StreamOwned::new(connection, client), answer)
                }
            });
        }
    });
    Ok(port)
}

/// One request and its answer; then the connection is closed.
fn exchange(mut stream: impl Read + Write, answer: fn(&Asked) -> Answer) -> io::Result<()> {
    let mut reader = BufReader::new(&mut stream);
    let mut line = String::new();
    // What is no text is a greeting of TLS. Every HTTP server answers it in the clear.
    if reader.read_line(&mut line).is_err() {
        return stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    }
    let mut words = line.split_whitespace();
    let head = words.next() == Some("HEAD");
    let path = words.next().unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let (status, body) = answer(&Asked { path, body });
    let body = body.to_string();
    let shown = if head { "" } else { body.as_str() };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{shown}",
        body.len()
    )?;
    stream.flush()
}
