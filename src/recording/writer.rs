//! Writing a recording. A recorder that fails never fails the run: it falls silent and says so at the end.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::line::{Entry, FORMAT, Header, What, millis};
use super::redact::REMOVED;
use crate::observation::{Observed, Target};
use crate::policy::Policy;
use crate::untrusted::Redactor;

/// Writes one line per observation to `out`.
pub(crate) struct Writer<W> {
    out: W,
    redactor: Redactor,
    failed: Option<io::Error>,
}

impl<W: Write> Writer<W> {
    /// Writes the header.
    pub(crate) fn new(
        out: W,
        started: jiff::Timestamp,
        targets: &[Target],
        policy: Policy,
        redactor: Redactor,
    ) -> Self {
        let mut writer = Self { out, redactor, failed: None };
        writer.line(&Header {
            format: FORMAT,
            tool: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned(),
            started,
            targets: targets.to_vec(),
            policy: policy.into(),
            removed: REMOVED.iter().map(|what| (*what).to_owned()).collect(),
        });
        writer
    }

    /// Writes an observation; `objects` are the redacted wire forms of the objects in it, in order.
    pub(crate) fn write(&mut self, at: Duration, observed: &Observed, objects: &[Value]) {
        self.line(&Entry { at: millis(at), what: What::mirror(observed, objects, &self.redactor) });
    }

    fn line(&mut self, line: &impl Serialize) {
        if self.failed.is_some() {
            return;
        }
        let written = serde_json::to_vec(line).map_err(io::Error::from).and_then(|mut bytes| {
            bytes.push(b'\n');
            // Whatever ends us, what was observed until then is in the file.
            self.out.write_all(&bytes).and_then(|()| self.out.flush())
        });
        self.failed = written.err();
    }

    /// Flushes what is left.
    ///
    /// # Errors
    /// The first error of any write since the start.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.out.flush(),
        }
    }
}
