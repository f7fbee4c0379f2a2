//! `-v`: what goes on between us and the API server, on stderr. It quotes the server, and is encoded like everything
//! that does.

use std::io::{self, Write};
use std::sync::Arc;

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::env::Diagnostics;
use crate::untrusted::{Redactor, Untrusted};

/// Warnings always; with `-v` our own requests and streams; with `-vv` the client below us as well.
///
/// Starting twice in one process keeps the first: only tests do that.
pub(crate) fn start(verbosity: u8, redactor: &Redactor, diagnostics: Diagnostics) {
    let ours = if verbosity == 0 { Level::WARN } else { Level::DEBUG };
    let below = if verbosity < 2 { LevelFilter::OFF } else { LevelFilter::DEBUG };
    let targets = Targets::new()
        .with_target(env!("CARGO_CRATE_NAME"), ours)
        .with_targets(["kube_client", "hyper_util", "rustls"].map(|name| (name, below)));
    let event = Event { diagnostics, redactor: Arc::new(redactor.clone()) };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(move || event.clone())
        .with_ansi(false)
        .without_time()
        .with_target(verbosity > 1);
    drop(tracing_subscriber::registry().with(targets).with(lines).try_init());
}

/// Takes one event as a whole: it quotes servers, balancers and plugins, as errors do.
#[derive(Clone)]
struct Event {
    diagnostics: Diagnostics,
    redactor: Arc<Redactor>,
}

impl Write for Event {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = Untrusted::new(&text).for_terminal_lines(&self.redactor).join("\n  ");
        lines.push('\n');
        (self.diagnostics)(&lines);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn what_a_server_said_is_no_command_and_no_secret() {
        let said = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&said);
        let redactor = Arc::new(Redactor::new::<&str>(&["s3same"]).unwrap());
        let diagnostics: Diagnostics = Arc::new(move |text| heard.lock().unwrap().push_str(text));
        let text = "DEBUG GET /x: <##vso[task.complete]> s3same\n::error::\u{1b}[2Jx\n";
        Event { diagnostics, redactor }.write_all(text.as_bytes()).unwrap();
        let said = said.lock().unwrap().clone();
        assert_eq!(said, "DEBUG GET /x: <#\\#vso[task.complete]> [redacted]\n  :\\:error::x\n");
    }
}
