//! The way between the binary and the API server, which misbehaves: a proxy that ends TLS and understands requests
//! and watch lines, or one that passes bytes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::game::PEACE;
use crate::random::Random;

/// An answer is held back for this long at most, in seconds.
pub(crate) const SLOWEST: u64 = 3;

/// What happens on the way, and what went over it.
pub(crate) struct Way {
    client: Client,
    /// Of the API server.
    api_port: u16,
    random: Mutex<Random>,
    begun: Instant,
    /// Nothing misbehaves.
    calm: bool,
    /// Seconds in which nothing gets through.
    dark: Option<(u64, u64)>,
    /// Then connections end at once; otherwise they are silent.
    refused: bool,
    /// Moments of the requests for each stream.
    requests: Mutex<BTreeMap<String, Vec<Duration>>>,
}

/// What becomes of a request.
enum Fate {
    Serve,
    Late(Duration),
    Reset,
    Answer(u16, Option<u64>),
    Garbage,
    Silence,
}

impl Way {
    pub(crate) fn new(
        (client, api_port): (Client, u16),
        seed: u64,
        calm: bool,
        dark: Option<(u64, u64)>,
        refused: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            client,
            api_port,
            random: Mutex::new(Random(seed)),
            begun: Instant::now(),
            calm,
            dark,
            refused,
            requests: Mutex::default(),
        })
    }

    /// Listens; every connection ends with the set that comes back.
    pub(crate) async fn open(self: &Arc<Self>, plain: bool) -> Result<(u16, JoinSet<()>), String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        let way = Arc::clone(self);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                let way = Arc::clone(&way);
                connections.spawn(async move {
                    if plain { way.converse(socket).await } else { way.carry(socket).await }
                });
            }
        });
        Ok((port, tasks))
    }

    /// The requests for each stream, as moments since the way was opened.
    pub(crate) fn requests(&self) -> BTreeMap<String, Vec<Duration>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn below(&self, limit: u64) -> u64 {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).below(limit)
    }

    fn is_troubled(&self) -> bool {
        !self.calm && self.begun.elapsed().as_secs() < PEACE
    }

    /// Nothing gets through while it is dark; `None`: the connection is over.
    async fn light(&self) -> Option<()> {
        if let Some((from, to)) = self.dark {
            let now = self.begun.elapsed().as_secs();
            if (from..to).contains(&now) {
                if self.refused {
                    return None;
                }
                sleep_until(self.begun + Duration::from_secs(to)).await;
            }
        }
        Some(())
    }

    // === bytes ===

    async fn carry(&self, client: TcpStream) {
        let Ok(server) = TcpStream::connect(("127.0.0.1", self.api_port)).await else { return };
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let up = async {
            let mut buffer = vec![0; 16_384];
            while let Ok(count @ 1..) = from_client.read(&mut buffer).await {
                if self.light().await.is_none() {
                    return;
                }
                if to_server.write_all(&buffer[..count]).await.is_err() {
                    break;
                }
            }
        };
        let down = async {
            let mut buffer = vec![0; 16_384];
            while let Ok(count @ 1..) = from_server.read(&mut buffer).await {
                if self.light().await.is_none() {
                    return;
                }
                let mut part = &buffer[..count];
                if self.is_troubled() {
                    match self.below(40) {
                        0 => return,
                        1 => sleep(Duration::from_millis(self.below(SLOWEST * 1000))).await,
                        2 => {
                            // cut within
                            let end = usize::try_from(self.below(part.len() as u64)).unwrap_or(0);
                            part = &part[..end];
                            drop(to_client.write_all(part).await);
                            return;
                        }
                        // a black hole that acknowledges
                        3 if self.below(3) == 0 => {
                            sleep(Duration::from_secs(30)).await;
                            return;
                        }
                        _ => {}
                    }
                }
                if to_client.write_all(part).await.is_err() {
                    break;
                }
            }
        };
        tokio::select! { () = up => {}, () = down => {} }
    }

    // === requests ===

    async fn converse(&self, mut socket: TcpStream) {
        drop(socket.set_nodelay(true));
        let mut bytes = Vec::new();
        let mut buffer = [0_u8; 4096];
        loop {
            while let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
                bytes.drain(..end + 4);
                if self.exchange(&mut socket, &head).await.is_none() {
                    return;
                }
            }
            match socket.read(&mut buffer).await {
                Ok(count @ 1..) => bytes.extend_from_slice(&buffer[..count]),
                _ => return,
            }
        }
    }

    fn note(&self, path: &str) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.entry(stream(path)).or_default().push(self.begun.elapsed());
    }

    fn fate(&self) -> Fate {
        if !self.is_troubled() {
            return Fate::Serve;
        }
        match self.below(40) {
            0 => Fate::Reset,
            1 => Fate::Answer(429, Some(self.below(4))),
            2 => Fate::Answer(503, None),
            3 => Fate::Answer(500, None),
            4 => Fate::Answer(410, None),
            5 => Fate::Answer(504, None),
            6 => Fate::Garbage,
            7 => Fate::Silence,
            8..=12 => Fate::Late(Duration::from_millis(self.below(SLOWEST * 1000))),
            _ => Fate::Serve,
        }
    }

    /// One request and its answer; `None`: the connection is over.
    async fn exchange(&self, socket: &mut TcpStream, head: &str) -> Option<()> {
        let path = head.split(' ').nth(1)?;
        self.note(path);
        self.light().await?;
        match self.fate() {
            Fate::Serve => {}
            Fate::Late(delay) => sleep(delay).await,
            Fate::Reset => return None,
            Fate::Answer(code, retry_after) => {
                let reason = if code == 410 { "Expired" } else { "" };
                let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
                    "reason": reason, "message": "made by the way"})
                .to_string();
                let retry = retry_after.map_or_else(String::new, |after| format!("Retry-After: {after}\r\n"));
                return whole(socket, code, &retry, &body).await;
            }
            Fate::Garbage => {
                return whole(socket, 200, "", "<html><body>Welcome to the balancer</body></html>").await;
            }
            Fate::Silence => {
                sleep(Duration::from_secs(20)).await;
                return None;
            }
        }
        let request = http::Request::builder()
            .uri(path)
            .header("accept", "application/json")
            .body(Body::empty())
            .ok()?;
        let answer = self.client.send(request).await.ok()?;
        let (parts, body) = answer.into_parts();
        let date = parts.headers.get("date").and_then(|date| date.to_str().ok()).unwrap_or_default();
        let head = format!(
            "HTTP/1.1 {} X\r\nContent-Type: application/json\r\nDate: {date}\r\nTransfer-Encoding: chunked\r\n\r\n",
            parts.status.as_u16()
        );
        let watch = path.contains("watch=true") || path.contains("watch=1");
        socket.write_all(head.as_bytes()).await.ok()?;
        if watch { self.lines(socket, body).await } else { self.body(socket, body).await }
    }

    async fn body(&self, socket: &mut TcpStream, mut body: Body) -> Option<()> {
        while let Some(frame) = body.frame().await {
            let data = frame.ok()?.into_data().ok()?;
            self.light().await?;
            chunk(socket, &data).await?;
        }
        socket.write_all(b"0\r\n\r\n").await.ok()
    }

    /// A watch, line by line.
    async fn lines(&self, socket: &mut TcpStream, mut body: Body) -> Option<()> {
        let mut bytes: Vec<u8> = Vec::new();
        let mut byte = [0_u8; 1];
        loop {
            // the other side may hang up while nothing comes
            let frame = tokio::select! {
                frame = body.frame() => frame,
                read = socket.read(&mut byte) => {
                    if matches!(read, Ok(0) | Err(_)) { return None }
                    continue;
                }
            };
            let Some(frame) = frame else { break };
            bytes.extend_from_slice(&frame.ok()?.into_data().ok()?);
            while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = bytes.drain(..=end).collect();
                self.line(socket, &line).await?;
            }
        }
        socket.write_all(b"0\r\n\r\n").await.ok()
    }

    async fn line(&self, socket: &mut TcpStream, line: &[u8]) -> Option<()> {
        self.light().await?;
        if self.is_troubled() {
            match self.below(60) {
                // lost
                0 => return Some(()),
                // twice
                1 => chunk(socket, line).await?,
                2 | 3 => sleep(Duration::from_millis(self.below(SLOWEST * 1000))).await,
                4 => {
                    let gone = b"{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"status\":\"Failure\",\"code\":410,\"reason\":\"Expired\",\"message\":\"too old resource version\"}}\n";
                    chunk(socket, gone).await?;
                    socket.write_all(b"0\r\n\r\n").await.ok()?;
                    return None;
                }
                5 => {
                    let end = usize::try_from(self.below(line.len() as u64)).unwrap_or(0);
                    chunk(socket, &line[..end]).await?;
                    return None;
                }
                6 => {
                    drop(socket.write_all(b"0\r\n\r\n").await);
                    return None;
                }
                // silent for a long time, and then gone
                7 if self.below(3) == 0 => {
                    sleep(Duration::from_secs(40)).await;
                    return None;
                }
                _ => {}
            }
        }
        chunk(socket, line).await
    }
}

/// What a request is for, whether it gets, lists or watches: the resource, and what of it.
fn stream(path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let value = |name: &str| {
        query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default()
    };
    let parts: Vec<&str> = path.split('/').skip_while(|part| *part != "namespaces").skip(2).collect();
    let [resource, rest @ ..] = &parts[..] else { return path.to_owned() };
    let field = value("fieldSelector").replace("%3D", "=");
    let name = field.strip_prefix("metadata.name=").unwrap_or(&field);
    format!("{resource} {}{name}{}", rest.join("/"), value("labelSelector"))
}

async fn chunk(socket: &mut TcpStream, data: &[u8]) -> Option<()> {
    if data.is_empty() {
        return Some(());
    }
    let mut part = format!("{:x}\r\n", data.len()).into_bytes();
    part.extend_from_slice(data);
    part.extend_from_slice(b"\r\n");
    socket.write_all(&part).await.ok()
}

async fn whole(socket: &mut TcpStream, code: u16, more: &str, body: &str) -> Option<()> {
    let text = format!(
        "HTTP/1.1 {code} X\r\nContent-Type: application/json\r\n{more}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(text.as_bytes()).await.ok()
}
