//! Black-box tests of the binary and of the repository itself; no cluster needed.

mod harness;
mod properties;
mod recordings;
mod tidy;
