//! Which proxy to use for the API server, as Go programs decide it.
//!
//! kube compares `NO_PROXY` with the proxy's own URL instead of the server's, so its choice is not used.

use std::net::IpAddr;

use http::Uri;
use http::header::HeaderValue;
use http::uri::PathAndQuery;

use super::login::{basic, decoded, without_user_info};

/// Proxy settings of the environment.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_field_names, reason = "the names of the variables")]
pub(crate) struct ProxySettings {
    /// `HTTPS_PROXY` or `https_proxy`.
    pub(crate) https_proxy: Option<String>,
    /// `HTTP_PROXY` or `http_proxy`; used for servers that do not speak TLS.
    pub(crate) http_proxy: Option<String>,
    /// `NO_PROXY` or `no_proxy`.
    pub(crate) no_proxy: Option<String>,
}

impl ProxySettings {
    /// The proxy for a server, as written; `None` to connect directly.
    pub(super) fn of(&self, server: &Uri) -> Option<String> {
        let proxy = if server.scheme_str() == Some("http") { &self.http_proxy } else { &self.https_proxy };
        let proxy = proxy.as_deref().map(str::trim).filter(|proxy| !proxy.is_empty())?;
        let host = server.host()?.trim_start_matches('[').trim_end_matches(']').to_lowercase();
        let port = server.port_u16().unwrap_or(if server.scheme_str() == Some("http") { 80 } else { 443 });
        if self.is_direct(&host, port) {
            return None;
        }
        Some(if proxy.contains("://") { proxy.to_owned() } else { format!("http://{proxy}") })
    }

    fn is_direct(&self, host: &str, port: u16) -> bool {
        let address = host.parse::<IpAddr>().ok();
        if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
            return true;
        }
        let items = self.no_proxy.as_deref().unwrap_or_default().split(',').map(str::trim);
        items.filter(|item| !item.is_empty()).any(|item| matches(&item.to_lowercase(), host, address, port))
    }
}

/// Whether one item of `NO_PROXY` names the host: `*`, an address, a block of addresses, a domain with all
/// below it, or `.domain` for what is below it only; all but blocks with an optional port.
fn matches(item: &str, host: &str, address: Option<IpAddr>, port: u16) -> bool {
    if item == "*" {
        return true;
    }
    if let Some((base, length)) = item.split_once('/')
        && let (Ok(base), Ok(length)) = (base.parse::<IpAddr>(), length.parse::<u32>())
    {
        return address.is_some_and(|address| in_block(address, base, length));
    }
    if let (Ok(item), Some(address)) = (item.parse::<IpAddr>(), address) {
        return item == address;
    }
    let (name, wanted_port) = match item.rsplit_once(':') {
        Some((name, digits)) if digits.parse::<u16>().is_ok() => (name, digits.parse::<u16>().ok()),
        _ => (item, None),
    };
    if wanted_port.is_some_and(|wanted| wanted != port) {
        return false;
    }
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let name = name.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(name);
    match name.strip_prefix('.') {
        Some(_) => host.ends_with(name),
        None => host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.')),
    }
}

/// How to connect through a proxy.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Via {
    /// `CONNECT`, over TLS or not.
    Http { url: Uri, tls: bool, authorization: Option<HeaderValue> },
    /// The proxy also resolves the name of the server.
    Socks { url: Uri, login: Option<(String, String)> },
}

impl Via {
    /// Reads the URL of a proxy, as Go programs do: user and password percent-encoded, and `socks5h` another word for
    /// `socks5`.
    ///
    /// # Errors
    /// It is malformed, or names another kind of proxy. The text does not quote it.
    pub(super) fn read(proxy: &str) -> Result<Self, String> {
        let url: Uri = proxy.parse().map_err(|_| "the URL of the proxy is malformed".to_owned())?;
        let (url, user_info) = without_user_info(&url);
        match url.scheme_str() {
            Some(scheme @ ("http" | "https")) => {
                let tls = scheme == "https";
                let authorization = user_info.map(|user_info| basic(&decoded(&user_info)));
                Ok(Self::Http { url, tls, authorization })
            }
            Some("socks5" | "socks5h") => {
                let login = user_info.map(|user_info| {
                    let (user, password) = user_info.split_once(':').unwrap_or((&user_info, ""));
                    let text = |part| String::from_utf8_lossy(&decoded(part)).into_owned();
                    (text(user), text(password))
                });
                if login.as_ref().is_some_and(|(user, password)| user.len().max(password.len()) > 255) {
                    return Err(
                        "the user or the password of a socks5 proxy is longer than 255 bytes".to_owned()
                    );
                }
                Ok(Self::Socks { url: with_port(url), login })
            }
            other => Err(format!("{:?} is not an http, https or socks5 proxy", other.unwrap_or(""))),
        }
    }
}

impl Via {
    /// The URL for a person: no user and password are in it.
    pub(super) fn shown(&self) -> String {
        let (Self::Http { url, .. } | Self::Socks { url, .. }) = self;
        url.to_string().trim_end_matches('/').to_owned()
    }
}

/// With the port that SOCKS has by default; whoever connects knows only those of HTTP.
fn with_port(url: Uri) -> Uri {
    let (None, Some(host)) = (url.port(), url.host()) else { return url };
    let mut parts = url.clone().into_parts();
    parts.authority = format!("{host}:1080").parse().ok();
    parts.path_and_query = parts.path_and_query.or(Some(PathAndQuery::from_static("/")));
    Uri::from_parts(parts).unwrap_or(url)
}

fn in_block(address: IpAddr, base: IpAddr, length: u32) -> bool {
    match (address, base) {
        (IpAddr::V4(address), IpAddr::V4(base)) if length <= 32 => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            address.to_bits() & mask == base.to_bits() & mask
        }
        (IpAddr::V6(address), IpAddr::V6(base)) if length <= 128 => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            address.to_bits() & mask == base.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(no_proxy: &str, server: &str) -> Option<String> {
        let settings = ProxySettings {
            https_proxy: Some("proxy.corp:3128".to_owned()),
            http_proxy: None,
            no_proxy: Some(no_proxy.to_owned()),
        };
        settings.of(&server.parse().unwrap())
    }

    #[test]
    fn no_proxy_is_compared_with_the_api_server() {
        let direct = [
            ("10.0.0.0/8", "https://10.1.2.3:6443"),
            ("corp.example", "https://k8s.corp.example"),
            (".corp.example,", "https://k8s.corp.example"),
            ("*.corp.example", "https://k8s.corp.example"),
            ("k8s.corp.example:6443", "https://k8s.corp.example:6443"),
            ("10.1.2.3", "https://10.1.2.3"),
            ("fd00::/8", "https://[fd00::1]:6443"),
            ("*", "https://k8s.corp.example"),
            ("", "https://127.0.0.1:6443"),
            ("", "https://localhost:6443"),
            ("", "http://k8s.corp.example"),
        ];
        for (no_proxy, server) in direct {
            assert_eq!(proxy(no_proxy, server), None, "{no_proxy} {server}");
        }
        let proxied = [
            ("10.0.0.0/8", "https://11.1.2.3"),
            (".corp.example", "https://corp.example"),
            ("corp.example", "https://notcorp.example"),
            ("k8s.corp.example:443", "https://k8s.corp.example:6443"),
            ("proxy.corp", "https://k8s.corp.example"),
        ];
        for (no_proxy, server) in proxied {
            assert_eq!(
                proxy(no_proxy, server).as_deref(),
                Some("http://proxy.corp:3128"),
                "{no_proxy} {server}"
            );
        }
    }

    #[test]
    fn a_proxy_is_read_with_its_user() {
        let via = |proxy: &str| Via::read(proxy).unwrap();
        let login = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        for scheme in ["socks5", "socks5h"] {
            let Via::Socks { url, login: found } = via(&format!("{scheme}://us%40er:pa%3Ass@10.0.0.1:9050"))
            else {
                panic!("{scheme}")
            };
            assert_eq!(
                (url.host(), url.port_u16(), found),
                (Some("10.0.0.1"), Some(9050), login("us@er", "pa:ss"))
            );
        }
        let Via::Socks { url, login: found } = via("socks5://only@[fd00::1]") else { panic!() };
        assert_eq!((url.host(), url.port_u16(), found), (Some("[fd00::1]"), Some(1080), login("only", "")));
        let Via::Http { url, tls, authorization } = via("https://user:pa%40ss@proxy:3128") else { panic!() };
        assert_eq!((url.to_string().as_str(), tls), ("https://proxy:3128/", true));
        assert_eq!(authorization.unwrap(), "Basic dXNlcjpwYUBzcw==");
        assert!(matches!(via("http://proxy"), Via::Http { tls: false, authorization: None, .. }));
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_told_without_its_password() {
        let long = format!("socks5://u:{}@proxy", "s3cret".repeat(50));
        for proxy in ["ftp://u:s3cret@proxy", "socks4://u:s3cret@proxy", "http://u:s3cret@pro xy", &long] {
            let why = Via::read(proxy).unwrap_err();
            assert!(!why.contains("s3cret"), "{why}");
        }
    }
}
