//! Lines of logs between the lines of progress: with a prefix and a gutter, and no more of them than can be read.

use std::collections::BTreeSet;
use std::time::Duration;

use super::words::one_line;
use crate::observation::LogNews;
use crate::untrusted::{GUTTER, Redactor, Untrusted};

/// Lines at once.
const BURST: u64 = 50;
/// Lines in a second, after that.
const RATE: u64 = 20;
/// Lines in a run.
const MOST: u64 = 2000;

/// What may still be shown.
#[derive(Debug)]
pub(super) struct Logs {
    /// Thousandths of a line.
    room: u64,
    filled_at: Duration,
    shown: u64,
    left_out: u64,
    /// Containers in the middle of a private key.
    in_a_key: BTreeSet<(String, String)>,
    is_over: bool,
}

impl Logs {
    pub(super) const fn new() -> Self {
        Self {
            room: BURST * 1000,
            filled_at: Duration::ZERO,
            shown: 0,
            left_out: 0,
            in_a_key: BTreeSet::new(),
            is_over: false,
        }
    }

    /// The lines to show for that news, encoded and ready.
    pub(super) fn lines(&mut self, news: &LogNews, now: Duration, redactor: &Redactor) -> Vec<String> {
        let (pod, container, text) = match news {
            LogNews::Line { pod, container, text } => (pod, container, text),
            LogNews::Lost(lines) => {
                self.left_out = self.left_out.saturating_add(*lines);
                return Vec::new();
            }
            LogNews::Refused(why) => {
                return vec![format!("logs cannot be followed: {}", one_line(why, redactor))];
            }
        };
        if self.is_over {
            return Vec::new();
        }
        if self.shown >= MOST {
            self.is_over = true;
            return vec![format!("{GUTTER}{MOST} lines of logs were shown; kubectl logs has the rest")];
        }
        let passed = u64::try_from(now.saturating_sub(self.filled_at).as_millis()).unwrap_or(u64::MAX);
        self.filled_at = now;
        self.room = self.room.saturating_add(passed.saturating_mul(RATE)).min(BURST * 1000);
        if self.room < 1000 {
            self.left_out = self.left_out.saturating_add(1);
            return Vec::new();
        }
        self.room -= 1000;
        self.shown += 1;
        let mut lines = Vec::new();
        if self.left_out > 0 {
            lines.push(format!("{GUTTER}{} lines left out", self.left_out));
            self.left_out = 0;
        }
        let prefix = format!("{}/{}", one_line(pod, redactor), one_line(container, redactor));
        let text = if self.is_secret(pod, container, text) {
            "(part of a private key)".to_owned()
        } else {
            Untrusted::new(text).for_terminal_lines(redactor).join(" ")
        };
        lines.push(format!("{prefix} {GUTTER}{text}"));
        lines
    }

    /// A key over several lines is not recognised line by line.
    fn is_secret(&mut self, pod: &str, container: &str, text: &str) -> bool {
        let id = (pod.to_owned(), container.to_owned());
        if text.contains("-----BEGIN") && text.contains("PRIVATE KEY") {
            self.in_a_key.insert(id);
            return true;
        }
        let is_inside = self.in_a_key.contains(&id);
        if text.contains("-----END") {
            self.in_a_key.remove(&id);
        }
        is_inside
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::untrusted::oracle::acts;
    use crate::untrusted::properties::hostile;

    fn line(text: &str) -> LogNews {
        LogNews::Line { pod: "web-1".to_owned(), container: "app".to_owned(), text: text.to_owned() }
    }

    /// Compiled once: a flood asks for it for each of its lines.
    static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new(&["s3cr[0-9]t"]).unwrap());

    #[test]
    fn a_line_has_its_pod_a_gutter_and_nothing_that_a_terminal_or_a_ci_system_obeys() {
        let mut logs = Logs::new();
        let hostile = "\u{1b}[2J::error::boom ##vso[task.complete] s3cr7t\r\u{1b}]0;x\u{7}";
        let shown = logs.lines(&line(hostile), Duration::ZERO, &REDACTOR);
        let [shown] = shown.as_slice() else { panic!("{shown:?}") };
        assert!(shown.starts_with("web-1/app │ "), "{shown}");
        assert!(!shown.contains(['\u{1b}', '\r', '\u{7}']), "{shown}");
        assert!(!shown.contains("##vso[") && !shown.contains("s3cr7t"), "{shown}");
    }

    proptest::proptest! {
        #[test]
        fn no_line_of_a_log_that_is_followed_is_a_command_of_any_ci_system(text in hostile()) {
            for shown in Logs::new().lines(&line(&text), Duration::ZERO, &REDACTOR) {
                proptest::prop_assert!(shown.starts_with("web-1/app │ ") && !acts(&shown), "{shown:?}");
            }
        }
    }

    #[test]
    fn a_flood_is_cut_to_what_can_be_read_and_counted() {
        let mut logs = Logs::new();
        let second = Duration::from_secs(1);
        let mut flood =
            |at: Duration| -> usize { (0..1000).map(|_| logs.lines(&line("x"), at, &REDACTOR).len()).sum() };
        assert_eq!(flood(Duration::ZERO), 50);
        // The note of the 950 lines before is one of them.
        assert_eq!(flood(second), 20 + 1);
        assert_eq!(flood(second * 100), 50 + 1);
        assert_eq!(logs.lines(&LogNews::Lost(5), second * 200, &REDACTOR), Vec::<String>::new());
        let shown = logs.lines(&line("y"), second * 200, &REDACTOR);
        assert_eq!(shown, ["│ 955 lines left out", "web-1/app │ y"]);
    }

    #[test]
    fn after_two_thousand_lines_it_is_said_once_that_there_are_no_more() {
        let mut logs = Logs::new();
        let shown: Vec<String> =
            (0..2010).flat_map(|at| logs.lines(&line("x"), Duration::from_secs(at), &REDACTOR)).collect();
        assert_eq!(shown.len(), 2001);
        assert!(shown.last().unwrap().contains("kubectl logs has the rest"));
    }

    #[test]
    fn a_private_key_over_several_lines_is_not_shown() {
        let mut logs = Logs::new();
        let key =
            ["-----BEGIN RSA PRIVATE KEY-----", "MIIEpAIBAAKCAQEA", "-----END RSA PRIVATE KEY-----", "up"];
        let shown: Vec<String> =
            key.iter().flat_map(|text| logs.lines(&line(text), Duration::ZERO, &REDACTOR)).collect();
        assert_eq!(shown[..3], vec!["web-1/app │ (part of a private key)".to_owned(); 3]);
        assert_eq!(shown[3], "web-1/app │ up");
    }

    #[test]
    fn a_refusal_is_said() {
        let shown =
            Logs::new().lines(&LogNews::Refused("pods/log is forbidden".into()), Duration::ZERO, &REDACTOR);
        assert_eq!(shown, ["logs cannot be followed: pods/log is forbidden"]);
    }
}
