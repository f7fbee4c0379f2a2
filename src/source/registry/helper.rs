//! Credential helpers: the programs `docker-credential-NAME` that a `config.json` names.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;

use super::super::connect::ConnectOptions;
use super::super::exec::{self, NoCredential, Program};
use super::credentials::Credential;
use crate::observation::Untried;

/// A helper asks a key ring or a cloud.
const LIMIT: Duration = Duration::from_secs(10);
const MOST_OUTPUT: usize = 1 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

/// Asks the helper for the credentials of a server, on a thread of its own.
pub(super) async fn ask(name: &str, server: &str, options: &ConnectOptions) -> Result<Credential, Untried> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || !name.chars().all(plain) {
        return Err(Untried::Unusable(format!("{name:?} cannot be the name of a credential helper")));
    }
    let program = format!("docker-credential-{name}");
    exec::permitted(&program, &options.exec_plugins, options.path.as_deref())
        .map_err(|_: NoCredential| Untried::Unusable(format!("--exec-plugins does not allow {program}")))?;
    let file = exec::found(&program, options.path.as_deref());
    let file = file.ok_or_else(|| Untried::Unusable(format!("{program} is not in PATH")))?;
    let server = server.to_owned();
    tokio::task::spawn_blocking(move || run(&program, &mut Command::new(file), &server))
        .await
        .unwrap_or_else(|_| Err(Untried::Unusable("the credential helper was cut short".to_owned())))
}

/// What it prints is never repeated: on success it is the password, and helpers print their errors there too.
fn run(program: &str, command: &mut Command, server: &str) -> Result<Credential, Untried> {
    let unusable = |why: &str| Untried::Unusable(format!("{program} {why}"));
    tracing::debug!("runs the credential helper {program}");
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut helper = Program::start(command, true)
        .map_err(|error| unusable(&format!("could not be started: {}", error.kind())))?;
    if let Some(mut stdin) = helper.stdin() {
        // one that does not read it will say so by its end
        drop(stdin.write_all(server.as_bytes()));
    }
    let output = helper.output(MOST_OUTPUT);
    let ended = helper.wait(LIMIT).map_err(|error| unusable(&format!("failed: {}", error.kind())))?;
    let status = ended
        .ok_or_else(|| unusable(&format!("did not end within {} s and was stopped", LIMIT.as_secs())))?;
    let output = output.bytes();
    if !status.success() {
        // the words of docker/docker-credential-helpers
        let said = String::from_utf8_lossy(&output).to_lowercase();
        return Err(if said.contains("credentials not found") {
            Untried::NoEntry
        } else {
            unusable(&format!("failed ({status})"))
        });
    }
    let Printed { username, secret } =
        serde_json::from_slice(&output).map_err(|_| unusable("did not print a user name and a secret"))?;
    if secret.is_empty() {
        return Err(Untried::NoEntry);
    }
    Ok(if username == "<token>" {
        Credential::IdentityToken(secret)
    } else {
        Credential::Password { user: username, password: secret }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a helper that is this shell script.
    fn helper(script: &str) -> Result<(String, String), Untried> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        run("docker-credential-test", &mut command, "r.example").map(|credential| match credential {
            Credential::Password { user, password } => (user, password),
            Credential::IdentityToken(token) => ("identity".to_owned(), token),
            Credential::RegistryToken(token) => ("registry".to_owned(), token),
        })
    }

    #[test]
    fn a_helper_is_asked_for_the_server() {
        // `$0` is the first argument after the script.
        let found = helper(r#"read server; echo "{\"Username\": \"$0 $server\", \"Secret\": \"s\"}""#);
        assert_eq!(found, Ok(("get r.example".to_owned(), "s".to_owned())));
        let token = helper(r#"echo '{"ServerURL": "x", "Username": "<token>", "Secret": "id"}'"#);
        assert_eq!(token, Ok(("identity".to_owned(), "id".to_owned())));
    }

    #[test]
    fn no_credentials_is_an_answer() {
        let none = helper("echo 'credentials not found in native keychain'; exit 1");
        assert_eq!(none, Err(Untried::NoEntry));
        assert_eq!(helper(r#"echo '{"Username": "", "Secret": ""}'"#), Err(Untried::NoEntry));
    }

    #[test]
    fn what_a_helper_printed_is_not_repeated() {
        for (script, expected) in [
            ("echo canary; exit 3", "docker-credential-test failed (exit status: 3)"),
            ("echo canary", "docker-credential-test did not print a user name and a secret"),
        ] {
            assert_eq!(helper(script), Err(Untried::Unusable(expected.to_owned())));
        }
    }
}
