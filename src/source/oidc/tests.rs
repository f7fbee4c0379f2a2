//! Refreshes against an identity provider on the loopback.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::thread;

use super::*;

/// What the provider was asked: method and path, whether the client is named by a header, and the form.
type Asked = Arc<Mutex<Vec<(String, bool, String)>>>;

const HOUR: i64 = 3600;

/// A token that expires at that second of the epoch, where all tests are.
fn jwt(name: &str, expires: i64) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{name}", part("{}"), part(&format!(r#"{{"exp":{expires}}}"#)))
}

/// A provider that takes each refresh-token once: `r1` for `r2`, and so on.
fn provider_that(names_client_by_header: bool) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (asked, own) = (Asked::default(), url.clone());
    let seen = Arc::clone(&asked);
    thread::spawn(move || {
        let mut next = 1;
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let (line, by_header, form) = request(&socket);
            let (status, body) = if line.starts_with("GET /.well-known/openid-configuration ") {
                ("200 OK", format!(r#"{{"token_endpoint":"{own}/token"}}"#))
            } else if by_header != names_client_by_header {
                ("401 Unauthorized", r#"{"error":"invalid_client"}"#.to_owned())
            } else if form.contains(&format!("refresh_token=r{next}")) {
                next += 1;
                let id = jwt(&format!("id{next}"), HOUR);
                ("200 OK", format!(r#"{{"id_token":"{id}","refresh_token":"r{next}"}}"#))
            } else {
                ("400 Bad Request", r#"{"error":"invalid_grant"}"#.to_owned())
            };
            seen.lock().unwrap().push((line, by_header, form));
            let head =
                format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            socket.write_all((head + &body).as_bytes()).unwrap();
        }
    });
    (url, asked)
}

fn request(socket: &TcpStream) -> (String, bool, String) {
    let mut reader = BufReader::new(socket);
    let (mut first, mut by_header, mut length) = (String::new(), false, 0);
    reader.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim().to_lowercase();
        if line.is_empty() {
            break;
        }
        by_header |= line.starts_with("authorization: basic ");
        length = line.strip_prefix("content-length: ").map_or(length, |length| length.parse().unwrap());
    }
    let mut form = vec![0; length];
    reader.read_exact(&mut form).unwrap();
    (first.trim().to_owned(), by_header, String::from_utf8(form).unwrap())
}

fn section(url: &str, fields: &[(&str, &str)]) -> AuthProviderConfig {
    let known = [("idp-issuer-url", url), ("client-id", "ci"), ("client-secret", "s")];
    let all = known.iter().chain(fields).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    AuthProviderConfig {
        name: "oidc".to_owned(),
        config: all.collect(),
        other: std::collections::BTreeMap::new(),
    }
}

async fn ask(section: &AuthProviderConfig, tokens: &Tokens) -> Result<String, String> {
    let options = ConnectOptions::new(|| Timestamp::UNIX_EPOCH);
    id_token(section, &options, tokens).await.map_err(|refused| refused.why)
}

#[tokio::test]
async fn a_token_that_holds_is_used_and_after_a_refusal_replaced_with_what_the_provider_gave_last() {
    for names_client_by_header in [true, false] {
        let (url, asked) = provider_that(names_client_by_header);
        let section = section(&url, &[("id-token", &jwt("id1", HOUR)), ("refresh-token", "r1")]);
        let tokens = Tokens::default();
        assert_eq!(ask(&section, &tokens).await, Ok(jwt("id1", HOUR)));
        assert_eq!(asked.lock().unwrap().len(), 0);
        // The kubeconfig still says r1, which the provider takes once only.
        assert_eq!(ask(&section, &tokens).await, Ok(jwt("id2", HOUR)));
        assert_eq!(ask(&section, &tokens).await, Ok(jwt("id3", HOUR)));
        let first = asked.lock().unwrap()[0].0.clone();
        assert_eq!(first, "GET /.well-known/openid-configuration HTTP/1.1");
        let last = asked.lock().unwrap().last().unwrap().clone();
        assert_eq!((last.0.as_str(), last.1), ("POST /token HTTP/1.1", names_client_by_header));
        assert!(last.2.starts_with("grant_type=refresh_token&refresh_token=r2"), "{last:?}");
    }
}

#[tokio::test]
async fn an_expired_token_is_refreshed_first_and_a_new_login_forgets_what_was_held() {
    let (url, _) = provider_that(true);
    let tokens = Tokens::default();
    let expired = section(&url, &[("id-token", &jwt("id1", 5)), ("refresh-token", "r1")]);
    assert_eq!(ask(&expired, &tokens).await, Ok(jwt("id2", HOUR)));
    let again = section(&url, &[("id-token", &jwt("new", HOUR)), ("refresh-token", "x1")]);
    assert_eq!(ask(&again, &tokens).await, Ok(jwt("new", HOUR)));
    let refused = ask(&again, &tokens).await.unwrap_err();
    assert!(refused.ends_with("the identity provider answered 400 Bad Request (invalid_grant)"), "{refused}");
}

#[tokio::test]
async fn without_a_refresh_token_an_expired_token_is_an_error_at_once() {
    let tokens = Tokens::default();
    let expired = section("http://127.0.0.1:9", &[("id-token", &jwt("id1", 5))]);
    assert!(ask(&expired, &tokens).await.unwrap_err().contains("has expired, and there is no refresh-token"));
    let junk = section("http://127.0.0.1:9", &[("id-token", "s3cret")]);
    assert_eq!(
        ask(&junk, &tokens).await,
        Err("the id-token of the user is not a JWT with an expiry".to_owned())
    );
    let none = section("http://127.0.0.1:9", &[]);
    assert!(ask(&none, &tokens).await.unwrap_err().contains("neither an id-token nor a refresh-token"));
}

#[test]
fn an_expiry_may_have_a_fraction() {
    let token = format!(".{}.", URL_SAFE_NO_PAD.encode(r#"{"exp":1700000000.5}"#));
    assert_eq!(expiry(&token), Timestamp::from_second(1_700_000_000).ok());
}
