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
    /// No registry is written, and the runtime knows several that it could mean (CRI-O, podman).
    ShortName,
    /// The runtime cannot say whether it has the image; told by the waiting reason, not by the text.
    Store,
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
    while let Some(rest) =
        text.strip_prefix("ErrImagePull: ").or_else(|| text.strip_prefix("ImagePullBackOff: "))
    {
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
    } else if has(&["gave http response to https client", "does not look like a tls handshake"]) {
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
    } else if has(&["signature was required", "source image rejected", "blocked pull of"]) {
        PullError::Policy
    } else if has(&["short name mode is enforcing", "short-name resolution enforced"]) {
        PullError::ShortName
    } else if has(&["invalid username/password", "incorrect username or password"])
        || (has(&["fetch oauth token"]) && status(&[400, 401, 403]))
    {
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
    if text.trim_end().ends_with(": eof") {
        return Some("the connection broke off".to_owned());
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
mod tests;
