//! Recordings that are part of the program: a diagnosis without a cluster.
//!
//! Each was made on a real cluster with `--record`.

/// A recording shipped in the binary.
pub(crate) struct Demo {
    pub(crate) name: &'static str,
    /// One line for `replay --list`.
    pub(crate) about: &'static str,
    pub(crate) recording: &'static str,
}

/// All of them, in the order of the list.
pub(crate) const DEMOS: &[Demo] = &[
    Demo {
        name: "image-not-found",
        about: "a tag that was never pushed, while the old pods still serve",
        recording: include_str!("../tests/demos/image-not-found.jsonl"),
    },
    Demo {
        name: "crash",
        about: "an application that exits with code 1 right after its start",
        recording: include_str!("../tests/demos/crash.jsonl"),
    },
    Demo {
        name: "crash-after-complete",
        about: "a rollout that looks complete for 8 seconds, then dies: kubectl passes it",
        recording: include_str!("../tests/demos/crash-after-complete.jsonl"),
    },
    Demo {
        name: "config-map-missing",
        about: "a ConfigMap that a variable needs is not there, but a similar one is",
        recording: include_str!("../tests/demos/config-map-missing.jsonl"),
    },
    Demo {
        name: "liveness-probe",
        about: "a liveness probe that asks for a path the application does not have",
        recording: include_str!("../tests/demos/liveness-probe.jsonl"),
    },
    Demo {
        name: "limit-range",
        about: "more memory than the namespace allows: not one pod to look at",
        recording: include_str!("../tests/demos/limit-range.jsonl"),
    },
    Demo {
        name: "healthy",
        about: "an update that completes and settles",
        recording: include_str!("../tests/demos/healthy.jsonl"),
    },
];

/// The recording of that name.
pub(crate) fn find(name: &str) -> Option<&'static Demo> {
    DEMOS.iter().find(|demo| demo.name == name)
}

/// The list for `replay --list`.
pub(crate) fn list() -> String {
    let width = DEMOS.iter().map(|demo| demo.name.len()).max().unwrap_or(0);
    let lines: Vec<String> =
        DEMOS.iter().map(|demo| format!("{:width$}  {}\n", demo.name, demo.about)).collect();
    lines.concat()
}
