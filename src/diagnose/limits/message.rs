//! What the API server said when it refused a pod for its resources.

use std::sync::LazyLock;

use regex::Regex;

/// One bound of a LimitRange that a pod does not keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    pub(super) bound: Bound,
    /// `memory`, `cpu`, …
    pub(super) resource: String,
    /// `Container` or `Pod`.
    pub(super) scope: String,
    /// The bound as written.
    pub(super) allowed: String,
    pub(super) got: Got,
}

/// Which bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Min,
    Max,
    Ratio,
}

/// What the pod has instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Got {
    /// `request` or `limit`, and the amount as written; for pods a bare number of bytes.
    Amount { what: String, amount: String },
    /// The ratio of limit to request.
    Ratio(String),
    /// No `request` or no `limit` at all.
    Nothing(String),
}

/// Every violation named in a message, in its order.
pub(super) fn violations(message: &str) -> Vec<Violation> {
    // plugin/pkg/admission/limitranger; before 1.8 each ended with a period.
    static BOUND: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"(?P<bound>minimum|maximum) (?P<resource>[A-Za-z0-9./-]+) usage per (?P<scope>Container|Pod|PersistentVolumeClaim) is (?P<allowed>[0-9][0-9A-Za-z.]*?)(?:, but (?P<what>request|limit) is (?P<got>[0-9][0-9A-Za-z]*(?:\.[0-9]+[A-Za-z]*)?)|\. +No (?P<missing>request|limit) is specified)",
        )
        .ok()
    });
    static RATIO: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"(?P<resource>[A-Za-z0-9./-]+) max limit to request ratio per (?P<scope>Container|Pod) is (?P<allowed>[^,]+), but (?:provided ratio is (?P<got>[0-9.]+)|no (?P<missing>request|limit) is specified)",
        )
        .ok()
    });
    let mut found: Vec<(usize, Violation)> = Vec::new();
    for groups in BOUND.iter().flat_map(|regex| regex.captures_iter(message)) {
        let text = |name: &str| groups.name(name).map(|group| group.as_str().to_owned());
        let got = match (text("what"), text("got"), text("missing")) {
            (Some(what), Some(amount), _) => Got::Amount { what, amount },
            (_, _, missing) => Got::Nothing(missing.unwrap_or_default()),
        };
        found.push((
            groups.get(0).map_or(0, |all| all.start()),
            Violation {
                bound: if text("bound").as_deref() == Some("minimum") { Bound::Min } else { Bound::Max },
                resource: text("resource").unwrap_or_default(),
                scope: text("scope").unwrap_or_default(),
                allowed: text("allowed").unwrap_or_default(),
                got,
            },
        ));
    }
    for groups in RATIO.iter().flat_map(|regex| regex.captures_iter(message)) {
        let text = |name: &str| groups.name(name).map(|group| group.as_str().to_owned());
        let got = match text("got") {
            Some(ratio) => Got::Ratio(ratio.trim_end_matches('.').to_owned()),
            None => Got::Nothing(text("missing").unwrap_or_default()),
        };
        found.push((
            groups.get(0).map_or(0, |all| all.start()),
            Violation {
                bound: Bound::Ratio,
                resource: text("resource").unwrap_or_default(),
                scope: text("scope").unwrap_or_default(),
                allowed: text("allowed").unwrap_or_default(),
                got,
            },
        ));
    }
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, violation)| violation).collect()
}

/// A request above a limit, in the words of the API's validation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequestAboveLimit {
    /// `containers` or `initContainers`.
    pub(super) list: String,
    pub(super) index: usize,
    pub(super) request: String,
    pub(super) resource: String,
    pub(super) limit: String,
}

/// `spec.containers[0].resources.requests: Invalid value: "5Gi": must be less than or equal to memory limit of 100Mi`.
pub(super) fn request_above_limit(message: &str) -> Option<RequestAboveLimit> {
    static TEXT: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r#"spec\.(?P<list>containers|initContainers)\[(?P<index>\d+)\]\.resources\.requests: Invalid value: "(?P<request>[^"]*)": must be less than or equal to (?P<resource>\S+) limit(?: of (?P<limit>[0-9][0-9A-Za-z.]*))?"#,
        )
        .ok()
    });
    let groups = TEXT.as_ref()?.captures(message)?;
    let text = |name: &str| groups.name(name).map_or("", |group| group.as_str()).to_owned();
    Some(RequestAboveLimit {
        list: text("list"),
        index: text("index").parse().ok()?,
        request: text("request"),
        resource: text("resource"),
        limit: text("limit").trim_end_matches('.').to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(what: &str, amount: &str) -> Got {
        Got::Amount { what: what.into(), amount: amount.into() }
    }

    #[test]
    fn several_violations_in_brackets_are_all_read() {
        // Kubernetes 1.36.3, as recorded.
        let all = violations(
            "pods \"gateway2-746994bb88-vjc7q\" is forbidden: [maximum memory usage per Container is 100Mi, but limit is 5Gi, cpu max limit to request ratio per Container is 4, but no request is specified or request is 0, maximum memory usage per Pod is 150Mi, but limit is 5Gi]",
        );
        let bounds: Vec<_> =
            all.iter().map(|violation| (violation.bound, violation.scope.as_str())).collect();
        assert_eq!(bounds, [(Bound::Max, "Container"), (Bound::Ratio, "Container"), (Bound::Max, "Pod")]);
        assert_eq!(all[0].got, amount("limit", "5Gi"));
        assert_eq!(all[1].got, Got::Nothing("request".into()));
    }

    #[test]
    fn the_texts_of_2017_end_with_periods() {
        let all = violations(
            "pods \"gateway-764140025-\" is forbidden: [maximum memory usage per Pod is 100Mi, but request is 5368709120., maximum memory usage per Container is 100Mi, but request is 5Gi.]",
        );
        assert_eq!(all[0].got, amount("request", "5368709120"));
        assert_eq!(all[1].got, amount("request", "5Gi"));
        assert_eq!(all[1].allowed, "100Mi");
    }

    #[test]
    fn a_missing_amount_and_a_ratio_are_read() {
        let all = violations("minimum cpu usage per Container is 100m.  No request is specified");
        assert_eq!((all[0].bound, &all[0].got), (Bound::Min, &Got::Nothing("request".into())));
        assert_eq!(all[0].allowed, "100m");
        let all =
            violations("cpu max limit to request ratio per Container is 4, but provided ratio is 200.000000");
        assert_eq!((all[0].bound, &all[0].got), (Bound::Ratio, &Got::Ratio("200.000000".into())));
    }

    #[test]
    fn todays_form_of_the_articles_example_is_read() {
        let read = request_above_limit(
            "Pod \"gateway-795bc89d99-dxgpk\" is invalid: spec.containers[0].resources.requests: Invalid value: \"5Gi\": must be less than or equal to memory limit of 100Mi",
        )
        .unwrap();
        assert_eq!((read.index, read.request.as_str(), read.limit.as_str()), (0, "5Gi", "100Mi"));
        assert_eq!(request_above_limit("Pod \"x\" is invalid: spec.foo: Required value"), None);
    }
}
