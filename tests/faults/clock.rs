//! When things happen: since somebody was answered. A machine under load starts a program late.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::server::lock;

/// When each resource was first answered for.
#[derive(Default)]
pub(crate) struct Clock(Mutex<BTreeMap<String, Instant>>);

impl Clock {
    /// An answer for a resource, or a refusal of one, has been sent.
    pub(crate) fn note(&self, resource: &str) {
        let mut answered = lock(&self.0);
        if !resource.is_empty() && !answered.contains_key(resource) {
            answered.insert(resource.to_owned(), Instant::now());
        }
    }

    /// What was before does not count.
    pub(crate) fn begin_again(&self) {
        lock(&self.0).clear();
    }

    /// Since the first answer for any resource; zero before.
    pub(crate) fn elapsed(&self) -> Duration {
        lock(&self.0).values().min().map(Instant::elapsed).unwrap_or_default()
    }

    /// Whether so much time has passed since the first answer for a resource, or for any.
    pub(crate) fn has_passed(&self, due: Duration, resource: Option<&str>) -> bool {
        let answered = lock(&self.0);
        let first = match resource {
            Some(resource) => answered.get(resource),
            None => answered.values().min(),
        };
        first.is_some_and(|first| first.elapsed() >= due)
    }
}
