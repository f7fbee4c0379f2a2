//! Paths and queries of the API.

use super::watch::Read;
use crate::model::Kind;
use crate::observation::{Scope, Stream};
use crate::planted::{self, Bug};

/// Items of one page.
pub(super) const PAGE: u32 = 500;

/// The path of a kind in a namespace, or of one object of it. Without a namespace: of all.
pub(super) fn path(kind: Kind, namespace: &str, name: Option<&str>) -> String {
    let api_version = kind.api_version();
    let root = if api_version.contains('/') { "apis" } else { "api" };
    let mut path = format!("/{root}/{api_version}");
    if kind.is_namespaced() && !namespace.is_empty() {
        path.push_str("/namespaces/");
        encode(&mut path, namespace);
    }
    path.push('/');
    path.push_str(kind.plural());
    if let Some(name) = name {
        path.push('/');
        encode(&mut path, name);
    }
    path
}

/// The path of a resource in a namespace, below the root of its group and version.
pub(super) fn of_namespace(root: &str, namespace: &str, plural: &str) -> String {
    let mut path = format!("{root}/namespaces/");
    encode(&mut path, namespace);
    path.push('/');
    path.push_str(plural);
    path
}

/// Adds a query to a path; values are encoded.
pub(super) fn query(mut path: String, parameters: &[(&str, &str)]) -> String {
    for (index, (name, value)) in parameters.iter().enumerate() {
        path.push(if index == 0 { '?' } else { '&' });
        path.push_str(name);
        path.push('=');
        encode(&mut path, value);
    }
    path
}

/// The request of a consistent read: the version is never given, and never `0`.
pub(super) fn read(stream: &Stream, how: &Read) -> String {
    match (how, &stream.scope) {
        (Read::Object, Scope::Name(name)) => path(stream.kind, &stream.namespace, Some(name)),
        (Read::Object, Scope::Selector(_) | Scope::All) => read(stream, &Read::Page { continue_token: None }),
        (Read::Page { continue_token }, scope) => {
            let selection = selection(scope);
            let limit = PAGE.to_string();
            let mut parameters: Vec<(&str, &str)> =
                selection.iter().map(|(field, selector)| (*field, selector.as_str())).collect();
            parameters.push(("limit", limit.as_str()));
            if planted::is(Bug::StartAtZero) {
                parameters.push(("resourceVersion", "0"));
            }
            if let Some(token) = continue_token {
                parameters.push(("continue", token));
            }
            query(path(stream.kind, &stream.namespace, None), &parameters)
        }
    }
}

/// The request of a watch, from a version or with a consistent snapshot first.
pub(super) fn watch(stream: &Stream, resource_version: Option<&str>, timeout_seconds: u64) -> String {
    let selection = selection(&stream.scope);
    let timeout = timeout_seconds.to_string();
    let mut parameters: Vec<(&str, &str)> =
        selection.iter().map(|(field, selector)| (*field, selector.as_str())).collect();
    parameters.extend([
        ("watch", "true"),
        ("allowWatchBookmarks", "true"),
        ("timeoutSeconds", timeout.as_str()),
    ]);
    match resource_version {
        Some(version) => parameters.push(("resourceVersion", version)),
        None => parameters.extend([("sendInitialEvents", "true"), ("resourceVersionMatch", "NotOlderThan")]),
    }
    query(path(stream.kind, &stream.namespace, None), &parameters)
}

fn selection(scope: &Scope) -> Option<(&'static str, String)> {
    match scope {
        Scope::Name(name) => Some(("fieldSelector", format!("metadata.name={}", escape_field(name)))),
        Scope::Selector(selector) => Some(("labelSelector", selector.clone())),
        Scope::All => None,
    }
}

/// In field selectors `\`, `,` and `=` are written with a backslash.
fn escape_field(value: &str) -> String {
    value.replace('\\', r"\\").replace(',', r"\,").replace('=', r"\=")
}

/// A value of a query or a form.
pub(super) fn encoded(text: &str) -> String {
    let mut into = String::new();
    encode(&mut into, text);
    into
}

fn encode(into: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            into.push(char::from(byte));
        } else {
            into.push('%');
            for digit in [byte >> 4, byte & 15] {
                into.push(
                    char::from_digit(u32::from(digit), 16).map_or('0', |digit| digit.to_ascii_uppercase()),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_read_asks_for_no_version() {
        let stream = Stream::of(Kind::Deployment, "shop", "web");
        assert_eq!(
            watch(&stream, None, 250),
            "/apis/apps/v1/namespaces/shop/deployments?fieldSelector=metadata.name%3Dweb&watch=true\
             &allowWatchBookmarks=true&timeoutSeconds=250&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
        );
        assert_eq!(
            read(&stream, &Read::Page { continue_token: None }),
            "/apis/apps/v1/namespaces/shop/deployments?fieldSelector=metadata.name%3Dweb&limit=500"
        );
    }

    #[test]
    fn without_a_namespace_the_path_is_that_of_all() {
        assert_eq!(path(Kind::Deployment, "", None), "/apis/apps/v1/deployments");
    }

    #[test]
    fn a_shared_stream_selects_nothing() {
        let stream = Stream::of(Kind::Pod, "shop", "web").widened();
        assert!(watch(&stream, Some("7"), 250).starts_with("/api/v1/namespaces/shop/pods?watch=true&"));
        assert_eq!(
            read(&stream, &Read::Page { continue_token: None }),
            "/api/v1/namespaces/shop/pods?limit=500"
        );
    }

    #[test]
    fn a_name_cannot_leave_its_place() {
        let stream = Stream::of(Kind::Pod, "a/../b", "x,status.phase=y?z");
        assert_eq!(
            read(&stream, &Read::Object),
            "/api/v1/namespaces/a%2F..%2Fb/pods/x%2Cstatus.phase%3Dy%3Fz"
        );
        assert!(watch(&stream, Some("7"), 250).contains(r"metadata.name%3Dx%5C%2Cstatus.phase%5C%3Dy%3Fz&"));
    }
}
