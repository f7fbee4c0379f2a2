//! GitHub's runner as a reader of logs.

/// Name, properties and data of a command.
pub(crate) type Command = (String, String, String);

/// Commands that GitHub's runner knows (`ActionCommandManager`, `CommandExtension`s).
const KNOWN: &[&str] = &[
    "error",
    "warning",
    "notice",
    "debug",
    "group",
    "endgroup",
    "add-mask",
    "add-matcher",
    "remove-matcher",
    "echo",
    "stop-commands",
    "save-state",
    "set-output",
    "set-env",
    "add-path",
    "pause-logging",
    "resume-logging",
    "internal-set-repo-path",
];

/// A command as the runner's `ActionCommand` reads a line: name, properties, data. First the form `::name …::data`
/// at the beginning of the line (`TryParseV2`), then `##[name …]data` anywhere in it (`TryParse`). Names without
/// a handler are no commands.
pub(crate) fn reads(line: &str) -> Option<Command> {
    let known = |name: &str| KNOWN.iter().any(|known| known.eq_ignore_ascii_case(name));
    let split = |head: &str, data: &str| {
        let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
        known(name).then(|| (name.to_ascii_lowercase(), properties.to_owned(), data.to_owned()))
    };
    let second = || {
        let (head, data) = line.trim_start().strip_prefix("::")?.split_once("::")?;
        split(head, data)
    };
    let first = || {
        let (_, rest) = line.split_once("##[")?;
        let (head, data) = rest.split_once(']')?;
        split(head, data)
    };
    second().or_else(first)
}

/// The commands that the runner would execute, with `stop-commands` and its token obeyed.
pub(crate) fn executes(log: &str) -> Vec<Command> {
    let mut stopped: Option<String> = None;
    let mut executed = Vec::new();
    for line in log.lines() {
        if let Some(token) = &stopped {
            // The token itself is a command then.
            let resumes = line.trim_start().strip_prefix("::").and_then(|rest| rest.split_once("::"));
            if resumes.is_some_and(|(name, _)| name.eq_ignore_ascii_case(token)) {
                stopped = None;
            }
            continue;
        }
        if let Some(command) = reads(line) {
            if command.0 == "stop-commands" {
                stopped = Some(command.2.clone());
            }
            executed.push(command);
        }
    }
    executed
}
