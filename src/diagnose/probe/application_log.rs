//! What an application says in its log about itself: where it listens, how long it took, what went wrong.

use std::sync::LazyLock;

use regex::Regex;

use super::super::logs::shorten;

/// What an application says in its log about the place where it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listening {
    pub(super) port: i64,
    /// On `127.0.0.1` or `::1` only: kubelet cannot reach it.
    pub(super) loopback: bool,
    pub(super) line: String,
}

/// The last line of a log that speaks of trouble.
pub(super) fn trouble(log: &[&str]) -> Option<String> {
    static TROUBLE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?i)\b(error|fatal|panic|exception|failed|refused|denied|timed? ?out|cannot|could not|unable to|no such host)\b").ok()
    });
    let regex = TROUBLE.as_ref()?;
    log.iter().rev().find(|line| regex.is_match(line)).map(|line| shorten(line.trim(), 160))
}

/// `listening on :8080`, `Tomcat started on port(s): 8080`, `Serving on http://127.0.0.1:3000`.
pub(super) fn listening(line: &str) -> Option<Listening> {
    static VERB: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?i)\b(listen(?:ing|s|er)?|bound to|binding to|serving|running (?:on|at)|started (?:on|at|server)|available (?:on|at)|server (?:on|at))\b").ok()
    });
    static PORT: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?i)(?:(?P<host>127\.0\.0\.1|localhost|\[?::1\]?|[0-9A-Za-z_.\-\[\]*]*):|\bport(?:\(s\))?\D{0,4})(?P<port>\d{2,5})\b").ok()
    });
    let start = VERB.as_ref()?.find(line)?.start();
    let rest = line.get(start..)?;
    PORT.as_ref()?.captures_iter(rest).find_map(|groups| {
        let port: i64 = groups.name("port")?.as_str().parse().ok()?;
        let host = groups.name("host").map_or("", |host| host.as_str());
        // A time of day is no address.
        let is_time = !host.is_empty() && host.len() <= 2 && host.bytes().all(|byte| byte.is_ascii_digit());
        ((10..=65535).contains(&port) && !is_time).then(|| Listening {
            port,
            loopback: matches!(host, "127.0.0.1" | "localhost" | "[::1]" | "::1"),
            line: shorten(line.trim(), 120),
        })
    })
}

/// `Started Application in 47.3 seconds`.
pub(super) fn startup_seconds(line: &str) -> Option<u64> {
    static STARTED: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?i)\b(?:started|ready|startup|initiali[sz]ed|booted)\b.{0,60}?\b(?:in|after|took)\s+(?P<n>\d+)(?:\.\d+)?\s*(?P<unit>ms|milliseconds|s|secs?|seconds?)\b").ok()
    });
    let groups = STARTED.as_ref()?.captures(line)?;
    let number: u64 = groups.name("n")?.as_str().parse().ok()?;
    let milliseconds = groups.name("unit").is_some_and(|unit| unit.as_str().to_lowercase().starts_with('m'));
    Some(if milliseconds { number / 1000 } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_listening_are_read_and_times_are_not() {
        let port = |line: &str| listening(line).map(|listening| (listening.port, listening.loopback));
        assert_eq!(port("2026-01-01 10:00:05 listening on :8080"), Some((8080, false)));
        assert_eq!(port("Tomcat started on port(s): 8080 (http) with context path ''"), Some((8080, false)));
        assert_eq!(port("Serving Flask on http://127.0.0.1:5000"), Some((5000, true)));
        assert_eq!(port("Listening on localhost:3000"), Some((3000, true)));
        assert_eq!(port("server running at 10:15"), None);
        assert_eq!(port("nothing here:8080"), None);
    }

    #[test]
    fn a_logged_start_time_is_read() {
        assert_eq!(startup_seconds("Started WebApp in 47.31 seconds (JVM running for 48)"), Some(47));
        assert_eq!(startup_seconds("ready in 900 ms"), Some(0));
        assert_eq!(startup_seconds("in 5 s"), None);
    }
}
