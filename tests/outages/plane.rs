//! The processes of the control plane: ended, stopped and started again, and a second API server beside the first.

use std::fs::{self, OpenOptions};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kube::Client;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::rig::{Rig, call, client};

/// How long a process may take to do what it was told; far more than it ever took, for a machine under load.
const PATIENCE: Duration = Duration::from_secs(90);

/// A process of the control plane.
pub(crate) struct Process {
    pid: u32,
    /// Where it was started by us, and must be reaped.
    child: Option<Child>,
    command: Vec<String>,
    log: String,
}

impl Process {
    /// The one with that program whose command line has all of these.
    pub(crate) fn find(rig: &Rig, program: &str, port: u16) -> Result<Self, String> {
        let (dir, port) = (format!("{}/", rig.dir.display()), format!(":{port}"));
        for entry in fs::read_dir("/proc").map_err(|error| error.to_string())?.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let command: Vec<String> = line
                .split(|byte| *byte == 0)
                .filter(|part| !part.is_empty())
                .map(|part| String::from_utf8_lossy(part).into_owned())
                .collect();
            let text = command.join(" ").replace("--secure-port=", "--secure-port=:");
            let named = command.first().is_some_and(|first| first.ends_with(&format!("/{program}")));
            if named && text.contains(&dir) && text.contains(&port) {
                let log = format!("{dir}log/{program}.log");
                return Ok(Self { pid, child: None, command, log });
            }
        }
        Err(format!("no {program} of {dir} on port {port}"))
    }

    /// Another API server of the control plane, started with these flags besides, and a client of it.
    pub(crate) async fn beside(
        rig: &Rig,
        number: u16,
        etcd_port: u16,
        flags: &[&str],
    ) -> Result<(Self, Client), String> {
        let port = rig.api_port + 4 + number;
        let mut server = Self::find(rig, "kube-apiserver", rig.api_port)?.other(
            &format!("kube-apiserver-{number}"),
            &[
                ("--secure-port=", port.to_string()),
                ("--etcd-servers=", format!("http://127.0.0.1:{etcd_port}")),
            ],
        );
        server.command.extend(flags.iter().map(|flag| (*flag).to_owned()));
        server.start(rig).await?;
        let path = rig.dir.join(format!("kubeconfig-{number}"));
        fs::write(&path, rig.kubeconfig("default", port, false)?).map_err(|error| error.to_string())?;
        Ok((server, client(&path).await?))
    }

    /// The port of an API server.
    pub(crate) fn port(&self) -> Result<u16, String> {
        let port = self.command.iter().find_map(|argument| argument.strip_prefix("--secure-port="));
        port.and_then(|port| port.parse().ok()).ok_or_else(|| format!("{} has no port", self.command[0]))
    }

    pub(crate) fn signal(&self, name: &str) -> Result<(), String> {
        let status = Command::new("kill").args([name, &self.pid.to_string()]).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            other => Err(format!("kill {name} {}: {other:?}", self.pid)),
        }
    }

    /// `T`: stopped, `Z` or nothing: ended.
    fn state(&self) -> Option<char> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).ok()?;
        stat.rsplit(')').next()?.trim().chars().next()
    }

    /// SIGSTOP, until it has stopped.
    pub(crate) async fn stop(&self) -> Result<(), String> {
        self.signal("-STOP")?;
        until("it has stopped", async || self.state() == Some('T')).await
    }

    pub(crate) fn go_on(&self) -> Result<(), String> {
        self.signal("-CONT")
    }

    /// Ends it by that signal, until it has ended.
    pub(crate) async fn end(&mut self, signal: &str) -> Result<(), String> {
        if self.has_ended() {
            return Ok(());
        }
        self.signal(signal)?;
        self.ended().await
    }

    /// Until it has ended.
    pub(crate) async fn ended(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        while !self.has_ended() {
            if begun.elapsed() > PATIENCE {
                return Err(format!("{} does not end", self.command[0]));
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    fn has_ended(&mut self) -> bool {
        if let Some(child) = &mut self.child {
            drop(child.try_wait());
        }
        matches!(self.state(), None | Some('Z' | 'X'))
    }

    /// It lives on when this value ends, for the cases to come; the script that takes everything down finds it.
    pub(crate) fn keep(mut self) {
        drop(self.child.take());
    }

    /// Starts it again, as it was.
    pub(crate) async fn start(&mut self, rig: &Rig) -> Result<(), String> {
        let port = self.port()?;
        // what ended by SIGKILL keeps its port for as long as the last of its threads
        until("its port is free", async || TcpListener::bind(("127.0.0.1", port)).is_ok()).await?;
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        let log = log.map_err(|error| format!("{}: {error}", self.log))?;
        let child = Command::new(&self.command[0])
            .args(&self.command[1..])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", &rig.dir)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(|error| error.to_string())?)
            .stderr(log)
            .spawn()
            .map_err(|error| format!("{}: {error}", self.command[0]))?;
        self.pid = child.id();
        self.child = Some(child);
        Ok(())
    }

    /// Another like it, not yet started, with these parts of its command line replaced.
    fn other(&self, name: &str, parts: &[(&str, String)]) -> Self {
        let mut command = self.command.clone();
        for argument in &mut command {
            for (from, to) in parts {
                if argument.starts_with(from) {
                    *argument = format!("{from}{to}");
                }
            }
        }
        let log = self.log.replace("kube-apiserver.log", &format!("{name}.log"));
        Self { pid: 0, child: None, command, log }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Waits for the condition.
pub(crate) async fn until(what: &str, is: impl AsyncFn() -> bool) -> Result<(), String> {
    let begun = Instant::now();
    while !is().await {
        if begun.elapsed() > PATIENCE {
            return Err(format!("after {PATIENCE:?} still not: {what}"));
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Until that API server answers that it is ready.
pub(crate) async fn ready(client: &Client) -> Result<(), String> {
    until("the API server is ready", async || {
        let request = http::Request::builder().uri("/readyz").body(Vec::new());
        let Ok(request) = request else { return false };
        matches!(timeout(Duration::from_secs(5), client.request_text(request)).await, Ok(Ok(_)))
    })
    .await
}

/// Forgets every version before the newest, in etcd.
pub(crate) async fn compact(rig: &Rig) -> Result<(), String> {
    let answer = etcd(rig, "/v3/kv/range", &json!({"key": "AA=="})).await?;
    let revision = answer["header"]["revision"].as_str().unwrap_or_default().to_owned();
    etcd(rig, "/v3/kv/compaction", &json!({"revision": revision, "physical": true})).await?;
    Ok(())
}

/// One call of etcd's JSON gateway.
pub(crate) async fn etcd(rig: &Rig, path: &str, body: &Value) -> Result<Value, String> {
    let text = |error: std::io::Error| format!("etcd: {error}");
    let mut socket = TcpStream::connect(("127.0.0.1", rig.etcd_port)).await.map_err(text)?;
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.0\r\nHost: etcd\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).await.map_err(text)?;
    socket.write_all(body.as_bytes()).await.map_err(text)?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.map_err(text)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if head.split(' ').nth(1) != Some("200") {
        return Err(format!("etcd: {path}: {}", answer.chars().take(300).collect::<String>()));
    }
    serde_json::from_str(body).map_err(|error| format!("etcd: {path}: {error}: {body}"))
}

/// The status of a request that is no success, or 200.
pub(crate) async fn status_of(client: &Client, path: &str) -> u16 {
    let Ok(request) = http::Request::builder().uri(path).body(Vec::new()) else { return 0 };
    match client.request_text(request).await {
        Ok(_) => 200,
        Err(kube::Error::Api(status)) => status.code,
        Err(_) => 0,
    }
}

/// What an object is now.
pub(crate) async fn get(rig: &Rig, path: &str) -> Result<Value, String> {
    call(&rig.client, "GET", path, &Value::Null).await
}
