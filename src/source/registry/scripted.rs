//! The way to a registry against scripted servers on sockets: what goes over the wire, and to whom.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::observation::RegistryError;

/// The answer to the head of a request.
pub(super) type Script = Box<dyn Fn(&str) -> String + Send + Sync>;
/// The heads of all requests.
pub(super) type Heads = Arc<Mutex<Vec<String>>>;

pub(super) fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// A server that speaks no TLS; its address, and what it was asked.
pub(super) async fn serve(script: impl FnOnce(&str) -> Script) -> (String, Heads) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let script: Arc<Script> = Arc::new(script(&address));
    let heads = Heads::default();
    let seen = Arc::clone(&heads);
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let (script, seen) = (Arc::clone(&script), Arc::clone(&seen));
            tokio::spawn(async move {
                let mut head = Vec::new();
                while let Ok(byte) = socket.read_u8().await {
                    head.push(byte);
                    // A TLS handshake gets what a server without TLS says to it.
                    if head == [0x16] {
                        drop(
                            socket.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await,
                        );
                        return;
                    }
                    if head.ends_with(b"\r\n\r\n") {
                        let text = String::from_utf8(std::mem::take(&mut head)).unwrap();
                        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
                        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
                        socket.read_exact(&mut body).await.unwrap();
                        let whole = script(&text);
                        let length = text.starts_with("HEAD").then(|| whole.find("\r\n\r\n").unwrap() + 4);
                        seen.lock().unwrap().push(text);
                        let bytes = &whole.as_bytes()[..length.unwrap_or(whole.len())];
                        socket.write_all(bytes).await.unwrap();
                    }
                }
            });
        }
    });
    (address, heads)
}

pub(super) fn image(host: &str) -> ImageAsk {
    ImageAsk {
        host: host.to_owned(),
        path: "shop/web".to_owned(),
        version: "1.2".to_owned(),
        namespace: "shop".to_owned(),
        pull_secrets: Vec::new(),
        platforms: false,
    }
}

pub(super) fn password() -> Credential {
    Credential::Password { user: "ci".to_owned(), password: "s3cret".to_owned() }
}

/// What one look says of the image, and of the tags where they were asked for.
pub(super) async fn one_look(ask: &ImageAsk, credential: Option<Credential>) -> RegistryLook {
    let options = ConnectOptions::new(|| jiff::Timestamp::UNIX_EPOCH);
    let client = Client::new(&ask.host, &options);
    let mut asking = Asking { ask, client, ends: Instant::now() + WHOLE, looks: Vec::new() };
    asking.look(Account::Anonymous, credential).await;
    asking.looks.pop().unwrap()
}

fn error(look: &RegistryLook) -> &RegistryError {
    match &look.image {
        ImageReply::Error(error) => error,
        other => panic!("{other:?}"),
    }
}

fn authorized(heads: &Heads) -> Vec<String> {
    let heads = heads.lock().unwrap();
    let line = |head: &String| {
        let request = head.lines().next().unwrap().to_owned();
        let sent = head.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or("-");
        format!("{request} {sent}").replace(" HTTP/1.1", "")
    };
    heads.iter().map(line).collect()
}

const LISTED: &str = r#"{"name":"shop/web","tags":["1.0","1.1"]}"#;

#[tokio::test]
async fn a_password_is_sent_only_when_it_is_asked_for_and_a_missing_tag_comes_with_the_tags() {
    let (host, heads) = serve(|_| {
        Box::new(|head| {
            if !head.contains("authorization: Basic Y2k6czNjcmV0") {
                answer("401 Unauthorized", "WWW-Authenticate: Basic realm=\"private\"\r\n", "")
            } else if head.contains("/tags/list") {
                answer("200 OK", "", LISTED)
            } else {
                answer(
                    "404 Not Found",
                    "",
                    r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#,
                )
            }
        })
    })
    .await;
    let look = one_look(&image(&host), Some(password())).await;
    assert_eq!((error(&look).status, error(&look).code.as_str()), (404, "MANIFEST_UNKNOWN"));
    let tags = vec!["1.0".to_owned(), "1.1".to_owned()];
    assert_eq!(look.tags, Some(TagsReply::Listed { tags, more: false }));
    assert_eq!(
        authorized(&heads),
        [
            "HEAD /v2/shop/web/manifests/1.2 -",
            "HEAD /v2/shop/web/manifests/1.2 Basic Y2k6czNjcmV0",
            "GET /v2/shop/web/manifests/1.2 Basic Y2k6czNjcmV0",
            "GET /v2/shop/web/tags/list?n=1000 Basic Y2k6czNjcmV0",
        ]
    );
}

#[tokio::test]
async fn a_wrong_password_is_told_from_a_missing_one_and_never_repeated() {
    let (host, _) = serve(|_| {
        Box::new(|_| {
            let headers = "WWW-Authenticate: Basic realm=\"private\"\r\n";
            answer(
                "401 Unauthorized",
                headers,
                r#"{"errors":[{"code":"UNAUTHORIZED","message":"no: ci/s3cret, Y2k6czNjcmV0"}]}"#,
            )
        })
    })
    .await;
    let wrong = one_look(&image(&host), Some(password())).await;
    assert!(error(&wrong).rejected);
    assert_eq!(error(&wrong).message, "no: ci/[redacted], [redacted]");
    assert!(!error(&one_look(&image(&host), None).await).rejected);
}

/// A registry with a token service of its own at the URL that the function makes of its address.
async fn with_tokens(realm: fn(&str) -> String) -> (String, Heads) {
    serve(move |address| {
        let realm = realm(address);
        Box::new(move |head| {
            if head.contains("/token?") || head.starts_with("POST /token") {
                answer("200 OK", "", r#"{"access_token":"t0ken"}"#)
            } else if head.contains("authorization: Bearer t0ken") {
                answer("200 OK", "", LISTED)
            } else {
                let challenge = format!("WWW-Authenticate: Bearer realm=\"{realm}\",service=\"r\"\r\n");
                answer("401 Unauthorized", &challenge, "")
            }
        })
    })
    .await
}

#[tokio::test]
async fn a_token_service_gets_the_password_and_the_registry_the_token() {
    let (host, heads) = with_tokens(|address| format!("http://{address}/token")).await;
    let look = one_look(&image(&host), Some(password())).await;
    assert_eq!(look.image, ImageReply::Has { platforms: Vec::new() });
    assert_eq!(
        authorized(&heads),
        [
            "HEAD /v2/shop/web/manifests/1.2 -",
            "GET /token?scope=repository%3Ashop%2Fweb%3Apull&service=r Basic Y2k6czNjcmV0",
            "HEAD /v2/shop/web/manifests/1.2 Bearer t0ken",
        ]
    );
}

#[tokio::test]
async fn an_identity_token_is_posted_and_stands_in_no_url() {
    let (host, heads) = with_tokens(|address| format!("http://{address}/token")).await;
    let look = one_look(&image(&host), Some(Credential::IdentityToken("id3ntity".to_owned()))).await;
    assert_eq!(look.image, ImageReply::Has { platforms: Vec::new() });
    let sent = authorized(&heads);
    assert_eq!(sent[1], "POST /token -");
    assert!(!sent.concat().contains("id3ntity"), "{sent:?}");
}

#[tokio::test]
async fn a_token_service_elsewhere_without_tls_gets_nothing() {
    let (other, others) = serve(|_| Box::new(|_| answer("200 OK", "", r#"{"token":"x"}"#))).await;
    let port = other.rsplit(':').next().unwrap().to_owned();
    // A name that leads here and is not that of this machine, as an attacker's would.
    for realm in [
        format!("http://registry.invalid:{port}/token"),
        format!("http://x@{other}/token"),
        "ftp://x".to_owned(),
    ] {
        let (host, heads) = serve(|_| {
            let challenge = format!("WWW-Authenticate: Bearer realm=\"{realm}\"\r\n");
            Box::new(move |_| answer("401 Unauthorized", &challenge, ""))
        })
        .await;
        let look = one_look(&image(&host), Some(password())).await;
        let ImageReply::NoAnswer { why } = look.image else { panic!("{look:?}") };
        assert!(why.contains("as its token service, which is not asked"), "{why}");
        assert!(authorized(&heads).iter().all(|line| line.ends_with(" -")));
    }
    assert!(others.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_redirect_takes_no_credentials_along() {
    let (storage, asked) = serve(|_| Box::new(|_| answer("200 OK", "", "{}"))).await;
    let (host, heads) = serve(|_| {
        Box::new(move |head| {
            if head.contains("authorization: Basic") {
                answer("307 Temporary Redirect", &format!("Location: http://{storage}/blob?x=1\r\n"), "")
            } else {
                answer("401 Unauthorized", "WWW-Authenticate: Basic realm=\"r\"\r\n", "")
            }
        })
    })
    .await;
    let look = one_look(&image(&host), Some(password())).await;
    assert_eq!(look.image, ImageReply::Has { platforms: Vec::new() });
    assert_eq!(authorized(&asked), ["HEAD /blob?x=1 -"]);
    assert_eq!(authorized(&heads).len(), 2);
}

#[tokio::test]
async fn a_redirect_away_from_this_machine_is_not_followed_without_tls() {
    let (host, _) =
        serve(|_| Box::new(|_| answer("302 Found", "Location: http://169.254.169.254/latest\r\n", ""))).await;
    let look = one_look(&image(&host), None).await;
    let ImageReply::NoAnswer { why } = look.image else { panic!("{look:?}") };
    assert_eq!(why, "it redirects to http://169.254.169.254/latest, which is not followed");
}

#[tokio::test]
async fn a_registry_that_redirects_to_itself_for_ever_is_given_up() {
    let (host, heads) = serve(|_| Box::new(|_| answer("302 Found", "Location: /v2/again\r\n", ""))).await;
    let look = one_look(&image(&host), None).await;
    assert_eq!(look.image, ImageReply::NoAnswer { why: "it redirects without end".to_owned() });
    assert_eq!(heads.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn tags_are_read_page_by_page_from_the_registry_itself() {
    let (host, heads) = serve(|_| {
        Box::new(|head| {
            if head.contains("last=1.1") {
                answer("200 OK", "", r#"{"tags":["1.3"]}"#)
            } else if head.contains("/tags/list") {
                let link =
                    "Link: <https://elsewhere.example/v2/shop/web/tags/list?last=1.1>; rel=\"next\"\r\n";
                answer("200 OK", link, LISTED)
            } else {
                answer("404 Not Found", "", "")
            }
        })
    })
    .await;
    let look = one_look(&image(&host), None).await;
    let tags = ["1.0", "1.1", "1.3"].map(str::to_owned).to_vec();
    assert_eq!(look.tags, Some(TagsReply::Listed { tags, more: false }));
    assert!(heads.lock().unwrap().iter().all(|head| head.contains(&format!("host: {host}"))));
}

#[tokio::test]
async fn the_platforms_of_an_index_and_of_a_single_image_are_read() {
    let index = r#"{"manifests":[{"platform":{"os":"linux","architecture":"arm64","variant":"v8"}},
        {"platform":{"os":"unknown","architecture":"unknown"}}]}"#;
    let (host, _) = serve(|_| Box::new(|_| answer("200 OK", "", index))).await;
    let ask = ImageAsk { platforms: true, ..image(&host) };
    let platforms = |look: RegistryLook| match look.image {
        ImageReply::Has { platforms } => platforms,
        other => panic!("{other:?}"),
    };
    assert_eq!(platforms(one_look(&ask, None).await), ["linux/arm64/v8"]);
    let (host, heads) = serve(|_| {
        Box::new(|head| {
            let manifest = r#"{"config":{"digest":"sha256:aa"}}"#;
            let config = r#"{"os":"linux","architecture":"arm64"}"#;
            answer("200 OK", "", if head.contains("/blobs/") { config } else { manifest })
        })
    })
    .await;
    let ask = ImageAsk { platforms: true, ..image(&host) };
    assert_eq!(platforms(one_look(&ask, None).await), ["linux/arm64"]);
    assert!(authorized(&heads).contains(&"GET /v2/shop/web/blobs/sha256:aa -".to_owned()));
}

#[tokio::test]
async fn an_answer_without_end_is_given_up() {
    let (host, _) = serve(|_| Box::new(|_| answer("404 Not Found", "", &"x".repeat(9 << 20)))).await;
    let look = one_look(&image(&host), None).await;
    let ImageReply::NoAnswer { why } = look.image else { panic!("{look:?}") };
    assert!(why.contains("length limit exceeded"), "{why}");
}

#[tokio::test]
async fn a_registry_that_is_not_there_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    drop(listener);
    let look = one_look(&image(&host), Some(password())).await;
    assert_eq!(look.image, ImageReply::NoAnswer { why: format!("cannot reach {host}: connection refused") });
}
