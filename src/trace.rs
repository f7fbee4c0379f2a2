//! `-v`: what goes on between us and the API server, on stderr.

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Warnings always; with `-v` our own requests and streams; with `-vv` the client below us as well.
///
/// Starting twice in one process keeps the first: only tests do that.
pub(crate) fn start(verbosity: u8) {
    let ours = if verbosity == 0 { Level::WARN } else { Level::DEBUG };
    let below = if verbosity < 2 { LevelFilter::OFF } else { LevelFilter::DEBUG };
    let targets = Targets::new()
        .with_target(env!("CARGO_CRATE_NAME"), ours)
        .with_targets(["kube_client", "hyper_util", "rustls"].map(|name| (name, below)));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .without_time()
        .with_target(verbosity > 1);
    drop(tracing_subscriber::registry().with(targets).with(lines).try_init());
}
