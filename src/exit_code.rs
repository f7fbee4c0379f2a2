//! How the process ends: the one home of the exit codes.
//!
//! `--help`, the man page, README and the JSON report take numbers, names and sentences from [`ExitCode::ALL`].

use std::process::{self, Termination};

/// The exit codes. They are public API: a pipeline branches on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// Every rollout is complete.
    Complete,
    /// A rollout has failed.
    Failed,
    /// Nothing was judged: the command line, the configuration or the targets are wrong.
    Usage,
    /// Time was up while a rollout was still progressing.
    TimedOut,
    /// The rollout could not be judged: network, authentication, permissions, or a fault of our own.
    Indeterminate,
    /// Every rollout is complete, but a requested report could not be written.
    ReportNotWritten,
    /// Another rollout of the same workload has taken over.
    Superseded,
    /// SIGINT.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl ExitCode {
    /// Every code with its number, its name and one sentence, in the order of the documentation.
    pub const ALL: &'static [(Self, u8, &'static str, &'static str)] = &[
        (Self::Complete, 0, "complete", "every rollout is complete"),
        (Self::Failed, 1, "failed", "a rollout has failed"),
        (Self::Usage, 2, "usage", "wrong usage or configuration, or nothing matched; nothing was judged"),
        (Self::TimedOut, 3, "timed-out", "time was up while a rollout was still progressing"),
        (Self::Indeterminate, 4, "indeterminate", "could not judge: network, authentication or permissions"),
        (
            Self::ReportNotWritten,
            5,
            "report-not-written",
            "complete, but a requested report could not be written",
        ),
        (Self::Superseded, 6, "superseded", "another rollout of the same workload has taken over"),
        (Self::Interrupted, 130, "interrupted", "stopped by SIGINT (Ctrl-C)"),
        (Self::Terminated, 143, "terminated", "stopped by SIGTERM"),
    ];

    /// The number that the shell sees.
    pub const fn number(self) -> u8 {
        match self {
            Self::Complete => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::TimedOut => 3,
            Self::Indeterminate => 4,
            Self::ReportNotWritten => 5,
            Self::Superseded => 6,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// Ends the process here and now.
    #[expect(clippy::disallowed_methods, reason = "for a panic, which has nowhere to return to")]
    pub(crate) fn end_process(self) -> ! {
        process::exit(self.number().into())
    }

    /// The worse of two codes of finished targets.
    ///
    /// 1 > 4 > 3 > 6 > 0: a known failure outranks not knowing, which outranks time, which outranks a newer
    /// rollout. Codes that are not about a target (an interrupt, usage, a report) outrank all of them.
    #[must_use]
    pub const fn worse(self, other: Self) -> Self {
        if self.severity() >= other.severity() { self } else { other }
    }

    const fn severity(self) -> u8 {
        match self {
            Self::Complete => 0,
            // Only ever instead of success: a failed rollout stays failed, whatever became of its report.
            Self::ReportNotWritten => 1,
            Self::Superseded => 2,
            Self::TimedOut => 3,
            Self::Indeterminate => 4,
            Self::Failed => 5,
            Self::Usage => 6,
            Self::Interrupted => 7,
            Self::Terminated => 8,
        }
    }
}

impl Termination for ExitCode {
    fn report(self) -> process::ExitCode {
        process::ExitCode::from(self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lists_every_code_with_its_own_number_and_name() {
        for (code, number, name, sentence) in ExitCode::ALL {
            assert_eq!(code.number(), *number, "{name}");
            assert_eq!(ExitCode::ALL.iter().filter(|row| row.2 == *name).count(), 1, "{name}");
            assert!(!sentence.ends_with('.'), "{name}");
        }
        let numbers: Vec<u8> = ExitCode::ALL.iter().map(|row| row.1).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 130, 143]);
    }

    #[test]
    fn the_worst_target_decides() {
        use ExitCode as E;
        let order = [E::Complete, E::Superseded, E::TimedOut, E::Indeterminate, E::Failed];
        for (i, a) in order.iter().enumerate() {
            for (j, b) in order.iter().enumerate() {
                assert_eq!(a.worse(*b), order[i.max(j)]);
            }
        }
    }

    #[test]
    fn a_lost_report_replaces_success_only() {
        use ExitCode as E;
        assert_eq!(E::Complete.worse(E::ReportNotWritten), E::ReportNotWritten);
        for verdict in
            [E::Superseded, E::TimedOut, E::Indeterminate, E::Failed, E::Interrupted, E::Terminated]
        {
            assert_eq!(verdict.worse(E::ReportNotWritten), verdict);
        }
    }
}
