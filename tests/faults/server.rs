//! A scripted API server on a socket: list, watch and get as Kubernetes does them, and a script that may do
//! something else with any request.

mod watch;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::clock::Clock;
use crate::discovery::discovery;
use crate::world::World;
use watch::{Way, watch};

const TICK: Duration = Duration::from_millis(10);

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Since the first answer.
    pub(crate) at: Duration,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) head: String,
    /// How many of this kind (watch or not, and which resource) came before.
    pub(crate) before: usize,
}

impl Request {
    pub(crate) fn is_watch(&self) -> bool {
        self.path.contains("watch=true") || self.path.contains("watch=1")
    }

    pub(crate) fn of(&self, resource: &str) -> bool {
        self.resource() == resource
    }

    /// `pods`, `deployments`, …; empty for what is not of a namespace.
    fn resource(&self) -> &str {
        let path = self.path.split('?').next().unwrap_or_default();
        path.split_once("/namespaces/shop/")
            .map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default())
    }

    fn name(&self) -> Option<String> {
        let path = self.path.split('?').next().unwrap_or_default();
        let rest = path.split_once("/namespaces/shop/")?.1;
        rest.split('/').nth(1).map(str::to_owned)
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let query = self.path.split_once('?')?.1;
        let value = query.split('&').find_map(|part| part.strip_prefix(&format!("{name}=")))?;
        Some(value.replace("%3D", "=").replace("%2C", ",").replace("%2F", "/"))
    }

    fn same_kind(&self, other: &Self) -> bool {
        self.resource() == other.resource() && self.is_watch() == other.is_watch()
    }
}

/// What the script does with a request.
pub(crate) enum React {
    Serve,
    Answer(u16, &'static str, String),
    /// The whole answer, head included.
    Raw(Vec<u8>),
    /// The connection is closed without a word.
    Drop,
    /// Nothing comes, and the connection stays.
    Silence,
    /// A watch whose header is held back until its first line.
    HeldHeaders,
    /// A watch that begins and ends at once.
    EndAtOnce,
    /// A watch that brings this line and goes on in silence.
    Line(String),
    /// A watch whose body is held back until so many bytes of it are together.
    Held(usize),
    /// The beginning of an answer, and then a piece of it so many times.
    Flood(Vec<u8>, Vec<u8>, usize),
}

/// A refusal in the form of the API.
pub(crate) fn status(code: u16, reason: &'static str, message: &str) -> React {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
        "reason": reason, "message": message});
    React::Answer(code, reason, body.to_string())
}

type Script = Box<dyn Fn(&Request) -> React + Send + Sync>;

pub(crate) struct Server {
    pub(crate) port: u16,
    shared: Arc<Shared>,
    alive: Arc<()>,
}

struct Shared {
    /// Nothing stands behind it any more once the server is dropped: its threads end then.
    alive: Weak<()>,
    world: Mutex<World>,
    requests: Mutex<Vec<Request>>,
    script: Script,
    /// Since somebody was answered; not while Helm applies.
    clock: Clock,
    up: AtomicBool,
    /// Watches opened before this many were open never bring anything again.
    mute: AtomicU64,
    /// The same, but they end.
    ended: AtomicU64,
    opened: AtomicU64,
    streams_lists: AtomicBool,
    /// Added to the `Date` header.
    skew: AtomicI64,
    accepted: AtomicUsize,
    /// How many pieces of a flood were taken at most.
    flooded: AtomicUsize,
    /// Helm applies first: until it lists or watches, nothing misbehaves.
    applying: AtomicBool,
}

impl Server {
    pub(crate) fn new(world: World, script: impl Fn(&Request) -> React + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let alive = Arc::new(());
        let shared = Arc::new(Shared {
            alive: Arc::downgrade(&alive),
            world: Mutex::new(world),
            requests: Mutex::default(),
            script: Box::new(script),
            clock: Clock::default(),
            up: AtomicBool::new(true),
            mute: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            streams_lists: AtomicBool::new(true),
            skew: AtomicI64::new(0),
            accepted: AtomicUsize::new(0),
            flooded: AtomicUsize::new(0),
            applying: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        drop(thread::spawn(move || accept(port, listener, &accepting)));
        Self { port, shared, alive }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.shared.world)
    }

    /// How many connections were opened.
    pub(crate) fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// How many pieces of a flood somebody took at most before the connection was dropped.
    pub(crate) fn flooded(&self) -> usize {
        self.shared.flooded.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }

    /// Does something so long after the first answer, on a thread of its own.
    pub(crate) fn later(&self, millis: u64, act: impl FnOnce(&Self) + Send + 'static) {
        self.act(None, millis, act);
    }

    /// The same, after the first answer about pods: what they were at first has been seen.
    pub(crate) fn later_than_pods(&self, millis: u64, act: impl FnOnce(&Self) + Send + 'static) {
        self.act(Some("pods"), millis, act);
    }

    fn act(&self, after: Option<&'static str>, millis: u64, act: impl FnOnce(&Self) + Send + 'static) {
        let (port, shared, alive) = (self.port, Arc::clone(&self.shared), Arc::downgrade(&self.alive));
        drop(thread::spawn(move || {
            let due = Duration::from_millis(millis);
            while shared.applying.load(Ordering::SeqCst) || !shared.clock.has_passed(due, after) {
                if shared.is_over() {
                    return;
                }
                thread::sleep(Duration::from_millis(2));
            }
            if let Some(alive) = alive.upgrade() {
                act(&Self { port, shared, alive });
            }
        }));
    }

    /// What is written from now on changes nothing, and nothing misbehaves until the wait begins.
    pub(crate) fn applied_by_helm(&self) {
        self.shared.applying.store(true, Ordering::SeqCst);
    }

    pub(crate) fn set_up(&self, up: bool) {
        self.shared.up.store(up, Ordering::SeqCst);
        if !up {
            self.end_watches();
        }
    }

    pub(crate) fn end_watches(&self) {
        self.shared.ended.store(self.shared.opened.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Every watch that is open now stays open and brings nothing: a black hole that acknowledges.
    pub(crate) fn mute_watches(&self) {
        self.shared.mute.store(self.shared.opened.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    pub(crate) fn without_streamed_lists(self) -> Self {
        self.shared.streams_lists.store(false, Ordering::SeqCst);
        self
    }

    pub(crate) fn skewed(self, seconds: i64) -> Self {
        self.shared.skew.store(seconds, Ordering::SeqCst);
        self
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn is_over(&self) -> bool {
        self.alive.strong_count() == 0
    }
}

fn accept(port: u16, listener: TcpListener, shared: &Arc<Shared>) {
    let mut open = Some(listener);
    while !shared.is_over() {
        if !shared.up.load(Ordering::SeqCst) {
            open = None;
            thread::sleep(TICK);
            continue;
        }
        let Some(listener) = &open else {
            open = TcpListener::bind(("127.0.0.1", port)).ok();
            continue;
        };
        listener.set_nonblocking(true).expect("a socket");
        if let Ok((socket, _)) = listener.accept() {
            socket.set_nonblocking(false).expect("a socket");
            let shared = Arc::clone(shared);
            shared.accepted.fetch_add(1, Ordering::SeqCst);
            drop(thread::spawn(move || converse(socket, &shared)));
        } else {
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Requests of one connection, until something ends it.
fn converse(mut socket: TcpStream, shared: &Shared) {
    let mut bytes = Vec::new();
    let mut byte = [0_u8; 1];
    while let Ok(1) = socket.read(&mut byte) {
        bytes.push(byte[0]);
        if !bytes.ends_with(b"\r\n\r\n") {
            continue;
        }
        let head = String::from_utf8_lossy(&std::mem::take(&mut bytes)).into_owned();
        let Some(body) = body_of(&mut socket, &head) else { return };
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut request = Request { at: shared.clock.elapsed(), path, head, before: 0 };
        if request.of("secrets") {
            // where Helm keeps its releases: there are none, and what it writes has been written
            let nothing = request.head.starts_with("GET");
            let none = json!({"kind": "SecretList", "apiVersion": "v1", "items": []}).to_string();
            let sent = match request.name() {
                Some(name) if nothing => answer(404, "Not Found", &not_found("secrets", &name), shared),
                None if nothing => answer(200, "OK", &none, shared),
                _ => {
                    let kind = header(&request.head, "content-type").unwrap_or("application/json");
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
                        body.len()
                    );
                    [head.as_bytes(), &body].concat()
                }
            };
            if !send(&mut socket, &sent) {
                return;
            }
            continue;
        }
        if request.name().is_some() && shared.applying.load(Ordering::SeqCst) {
            let (code, reason, body) = serve(&request, shared);
            if !send(&mut socket, &answer(code, reason, &body, shared)) {
                return;
            }
            continue;
        }
        if !request.resource().is_empty() && shared.applying.load(Ordering::SeqCst) {
            shared.clock.begin_again();
            request.at = Duration::ZERO;
            shared.applying.store(false, Ordering::SeqCst);
        }
        {
            let mut requests = lock(&shared.requests);
            request.before = requests.iter().filter(|other| other.same_kind(&request)).count();
            requests.push(request.clone());
        }
        if !shared.up.load(Ordering::SeqCst) {
            return;
        }
        // only kubectl asks for this, before anything that is compared
        let first = request.path != "/version"
            && discovery(request.path.split('?').next().unwrap_or_default()).is_some();
        let reaction = if first { React::Serve } else { (shared.script)(&request) };
        if !matches!(reaction, React::Serve) {
            shared.clock.note(request.resource());
        }
        let go_on = match reaction {
            React::Serve if request.is_watch() => watch(&mut socket, &request, shared, &Way::Plain),
            React::HeldHeaders if request.is_watch() => {
                watch(&mut socket, &request, shared, &Way::HeldHeaders)
            }
            React::Held(bytes) if request.is_watch() => {
                watch(&mut socket, &request, shared, &Way::Held(bytes))
            }
            React::Line(line) if request.is_watch() => watch(&mut socket, &request, shared, &Way::Only(line)),
            React::EndAtOnce if request.is_watch() => {
                send(&mut socket, &stream_head(shared)) && send(&mut socket, b"0\r\n\r\n")
            }
            React::Serve | React::HeldHeaders | React::EndAtOnce | React::Held(_) | React::Line(_) => {
                let (code, reason, body) = serve(&request, shared);
                let sent = send(&mut socket, &answer(code, reason, &body, shared));
                shared.clock.note(request.resource());
                sent
            }
            React::Answer(code, reason, body) => send(&mut socket, &answer(code, reason, &body, shared)),
            React::Raw(raw) => {
                send(&mut socket, &raw);
                false
            }
            React::Flood(head, piece, times) => {
                let begun = send(&mut socket, &head);
                let taken = (0..times).take_while(|_| begun && send(&mut socket, &piece)).count();
                shared.flooded.fetch_max(taken, Ordering::SeqCst);
                false
            }
            React::Drop => false,
            React::Silence => {
                thread::sleep(Duration::from_secs(120));
                false
            }
        };
        if !go_on {
            return;
        }
    }
}

fn header<'a>(head: &'a str, wanted: &str) -> Option<&'a str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
}

/// What a PATCH or a POST brings; `None`: it did not come.
fn body_of(socket: &mut TcpStream, head: &str) -> Option<Vec<u8>> {
    let length = header(head, "content-length").and_then(|length| length.parse::<usize>().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    socket.read_exact(&mut body).ok()?;
    Some(body)
}

fn send(socket: &mut TcpStream, bytes: &[u8]) -> bool {
    socket.write_all(bytes).and_then(|()| socket.flush()).is_ok()
}

fn date(shared: &Shared) -> String {
    let skew = jiff::SignedDuration::from_secs(shared.skew.load(Ordering::SeqCst));
    (jiff::Timestamp::now() + skew).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn answer(code: u16, reason: &str, body: &str, shared: &Shared) -> Vec<u8> {
    let kind = if body.starts_with(['{', '[']) { "application/json" } else { "text/plain" };
    format!(
        "HTTP/1.1 {code} {reason}\r\nDate: {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
        date(shared),
        body.len()
    )
    .into_bytes()
}

fn stream_head(shared: &Shared) -> Vec<u8> {
    let date = date(shared);
    format!("HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        .into_bytes()
}

fn chunk(line: &str) -> Vec<u8> {
    format!("{:x}\r\n{line}\n\r\n", line.len() + 1).into_bytes()
}

/// The name that a field selector or the path asks for.
fn name_of(request: &Request) -> Option<String> {
    let selector = request.parameter("fieldSelector")?;
    selector.strip_prefix("metadata.name=").map(str::to_owned)
}

fn kind_of(resource: &str) -> (&'static str, &'static str) {
    match resource {
        "deployments" => ("apps/v1", "Deployment"),
        "replicasets" => ("apps/v1", "ReplicaSet"),
        "events" => ("v1", "Event"),
        _ => ("v1", "Pod"),
    }
}

fn serve(request: &Request, shared: &Shared) -> (u16, &'static str, String) {
    let path = request.path.split('?').next().unwrap_or_default();
    if let Some(found) = discovery(path) {
        return (200, "OK", found.to_string());
    }
    let resource = request.resource();
    let world = lock(&shared.world);
    if let Some(name) = request.name() {
        if path.ends_with("/log") {
            return (200, "OK", "the log\n".to_owned());
        }
        return match world.get(resource, &name) {
            Some(object) => (200, "OK", object.to_string()),
            None => (404, "Not Found", not_found(resource, &name)),
        };
    }
    if !matches!(resource, "deployments" | "replicasets" | "pods" | "events") {
        return (404, "Not Found", not_found(resource, ""));
    }
    let (version, kind) = kind_of(resource);
    let items = world.list(resource, name_of(request).as_deref());
    let list = json!({"apiVersion": version, "kind": format!("{kind}List"),
        "metadata": {"resourceVersion": world.version.to_string()}, "items": items});
    (200, "OK", list.to_string())
}

fn not_found(resource: &str, name: &str) -> String {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404, "reason": "NotFound",
        "message": format!("{resource} \"{name}\" not found")})
    .to_string()
}
