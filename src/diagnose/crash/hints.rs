//! What a line of a log usually means on Kubernetes.

use super::super::companions::UNRESOLVED;

/// Texts, lower case, and what to look at. The first that fits counts.
const HINTS: &[(&[&str], &str)] = &[
    (
        &["address already in use", "eaddrinuse"],
        "the port is taken: the containers of a pod share one network, so two of them cannot listen on the same port",
    ),
    (
        &["bind: permission denied", "bind() to 0.0.0.0:80 failed (13"],
        "a port below 1024 needs root or NET_BIND_SERVICE: let the application listen on a higher port",
    ),
    (
        &["read-only file system", "erofs"],
        "the application writes where it may not: mount an emptyDir there, or unset readOnlyRootFilesystem",
    ),
    (
        &["permission denied", "eacces", "operation not permitted"],
        "compare the user of the container (runAsUser, USER of the image) with the owner and mode of the file; fsGroup opens volumes",
    ),
    (
        &["heap out of memory", "outofmemoryerror", "memoryerror", "cannot allocate memory"],
        "the process ran out of memory by itself: its heap setting and the container's memory limit must fit each other",
    ),
    (
        UNRESOLVED,
        "a host name did not resolve: check its spelling, its namespace (NAME.NAMESPACE.svc), and that the Service exists",
    ),
    (
        &["connection refused", "econnrefused", "connection timed out", "i/o timeout"],
        "something it depends on did not answer: check that it runs and that the address in the configuration is right",
    ),
    (
        &[
            "not set",
            "must be set",
            "is required",
            "missing required",
            "undefined variable",
            "unbound variable",
            "keyerror",
        ],
        "a setting seems to be missing: compare the variables it wants with env and envFrom of the container",
    ),
    (
        &[
            "password authentication failed",
            "access denied for user",
            "authentication failed",
            "unauthorized",
        ],
        "the credentials were refused: check the Secret they come from, and that it belongs to this environment",
    ),
];

/// What the line hints at.
pub(super) fn of(line: &str) -> Option<&'static str> {
    let line = line.to_lowercase();
    HINTS.iter().find(|(texts, _)| texts.iter().any(|text| line.contains(text))).map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_special_hint_comes_first() {
        assert!(of("listen tcp :80: bind: permission denied").unwrap().contains("below 1024"));
        assert!(of("open /data: permission denied").unwrap().contains("fsGroup"));
        assert!(of("FATAL: DATABASE_URL is not set").unwrap().contains("envFrom"));
        assert_eq!(of("exit"), None);
    }
}
