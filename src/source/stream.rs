//! Drives one list/watch machine: its calls, its timers, and what it shows.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::sync::mpsc::Sender;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::Arrival;
use super::call::{Access, JSON, Lines};
use super::failure::Failure;
use super::frame::{Decoder, Shown};
use super::pace::{self, Pace};
use super::request;
use super::watch::{Input, Output, Page, Read, Watch};
use crate::model::{Kind, Siblings};
use crate::observation::{Observed, Scope, Stream};
use crate::untrusted::Redactor;

type Call<T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;

/// What the streams of a process share.
pub(super) struct Shared {
    pub(super) access: Arc<Access>,
    pub(super) keep_raw: Option<Redactor>,
    /// Whether the server is believed to stream lists.
    pub(super) streaming_list: AtomicBool,
    pub(super) siblings: Arc<Mutex<Siblings>>,
    /// Counts how often a stream has found the way to the server again.
    pub(super) healed: watch::Sender<u64>,
}

/// The connection of the watch.
enum Feed {
    None,
    Opening(Call<Lines>),
    Open(Lines),
}

struct Driver {
    stream: Stream,
    shared: Arc<Shared>,
    arrivals: Sender<Arrival>,
    decoder: Decoder,
    feed: Feed,
    read: Option<Call<Page<Shown>>>,
    pace: Pace,
    /// Credentials that the last call was sent with, and whether they have to be renewed before the next.
    generation: Arc<AtomicU64>,
    renew: bool,
    /// Credentials are being renewed, or were when the machine was last told.
    renewing: bool,
    renewed: watch::Receiver<u64>,
    /// Somebody wants a proof that what was shown is still so.
    confirm: Arc<Notify>,
    healed: watch::Receiver<u64>,
}

/// Runs a stream until it is refused or nobody listens any more.
pub(super) async fn run(
    stream: Stream,
    shared: Arc<Shared>,
    arrivals: Sender<Arrival>,
    confirm: Arc<Notify>,
) {
    let siblings = Arc::clone(&shared.siblings);
    let decoder = Decoder { kind: stream.kind, keep_raw: shared.keep_raw.clone(), siblings };
    // A target is read anew now and then, so that no lost event can make us wait for ever.
    let shows_targets = match stream.scope {
        Scope::Name(_) => true,
        Scope::Selector(_) => false,
        Scope::All => !matches!(stream.kind, Kind::Pod | Kind::ReplicaSet | Kind::ControllerRevision),
    };
    let mut pace = Pace::new(pace::seed());
    let streaming_list = shared.streaming_list.load(Ordering::Relaxed);
    let mut machine = Watch::new(stream.kind.plural(), shows_targets, streaming_list, pace.random());
    let healed = shared.healed.subscribe();
    let renewed = shared.access.renewals();
    let mut driver = Driver {
        stream,
        shared,
        arrivals,
        decoder,
        feed: Feed::None,
        read: None,
        pace,
        generation: Arc::default(),
        renew: false,
        renewing: false,
        renewed,
        confirm,
        healed,
    };
    let begun = Instant::now();
    let mut input = Input::Time;
    loop {
        machine.streaming_list &= driver.shared.streaming_list.load(Ordering::Relaxed);
        machine.patience = driver.shared.access.patience();
        machine.pinged = driver.shared.access.is_pinged();
        let renewing = driver.shared.access.is_renewing();
        machine.renewing = std::mem::replace(&mut driver.renewing, renewing) || renewing;
        for output in machine.step(begun.elapsed(), input) {
            if !driver.carry_out(output).await {
                return;
            }
        }
        if !machine.streaming_list {
            driver.shared.streaming_list.store(false, Ordering::Relaxed);
        }
        let deadline = machine.deadline().map(|deadline| begun + deadline);
        input = driver.wait(deadline).await;
    }
}

impl Driver {
    /// Returns whether the stream goes on.
    async fn carry_out(&mut self, output: Output<Shown>) -> bool {
        let stream = self.stream.clone();
        let arrival = match output {
            Output::Watch { resource_version } => {
                self.feed = Feed::Opening(self.watch(resource_version.as_deref()));
                return true;
            }
            Output::HangUp => {
                self.feed = Feed::None;
                return true;
            }
            Output::Read(how) => {
                self.read = Some(self.read(&how));
                return true;
            }
            Output::Refresh => {
                self.renew = true;
                self.renewing = true;
                return true;
            }
            Output::Healed => {
                self.shared.healed.send_modify(|times| *times += 1);
                self.healed.mark_unchanged();
                return true;
            }
            Output::Stop => return false,
            Output::Listed(shown) => {
                let mut objects = Vec::with_capacity(shown.len());
                let mut raw = Vec::new();
                for Shown { object, raw: value } in shown {
                    objects.push(object);
                    raw.extend(value);
                }
                let listed = Observed::Listed { stream: stream.clone(), objects };
                if self.arrivals.send(Arrival { what: listed, raw }).await.is_err() {
                    return false;
                }
                Arrival { what: Observed::Seen { stream }, raw: Vec::new() }
            }
            Output::Applied(Shown { object, raw }) => {
                Arrival { what: Observed::Applied { stream, object }, raw: listed(raw) }
            }
            Output::Deleted(Shown { object, raw }) => {
                Arrival { what: Observed::Deleted { stream, object }, raw: listed(raw) }
            }
            Output::Seen => Arrival { what: Observed::Seen { stream }, raw: Vec::new() },
            Output::Behind => Arrival { what: Observed::Behind { stream }, raw: Vec::new() },
            Output::Health(health) => Arrival { what: Observed::Health { stream, health }, raw: Vec::new() },
        };
        self.arrivals.send(arrival).await.is_ok()
    }

    /// The next thing that happens; [`Input::Time`] at the deadline.
    async fn wait(&mut self, deadline: Option<Instant>) -> Input<Shown> {
        let Self { feed, read, decoder, confirm, healed, renewed, .. } = self;
        let slot = &mut *read;
        let input = tokio::select! {
            input = feed_input(feed, decoder) => return input,
            answer = async {
                match slot {
                    Some(call) => call.await,
                    None => std::future::pending().await,
                }
            } => match answer {
                Ok(page) => Input::Page(page),
                Err(failure) => Input::Unread(failure),
            },
            () = confirm.notified() => return Input::Confirm,
            Ok(()) = healed.changed() => return Input::Healed,
            Ok(()) = renewed.changed() => return Input::Time,
            () = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            } => return Input::Time,
        };
        *read = None;
        input
    }

    fn watch(&mut self, resource_version: Option<&str>) -> Call<Lines> {
        // As long as the API server itself keeps a watch open; a dead one is noticed otherwise. Spread, so that the
        // streams of many runs do not end together.
        let timeout_seconds = 1500 + self.pace.random() % 301;
        let path = request::watch(&self.stream, resource_version, timeout_seconds);
        let (access, renewal) = self.begin_call();
        Box::pin(async move {
            renewal.await?;
            let response = access.open(&path, JSON).await?;
            Ok(Lines::new(response, &access))
        })
    }

    fn read(&mut self, how: &Read) -> Call<Page<Shown>> {
        let path = request::read(&self.stream, how);
        let by_name = *how == Read::Object;
        let decoder = self.decoder.clone();
        let (access, renewal) = self.begin_call();
        Box::pin(async move {
            renewal.await?;
            let whole = access.get_in_time(&path, JSON).await?;
            if by_name { decoder.object(&whole.body) } else { decoder.page(&whole.body) }
        })
    }

    fn begin_call(&mut self) -> (Arc<Access>, impl Future<Output = Result<(), Failure>> + Send + use<>) {
        let access = Arc::clone(&self.shared.access);
        let renew = std::mem::take(&mut self.renew);
        let (shared, used) = (Arc::clone(&access), Arc::clone(&self.generation));
        let renewal = async move {
            let renewed = if renew {
                shared.renew(used.load(Ordering::Relaxed)).await
            } else {
                shared.settled().await;
                Ok(())
            };
            // only now: with these the call is sent, and they are what a refusal of it is about
            used.store(shared.generation(), Ordering::Relaxed);
            renewed
        };
        (access, renewal)
    }
}

/// The next input from the watch; for ever pending without one. May be dropped and called again.
async fn feed_input(feed: &mut Feed, decoder: &Decoder) -> Input<Shown> {
    let input = match feed {
        Feed::None => std::future::pending().await,
        Feed::Opening(call) => match call.await {
            Ok(lines) => {
                *feed = Feed::Open(lines);
                return Input::Opened;
            }
            Err(failure) => Input::Failed(failure),
        },
        Feed::Open(lines) => match lines.next().await {
            Ok(Some(line)) => match decoder.line(&line) {
                Ok(line) => return Input::Line(line),
                Err(failure) => Input::Failed(failure),
            },
            Ok(None) => Input::Ended,
            Err(failure) => Input::Failed(failure),
        },
    };
    *feed = Feed::None;
    input
}

fn listed(raw: Option<Value>) -> Vec<Value> {
    raw.into_iter().collect()
}
