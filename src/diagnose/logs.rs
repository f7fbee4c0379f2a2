//! The log of a container as evidence: which one to ask for, and what it says.
//!
//! While a container is dead its current log is that of the end; afterwards the log of the end is the previous
//! one. An absent log is not an empty one.

use std::sync::LazyLock;

use regex::Regex;

use super::{Diagnosis, Evidence};
use crate::model::{ContainerStatus, Pod, Rollout};
use crate::observation::{Answer, LogRequest, Request, Want};

/// How often the log of a running container is read again, in seconds.
const CURRENT_EVERY: u64 = 10;

/// What is known of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Log<'a> {
    /// Not answered yet.
    Unknown,
    /// It cannot be had, in the words of whoever said so.
    Unavailable(&'a str),
    /// The container wrote nothing.
    Empty,
    /// The last lines, oldest first.
    Lines { request: &'a LogRequest, lines: &'a [String] },
}

/// Asks for the log of the latest end of a container.
pub(super) fn ask_for_end(diagnosis: &mut Diagnosis, pod: &Pod, status: &ContainerStatus) {
    let previous = status.state.terminated.is_none();
    diagnosis.ask(Request::once(Want::Logs(request(pod, status, previous))));
}

/// Asks for the log of a running container, again and again.
pub(super) fn ask_for_current(diagnosis: &mut Diagnosis, pod: &Pod, status: &ContainerStatus) {
    diagnosis.ask(Request::every(CURRENT_EVERY, Want::Logs(request(pod, status, false))));
}

fn request(pod: &Pod, status: &ContainerStatus, previous: bool) -> LogRequest {
    LogRequest {
        namespace: pod.metadata.namespace.clone(),
        pod: pod.metadata.name.clone(),
        container: status.name.clone(),
        previous,
        death: status.deaths(),
    }
}

/// The log of the latest end that has one: the log of an end goes when kubelet removes the container.
pub(super) fn of_end<'a>(rollout: &Rollout<'a>, pod: &'a Pod, status: &'a ContainerStatus) -> Log<'a> {
    let mut known = rollout.logs(pod, &status.name);
    known.retain(|(request, _)| request.death > 0);
    // `previous` of one end outranks `current` of the same: by now a new instance may be writing there.
    known.sort_by_key(|(request, _)| std::cmp::Reverse((request.death, request.previous)));
    best(&known)
}

/// The log of the running instance.
pub(super) fn of_current<'a>(rollout: &Rollout<'a>, pod: &'a Pod, status: &'a ContainerStatus) -> Log<'a> {
    let mut known = rollout.logs(pod, &status.name);
    known.retain(|(request, _)| !request.previous && request.death == status.deaths());
    best(&known)
}

/// All lines known of a container, the latest log first: to look for one telling word.
pub(super) fn all_lines<'a>(
    rollout: &Rollout<'a>,
    pod: &'a Pod,
    status: &'a ContainerStatus,
) -> impl Iterator<Item = &'a str> {
    rollout
        .logs(pod, &status.name)
        .into_iter()
        .filter_map(|(_, answer)| match answer {
            Answer::Logs(lines) => Some(lines),
            _ => None,
        })
        .flatten()
        .map(String::as_str)
}

fn best<'a>(known: &[(&'a LogRequest, &'a Answer)]) -> Log<'a> {
    let mut found = Log::Unknown;
    for (request, answer) in known {
        match answer {
            Answer::Logs(lines) if lines.iter().any(|line| !line.trim().is_empty()) => {
                return Log::Lines { request, lines };
            }
            Answer::Logs(_) => found = Log::Empty,
            Answer::NoLogs(why) if found == Log::Unknown => found = Log::Unavailable(why),
            Answer::Refused(refusal) if found == Log::Unknown => {
                found = Log::Unavailable(&refusal.message);
            }
            _ => {}
        }
    }
    found
}

impl Log<'_> {
    /// The last lines as evidence, or that there are none.
    pub(super) fn evidence(&self, pod: &Pod, container: &str) -> Option<Evidence> {
        match self {
            // As many as were asked for (`--log-lines`).
            Self::Lines { request, lines } => Some(Evidence::Log {
                pod: pod.object_ref(),
                container: container.to_owned(),
                previous: request.previous,
                lines: lines.to_vec(),
            }),
            Self::Empty => Some(Evidence::absence(format!("container {container} logged nothing"))),
            Self::Unavailable(why) => {
                Some(Evidence::absence(format!("no log of container {container} could be read: {why}")))
            }
            Self::Unknown => None,
        }
    }

    /// The last lines, oldest first.
    pub(super) fn lines(&self) -> &[String] {
        match self {
            Self::Lines { lines, .. } => lines,
            _ => &[],
        }
    }

    /// Whether some line has one of these texts, which are in lower case.
    pub(super) fn has_any(&self, texts: &[&str]) -> bool {
        let mut lines = self.lines().iter().map(|line| line.to_lowercase());
        lines.any(|line| texts.iter().any(|text| line.contains(text)))
    }

    /// The line that says most about why the process ended, short enough for a headline.
    pub(super) fn telling_line(&self) -> Option<String> {
        let Self::Lines { lines, .. } = self else { return None };
        lines
            .iter()
            .map(|line| line.trim())
            .filter(|line| !line.is_empty())
            .map(|line| (weight(line), line))
            // The last of the heaviest.
            .max_by_key(|(weight, _)| *weight)
            .map(|(_, line)| shorten(line, 160))
    }
}

/// How much a line says.
fn weight(line: &str) -> u8 {
    static STRONG: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?i)^(panic|fatal)\b|\b(panic|fatal)\b:|\b[A-Za-z.]*(Error|Exception): |Caused by: ")
            .ok()
    });
    static SOME: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"(?i)panic|fatal|error|exception|failed|cannot|can't|could not|not found|denied|refused|missing|required|not set|no such",
        )
        .ok()
    });
    let hit = |regex: &LazyLock<Option<Regex>>| regex.as_ref().is_some_and(|regex| regex.is_match(line));
    match () {
        () if hit(&STRONG) => 3,
        () if hit(&SOME) => 2,
        () => 1,
    }
}

/// At most that many characters, cut with an ellipsis.
pub(super) fn shorten(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(limit.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn telling(lines: &[&str]) -> Option<String> {
        let request = LogRequest {
            namespace: String::new(),
            pod: String::new(),
            container: String::new(),
            previous: true,
            death: 1,
        };
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        Log::Lines { request: &request, lines: &lines }.telling_line()
    }

    #[test]
    fn the_telling_line_is_the_error_and_not_the_stack_below_it() {
        assert_eq!(
            telling(&[
                "starting",
                "panic: no DSN",
                "",
                "goroutine 1 [running]:",
                "main.main()",
                "\t/src/main.go:3"
            ]),
            Some("panic: no DSN".to_owned())
        );
        assert_eq!(
            telling(&["Traceback (most recent call last):", "  File \"a.py\", line 1", "KeyError: 'DB_URL'"]),
            Some("KeyError: 'DB_URL'".to_owned())
        );
        assert_eq!(telling(&["one", "two", ""]), Some("two".to_owned()));
        assert_eq!(
            telling(&["connection refused by db:5432", "bye"]),
            Some("connection refused by db:5432".to_owned())
        );
    }

    #[test]
    fn every_line_that_was_asked_for_is_evidence() {
        let body = serde_json::json!({"metadata": {"name": "web-1", "namespace": "shop", "uid": "1"}});
        let pod: Pod = serde_json::from_value(body).unwrap();
        let request = LogRequest {
            namespace: "shop".to_owned(),
            pod: "web-1".to_owned(),
            container: "app".to_owned(),
            previous: true,
            death: 1,
        };
        let lines: Vec<String> = (0..50).map(|number| number.to_string()).collect();
        let evidence = Log::Lines { request: &request, lines: &lines }.evidence(&pod, "app");
        assert!(matches!(evidence, Some(Evidence::Log { lines: shown, .. }) if shown == lines));
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        assert_eq!(shorten(&"ä".repeat(9), 4), "äää…");
        assert_eq!(shorten("short", 5), "short");
    }
}
