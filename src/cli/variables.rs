//! `ROLLOUT_GUARD_*`: a variable for every flag, weaker than the flag itself.
//!
//! clap can read variables too, but only those of the real process. Here they come from [`Env`], become flags
//! of the command line that the user has not given, and so meet the same parser and the same errors.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::config::ConfigFile;
use crate::diagnose::nearest;
use crate::env::Env;

const PREFIX: &str = "ROLLOUT_GUARD_";

/// The variable of a flag: `--stable-for` has `ROLLOUT_GUARD_STABLE_FOR`.
pub(super) fn name_of(flag: &str) -> String {
    format!("{PREFIX}{}", flag.to_ascii_uppercase().replace('-', "_"))
}

/// A warning for each variable that stands for no flag and is spelt almost like one that does. Others are somebody
/// else's: a pipeline may keep the version that it installs in a variable of that prefix.
pub(super) fn mistyped(flags: &[&str], env: &Env) -> Vec<String> {
    let known: Vec<String> = flags.iter().map(|flag| name_of(flag)).collect();
    let known: Vec<&str> = known.iter().filter_map(|name| name.strip_prefix(PREFIX)).collect();
    let unknown = env.variables_with(PREFIX).into_iter().filter(|name| !known.contains(&name.as_str()));
    unknown
        .filter_map(|name| {
            let near = nearest(&name, known.iter().copied()).into_iter().next()?;
            Some(format!(
                "the variable {:?} has no effect; did you mean {PREFIX}{near}?",
                format!("{PREFIX}{name}")
            ))
        })
        .collect()
}

/// The command line completed by what the variables, and after them the file, say about flags that it does not give.
///
/// `matches` is the reading of `arguments` alone. The same `arguments` come back where no variable applies.
pub(super) fn complete(
    command: &Command,
    matches: &ArgMatches,
    arguments: &[OsString],
    env: &Env,
    file: &ConfigFile,
) -> Vec<OsString> {
    let (global, local): (Vec<&Arg>, Vec<&Arg>) =
        command.get_arguments().partition(|arg| arg.is_global_set());
    debug_assert!(local.iter().all(|arg| is_built_in(arg)), "a flag of the program itself must be global");
    let mut leading = Vec::new();
    let mut trailing = Vec::new();
    for arg in global {
        leading.extend(tokens(arg, matches, env, file));
    }
    if let Some((name, matches)) = matches.subcommand()
        && let Some(command) = command.find_subcommand(name)
    {
        let own = |arg: &&Arg| !arg.is_global_set() && !is_typed_only(name, arg);
        for arg in command.get_arguments().filter(own) {
            trailing.extend(tokens(arg, matches, env, file));
        }
    }
    let (program, rest) = arguments.split_at(arguments.len().min(1));
    // All after `--` is positional.
    let end = rest.iter().position(|argument| argument == "--").unwrap_or(rest.len());
    let (flags, positional) = rest.split_at(end);
    [program, &leading, flags, &trailing, positional].concat()
}

/// Every flag there is, of the program and its commands, without its dashes.
pub(super) fn flags(command: &Command) -> Vec<&str> {
    let commands = std::iter::once(command).chain(command.get_subcommands());
    let arguments = commands.flat_map(Command::get_arguments).filter(|arg| !is_built_in(arg));
    let mut flags: Vec<&str> = arguments.filter_map(Arg::get_long).collect();
    flags.sort_unstable();
    flags.dedup();
    flags
}

/// `rbac --for` names targets, and `for` elsewhere, so also in variables and files, a state: only the command line can
/// mean the former.
fn is_typed_only(command: &str, arg: &Arg) -> bool {
    command == "rbac" && arg.get_long() == Some("for")
}

fn is_built_in(arg: &Arg) -> bool {
    matches!(arg.get_long(), Some("help" | "version"))
}

/// The tokens that the variable of a flag stands for; none if the flag is given or the variable is not set.
fn tokens(arg: &Arg, matches: &ArgMatches, env: &Env, file: &ConfigFile) -> Vec<OsString> {
    let Some(flag) = arg.get_long().filter(|_| !is_built_in(arg)) else { return Vec::new() };
    let given = matches.ids().any(|id| id == arg.get_id())
        && matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
    let value = env.variable(&name_of(flag)).or_else(|| file.get(flag).map(ToOwned::to_owned));
    let Some(value) = value.filter(|_| !given) else { return Vec::new() };
    let with_value = |value: &str| OsString::from(format!("--{flag}={value}"));
    match arg.get_action() {
        ArgAction::SetTrue => match value.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "on" => vec![OsString::from(format!("--{flag}"))],
            "0" | "false" | "no" | "off" => Vec::new(),
            // clap says that this flag takes no value and names it.
            _ => vec![with_value(&value)],
        },
        ArgAction::Count => match value.parse::<u8>() {
            Ok(times) => vec![OsString::from(format!("--{flag}")); usize::from(times)],
            Err(_) => vec![with_value(&value)],
        },
        ArgAction::Append => value.lines().filter(|line| !line.is_empty()).map(with_value).collect(),
        _ => match env.variable_os(&name_of(flag)) {
            // The original bytes: a path need not be UTF-8.
            Some(value) => {
                let mut token = OsString::from(format!("--{flag}="));
                token.push(value);
                vec![token]
            }
            None => vec![with_value(&value)],
        },
    }
}
