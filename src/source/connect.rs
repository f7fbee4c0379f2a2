//! The way to an API server: options, the client, and the first word of the server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use tokio::sync::mpsc::Sender;
use tokio::time::Instant;

use super::call::{Access, JSON};
use super::connect_error::ConnectError;
use super::failure::{self, Class};
use super::pace::{self, Pace};
use super::proxy::ProxySettings;
use super::registry::RegistryOptions;
use super::transport::{Built, Recipe};
use super::{Arrival, FetchSettings, Live};
use crate::observation::{Observed, Server};
use crate::policy::ExecPlugins;
use crate::untrusted::Redactor;

/// What a connection is made from. The environment is read elsewhere and comes in as values.
#[derive(Clone, Debug)]
pub(crate) struct ConnectOptions {
    /// `--kubeconfig`; has to exist.
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The value of `KUBECONFIG`: paths as in `PATH`; those that do not exist are skipped, as kubectl does.
    pub(crate) kubeconfig_env: Option<String>,
    /// For the default kubeconfig.
    pub(crate) home: Option<PathBuf>,
    /// Whether the service account of a pod may be used if there is no kubeconfig.
    pub(crate) in_cluster: bool,
    pub(crate) context: Option<String>,
    pub(crate) cluster: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) namespace: Option<String>,
    pub(crate) impersonate_user: Option<String>,
    pub(crate) impersonate_groups: Vec<String>,
    /// For the header of each call, and for each pause within a body.
    pub(crate) request_timeout: Duration,
    /// Time for the whole run: the less is left of it, the shorter a server may make us wait.
    pub(crate) budget: Duration,
    /// Whether a credential plugin may read standard input.
    pub(crate) stdin_is_terminal: bool,
    pub(crate) exec_plugins: ExecPlugins,
    /// The value of `PATH`, to know which file a plugin's bare name stands for.
    pub(crate) path: Option<String>,
    pub(crate) proxy: ProxySettings,
    pub(crate) registry: RegistryOptions,
    /// Keep the redacted JSON of objects beside the narrow view.
    pub(crate) keep_raw: bool,
    /// Learns every credential that is used.
    pub(crate) redactor: Redactor,
    /// Last lines of each log.
    pub(crate) log_lines: u32,
    /// Our wall clock, for the difference to the server's.
    pub(crate) wall_clock: fn() -> Timestamp,
}

impl ConnectOptions {
    /// Options with the defaults of the product and nothing from the environment.
    pub(crate) fn new(wall_clock: fn() -> Timestamp) -> Self {
        Self {
            kubeconfig: None,
            kubeconfig_env: None,
            home: None,
            in_cluster: true,
            context: None,
            cluster: None,
            user: None,
            namespace: None,
            impersonate_user: None,
            impersonate_groups: Vec::new(),
            request_timeout: Duration::from_secs(10),
            budget: Duration::from_secs(660),
            stdin_is_terminal: false,
            exec_plugins: ExecPlugins::Allow,
            path: None,
            proxy: ProxySettings::default(),
            registry: RegistryOptions::default(),
            keep_raw: false,
            redactor: Redactor::default(),
            log_lines: 50,
            wall_clock,
        }
    }
}

/// A source of observations, not yet proved to reach anything.
pub(crate) struct Connected {
    pub(crate) live: Live,
    pub(crate) default_namespace: String,
}

/// Prepares the connection. A credential plugin may run, on a thread of its own; race this against the deadline
/// and signals. Nothing is sent to the API server before this returns.
///
/// # Errors
/// There is no usable configuration, or its credentials cannot be had.
pub(crate) async fn connect(options: ConnectOptions) -> Result<Connected, ConnectError> {
    let begun = Instant::now();
    let mut recipe = Recipe::new(options);
    let Built { client, logs, peer, context, default_namespace } = recipe.clone().client().await?;
    // What becomes the current context while the wait goes on is not ours.
    recipe.options.context = Some(context.clone()).filter(|context| !context.is_empty());
    let server = Server { context, url: peer.url.clone(), clock_unknown: true, ..Server::default() };
    let ConnectOptions { keep_raw, log_lines, wall_clock, .. } = recipe.options;
    recipe.options.budget = recipe.options.budget.saturating_sub(begun.elapsed());
    let keep_raw = keep_raw.then(|| recipe.options.redactor.clone());
    let access = Arc::new(Access::new(recipe, [client, logs], peer));
    let mut live = Live::new(Arc::clone(&access), keep_raw, FetchSettings { log_lines });
    // Known before anything is sent, so that a report of a server that never answered names it.
    drop(live.arrivals.try_send(Arrival { what: Observed::Connected(server.clone()), raw: Vec::new() }));
    live.clock = Some((server.clone(), wall_clock));
    live.spawn(greet(access, server, wall_clock, live.arrivals.clone()));
    Ok(Connected { live, default_namespace })
}

impl Live {
    /// Our wall clock.
    pub(crate) fn wall_clock(&self) -> fn() -> Timestamp {
        self.clock.as_ref().map_or(|| Timestamp::UNIX_EPOCH, |(_, wall_clock)| *wall_clock)
    }

    /// Asks for the API server's clock again: ours has moved.
    pub(crate) fn ask_time(&mut self) {
        if let Some((server, wall_clock)) = self.clock.clone() {
            let (access, arrivals) = (Arc::clone(&self.shared.access), self.arrivals.clone());
            self.spawn(greet(access, server, wall_clock, arrivals));
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct VersionBody {
    git_version: String,
}

/// Asks for the version until there is an answer. Some users may not read it: the refusal tells the time as well.
async fn greet(
    access: Arc<Access>,
    mut server: Server,
    wall_clock: fn() -> Timestamp,
    arrivals: Sender<Arrival>,
) {
    let mut pace = Pace::new(pace::seed());
    loop {
        let before = wall_clock();
        match access.get_renewed("/version", JSON).await {
            Ok(whole) => {
                let body: VersionBody = serde_json::from_slice(&whole.body).unwrap_or_default();
                server.version = body.git_version;
                tell_time(&mut server, failure::date(&whole.headers), before, wall_clock());
            }
            Err(failure) if matches!(failure.class(), Class::Transient | Class::TooLarge) => {
                let told = failure.retry_after().unwrap_or_default().min(access.patience());
                let delay = pace.next().max(told);
                tokio::time::sleep(delay).await;
                continue;
            }
            Err(failure) if failure.class() == Class::Forbidden => {
                tell_time(&mut server, access.last_date(), before, wall_clock());
            }
            // the streams report what is wrong
            Err(_) => return,
        }
        let arrival = Arrival { what: Observed::Connected(server), raw: Vec::new() };
        drop(arrivals.send(arrival).await);
        return;
    }
}

fn tell_time(server: &mut Server, date: Option<Timestamp>, before: Timestamp, after: Timestamp) {
    server.clock_unknown = date.is_none();
    server.clock_offset_millis = date.map_or(0, |date| offset(date, before, after));
}

/// Server clock minus ours, in milliseconds. `Date` has whole seconds: on average it is half a second behind.
fn offset(date: Timestamp, before: Timestamp, after: Timestamp) -> i64 {
    let half = before.duration_until(after) / 2;
    let ours = before.checked_add(half).unwrap_or(before);
    let theirs = date.checked_add(SignedDuration::from_millis(500)).unwrap_or(date);
    i64::try_from(ours.duration_until(theirs).as_millis()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_offset_is_measured_in_the_middle_of_the_request() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let offset = offset(
            time("2026-11-24T10:00:30Z"),
            time("2026-11-24T10:00:00.000Z"),
            time("2026-11-24T10:00:00.200Z"),
        );
        assert_eq!(offset, 30_400);
    }
}
