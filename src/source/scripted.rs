//! The whole source against a scripted server on a socket: what goes over the wire, and what arrives.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{ConnectOptions, Live, connect};
use crate::model::Kind;
use crate::observation::{Answer, LogRequest, Object, Observed, Request, Stream, StreamHealth, Want};

/// The answer to a path, given the whole head of the request.
type Script = fn(&str, &str) -> String;
type Requests = Arc<Mutex<Vec<String>>>;

fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nDate: Tue, 24 Nov 2026 10:00:00 GMT\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A body that ends with the connection, as a watch does.
fn stream(lines: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{lines}")
}

fn status(code: u16, reason: &str) -> String {
    answer(
        &format!("{code} {reason}"),
        &format!(r#"{{"kind":"Status","code":{code},"reason":"{reason}","message":"no"}}"#),
    )
}

fn pod(name: &str, version: u64) -> String {
    format!(r#"{{"metadata":{{"name":"{name}","uid":"{name}","resourceVersion":"{version}"}}}}"#)
}

/// A server without streamed lists that forgets its history once.
fn old_server(path: &str, _head: &str) -> String {
    static LISTED: AtomicBool = AtomicBool::new(false);
    if path == "/version" {
        return answer("200 OK", r#"{"gitVersion":"v1.30.0"}"#);
    }
    if path.contains("sendInitialEvents") {
        return status(422, "Invalid");
    }
    if path.contains("continue=next") {
        let items = pod("b", 6);
        let version = if LISTED.swap(true, Ordering::Relaxed) { 20 } else { 10 };
        let metadata = format!(r#"{{"resourceVersion":"{version}"}}"#);
        let body = format!(r#"{{"kind":"PodList","metadata":{metadata},"items":[{items}]}}"#);
        return answer("200 OK", &body);
    }
    if path.contains("limit=500") {
        let items = pod("a", 5);
        let metadata = r#"{"resourceVersion":"10","continue":"next"}"#;
        return answer("200 OK", &format!(r#"{{"kind":"PodList","metadata":{metadata},"items":[{items}]}}"#));
    }
    if path.contains("resourceVersion=10") {
        return stream(&format!("{{\"type\":\"ADDED\",\"object\":{}}}\n", pod("c", 12)));
    }
    status(410, "Gone")
}

async fn serve(script: Script) -> (String, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Requests::default();
    let seen = Arc::clone(&requests);
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            tokio::spawn(converse(socket, script, Arc::clone(&seen)));
        }
    });
    (url, requests)
}

async fn converse(mut socket: TcpStream, script: Script, requests: Requests) {
    let mut head = Vec::new();
    while let Ok(byte) = socket.read_u8().await {
        head.push(byte);
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let text = String::from_utf8(std::mem::take(&mut head)).unwrap();
        let path = text.split(' ').nth(1).unwrap().to_owned();
        let answer = script(&path, &text);
        requests.lock().unwrap().push(path);
        // in two writes, so that a line is cut somewhere
        let (first, second) = answer.as_bytes().split_at(answer.len() - 20);
        for part in [first, second] {
            socket.write_all(part).await.unwrap();
            socket.flush().await.unwrap();
            tokio::task::yield_now().await;
        }
        if answer.contains("Connection: close") {
            return;
        }
    }
}

/// A source for that server, and the folder of its kubeconfig.
async fn source(url: &str) -> (Live, tempfile::NamedTempFile) {
    source_as(url, "{}").await
}

/// The same with a user of its own.
async fn source_as(url: &str, user: &str) -> (Live, tempfile::NamedTempFile) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(
        file,
        "clusters: [{{name: c, cluster: {{server: '{url}'}}}}]\n\
         contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\ncurrent-context: x\n\
         users: [{{name: u, user: {user}}}]\n"
    )
    .unwrap();
    let mut options = ConnectOptions::new(|| Timestamp::UNIX_EPOCH);
    options.kubeconfig = Some(file.path().to_owned());
    options.keep_raw = true;
    (connect(options).await.unwrap().live, file)
}

fn names(objects: &[Object]) -> Vec<&str> {
    objects
        .iter()
        .map(|object| match object {
            Object::Pod(pod) => pod.metadata.name.as_str(),
            _ => "not a pod",
        })
        .collect()
}

/// The next arrival that is about a stream and not its health.
async fn next_shown(live: &mut Live) -> String {
    loop {
        let arrival = live.next().await;
        match arrival.what {
            Observed::Listed { objects, .. } => {
                assert_eq!(arrival.raw.len(), objects.len());
                return format!("listed {:?}", names(&objects));
            }
            Observed::Applied { object, .. } => return format!("applied {:?}", names(&[object])),
            Observed::Deleted { object, .. } => return format!("deleted {:?}", names(&[object])),
            Observed::Health { health: StreamHealth::Refused(refusal), .. } => return format!("{refusal:?}"),
            _ => {}
        }
    }
}

/// The next arrival that answers a want.
async fn next_answer(live: &mut Live) -> Answer {
    loop {
        if let Observed::Answered { answer, .. } = live.next().await.what {
            return answer;
        }
    }
}

#[tokio::test]
async fn an_old_server_that_forgets_is_followed_by_pages_and_read_anew() {
    let (url, requests) = serve(old_server).await;
    let (mut live, _kubeconfig) = source(&url).await;
    live.ask(&Request::once(Want::Watch(Stream::selected(Kind::Pod, "shop", "app=web".to_owned()))));
    live.ask(&Request::once(Want::Watch(Stream::selected(Kind::Pod, "shop", "app=web".to_owned()))));
    assert_eq!(next_shown(&mut live).await, r#"listed ["a", "b"]"#);
    assert_eq!(next_shown(&mut live).await, r#"applied ["c"]"#);
    assert_eq!(next_shown(&mut live).await, r#"listed ["a", "b"]"#, "410 on the way from version 12");

    let mut kinds: Vec<&str> = Vec::new();
    for path in requests.lock().unwrap().iter().filter(|path| *path != "/version") {
        assert!(!path.contains("resourceVersion=0"), "{path}");
        kinds.push(match path {
            path if path.contains("sendInitialEvents") => "streamed list",
            path if path.contains("continue=") => "next page",
            path if path.contains("limit=") => "first page",
            path if path.contains("resourceVersion=10") => "watch from 10",
            path if path.contains("resourceVersion=12") => "watch from 12",
            _ => "something else",
        });
    }
    let expected = [
        "streamed list",
        "first page",
        "next page",
        "watch from 10",
        "watch from 12",
        "first page",
        "next page",
    ];
    assert_eq!(kinds.get(..expected.len()).unwrap(), expected);

    live.ask(&Request::once(Want::Watch(Stream::selected(Kind::Pod, "shop", "app=api".to_owned()))));
    while !requests.lock().unwrap().iter().any(|path| path.contains("app%3Dapi")) {
        live.next().await;
    }
    let paths = requests.lock().unwrap();
    let second = paths.iter().find(|path| path.contains("app%3Dapi")).unwrap();
    assert!(second.contains("limit=500"), "streamed lists were tried again: {second}");
}

#[tokio::test]
async fn the_version_arrives_by_itself_with_the_clock_of_the_server() {
    let (url, _) = serve(old_server).await;
    let (mut live, _kubeconfig) = source(&url).await;
    let server = loop {
        match live.next().await.what {
            Observed::Connected(server) if !server.version.is_empty() => break server,
            Observed::Connected(server) => {
                assert_eq!(server.url, url, "known before the server has answered");
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((server.version.as_str(), server.context.as_str()), ("v1.30.0", "x"));
    assert_eq!(server.url, url);
    let start: Timestamp = "2026-11-24T10:00:00.5Z".parse().unwrap();
    assert_eq!(server.clock_offset_millis, start.as_millisecond());
}

#[tokio::test]
async fn a_want_is_fetched_once_and_again_only_when_it_is_old() {
    fn script(path: &str, _head: &str) -> String {
        if path.contains("/log?") {
            answer("200 OK", "starting\nready to serve\n")
        } else {
            status(404, "NotFound")
        }
    }
    let (url, requests) = serve(script).await;
    let (mut live, _kubeconfig) = source(&url).await;
    let want = Want::Logs(LogRequest {
        namespace: "shop".to_owned(),
        pod: "web".to_owned(),
        container: "app".to_owned(),
        previous: true,
        death: 1,
    });
    let logs = || requests.lock().unwrap().iter().filter(|path| path.contains("/log?")).count();
    live.ask(&Request::once(want.clone()));
    live.ask(&Request::every(0, want.clone()));
    assert_eq!(
        next_answer(&mut live).await,
        Answer::Logs(vec!["starting".to_owned(), "ready to serve".to_owned()])
    );
    live.ask(&Request::once(want.clone()));
    live.ask(&Request::every(60, want.clone()));
    assert!(live.try_next().is_none());
    assert_eq!(logs(), 1);
    live.ask(&Request::every(0, want));
    next_answer(&mut live).await;
    assert_eq!(logs(), 2);
    let path = requests.lock().unwrap().iter().find(|path| path.contains("/log?")).cloned().unwrap();
    assert_eq!(
        path,
        "/api/v1/namespaces/shop/pods/web/log?container=app&tailLines=50&limitBytes=262144&previous=true"
    );
}

#[tokio::test]
async fn credentials_that_were_rotated_are_read_again_after_a_401() {
    fn script(path: &str, head: &str) -> String {
        if !head.contains("Bearer fresh") {
            return status(401, "Unauthorized");
        }
        if path.contains("sendInitialEvents") { empty_snapshot() } else { status(404, "NotFound") }
    }
    let (url, _) = serve(script).await;
    let mut token = tempfile::NamedTempFile::new().unwrap();
    token.write_all(b"stale").unwrap();
    let user = format!("{{tokenFile: '{}'}}", token.path().display());
    let (mut live, _kubeconfig) = source_as(&url, &user).await;
    std::fs::write(token.path(), "fresh").unwrap();
    let want = Want::PullSecrets { namespace: "shop".to_owned(), service_account: "default".to_owned() };
    live.ask(&Request::once(want));
    live.ask(&Request::once(Want::Watch(Stream::selected(Kind::Pod, "shop", "app=web".to_owned()))));
    let (mut missing, mut listed) = (false, false);
    while !(missing && listed) {
        match live.next().await.what {
            Observed::Answered { answer, .. } => missing = answer == Answer::Missing,
            Observed::Listed { .. } => listed = true,
            Observed::Health { health: StreamHealth::Refused(refusal), .. } => panic!("{refusal:?}"),
            _ => {}
        }
    }
}

/// A snapshot of nothing, after which the watch ends.
fn empty_snapshot() -> String {
    let end = r#"{"resourceVersion":"9","annotations":{"k8s.io/initial-events-end":"true"}}"#;
    stream(&format!("{{\"type\":\"BOOKMARK\",\"object\":{{\"metadata\":{end}}}}}\n"))
}

#[tokio::test]
async fn each_refusal_that_asks_for_new_credentials_gets_them() {
    static TOKENS: Mutex<Vec<String>> = Mutex::new(Vec::new());
    /// Lets the first token in once, and then only the third.
    fn script(path: &str, head: &str) -> String {
        if !path.contains("watch=") {
            return status(404, "NotFound");
        }
        let token = head.lines().find_map(|line| line.split_once("Bearer ")).unwrap().1.to_owned();
        let mut tokens = TOKENS.lock().unwrap();
        let allowed = tokens.is_empty() || token == "t3";
        tokens.push(token);
        if allowed { empty_snapshot() } else { status(401, "Unauthorized") }
    }
    let (url, _) = serve(script).await;
    let runs = tempfile::NamedTempFile::new().unwrap();
    let plugin = format!(
        "echo run >> {0}; echo \"{{\\\"status\\\":{{\\\"token\\\":\\\"t$(grep -c . {0})\\\"}}}}\"",
        runs.path().display()
    );
    let user = format!("{{exec: {{command: /bin/sh, args: ['-c', '{plugin}']}}}}");
    let (mut live, _kubeconfig) = source_as(&url, &user).await;
    live.ask(&Request::once(Want::Watch(Stream::selected(Kind::Pod, "shop", "app=web".to_owned()))));
    while !TOKENS.lock().unwrap().contains(&"t3".to_owned()) {
        if let Observed::Health { health: StreamHealth::Refused(refusal), .. } = live.next().await.what {
            panic!("{refusal:?}");
        }
    }
    let tokens = TOKENS.lock().unwrap().clone();
    assert_eq!(tokens.get(..4).unwrap(), ["t1", "t1", "t2", "t3"], "a renewal for each");
}

#[tokio::test]
async fn a_user_in_the_url_logs_in_and_is_shown_nowhere() {
    fn script(_path: &str, head: &str) -> String {
        if head.contains("Basic Y2k6czNjcmV0") { empty_snapshot() } else { status(401, "Unauthorized") }
    }
    let (url, _) = serve(script).await;
    let (mut live, _kubeconfig) = source(&url.replace("http://", "http://ci:s3cret@")).await;
    live.ask(&Request::once(Want::Watch(Stream::selected(Kind::Pod, "shop", "app=web".to_owned()))));
    loop {
        match live.next().await.what {
            Observed::Connected(server) => assert_eq!(server.url, url),
            Observed::Listed { .. } => return,
            Observed::Health { health: StreamHealth::Refused(refusal), .. } => panic!("{refusal:?}"),
            _ => {}
        }
    }
}
