//! Where observations come from: a live API server.
//!
//! The only part that talks to a cluster. [`connect()`] prepares the way, [`Live`] opens a stream or fetches a fact
//! for each [`Request`], and hands out what arrives. It forms no opinion and never stamps a time: the gate does.

mod call;
mod change;
mod connect;
mod connect_error;
mod discovery;
mod endpoints;
mod exec;
pub(crate) mod failure;
mod fetch;
mod frame;
mod kubeconfig;
mod login;
mod oidc;
#[cfg(any(test, fuzzing))]
pub(crate) mod oracle;
mod pace;
mod proxy;
mod registry;
mod request;
mod retry;
#[cfg(test)]
mod scripted;
mod select;
mod stream;
mod tail;
mod transport;
mod trial;
pub(crate) mod watch;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;

pub(crate) use connect::{ConnectOptions, Connected, connect};
pub(crate) use connect_error::ConnectError;
pub(crate) use discovery::DiscoveryError;
pub(crate) use proxy::ProxySettings;
pub(crate) use registry::RegistryOptions;
pub(crate) use tail::LogFeed;

use call::Access;
use fetch::FetchSettings;
use stream::Shared;

use crate::model::{Kind, KindName};
use crate::observation::{Observed, Request, Server, Stream, Want};
use crate::untrusted::Redactor;

/// The request with which a stream begins where lists are not streamed.
#[cfg(test)]
pub(crate) fn first_read(stream: &Stream) -> String {
    request::read(stream, &watch::Read::Page { continue_token: None })
}

/// Fetches at the same time; streams have connections of their own.
const CONCURRENT_FETCHES: usize = 4;
/// Arrivals that wait for the gate before the streams wait for it too.
const WAITING_ARRIVALS: usize = 1024;

/// One fact from the cluster.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) what: Observed,
    /// The redacted JSON of the objects in `what`, in their order, if it is kept; else empty.
    pub(crate) raw: Vec<Value>,
}

/// A connection with its streams and fetches. All of them end when it is dropped.
pub(crate) struct Live {
    shared: Arc<Shared>,
    settings: FetchSettings,
    tasks: JoinSet<()>,
    permits: Arc<Semaphore>,
    /// Of their own: a registry that does not answer must not keep logs from being read.
    registry_permits: Arc<Semaphore>,
    arrivals: Sender<Arrival>,
    arrived: Receiver<Arrival>,
    streams: BTreeMap<Stream, Watched>,
    fetches: BTreeMap<Want, Fetch>,
    /// Absent: no log is followed.
    tails: Option<tail::Tails>,
    /// Whose clock is asked again, and our own.
    clock: Option<(Server, fn() -> Timestamp)>,
}

/// An open stream, and when it last proved that it shows what is there.
struct Watched {
    proved: Instant,
    /// When it was last seen as a whole.
    seen: Instant,
    /// What it shows may be history: only a proof proves.
    behind: bool,
    confirm: Arc<Notify>,
}

/// The state of a want that is fetched.
#[derive(Clone, Copy, Debug)]
enum Fetch {
    Under,
    AnsweredAt(Instant),
}

impl Live {
    fn new(access: Arc<Access>, keep_raw: Option<Redactor>, settings: FetchSettings) -> Self {
        let (arrivals, arrived) = mpsc::channel(WAITING_ARRIVALS);
        Self {
            shared: Arc::new(Shared {
                access,
                keep_raw,
                streaming_list: AtomicBool::new(true),
                siblings: Arc::default(),
                healed: tokio::sync::watch::Sender::new(0),
            }),
            settings,
            tasks: JoinSet::new(),
            permits: Arc::new(Semaphore::new(CONCURRENT_FETCHES)),
            registry_permits: Arc::new(Semaphore::new(CONCURRENT_FETCHES)),
            arrivals,
            arrived,
            streams: BTreeMap::new(),
            fetches: BTreeMap::new(),
            tails: None,
            clock: None,
        }
    }

    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        // what has ended is forgotten
        while self.tasks.try_join_next().is_some() {}
        drop(self.tasks.spawn(task));
    }

    /// Sees to it that a want is answered; asking again costs nothing. A stream is opened once, and asked for a
    /// proof when its last one is older than the request allows. Anything else is
    /// fetched when it has never been asked for, or when its last answer is older than the request allows.
    pub(crate) fn ask(&mut self, request: &Request) {
        let Request { want, refresh, anew } = request;
        if let Want::Watch(stream) = want {
            self.watch(stream, *refresh, *anew);
            return;
        }
        let due = match (self.fetches.get(want), refresh) {
            (None, _) => true,
            (Some(Fetch::AnsweredAt(at)), Some(refresh)) => at.elapsed() >= *refresh,
            (Some(Fetch::AnsweredAt(_) | Fetch::Under), _) => false,
        };
        if due {
            self.fetches.insert(want.clone(), Fetch::Under);
            self.fetch(want.clone());
        }
    }

    fn watch(&mut self, stream: &Stream, fresh: Option<Duration>, anew: bool) {
        match (self.streams.get(stream), fresh) {
            (Some(watched), Some(fresh)) => {
                let last = if anew { watched.seen } else { watched.proved };
                if last.elapsed() >= fresh {
                    watched.confirm.notify_one();
                }
            }
            (Some(_), _) => {}
            (None, _) => {
                let now = Instant::now();
                let watched = Watched { proved: now, seen: now, behind: false, confirm: Arc::default() };
                let confirm = Arc::clone(&watched.confirm);
                self.streams.insert(stream.clone(), watched);
                let (shared, arrivals) = (Arc::clone(&self.shared), self.arrivals.clone());
                self.spawn(stream::run(stream.clone(), shared, arrivals, confirm));
            }
        }
    }

    fn fetch(&mut self, want: Want) {
        let permits = match &want {
            Want::Registry(_) => Arc::clone(&self.registry_permits),
            _ => Arc::clone(&self.permits),
        };
        let shared = Arc::clone(&self.shared);
        let arrivals = self.arrivals.clone();
        let settings = self.settings;
        self.spawn(async move {
            let permit = permits.acquire_owned().await;
            let answer = fetch::answer(&want, &shared.access, settings).await;
            drop(permit);
            let arrival = Arrival { what: Observed::Answered { want, answer }, raw: Vec::new() };
            drop(arrivals.send(arrival).await);
        });
    }

    /// What a type is that only the server knows. What heals is asked again until `ends`.
    ///
    /// # Errors
    /// The server has no such type, or nothing can be waited for in it, or it does not answer.
    pub(crate) async fn discover(&self, name: &KindName, ends: Instant) -> Result<Kind, DiscoveryError> {
        discovery::discover(name, &self.shared.access, ends).await
    }

    /// The next fact. May be dropped and called again; pending for as long as nothing happens.
    pub(crate) async fn next(&mut self) -> Arrival {
        match self.arrived.recv().await {
            Some(arrival) => self.note(arrival),
            // cannot be: a sender is kept here
            None => std::future::pending().await,
        }
    }

    /// A fact that has arrived already, so that a burst can be taken in before it is judged.
    pub(crate) fn try_next(&mut self) -> Option<Arrival> {
        self.arrived.try_recv().ok().map(|arrival| self.note(arrival))
    }

    fn note(&mut self, arrival: Arrival) -> Arrival {
        match &arrival.what {
            Observed::Answered { want, .. } => {
                self.fetches.insert(want.clone(), Fetch::AnsweredAt(Instant::now()));
            }
            Observed::Seen { stream } => {
                if let Some(watched) = self.streams.get_mut(stream) {
                    watched.proved = Instant::now();
                    watched.seen = watched.proved;
                    watched.behind = false;
                }
            }
            Observed::Behind { stream } => {
                if let Some(watched) = self.streams.get_mut(stream) {
                    watched.behind = true;
                }
            }
            Observed::Applied { stream, .. } | Observed::Deleted { stream, .. } => {
                if let Some(watched) = self.streams.get_mut(stream).filter(|watched| !watched.behind) {
                    watched.proved = Instant::now();
                }
            }
            _ => {}
        }
        arrival
    }
}
