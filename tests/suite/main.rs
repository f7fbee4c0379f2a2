//! Black-box tests of the binary and of the repository itself; no cluster needed.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a harness fails by panicking; lints know only `#[test]` functions as tests"
)]

mod action;
mod causes;
mod examples;
mod harness;
mod properties;
mod readme;
mod recordings;
mod tidy;
