//! The reading half of the machine: snapshots by page, polling, and the slow second look at named objects.

use super::patience::SHORT;
use super::{
    CONFIRM_PAUSE, Class, DEGRADED_REREAD, Duration, Failure, Feed, Item, Output, PATIENCE, Page, REREAD,
    Read, UNPINGED_REREAD, Watch, not_after, number,
};
use crate::planted::{self, Bug};

impl<T> Watch<T> {
    pub(super) fn read(&mut self, now: Duration, out: &mut Vec<Output<T>>) {
        self.reading = Some(Vec::new());
        self.read_at = None;
        self.read_begun = now;
        self.floor = self.newest;
        out.push(Output::Read(if self.by_name { Read::Object } else { Read::Page { continue_token: None } }));
    }

    /// Reads now, unless a proof is on its way. Where reading is forbidden, the watch is opened anew with
    /// a snapshot first; where there is none, bookmarks are all that is left.
    pub(super) fn confirm(&mut self, now: Duration, out: &mut Vec<Output<T>>) {
        let lately = self.confirmed_at.is_some_and(|at| now < at + CONFIRM_PAUSE);
        let follows = matches!(self.feed, Feed::Following { .. });
        let tries_again = self.missed > 0 && self.read_at.is_some();
        if tries_again && follows && self.loss.is_none() {
            // the last read was not answered, and the next is not due yet: nothing is known before that
            self.lose(now, self.unread.clone(), out);
        }
        if lately || self.reading.is_some() || tries_again {
            // if the read under way is not answered, nothing is known either
            self.proves |= self.reading.is_some();
            return;
        }
        self.confirmed_at = Some(now);
        match self.feed {
            Feed::Following { .. } if self.no_rereads && self.streaming_list => {
                self.position = None;
                out.push(Output::HangUp);
                self.begin(now, out);
            }
            Feed::Following { .. } if self.no_rereads => {}
            Feed::Following { .. } => {
                self.read_at = Some(now);
                self.proves = true;
            }
            // there is a server, though it keeps no watch open
            Feed::Waiting { .. } if self.short > PATIENCE && self.loss.is_none() && !self.no_rereads => {
                self.read_at = Some(now);
                self.proves = true;
            }
            Feed::None if self.polling => self.read_at = Some(now),
            _ => {}
        }
    }

    pub(super) fn page(&mut self, now: Duration, page: Page<T>, out: &mut Vec<Output<T>>) {
        let Some(mut items) = self.reading.take() else { return };
        items.extend(page.items);
        if page.continue_token.is_some() {
            self.reading = Some(items);
            out.push(Output::Read(Read::Page { continue_token: page.continue_token }));
        } else {
            self.finished(now, items, page.resource_version, out);
        }
    }

    fn finished(
        &mut self,
        now: Duration,
        items: Vec<Item<T>>,
        resource_version: String,
        out: &mut Vec<Output<T>>,
    ) {
        self.finished_at = Some(now);
        self.missed = 0;
        self.unanswered = false;
        self.unauthorized = 0;
        self.listing.granted();
        let baseline = matches!(self.feed, Feed::None);
        if self.steps_back(now, &resource_version, items.iter(), out) {
            if !self.stopped {
                self.read_at = Some(now + self.pace.next());
            }
            return;
        }
        self.proves = false;
        if baseline {
            self.found(out);
        }
        let anew = !self.listed || (baseline && !self.polling);
        // What the watch has shown since the read was begun may be newer: then this read proves nothing new.
        let stale = !anew && self.is_stale(&items, &resource_version);
        self.doubted &= stale;
        if anew || (!stale && self.differs(&items)) {
            self.show(items, &resource_version, out);
        } else if !stale {
            self.excuse_silence(self.read_begun);
            out.push(Output::Seen);
        }
        if !baseline {
            if self.loss.is_some() {
                self.found(out);
            }
        } else if self.polling {
            self.pace.reset();
        } else if !resource_version.is_empty() {
            self.position = Some(resource_version);
            self.read_at_position = Some(now);
            self.begin(now, out);
        }
        self.plan_read(now);
    }

    /// Shows a snapshot; what it contains is not shown again.
    pub(super) fn show(&mut self, items: Vec<Item<T>>, resource_version: &str, out: &mut Vec<Output<T>>) {
        self.listed = true;
        self.doubted = false;
        self.missed = 0;
        self.unanswered = false;
        self.saw(resource_version);
        self.snapshot = if self.by_name { None } else { number(resource_version) };
        self.known = items.iter().map(|item| (item.uid.clone(), item.resource_version.clone())).collect();
        out.push(Output::Listed(items.into_iter().map(|item| item.body).collect()));
    }

    /// The watch has shown something newer than this read.
    fn is_stale(&self, items: &[Item<T>], resource_version: &str) -> bool {
        if planted::is(Bug::ShowStale) {
            return false;
        }
        let behind_the_watch = !self.by_name
            && matches!((number(resource_version), self.position.as_deref().and_then(number)),
                (Some(read), Some(watched)) if read < watched);
        behind_the_watch
            || items.iter().any(|item| {
                self.known.get(&item.uid).is_some_and(|known| {
                    *known != item.resource_version && not_after(&item.resource_version, number(known))
                })
            })
    }

    fn differs(&self, items: &[Item<T>]) -> bool {
        items.len() != self.known.len()
            || items.iter().any(|item| self.known.get(&item.uid) != Some(&item.resource_version))
    }

    /// Sets the time of the next read: of a named object always, of others where the watch is not reliable.
    pub(super) fn plan_read(&mut self, now: Duration) {
        let degraded = self.degraded();
        let wanted = matches!(self.feed, Feed::None) || ((self.named || degraded) && !self.no_rereads);
        self.read_at = wanted.then(|| {
            now + self.pace.about(if degraded || matches!(self.feed, Feed::None) {
                self.substitute(now)
            } else if self.pinged {
                REREAD
            } else {
                UNPINGED_REREAD
            })
        });
    }

    /// How long after one read the next stands in for a watch. For one that ends at once, soon at first and then less
    /// and less often: what happens is seen later by a third of the time that this has been going on.
    pub(super) fn substitute(&self, now: Duration) -> Duration {
        if self.short > PATIENCE {
            (now.saturating_sub(self.short_since) / 3).clamp(SHORT, DEGRADED_REREAD)
        } else {
            DEGRADED_REREAD
        }
    }

    pub(super) fn read_failed(&mut self, now: Duration, failure: &Failure, out: &mut Vec<Output<T>>) {
        self.reading = None;
        let proves = std::mem::take(&mut self.proves);
        let baseline = matches!(self.feed, Feed::None);
        let class = failure.class();
        if class.is_let_in() {
            self.listing.is_not_refused();
            self.unauthorized = 0;
        }
        let refused = !matches!(class, Class::Gone | Class::TooLarge | Class::Transient);
        let worked = self.listing.has_worked() || self.listed && (baseline || class == Class::Unauthorized);
        let restart = refused && self.listing.may_be_a_restart(now, worked);
        match class {
            Class::NotFound if self.by_name && failure.is_of_an_object() => {
                self.finished(now, Vec::new(), String::new(), out);
            }
            Class::Gone => {
                let position = self.position.take();
                let delay = self.history_lost();
                self.position = position;
                self.read_at = Some(now + delay);
            }
            Class::Unauthorized => match self.unauthorized(now, failure, restart, out) {
                Some(delay) => self.read_at = Some(now + delay),
                None => self.refuse(failure, self.read_verb(), out),
            },
            Class::TooLarge | Class::Transient => {
                self.unread(now, failure, out);
                // the watch may be as silent as a rollout that does not move: somebody had to know, and cannot
                if proves && self.loss.is_none() && matches!(self.feed, Feed::Following { .. }) {
                    self.lose(now, failure.message(), out);
                }
            }
            _ if restart => {
                if baseline {
                    self.lose(now, failure.message(), out);
                }
                self.read_at = Some(now + self.soon(now, failure));
            }
            Class::Forbidden if self.named && !self.by_name => {
                self.by_name = true;
                self.read_at = Some(now);
            }
            _ if !baseline => {
                self.no_rereads = true;
                self.read_at = None;
                // what is left to go by is the watch
                if std::mem::take(&mut self.unanswered) && matches!(self.feed, Feed::Following { .. }) {
                    self.found(out);
                }
            }
            _ => self.refuse(failure, self.read_verb(), out),
        }
    }

    fn unread(&mut self, now: Duration, failure: &Failure, out: &mut Vec<Output<T>>) {
        self.listing.is_not_refused();
        if matches!(self.feed, Feed::None) {
            self.lose(now, failure.message(), out);
            self.read_at = Some(now + self.delay(now, failure));
            return;
        }
        self.missed += 1;
        self.unread = failure.message();
        self.read_at = Some(now + self.pace.about(DEGRADED_REREAD));
        let dead = !self.pinged && matches!(failure, Failure::Transport { .. });
        if (dead || self.missed >= PATIENCE) && matches!(self.feed, Feed::Following { .. }) {
            self.replace(now, failure.message(), out);
            self.missed = 0;
        }
    }

    const fn read_verb(&self) -> &'static str {
        if self.by_name { "get" } else { "list" }
    }
}
