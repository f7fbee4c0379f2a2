//! The report files while the wait goes on: what is known so far, for when this process is killed.

use std::time::Duration;

use super::rendered;
use crate::outputs::{Outputs, ReportFormat};
use crate::progress::{Progress, TargetProgress};
use crate::session::Session;
use crate::settings::Reports;

/// The files are replaced no more often than this.
const EVERY: Duration = Duration::from_secs(5);

/// Keeps the report files at the state of the wait.
pub(super) struct Interim<'a> {
    outputs: &'a Outputs,
    reports: &'a Reports,
    /// When the files were last replaced, since the start of the run.
    last: Duration,
    /// What they were replaced with.
    shown: Option<(Vec<TargetProgress>, Option<String>)>,
}

impl<'a> Interim<'a> {
    pub(super) const fn new(outputs: &'a Outputs, reports: &'a Reports) -> Self {
        Self { outputs, reports, last: Duration::ZERO, shown: None }
    }

    /// Replaces the files if something has changed and the last time is long enough ago. A file that cannot be replaced
    /// now keeps what it holds; whether that matters is decided at the end.
    pub(super) fn update(&mut self, progress: &Progress, session: &Session) {
        let is_over = progress.targets.iter().all(|target| target.done.is_some());
        if self.reports.files.is_empty() || is_over || progress.elapsed < self.last + EVERY {
            return;
        }
        let now = (progress.targets.clone(), progress.blind.clone());
        if self.shown.as_ref() == Some(&now) {
            return;
        }
        let report = session.report_so_far();
        drop(self.outputs.replace(|format| match format {
            // What only ever lists what is wrong would be green, or wrong about what still may heal.
            ReportFormat::CodeQuality => b"[]\n".to_vec(),
            format => rendered(&report, format, self.reports).into_bytes(),
        }));
        self.last = progress.elapsed;
        self.shown = Some(now);
    }
}
