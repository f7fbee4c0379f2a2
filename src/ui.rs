//! What is shown on stderr while the wait goes on: live lines on a terminal, or a line for each change. Never both.

mod live;
mod logs;
mod plain;
mod words;

use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;

use crate::env::TerminalSize;
use crate::observation::LogNews;
use crate::progress::Progress;
use crate::untrusted::Redactor;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UiKind {
    /// One live line for each target.
    Terminal,
    /// A line for each change, and a sign of life.
    Plain,
    None,
}

/// Shows progress. Whoever owns it calls [`Ui::update`] at every judgement, and at least every
/// [`Ui::FRAME`], so that the spinner turns and the sign of life comes in time.
pub(crate) struct Ui<'a> {
    shown: Shown,
    logs: logs::Logs,
    redactor: &'a Redactor,
}

enum Shown {
    Terminal(live::Live),
    Plain(plain::Plain),
    Nothing,
}

impl<'a> Ui<'a> {
    /// The longest pause between two updates.
    pub(crate) const FRAME: Duration = Duration::from_millis(200);

    /// `started` is the wall clock at the start of the run; `size` is asked anew for each frame.
    pub(crate) fn new(
        kind: UiKind,
        started: Timestamp,
        size: TerminalSize,
        color: bool,
        redactor: &'a Redactor,
    ) -> Self {
        let shown = match kind {
            UiKind::Terminal => Shown::Terminal(live::Live::new(size, color)),
            UiKind::Plain => Shown::Plain(plain::Plain::new(started)),
            UiKind::None => Shown::Nothing,
        };
        Self { shown, logs: logs::Logs::new(), redactor }
    }

    /// Shows that state; `now` is the time since the start of the run.
    ///
    /// Whether stderr takes the text does not matter to the wait: errors are dropped.
    pub(crate) fn update(&mut self, progress: &Progress, now: Duration, err: &mut dyn Write) {
        match &mut self.shown {
            Shown::Terminal(live) => live.update(progress, now, self.redactor, err),
            Shown::Plain(plain) => plain.update(progress, now, self.redactor, err),
            Shown::Nothing => {}
        }
    }

    /// Shows what a log that is followed brings, above the progress.
    pub(crate) fn log(&mut self, news: &LogNews, now: Duration, err: &mut dyn Write) {
        let lines = self.logs.lines(news, now, self.redactor);
        match &mut self.shown {
            Shown::Terminal(live) => live.print_above(&lines, err),
            Shown::Plain(plain) => plain.print(&lines, now, err),
            Shown::Nothing => {}
        }
    }

    /// Takes live lines off the terminal, so that the report stands alone.
    pub(crate) fn finish(&mut self, err: &mut dyn Write) {
        if let Shown::Terminal(live) = &mut self.shown {
            live.finish(err);
        }
    }
}

#[cfg(test)]
mod testing {
    use std::time::Duration;

    use crate::progress::{LikelyCause, Progress, TargetProgress};
    use crate::report::Replicas;

    /// A target of which some replicas are updated, ready and available.
    pub(super) fn target(name: &str, counts: [i64; 4], waiting_for: &str) -> TargetProgress {
        let [desired, updated, ready, available] = counts;
        TargetProgress {
            namespace: "shop".to_owned(),
            name: format!("deployment/{name}"),
            replicas: Some(Replicas { desired, updated, ready, available, old: 0 }),
            waiting_for: waiting_for.to_owned(),
            likely: None,
            done: None,
        }
    }

    /// At that many seconds of a wait of five minutes.
    pub(super) fn progress(seconds: u64, targets: Vec<TargetProgress>) -> Progress {
        let elapsed = Duration::from_secs(seconds);
        Progress { elapsed, left: Duration::from_secs(300).saturating_sub(elapsed), blind: None, targets }
    }

    /// A cause that ends the wait at that second, or is first tried again by the later one.
    pub(super) fn likely(headline: &str, ends: Option<(u64, u64)>) -> LikelyCause {
        let ends = ends.map(|(from, by)| Duration::from_secs(from)..=Duration::from_secs(by));
        LikelyCause { code: "image-not-found", headline: headline.to_owned(), ends }
    }
}
