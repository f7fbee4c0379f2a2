//! Recordings that are part of the program: a diagnosis without a cluster.
//!
//! Each was made on a real cluster by the end-to-end suite and is a copy of a recorded case.

/// A recording shipped in the binary.
pub(crate) struct Demo {
    pub(crate) name: &'static str,
    /// One line for `replay --list`.
    pub(crate) about: &'static str,
    pub(crate) recording: &'static str,
}

/// All of them, in the order of the list.
pub(crate) const DEMOS: &[Demo] = &[];

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
