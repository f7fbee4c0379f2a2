//! Waits for Kubernetes rollouts, judges them, says why they failed.

mod diagnose;
pub mod exit_code;
mod guard;
mod history;
mod ledger;
mod model;
mod observation;
mod policy;
mod progress;
mod recording;
mod render;
mod report;
mod session;
mod settle;
mod status;
#[cfg(test)]
mod testing;
mod untrusted;
mod verdict;
