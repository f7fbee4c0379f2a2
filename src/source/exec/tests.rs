//! A zoo of plugins.

use tokio::time::Instant;

use super::*;

const PATH: Option<&str> = Some("/nonexistent:/bin:/usr/bin");

fn shell(script: &str) -> ExecConfig {
    ExecConfig {
        command: Some("sh".to_owned()),
        args: Some(vec!["-c".to_owned(), script.to_owned()]),
        interactive_mode: Some(ExecInteractiveMode::IfAvailable),
        ..ExecConfig::default()
    }
}

fn failure(exec: &ExecConfig) -> NoCredential {
    run(exec, &ExecPlugins::Allow, false, PATH).unwrap_err()
}

#[test]
fn a_token_and_a_certificate_are_read() {
    let token = shell(r#"echo '{"kind":"ExecCredential","status":{"token":"t0ken"}}'"#);
    let credential = run(&token, &ExecPlugins::Allow, false, PATH).unwrap();
    assert_eq!(credential, Credential { token: Some("t0ken".to_owned()), certificate: None });
    let pair = shell(r#"echo '{"status":{"clientCertificateData":"CERT","clientKeyData":"KEY"}}'"#);
    let credential = run(&pair, &ExecPlugins::Allow, false, PATH).unwrap();
    assert_eq!(credential.certificate, Some(("CERT".to_owned(), "KEY".to_owned())));
}

#[test]
fn a_plugin_finds_nothing_on_standard_input_and_knows_that_nobody_is_there() {
    let exec = shell(
        r#"read -r line && exit 9; case $KUBERNETES_EXEC_INFO in *'"interactive":false'*) echo '{"status":{"token":"t"}}';; esac"#,
    );
    assert!(run(&exec, &ExecPlugins::Allow, false, PATH).is_ok());
}

#[test]
fn what_a_plugin_printed_stays_secret() {
    let failed = failure(&shell(
        "echo t0ken-on-stdout; echo 'denied for eyJhbGciOiJSUzI1NiIsImtpZCI6IkFCQ0RFRiJ9' >&2; exit 3",
    ));
    assert_eq!(failed.why, "the credential plugin sh failed (exit status: 3): denied for …");
    let named = failure(&shell("echo 'login failed, password=hunter2!' >&2; exit 3"));
    assert!(named.why.ends_with("(exit status: 3): login failed, password=[redacted]"), "{named:?}");
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
fn a_plugin_that_hangs_is_stopped_with_all_that_it_has_started() {
    let mut command = Command::new("sh");
    command.args(["-c", "sleep 600 & wait"]).stdout(Stdio::piped());
    let mut program = Program::start(&mut command, true).unwrap();
    let output = program.output(1);
    let begun = Instant::now();
    assert_eq!(program.wait(Duration::from_millis(50)).unwrap(), None);
    // the pipe ends with the last process that holds it
    assert!(output.ends_within(Duration::from_secs(10)) && begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn what_a_plugin_leaves_running_does_not_hide_what_it_printed() {
    let exec = shell(r#"sleep 20 & echo '{"status":{"token":"t0ken"}}'"#);
    let credential = run(&exec, &ExecPlugins::Allow, false, PATH).unwrap();
    assert_eq!(credential.token.as_deref(), Some("t0ken"));
}

#[test]
fn a_plugin_may_complain_at_length() {
    // without a reader the shell would end at the first write that nobody takes
    let exec = shell(
        r#"i=0; while [ $i -lt 4000 ]; do echo "debug line $i of a request with many headers" >&2; i=$((i+1)); done
           echo "the end" >&2; exit 7"#,
    );
    assert_eq!(failure(&exec).why, "the credential plugin sh failed (exit status: 7): the end");
}

#[test]
fn a_credential_in_yaml_is_read() {
    let yaml = "apiVersion: client.authentication.k8s.io/v1\nkind: ExecCredential\nstatus:\n  token: t0ken\n";
    assert_eq!(credential(yaml.as_bytes()).and_then(|found| found.token).as_deref(), Some("t0ken"));
    assert_eq!(credential(b"t0ken\n"), None);
}

#[test]
fn a_missing_plugin_comes_with_its_install_hint() {
    let exec = ExecConfig {
        command: Some("/nonexistent/login".to_owned()),
        install_hint: Some("brew install login\n".to_owned()),
        ..ExecConfig::default()
    };
    assert_eq!(failure(&exec).help, ["brew install login"]);
    let bare = ExecConfig { command: Some("login-nowhere".to_owned()), ..exec };
    assert_eq!(failure(&bare).why, "the credential plugin login-nowhere was not found");
    assert_eq!(failure(&bare).help, ["brew install login"]);
}

#[test]
fn a_plugin_that_must_ask_is_not_started_without_a_terminal() {
    let exec = ExecConfig { interactive_mode: Some(ExecInteractiveMode::Always), ..shell("exit 0") };
    assert!(failure(&exec).why.contains("standard input is not a terminal"));
}

#[test]
fn only_what_is_allowed_runs() {
    let only = |name: &str| ExecPlugins::Only(vec![name.to_owned()]);
    let path = PATH;
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

/// A folder with a plugin of that name, which gives that token.
fn folder_with(name: &str, token: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    let script = format!("#!/bin/sh\necho '{{\"status\":{{\"token\":\"{token}\"}}}}'\n");
    std::fs::write(&file, script).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&file, mode).unwrap();
    folder
}

fn with_variable(exec: ExecConfig, name: &str, value: &str) -> ExecConfig {
    let variable = [("name", name), ("value", value)];
    let variable = variable.map(|(field, text)| (field.to_owned(), text.to_owned()));
    ExecConfig { env: Some(vec![variable.into()]), ..exec }
}

#[test]
fn the_path_of_a_kubeconfig_does_not_choose_the_program() {
    let (good, evil) = (folder_with("login", "good"), folder_with("login", "evil"));
    let login = ExecConfig { command: Some("login".to_owned()), ..ExecConfig::default() };
    let exec = with_variable(login, "PATH", evil.path().to_str().unwrap());
    let path = good.path().to_str();
    let credential = run(&exec, &ExecPlugins::Allow, false, path).unwrap();
    assert_eq!(credential.token.as_deref(), Some("good"));
    let only = ExecPlugins::Only(vec!["login".to_owned()]);
    assert!(run(&exec, &only, false, path).unwrap_err().why.contains("sets PATH for login"));
}

#[test]
fn an_allowed_program_gets_no_other_code_from_the_kubeconfig() {
    let only = ExecPlugins::Only(vec!["sh".to_owned()]);
    let exec = || shell(r#"echo '{"status":{"token":"t"}}'"#);
    for name in ["LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "BASH_ENV", "PYTHONPATH", "NODE_OPTIONS"] {
        let error = run(&with_variable(exec(), name, "/tmp/x"), &only, false, PATH).unwrap_err();
        assert!(error.why.contains(name) && !error.why.contains("/tmp/x"), "{error:?}");
    }
    assert!(run(&with_variable(exec(), "AWS_PROFILE", "ci"), &only, false, PATH).is_ok());
}

#[test]
fn a_name_is_looked_for_as_a_program_and_not_where_we_happen_to_be() {
    let folder = folder_with("login", "t");
    std::fs::write(folder.path().join("notes"), "no program").unwrap();
    let path = folder.path().to_str();
    assert_eq!(found("login", path), Some(folder.path().join("login")));
    assert_eq!(found("notes", path), None);
    assert_eq!(found("Cargo.toml", Some(".:")), None);
}
