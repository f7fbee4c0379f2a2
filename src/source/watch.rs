//! The list/watch state machine, without input or output: what to ask the server next, and what to show.
//!
//! Time comes in with each step, so that every fault can be played in a test. The first read is consistent
//! (never `resourceVersion=0`, which may be stale), any loss of history leads to one new consistent read, and
//! nothing can make it ask without pause. kube-runtime's watcher is not used: it never reads anew after a 410
//! by HTTP status, and it repeats without delay a watch that ends at once.

mod feed;
#[cfg(test)]
mod histories;
mod patience;
#[cfg(test)]
mod proofs;
mod read;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod silence;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use super::failure::{Class, Failure, LONGEST_RETRY_AFTER, Status};
use super::pace::Pace;
use crate::observation::StreamHealth;
use crate::planted::{self, Bug};
use patience::Permission;

/// Without an end bookmark in this time after the last item, the server does not stream lists.
const INITIAL_SILENCE: Duration = Duration::from_secs(10);
/// Bookmarks come about every 60 s where anything happens at all; a watch silent for longer than this may be dead, unless
/// a read shows that there was nothing to tell.
const SILENCE: Duration = Duration::from_secs(90);
/// Where nothing happens no bookmarks come either. A watch that was opened anew and is as silent as the one before is
/// given twice its time, up to this.
const LONGEST_SILENCE: Duration = Duration::from_secs(720);
/// An answer to a watch that comes later than this is being held back on the way.
const LATE_HEADERS: Duration = Duration::from_secs(10);
/// A loss shorter than this is not worth a word.
const UNTOLD_LOSS: Duration = Duration::from_secs(2);
/// Named objects are read anew at this interval, so that a lost event cannot make us wait for ever.
const REREAD: Duration = Duration::from_secs(60);
/// The same over HTTP/1.1, where no ping notices that a connection is dead though its host acknowledges.
const UNPINGED_REREAD: Duration = Duration::from_secs(15);
/// The same where there is no watch that can be relied on.
const DEGRADED_REREAD: Duration = Duration::from_secs(10);
/// Proofs are asked for at this interval at most, however often somebody wants one.
const CONFIRM_PAUSE: Duration = Duration::from_secs(1);
/// Repetitions before a delay.
const PATIENCE: u32 = 3;

/// An object as the machine needs it; `body` is what is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item<T> {
    pub(crate) uid: String,
    pub(crate) resource_version: String,
    pub(crate) body: T,
}

/// What happened.
#[derive(Clone, Debug)]
pub(crate) enum Input<T> {
    /// Nothing but time; also the first step.
    Time,
    /// Somebody is about to rest a decision on what was shown: prove that it is still so.
    Confirm,
    /// Another stream has found the way back to the server.
    Healed,
    /// The watch was accepted.
    Opened,
    /// A line of the watch.
    Line(Line<T>),
    /// The watch ended in good order.
    Ended,
    /// The watch failed.
    Failed(Failure),
    /// A page of a read.
    Page(Page<T>),
    /// The read failed.
    Unread(Failure),
}

/// A line of a watch.
#[derive(Clone, Debug)]
pub(crate) enum Line<T> {
    Applied(Item<T>),
    Deleted(Item<T>),
    Bookmark { resource_version: String, ends_initial: bool },
    Error(Status),
}

/// A page of a list, or the one object of a GET.
#[derive(Clone, Debug)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<Item<T>>,
    pub(crate) resource_version: String,
    pub(crate) continue_token: Option<String>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Output<T> {
    /// Open a watch in place of any other: from a version, or with a consistent snapshot first.
    Watch {
        resource_version: Option<String>,
    },
    /// Close the watch.
    HangUp,
    /// Read beside the watch, consistently.
    Read(Read),
    /// Renew the credentials before the next call.
    Refresh,
    Listed(Vec<T>),
    Applied(T),
    Deleted(T),
    Health(StreamHealth),
    /// The way to the server was lost and is there again: whoever waits to try it may.
    Healed,
    /// What was shown is what is there, at this moment.
    Seen,
    /// What is shown now may be what happened while there was no watch.
    Behind,
    /// Nothing more will come of this stream.
    Stop,
}

/// How to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    Page {
        continue_token: Option<String>,
    },
    /// GET by name, where lists are forbidden.
    Object,
}

/// The connection that brings changes.
#[derive(Debug)]
enum Feed<T> {
    /// None: a snapshot has to be read first, or there is only polling.
    None,
    Waiting {
        until: Duration,
    },
    Opening {
        since: Duration,
        initial: bool,
        late: bool,
    },
    /// Collecting the snapshot that a streaming list begins with.
    Initial {
        opened: Duration,
        last: Duration,
        items: BTreeMap<String, Item<T>>,
    },
    Following {
        opened: Duration,
        last: Duration,
        lines: bool,
    },
}

#[derive(Debug)]
struct Loss {
    since: Duration,
    message: String,
    told: bool,
}

/// The state of one stream.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "what has been learnt of a server, each by itself")]
pub(crate) struct Watch<T> {
    /// Shows one object, by name.
    named: bool,
    /// `pods`, for refusals.
    plural: &'static str,
    /// Whether the server is believed to stream lists; shared by all streams through whoever drives this.
    pub(crate) streaming_list: bool,
    /// Whether pings notice a dead connection; set by whoever drives this.
    pub(crate) pinged: bool,
    /// Whether credentials are being renewed, for which calls wait; set by whoever drives this.
    pub(crate) renewing: bool,
    /// No server makes us wait longer than this; set by whoever drives this, from the time that is left.
    pub(crate) patience: Duration,
    feed: Feed<T>,
    /// How long the watch may be silent.
    silence: Duration,
    /// What has been read so far, while a read is under way.
    reading: Option<Vec<Item<T>>>,
    read_at: Option<Duration>,
    read_begun: Duration,
    /// The newest version seen when the read under way, or the watch that begins with a snapshot, was begun: no
    /// consistent answer is older.
    floor: Option<u64>,
    /// The newest version that this stream has ever shown.
    newest: Option<u64>,
    /// Consistent answers in a row that were older than what had been seen before they were asked for.
    behind: u32,
    confirmed_at: Option<Duration>,
    /// When a read was last answered.
    finished_at: Option<Duration>,
    /// The read under way, or about to begin, is that proof.
    proves: bool,
    /// When the read ended whose end is where the watch begins.
    read_at_position: Option<Duration>,
    /// The watch was opened where another was lost: only a read tells whether its server has the same history.
    doubted: bool,
    /// Lists are forbidden, GET may not be.
    by_name: bool,
    /// Reading beside a working watch is forbidden.
    no_rereads: bool,
    /// Watching is forbidden: poll. In the words of the server.
    polling: bool,
    forbidden: String,
    /// Version of each object shown, by uid.
    known: BTreeMap<String, String>,
    listed: bool,
    /// Version of the last snapshot: older lines are history that it contains.
    snapshot: Option<u64>,
    /// Where a new watch goes on; `None`: a snapshot is needed first.
    position: Option<String>,
    pace: Pace,
    short_pace: Pace,
    /// Watches in a row that ended at once, and when the first of them did.
    short: u32,
    short_since: Duration,
    gone: u32,
    too_large: u32,
    /// Answers of 401 in a row, and when one of them was first met by new credentials.
    unauthorized: u32,
    renewed_at: Option<Duration>,
    /// What has been allowed so far, and since when it is refused.
    watching: Permission,
    listing: Permission,
    /// Reads in a row that were not answered, and what became of the last one.
    missed: u32,
    unread: String,
    /// The loss is one of reads: only an answer to one heals it, or news.
    unanswered: bool,
    /// The server asked not to be called before this.
    not_before: Option<Duration>,
    /// When a wait was last cut short because another stream had found the way.
    woken_at: Option<Duration>,
    health: Option<StreamHealth>,
    loss: Option<Loss>,
    stopped: bool,
}

impl<T> Watch<T> {
    /// A stream that has not begun; the first step, with [`Input::Time`], begins it.
    pub(crate) fn new(plural: &'static str, named: bool, streaming_list: bool, seed: u64) -> Self {
        Self {
            named,
            plural,
            streaming_list,
            pinged: true,
            renewing: false,
            patience: LONGEST_RETRY_AFTER,
            feed: Feed::Waiting { until: Duration::ZERO },
            silence: SILENCE,
            reading: None,
            read_at: None,
            read_begun: Duration::ZERO,
            floor: None,
            newest: None,
            behind: 0,
            confirmed_at: None,
            finished_at: None,
            proves: false,
            read_at_position: None,
            doubted: false,
            by_name: false,
            no_rereads: false,
            polling: false,
            forbidden: String::new(),
            known: BTreeMap::new(),
            listed: false,
            snapshot: None,
            position: None,
            pace: Pace::new(seed),
            short_pace: Pace::new(!seed),
            short: 0,
            short_since: Duration::ZERO,
            gone: 0,
            too_large: 0,
            unauthorized: 0,
            renewed_at: None,
            watching: Permission::default(),
            listing: Permission::default(),
            missed: 0,
            unread: String::new(),
            unanswered: false,
            not_before: None,
            woken_at: None,
            health: None,
            loss: None,
            stopped: false,
        }
    }

    /// Takes in what happened and says what to do, in order.
    pub(crate) fn step(&mut self, now: Duration, input: Input<T>) -> Vec<Output<T>> {
        let mut out = Vec::new();
        if self.stopped {
            return out;
        }
        if self.renewing
            && let Feed::Opening { since, initial: true, .. } = &mut self.feed
        {
            // it has not been sent yet
            *since = now;
        }
        match input {
            Input::Time => {}
            Input::Confirm => self.confirm(now, &mut out),
            Input::Healed => self.healed(now),
            Input::Opened => self.opened(now, &mut out),
            Input::Line(line) => self.line(now, line, &mut out),
            Input::Ended => self.ended(now),
            Input::Failed(failure) => self.feed_failed(now, &failure, &mut out),
            Input::Page(page) => self.page(now, page, &mut out),
            Input::Unread(failure) => self.read_failed(now, &failure, &mut out),
        }
        if !self.stopped {
            self.due(now, &mut out);
        }
        out
    }

    /// When [`Input::Time`] is needed, if nothing else happens before.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        if self.stopped {
            return None;
        }
        let feed = match &self.feed {
            Feed::None => None,
            Feed::Waiting { until } => Some(*until),
            Feed::Opening { since, initial: true, .. } => Some(*since + INITIAL_SILENCE),
            Feed::Opening { since, late: false, .. } => Some(*since + LATE_HEADERS),
            Feed::Opening { since, .. } => Some(*since + SILENCE),
            Feed::Initial { last, .. } => Some(*last + INITIAL_SILENCE),
            Feed::Following { last, .. } => Some(*last + self.silence),
        };
        let read = if self.reading.is_none() { self.read_at } else { None };
        let word = self.loss.as_ref().filter(|loss| !loss.told).map(|loss| loss.since + UNTOLD_LOSS);
        [feed, read, word].into_iter().flatten().min()
    }

    /// Everything that time alone brings about.
    fn due(&mut self, now: Duration, out: &mut Vec<Output<T>>) {
        self.feed_due(now, out);
        if let Some(loss) = &mut self.loss
            && !loss.told
            && loss.since + UNTOLD_LOSS <= now
        {
            loss.told = true;
            let message = loss.message.clone();
            self.tell(StreamHealth::Interrupted { message }, out);
        }
        if self.reading.is_none() && self.read_at.is_some_and(|at| at <= now) {
            self.read(now, out);
        }
    }

    /// Begins a watch, or the read that has to come first.
    fn begin(&mut self, now: Duration, out: &mut Vec<Output<T>>) {
        if self.polling {
            self.need_snapshot(now);
        } else if self.position.is_some() || self.streaming_list {
            let resource_version = self.position.clone();
            self.floor = self.newest;
            self.feed = Feed::Opening { since: now, initial: resource_version.is_none(), late: false };
            out.push(Output::Watch { resource_version });
        } else {
            self.need_snapshot(now);
        }
    }

    /// Nothing goes on before a read that begins now; one under way began too early.
    fn need_snapshot(&mut self, now: Duration) {
        self.feed = Feed::None;
        self.reading = None;
        self.read_at = Some(now);
    }

    /// The connection is lost. Said at once if we have never seen anything, else after two seconds.
    fn lose(&mut self, now: Duration, message: String, out: &mut Vec<Output<T>>) {
        let (since, told) = self.loss.as_ref().map_or((now, !self.listed), |loss| (loss.since, loss.told));
        self.loss = Some(Loss { since, message: message.clone(), told });
        if told {
            self.tell(StreamHealth::Interrupted { message }, out);
        }
    }

    /// We see what is there.
    fn found(&mut self, out: &mut Vec<Output<T>>) {
        if self.loss.take().is_some() {
            out.push(Output::Healed);
        }
        let health = if self.polling {
            StreamHealth::Polled { message: self.forbidden.clone() }
        } else if self.short > PATIENCE {
            StreamHealth::Polled { message: "each watch ended as soon as it was open".to_owned() }
        } else {
            StreamHealth::Live
        };
        self.tell(health, out);
    }

    fn refuse(&mut self, failure: &Failure, verb: &str, out: &mut Vec<Output<T>>) {
        let refusal = failure.refusal(format!("{verb} {}", self.plural));
        self.tell(StreamHealth::Refused(refusal), out);
        self.feed = Feed::None;
        self.reading = None;
        self.read_at = None;
        self.loss = None;
        self.stopped = true;
        out.push(Output::Stop);
    }

    fn tell(&mut self, health: StreamHealth, out: &mut Vec<Output<T>>) {
        if self.health.as_ref() != Some(&health) {
            out.push(Output::Health(health.clone()));
            self.health = Some(health);
        }
    }

    /// Whether a consistent answer is older than what was seen before it was asked for: as a whole, or in one of its
    /// objects, where the history that the server has now is the longer one. The first times it is asked for again;
    /// when the server insists, nothing it says can be put in order with what it said before.
    fn steps_back<'a>(
        &mut self,
        now: Duration,
        resource_version: &str,
        mut items: impl Iterator<Item = &'a Item<T>>,
        out: &mut Vec<Output<T>>,
    ) -> bool
    where
        T: 'a,
    {
        let Some(floor) = self.floor else { return false };
        // The version of a single object says nothing of the others.
        let whole = number(resource_version).filter(|_| !self.by_name).map(|version| (floor, version));
        let older = |(before, after): &(u64, u64)| after < before;
        let step = whole.filter(older).or_else(|| {
            items.find_map(|item| {
                let known = self.known.get(&item.uid).and_then(|known| number(known))?;
                // what came after the question may be newer than the answer
                Some((known, number(&item.resource_version)?)).filter(|_| known <= floor).filter(older)
            })
        });
        let Some((before, after)) = step.filter(|_| !planted::is(Bug::FollowHistoryBack)) else {
            self.behind = 0;
            return false;
        };
        self.behind += 1;
        let message = format!(
            "its history moved back from resource version {before} to {after}, as after etcd was restored from a backup"
        );
        if self.behind >= PATIENCE {
            self.refuse(&Failure::Transport { message, heals: false }, "watch", out);
        } else {
            self.lose(now, message, out);
        }
        true
    }

    /// A version that the server has shown.
    fn saw(&mut self, resource_version: &str) {
        self.newest = self.newest.max(number(resource_version));
    }

    /// There is no watch that can be relied on.
    fn degraded(&self) -> bool {
        self.polling || self.short > PATIENCE || matches!(self.feed, Feed::Opening { late: true, .. })
    }
}

/// Versions are numbers since 1.35 by promise, and in every server before by practice.
fn number(resource_version: &str) -> Option<u64> {
    resource_version.parse().ok()
}

/// Whether one version is known to be at or before the other.
fn not_after(version: &str, other: Option<u64>) -> bool {
    matches!((number(version), other), (Some(version), Some(other)) if version <= other)
}
