//! What an exit code or a signal means, in words.

use crate::model::StateTerminated;

/// `exit code 1 (general error of the application)`, `SIGSEGV (signal 11, exit code 139): …`.
pub(super) fn spoken(ended: &StateTerminated) -> String {
    let code = ended.exit_code;
    match ended.signal_number() {
        Some(signal) => match signal_name(signal) {
            Some((name, meaning)) => format!("exit code {code} ({name}, {meaning})"),
            None => format!("exit code {code} (signal {signal})"),
        },
        None => format!("exit code {code} ({})", meaning(code)),
    }
}

/// Conventions of shells, runtimes and languages; an application is free to use them otherwise.
const fn meaning(code: i64) -> &'static str {
    match code {
        0 => "finished without an error",
        1 => "general error of the application",
        2 => "wrong usage, or a Go panic",
        3 => "error of the application; also a JVM out of memory",
        125 => "a container tool inside the container failed",
        126 => "the command is there but cannot be executed",
        127 => "command not found",
        128 => "the process could not be started",
        255 => "the real code is unknown, or -1",
        _ => "error of the application",
    }
}

/// Name and meaning of a Linux signal.
pub(super) const fn signal_name(signal: i64) -> Option<(&'static str, &'static str)> {
    Some(match signal {
        1 => ("SIGHUP", "hang-up"),
        2 => ("SIGINT", "interrupted"),
        3 => ("SIGQUIT", "quit"),
        4 => ("SIGILL", "illegal instruction: built for a newer CPU?"),
        5 => ("SIGTRAP", "trap"),
        6 => ("SIGABRT", "aborted itself: a failed assertion, or a heap that ran out"),
        7 => ("SIGBUS", "bad memory access"),
        8 => ("SIGFPE", "arithmetic error"),
        9 => ("SIGKILL", "killed from outside"),
        11 => ("SIGSEGV", "invalid memory access"),
        13 => ("SIGPIPE", "wrote to a closed pipe"),
        14 => ("SIGALRM", "timer ran out"),
        15 => ("SIGTERM", "asked to end"),
        24 => ("SIGXCPU", "CPU time limit"),
        25 => ("SIGXFSZ", "file size limit"),
        31 => ("SIGSYS", "forbidden system call: a seccomp profile?"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(exit_code: i64) -> String {
        spoken(&StateTerminated { exit_code, ..StateTerminated::default() })
    }

    #[test]
    fn codes_and_signals_are_explained() {
        assert_eq!(of(1), "exit code 1 (general error of the application)");
        assert_eq!(of(139), "exit code 139 (SIGSEGV, invalid memory access)");
        assert_eq!(of(137), "exit code 137 (SIGKILL, killed from outside)");
        assert_eq!(of(162), "exit code 162 (signal 34)");
        assert_eq!(of(42), "exit code 42 (error of the application)");
    }
}
