//! The watch half of the machine: opening, the initial snapshot, following, and every way to lose it.

use super::patience::SHORT;
use super::{
    Class, DEGRADED_REREAD, Duration, Failure, Feed, INITIAL_SILENCE, Item, LATE_HEADERS, LONGEST_SILENCE,
    Line, Output, PATIENCE, SILENCE, Status, Watch, not_after, number,
};
use crate::planted::{self, Bug};

/// The same for a watch that brought nothing.
const SHORT_AND_EMPTY: Duration = Duration::from_secs(5);

impl<T> Watch<T> {
    pub(super) fn feed_due(&mut self, now: Duration, out: &mut Vec<Output<T>>) {
        match &mut self.feed {
            Feed::Waiting { until } if *until <= now => self.begin(now, out),
            Feed::Opening { since, initial: true, .. } if *since + INITIAL_SILENCE <= now => {
                self.lose(now, "the API server did not answer within 10 s".to_owned(), out);
                self.list_instead(now, out);
            }
            Feed::Opening { since, initial: false, late } if !*late && *since + LATE_HEADERS <= now => {
                *late = true;
                self.read_at = self.read_at.or(Some(now)).map(|at| at.min(now));
            }
            Feed::Opening { since, initial: false, .. } if *since + SILENCE <= now => {
                self.silent(now, SILENCE, out);
            }
            Feed::Following { last, .. } if *last + self.silence <= now => {
                let silence = self.silence;
                if self.pinged {
                    self.silence = (silence * 2).min(LONGEST_SILENCE);
                }
                self.silent(now, silence, out);
            }
            Feed::Initial { last, .. } if *last + INITIAL_SILENCE <= now => self.list_instead(now, out),
            _ => {}
        }
    }

    /// The watch may be dead: it goes on where it was, on another one, which brings again what was lost.
    fn silent(&mut self, now: Duration, silence: Duration, out: &mut Vec<Output<T>>) {
        let message = format!("nothing came from the API server for {} s", silence.as_secs());
        self.replace(now, message, out);
    }

    /// Gives up the watch for another one; reads that went unanswered beside it stay so.
    pub(super) fn replace(&mut self, now: Duration, message: String, out: &mut Vec<Output<T>>) {
        self.unanswered |= self.missed > 0;
        self.lose(now, message, out);
        out.push(Output::HangUp);
        self.begin(now, out);
    }

    /// A read that was begun at this time shows what the watch had shown: there was nothing to bring until then.
    pub(super) fn excuse_silence(&mut self, begun: Duration) {
        if let Feed::Following { last, .. } = &mut self.feed {
            *last = begun.max(*last);
        }
    }

    pub(super) fn opened(&mut self, now: Duration, out: &mut Vec<Output<T>>) {
        match self.feed {
            Feed::Opening { initial: true, .. } => {
                self.feed =
                    Feed::Initial { opened: now, last: now, items: std::collections::BTreeMap::new() };
            }
            Feed::Opening { since, .. } => {
                // A watch that begins right where a read has ended shows no past.
                let is_present = self.read_at_position == Some(since) && now < since + SHORT;
                self.feed = Feed::Following { opened: now, last: now, lines: false };
                self.accepted();
                // An API server behind a restored etcd accepts a version that it has not reached, and brings nothing
                // until it has.
                if self.loss.is_some() {
                    self.doubted = true;
                    let lately = self.finished_at.is_some_and(|at| now < at + DEGRADED_REREAD);
                    if self.named && !self.no_rereads && !lately {
                        self.read_at = Some(now);
                    }
                }
                if !is_present {
                    out.push(Output::Behind);
                }
                // a server whose etcd is stuck accepts watches, out of its memory
                if !self.unanswered || self.no_rereads || planted::is(Bug::TrustAccepted) {
                    self.found(out);
                }
            }
            _ => {}
        }
    }

    pub(super) fn line(&mut self, now: Duration, line: Line<T>, out: &mut Vec<Output<T>>) {
        match &mut self.feed {
            Feed::Initial { last, items, .. } => {
                *last = now;
                match line {
                    Line::Applied(item) => drop(items.insert(item.uid.clone(), item)),
                    Line::Deleted(item) => drop(items.remove(&item.uid)),
                    Line::Bookmark { resource_version, ends_initial: true } => {
                        self.initial_ended(now, &resource_version, out);
                    }
                    Line::Bookmark { .. } => {}
                    Line::Error(status) => {
                        out.push(Output::HangUp);
                        self.initial_failed(now, status, out);
                    }
                }
            }
            Feed::Following { last, lines, .. } => {
                *last = now;
                self.silence = SILENCE;
                if let Line::Error(status) = line {
                    out.push(Output::HangUp);
                    return self.feed_failed(now, &Failure::Status(status), out);
                }
                *lines = true;
                if self.unanswered && !matches!(line, Line::Bookmark { .. }) {
                    // what was written has come through etcd
                    self.unanswered = false;
                    self.found(out);
                }
                self.note_steady(now, out);
                self.changed(line, out);
            }
            _ => {}
        }
    }

    fn initial_ended(&mut self, now: Duration, resource_version: &str, out: &mut Vec<Output<T>>) {
        let Feed::Initial { opened, items, .. } = std::mem::replace(&mut self.feed, Feed::None) else {
            return;
        };
        self.accepted();
        if self.steps_back(now, resource_version, items.values(), out) {
            out.push(Output::HangUp);
            self.feed = Feed::Waiting { until: now + self.pace.next() };
            return;
        }
        self.feed = Feed::Following { opened, last: now, lines: true };
        self.position = Some(resource_version.to_owned());
        self.found(out);
        // A read that was begun later may have been answered before.
        let is_older = number(resource_version).is_some_and(|version| Some(version) < self.snapshot);
        if !is_older {
            self.show(items.into_values().collect(), resource_version, out);
        }
        self.plan_read(now);
    }

    fn initial_failed(&mut self, now: Duration, status: Status, out: &mut Vec<Output<T>>) {
        let failure = Failure::Status(status);
        match failure.class() {
            Class::Gone | Class::TooLarge | Class::Unauthorized | Class::Forbidden => {
                self.feed_failed(now, &failure, out);
            }
            _ => self.list_instead(now, out),
        }
    }

    /// The server does not stream lists, or not to us: read pages and watch from there.
    fn list_instead(&mut self, now: Duration, out: &mut Vec<Output<T>>) {
        self.streaming_list = false;
        self.position = None;
        out.push(Output::HangUp);
        self.begin(now, out);
    }

    fn changed(&mut self, line: Line<T>, out: &mut Vec<Output<T>>) {
        match line {
            Line::Applied(item) => {
                self.saw(&item.resource_version);
                self.position = Some(item.resource_version.clone());
                if !self.is_history(&item) {
                    self.known.insert(item.uid, item.resource_version);
                    out.push(Output::Applied(item.body));
                }
            }
            Line::Deleted(item) => {
                self.saw(&item.resource_version);
                self.position = Some(item.resource_version.clone());
                if !not_after(&item.resource_version, self.snapshot) {
                    self.known.remove(&item.uid);
                    out.push(Output::Deleted(item.body));
                }
            }
            Line::Bookmark { resource_version, .. } => {
                // One that has come no further says that the server is there, and nothing of its etcd.
                let further = number(&resource_version).is_none_or(|version| Some(version) > self.newest);
                self.saw(&resource_version);
                self.position = Some(resource_version);
                // A bookmark says how far this watch is. Whether the history is still the one that was shown, and
                // whether a line was lost, it does not say: where that is asked, the answer to a read decides.
                if further && (!(self.doubted || self.proves) || self.no_rereads) {
                    out.push(Output::Seen);
                }
            }
            Line::Error(_) => {}
        }
    }

    /// What a snapshot or a later line has shown already.
    fn is_history(&self, item: &Item<T>) -> bool {
        let known = self.known.get(&item.uid);
        known == Some(&item.resource_version)
            || not_after(&item.resource_version, self.snapshot)
            || not_after(&item.resource_version, known.and_then(|known| number(known)))
    }

    /// The watch was accepted.
    fn accepted(&mut self) {
        self.watching.granted();
        self.unauthorized = 0;
    }

    pub(super) fn ended(&mut self, now: Duration) {
        self.steady(now);
        match self.feed {
            Feed::Initial { .. } => {
                self.streaming_list = false;
                self.position = None;
                self.feed = Feed::Waiting { until: now };
            }
            Feed::Following { opened, lines, .. } => {
                let lived = now.saturating_sub(opened);
                let mut delay = Duration::ZERO;
                if lived < SHORT || (!lines && lived < SHORT_AND_EMPTY) {
                    if self.short == 0 {
                        self.short_since = now;
                    }
                    self.short += 1;
                    if self.short > PATIENCE && !planted::is(Bug::HotWatch) {
                        delay = self.short_pace.next();
                        let soon = now + self.substitute(now);
                        self.read_at = Some(self.read_at.map_or(soon, |at| at.min(soon)));
                    }
                } else {
                    self.short = 0;
                    self.short_pace.reset();
                }
                self.feed = Feed::Waiting { until: now + delay };
            }
            _ => self.feed = Feed::Waiting { until: now + self.pace.next() },
        }
    }

    pub(super) fn feed_failed(&mut self, now: Duration, failure: &Failure, out: &mut Vec<Output<T>>) {
        let initial = matches!(self.feed, Feed::Opening { initial: true, .. } | Feed::Initial { .. });
        self.steady(now);
        self.silence = SILENCE;
        let class = failure.class();
        if class.is_let_in() {
            self.watching.is_not_refused();
            self.unauthorized = 0;
        }
        let restart = match class {
            Class::Forbidden => {
                let worked = self.watching.has_worked();
                self.watching.may_be_a_restart(now, worked)
            }
            Class::Unauthorized | Class::NotFound | Class::Final => {
                self.watching.may_be_a_restart(now, self.listed)
            }
            _ => false,
        };
        let delay = match class {
            Class::TooLarge => {
                self.too_large += 1;
                if self.too_large > PATIENCE {
                    self.too_large = 0;
                    self.streaming_list &= !initial;
                    self.history_lost()
                } else {
                    self.delay(now, failure)
                }
            }
            Class::Unauthorized => match self.unauthorized(now, failure, restart, out) {
                Some(delay) => delay,
                None => return self.refuse(failure, "watch", out),
            },
            Class::Unsupported if initial => {
                self.streaming_list = false;
                Duration::ZERO
            }
            Class::Gone | Class::Unsupported => self.history_lost(),
            Class::Forbidden | Class::NotFound | Class::Final if restart => {
                self.lose(now, failure.message(), out);
                self.soon(now, failure)
            }
            Class::Forbidden => {
                self.polling = true;
                self.forbidden = failure.message();
                self.position = None;
                self.listing.refused_since(&self.watching);
                Duration::ZERO
            }
            Class::NotFound | Class::Final => return self.refuse(failure, "watch", out),
            Class::Transient => {
                self.watching.is_not_refused();
                self.lose(now, failure.message(), out);
                // A server that has opened a watch is there, whatever then ended it.
                let was_open = matches!(self.feed, Feed::Following { .. });
                if was_open { self.soon(now, failure) } else { self.delay(now, failure) }
            }
        };
        self.feed = Feed::Waiting { until: now + delay };
    }

    /// Reads anew: the first time at once, then with growing delays until a line has come.
    pub(super) fn history_lost(&mut self) -> Duration {
        if planted::is(Bug::NeverRelist) {
            return self.pace.next();
        }
        self.position = None;
        self.gone += 1;
        if self.gone > 1 { self.pace.next() } else { Duration::ZERO }
    }
}
