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
        ("toomanyrequests: You have reached your unauthenticated pull rate limit", PullError::RateLimited),
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
        // containerd 1.6.
        (
            "Head \"https://192.0.2.2:16581/v2/x/manifests/1\": tls: first record does not look like a TLS handshake",
            PullError::PlainHttp,
        ),
        (
            "failed to authorize: failed to fetch oauth token: authorization server did not include a token in the response",
            PullError::Other,
        ),
        (
            "pulling from host localhost:16580 failed with status code [manifests 1]: 403 Forbidden",
            PullError::Denied,
        ),
        (
            "pulling from host localhost:16580 failed with status code [manifests 1]: 429 Too Many Requests",
            PullError::RateLimited,
        ),
        (
            "failed to authorize: failed to fetch anonymous token: unexpected status: 403 Forbidden",
            PullError::Denied,
        ),
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
        // CRI-O and containers/image.
        ("short name mode is enforcing, but image name nginx:1 returns ambiguous list", PullError::ShortName),
        ("short-name resolution enforced but cannot prompt without a TTY", PullError::ShortName),
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
    assert_eq!(error_text(r#"Failed to pull image "a:1": rpc error: code = Unknown desc = boom"#), "boom");
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
