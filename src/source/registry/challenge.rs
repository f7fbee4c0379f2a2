//! `WWW-Authenticate`: how a registry wants to be asked.

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

/// What a 401 asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    /// A token of the service at `realm`.
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
}

impl Challenge {
    /// The challenge that we can meet: a token rather than the password itself.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let all =
            headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| Self::parse(value.to_str().ok()?));
        let mut all: Vec<Self> = all.collect();
        let bearer = all.iter().position(|challenge| *challenge != Self::Basic);
        match bearer {
            Some(at) => Some(all.swap_remove(at)),
            None => all.pop(),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service, mut scope) = (None, None, None);
        for (name, value) in parameters(rest) {
            match name.to_ascii_lowercase().as_str() {
                "realm" => realm = Some(value),
                "service" => service = Some(value),
                "scope" => scope = Some(value),
                _ => {}
            }
        }
        Some(Self::Bearer { realm: realm?, service, scope })
    }
}

/// `a="x,y",b=z`: commas within quotes belong to the value.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut quoted = false;
    let parts = text.split(|c| {
        if c == '"' {
            quoted = !quoted;
        }
        c == ',' && !quoted
    });
    parts
        .filter_map(|part| part.trim().split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().trim_matches('"').to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, value.parse().unwrap());
        }
        Challenge::of(&headers)
    }

    #[test]
    fn a_token_is_asked_for_as_the_registry_says() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull,push",error="insufficient_scope""#;
        assert_eq!(
            challenge(&[hub]),
            Some(Challenge::Bearer {
                realm: "https://auth.docker.io/token".to_owned(),
                service: Some("registry.docker.io".to_owned()),
                scope: Some("repository:library/nginx:pull,push".to_owned()),
            })
        );
        let both = challenge(&[r#"Basic realm="x""#, r#"bearer realm="https://a/t""#]);
        assert!(matches!(both, Some(Challenge::Bearer { .. })), "{both:?}");
    }

    #[test]
    fn what_we_cannot_meet_is_no_challenge() {
        assert_eq!(challenge(&["Basic realm=\"private\""]), Some(Challenge::Basic));
        assert_eq!(challenge(&["Negotiate"]), None);
        assert_eq!(challenge(&["Bearer service=\"x\""]), None);
        assert_eq!(challenge(&[]), None);
    }
}
