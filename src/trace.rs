//! `-v`: what goes on between us and the API server, on stderr. It quotes the server, and is encoded like everything
//! that does.

use std::io::{self, Write};

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::untrusted::{Redactor, Untrusted};

/// Warnings always; with `-v` our own requests and streams; with `-vv` the client below us as well.
///
/// Starting twice in one process keeps the first: only tests do that.
pub(crate) fn start(verbosity: u8, redactor: &Redactor) {
    let ours = if verbosity == 0 { Level::WARN } else { Level::DEBUG };
    let below = if verbosity < 2 { LevelFilter::OFF } else { LevelFilter::DEBUG };
    let targets = Targets::new()
        .with_target(env!("CARGO_CRATE_NAME"), ours)
        .with_targets(["kube_client", "hyper_util", "rustls"].map(|name| (name, below)));
    let redactor = redactor.clone();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(move || Lines { redactor: redactor.clone() })
        .with_ansi(false)
        .without_time()
        .with_target(verbosity > 1);
    drop(tracing_subscriber::registry().with(targets).with(lines).try_init());
}

/// Writes what it is given at once, which is an event, as one line.
struct Lines {
    redactor: Redactor,
}

impl Write for Lines {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = Untrusted::new(&String::from_utf8_lossy(event)).for_terminal(&self.redactor);
        io::stderr().write_all(format!("{line}\n").as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
