//! A zoo of plugins.

use super::*;

fn shell(script: &str) -> ExecConfig {
    ExecConfig {
        command: Some("sh".to_owned()),
        args: Some(vec!["-c".to_owned(), script.to_owned()]),
        interactive_mode: Some(ExecInteractiveMode::IfAvailable),
        ..ExecConfig::default()
    }
}

fn failure(exec: &ExecConfig) -> PluginFailure {
    run(exec, &ExecPlugins::Allow, false, None).unwrap_err()
}

#[test]
fn a_token_and_a_certificate_are_read() {
    let token = shell(r#"echo '{"kind":"ExecCredential","status":{"token":"t0ken"}}'"#);
    let credential = run(&token, &ExecPlugins::Allow, false, None).unwrap();
    assert_eq!(credential, Credential { token: Some("t0ken".to_owned()), certificate: None });
    let pair = shell(r#"echo '{"status":{"clientCertificateData":"CERT","clientKeyData":"KEY"}}'"#);
    let credential = run(&pair, &ExecPlugins::Allow, false, None).unwrap();
    assert_eq!(credential.certificate, Some(("CERT".to_owned(), "KEY".to_owned())));
}

#[test]
fn a_plugin_finds_nothing_on_standard_input_and_knows_that_nobody_is_there() {
    let exec = shell(
        r#"read -r line && exit 9; case $KUBERNETES_EXEC_INFO in *'"interactive":false'*) echo '{"status":{"token":"t"}}';; esac"#,
    );
    assert!(run(&exec, &ExecPlugins::Allow, false, None).is_ok());
}

#[test]
fn what_a_plugin_printed_stays_secret() {
    let failed = failure(&shell(
        "echo t0ken-on-stdout; echo 'denied for eyJhbGciOiJSUzI1NiIsImtpZCI6IkFCQ0RFRiJ9' >&2; exit 3",
    ));
    assert_eq!(failed.why, "the credential plugin sh failed (exit status: 3): denied for …");
    let junk = failure(&shell("echo t0ken-in-junk"));
    assert!(junk.why.contains("did not print an ExecCredential") && !junk.why.contains("t0ken"), "{junk:?}");
    let empty = failure(&shell(r#"echo '{"status":{"token":""}}'"#));
    assert!(empty.why.contains("with a token or a certificate"), "{empty:?}");
}

#[test]
fn an_endless_plugin_ends_at_its_first_mebibyte() {
    let flood = failure(&shell("while :; do echo 0123456789012345678901234567890123456789; done"));
    assert!(flood.why.contains("failed") || flood.why.contains("more than 1 MiB"), "{flood:?}");
}

#[test]
fn a_plugin_that_hangs_is_stopped() {
    let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    let begun = Instant::now();
    assert!(matches!(wait(&mut child, Duration::from_millis(50)), Err(None)));
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(child.try_wait().unwrap().is_some(), "it is gone");
}

#[test]
fn a_missing_plugin_comes_with_its_install_hint() {
    let exec = ExecConfig {
        command: Some("/nonexistent/login".to_owned()),
        install_hint: Some("brew install login\n".to_owned()),
        ..ExecConfig::default()
    };
    assert_eq!(failure(&exec).help, ["brew install login"]);
}

#[test]
fn a_plugin_that_must_ask_is_not_started_without_a_terminal() {
    let exec = ExecConfig { interactive_mode: Some(ExecInteractiveMode::Always), ..shell("exit 0") };
    assert!(failure(&exec).why.contains("standard input is not a terminal"));
}

#[test]
fn only_what_is_allowed_runs() {
    let only = |name: &str| ExecPlugins::Only(vec![name.to_owned()]);
    let path = Some("/nonexistent:/bin:/usr/bin");
    let sh = found("sh", path).unwrap();
    for plugins in [ExecPlugins::Allow, only("sh"), only(sh.to_str().unwrap())] {
        assert_eq!(permitted("sh", &plugins, path), Ok(()), "{plugins:?}");
    }
    for plugins in [ExecPlugins::Deny, only("aws"), only("/elsewhere/sh")] {
        assert!(permitted("sh", &plugins, path).is_err(), "{plugins:?}");
    }
    assert!(permitted("/tmp/sh", &only("sh"), path).is_err(), "a path that ends in an allowed name");
    let error = permitted("sh", &ExecPlugins::Deny, path).unwrap_err();
    assert_eq!(error.why, "the kubeconfig wants to run sh, and --exec-plugins does not allow it");
}
