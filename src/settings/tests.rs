use super::*;
use crate::policy::{ExecPlugins, StableFor};
use std::collections::BTreeSet;
use std::ffi::OsString;

fn resolve_with(variables: &[(&str, &str)], line: &str, terminal: bool) -> Result<Settings, Error> {
    let (mut env, _, _) = Env::by_hand(variables);
    env.stderr_is_terminal = terminal;
    env.stdout_is_terminal = terminal;
    let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
    Settings::resolve(crate::cli::parse(&arguments, &env).unwrap(), &env)
}

fn gate(line: &str) -> Gate {
    gate_with(&[], line, false)
}

fn gate_with(variables: &[(&str, &str)], line: &str, terminal: bool) -> Gate {
    match resolve_with(variables, line, terminal).unwrap().command {
        Command::Gate(gate) => *gate,
        other => panic!("{other:?}"),
    }
}

fn refused(line: &str) -> Error {
    let error = resolve_with(&[], line, false).unwrap_err();
    assert_eq!(error.exit_code().number(), 2);
    assert!(!error.hints.is_empty(), "{line}: {error:?}");
    error
}

#[test]
fn flags_become_the_policy() {
    let line = "rollout-guard wait deploy/web --timeout 5m --stable-for 2m --patience 1.5 --tolerate-restarts 0 \
                --follow --fail-fast --logs never --allow-on-delete";
    let policy = gate(line).policy;
    let expected = Policy {
        timeout: Duration::from_secs(300),
        stable_for: StableFor::For(Duration::from_secs(120)),
        patience: 1.5,
        tolerated_restarts: 0,
        follow: true,
        fail_fast: true,
        logs: false,
        instant: false,
        allow_on_delete: true,
        given: BTreeSet::from([Knob::Timeout, Knob::StableFor, Knob::TolerateRestarts]),
        ..Policy::default()
    };
    assert_eq!(policy, expected);
    assert_eq!(gate("rollout-guard wait deploy/web").policy, Policy::default());
}

#[test]
fn diagnose_and_a_timeout_of_zero_judge_this_instant() {
    for line in ["rollout-guard diagnose deploy/web", "rollout-guard wait deploy/web --timeout 0"] {
        let gate = gate(line);
        assert!(gate.policy.instant && !gate.policy.timeout.is_zero(), "{line}");
        assert_eq!(gate.ui, UiKind::None, "{line}");
    }
}

#[test]
fn the_connection_is_what_flags_and_variables_say() {
    let variables =
        &[("KUBECONFIG", "/a:/b:"), ("HOME", "/home/me"), ("KUBERNETES_SERVICE_HOST", "10.0.0.1")];
    let line = "rollout-guard wait deploy/web --kubeconfig /k --context c -n shop --request-timeout 5s \
                --exec-plugins aws,/opt/login --as u --as-group g";
    let expected = Connection {
        kubeconfig: Some("/k".into()),
        kubeconfig_env: Some("/a:/b:".to_owned()),
        home: Some("/home/me".into()),
        in_cluster: true,
        context: Some("c".to_owned()),
        namespace: Some("shop".to_owned()),
        request_timeout: Some(Duration::from_secs(5)),
        exec_plugins: ExecPlugins::Only(vec!["aws".to_owned(), "/opt/login".to_owned()]),
        impersonate_user: Some("u".to_owned()),
        impersonate_groups: vec!["g".to_owned()],
        insecure_registries: BTreeSet::new(),
    };
    assert_eq!(gate_with(variables, line, false).connection, expected);
    assert_eq!(gate("rollout-guard wait deploy/web").connection, Connection::default());
    assert_eq!(gate("rollout-guard wait deploy/web --request-timeout 0").connection.request_timeout, None);
}

#[test]
fn stdout_carries_one_document() {
    let reports = |flags: &str| gate(&format!("rollout-guard wait deploy/web{flags}")).reports;
    let look = |flags: &str| {
        let reports = reports(flags);
        (reports.stdout, reports.text_on_stderr, reports.files.len())
    };
    assert_eq!(look(""), (Document::Text, false, 0));
    assert_eq!(look(" -o json"), (Document::Report(ReportFormat::Json), false, 0));
    assert_eq!(look(" --json -"), (Document::Report(ReportFormat::Json), true, 0));
    assert_eq!(look(" --junit - --json r.json"), (Document::Report(ReportFormat::JUnit), true, 1));
    assert_eq!(look(" --junit r.xml --json r.json"), (Document::Text, false, 2));
    for flags in ["-o json --junit -", "--json - --junit -", "-o json --json -"] {
        let error = refused(&format!("rollout-guard wait deploy/web {flags}"));
        assert!(error.message.ends_with("both print to stdout"), "{}", error.message);
    }
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_starts() {
    for (line, message) in [
        ("wait", "no target named"),
        ("wait deploy/web --json r --junit r", "--json and --junit both name r"),
        ("wait deploy/web --json r --record r", "--record and --json both name r"),
        ("wait deploy/web --record -", "a recording cannot go to stdout"),
        ("wait deploy/web --as-group g", "--as-group without --as"),
        ("wait deploy/web --namespace=", "\"\" cannot be the name of a namespace"),
        ("wait deploy/web -n Shop", "\"Shop\" cannot be the name of a namespace"),
        ("replay", "no recording named"),
    ] {
        let error = refused(&format!("rollout-guard {line}"));
        assert!(error.message.contains(message), "{line}: {}", error.message);
    }
}

#[test]
fn progress_follows_the_terminal_unless_told_otherwise() {
    let ui = |variables: &[(&str, &str)], flags: &str, terminal| {
        gate_with(variables, &format!("rollout-guard wait deploy/web{flags}"), terminal).ui
    };
    assert_eq!(ui(&[], "", true), UiKind::Terminal);
    assert_eq!(ui(&[], "", false), UiKind::Plain);
    assert_eq!(ui(&[("TERM", "dumb")], "", true), UiKind::Plain);
    assert_eq!(ui(&[], " --progress plain", true), UiKind::Plain);
    assert_eq!(ui(&[], " --progress tty", false), UiKind::Terminal);
    assert_eq!(ui(&[], " --progress none", true), UiKind::None);
    assert_eq!(ui(&[], " --quiet", true), UiKind::None);
}

#[test]
fn colour_is_decided_by_flag_then_variables_then_terminal_then_ci_system() {
    let color = |variables: &[(&str, &str)], flags: &str, terminal| {
        let line = format!("rollout-guard wait deploy/web{flags}");
        resolve_with(variables, &line, terminal).unwrap().display.stdout_color
    };
    assert!(color(&[], "", true));
    assert!(!color(&[], "", false));
    assert!(!color(&[("NO_COLOR", "1")], "", true));
    assert!(color(&[("NO_COLOR", "")], "", true));
    assert!(color(&[("NO_COLOR", "1")], " --color always", false));
    assert!(!color(&[("FORCE_COLOR", "1")], " --color never", true));
    assert!(color(&[("FORCE_COLOR", "1")], "", false));
    assert!(!color(&[("FORCE_COLOR", "0")], "", false));
    assert!(!color(&[("TERM", "dumb")], "", true));
    assert!(color(&[("GITHUB_ACTIONS", "true")], "", false));
    assert!(!color(&[("GITHUB_ACTIONS", "true"), ("NO_COLOR", "1")], "", false));
}

#[test]
fn a_recording_comes_from_a_file_stdin_or_the_program() {
    let source = |line: &str| match resolve_with(&[], line, false).unwrap().command {
        Command::Replay { source, .. } => source,
        other => panic!("{other:?}"),
    };
    assert_eq!(source("rollout-guard replay a.jsonl"), ReplaySource::File("a.jsonl".into()));
    assert_eq!(source("rollout-guard replay -"), ReplaySource::Stdin);
    assert_eq!(source("rollout-guard replay --demo x"), ReplaySource::Demo("x".to_owned()));
    assert_eq!(source("rollout-guard replay --list"), ReplaySource::List);
}

#[test]
fn a_number_is_asked_of_one_target_only() {
    let gate = gate("rollout-guard wait deploy/web deploy/api --revision 3");
    assert!(gate.check_number_of(1).is_ok());
    let error = gate.check_number_of(2).unwrap_err();
    assert_eq!(error.exit_code().number(), 2);
    assert!(error.message.contains("--revision with 2 targets"), "{error:?}");
}

#[test]
fn what_is_expected_comes_from_flags_and_variables() {
    let image = [("ROLLOUT_GUARD_EXPECT_IMAGE", "app=web:1\nproxy=envoy:2")];
    let gate = gate_with(&image, "rollout-guard wait deploy/web --generation 4", false);
    let expect = gate.policy.expect;
    assert_eq!(expect.generation, Some(4));
    let names: Vec<_> = expect.images.iter().map(|image| image.container.as_deref()).collect();
    assert_eq!(names, [Some("app"), Some("proxy")]);
}
