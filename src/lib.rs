//! Waits for Kubernetes rollouts, judges them, says why they failed.

mod diagnose;
mod ledger;
mod model;
mod observation;
mod policy;
mod progress;
mod report;
mod settle;
mod status;
#[cfg(test)]
mod testing;
mod verdict;
