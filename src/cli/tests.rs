use super::*;

fn parse_with(variables: &[(&str, &str)], line: &str) -> Result<Arguments, Early> {
    let (env, _, _) = Env::by_hand(variables);
    let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
    parse(&arguments, &env)
}

fn wait_with(variables: &[(&str, &str)], line: &str) -> WaitArguments {
    match parse_with(variables, line).unwrap().command {
        CommandArguments::Wait(wait) => *wait,
        other => panic!("{other:?}"),
    }
}

fn refused(line: &str) -> String {
    let early = parse_with(&[], line).unwrap_err();
    assert_eq!(early.code, ExitCode::Usage, "{line}");
    early.text
}

fn help(line: &str) -> String {
    let early = parse_with(&[], line).unwrap_err();
    assert_eq!(early.code, ExitCode::Complete, "{line}");
    early.text
}

#[test]
fn the_definition_is_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn defaults_are_those_of_the_policy() {
    use crate::policy::Policy;
    let wait = wait_with(&[], "rollout-guard wait deploy/web");
    let policy = Policy::default();
    assert_eq!(wait.timeout, policy.timeout);
    assert_eq!(wait.gate.stable_for, policy.stable_for);
    assert_eq!(i64::from(wait.gate.tolerate_restarts), policy.tolerated_restarts);
    assert!((wait.gate.patience - policy.patience).abs() < f64::EPSILON);
    assert_eq!((wait.follow, wait.fail_fast), (policy.follow, policy.fail_fast));
    assert_eq!(wait.gate.logs, LogsWhen::OnFailure);
    assert!(policy.logs);
}

#[test]
fn a_flag_wins_over_its_variable_and_the_variable_over_the_default() {
    let variables = &[("ROLLOUT_GUARD_TIMEOUT", "5m")];
    let minutes = |variables: &[(&str, &str)], line| wait_with(variables, line).timeout.as_secs() / 60;
    assert_eq!(minutes(&[], "rollout-guard wait deploy/web"), 11);
    assert_eq!(minutes(variables, "rollout-guard wait deploy/web"), 5);
    assert_eq!(minutes(variables, "rollout-guard wait deploy/web --timeout 2m"), 2);
    assert_eq!(minutes(&[("ROLLOUT_GUARD_TIMEOUT", "")], "rollout-guard wait deploy/web"), 11);
}

#[test]
fn a_variable_that_is_almost_one_of_ours_is_told() {
    let (mut env, _, err) = Env::by_hand(&[
        ("ROLLOUT_GUARD_TIMEOT", "5m"),
        ("ROLLOUT_GUARD_STABLE-FOR", "5s"),
        ("ROLLOUT_GUARD_VERSION", "0.1.0"),
        ("ROLLOUT_GUARD_TIMEOUT", "5m"),
        ("ROLLOUT_GUARD_JUNTI", ""),
    ]);
    let line = ["rollout-guard", "explain", "image-not-found"];
    assert_eq!(crate::run(line.map(OsString::from), &mut env), ExitCode::Complete);
    assert_eq!(
        err.text(),
        "warning: the variable \"ROLLOUT_GUARD_STABLE-FOR\" has no effect; did you mean ROLLOUT_GUARD_STABLE_FOR?\n\
         warning: the variable \"ROLLOUT_GUARD_TIMEOT\" has no effect; did you mean ROLLOUT_GUARD_TIMEOUT?\n"
    );
}

#[test]
fn variables_reach_flags_of_every_shape() {
    let variables = &[
        ("ROLLOUT_GUARD_FOLLOW", "true"),
        ("ROLLOUT_GUARD_FAIL_FAST", "0"),
        ("ROLLOUT_GUARD_QUIET", "yes"),
        ("ROLLOUT_GUARD_REDACT", "a+\nb+"),
        ("ROLLOUT_GUARD_OUTPUT", "json"),
        ("ROLLOUT_GUARD_NAMESPACE", "shop"),
        ("ROLLOUT_GUARD_VERBOSE", "2"),
        ("ROLLOUT_GUARD_AS", "-dash"),
    ];
    let arguments = parse_with(variables, "rollout-guard wait -- deploy/web").unwrap();
    assert_eq!(arguments.connection.namespace.as_deref(), Some("shop"));
    assert_eq!(arguments.connection.as_user.as_deref(), Some("-dash"));
    assert_eq!(arguments.verbose, 2);
    let wait = wait_with(variables, "rollout-guard wait -- deploy/web");
    assert_eq!((wait.follow, wait.fail_fast, wait.gate.quiet), (true, false, true));
    assert_eq!(wait.gate.reports.redact, ["a+", "b+"]);
    assert_eq!(wait.gate.reports.output, OutputFormat::Json);
    let given = wait_with(variables, "rollout-guard wait deploy/web --redact c+ -o text");
    assert_eq!(given.gate.reports.redact.len(), 1, "the flag replaces the variable's list");
    assert_eq!(given.gate.reports.output, OutputFormat::Text);
}

#[test]
fn a_variable_of_another_command_is_ignored() {
    let variables = &[("ROLLOUT_GUARD_TIMEOUT", "soon"), ("ROLLOUT_GUARD_DEMO", "x")];
    assert!(parse_with(variables, "rollout-guard explain").is_ok());
    assert!(parse_with(variables, "rollout-guard diagnose deploy/web").is_ok());
}

#[test]
fn a_bad_value_names_the_variable_it_comes_from() {
    let early = parse_with(&[("ROLLOUT_GUARD_TIMEOUT", "90")], "rollout-guard wait deploy/web").unwrap_err();
    assert_eq!(early.code, ExitCode::Usage);
    assert!(
        early.text.contains("invalid value '90' for '--timeout <DURATION>': the unit is missing"),
        "{}",
        early.text
    );
    assert!(
        early.text.ends_with("hint: the value comes from the variable ROLLOUT_GUARD_TIMEOUT\n"),
        "{}",
        early.text
    );
    let early =
        parse_with(&[("ROLLOUT_GUARD_FOLLOW", "maybe")], "rollout-guard wait deploy/web").unwrap_err();
    assert!(early.text.contains("ROLLOUT_GUARD_FOLLOW"), "{}", early.text);
}

#[test]
fn cluster_flags_may_stand_before_or_after_the_command() {
    for line in ["rollout-guard -n shop wait deploy/web", "rollout-guard wait deploy/web -n shop"] {
        assert_eq!(parse_with(&[], line).unwrap().connection.namespace.as_deref(), Some("shop"), "{line}");
    }
}

#[test]
fn what_is_wrong_is_named_with_the_fix() {
    for (line, said) in [
        ("rollout-guard wiat deploy/web", "'wait'"),
        ("rollout-guard wait deploy/web --time 5m", "--timeout"),
        ("rollout-guard wait deploy/web --timeout 90", "write 90s for seconds or 90m for minutes"),
        ("rollout-guard wait deploy/web --stable-for x", "(or auto)"),
        ("rollout-guard wait deploy/web -o yaml", "[possible values: text, json]"),
        ("rollout-guard wait deploy/web --patience 0", "a factor above 0"),
        ("rollout-guard wait deploy/web --redact (", "unclosed group"),
        ("rollout-guard wait deploy/web --redact x*", "matches the empty text"),
        ("rollout-guard wait deploy/web --junit=", "a value is required for '--junit <PATH>'"),
        ("rollout-guard wait deploy/web --log-lines 0", "1..=1000"),
        ("rollout-guard replay a.jsonl --demo b", "cannot be used with"),
        ("rollout-guard completions tcsh", "possible values"),
    ] {
        let text = refused(line);
        assert!(text.starts_with("error: ") && text.contains(said), "{line}: {text}");
    }
    assert!(refused("rollout-guard").contains("Usage: rollout-guard"));
}

#[test]
fn the_long_help_lists_every_exit_code_and_the_rule_of_variables() {
    let text = help("rollout-guard --help");
    for (_, number, name, sentence) in ExitCode::ALL {
        assert!(text.contains(&format!("  {number:>3}  {name:<18}  {sentence}\n")), "{text}");
    }
    assert!(text.contains("--stable-for is ROLLOUT_GUARD_STABLE_FOR"), "{text}");
    for line in [
        "rollout-guard -h",
        "rollout-guard help wait",
        "rollout-guard wait -h",
        "rollout-guard replay --help",
    ] {
        let text = help(line);
        assert!(text.contains("Examples:"), "{line}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{line}: {text}");
    }
}

#[test]
fn flags_without_effect_are_not_shown() {
    assert!(help("rollout-guard wait -h").contains("--kubeconfig"));
    assert!(help("rollout-guard diagnose -h").contains("--kubeconfig"));
    for line in ["rollout-guard replay --help", "rollout-guard explain --help", "rollout-guard man --help"] {
        let text = help(line);
        assert!(!text.contains("--kubeconfig") && !text.contains("--verbose"), "{line}: {text}");
        assert!(text.contains("--color"), "{line}");
    }
    assert!(!help("rollout-guard diagnose --help").contains("--timeout <"));
}

#[test]
fn as_a_kubectl_plugin_the_usage_names_kubectl() {
    assert!(help("/usr/bin/kubectl-rollout_guard wait -h").contains("Usage: kubectl rollout-guard wait"));
    assert!(help("/usr/bin/rollout-guard wait -h").contains("Usage: rollout-guard wait"));
}

#[test]
fn completions_and_the_manual_page_describe_every_command() {
    let manual = man();
    for command in ["wait", "diagnose", "replay", "explain", "completions", "man"] {
        assert!(completions(clap_complete::Shell::Bash).contains(command));
        assert!(manual.contains(&format!(".SH \"COMMAND {}\"", command.to_uppercase())), "{command}");
    }
    assert!(manual.contains(r"\-\-stable\-for"), "flags of commands are in the page");
}

/// Parses with a file of settings, named by `--config`.
fn with_file(text: &str, variables: &[(&str, &str)], line: &str) -> Result<Arguments, Early> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.yaml");
    std::fs::write(&path, text).unwrap();
    parse_with(variables, &format!("{line} --config {}", path.display()))
}

#[test]
fn a_file_of_settings_is_weaker_than_variables_and_they_than_flags() {
    let minutes = |variables: &[(&str, &str)], line: &str| {
        let parsed = with_file("timeout: 3m\nfollow: true\n", variables, line).unwrap();
        let CommandArguments::Wait(wait) = parsed.command else { panic!() };
        assert!(wait.follow);
        wait.timeout.as_secs() / 60
    };
    let variable = [("ROLLOUT_GUARD_TIMEOUT", "5m")];
    assert_eq!(minutes(&[], "rollout-guard wait deploy/web"), 3);
    assert_eq!(minutes(&variable, "rollout-guard wait deploy/web"), 5);
    assert_eq!(minutes(&variable, "rollout-guard wait deploy/web --timeout 2m"), 2);
}

#[test]
fn what_is_wrong_in_a_file_of_settings_names_the_file() {
    let text = |file: &str| with_file(file, &[], "rollout-guard wait deploy/web").unwrap_err().text;
    let unknown = text("timeuot: 3m");
    assert!(unknown.contains("settings.yaml: there is no setting \"timeuot\""), "{unknown}");
    assert!(unknown.contains("did you mean timeout?"), "{unknown}");
    let invalid = text("timeout: 3");
    assert!(
        invalid.contains("hint: the value comes from ") && invalid.contains("settings.yaml\n"),
        "{invalid}"
    );
}

#[test]
fn a_setting_of_another_command_does_no_harm() {
    assert!(with_file("timeout: 3m\n", &[], "rollout-guard diagnose deploy/web").is_ok());
}

/// `src/schema/config.v1.json` is made from the flags; `UPDATE_EXPECT=1` rewrites it.
#[test]
fn a_state_to_wait_for_is_no_target_of_rbac() {
    let text = "for: condition=Ready";
    let CommandArguments::Rbac(rbac) = with_file(text, &[], "rollout-guard rbac").unwrap().command else {
        panic!()
    };
    assert!(rbac.targets.is_empty());
    let variable = &[("ROLLOUT_GUARD_FOR", text.trim_start_matches("for: "))];
    let CommandArguments::Rbac(rbac) =
        parse_with(variable, "rollout-guard rbac --for deploy/web").unwrap().command
    else {
        panic!()
    };
    assert_eq!(rbac.targets, ["deploy/web"]);
    assert!(wait_with(variable, "rollout-guard wait widget.example.com/x").gate.goal.is_some());
}

#[test]
fn the_schema_of_the_settings_has_every_flag_that_a_file_can_set() {
    use clap::ArgAction;
    use serde_json::{Map, Value, json};
    let command = command();
    let commands = std::iter::once(&command).chain(command.get_subcommands());
    let mut properties = Map::new();
    for arg in commands.flat_map(clap::Command::get_arguments) {
        let Some(flag) = arg.get_long().filter(|flag| !config::is_refused(flag)) else { continue };
        if ["help", "version"].contains(&flag) || properties.contains_key(flag) {
            continue;
        }
        let said: Vec<String> =
            arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        let mut schema = match arg.get_action() {
            ArgAction::SetTrue => json!({"type": "boolean"}),
            ArgAction::Count => json!({"type": "integer", "minimum": 0}),
            ArgAction::Append => json!({"type": ["string", "array"], "items": {"type": "string"}}),
            _ if !said.is_empty() => json!({"enum": said}),
            _ => json!({"type": ["string", "number"]}),
        };
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        schema["description"] = Value::String(help);
        properties.insert(flag.to_owned(), schema);
    }
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of rollout-guard (.rollout-guard.yaml)",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/schema/config.v1.json");
    #[expect(clippy::disallowed_methods, reason = "a golden file is rewritten on request")]
    let update = std::env::var("UPDATE_EXPECT").is_ok();
    if update {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "src/schema/config.v1.json is not as the flags are; UPDATE_EXPECT=1 rewrites it"
    );
}

#[test]
fn rbac_is_for_all_kinds_or_for_the_targets_named() {
    let CommandArguments::Rbac(all) = parse_with(&[], "rollout-guard rbac").unwrap().command else {
        panic!()
    };
    assert_eq!(all.with, [Extra::Logs, Extra::Events, Extra::Config]);
    let line = "rollout-guard rbac --for deploy/web sts/db --with nodes,undo -n shop";
    let CommandArguments::Rbac(some) = parse_with(&[], line).unwrap().command else { panic!() };
    assert_eq!((some.targets.len(), some.with), (2, vec![Extra::Nodes, Extra::Undo]));
}
