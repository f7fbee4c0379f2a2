//! Recordings that are part of the program: a diagnosis without a cluster.
//!
//! Each was made on a real cluster with `--record`, and is packed to a tenth of its size and less.

mod packed;

/// A recording shipped in the binary.
pub(crate) struct Demo {
    pub(crate) name: &'static str,
    /// One line for `replay --list`.
    pub(crate) about: &'static str,
    packed: &'static [u8],
}

/// All of them, in the order of the list.
pub(crate) const DEMOS: &[Demo] = &[
    Demo {
        name: "image-not-found",
        about: "a tag that was never pushed, while the old pods still serve",
        packed: include_bytes!("../tests/demos/image-not-found.lz4"),
    },
    Demo {
        name: "crash",
        about: "an application that exits with code 1 right after its start",
        packed: include_bytes!("../tests/demos/crash.lz4"),
    },
    Demo {
        name: "crash-after-complete",
        about: "a rollout that looks complete for 8 seconds, then dies: kubectl passes it",
        packed: include_bytes!("../tests/demos/crash-after-complete.lz4"),
    },
    Demo {
        name: "config-map-missing",
        about: "a ConfigMap that a variable needs is not there, but a similar one is",
        packed: include_bytes!("../tests/demos/config-map-missing.lz4"),
    },
    Demo {
        name: "liveness-probe",
        about: "a liveness probe that asks for a path the application does not have",
        packed: include_bytes!("../tests/demos/liveness-probe.lz4"),
    },
    Demo {
        name: "limit-range",
        about: "more memory than the namespace allows: not one pod to look at",
        packed: include_bytes!("../tests/demos/limit-range.lz4"),
    },
    Demo {
        name: "healthy",
        about: "an update that completes and settles",
        packed: include_bytes!("../tests/demos/healthy.lz4"),
    },
];

impl Demo {
    /// The recording as `--record` wrote it.
    pub(crate) fn recording(&self) -> Option<String> {
        String::from_utf8(packed::unpack(self.packed)?).ok()
    }
}

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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_demo_is_the_recording_beside_it() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/demos");
        let mut stale = Vec::new();
        for demo in DEMOS {
            let text = std::fs::read_to_string(folder.join(format!("{}.jsonl", demo.name))).unwrap();
            if demo.recording().as_ref() == Some(&text) {
                continue;
            }
            stale.push(demo.name);
            if std::env::var_os("UPDATE_EXPECT").is_some() {
                let packed = packed::tests::pack(text.as_bytes());
                std::fs::write(folder.join(format!("{}.lz4", demo.name)), packed).unwrap();
            }
        }
        assert!(
            stale.is_empty(),
            "{stale:?} are not packed as they are; UPDATE_EXPECT=1 packs them for the next run"
        );
    }
}
