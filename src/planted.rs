//! Bugs that a test can plant, to prove that the checks would notice them. In the product none of them exists:
//! every question is answered `false` at compile time.
//!
//! The library's own tests plant them in a thread. A binary that was compiled with `--cfg planted`, which only
//! `tests/faults/planted.sh` does, takes one from the variable `PLANTED_BUG`, for the suites that run the binary.

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// The first read allows a stale answer.
    StartAtZero,
    /// Lost history is not read anew.
    NeverRelist,
    /// Retries come without a pause.
    NoBackOff,
    /// A watch that ends at once is opened again at once.
    HotWatch,
    /// A read older than the watch is shown.
    ShowStale,
    /// A history that moved back is shown.
    FollowHistoryBack,
    /// A server that starts, and refuses everything meanwhile, is believed.
    BelieveRefusals,
    /// After an outage every stream waits for its own next attempt.
    NeverWake,
    /// A failure is not read anew: a line that was lost may have told of the cure.
    NeverReread,
    /// What a watch that was opened anew shows is rested on at once.
    TrustReopened,
    /// A watch that is accepted shows that the server is there, though it answers no read.
    TrustAccepted,
    /// The status is believed whatever generation it is of.
    IgnoreObservedGeneration,
    /// Another object of the same name is taken for the target.
    FollowNewUid,
    /// A complete rollout passes at once.
    NoSettling,
    /// A pass needs no recent proof, and no connection.
    PassBlind,
    /// A failure needs no connection.
    FailBlind,
    /// The timeout is not asked.
    NoTimeout,
    /// Control characters reach the terminal and the XML.
    Unescaped,
    /// Text of the cluster is markup in the XML and the HTML.
    Markup,
    /// Secrets are shown.
    Unredacted,
}

#[cfg(not(any(test, planted)))]
#[inline]
pub(crate) const fn is(_: Bug) -> bool {
    false
}

#[cfg(all(planted, not(test)))]
#[expect(
    clippy::disallowed_methods,
    reason = "no product is compiled like this, and the core knows no environment"
)]
pub(crate) fn is(bug: Bug) -> bool {
    static PLANTED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    let planted = PLANTED.get_or_init(|| std::env::var("PLANTED_BUG").ok());
    planted.as_ref().is_some_and(|planted| *planted == format!("{bug:?}"))
}

#[cfg(test)]
pub(crate) use tests::{is, with};

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::Bug;

    impl Bug {
        /// Every one, which the test below compares with the source.
        pub(crate) const ALL: &[Self] = &[
            Self::StartAtZero,
            Self::NeverRelist,
            Self::NoBackOff,
            Self::HotWatch,
            Self::ShowStale,
            Self::FollowHistoryBack,
            Self::BelieveRefusals,
            Self::NeverWake,
            Self::NeverReread,
            Self::TrustReopened,
            Self::TrustAccepted,
            Self::IgnoreObservedGeneration,
            Self::FollowNewUid,
            Self::NoSettling,
            Self::PassBlind,
            Self::FailBlind,
            Self::NoTimeout,
            Self::Unescaped,
            Self::Markup,
            Self::Unredacted,
        ];
    }

    #[test]
    fn all_are_all() {
        let (_, rest) = include_str!("planted.rs").split_once("enum Bug {").unwrap();
        let (bugs, _) = rest.split_once('}').unwrap();
        let names = bugs.lines().filter_map(|line| line.trim().strip_suffix(','));
        let names: Vec<&str> = names.filter(|name| !name.contains(' ')).collect();
        let all: Vec<String> = Bug::ALL.iter().map(|bug| format!("{bug:?}")).collect();
        assert_eq!(names, all);
    }

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    pub(crate) fn is(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }

    /// Takes the bug away again, also when a check fails.
    struct Planted;

    impl Drop for Planted {
        fn drop(&mut self) {
            PLANTED.set(None);
        }
    }

    /// Runs with the bug in this thread.
    pub(crate) fn with<T>(bug: Bug, run: impl FnOnce() -> T) -> T {
        PLANTED.set(Some(bug));
        let _planted = Planted;
        run()
    }
}
