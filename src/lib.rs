//! Waits for Kubernetes rollouts, judges them, says why they failed.

mod diagnose;
mod model;
mod observation;
mod policy;
mod progress;
mod recording;
mod report;
mod source;
#[cfg(test)]
mod testing;
