//! Following logs, on the connection for logs. A log that comes faster than it is taken loses lines; it never waits,
//! since a body that nobody reads would hold up the other logs of the connection.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::AbortHandle;

use super::Live;
use super::call::{Access, LONGEST_LOG};
use super::failure::{Class, Failure};
use super::request;
use crate::model::Kind;
use crate::observation::{LogNews, Tail};

/// Logs that are followed at the same time.
const MOST: usize = 8;
/// Lives of containers that are followed in one run.
const MOST_LIVES: usize = 500;
/// Lines that wait to be shown.
const WAITING: usize = 512;
/// Bytes of one life of a container.
const BYTES: u32 = 256 << 10;
/// Lines from before we looked.
const BEFORE: u32 = 10;

/// The logs under way.
pub(super) struct Tails {
    /// Every life that was ever followed; none is followed twice.
    known: BTreeMap<Tail, AbortHandle>,
    sink: Sink,
    feed: Option<LogFeed>,
}

#[derive(Clone)]
struct Sink {
    news: Sender<LogNews>,
    lost: Arc<AtomicU64>,
    refused: Arc<AtomicBool>,
}

/// What arrives from all logs together.
pub(crate) struct LogFeed {
    news: Receiver<LogNews>,
    lost: Arc<AtomicU64>,
}

impl Sink {
    fn say(&self, news: LogNews) {
        if self.news.try_send(news).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Tails {
    fn new() -> Self {
        let (news, receiver) = mpsc::channel(WAITING);
        let lost = Arc::<AtomicU64>::default();
        let feed = LogFeed { news: receiver, lost: Arc::clone(&lost) };
        let sink = Sink { news, lost, refused: Arc::default() };
        Self { known: BTreeMap::new(), sink, feed: Some(feed) }
    }
}

impl LogFeed {
    /// The next line. May be dropped and called again; pending for as long as there is none.
    async fn next(&mut self) -> LogNews {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            return LogNews::Lost(lost);
        }
        match self.news.recv().await {
            Some(news) => news,
            None => std::future::pending().await,
        }
    }

    /// The same, pending for ever where no log is followed.
    pub(crate) async fn next_of(feed: &mut Option<Self>) -> LogNews {
        match feed {
            Some(feed) => feed.next().await,
            None => std::future::pending().await,
        }
    }
}

impl Live {
    /// From now on logs are followed where [`Self::follow`] asks for it.
    pub(crate) fn allow_following(&mut self) {
        self.tails = Some(Tails::new());
    }

    /// What the logs bring, for whoever asks first.
    pub(crate) fn log_feed(&mut self) -> Option<LogFeed> {
        self.tails.as_mut()?.feed.take()
    }

    /// Whether anybody wants to see logs, and may.
    pub(crate) fn follows(&self) -> bool {
        self.tails.as_ref().is_some_and(|tails| !tails.sink.refused.load(Ordering::Relaxed))
    }

    /// Follows these logs and no others, the first of them where they are too many.
    pub(crate) fn follow(&mut self, wanted: &[Tail]) {
        let Some(tails) = &mut self.tails else { return };
        for (tail, task) in &tails.known {
            if !wanted.contains(tail) {
                task.abort();
            }
        }
        let mut under_way = tails.known.values().filter(|task| !task.is_finished()).count();
        for tail in wanted {
            if under_way >= MOST || tails.known.len() >= MOST_LIVES {
                return;
            }
            if !tails.known.contains_key(tail) {
                let task = run(tail.clone(), Arc::clone(&self.shared.access), tails.sink.clone());
                tails.known.insert(tail.clone(), self.tasks.spawn(task));
                under_way += 1;
            }
        }
    }
}

async fn run(tail: Tail, access: Arc<Access>, sink: Sink) {
    if let Err(failure) = follow(&tail, &access, &sink).await {
        tracing::debug!("the log of {}/{} ends: {}", tail.pod, tail.container, failure.message());
        // Said once, whatever the number of pods.
        if failure.class() == Class::Forbidden && !sink.refused.swap(true, Ordering::Relaxed) {
            sink.say(LogNews::Refused(failure.message()));
        }
    }
}

async fn follow(tail: &Tail, access: &Access, sink: &Sink) -> Result<(), Failure> {
    let (before, bytes) = (BEFORE.to_string(), BYTES.to_string());
    let path = format!("{}/log", request::path(Kind::Pod, &tail.namespace, Some(&tail.pod)));
    let parameters = [
        ("container", tail.container.as_str()),
        ("follow", "true"),
        ("tailLines", before.as_str()),
        ("limitBytes", bytes.as_str()),
    ];
    let mut lines = access.open_log(&request::query(path, &parameters)).await?;
    let mut bytes = 0;
    while let Some(line) = lines.next().await?.filter(|_| bytes < LONGEST_LOG) {
        bytes += line.len() + 1;
        let text = super::fetch::log_line(&String::from_utf8_lossy(&line));
        sink.say(LogNews::Line { pod: tail.pod.clone(), container: tail.container.clone(), text });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn futures_now<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(future)
    }

    #[test]
    fn what_nobody_takes_is_counted_and_holds_nothing_up() {
        let mut tails = Tails::new();
        let line = |n: usize| LogNews::Line { pod: "p".into(), container: "c".into(), text: n.to_string() };
        for n in 0..WAITING + 7 {
            tails.sink.say(line(n));
        }
        let mut feed = tails.feed.take().unwrap();
        let mut next = || futures_now(feed.next());
        assert_eq!(next(), LogNews::Lost(7));
        assert_eq!(next(), line(0));
    }
}
