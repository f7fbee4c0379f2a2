//! Where a request goes: what decides whether credentials may go with it.

use std::net::IpAddr;

use http::Uri;

/// Scheme, host and port of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) tls: bool,
    /// In lower case, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Origin {
    /// Of a URL with `http` or `https`.
    pub(super) fn of(url: &Uri) -> Option<Self> {
        let tls = match url.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let host = url.host()?.trim_start_matches('[').trim_end_matches(']').to_lowercase();
        Some(Self { tls, host, port: url.port_u16().unwrap_or(if tls { 443 } else { 80 }) })
    }

    /// This machine itself.
    pub(super) fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self.host.ends_with(".localhost")
            || self.address().is_some_and(|address| address.is_loopback())
    }

    /// This machine, or what only machines beside it can see, as the metadata service of a cloud: nothing that one
    /// server may send us to on another.
    pub(super) fn is_near(&self) -> bool {
        let link_local = |address: IpAddr| match address {
            IpAddr::V4(address) => address.is_link_local() || address.is_unspecified(),
            IpAddr::V6(address) => address.is_unicast_link_local() || address.is_unspecified(),
        };
        self.is_loopback() || self.address().is_some_and(link_local)
    }

    fn address(&self) -> Option<IpAddr> {
        let address: IpAddr = self.host.parse().ok()?;
        Some(match address {
            IpAddr::V6(six) => six.to_ipv4_mapped().map_or(address, IpAddr::V4),
            IpAddr::V4(_) => address,
        })
    }

    /// Whether this server may send us on to that one: over TLS, and not into our own neighbourhood from outside.
    pub(super) fn may_send_to(&self, other: &Self) -> bool {
        self == other || (self.is_loopback() && other.is_loopback()) || (other.tls && !other.is_near())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(url: &str) -> Origin {
        Origin::of(&url.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_registry_sends_us_on_over_tls_only_and_never_into_our_neighbourhood() {
        let registry = origin("https://registry.example");
        for url in
            ["https://auth.example/token", "https://registry.example:8443", "https://REGISTRY.example/x"]
        {
            assert!(registry.may_send_to(&origin(url)), "{url}");
        }
        for url in [
            "http://auth.example/token",
            "http://registry.example",
            "https://127.0.0.1/token",
            "https://localhost:8443",
            "https://169.254.169.254/latest",
            "https://[fe80::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://0.0.0.0/",
        ] {
            assert!(!registry.may_send_to(&origin(url)), "{url}");
        }
        let local = origin("http://localhost:5000");
        assert!(local.may_send_to(&origin("http://127.0.0.1:5001/token")));
        assert!(!local.may_send_to(&origin("http://registry.example")));
        assert_eq!(Origin::of(&"ftp://x".parse().unwrap()), None);
    }
}
