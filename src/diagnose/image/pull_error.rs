//! What the text of a failed pull says, for all runtimes and registries alike.
//!
//! The text is classified by its tail and never by its prefix, which every release of containerd words anew.
//! Every phrase looked for contains a blank, so that no image name can look like one.

/// Why a pull failed, as far as the text tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PullError {
    /// The image exists, but not for the node's processor or system.
    Platform,
    /// The registry limits how often this node or account may pull.
    RateLimited,
    /// Kubelet's own limit (`registryPullQPS`).
    Throttled,
    /// The registry's certificate is not trusted; which way.
    Certificate(&'static str),
    /// The registry answers plain HTTP where HTTPS was asked.
    PlainHttp,
    /// The registry's name does not resolve.
    NoSuchHost,
    /// The registry does not answer, or with an error of its own; in a few words.
    Unreachable(String),
    /// A layer or manifest that the image names is not there or cannot be used.
    BrokenImage,
    /// The node has no room.
    NoSpace,
    /// A signature or policy on the node forbids the image.
    Policy,
    /// Credentials were sent and refused.
    CredentialsRejected,
    /// No credentials were sent and the registry wants some.
    CredentialsRequired,
    /// 401 without more words: no credentials, or wrong ones.
    Unauthorized,
    /// The registry refused: missing and private look the same.
    Denied,
    /// The registry knows no such repository.
    RepositoryMissing,
    /// The repository is there, the tag or digest is not.
    TagMissing,
    /// 404: the tag or the repository.
    NotFound,
    /// None of these.
    Other,
}

/// The error within kubelet's message: without `Back-off pulling image "x": ErrImagePull: ` and the like. Empty
/// where the message carries no cause, as `ImagePullBackOff` before Kubernetes 1.32.
pub(super) fn error_text(message: &str) -> &str {
    let mut text = message.trim();
    for prefix in ["Back-off pulling image \"", "Failed to pull image \""] {
        if let Some(rest) = text.strip_prefix(prefix) {
            text = rest.split_once("\": ").map_or("", |(_, error)| error);
        }
    }
    loop {
        let Some(rest) = ["ErrImagePull: ", "ImagePullBackOff: "].iter().find_map(|p| text.strip_prefix(p))
        else {
            break;
        };
        text = rest;
    }
    if let Some((_, rest)) = text.strip_prefix("rpc error: ").and_then(|rest| rest.split_once(" desc = ")) {
        text = rest;
    }
    text
}

impl PullError {
    /// Classifies the text of a failed pull.
    pub(super) fn of(text: &str) -> Self {
        let text = text.to_lowercase();
        // With several pull secrets for one registry kubelet lists an error for each. An answer that the image
        // is not there, given to one credential, outweighs the refusal of the others.
        if let Some(list) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let several: Vec<Self> = list
                .split(", failed to pull")
                .flat_map(|part| part.split(", rpc error"))
                .map(classify)
                .collect();
            let missing = several
                .iter()
                .find(|error| matches!(error, Self::NotFound | Self::TagMissing | Self::RepositoryMissing));
            if let Some(missing) = missing {
                return missing.clone();
            }
        }
        classify(&text)
    }
}

/// First hit wins; "not found" comes last because nearly every other text can contain it.
fn classify(text: &str) -> PullError {
    let has = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
    let statuses = http_statuses(text);
    let status = |wanted: &[u16]| statuses.iter().any(|status| wanted.contains(status));
    if has(&["no match for platform", "for architecture \"", "does not match the specified platform"]) {
        PullError::Platform
    } else if has(&["toomanyrequests: ", "too many requests", "pull rate limit"]) || status(&[429]) {
        PullError::RateLimited
    } else if has(&["pull qps exceeded"]) {
        PullError::Throttled
    } else if has(&["x509: ", "tls: failed to verify certificate"]) {
        PullError::Certificate(certificate_words(text))
    } else if has(&["gave http response to https client"]) {
        PullError::PlainHttp
    } else if has(&["no such host"]) {
        PullError::NoSuchHost
    } else if let Some(words) = unreachable_words(text, &statuses) {
        PullError::Unreachable(words)
    } else if has(&["no space left"]) {
        PullError::NoSpace
    } else if has(&[
        "could not fetch content descriptor",
        "unexpected commit digest",
        "failed to extract layer",
        "is no longer supported",
        "unsupported manifest media type",
    ]) {
        PullError::BrokenImage
    } else if has(&["signature was required", "source image rejected", "blocked pull of", "short name mode"])
    {
        PullError::Policy
    } else if has(&["invalid username/password", "fetch oauth token", "incorrect username or password"]) {
        PullError::CredentialsRejected
    } else if has(&["no basic auth credentials"]) {
        PullError::CredentialsRequired
    } else if has(&[
        "insufficient_scope: ",
        "or may require authorization",
        "or it may not exist",
        "requested access to the resource is denied",
        "is not authorized",
        "fetch anonymous token",
        "pull access denied",
        "unauthorized to access repository",
        "access to the requested resource",
        "access denied",
        "permission_denied: ",
        " denied: ",
    ]) || status(&[403])
    {
        PullError::Denied
    } else if has(&["unauthorized: "]) || status(&[401]) {
        PullError::Unauthorized
    } else if has(&[
        "name unknown",
        "name_unknown: ",
        "does not exist in the registry",
        "repository does not exist",
    ]) {
        PullError::RepositoryMissing
    } else if has(&["manifest unknown", "manifest_unknown: ", "requested image not found"]) {
        PullError::TagMissing
    } else if text.ends_with(": not found")
        || has(&[": not found, ", ": not found: ", "404 not found"])
        || status(&[404])
    {
        PullError::NotFound
    } else {
        PullError::Other
    }
}

fn certificate_words(text: &str) -> &'static str {
    if text.contains("has expired or is not yet valid") {
        "it has expired or is not yet valid"
    } else if text.contains("certificate is valid for") || text.contains("doesn't contain any ip sans") {
        "it is for another name"
    } else if text.contains("signed by unknown authority") {
        "it is signed by an authority the node does not know"
    } else {
        "it cannot be verified"
    }
}

fn unreachable_words(text: &str, statuses: &[u16]) -> Option<String> {
    const PHRASES: &[(&str, &str)] = &[
        ("connection refused", "connection refused"),
        ("connection reset", "connection reset"),
        ("no route to host", "no route to host"),
        ("network is unreachable", "network is unreachable"),
        ("i/o timeout", "no answer in time"),
        ("tls handshake timeout", "no answer in time to the TLS handshake"),
        ("context deadline exceeded", "no answer in time"),
        ("context canceled", "the pull made no progress and was given up"),
        ("server misbehaving", "the node's name server does not answer properly"),
        ("temporary failure in name resolution", "the node's name server does not answer"),
        ("unexpected eof", "the connection broke off"),
        ("proxyconnect tcp", "the node's proxy does not connect"),
    ];
    if let Some(status) = statuses.iter().find(|status| **status >= 500) {
        return Some(format!("it answers with HTTP status {status}"));
    }
    PHRASES.iter().find(|(phrase, _)| text.contains(phrase)).map(|(_, words)| (*words).to_owned())
}

/// The HTTP statuses that a text names: three digits after `status …: ` or `status code `. Digits within
/// digests, ports and tags are none.
fn http_statuses(text: &str) -> Vec<u16> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("status") {
        for marker in [": ", " code "] {
            if let Some((_, candidate)) = after.split_once(marker) {
                found.extend(leading_status(candidate));
            }
        }
        rest = after;
    }
    found
}

fn leading_status(text: &str) -> Option<u16> {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    let after = text.chars().nth(digits.len());
    let ends = after.is_none_or(|c| c.is_whitespace() || matches!(c, ',' | ')' | '.' | ';'));
    (digits.len() == 3 && ends).then(|| digits.parse().ok()).flatten()
}

/// The text without credentials: Docker Hub's limit for a known account ends in `as NAME: TOKEN`, and URLs can
/// carry a user or a token.
pub(super) fn without_credentials(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut hide_next = false;
    let mut previous = "";
    for word in text.split(' ') {
        let hidden = if hide_next { "[hidden]".to_owned() } else { without_url_credentials(word) };
        hide_next = previous == "as" && word.ends_with(':') && text.to_lowercase().contains("rate limit");
        previous = word;
        words.push(hidden);
    }
    words.join(" ")
}

fn without_url_credentials(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    let (authority, tail) = match rest.find(['/', '?']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let authority = authority.rsplit('@').next().unwrap_or(authority);
    match tail.split_once('?') {
        Some((path, query)) => {
            let query: Vec<String> = query
                .split('&')
                .map(|pair| match pair.split_once('=') {
                    Some((name, _)) if is_secret_parameter(name) => format!("{name}=[hidden]"),
                    _ => pair.to_owned(),
                })
                .collect();
            format!("{scheme}://{authority}{path}?{}", query.join("&"))
        }
        None => format!("{scheme}://{authority}{tail}"),
    }
}

fn is_secret_parameter(name: &str) -> bool {
    let name = name.to_lowercase();
    ["token", "signature", "sig", "password", "credential"].iter().any(|secret| name.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(message: &str) -> PullError {
        PullError::of(error_text(message))
    }

    #[test]
    fn the_texts_of_containerd_1_6_are_told_apart() {
        // Read on Kubernetes 1.36.3.
        let not_found = r#"rpc error: code = NotFound desc = failed to pull and unpack image "localhost:15000/busy:9.9.9": failed to resolve reference "localhost:15000/busy:9.9.9": localhost:15000/busy:9.9.9: not found"#;
        assert_eq!(of(not_found), PullError::NotFound);
        let unauthorized = r#"failed to pull and unpack image "localhost:15001/busy:1": failed to resolve reference "localhost:15001/busy:1": pulling from host localhost:15001 failed with status code [manifests 1]: 401 Unauthorized"#;
        assert_eq!(of(unauthorized), PullError::Unauthorized);
        let refused = r#"Back-off pulling image "localhost:1/x:1": ErrImagePull: failed to pull and unpack image "localhost:1/x:1": failed to resolve reference "localhost:1/x:1": failed to do request: Head "http://localhost:1/v2/x/manifests/1": dial tcp 127.0.0.1:1: connect: connection refused"#;
        assert_eq!(of(refused), PullError::Unreachable("connection refused".to_owned()));
        let dns = r#"failed to pull and unpack image "no.such.invalid/x:1": failed to resolve reference "no.such.invalid/x:1": failed to do request: Head "https://no.such.invalid/v2/x/manifests/1": dial tcp: lookup no.such.invalid on 10.255.255.53:53: no such host"#;
        assert_eq!(of(dns), PullError::NoSuchHost);
        let platform = r#"rpc error: code = NotFound desc = failed to pull and unpack image "localhost:15000/other-arch:1": no match for platform in manifest: not found"#;
        assert_eq!(of(platform), PullError::Platform);
    }

    #[test]
    fn other_runtimes_and_registries_are_told_apart() {
        for (text, expected) in [
            (
                "failed to resolve reference \"docker.io/acme/web:1\": pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed",
                PullError::Denied,
            ),
            (
                "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://ghcr.io/token?scope=repository%3Aa%2Fb%3Apull: 403 Forbidden",
                PullError::Denied,
            ),
            (
                "failed to authorize: failed to fetch oauth token: unexpected status from POST request to https://auth.docker.io/token: 401 Unauthorized",
                PullError::CredentialsRejected,
            ),
            (
                "unable to retrieve auth token: invalid username/password: unauthorized: incorrect username or password",
                PullError::CredentialsRejected,
            ),
            ("pull access denied: no basic auth credentials", PullError::CredentialsRequired),
            (
                "unexpected status from HEAD request to https://123.dkr.ecr.eu-west-1.amazonaws.com/v2/a/manifests/1: 403 Forbidden",
                PullError::Denied,
            ),
            ("reading manifest 1.99 in docker.io/library/nginx: manifest unknown", PullError::TagMissing),
            (
                "initializing source docker://r.example/a:1: reading manifest 1 in r.example/a: name unknown: repository name not known to registry",
                PullError::RepositoryMissing,
            ),
            (
                "The repository with name 'x' does not exist in the registry with id '123'",
                PullError::RepositoryMissing,
            ),
            ("Requested image not found", PullError::TagMissing),
            (
                "toomanyrequests: You have reached your unauthenticated pull rate limit",
                PullError::RateLimited,
            ),
            (
                "unexpected status from GET request to https://r.example/v2/a/manifests/1: 429 Too Many Requests",
                PullError::RateLimited,
            ),
            ("pull QPS exceeded", PullError::Throttled),
            (
                "tls: failed to verify certificate: x509: certificate signed by unknown authority",
                PullError::Certificate("it is signed by an authority the node does not know"),
            ),
            ("http: server gave HTTP response to HTTPS client", PullError::PlainHttp),
            (
                "unexpected status from HEAD request to https://r.example/v2/a/manifests/1: 503 Service Unavailable",
                PullError::Unreachable("it answers with HTTP status 503".to_owned()),
            ),
            (
                "received unexpected HTTP status: 500 Internal Server Error",
                PullError::Unreachable("it answers with HTTP status 500".to_owned()),
            ),
            ("failed to extract layer sha256:1: write /x: no space left on device", PullError::NoSpace),
            ("could not fetch content descriptor sha256:404 from remote: not found", PullError::BrokenImage),
            ("Source image rejected: A signature was required, but no signature exists", PullError::Policy),
            (
                "no image found in image index for architecture \"arm64\", variant \"\", OS \"linux\"",
                PullError::Platform,
            ),
            ("something nobody has seen", PullError::Other),
        ] {
            assert_eq!(PullError::of(text), expected, "{text}");
        }
    }

    #[test]
    fn digits_of_digests_ports_and_tags_are_no_http_status() {
        for text in [
            "localhost:4010/a/b@sha256:4014034294015001: not found",
            "failed to resolve reference \"r.example:403/status-401/web:429\": r.example:403/status-401/web:429: not found",
        ] {
            assert_eq!(PullError::of(text), PullError::NotFound, "{text}");
        }
    }

    #[test]
    fn an_answer_to_one_of_several_credentials_outweighs_the_refusal_of_the_others() {
        let text = r#"[failed to pull and unpack image "r.example/a:1": failed to resolve reference "r.example/a:1": unexpected status code [manifests 1]: 401 Unauthorized, failed to pull and unpack image "r.example/a:1": failed to resolve reference "r.example/a:1": r.example/a:1: not found]"#;
        assert_eq!(PullError::of(text), PullError::NotFound);
    }

    #[test]
    fn the_error_is_found_within_the_message_of_kubelet() {
        assert_eq!(error_text(r#"Back-off pulling image "a:1""#), "");
        assert_eq!(error_text(r#"Back-off pulling image "a:1": ErrImagePull: boom"#), "boom");
        assert_eq!(
            error_text(r#"Failed to pull image "a:1": rpc error: code = Unknown desc = boom"#),
            "boom"
        );
    }

    #[test]
    fn credentials_do_not_leave_the_text() {
        assert_eq!(
            without_credentials("toomanyrequests: you have reached your pull rate limit as acme: dckr_jti_x"),
            "toomanyrequests: you have reached your pull rate limit as acme: [hidden]"
        );
        assert_eq!(
            without_credentials("Get \"https://u:p@r.example/v2?token=abc&n=1\": EOF"),
            "Get \"https://r.example/v2?token=[hidden]&n=1\": EOF"
        );
    }
}
