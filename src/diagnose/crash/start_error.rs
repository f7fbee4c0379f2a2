//! Why a process could not be started: the runtime's texts, of containerd and CRI-O.
//!
//! The same cause has three shapes: `StartError` with code 128 (containerd), `CreateContainerError` (CRI-O) and
//! `ContainerCannotRun` (dockershim). The part after `exec:` is runc's or crun's own and alike in all.

use std::sync::LazyLock;

use regex::Regex;

/// What the text says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StartFailure {
    /// The command is not in the image. Holds the command.
    NotFound(String),
    /// The command is there but may not be executed.
    NotExecutable(String),
    /// The kernel does not know the format of the file.
    ExecFormat,
    /// Not even the first process fitted into the memory limit.
    OutOfMemory,
    /// Neither the image nor the pod says what to run.
    NoCommand,
    /// A mount or the working directory does not fit the image. Holds runc's own words.
    FileSystem(String),
    /// An environment variable holds bytes that are no text.
    InvalidUtf8,
    /// The runtime is slow or holds an older attempt: this heals or is the node's.
    RuntimeBusy,
    /// Anything else, in the last words of the runtime.
    Other(String),
}

/// Reads a message of the runtime.
pub(super) fn read(message: &str) -> StartFailure {
    static EXEC: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r#"exec: "(?P<command>[^"]*)": (?:(?P<missing>executable file not found|stat [^:]+: no such file|no such file)|(?P<denied>permission denied|is a directory|stat [^:]+: permission denied|stat [^:]+: not a directory))"#,
        )
        .ok()
    });
    let lower = message.to_lowercase();
    let has = |text: &str| lower.contains(text);
    if has("oom-killed") || has("memory limit too low") {
        return StartFailure::OutOfMemory;
    }
    if has("exec format error") {
        return StartFailure::ExecFormat;
    }
    if let Some(found) = EXEC.as_ref().and_then(|regex| regex.captures(message)) {
        let command = found.name("command").map_or("", |command| command.as_str()).to_owned();
        return if found.name("missing").is_some() {
            StartFailure::NotFound(command)
        } else {
            StartFailure::NotExecutable(command)
        };
    }
    // crun: `executable file `servr` not found in $PATH`.
    if let Some(command) = quoted_after(message, "executable file `") {
        return StartFailure::NotFound(command);
    }
    if has("no command specified") {
        return StartFailure::NoCommand;
    }
    if has("invalid utf-8") {
        return StartFailure::InvalidUtf8;
    }
    if has("failed to reserve container name") || has("name is reserved") || has("context deadline exceeded")
    {
        return StartFailure::RuntimeBusy;
    }
    let file_system =
        ["mkdir ", "chdir to cwd", "read-only file system", "error mounting", "not a directory"];
    if file_system.iter().any(|text| has(text)) {
        return StartFailure::FileSystem(last_words(message));
    }
    StartFailure::Other(last_words(message))
}

fn quoted_after(message: &str, start: &str) -> Option<String> {
    let (_, rest) = message.split_once(start)?;
    rest.split_once('`').map(|(command, _)| command.to_owned())
}

/// The message without the chain of who called whom.
fn last_words(message: &str) -> String {
    let mut rest = message.trim();
    for caller in [
        "rpc error: code = Unknown desc = ",
        "failed to create containerd task: ",
        "failed to start containerd task: ",
        "failed to create shim task: ",
        "OCI runtime create failed: ",
        "runc create failed: ",
        "container create failed: ",
        "unable to start container process: ",
        "error during container init: ",
    ] {
        if let Some((_, after)) = rest.split_once(caller) {
            rest = after;
        }
    }
    rest.strip_suffix(": unknown").unwrap_or(rest).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNC: &str = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ";

    fn of(text: &str) -> StartFailure {
        read(&format!("{RUNC}{text}: unknown"))
    }

    // Texts of Kubernetes 1.36.3 on containerd 1.6 and runc, as recorded.
    #[test]
    fn the_texts_of_a_real_cluster_are_told_apart() {
        assert_eq!(
            of(r#"exec: "servr": executable file not found in $PATH"#),
            StartFailure::NotFound("servr".into())
        );
        assert_eq!(
            of(r#"exec: "/app/run": stat /app/run: no such file or directory"#),
            StartFailure::NotFound("/app/run".into())
        );
        assert_eq!(
            of(r#"exec: "/bin/noexec": permission denied"#),
            StartFailure::NotExecutable("/bin/noexec".into())
        );
        assert_eq!(
            of("error during container init: mkdir /etc/passwd: not a directory"),
            StartFailure::FileSystem("mkdir /etc/passwd: not a directory".into())
        );
        assert_eq!(of("container init was OOM-killed (memory limit too low?)"), StartFailure::OutOfMemory);
    }

    #[test]
    fn other_runtimes_say_it_differently() {
        assert_eq!(
            read(
                "container create failed: executable file `servr` not found in $PATH: No such file or directory"
            ),
            StartFailure::NotFound("servr".into())
        );
        assert_eq!(read("no command specified"), StartFailure::NoCommand);
        assert_eq!(
            read(r#"failed to reserve container name "app_web": name "app_web" is reserved for "x""#),
            StartFailure::RuntimeBusy
        );
        assert_eq!(read("rpc error: code = Unknown desc = odd"), StartFailure::Other("odd".into()));
        assert_eq!(read("exec /app: exec format error"), StartFailure::ExecFormat);
    }
}
