//! Values of flags that take one of a few words.

use clap::ValueEnum;

/// `--ci`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CiWhen {
    Auto,
    Github,
    Gitlab,
    Azure,
    Teamcity,
    Buildkite,
    None,
}

/// `--color`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    Auto,
    Always,
    Never,
}

/// `--progress`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressHow {
    Auto,
    Tty,
    Plain,
    None,
}

/// `--undo-on-failure`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum UndoWhen {
    True,
    False,
    DryRun,
}

/// `--logs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogsWhen {
    /// Read logs of containers that fail
    OnFailure,
    /// Besides, show lines of new pods until they are ready
    Follow,
    /// Read no log
    Never,
}

/// `--output`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    Text,
    Json,
}
