//! What kube's client cannot do: requests that begin and do not end, and answers of 429, after which it tries again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::plane::until;
use crate::rig::Rig;

/// Calls the API server as one user.
pub(crate) struct Curl {
    folder: PathBuf,
    authority: PathBuf,
    header: PathBuf,
}

/// A request that has begun: its body is on its way for as long as this lives.
pub(crate) struct Upload {
    child: Child,
}

impl Curl {
    /// The administrator.
    pub(crate) fn new(rig: &Rig, folder: &Path) -> Result<Self, String> {
        fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        let keys = rig.dir.join("pki");
        Ok(Self { folder: folder.to_owned(), authority: keys.join("ca.crt"), header: keys.join("header") })
    }

    /// Whoever has that token.
    pub(crate) fn with_token(rig: &Rig, folder: &Path, token: &str) -> Result<Self, String> {
        let curl = Self { header: folder.join("header"), ..Self::new(rig, folder)? };
        let header = format!("Authorization: Bearer {token}\n");
        fs::write(&curl.header, header).map_err(|error| error.to_string())?;
        Ok(curl)
    }

    fn command(&self, port: u16, path: &str) -> Command {
        let mut command = Command::new("curl");
        command
            .args(["--silent", "--noproxy", "*", "--cacert"])
            .arg(&self.authority)
            .arg("--header")
            .arg(format!("@{}", self.header.display()))
            .arg(format!("https://127.0.0.1:{port}{path}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    /// The status of an answer, 0 where there was none.
    pub(crate) async fn status(&self, port: u16, path: &str) -> u16 {
        let mut command = tokio::process::Command::from(self.command(port, path));
        command.args(["--max-time", "5", "--output", "/dev/null", "--write-out", "%{http_code}"]);
        let output = command.stdout(Stdio::piped()).output().await;
        output.ok().and_then(|output| String::from_utf8_lossy(&output.stdout).parse().ok()).unwrap_or(0)
    }

    /// A ConfigMap for the namespace; the server has begun to read it.
    pub(crate) async fn upload(&self, port: u16, namespace: &str) -> Result<Upload, String> {
        let said = self.folder.join(format!("upload-{namespace}"));
        let said_to = File::create(&said).map_err(|error| error.to_string())?;
        let mut command = self.command(port, &format!("/api/v1/namespaces/{namespace}/configmaps"));
        let child = command
            .args(["--verbose", "--http1.1", "--request", "POST"])
            .args(["--header", "Content-Type: application/json", "--header", "Expect: 100-continue"])
            // from a standard input that stays open
            .args(["--upload-file", "-"])
            .stdin(Stdio::piped())
            .stderr(said_to)
            .spawn()
            .map_err(|error| format!("curl: {error}"))?;
        let upload = Upload { child };
        let text = || fs::read_to_string(&said).unwrap_or_default();
        // this is how the server asks for the body
        let reads = until("the server reads the body", async || text().contains("100 Continue")).await;
        reads.map_err(|error| format!("{error}; curl said:\n{}", text()))?;
        Ok(upload)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
